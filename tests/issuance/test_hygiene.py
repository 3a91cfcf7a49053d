"""Hygiene: each rule finds what it is for and nothing else; what could not be seen is said; SARIF has its shape."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tests.issuance.samples import jwt
from tui.demo import Answer, FaultRule
from tui.fleet.fleet import Fleet
from tui.fleet.hygiene import check
from tui.issuance.destinations.files import make_private
from tui.issuance.insight.access import CLUSTER_ROLE_BINDINGS, Access
from tui.issuance.insight.hygiene import (
    RULES,
    DiskReport,
    Finding,
    Fix,
    Report,
    Survey,
    examine,
    look_at_disk,
    record,
    sarif,
    survey,
)
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.records.state import StateStore
from tui.kube.kubeconfig import load, parse
from tui.kube.resource import PODS, RBAC, SECRETS

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ROBOT = Identity("harbor", "ci", "robot")
HOUR = timedelta(hours=1)


def token_text(exp: datetime | None, iat: datetime) -> str:
    return jwt({"iat": int(iat.timestamp())} | ({"exp": int(exp.timestamp())} if exp else {})).reveal()


def credential(
    kind: CredentialKind = CredentialKind.SECRET, name: str = "robot-kubeconfig", **given: Any
) -> Credential:
    """A sound credential of an hour, changed by what is given."""
    values: dict[str, Any] = {
        "address": Address(kind, "harbor", "ci", name),
        "identity": ROBOT,
        "requested": HOUR,
        "granted": HOUR,
        "issued_at": NOW - HOUR / 2,
        "expires_at": NOW + HOUR / 2,
        "handle": Handle("harbor", "ci", "kubemint-robot-abcde", "uid"),
        "state": State.VALID,
    }
    return Credential(**values | given)


def endless(name: str = "robot-static", **given: Any) -> Credential:
    """A long-lived token Secret of old days."""
    stamps: dict[str, Any] = {"requested": None, "granted": None, "issued_at": NOW - timedelta(days=400)}
    stamps |= {"expires_at": None, "state": State.ENDLESS}
    return credential(CredentialKind.LEGACY, name, **stamps | given)


def found(
    *credentials: Credential, accounts: tuple[Identity, ...] = (), surveys: Mapping[str, Survey] | None = None
) -> Report:
    return examine(credentials, accounts, surveys or {}, DiskReport(), lambda cluster: NOW)


def rules(report: Report) -> list[tuple[str, Severity]]:
    return [(finding.rule, finding.severity) for finding in report.findings]


def test_a_sound_credential_is_no_finding() -> None:
    assert found(credential()).findings == ()


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (endless(last_used=date(2030, 1, 1)), [("endless-token", Severity.HIGH)]),
        (endless(last_used=date(2029, 5, 1)), [("endless-token", Severity.HIGH), ("unused-token", Severity.MEDIUM)]),
        (endless(), [("endless-token", Severity.HIGH), ("unused-token", Severity.MEDIUM)]),
        (endless(issued_at=NOW - timedelta(days=3)), [("endless-token", Severity.HIGH)]),
        (endless("robot-token-x7f2q"), [("endless-token", Severity.MEDIUM)]),
        (
            endless(state=State.REVOKED, invalid_since=date(2029, 12, 1)),
            [("invalidated-token", Severity.LOW)],
        ),
        (credential(granted=30 * HOUR, requested=30 * HOUR), [("long-lifetime", Severity.MEDIUM)]),
        (credential(granted=24 * HOUR, requested=24 * HOUR), []),
        (credential(granted=HOUR, requested=24 * HOUR), [("granted-short", Severity.LOW)]),
        (credential(granted=HOUR, requested=2 * HOUR), []),
        (credential(handle=None), [("unbound-token", Severity.LOW)]),
        (
            credential(handle=None, granted=48 * HOUR, requested=48 * HOUR, expires_at=NOW + 40 * HOUR),
            [("long-lifetime", Severity.MEDIUM), ("unbound-token", Severity.MEDIUM)],
        ),
        # What its marks say of itself is known not to be so.
        (credential(handle=None, granted=8760 * HOUR, requested=8760 * HOUR, state=State.UNKNOWN, message="odd"), []),
        (credential(handle=None, expires_at=NOW - HOUR), []),
        (credential(handle=None, expires_at=None, issued_at=None, state=State.PENDING), []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_credential(one: Credential, expected: list[tuple[str, Severity]]) -> None:
    assert rules(found(one)) == expected


@pytest.mark.parametrize(
    ("since", "says"),
    [
        (date(2020, 1, 1), "and never used"),
        (NOW.date() - timedelta(days=200), f"and never used since {NOW.date() - timedelta(days=200)}"),
        (NOW.date() - timedelta(days=5), None),  # noted for five days only
        (None, "since when its cluster notes uses is not known"),
    ],
)
def test_never_used_counts_from_when_its_cluster_began_to_note(since: date | None, says: str | None) -> None:
    made = endless(issued_at=NOW - timedelta(days=900))
    report = found(made, surveys={"harbor": Survey(cluster="harbor", uses_noted_since=since)})
    messages = [one.message for one in report.findings if one.rule == "unused-token"]
    assert [message.endswith(says) for message in messages] == [True] if says else messages == []


def test_a_finding_says_why_what_to_do_and_how() -> None:
    finding = found(endless(last_used=date(2030, 1, 1))).findings[0]
    assert finding.message == "it never expires; last used on 2030-01-01"
    assert "short-lived" in finding.action
    assert finding.command == "kubemint revoke legacy:harbor/ci/robot-static"
    assert finding.fix is Fix.REVOKE
    assert finding.key == found(endless(last_used=date(2030, 1, 2))).findings[0].key, "the same at the next look"


async def test_an_admins_token_is_the_worst(ebench: Bench) -> None:
    """cluster-admin through a binding of its group, found in the graph that the cluster gave."""
    arena = ebench.arena
    await ebench.make_account()
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{arena.namespace}-admins"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "Group", "name": f"system:serviceaccounts:{arena.namespace}", "apiGroup": RBAC}],
    }
    await ebench.client.create(CLUSTER_ROLE_BINDINGS, binding)
    try:
        seen = await survey(ebench.client, arena.name)
    finally:
        await ebench.client.delete(CLUSTER_ROLE_BINDINGS, f"{arena.namespace}-admins")
    own: dict[str, Any] = {"identity": arena.identity(), "address": arena.secret_address()}
    report = found(credential(**own), surveys={arena.name: seen})
    assert rules(report) == [("admin-token", Severity.HIGH)]
    assert f"ClusterRoleBinding {arena.namespace}-admins → ClusterRole cluster-admin" in report.findings[0].message
    forever = endless(last_used=NOW.date(), identity=arena.identity())
    assert ("admin-token", Severity.CRITICAL) in rules(found(forever, surveys={arena.name: seen}))


async def test_data_that_an_annotation_repeats_is_noticed_without_reading_data(bench: Bench) -> None:
    arena = bench.arena
    await bench.issue(arena.spec(arena.secret()))
    assert (arena.namespace, "robot-credential") not in (await survey(bench.client, arena.name)).applied
    applied = json.dumps({"kind": "Secret", "data": {"token": "c2VjcmV0"}})
    note = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}}
    await bench.client.patch(SECRETS, "robot-credential", note, namespace=arena.namespace)
    seen = await survey(bench.client, arena.name)
    assert (arena.namespace, "robot-credential") in seen.applied
    assert "c2VjcmV0" not in repr(seen)
    report = found(credential(address=arena.secret_address(), identity=arena.identity()), surveys={arena.name: seen})
    assert rules(report) == [("applied-material", Severity.HIGH)]
    assert report.findings[0].fix is Fix.ROTATE


def test_what_was_issued_by_way_of_a_delivered_cluster_belongs_to_the_account_that_its_context_shows() -> None:
    """Else hygiene would say of an account in use that nobody uses it, and how to delete it."""
    account = Identity("tenant", "ci", "robot")
    same = Identity("harbor/dpf/tenant", "ci", "robot")
    surveys = {"tenant": Survey(cluster="tenant", access=Access(), running=frozenset())}
    for issued, expected in ((same, []), (Identity("other", "ci", "robot"), ["idle-account"])):
        report = examine(
            [credential(identity=issued)], [account], surveys, DiskReport(), lambda cluster: NOW,
            shown_by={"harbor/dpf/tenant": "tenant"},
        )  # fmt: skip
        assert [rule for rule, _ in rules(report)] == expected


def test_what_may_be_used_from_a_cluster_out_of_view_gets_no_command_to_delete_it() -> None:
    """`--context tenant`: the requests of its management cluster, which hold its accounts' tokens, were not seen."""
    account = Identity("tenant", "ci", "robot")
    surveys = {"tenant": Survey(cluster="tenant", access=Access(), running=frozenset())}
    (alone,) = examine([], [account], surveys, DiskReport(), lambda cluster: NOW).findings
    (found,) = examine([], [account], surveys, DiskReport(), lambda cluster: NOW, beyond=("harbor",)).findings
    assert "delete serviceaccount" in alone.command
    assert (found.command, found.action) == ("", "look at harbor as well")
    assert "whether harbor uses it is not known" in found.message


