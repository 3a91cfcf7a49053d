"""Gardener's shoots: kubeconfigs by subresource, by identity provider, and with the static token."""
