"""Undoing an issue or a copy into a Secret: what was made there goes again, and only where nothing else came of it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dying import KILLED, Doomed
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.model.types import Action, State, StepStatus
from tui.kube.resource import PODS, SECRETS

MARK = {"app": "made-for-tests"}


@pytest.fixture(scope="module")
def doomed() -> Doomed:
    return Doomed()


async def token_of(bench: Bench, arena: Arena, name: str = "robot-credential") -> Any:
    place, form = await (await bench.engine._context.families.of(arena.secret_address(name))).place(
        bench.engine._context, arena.secret_address(name)
    )
    token = await place.token(form)
    assert token is not None
    return token


async def test_an_issue_into_a_secret_is_undone_with_its_token(arena: Arena) -> None:
    """Asked for in words, the Secret and the handle go, the token is refused, and nothing remembers the Secret."""
    at = arena.secret_address()
    async with Bench(arena) as bench:
        await bench.issue(arena.spec(arena.secret()))
        token = await token_of(bench, arena)
        assert await bench.works(token)
        with pytest.raises(Unasked, match="was issued and not rotated since: undoing that deletes") as unasked:
            await bench.engine.plan_undo(at)
        assert unasked.value.word == "unmake"
        plan = await bench.engine.plan_undo(at, unmake=True)
        assert plan.action is Action.UNDO
        assert [step.id for step in plan.steps] == ["intent", "handle", "secret:0"]
        outcome = await bench.engine.execute(plan)
        assert outcome.ok, outcome
        assert outcome.credential is not None
        assert outcome.credential.state is State.REVOKED
        assert await bench.secrets() == []
        if not arena.old:
            arena.forget()
            assert not await bench.works(token)
        assert bench.state.written(at) is None
        assert bench.state.revocations() == []
        said = [(one.action, one.step, one.status) for one in bench.state.entries_of(at)][-3:]
        assert said == [("undo", step, StepStatus.DONE) for step in ("intent", "handle", "secret:0")]
        with pytest.raises(UsageError, match=r"is revoked already|is no Secret|not found|not there"):
            await bench.engine.plan_revoke(at)


async def test_a_copy_in_a_secret_goes_alone(embedded: Arena) -> None:
    """The original and its token stay; that whoever read it has it is said."""
    copied, original = embedded.secret_address("copied"), embedded.secret_address()
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        token = await token_of(bench, embedded)
        made = await bench.engine.export(original, embedded.secret("copied"))
        assert made.ok, made
        with pytest.raises(UsageError, match=r"also in .*copied"):
            await bench.engine.plan_undo(original, unmake=True)
        with pytest.raises(Unasked, match="was copied and not rotated since"):
            await bench.engine.plan_undo(copied)
        plan = await bench.engine.plan_undo(copied, unmake=True)
        assert any("still works" in warning for warning in plan.warnings)
        outcome = await bench.engine.execute(plan)
        assert outcome.ok, outcome
        assert "copied" not in await bench.secrets()
        assert await bench.works(token)
        assert bench.state.written(copied) is None
        assert bench.state.written(original) is not None
        assert (await bench.engine.execute(await bench.engine.plan_undo(original, unmake=True))).ok, "and now that one"


async def edit(bench: Bench, arena: Arena) -> None:
    found = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    found["data"]["notes"] = base64.b64encode(b"keep me").decode()
    await bench.client.replace(SECRETS, found, namespace=arena.namespace, name="robot-credential")


async def another(bench: Bench, arena: Arena) -> None:
    found = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    await bench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    meta = {key: found["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    await bench.client.create(SECRETS, {**found, "metadata": meta}, namespace=arena.namespace)


async def mount(bench: Bench, arena: Arena) -> None:
    volumes = [{"name": "robot", "secret": {"secretName": "robot-credential"}}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "web"}], "volumes": volumes},
    }
    await bench.client.create(PODS, pod, namespace=arena.namespace)


async def copy(bench: Bench, arena: Arena) -> None:
    assert (await bench.engine.export(arena.secret_address(), arena.file("copy.kubeconfig"))).ok


async def label(bench: Bench, arena: Arena) -> None:
    marks = {"metadata": {"labels": {"team": "theirs"}, "annotations": {"reflector.example/mirror": "yes"}}}
    await bench.client.patch(SECRETS, "robot-credential", marks, namespace=arena.namespace)


async def copy_by_hand(bench: Bench, arena: Arena) -> None:
    found = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    meta = {key: found["metadata"][key] for key in ("labels", "annotations")}
    theirs = {**found, "metadata": {**meta, "name": "theirs"}}
    await bench.client.create(SECRETS, theirs, namespace=arena.namespace)


@pytest.mark.parametrize(
    ("since", "said"),
    [
        pytest.param(label, r"others put team, reflector\.example/mirror on it", id="labelled"),
        pytest.param(copy_by_hand, r"is also in secret:.*/theirs", id="copied with its marks"),
        pytest.param(edit, "was edited since", id="edited"),
        pytest.param(another, "is another Secret by now", id="made anew"),
        pytest.param(mount, "is used by now: Pod web", id="mounted"),
        pytest.param(copy, r"is also in file:.*copy\.kubeconfig", id="copied to a file"),
    ],
)
async def test_what_came_of_it_since_is_not_taken_away(
    embedded: Arena, since: Callable[[Bench, Arena], Awaitable[None]], said: str
) -> None:
    """A revocation is what ends it then, and that is named."""
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        token = await token_of(bench, embedded)
        await since(bench, embedded)
        with pytest.raises(UsageError, match=said) as refused:
            await bench.engine.plan_undo(embedded.secret_address(), unmake=True)
        assert "kubemint revoke secret:" in refused.value.hint
        assert await bench.works(token)


async def test_what_was_there_before_or_lies_elsewhere_too_is_not_undone(embedded: Arena) -> None:
    at = embedded.secret_address()
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        await bench.issue(embedded.spec(embedded.secret()), replace=True)
        with pytest.raises(UsageError, match="was there before"):
            await bench.engine.plan_undo(at, unmake=True)
        await bench.issue(embedded.spec(embedded.file(), embedded.secret("with-file")))
        with pytest.raises(UsageError, match="was issued together with"):
            await bench.engine.plan_undo(embedded.secret_address("with-file"), unmake=True)


async def test_after_a_rotation_only_the_rotation_is_undone(embedded: Arena) -> None:
    """Its grace is over: what is left of an undo is none, and the Secret is not taken away in its place."""
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        await bench.rotate(issued.address)
        with pytest.raises(UsageError, match="no rotation of it is in its grace period") as refused:
            await bench.engine.plan_undo(embedded.secret_address(), unmake=True)
        assert not isinstance(refused.value, Unasked)


async def test_a_file_says_what_takes_it_back(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
        with pytest.raises(UsageError, match="nothing to undo") as refused:
            await bench.engine.plan_undo(issued.address, unmake=True)
        assert refused.value.hint == f"`kubemint revoke {issued.address}` ends it; the file is yours to delete"
        copy = await bench.engine.export(issued.address, embedded.file("copy.kubeconfig"))
        with pytest.raises(UsageError, match="nothing to undo") as refused:
            await bench.engine.plan_undo(copy.address, unmake=True)
        assert f"ends it and {issued.address}, of which it is a copy" in refused.value.hint


async def test_what_is_written_there_after_the_plan_stays(embedded: Arena) -> None:
    """Seen before anything is done: nothing is revoked either."""
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        token = await token_of(bench, embedded)
        plan = await bench.engine.plan_undo(embedded.secret_address(), unmake=True)
        await edit(bench, embedded)
        outcome = await bench.engine.execute(plan)
        assert not outcome.ok
        assert await bench.works(token)
        found = await bench.client.get(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert "notes" in found["data"]


@pytest.mark.parametrize("point", ["after:intent", "unrecorded:handle", "after:handle", "unrecorded:secret:0"])
async def test_a_killed_one_is_finished_by_the_next_start(embedded: Arena, doomed: Doomed, point: str) -> None:
    """What was begun ends the token and takes the Secret away, whenever it died."""
    at = embedded.secret_address()
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        assert doomed.run(embedded, at, point, unmake=True) == KILLED
    async with Bench(embedded) as bench:
        await bench.engine.recover()
        await bench.engine.settle()
        assert await bench.secrets() == []
        assert await bench.handles() == []
        assert bench.state.revocations() == []
