"""Ending what exists: found by its place, its handle or what is known of the token, with all that belongs to it."""
