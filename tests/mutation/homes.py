"""The modules that decide whom to trust and what to delete, each with the tests that must notice a change in it.

Those tests ask the decision itself, without servers, so that a run takes minutes.
"""

from __future__ import annotations

from typing import Final


def _some(file: str, *tests: str) -> tuple[str, ...]:
    """A few of a file whose other tests start servers."""
    return tuple(f"{file}::test_{test}" for test in tests)


HOMES: Final[dict[str, tuple[str, ...]]] = {
    "tui/fleet/handles.py": ("tests/fleet/test_handles.py",),
    "tui/fleet/resting.py": ("tests/fleet/test_handles.py",),
    "tui/issuance/destinations/written.py": ("tests/security/test_edited_files.py",),
    "tui/fleet/same.py": ("tests/fleet/test_same.py",),
    "tui/issuance/revoking/already.py": ("tests/issuance/test_material.py",),
    "tui/issuance/model/claims.py": _some(
        "tests/issuance/test_claims.py",
        "a_bound_token",
        "a_long_lived_token",
        "the_intended_end_of_an_extended_token_counts",
        "a_handle_bound_token_and_a_foreign_one",
        "whose_token_it_says_that_it_is",
        "what_it_says_that_it_dies_with",
        "no_text_and_no_token_is_longer_than_anybody_reads",
        "a_line_break_around_the_token_does_not_matter",
        "text_in_claims_is_harmless",
        "hostile_tokens_are_refused_without_an_echo",
    ),
    "tui/issuance/tokens/copied.py": ("tests/security/test_token_facts.py",),
    "tui/issuance/records/deliveries.py": ("tests/issuance/test_deliveries.py",),
    "tui/issuance/records/entering.py": ("tests/issuance/test_entering.py",),
    "tui/issuance/transaction/dead_tokens.py": ("tests/security/test_dead_tokens.py",),
    "tui/issuance/transaction/ending.py": _some(
        "tests/faults/test_revoked.py",
        "whom_the_server_sees_decides",
        "revoked_is_said_of_what_is_refused_alone",
    ),
    "tui/issuance/records/exec_cache.py": ("tests/security/test_exec_cache.py",),
    "tui/issuance/families/plugin/exec_minting.py": _some(
        "tests/security/test_exec_minting.py",
        "to_which_server_a_token_goes",
        "to_which_server_and_garden_a_certificate_goes",
        "which_shoot_is_meant",
    ),
    "tui/issuance/families/gardener/exec_minting.py": _some(
        "tests/security/test_exec_minting.py",
        "to_which_server_a_token_goes",
        "to_which_server_and_garden_a_certificate_goes",
        "which_shoot_is_meant",
    ),
    "tui/issuance/revoking/found.py": ("tests/security/test_found.py",),
    "tui/issuance/users/grace_length.py": _some(
        "tests/issuance/test_grace_length.py",
        "the_longest_that_any_of_them_needs",
        "what_is_journaled_counts_also_after_a_crash",
        "whose_need_is_none_gives_no_reason",
        "what_ends_by_itself_lives_no_longer",
        "who_is_warned_of_a_grace_that_is_too_short",
        "they_are_named",
        "whoever_came_since_it_was_planned",
    ),
    "tui/issuance/records/grace_time.py": _some(
        "tests/faults/test_clocks.py",
        "how_much_of_a_grace_period_has_passed",
        "small_differences_of_clocks_are_not_said",
        "by_which_clock_a_grace_period_is_measured",
        "what_is_left_of_a_grace_period",
        "when_it_is_due_by_this_machines_clock",
        "when_people_are_told_that_it_is_due",
        "a_start_of_the_machine_is_told_from_another",
        "what_an_older_kubemint_wrote_is_due_by_this_machines_clock",
        "only_this_machines_own_clock_has_one_beside_it_that_nobody_sets",
    ),
    "tui/issuance/model/kinds.py": ("tests/issuance/test_kinds.py",),
    "tui/issuance/records/leftover_files.py": ("tests/faults/test_leftover_files.py::test_which_names_are_ours",),
    "tui/issuance/transaction/lease.py": (
        *_some(
            "tests/issuance/test_lease.py",
            "a_duration_is_believed_only_as_far_as_it_makes_sense",
            "our_own_longer_duration_is_believed",
            "transitions_stay_what_a_server_takes",
            "one_holds_it_and_the_other_waits_its_whole_duration[embedded]",
            "of_many_at_once_exactly_one_gets_it[embedded]",
            "a_lease_that_nobody_renews_blocks_nobody_for_long[embedded-claims0]",
            "a_lease_that_nobody_renews_blocks_nobody_for_long[embedded-claims3]",
            "a_lease_without_a_holder_is_free_whatever_else_it_says[embedded]",
            "another_holders_own_duration_is_waited_for_to_its_end",
            "a_very_short_duration_is_written_as_one_that_a_server_takes",
            "a_lease_that_says_nothing_is_free",
            "what_a_lease_does_not_say_is_empty",
        ),
    ),
    "tui/issuance/records/lock_file.py": _some(
        "tests/faults/test_kubeconfig_locks.py",
        "how_a_lock_stands",
        "only_a_whole_record_names_an_owner",
        "what_is_seen_of_a_lock_file",
        "what_is_no_file_says_nothing_and_holds_nobody_up",
        "only_the_lock_that_was_made_is_withdrawn",
        "whether_a_process_lives_and_when_it_began",
    ),
    "tui/issuance/destinations/standing.py": ("tests/security/test_somebody_elses_files.py",),
    "tui/issuance/model/material.py": ("tests/issuance/test_material.py",),
    "tui/issuance/revoking/older.py": ("tests/issuance/test_older.py",),
    "tui/issuance/revoking/others.py": _some(
        "tests/security/test_others.py", "what_else_of_a_place_ends", "what_ends_too_says_on_whose_word"
    ),
    "tui/issuance/trust/orphans.py": _some(
        "tests/issuance/test_orphans.py",
        "who_accounts_for_a_handle",
        "what_is_not_known_says_why",
        "where_it_could_be_and_was_not_looked_for",
        "the_finding_says_whose_since_when_how_long_and_what_ends_it",
        "what_it_does_not_say",
        "what_kubemint_may_not_delete_is_left_to_people",
        "what_the_fleet_shows_accounts_for_it",
        "open_work_accounts_for_it_and_one_namespace_tells_nothing_of_others",
        "one_without_a_secret_may_be_a_requests_of_a_cluster_that_was_not_looked_at",
    ),
    "tui/issuance/tokens/left_behind.py": _some(
        "tests/issuance/test_left_behind.py",
        "what_may_go_with_the_new_one",
        "which_handles_say_that_they_were_made_for_it",
    ),
    "tui/issuance/transaction/replacing.py": ("tests/issuance/test_replacing.py",),
    "tui/issuance/model/sight.py": _some(
        "tests/faults/test_ending.py",
        "what_changed_is_named_once_and_in_order",
        "what_a_plan_saw_is_looked_at_again",
        "what_cannot_be_planned_any_more_is_changed_too_and_says_why",
        "by_what_a_credential_is_told_from_another",
    ),
    "tui/issuance/trust/handles.py": ("tests/security/test_deleting.py", "tests/security/test_handles.py"),
    "tui/issuance/objects/deleting.py": _some(
        "tests/security/test_gone.py",
        "what_became_of_it",
        "without_a_uid_whatever_has_the_name_is_it",
        "what_holds_it_is_named",
    ),
    "tui/issuance/trust/handle_names.py": ("tests/issuance/test_handle_names.py",),
    "tui/issuance/objects/managed.py": (
        "tests/issuance/test_managed.py",
        "tests/security/test_reserved_marks.py",
        *_some(
            "tests/security/test_handles.py", "everything_that_is_known_of_a_secret", "what_says_nothing_is_nothing"
        ),
    ),
    "tui/issuance/revoking/steps.py": ("tests/security/test_what_goes_too.py",),
    "tui/issuance/revoking/plans.py": (
        "tests/security/test_what_goes_too.py",
        "tests/faults/test_revoked.py::test_the_journal_tells_what_was_ended_here",
    ),
    "tui/issuance/revoking/sought.py": ("tests/security/test_sought.py",),
    "tui/issuance/objects/token_secret.py": (
        "tests/security/test_vouching.py::test_a_token_secret_and_its_token_say_the_same",
    ),
    "tui/issuance/model/types.py": ("tests/issuance/test_kinds.py",),
    "tui/issuance/trust/showing.py": (
        "tests/security/test_showing.py::test_to_whom_the_token_in_a_secret_is_shown",
        "tests/security/test_dpf_judging.py::test_a_token_is_of_the_cluster_to_which_its_place_leads",
    ),
    "tui/issuance/trust/one_server.py": ("tests/security/test_one_server.py",),
    "tui/issuance/trust/vouching.py": ("tests/security/test_token_facts.py",),
    "tui/issuance/tokens/wishes.py": (
        "tests/issuance/test_wishes.py",
        "tests/security/test_pushes.py::test_a_mark_makes_and_points_no_push_secret",
    ),
    "tui/issuance/destinations/tenant_store.py": (
        "tests/security/test_stores_of_tenants.py::test_where_a_store_leads",
    ),
    "tui/issuance/trust/vouchers.py": ("tests/security/test_vouching.py",),
    "tui/issuance/records/whereabouts.py": (
        "tests/issuance/test_whereabouts.py",
        *_some(
            "tests/security/test_showing.py",
            "what_may_be_the_cluster_that_was_written_down",
            "no_authority_is_nobodys",
        ),
    ),
    "tui/kube/addresses.py": ("tests/kube/test_addresses.py", "tests/security/test_delivered.py"),
    "tui/kube/answers.py": ("tests/kube/test_answers_judged.py", "tests/kube/test_answers.py"),
    "tui/kube/clock.py": ("tests/kube/test_clock.py",),
    "tui/kube/delivered.py": ("tests/security/test_delivered.py", "tests/security/test_delivered_limits.py"),
    "tui/kube/entries.py": ("tests/kube/test_entries.py",),
    "tui/kube/limits.py": ("tests/kube/test_limits.py",),
    "tui/kube/resolving.py": ("tests/kube/test_resolving.py",),
    "tui/kube/shell.py": ("tests/kube/test_shell_words.py",),
    "tui/kube/usable.py": ("tests/kube/test_usable.py",),
    "tui/kube/yaml_loading.py": ("tests/kube/test_yaml_loading.py", "tests/kube/test_entries.py"),
    "tui/issuance/families/dpf/cleanup.py": ("tests/security/test_dpf_leftovers.py",),
    "tui/issuance/families/dpf/aside.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/families/dpf/renewal_work.py": ("tests/security/test_dpf_writing.py",),
    "tui/issuance/families/dpf/steps.py": ("tests/security/test_dpf_writing.py",),
    "tui/issuance/families/dpf/kept.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/families/dpf/owned.py": ("tests/security/test_dpf_judging.py",),
    "tui/issuance/families/dpf/tending.py": ("tests/security/test_dpf_judging.py",),
}

