"""How a credential stands that is about to be replaced: what nobody knows counts as alive, and a look decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.issuance.errors import ChangedMeanwhile, Unasked
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.transaction import replacing
from tui.issuance.transaction.replacing import (
    Life,
    Revoked,
    is_gone,
    life,
    life_of,
    refuse_live,
    refuse_revoked,
)
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles
from tui.kube.resource import SECRETS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAIN = Credential(
    address=Address(CredentialKind.SECRET, "harbor", "ns", "out"), identity=Identity("harbor", "ns", "robot")
)


@pytest.mark.parametrize(
    ("state", "ends", "gone", "stands"),
    [
        (State.VALID, HOUR, False, Life.LIVES),
        (State.VALID, None, False, Life.LIVES),
        (State.UNKNOWN, HOUR, False, Life.LIVES),
        (State.UNKNOWN, None, False, Life.LIVES),
        (State.VALID, HOUR, True, Life.REVOKED),
        (State.VALID, None, True, Life.REVOKED),
        (State.REVOKED, HOUR, False, Life.REVOKED),
        (State.REVOKED, -HOUR, False, Life.REVOKED),
        (State.VALID, -HOUR, False, Life.EXPIRED),
        (State.VALID, -HOUR, True, Life.REVOKED),  # nobody tidies that away: it was ended, and comes back by nobody
        (State.VALID, timedelta(0), True, Life.REVOKED),
        (State.UNKNOWN, -HOUR, True, Life.REVOKED),
        (State.VALID, timedelta(0), False, Life.EXPIRED),
    ],
)
def test_how_a_credential_stands(state: State, ends: timedelta | None, gone: bool, stands: Life) -> None:
    held = msgspec.structs.replace(PLAIN, state=state, expires_at=NOON + ends if ends is not None else None)
    assert life(held, NOON, gone=gone) is stands


GONE_HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "gone")


@pytest.mark.parametrize(
    ("fields", "refused", "said"),
    [
        ({"state": State.REVOKED}, False, "was revoked: rotating it"),
        ({"handle": GONE_HANDLE}, False, "was revoked (its handle is gone): rotating it"),
        ({"handle": GONE_HANDLE, "expires_at": NOON - 9999 * HOUR}, False, "was revoked (its handle is gone)"),
        ({"bound_to": GONE_HANDLE}, False, "was revoked (it is a copy, and the handle of its original is gone)"),
        ({}, True, "was revoked (its server refuses its token, which has not expired)"),
        ({}, False, ""),
        ({"expires_at": NOON - 9999 * HOUR}, False, ""),  # it is bound to nothing, and ended by itself
    ],
)
async def test_a_revoked_one_is_brought_back_where_that_is_meant(
    ebench: Bench, fields: dict[str, Any], refused: bool, said: str
) -> None:
    context, arena = ebench.engine._context, ebench.arena
    given = {
        key: msgspec.structs.replace(one, cluster=arena.name, namespace=arena.namespace)
        if isinstance(one, Handle)
        else one
        for key, one in fields.items()
    }
    held = kept(arena, **given)
    if not said:
        return await refuse_revoked(context, held, Sight(), refused=refused)
    with pytest.raises(Revoked) as caught:
        await refuse_revoked(context, held, Sight(), refused=refused)
    assert caught.value.word == "revive"
    assert f"{held.address} {said}" in caught.value.message
    assert "--yes" in caught.value.hint
    assert caught.value.left.startswith(f"it {said.partition(':')[0]}; to issue it again")
    assert caught.value.left.endswith(f"`kubemint rotate {held.address} --yes`")
    return None


async def test_a_handle_that_is_being_deleted_is_gone_whatever_holds_it(ebench: Bench) -> None:
    context, handle = ebench.engine._context, await handle_of(ebench)
    held = {"metadata": {"finalizers": ["m.io/hold"]}}
    await ebench.client.patch(SECRETS, handle.name, held, namespace=handle.namespace)
    assert not await is_gone(context, handle, held=True)
    await ebench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
    assert await is_gone(context, handle, held=True)
    assert not await is_gone(context, handle), "it is there still, for who waits until it is not"
    over = datetime.now(UTC) - HOUR
    for fields in ({"handle": handle}, {"bound_to": handle}, {"handle": handle, "expires_at": over}):
        assert await life_of(context, kept(ebench.arena, **fields), Sight()) is Life.REVOKED


async def handle_of(bench: Bench) -> Handle:
    arena = bench.arena
    handle = handles.new(arena.identity(), handles.meant_for(arena.identity(), "r"))
    wish = managed.handle_object(handle, account="robot", account_uid="", request="r", plan="p", issued_by="me")
    made: dict[str, Any] = await bench.client.create(SECRETS, wish, namespace=arena.namespace)
    return msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))


def kept(arena: Arena, handle: Handle | None = None, **fields: Any) -> Credential:
    given = {"address": arena.secret_address(), "identity": arena.identity(), "handle": handle}
    return msgspec.structs.replace(PLAIN, **given | fields)


async def test_what_lives_is_replaced_only_where_that_is_asked_for(ebench: Bench) -> None:
    arena, context = ebench.arena, ebench.engine._context
    handle = await handle_of(ebench)
    another = msgspec.structs.replace(handle, uid="another")
    soon = datetime.now(UTC) + timedelta(hours=2, minutes=30, seconds=30)
    assert not await is_gone(context, handle)
    assert await is_gone(context, another)
    with arena.fault(FaultRule(Answer(403), verb="get", path="/secrets/")):
        assert not await is_gone(context, handle), "who may not look knows nothing"
    living, ended, over, bare = (
        kept(arena, handle, expires_at=soon),
        kept(arena, another, expires_at=soon),
        kept(arena, another, expires_at=datetime.now(UTC) - HOUR),
        kept(arena, identity=None),
    )
    for credential, stands in (
        (living, Life.LIVES),
        (ended, Life.REVOKED),
        (over, Life.REVOKED),
        (msgspec.structs.replace(over, handle=handle), Life.EXPIRED),
        (bare, Life.LIVES),
        (msgspec.structs.replace(bare, expires_at=datetime.now(UTC) - HOUR), Life.EXPIRED),
    ):
        assert await life_of(context, credential, Sight()) is stands
    await refuse_live(context, [], Sight())
    await refuse_live(context, [ended, over], Sight())
    for found, left in (([ended, living], ", valid for 2h 30m"), ([bare], ""), ([kept(arena)], "")):
        with pytest.raises(Unasked) as refused:
            await refuse_live(context, found, Sight())
        assert refused.value.word == replacing.REPLACE == "replace"
        identity = found[-1].identity
        whose = identity.said if identity is not None else found[-1].shoot
        assert refused.value.message == f"{arena.secret_address()} is a live credential of {whose}{left}"
        assert f"kubemint rotate {arena.secret_address()}" in refused.value.hint


async def test_the_clock_of_its_cluster_says_whether_it_is_over(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's may be wrong; it counts only for what has no cluster."""
    context, arena = replace(ebench.engine._context, clock=lambda: NOON + 3 * HOUR), ebench.arena
    asked = []

    async def now(self: Context, cluster: str) -> datetime:
        asked.append(cluster)
        return NOON

    monkeypatch.setattr(Context, "now", now)
    ends = NOON + HOUR
    assert await life_of(context, kept(arena, expires_at=ends), Sight()) is Life.LIVES
    assert asked == [arena.name]
    assert await life_of(context, kept(arena, identity=None, expires_at=ends), Sight()) is Life.EXPIRED
    assert asked == [arena.name]


async def test_what_was_seen_of_its_handle_is_looked_at_again(ebench: Bench) -> None:
    context, sight, handle = ebench.engine._context, Sight(), await handle_of(ebench)
    assert await life_of(context, kept(ebench.arena, handle), sight) is Life.LIVES
    await sight.look_again()
    await ebench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
    with pytest.raises(ChangedMeanwhile, match=r"the handle of .* was changed by another client"):
        await sight.look_again()
