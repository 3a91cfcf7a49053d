"""Lineage: the account, what reaches it, what was issued, who uses it; every branch fails by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Bench
from tests.issuance.test_powers import grant, rule
from tui.demo import Answer, FaultRule
from tui.issuance.insight.lineage import (
    ENDS_IT,
    NOBODY,
    absent,
    said_of_handle,
    subject_of,
    subject_of_account,
    trace,
)
from tui.issuance.insight.lineage_tree import Node, Part
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Handle, Identity
from tui.issuance.trust.handles import Seen
from tui.issuance.trust.orphans import Walked
from tui.issuance.users.consumers import Pod
from tui.kube.errors import ServerError
from tui.kube.kubeconfig import load, parse
from tui.kube.resource import PODS, RBAC, SECRETS, SERVICE_ACCOUNTS


def branch(tree: Node, part: Part) -> Node:
    return next(node for node in tree.children if node.kind == part.value)


def lines(node: Node) -> list[str]:
    """Every node below, as one text each."""
    return [f"{child.kind} {child.name} {child.note}".strip() for child in node.children] + [
        line for child in node.children for line in lines(child)
    ]


async def put_pod(bench: Bench, name: str, account: str, **spec: Any) -> None:
    """A pod of an account; old servers take it once the account's token Secret exists."""
    container = {"name": "main", "image": "main:1"} | spec.pop("container", {})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"serviceAccountName": account, "containers": [container]} | spec}  # fmt: skip
    async with asyncio.timeout(60):
        while True:
            try:
                await bench.client.create(PODS, pod, namespace=bench.arena.namespace)
                return
            except ServerError as error:
                if "No API token found" not in error.message:
                    raise
            await asyncio.sleep(0.1)


async def traced(bench: Bench, *credentials: Credential, here: Address | None = None, **more: Any) -> Node:
    subject = subject_of_account(bench.arena.identity(), here)
    return await trace(bench.clusters, subject, credentials=credentials, **more)


async def test_a_credential_is_followed_in_both_directions(bench: Bench) -> None:
    arena = bench.arena
    issued = (await bench.issue(arena.spec(arena.secret()))).credential
    await bench.make_account("other")
    await grant(bench, "reader", rule("get", "secrets"))
    variable = {"name": "KUBECONFIG", "valueFrom": {"secretKeyRef": {"name": "robot-credential", "key": "kubeconfig"}}}
    await put_pod(bench, "runs", "robot")
    await put_pod(bench, "mounts", "other", volumes=[{"name": "kept", "secret": {"secretName": "robot-credential"}}],
                  container={"env": [variable]})  # fmt: skip
    await put_pod(bench, "stranger", "other")

    told: list[str] = []
    tree = await traced(bench, issued, here=issued.address, on_part=lambda node: told.append(node.kind))
    assert sorted(told) == sorted(part.value for part in Part)
    assert [node.kind for node in tree.children] == [part.value for part in Part]
    (kept,) = branch(tree, Part.ISSUED).children
    assert kept.here
    assert kept.address == issued.address
    assert kept.expires_at == issued.expires_at
    assert kept.children[0].kind == "handle"
    worst, everybody = branch(tree, Part.RIGHTS).children
    assert (worst.kind, worst.name) == ("RoleBinding", f"{arena.namespace}/reader")
    assert worst.severity is Severity.HIGH
    assert everybody.kind == "everybody"
    (runs,) = branch(tree, Part.RUNS).children
    assert runs.name == f"{arena.namespace}/runs"
    assert branch(tree, Part.RUNS).note == "with tokens of their own: revoking a credential ends none of them"
    (mounts,) = branch(tree, Part.USERS).children
    assert mounts.name == f"{arena.namespace}/mounts"
    assert mounts.note.startswith("runs as another account")
    hows = [child.note for child in mounts.children]
    assert hows == ["volume kept", "variable KUBECONFIG of main, which never sees a renewal"]


async def test_each_branch_fails_by_itself(ebench: Bench) -> None:
    issued = (await ebench.issue(ebench.arena.spec(ebench.arena.secret()))).credential
    with ebench.arena.fault(FaultRule(Answer(403), path=r"/(pods|rolebindings)")):
        tree = await traced(ebench, issued)
    assert "no right to list pods" in branch(tree, Part.USERS).problem
    assert "no right to list pods" in branch(tree, Part.RUNS).problem
    assert branch(tree, Part.RIGHTS).problem == "no right to list rolebindings"
    assert branch(tree, Part.RIGHTS).children, "bindings of the whole cluster are still known"
    assert branch(tree, Part.ISSUED).children
    assert not branch(tree, Part.ACCOUNT).problem


@pytest.mark.parametrize("unread", ["clusterrolebindings", "(clusterroles|clusterrolebindings|rolebindings)", RBAC])
async def test_of_bindings_that_could_not_be_read_it_is_not_said_that_none_reaches_it(
    ebench: Bench, unread: str
) -> None:
    await ebench.make_account()
    with ebench.arena.fault(FaultRule(Answer(403), path=unread)):
        rights = branch(await traced(ebench), Part.RIGHTS)
    assert "no right to list clusterrolebindings" in rights.problem
    assert rights.note in ("none that could be seen", "nothing but what every user may, in what could be read")


async def test_a_handle_that_nothing_names_is_shown(bench: Bench) -> None:
    """Its Secret was deleted by hand; the token that is bound to it lives on."""
    arena = bench.arena
    issued = (await bench.issue(arena.spec(arena.secret()))).credential
    assert not [node for node in branch(await traced(bench, issued), Part.ISSUED).children if node.kind == "handle"]
    (shown,) = branch(await traced(bench), Part.ISSUED).children
    assert (shown.kind, shown.name) == ("handle", f"{arena.namespace}/{issued.handle.name}")
    assert "kubemint hygiene" in shown.note


