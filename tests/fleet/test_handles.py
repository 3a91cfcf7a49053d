"""What becomes of rows whose handle goes: what was not seen turns nothing. Decisions, rows and lists in every order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from tui.fleet.decode import HandleMeta, HandleSecret, credential_row
from tui.fleet.handles import (
    AGAIN,
    CACHED,
    DELETED,
    GOING,
    REPLACED,
    STILL_THERE,
    Gone,
    became,
    turned,
)
from tui.fleet.resting import Made, claim_of, held_against, rests
from tui.fleet.rows import ClusterRow, CredentialRow, RequestRow
from tui.fleet.store import FleetStore
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.families.tenants.listing import PUSH
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.records.intent import Revocation
from tui.issuance.trust.handle_names import Meant, fresh
from tui.kube.endpoint import Endpoint

S = TypeVar("S", bound=msgspec.Struct)

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROBOT = Identity("harbor", "default", "robot")
HANDLE = Handle("harbor", "default", "kubemint-robot-bcdfghjk", "uid-1")
SECRET = Credential(
    address=Address(CredentialKind.SECRET, "harbor", "default", "robot-credential"),
    identity=ROBOT,
    issued_at=NOW - HOUR,
    expires_at=NOW + HOUR,
    handle=HANDLE,
    fingerprint="f",
    state=State.VALID,
)
FILE = msgspec.structs.replace(SECRET, address=Address(CredentialKind.FILE, "", "", "/tmp/robot.kc"))
SEEN = Gone(NOW, DELETED, listed=True)
LOOKED = Gone(NOW, DELETED, listed=False)


def changed(one: S, **fields: Any) -> S:
    return msgspec.structs.replace(one, **fields)


# The decisions


@pytest.mark.parametrize(
    ("credential", "named"),
    [
        (SECRET, True),
        (FILE, True),
        (changed(SECRET, handle=None), False),
        (changed(SECRET, identity=None), False),  # mangled: it does not say whose it is
        (changed(SECRET, handle=changed(HANDLE, uid="")), False),
        (changed(SECRET, handle=changed(HANDLE, namespace="kube-system")), False),
        (changed(SECRET, handle=changed(HANDLE, cluster="tenant-a")), False),
        (changed(SECRET, handle=changed(HANDLE, name="precious")), False),
        (changed(SECRET, handle=changed(HANDLE, name="kubemint-other-bcdfghjk")), False),
        (changed(FILE, handle=changed(HANDLE, name="robot-static")), True),  # a copy of a long-lived token
        (changed(SECRET, handle=None, bound_to=HANDLE), True),  # a copy: the handle of its original
        (changed(SECRET, handle=None, bound_to=changed(HANDLE, name="precious")), False),
        (changed(SECRET, handle=None, bound_to=changed(HANDLE, namespace="kube-system")), False),
        (None, False),
    ],
)
def test_a_row_names_a_handle_that_lies_beside_its_account(credential: Credential | None, named: bool) -> None:
    found = claim_of(credential)
    assert (found is not None) is named
    assert found is None or credential is None or found == (credential.handle or credential.bound_to)


@pytest.mark.parametrize(
    ("found", "how"),
    [
        (None, DELETED),
        ({"uid": "uid-2"}, REPLACED),
        ({}, REPLACED),
        ({"uid": "uid-1", "deletionTimestamp": "2030-01-01T11:59:00Z"}, GOING),
        ({"uid": "uid-1"}, None),
    ],
)
def test_what_a_look_says(found: dict[str, Any] | None, how: str | None) -> None:
    gone = became(found, HANDLE, NOW)
    assert (gone.how if gone is not None else None) == how
    assert gone is None or (gone.at, gone.listed) == (NOW, False)


@pytest.mark.parametrize(
    ("credential", "gone", "accepted", "known", "revoked"),
    [
        (SECRET, None, None, True, False),
        (changed(SECRET, handle=None), SEEN, None, True, False),
        (SECRET, SEEN, None, True, True),
        (changed(SECRET, handle=None, bound_to=HANDLE), SEEN, None, True, True),
        (changed(SECRET, handle=None, bound_to=HANDLE), LOOKED, None, False, False),
        (SECRET, LOOKED, None, True, True),
        (FILE, SEEN, None, True, True),
        (changed(SECRET, state=State.FAILED, message="why"), SEEN, None, True, True),
        (changed(SECRET, state=State.FAILED), SEEN, None, True, True),
        (changed(SECRET, state=State.MISSING), SEEN, None, True, True),
        (changed(SECRET, expires_at=None, state=State.ENDLESS), SEEN, None, True, True),
        # When it ends is what its marks say, or was so long ago: what was ended has not expired.
        (changed(SECRET, expires_at=NOW), SEEN, None, True, True),
        (changed(SECRET, expires_at=NOW - HOUR), LOOKED, None, True, True),
        (changed(SECRET, expires_at=NOW + timedelta(seconds=1)), SEEN, None, True, True),
        # The server's own word counts for more than a name that nobody has seen to be there.
        (SECRET, LOOKED, NOW - HOUR, True, False),
        (SECRET, LOOKED, NOW + HOUR, True, False),
        (SECRET, SEEN, NOW - HOUR, True, True),
        (SECRET, SEEN, NOW + CACHED, True, True),  # servers remember for some seconds whom they let in
        (SECRET, SEEN, NOW + CACHED + timedelta(seconds=1), True, False),
        # Another operator may call another cluster by that name.
        (SECRET, LOOKED, None, False, False),
        (SECRET, SEEN, None, False, True),
    ],
)
def test_what_is_shown_as_revoked(
    credential: Credential, gone: Gone | None, accepted: datetime | None, known: bool, revoked: bool
) -> None:
    shown = turned(credential, gone, accepted, known=known)
    if not revoked:
        assert shown is credential
        return
    assert shown.state is State.REVOKED
    assert shown.message.startswith("its handle default/kubemint-robot-bcdfghjk was deleted")
    assert shown.message.endswith(credential.message)
    assert ("; " in shown.message) is bool(credential.message)


def test_of_what_was_said_before_only_a_failed_renewal_is_still_said() -> None:
    def said(state: State) -> str:
        return turned(changed(SECRET, state=state, message="as it was"), SEEN, None, known=True).message

    assert said(State.FAILED).endswith("was deleted; as it was")
    assert said(State.MISSING).endswith("was deleted")


def test_what_is_revoked_already_keeps_its_own_words() -> None:
    revoked = changed(FILE, state=State.REVOKED, message="revoked")
    assert turned(revoked, SEEN, None, known=True) is revoked


def test_a_record_that_says_revoked_is_taken_back_where_the_handle_is_listed() -> None:
    recorded = changed(FILE, state=State.REVOKED, message="revoked")
    shown = turned(recorded, None, None, known=True, there=True)
    assert (shown.state, shown.message) == (State.FAILED, STILL_THERE)
    assert turned(recorded, None, None, known=True) is recorded
    assert turned(recorded, SEEN, None, known=True, there=True) is recorded
    assert turned(FILE, None, None, known=True, there=True) is FILE
    elsewhere = changed(recorded, address=SECRET.address)  # what a cluster says of itself is no record of ours
    assert turned(elsewhere, None, None, known=True, there=True) is elsewhere


PASSWORD = Handle("harbor", "default", "db-password", "uid-9")
TOKEN_SECRET = Handle("harbor", "default", "robot-static", "uid-8")
OTHER = changed(HANDLE, name="kubemint-robot-mnpqrstv", uid="uid-2")


@pytest.mark.parametrize(
    ("marks", "written", "handle", "said"),
    [
        (SECRET, SECRET, HANDLE, ""),
        (SECRET, None, HANDLE, ""),
        (changed(SECRET, handle=None), None, None, ""),  # issued without the right to create Secrets
        (changed(SECRET, handle=OTHER), SECRET, HANDLE, "its marks name default/kubemint-robot-mnpqrstv, this machine"),
        (changed(SECRET, handle=None), SECRET, HANDLE, "its marks name no handle, this machine's record default/kubem"),
        (
            changed(SECRET, handle=None, bound_to=OTHER),
            SECRET,
            HANDLE,
            "this machine's record default/kubemint-robot-bc",
        ),
        (changed(SECRET, handle=PASSWORD), None, PASSWORD, "default/db-password, which is no handle of its account"),
        (changed(SECRET, handle=None, bound_to=PASSWORD), None, None, "which is no handle of its account"),
        (changed(SECRET, identity=changed(ROBOT, name="other")), SECRET, HANDLE, "which is no handle of its account"),
        # Another token lies there by now, rotated elsewhere: the record says nothing of it.
        (changed(SECRET, handle=OTHER, fingerprint="g"), SECRET, OTHER, ""),
        (changed(SECRET, handle=PASSWORD, fingerprint="g"), SECRET, PASSWORD, "which is no handle of its account"),
        # A copy of a long-lived token, which has no end and is never called valid.
        (changed(SECRET, handle=None, bound_to=TOKEN_SECRET, state=State.UNKNOWN), None, None, ""),
        (changed(FILE, handle=TOKEN_SECRET), None, TOKEN_SECRET, ""),
    ],
)
def test_a_mark_that_names_another_handle_or_none_leaves_nothing_valid(
    marks: Credential, written: Credential | None, handle: Handle | None, said: str
) -> None:
    found = rests(marks, written)
    assert found.handle == handle
    assert said in found.message
    assert found.state is (State.UNKNOWN if said else marks.state)


PLACE = (("default", "robot-credential"),)
ELSEWHERE, CHANGED = "which was made for another place", "its marks differ from this machine's record of it"


@pytest.mark.parametrize(
    ("marks", "written", "made", "said"),
    [
        (SECRET, None, Made(PLACE, NOW), ""),
        (SECRET, None, Made(), ""),  # from before names said it
        (SECRET, None, None, ""),
        (SECRET, None, Made((("default", "other"),)), ELSEWHERE),
        (SECRET, None, Made(()), ELSEWHERE),  # for a file, or its annotations were changed
        (SECRET, SECRET, Made(()), ""),  # this machine's record says that very handle
        (FILE, None, Made(()), ""),
        (changed(SECRET, handle=None, bound_to=HANDLE), None, Made(()), ""),  # a copy
        (changed(SECRET, handle=OTHER, fingerprint="g"), SECRET, Made((("default", "other"),), NOW), ELSEWHERE),
        (changed(SECRET, handle=OTHER, fingerprint="g"), SECRET, Made(PLACE, NOW), ""),  # rotated elsewhere
        (changed(SECRET, handle=OTHER, fingerprint="g"), SECRET, Made(PLACE, NOW - 2 * HOUR), CHANGED),  # in its grace
        (changed(SECRET, handle=OTHER, fingerprint="g"), SECRET, None, CHANGED),
        (changed(SECRET, fingerprint="g"), SECRET, Made(PLACE, NOW), CHANGED),
        (changed(SECRET, handle=None, bound_to=OTHER, fingerprint="g"), SECRET, None, CHANGED),
        (changed(SECRET, fingerprint="g"), changed(SECRET, handle=None), Made(PLACE, NOW), ""),
    ],
)
def test_a_handle_that_was_made_for_another_place_or_token_makes_no_row_valid(
    marks: Credential, written: Credential | None, made: Made | None, said: str
) -> None:
    found = held_against(marks, written, made)
    assert said in found.message
    assert found.state is (State.UNKNOWN if said else State.VALID)
    assert found.handle == marks.handle


@pytest.mark.parametrize("first", ["rows", "list"])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_row_whose_marks_name_the_handle_of_another_place_is_not_valid(first: str, recorded: bool) -> None:
    """Fingerprint and handle were patched together, and the true handle is gone."""
    meant = Meant(account="default/robot", secrets=("default/other",))
    other = Handle("harbor", "default", fresh(meant), "uid-3")
    notes = {managed.ACCOUNT: meant.account, managed.SECRETS: '["default/other"]'}
    shown, forged = Shown(), changed(SECRET, handle=other, fingerprint="0123456789abcdef")
    own = changed(forged, address=changed(SECRET.address, name="other"))
    shown.handles.recorded([SECRET] if recorded else [])

    def listed() -> None:
        shown.listed.begin(None)
        meta = HandleMeta(name=other.name, namespace="default", uid="uid-3", annotations=notes)
        shown.listed.seen(f"default/{other.name}", HandleSecret(meta))
        shown.listed.complete()

    if first == "list":
        listed()
    shown.put(forged, own)
    if first == "rows":
        assert shown.state() is (State.UNKNOWN if recorded else State.VALID)
        listed()
    assert (shown.state(), shown.state(own)) == (State.UNKNOWN, State.VALID)
    shown.put(SECRET, own)
    assert shown.state() is State.VALID


def test_the_times_of_what_was_written_here_are_not_those_that_marks_say() -> None:
    """Whoever patches three annotations would keep it from being renewed, and let it lapse."""
    written = changed(SECRET, granted=2 * HOUR)
    times = {"issued_at": NOW, "expires_at": NOW + 9000 * HOUR, "granted": 9000 * HOUR, "rotate_at": NOW + 99 * HOUR}
    forged = changed(SECRET, **times)
    found = held_against(forged, written, None)
    assert (found.issued_at, found.expires_at, found.granted) == (NOW - HOUR, NOW + HOUR, 2 * HOUR)
    assert found.rotate_at is not None
    assert found.rotate_at < NOW + HOUR
    assert "another end than its token" in found.message
    assert found.state is State.VALID
    assert held_against(forged, None, None) == forged, "without a record nothing here knows better"
    assert held_against(SECRET, written, None) == SECRET
    shown = Shown()
    shown.handles.recorded([written])
    shown.put(forged)
    assert shown.store.credentials[str(SECRET.address)].credential.expires_at == NOW + HOUR


def test_what_was_pushed_elsewhere_is_held_against_the_handle_beside_its_account() -> None:
    """Rotated by another machine: the record here says another token."""
    at = Address(CredentialKind.SECRET, "tenant-a", "default", "pushed")
    there = changed(SECRET, address=at, handle=OTHER, fingerprint="g")
    for place, state in (("pushed", State.VALID), ("another", State.UNKNOWN)):
        shown = Shown()
        shown.handles.recorded([changed(SECRET, address=at)])
        notes = {managed.ACCOUNT: "default/robot", managed.SECRETS: f'["theirs/default/{place}"]'}
        shown.put(there)
        assert shown.state(there) is State.UNKNOWN
        meta = HandleMeta(name=OTHER.name, namespace="default", uid=OTHER.uid, annotations=notes)
        shown.listed.seen(f"default/{OTHER.name}", HandleSecret(meta))
        assert shown.state(there) is state


def test_by_another_name_of_its_cluster_it_rests_on_the_same() -> None:
    there = changed(
        SECRET, address=changed(SECRET.address, cluster="by-oidc"), identity=changed(ROBOT, cluster="by-oidc")
    )
    found = rests(changed(there, handle=None), SECRET)
    assert found.handle == changed(HANDLE, cluster="by-oidc")


# Rows and lists, in every order


class Shown:
    """A store, what is listed in `harbor`, and a clock to turn."""

    def __init__(self, *clusters: ClusterRow) -> None:
        self.now = NOW
        self.store = FleetStore(clock=lambda: self.now)
        self.store.put(*(clusters or (ClusterRow(name="harbor"),)))
        self.handles = self.store.handles
        self.listed = self.handles.listed("harbor", whole=True)

    def put(self, *credentials: Credential) -> None:
        self.store.put(*map(credential_row, credentials))

    def list(self, *handles: Handle, namespace: str | None = None) -> None:
        self.listed.begin(namespace)
        for handle in handles:
            self.here(handle)
        self.listed.complete()

    def here(self, handle: Handle, going: datetime | None = None) -> None:
        meta = HandleMeta(name=handle.name, namespace=handle.namespace, uid=handle.uid, deletion_timestamp=going)
        self.listed.seen(f"{handle.namespace}/{handle.name}", HandleSecret(meta))

    def removed(self, handle: Handle = HANDLE) -> None:
        self.listed.seen(f"{handle.namespace}/{handle.name}", None)

    def state(self, credential: Credential = SECRET) -> State:
        return self.store.credentials[str(credential.address)].credential.state


@pytest.mark.parametrize("first", ["rows", "list"])
def test_a_handle_that_goes_turns_every_row_that_names_it(first: str) -> None:
    shown = Shown()
    if first == "rows":
        shown.put(SECRET, FILE)
    shown.list(HANDLE)
    shown.put(SECRET, FILE)
    assert shown.handles.doubtful() == []
    assert (shown.state(), shown.state(FILE)) == (State.VALID, State.VALID)
    shown.removed()
    assert (shown.state(), shown.state(FILE)) == (State.REVOKED, State.REVOKED)
    shown.put(SECRET, FILE)  # as its source says again and again
    assert (shown.state(), shown.state(FILE)) == (State.REVOKED, State.REVOKED)
    shown.put(changed(SECRET, handle=changed(HANDLE, uid="uid-2")))  # renewed
    assert (shown.state(), shown.state(FILE)) == (State.VALID, State.REVOKED)


def test_what_went_is_remembered_as_gone_and_not_as_listed() -> None:
    """Who comes to name it later is looked at, and what other operators' marks name is believed once it was seen."""
    shown = Shown()
    foreign = changed(SECRET, address=Address(CredentialKind.SECRET, "tenant-a", "default", "pushed"))
    shown.put(foreign)
    shown.list(HANDLE)
    shown.removed()
    message = shown.store.credentials[str(foreign.address)].credential.message
    assert message == "its handle default/kubemint-robot-bcdfghjk was deleted"
    shown = Shown()
    shown.list(HANDLE)
    shown.removed()
    shown.put(SECRET)
    assert shown.handles.doubtful() == [HANDLE]


