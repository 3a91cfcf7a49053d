"""Identities that mint for themselves: rows L01 to L07, F05 and F07, and the long-lived token's own life."""

from __future__ import annotations

import asyncio
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, Drop, FaultRule
from tui.issuance.engine import Engine
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.token_secret.identity import CREATOR_LABEL, IDENTITY_LABEL, IdentityWish, SelfWish, manifests
from tui.issuance.model.claims import read_token
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Identity, Outcome, State, StepStatus
from tui.issuance.objects import accounts, managed, token_secret
from tui.issuance.objects.token_request import IssuedToken, request_token
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import APIError, Forbidden, NotFound
from tui.kube.resource import ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

ISTIO = "istio-ingressgateway.istio-system.svc.cluster.local"
NAME = "rok"


def wish(arena: Arena, **given: Any) -> IdentityWish:
    return IdentityWish(identity=arena.identity(NAME), **{"folder": str(arena.folder), **given})


def token_path(arena: Arena) -> Path:
    return arena.folder / f"{arena.namespace}-{NAME}.token"


async def create(bench: Bench, **given: Any) -> Outcome:
    plan = await bench.engine.plan(wish(bench.arena, **given))
    return await bench.engine.execute(plan)


async def get(bench: Bench, resource: Resource, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await bench.client.get(resource, name, namespace=bench.arena.namespace)
    except NotFound:
        return None
    return found


async def left(bench: Bench) -> list[str]:
    """What of an identity is in the cluster."""
    wanted = (
        (SERVICE_ACCOUNTS, NAME),
        (ROLES, f"{NAME}-create-token"),
        (ROLE_BINDINGS, f"{NAME}-create-token"),
        (SECRETS, f"{NAME}-token"),
    )
    return [resource.kind for resource, name in wanted if await get(bench, resource, name) is not None]


def file_address(arena: Arena) -> Address:
    return Address(CredentialKind.FILE, "", "", str(token_path(arena)))


async def test_l01_an_identity_from_nothing(bench: Bench) -> None:
    arena = bench.arena
    outcome = await create(bench)
    assert outcome.ok, outcome
    done = [(result.step, result.status) for result in outcome.results]
    assert done == [(step, StepStatus.DONE) for step in ("connect", "account", "rbac", "token")]
    account = await get(bench, SERVICE_ACCOUNTS, NAME)
    assert account is not None
    assert account["metadata"]["labels"][IDENTITY_LABEL] == ""
    assert CREATOR_LABEL not in account["metadata"]["labels"]
    assert account["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubemint"
    role = await get(bench, ROLES, f"{NAME}-create-token")
    assert role is not None
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [NAME], "verbs": ["create"]}
    ]
    binding = await get(bench, ROLE_BINDINGS, f"{NAME}-create-token")
    assert binding is not None
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": f"{NAME}-create-token",
    }
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": arena.namespace}]
    path = token_path(arena)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert content == content.strip()
    claims = read_token(Sensitive(content))
    assert claims.identity(arena.name) == arena.identity(NAME)
    assert claims.expires_at is None
    assert await bench.works(Sensitive(content))
    kept = await bench.engine.lookup(file_address(arena))
    assert (kept.state, kept.expires_at, kept.identity) == (State.ENDLESS, None, arena.identity(NAME))
    assert bench.state.open_plans() == []


async def test_rok_s_label_is_there_only_where_it_is_asked_for(ebench: Bench) -> None:
    assert (await create(ebench, rok=True)).ok
    account = await get(ebench, SERVICE_ACCOUNTS, NAME)
    assert account is not None
    assert account["metadata"]["labels"].keys() >= {IDENTITY_LABEL, CREATOR_LABEL}


async def test_l01_again_changes_nothing(bench: Bench) -> None:
    await create(bench)
    before = token_path(bench.arena).read_bytes()
    account = await get(bench, SERVICE_ACCOUNTS, NAME)
    outcome = await create(bench)
    assert outcome.ok, outcome
    assert [r.status for r in outcome.results if r.step in ("account", "rbac")] == [StepStatus.SKIPPED] * 2
    assert token_path(bench.arena).read_bytes() == before
    again = await get(bench, SERVICE_ACCOUNTS, NAME)
    assert account is not None
    assert again is not None
    assert again["metadata"]["resourceVersion"] == account["metadata"]["resourceVersion"]


