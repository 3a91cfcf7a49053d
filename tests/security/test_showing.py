"""To whom a token is shown: the decision, everybody who sends one, and attacks by who writes what is said of one.

In each attack somebody names another cluster (by a mark, a status, the current context, a file that was put back); he
runs that one, and waits for the token.
"""

from __future__ import annotations

import ast
import base64
import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import tui
from tests.issuance.arena import Arena, Bench, make_namespace, token_in
from tests.issuance.dpf_place import Place
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.token_secret.identity import IdentityWish, SelfWish
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, State
from tui.issuance.records.entering import NO_AUTHORITY
from tui.issuance.records.whereabouts import Whereabouts, may_be
from tui.issuance.trust.showing import Shown, asked_beside, judge
from tui.issuance.trust.whose import AnotherCluster
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS, TOKEN_REVIEWS
from tui.kube.sensitive import Sensitive

# The decision


@pytest.mark.parametrize(
    ("says", "recorded", "leads", "there", "shown"),
    [
        ("h", None, "", {}, "h"),
        ("h", None, "s", {}, "h"),
        ("s", None, "", {}, "h?"),  # a mark alone
        ("s", None, "h", {}, "h?"),
        ("s", ["s"], "", {}, "s"),
        ("s", ["h"], "s", {"s": True}, "h"),
        ("s", [], "s", {"s": True}, "h?"),  # a record of a third one, or of one of that name
        ("s", None, "s", {"h": True, "s": True}, "h"),  # who runs a cluster can say that he has it
        ("s", None, "s", {"h": False}, "s"),
        ("s", None, "s", {"h": None}, "s"),
        ("s", None, "", {"h": None, "s": True}, "h?"),  # on its own word, while the other did not say
        ("s", None, "", {"h": False, "s": True}, "s"),
        ("s", None, "", {"h": False, "s": False}, "h?"),
        ("s", None, "", {"h": False, "s": None}, "h?"),
        ("s", None, "", {"h": False, "s": True, "t": False}, "s"),
        ("s", None, "", {"h": False, "s": True, "t": True}, "h?"),  # who runs `s` can say anything of himself
        ("s", None, "", {"h": False, "s": True, "t": None}, "s"),  # a cluster that is down keeps nobody from working
        ("s", None, "s", {"h": False, "s": True, "t": True}, "s"),
    ],
)
def test_to_whom_the_token_in_a_secret_is_shown(
    says: str, recorded: list[str] | None, leads: str, there: dict[str, bool | None], shown: str
) -> None:
    found = judge("h", says, recorded, leads, there)
    assert (found.cluster, found.sure) == (shown.rstrip("?"), not shown.endswith("?"))
    assert found.sure or says in found.why
    assert found.sure == (found == Shown(found.cluster))


def test_the_host_that_delivers_a_tenant_is_believed_before_whoever_a_mark_names() -> None:
    tenant, there = "real/ns/ten", {"real/ns/ten": False, "evil": True, "real": True}
    assert judge(tenant, "evil", None, "", there) == Shown("real")
    assert not judge(tenant, "evil", None, "", there | {"real": None}).sure
    assert judge(tenant, "real", None, "", {tenant: False, "real": True}) == Shown("real")
    assert not judge(tenant, "evil", None, "", there | {"real/ns/ten": None}).sure


