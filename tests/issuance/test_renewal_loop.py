"""The renewal loop decides by an injected clock: what is renewed when, what is left alone, and that it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.loop.keeping import Look, RenewalLoop, Watched
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, Credential, Identity, Outcome, State

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def credential(name: str, *, kind: CredentialKind = CredentialKind.SECRET, issued: datetime = START) -> Credential:
    return Credential(
        address=Address(kind, "c1", "ns", name), identity=Identity("c1", "ns", name), issued_at=issued,
        expires_at=issued + HOUR, rotate_at=issued + 0.8 * HOUR, granted=HOUR, state=State.VALID,
    )  # fmt: skip


class World:
    """Credentials, a clock that only moves when it is told to, and renewals that work or fail."""

    def __init__(self, *credentials: Credential) -> None:
        self.now = START
        self.rows = {one.address: Watched(credential=one, now=START) for one in credentials}
        self.asked: list[list[str]] = []
        self.broken: set[str] = set()
        self.keeper = ""
        self.loop = RenewalLoop(
            source=self.watched,
            renew=self.renew,
            renewed_by=self.renewed_by,
            clock=lambda: self.now,
            jitter=lambda: 1.0,
        )

    def watched(self) -> list[Watched]:
        return [msgspec.structs.replace(row, now=self.now) for row in self.rows.values()]

    def set(self, address: Address, **changes: object) -> None:
        self.rows[address] = msgspec.structs.replace(self.rows[address], **changes)

    async def renew(self, addresses: Sequence[Address]) -> list[Outcome]:
        self.asked.append([address.name for address in addresses])
        return [self.outcome(address) for address in addresses]

    def outcome(self, address: Address) -> Outcome:
        good = address.name not in self.broken
        old = self.rows[address].credential
        if good:
            self.set(address, credential=credential(address.name, kind=address.kind, issued=self.now))
        return Outcome(
            plan="p",
            action=Action.ROTATE,
            address=address,
            ok=good,
            results=(),
            credential=old,
            error="" if good else "no",
        )

    async def renewed_by(self, address: Address) -> str:
        return self.keeper


async def turn() -> None:
    """Let whatever is ready go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def copy(of: CredentialKind, form: Format = Format.KUBECONFIG) -> Credential:
    """A copy on this machine of `src`, which is of that kind."""
    return msgspec.structs.replace(
        credential("copy", kind=CredentialKind.FILE), format=form, copy_of=Address(of, "c1", "ns", "src")
    )


@pytest.mark.parametrize(
    ("of", "form", "watched"),
    [
        (CredentialKind.SECRET, Format.KUBECONFIG, True),
        (CredentialKind.FILE, Format.KUBECONFIG, True),
        (CredentialKind.SECRET, Format.TOKEN, False),
        (CredentialKind.FILE, Format.TOKEN, False),
        (CredentialKind.REQUEST, Format.KUBECONFIG, False),
        (CredentialKind.LEGACY, Format.KUBECONFIG, False),
        (CredentialKind.STATIC, Format.KUBECONFIG, False),
    ],
)
def test_copies_that_are_not_renewed_where_they_lie_are_not_counted(
    of: CredentialKind, form: Format, watched: bool
) -> None:
    """What `rotate` refuses, with the word to export it again, is no business of the loop."""
    source = msgspec.structs.replace(credential("src", kind=of), format=Format.KUBECONFIG)
    world = World(source, copy(of, form))
    world.now = START + 0.9 * HOUR
    own = of in (CredentialKind.SECRET, CredentialKind.FILE, CredentialKind.REQUEST)
    look = world.loop.look()
    assert look.watched == own + watched
    assert sorted(address.name for address in look.due) == ["copy"] * watched + ["src"] * own


def test_a_copy_of_what_is_not_listed_may_be_renewed() -> None:
    assert World(copy(CredentialKind.SECRET)).loop.look().watched == 1
    assert World(copy(CredentialKind.REQUEST)).loop.look().watched == 0


