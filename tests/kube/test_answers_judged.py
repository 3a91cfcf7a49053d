"""What is wrong with an answer, without a server: every part that decides, at its edges."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.kube.server import deleted, thing
from tests.kube.test_answers import ANY, FAILURE, SECRET, head
from tui.kube.answers import (
    Asked,
    absent,
    check_any,
    check_deletion,
    check_list,
    check_object,
    contradicted,
    created_at,
    head_of,
    insist_gone,
    is_object,
    wrong_deletion,
    wrong_list,
    wrong_object,
)
from tui.kube.errors import Conflict, NotFound, ProtocolError
from tui.kube.request_info import RequestInfo
from tui.kube.responses import Opaque, encode

NAMED = Asked(info=RequestInfo("get", "secrets", "ci", "x"), kind="Secret", name="x")
SHORT = 64 * 1024


@pytest.mark.parametrize(
    ("asked", "answer", "says"),
    [
        (NAMED, {"kind": "Secret", "metadata": {"name": "x", "uid": "other"}}, ""),
        (NAMED, {"kind": "Secret", "metadata": {"name": "x"}}, "no UID"),
        (NAMED, {"kind": "Secret", "metadata": None}, "kind or metadata is missing"),
        (NAMED, {"kind": "Secret\x1b[2J", "metadata": {}}, "it is a Secret·[2J, asked was a Secret"),
        (NAMED, {"kind": "Secret", "metadata": {"name": "y\x1b[2J"}}, "it is y·[2J, asked was x"),
        (NAMED, {"kind": "PartialObjectMetadata", "metadata": {"name": "y", "uid": "u"}}, "asked was x"),
        (
            NAMED,
            {"kind": "Status", "metadata": {"name": "x", "uid": "u"}, "status": 5},
            "a Status (?) where the object",
        ),
        (NAMED, {"kind": "Status", "message": "away\x1b[2J"}, "where the object belongs: away·[2J"),
        (NAMED, {"kind": "Status", "message": 5, "status": "Failure"}, "a Status (Failure) where the object belongs"),
        (NAMED, {"kind": "Status", "status": "a\x1b[2Jb"}, "a Status (a·[2Jb)"),
    ],
)
def test_what_is_wrong_with_an_object_is_said_harmlessly(asked: Asked, answer: object, says: str) -> None:
    found = wrong_object(asked, head(answer))
    assert says in found
    assert bool(found) is bool(says)
    said = isinstance(answer, dict) and isinstance(answer.get("message"), str)
    assert found.endswith("belongs") is ("a Status" in found and not said)


@pytest.mark.parametrize(
    ("asked", "details", "says"),
    [
        (NAMED, {}, ""),
        (NAMED, {"name": "x"}, ""),
        (NAMED, {"name": "x", "uid": "any"}, ""),
        (NAMED, {"name": "y\x1b[2J"}, "it speaks of y·[2J, asked was x"),
        (NAMED, {"uid": "any"}, ""),
        (SECRET, {"uid": "uid-1"}, ""),
        (SECRET, {"name": "x"}, "does not name the UID"),
        (SECRET, {"name": 5, "uid": "uid-1"}, "does not name the UID"),
        (ANY, {"name": "whatever"}, ""),
    ],
)
def test_a_success_says_what_went(asked: Asked, details: dict[str, Any], says: str) -> None:
    found = wrong_deletion(asked, head({"kind": "Status", "status": "Success", "details": details}))
    assert says in found
    assert bool(found) is bool(says)


@pytest.mark.parametrize("word", ["success", "", "Failure", "Successful", None, 1])
def test_nothing_but_the_word_success_is_one(word: object) -> None:
    answer = deleted("x") | {"status": word}
    assert "where success belongs" in wrong_deletion(SECRET, head(answer))


@pytest.mark.parametrize(
    ("kind", "items", "wrong"),
    [
        ("", True, False),
        ("", False, True),
        ("List", True, False),
        ("SecretList", False, True),
        ("Lists", True, True),
        ("ListOf", True, True),
        ("secretlist", True, True),
        ("Status", False, True),
    ],
)
def test_a_list_says_that_it_is_one(kind: str, items: bool, wrong: bool) -> None:
    assert bool(wrong_list(kind, items=items)) is wrong
    assert ("Status" in wrong_list(kind, items=items)) is (kind == "Status")


def answer(document: object) -> Opaque:
    return encode(document)


def test_what_is_checked_is_refused_with_its_cluster() -> None:
    check_object(answer(thing("x")), SECRET, "c")
    check_deletion(answer(deleted("x")), SECRET, "c")
    check_list("SecretList", [thing("x")], "c", untyped=True)
    check_any(answer({"gitVersion": "v1"}), "c")
    for check in (
        lambda: check_object(answer(thing("y")), SECRET, "c"),
        lambda: check_object(Opaque(b"<html>"), SECRET, "c"),
        lambda: check_deletion(answer(deleted("y")), SECRET, "c"),
        lambda: check_deletion(Opaque(b""), SECRET, "c"),
        lambda: check_list("Secret", [], "c", untyped=True),
        lambda: check_list("SecretList", [thing("x"), 5], "c", untyped=True),
        lambda: check_any(answer(FAILURE), "c"),
        lambda: head_of(Opaque(b"[]"), "c"),
    ):
        with pytest.raises(ProtocolError) as refused:
            check()
        assert refused.value.cluster == "c"
        assert refused.value.message


def test_a_list_of_a_type_of_its_own_is_read_by_its_type() -> None:
    check_list("SecretList", [5], "c", untyped=False)
    check_list("SecretList", None, "c", untyped=True)
    check_list("SecretList", [], "c", untyped=True)
    for untyped in (False, True):
        with pytest.raises(ProtocolError, match="it is not a list"):
            check_list("SecretList", msgspec.UNSET, "c", untyped=untyped)
    with pytest.raises(ProtocolError, match="entry of the list"):
        check_list("SecretList", [thing("x"), {}], "c", untyped=True)


def test_only_what_is_short_may_be_a_status_where_anything_may_come() -> None:
    def padded(size: int) -> Opaque:
        text = b'{"kind":"Status","message":"%s"}'
        return Opaque(text % (b"a" * (size - len(text) + 2)))

    assert len(padded(SHORT)) == SHORT
    with pytest.raises(ProtocolError, match="where an answer belongs"):
        check_any(padded(SHORT), "c")
    check_any(padded(SHORT + 1), "c")
    with pytest.raises(ProtocolError):
        check_any(Opaque(b'{"kind":"Status"}'), "c")
    check_any(Opaque(b'"Status"'), "c")
    check_any(Opaque(b'"Status" \xff'), "c")
    check_any(answer({"kind": "Thing", "of": "Status"}), "c")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"metadata": {"name": "x"}}, True),
        ({"metadata": {"name": ""}}, True),
        ({"metadata": {"name": 5}}, False),
        ({"metadata": {}}, False),
        ({"metadata": "name"}, False),
        ({"metadata": None}, False),
        ({"name": "x"}, False),
        ([], False),
        ("metadata", False),
        (None, False),
    ],
)
def test_what_an_object_of_the_api_is(value: object, expected: bool) -> None:
    assert is_object(value) is expected


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b'{"metadata":{"creationTimestamp":"1970-01-01T00:01:00Z"}}', 60.0),
        (b'{"metadata":{"creationTimestamp":"1970-01-01T02:01:00+02:00"}}', 60.0),
        (b'{"metadata":{"creationTimestamp":"1970-01-01T00:01:00"}}', None),
        (b'{"metadata":{"creationTimestamp":null}}', None),
        (b'{"metadata":{"creationTimestamp":"soon"}}', None),
        (b'{"metadata":{"creationTimestamp":60}}', None),
        (b'{"metadata":{}}', None),
        (b"{}", None),
        (b"[]", None),
        (b"<html>", None),
        (b"", None),
        (b'{"metadata":{"x":"\xff"}}', None),
    ],
)
def test_when_a_server_says_that_it_made_something(body: bytes, at: float | None) -> None:
    assert created_at(Opaque(body)) == at


def missing(*, gone: bool) -> NotFound:
    return NotFound(404, "NotFound", "not found", cluster="c", gone=gone)


def test_absent_is_what_the_server_says_is_absent() -> None:
    said, unsaid = missing(gone=True), missing(gone=False)
    assert absent(said, SECRET) is said
    wrong = absent(unsaid, SECRET)
    assert isinstance(wrong, ProtocolError)
    assert wrong.cluster == "c"
    assert "404 to get secrets" in wrong.message
    assert wrong.message.endswith("of x")
    assert "not known" in wrong.hint
    things = Asked(info=RequestInfo("get", "things.example.org", "ci", "x"), name="x")
    assert absent(unsaid, things) is unsaid, "a kind that is not served is 404 too"
    for always in ("certificatesigningrequests.certificates.k8s.io", "roles.rbac.authorization.k8s.io"):
        info = RequestInfo("get", always, "", "x")
        assert isinstance(absent(unsaid, Asked(info=info, name="x")), ProtocolError), always


def test_what_was_there_is_gone_where_the_server_names_it() -> None:
    """A kind whose object was seen is served: then a bare 404 is somebody else's, also of custom resources."""
    insist_gone(missing(gone=True))
    with pytest.raises(ProtocolError, match="404") as wrong:
        insist_gone(missing(gone=False))
    assert "whether the object exists is not known" in wrong.value.hint


def test_a_conflict_is_one_where_the_server_gives_the_reason() -> None:
    said = Conflict(409, "Conflict", "changed", cluster="c")
    assert contradicted(said, SECRET) is said
    for reason in ("", "AlreadyExists", "conflict"):
        wrong = contradicted(Conflict(409, reason, "busy", cluster="c"), SECRET)
        assert isinstance(wrong, ProtocolError)
        assert wrong.cluster == "c"
        assert "409 to get secrets" in wrong.message
