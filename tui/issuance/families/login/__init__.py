"""The operator's own ways in."""