def test_a_row_that_goes_or_names_another_leaves_the_others_as_they_are() -> None:
    other = changed(SECRET, address=Address(CredentialKind.SECRET, "harbor", "default", "copy"))
    shown = Shown()
    shown.put(SECRET, other, FILE)
    shown.list(HANDLE)
    shown.store.drop(CredentialRow, str(other.address))
    shown.put(changed(SECRET, handle=changed(HANDLE, uid="uid-2")))
    shown.removed()
    assert (shown.state(), shown.state(FILE)) == (State.VALID, State.REVOKED)
    shown.put(changed(FILE, handle=None))
    assert shown.state(FILE) is State.VALID
    shown.handles.accepted(FILE)
    assert shown.store.credentials[str(FILE.address)].credential.handle is None, "not what its source said before"


@pytest.mark.parametrize("first", ["record", "rows"])
@pytest.mark.parametrize("marked", [PASSWORD, OTHER, None])
def test_a_row_rests_on_the_handle_that_was_recorded_whatever_its_marks_name(first: str, marked: Handle | None) -> None:
    shown, forged = Shown(), changed(SECRET, handle=marked)
    if first == "record":
        shown.handles.recorded([SECRET])
    shown.list(HANDLE, PASSWORD, OTHER)
    shown.put(forged)
    shown.handles.recorded([SECRET])
    assert shown.state() is State.UNKNOWN
    shown.put(SECRET)  # as it was
    assert shown.state() is State.VALID
    shown.put(forged)
    shown.removed()
    assert shown.state() is State.REVOKED
    shown.put(forged)
    assert shown.state() is State.REVOKED
    shown.put(changed(forged, handle=OTHER, fingerprint="g"))  # rotated, by another machine
    assert shown.state() is State.VALID
    shown.put(forged)
    shown.handles.recorded([])  # the record is gone: what is marked counts where it may
    assert shown.state() is {PASSWORD: State.UNKNOWN, OTHER: State.VALID, None: State.VALID}[marked]


