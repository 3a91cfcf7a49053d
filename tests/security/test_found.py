"""What may be acted on of what was found for a handle, a fingerprint, a token or a place that is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.samples import jwt
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.claims import Bound, Claims
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export, Revocation
from tui.issuance.revoking import found
from tui.issuance.revoking.found import Found, NotThere
from tui.issuance.revoking.sought import Search, Sought
from tui.issuance.trust import handle_names
from tui.issuance.trust.handle_names import Meant
from tui.issuance.trust.handles import Ending, Named, Seen
from tui.issuance.trust.vouchers import Facts, Word
from tui.kube.sensitive import Sensitive

ID = "bf662bdc-35e3-454b-b756-8e6aabdfe116"
ROBOT = Identity("harbor", "ns", "robot")
HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1")
AT = Address(CredentialKind.HANDLE, "harbor", "ns", HANDLE.name)
PLACE = Address(CredentialKind.SECRET, "harbor", "ns", "kept")
FILE = Address.parse("file:/kept")
NOON = datetime(2030, 1, 2, 12, tzinfo=UTC)
SEEN = Seen(namespace="ns", name=HANDLE.name, uid="uid-1", type=managed.HANDLE_TYPE, marked=True, account="ns/robot")
KNOWN = Credential(
    address=FILE, identity=ROBOT, handle=HANDLE, fingerprint="f1", state=State.VALID, kept_in="/kept", message="well"
)
BARE = Credential(
    address=AT, identity=ROBOT, handle=HANDLE, state=State.UNKNOWN, message="found by its handle",
    kept_in=f"bound to handle ns/{HANDLE.name}",
)  # fmt: skip
SEARCH = Search(asked=["harbor"])
AWAY = Search(asked=["harbor"], away={"edge": "refused"})
CLOSED = Search(asked=["harbor"], closed={"edge": "needs: get secrets in namespace ns"})


def export(**fields: Any) -> Export:
    return Export(credential=msgspec.structs.replace(KNOWN, **fields), request="r")


def waiting(handle: Handle = HANDLE, fingerprint: str = "f1", old: Credential | None = KNOWN) -> Revocation:
    return Revocation(plan="p", address=FILE, handle=handle, due=NOON, old=old, fingerprint=fingerprint)


def seen(**fields: Any) -> Seen:
    return msgspec.structs.replace(SEEN, **fields)


# By its handle


def test_the_handle_at_an_address_is_what_lies_there() -> None:
    assert found.handle_at(AT, SEEN) == HANDLE
    assert found.handle_at(AT, seen(uid="uid-2")) == msgspec.structs.replace(HANDLE, uid="uid-2")
    with pytest.raises(NotThere, match=f"^there is no Secret ns/{HANDLE.name} in harbor: "):
        found.handle_at(AT, None)
    with pytest.raises(UsageError, match="is a long-lived token, which is its own handle") as caught:
        found.handle_at(AT, seen(type="kubernetes.io/service-account-token"))
    assert not isinstance(caught.value, NotThere)
    assert caught.value.hint == f"revoke legacy:harbor/ns/{HANDLE.name}"


OTHERS = [msgspec.structs.replace(HANDLE, **{field: "another"}) for field in ("cluster", "namespace", "name", "uid")]


def test_what_this_machine_wrote_is_known_by_the_very_handle() -> None:
    others = [export(handle=other) for other in (*OTHERS, None)]
    assert found.recorded(HANDLE, [*others, export(fingerprint="f2")], waiting()) == export(fingerprint="f2").credential
    assert found.recorded(HANDLE, others, waiting()) == KNOWN
    assert found.recorded(HANDLE, others, None) is None
    assert found.recorded(HANDLE, [], waiting(old=None)) is None
    for other in OTHERS:
        assert found.recorded(HANDLE, others, waiting(other)) is None


def test_a_handle_goes_at_its_own_word_where_this_machine_knows_nothing_of_it() -> None:
    assert found.ending_of(HANDLE, None) == Ending(handle=HANDLE, named=Named.BY_WALK)
    assert found.ending_of(HANDLE, KNOWN) == Ending(handle=HANDLE, named=Named.BY_JOURNAL, account="robot")
    nobodys = msgspec.structs.replace(KNOWN, identity=None)
    assert found.ending_of(HANDLE, nobodys) == Ending(handle=HANDLE, named=Named.BY_JOURNAL, account="")


def test_what_ends_with_a_handle_is_said_with_whose_word_that_is() -> None:
    ending = Ending(handle=HANDLE, named=Named.BY_WALK)
    ours = Ending(handle=HANDLE, named=Named.BY_JOURNAL)
    whose = "it is the handle of robot (namespace ns, cluster harbor), as"
    assert found.by_handle(AT, SEEN, ending, None) == Found(
        credential=BARE, named=Named.BY_WALK, said=(f"{whose} it says",)
    )
    lying, elsewhere = seen(account="ns/admin"), msgspec.structs.replace(KNOWN, handle=OTHERS[3], state=State.REVOKED)
    named = msgspec.structs.replace(
        KNOWN, address=AT, handle=HANDLE, state=State.UNKNOWN, message="found by its handle"
    )
    assert found.by_handle(AT, lying, ours, elsewhere) == Found(
        credential=named, named=Named.BY_JOURNAL, said=(f"{whose} this machine's records say",)
    )


@pytest.mark.parametrize(
    ("account", "whose"),
    [
        ("ns/robot", ROBOT),
        ("ns/a/b", Identity("harbor", "ns", "a/b")),
        ("robot", None),
        ("/robot", None),
        ("", None),
        ("ns/", None),
    ],
)
def test_whose_a_handle_says_that_it_is(account: str, whose: Identity | None) -> None:
    assert found.account_of(seen(account=account), "harbor") == whose


def test_the_secrets_that_a_handle_names_are_in_clusters_that_are_known() -> None:
    def places(*texts: str, known: tuple[str, ...] = ("edge", "a/b")) -> tuple[list[str], list[str]]:
        before = Found(credential=BARE, named=Named.BY_WALK, said=("before",), places=(PLACE,))
        after = found.with_places(before, seen(secrets=texts), "harbor", known)
        assert after.said[0] == "before"
        assert msgspec.structs.replace(after, said=(), places=()) == msgspec.structs.replace(before, said=(), places=())
        assert all(said.endswith(", which it names, is in no cluster that is known here") for said in after.said[1:])
        return [str(place) for place in after.places], [said.partition(",")[0] for said in after.said[1:]]

    assert places() == ([], [])
    assert places("ns/kept", "edge/ns/kept", "a/b/ns/kept") == (
        ["secret:harbor/ns/kept", "secret:edge/ns/kept", "secret:a/b/ns/kept"],
        [],
    )
    assert places("harbor/ns/kept", known=()) == (["secret:harbor/ns/kept"], [])
    assert places("nowhere/ns/kept", "ns/kept", "b/ns/kept") == (
        ["secret:harbor/ns/kept"],
        ["secret:nowhere/ns/kept", "secret:b/ns/kept"],
    )
    assert places("kept", "/kept", "ns/", "") == (
        [],
        ["secret:harbor//kept", "secret:harbor//kept", "secret:harbor/ns/", "secret:harbor//"],
    )


# By its fingerprint or its id


def test_the_id_of_a_token_is_its_own_in_small_letters() -> None:
    assert found.id_of(jwt({"jti": ID.upper()})) == ID
    assert found.id_of(jwt({"sub": "x"})) == found.id_of(Sensitive("opaque")) == found.id_of(None) == ""


def test_where_a_fingerprint_is_recorded() -> None:
    copy = Address.parse("file:/copy")
    exports = [export(), export(fingerprint="f2"), export(address=copy, state=State.REVOKED)]
    pending = [waiting(), waiting(fingerprint="f2"), waiting(msgspec.structs.replace(HANDLE, name="database"))]
    marked = found.marked(Sought(fingerprint="f1"), exports, pending)
    assert [one.address for one in marked] == [FILE, copy, AT]
    assert [one.record for one in marked] == [
        exports[0].credential,
        exports[2].credential,
        found.bare(AT, None, HANDLE),
    ]
    assert found.marked(Sought(fingerprint="f3"), exports, pending) == []


def test_what_is_revoked_is_not_looked_into() -> None:
    states = [export(address=Address.parse(f"file:/{state}"), state=state) for state in State]
    assert found.to_look_into(states) == [one.credential for one in states if one.credential.state is not State.REVOKED]


@pytest.mark.parametrize(
    ("sought", "token", "word", "why"),
    [
        ("fingerprint", None, Word.NONE, "there is no token in it"),
        ("id", None, Word.NONE, "there is no token in it"),
        ("fingerprint", "another", Word.CONFIRMED, "the token in it is another one"),
        ("id", "another", Word.CONFIRMED, "the token in it is another one"),
        *(("fingerprint", "it", word, "") for word in Word),
        ("id", "it", Word.CONFIRMED, ""),
        ("id", "it", Word.REFUSED, "its server refuses the token in it"),
        ("id", "it", Word.UNASKED, "nothing confirms the token in it"),
        ("id", "it", Word.UNREADABLE, "nothing confirms the token in it"),
    ],
)
def test_a_place_has_what_is_sought_by_its_token_alone(sought: str, token: str | None, word: Word, why: str) -> None:
    """A fingerprint is the token; an id is what anybody may write into one, until its server confirms it."""
    it, another = jwt({"jti": ID}), jwt({"jti": ID.replace("b", "c")})
    wanted = Sought(id=ID) if sought == "id" else Sought(fingerprint=it.fingerprint)
    assert found.no_match(wanted, {"it": it, "another": another}.get(token or ""), word) == why


def test_what_ends_a_token_is_what_it_is_bound_to() -> None:
    def says(**bound: Any) -> Sensitive:
        account = {"name": "robot", "uid": "account-1"}
        return jwt({"kubernetes.io": {"namespace": "ns", "serviceaccount": account, **bound}})

    it = says(secret={"name": HANDLE.name, "uid": HANDLE.uid})
    assert found.ends_with(it, HANDLE)
    assert found.ends_with(it, OTHERS[0]), "what the cluster is called here, no token says"
    assert not any(found.ends_with(it, other) for other in OTHERS[1:])
    assert not found.ends_with(says(secret={"name": HANDLE.name, "uid": ""}), msgspec.structs.replace(HANDLE, uid=""))
    assert not found.ends_with(says(pod={"name": HANDLE.name, "uid": HANDLE.uid}), HANDLE)
    assert not found.ends_with(says(), HANDLE)
    assert not found.ends_with(Sensitive("opaque"), HANDLE)
    assert found.ends_with(says(), "account-1")
    assert not found.ends_with(says(), "account-2")
    assert not found.ends_with(jwt({"sub": "x"}), "")


def test_places_that_end_by_different_things_are_named() -> None:
    """Whoever has a token may put it into a cluster that he runs, which says that it is its own."""
    one, wanted = "https://one:6443", Sought(id=ID)
    edge, uid = OTHERS[0], OTHERS[3]
    servers = {"harbor": one, "another": "https://two"}
    found.the_same_end(wanted, {FILE: HANDLE, PLACE: HANDLE}, servers)
    found.the_same_end(wanted, {FILE: HANDLE, PLACE: edge}, {"harbor": one, "another": one + "/"})
    found.the_same_end(wanted, {FILE: "account-1", PLACE: "account-1"}, {})
    for other, known in (
        (edge, servers),
        (edge, {"harbor": "", "another": ""}),
        (uid, servers),
        ("account-1", servers),
    ):
        with pytest.raises(
            UsageError, match=r"^file:/kept, secret:harbor/ns/kept all have token id .*nothing was revoked"
        ):
            found.the_same_end(wanted, {FILE: HANDLE, PLACE: other}, known)


def test_what_nobody_knows_says_where_it_was_looked_for() -> None:
    said = found.nothing_known(Sought(fingerprint="0123456789abcdef"), SEARCH)
    assert isinstance(said, UsageError)
    assert said.message == f"nothing that kubemint keeps has fingerprint 0123456789abcdef ({SEARCH.words})"
    assert said.hint.startswith("give the token itself")
    assert "to revoke such a destination" not in said.hint


@pytest.mark.parametrize("search", [SEARCH, AWAY])
def test_who_only_says_that_he_has_it_is_named(search: Search) -> None:
    said = found.nothing_known(Sought(id=ID), search, {PLACE: "there is no token in it", FILE: "it is away"})
    assert said.message.endswith(
        f"({search.words}); {PLACE} says that it has token id {ID}, but there is no token in it; "
        f"file:/kept says that it has token id {ID}, but it is away"
    )
    assert said.hint.endswith(f"; to revoke such a destination itself, revoke {PLACE}")


@pytest.mark.parametrize("search", [AWAY, CLOSED])
def test_what_was_not_looked_at_everywhere_is_no_mistake_of_who_asks(search: Search) -> None:
    said = found.nothing_known(Sought(fingerprint="0123456789abcdef"), search)
    assert not isinstance(said, UsageError)
    assert said.message == f"nothing that could be looked at has fingerprint 0123456789abcdef ({search.words})"
    assert said.hint.startswith(search.again)


# By the token itself


@pytest.mark.parametrize(
    ("legacy", "uid", "holds", "is_it"),
    [
        (False, "uid-1", False, True),
        (False, "uid-1", True, True),
        (False, "uid-2", True, False),
        (False, "", False, False),
        (True, "uid-1", False, False),
        (True, "uid-2", True, True),
    ],
)
def test_the_secret_of_a_token_is_told_by_its_uid_or_by_the_token_in_it(
    legacy: bool, uid: str, holds: bool, is_it: bool
) -> None:
    claims = Claims(legacy=legacy)
    assert found.is_bound_to(claims, Bound("Secret", HANDLE.name, "uid-1"), seen(uid=uid), holds) is is_it


def test_who_is_asked_of_a_token() -> None:
    """Whom this machine's records name, else everybody that is meant."""
    known = ["harbor", "edge"]
    assert found.asked("", ["edge"], known) == ["edge"]
    assert found.asked("", [], known) == known
    for named in (["edge", "harbor"], []):
        assert found.asked("harbor", named, known) == ["harbor"]
    assert found.asked("new", ["edge", "new"], known) == ["new"]
    assert found.asked("gone", ["edge"], known) == ["edge"], "the operator says what it is called by now"
    with pytest.raises(UsageError, match=r"this token was issued in harbor, and not in edge, far$") as caught:
        found.asked("harbor", ["edge", "far"], known)
    assert caught.value.hint == "name harbor with --context"


