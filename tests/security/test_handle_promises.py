"""Attacks by who may patch a handle: its annotations say what he likes, its name says what it was made for.

He patches a handle of a neighbour and a Secret of his own, creates nothing, and waits for what the admin does.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.issuance.arena import Bench, handle_of
from tests.issuance.dpf_place import Place
from tests.security.test_vouching_attacks import Attacker
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Handle
from tui.issuance.objects import managed
from tui.issuance.revoking.sought import Sought
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


async def patch(bench: Bench, name: str, **notes: Any) -> None:
    """Write annotations of ours into a Secret."""
    said = {f"kubemint.io/{key}": value for key, value in notes.items()}
    await bench.client.patch(SECRETS, name, {"metadata": {"annotations": said}}, namespace=bench.arena.namespace)


async def raw(bench: Bench, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await bench.client.get(SECRETS, name, namespace=bench.arena.namespace)
    return found


async def token_of(bench: Bench, name: str = "robot-credential") -> Sensitive | None:
    value = ((await raw(bench, name)).get("data") or {}).get("token")
    return Sensitive(base64.b64decode(value).decode()) if value else None


def mark(bench: Bench, handle: Handle) -> str:
    return f"{bench.arena.namespace}/{handle.name}/{handle.uid}"


def at(bench: Bench, name: str) -> Address:
    return Address(CredentialKind.HANDLE, bench.arena.name, bench.arena.namespace, name)


_NO = r"were changed since it was made|was made for"


@pytest.mark.parametrize("kept", ["secret", "file"])
@pytest.mark.parametrize("machine", ["its own", "another"])
async def test_a_neighbours_handle_that_is_patched_gives_nobody_his_token(
    bench: Bench, kept: str, machine: str
) -> None:
    """Patch rights on a managed Secret and on a neighbour's handle gave the neighbour's next token."""
    arena = bench.arena
    boss = arena.spec(arena.secret("boss") if kept == "secret" else arena.file(), identity=arena.identity("boss"))
    handle = (await bench.issue(boss)).credential.handle
    mine = await bench.issue(arena.spec(arena.secret("mine"), format=Format.TOKEN))
    before = await bench.handles()
    place = json.dumps([f"{arena.namespace}/mine"])
    async with (
        Attacker(bench, "mine") as mallory,
        Attacker(bench, handle.name) as at_handle,
        Bench(arena, state="another" if machine == "another" else "state") as admin,
    ):
        await mallory.write({"data": None})
        await mallory.marks(account=f"{arena.namespace}/boss", handle=mark(bench, handle))
        request = (await raw(bench, "mine"))["metadata"]["annotations"][managed.REQUEST]
        for notes in ({"secrets": place}, {"request": request}, {"audiences": None, "pushes": None}):
            await at_handle.marks(**notes)
            with pytest.raises(UsageError, match=_NO):
                await admin.engine.plan_rotate(mine.address)
        forged = base64.b64encode(b"eyJhbGciOiJub25lIn0.e30.").decode()
        await mallory.write({"data": {"token": forged}})  # nor with what is no token
        with pytest.raises(UsageError, match="were changed since it was made"):
            await admin.engine.plan_rotate(mine.address)
    assert await bench.handles() == before


async def test_a_handle_that_is_patched_widens_no_wish(bench: Bench) -> None:
    """Also of its own account: not for whom the token is, nor for how long, nor where else it goes."""
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    name = handle_of(issued)
    lies: list[dict[str, str]] = [
        {"audiences": '["vault"]'},
        {"requested": "8760h0m0s"},
        {"pushes": json.dumps({f"{arena.namespace}/robot-credential": "{}"})},
        {"request": "anothers"},
        {"secrets": json.dumps([f"{arena.namespace}/robot-credential", f"{arena.namespace}/x"])},
    ]
    async with Bench(arena, state="another") as other:
        honest = {key.removeprefix(managed.PREFIX): value for key, value in (await notes_of(bench, name)).items()}
        for lie in lies:
            await patch(bench, name, **lie)
            with pytest.raises(UsageError, match="were changed since it was made"):
                await other.engine.plan_rotate(issued.address)
            await patch(bench, name, **(dict.fromkeys(lie) | honest))
        assert (await other.engine.execute(await other.engine.plan_rotate(issued.address))).ok


async def notes_of(bench: Bench, name: str) -> dict[str, str]:
    notes: dict[str, str] = (await raw(bench, name))["metadata"]["annotations"]
    return {key: value for key, value in notes.items() if key not in (managed.PLAN, managed.ISSUED_BY)}


ADMIN, READER = "a" * 45 + "-admin", "a" * 45 + "-reader"


async def test_accounts_that_begin_alike_have_handles_of_their_own(bench: Bench) -> None:
    """Names had the first 45 characters of the account: the handle of one went by the word of the other's token."""
    arena = bench.arena
    admins = await bench.issue(arena.spec(arena.file("admin"), identity=arena.identity(ADMIN)))
    reader = await bench.issue(arena.spec(arena.secret("reader"), identity=arena.identity(READER), format=Format.TOKEN))
    handle = admins.credential.handle
    async with Bench(arena, state="another", patience=0.2) as other:
        # By a walk: it says that it is the reader's.
        await patch(bench, handle.name, account=f"{arena.namespace}/{READER}")
        with pytest.raises(IssuanceError, match=f"no handle of {READER} is called"):
            await other.engine.plan_revoke(at(bench, handle.name))
        # By the reader's token, bound to the admin's handle by who may make tokens for the reader.
        bound = {"apiVersion": "v1", "kind": "Secret", "name": handle.name, "uid": handle.uid}
        answer: dict[str, Any] = await bench.client.create(
            SERVICE_ACCOUNTS, {"spec": {"boundObjectRef": bound}}, namespace=arena.namespace, name=READER,
            subresource="token",
        )  # fmt: skip
        token = Sensitive(answer["status"]["token"])
        with pytest.raises(IssuanceError, match=f"no handle of {READER} is called"):
            await other.engine.plan_revoke_sought(Sought(token=token), [arena.name])
        value = base64.b64encode(token.reveal_bytes()).decode()
        await bench.client.patch(SECRETS, "reader", {"data": {"token": value}}, namespace=arena.namespace)
        await patch(bench, "reader", handle=mark(bench, handle))
        for engine in (bench.engine, other.engine):
            with pytest.raises(UsageError, match=f"no handle of {READER} is called"):
                await engine.plan_rotate(reader.address)
    assert handle.name in await bench.handles()