@pytest.mark.parametrize("first", ["rows", "list"])
def test_what_is_recorded_as_revoked_and_listed_is_not_shown_as_revoked(first: str) -> None:
    shown, recorded = Shown(), changed(FILE, state=State.REVOKED, message="revoked")
    if first == "rows":
        shown.put(recorded)
        assert shown.state(FILE) is State.REVOKED
    shown.list(HANDLE)
    shown.put(recorded)
    assert shown.state(FILE) is State.FAILED
    shown.listed.forget()  # nobody lists it any more: that revokes nothing
    shown.put(recorded)
    assert shown.state(FILE) is State.FAILED
    shown.list(HANDLE)
    shown.removed()
    assert shown.state(FILE) is State.REVOKED
    shown.put(recorded)
    assert shown.state(FILE) is State.REVOKED


def test_another_handle_keeps_no_record_from_saying_revoked() -> None:
    shown, recorded = Shown(), changed(FILE, state=State.REVOKED, message="revoked")
    shown.put(recorded)
    shown.list(changed(HANDLE, uid="uid-2"))
    assert shown.state(FILE) is State.REVOKED


def test_a_push_shows_what_its_source_shows() -> None:
    push = RequestRow(cluster="harbor", namespace="default", name="p", kind=PUSH, credential=SECRET)
    shown = Shown()
    assert shown.handles.judged(push, None) is push
    shown.list()
    assert shown.handles.doubtful() == []