def test_a_token_of_a_delivered_cluster_is_shown_to_no_other_one() -> None:
    """It is none of the contexts: its host delivers it, and its name says which one that is."""
    known = ["harbor", "edge", "arn:cluster/far"]
    for tenant in ("harbor/dpf/tenant", "arn:cluster/far/dpf/tenant"):
        assert found.asked(tenant, [], known) == [tenant]
        assert found.asked(tenant, ["edge", tenant], known) == [tenant]
        with pytest.raises(UsageError, match=f"was issued in {tenant}, and not in edge$") as caught:
            found.asked(tenant, ["edge"], known)
        assert caught.value.hint == f"name {tenant} with --context"
    for lost in ("away/dpf/tenant", "gone"):
        with pytest.raises(UsageError, match=f"was issued in {lost}, and no cluster is called so here") as caught:
            found.asked(lost, [], known)
        assert "name it with --context" in caught.value.hint


def test_in_which_cluster_a_token_was_issued_by_the_records() -> None:
    edge = msgspec.structs.replace(ROBOT, cluster="edge")
    records = [
        msgspec.structs.replace(KNOWN, fingerprint="f2", identity=edge),
        msgspec.structs.replace(KNOWN, identity=None),
        KNOWN,
    ]
    assert found.issued_in("f1", records) == "harbor"
    assert found.issued_in("f2", records) == "edge"
    assert found.issued_in("f3", records) == found.issued_in("f1", records[:2]) == ""


