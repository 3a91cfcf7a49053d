"""Attacks: what people, clusters and files must not be able to do."""
