"""Why a server refuses something, in words: by itself and with the cluster's help, pasted or kept, always the same."""

from __future__ import annotations

import base64
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.certificates import Authority
from tests.issuance.arena import Bench, token_in
from tests.issuance.samples import jwt
from tests.kube.server import FakeServer, gives
from tui.issuance.formats import Format
from tui.issuance.insight.inspecting import inspect, logins_in
from tui.issuance.insight.inspection import Kind, sections, verdict
from tui.issuance.insight.refusal import explain
from tui.kube.client import Client
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def stamps(begin: int, end: int) -> dict[str, int]:
    at = int(NOW.timestamp())
    return {"iat": at + begin, "nbf": at + begin, "exp": at + end}


@pytest.mark.parametrize(
    ("claims", "header", "says"),
    [
        (stamps(-7200, -3600), None, "expired an hour ago"),
        (stamps(300, 3600), None, "not yet valid"),
        (stamps(-60, 3600), {"alg": "none"}, "is not signed"),
        (stamps(-60, 3600) | {"aud": [""]}, None, "empty audience"),
        (stamps(-60, 3600) | {"aud": []}, None, "has no audience"),
    ],
)
def test_reasons_that_need_nobody(claims: dict[str, object], header: dict[str, str] | None, says: str) -> None:
    known = {"iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"], "sub": "x"}
    found = inspect(jwt(known | claims, header).reveal_bytes(), now=NOW)
    assert [problem for problem in found.problems if problem.refused and says in problem.message]
    good, words = verdict(found)
    assert good is False
    assert says in words
    assert sections(found)[0].title == "a server refuses it"


def test_a_good_one_is_not_called_accepted() -> None:
    known = {"iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"], "sub": "x"}
    good, words = verdict(inspect(jwt(known | stamps(-60, 3600)).reveal_bytes(), now=NOW))
    assert good
    assert words == "No problem found offline; only the server knows if it was revoked"
    assert verdict(inspect(b"kind: Config\nclusters: []\n", now=NOW))[0] is None


async def refused(bench: Bench, token: Sensitive) -> str:
    verified = await bench.engine.verify_pasted(token, bench.arena.name)
    assert not verified.ok
    return verified.message


async def test_a_pasted_token_is_held_against_a_cluster(bench: Bench) -> None:
    await bench.issue(bench.arena.spec())
    token = token_in(bench.arena.file().path)
    verified = await bench.engine.verify_pasted(token, bench.arena.name)
    assert verified.ok, verified
    assert verified.username == bench.arena.identity().username


async def test_something_between_that_answers_pages_explains_nothing_and_breaks_nothing() -> None:
    token = jwt({"iss": "i", "aud": ["i"], "sub": "system:serviceaccount:ci:robot"} | stamps(-60, 3600))
    async with FakeServer() as server:
        server.says(gives(b"<html>log in</html>", 200, Content_Type="text/html"))
        async with Client(server.endpoint()) as operator:
            said, _ = await explain(token, NOW, operator)
    assert said == "refused; the server does not say why"


async def test_a_changed_token_and_a_foreign_key_are_told_apart(bench: Bench) -> None:
    await bench.issue(bench.arena.spec())
    head, body, signature = token_in(bench.arena.file().path).reveal().split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["exp"] += 3600
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    assert "changed after it was signed" in await refused(bench, Sensitive(f"{head}.{forged}.{signature}"))
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | {"kid": "somebody-elses"}
    other = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    said = await refused(bench, Sensitive(f"{other}.{body}.{signature}"))
    assert "signed with the key somebody-els" in said


async def test_revoked_is_told_from_an_account_that_is_gone(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec())).credential
    token = token_in(arena.file().path)
    await ebench.client.delete(SECRETS, issued.handle.name, namespace=arena.namespace)
    arena.forget()
    assert await refused(ebench, token) == (
        f"refused: it was revoked (its handle, Secret {arena.namespace}/{issued.handle.name}, is gone)"
    )
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    assert "is gone" in await refused(ebench, token)


async def test_another_audience_is_named(bench: Bench) -> None:
    await bench.issue(bench.arena.spec(bench.arena.file("robot.token"), format=Format.TOKEN, audiences=("vault",)))
    token = Sensitive(Path(bench.arena.file("robot.token").path).read_bytes().strip())
    assert await refused(bench, token) == "valid for vault; the API server answers 401 to it"


async def test_a_legacy_token_that_was_invalidated_says_so(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.make_account()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "old", "annotations": {"kubernetes.io/service-account.name": "robot"}},
    }
    await ebench.client.create(SECRETS, secret, namespace=arena.namespace)
    for _ in range(100):
        kept = await ebench.client.get(SECRETS, "old", namespace=arena.namespace)
        if (kept.get("data") or {}).get("token"):
            break
    token = Sensitive(base64.b64decode(kept["data"]["token"]))
    label = {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2029-12-01"}}}
    await ebench.client.patch(SECRETS, "old", label, namespace=arena.namespace)
    arena.forget()
    assert "invalidated it on 2029-12-01" in await refused(ebench, token)


def test_certificates_come_as_der_too_and_their_chain_is_checked() -> None:
    authority, stranger = Authority("one"), Authority("two")
    alice, bob = authority.client("alice"), authority.client("bob")
    found = inspect(ssl.PEM_cert_to_DER_cert(alice.certificate.decode()), now=datetime.now(UTC))
    assert found.kind is Kind.CERTIFICATE
    assert dict(sections(found)[-1].rows)["common name"] == "alice"
    good = inspect(alice.certificate + authority.pem, now=datetime.now(UTC))
    assert not [problem for problem in good.problems if "chain" in problem.message]
    bad = inspect(alice.certificate + stranger.pem, now=datetime.now(UTC))
    assert [problem for problem in bad.problems if "the chain is broken" in problem.message]
    assert len(logins_in(alice.certificate + alice.key)) == 1
    assert logins_in(alice.certificate + bob.key) == []


def test_nothing_that_is_said_holds_material() -> None:
    token = jwt(stamps(-7200, -3600) | {"sub": "x"})
    found = inspect(token.reveal_bytes(), now=NOW)
    shown = msgspec.json.encode(found).decode() + repr(sections(found)) + repr(verdict(found)) + repr(found)
    assert token.reveal().rpartition(".")[2] not in shown
    assert token.reveal() not in repr(logins_in(token.reveal_bytes()))
