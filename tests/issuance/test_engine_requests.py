"""DPUServiceCredentialRequests through the engine, in a cluster where no controller keeps them."""

from __future__ import annotations

import asyncio
import base64
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.dpf_place import Clock, Place, admin_conf
from tests.issuance.dying import KILLED, Doomed
from tui.demo import Answer, Cut, Drop, FaultRule, Hang
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.dpf import DPU_REQUESTS, DPURequestDraft
from tui.issuance.families.dpf.cleanup import leftovers_of
from tui.issuance.families.dpf.resources import HANDLE, MADE_IN
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, State
from tui.issuance.objects.managed import FINGERPRINT
from tui.issuance.revoking.found import id_of
from tui.issuance.revoking.sought import Sought
from tui.issuance.transaction.replacing import Revoked
from tui.kube.client import Client
from tui.kube.kubeconfig import parse
from tui.kube.resource import SECRETS

if TYPE_CHECKING:
    from tui.demo.running import FleetThread


@pytest.fixture
def hosting(embedded_fleet: FleetThread) -> tuple[FleetThread, Clock]:
    return embedded_fleet, Clock()


def bench_of(place: Place, folder: Path) -> Bench:
    return Bench(Arena(place.side, place.config, place.host, folder, place.ns))


def address_of(place: Place, name: str = "req") -> Address:
    return Address(CredentialKind.REQUEST, place.host, place.ns, name)


def forget(place: Place) -> None:
    """The API servers' ten seconds in which they remember a token are over."""
    assert place.fleet is not None

    async def work(fleet: Any) -> None:
        for cluster in fleet.clusters.values():
            cluster.authenticator.forget()

    place.fleet.call(work)


def draft(place: Place, **fields: Any) -> DPURequestDraft:
    return DPURequestDraft(
        **{
            "cluster": place.host,
            "namespace": place.ns,
            "name": "req",
            "service_account": "robot",
            "service_account_namespace": place.ns,
            "target_cluster": f"{place.ns}/{place.members[0]}",
            "duration": "2h",
            "secret": "out",
            "secret_namespace": place.ns,
        }
        | fields
    )


async def test_created_issued_rotated_exported_and_revoked_without_a_controller(both: Place, tmp_path: Path) -> None:
    async with bench_of(both, tmp_path) as bench:
        engine, address = bench.engine, address_of(both)
        created = await engine.execute(await engine.plan(draft(both)))
        assert created.ok, created
        assert created.address == address
        assert (await engine.lookup(address)).state is State.PENDING
        first = await bench.rotate(address)
        assert first.credential.state is State.VALID
        assert first.credential.granted == timedelta(hours=2)
        assert await both.works(await both.token())
        request = await both.read()
        assert str(request.status_service_account) == f"{both.ns}/robot"
        assert {condition.type: condition.status for condition in request.conditions} == {
            "Ready": "True",
            "ServiceAccountReconciled": "True",
            "SecretReconciled": "True",
        }
        second = await bench.rotate(address)
        assert second.credential.fingerprint == (await both.token()).fingerprint != first.credential.fingerprint
        assert await both.handles() == [second.credential.handle.name]
        assert leftovers_of(await both.read()) == ()
        verified = await engine.verify(address)
        assert verified.ok, verified
        copy = tmp_path / "copy"
        exported = await engine.export(address, FileDestination(str(copy)))
        assert exported.ok, exported
        token = parse(copy.read_bytes()).endpoint().login.token
        assert token == await both.token()
        plan = await engine.plan_rotate(address)
        assert any("export it again" in warning for warning in plan.warnings)
        with pytest.raises(UsageError, match="is a copy of request:"):
            await engine.plan_rotate(exported.address)
        revoked = await engine.execute(await engine.plan_revoke(address))
        assert revoked.ok, revoked
        assert await both.handles() == []
        with pytest.raises(Revoked, match="its handle is gone"):
            await engine.plan_rotate(address)
        assert "it was revoked (its handle is gone)" in await engine.revoked(address)
        await both.client.patch(DPU_REQUESTS, "req", {"metadata": {"annotations": {HANDLE: None}}}, namespace=both.ns)
        with pytest.raises(Revoked, match="its handle is gone"):
            await engine.plan_rotate(address)
        again = await engine.execute(await engine.plan_rotate(address, revive=True))
        assert again.ok, again


