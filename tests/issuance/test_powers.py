"""What a credential can do: asked with its own material, computed from RBAC, the worst first, gaps said plainly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule
from tui.headless.powers import _print
from tui.issuance.errors import UsageError
from tui.issuance.insight.access import Rule, collect, groups_of
from tui.issuance.insight.dangers import dangers
from tui.issuance.insight.powers import Powers, Source
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Identity
from tui.kube.errors import ServerError
from tui.kube.resource import RBAC, ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS


async def grant(bench: Bench, name: str, *rules: dict[str, Any], account: str = "robot") -> None:
    """A Role and a RoleBinding in the arena's namespace."""
    namespace = bench.arena.namespace
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": list(rules)}
    await bench.client.create(ROLES, role, namespace=namespace)
    await bench.client.create(
        ROLE_BINDINGS,
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
        namespace=namespace,
    )


def rule(verbs: str, resources: str, groups: str = "", names: str = "") -> dict[str, Any]:
    made = {"verbs": verbs.split(), "resources": resources.split(), "apiGroups": groups.split() or [""]}
    return made | ({"resourceNames": names.split()} if names else {})


def whys(found: Powers) -> list[str]:
    return [power.why for power in found.powers]


async def test_it_asks_with_its_own_material_and_says_through_what(bench: Bench) -> None:
    issued = await bench.issue(bench.arena.spec(bench.arena.secret()))
    await grant(bench, "reader", rule("get list", "secrets configmaps"), rule("get", "secrets", names="one"))
    found = await bench.engine.powers(issued.address)
    assert found.source is Source.ASKED
    assert (found.subject, found.namespace) == (bench.arena.identity().username, bench.arena.namespace)
    worst, *rest = found.powers
    assert worst.severity is Severity.HIGH
    assert worst.resources == ("secrets",)
    assert "reads every Secret" in worst.why
    assert worst.through == (f"RoleBinding {bench.arena.namespace}/reader → Role reader",)
    assert [power.severity.rank for power in found.powers] == sorted(power.severity.rank for power in found.powers)
    narrowed = next(power for power in rest if power.names == ("one",))
    assert narrowed.severity is Severity.MEDIUM
    assert not found.incomplete


async def test_the_graph_and_the_server_agree(bench: Bench) -> None:
    """The same rights, whether the server is asked or the Roles are read."""
    issued = await bench.issue(bench.arena.spec(bench.arena.secret()))
    await grant(bench, "mixed", rule("*", "pods pods/exec"), rule("create", "serviceaccounts/token", names="robot"))
    asked = await bench.engine.powers(issued.address)
    computed = await bench.engine.powers(bench.arena.identity())
    assert (asked.source, computed.source) == (Source.ASKED, Source.COMPUTED)
    shapes = [{(p.severity, p.why, p.verbs, p.resources, p.names, p.urls) for p in f.powers} for f in (asked, computed)]
    assert shapes[0] == shapes[1]
    assert computed.powers[0].through == (f"RoleBinding {bench.arena.namespace}/mixed → Role mixed",)