# What is there from before


async def of_old(bench: Bench, *, lifetime: int = 3600) -> Handle:
    """A Secret of `robot` as kubemint kept it before the names of handles said anything."""
    arena, ns = bench.arena, bench.arena.namespace
    issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    made = await raw(bench, handle_of(issued))
    meta = {key: made["metadata"][key] for key in ("annotations", "labels")} | {"name": "kubemint-robot-bcdfghjk"}
    wish = {"metadata": meta, "type": managed.HANDLE_TYPE}
    old: dict[str, Any] = await bench.client.create(SECRETS, wish, namespace=ns)
    handle = Handle(arena.name, ns, "kubemint-robot-bcdfghjk", old["metadata"]["uid"])
    bound = {"apiVersion": "v1", "kind": "Secret", "name": handle.name, "uid": handle.uid}
    asked = {"spec": {"boundObjectRef": bound, "expirationSeconds": lifetime}}
    answer: dict[str, Any] = await bench.client.create(
        SERVICE_ACCOUNTS, asked, namespace=ns, name="robot", subresource="token"
    )  # fmt: skip
    token = Sensitive(answer["status"]["token"])
    claims = read_token(token)
    assert claims.issued_at is not None
    assert claims.expires_at is not None
    value = base64.b64encode(token.reveal_bytes()).decode()
    await bench.client.patch(SECRETS, "robot-credential", {"data": {"token": value}}, namespace=ns)
    await patch(
        bench, "robot-credential", handle=mark(bench, handle), fingerprint=token.fingerprint,
        issued=f"{claims.issued_at:%Y-%m-%dT%H:%M:%SZ}", expires=f"{claims.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip
    await bench.client.delete(SECRETS, handle_of(issued), namespace=ns)
    return handle


async def test_a_handle_of_old_goes_with_its_token_and_the_next_one_says_more(bench: Bench) -> None:
    handle = await of_old(bench)
    async with Bench(bench.arena, state="another") as other:
        rotated = await other.rotate(bench.arena.secret_address())
        assert await other.handles() == [handle_of(rotated)]
        assert handle.name != handle_of(rotated)
        assert rotated.credential.requested is not None
        again = await other.rotate(bench.arena.secret_address())
        assert await other.handles() == [handle_of(again)]


async def test_a_handle_of_old_vouches_for_nothing_that_no_token_says(bench: Bench) -> None:
    handle = await of_old(bench)
    address = bench.arena.secret_address()
    async with Bench(bench.arena, state="another") as other:
        await patch(bench, handle.name, audiences='["vault"]')
        await patch(bench, "robot-credential", audiences='["vault"]')
        with pytest.raises(UsageError, match=r"different things of its audiences|annotations alone"):
            await other.engine.plan_rotate(address)
        await patch(bench, handle.name, audiences=None)
        await patch(bench, "robot-credential", audiences=None)
        await bench.client.patch(SECRETS, "robot-credential", {"data": None}, namespace=bench.arena.namespace)
        with pytest.raises(UsageError, match="from an earlier version, says that in annotations alone"):
            await other.engine.plan_rotate(address)
        assert handle.name in await other.handles()
        outcome = await other.engine.execute(await other.engine.plan_revoke(at(bench, handle.name)))
        assert outcome.whole, outcome
        assert handle.name not in await other.handles()


async def test_a_place_that_is_gone_ends_nobody_elses_handle(bench: Bench) -> None:
    """A handle that was made to say so, and one of old that may have been, end by their own names alone."""
    arena, place = bench.arena, json.dumps([f"{bench.arena.namespace}/gone"])
    bystander = await bench.issue(arena.spec(arena.file("admin"), identity=arena.identity("admin")))
    await patch(bench, handle_of(bystander), secrets=place)
    async with Bench(arena, state="another", patience=0.2) as other:
        with pytest.raises(NotFound):
            await other.engine.plan_revoke(arena.secret_address("gone"))
        old = await of_old(bench)
        await patch(bench, old.name, secrets=place)
        with pytest.raises(UsageError, match="a handle from an earlier version says that it was made for it") as caught:
            await other.engine.plan_revoke(arena.secret_address("gone"))
        assert caught.value.hint == f"if you want that, revoke {at(bench, old.name)}"
        plan = await other.engine.plan(arena.spec(arena.secret("gone"), identity=arena.identity("admin")))
        assert not any(handle_of(bystander) in said for said in plan.warnings), plan.warnings


# Requests of DPF


async def test_a_request_uses_no_handle_that_was_made_to_look_like_its_own(both: Place) -> None:
    """Handles that a killed try left behind are used again: one of a neighbour's that was patched was one of them."""
    for name in ("req", "theirs"):
        own = {"name": name, "namespace": both.ns}
        await both.want(name, **({} if name == "req" else {"serviceAccount": own, "secret": own}))
        await both.keep(name)
    request, theirs, client = await both.read(), (await both.read("theirs")).handle, await both.member()
    account = await both.account()
    assert theirs is not None
    assert account is not None
    owner = {"name": "test-service-account", "uid": account["metadata"]["uid"]}
    lie = {
        "annotations": {
            managed.ACCOUNT: f"{both.ns}/test-service-account",
            managed.REQUEST: request.uid,
            managed.PLAN: "keeper-x",
        },
        "ownerReferences": [{"apiVersion": "v1", "kind": "ServiceAccount"} | owner],
    }
    await client.patch(SECRETS, theirs.name, {"metadata": lie}, namespace=both.ns)
    await both.keep(renew="by hand")
    found = (await both.read()).handle
    assert found is not None
    assert found.uid != theirs.uid
    after = await client.get_metadata(SECRETS, theirs.name, namespace=both.ns)
    assert after["metadata"]["annotations"][managed.PLAN] == "keeper-x", "nobody took it"
