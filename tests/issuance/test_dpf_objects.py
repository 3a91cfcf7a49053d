"""DPF's objects as data, their conditions (group C), and drafts of new requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from tui.issuance.families.dpf import (
    conditions as rules,
    credential_of,
    manifest,
    parse,
    parse_cluster,
    to_yaml,
    validate,
)
from tui.issuance.families.dpf.draft import DPURequestDraft
from tui.issuance.families.dpf.objects import Condition, NamespacedName, ParseError
from tui.issuance.families.dpf.resources import label_value, ownership
from tui.issuance.formats import Format
from tui.issuance.model.durations import GO_PATTERN
from tui.issuance.model.types import Handle, Identity, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def request(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "req", "namespace": "dpf", "uid": "u", "resourceVersion": "7", "generation": 3},
        "spec": {
            "type": "kubeconfig",
            "duration": "1h",
            "serviceAccount": {"name": "sa"},
            "targetCluster": {"name": "c1", "namespace": "dpu"},
            "secret": {"name": "out", "namespace": "apps"},
            "metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}},
        },
        "status": status,
    }


def issued(**more: Any) -> dict[str, Any]:
    return request(
        serviceAccount="default/sa",
        targetCluster="dpu/c1",
        secret="apps/out",
        issuedAt="2026-03-01T11:30:00Z",
        expirationTimestamp="2026-03-01T12:30:00Z",
        **more,
    )


def test_a_request_is_read() -> None:
    found = parse("host", issued())
    assert found.service_account == NamespacedName("default", "sa"), "a missing namespace means default"
    assert found.target == NamespacedName("dpu", "c1")
    assert found.identity == Identity("host/dpu/c1", "default", "sa")
    assert (found.secret_labels, found.secret_annotations) == ({"a": "1"}, {"b": "2"})
    assert (found.wanted, found.format) == (timedelta(hours=1), Format.KUBECONFIG)
    assert (found.generation, found.resource_version, str(found)) == (3, "7", "host/dpf/req")
    assert str(found.address) == "request:host/dpf/req"
    assert found.problems == ()


def test_the_credential_of_a_request() -> None:
    found = credential_of("host", issued(), NOW)
    assert found.identity == Identity("host/dpu/c1", "default", "sa")
    assert (found.state, found.kept_in) == (State.VALID, "Secret apps/out")
    assert (found.requested, found.granted) == (timedelta(hours=1), timedelta(hours=1))
    assert found.rotate_at is not None
    assert NOW < found.rotate_at <= NOW + timedelta(minutes=18)
    assert credential_of("host", issued(), NOW + timedelta(minutes=20)).state is State.DUE
    assert credential_of("host", issued(), NOW + timedelta(minutes=30)).state is State.EXPIRED


def test_before_the_first_issue_it_is_pending_and_says_what_is_wanted() -> None:
    found = credential_of("host", {**request(), "status": None}, NOW)
    assert (found.state, found.kept_in, found.expires_at) == (State.PENDING, "Secret apps/out", None)
    assert found.identity == Identity("host/dpu/c1", "default", "sa")


def test_a_failure_is_told_by_the_condition_that_failed() -> None:
    bad = [
        {
            "type": "Ready",
            "status": "False",
            "reason": "Pending",
            "message": "The following conditions are not ready: x",
        },
        {
            "type": "SecretReconciled",
            "status": "False",
            "reason": "Error",
            "message": "Error occurred: \x1b[31mno\nroom",
        },
    ]
    found = credential_of("host", issued(conditions=bad), NOW)
    assert (found.state, found.message) == (State.FAILED, "Error occurred: ·[31mno room")
    assert credential_of("host", request(conditions=bad), NOW).state is State.FAILED


def test_marks_count_only_for_the_token_they_were_left_for() -> None:
    obj = issued()
    marks = {
        "kubemint.io/expires": "2026-03-01T12:30:00Z",
        "kubemint.io/requested": "24h",
        "kubemint.io/handle": "default/h/u1",
        "kubemint.io/fingerprint": "0123",
    }
    obj["metadata"]["annotations"] = marks
    found = credential_of("host", obj, NOW)
    assert found.handle == Handle("host/dpu/c1", "default", "h", "u1")
    assert (found.fingerprint, found.requested) == ("0123", timedelta(hours=24))
    obj["status"]["expirationTimestamp"] = "2026-03-01T12:40:00Z"  # the other controller renewed it
    found = credential_of("host", obj, NOW)
    assert (found.handle, found.fingerprint, found.requested) == (None, "", timedelta(hours=1))


@pytest.mark.parametrize("text", ["", "sa", "/sa", "ns/", "/", "ns/sa/x", "a//b"])
def test_b23_status_strings_have_exactly_one_slash(text: str) -> None:
    with pytest.raises(ParseError, match="NAMESPACE/NAME"):
        NamespacedName.parse(text)
    found = parse("host", request(serviceAccount=text))
    assert found.status_service_account is None
    assert bool(found.problems) == bool(text)


def test_b23_a_good_one() -> None:
    assert NamespacedName.parse("ns/name") == NamespacedName("ns", "name")


def test_b31_an_expiry_without_issue_is_unknown() -> None:
    found = credential_of("host", request(expirationTimestamp="2026-03-01T12:30:00Z", serviceAccount="default/sa"), NOW)
    assert (found.state, found.granted, found.rotate_at) == (State.UNKNOWN, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serviceAccount": None}, "spec.serviceAccount is missing"),
        ({"serviceAccount": {}}, "spec.serviceAccount.name is missing"),
        ({"secret": "x"}, "secret of the object is not a mapping"),
        ({"targetCluster": {"namespace": "x"}}, "spec.targetCluster.name is missing"),
    ],
)
def test_a_spec_without_sense_is_refused(change: dict[str, Any], message: str) -> None:
    obj = request()
    obj["spec"] |= change
    with pytest.raises(ParseError, match=message):
        parse("host", obj)


def test_mangled_status_fields_are_left_out_and_told() -> None:
    found = parse("host", request(issuedAt="yesterday", expirationTimestamp=5, conditions=[1, {"type": "X"}, {}]))
    assert (found.issued_at, found.expires_at) == (None, None)
    assert found.problems == ("status.issuedAt is not a time", "status.expirationTimestamp is not a time")
    assert found.conditions == (Condition(type="X"),)


def test_a_dpu_cluster_is_read() -> None:
    found = parse_cluster(
        "host",
        {
            "metadata": {"name": "c1", "namespace": "dpu", "uid": "u"},
            "spec": {"type": "kamaji", "version": "v1.30", "kubeconfig": "c1-admin-kubeconfig"},
            "status": {"phase": "NotReady"},
        },
    )
    assert (found.kubeconfig, found.phase) == ("c1-admin-kubeconfig", "NotReady")


def test_c01_unset_conditions_are_pending() -> None:
    found = rules.ensure((), NOW)
    assert [(c.type, c.status, c.reason) for c in found] == [(kind, "Unknown", "Pending") for kind in rules.ALL]
    assert rules.ensure(found, NOW + timedelta(hours=1)) == found


def test_c03_the_transition_moves_only_with_the_status() -> None:
    later = NOW + timedelta(hours=1)
    bad = rules.failed((), rules.ACCOUNT, "x", NOW)
    good = rules.succeeded(bad, rules.ACCOUNT, later, generation=4)
    assert (good[0].last_transition_time, good[0].observed_generation) == (later, 4)
    again = rules.succeeded(good, rules.ACCOUNT, later + timedelta(hours=1))
    assert again[0].last_transition_time == later
    assert bad[0].message == "Error occurred: x"


@pytest.mark.parametrize(
    ("reason", "summary"),
    [("Pending", "Pending"), ("Failure", "Failure"), ("AwaitingDeletion", "AwaitingDeletion"), ("Error", "Pending")],
)
def test_c05_the_summary_is_as_bad_as_its_worst(reason: str, summary: str) -> None:
    there = rules.failed(rules.succeeded((), rules.SECRET, NOW), rules.ACCOUNT, "x", NOW, reason=reason)
    ready = rules.summarize(there, NOW)[-1]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", summary)
    assert ready.message == "The following conditions are not ready: ServiceAccountReconciled"
    both = rules.summarize(rules.failed(there, rules.SECRET, "y", NOW), NOW)[-1]
    assert both.message == "The following conditions are not ready: SecretReconciled, ServiceAccountReconciled"


def test_c05_all_good_is_ready() -> None:
    done = rules.succeeded(rules.succeeded((), rules.ACCOUNT, NOW), rules.SECRET, NOW)
    ready = rules.summarize(done, NOW)[-1]
    assert (ready.status, ready.reason, ready.message) == ("True", "Success", "")


def test_a_request_that_nobody_looked_at_is_not_ready() -> None:
    ready = rules.summarize(rules.ensure((), NOW), NOW)[0]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", "Pending")


@pytest.mark.parametrize(
    ("reasons", "worst"),
    [
        ((), "Pending"),
        (("Foo", "Bar"), "Pending"),
        (("Pending", "Failure"), "Failure"),
        (("AwaitingDeletion", "Failure", "Pending"), "AwaitingDeletion"),
        (("Error", "Pending"), "Pending"),
        (("Error", "Failure"), "Failure"),
    ],
)
def test_c07_severity(reasons: tuple[str, ...], worst: str) -> None:
    assert rules.severest(reasons) == worst


def test_conditions_survive_being_written() -> None:
    made = rules.summarize(rules.failed(rules.ensure((), NOW), rules.ACCOUNT, "x" * 40000, NOW, 2), NOW)
    written = rules.to_status(made)
    assert written[0]["lastTransitionTime"] == "2026-03-01T12:00:00Z"
    assert len(written[1]["message"]) == 32768
    assert parse("h", request(conditions=written)).conditions == made


def test_labels_of_ownership_are_always_valid() -> None:
    assert ownership("ns", "req")["svc.dpu.nvidia.com/credential-request-name"] == "req"
    long, other = label_value("a" * 253), label_value("a" * 252 + "b")
    assert len(long) <= 63
    assert long != other
    assert label_value("a" * 53 + "." + "b" * 100)[-10:].count(".") == 0


def good(**change: Any) -> DPURequestDraft:
    fields = {"cluster": "host", "namespace": "dpf", "name": "req", "service_account": "sa", "secret": "out"}
    return DPURequestDraft(**(fields | change))


def test_a_good_draft_has_no_problems_and_its_yaml_is_the_object() -> None:
    full = good(
        target_cluster="dpu/c1",
        duration="1h30m",
        type="tokenFile",
        labels={"b": "2", "a": "1"},
        annotations={"x/y": "0"},
    )
    assert validate(full) == []
    assert validate(good()) == []
    assert yaml.safe_load(to_yaml(full)) == manifest(full)
    assert json.dumps(manifest(full)) == json.dumps(manifest(full), sort_keys=True)
    read = parse("host", manifest(full))
    assert (read.secret, read.service_account, read.target) == (
        NamespacedName("default", "out"),
        NamespacedName("default", "sa"),
        NamespacedName("dpu", "c1"),
    )
    assert (read.secret_labels, read.duration, read.type) == ({"a": "1", "b": "2"}, "1h30m", "tokenFile")
    assert to_yaml(good()) == (
        "apiVersion: svc.dpu.nvidia.com/v1alpha1\n"
        "kind: DPUServiceCredentialRequest\n"
        "metadata:\n  name: req\n  namespace: dpf\n"
        "spec:\n"
        "  secret:\n    name: out\n    namespace: default\n"
        "  serviceAccount:\n    name: sa\n    namespace: default\n"
        "  type: kubeconfig\n"
    )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("cluster", "", "must name the cluster"),
        ("namespace", "", "must not be empty"),
        ("namespace", "a.b", "lower case"),
        ("namespace", "a" * 64, "at most 63"),
        ("name", "Req", "lower case"),
        ("name", "a" * 254, "at most 253"),
        ("name", "a..b", "lower case"),
        ("name", "a\n", "lower case"),
        ("service_account", "-a", "letters or digits at both ends"),
        ("service_account_namespace", "x/y", "lower case"),
        ("secret", "", "must not be empty"),
        ("secret_namespace", "_", "lower case"),
        ("target_cluster", "a/b/c", "NAMESPACE/NAME"),
        ("target_cluster", "/b", "NAMESPACE/NAME"),
        ("target_cluster", "A/b", "namespace: lower case"),
        ("type", "token", "kubeconfig or tokenFile"),
        ("duration", "1d", GO_PATTERN),
        ("duration", "9m59s", "10m or more"),
        ("duration", "1ms", "10m or more"),
        ("duration", "1193047h", "1193046h or less"),
        ("labels", {"a b": "x"}, "'a b' is not a key"),
        ("labels", {"/a": "x"}, "is not a key"),
        ("labels", {"a": "x" * 64}, "the value of 'a'"),
        ("labels", {"a": "-"}, "the value of 'a'"),
        ("annotations", {"": "x"}, "is not a key"),
        ("annotations", {"a": "x" * 300_000}, "256 KiB"),
    ],
)
def test_each_problem_names_the_field_and_the_rule(field: str, value: Any, says: str) -> None:
    problems = validate(good(**{field: value}))
    assert [problem.field for problem in problems] == [field]
    expected = "must not be empty" if value == "" else says
    assert expected in problems[0].rule
    assert str(problems[0]).startswith(f"{field}: ")


def test_all_problems_are_told_at_once() -> None:
    assert [p.field for p in validate(good(name="", type="x", duration="1"))] == ["name", "type", "duration"]


def test_a_target_without_namespace_means_default() -> None:
    assert validate(good(target_cluster="c1")) == []
    assert manifest(good(target_cluster="c1"))["spec"]["targetCluster"] == {"name": "c1", "namespace": "default"}