def test_another_one_under_its_name_or_one_that_is_going_is_not_it() -> None:
    shown = Shown()
    shown.put(SECRET)
    shown.list(HANDLE)
    shown.here(changed(HANDLE, uid="uid-2"))
    assert shown.state() is State.REVOKED
    assert "another Secret has its name" in shown.store.credentials[str(SECRET.address)].credential.message
    shown = Shown()
    shown.put(SECRET)
    shown.list(HANDLE)
    shown.here(HANDLE, going=NOW)
    assert shown.state() is State.REVOKED


def test_what_no_list_holds_is_looked_at_first() -> None:
    shown = Shown()
    shown.put(SECRET, FILE)
    assert shown.handles.doubtful() == [], "nothing was listed"
    shown.list()
    assert shown.handles.doubtful() == [HANDLE]
    assert shown.state() is State.VALID, "it may be newer than the list, or older than the type of handles"
    shown.handles.looked(HANDLE, {"uid": "uid-1"})
    assert (shown.state(), shown.handles.doubtful()) == (State.VALID, [])
    shown.now += AGAIN
    assert shown.handles.doubtful() == [HANDLE]
    shown.handles.not_seen(HANDLE)  # nobody may look, or it is away
    assert (shown.state(), shown.handles.doubtful()) == (State.VALID, [])
    shown.now += AGAIN
    shown.handles.looked(HANDLE, None)
    assert (shown.state(), shown.state(FILE)) == (State.REVOKED, State.REVOKED)
    assert shown.handles.doubtful() == []