def test_it_says_what_is_due_and_when_the_next_one_is() -> None:
    world = World(credential("a"), credential("b", issued=START + 10 * SECOND))
    assert world.loop.look() == Look(watched=2, next_at=START + 0.8 * HOUR)
    world.now = START + 0.8 * HOUR + SECOND
    look = world.loop.look()
    assert [address.name for address in look.due] == ["a"]
    assert look.next_at == START + 0.8 * HOUR + 10 * SECOND


def test_m07_a_suspended_machine_finds_everything_due_at_its_first_look() -> None:
    world = World(*(credential(f"c{number}", issued=START - number * SECOND) for number in range(3)))
    world.now = START + timedelta(days=2)
    assert [address.name for address in world.loop.look().due] == ["c2", "c1", "c0"], "the most urgent first"


async def test_what_was_revoked_is_left_with_a_word_whatever_its_stamps_say() -> None:
    world, asked = World(credential("a"), credential("b")), []
    dead = Address(CredentialKind.SECRET, "c1", "ns", "a")

    async def revoked(address: Address) -> str:
        asked.append(address.name)
        if address != dead:
            raise UsageError("the renewal itself says what is wrong")
        return "it was revoked"

    world.loop.revoked = revoked
    world.now = START + 0.9 * HOUR
    assert [address.name for address in await world.loop.due_now()] == ["b"]
    assert world.loop.last.left == {dead: "it was revoked"}
    assert world.loop.last.stuck == ()
    await world.loop._batch([dead])
    assert world.asked == []
    assert world.loop.look().left == {dead: "it was revoked"}
    assert asked == ["a", "b", "a"]


async def test_what_lies_there_says_whether_it_is_due_and_not_the_list() -> None:
    """Stamps of a list are marks: whoever may patch a Secret would have it renewed at every look."""
    world = World(credential("a"), credential("b"))
    marked = Address(CredentialKind.SECRET, "c1", "ns", "a")
    world.now = START + 0.9 * HOUR

    async def read(address: Address) -> Credential:
        return credential(address.name, issued=world.now if address == marked else START)

    world.loop.read = read
    assert [address.name for address in await world.loop.due_now()] == ["b"]
    assert world.loop.last.left == {marked: "the list says that it is due, what lies there does not"}


def test_only_what_was_chosen_is_kept() -> None:
    world = World(credential("a"), credential("b"))
    world.loop.only = {Address(CredentialKind.SECRET, "c1", "ns", "b")}
    world.now = START + HOUR
    assert [address.name for address in world.loop.look().due] == ["b"]
    assert world.loop.look().watched == 1


@pytest.mark.parametrize(
    ("fields", "why"), [
        ({"read_only": True}, "read-only"),
        ({"lost": "its cluster does not answer"}, "does not answer"),
        ({"left": "its rotation was undone"}, "undone"),
    ]
)  # fmt: skip
def test_what_may_not_or_cannot_be_renewed_is_left_with_a_reason(fields: dict[str, object], why: str) -> None:
    world = World(credential("a"))
    world.now = START + HOUR
    (address,) = world.rows
    world.set(address, **fields)
    look = world.loop.look()
    assert look.due == ()
    assert why in look.left[address]
    assert look.stuck == ((address,) if "lost" in fields else ())
    world.set(address, read_only=False, lost="", left="")
    assert world.loop.look().due == (address,), "it goes on as soon as that is over"


def test_what_never_ends_or_is_a_login_is_none_of_its_business() -> None:
    endless = msgspec.structs.replace(credential("a"), expires_at=None, rotate_at=None, state=State.ENDLESS)
    gone = msgspec.structs.replace(credential("b"), state=State.REVOKED)
    world = World(
        endless, gone, credential("c", kind=CredentialKind.LOGIN), credential("d", kind=CredentialKind.LEGACY)
    )
    world.now = START + 2 * HOUR
    assert world.loop.look().due == ()


