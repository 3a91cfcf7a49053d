"""Argo CD's cluster Secrets: listed, entered, rotated in place, undone, ended; and attacks by who may patch one."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.certificates import Authority
from tests.fleet.conftest import over, two as two, until
from tests.issuance.arena import Arena, Bench, handle_of, token_in
from tests.issuance.dying import KILLED, Doomed
from tests.issuance.tenancy import one_context
from tui.demo import EmbeddedFleet
from tui.fleet.fields import lifetimes
from tui.fleet.rows import Reach
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.families.argocd import secret as argo
from tui.issuance.families.argocd.listing import LISTINGS, Kept
from tui.issuance.families.argocd.reading import _agrees
from tui.issuance.families.argocd.source import SOURCES
from tui.issuance.families.delivering import NotDelivered
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Address, Identity, State
from tui.issuance.objects import token_secret
from tui.issuance.records.deliveries import Gate
from tui.issuance.records.entering import Allowed, Trust, TrustedSource, Untrusted, Unusable, Yes
from tui.kube.client import Client
from tui.kube.delivered import DeliveredError
from tui.kube.endpoint import Endpoint
from tui.kube.errors import NotFound
from tui.kube.kubeconfig import parse
from tui.kube.resource import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

ACCOUNT = "argocd-manager"
EVERYTHING = Gate(lambda: Trust(everything=True))
ASKING = Trust(sources=(TrustedSource(context="*", allow=(Allowed.NEAR,), ask=True),))


def address(arena: Arena, name: str = "edge") -> Address:
    return Address(CredentialKind.ARGO_CD, arena.name, arena.namespace, name)


def config(endpoint: Endpoint, token: Sensitive | str | None, **more: Any) -> dict[str, Any]:
    tls = {"insecure": False, "caData": base64.b64encode(endpoint.ca or b"").decode()}
    bearer = token.reveal() if isinstance(token, Sensitive) else token
    return {"bearerToken": bearer, "tlsClientConfig": tls} | more


def cluster_secret(server: str, said: dict[str, Any] | str, name: str = "edge") -> dict[str, Any]:
    text = said if isinstance(said, str) else json.dumps(said)
    values = {"name": "edge of town", "server": server, "config": text, "namespaces": "a,b", "shard": "3"}
    return {
        "metadata": {
            "name": name,
            "labels": {"argocd.argoproj.io/secret-type": "cluster", "team": "edge"},
            "annotations": {"argocd.argoproj.io/refresh": "now", "managed-by": "argocd.argoproj.io"},
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def values_of(found: dict[str, Any]) -> dict[str, Any]:
    values = {key: base64.b64decode(text).decode() for key, text in found["data"].items()}
    return values | {"config": json.loads(values["config"])}


async def token_for(client: Client, namespace: str, account: str, seconds: int = 7200, **spec: Any) -> Sensitive:
    wish = {"spec": {"expirationSeconds": seconds} | spec}
    answer: dict[str, Any] = await client.create(
        SERVICE_ACCOUNTS, wish, namespace=namespace, name=account, subresource="token"
    )
    return Sensitive(answer["status"]["token"])


async def read(bench: Bench, name: str = "edge") -> dict[str, Any]:
    found: dict[str, Any] = await bench.client.get(SECRETS, name, namespace=bench.arena.namespace)
    return found


async def token(bench: Bench, name: str = "edge") -> Sensitive:
    return Sensitive(values_of(await read(bench, name))["config"]["bearerToken"])


async def argo_made(bench: Bench, held: Sensitive | None = None, name: str = "edge", **more: Any) -> Sensitive:
    """A Secret that leads to the arena's own cluster, with a token that is bound to nothing."""
    if held is None:
        await bench.make_account(ACCOUNT)
        held = await token_for(bench.client, bench.arena.namespace, ACCOUNT)
    endpoint = bench.clusters.endpoint(bench.arena.name)
    said = config(endpoint, held, extra={"of": [1, "ä"]}, **more)
    await bench.client.create(SECRETS, cluster_secret(endpoint.server, said, name), namespace=bench.arena.namespace)
    return held