def test_a_look_that_was_overtaken_by_the_list_says_nothing() -> None:
    shown = Shown()
    shown.put(SECRET)
    shown.list()
    (doubtful,) = shown.handles.doubtful()
    shown.here(HANDLE)
    shown.handles.looked(doubtful, None)
    assert shown.state() is State.VALID


def test_one_namespace_that_was_listed_says_nothing_of_others() -> None:
    other = changed(
        SECRET,
        address=Address(CredentialKind.SECRET, "harbor", "web", "robot-credential"),
        identity=Identity("harbor", "web", "robot"),
        handle=Handle("harbor", "web", HANDLE.name, "uid-9"),
    )
    shown = Shown()
    shown.put(SECRET, other)
    shown.list(HANDLE, changed(HANDLE, namespace="web", uid="uid-9"))
    shown.listed.begin("default")  # it may list nothing else any more
    shown.removed(changed(HANDLE, namespace="web", uid="uid-9"))
    shown.listed.complete()
    assert (shown.state(other), shown.handles.doubtful()) == (State.VALID, [])


@pytest.mark.parametrize("how", ["lost", "forget"])
def test_a_list_that_is_lost_turns_nothing(how: str) -> None:
    shown = Shown()
    shown.put(SECRET)
    shown.list(HANDLE)
    getattr(shown.listed, how)()
    if how == "forget":
        shown.removed()
    assert (shown.state(), shown.handles.doubtful()) == (State.VALID, [])
    shown.list()  # and now it was listed again, without it
    if how == "lost":
        shown.removed()  # as the follower says of what a new list does not hold
        assert shown.state() is State.REVOKED
    else:
        assert shown.handles.doubtful() == [HANDLE]