DECIDING: Final[dict[str, tuple[str, ...]]] = {
    "tui/fleet/handles.py": ("became", "turned"),
    "tui/fleet/resting.py": ("claim_of", "rests"),
    "tui/issuance/destinations/written.py": ("edits",),
    "tui/issuance/tokens/copied.py": ("belongs", "described", "Found.bound"),
    "tui/issuance/transaction/ending.py": ("judge", "words", "over"),
    "tui/issuance/records/exec_cache.py": ("refused", "Question.__init__", "Question._read", "_beside"),
    "tui/issuance/families/plugin/exec_minting.py": ("check_server",),
    "tui/issuance/families/gardener/exec_minting.py": ("meant", "check_garden", "shoot_of", "_config"),
    "tui/issuance/tokens/left_behind.py": ("judge", "_is_of", "_may_go"),
    "tui/issuance/transaction/lease.py": (
        "Lease.try_once",
        "Lease._record",
        "Record.of",
        "believed",
        "transitions",
        "_spec_of",
    ),
    "tui/issuance/records/lock_file.py": ("judge", "parse", "look", "withdraw", "is_alive", "start_of", "_read"),
    "tui/issuance/destinations/standing.py": (
        "Verdict.warning", "Verdict.check", "look_at", "judge", "may_write", "write_file", "put", "keep",
        "put_back",
    ),
    "tui/issuance/revoking/older.py": (
        "outliving", "of_place", "address_of", "lives_on", "ends_too", "said_of", "step", "due_at", "credential_of",
    ),
    "tui/issuance/revoking/others.py": ("judge", "_not_on_its_word", "ends_too"),
    "tui/issuance/revoking/steps.py": ("_holds", "_copies", "same_token", "dead", "secrets_of"),
    "tui/issuance/revoking/plans.py": ("ended_at", "irrevocable", "_end"),
    "tui/issuance/objects/token_secret.py": ("why_none",),
    "tui/issuance/trust/showing.py": (
        "tests/security/test_showing.py::test_to_whom_the_token_in_a_secret_is_shown",
        "tests/security/test_dpf_judging.py::test_a_token_is_of_the_cluster_to_which_its_place_leads",
    ),
    "tui/issuance/trust/one_server.py": ("are_one", "other_names"),
    "tui/issuance/trust/vouching.py": ("token_in", "bound_to", "unasked", "_facts", "_words", "_record"),
    "tui/issuance/records/leftover_files.py": ("is_ours",),
    "tui/issuance/families/dpf/aside.py": ("holds",),
    "tui/issuance/families/dpf/renewal_work.py": ("_is_for",),
    "tui/issuance/families/dpf/steps.py": (
        "check_secret", "secret_data", "endpoint_for", "is_as_wanted", "applied_by", "_fields",
    ),
    "tui/issuance/families/dpf/cleanup.py": (
        "leftovers_of", "written", "replaced_by_change", "account_uid", "everything", "begun", "_is_in_use", "_words",
        "_place",
    ),
    "tui/issuance/model/types.py": ("Address.__str__", "Address.parse"),
    "tui/issuance/objects/managed.py": (
        "handle_object", "place_name", "reserved", "refuse_reserved", "_owner", "is_managed",
        "credential_from_secret", "handle_secrets", "handle_wish", "push_of", "request_of", "_metadata", "_split",
        "_texts", "_strings", "_format", "_lifetime", "renewal_point",
    ),
}  # fmt: skip
"""Of modules that do more than decide, the functions and methods (`Class.method`) that do; of the others all count."""

