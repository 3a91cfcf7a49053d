"""CSI token requests: what is refused and in which words, the kubelet's exact JSON, and minting on three servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench
from tui.issuance.errors import UsageError
from tui.issuance.families.csi.driver import (
    Driver,
    TokenWish,
    dropped,
    dropped_text,
    look,
    masked_json,
    mint,
    parse_driver,
    tokens_json,
    validate,
)
from tui.issuance.model.claims import read_token
from tui.issuance.objects.token_request import IssuedToken
from tui.kube.errors import Invalid, NotFound, ProtocolError
from tui.kube.resource import CSI_DRIVERS, PODS
from tui.kube.sensitive import MASK, Sensitive

AT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def issued(token: str, at: datetime = AT) -> IssuedToken:
    return IssuedToken(token=Sensitive(token), requested=HOUR, granted=HOUR, issued_at=at - HOUR, expires_at=at)


def wanting(*wishes: tuple[str, int | None], in_secrets: bool | None = None) -> Driver:
    return Driver(name="d", wishes=tuple(TokenWish(*wish) for wish in wishes), in_secrets=in_secrets)


def manifest(name: str, requests: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = spec if requests is None else spec | {"tokenRequests": requests}
    return {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}, "spec": wanted}


def test_k03_the_exact_json_of_one_audience() -> None:
    """K03: key, order, separators and the form of the time, byte for byte."""
    given = tokens_json({"gcp": issued("t0")})
    assert given.reveal() == '{"gcp":{"token":"t0","expirationTimestamp":"2026-01-01T00:00:00Z"}}'


def test_several_audiences_are_sorted_as_go_sorts_and_escaped_as_go_escapes() -> None:
    half = AT + timedelta(microseconds=500_000)
    text = tokens_json({"vault": issued("b"), "é<&>": issued("c"), "": issued("a", half)}).reveal()
    stamp = '"expirationTimestamp":"2026-01-01T00:00:00Z"'
    assert text == (
        f'{{"":{{"token":"a",{stamp}}},"vault":{{"token":"b",{stamp}}},'
        f'"é\\u003c\\u0026\\u003e":{{"token":"c",{stamp}}}}}'
    )
    assert set(json.loads(text)) == {"", "vault", "é<&>"}


def test_the_masked_form_holds_no_token() -> None:
    text = masked_json({"gcp": issued("very-secret")})
    assert "very-secret" not in text
    assert json.loads(text)["gcp"] == {"token": MASK, "expirationTimestamp": "2026-01-01T00:00:00Z"}
    assert "very-secret" not in repr(tokens_json({"gcp": issued("very-secret")}))


K05: dict[str, tuple[list[tuple[str, int | None]], str]] = {
    "duplicate": ([("gcp", None), ("gcp", 1)], 'spec.tokenRequests[1].audience: Duplicate value: "gcp"'),
    "short": (
        [("gcp", 10)],
        "spec.tokenRequests[0].expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes",
    ),
    "long": (
        [("gcp", 2**32 + 1)],
        (
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 4294967297: "
            "may not specify a duration larger than 2^32 seconds"
        ),
    ),
    "one empty": ([("", None)], ""),
    "several": ([("", 600), ("gcp", 2**32), ("aws", None)], ""),
}


@pytest.mark.parametrize("case", K05)
def test_k05_validation(case: str) -> None:
    """K05, all five rows; a duplicate's own lifetime is not looked at."""
    wishes, problem = K05[case]
    assert [str(found) for found in validate(wanting(*wishes))] == ([problem] if problem else [])


