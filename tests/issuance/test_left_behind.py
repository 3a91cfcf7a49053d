"""Issuing to a place whose Secret somebody deleted: the old token goes where our record names it, else it is said."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import kubemint
from tests.issuance.arena import Bench
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.tokens.left_behind import judge
from tui.issuance.trust import handle_names
from tui.issuance.trust.handles import Seen
from tui.kube.resource import SECRETS

ROBOT = Identity("harbor", "default", "robot")
HANDLE = Handle("harbor", "default", "kubemint-robot-bcdfghjk", "uid-1")
ADDRESS = Address(CredentialKind.SECRET, "harbor", "default", "robot-credential")
PLACE = "default/robot-credential"
SEEN = Seen(
    namespace="default",
    name=HANDLE.name,
    uid="uid-1",
    type=managed.HANDLE_TYPE,
    marked=True,
    account="default/robot",
    secrets=(PLACE,),
)
WRITTEN = Credential(address=ADDRESS, identity=ROBOT, handle=HANDLE, fingerprint="f", state=State.VALID)


NEW = handle_names.fresh(SEEN.meant)


def record(**fields: Any) -> Export:
    return Export(credential=msgspec.structs.replace(WRITTEN, **fields), request="r")


def seen(**fields: Any) -> Seen:
    return msgspec.structs.replace(SEEN, **fields)


@pytest.mark.parametrize(
    ("known", "beside", "ours", "others"),
    [
        (record(), SEEN, True, 0),
        (None, None, False, 1),
        # Gone, another one, somebody else's Secret, or nobody may look: nothing of it is deleted.
        (record(), None, False, 1),
        (record(), seen(uid="uid-2"), False, 1),
        (record(), seen(type="Opaque", marked=False), False, 1),
        (record(), seen(type="Opaque", keys=("token",)), False, 1),
        (record(), seen(keys=("token",)), True, 0),  # whoever may patch it keeps no token alive by that
        (record(), seen(type="Opaque"), True, 0),  # of old, and this machine wrote it
        (record(state=State.REVOKED), SEEN, False, 1),
        (record(handle=None), SEEN, False, 1),
        (record(identity=None), SEEN, False, 1),
        (record(identity=Identity("harbor", "default", "other")), SEEN, False, 1),
        (record(handle=Handle("harbor", "default", "kubemint-other-bcdfghjk", "uid-1")), SEEN, False, 1),
    ],
)
def test_what_may_go_with_the_new_one(known: Export | None, beside: Seen | None, ours: bool, others: int) -> None:
    left = judge(ROBOT, PLACE, known, beside, [SEEN])
    assert (left.ours is not None, len(left.others)) == (ours, others)
    assert left.ours is None or left.ours.handle == HANDLE


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        (SEEN, True),
        (seen(secrets=()), False),
        (seen(secrets=("default/another",)), False),
        (seen(account="default/other"), False),
        (seen(account=""), False),
        (seen(account="default/other", name="kubemint-other-bcdfghjk"), False),
        (seen(name="kubemint-other-bcdfghjk"), False),
        (seen(keys=("token",)), False),
        (seen(name=NEW), True),
        (seen(name=NEW, request="changed"), False),
        (seen(type="Opaque"), False),
        (seen(deleted=True), False),
    ],
)
def test_which_handles_say_that_they_were_made_for_it(listed: Seen, named: bool) -> None:
    assert bool(judge(ROBOT, PLACE, None, None, [listed]).others) is named


async def test_the_old_handle_goes_after_the_new_one_is_proven(bench: Bench) -> None:
    arena = bench.arena
    first = await bench.issue(arena.spec(arena.secret()))
    old = await bench.handles()
    await bench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    plan = await bench.engine.plan(arena.spec(arena.secret()))
    assert any("is gone, but its token still works" in said for said in plan.warnings)
    steps = [step.id for step in plan.steps]
    assert steps.index("prove") < steps.index("revoke:0")
    assert [step.name for step in plan.steps if step.id == "revoke:0"] == old
    assert await bench.handles() == old, "a dry run changes nothing"
    second: Any = await bench.engine.execute(plan)
    await bench.engine.settle()
    assert second.ok, second
    assert second.whole
    assert second.credential.handle != first.credential.handle
    assert await bench.handles() == [second.credential.handle.name]


async def test_what_only_says_so_itself_is_left_and_named(bench: Bench) -> None:
    """Issued on another machine: here nothing names its handle but its own annotation."""
    arena = bench.arena
    async with Bench(arena, state="another") as other:
        await other.issue(arena.spec(arena.secret()))
    (old,) = await bench.handles()
    await bench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    plan = await bench.engine.plan(arena.spec(arena.secret()))
    assert not [step for step in plan.steps if step.id.startswith("revoke")]
    revoke = f"`kubemint revoke handle:{arena.name}/{arena.namespace}/{old}` ends it"
    assert [said for said in plan.warnings if revoke in said and "it is left" in said], plan.warnings
    done = await bench.engine.execute(plan)
    await bench.engine.settle()
    assert done.ok, done
    assert not done.whole
    assert [said for said in done.left if revoke in said], done.left
    assert old in await bench.handles()


async def test_a_command_says_it_and_ends_with_3(ebench: Bench, home: Path) -> None:
    arena = ebench.arena
    async with Bench(arena, state="another") as other:
        await other.issue(arena.spec(arena.secret()))
    (old,) = await ebench.handles()
    await ebench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    where = ("-n", arena.namespace, "--context", arena.name, "--kubeconfig", arena.kubeconfig)
    wish = ("issue", "robot", *where, "--secret", f"{arena.namespace}/robot-credential", "-q", "-o", "json")
    done = await asyncio.to_thread(kubemint, *wish)
    assert done.code == 3, done
    assert f"handle:{arena.name}/{arena.namespace}/{old}` ends it" in done.err
    (item,) = done.json["items"]
    assert item["ok"] is False
    assert old in item["left"][0]


async def test_what_ends_with_its_grace_is_not_left(ebench: Bench) -> None:
    arena = ebench.arena
    async with Bench(arena, grace=timedelta(hours=1)) as slow:
        issued = await slow.issue(arena.spec(arena.secret()))
        assert (await slow.engine.execute(await slow.engine.plan_rotate(issued.address))).ok
        await slow.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
        plan = await slow.engine.plan(arena.spec(arena.secret()))
        assert not [said for said in plan.warnings if "nothing here confirms" in said]
        assert (await slow.engine.execute(plan)).whole


async def test_a_first_issue_says_nothing_of_that(ebench: Bench) -> None:
    plan = await ebench.engine.plan(ebench.arena.spec(ebench.arena.secret()))
    assert not [said for said in plan.warnings if "handle" in said]