async def test_l03_it_mints_for_itself_and_for_nobody_else(bench: Bench) -> None:
    arena = bench.arena
    await create(bench)
    await bench.make_account("other")
    own = Sensitive(token_path(arena).read_bytes())
    endpoint = bench.clusters.endpoint(arena.name)
    issued = await until_allowed(endpoint, own)
    assert await bench.works(issued.token)
    assert issued.token != own
    async with Client(endpoint.with_token(own)) as client:
        with pytest.raises(Forbidden, match="serviceaccounts"):
            await request_token(client, arena.identity("other"), None, (), None)


async def until_allowed(endpoint: Endpoint, own: Sensitive) -> IssuedToken:
    """A real authorizer learns of new Roles a moment later."""
    identity = read_token(own).identity(endpoint.name)
    assert identity is not None
    async with Client(endpoint.with_token(own)) as client:
        for _ in range(100):
            try:
                return await request_token(client, identity, None, (), None)
            except Forbidden:
                await asyncio.sleep(0.05)
        return await request_token(client, identity, None, (), None)


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_l07_a_token_for_another_audience_as_granted(bench: Bench, kept: str) -> None:
    arena = bench.arena
    await create(bench)
    await until_allowed(bench.clusters.endpoint(arena.name), Sensitive(token_path(arena).read_bytes()))
    out = arena.folder / "istio.token"
    secret = Address(CredentialKind.LEGACY, arena.name, arena.namespace, f"{NAME}-token")
    wanted = SelfWish(
        source=file_address(arena) if kept == "file" else secret,
        cluster=arena.name if kept == "file" else "",
        out=str(out),
        duration=timedelta(days=1),
        audiences=(ISTIO,),
    )
    outcome = await bench.engine.execute(await bench.engine.plan(wanted))
    assert outcome.ok, outcome
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    token = Sensitive(out.read_bytes())
    claims = read_token(token)
    assert claims.audiences == (ISTIO,)
    assert claims.issued_at is not None
    assert claims.expires_at is not None
    credential = outcome.credential
    assert credential is not None
    assert credential.granted == claims.expires_at - claims.issued_at
    assert credential.granted == timedelta(days=1)
    assert credential.identity == arena.identity(NAME)
    review = await bench.review(token, ISTIO)
    assert review["authenticated"] is True
    assert not await bench.works(token), "the API server itself refuses it"
    assert await bench.handles() == []


async def test_the_token_to_ask_with_is_never_replaced_by_the_answer(ebench: Bench) -> None:
    await create(ebench)
    own, path = file_address(ebench.arena), str(token_path(ebench.arena))
    with pytest.raises(UsageError, match="would be lost"):
        await ebench.engine.plan(SelfWish(source=own, cluster=ebench.arena.name, out=path))
    with pytest.raises(UsageError, match="no long-lived token"):
        await ebench.engine.plan(SelfWish(source=ebench.arena.secret_address(), out=path))


async def test_it_is_for_the_account_that_was_shown_whoevers_token_lies_there_by_now(ebench: Bench) -> None:
    await create(ebench)
    arena, out = ebench.arena, str(ebench.arena.folder / "short.token")
    wish = SelfWish(source=file_address(arena), cluster=arena.name, out=out)
    whose = re.escape(f"is the token of {NAME} (namespace {arena.namespace}, cluster {arena.name}) by now, not of")
    with pytest.raises(UsageError, match=whose):
        await ebench.engine.plan(msgspec.structs.replace(wish, identity=Identity(arena.name, arena.namespace, "rok2")))
    shown = Identity(arena.name, arena.namespace, NAME)
    assert (await ebench.engine.execute(await ebench.engine.plan(msgspec.structs.replace(wish, identity=shown)))).ok


@pytest.mark.parametrize("path", ["serviceaccounts/rok$", "roles/", "rolebindings/", "secrets/rok-token$"])
async def test_l05_any_answer_but_404_ends_it_before_it_begins(ebench: Bench, path: str) -> None:
    with (
        ebench.arena.fault(FaultRule(Answer(500, message="etcdserver: leader changed"), verb="get", path=path)),
        pytest.raises(APIError, match="leader changed"),
    ):
        await create(ebench)
    assert await left(ebench) == []
    assert not token_path(ebench.arena).exists()
    assert ebench.state.open_plans() == []


