"""Attacks run where the core is tested: on places of the engine and on places that keep DPU requests."""

from tests.issuance.conftest import arena, bench, both, ebench, embedded, hosting, kept_fleet, place

__all__ = ["arena", "bench", "both", "ebench", "embedded", "hosting", "kept_fleet", "place"]
