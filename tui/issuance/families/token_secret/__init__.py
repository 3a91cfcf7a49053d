"""Long-lived token Secrets, and the identities that are made with one."""
