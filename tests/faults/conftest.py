"""Trouble is made where the core is tested."""

from tests.issuance.conftest import ebench, embedded, embedded_old

__all__ = ["ebench", "embedded", "embedded_old"]
