"""What kubectl makes of an input, and kubemint beside it."""
