"""Who uses the Secrets that credentials are kept in, and how long each needs to notice a new one."""
