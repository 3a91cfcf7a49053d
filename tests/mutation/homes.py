"""The modules that decide whom to trust and what to delete, each with the tests that must notice a change in it.

Those tests ask the decision itself, without servers, so that a run takes minutes.
"""

from __future__ import annotations

from typing import Final


def _some(file: str, *tests: str) -> tuple[str, ...]:
    """A few of a file whose other tests start servers."""
    return tuple(f"{file}::test_{test}" for test in tests)


HOMES: Final[dict[str, tuple[str, ...]]] = {
    "tui/fleet/same.py": ("tests/fleet/test_same.py",),
    "tui/issuance/deliveries.py": ("tests/issuance/test_deliveries.py",),
    "tui/issuance/entering.py": ("tests/issuance/test_entering.py",),
    "tui/issuance/handles.py": ("tests/security/test_deleting.py", "tests/security/test_handles.py"),
    "tui/issuance/managed.py": (
        "tests/issuance/test_managed.py",
        "tests/security/test_reserved_marks.py",
        *_some("tests/security/test_deleting.py", "names_of_handles_are_exact", "every_handle_is_known_by_its_name"),
        *_some(
            "tests/security/test_handles.py", "everything_that_is_known_of_a_secret", "what_says_nothing_is_nothing"
        ),
    ),
    "tui/issuance/wishes.py": ("tests/issuance/test_wishes.py",),
    "tui/issuance/vouchers.py": _some(
        "tests/security/test_vouching.py",
        "what_vouches",
        "a_verdict_says_what_its_voucher_says",
        "a_verdict_says_everything_that_its_voucher_says_and_nothing_of_the_marks",
        "a_token_without_both_its_times_says_no_lifetime",
        "both_readings_are_said_and_no_more",
        "what_a_credential_is_shown_as",
        "what_is_shown_is_what_was_signed_and_what_vouches",
        "what_has_expired_is_no_contradiction",
    ),
    "tui/kube/delivered.py": ("tests/security/test_delivered.py", "tests/security/test_delivered_limits.py"),
    "tui/issuance/dpf/kept.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/dpf/owned.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/dpf/tending.py": ("tests/security/test_dpf_judging.py",),
}

DECIDING: Final[dict[str, tuple[str, ...]]] = {
    "tui/issuance/managed.py": (
        "is_handle_name", "handle_object", "place_name", "reserved", "refuse_reserved", "_owner", "is_managed",
        "credential_from_secret", "handle_secrets", "handle_wish", "push_of", "request_of", "_metadata", "_split",
        "_texts", "_strings", "_format", "_lifetime", "renewal_point",
    ),
}  # fmt: skip
"""Of modules that do more than decide, the functions and methods (`Class.method`) that do; of the others all count."""

ACCEPTED: Final[dict[str, str]] = {
    "- request = parse('', obj)\n+ request = parse(None, obj)": "the cluster's name is not used there",
    "- request = parse('', obj)\n+ request = parse('XXXX', obj)": "the cluster's name is not used there",
    "- if marked is not None and marked >= request.expires_at:\n"
    "+ if marked is not None and marked > request.expires_at:": "where they are equal the marks count, which was asked",
}
"""Mutants that may live, by what they change (`-` and `+` lines), each with the reason."""
