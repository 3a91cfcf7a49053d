"""Looking, and nothing else: what a credential is, may do, comes from and is used by; why a server refuses it."""
