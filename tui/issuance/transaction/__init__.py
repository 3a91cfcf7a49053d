"""What a plan does: steps that can be done and taken back. They are run, journaled and recovered by one code."""
