"""What becomes of rows whose account goes or is made anew, and of those that a server refused. Pure tables, then the
attack itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.fleet.conftest import over, until
from tests.fleet.sayings import create_account
from tests.fleet.test_handles import FILE, HANDLE, HOUR, NOW, SECRET, changed
from tests.fleet.test_handles_watched import issued, robot, states
from tui.actions.looking import VERIFY
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.decode import credential_row
from tui.fleet.ended import GONE, Birth, Ended, Refusal, Seen, is_anew, turned
from tui.fleet.fields import lifetimes
from tui.fleet.fleet import Fleet
from tui.fleet.handles import CACHED, Gone
from tui.fleet.marked import held_until, marked_at
from tui.fleet.rows import ClusterRow, CredentialRow
from tui.fleet.store import FleetStore
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.families.listing import Noted as TokenSecret, NotedMeta
from tui.issuance.families.token_secret.listing import credential as token_secret_credential
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State
from tui.issuance.objects.token_secret import ACCOUNT_NAME, ACCOUNT_UID
from tui.kube.resource import SECRETS

SECOND = timedelta(seconds=1)
OURS, OTHER = (("ServiceAccount", "robot", "u1"),), (("ServiceAccount", "robot", "u0"),)
ROBOT = Identity("harbor", "default", "robot")


@pytest.mark.parametrize(
    ("after", "owners", "anew"),
    [
        (-HOUR, OURS, False),
        (-HOUR, OTHER, False),  # an account that is older than the handle was not made since: somebody wrote that
        (-3 * SECOND, OTHER, False),
        (0 * SECOND, OTHER, True),
        (HOUR, OTHER, True),
        (2 * SECOND, (), False),
        (3 * SECOND, (), True),  # it had an owner: whoever deletes an account alone takes that
        (60 * SECOND, (("ServiceAccount", "robot", "u1"),), False),  # clocks of servers
        (60 * SECOND, (("ConfigMap", "x", "u9"),), False),
        (61 * SECOND, (("ConfigMap", "x", "u9"),), True),
        (0 * SECOND, (*OTHER, ("ConfigMap", "x", "u9")), False),  # nothing deletes the handle: that says nothing
        (0 * SECOND, (("Secret", "robot", "u0"),), False),
        (0 * SECOND, (("ServiceAccount", "else", "u0"),), False),
        (61 * SECOND, OURS, True),  # stamps are the server's, owners anybody's
    ],
)
def test_what_is_another_account(after: timedelta, owners: tuple[tuple[str, str, str], ...], anew: bool) -> None:
    assert is_anew("robot", Seen("u1", NOW + after), Birth("uid-1", NOW, owners)) is anew


def test_an_account_that_was_seen_to_go_counts_unless_the_new_one_owns_the_handle() -> None:
    for before, owners, anew in (("u0", (), True), ("u1", (), False), ("", (), False), ("u0", OURS, False)):
        assert is_anew("robot", Seen("u1", NOW), Birth("uid-1", NOW, owners), before) is anew


def test_without_stamps_nothing_is_another() -> None:
    born = Birth("uid-1", NOW, OTHER)
    for seen, birth in (
        (Seen("u1", NOW + HOUR), None),
        (Seen("u1", None), born),
        (Seen("", NOW + HOUR), born),
        (Seen("u1", NOW + HOUR), changed(born, created_at=None)),
    ):
        assert not is_anew("robot", seen, birth)


LISTED, LOOKED = Gone(NOW, GONE, listed=True), Gone(NOW, GONE, listed=False)
REFUSED, TAKEN = Refusal("f", NOW, "it is so"), Refusal("f", NOW + CACHED + SECOND, "")


@pytest.mark.parametrize(
    ("credential", "gone", "told", "said"),
    [
        (SECRET, None, None, None),
        (SECRET, LISTED, None, "its account is gone"),
        (SECRET, LOOKED, None, "its account is gone"),
        (changed(SECRET, state=State.FAILED, message="why"), LISTED, None, "its account is gone; why"),
        (changed(SECRET, state=State.REVOKED, message="x"), LISTED, None, None),
        (changed(SECRET, expires_at=NOW), LISTED, None, "its account is gone"),  # marks say when it ends
        (SECRET, LISTED, TAKEN, None),
        (SECRET, LISTED, changed(TAKEN, at=NOW + CACHED), "its account is gone"),
        (SECRET, LOOKED, changed(TAKEN, at=NOW - HOUR), None),
        (SECRET, LISTED, changed(TAKEN, fingerprint="g"), "its account is gone"),
        (SECRET, None, REFUSED, "the server refuses it: it is so"),
        (SECRET, LISTED, REFUSED, "its account is gone"),
        (SECRET, None, changed(REFUSED, fingerprint="g"), None),  # another token lies there by now
        (changed(SECRET, expires_at=NOW), None, REFUSED, None),
        (changed(SECRET, fingerprint=""), None, changed(REFUSED, fingerprint=""), None),
    ],
)
def test_what_turns(credential: Credential, gone: Gone | None, told: Refusal | None, said: str | None) -> None:
    shown = turned(credential, "its account is gone", gone, told)
    assert (shown is credential) is (said is None)
    assert said is None or (shown.state, shown.message) == (State.REVOKED, said)


def test_a_token_whose_handle_is_held_back_is_ending_for_a_minute() -> None:
    naive = NOW.replace(tzinfo=None)
    far = NOW + 9000 * HOUR
    for marked, after in ((None, None), (NOW, 60), (NOW - HOUR, 60 - 3600), (naive, 60), (far, 120)):
        assert held_until(marked, NOW) == (None if after is None else NOW + after * SECOND)
    assert marked_at({"deletionTimestamp": "2030-01-01T12:00:00Z"}) == NOW
    assert marked_at({"deletionTimestamp": "soon"}) is marked_at({"deletionTimestamp": {}}) is marked_at({}) is None
    one = changed(SECRET, state=State.REVOKED, ends_by=NOW + 60 * SECOND)
    at = NOW + 2 * SECOND
    assert (lifetimes.state(one, at), lifetimes.left(one, at).text) == (State.ENDING, "58s")
    assert lifetimes.left_changes(one, at) is not None
    assert lifetimes.state(one, NOW + 60 * SECOND) is State.REVOKED
    assert lifetimes.left(one, NOW + 60 * SECOND).text == "revoked"
    assert lifetimes.ends_at(one) is lifetimes.renews_at(one) is None


def test_a_long_lived_token_that_is_being_deleted_never_says_never() -> None:
    """Its Secret is its own handle."""
    notes = {ACCOUNT_NAME: "robot", ACCOUNT_UID: "u1"}
    for going, state, left in ((None, State.ENDLESS, "never"), (NOW, State.ENDING, "58s")):
        meta = NotedMeta(name="t", namespace="default", uid="uid-9", deletion_timestamp=going, annotations=notes)
        one = token_secret_credential("harbor", TokenSecret(meta))
        assert one is not None
        at = NOW + 2 * SECOND
        assert (lifetimes.state(one, at), lifetimes.left(one, at).text) == (state, left)
        assert lifetimes.state(one, NOW + HOUR) is (State.ENDLESS if going is None else State.REVOKED)


def store_with(*clusters: ClusterRow) -> tuple[FleetStore, Ended]:
    store = FleetStore(clock=lambda: NOW)
    store.put(*clusters)
    return store, store.ended


def shown(store: FleetStore, credential: Credential) -> tuple[State, str]:
    one = store.credentials[str(credential.address)].credential
    return one.state, one.message


def test_in_every_order_and_back_again() -> None:
    store, ended = store_with()
    ended.there("harbor", "default/robot", Seen("u1", NOW - HOUR))
    store.put(credential_row(SECRET))
    ended.went("harbor", "default/robot", listed=True)
    assert shown(store, SECRET) == (State.REVOKED, "its account default/robot is gone")
    store.put(changed(store.credentials[str(SECRET.address)], stale=True))  # its follower says so of what it shows
    store.put(credential_row(FILE))
    assert shown(store, FILE)[0] is State.REVOKED, "also what comes later"
    ended.there("harbor", "default/robot", Seen("u2", NOW))
    assert shown(store, SECRET) == (State.VALID, "")
    ended._births["harbor"][f"default/{HANDLE.name}"] = Birth("uid-1", NOW - HOUR, OURS)
    ended.there("harbor", "default/robot", Seen("u2", NOW + SECOND))
    assert shown(store, SECRET) == (State.REVOKED, "its account default/robot was made anew")
    ended.there("harbor", "default/robot", Seen("u1", NOW - 2 * HOUR, deleted_at=NOW))
    assert shown(store, SECRET) == (State.REVOKED, "its account default/robot is marked as deleted")
    one = store.credentials[str(SECRET.address)].credential
    for after, state in ((59, State.ENDING), (60, State.REVOKED)):
        assert lifetimes.state(one, NOW + after * SECOND) is state, "servers take it for a minute more"
    ended.there("harbor", "default/robot", Seen("u1", NOW - 2 * HOUR))
    assert shown(store, SECRET) == shown(store, FILE) == (State.VALID, "")
    assert not ended.doubtful()


def test_what_no_list_holds_is_looked_at_where_it_should_hold_it() -> None:
    store, ended = store_with()
    store.put(credential_row(SECRET), credential_row(FILE))
    assert not ended.doubtful(), "no accounts were listed"
    for namespace, there in (("kube-system", []), ("default", [ROBOT]), (None, [ROBOT])):
        listed = ended.listed("harbor")
        listed.begin(namespace)
        listed.complete()
        assert ended.doubtful() == there, "one look for both"
    ended.looked(ROBOT, there=True)
    assert not ended.doubtful()
    ended._unseen[ROBOT] = NOW
    ended.looked(ROBOT, there=False)
    assert shown(store, SECRET)[0] is shown(store, FILE)[0] is State.REVOKED
    store.drop(type(credential_row(SECRET)), str(SECRET.address), str(FILE.address))
    kept = (ended._gone, ended._named, ended._rests, ended._shown, ended._noticed, ended._unseen)
    assert not any(kept)


def test_a_list_that_ends_or_shrinks_turns_nothing() -> None:
    store, ended = store_with()
    listed = ended.listed("harbor")
    ended.there("harbor", "default/robot", Seen("u1", NOW - HOUR))
    listed.complete()
    store.put(credential_row(SECRET))
    listed.begin("elsewhere")
    listed.seen("default/robot", None)
    assert shown(store, SECRET)[0] is State.VALID
    ended.there("harbor", "default/robot", Seen("u1", NOW - HOUR))
    listed.forget()
    assert shown(store, SECRET)[0] is State.VALID
    assert not ended.doubtful()


def test_by_either_name_of_one_server() -> None:
    one = ClusterRow(name="port", same=("harbor",))
    other = ClusterRow(name="harbor", same=("port",), carried_by="port")
    store, ended = store_with(one, other)
    ended.there("port", "default/robot", Seen("u1", NOW - HOUR))
    store.put(credential_row(FILE))
    ended.went("port", "default/robot", listed=True)
    assert shown(store, FILE)[0] is State.REVOKED


def test_of_another_cluster_only_what_was_seen_there() -> None:
    """Another operator may call another cluster by that name."""
    address = Address(SECRET.address.kind, "elsewhere", "default", "robot")
    store, ended = store_with()
    store.put(credential_row(changed(SECRET, address=address)))
    ended.looked(ROBOT, there=False)
    assert shown(store, changed(SECRET, address=address))[0] is State.VALID


@pytest.mark.parametrize("first", ["the place", "the refusal"])
def test_a_login_that_is_refused_is_refused_where_it_was_taken_from_as_well(first: str) -> None:
    """A cluster that is entered with what lies in a Secret: its own server says what that is worth."""
    store, ended = store_with(ClusterRow(name="harbor"))
    place = changed(SECRET, identity=ROBOT, fingerprint="aa")
    login = changed(place, address=Address.login("harbor"), handle=None)
    another = changed(place, address=Address.secret("harbor", "default", "b"), fingerprint="bb")
    elsewhere = changed(
        place,
        address=Address.secret("harbor", "default", "c"),
        identity=Identity("x", "default", "robot"),
        handle=changed(HANDLE, cluster="x"),
    )
    store.put(credential_row(login), credential_row(another), credential_row(elsewhere))
    if first == "the place":
        store.put(credential_row(place))
    ended.note_answer(login, "Unauthorized")
    store.put(credential_row(place)) if first == "the refusal" else None
    for one in (login, place):
        assert shown(store, one) == (State.REVOKED, "the server refuses it: Unauthorized")
    for one in (another, elsewhere):
        assert shown(store, one)[0] is State.VALID, "a token of another one, or the word of another server"
    ended.note_answer(login)
    assert shown(store, place)[0] is State.VALID


@pytest.mark.parametrize("first", ["the place", "the refusal"])
def test_a_refused_token_that_is_bound_to_nothing_is_refused_everywhere(first: str) -> None:
    """The attack: a forged token in an Argo CD Secret, which names no handle."""
    store, ended = store_with(ClusterRow(name="harbor/ns/edge"))
    argo = Address(CredentialKind.ARGO_CD, "harbor", "ns", "edge")
    account = Identity("harbor/ns/edge", "default", "robot")
    place = changed(SECRET, address=argo, identity=account, handle=None, fingerprint="aa")
    login = changed(place, address=Address.login("harbor/ns/edge"))
    another = changed(place, address=msgspec.structs.replace(argo, name="b"), fingerprint="bb")
    store.put(credential_row(login), credential_row(another))
    ended.note_unasked(login)
    assert shown(store, login) == (State.UNKNOWN, "its server has not accepted it so far")
    if first == "the place":
        store.put(credential_row(place))
    ended.note_answer(login, "Unauthorized")
    store.put(credential_row(place)) if first == "the refusal" else None
    for one in (login, place):
        assert shown(store, one) == (State.REVOKED, "the server refuses it: Unauthorized")
    assert shown(store, another)[0] is State.VALID
    ended.note_unasked(login)
    assert shown(store, place)[0] is State.REVOKED, "what its server said stays said"
    ended.note_answer(login)
    assert shown(store, place)[0] is State.VALID
    store.drop(CredentialRow, str(argo))
    assert not ended._prints.keys() & {(CredentialRow, str(argo))}


async def test_deleted_and_made_anew_elsewhere(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    """The attack: an account deleted without what hangs on it, for who is there and for who comes later; then another
    one with its name."""
    secret, path = SecretDestination("harbor", "default", "robot-credential"), tmp_path / "robot.kc"
    keys = ("secret:harbor/default/robot-credential", f"file:{path}")

    def messages(fleet: Fleet) -> set[str]:
        return {fleet.store.credentials[key].credential.message for key in keys}

    async with over(harbor, tmp_path, read_only=False) as fleet:
        assert await fleet.settled(10)
        handle = await issued(fleet, robot(secret, FileDestination(str(path))))
        await until(lambda: states(fleet, *keys) == [State.VALID] * 2, "both show")
        client = await fleet.client("harbor")
        orphan = {"propagationPolicy": "Orphan"}
        url = "/api/v1/namespaces/default/serviceaccounts/robot"
        await client.request("DELETE", url, body=orphan)
        await until(lambda: states(fleet, *keys) == [State.REVOKED] * 2, "both turn", timeout=3)
        assert messages(fleet) == {"its account default/robot is gone"}
        assert await client.get(SECRETS, handle.name, namespace="default")
        async with over(harbor, tmp_path) as later:
            assert await later.settled(10)
            assert states(later, *keys) == [State.REVOKED] * 2, "also where it was deleted before the first look"
        await create_account(client, "robot")
        await until(lambda: messages(fleet) == {"its account default/robot was made anew"}, "it is another")
        assert states(fleet, *keys) == [State.REVOKED] * 2
    harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path="/serviceaccounts"))
    async with over(harbor, tmp_path) as later:
        assert await later.settled(10)
        assert states(later, *keys) == [State.VALID] * 2, "what may not be seen turns nothing"
        harbor.cluster("harbor").faults.add(FaultRule(Answer(401), path="/selfsubjectreviews"))
        host = type("Host", (), {"store": later.store, "engine": later.engine})()
        found = await VERIFY.run(host, later.store.credentials[keys[1]].credential.address)  # type: ignore[misc]
        assert not found.ok
        assert states(later, *keys) == [State.VALID, State.REVOKED]
        assert later.store.credentials[keys[1]].credential.message.startswith("the server refuses it: ")
