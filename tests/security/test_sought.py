"""What somebody means who names a token, what that says of itself, and to whom it is shown: from facts alone."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tui.issuance.errors import UsageError
from tui.issuance.model.claims import Bound, Claims
from tui.issuance.model.types import Identity
from tui.issuance.revoking.sought import Search, Sought, claims_of, endings, shown_to, sought_in, token_of
from tui.kube.sensitive import Sensitive

ID = "bf662bdc-35e3-454b-b756-8e6aabdfe116"


def jwt(**claims: Any) -> Sensitive:
    """Nobody signed it."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)] + [b"signature"]
    return Sensitive(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts))


def bound(namespace: str, account: str, secret: str, uid: str, **more: Any) -> Sensitive:
    about = {
        "namespace": namespace,
        "serviceaccount": {"name": account, "uid": "u"},
        "secret": {"name": secret, "uid": uid},
    }
    return jwt(sub=f"system:serviceaccount:{namespace}:{account}", **{"kubernetes.io": about}, **more)


# What a word means


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0123456789abcdef", "fingerprint 0123456789abcdef"),
        (ID, f"token id {ID}"),
        (f"JTI={ID.upper()}", f"token id {ID}"),
        ("0123456789ABCDEF", ""),
        ("0123456789abcde", ""),
        ("secret:harbor/ns/name", ""),
        ("robot", ""),
    ],
)
def test_what_a_word_means(text: str, said: str) -> None:
    found = sought_in(text)
    assert (str(found) if found is not None else "") == said


def test_a_token_is_not_taken_from_the_command_line() -> None:
    token = jwt(sub="x").reveal()
    with pytest.raises(UsageError, match="does not belong on the command line") as caught:
        sought_in(token)
    assert token[3:20] not in str(caught.value) + caught.value.hint
    assert "eyJ" not in repr(Sought(token=Sensitive(token))) + str(Sought(token=Sensitive(token)))


def test_exactly_one_token_is_meant() -> None:
    one = bound("ns", "robot", "kubemint-robot-bcdfghjk", "u1")
    other = bound("ns", "robot", "kubemint-robot-bcdfghjk", "u2")
    assert token_of(Sensitive(one.reveal() + "\n"), "stdin").token == one
    users = [{"name": n, "user": {"token": t.reveal()}} for n, t in (("a", one), ("b", other))]
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "users": users, "clusters": [], "contexts": []}
    with pytest.raises(UsageError, match="stdin holds 2 different tokens"):
        token_of(Sensitive(json.dumps(kubeconfig)), "stdin")
    kubeconfig["users"] = [users[0], users[0] | {"name": "c"}]
    assert token_of(Sensitive(json.dumps(kubeconfig)), "stdin").token == one
    with pytest.raises(UsageError, match="stdin holds no token"):
        token_of(Sensitive(json.dumps(kubeconfig | {"users": []})), "stdin")
    with pytest.raises(UsageError, match=r"^notes\.txt: not a token"):
        token_of(Sensitive("hello"), "notes.txt")


@pytest.mark.parametrize("field", ["namespace", "account", "secret"])
@pytest.mark.parametrize("text", ["../../nodes", "a/b", "", ".", "UP", "a" * 254, "a..b"])
def test_a_name_in_a_token_is_a_name(field: str, text: str) -> None:
    names = {"namespace": "ns", "account": "robot", "secret": "kubemint-robot-bcdfghjk"} | {field: text}
    with pytest.raises(UsageError, match="not the token of a service account"):
        claims_of(bound(names["namespace"], names["account"], names["secret"], "u"))


@pytest.mark.parametrize("field", ["namespace", "account", "secret"])
@pytest.mark.parametrize("text", ["a", "0", "a.b-c", "a" * 253])
def test_so_is_every_name_that_a_server_takes(field: str, text: str) -> None:
    names = {"namespace": "ns", "account": "robot", "secret": "kubemint-robot-bcdfghjk"} | {field: text}
    claims = claims_of(bound(names["namespace"], names["account"], names["secret"], "u"))
    assert claims.bound is not None
    assert (claims.namespace, claims.service_account, claims.bound.name) == tuple(names.values())