STEPS = [
    ("serviceaccounts$", "account"),
    ("roles$", "rbac"),
    ("rolebindings$", "rbac"),
    ("secrets$", "token"),
]


@pytest.mark.parametrize(("path", "step"), STEPS)
@pytest.mark.parametrize("code", [403, 500])
async def test_l05_a_step_that_fails_leaves_no_half(ebench: Bench, path: str, step: str, code: int) -> None:
    with ebench.arena.fault(FaultRule(Answer(code, message="not today"), verb="create", path=path)):
        outcome = await create(ebench)
    assert not outcome.ok
    assert "not today" in outcome.error
    assert [(r.step, r.status) for r in outcome.results][-2:] == [
        (step, StepStatus.FAILED),
        ("undo", StepStatus.UNDONE),
    ]
    assert await left(ebench) == []
    assert not token_path(ebench.arena).exists()
    assert ebench.state.open_plans() == []
    assert (await create(ebench)).ok


async def test_l05_what_was_there_before_survives_a_failure(ebench: Bench) -> None:
    await ebench.make_account(NAME)
    with ebench.arena.fault(FaultRule(Answer(500), verb="create", path="secrets$")):
        assert not (await create(ebench)).ok
    assert await left(ebench) == ["ServiceAccount"]


async def test_l05_a_cluster_that_goes_away_leaves_the_journal_open_until_it_is_back(ebench: Bench) -> None:
    plan = await ebench.engine.plan(wish(ebench.arena))
    where = f"namespaces/{ebench.arena.namespace}/.*(rolebinding|create-token)"
    with (
        ebench.arena.fault(FaultRule(Drop(), verb="create", path=where)),
        ebench.arena.fault(FaultRule(Drop(), verb="delete", path=where)),
    ):
        outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert len(ebench.state.open_plans()) == 1
    assert "ServiceAccount" in await left(ebench)
    recovered = await ebench.engine.recover()
    assert [one.ok for one in recovered] == [True]
    assert await left(ebench) == ["ServiceAccount"], "who began to use it since leaves no trace"
    assert "stays: it may be in use by now" in recovered[0].results[-1].message
    assert ebench.state.open_plans() == []


class Died(BaseException):
    """A process that was killed."""


@pytest.mark.parametrize("how", ["identity", "issue"])
async def test_what_another_operator_lives_by_meanwhile_is_not_taken_back(ebench: Bench, how: str) -> None:
    """A killed "create identity" is taken back at the next start; who began to use its account until then keeps it."""
    arena = ebench.arena

    def die(point: str) -> None:
        if point == "before:token":
            raise Died

    async with Bench(arena, state="killed") as dying:
        plan = await dying.engine.plan(wish(arena))
        dying.engine.checkpoint = die
        with pytest.raises(Died):
            await dying.engine.execute(plan)
    assert await left(ebench) == ["ServiceAccount", "Role", "RoleBinding"]
    if how == "identity":
        path = arena.folder / "theirs"
        path.mkdir()
        outcome = await create(ebench, folder=str(path))
    else:
        outcome = await ebench.issue(arena.spec(arena.file("theirs"), identity=arena.identity(NAME)))
    assert outcome.ok
    assert outcome.credential is not None
    before = await left(ebench)
    async with Bench(arena, state="killed") as restarted:
        recovered = await restarted.engine.recover()
    assert [one.ok for one in recovered] == [True]
    assert await left(ebench) == before
    assert "stay: others use it by now" in recovered[0].results[-1].message
    assert (await ebench.engine.verify(outcome.credential.address)).ok


