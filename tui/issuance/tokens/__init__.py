"""Tokens of service accounts from the wish to the place: issued, renewed, gone back to, copied.

Several families are built of it.
"""