CA_A, CA_B = (f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----".encode() for text in ("MIIB", "MIIC"))


def test_who_is_asked_beside_the_one_that_a_mark_names() -> None:
    """Everyone but the same cluster under another name."""

    def way(name: str, server: str, ca: bytes) -> Endpoint:
        return Endpoint(name=name, server=server, ca=ca)

    ways = {"real": way("real", "https://a:1", CA_A), "again": way("again", "https://a:1", CA_A)}
    ways["o"] = way("o", "https://b:1", CA_B)
    assert asked_beside("real/ns/ten", "o", ["real", "again"], ways) == ["real", "again"]
    assert asked_beside("ten", "real", ["again", "o", "unknown"], ways) == ["o", "unknown"]


HERE = Whereabouts("c", "https://10.0.0.1:6443", "aa", "uid")


@pytest.mark.parametrize(
    ("now", "may"),
    [
        ({}, True),
        ({"cluster": "other"}, True),
        ({"uid": "another"}, False),
        ({"uid": ""}, True),
        ({"uid": "", "server": "https://10.0.0.2:6443"}, True),
        ({"uid": "", "authority": "bb"}, True),
        ({"uid": "", "server": "https://10.0.0.2:6443", "authority": "bb"}, False),  # who does not say who he is
        ({"server": "https://10.0.0.2:6443", "authority": "bb"}, False),  # who repeats it
    ],
)
def test_what_may_be_the_cluster_that_was_written_down(now: dict[str, str], may: bool) -> None:
    assert may_be(HERE, msgspec.structs.replace(HERE, **now)) is may


def test_no_authority_is_nobodys() -> None:
    then = Whereabouts("c", "https://10.0.0.1:6443", NO_AUTHORITY, "")
    assert not may_be(then, Whereabouts("c", "https://10.0.0.2:6443", NO_AUTHORITY, ""))


# Everybody who sends a token

SENDS = ("with_token", "ask", "prove", "review", "verify_token", "facts_at")
"""What sends the token that it is given."""
JUST_GIVEN = "that server gave it just before"
BELOW = "sends what it is given: who calls it is listed here too"
STANDS_BESIDE = "to the server that stands beside it in the same kubeconfig, as any client would"
SENDERS = {
    "issuance.destinations.proving.prove": BELOW,
    "issuance.destinations.proving.ask": BELOW,
    "issuance.destinations.proving._for_audience": BELOW,
    "issuance.insight.verification.verify_token": BELOW,
    "issuance.insight.refusal._what_is_missing": BELOW,
    "issuance.insight.refusal._for_others": BELOW,
    "issuance.transaction.ending._asked": BELOW,
    "issuance.transaction.ending._reviewed": BELOW,
    "issuance.trust.vouching._confirmed": BELOW,
    "issuance.destinations.tenant.prove_arrived": JUST_GIVEN,
    "issuance.families.dpf.keeper._issue": JUST_GIVEN,
    "issuance.families.certificate.issue._prove": JUST_GIVEN,
    "issuance.families.dpf.renewal_work.prove": JUST_GIVEN,
    "issuance.families.dpf.requesting._prove": JUST_GIVEN,
    "issuance.families.token_secret.long_lived.prove": JUST_GIVEN,
    "issuance.families.token_secret.reviving._prove": JUST_GIVEN,
    "issuance.tokens.issuing._prove": JUST_GIVEN + "; an undo: `undoing` holds what it replaced against its cluster",
    "actions.jobs.work": "asks a person, and sends nothing",
    "issuance.insight.foreign.way_of": JUST_GIVEN + ", and the file leads there as the operator's own way does",
    "issuance.insight.verification.verify_kubeconfig": STANDS_BESIDE,
    "issuance.insight.verification.verify": "Family.whose",
    "issuance.insight.powers._way_in": "Family.whose",
    "issuance.tokens.copied.confirmed": "Family.whose",
    "issuance.revoking.searching.look_into": "Family.whose",
    "issuance.revoking.plans._looked_at_again": "Family.whose, in ending.at_hand",
    "issuance.transaction.ending.describe": "Family.whose, in ending.at_hand; or found by its token",
    "issuance.transaction.ending.until_refused": "Family.whose, in ending.at_hand; or found by its token",
    "issuance.transaction.grace.end": "held against its cluster by whose.of_revocation",
    "issuance.insight.verification.verify_pasted": "showing.insist_on_token",
    "issuance.revoking.seeking.of_token": "showing.insist_on_token, after sought.shown_to",
    "issuance.families.token_secret.self_issue._token": "showing.cluster_of_token",
    "issuance.families.files.found": "showing.of_file",
    "issuance.trust.vouching._facts_of": "showing.of_secret",
    "issuance.trust.vouching.in_file": "showing.of_file",
    "issuance.families.dpf.shown.confirm": "showing.home_of",
    "issuance.families.argocd.reading.confirmed": "showing.home_of",
    "issuance.families.dpf.shown.of_request": "showing.home_of",
}
"""Who sends a token, and why it may be shown there."""


def senders(node: ast.AST, module: str, function: str = "") -> set[str]:
    found = set()
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Call):
            called = child.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if name in SENDS:
                found.add(f"{module}.{inside}")
        found |= senders(child, module, inside)
    return found


def test_everybody_who_sends_a_token_says_why_it_may_be_shown_there() -> None:
    """Who comes anew goes through `trust.showing`, and is entered here with what lets him."""
    folder = Path(tui.__file__).parent
    found = set[str]()
    for path in folder.rglob("*.py"):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        if not module.startswith(("demo.", "screens.", "widgets.")):
            found |= senders(ast.parse(path.read_text()), module)
    assert found == set(SENDERS)


