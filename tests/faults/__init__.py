"""Trouble of every kind, met by the fleet and by the engine: what shows, what is kept, and what it costs the others."""
