"""Label and field selectors."""

from __future__ import annotations

import pytest

from tests.contract.objects import configmap, configmaps, secret, secrets
from tests.contract.server import Server


@pytest.fixture(scope="module")
def labelled(server: Server) -> str:
    """A namespace with ConfigMaps `none`, `a1` (app=a, tier=1), `a2` (app=a, tier=2) and `b1` (app=b, tier=1)."""
    ns = server.new_namespace("labelled")
    server.admin.post(configmaps(ns), configmap("none")).expect(201)
    for app, tier in (("a", "1"), ("a", "2"), ("b", "1")):
        server.admin.post(configmaps(ns), configmap(app + tier, labels={"app": app, "tier": tier})).expect(201)
    return ns


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=a", {"a1", "a2"}),
        ("app==a", {"a1", "a2"}),
        ("app!=a", {"none", "b1"}),
        ("app=a,tier=1", {"a1"}),
        ("app in (a, b)", {"a1", "a2", "b1"}),
        ("app notin (a)", {"none", "b1"}),
        ("app", {"a1", "a2", "b1"}),
        ("!app", {"none"}),
        ("app,tier!=2", {"a1", "b1"}),
        ("tier>1", {"a2"}),
        ("tier<2", {"a1", "b1"}),
        ("app=", set()),
        ("app=nobody", set()),
    ],
)
def test_label_selector(server: Server, labelled: str, selector: str, names: set[str]) -> None:
    items = server.admin.get(configmaps(labelled), labelSelector=selector).expect(200)["items"]
    assert {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"} == names


@pytest.mark.parametrize("selector", ["app=a=b", "app in a", "in (", ",", "bad key"])
def test_broken_label_selector(server: Server, labelled: str, selector: str) -> None:
    server.admin.get(configmaps(labelled), labelSelector=selector).fails(400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=a1", {"a1"}),
        ("metadata.name!=a1", {"a2", "b1", "none"}),
        ("metadata.name=a1,metadata.name=b1", set()),
    ],
)
def test_field_selector(server: Server, labelled: str, selector: str, names: set[str]) -> None:
    items = server.admin.get(configmaps(labelled), fieldSelector=selector).expect(200)["items"]
    assert {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"} == names


def test_field_selector_by_namespace(server: Server, labelled: str) -> None:
    items = server.admin.get("/api/v1/configmaps", fieldSelector=f"metadata.namespace={labelled}").expect(200)["items"]
    assert {item["metadata"]["namespace"] for item in items} == {labelled}


def test_secrets_by_type(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("plain")).expect(201)
    server.admin.post(secrets(ns), secret("mine", type="example.org/mine")).expect(201)
    items = server.admin.get(secrets(ns), fieldSelector="type=example.org/mine").expect(200)["items"]
    assert [item["metadata"]["name"] for item in items] == ["mine"]


def test_field_that_cannot_be_selected_by(server: Server, labelled: str) -> None:
    answer = server.admin.get(configmaps(labelled), fieldSelector="data.k=v")
    assert "data.k" in answer.fails(400, "BadRequest")["message"]