@pytest.mark.parametrize("case", K05)
async def test_k05_the_embedded_server_says_the_same(ebench: Bench, case: str) -> None:
    """The current server's verdict and words on the same five drivers; every one of them is a dry run."""
    wishes, problem = K05[case]
    entries = [{"audience": a} | ({} if s is None else {"expirationSeconds": s}) for a, s in wishes]
    wish = manifest("k05.example.com", entries)
    assert [str(found) for found in validate(parse_driver(wish))] == ([problem] if problem else [])
    if not problem:
        made = await ebench.client.create(CSI_DRIVERS, wish, dry_run=True)
        assert validate(parse_driver(made)) == []
        return
    with pytest.raises(Invalid) as refused:
        await ebench.client.create(CSI_DRIVERS, wish, dry_run=True)
    assert refused.value.causes == (problem,)


@pytest.mark.parametrize("value", [True, False])
def test_the_secrets_flag_needs_requests(value: bool) -> None:
    (problem,) = validate(wanting(in_secrets=value))
    assert str(problem) == (
        f"spec.serviceAccountTokenInSecrets: Invalid value: {str(value).lower()}: "
        "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
    )
    assert validate(wanting(("a", None), in_secrets=value)) == []
    assert wanting(("a", None), in_secrets=value).handed_over_in == ("secrets" if value else "volume_context")


async def test_a_server_before_1_35_drops_the_secrets_flag(ebench: Bench) -> None:
    wish = manifest("flag.example.com", [{"audience": "a"}], serviceAccountTokenInSecrets=True)
    made = await ebench.client.create(CSI_DRIVERS, wish, dry_run=True)
    gone = dropped(wish["spec"], made["spec"])
    assert gone == ("serviceAccountTokenInSecrets",)
    assert dropped_text(gone, "v1.34.1") == (
        "the server dropped serviceAccountTokenInSecrets: v1.34.1 does not keep that, 1.35 and later do"
    )


async def test_k07_old_servers_drop_the_requests(bench: Bench) -> None:
    """K07: what was sent and what is read back; the real server here is a 1.20 too."""
    spec = {"tokenRequests": [{"audience": "vault"}], "requiresRepublish": True}
    name = f"k07.{bench.arena.namespace}.example.com"
    await bench.client.create(CSI_DRIVERS, {**manifest(name), "spec": spec})
    try:
        kept = (await bench.client.get(CSI_DRIVERS, name))["spec"]
        gone = dropped(spec, kept)
        assert gone == (("tokenRequests", "requiresRepublish") if bench.arena.old else ())

        note = json.dumps({"spec": spec})
        await bench.client.patch(
            CSI_DRIVERS, name, {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": note}}}
        )
        await pod(bench)
        seen = await look(bench.client, bench.arena.name, name, bench.arena.namespace, "reader-0")
        said = any("the server dropped tokenRequests and requiresRepublish: v1.20" in text for text in seen.notes)
        assert said is bench.arena.old, seen.notes
        assert bool(seen.driver.wishes) is not bench.arena.old
    finally:
        await bench.client.delete(CSI_DRIVERS, name)


async def pod(bench: Bench, name: str = "reader-0") -> str:
    """An account and a pod of it; the pod's UID."""
    await bench.make_account("reader")
    volume = {"name": "store", "csi": {"driver": "store.example.com"}}
    spec = {
        "serviceAccountName": "reader",
        "automountServiceAccountToken": False,  # old servers would want the account's token Secret to be there first
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [volume],
    }
    made = await bench.client.create(
        PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec},
        namespace=bench.arena.namespace,
    )  # fmt: skip
    return str(made["metadata"]["uid"])