_TRIED: Final[tuple[tuple[str, str, str, str], ...]] = (
    # a line of the original, what of it is changed, to what, and why that may be
    (
        "if why or beside is None or handle is None:",
        "beside is None or handle is None",
        "(beside is None and handle is None)",
        "where there is no reason why not, both are there",
    ),
    *(
        (line, "'-.'", "'XX-.XX'", "no name of an account has a capital letter")
        for line in (
            "return head == f'{_HEAD}{account}'[:_LIMIT - SUFFIX - 1].rstrip('-.')",
            "return ((_HEAD + account[:_ROOM - _DIGEST]).rstrip('-.'), _digest('account', account))",
        )
    ),
    ("return is_near(urlsplit(address).hostname or '')", "''", "'XXXX'", "neither is a host of this machine"),
    ("top = _Fields(value, '', label, document.problems, [])", "''", "None", "neither is a part of a path"),
    ("found = b''", "b''", "None", "neither is anything"),
    (
        "wrong = next((key for key in _TEXTS if not isinstance(cluster.get(key), str | None)), wrong)",
        "), wrong)",
        "), None)",
        "nothing is wrong before it, and neither is the name of a field",
    ),
    ("return ['']", "''", "'XXXX'", "no working folder is called like either"),
    ("message = 'not UTF-8 text'", "'not UTF-8 text'", "None", "only words: it is refused either way"),
    ("valid = False", "False", "None", "neither is valid"),
    (
        (
            "namespace, _, name = named.partition('/') if named else "
            "(reference.get('namespace'), '', reference.get('name'))"
        ),
        "''",
        "'XXXX'",
        "nobody looks at what stands between them",
    ),
    (
        "ending = Ending(handle=known.handle, named=Named.BY_JOURNAL, account=identity.name)",
        "Named.BY_JOURNAL",
        "None",
        "only what was found by walking is taken at its own word",
    ),
    (
        "handle = Handle(identity.cluster, seen.namespace, seen.name, seen.uid)",
        "identity.cluster",
        "None",
        "what was listed lies in the cluster that listed it",
    ),
    *(
        (
            "missing = 'client-key' if key is None else 'client-certificate'",
            *change,
            "a certificate without its key was refused before",
        )
        for change in (
            ("is None", "is None and False"),
            ("'client-key'", "'XXclient-keyXX'"),
            ("'client-key'", "'CLIENT-KEY'"),
        )
    ),
    (
        "command = str(_located(command, user.origin, 'exec command'))",
        "'exec command'",
        "None",
        "it names what comes from no file, which was refused before",
    ),
    (
        "def x__whole__mutmut_orig(path: Path, named: str, cluster: str='') -> bytes:",
        "''",
        "'XXXX'",
        "who reads a context's files says its name instead",
    ),
    *(
        ("data = read_small(path, _MAX_FILE + 1)", "_MAX_FILE + 1", most, "what is too large is refused either way")
        for most in ("None", "_MAX_FILE + 2")
    ),
    (
        "whole = bytes(data) if isinstance(data, memoryview) else data",
        "memoryview)",
        "memoryview) or True",
        "a copy has as many values in it",
    ),
    ("request = parse('', obj)", "''", "None", "the cluster's name is not used there"),
    ("request = parse('', obj)", "''", "'XXXX'", "the cluster's name is not used there"),
    (
        "if marked is not None and marked >= request.expires_at:",
        ">=",
        ">",
        "where they are equal the marks count, which was asked",
    ),
    ("return _refused('', claim, facts)", "''", "None", "either adds nothing to what is said"),
    *(
        (
            "held = f\", {', '.join(seen.finalizers)} holds it back\" if seen.finalizers else ''",
            *change,
            "only words, and without a finalizer a server keeps no Secret that was deleted",
        )
        for change in (("else ''", "else 'XXXX'"), ("seen.finalizers else", "seen.finalizers or True else"))
    ),
    *(
        (
            "others = changed([(look.what, look.facts, facts) for look, facts in zip(self._looks, now, strict=True)])",
            ", strict=True",
            strict,
            "there is one answer for each look",
        )
        for strict in ("", ", strict=None", ", strict=False")
    ),
    (
        "return (max(_NONE, by_wall), _set(\"this machine's clock\", by_wall) if by_wall < _NONE else '')",
        "by_wall <",
        "by_wall <=",
        "a difference of nothing is not said either way",
    ),
    ("way = 'forward' if by > _NONE else 'back'", ">", ">=", "a difference of nothing never comes here"),
    *(
        (
            "return Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()",
            "'ascii'",
            other,
            "it holds hexadecimal digits and dashes: every encoding reads the same",
        )
        for other in ("None", "'ASCII'")
    ),
    (
        "if dash != '-' or len(suffix) != _SUFFIX or (not set(suffix) <= set(_ALPHABET)):",
        "<=",
        "<",
        "eight characters are never the whole alphabet",
    ),
    (
        "owner = _read(name) if stat.S_ISREG(found.st_mode) else None",
        "st_mode)",
        "st_mode) or True",
        "`_read` says the same of what is no file",
    ),
    (
        "began = int(data[data.rfind(b')') + 1:].split()[19])",
        "+ 1",
        "+ 2",
        "a blank follows",
    ),
    *(
        (
            "boot = Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii')",
            "'ascii'",
            other,
            "it holds hexadecimal digits and dashes: every encoding reads the same",
        )
        for other in ("None", "'ASCII'")
    ),
    ("lines = record.decode('ascii', 'replace').split('\\n')", "'ascii'", "'ASCII'", "the same encoding"),
    (
        "if address.kind is not CredentialKind.SECRET or address == token.address:",
        " or ",
        " and ",
        "a look more, with the same end: what is no Secret is refused there, and its own vouched for already",
    ),
    *(
        (
            "if isinstance(before, bool) or not isinstance(before, int) or (not 0 <= before < _TRANSITIONS):",
            "0 <=",
            other,
            "it is counted from nothing either way",
        )
        for other in ("1 <=", "0 <")
    ),
    (
        (
            "credential = one.old or Credential(address=address, identity=Identity(handle.cluster, handle.namespace, "
            "known) if known else None, fingerprint=one.fingerprint)"
        ),
        "address=address",
        "address=None",
        "the address that is meant is written into it below",
    ),
    (
        (
            "def x_dead__mutmut_orig(export: Export, answer: ending.Answer=ending.Answer.UNASKED, said: str='') -> "
            "Export:"
        ),
        "''",
        "'XXXX'",
        "neither says that a handle is held back",
    ),
    (
        "found = msgspec.json.decode(request.annotations.get(LEFTOVERS, ''), type=list[Leftover])",
        "''",
        "'XXXX'",
        "neither can be read, which is nothing",
    ),
    *(
        (
            "for found, wanted in zip(there, (data, labels, notes), strict=True):",
            ", strict=True",
            strict,
            "there are three of each",
        )
        for strict in ("", ", strict=None", ", strict=False")
    ),
    (
        "return form.rules.render(token, endpoint, Identity(endpoint.name, account.namespace, account.name))",
        "endpoint.name",
        "None",
        "a format asks an account for its namespace and name alone",
    ),
    ("gone = False", "False", "None", "neither is gone"),
    ("return 448", "448", "449", "the root of the file system is always there"),
    *(
        (line, "'')", f"{other})", "nothing either way")
        for line, other in (
            (
                "return next((owner for name, owner in _OWNERS.items() if f'.{domain}'.endswith(f'.{name}')), '')",
                "None",
            ),
            (
                "claimed = next((key for key in meta.get('labels') or {} if _owner(key) == _OWNERS[_DPF]), '')",
                "None",
            ),
            ("account = _split(notes.get(ACCOUNT, ''), 2)", "'XXXX'"),
            ("handle = _split(notes.get(HANDLE, ''), 3)", "'XXXX'"),
            ("return Format(text or '')", "'XXXX'"),
        )
    ),
    (
        "fingerprint = token.fingerprint if token is not None else ''",
        "''",
        "'XXXX'",
        "no fingerprint is like that either",
    ),
)

ACCEPTED: Final[dict[str, str]] = {f"- {line}\n+ {line.replace(was, now)}": why for line, was, now, why in _TRIED}
"""Mutants that may live, by what they change (`-` and `+` lines), each with the reason."""
