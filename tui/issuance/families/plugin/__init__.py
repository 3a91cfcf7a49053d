"""Kubeconfigs without a secret in them, and the credential plugin that answers for them."""
