"""The embedded fleet: API servers in this process, over HTTPS on loopback."""
