"""Places that keep DPU requests, embedded and on the real control plane, as the tests of the core have them."""

from __future__ import annotations

from tests.issuance.conftest import both, hosting, kept_fleet, place

__all__ = ["both", "hosting", "kept_fleet", "place"]