def test_contexts_of_one_server_are_one_witness() -> None:
    servers = {"a": "https://one:6443", "b": "https://two", "c": "https://ONE:6443/", "d": "https://two:443"}
    assert found.witnesses(servers) == ["a", "b"]
    assert found.witnesses({}) == []


CLAIMS = Claims(
    namespace="ns", service_account="robot", issuer="https://issuer", audiences=("vault",),
    bound=Bound("Secret", HANDLE.name, "uid-1"),
)  # fmt: skip
FACTS = Facts(
    word=Word.CONFIRMED, identity=ROBOT, handle=HANDLE, audiences=("vault",), issued_at=NOON,
    expires_at=NOON + timedelta(hours=1), fingerprint="f1",
)  # fmt: skip


def test_what_a_server_confirms_of_a_token_ends_it() -> None:
    credential = msgspec.structs.replace(
        BARE, audiences=("vault",), issued_at=NOON, expires_at=NOON + timedelta(hours=1), fingerprint="f1",
        state=State.VALID, message="found by its token",
    )  # fmt: skip
    said = ("harbor accepts it as robot (namespace ns, cluster harbor)",)
    assert found.by_token(AT, CLAIMS, FACTS) == Found(credential=credential, named=Named.BY_TOKEN, said=said)
    own = msgspec.structs.replace(CLAIMS, audiences=("https://issuer", "vault"))
    assert found.by_token(AT, own, FACTS).credential.audiences == ()


