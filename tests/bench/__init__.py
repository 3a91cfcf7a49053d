"""Benchmarks: both sides in one go, ratios instead of seconds. `python -m tests.bench` runs them; pytest does not."""
