"""What External Secrets' objects say of themselves: read in every version, and never trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui.issuance.model.requests import conditions
from tui.issuance.model.types import Push
from tui.issuance.objects.external_secrets import (
    CLUSTER_STORES,
    PUSH_SECRETS,
    STORES,
    push_secret,
    secret_store,
    tenant_store,
)
from tui.issuance.users.external_views import (
    Entry,
    PushedKey,
    StoreRef,
    external_view,
    push_findings,
    push_view,
    store_findings,
    store_view,
)

PUSH = Push("tenant-a-robot", "tenant-a", "tenant-a", "kube-system", "management-serviceaccount-token")
HOUR = timedelta(hours=1)


def test_what_kubemint_writes_is_read_back() -> None:
    view = push_view(push_secret(PUSH, "ns", "source", "abc"))
    assert view.source == "source"
    assert view.stores == (StoreRef("tenant-a"),)
    assert view.keys[0] == PushedKey("ca.crt", "management-serviceaccount-token", "ca.crt")
    assert (view.interval, view.template, view.deletes, view.managed) == (HOUR, True, True, True)
    assert PUSH_SECRETS.kind == "PushSecret"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_j19_a_store_reads_alike_in_every_version(version: str) -> None:
    store = secret_store(STORES, "tenant-a", "ns", "https://a.example:6443")
    view = store_view(store | {"apiVersion": f"external-secrets.io/{version}"})
    assert (view.provider, view.server, view.remote_namespace) == (
        "kubernetes",
        "https://a.example:6443",
        "kube-system",
    )
    assert view.secret == "tenant-a-secretstore-auth"
    assert view.login == "client certificate in Secret tenant-a-secretstore-auth"
    assert view.trusts == "Secret tenant-a-secretstore-auth, key caData"
    assert list(store_findings(view, kind="SecretStore", namespace="ns")) == []


def test_a_tenants_store_names_its_namespace() -> None:
    view = store_view(tenant_store(CLUSTER_STORES, "https://m.example", "foo"))
    assert view.secret == "kube-system/management-serviceaccount-token"
    assert list(store_findings(view, kind="ClusterSecretStore")) == []
    assert list(store_findings(view, kind="SecretStore", namespace="foo")) == [
        "its Secret is in another namespace, which a SecretStore may not reference",
        "its caProvider names a namespace, which a SecretStore may not: the operator refuses the store",
    ]


def test_the_authority_of_a_cluster_store_needs_a_namespace() -> None:
    store = tenant_store(CLUSTER_STORES, "https://m.example", "foo")
    del store["spec"]["provider"]["kubernetes"]["server"]["caProvider"]["namespace"]
    assert list(store_findings(store_view(store), kind="ClusterSecretStore")) == [
        "its caProvider names a Secret without a namespace, which a ClusterSecretStore needs"
    ]


def test_status_and_the_next_look() -> None:
    at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    synced: dict[str, Any] = {"SecretStore/tenant-a": {"copy/token": {}}}
    status = {
        "refreshTime": "2026-11-25T12:00:00Z",
        "syncedPushSecrets": synced,
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "Errored", "message": "no", "lastTransitionTime": None},
            {"type": 7},
        ],
    }
    obj = push_secret(PUSH, "ns", "source", "abc") | {"status": status}
    view = push_view(obj)
    assert view.next_at == at + HOUR
    assert view.synced == ("SecretStore/tenant-a: copy/token",)
    (ready,) = conditions(obj)
    assert (ready.status, ready.reason, ready.message) == ("False", "Errored", "no")


def test_a_push_that_keeps_what_is_there_says_that_nothing_new_arrives() -> None:
    obj: dict[str, Any] = push_secret(PUSH, "ns", "source", "abc")
    obj["spec"] |= {"updatePolicy": "IfNotExists"}
    (said,) = push_findings(push_view(obj), lifetime=HOUR)
    assert said.startswith("it never writes over what is there already (updatePolicy IfNotExists)")


def test_two_entries_that_go_to_one_place() -> None:
    obj: dict[str, Any] = push_secret(PUSH, "ns", "source", "abc")
    there = {"remoteKey": "copy", "property": "token"}
    obj["spec"]["data"] = [{"match": {"secretKey": key, "remoteRef": there}} for key in ("token", "old")]
    (said,) = push_findings(push_view(obj))
    assert said == "token and old are pushed to one place, copy [token]: the last one written stays"


def test_what_to_know_about_a_push() -> None:
    obj: dict[str, Any] = push_secret(PUSH, "ns", "source", "abc")
    (gap,) = push_findings(push_view(obj), lifetime=HOUR)
    assert "have an expired one for up to 48m" in gap
    obj["spec"] |= {"refreshInterval": "0", "template": None, "deletionPolicy": "None"}
    obj["spec"]["data"] = [{"match": {"secretKey": "token", "remoteRef": {"remoteKey": "copy"}}}]
    said = list(push_findings(push_view(obj), lifetime=HOUR, legacy=True))
    assert [text.split()[0] for text in said] == ["it", "it", "the", "deletionPolicy"]
    assert "pushes once" in said[0]
    assert "token controller deletes" in said[1]
    assert "token → copy" in said[2]


@pytest.mark.parametrize(
    ("asked", "never"),
    [
        ({}, ""),
        ({"refreshPolicy": "Periodic"}, ""),
        ({"refreshPolicy": "Periodic", "refreshInterval": "0"}, "only once"),
        ({"refreshInterval": "0s"}, "only once"),
        ({"refreshPolicy": "CreatedOnce", "refreshInterval": "10m"}, "only once"),
        ({"refreshPolicy": "OnChange", "refreshInterval": "10m"}, "only when it is changed itself"),
        ({"refreshPolicy": "OnTuesdays"}, "kubemint does not know"),
        ({"refreshPolicy": 7}, "kubemint does not know"),
        ({"refreshInterval": "soon"}, "cannot be read"),
        ({"target": {"immutable": True}}, "never changes"),
    ],
)
def test_whether_a_change_ever_comes_to_who_fetches_it(asked: dict[str, Any], never: str) -> None:
    view = external_view({"spec": {"refreshInterval": "10m"} | asked})
    assert (view.never == "") is (never == "")
    assert never in view.never
    assert bool(view.interval) is (never == ""), "nothing is said of an interval that does not count"


def test_what_is_found_instead_of_named() -> None:
    found = external_view({"spec": {"dataFrom": [{"find": {"name": {"regexp": "^api"}}}]}})
    assert (found.entries, found.keys) == ((Entry(StoreRef()),), ())
    assert external_view({"spec": {"dataFrom": [{"extract": {"key": "a"}}, {"find": {}}]}}).entries == (
        Entry(StoreRef(), "a"),
    )
    by_labels = push_view(chosen({"matchLabels": {"team": "x", "n": 7}}))
    assert by_labels.chooses == (("team", "x"),)
    named = push_secret(PUSH, "ns", "source", "abc")
    assert push_view(named).chooses is None
    named["spec"]["updatePolicy"] = "IfNotExists"
    assert (push_view(named).interval, bool(push_view(named).never)) == (timedelta(0), True)


def chosen(selector: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"selector": {"secret": {"selector": selector}}}}


IN = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["y"]}]}


@pytest.mark.parametrize(
    ("push", "labels", "takes"),
    [
        (push_secret(PUSH, "ns", "api", ""), {}, True),
        (push_secret(PUSH, "ns", "other", ""), {"team": "x"}, False),
        (chosen({"matchLabels": {"team": "x"}}), {"team": "x", "more": "y"}, True),
        (chosen({"matchLabels": {"team": "x"}}), {"team": "y"}, False),
        (chosen({"matchLabels": {"team": "x"}}), {}, False),
        (chosen({"matchLabels": {"team": "x"}}), None, True),  # nobody could read them
        (chosen(IN), {"team": "x"}, True),  # not decided here: it may
        (chosen(IN | {"matchLabels": {"team": "x"}}), {"team": "y"}, False),
        (chosen({}), {}, True),  # which chooses every Secret
        ({"spec": {"selector": {"secret": {}}}}, {}, False),
        ({"spec": {"selector": {"generatorRef": {"name": "api"}}}}, {}, False),
        ({}, {}, False),
    ],
)
def test_whether_a_push_may_take_from_a_secret(push: Any, labels: dict[str, str] | None, takes: bool) -> None:
    """Fifth attack, hands 1: one that chooses by labels was taken for nobody."""
    assert push_view(push).may_take("api", labels) is takes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
FIELDS = ("spec", "status", "metadata", "data", "match", "provider", "kubernetes", "auth", "cert", "secretStoreRefs")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5), st.sampled_from(FIELDS))
def test_mangled_objects_give_empty_fields_and_no_error(part: dict[str, Any], field: str) -> None:
    for obj in (part, {"spec": part, "status": part}, {"spec": {field: part}}):
        push_view(obj)
        external_view(obj)
        store_view(obj)
        conditions(obj)
