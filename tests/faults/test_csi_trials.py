"""Trials of a CSI driver: their handle is in the journal before it is made, and ends with whoever shows its tokens, or
with the next start."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule
from tui.issuance.families.csi import driver as csi
from tui.issuance.families.csi.trial import Minted, Trials
from tui.issuance.model.types import Action
from tui.issuance.records.intent import Revocation
from tui.kube.errors import Denied
from tui.kube.resource import PODS, SECRETS

DRIVER = "secrets-store.csi.k8s.io"


@pytest.fixture
async def trying(ebench: Bench) -> Bench:
    """With a pod that a trial can be made for."""
    await ebench.make_account("reader")
    spec: dict[str, Any] = {"serviceAccountName": "reader", "containers": [{"name": "app", "image": "app"}]}
    wish = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader-0"}, "spec": spec}
    await ebench.client.create(PODS, wish, namespace=ebench.arena.namespace)
    return ebench


async def begun(bench: Bench) -> Minted:
    arena = bench.arena
    preview = await csi.look(bench.client, arena.name, DRIVER, arena.namespace, "reader-0")
    return await bench.engine.trials.begin(preview, revocable=True)


def died(trials: Trials) -> Revocation:
    """The process died: the kernel let go of its lock. What it knew of the trial."""
    (trial,) = trials._open.values()
    trials._over(trial)
    return trial.revocation


async def test_a_trial_is_journaled_first_and_ends_when_it_is_closed(trying: Bench) -> None:
    minted = await begun(trying)
    assert minted.handle is not None
    (open_one,) = trying.state.revocations()
    assert open_one.handle == minted.handle
    assert [entry.step for entry in trying.state.entries(plan=open_one.plan)] == ["intent", "handle"]
    assert await trying.works(minted.tokens[""].token)
    assert "the handle was deleted" in await trying.engine.trials.end(minted)
    assert await trying.handles() == []
    assert trying.state.revocations() == []
    assert await trying.engine.trials.end(minted) == "the handle was ended before"


async def test_what_is_left_ends_with_the_engine(trying: Bench) -> None:
    await begun(trying)
    await trying.engine.aclose()
    assert await trying.handles() == []
    assert trying.state.revocations() == []


async def test_the_next_start_ends_what_a_dead_process_showed_and_nothing_that_is_shown(trying: Bench) -> None:
    minted = await begun(trying)
    async with Bench(trying.arena) as beside:
        assert await beside.engine.recover() == [], "it is being shown"
        assert len(await trying.handles()) == 1
        assert await trying.works(minted.tokens[""].token)
        died(trying.engine.trials)
        (outcome,) = await beside.engine.recover()
        assert outcome.ok
    assert await trying.handles() == []
    trying.arena.forget()
    assert not await trying.works(minted.tokens[""].token)
    assert trying.state.revocations() == []


@pytest.mark.parametrize("made", [True, False])
async def test_one_that_died_before_it_learned_the_uid(trying: Bench, made: bool) -> None:
    await begun(trying)
    died(trying.engine.trials)
    (known,) = trying.state.revocations()
    if not made:
        await trying.client.delete(SECRETS, known.handle.name, namespace=known.handle.namespace, uid=known.handle.uid)
    unlearned = msgspec.structs.replace(known, handle=msgspec.structs.replace(known.handle, uid=""))
    trying.state.record(Action.ISSUE, known.address, revocations=[unlearned])
    (outcome,) = await trying.engine.recover()
    assert outcome.ok, outcome
    assert await trying.handles() == []
    assert trying.state.revocations() == []


async def test_a_handle_that_was_refused_leaves_nothing_open(trying: Bench) -> None:
    rule = FaultRule(Answer(403, "Forbidden", "no"), verb="create", path="/secrets$")
    with trying.arena.fault(rule), pytest.raises(Denied):
        await begun(trying)
    assert trying.state.revocations() == []
    assert await trying.handles() == []


async def test_tokens_that_could_not_be_minted_leave_no_handle(trying: Bench) -> None:
    rule = FaultRule(Answer(403, "Forbidden", "no"), verb="create", path="/token$")
    with trying.arena.fault(rule), pytest.raises(Denied):
        await begun(trying)
    assert trying.state.revocations() == []
    assert await trying.handles() == []


async def test_tokens_in_a_file_live_on_and_the_journal_says_where(trying: Bench) -> None:
    minted = await begun(trying)
    await trying.engine.trials.keep(minted, "tokens.json")
    assert trying.state.revocations() == []
    assert "its tokens are in tokens.json" in trying.state.entries()[-1].message
    assert await trying.engine.recover() == []
    await trying.engine.aclose()
    assert len(await trying.handles()) == 1
