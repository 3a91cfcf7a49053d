"""Tokens of service accounts in Secrets and files that kubemint keeps."""
