"""The later life of a long-lived token: rotated under a new name, revoked with its Secret, killed in between."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.test_identity import NAME, create, file_address, get, left, token_path
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Outcome, State
from tui.issuance.objects import token_secret
from tui.issuance.revoking.already import Already
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive


def legacy(arena: Arena, name: str = f"{NAME}-token") -> Address:
    return Address(CredentialKind.LEGACY, arena.name, arena.namespace, name)


def token(arena: Arena) -> Sensitive:
    return Sensitive(token_path(arena).read_bytes())


async def token_secrets(bench: Bench) -> list[str]:
    """kubemint's own ones; old servers make others by themselves."""
    found = await bench.client.list(
        SECRETS, namespace=bench.arena.namespace, metadata_only=True, labels="app.kubernetes.io/managed-by=kubemint"
    )
    return sorted(item["metadata"]["name"] for item in found)


@pytest.mark.parametrize("by", ["file", "legacy"])
async def test_rotating_makes_a_secret_of_another_name_and_moves_the_file(bench: Bench, by: str) -> None:
    arena = bench.arena
    await create(bench)
    old = token(arena)
    address = file_address(arena) if by == "file" else legacy(arena)
    outcome = await bench.rotate(address)
    new = token(arena)
    assert new != old
    assert await bench.works(new)
    (name,) = await token_secrets(bench)
    assert name.startswith(f"{NAME}-token-")
    assert outcome.credential.address == legacy(arena, name)
    kept = await bench.engine.lookup(file_address(arena))
    assert kept.state is State.ENDLESS
    assert kept.handle is not None
    assert kept.handle.name == name
    if arena.fleet is not None:
        arena.forget()
        assert not await bench.works(old)


async def test_a_rotation_that_fails_leaves_the_old_one_as_it_was(ebench: Bench) -> None:
    arena = ebench.arena
    await create(ebench)
    old = token(arena)
    plan = await ebench.engine.plan_rotate(legacy(arena))
    token_path(arena).write_text("somebody else's")
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert token_path(arena).read_text() == "somebody else's"
    assert await token_secrets(ebench) == [f"{NAME}-token"]
    assert await ebench.works(old)
    assert ebench.state.open_plans() == []


async def test_an_unfilled_secret_is_taken_back(ebench: Bench) -> None:
    arena = ebench.arena
    await create(ebench)
    plan = await ebench.engine.plan_rotate(legacy(arena))
    with arena.fault(FaultRule(Answer(500, message="busy"), verb="get", path="secrets/rok-token-")):
        outcome = await ebench.engine.execute(plan)
        assert not outcome.ok
    await ebench.engine.recover()
    assert await token_secrets(ebench) == [f"{NAME}-token"]
    assert ebench.state.open_plans() == []


@pytest.mark.parametrize("by", ["file", "legacy"])
async def test_revoking_deletes_the_secret_and_the_file_is_known_to_be_dead(ebench: Bench, by: str) -> None:
    arena = ebench.arena
    await create(ebench)
    address = file_address(arena) if by == "file" else legacy(arena)
    outcome = await ebench.engine.execute(await ebench.engine.plan_revoke(address))
    assert outcome.ok, outcome
    assert await get(ebench, SECRETS, f"{NAME}-token") is None
    assert await left(ebench) == ["ServiceAccount", "Role", "RoleBinding"]
    assert (await ebench.engine.lookup(file_address(arena))).state is State.REVOKED
    arena.forget()
    assert not await ebench.works(token(arena))
    assert "the server accepted the token in it just now" in outcome.hint


@pytest.mark.parametrize("by", ["file", "legacy"])
async def test_revoking_ends_what_it_took_the_place_of(embedded: Arena, by: str) -> None:
    """A rotated token Secret has another name, and is at the same place all the same."""
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        await create(bench)
        tokens, address = [token(embedded)], legacy(embedded)
        for _ in range(2):
            address = await rotated(bench, address)
            tokens.append(token(embedded))
        if by == "file":
            address = file_address(embedded)
        plan = await bench.engine.plan_revoke(address)
        assert f"Delete the Secret {NAME}-token of an older token, which ends its grace period" in [
            step.title for step in plan.steps if step.id.startswith("older:")
        ]
        assert (await bench.engine.execute(plan)).whole
        embedded.forget()
        assert [await bench.works(one) for one in tokens] == [False] * 3
        assert await token_secrets(bench) == []
        assert bench.state.revocations() == []


