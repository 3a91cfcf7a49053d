"""An API server in this process: what it stores, checks, refuses and answers. Knows nothing of what runs on it."""