# The attacks


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The servers that were sent a token, and the fingerprint of that: to enter with it, or for a review."""
    seen: list[tuple[str, str]] = []
    enter, create = Endpoint.with_token, Client.create

    def entered(self: Endpoint, token: Sensitive) -> Endpoint:
        seen.append((self.server, token.fingerprint))
        return enter(self, token)

    async def created(self: Client, resource: Any, body: Any, *rest: Any, **more: Any) -> Any:
        if resource == TOKEN_REVIEWS:
            seen.append((self.endpoint.server, body["spec"]["token"].fingerprint))
        return await create(self, resource, body, *rest, **more)

    monkeypatch.setattr(Endpoint, "with_token", entered)
    monkeypatch.setattr(Client, "create", created)
    return seen


OTHER = "tenant-a"


def servers(bench: Bench, sent: list[tuple[str, str]], fingerprint: str) -> set[str]:
    """The clusters that were sent this token since this was asked the last time."""
    names = {bench.clusters.endpoint(name).server: name for name in bench.clusters.names()}
    found = {names[server] for server, one in sent if one == fingerprint}
    sent.clear()
    return found


async def mark(bench: Bench, name: str, **marks: str | None) -> None:
    notes = {f"kubemint.io/{key.replace('_', '-')}": value for key, value in marks.items()}
    await bench.client.patch(SECRETS, name, {"metadata": {"annotations": notes}}, namespace=bench.arena.namespace)


async def tried(work: Awaitable[object]) -> str:
    """What it is refused with, empty where it is not."""
    try:
        await work
    except IssuanceError as error:
        return error.message
    return ""


@pytest.mark.parametrize("machine", ["its own", "another"])
async def test_a_mark_does_not_say_to_whom_the_token_in_a_secret_is_shown(
    ebench: Bench, sent: list[tuple[str, str]], machine: str
) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    address, fingerprint = issued.address, issued.credential.fingerprint
    await mark(ebench, "robot-credential", account_cluster=OTHER)
    async with Bench(arena, state="state" if machine == "its own" else "elsewhere") as bench:
        sent.clear()
        engine = bench.engine
        verified = await engine.verify(address)
        assert verified.ok, verified
        credential = await engine.lookup(address)
        assert credential.state is State.UNKNOWN
        assert f"of {OTHER}, its token is of {arena.name}" in credential.message
        assert (await engine.powers(address)).cluster == arena.name
        copy = arena.file("copy.kubeconfig")
        outcome = await engine.export(address, copy, Format.KUBECONFIG)
        assert outcome.ok, outcome
        assert load(copy.path).endpoint("robot").server == bench.clusters.endpoint(arena.name).server
        token = token_in(copy.path)
        rotated = await engine.execute(await engine.plan_rotate(address))
        assert rotated.ok, rotated
        await engine.settle()
        assert rotated.credential is not None
        assert rotated.credential.identity == arena.identity()
        assert servers(bench, sent, fingerprint) == {arena.name}
        arena.forget()
        assert not await bench.works(token)
        await mark(bench, "robot-credential", account_cluster=OTHER)
        plan = await engine.plan_revoke(address)
        assert any(OTHER in warning for warning in plan.warnings)
        sent.clear()
        assert (await engine.execute(plan)).ok
        assert servers(bench, sent, rotated.credential.fingerprint) == {arena.name}
        assert await bench.handles() == []


async def test_a_token_of_another_cluster_is_asked_about_there(
    ebench: Bench, sent: list[tuple[str, str]], tmp_path: Path
) -> None:
    """An account of one cluster whose token is kept in another: any machine finds out whose it is, and says no lie."""
    arena = ebench.arena
    far = Arena(arena.side, arena.kubeconfig, OTHER, tmp_path, arena.namespace, arena.fleet)
    await make_namespace(far)
    for form in (Format.TOKEN, Format.KUBECONFIG):
        issued = await ebench.issue(arena.spec(arena.secret(f"far-{form}"), identity=far.identity(), format=form))
        fingerprint = issued.credential.fingerprint
        for state in ("state", "elsewhere"):
            async with Bench(arena, state=state) as bench:
                sent.clear()
                verified = await bench.engine.verify(issued.address)
                assert verified.ok, verified
                assert (await bench.engine.lookup(issued.address)).state is State.VALID
                assert servers(bench, sent, fingerprint) == {OTHER}
                await mark(bench, f"far-{form}", account_cluster=None)  # and nobody hides that
                looked = await bench.engine.lookup(issued.address)
                seen = servers(bench, sent, fingerprint)
                assert seen == ({OTHER} if state == "state" else {arena.name})
                assert (looked.identity == far.identity()) is (state == "state")
                await mark(bench, f"far-{form}", account_cluster=OTHER)
    closed = FaultRule(Answer(403), path=r"/serviceaccounts/robot|/secrets/kubemint-robot")
    async with Bench(arena, state="third") as bench:
        address = arena.secret_address("far-token")
        with arena.fault(closed):
            sent.clear()
            for verb in (bench.engine.verify, bench.engine.plan_rotate):
                with pytest.raises(UsageError, match=f"nothing shows that its token is of {OTHER}") as caught:
                    await verb(address)
                assert "--token-file" in caught.value.hint
            with pytest.raises(IssuanceError, match=r"says that it was made for it, but .* no answer from") as one:
                await bench.engine.plan_revoke(address)  # others may have another one
            handle = one.value.hint.removeprefix("if you want that, revoke ").partition(";")[0]
            assert handle.startswith(f"handle:{OTHER}/")
            await bench.engine.plan_revoke(Address.parse(handle))
            assert {server for server, _ in sent} == {bench.clusters.endpoint(arena.name).server}
            assert (await bench.engine.lookup(address)).state is State.UNKNOWN
        await bench.rotate(address)


async def identity_file(bench: Bench) -> Path:
    arena = bench.arena
    wish = IdentityWish(identity=arena.identity("tom"), folder=str(arena.folder))
    outcome = await bench.engine.execute(await bench.engine.plan(wish))
    assert outcome.ok, outcome
    return Path(wish.path)


async def test_a_long_lived_token_in_a_file_is_not_asked_with_elsewhere(
    ebench: Bench, sent: list[tuple[str, str]]
) -> None:
    arena = ebench.arena
    path = await identity_file(ebench)
    moved = arena.folder / "moved.token"
    shutil.copy(path, moved)
    source = Address(CredentialKind.FILE, "", "", str(moved))
    fingerprint = Sensitive(moved.read_bytes().strip()).fingerprint
    sent.clear()
    with pytest.raises(AnotherCluster, match="which is another cluster"):
        await ebench.engine.plan(SelfWish(source=source, cluster=OTHER, out=str(arena.folder / "s")))
    assert sent == []
    plan = await ebench.engine.plan(SelfWish(source=source, out=str(arena.folder / "s")))
    await tried(ebench.engine.execute(plan))
    assert servers(ebench, sent, fingerprint) == {arena.name}
    async with Bench(arena, state="elsewhere") as bench:
        with pytest.raises(UsageError, match="does not say where its cluster is") as caught:
            await bench.engine.plan(SelfWish(source=source, out=str(arena.folder / "s")))
        assert "--context" in caught.value.hint
        silent = FaultRule(Answer(403), path="/namespaces/kube-system$")  # who does not say who he is
    with Arena(arena.side, arena.kubeconfig, OTHER, arena.folder, arena.namespace, arena.fleet).fault(silent):
        async with Bench(arena) as again:
            with pytest.raises(AnotherCluster):
                await again.engine.plan(SelfWish(source=source, cluster=OTHER, out=str(arena.folder / "s")))
            with pytest.raises(AnotherCluster):
                await again.engine.verify_pasted(Sensitive(moved.read_bytes()), OTHER)


async def test_what_was_put_back_into_a_file_is_not_shown_to_the_cluster_of_the_record(
    ebench: Bench, sent: list[tuple[str, str]], tmp_path: Path
) -> None:
    arena = ebench.arena
    far = Arena(arena.side, arena.kubeconfig, OTHER, tmp_path, arena.namespace, arena.fleet)
    await make_namespace(far)
    for form in (Format.KUBECONFIG, Format.TOKEN_FILE, Format.TOKEN):
        for state in ("state", "elsewhere"):  # what was put back is known to this machine, or not
            async with Bench(arena, state=state) as origin:
                mine = await origin.issue(arena.spec(arena.file(f"mine-{form}-{state}"), format=form))
            theirs = arena.file(f"theirs-{form}-{state}")
            issued = await ebench.issue(arena.spec(theirs, identity=far.identity(), format=form))
            shutil.copy(mine.address.name, theirs.path)
            sent.clear()
            with pytest.raises(UsageError, match=r"another cluster|not known to be the same|it is sent to none"):
                await ebench.engine.verify(issued.address)
            powers = await ebench.engine.powers(issued.address)
            assert powers.notes
            for verb in (ebench.engine.plan_revoke, ebench.engine.plan_rotate):
                await tried(verb(issued.address))
            assert servers(ebench, sent, mine.credential.fingerprint) == set(), (form, state)


async def test_nor_is_what_was_put_into_a_merged_kubeconfig(
    ebench: Bench, sent: list[tuple[str, str]], tmp_path: Path
) -> None:
    arena = ebench.arena
    far = Arena(arena.side, arena.kubeconfig, OTHER, tmp_path, arena.namespace, arena.fleet)
    await make_namespace(far)
    async with Bench(arena, state="elsewhere") as origin:
        mine = await origin.issue(arena.spec(arena.file("mine")))
    config = FileDestination(str(arena.folder / "config"), merge=True)
    theirs = await ebench.issue(arena.spec(config, identity=far.identity()))
    path = Path(config.path)
    was, now = token_in(path), token_in(mine.address.name)
    path.write_text(path.read_text().replace(was.reveal(), now.reveal()))
    sent.clear()
    with pytest.raises(UsageError, match="it is sent to none"):
        await ebench.engine.verify(theirs.address)
    assert (await ebench.engine.powers(theirs.address)).notes
    assert servers(ebench, sent, now.fingerprint) == set()


async def test_a_status_does_not_say_to_whom_a_copied_token_is_shown(
    place: Place, tmp_path: Path, sent: list[tuple[str, str]]
) -> None:
    """`export` read whose it is from the status, and asked that cluster with the token."""
    await place.want(targetCluster=None)
    await place.keep()
    token = await place.token()
    tenant = place.members[0]
    await place.status(targetCluster=f"{place.ns}/{tenant}")
    address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        for form in (Format.TOKEN, Format.KUBECONFIG):
            for destination in (bench.arena.file(f"copy-{form}"), bench.arena.secret(f"copy-{form}")):
                sent.clear()
                outcome = await bench.engine.export(address, destination, form)
                assert outcome.ok, outcome
                copied = outcome.credential
                assert copied is not None
                assert copied.identity is not None
                assert copied.identity.cluster == place.host
                assert servers(bench, sent, token.fingerprint) == {place.host}
        sent.clear()
        assert (await bench.engine.powers(address)).cluster
        assert servers(bench, sent, token.fingerprint) == {place.host}


async def test_nor_does_the_status_where_the_tenants_cluster_is_entered(
    place: Place, tmp_path: Path, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where it has a name here: its operator said yes to it once."""
    await place.want(targetCluster=None)
    await place.keep()
    token, tenant = await place.token(), place.members[0]
    await place.status(targetCluster=f"{place.ns}/{tenant}")
    name = f"{place.host}/{place.ns}/{tenant}"
    async with Bench(Arena(place.side, place.config, place.host, tmp_path, place.ns)) as bench:
        clusters, client = bench.clusters, bench.clusters.client
        real = clusters.endpoint

        def endpoint(wanted: str) -> Endpoint:
            return real(tenant if wanted == name else wanted)

        async def reached(wanted: str) -> Client:
            return await client(tenant if wanted == name else wanted)

        monkeypatch.setattr(clusters, "endpoint", endpoint)
        monkeypatch.setattr(clusters, "client", reached)
        sent.clear()
        address = Address(CredentialKind.REQUEST, place.host, place.ns, "req")
        outcome = await bench.engine.export(address, bench.arena.file("copy"), Format.TOKEN)
        assert outcome.ok, outcome
        assert Sensitive(Path(bench.arena.file("copy").path).read_bytes()).fingerprint == token.fingerprint
        assert servers(bench, sent, token.fingerprint) == {place.host}


async def test_the_address_beside_a_token_counts_for_that_token_alone(
    ebench: Bench, sent: list[tuple[str, str]]
) -> None:
    """A kubeconfig under another key leads a bare token nowhere."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    other = ebench.clusters.endpoint(OTHER)
    text = {
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {
            "server": other.server, "certificate-authority-data": base64.b64encode(other.ca or b"").decode(),
        }}],
        "users": [{"name": "x", "user": {"token": "e30.e30.c2ln"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }  # fmt: skip
    config = base64.b64encode(yaml.safe_dump(text).encode()).decode()
    await ebench.client.patch(SECRETS, "robot-credential", {"data": {"kubeconfig": config}}, namespace=arena.namespace)
    await mark(ebench, "robot-credential", account_cluster=OTHER)
    async with Bench(arena, state="elsewhere") as bench:
        sent.clear()
        assert (await bench.engine.verify(issued.address)).ok
        assert servers(bench, sent, issued.credential.fingerprint) == {arena.name}
