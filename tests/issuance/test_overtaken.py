"""A rotation that died, or failed, after another kubemint had renewed what it was writing to: every old one ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.issuance.arena import Arena, Bench
from tui.issuance.formats import Format
from tui.issuance.model.types import Address
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.trust.vouching import token_in
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive


class Died(BaseException):
    """Nothing after this is done by the one that died."""


async def _killed(bench: Bench, address: Address) -> None:
    """A rotation that has written its token and dies before it is read back."""

    def die(reached: str) -> None:
        if reached == "before:check:0":
            raise Died

    plan = await bench.engine.plan_rotate(address)
    bench.engine.checkpoint = die
    with pytest.raises(Died):
        await bench.engine.execute(plan)


async def test_what_a_killed_rotation_was_to_replace_ends_where_another_machine_renewed_it_since(arena: Arena) -> None:
    async with Bench(arena) as first:
        issued = (await first.issue(arena.spec(arena.secret()))).credential
        token = await _token(first, issued.address)
        await _killed(first, issued.address)
    async with Bench(arena, state="other") as second:
        await second.rotate(issued.address)
        assert await second.works(token), "nobody but the journal of the dead knows of it"
    async with Bench(arena) as first:
        (outcome,) = await first.engine.recover()
        assert outcome.ok
        said = outcome.results[-1].message
        assert "renewed by someone else meanwhile" in said
        assert "as it was before" not in said
        await first.engine.settle()
        assert first.state.revocations() == []
        assert len(await first.handles()) == 1, "that of what lies there"
        assert await first.works(await _token(first, issued.address))


async def test_an_older_one_that_was_put_back_ends_nothing(arena: Arena) -> None:
    """Whoever may write the Secret puts back what a rotation replaced: that renews nothing."""
    async with Bench(arena, grace=timedelta(minutes=5)) as first:
        issued = (await first.issue(arena.spec(arena.secret()))).credential
        at = {"name": issued.address.name, "namespace": issued.address.namespace}
        older = await first.client.get(SECRETS, at["name"], namespace=at["namespace"])
        await asyncio.sleep(1.1)  # stamps are in seconds
        assert (await first.engine.execute(await first.engine.plan_rotate(issued.address))).ok
        token = await _token(first, issued.address)
        await _killed(first, issued.address)
    async with Bench(arena, grace=timedelta(minutes=5)) as first:
        now = await first.client.get(SECRETS, at["name"], namespace=at["namespace"])
        meta = {**now["metadata"], **{key: older["metadata"][key] for key in ("labels", "annotations")}}
        await first.client.replace(SECRETS, {**older, "metadata": meta}, **at)
        (outcome,) = await first.engine.recover()
        assert "renewed by someone else" not in outcome.results[-1].message
        assert len(first.state.revocations()) == 1, "the older one alone, as before"
        assert await first.works(token)


async def test_what_is_still_there_is_not_taken_for_renewed(arena: Arena) -> None:
    async with Bench(arena) as first:
        issued = (await first.issue(arena.spec(arena.secret()))).credential
        plan = await first.engine.plan_rotate(issued.address)

        def die(reached: str) -> None:
            if reached == "before:write:0":
                raise Died

        first.engine.checkpoint = die
        with pytest.raises(Died):
            await first.engine.execute(plan)
    async with Bench(arena) as first:
        (outcome,) = await first.engine.recover()
        assert "as it was before" in outcome.results[-1].message
        assert first.state.revocations() == []
        assert await first.works(await _token(first, issued.address))


async def _token(bench: Bench, address: Address) -> Sensitive:
    found = await bench.client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
    token = token_in(Format.KUBECONFIG, found)
    assert token is not None
    return token
