"""Tokens as a CSI driver gets them for a pod."""
