"""Whatever is known of a token ends it: its handle, fingerprint or id, the token itself. Nothing that is forged does,
and no cluster is shown a token that is not its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.samples import jwt
from tests.security.test_sought import bound, jwt as long
from tui.demo import Answer, FaultRule
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.objects import managed
from tui.issuance.revoking import by_what_is_known
from tui.issuance.revoking.already import Already
from tui.issuance.revoking.found import id_of
from tui.issuance.revoking.sought import Sought
from tui.issuance.transaction.reading import token as token_at
from tui.kube.client import Client
from tui.kube.errors import KubeError
from tui.kube.resource import SECRETS, SELF_SUBJECT_REVIEWS, SERVICE_ACCOUNTS, TOKEN_REVIEWS
from tui.kube.sensitive import Sensitive

# The token itself


def elsewhere(bench: Bench) -> Bench:
    """Another machine, which knows of nothing."""
    return Bench(bench.arena, state="another-machine", patience=0.2)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters that were shown a token, in a review or by coming with it."""
    seen: list[str] = []
    create = Client.create

    async def watched(self: Client, resource: Any, body: Any, **more: Any) -> Any:
        if resource in (SELF_SUBJECT_REVIEWS, TOKEN_REVIEWS):
            seen.append(self.endpoint.name)
        return await create(self, resource, body, **more)

    monkeypatch.setattr(Client, "create", watched)
    return seen


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_the_token_itself_ends_it_on_any_machine(bench: Bench, shown: list[str], kept: str) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret() if kept == "secret" else arena.file()))
    token = await token_at(bench.engine._context, issued.address)
    assert token is not None
    async with elsewhere(bench) as other:
        shown.clear()
        answering = [name for name in other.clusters.names() if name.startswith("tenant-")]
        plan = await other.engine.plan_revoke_sought(Sought(token=token), sorted({arena.name, *answering}))
        assert plan.address.kind is CredentialKind.HANDLE
        assert any(warning.startswith("looked for in ") for warning in plan.warnings)
        outcome = await other.engine.execute(plan)
        assert outcome.whole, outcome
        assert set(shown) == {arena.name}
        assert await other.handles() == []
        assert await other.secrets() == []
        entries = other.state.entries()
        assert {str(entry.address) for entry in entries} == {str(plan.address)}
        assert token.reveal()[:20] not in str(entries)
        if arena.fleet is not None:
            arena.forget()
            assert not await other.works(token)
        with pytest.raises(UsageError, match="no cluster has the Secret") as caught:
            await other.engine.plan_revoke_sought(Sought(token=token), [arena.name])
        assert f"looked for in {arena.name}" in caught.value.message
        assert "delete the service account" in caught.value.hint


async def test_a_forged_token_ends_nothing(ebench: Bench) -> None:
    """It names somebody's handle by its very UID, which whoever may read Secrets knows."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    handle = issued.credential.handle
    forged = bound(arena.namespace, "robot", handle.name, handle.uid)
    with pytest.raises(UsageError, match="refuses this token") as caught:
        await ebench.engine.plan_revoke_sought(Sought(token=forged), [arena.name])
    assert f"handle:{arena.name}/{arena.namespace}/{handle.name}" in caught.value.hint
    assert await ebench.handles() == [handle.name]
    other = bound(arena.namespace, "robot", handle.name, "another-uid")
    with pytest.raises(UsageError, match="no cluster has the Secret"):
        await ebench.engine.plan_revoke_sought(Sought(token=other), [arena.name])


async def minted(bench: Bench, **spec: Any) -> Sensitive:
    await bench.make_account()
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [], **spec}}
    made: dict[str, Any] = await bench.client.create(
        SERVICE_ACCOUNTS, wish, namespace=bench.arena.namespace, name="robot", subresource="token"
    )
    return Sensitive(made["status"]["token"])


async def test_what_a_token_is_bound_to_is_deleted_only_where_it_is_a_handle(ebench: Bench) -> None:
    """The owner of that Secret did not mean it to be one."""
    arena = ebench.arena
    secret = {"metadata": {"name": "database"}, "data": {"password": "eA=="}}
    made: dict[str, Any] = await ebench.client.create(SECRETS, secret, namespace=arena.namespace)
    ref = {"apiVersion": "v1", "kind": "Secret", "name": "database", "uid": made["metadata"]["uid"]}
    token = await minted(ebench, boundObjectRef=ref)
    with pytest.raises(IssuanceError, match="it is of type Opaque: it was left alone"):
        await ebench.engine.plan_revoke_sought(Sought(token=token), [arena.name])
    assert await ebench.secrets() == ["database"]


async def test_what_is_bound_to_nothing_is_said_with_what_can_be_done(ebench: Bench) -> None:
    token = await minted(ebench)
    with pytest.raises(UsageError, match="has no handle; it ends at ") as caught:
        await ebench.engine.plan_revoke_sought(Sought(token=token), [ebench.arena.name])
    assert f"delete the service account {ebench.arena.identity().said}" in caught.value.hint
    assert f"(looked for in {ebench.arena.name})" in caught.value.message


async def filled(bench: Bench, address: Address) -> Sensitive:
    """The token that the token controller puts into a Secret, a moment later."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(KubeError):
                if (token := await token_at(bench.engine._context, address)) is not None:
                    return token
            await asyncio.sleep(0.02)


