"""The objects that credentials are made of in clusters: Secrets and their marks, accounts, token requests."""
