"""Mutation runs over the modules that decide whom to trust and what to delete; see `__main__`."""
