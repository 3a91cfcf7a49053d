"""Pages that lie over the main screen and are left again."""
