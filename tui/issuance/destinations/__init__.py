"""Where material is put: one file for each sort of place."""