async def put(bench: Bench, change: Callable[[dict[str, Any]], None], name: str = "edge", **keys: str) -> None:
    """What whoever may patch the Secret does with its `config`, and with other keys of it."""
    said = values_of(await read(bench, name))["config"]
    change(said)
    values = {"config": json.dumps(said)} | keys
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    await bench.client.patch(SECRETS, name, {"data": data}, namespace=bench.arena.namespace)


def of(said: dict[str, Any] | str, server: str = "https://edge.example:6443") -> dict[str, Sensitive]:
    text = said if isinstance(said, str) else json.dumps(said)
    return {"server": Sensitive(server), "config": Sensitive(text)}


# What is read


def jwt(**claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


BOUND = {
    "iat": 1_900_000_000, "exp": 1_900_003_600, "sub": "system:serviceaccount:kube-system:argocd-manager",
    "kubernetes.io": {
        "namespace": "kube-system", "serviceaccount": {"name": ACCOUNT, "uid": "u"},
        "secret": {"name": "h", "uid": "s"},
    },
}  # fmt: skip
LEGACY = {
    "kubernetes.io/serviceaccount/namespace": "kube-system",
    "kubernetes.io/serviceaccount/service-account.name": ACCOUNT,
    "kubernetes.io/serviceaccount/service-account.uid": "u",
    "kubernetes.io/serviceaccount/secret.name": "argocd-manager-token",
}


def listed(said: dict[str, Any] | str, server: str = "https://edge.example", label: str = "cluster") -> Any:
    data = {key: Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in of(said, server).items()}
    labels = {"argocd.argoproj.io/secret-type": label}
    meta = dataclass_of(name="edge", namespace="argocd", labels=labels)
    return LISTINGS[0].credential("harbor", Kept(meta, data))


def dataclass_of(**given: Any) -> Any:
    from tui.issuance.families.listing import NotedMeta

    return NotedMeta(**given)


def test_a_row_counts_down_by_the_claims_of_the_token_and_keeps_nothing_of_it() -> None:
    found = listed({"bearerToken": jwt(**BOUND)})
    assert str(found.address) == "argocd:harbor/argocd/edge"
    assert found.identity == Identity("harbor/argocd/edge", "kube-system", ACCOUNT)
    assert found.granted == timedelta(hours=1)
    assert (found.handle.cluster, found.handle.name, found.handle.uid) == ("harbor/argocd/edge", "h", "s")
    now = datetime.fromtimestamp(1_900_000_100, UTC)
    assert state_of(found, now) is State.VALID
    assert state_of(found, now + timedelta(hours=1)) is State.EXPIRED
    assert lifetimes.renews(found, now).text == "no", "no loop keeps it, so no time is promised"
    assert "eyJ" not in repr(found)


def test_what_never_ends_says_so_and_what_is_no_token_of_an_account_is_unknown() -> None:
    assert listed({"bearerToken": jwt(**LEGACY)}).state is State.ENDLESS
    odd = listed({"bearerToken": "opaque"})
    assert (odd.state, odd.identity, bool(odd.message)) == (State.UNKNOWN, None, True)
    inside = listed({"bearerToken": jwt(**BOUND)}, "https://kubernetes.default.svc")
    assert inside.identity.cluster == "harbor"


@pytest.mark.parametrize("said", ["", "no json", "[]", "{}", {"execProviderConfig": {}}, {"username": "a"}])
def test_what_has_no_token_is_no_row(said: dict[str, Any] | str) -> None:
    assert listed(said) is None
    assert listed({"bearerToken": jwt(**BOUND)}, label="repository") is None


HOSTILE: dict[str, tuple[dict[str, Any] | str, str]] = {
    "program": ({"execProviderConfig": {"command": "sh"}}, "would run a program"),
    "aws": ({"awsAuthConfig": {"clusterName": "x"}, "bearerToken": "t"}, "would run a program"),
    "password": ({"username": "u", "password": "p"}, "no login"),
    "two logins": ({"bearerToken": "t", "tlsClientConfig": {"certData": "Yw==", "keyData": "aw=="}}, "one login"),
    "twice": ('{"bearerToken": "t", "bearerToken": "u"}', "a key twice"),
    "twice in two cases": ('{"bearerToken": "t", "BEARERTOKEN": "u"}', "a key twice"),
    "in another case": ({"bearerToken": "t", "tlsClientConfig": {"Insecure": True}}, "another case"),
    "kelvin": ({"bearerToKen": "t"}, "another case"),
    "a list": ({"bearerToken": ["t"]}, "cannot be read"),
    "a number": ({"bearerToken": "t", "tlsClientConfig": {"insecure": 1}}, "cannot be read"),
    "not base64": ({"bearerToken": "t", "tlsClientConfig": {"caData": "?"}}, "cannot be read"),
    "no authority": ({"bearerToken": "t", "tlsClientConfig": {"caData": "eA=="}}, "no certificate"),
    "a name": ({"bearerToken": "t", "tlsClientConfig": {"serverName": "a b"}}, "no name of a server"),
    "nobody": ({}, "neither a token nor"),
    "deep": ("[" * 100_000, "no JSON object"),
}


class Holding:
    """A host that holds one Secret."""

    endpoint = Endpoint(name="harbor", server="https://harbor.example")

    def __init__(self, found: Any) -> None:
        self.found = found

    async def get(self, *_: Any, **__: Any) -> Any:
        if self.found is None:
            raise NotFound(404, "NotFound", "no such Secret")
        return self.found


def holding(values: dict[str, Sensitive], label: str = "cluster") -> Any:
    from tui.issuance.objects.secret_object import SecretObject

    data = {key: Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in values.items()}
    return Holding(SecretObject(metadata={"labels": {"argocd.argoproj.io/secret-type": label}}, data=data))


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_no_honest_cluster_delivers_is_never_used(name: str) -> None:
    said, why = HOSTILE[name]
    with pytest.raises(Unusable, match=why):
        await SOURCES[0].find(holding(of(said)), "harbor", "argocd", "edge", None)


@pytest.mark.parametrize("server", ["http://edge.example", "https://edge.example?x", "https://u@edge.example", ""])
async def test_an_address_that_no_cluster_may_deliver_is_never_used(server: str) -> None:
    with pytest.raises(Unusable, match="server"):
        await SOURCES[0].find(holding(of({"bearerToken": "t"}, server)), "harbor", "argocd", "edge", None)


async def test_what_is_delivered_is_decided_on_like_any_other() -> None:
    authority = Authority("edge")
    tls = {"caData": base64.b64encode(authority.pem).decode(), "serverName": "kubernetes"}
    found = await SOURCES[0].find(
        holding(of({"bearerToken": "t", "tlsClientConfig": tls})), "harbor", "argocd", "edge", None
    )
    assert (found.endpoint.name, found.endpoint.ca, found.endpoint.delivered) == (
        "harbor/argocd/edge", authority.pem, True,
    )  # fmt: skip
    assert found.endpoint.login.token == Sensitive("t")
    assert str(found.delivery.by) == "Argo CD's cluster argocd/edge in harbor"
    insecure = of({"bearerToken": "t", "tlsClientConfig": {"insecure": True}, "proxyUrl": "http://p.example"})
    odd = (await SOURCES[0].find(holding(insecure), "harbor", "argocd", "edge", None)).delivery
    assert (odd.insecure, odd.proxy) == (True, True)
    absent: Any = Holding(None)
    other = {"server": Sensitive("https://edge.example"), "token": Sensitive("t")}  # labelled, for other ends
    for missing in (absent, holding(of({"bearerToken": "t"}), "repository"), holding(other)):
        with pytest.raises(NotDelivered):
            await SOURCES[0].find(missing, "harbor", "argocd", "edge", None)


def test_only_the_token_is_written_over() -> None:
    said = {"username": "", "bearerToken": "old", "tlsClientConfig": {"insecure": False, "x": None}, "more": [1.5, "ä"]}
    written = json.loads(argo.written(of(said), Sensitive("new")).reveal())
    assert written == said | {"bearerToken": "new"}
    assert list(written) == list(said)
    with pytest.raises(DeliveredError, match="is not there"):
        argo.written(of({"username": "u"}), Sensitive("new"))


# Rotating, on every side


async def test_a_rotation_writes_the_token_alone_and_the_next_one_ends_it(bench: Bench) -> None:
    old = await argo_made(bench)
    before = await read(bench)
    at = address(bench.arena)
    plan = await bench.engine.plan_rotate(at)
    assert [step.id for step in plan.steps] == ["intent", "handle", "token", "prove", "write:0", "check:0", "commit"]
    assert any("bound to nothing" in said for said in plan.warnings)
    first = await bench.engine.execute(plan)
    assert first.ok, first
    after = await read(bench)
    new = await token(bench)
    assert new != old
    assert await bench.works(new)
    wanted = values_of(before)
    wanted["config"]["bearerToken"] = new.reveal()
    assert values_of(after) == wanted
    for part in ("labels", "annotations", "uid", "name"):
        assert after["metadata"][part] == before["metadata"][part]
    assert after["type"] == before["type"]
    assert first.credential is not None
    assert first.credential.identity == bench.arena.identity(ACCOUNT)
    assert first.credential.granted == timedelta(hours=2), "what the old one was given"
    assert await bench.handles() == [handle_of(first)]
    shown = await bench.engine.lookup(at)
    assert (shown.fingerprint, shown.expires_at) == (new.fingerprint, first.credential.expires_at)
    verified = await bench.engine.verify(at)
    assert (verified.ok, verified.username) == (True, bench.arena.identity(ACCOUNT).username)
    second = await bench.rotate(at)
    assert await bench.handles() == [handle_of(second)], "the one that it replaced has ended"
    assert bench.state.open_plans() == []
    assert bench.state.export_records() == []
    assert bench.state.verify_chain().ok


async def test_a_long_lived_token_is_named_and_stays(bench: Bench) -> None:
    await bench.make_account(ACCOUNT)
    identity = bench.arena.identity(ACCOUNT)
    await bench.client.create(
        SECRETS, token_secret.manifest(identity, "manager-token"), namespace=bench.arena.namespace
    )
    held: Sensitive | None = None
    for _ in range(100):
        whole = await token_secret.read_whole(bench.client, bench.arena.name, bench.arena.namespace, "manager-token")
        if (held := whole.token) is not None:
            break
    assert held is not None
    await argo_made(bench, held)
    at = address(bench.arena)
    assert (await bench.engine.lookup(at)).state is State.ENDLESS
    assert (await bench.engine.verify(at)).ok
    with pytest.raises(UsageError, match="bound to Secret manager-token") as caught:
        await bench.engine.plan_revoke(at)
    assert f"legacy:{bench.arena.name}/{bench.arena.namespace}/manager-token" in caught.value.hint
    plan = await bench.engine.plan_rotate(at)
    said = " ".join(plan.warnings)
    assert "never ends" in said
    assert f"kubemint revoke legacy:{bench.arena.name}/{bench.arena.namespace}/manager-token" in said
    assert (await bench.engine.execute(plan)).ok
    await bench.engine.settle()
    assert await bench.works(held)
    assert await bench.works(await token(bench))
    assert (await bench.engine.lookup(at)).state is State.VALID


async def test_revoking_ends_the_token_and_leaves_the_secret(bench: Bench) -> None:
    await argo_made(bench)
    at = address(bench.arena)
    with pytest.raises(UsageError, match="has no handle"):
        await bench.engine.plan_revoke(at)
    await bench.rotate(at)
    plan = await bench.engine.plan_revoke(at)
    assert any("the Secret stays" in said for said in plan.warnings)
    assert (await bench.engine.execute(plan)).ok
    assert await bench.handles() == []
    assert values_of(await read(bench))["config"]["bearerToken"]
    if bench.arena.fleet is not None:
        bench.arena.forget()
        assert not (await bench.engine.verify(at)).ok
        with pytest.raises(UsageError, match="refuses its token"):
            await bench.engine.plan_rotate(at)


async def test_it_is_exported_as_a_kubeconfig_that_is_rendered_anew(bench: Bench) -> None:
    held = await argo_made(bench)
    at = address(bench.arena)
    shown = parse((await bench.engine.material(at)).reveal_bytes()).endpoint()
    assert shown.login.token == held
    assert shown.server == bench.clusters.endpoint(bench.arena.name).server
    file = str(bench.arena.folder / "copy.kubeconfig")
    outcome = await bench.engine.execute(await bench.engine.plan_export(at, FileDestination(file)))
    assert outcome.ok, outcome
    assert token_in(file) == held
    bare = str(bench.arena.folder / "copy.token")
    assert (await bench.engine.export(at, FileDestination(bare), Format.TOKEN)).ok
    assert Path(bare).read_text() == held.reveal()


async def test_an_older_token_that_was_put_back_hides_no_newer_one(patient: Bench) -> None:
    """The attack: `config` as it was before the last rotation, within its grace."""
    await argo_made(patient)
    at = address(patient.arena)
    await patient.rotate(at)
    older = (await read(patient))["data"]["config"]
    newest = await patient.engine.execute(await patient.engine.plan_rotate(at))
    assert newest.ok, newest
    held = await token(patient)
    await patient.client.patch(SECRETS, "edge", {"data": {"config": older}}, namespace=patient.arena.namespace)
    plan = await patient.engine.plan_revoke(at)
    outcome = await patient.engine.execute(plan)
    assert outcome.ok, outcome
    assert await patient.handles() == [], "the newest ends too: its handle was made for this very place"
    patient.arena.forget()
    assert not await patient.works(held)


async def test_files_that_hold_a_copy_are_named_before_it_ends(ebench: Bench) -> None:
    await argo_made(ebench)
    at, file = address(ebench.arena), str(ebench.arena.folder / "copy.kubeconfig")
    await ebench.rotate(at)
    exported = await ebench.engine.plan_export(at, FileDestination(file))
    assert f"the copy ends when {at} is rotated or revoked: export it again then" in exported.warnings
    assert (await ebench.engine.execute(exported)).ok
    plan = await ebench.engine.plan_rotate(at)
    assert f"the copy {file} stops working; export it again afterwards" in plan.warnings


# Undone, killed


@pytest.fixture
async def patient(embedded: Arena) -> AsyncIterator[Bench]:
    async with Bench(embedded, grace=timedelta(minutes=5)) as ready:
        yield ready


async def test_a_rotation_can_be_undone_while_the_old_one_lives(patient: Bench) -> None:
    await argo_made(patient)
    at = address(patient.arena)
    assert (await patient.engine.execute(await patient.engine.plan_rotate(at))).ok
    before = await read(patient)
    assert (await patient.engine.execute(await patient.engine.plan_rotate(at))).ok
    plan = await patient.engine.plan_undo(at)
    assert [step.id for step in plan.steps] == ["intent", "prove", "write:0", "check:0", "commit", "revoke:0"]
    assert (await patient.engine.execute(plan)).ok
    assert values_of(await read(patient)) == values_of(before)
    assert (await patient.engine.verify(at)).ok
    [left] = patient.state.revocations()
    assert left.by == (await token(patient)).fingerprint


async def test_what_somebody_put_back_does_not_end_with_its_grace(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(minutes=5)) as bench:
        await argo_made(bench)
        await bench.engine.execute(await bench.engine.plan_rotate(address(embedded)))
        old = (await read(bench))["data"]["config"]
        await bench.engine.execute(await bench.engine.plan_rotate(address(embedded)))
        await bench.client.patch(SECRETS, "edge", {"data": {"config": old}}, namespace=embedded.namespace)
        [left] = bench.state.revocations()
        from tui.issuance.families.argocd.family import FAMILY

        assert "Argo CD's Secret" in await FAMILY.in_use_again(bench.engine._context, left)


@pytest.fixture(scope="module")
def doomed() -> Doomed:
    return Doomed()


POINTS = [
    f"{moment}:{step}"
    for step in ("intent", "handle", "token", "prove", "write:0", "check:0", "commit")
    for moment in ("before", "unrecorded", "after")
]


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("point", POINTS)
async def test_killed_anywhere_one_working_token_is_left(
    embedded: Arena, doomed: Doomed, point: str, undo: bool
) -> None:
    if undo and point.partition(":")[2] in ("handle", "token"):
        pytest.skip("an undo mints nothing")
    async with Bench(embedded) as bench:
        await argo_made(bench)
        await bench.rotate(address(embedded))  # so that the old one has a handle too
        before = await read(bench)
    assert doomed.run(embedded, address(embedded), point, undo=undo) == KILLED
    later = timedelta(minutes=6) if undo else timedelta(0)  # the grace of what the undo is about is over
    async with Bench(embedded, clock=lambda: datetime.now(UTC) + later) as bench:
        assert await bench.works(await token(bench)), "before anything is recovered"
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert [one.error for one in outcomes if not one.ok] == []
        assert bench.state.open_plans() == []
        assert bench.state.revocations() == []
        embedded.forget()
        after = await read(bench)
        assert await bench.works(await token(bench))
        assert values_of(after) | {"config": None} == values_of(before) | {"config": None}
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
        shown = await bench.engine.lookup(address(embedded))
        assert [shown.handle and shown.handle.name] == await bench.handles()
        assert bench.state.verify_chain().ok


async def test_what_somebody_changes_meanwhile_is_not_written_over(ebench: Bench) -> None:
    await argo_made(ebench)
    plan = await ebench.engine.plan_rotate(address(ebench.arena))
    await ebench.client.patch(
        SECRETS, "edge", {"metadata": {"annotations": {"x": "y"}}}, namespace=ebench.arena.namespace
    )
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert await ebench.handles() == []


# Attacks: whoever may patch the Secret


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The servers that were sent a token."""
    seen: list[str] = []
    enter = Endpoint.with_token

    def entered(self: Endpoint, token: Sensitive) -> Endpoint:
        seen.append(self.server)
        return enter(self, token)

    monkeypatch.setattr(Endpoint, "with_token", entered)
    return seen


async def refused(bench: Bench, why: str, kind: type[Exception] = UsageError) -> None:
    """Neither rotated nor revoked, and nothing is made for it."""
    before, handles = await read(bench), await bench.handles()
    for plan in (bench.engine.plan_rotate, bench.engine.plan_revoke):
        with pytest.raises(kind, match=why):
            await plan(address(bench.arena))
    assert await read(bench) == before
    assert await bench.handles() == handles


async def test_an_address_elsewhere_gets_no_token_and_is_sent_none(ebench: Bench, sent: list[str]) -> None:
    await argo_made(ebench)
    ca = base64.b64encode(Authority("mallory").pem).decode()
    await put(ebench, lambda said: said["tlsClientConfig"].update(caData=ca), server="https://mallory.example:6443")
    await refused(ebench, "is not confirmed", Untrusted)
    with pytest.raises(Untrusted):
        await ebench.engine.verify(address(ebench.arena))
    assert sent == []


@pytest.mark.parametrize("what", ["authority", "unchecked", "name", "unchecked elsewhere"])
async def test_the_known_address_with_another_way_to_it_is_refused(ebench: Bench, sent: list[str], what: str) -> None:
    await argo_made(ebench)

    def change(said: dict[str, Any]) -> None:
        tls = said["tlsClientConfig"]
        if what == "authority":
            tls["caData"] = base64.b64encode(Authority("mallory").pem).decode()
        elif what == "name":
            tls["serverName"] = "mallory.example"
        else:
            del tls["caData"]
            tls["insecure"] = True

    keys = {"server": "https://mallory.example"} if what == "unchecked elsewhere" else {}
    await put(ebench, change, **keys)
    expected = UsageError if what == "name" else Untrusted
    await refused(ebench, "to be called mallory.example" if what == "name" else "not entered|nobody said yes", expected)
    assert sent == []


async def test_the_same_authority_at_another_address_is_said(ebench: Bench, sent: list[str]) -> None:
    await argo_made(ebench)
    await put(ebench, lambda said: None, server="https://inside.example:6443")
    plan = await ebench.engine.plan_rotate(address(ebench.arena))
    assert any("its server is https://inside.example:6443" in said for said in plan.warnings)
    assert set(sent) == {ebench.clusters.endpoint(ebench.arena.name).server}, "and the token goes to the known one"


@pytest.mark.parametrize("what", ["plain", "proxy", "unchecked", "name"])
async def test_the_cluster_that_it_runs_in_has_an_address_of_its_own(ebench: Bench, what: str) -> None:
    await argo_made(ebench)

    def change(said: dict[str, Any]) -> None:
        tls = said["tlsClientConfig"]
        tls["caData"] = base64.b64encode(Authority("inside").pem).decode()
        if what == "proxy":
            said["proxyUrl"] = "http://mallory.example:3128"
        elif what == "name":
            tls["serverName"] = "mallory.example"
        elif what == "unchecked":
            del tls["caData"]
            tls["insecure"] = True

    await put(ebench, change, server="https://kubernetes.default.svc")
    if what != "plain":
        await refused(ebench, "does not lead to")
        return
    outcome = await ebench.rotate(address(ebench.arena))
    assert outcome.credential.identity == ebench.arena.identity(ACCOUNT)
    assert (await ebench.engine.verify(address(ebench.arena))).ok


def test_without_an_authority_another_address_is_another_cluster() -> None:
    known, at = Endpoint(name="edge", server="https://edge.example"), Address(CredentialKind.ARGO_CD, "h", "n", "edge")
    assert _agrees(at, dataclasses.replace(known), known) == ()
    with pytest.raises(UsageError, match=r"its server is https://mallory\.example"):
        _agrees(at, dataclasses.replace(known, server="https://mallory.example"), known)


async def test_a_token_of_another_cluster_is_nobodys_here(ebench: Bench) -> None:
    await argo_made(ebench)
    other = await ebench.clusters.client("tenant-a")
    await other.create(NAMESPACES, {"metadata": {"name": ebench.arena.namespace}})
    await other.create(SERVICE_ACCOUNTS, {"metadata": {"name": ACCOUNT}}, namespace=ebench.arena.namespace)
    held = await token_for(other, ebench.arena.namespace, ACCOUNT)
    await put(ebench, lambda said: said.update(bearerToken=held.reveal()))
    await refused(ebench, "refuses its token")


@pytest.mark.parametrize("forged", [jwt(**BOUND), "opaque"])
async def test_a_token_that_somebody_wrote_himself_is_nobodys(ebench: Bench, forged: str) -> None:
    await argo_made(ebench)
    await put(ebench, lambda said: said.update(bearerToken=forged))
    await refused(ebench, "nothing shows whose it is")


async def test_a_neighbours_token_gets_no_successor_here_and_is_not_ended(ebench: Bench) -> None:
    await argo_made(ebench)
    await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    stolen = await ebench.engine.material(ebench.arena.secret_address())
    held = parse(stolen.reveal_bytes()).endpoint().login.token
    assert held is not None
    await put(ebench, lambda said: said.update(bearerToken=held.reveal()))
    await refused(ebench, "made for another place")
    assert await ebench.works(held)


async def test_another_argo_clusters_token_gets_no_successor_here(ebench: Bench) -> None:
    held = await argo_made(ebench)
    await argo_made(ebench, held, name="core")
    await ebench.rotate(address(ebench.arena, "core"))
    stolen = await token(ebench, "core")
    await put(ebench, lambda said: said.update(bearerToken=stolen.reveal()))
    await refused(ebench, "made for another place")


async def test_the_token_of_a_pod_gets_no_successor(ebench: Bench) -> None:
    await argo_made(ebench)
    from tui.kube.resource import PODS

    spec = {"serviceAccountName": ACCOUNT, "containers": [{"name": "c", "image": "i"}]}
    pod = await ebench.client.create(PODS, {"metadata": {"name": "p"}, "spec": spec}, namespace=ebench.arena.namespace)
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": pod["metadata"]["uid"]}
    held = await token_for(ebench.client, ebench.arena.namespace, ACCOUNT, boundObjectRef=bound)
    await put(ebench, lambda said: said.update(bearerToken=held.reveal()))
    await refused(ebench, "the token of Pod p")


async def test_a_secret_without_the_label_is_left_alone(ebench: Bench) -> None:
    await argo_made(ebench)
    labels = {"metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}}}
    await ebench.client.patch(SECRETS, "edge", labels, namespace=ebench.arena.namespace)
    await refused(ebench, "no cluster of Argo CD's")
    with pytest.raises(UsageError, match="no cluster of Argo CD's"):
        await ebench.engine.material(address(ebench.arena))


# Clusters that nothing else leads to


@pytest.fixture
def alone(embedded: Arena) -> Arena:
    """The host with a kubeconfig of its own, which vouches for nobody."""
    config = yaml.safe_load(one_context(embedded.kubeconfig, embedded.name))
    for one in config["clusters"]:
        one["cluster"].pop("extensions", None)
    path = embedded.folder / "alone"
    path.write_text(yaml.safe_dump(config))
    return dataclasses.replace(embedded, kubeconfig=path)


async def tenant(embedded: Arena) -> tuple[Endpoint, Sensitive]:
    """`tenant-a` as Argo CD enters it: with an account that may do everything there."""
    async with Bench(embedded) as bench:
        other, endpoint = await bench.clusters.client("tenant-a"), bench.clusters.endpoint("tenant-a")
        await other.create(NAMESPACES, {"metadata": {"name": embedded.namespace}})
        await other.create(SERVICE_ACCOUNTS, {"metadata": {"name": ACCOUNT}}, namespace=embedded.namespace)
        from tui.kube.resource import Resource

        bindings = Resource(
            "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
        )
        wish = {
            "metadata": {"name": f"argo-{embedded.namespace}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": embedded.namespace}],
        }
        await other.create(bindings, wish)
        held = await token_for(other, embedded.namespace, ACCOUNT)
        said = cluster_secret(endpoint.server, config(endpoint, held))
        await bench.client.create(SECRETS, said, namespace=embedded.namespace)
        return endpoint, held


async def test_a_cluster_that_it_alone_leads_to_is_entered_after_a_yes_and_rotated_with_its_own_token(
    embedded: Arena, alone: Arena, sent: list[str]
) -> None:
    endpoint, _ = await tenant(embedded)
    sent.clear()
    async with Bench(alone) as bench:
        bench.engine._targets.gate = Gate(lambda: ASKING, bench.state.trusted_place)
        with pytest.raises(Untrusted, match="is not confirmed"):
            await bench.engine.plan_rotate(address(alone))
        assert sent == []
        found = await SOURCES[0].find(bench.client, alone.name, alone.namespace, "edge", None)
        assert found.delivery.place.server == endpoint.server
        bench.state.trust(Yes(found.delivery.by, found.delivery.place, datetime.now(UTC)))
        outcome = await bench.rotate(address(alone))
        own = f"{alone.name}/{alone.namespace}/edge"
        assert outcome.credential.identity == Identity(own, alone.namespace, ACCOUNT)
        assert outcome.credential.handle.cluster == own
        assert (await bench.engine.verify(address(alone))).ok
        await bench.rotate(address(alone))
        assert set(sent) == {endpoint.server}
        await put(bench, lambda said: None, server="https://mallory.example")
        with pytest.raises(Untrusted, match="changed since"):
            await bench.engine.plan_rotate(address(alone))


async def test_the_fleet_shows_the_cluster_and_the_token(two: EmbeddedFleet, tmp_path: Path) -> None:
    async with over(two, tmp_path) as fleet:
        client, other, endpoint = (
            await fleet.client("harbor"),
            await fleet.client("tenant-a"),
            fleet.endpoint("tenant-a"),
        )
        await other.create(SERVICE_ACCOUNTS, {"metadata": {"name": ACCOUNT}}, namespace="kube-system")
        held = await token_for(other, "kube-system", ACCOUNT)
        await client.create(NAMESPACES, {"metadata": {"name": "argocd"}})
        await client.create(SECRETS, cluster_secret(endpoint.server, config(endpoint, held)), namespace="argocd")
        name = "harbor/argocd/edge"
        await until(lambda: name in fleet.store.clusters, "the cluster")
        await until(lambda: fleet.store.clusters[name].reach is Reach.READY, "and it is entered")
        assert fleet.store.clusters[name].source == "Argo CD"
        key = "argocd:harbor/argocd/edge"
        await until(lambda: key in fleet.store.credentials, "the token")
        row = fleet.store.credentials[key].credential
        assert (row.identity, row.fingerprint) == (Identity("tenant-a", "kube-system", ACCOUNT), held.fingerprint)
        assert row.expires_at is not None
        await client.delete(SECRETS, "edge", namespace="argocd")
        await until(lambda: name not in fleet.store.clusters and key not in fleet.store.credentials, "both go")