def test_what_one_cluster_says_counts_for_no_other() -> None:
    """A hostile cluster may show handles with the UIDs of others, and delete them."""
    shown = Shown(ClusterRow(name="harbor"), ClusterRow(name="evil"))
    shown.put(SECRET)
    shown.list(HANDLE)
    evil = shown.handles.listed("evil", whole=True)
    evil.begin(None)
    meta = HandleMeta(name=HANDLE.name, namespace=HANDLE.namespace, uid=HANDLE.uid)
    evil.seen("default/kubemint-robot-bcdfghjk", HandleSecret(meta))
    evil.complete()
    evil.seen("default/kubemint-robot-bcdfghjk", None)
    assert shown.state() is State.VALID


def test_another_context_of_the_same_server_is_the_same_cluster() -> None:
    ways = (ClusterRow(name="harbor", same=("alias",)), ClusterRow(name="alias", same=("harbor",), carried_by="harbor"))
    mine = changed(FILE, identity=changed(ROBOT, cluster="alias"), handle=changed(HANDLE, cluster="alias"))
    shown = Shown(*ways)
    shown.put(mine)
    shown.list(HANDLE)
    assert shown.handles.doubtful() == []
    shown.removed()
    assert shown.state(mine) is State.REVOKED
    shown = Shown(*ways)
    shown.put(mine)
    shown.list()
    assert shown.handles.doubtful() == [mine.handle]