async def test_tokens_are_bound_to_the_pod_and_end_with_it(bench: Bench) -> None:
    """On each server: one token per audience, for the pod's account, dead when the pod is gone."""
    arena = bench.arena
    uid = await pod(bench)
    name = f"store.{arena.namespace}.example.com"
    await bench.client.create(CSI_DRIVERS, manifest(name))
    try:
        looked = await look(bench.client, arena.name, name, arena.namespace, "reader-0")
    finally:
        await bench.client.delete(CSI_DRIVERS, name)
    assert (looked.identity, looked.pod.uid) == (arena.identity("reader"), uid)
    # Old servers keep no requests; the kubelet of a newer one would make these.
    wishing = Driver(name=name, wishes=(TokenWish("vault", 600), TokenWish("", None)))
    preview = type(looked)(driver=wishing, identity=looked.identity, pod=looked.pod)
    assert preview.requests()[0]["spec"] == {
        "audiences": ["vault"],
        "expirationSeconds": 600,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "reader-0", "uid": uid},
    }
    assert preview.requests()[1]["spec"].keys() == {"boundObjectRef"}
    tokens = await mint(bench.client, preview)
    assert tokens["vault"].granted == timedelta(minutes=10)
    assert tokens[""].granted == HOUR
    given = json.loads(tokens_json(tokens).reveal())
    assert list(given) == ["", "vault"]
    for audience, entry in given.items():
        claims = read_token(Sensitive(entry["token"]))
        assert claims.bound is not None
        assert (claims.bound.kind, claims.bound.name, claims.bound.uid) == ("Pod", "reader-0", uid)
        assert claims.subject == arena.identity("reader").username
        assert claims.expires_at is not None
        assert entry["expirationTimestamp"] == claims.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert audience in (*claims.audiences, "")
    assert (await bench.review(tokens["vault"].token, "vault")).get("authenticated")
    assert await bench.works(tokens[""].token)
    await bench.client.delete(PODS, "reader-0", namespace=arena.namespace, grace_seconds=0)
    if arena.fleet is not None:
        arena.forget()
        assert not await bench.works(tokens[""].token)


async def test_an_invalid_driver_is_refused_before_any_call(ebench: Bench) -> None:
    await pod(ebench)
    looked = await look(ebench.client, "harbor", "secrets-store.csi.k8s.io", ebench.arena.namespace, "reader-0")
    twice = type(looked)(
        driver=wanting(("a", None), ("a", None)), identity=ebench.arena.identity("nobody"), pod=looked.pod
    )
    with pytest.raises(UsageError, match="Duplicate value"):  # for an account that does not exist: nobody was asked
        await mint(ebench.client, twice)


async def test_what_is_missing_is_named(ebench: Bench) -> None:
    arena = ebench.arena
    with pytest.raises(NotFound) as gone:
        await look(ebench.client, arena.name, "nobodys.example.com", arena.namespace, "reader-0")
    assert "hands over no tokens" in gone.value.hint
    with pytest.raises(NotFound) as gone:
        await look(ebench.client, arena.name, "secrets-store.csi.k8s.io", arena.namespace, "reader-0")
    assert "pods" in gone.value.message
    assert arena.namespace in gone.value.hint


async def test_the_demo_has_a_driver_that_asks_and_one_that_does_not(ebench: Bench, arena: Arena) -> None:
    asks = await look(ebench.client, "harbor", "secrets-store.csi.k8s.io", "payments", "vault-api-0")
    assert [wish.audience for wish in asks.driver.wishes] == ["vault", ""]
    assert asks.notes == ()
    assert asks.driver.republish
    silent = await look(ebench.client, "harbor", "nfs.csi.k8s.io", "payments", "vault-api-0")
    assert any("asks for no tokens" in note for note in silent.notes)
    assert any("no inline volume" in note for note in silent.notes)
    assert await mint(ebench.client, silent) == {}


@pytest.mark.parametrize("spec", [{"tokenRequests": [{"audience": 5}]}, {"tokenRequests": {}}, None, []])
def test_nonsense_is_an_error_in_words(spec: Any) -> None:
    with pytest.raises(ProtocolError, match="not a CSIDriver"):
        parse_driver({"metadata": {"name": "d"}, "spec": spec})


@pytest.mark.parametrize("note", ["", "{", "[]", '{"spec": 5}', "null", "[" * 100_000])
def test_a_mangled_note_of_kubectl_is_no_note(note: str) -> None:
    obj = manifest("d")
    obj["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": note}
    assert parse_driver(obj).lost == ()