async def test_a_long_lived_token_is_its_own_handle(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.make_account()
    secret = {
        "metadata": {"name": "for-ever", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token",
    }
    await ebench.client.create(SECRETS, secret, namespace=arena.namespace)
    address = Address(CredentialKind.LEGACY, arena.name, arena.namespace, "for-ever")
    token = await filled(ebench, address)
    plan = await ebench.engine.plan_revoke_sought(Sought(token=token), [arena.name])
    assert plan.address == address
    with pytest.raises(UsageError, match="is a long-lived token, which is its own handle") as caught:
        await ebench.engine.plan_revoke(msgspec.structs.replace(address, kind=CredentialKind.HANDLE))
    assert str(address) in caught.value.hint
    assert (await ebench.engine.execute(plan)).whole
    arena.forget()
    assert not await ebench.works(token)


# The handle


async def test_a_handle_is_ended_by_its_name(bench: Bench) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret()))
    handle = issued.credential.handle
    address = Address.parse(f"handle:{arena.name}/{arena.namespace}/{handle.name}")
    async with elsewhere(bench) as other:
        plan = await other.engine.plan_revoke(address)
        assert plan.warnings[0] == f"it is the handle of {arena.identity().said}, as it says"
        outcome = await other.engine.execute(plan)
        assert outcome.whole, outcome
        assert await other.secrets() == []
        with pytest.raises(UsageError, match="tokens bound to it have ended"):
            await other.engine.plan_revoke(address)
    for verb in (bench.engine.plan_rotate, bench.engine.verify, bench.engine.material):
        with pytest.raises((UsageError, KubeError)):
            await verb(address)


async def test_nothing_else_is_deleted_for_being_called_a_handle(ebench: Bench) -> None:
    arena = ebench.arena
    marks = {"labels": {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "handle"}}
    for name, more in (("precious", {}), ("kubemint-robot-bcdfghjk", {"annotations": {managed.ACCOUNT: "x/robot"}})):
        wish = {"metadata": {"name": name, **marks, **more}, "data": {"password": "eA=="}}
        await ebench.client.create(SECRETS, wish, namespace=arena.namespace)
        with pytest.raises(IssuanceError, match="was left alone"):
            await ebench.engine.plan_revoke(Address(CredentialKind.HANDLE, arena.name, arena.namespace, name))
    assert await ebench.secrets() == ["kubemint-robot-bcdfghjk", "precious"]