async def test_a_token_secret_that_was_made_by_hand_is_one_of_others(ebench: Bench) -> None:
    """It is called as those that old clusters make by themselves; only the account says which are such."""
    arena, plan = ebench.arena, "the-plan"
    identity = arena.identity(NAME)
    await ebench.make_account(NAME, annotations={managed.PLAN: plan})
    assert await accounts.why_kept(ebench.client, identity, plan, later=False) == ""
    annotations = {token_secret.ACCOUNT_NAME: NAME}
    by_hand = {
        "metadata": {"name": f"{NAME}-token-vault", "annotations": annotations},
        "type": "kubernetes.io/service-account-token",
    }
    await ebench.client.create(SECRETS, by_hand, namespace=arena.namespace)
    assert "others use it by now (Secret rok-token-vault)" in await accounts.discard(
        ebench.client, identity, plan, later=False
    )
    own = {"secrets": [{"name": f"{NAME}-token-vault"}]}
    await ebench.client.patch(SERVICE_ACCOUNTS, NAME, own, namespace=arena.namespace)
    assert await accounts.why_kept(ebench.client, identity, plan, later=False) == ""


@pytest.mark.parametrize("later", [False, True])
async def test_what_cannot_be_listed_may_be_used_by_others_unless_it_was_made_a_moment_ago(
    ebench: Bench, later: bool
) -> None:
    identity = ebench.arena.identity(NAME)
    await ebench.make_account(NAME, annotations={managed.PLAN: "the-plan"})
    with ebench.arena.fault(FaultRule(Answer(403, message="cannot list secrets"), verb="list", path="secrets$")):
        why = await accounts.why_kept(ebench.client, identity, "the-plan", later=later)
    assert ("cannot list secrets" in why) is later


async def test_f05_a_secret_that_is_never_filled_ends_with_a_clear_text(ebench: Bench) -> None:
    identity = ebench.arena.identity(NAME)
    await ebench.client.create(SECRETS, {"metadata": {"name": "empty"}}, namespace=ebench.arena.namespace)
    with pytest.raises(IssuanceError, match=r"holds no token after 0\.1 s") as caught:
        await token_secret.wait_for_token(ebench.client, identity, "empty", timedelta(seconds=0.1))
    assert "token controller" in caught.value.hint


async def test_f05_it_is_polled_until_it_is_there(bench: Bench) -> None:
    identity = bench.arena.identity(NAME)
    await bench.make_account(NAME)
    secret, made = await token_secret.create(bench.client, identity, "mine", "plan")
    assert made
    token = await token_secret.wait_for_token(bench.client, identity, "mine", uid=secret.uid)
    assert await bench.works(token)


async def test_f05_a_secret_without_its_account_is_said_so(ebench: Bench) -> None:
    identity = ebench.arena.identity("nobody")
    await token_secret.create(ebench.client, identity, "lost", "plan")
    with pytest.raises(IssuanceError, match="was deleted while it was waited for"):
        await token_secret.wait_for_token(ebench.client, identity, "lost", timedelta(seconds=5))


async def test_f07_token_secrets_are_found_by_their_type_and_not_by_their_place(bench: Bench) -> None:
    arena = bench.arena
    await create(bench)
    await bench.client.create(
        SECRETS,
        {
            "metadata": {"name": "rok-dockercfg", "annotations": {token_secret.ACCOUNT_NAME: NAME}},
            "type": "kubernetes.io/dockercfg",
            "data": {".dockercfg": "e30="},
        },
        namespace=arena.namespace,
    )
    order = {"secrets": [{"name": "rok-dockercfg"}, {"name": "rok-token"}]}
    await bench.client.patch(SERVICE_ACCOUNTS, NAME, order, namespace=arena.namespace)
    found = await token_secret.list_of(bench.client, arena.identity(NAME))
    assert "rok-token" in [secret.name for secret in found]
    assert "rok-dockercfg" not in [secret.name for secret in found]


async def test_f11_a_secret_of_another_type_is_explained(ebench: Bench) -> None:
    await ebench.client.create(SECRETS, {"metadata": {"name": "rok-token"}}, namespace=ebench.arena.namespace)
    with pytest.raises(UsageError, match="of type Opaque: the type of a Secret can never be changed"):
        await create(ebench)
    assert await left(ebench) == ["Secret"]
    assert (await create(ebench, secret="rok-other")).ok