def test_clusters_that_could_not_be_asked_are_in_every_report() -> None:
    report = examine([], [], {}, DiskReport(), lambda cluster: NOW, unseen={"island": "unreachable"})
    assert report.unseen == ("island: unreachable",)
    assert record(report)["notLookedAt"] == ["island: unreachable"]
    assert "not looked at: island: unreachable" in json.dumps(sarif(report, "1"))


async def test_an_account_is_idle_only_where_all_of_it_was_seen(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.make_account("idle")
    await ebench.make_account("busy")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "busy-0"},
        "spec": {"serviceAccountName": "busy", "containers": [{"name": "busy", "image": "busy:1"}]},
    }
    await ebench.client.create(PODS, pod, namespace=arena.namespace)
    accounts = tuple(Identity(arena.name, arena.namespace, name) for name in ("idle", "busy", "kept", "default"))
    kept = credential(identity=accounts[2])
    seen = await survey(ebench.client, arena.name)
    report = found(kept, accounts=accounts, surveys={arena.name: seen})
    assert [(finding.rule, finding.identity) for finding in report.findings] == [("idle-account", accounts[0])]
    assert "no pod runs as it" in report.findings[0].message
    with arena.fault(FaultRule(Answer(403), path="/pods")):
        blind = await survey(ebench.client, arena.name)
    report = found(kept, accounts=accounts, surveys={arena.name: blind})
    assert report.findings == ()
    assert report.gaps == (f"{arena.name}: no right to list pods",)


