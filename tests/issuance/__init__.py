"""Tests of the issuance core."""