async def rotated(bench: Bench, address: Address) -> Address:
    """Where the new one is; nobody waits for the grace period."""
    outcome = await bench.engine.execute(await bench.engine.plan_rotate(address))
    assert outcome.credential is not None
    return outcome.credential.address


async def test_an_older_one_that_cannot_be_ended_is_left_and_ends_the_second_time(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        await create(bench)
        old, address = token(embedded), await rotated(bench, legacy(embedded))
        plan = await bench.engine.plan_revoke(address)
        with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=rf"/{NAME}-token$")):
            outcome = await bench.engine.execute(plan)
        assert outcome.ok
        assert f"{legacy(embedded)}, was not ended" in outcome.left[0]
        assert await bench.works(old)
        assert (await bench.engine.execute(await bench.engine.plan_revoke(address))).whole
        assert await token_secrets(bench) == []
        assert bench.state.revocations() == []
        with pytest.raises(Already):
            await bench.engine.plan_revoke(address)


async def test_what_was_rotated_is_not_rotated_again_and_ends_alone_by_its_name(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        await create(bench)
        newer = await rotated(bench, legacy(embedded))
        with pytest.raises(UsageError, match="was already rotated") as refused:
            await bench.engine.plan_rotate(legacy(embedded))
        assert str(newer) in (refused.value.hint or "")
        assert (await bench.engine.execute(await bench.engine.plan_revoke(legacy(embedded)))).whole
        assert bench.state.revocations() == []
        assert await bench.works(token(embedded))


async def test_copies_of_a_token_secret_move_with_it(ebench: Bench) -> None:
    arena = ebench.arena
    await create(ebench)
    copy = arena.folder / "copy.token"
    assert (await ebench.engine.export(legacy(arena), FileDestination(str(copy)))).ok
    await ebench.rotate(legacy(arena))
    assert Sensitive(copy.read_bytes()) == token(arena)
    assert await ebench.works(token(arena))


async def invalidated(bench: Bench, since: str = "2026-01-02") -> None:
    """As the cluster's daily clean-up leaves a token Secret that nobody used for a year."""
    labels = {token_secret.INVALID_SINCE: since, token_secret.LAST_USED: "2024-12-30"}
    where = bench.arena.namespace
    await bench.client.patch(SECRETS, f"{NAME}-token", {"metadata": {"labels": labels}}, namespace=where)
    if bench.arena.fleet is not None:
        bench.arena.forget()


@pytest.mark.parametrize("by", ["file", "legacy"])
async def test_f09_an_invalidated_token_is_re_activated(bench: Bench, by: str) -> None:
    arena = bench.arena
    await create(bench)
    await invalidated(bench)
    assert await bench.works(token(arena)) is arena.old, "servers before 1.28 do not look at the label"
    refused = await bench.engine.lookup(legacy(arena))
    assert refused.state is State.REVOKED
    assert "invalidated by the cluster on 2026-01-02, deletion due on 2027-01-02" in refused.message
    plan = await bench.engine.plan_reactivate(file_address(arena) if by == "file" else legacy(arena))
    assert "last on 2024-12-30" in plan.warnings[0]
    outcome = await bench.engine.execute(plan)
    assert outcome.ok, outcome
    assert outcome.credential is not None
    assert (outcome.credential.address, outcome.credential.state) == (legacy(arena), State.ENDLESS)
    assert await bench.works(token(arena))
    labels = (await get(bench, SECRETS, f"{NAME}-token") or {})["metadata"]["labels"]
    assert token_secret.INVALID_SINCE not in labels
    if not arena.old:  # the next clean-up must find it used
        assert labels[token_secret.LAST_USED] > "2024-12-30"
    with pytest.raises(UsageError, match="not invalidated"):
        await bench.engine.plan_reactivate(legacy(arena))


async def test_f09_only_the_secret_that_was_looked_at_is_re_activated(ebench: Bench) -> None:
    arena = ebench.arena
    await create(ebench)
    await invalidated(ebench)
    plan = await ebench.engine.plan_reactivate(legacy(arena))
    await ebench.client.delete(SECRETS, f"{NAME}-token", namespace=arena.namespace)
    wish = token_secret.manifest(arena.identity(NAME), f"{NAME}-token")
    wish["metadata"]["labels"][token_secret.INVALID_SINCE] = "2026-01-02"
    await ebench.client.create(SECRETS, wish, namespace=arena.namespace)
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "was changed by another client" in outcome.error
    assert (await ebench.engine.lookup(legacy(arena))).state is State.REVOKED


async def test_f09_what_is_no_token_secret_is_not_re_activated(ebench: Bench) -> None:
    with pytest.raises(UsageError, match="no long-lived token"):
        await ebench.engine.plan_reactivate(ebench.arena.secret_address())


class Killed(BaseException):
    """The process ends here."""


async def killed_at(bench: Bench, point: str, *, rotation: bool) -> None:
    """Run until `point`; everything after it does not happen, as in a process that was killed."""

    def checkpoint(here: str) -> None:
        if here == point:
            raise Killed

    from tests.issuance.test_identity import wish

    if rotation:
        plan = await bench.engine.plan_rotate(legacy(bench.arena))
    else:
        plan = await bench.engine.plan(wish(bench.arena))
    bench.engine.checkpoint = checkpoint
    with pytest.raises(Killed):
        await bench.engine.execute(plan)


async def recovered(arena: Arena) -> list[Outcome]:
    async with Bench(arena) as later:
        outcomes = await later.engine.recover()
        await later.engine.settle()
        assert [one.error for one in outcomes if not one.ok] == []
        assert await later.engine.recover() == []
        assert later.state.open_plans() == []
        assert later.state.revocations() == []
        assert later.state.verify_chain().ok
        return outcomes


@pytest.mark.parametrize("step", ["connect", "account", "rbac", "token"])
@pytest.mark.parametrize("moment", ["before", "unrecorded", "after"])
async def test_a_creation_that_was_killed_is_undone_or_finished(ebench: Bench, moment: str, step: str) -> None:
    arena = ebench.arena
    await killed_at(ebench, f"{moment}:{step}", rotation=False)
    published = token_path(arena).exists()
    assert published is (step == "token" and moment != "before")
    await recovered(arena)
    everything = ["ServiceAccount", "Role", "RoleBinding", "Secret"]
    account = ["ServiceAccount"]  # it stays, without rights: who began to use it since leaves no trace
    assert await left(ebench) in ([everything] if published else [[], account])
    if published:
        assert await ebench.works(token(arena))
        async with Bench(arena) as later:
            assert (await later.engine.lookup(file_address(arena))).fingerprint == token(arena).fingerprint


@pytest.mark.parametrize("step", ["intent", "secret", "prove", "write:0", "check:0", "commit"])
@pytest.mark.parametrize("moment", ["before", "unrecorded", "after"])
async def test_a_rotation_that_was_killed_leaves_one_working_token(ebench: Bench, moment: str, step: str) -> None:
    arena = ebench.arena
    await create(ebench)
    old = token(arena)
    await killed_at(ebench, f"{moment}:{step}", rotation=True)
    assert await ebench.works(token(arena)), "what the file holds works before anything is recovered"
    await recovered(arena)
    assert len(await token_secrets(ebench)) == 1
    arena.forget()
    assert await ebench.works(token(arena))
    assert await ebench.works(old) is (token(arena) == old)


async def test_material_of_a_token_secret(ebench: Bench) -> None:
    await create(ebench)
    assert await ebench.engine.material(legacy(ebench.arena)) == token(ebench.arena)