# This machine


def kubeconfig(folder: Path, users: str = "[]", clusters: str = "[]") -> Path:
    path = folder / "config"
    path.write_text(f"apiVersion: v1\nkind: Config\nclusters: {clusters}\nusers: {users}\n")
    path.chmod(0o600)
    return path


def on_disk(path: Path, *, given: bool = False, now: datetime = NOW) -> list[Finding]:
    """What is found where the file is the kubeconfig in use, or was only given."""
    config = parse(b"") if given else load(str(path))
    return list(look_at_disk(config, (), (path,) if given else (), now).findings)


@pytest.mark.parametrize("given", [False, True])
def test_a_file_that_others_may_read_is_found_and_made_private(tmp_path: Path, given: bool) -> None:
    path = kubeconfig(tmp_path, "[{name: a, user: {token: opaque}}]")
    assert on_disk(path, given=given) == []
    path.chmod(0o644)
    (finding,) = on_disk(path, given=given)
    assert (finding.rule, finding.fix, finding.path) == ("readable-file", Fix.CHMOD, str(path))
    assert finding.message == "it can be read by every user on this machine"
    assert finding.command == f"chmod 600 {path}"
    assert make_private(path) == 0o644
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert on_disk(path, given=given) == []


def test_a_file_without_material_may_be_read(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "[{name: a, user: {exec: {command: x, apiVersion: "
                      "client.authentication.k8s.io/v1, interactiveMode: Never}}}]")  # fmt: skip
    path.chmod(0o644)
    assert on_disk(path) == []
    path.chmod(0o666)
    assert [finding.rule for finding in on_disk(path)] == ["writable-file"]


def test_what_is_wrong_inside_of_a_kubeconfig(tmp_path: Path) -> None:
    token = token_text(NOW - HOUR, NOW - 2 * HOUR)
    (tmp_path / "old.token").write_text(token)
    (tmp_path / "old.token").chmod(0o640)
    users = (
        "[{name: p, user: {username: admin, password: hunter2}}, {name: t, user: {tokenFile: old.token}}, "
        "{name: x, user: {exec: {command: login, apiVersion: client.authentication.k8s.io/v1alpha1}}}]"
    )
    clusters = "[{name: lab, cluster: {server: 'https://lab', insecure-skip-tls-verify: true}}, {name: nowhere}]"
    findings = on_disk(kubeconfig(tmp_path, users, clusters))
    assert {(finding.rule, finding.subject) for finding in findings} == {
        ("insecure-tls", "cluster lab"),
        ("static-password", "user p"),
        ("expired-entry", "user t"),
        ("refused-plugin", "user x"),
        ("readable-file", str(tmp_path / "old.token")),
        ("broken-entry", "cluster nowhere"),
    }
    assert "hunter2" not in repr(findings)
    assert token not in repr(findings)
    (expired,) = (finding for finding in findings if finding.rule == "expired-entry")
    assert expired.message == "its token expired an hour ago"
    assert expired.command == f"kubectl config delete-user t --kubeconfig {tmp_path / 'config'}"