HANDLE = Handle("main", "ci", "kubemint-robot-bcdfghjk", "uid-1")


def walked(*places: str, account: str = "ci/robot") -> dict[str, Walked]:
    seen = Seen(namespace="ci", name=HANDLE.name, uid=HANDLE.uid, account=account, secrets=places)
    return {HANDLE.uid: Walked(handle=HANDLE, seen=seen)}


@pytest.mark.parametrize(
    ("handle", "beside", "said"),
    [
        (HANDLE, walked("ci/kept"), ""),
        (HANDLE, walked(), ""),  # from before handles said for what
        (HANDLE, None, "cannot be listed here"),
        (Handle("main", "ci", "db-password", "uid-2"), walked("ci/kept"), "no handle: deleting it revokes nothing"),
        (Handle("main", "ci", "db-password", "uid-1"), walked("ci/kept"), "no handle"),
        (HANDLE, walked("ci/kept", account="ci/other"), "made for the account ci/other"),
        (HANDLE, walked("ci/neighbour"), "made for Secret ci/neighbour"),
        (HANDLE, walked("host/ci/kept"), "made for Secret ci/kept of host"),
    ],
)
def test_a_mark_alone_does_not_say_what_revokes_the_token(
    handle: Handle, beside: dict[str, Walked] | None, said: str
) -> None:
    kept = Credential(
        address=Address.secret("main", "ci", "kept"), identity=Identity("main", "ci", "robot"), handle=handle
    )
    found = said_of_handle(kept, beside)
    assert (said in found) if said else not found


async def test_of_a_secret_that_a_mark_calls_the_handle_it_is_not_said_that_it_ends_the_token(ebench: Bench) -> None:
    """Whoever follows that would delete another team's Secret, and the token would live."""
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret()))).credential
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db-password"}}
    uid = (await ebench.client.create(SECRETS, other, namespace=arena.namespace))["metadata"]["uid"]
    forged = msgspec.structs.replace(issued, handle=Handle(issued.handle.cluster, arena.namespace, "db-password", uid))
    kept, true = branch(await traced(ebench, forged), Part.ISSUED).children
    (named,) = kept.children
    assert named.name == f"{arena.namespace}/db-password"
    assert named.note.startswith("named there, but no handle: deleting it revokes nothing")
    assert true.name == f"{arena.namespace}/{issued.handle.name}"
    assert f"made for Secret {arena.namespace}/robot-credential, which does not name it" in true.note
    (right,) = branch(await traced(ebench, issued), Part.ISSUED).children
    assert [node.note for node in right.children] == [ENDS_IT]


async def test_an_account_that_is_gone_is_said(ebench: Bench) -> None:
    await ebench.make_account()
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=ebench.arena.namespace)
    tree = await traced(ebench)
    assert branch(tree, Part.ACCOUNT).problem == NOBODY, "nobody saw that it ever was"
    assert branch(tree, Part.ISSUED).note == "nothing that kubemint can see"


def test_that_an_account_ever_was_only_this_machine_says() -> None:
    kept = Credential(address=Address.secret("main", "ci", "kept"), identity=Identity("main", "ci", "root-agent"))
    file = msgspec.structs.replace(kept, address=Address.file("/kept"))
    assert absent([]) == NOBODY
    assert absent([kept]) == "there is no such account: if there was one, all its tokens are invalid"
    assert absent([kept, file]) == "it was deleted: all its tokens are invalid"


async def test_files_and_kubeconfig_entries_of_this_machine(ebench: Bench) -> None:
    """An export, and a context of a kubeconfig that holds the same account's token."""
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec())).credential
    path = arena.file().path
    tree = await traced(ebench, issued, config=load(path))
    machine = branch(tree, Part.MACHINE)
    assert [node.kind for node in machine.children] == ["file", "kubeconfig entry"]
    assert machine.children[1].expires_at == issued.expires_at
    assert path in machine.children[1].note
    assert branch(await traced(ebench, issued, config=parse(b"")), Part.MACHINE).leaves == 1


async def test_csi_drivers_are_given_tokens_of_it(ebench: Bench) -> None:
    """An inline volume of a driver that asks for tokens."""
    await ebench.make_account()
    volume = {"name": "store", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}}
    await put_pod(ebench, "vaulted", "robot", volumes=[volume])
    (pod,) = branch(await traced(ebench), Part.RUNS).children
    assert [(child.kind, child.name) for child in pod.children] == [("CSI volume", "secrets-store.csi.k8s.io")]
    assert "vault" in pod.children[0].note


async def test_a_login_is_followed_by_who_the_server_says_it_is(ebench: Bench) -> None:
    login = Credential(address=Address(CredentialKind.LOGIN, ebench.arena.name, "", ""))
    subject = await subject_of(ebench.clusters, login)
    assert "system:masters" in subject.groups
    tree = await trace(ebench.clusters, subject, credentials=[login], config=load(str(ebench.arena.kubeconfig)))
    rights = branch(tree, Part.RIGHTS)
    assert (rights.children[0].name, rights.children[0].severity) == ("system:masters", Severity.CRITICAL)
    assert any(line.startswith(f"kubeconfig entry context {ebench.arena.name}") for line in lines(tree))


def test_a_container_that_was_added_for_debugging_counts_too() -> None:
    shell = {"name": "shell", "envFrom": [{"secretRef": {"name": "kept"}}]}
    pod = msgspec.convert({"metadata": {"name": "api"}, "spec": {"ephemeralContainers": [shell]}}, Pod)
    assert list(pod.uses({"kept"})) == [("kept", "variables of shell, which never see a renewal")]
