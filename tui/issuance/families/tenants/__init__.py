"""Tenants: stores that lead into one, and what is pushed there."""
