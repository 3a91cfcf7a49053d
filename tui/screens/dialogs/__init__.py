"""Everything that asks or shows one thing and is closed again."""
