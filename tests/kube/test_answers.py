"""What counts as an answer: only what an API server says to this very request, whatever the HTTP status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tests.kube.server import FakeServer, Handler, deleted, gives, refuses, thing
from tui.kube.answers import Asked, Head, wrong_deletion, wrong_else, wrong_list, wrong_object
from tui.kube.client import Client
from tui.kube.errors import Conflict, NotFound, ProtocolError
from tui.kube.request_info import RequestInfo
from tui.kube.resource import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, TOKEN_REVIEWS, Resource

SECRET = Asked(info=RequestInfo("get", "secrets", "ci", "x"), kind="Secret", name="x", uid="uid-1")
ANY = Asked(info=RequestInfo("create", "secrets", "ci"), kind="Secret")
REVIEW = Asked(info=RequestInfo("create", "tokenreviews.authentication.k8s.io"), kind="TokenReview", kept=False)
TOKEN = Asked(info=RequestInfo("create", "serviceaccounts/token", "ci", "r"), kept=False)
FAILURE = {"kind": "Status", "metadata": {}, "status": "Failure", "message": "no", "code": 500}


def head(document: object) -> Head:
    return msgspec.json.decode(msgspec.json.encode(document), type=Head)


@pytest.mark.parametrize(
    ("asked", "answer", "wrong"),
    [
        (SECRET, thing("x"), ""),
        (SECRET, thing("x") | {"kind": "PartialObjectMetadata"}, ""),
        (SECRET, thing("x") | {"status": {"phase": "Active"}}, ""),
        (SECRET, thing("y"), "it is y, asked was x"),
        (SECRET, thing("x") | {"kind": "ConfigMap"}, "it is a ConfigMap, asked was a Secret"),
        (SECRET, {"kind": "Secret", "metadata": {"name": "x", "uid": "uid-2"}}, "another UID"),
        (SECRET, {"kind": "Secret", "metadata": {"uid": "uid-1"}}, "without a name"),
        (SECRET, {"kind": "Secret"}, "not an object"),
        (SECRET, {"metadata": {"name": "x", "uid": "uid-1"}}, "not an object"),
        (SECRET, {}, "not an object"),
        (SECRET, FAILURE, r"a Status \(Failure\) where the object belongs: no"),
        (SECRET, deleted("x"), r"a Status \(Success\) where the object belongs"),
        (SECRET, {"kind": "Status"}, r"a Status \(\?\)"),
        (ANY, thing("generated-by-the-server"), ""),
        (ANY, {"kind": "Secret", "metadata": {"name": "x"}}, "no UID"),
        (REVIEW, {"kind": "TokenReview", "metadata": {}, "status": {}}, ""),
        (REVIEW, {"kind": "Secret", "metadata": {"uid": "u"}}, "asked was a TokenReview"),
        (TOKEN, {"kind": "TokenRequest", "metadata": {"name": "r"}}, ""),
        (TOKEN, FAILURE, "a Status"),
    ],
)
def test_an_object_is_the_one_that_was_asked_for(asked: Asked, answer: object, wrong: str) -> None:
    found = wrong_object(asked, head(answer))
    assert bool(found) is bool(wrong)
    if wrong:
        with pytest.raises(AssertionError, match=wrong):
            raise AssertionError(found)


@pytest.mark.parametrize(
    ("asked", "answer", "wrong"),
    [
        (SECRET, deleted("x"), ""),
        (SECRET, {"kind": "Secret", "metadata": {"name": "x", "uid": "uid-1", "deletionTimestamp": "2026-01-01"}}, ""),
        (SECRET, thing("x"), ""),  # as servers answer for kinds that they give back
        (SECRET, deleted("y"), "it speaks of y, asked was x"),
        (SECRET, deleted("x", "uid-2"), "does not name the UID"),
        (SECRET, {"kind": "Status", "status": "Success"}, "does not name the UID"),
        (SECRET, {"kind": "Status", "status": "Success", "details": "no"}, "does not name the UID"),
        (SECRET, FAILURE, r"a Status \(Failure\) where success belongs: no"),
        (SECRET, {"kind": "Status"}, "where success belongs"),
        (SECRET, thing("y"), "asked was x"),
        (SECRET, {"kind": "Secret", "metadata": {"name": "x", "uid": "uid-2"}}, "another UID"),
        (SECRET, {"status": "Success"}, "not an object"),
        (SECRET, {}, "not an object"),
        (ANY, {"kind": "Status", "status": "Success"}, ""),
    ],
)  # fmt: skip
def test_a_deletion_is_that_of_the_object_that_was_meant(asked: Asked, answer: object, wrong: str) -> None:
    found = wrong_deletion(asked, head(answer))
    assert bool(found) is bool(wrong)
    if wrong:
        with pytest.raises(AssertionError, match=wrong):
            raise AssertionError(found)


def test_a_list_is_a_list_and_nothing_else_is_a_status() -> None:
    assert wrong_list("SecretList", items=True) == wrong_list("", items=True) == wrong_list("List", items=True) == ""
    assert wrong_list("Status", items=True) == "it is a Status where a list belongs"
    assert wrong_list("Secret", items=True) == wrong_list("SecretList", items=False) == "it is not a list"
    assert wrong_else(head({"gitVersion": "v1"})) == wrong_else(head({"kind": "APIVersions"})) == ""
    assert "a Status" in wrong_else(head(FAILURE))


HTML = gives(b"<html>log in</html>", 200, Content_Type="text/html")
DELETIONS: dict[str, Handler] = {
    "a page of a proxy": HTML,
    "nothing": gives(b"", 200),
    "no content": gives(b"", 204),
    "an empty object": gives({}),
    "null": gives(None),
    "a list": gives([]),
    "a failure": gives(FAILURE),
    "another object": gives(deleted("y")),
    "another uid": gives(deleted("x", "uid-2")),
    "accepted by a queue": gives({"status": "queued"}, 202),
}


@pytest.mark.parametrize("said", DELETIONS, ids=list(DELETIONS))
async def test_nothing_is_deleted_because_something_answered_200(server: FakeServer, client: Client, said: str) -> None:
    server.says(DELETIONS[said])
    with pytest.raises(ProtocolError):
        await client.delete(SECRETS, "x", namespace="ci", uid="uid-1")
    assert len(server.requests) == 1


Call = Callable[[Client], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "get": lambda client: client.get(SECRETS, "x", namespace="ci"),
    "get metadata": lambda client: client.get_metadata(SECRETS, "x", namespace="ci"),
    "list": lambda client: client.list(SECRETS, namespace="ci"),
    "create": lambda client: client.create(SECRETS, {"metadata": {"name": "x"}}, namespace="ci"),
    "create nameless": lambda client: client.create(SECRETS, {}, namespace="ci"),
    "token": lambda client: client.create(SERVICE_ACCOUNTS, {}, namespace="ci", name="r", subresource="token"),
    "review": lambda client: client.create(TOKEN_REVIEWS, {}),
    "replace": lambda client: client.replace(SECRETS, {}, namespace="ci", name="x"),
    "patch": lambda client: client.patch(SECRETS, "x", {}, namespace="ci"),
    "patch status": lambda client: client.patch(SECRETS, "x", {}, namespace="ci", subresource="status"),
    "apply": lambda client: client.apply(SECRETS, "x", {}, namespace="ci"),
    "delete": lambda client: client.delete(SECRETS, "x", namespace="ci"),
    "version": lambda client: client.version(),
    "discovery": lambda client: client.discover(),
}


@pytest.mark.parametrize("call", CALLS, ids=list(CALLS))
async def test_a_status_of_failure_in_a_200_is_an_error_in_words_for_every_verb(
    server: FakeServer, client: Client, call: str
) -> None:
    server.says(gives(FAILURE))
    with pytest.raises(ProtocolError, match=r"Status \(Failure\).*: no|a Status where a list belongs"):
        await CALLS[call](client)
    server.says(gives(FAILURE | {"status": "Success"}))
    if call != "delete":
        with pytest.raises(ProtocolError):
            await CALLS[call](client)


@pytest.mark.parametrize(
    "answer",
    [{"kind": "SecretList", "metadata": {}, "items": [{}]}, {"kind": "SecretList", "metadata": {}, "items": [1]},
     {"kind": "SecretList", "metadata": {}}, thing("x"), {}],
)  # fmt: skip
async def test_a_list_of_what_is_no_object(server: FakeServer, client: Client, answer: object) -> None:
    server.says(gives(answer))
    with pytest.raises(ProtocolError):
        await client.list(SECRETS, namespace="ci")


async def test_an_empty_list_of_an_old_server(server: FakeServer, client: Client) -> None:
    server.says(gives({"kind": "SecretList", "metadata": {"resourceVersion": "1"}, "items": None}))
    assert await client.list(SECRETS, namespace="ci") == []


NOT_THERE = refuses(404, "NotFound", 'secrets "x" not found', details={"name": "x", "kind": "secrets"})
NOBODY_SAID: dict[str, Handler] = {
    "a page of text": gives(b"default backend - 404", 404, Content_Type="text/plain"),
    "nothing": gives(b"", 404),
    "JSON of a gateway": gives({"type": "error", "status": 404, "message": "cluster not found"}, 404),
    "another object": refuses(404, "NotFound", 'secrets "y" not found', details={"name": "y", "kind": "secrets"}),
    "no details": refuses(404, "NotFound"),
}


@pytest.mark.parametrize("call", ["get", "get metadata", "delete"])
async def test_what_is_not_there_is_said_not_to_be_there(server: FakeServer, client: Client, call: str) -> None:
    """A balancer's 404 for a handle is not a revoked token."""
    server.says(NOT_THERE)
    with pytest.raises(NotFound) as caught:
        await CALLS[call](client)
    assert caught.value.gone
    for said in NOBODY_SAID.values():
        server.says(said)
        with pytest.raises(ProtocolError, match="without a word of x"):
            await CALLS[call](client)


async def test_a_conflict_has_a_reason(server: FakeServer, client: Client) -> None:
    server.says(refuses(409, "Conflict", "the UID in the precondition does not match"))
    with pytest.raises(Conflict):
        await client.delete(SECRETS, "x", namespace="ci", uid="uid-1")
    for said in (gives(b"", 409), gives({"message": "busy"}, 409)):
        server.says(said)
        with pytest.raises(ProtocolError, match="without a reason"):
            await client.delete(SECRETS, "x", namespace="ci", uid="uid-1")


async def test_a_kind_that_is_not_served_is_no_proxy(server: FakeServer, client: Client) -> None:
    server.says(gives(b"404 page not found\n", 404, Content_Type="text/plain"))
    things = Resource("example.org", "v1", "things", "Thing")
    with pytest.raises(NotFound) as caught:
        await client.get(things, "x", namespace="ci")
    assert not caught.value.gone
    with pytest.raises(NotFound):
        await client.list(things)
    with pytest.raises(ProtocolError):
        await client.get(CONFIG_MAPS, "x", namespace="ci")