async def test_a_refused_credential_is_computed_from_its_account(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    await grant(ebench, "reader", rule("get", "secrets"))
    handle = issued.credential.handle
    await ebench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
    ebench.arena.forget()
    found = await ebench.engine.powers(issued.address)
    assert found.source is Source.COMPUTED
    assert "the server refuses its material" in found.notes[0]
    assert whys(found)[0].startswith("reads every Secret")


async def test_another_namespace_can_be_chosen(ebench: Bench) -> None:
    await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    await grant(ebench, "reader", rule("get", "secrets"))
    here = await ebench.engine.powers(ebench.arena.identity())
    there = await ebench.engine.powers(ebench.arena.identity(), "default")
    assert any(why.startswith("reads every Secret") for why in whys(here))
    assert not any(why.startswith("reads every Secret") for why in whys(there))


async def test_masters_may_do_everything(ebench: Bench) -> None:
    found = await ebench.engine.powers(Address(CredentialKind.LOGIN, ebench.arena.name, "", ""))
    assert found.powers[0].severity is Severity.CRITICAL
    assert found.powers[0].why.startswith("everything")


async def test_what_may_not_be_read_is_said_plainly(ebench: Bench) -> None:
    await ebench.make_account()
    await grant(ebench, "reader", rule("get", "secrets"))
    with ebench.arena.fault(FaultRule(Answer(403), path="clusterrolebindings")):
        found = await ebench.engine.powers(ebench.arena.identity())
    assert found.incomplete == "no right to list clusterrolebindings"
    assert found.unread, "its exit code is 3"
    assert whys(found)[0].startswith("reads every Secret")
    with ebench.arena.fault(FaultRule(Answer(403), path=RBAC)), pytest.raises(UsageError) as refused:
        await ebench.engine.powers(ebench.arena.identity())
    assert "clusterrolebindings" in refused.value.message


@pytest.mark.parametrize(
    ("source", "incomplete", "unread", "said"),
    [
        (Source.COMPUTED, "", False, "nothing: no Role applies to it here"),
        (
            Source.COMPUTED,
            "no right to list clusterrolebindings",
            True,
            "nothing in what could be read: there may be more",
        ),
        # Some servers always say so of an authorizer of theirs: that is no failure to read.
        (Source.ASKED, "webhook authorizer", False, "nothing in what could be read: there may be more"),
    ],
)
def test_what_could_not_be_read_is_not_called_nothing(
    source: Source, incomplete: str, unread: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Powers(subject="x", cluster="c", namespace="n", source=source, powers=(), incomplete=incomplete)
    assert found.unread is unread
    _print(found)
    assert said in capsys.readouterr().err.replace("\n", " ")


async def test_where_no_right_is_missing_none_is_asked_for(ebench: Bench) -> None:
    """A server that answers 503 is said once, in the words of that, and not as four gaps of rights."""
    who = Identity(ebench.arena.name, ebench.arena.namespace, "robot")
    with (
        ebench.arena.fault(FaultRule(Answer(503, message="etcd is away"), path=RBAC)),
        pytest.raises(ServerError, match="etcd is away") as failed,
    ):
        await ebench.engine.powers(who)
    assert "list on roles" not in failed.value.hint


async def test_an_account_that_is_gone_leaves_its_bindings(ebench: Bench) -> None:
    await ebench.make_account()
    await grant(ebench, "reader", rule("get", "secrets"))
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=ebench.arena.namespace)
    found = await ebench.engine.powers(ebench.arena.identity())
    assert "no such account" in found.notes[0]
    assert whys(found)[0].startswith("reads every Secret")


async def test_the_graph_follows_groups(ebench: Bench) -> None:
    """Every account is in three groups; bindings that name one of them reach it."""
    access = await collect(ebench.client)
    nobody = Identity(ebench.arena.name, ebench.arena.namespace, "nobody")
    grants = access.grants(nobody.username, groups_of(nobody))
    assert {grant.via for grant in grants} >= {"system:authenticated"}
    assert not access.names(nobody.username)


@pytest.mark.parametrize(
    ("verbs", "resources", "groups", "names", "severity", "says"),
    [
        ("*", "*", "*", "", Severity.CRITICAL, "everything"),
        ("get list", "*", "*", "", Severity.HIGH, "Secrets included"),
        ("get", "*", "apps", "", Severity.LOW, "of the group"),
        ("create", "*", "", "", Severity.CRITICAL, "Secrets and pods included"),
        ("escalate", "clusterroles", RBAC, "", Severity.CRITICAL, "any right"),
        ("bind", "roles", RBAC, "edit", Severity.HIGH, "these Roles"),
        ("impersonate", "users", "", "", Severity.CRITICAL, "act as any user"),
        ("impersonate", "serviceaccounts", "", "", Severity.HIGH, "every account here"),
        ("impersonate:user-info", "users", "authentication.k8s.io", "", Severity.HIGH, "impersonate-on:user-info"),
        ("impersonate:serviceaccount", "serviceaccounts", "authentication.k8s.io", "", Severity.HIGH, "every account"),
        ("get", "nodes/proxy", "", "", Severity.CRITICAL, "kubelets"),
        ("create", "serviceaccounts/token", "", "", Severity.HIGH, "mints tokens for every"),
        ("create", "serviceaccounts/token", "", "me", Severity.MEDIUM, "these accounts"),
        ("patch", "deployments", "apps", "", Severity.HIGH, "runs containers"),
        ("create", "pods/exec", "", "", Severity.HIGH, "runs commands"),
        ("create", "secrets", "", "", Severity.HIGH, "long-lived tokens"),
        ("update", "certificatesigningrequests/approval", "certificates.k8s.io", "", Severity.CRITICAL, "approves"),
        ("*", "widgets", "example.com", "", Severity.MEDIUM, "every verb"),
        ("delete", "configmaps", "", "", Severity.MEDIUM, "changes"),
        ("get watch", "configmaps", "", "", Severity.LOW, "reads"),
        ("get", "secrets", "example.com", "", Severity.LOW, "reads"),
    ],
)
def test_why_a_right_is_dangerous(
    verbs: str, resources: str, groups: str, names: str, severity: Severity, says: str
) -> None:
    (danger,) = dangers(
        Rule(
            verbs=tuple(verbs.split()),
            resources=tuple(resources.split()),
            api_groups=tuple(groups.split()) or ("",),
            resource_names=tuple(names.split()),
        )
    )
    assert danger.severity is severity
    assert says in danger.why


def test_a_rule_is_split_by_what_its_resources_amount_to() -> None:
    found = dangers(Rule(verbs=("get", "create"), resources=("configmaps", "secrets", "pods"), api_groups=("",)))
    assert [(danger.severity, danger.resources) for danger in found] == [
        (Severity.HIGH, ("secrets",)),
        (Severity.HIGH, ("pods",)),
        (Severity.MEDIUM, ("configmaps",)),
    ]