def test_a_failure_waits_longer_each_time_and_tries_a_last_time_before_the_end() -> None:
    world = World(credential("a"))
    (address,) = world.rows
    world.broken.add("a")
    world.now = START + 0.8 * HOUR + SECOND
    waits = []
    for _ in range(12):
        world.loop.note(world.outcome(address), START + HOUR)
        look = world.loop.look()
        assert look.due == ()
        assert look.failing == 1
        assert look.next_at is not None
        waits.append(look.next_at - world.now)
        world.now = look.next_at
    assert waits[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert START + HOUR - 5 * SECOND in {START + 0.8 * HOUR + SECOND + sum(waits[:n], SECOND * 0) for n in range(13)}
    world.broken.clear()
    world.loop.note(world.outcome(address), START + HOUR)
    assert world.loop.look().failing == 0


def test_a_list_that_lags_behind_causes_no_second_renewal() -> None:
    world = World(credential("a"))
    (address,) = world.rows
    before = world.rows[address]
    world.now = START + 0.9 * HOUR
    world.loop.note(world.outcome(address), before.credential.expires_at)
    after, world.rows[address] = world.rows[address], before
    assert world.loop.look().due == ()
    world.rows[address] = after
    assert world.loop.look().next_at == world.now + 0.8 * HOUR


def test_what_has_several_names_is_due_under_one_of_them() -> None:
    """The first that is given; where that failed another, and none while the list of another lags behind."""
    one, other, alone = (credential(name) for name in "abc")
    world = World(one, other, alone)
    world.set(other.address, place=one.address)
    world.now = START + 0.9 * HOUR
    assert world.loop.look().due == (one.address, alone.address)
    assert world.loop.look().watched == 2
    assert world.loop.other_name(one.address, {one.address}) == other.address
    assert world.loop.other_name(other.address, {other.address}) == one.address
    assert world.loop.other_name(alone.address, {alone.address}) is None
    world.broken.add("a")
    world.loop.note(world.outcome(one.address))
    assert world.loop.look().due == (other.address, alone.address)
    world.loop.note(world.outcome(other.address), other.expires_at)
    world.set(other.address, credential=other)
    assert world.loop.look().due == (alone.address,)


async def test_what_was_renewed_under_the_name_it_was_issued_under_is_renewed_once() -> None:
    world = World(credential("a"))
    (address,) = world.rows
    before, done = world.rows[address], list[Outcome]()

    async def renew(addresses: Sequence[Address]) -> list[Outcome]:
        (outcome,) = await world.renew(addresses)
        world.rows[address] = before  # the list lags behind
        done.append(msgspec.structs.replace(outcome, address=msgspec.structs.replace(address, cluster="host/ns/c1")))
        return done[-1:]

    world.loop.renew = renew
    world.now = START + 0.9 * HOUR
    running = asyncio.create_task(world.loop.run())
    while not done:
        await asyncio.sleep(0.01)
    await turn()
    running.cancel()
    assert len(done) == 1
    assert world.loop.look().due == ()


async def test_it_runs_renews_and_survives_what_fails() -> None:
    world = World(credential("a"), credential("b"))
    looks: list[Look] = []
    world.loop.on_look = looks.append
    world.broken.add("b")
    running = asyncio.create_task(world.loop.run())
    await turn()
    assert world.asked == []
    world.now = START + 0.8 * HOUR + SECOND
    world.loop.wake()
    while not world.asked:
        await asyncio.sleep(0.01)
    await turn()
    assert world.asked == [["a", "b"]]
    while not looks[-1].failing:
        await asyncio.sleep(0.01)
    assert looks[-1].due == ()
    world.broken.clear()
    world.now += 6 * SECOND
    world.loop.wake()
    while len(world.asked) < 2:
        await asyncio.sleep(0.01)
    assert world.asked[1] == ["b"], "only what failed is tried again"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_dpf_renews_is_left_to_it_unless_told() -> None:
    world = World(credential("a", kind=CredentialKind.REQUEST))
    world.keeper = "DPF's controller renews it"
    world.now = START + 0.9 * HOUR
    (address,) = world.rows
    assert await world.loop.due_now() == []
    assert world.loop.last.left == {address: world.keeper}
    world.now += timedelta(minutes=2)
    world.keeper = ""
    assert await world.loop.due_now() == [address], "it is asked again: a controller may be gone"
    world.keeper = "DPF's controller renews it"
    world.loop.renewed_by = None
    assert await world.loop.due_now() == [address]