@pytest.mark.parametrize("word", [*Word, None])
def test_what_no_server_confirms_of_a_token_ends_nothing(word: Word | None) -> None:
    if word is Word.CONFIRMED:
        return
    facts = msgspec.structs.replace(FACTS, word=word, note="why") if word is not None else FACTS
    unbound = msgspec.structs.replace(facts, handle=None)
    for one in (facts, unbound) if word is not None else (unbound,):
        with pytest.raises(UsageError) as caught:
            found.by_token(AT, CLAIMS, one)
        how = "refuses this token" if word is Word.REFUSED else "did not say whether it accepts this token"
        assert caught.value.message.startswith(f"harbor {how}: why; " if word is not None else f"harbor {how}; ")
        assert caught.value.hint.endswith(f"revoke {AT}")


@pytest.mark.parametrize(
    ("audiences", "others"), [((), False), (("https://issuer",), False), (("vault", "https://issuer"), False)]
)
def test_for_whom_a_token_is(audiences: tuple[str, ...], others: bool) -> None:
    assert found.is_for_others(msgspec.structs.replace(CLAIMS, audiences=audiences)) is others
    assert found.is_for_others(CLAIMS)


@pytest.mark.parametrize("ends", [None, NOON])
def test_what_nobody_has_is_a_mistake_only_where_everybody_answered(ends: datetime | None) -> None:
    claims = msgspec.structs.replace(CLAIMS, expires_at=ends)
    said = "; it expires at 2030-01-02 12:00:00 UTC" if ends else ""
    wrong, away = found.nowhere(claims, SEARCH), found.nowhere(claims, AWAY)
    bound = f"has the Secret ns/{HANDLE.name} that this token is bound to"
    assert isinstance(wrong, UsageError)
    assert wrong.message == f"no cluster {bound} (looked for in harbor)"
    assert wrong.hint.endswith(f"delete the service account ns/robot there{said}")
    assert not isinstance(away, UsageError)
    assert isinstance(away, IssuanceError)
    assert away.message == f"no cluster that answered {bound} ({AWAY.words})"
    assert away.hint == f"try again when they answer, or name the cluster with --context{said}"
    closed = found.nowhere(claims, CLOSED)
    assert not isinstance(closed, UsageError)
    assert closed.message == f"no cluster that answered {bound} ({CLOSED.words})"
    assert closed.hint.startswith("try again with that right, or ")
    assert "Secret ns/ that" in found.nowhere(msgspec.structs.replace(claims, bound=None), SEARCH).message