def test_a_name_that_another_operator_gave_the_cluster_is_believed_only_of_our_own_writing() -> None:
    there = changed(SECRET, address=Address(CredentialKind.SECRET, "tenant-a", "default", "pushed"))
    for recorded in (False, True):
        shown = Shown()
        shown.handles.recorded([there] if recorded else [])
        shown.put(there)
        shown.list()
        shown.handles.looked(HANDLE, None)
        assert shown.state(there) is (State.REVOKED if recorded else State.VALID)


def test_a_token_that_the_server_accepts_is_not_called_revoked_for_a_mark() -> None:
    shown = Shown()
    shown.put(SECRET)
    shown.list()
    shown.handles.looked(HANDLE, None)
    assert shown.state() is State.REVOKED
    shown.handles.accepted(SECRET)
    assert shown.state() is State.VALID
    shown.put(changed(SECRET, fingerprint="g"))  # that was another token
    assert shown.state() is State.REVOKED


def test_what_is_known_as_revoked_is_not_looked_at_and_what_nobody_names_is_not_remembered() -> None:
    shown = Shown()
    shown.put(changed(FILE, state=State.REVOKED))
    shown.list()
    assert shown.handles.doubtful() == []
    shown.put(SECRET)
    assert shown.handles.doubtful() == [HANDLE]
    shown.store.drop(CredentialRow, str(SECRET.address), str(FILE.address))
    assert shown.handles.doubtful() == []
    shown.handles.looked(HANDLE, None)
    shown.put(SECRET)
    assert shown.state() is State.VALID


async def test_a_request_turns_and_so_does_its_credential() -> None:
    request = changed(SECRET, address=Address(CredentialKind.REQUEST, "harbor", "default", "robot"))
    row = RequestRow(
        cluster="harbor", namespace="default", name="robot", kind=REQUEST, ready="True", credential=request
    )
    shown = Shown()
    shown.store.put(row, credential_row(request))
    shown.list(HANDLE)
    shown.removed()
    assert shown.state(request) is State.REVOKED
    assert shown.store.requests[row.key].state_at(NOW) is State.REVOKED


# What is to be revoked still


OLD = Revocation(
    plan="p", address=FILE.address, handle=changed(HANDLE, name="kubemint-robot-cdfghjkl", uid="uid-0"),
    due=NOW + HOUR, account="robot",
)  # fmt: skip
WORKS = "an older token works until 2030-01-01 13:00:00 UTC"


def test_a_row_says_that_an_older_token_is_to_be_revoked_still() -> None:
    now = [NOW]
    store = FleetStore(clock=lambda: now[0])

    def said(address: Address = FILE.address) -> str:
        return store.credentials[str(address)].credential.message

    store.handles.waiting([OLD])
    store.put(credential_row(FILE), credential_row(SECRET))
    assert (said(), said(SECRET.address)) == (WORKS, "")
    store.put(credential_row(FILE))
    assert said() == WORKS
    store.put(changed(store.credentials[str(FILE.address)], stale=True))  # as it is shown, once more
    assert said() == WORKS
    store.put(credential_row(changed(FILE, state=State.FAILED, message="no right")))
    assert said() == f"no right; {WORKS}"
    now[0] = NOW + HOUR
    store.handles.waiting([OLD])
    assert said() == "no right; an older token was to end at 2030-01-01 13:00:00 UTC, and may be accepted still"
    store.handles.waiting([])
    assert said() == "no right"


def test_it_says_so_beside_what_became_of_its_handle() -> None:
    store = FleetStore(clock=lambda: NOW)
    listed = store.handles.listed("harbor", whole=True)
    listed.begin(None)
    store.handles.there("harbor", HANDLE.uid)
    store.put(credential_row(FILE))
    store.handles.waiting([OLD])
    store.handles.went("harbor", HANDLE.uid, DELETED)
    (row,) = store.credentials.values()
    gone = f"its handle default/{HANDLE.name} was deleted"
    assert (row.credential.state, row.credential.message) == (State.REVOKED, f"{gone}; {WORKS}")
    store.put(row)
    assert store.credentials[row.key] == row
    store.handles.waiting([])
    assert store.credentials[row.key].credential.message == gone


