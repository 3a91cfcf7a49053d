"""Talking to API servers: configuration, TLS, sessions, lists, watches and errors.

This room knows how to reach a Kubernetes API server and what it can say. It knows nothing about credentials as a
subject (issuing, rotating), about the fleet, or about screens.
"""
