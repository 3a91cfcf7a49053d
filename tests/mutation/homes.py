"""The modules that decide whom to trust and what to delete, each with the tests that must notice a change in it.

Those tests ask the decision itself, without servers, so that a run takes minutes.
"""

from __future__ import annotations

from typing import Final

HOMES: Final[dict[str, tuple[str, ...]]] = {
    "tui/fleet/same.py": ("tests/fleet/test_same.py",),
    "tui/issuance/deliveries.py": ("tests/issuance/test_deliveries.py",),
    "tui/issuance/entering.py": ("tests/issuance/test_entering.py",),
    "tui/kube/delivered.py": ("tests/security/test_delivered.py",),
}

ACCEPTED: Final[dict[str, str]] = {}
"""Mutants that may live, by what they change (`-` and `+` lines), each with the reason."""
