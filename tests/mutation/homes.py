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
    "tui/issuance/dead_tokens.py": ("tests/security/test_dead_tokens.py",),
    "tui/issuance/grace_length.py": _some(
        "tests/issuance/test_grace_length.py",
        "the_longest_that_any_of_them_needs",
        "what_is_journaled_counts_also_after_a_crash",
        "whose_need_is_none_gives_no_reason",
        "what_ends_by_itself_lives_no_longer",
        "who_is_warned_of_a_grace_that_is_too_short",
        "they_are_named",
    ),
    "tui/issuance/grace_time.py": _some(
        "tests/faults/test_clocks.py",
        "how_much_of_a_grace_period_has_passed",
        "small_differences_of_clocks_are_not_said",
        "by_which_clock_a_grace_period_is_measured",
        "what_is_left_of_a_grace_period",
        "when_it_is_due_by_this_machines_clock",
        "a_start_of_the_machine_is_told_from_another",
        "what_an_older_kubemint_wrote_is_due_by_this_machines_clock",
        "only_this_machines_own_clock_has_one_beside_it_that_nobody_sets",
    ),
    "tui/issuance/replacing.py": ("tests/issuance/test_replacing.py",),
    "tui/issuance/sight.py": _some(
        "tests/faults/test_ending.py",
        "what_changed_is_named_once_and_in_order",
        "what_a_plan_saw_is_looked_at_again",
        "what_cannot_be_planned_any_more_is_changed_too_and_says_why",
        "by_what_a_credential_is_told_from_another",
    ),
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
