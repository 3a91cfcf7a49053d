"""The words of the core as data: who, what, until when; durations, names, times. Nothing here asks anybody."""