# By a place that is not there


def test_our_own_record_of_a_place_counts_where_its_handle_is_as_it_was() -> None:
    said = ("why", "its handle is known from this machine's records")
    assert found.by_record(export(), SEEN, "why") == Found(credential=KNOWN, named=Named.BY_JOURNAL, said=said)
    assert found.by_record(None, SEEN, "why") is None
    assert found.by_record(export(handle=None), SEEN, "why") is None
    assert found.by_record(export(), None, "why") is None
    assert found.by_record(export(), seen(uid="uid-2"), "why") is None


def made(**meant: Any) -> Seen:
    """A handle whose name confirms what it says."""
    says = {"account": "ns/robot", "secrets": ("ns/kept",)} | meant
    return seen(name=handle_names.fresh(Meant(**says)), **says)


def test_which_handles_say_that_they_were_made_for_a_place() -> None:
    right, old = made(), seen(secrets=("ns/a", "ns/kept"))
    changed = msgspec.structs.replace(made(secrets=("ns/a",)), secrets=("ns/a", "ns/kept"))
    other = made(secrets=("ns/a",))
    assert found.made_for("ns/kept", [changed, other, right, SEEN, old]) == [right, old]


def test_the_only_handle_of_a_place_is_meant() -> None:
    right = made()
    assert found.the_one("why", "harbor", {}, SEARCH) is None
    assert found.the_one("why", "harbor", {"harbor": [], "edge": [right]}, SEARCH) == Address(
        CredentialKind.HANDLE, "edge", "ns", right.name
    )
    old = seen(secrets=("ns/kept",))
    with pytest.raises(
        UsageError, match=r"^why, and a handle from an earlier version .*looked for in harbor"
    ) as caught:
        found.the_one("why", "harbor", {"harbor": [old]}, SEARCH)
    assert caught.value.hint.endswith(f"revoke {AT}")