@pytest.mark.parametrize("by", ["fingerprint", "id"])
async def test_a_request_is_found_by_what_is_known_of_its_token(place: Place, tmp_path: Path, by: str) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await place.want()
        await bench.rotate(address)
        token = await place.token()
        sought = Sought(id=id_of(token)) if by == "id" else Sought(fingerprint=token.fingerprint)
        plan = await bench.engine.plan_revoke_sought(sought, [address.cluster])
        assert plan.address == address
        assert (await bench.engine.execute(plan)).ok
        assert await place.handles() == []


async def test_a_request_that_only_says_that_it_has_a_token_is_not_ended_for_it(place: Place, tmp_path: Path) -> None:
    await place.want()
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(address))).ok
        handles = await bench.handles()
        marks = {"metadata": {"annotations": {FINGERPRINT: "0123456789abcdef"}}}
        await bench.client.patch(DPU_REQUESTS, "req", marks, namespace=place.ns)
        with pytest.raises(UsageError, match=f"{address} says that it has .*, but the token in it is another one"):
            await bench.engine.plan_revoke_sought(Sought(fingerprint="0123456789abcdef"), [address.cluster])
        await bench.client.delete(SECRETS, "out", namespace=place.ns)
        with pytest.raises(UsageError, match=f"{address} says that it has .*, but there is no token in it"):
            await bench.engine.plan_revoke_sought(Sought(fingerprint="0123456789abcdef"), [address.cluster])
        assert await bench.handles() == handles