@pytest.mark.parametrize("resource", [ROLES, ROLE_BINDINGS], ids=lambda resource: resource.kind)
async def test_rights_that_say_something_else_are_never_changed(ebench: Bench, resource: Resource) -> None:
    foreign: dict[str, Any] = {"metadata": {"name": f"{NAME}-create-token"}}
    if resource is ROLE_BINDINGS:
        foreign["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    await ebench.client.create(resource, foreign, namespace=ebench.arena.namespace)
    with pytest.raises(UsageError, match="is there already and says something else"):
        await create(ebench)
    assert await left(ebench) == [resource.kind]


@pytest.mark.parametrize(("length", "fits"), [(241, False), (253, False), (180, True)])
def test_a_name_must_leave_room_for_its_suffix(length: int, fits: bool) -> None:
    wanted = IdentityWish(identity=Identity("c", "ns", "x" * length))
    if fits:
        wanted.check()
        return
    with pytest.raises(UsageError, match="too long") as caught:
        wanted.check()
    assert "at most 240" in caught.value.hint


async def test_granting_what_one_does_not_hold_is_explained(bench: Bench) -> None:
    """An operator who may create all the objects, but not mint for the account."""
    arena = bench.arena
    operator = Identity(arena.name, arena.namespace, "operator")
    await bench.make_account(operator.name)
    rules = [
        {"apiGroups": [""], "resources": ["serviceaccounts", "secrets"], "verbs": ["get", "create", "delete"]},
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["roles", "rolebindings"],
            "verbs": ["get", "create", "delete"],
        },
    ]
    await bench.client.create(ROLES, {"metadata": {"name": "op"}, "rules": rules}, namespace=arena.namespace)
    await bench.client.create(
        ROLE_BINDINGS,
        {
            "metadata": {"name": "op"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "op"},
            "subjects": [{"kind": "ServiceAccount", "name": operator.name, "namespace": arena.namespace}],
        },
        namespace=arena.namespace,
    )
    issued = await request_token(bench.client, operator, None, (), None)
    theirs = AsToken(bench.clusters, issued.token)
    engine = Engine(theirs, bench.state, grace=timedelta(0))
    outcome = await settled(engine, wish(arena))
    await engine.aclose()
    await theirs.aclose()
    assert not outcome.ok
    assert "attempting to grant RBAC permissions not currently held" in outcome.error
    assert f"create serviceaccounts/token in namespace {arena.namespace} (resourceName {NAME})" in outcome.hint
    assert "--dry-run -o yaml" in outcome.hint
    assert await left(bench) == []


class AsToken:
    """The clusters of somebody else: every client carries their token."""

    def __init__(self, clusters: Any, token: Sensitive) -> None:
        self._clusters, self._token = clusters, token
        self._clients: dict[str, Client] = {}

    def names(self) -> Any:
        return self._clusters.names()

    def endpoint(self, name: str) -> Any:
        return self._clusters.endpoint(name).with_token(self._token)

    async def client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = Client(self.endpoint(name))
        return self._clients[name]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.close()


async def settled(engine: Engine, wanted: IdentityWish) -> Outcome:
    """Plan and execute, as soon as the authorizer knows the operator's Role."""
    for _ in range(100):
        try:
            plan = await engine.plan(wanted)
        except Forbidden:
            await asyncio.sleep(0.05)
            continue
        return await engine.execute(plan)
    raise AssertionError("the operator never got the rights")


async def test_the_manifests_are_what_is_created(bench: Bench) -> None:
    """Whoever may do it applies them; creating the identity afterwards finds everything there."""
    for document in manifests(wish(bench.arena)):
        group, _, version = document["apiVersion"].rpartition("/")
        plural = {"ServiceAccount": "serviceaccounts", "Secret": "secrets"}.get(document["kind"])
        resource = Resource(group, version, plural or f"{document['kind'].lower()}s", document["kind"])
        await bench.client.create(resource, document, namespace=bench.arena.namespace)
    outcome = await create(bench)
    assert outcome.ok, outcome
    statuses = {result.step: result.status for result in outcome.results}
    assert statuses["account"] is statuses["rbac"] is StepStatus.SKIPPED
    assert await bench.works(Sensitive(token_path(bench.arena).read_bytes()))


async def test_the_token_is_nowhere_but_in_its_file(ebench: Bench) -> None:
    outcome = await create(ebench)
    material = token_path(ebench.arena).read_bytes()
    assert material.decode() not in repr(outcome)
    for file in (ebench.arena.folder / "state").rglob("*"):
        assert not file.is_file() or material not in file.read_bytes()
