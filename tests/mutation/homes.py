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
    "tui/issuance/dpf/kept.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/dpf/owned.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/dpf/tending.py": ("tests/security/test_dpf_judging.py",),
}

ACCEPTED: Final[dict[str, str]] = {
    "- request = parse('', obj)\n+ request = parse(None, obj)": "the cluster's name is not used there",
    "- request = parse('', obj)\n+ request = parse('XXXX', obj)": "the cluster's name is not used there",
    "- if marked is not None and marked >= request.expires_at:\n"
    "+ if marked is not None and marked > request.expires_at:": "where they are equal the marks count, which was asked",
}
"""Mutants that may live, by what they change (`-` and `+` lines), each with the reason."""