async def test_without_a_handle_only_a_new_account_ends_the_token(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await place.want()
        place.faults(place.members[0], FaultRule(Answer(403), verb="create", path=r"/secrets$"))
        issued = await bench.rotate(address)
        assert issued.credential.handle is None
        assert "cannot be revoked" in issued.hint
        place.faults(clear=True)
        token = await place.token()
        before = await place.account()
        plan = await bench.engine.plan_revoke(address)
        assert any("every token of" in warning for warning in plan.warnings)
        outcome = await bench.engine.execute(plan)
        assert outcome.ok, outcome
        after = await place.account()
        assert before is not None
        assert after is not None
        assert before["metadata"]["uid"] != after["metadata"]["uid"]
        forget(place)
        assert not await place.works(token)
        verified = await bench.engine.verify(address)
        assert not verified.ok
        assert "deleted and created again" in verified.message


async def test_a_failed_rotation_keeps_the_old_credential(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await place.want()
        issued = await bench.rotate(address)
        for host, rule in (
            (place.members[0], FaultRule(Answer(403), verb="create", path=r"/token$")),
            (place.host, FaultRule(Answer(500), verb="patch", path=r"/secrets/out$", times=1)),
        ):
            place.faults(host, rule)
            outcome = await bench.engine.execute(await bench.engine.plan_rotate(address))
            place.faults(clear=True)
            assert not outcome.ok
            assert outcome.credential == issued.credential
            assert await place.handles() == [issued.credential.handle.name]
            assert (await bench.engine.verify(address)).ok
            assert bench.state.open_plans() == []


@pytest.mark.parametrize("action", [Drop(), Hang(), Cut(), Answer(500)], ids=["dropped", "hanging", "cut", "500"])
async def test_a_write_whose_answer_got_lost_never_leaves_a_dead_token(
    place: Place, tmp_path: Path, action: Any
) -> None:
    arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
    async with Bench(arena, patience=0.5) as bench:
        address = address_of(place)
        await place.want()
        await bench.rotate(address)
        place.faults(place.host, FaultRule(action, verb="patch", path=r"/secrets/out$"))
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(address))
        place.faults(clear=True)
        assert not outcome.ok
        forget(place)
        assert await place.works(await place.token())
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert all(outcome.ok for outcome in outcomes), outcomes
        now = await bench.engine.lookup(address)
        assert now.fingerprint == (await place.token()).fingerprint
        assert [now.handle and now.handle.name] == await place.handles()
        forget(place)
        assert await place.works(await place.token())


async def test_a_secret_that_somebody_else_writes_just_then_is_not_called_good(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        await place.want()
        await bench.rotate(address_of(place))
        handles = await place.handles()

        async def meddle() -> None:
            async with Client(place.known.endpoint(place.host)) as other:
                patch = {"data": {"kubeconfig": base64.b64encode(b"mine").decode()}}
                await other.patch(SECRETS, "out", patch, namespace=place.ns)

        def reached(point: str) -> None:
            if point == "before:check:0":
                somebody = threading.Thread(target=lambda: asyncio.run(meddle()))
                somebody.start()
                somebody.join()

        bench.engine.checkpoint = reached
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(address_of(place)))
        assert not outcome.ok
        assert "another process wrote to it" in outcome.error
        assert "works" not in outcome.hint
        await bench.engine.recover()
        assert bench.state.open_plans() == []
        assert await place.handles() == handles


async def test_of_two_who_rotate_one_request_the_second_fails_cleanly(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as mine, bench_of(place, tmp_path / "other") as theirs:
        await place.want()
        address = address_of(place)
        late = await mine.engine.plan_rotate(address)
        winner = await theirs.rotate(address)
        outcome = await mine.engine.execute(late)
        assert not outcome.ok
        assert "changed by another client" in outcome.error
        assert await place.handles() == [winner.credential.handle.name]


MOMENTS = ("before", "unrecorded", "after")
POINTS = [
    f"{moment}:{step}"
    for step in ("intent", "account", "handle", "token", "prove", "write:0", "check:0", "status", "commit")
    for moment in MOMENTS
]


@pytest.mark.parametrize("point", POINTS)
async def test_killed_anywhere_the_next_start_finishes_or_undoes(place: Place, tmp_path: Path, point: str) -> None:
    async with bench_of(place, tmp_path) as bench:
        await place.want()
        address = address_of(place)
        issued = await bench.rotate(address)
        arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
        assert Doomed().run(arena, address, point) == KILLED
        published = await place.token()
        assert await place.works(published)
        outcomes = await bench.engine.recover()
        await bench.engine.settle()
        assert [outcome.error for outcome in outcomes if not outcome.ok] == []
        assert await bench.engine.recover() == []
        assert await place.token() == published
        now = await bench.engine.lookup(address)
        assert now.fingerprint == published.fingerprint
        assert [now.handle and now.handle.name] == await place.handles()
        late = point.partition(":")[2] in ("write:0", "check:0", "status", "commit") and point != "before:write:0"
        assert (now.fingerprint != issued.credential.fingerprint) is late
        assert leftovers_of(await place.read()) == ()


async def unbound(place: Place, bench: Bench) -> Address:
    """A request whose token is bound to nothing: there was no right to create Secrets in its target."""
    await place.want()
    address = address_of(place)
    refused = 'secrets is forbidden: User "operator" cannot create resource "secrets" in API group "" in the namespace'
    place.faults(place.members[0], FaultRule(Answer(403, message=refused), verb="create", path=r"/secrets$"))
    await bench.rotate(address)
    place.faults(place.members[0], clear=True)
    return address


async def test_a_mark_that_was_taken_away_does_not_end_the_account_with_the_token(place: Place, tmp_path: Path) -> None:
    """What the token is bound to stands in the token."""
    async with bench_of(place, tmp_path) as bench:
        await place.want()
        address = address_of(place)
        await bench.rotate(address)
        token, before = await place.token(), await place.account()
        nothing = {"metadata": {"annotations": {HANDLE: None}}}
        await place.client.patch(DPU_REQUESTS, "req", nothing, namespace=place.ns)
        outcome = await bench.engine.execute(await bench.engine.plan_revoke(address))
        assert outcome.ok, outcome
        assert await place.account() == before
        assert await place.handles() == []
        forget(place)
        assert not await place.works(token)


@pytest.mark.parametrize("point", [f"{m}:{s}" for s in ("intent", "delete", "account") for m in MOMENTS])
async def test_an_account_that_was_to_be_made_anew_is_there_after_the_next_start(
    place: Place, tmp_path: Path, point: str
) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = await unbound(place, bench)
        token, before = await place.token(), await place.account()
        arena = Arena(place.side, place.config, place.host, tmp_path, place.ns)
        assert Doomed().run(arena, address, point, revoke=True) == KILLED
        outcomes = await bench.engine.recover()
        assert [outcome.error for outcome in outcomes if not outcome.ok] == []
        assert await bench.engine.recover() == []
        after = await place.account()
        assert before is not None
        assert after is not None, "never without an account"
        forget(place)
        begun = point not in ("before:intent", "unrecorded:intent")
        assert (after["metadata"]["uid"] != before["metadata"]["uid"]) is begun
        assert await place.works(token) is not begun, "what was confirmed is finished"
        await bench.rotate(address)
        assert await place.works(await place.token())


async def test_an_account_that_may_not_be_deleted_stays_and_nothing_is_left_open(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = await unbound(place, bench)
        plan = await bench.engine.plan_revoke(address)
        place.faults(place.members[0], FaultRule(Answer(403), verb="delete", path=r"/serviceaccounts/"))
        outcome = await bench.engine.execute(plan)
        assert not outcome.ok
        assert bench.state.open_plans() == []
        assert await place.works(await place.token())


async def test_an_account_that_cannot_be_made_anew_at_once_is_made_at_the_next_start(
    place: Place, tmp_path: Path
) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = await unbound(place, bench)
        plan = await bench.engine.plan_revoke(address)
        place.faults(place.members[0], FaultRule(Drop(), verb="create", path=r"/serviceaccounts$"))
        outcome = await bench.engine.execute(plan)
        assert not outcome.ok
        assert "when it starts next" in outcome.hint
        assert await place.account() is None
        assert not (await bench.engine.recover())[0].ok
        place.faults(clear=True)
        assert (await bench.engine.recover())[0].ok
        assert await place.account() is not None
        assert bench.state.open_plans() == []


async def test_a_draft_with_mistakes_names_them_all(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        with pytest.raises(UsageError) as refused:
            await bench.engine.plan(draft(place, name="Not A Name", duration="1d"))
        assert "name" in refused.value.message
        assert "duration" in refused.value.message
        await place.want()
        outcome = await bench.engine.execute(await bench.engine.plan(draft(place)))
        assert not outcome.ok
        assert "exists already" in outcome.error


async def led_elsewhere(place: Place) -> None:
    """Whoever may patch the Secret with a DPUCluster's kubeconfig lets its name lead to another of the operator's."""
    data = {"data": {"admin.conf": admin_conf(place.known.endpoint(place.members[1]))}}
    await place.client.patch(SECRETS, f"{place.members[0]}-admin", data, namespace=place.ns)


async def test_a_token_whose_cluster_is_called_otherwise_is_revoked_where_its_handle_is(
    place: Place, tmp_path: Path
) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await bench.engine.execute(await bench.engine.plan(draft(place)))
        await bench.rotate(address)
        token = await place.token()
        (name,) = await place.handles()
        await led_elsewhere(place)
        plan = await bench.engine.plan_revoke(address)
        assert any(f"its handle is in {place.members[0]}, by its UID" in said for said in plan.warnings), plan.warnings
        assert (await bench.engine.execute(plan)).ok
        assert name not in await place.handles()
        forget(place)
        assert not await place.works(token)


async def test_a_cluster_that_only_repeats_the_handle_is_not_believed_while_others_are_silent(
    place: Place, tmp_path: Path
) -> None:
    """Neither the mark nor the Secret says that the token is of there."""
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await bench.engine.execute(await bench.engine.plan(draft(place)))
        await bench.rotate(address)
        await led_elsewhere(place)
        own = (await place.secret()).values()["kubeconfig"].reveal_bytes()
        away = own.replace(place.known.endpoint(place.members[0]).server.encode(), b"https://192.0.2.1:6443")
        away = re.sub(rb" *certificate-authority-data: .*\n", b"", away)
        data = {"data": {"kubeconfig": base64.b64encode(away).decode()}}
        await place.client.patch(SECRETS, "out", data, namespace=place.ns)
        unmarked = {"metadata": {"annotations": {MADE_IN: None}}}
        await place.client.patch(DPU_REQUESTS, "req", unmarked, namespace=place.ns)
        place.faults(place.members[1], FaultRule(Drop()))
        with pytest.raises(IssuanceError, match="none is revoked on one word"):
            await bench.engine.plan_revoke(address)


async def test_a_handle_that_was_made_for_another_request_is_not_revoked_for_this_one(
    place: Place, tmp_path: Path
) -> None:
    """Whoever may write the Secret of a request may put the token of a neighbour there, and let it lead anywhere."""
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await bench.engine.execute(await bench.engine.plan(draft(place)))
        await bench.rotate(address)
        theirs = draft(place, name="theirs", service_account="theirs", secret="out-2")
        await bench.engine.execute(await bench.engine.plan(theirs))
        await bench.rotate(address_of(place, "theirs"))
        token = await place.token("out-2")
        data = (await place.secret("out-2")).data
        await place.client.patch(SECRETS, "out", {"data": dict(data or {})}, namespace=place.ns)
        await led_elsewhere(place)
        with pytest.raises(UsageError, match="does not lead to"):
            await bench.engine.plan_revoke(address)
        assert await place.works(token)


async def test_what_is_not_in_another_cluster_of_its_name_was_not_revoked(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        address = address_of(place)
        await bench.engine.execute(await bench.engine.plan(draft(place)))
        await bench.rotate(address)
        token = await place.token()
        await led_elsewhere(place)
        plan = await bench.engine.plan_rotate(address)
        assert any("the old token is not revoked" in said for said in plan.warnings), plan.warnings
        assert (await bench.engine.execute(plan)).ok
        assert await place.works(token)
        assert await place.works(await place.token(), 1)
        assert [one.kind for one in leftovers_of(await place.read())] == ["handle"]
