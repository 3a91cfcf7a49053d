"""Secrets whose annotations lie: nobody gets, keeps or ends another one's token by what he writes into his own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.issuance.arena import Bench, handle_of
from tui.issuance.errors import UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.kube.resource import NAMESPACES, SECRETS


async def test_a_secret_that_lies_about_its_handle_deletes_nothing(bench: Bench) -> None:
    """Annotations are anybody's words: whatever they name, only a handle is ever deleted."""
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret()))
    precious: dict[str, Any] = await bench.client.create(
        SECRETS, {"metadata": {"name": "precious"}, "data": {"key": "eA=="}}, namespace=arena.namespace
    )
    lie = f"{arena.namespace}/precious/{precious['metadata']['uid']}"
    await bench.client.patch(
        SECRETS, "robot-credential", {"metadata": {"annotations": {"kubemint.io/handle": lie}}},
        namespace=arena.namespace,
    )  # fmt: skip
    plan = await bench.engine.plan_revoke(issued.address)
    assert [step.name for step in plan.steps if step.id == "handle"] == [issued.credential.handle.name]
    assert any("its annotations say its handle is" in warning and "precious" in warning for warning in plan.warnings)
    assert await bench.engine.recover() == []
    rotated = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
    await bench.engine.settle()
    assert rotated.ok, rotated
    assert bench.state.revocations() == []  # it is not tried again at every start
    assert "precious" in await bench.secrets()
    assert await bench.handles() == [handle_of(rotated)], "the handle that the token is bound to went"


async def test_a_secret_that_says_it_is_for_somebody_elsewhere_gets_no_token(bench: Bench) -> None:
    """Whoever may write Secrets in one namespace must not get the tokens of all others by the operator's hand."""
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret()))
    before = await bench.secrets()
    lies = ({"kubemint.io/account": "kube-system/default"}, {"kubemint.io/account": "kube-system/default",
            "kubemint.io/handle": "kube-system/nothing/1-2-3"})  # fmt: skip
    for lie in lies:
        await bench.client.patch(
            SECRETS, "robot-credential", {"metadata": {"annotations": lie}}, namespace=arena.namespace
        )
        with pytest.raises(
            UsageError, match=r"annotations say it is for default .namespace kube-system, .* token in it is for"
        ):
            await bench.engine.plan_rotate(issued.address)
    assert await bench.secrets() == before


@pytest.mark.parametrize("lies", [("handle",), ("handle", "request")], ids="-".join)
async def test_a_secret_cannot_end_the_token_of_another(bench: Bench, lies: tuple[str, ...]) -> None:
    """Its annotations may name another credential's handle, and claim that one's wish too; the handle knows better."""
    arena = bench.arena
    mine = await bench.issue(arena.spec(arena.secret("mine")))
    theirs = await bench.issue(arena.spec(arena.secret("theirs")))
    assert theirs.credential is not None
    assert theirs.credential.handle is not None
    there = await bench.client.get_metadata(SECRETS, "theirs", namespace=arena.namespace)
    stolen = {f"kubemint.io/{lie}": there["metadata"]["annotations"][f"kubemint.io/{lie}"] for lie in lies}
    await bench.client.patch(SECRETS, "mine", {"metadata": {"annotations": stolen}}, namespace=arena.namespace)
    revoke = await bench.engine.plan_revoke(mine.address)
    assert [step.name for step in revoke.steps if step.id == "handle"] == [mine.credential.handle.name]
    plan = await bench.engine.plan_rotate(mine.address)
    assert any("its annotations say its handle is" in warning for warning in plan.warnings)
    outcome = await bench.engine.execute(plan)
    assert outcome.ok, outcome
    await bench.engine.settle()
    assert outcome.credential is not None
    assert outcome.credential.handle is not None
    assert await bench.handles() == sorted([theirs.credential.handle.name, outcome.credential.handle.name])


async def test_a_copy_of_a_secret_elsewhere_is_not_kept_alive(bench: Bench) -> None:
    """Whoever once read a Secret may copy it, marks and all, into a namespace of his; rotating that gives no token."""
    arena = bench.arena
    await bench.issue(arena.spec(arena.secret()))
    original = await bench.client.get_metadata(SECRETS, "robot-credential", namespace=arena.namespace)
    elsewhere = f"{arena.namespace}-copy"
    await bench.client.create(NAMESPACES, {"metadata": {"name": elsewhere}})
    marks = {key: original["metadata"][key] for key in ("labels", "annotations")}
    await bench.client.create(
        SECRETS, {"metadata": {"name": "robot-credential", **marks}}, namespace=elsewhere
    )  # fmt: skip
    before = await bench.handles()
    with pytest.raises(UsageError, match="was made for"):
        await bench.engine.plan_rotate(Address(CredentialKind.SECRET, arena.name, elsewhere, "robot-credential"))
    assert await bench.handles() == before