async def test_a_place_that_a_handle_names_is_deleted_only_where_its_token_lies_there(ebench: Bench) -> None:
    """Whoever may patch the handle may name any Secret there."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    other = await ebench.issue(arena.spec(arena.secret("others"), identity=arena.identity("other")))
    plain = {"metadata": {"name": "plain"}, "data": {"password": "eA=="}}
    await ebench.client.create(SECRETS, plain, namespace=arena.namespace)
    handle = issued.credential.handle
    places = [f"{arena.namespace}/others", f"{arena.namespace}/plain", f"nowhere/{arena.namespace}/x", "x"]
    patch = {"metadata": {"annotations": {managed.SECRETS: json.dumps(places)}}}
    await ebench.client.patch(SECRETS, handle.name, patch, namespace=arena.namespace)
    async with elsewhere(ebench) as machine:
        plan = await machine.engine.plan_revoke(
            Address(CredentialKind.HANDLE, arena.name, arena.namespace, handle.name)
        )
        assert any("in no cluster that is known here" in warning for warning in plan.warnings)
        assert (await machine.engine.execute(plan)).whole
    assert await ebench.secrets() == sorted([other.credential.handle.name, "others", "plain"])


# Its fingerprint and its id


@pytest.mark.parametrize("kept", ["file", "secret"])
@pytest.mark.parametrize("by", ["fingerprint", "id"])
async def test_a_fingerprint_or_an_id_finds_it(ebench: Bench, kept: str, by: str) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret() if kept == "secret" else arena.file()))
    token = await token_at(ebench.engine._context, issued.address)
    assert token is not None
    sought = Sought(id=id_of(token)) if by == "id" else Sought(fingerprint=token.fingerprint)
    assert (await ebench.engine.plan_revoke_sought(sought)).address == issued.address
    async with elsewhere(ebench) as other:
        if kept == "file":
            with pytest.raises(UsageError, match="nothing that kubemint keeps has") as caught:
                await other.engine.plan_revoke_sought(sought, [arena.name])
            assert "give the token itself" in caught.value.hint
            return
        plan = await other.engine.plan_revoke_sought(sought, [arena.name])
        assert plan.address == issued.address
        assert "looked for in" in plan.warnings[0]
        assert (await other.engine.execute(plan)).whole
    assert await ebench.handles() == []


async def test_a_fingerprint_that_is_only_written_there_ends_nothing(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.secret()))
    patch = {"metadata": {"annotations": {managed.FINGERPRINT: "0123456789abcdef"}}}
    await ebench.client.patch(SECRETS, "robot-credential", patch, namespace=arena.namespace)
    async with elsewhere(ebench) as other:
        with pytest.raises(UsageError, match="the token in it is another one"):
            await other.engine.plan_revoke_sought(Sought(fingerprint="0123456789abcdef"), [arena.name])
    assert len(await ebench.handles()) == 1


def forged(arena: Arena, token: Sensitive) -> Sensitive:
    """One that nobody signed, with the id of another: whoever read an audit log knows that."""
    return jwt(
        {
            "jti": id_of(token), "sub": f"system:serviceaccount:{arena.namespace}:mine", "exp": 1700000000,
            "kubernetes.io": {"namespace": arena.namespace, "serviceaccount": {"name": "mine", "uid": "x"}},
        }
    )  # fmt: skip


@pytest.mark.parametrize("place", ["empty", "forged", "away"])
@pytest.mark.parametrize("by", ["fingerprint", "id"])
async def test_a_place_that_only_says_that_it_has_it_is_not_ended_in_its_stead(
    ebench: Bench, by: str, place: str
) -> None:
    """Whoever may patch one managed Secret writes into it what is sought; its name comes before the other's."""
    arena = ebench.arena
    lying = await ebench.issue(arena.spec(arena.secret("a-lying"), identity=arena.identity("mine")))
    true = await ebench.issue(arena.spec(arena.secret("z-true")))
    token = await token_at(ebench.engine._context, true.address)
    assert token is not None
    data = {"token": None, "kubeconfig": None, "value": None}
    if place != "empty":
        data["token"] = base64.b64encode(forged(arena, token).reveal_bytes()).decode()  # type: ignore[assignment]
    marks = {managed.FINGERPRINT: token.fingerprint}
    patch = {"data": data, "metadata": {"annotations": marks}}
    await ebench.client.patch(SECRETS, "a-lying", patch, namespace=arena.namespace)
    sought = Sought(id=id_of(token)) if by == "id" else Sought(fingerprint=token.fingerprint)
    closed = (
        FaultRule(Answer(403), path=r"/secrets/a-lying") if place == "away" else FaultRule(Answer(403), path="/none")
    )
    with arena.fault(closed):
        async with elsewhere(ebench) as other:
            plan = await other.engine.plan_revoke_sought(sought, [arena.name])
            assert plan.address == true.address
            named = any(f"{lying.address} says that it has {sought}, but " in warning for warning in plan.warnings)
            assert named or (place == "empty" and by == "id")
            assert (await other.engine.execute(plan)).whole
        assert await ebench.handles() == [lying.credential.handle.name]
        async with elsewhere(ebench) as other:
            with pytest.raises(UsageError, match="nothing that kubemint keeps has"):
                await other.engine.plan_revoke_sought(sought, [arena.name])
    assert await ebench.handles() == [lying.credential.handle.name]


