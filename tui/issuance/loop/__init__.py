"""Renewal on time, without anybody asking: what is due when, and who has to be told."""