def test_a_request_says_it_too() -> None:
    store = FleetStore(clock=lambda: NOW)
    address = Address(CredentialKind.REQUEST, "harbor", "default", "wish")
    row = RequestRow(
        cluster="harbor", namespace="default", name="wish", kind=REQUEST,
        credential=changed(SECRET, address=address),
    )  # fmt: skip
    store.put(row)
    store.handles.waiting([changed(OLD, address=address)])
    (shown,) = store.requests.values()
    assert shown.credential is not None
    assert shown.credential.message == WORKS
    store.handles.waiting([])
    assert list(store.requests.values()) == [row]


# What was made elsewhere than the name of its cluster leads to now

THEN = "none https://then"
AT = "harbor/dpf/tenant"
OF_TENANT = Credential(
    address=Address(CredentialKind.REQUEST, "harbor", "edge", "req"),
    identity=Identity(AT, "default", "robot"),
    issued_at=NOW - HOUR,
    expires_at=NOW + HOUR,
    handle=changed(HANDLE, cluster=AT),
    fingerprint="f",
    state=State.VALID,
    made_in=THEN,
)
ASKED = RequestRow(cluster="harbor", namespace="edge", name="req", kind=REQUEST, credential=OF_TENANT)


def leading(server: str) -> dict[str, Endpoint]:
    return {AT: Endpoint(AT, server)}


def shown_of(store: FleetStore) -> Credential:
    (row,) = store.requests.values()
    assert row.credential is not None
    return row.credential


@pytest.mark.parametrize("first", ["row", "way"])
def test_what_is_not_in_another_cluster_of_its_name_is_unknown_and_not_revoked(first: str) -> None:
    store = FleetStore(clock=lambda: NOW)
    store.put(ClusterRow(name=AT))
    if first == "row":
        store.put(ASKED)
    store.handles.lead(leading("https://now"))
    if first == "way":
        store.put(ASKED)
    listed = store.handles.listed(AT, whole=True)
    listed.begin(None)
    listed.complete()
    assert store.handles.doubtful() == [], "its handle is not looked for there"
    assert shown_of(store).state is State.UNKNOWN
    assert "https://then" in shown_of(store).message
    assert "https://now" in shown_of(store).message
    store.handles.lead(leading("https://then"))
    assert shown_of(store) == OF_TENANT


def test_where_it_leads_to_the_same_cluster_what_is_gone_is_revoked() -> None:
    store = FleetStore(clock=lambda: NOW)
    store.put(ClusterRow(name=AT), ASKED)
    store.handles.lead(leading("https://then"))
    listed = store.handles.listed(AT, whole=True)
    listed.begin(None)
    listed.complete()
    (handle,) = store.handles.doubtful()
    store.handles.looked(handle, None)
    assert shown_of(store).state is State.REVOKED


def test_what_this_machine_revoked_is_revoked_wherever_the_name_leads() -> None:
    store = FleetStore(clock=lambda: NOW)
    store.put(ClusterRow(name=AT), ASKED)
    store.handles.lead(leading("https://now"))
    store.handles.ended({HANDLE.uid: NOW})
    assert shown_of(store).state is State.REVOKED


@pytest.mark.parametrize("fingerprint", ["f", "another"])
def test_a_secret_that_was_written_of_another_cluster_is_unknown(fingerprint: str) -> None:
    store = FleetStore(clock=lambda: NOW)
    pushed = changed(SECRET, identity=changed(ROBOT, cluster=AT), handle=changed(HANDLE, cluster=AT))
    store.put(ClusterRow(name=AT), credential_row(pushed))
    store.handles.recorded([changed(pushed, fingerprint=fingerprint)], {SECRET.address: "is of the cluster at X"})
    (row,) = store.credentials.values()
    assert row.credential.state is State.UNKNOWN
    assert ("is of the cluster at X" in row.credential.message) is (fingerprint == "f")
    store.handles.recorded([pushed])
    (row,) = store.credentials.values()
    assert row.credential == pushed