def test_folders_are_looked_through_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "robot.token").write_text(token_text(None, NOW))
    (inner / "robot.token").chmod(0o600)
    (tmp_path / "notes.txt").write_text("nothing here")
    report = look_at_disk(parse(b""), (), (tmp_path, tmp_path / "missing"), NOW)
    assert [finding.rule for finding in report.findings] == ["endless-token"]
    assert report.files == 2
    assert len(report.problems) == 1
    assert "missing" in report.problems[0]


# What comes of it


def test_sarif_has_the_shape_that_services_read(tmp_path: Path) -> None:
    report = examine(
        [endless(), credential(granted=HOUR, requested=24 * HOUR)], [], {},
        DiskReport(findings=tuple(on_disk_world(tmp_path)), files=1, problems=("x: not read",)), lambda cluster: NOW,
    )  # fmt: skip
    document = json.loads(json.dumps(sarif(report, "1.2.3", base=tmp_path)))
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("kubemint", "1.2.3")
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
    assert len(run["results"]) == len(report.findings)
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        assert result["locations"]
        assert len(result["partialFingerprints"]["kubemint/v1"]) == 32
    physical = [result["locations"][0].get("physicalLocation") for result in run["results"]]
    assert {"artifactLocation": {"uri": "config"}, "region": {"startLine": 1}} in physical
    notices = run["invocations"][0]["toolExecutionNotifications"]
    assert [notice["message"]["text"] for notice in notices] == ["not looked at: x: not read"]


def on_disk_world(folder: Path) -> list[Finding]:
    path = kubeconfig(folder, "[{name: a, user: {token: opaque}}]")
    path.chmod(0o644)
    return on_disk(path)


def test_the_record_counts_and_explains() -> None:
    made = record(found(endless()))
    assert made["counts"] == {"critical": 0, "high": 1, "medium": 1, "low": 0}
    assert made["items"][0]["why"] == RULES["endless-token"].why
    assert made["items"][0]["address"] == "legacy:harbor/ci/robot-static"


def test_the_examination_says_how_far_it_is() -> None:
    many = [credential(name=f"robot-{number}") for number in range(6000)]
    accounts = [Identity("harbor", "ci", f"account-{number}") for number in range(3000)]
    told: list[tuple[int, int]] = []
    seen = Survey(cluster="harbor", access=Access(), running=frozenset())
    report = examine(many, accounts, {"harbor": seen}, DiskReport(), lambda cluster: NOW,
                     lambda done, total: told.append((done, total)))  # fmt: skip
    assert len(report.findings) == 3000
    assert told == [(2000, 9000), (4000, 9000), (6000, 9000), (8000, 9000), (9000, 9000)]


async def test_a_pass_over_the_demo_finds_what_was_left_untidy(ebench: Bench, tmp_path: Path) -> None:
    """What computes runs in a thread and tells its progress; the demo has one example of everything."""
    state = StateStore.open(tmp_path / "state")
    config = load(str(ebench.arena.kubeconfig))
    fleet = Fleet(config, state=state, only=[ebench.arena.name])
    await fleet.start()
    try:
        await fleet.settled(20)
        said: list[str] = []
        report = await check(
            fleet,
            credentials=list(fleet.store.credentials.values()),
            accounts=list(fleet.store.accounts.values()),
            config=config,
            progress=said.append,
        )
    finally:
        await fleet.stop()
        state.close()
    assert {"admin-token", "endless-token", "applied-material", "insecure-tls", "readable-file"} <= {
        finding.rule for finding in report.findings
    }
    assert report.findings[0].severity is Severity.CRITICAL
    assert any(words.startswith("asked") for words in said)
    assert any("looked at" in words for words in said)
    assert report.checked_at <= datetime.fromtimestamp(time.time() + 1, UTC)