@pytest.mark.parametrize(
    ("where", "own", "search", "counts"),
    [
        ("harbor", "harbor", SEARCH, True),
        ("harbor", "harbor", AWAY, True),  # its own cluster was looked through
        ("harbor", "harbor", CLOSED, True),
        ("harbor", "edge", SEARCH, True),
        ("harbor", "edge", AWAY, False),  # the place's own cluster is the one that did not say
        ("harbor", "edge", CLOSED, False),
        ("harbor", "third", AWAY, False),  # the account may be in the one that did not say
        ("harbor", "third", CLOSED, False),
        ("edge", "edge", CLOSED, False),  # some namespaces of it were listed
    ],
)
def test_a_handle_counts_where_no_other_one_can_have_been_overlooked(
    where: str, own: str, search: Search, counts: bool
) -> None:
    """att6-1: whoever runs a cluster can have a handle in it that says so."""
    one = made()
    there = {where: [one]}
    if counts:
        assert found.the_one("why", own, there, search) is not None
        return
    with pytest.raises(IssuanceError, match=r"^why, and handle:.* but not every cluster could be looked into") as said:
        found.the_one("why", own, there, search)
    assert not isinstance(said.value, UsageError)
    assert f"if you want that, revoke handle:{where}/ns/{one.name}; else {search.again}" == said.value.hint


def test_of_several_handles_of_a_place_none_is_meant() -> None:
    """Also where another server says that it has the very same one: whoever runs it can say so."""
    right, other = made(), made(request="r2")
    for there in (
        {"harbor": [right, other]},
        {"harbor": [right], "edge": [right]},
        {"harbor": [right], "edge": [SEEN]},
    ):
        with pytest.raises(UsageError, match=r"^why, and 2 handles say .*looked for in harbor") as caught:
            found.the_one("why", "harbor", there, SEARCH)
        named = sorted(f"handle:{name}/ns/{one.name}" for name, several in there.items() for one in several)
        assert caught.value.hint == f"revoke one of them: {', '.join(named)}"
