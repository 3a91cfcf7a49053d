"""What lies in a file counts, not what was written into it once: nothing is called dead, valid or revoked that was not
looked at."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.dpf_place import Clock
from tests.issuance.samples import ENDPOINT
from tui.issuance.destinations import kubeconfig_file, kubeconfig_marks, lying
from tui.issuance.destinations.files import read_private
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.lying import Lies, Looks, Seen
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.errors import UsageError
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.renewal import state_of
from tui.issuance.model.types import Address, Credential, Identity, State
from tui.issuance.records.intent import Export
from tui.issuance.revoking.sought import Sought
from tui.kube.sensitive import Sensitive
from tui.kube.yaml_loading import load_first

IT, ANOTHER = Sensitive("eyJ.it"), Sensitive("eyJ.another")
NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
ADDRESS = Address(CredentialKind.FILE, "", "", "/kept")
RECORD = Export(
    credential=Credential(
        address=ADDRESS, identity=Identity("harbor", "ns", "robot"), fingerprint=IT.fingerprint, state=State.VALID,
        issued_at=NOON, expires_at=NOON + timedelta(days=1),
    ),
    request="r",
)  # fmt: skip
REVOKED = msgspec.structs.replace(
    RECORD, credential=msgspec.structs.replace(RECORD.credential, state=State.REVOKED, message="revoked")
)


@pytest.mark.parametrize(
    ("recorded", "token", "also", "lies"),
    [
        (IT.fingerprint, IT, (), Lies.OURS),
        (IT.fingerprint, ANOTHER, (), Lies.ANOTHER),
        (IT.fingerprint, ANOTHER, (ANOTHER.fingerprint,), Lies.OURS),
        (IT.fingerprint, None, (), Lies.NOTHING),
        ("", ANOTHER, (), Lies.OURS),
        ("", None, (), Lies.OURS),
    ],
)
def test_what_lies_there(recorded: str, token: Sensitive | None, also: tuple[str, ...], lies: Lies) -> None:
    assert lying.judge(recorded, token, also) is lies


@pytest.mark.parametrize(
    ("record", "lies", "state", "said"),
    [
        (RECORD, Lies.OURS, State.VALID, ""),
        (RECORD, Lies.ANOTHER, State.UNKNOWN, "the file holds another token than kubemint wrote"),
        (RECORD, Lies.NOTHING, State.UNKNOWN, "the file holds no token any more"),
        (RECORD, Lies.UNREAD, State.UNKNOWN, "may not"),
        (RECORD, Lies.GONE, State.MISSING, "its file is gone; rotate it to write it again, or revoke it"),
        (
            REVOKED,
            Lies.ANOTHER,
            State.UNKNOWN,
            "the file holds another token than kubemint wrote; what it wrote was re",
        ),
        *((REVOKED, lies, State.REVOKED, "revoked") for lies in Lies if lies is not Lies.ANOTHER),
    ],
)
def test_how_it_is_shown_and_what_stays(record: Export, lies: Lies, state: State, said: str) -> None:
    seen = Seen(lies=lies, trouble="may not")
    credential = lying.shown(record, seen)
    assert state_of(credential, NOON + timedelta(minutes=1)) is state
    assert (credential.state, credential.message.startswith(said)) == (state, True)
    assert bool(lying.stays(record, seen)) is (lies is not Lies.OURS)


def test_a_list_reads_a_file_only_where_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept"
    reads: list[Any] = []
    record = msgspec.structs.replace(
        RECORD, credential=msgspec.structs.replace(
            RECORD.credential, address=Address(CredentialKind.FILE, "", "", str(path)), format=None
        ),
    )  # fmt: skip

    def counted(*given: Any) -> Sensitive:
        reads.append(given)
        return read_private(*given)

    monkeypatch.setattr(lying, "read_private", counted)

    def holds(text: str) -> State:
        path.write_text(text)
        path.chmod(0o600)
        os.utime(path, ns=(len(reads), len(text)))
        return looks.shown(record).state

    looks = Looks()
    assert looks.shown(record).state is State.MISSING
    config = kubeconfig(Sensitive("%s"), ENDPOINT, Identity("harbor", "ns", "robot")).reveal()
    assert holds(config % IT.reveal()) is State.VALID
    before = len(reads)
    assert looks.shown(record).state is State.VALID
    assert len(reads) == before
    assert holds(config % ANOTHER.reveal()) is State.UNKNOWN
    assert looks.shown(record, {ANOTHER.fingerprint}).state is State.UNKNOWN, "as it was seen"
    assert holds("garbage") is State.UNKNOWN
    assert holds(config % IT.reveal()) is State.VALID


async def two(bench: Bench) -> tuple[Any, Any, Path]:
    """Two credentials, and the file of the first one, which holds the token of the second by now."""
    arena = bench.arena
    first = await bench.issue(arena.spec())
    second = await bench.issue(arena.spec(arena.file("second"), identity=arena.identity("other")))
    path = Path(arena.file().path)
    path.write_bytes(Path(arena.file("second").path).read_bytes())
    return first, second, path


async def test_a_file_with_another_token_is_not_revoked_for_what_it_held(ebench: Bench) -> None:
    arena = ebench.arena
    first, second, path = await two(ebench)
    seen = await ebench.engine.lookup(first.address)
    assert seen.state is State.UNKNOWN
    verified = await ebench.engine.verify(first.address)
    assert "it is another token than kubemint wrote there" in verified.message
    with pytest.raises(UsageError, match="holds another token than kubemint wrote there: recorded is ") as caught:
        await ebench.engine.plan_revoke(first.address)
    assert f"found is {second.credential.fingerprint}, which says that it is for {arena.identity('other').said}" in str(
        caught.value
    )
    handle = f"handle:{arena.name}/{arena.namespace}/{first.credential.handle.name}"
    assert (
        f"--token-file {path}` revokes the token in it, `kubemint revoke {handle}` what is recorded"
        in caught.value.hint
    )
    plan = await ebench.engine.plan_revoke(Address.parse(handle))
    assert f"{path} stays: it holds another token now, which stays valid" in plan.warnings
    outcome = await ebench.engine.execute(plan)
    assert outcome.whole
    assert "is dead" not in str(outcome)
    assert await ebench.handles() == [second.credential.handle.name]
    with pytest.raises(UsageError, match="holds another token") as caught:
        await ebench.engine.plan_revoke(first.address)
    assert "what is recorded is revoked already" in caught.value.hint
    assert (await ebench.engine.lookup(first.address)).state is State.UNKNOWN


async def test_by_its_fingerprint_what_was_written_ends_whatever_lies_in_its_file(ebench: Bench) -> None:
    first, second, _ = await two(ebench)
    plan = await ebench.engine.plan_revoke_sought(Sought(fingerprint=first.credential.fingerprint))
    assert (await ebench.engine.execute(plan)).whole
    assert await ebench.handles() == [second.credential.handle.name]


async def test_a_file_without_a_token_keeps_what_was_written_there_from_nothing(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    Path(ebench.arena.file().path).write_text("nothing\n")
    plan = await ebench.engine.plan_revoke(issued.address)
    assert f"{ebench.arena.file().path} holds no token any more" in plan.warnings
    assert (await ebench.engine.execute(plan)).whole
    assert await ebench.handles() == []


@pytest.mark.parametrize("merge", [False, True])
async def test_what_was_put_back_into_a_file_within_the_grace_is_not_revoked(embedded: Arena, merge: bool) -> None:
    clock = Clock()
    async with Bench(embedded, clock=clock, grace=timedelta(hours=1)) as bench:
        where = FileDestination(embedded.file().path, merge=merge)
        issued = await bench.issue(embedded.spec(where))
        path = Path(where.path)
        backup, old = path.read_bytes(), token_in(path)
        outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
        path.write_bytes(backup)
        clock.ahead = timedelta(hours=2)
        await bench.engine.settle()
        embedded.forget()
        assert await bench.works(old)
        settled = bench.engine.settled(outcome)
        assert f"the old token still works: it was put back into {issued.address.name}" in settled.left[0]
        assert (await bench.engine.lookup(issued.address)).state is State.UNKNOWN
        plan = await bench.engine.plan_revoke(issued.address)
        assert any("holds an older token again" in warning for warning in plan.warnings)
        assert (await bench.engine.execute(plan)).whole, "with what the rotation left"
        assert await bench.handles() == []


# Entries in a kubeconfig that somebody works with


def as_written(**cluster: Any) -> dict[str, Any]:
    """A kubeconfig into which kubemint merged one credential, read."""
    path = Path("/nowhere/config")
    document = load_first(kubeconfig_file.preview(path, entries(), "wish").text.reveal_bytes())
    assert isinstance(document, dict)
    document["clusters"][0]["cluster"].update(cluster)
    return document


def entries() -> Sensitive:
    return kubeconfig(IT, ENDPOINT, Identity("c", "shop", "robot"))


def earlier(document: dict[str, Any]) -> dict[str, Any]:
    """As an earlier version marked it."""
    document["clusters"][0]["cluster"]["extensions"][0]["extension"].pop("wrote")
    return document


def user(**fields: Any) -> dict[str, Any]:
    document = as_written()
    inner = document["users"][0]["user"]
    extensions = inner["extensions"]
    inner.clear()
    inner.update(fields, extensions=extensions)
    return document


@pytest.mark.parametrize(
    ("document", "strange"),
    [
        (as_written(), []),
        (earlier(as_written()), []),
        (as_written(server="https://prod"), ["cluster c1"]),
        (earlier(as_written(server="https://prod")), ["cluster c1"]),
        (user(token=IT.reveal()), []),
        (user(token="mine"), ["user robot"]),
        (user(token=7), ["user robot"]),
        (user(), ["user robot"]),
        (user(**{"client-certificate": "mine"}), ["user robot"]),
        (user(**{"token": IT.reveal(), "as": "admin"}), ["user robot"]),
        ({}, []),
        ({"users": [{"name": "robot", "user": {"token": "mine"}}]}, []),
    ],
)  # fmt: skip
def test_which_entries_are_somebody_elses(document: dict[str, Any], strange: list[str]) -> None:
    """A user by its token, a cluster by what was noted when it was written, else by what would be written now."""
    assert kubeconfig_marks.strangers(document, "wish", entries(), {IT.fingerprint}) == strange


@pytest.mark.parametrize("what", ["token", "certificate", "server"])
async def test_a_merged_entry_that_holds_somebody_elses_is_not_replaced_unasked(ebench: Bench, what: str) -> None:
    """His only copy of a login, under the name that kubemint once gave its own."""
    where = FileDestination(ebench.arena.file("config").path, merge=True)
    issued = await ebench.issue(ebench.arena.spec(where))
    path = Path(where.path)
    document: Any = load_first(path.read_bytes())
    inner, cluster = document["users"][0]["user"], document["clusters"][0]["cluster"]
    if what == "server":
        cluster["server"] = "https://prod.example.com"
    else:
        inner.pop("token")
        inner.update({"token": "the-only-copy"} if what == "token" else {"client-certificate": "/mine"})
    path.write_text(dump(document))
    before, handles = path.read_bytes(), await ebench.handles()
    with pytest.raises(WouldReplace, match=r"in .*config holds something else than kubemint wrote there") as caught:
        await ebench.engine.plan_rotate(issued.address)
    assert "with --force --replace: the old file is kept beside it" in caught.value.hint
    assert path.read_bytes() == before
    assert await ebench.handles() == handles
    plan = await ebench.engine.plan(ebench.arena.spec(where), force=True, replace=True)
    assert any("is kept beside it as config.replaced-by-kubemint" in warning for warning in plan.warnings)
    assert (await ebench.engine.execute(plan)).ok
    kept = path.with_name("config.replaced-by-kubemint")
    assert kept.read_bytes() == before
    assert kept.stat().st_mode & 0o777 == 0o600
    await ebench.rotate(issued.address)


async def test_what_is_kept_beside_goes_again_where_the_plan_fails(ebench: Bench) -> None:
    arena = ebench.arena
    where, other = FileDestination(arena.file("config").path, merge=True), arena.file("other")
    await ebench.issue(arena.spec(where, other))
    path = Path(where.path)
    path.write_bytes(path.read_bytes().replace(token_in(path).reveal_bytes(), b"the-only-copy"))
    before = path.read_bytes()

    def meddle(point: str) -> None:
        if point == "before:write:1":
            assert path.with_name("config.replaced-by-kubemint").read_bytes() == before
            Path(other.path).write_text("mine now")

    plan = await ebench.engine.plan(arena.spec(where, other), force=True, replace=True)
    ebench.engine.checkpoint = meddle
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.glob("config*")] == ["config"]
