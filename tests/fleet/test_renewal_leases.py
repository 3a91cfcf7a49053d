"""One renewal loop at a time in a cluster: who holds the Lease renews, the other says who does, and takes over."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from tests.fleet.conftest import over, until
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.renewal_leases import LEASE, RenewalLeases, written_in
from tui.fleet.renewing import watched
from tui.fleet.store import Area
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.loop.keeping import RenewalLoop, Watched
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Credential, Identity, IssueSpec, Outcome
from tui.issuance.records.intent import Export
from tui.issuance.transaction.lease import LEASES
from tui.kube.errors import NotFound
from tui.kube.resource import Resource

KEPT = Address(CredentialKind.SECRET, "harbor", "loops", "kept")


class Time:
    """A clock for loops, by which what was just issued is due once it is `late`; a renewal sets it right again."""

    def __init__(self) -> None:
        self.late = timedelta(0)
        self.loops: list[RenewalLoop] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    def make_due(self) -> None:
        self.late = timedelta(minutes=55)
        for one in self.loops:
            one.wake()


@contextlib.asynccontextmanager
async def loop(fleet: Fleet, time: Time) -> AsyncIterator[RenewalLoop]:
    """A loop over this fleet as `rotate --due --watch` runs it."""

    async def renew(addresses: Sequence[Address]) -> list[Outcome]:
        engine = fleet.engine
        done = [await engine.execute(await engine.plan_rotate(address)) for address in addresses]
        assert all(outcome.ok for outcome in done), done
        time.late = timedelta(0)
        return done

    source = lambda: watched(fleet.store.view(Area.CREDENTIALS), fleet, clock=time.now)  # noqa: E731
    one = RenewalLoop(source=source, renew=renew, read=fleet.engine.lookup)
    time.loops.append(one)
    one.only = [KEPT]
    leases = RenewalLeases(fleet.client, fleet.engine.state.export_record, changed=one.wake, pause=0.1)
    one.claim = leases.claim
    fleet.store.subscribe(lambda change: one.wake())
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        await leases.aclose()
        assert isinstance(ended, asyncio.CancelledError), ended


async def issued(fleet: Fleet, name: str) -> None:
    identity = Identity("harbor", "loops", "robot")
    wish = IssueSpec(identity=identity, destinations=(SecretDestination("harbor", "loops", name),), create_account=True)
    assert (await fleet.engine.execute(await fleet.engine.plan(wish))).ok


def rotations(fleet: Fleet) -> int:
    return len({entry.plan for entry in fleet.engine.state.entries() if entry.action == Action.ROTATE})


async def test_two_loops_never_renew_the_same_credential_and_the_second_takes_over(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    time = Time()
    async with over(harbor, tmp_path / "a", read_only=False) as first, over(harbor, tmp_path / "b") as second:
        await _namespace(first)
        await issued(first, "kept")
        async with contextlib.AsyncExitStack() as of_first:
            one = await of_first.enter_async_context(loop(first, time))
            holder = await _holder(first)
            async with loop(second, time) as other:
                await until(lambda: other.last.left, "the second says who renews")
                assert other.last.left == {KEPT: f"{holder} holds the Lease kube-system/{LEASE}"}
                await until(lambda: _fingerprint(second), "the second lists it")
                before = _fingerprint(second)
                time.make_due()
                await until(lambda: not time.late, "the first renews, to the end", 30)
                await until(lambda: _fingerprint(second) != before, "the second sees what the first renewed")
                assert (rotations(first), rotations(second)) == (1, 0)
                assert one.last.left == {}
                await of_first.aclose()
                await until(lambda: other.last.left == {}, "the second takes over", 20)
                time.make_due()
                await until(lambda: not time.late, "the second renews, to the end", 30)
                assert (rotations(first), rotations(second)) == (1, 1)
        found = await (await first.client("harbor")).get(LEASES, LEASE, namespace="kube-system")
        assert found["spec"]["holderIdentity"] == ""


async def test_what_another_loop_renewed_a_moment_ago_is_not_renewed_again(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    """The list may be older than that; the Secret itself is asked before it is renewed."""
    async with over(harbor, tmp_path, read_only=False) as fleet:
        await _namespace(fleet)
        await issued(fleet, "kept")
        await until(lambda: KEPT.name in {key.rpartition("/")[2] for key in fleet.store.credentials}, "it is listed")
        listed, now = fleet.store.credentials[str(KEPT)].credential, datetime.now(UTC)
        times = {"issued_at": now - timedelta(minutes=59), "expires_at": now + timedelta(minutes=1), "rotate_at": now}
        old = msgspec.structs.replace(listed, **times)
        assert (await fleet.engine.execute(await fleet.engine.plan_rotate(KEPT))).ok
        asked: list[Address] = []

        async def read(address: Address) -> Credential:
            asked.append(address)
            return await fleet.engine.lookup(address)

        async def renew(addresses: Sequence[Address]) -> list[Outcome]:
            raise AssertionError("it was renewed a second time")

        stale = RenewalLoop(source=lambda: [Watched(credential=old, now=datetime.now(UTC))], renew=renew, read=read)
        task = asyncio.create_task(stale.run())
        await until(lambda: asked or task.done(), "it asks")
        await asyncio.sleep(0.5)
        assert not task.done()
        assert len(asked) == 1, "what the list says wrongly is not asked for again and again"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_without_the_right_to_a_lease_nothing_is_renewed_and_that_is_said(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        await _namespace(fleet)
        await issued(fleet, "kept")
        time = Time()
        harbor.cluster("harbor").faults.add(FaultRule(Answer(403, reason="Forbidden"), path="/leases"))
        async with loop(fleet, time) as one:
            time.make_due()
            await until(lambda: one.last.left, "it says why it does nothing")
            assert "a loop needs get, create and update on leases in kube-system" in one.last.left[KEPT]
            assert rotations(fleet) == 0


def test_what_lies_on_this_machine_alone_needs_no_lease() -> None:
    robot = Identity("harbor", "ci", "robot")

    def export(path: str, *places: SecretDestination, source: Address | None = None) -> Export:
        address = Address(CredentialKind.FILE, "", "", path)
        spec = IssueSpec(identity=robot, destinations=(FileDestination(path), *places))
        credential = Credential(address=address, identity=robot)
        return Export(credential=credential, request="r", spec=None if source else spec, source=source)

    secret = Address(CredentialKind.SECRET, "tenant-a", "ci", "robot")
    records = [
        export("/alone"),
        export("/both", SecretDestination("harbor", "ci", "robot")),
        export("/copy", source=secret),
    ]
    exports = {record.credential.address: record for record in records}
    found = {address.name: set(written_in(address, exports.get)) for address in exports}
    assert found == {"/alone": set(), "/both": {"harbor"}, "/copy": {"tenant-a"}}
    assert written_in(secret, exports.get) == {"tenant-a"}


async def _namespace(fleet: Fleet) -> None:
    client = await fleet.client("harbor")
    await client.create(Resource("", "v1", "namespaces", "Namespace"), {"metadata": {"name": "loops"}})


def _fingerprint(fleet: Fleet) -> str:
    row = fleet.store.credentials.get(str(KEPT))
    return row.credential.fingerprint if row is not None else ""


async def _holder(fleet: Fleet) -> str:
    client = await fleet.client("harbor")
    for _ in range(500):
        with contextlib.suppress(NotFound):
            found = await client.get(LEASES, LEASE, namespace="kube-system")
            if found["spec"]["holderIdentity"]:
                return str(found["spec"]["holderIdentity"])
        await asyncio.sleep(0.02)
    raise AssertionError("nobody took the Lease")


async def test_the_local_state_is_asked_beside_the_loop(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """Another process may hold it for seconds; the dashboard goes on drawing."""
    released, changes = threading.Event(), asyncio.Event()

    def export(address: Address) -> Export | None:
        assert released.wait(30)
        return None

    async with over(harbor, tmp_path) as fleet:
        leases = RenewalLeases(fleet.client, export, changed=changes.set)
        file = Address(CredentialKind.FILE, "", "", "/robot.kc")
        try:
            assert leases.claim(file) is None, "not known yet"
            assert leases.claim(file) is None
            released.set()
            await asyncio.wait_for(changes.wait(), 10)
            assert leases.claim(file) == "", "what lies on this machine alone needs no Lease"
        finally:
            released.set()
            await leases.aclose()