@pytest.mark.parametrize("state", ["lives", "revoked"])
async def test_what_one_cluster_has_is_not_ended_while_others_have_not_said(
    ebench: Bench, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """att6-1: a copy in a cluster of somebody else's would be what ends, or be revoked already, with 0."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    token = await token_at(ebench.engine._context, issued.address)
    assert token is not None
    if state == "revoked":

        async def over(context: Any, address: Address, **_: Any) -> Any:
            raise Already(address, f"{address} is revoked already")

        monkeypatch.setattr(by_what_is_known, "prepare_revocation", over)
    sought = Sought(fingerprint=token.fingerprint)
    async with elsewhere(ebench) as other:
        with pytest.raises(IssuanceError, match="but not every cluster could be looked into") as caught:
            await other.engine.plan_revoke_sought(sought, [arena.name, "nowhere"])
        assert not isinstance(caught.value, UsageError)
        assert caught.value.hint == f"if you want that, revoke {issued.address}; else try again when they answer"
        if state == "lives":
            assert (await other.engine.plan_revoke_sought(sought, [arena.name])).address == issued.address
        else:
            with pytest.raises(Already):
                await other.engine.plan_revoke_sought(sought, [arena.name])


async def test_what_this_machine_recorded_ends_whatever_lies_in_its_place(ebench: Bench) -> None:
    """Emptied, and said to be bound to another handle: its own is known here."""
    arena = ebench.arena
    bystander = await ebench.issue(arena.spec(arena.secret("other")))
    issued = await ebench.issue(arena.spec(arena.secret()))
    marks = {managed.HANDLE: bystander.credential.handle.name}
    patch = {"data": {"kubeconfig": None, "value": None}, "metadata": {"annotations": marks}}
    await ebench.client.patch(SECRETS, "robot-credential", patch, namespace=arena.namespace)
    plan = await ebench.engine.plan_revoke_sought(Sought(fingerprint=issued.credential.fingerprint))
    assert (await ebench.engine.execute(plan)).whole
    assert await ebench.handles() == [bystander.credential.handle.name]


async def test_who_was_asked_and_who_did_not_answer_is_said(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    token = token_in(arena.file().path)
    async with elsewhere(ebench) as other:
        with pytest.raises(UsageError, match="to no cluster on its word alone") as caught:
            await other.engine.plan_revoke_sought(Sought(token=token), [arena.name, "nowhere"])
        assert f"looked for in {arena.name}; no answer from nowhere: " in caught.value.message
        assert (
            f"if {arena.name} issued it, name it with --context; otherwise try again when they answer"
            in caught.value.hint
        )
    plan = await ebench.engine.plan_revoke_sought(Sought(token=token), [arena.name, "nowhere"])
    assert plan.warnings[0] == f"looked for in {arena.name}", "this machine's record knows where it was issued"
    with pytest.raises(UsageError, match=f"say that this token was issued in {arena.name}, and not in tenant-c"):
        await ebench.engine.plan_revoke_sought(Sought(token=token), ["tenant-c"])
    lost = Sought(token=bound(arena.namespace, "robot", issued.credential.handle.name, "another"))
    secrets = f"/namespaces/{arena.namespace}/secrets/"
    with arena.fault(FaultRule(Answer(503), path=secrets)), pytest.raises(IssuanceError) as silent:
        await ebench.engine.plan_revoke_sought(lost, [arena.name])
    assert f"; no answer from {arena.name}: " in silent.value.message
    with arena.fault(FaultRule(Answer(403), path=secrets)), pytest.raises(IssuanceError) as closed:
        await ebench.engine.plan_revoke_sought(lost, [arena.name])
    right = f"no right to look in {arena.name} (needs: get secrets in namespace {arena.namespace} (resourceName "
    assert right in closed.value.message
    assert "no answer" not in closed.value.message
    assert closed.value.hint.startswith("try again with that right, or name the cluster")


async def test_what_waits_for_the_end_of_its_grace_is_found_too(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(minutes=5)) as bench:
        issued = await bench.issue(embedded.spec())
        old = issued.credential
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        plan = await bench.engine.plan_revoke_sought(Sought(fingerprint=old.fingerprint))
        assert plan.address.name == old.handle.name
        assert (await bench.engine.execute(plan)).whole
        assert old.handle.name not in await bench.handles()
        assert bench.state.revocations() == []


# A place that is gone, or away


@pytest.mark.parametrize("machine", ["this", "another"])
async def test_a_secret_that_was_deleted_by_hand_keeps_no_token_alive(bench: Bench, machine: str) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret()))
    await bench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    async with bench if machine == "this" else elsewhere(bench) as here:
        plan = await here.engine.plan_revoke(issued.address)
        assert "cannot be looked at" in plan.warnings[0]
        outcome = await here.engine.execute(plan)
        assert outcome.whole, outcome
        assert await here.handles() == []
        with pytest.raises(Already, match="is revoked already"):
            await here.engine.plan_revoke(issued.address)


async def test_a_place_that_cannot_be_looked_at_keeps_no_token_alive(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    token = await token_at(ebench.engine._context, issued.address)
    assert token is not None
    with arena.fault(FaultRule(Answer(403), path=r"/secrets/robot-credential")):
        outcome = await ebench.engine.execute(await ebench.engine.plan_revoke(issued.address))
    assert outcome.ok
    assert outcome.left[0].startswith(f"{issued.address} could not be tidied")
    assert await ebench.handles() == []
    arena.forget()
    assert not await ebench.works(token)


@pytest.mark.parametrize("patch", [
    {"labels": {managed.MANAGED_BY: None, managed.ROLE: None}},
    {"labels": {managed.ROLE: None}},
    {"annotations": {managed.ACCOUNT: "ns/somebody"}},
    {"annotations": {managed.ACCOUNT_CLUSTER: "tenant-a"}},
], ids=["labels off", "role off", "another account", "another cluster"])  # fmt: skip
@pytest.mark.parametrize("machine", ["this", "by fingerprint", "another"])
async def test_whoever_patches_a_place_keeps_no_token_alive(ebench: Bench, machine: str, patch: dict[str, Any]) -> None:
    """att5-claims-18: without its labels it was out of the list, and neither its address nor its fingerprint ended
    what this machine's record and the handle beside the account know."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    token = await token_at(ebench.engine._context, issued.address)
    assert token is not None
    await ebench.client.patch(SECRETS, "robot-credential", {"metadata": patch}, namespace=arena.namespace)
    async with elsewhere(ebench) if machine == "another" else contextlib.nullcontext(ebench) as here:
        if machine == "by fingerprint":
            plan = await here.engine.plan_revoke_sought(Sought(fingerprint=token.fingerprint), [arena.name])
        else:
            plan = await here.engine.plan_revoke(issued.address)
        assert next(step.name for step in plan.steps if step.verb == "delete") == issued.credential.handle.name
        assert (await here.engine.execute(plan)).ok
    assert await ebench.handles() == []
    arena.forget()
    assert not await ebench.works(token)


async def test_which_of_several_handles_is_asked(ebench: Bench) -> None:
    """Two were made for the place, one after the other; a third only says so by now, and is none of them."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    await ebench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    async with elsewhere(ebench) as other:
        await other.issue(arena.spec(arena.secret(), identity=arena.identity("admin")))
    await ebench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    first, second = await ebench.handles()
    lying = await ebench.issue(arena.spec(identity=arena.identity("bystander")))
    place = json.dumps([f"{arena.namespace}/robot-credential"])
    patch = {"metadata": {"annotations": {managed.SECRETS: place}}}
    await ebench.client.patch(SECRETS, lying.credential.handle.name, patch, namespace=arena.namespace)
    async with Bench(arena, state="third", patience=0.2) as third:
        with pytest.raises(UsageError, match="2 handles say that they were made for it") as caught:
            await third.engine.plan_revoke(issued.address)
        assert f"handle:{arena.name}/{arena.namespace}/{first}" in caught.value.hint
        assert f"handle:{arena.name}/{arena.namespace}/{second}" in caught.value.hint
    assert len(await ebench.handles()) == 3


async def test_a_start_after_a_crash_tidies_what_the_handle_named(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    handle = issued.credential.handle

    def die(point: str) -> None:
        if point == "after:handle":
            raise KeyboardInterrupt

    async with elsewhere(ebench) as other:
        other.engine.checkpoint = die
        plan = await other.engine.plan_revoke(Address(CredentialKind.HANDLE, arena.name, arena.namespace, handle.name))
        with pytest.raises(KeyboardInterrupt):
            await other.engine.execute(plan)
    async with elsewhere(ebench) as other:
        assert await other.secrets() == ["robot-credential"]
        (outcome,) = await other.engine.recover()
        assert outcome.whole
        assert await other.secrets() == []


# The command line


@pytest.mark.parametrize("how", ["stdin", "file", "path", "kubeconfig on stdin"])
def test_a_token_from_stdin_or_a_file(embedded: Arena, home: Path, tmp_path: Path, how: str) -> None:
    path, known = Path(embedded.file().path), ("--kubeconfig", embedded.kubeconfig, "--context", embedded.name)
    where = ("-n", embedded.namespace, *known)
    env = {"XDG_STATE_HOME": str(tmp_path / "issuer")}
    assert kubemint("issue", "robot", *where, "--create", "--out", path, env=env).code == 0
    token = token_in(path)
    bare = tmp_path / "token"
    bare.write_text(token.reveal())
    bare.chmod(0o600)
    words: dict[str, tuple[tuple[str | Path, ...], str]] = {
        "stdin": (("-",), token.reveal() + "\n"),
        "file": (("--token-file", bare), ""),
        "path": ((path,), ""),
        "kubeconfig on stdin": (("-",), path.read_text()),
    }
    arguments, stdin = words[how]
    kubemint("revoke", *arguments, *known, stdin=stdin).failed(2, "no terminal to confirm", "--yes")
    done = kubemint("revoke", *arguments, *known, "--yes", stdin=stdin)
    assert done.code == 0, done
    assert done.out.startswith(f"handle:{embedded.name}/{embedded.namespace}/kubemint-robot-")
    assert "looked for in" in done.err
    assert "eyJ" not in done.out + done.err
    journal = kubemint("journal", "-o", "json")
    assert done.out.strip() in journal.out
    assert "eyJ" not in journal.out
    embedded.forget()
    again = kubemint("revoke", *arguments, *known, "--yes", stdin=stdin)
    again.failed(2, "no cluster has the Secret", "looked for in")


def test_a_token_in_the_arguments_is_refused_and_not_repeated(embedded: Arena, home: Path) -> None:
    token, known = long(sub="x" * 300).reveal(), ("--kubeconfig", embedded.kubeconfig)
    kubemint("revoke", token, *known).failed(2, "does not belong on the command line", "kubemint revoke -")
    for verb in ("revoke", "rotate", "verify", "inspect", "export", "undo"):
        done = kubemint(verb, token, *known)
        assert done.code != 0
        assert token[3:40] not in done.out + done.err, verb
    kubemint("revoke", *known).failed(2, "name what to revoke")
    kubemint("revoke", "fedcba9876543210", *known, "--context", embedded.name, "--yes").failed(
        2, "nothing that kubemint keeps has fingerprint fedcba9876543210", f"looked for in {embedded.name})"
    )
