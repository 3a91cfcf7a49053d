"""Handles by themselves."""
