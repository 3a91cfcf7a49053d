"""The dashboard's application object."""