@pytest.mark.parametrize("kind", ["pod", "node", "none"])
def test_only_the_name_of_a_secret_leads_anywhere(kind: str) -> None:
    about: dict[str, Any] = {"namespace": "ns", "serviceaccount": {"name": "robot", "uid": "u"}}
    if kind != "none":
        about[kind] = {"name": "UP", "uid": "u"}
    claims = claims_of(jwt(sub="system:serviceaccount:ns:robot", **{"kubernetes.io": about}))
    assert claims.bound == (Bound(kind.capitalize(), "UP", "u") if kind != "none" else None)


def test_what_is_no_token_says_what_it_is() -> None:
    with pytest.raises(UsageError, match="cannot be read as a token: this is not a JSON Web Token") as caught:
        claims_of(Sensitive("opaque"))
    assert "opaque tokens say nothing" in caught.value.hint


@pytest.mark.parametrize(
    ("of", "ends"),
    [(None, "it never ends"), (datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), "it ends at 2030-01-02 03:04:05 UTC")],
)
def test_what_cannot_be_ended_by_itself_says_what_would_end_it(of: datetime | None, ends: str) -> None:
    account = Identity("harbor", "ns", "robot")
    claims = Claims(namespace="ns", service_account="robot", expires_at=of)
    for seen, whose in ((None, "ns/robot"), (account, account.said)):
        why, hint = endings(claims, seen)
        assert why == f"this token of {whose} has no handle; {ends}"
        assert hint == f"to end it sooner, delete the service account {whose}: that ends every token it has"
        pod = msgspec.structs.replace(claims, bound=Bound("Pod", "p\x1b[1m" + "o" * 300))
        why, hint = endings(pod, seen)
        assert why.startswith(f"this token of {whose} is bound to the Pod p")
        assert why.endswith(f"; {ends}")
        assert "\x1b" not in why
        assert len(why) < 200 + 110
        assert hint.startswith(f"it ends with that Pod; or delete the service account {whose}, ")
        assert endings(pod, seen, there=True) == (why, hint)
        why, hint = endings(pod, seen, there=False)
        assert why.endswith(", which is gone: it ended with that"), "so nobody deletes the Pod that has its name now"
        assert "delete" not in hint
        assert "\x1b" not in why


def test_where_it_was_looked_for_is_said() -> None:
    assert Search(asked=["a", "b"]).words == "looked for in a, b"
    assert Search(asked=["a"], away={"c": "refused"}).words == "looked for in a; no answer from c: refused"
    assert Search(away={"c": "refused"}).words == "no cluster could be looked into; no answer from c: refused"
    needs = "needs: get secrets in namespace ns"
    both = Search(asked=["a"], closed={"b": needs, "d": needs}, away={"c": "refused"})
    assert both.words == (f"looked for in a; no right to look in b ({needs}); d ({needs}); no answer from c: refused")
    assert both.again == "try again with that right and when they answer"
    assert [one.whole for one in (both, Search(asked=["a"]), Search(closed={"b": ""}))] == [False, True, False]
    claims = Claims(namespace="ns", service_account="robot")
    assert endings(claims, None)[0] == "this token of ns/robot has no handle; it never ends"


@pytest.mark.parametrize(
    ("there", "how", "shown"),
    [
        (["a"], "", "a"),
        (["a", "b"], "", ""),
        (["a", "b"], "away", ""),
        (["a"], "away", ""),
        (["a", "b"], "closed", ""),
        (["a"], "closed", ""),
    ],
)
def test_a_token_is_shown_on_nobodys_word_alone(there: list[str], how: str, shown: str) -> None:
    """Who runs one cluster can say that it has what lies in another one; so can he where the true one is closed."""
    search = Search(asked=["a", "b"], **{how: {"c": "why"}} if how else {})
    if shown:
        assert shown_to(there, search) == shown
    else:
        with pytest.raises(UsageError, match=r"all say|every cluster said") as refused:
            shown_to(there, search)
        assert "--context" in refused.value.hint
