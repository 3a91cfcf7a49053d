"""Files that kubemint wrote, as rows: what other processes change in the state, and what somebody does to the files."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet.conftest import over, until
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.fleet import Fleet
from tui.fleet.local_files import LocalFiles
from tui.fleet.rows import ClusterRow, Reach
from tui.fleet.store import FleetStore
from tui.issuance.destinations import file as file_place
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.loop.keeping import RENEWABLE, RenewalLoop, Watched
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Action, Address, Credential, Handle, Identity, IssueSpec, State
from tui.issuance.records.intent import Export, Revocation
from tui.issuance.records.state import StateStore


async def written(fleet: Fleet, path: Path, *, merge: bool = False) -> str:
    """Issue a kubeconfig into a file; gives the key of its row."""
    robot = Identity("harbor", "default", "robot")
    place = FileDestination(str(path), merge=merge)
    wish = IssueSpec(identity=robot, destinations=(place,), create_account=True)
    outcome = await fleet.engine.execute(await fleet.engine.plan(wish))
    assert outcome.ok, outcome.error
    assert outcome.credential is not None
    return str(outcome.credential.address)


def credential(fleet: Fleet, key: str) -> Credential:
    return fleet.store.credentials[key].credential


async def test_a_file_that_somebody_removed_is_missing_until_it_is_written_anew(
    harbor: EmbeddedFleet, tmp_path: Path
) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        own = await written(fleet, tmp_path / "own.kc")
        merged = await written(fleet, tmp_path / "merged #1.kc", merge=True)
        await until(lambda: {own, merged} <= set(fleet.store.credentials), "both are listed")
        assert credential(fleet, own).state is State.VALID
        assert credential(fleet, merged).state is State.VALID
        (tmp_path / "own.kc").unlink()
        (tmp_path / "merged #1.kc").unlink()
        await until(lambda: credential(fleet, own).state is State.MISSING, "it is noticed that the file is gone")
        await until(lambda: credential(fleet, merged).state is State.MISSING, "and the merged one")
        gone = credential(fleet, own)
        assert "rotate it to write it again" in gone.message
        assert gone.issued_at is not None
        assert gone.expires_at is not None
        assert state_of(gone, gone.issued_at) is State.MISSING
        assert state_of(gone, gone.expires_at) is State.EXPIRED
        assert (await fleet.engine.lookup(gone.address)).state is State.MISSING
        outcome = await fleet.engine.execute(await fleet.engine.plan_rotate(gone.address))
        assert outcome.ok, outcome.error
        await until(lambda: credential(fleet, own).state is State.VALID, "it is there again")
        assert (tmp_path / "own.kc").exists()


async def test_what_is_to_be_revoked_still_stands_in_the_row_of_its_place(tmp_path: Path) -> None:
    handle, due = Handle("harbor", "default", "kubemint-robot-bcdfghjk", "uid-1"), datetime(2030, 1, 1, 12, tzinfo=UTC)
    path = tmp_path / "own.kc"
    path.write_text("something")
    address = Address(CredentialKind.FILE, "", "", str(path))
    kept = Credential(address=address, identity=Identity("harbor", "default", "robot"), state=State.VALID)
    state, store = StateStore.open(tmp_path / "state"), FleetStore()
    try:
        old = Revocation(plan="p", address=address, handle=handle, due=due, account="robot")
        state.record(Action.ROTATE, address, exports=[Export(credential=kept, request="r")], revocations=[old])
        files = LocalFiles(state, store, lambda: due - timedelta(hours=1))
        await files.look()
        (row,) = store.credentials.values()
        assert row.credential.message == "an older token works until 2030-01-01 12:00:00 UTC"
        state.record(Action.RECOVER, address, revoked=handle)
        await files.look()
        assert [row.credential.message for row in store.credentials.values()] == [""]
    finally:
        state.close()


@pytest.mark.parametrize("left", [1, -1], ids=["alive", "expired"])
def test_a_loop_does_not_write_anew_what_somebody_removed(left: int) -> None:
    address = Address(CredentialKind.FILE, "", "", "/gone.kc")

    now = datetime.now(UTC)
    gone = Credential(
        address=address,
        identity=Identity("harbor", "default", "robot"),
        issued_at=now - timedelta(minutes=59),
        expires_at=now + timedelta(minutes=left),
        state=State.MISSING,
    )

    async def renew(addresses: object) -> list[object]:
        raise AssertionError

    loop = RenewalLoop(source=lambda: [Watched(credential=gone, now=now)], renew=renew)  # type: ignore[arg-type]
    assert CredentialKind.FILE in RENEWABLE
    assert loop.look().due == ()
    assert loop.look().left == {address: "its file is gone"}


async def test_a_file_whose_cluster_is_away_is_stale_until_it_answers(tmp_path: Path) -> None:
    """Whether its handle is still there nobody knows meanwhile."""
    path = tmp_path / "own.kc"
    path.write_text("something")
    address = Address(CredentialKind.FILE, "", "", str(path))
    handle = Handle("harbor", "default", "kubemint-robot-bcdfghjk", "uid-1")
    identity = Identity("harbor", "default", "robot")
    kept = Credential(address=address, identity=identity, state=State.VALID, handle=handle)
    state, store = StateStore.open(tmp_path / "state"), FleetStore()
    try:
        state.record(Action.ISSUE, address, exports=[Export(credential=kept, request="r")])
        files = LocalFiles(state, store)
        for reach in (Reach.READY, Reach.UNREACHABLE, Reach.SLOW, None):
            if reach is not None:
                store.put(ClusterRow(name="harbor", reach=reach))
            else:
                store.drop(ClusterRow, "harbor")
            await files.look()
            (row,) = store.credentials.values()
            assert row.stale is (reach is Reach.UNREACHABLE)
    finally:
        state.close()


async def test_a_disk_that_hangs_stops_nobody(
    harbor: EmbeddedFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with over(harbor, tmp_path, read_only=False) as fleet:
        key = await written(fleet, tmp_path / "own.kc")
        await until(lambda: key in fleet.store.credentials, "it is listed")
    hangs, goes_on = threading.Event(), threading.Event()

    def hanging(path: str) -> bool:
        hangs.set()
        goes_on.wait(20)
        return False

    monkeypatch.setattr(file_place, "_is_gone", hanging)
    state, store = StateStore.open(tmp_path / "state"), FleetStore()
    try:
        look = asyncio.create_task(LocalFiles(state, store).look())
        while not hangs.is_set():  # the loop runs on all the while
            await asyncio.sleep(0.01)
        assert not look.done()
        goes_on.set()
        await look
        assert key in store.credentials
    finally:
        goes_on.set()
        state.close()
