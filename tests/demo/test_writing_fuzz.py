"""Whatever a client sends, a write either happens or is refused with a Status; nothing else ever comes out."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tui.demo.apiserver.access import UserInfo
from tui.demo.apiserver.builtin import KINDS
from tui.demo.apiserver.kinds import Kind
from tui.demo.apiserver.options import WriteOptions
from tui.demo.apiserver.patches import JSON, MERGE, STRATEGIC
from tui.demo.apiserver.status import StatusError
from tui.demo.apiserver.storage import NAMESPACES, Storage
from tui.demo.apiserver.writing import Writer

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "x/y", "YQ==", "A B", "\n"])
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "name", "key"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def shaped(schema: dict[str, Any], depth: int = 5) -> st.SearchStrategy[Any]:
    """Values that mostly have the shape of a schema, so that the checks behind the types are reached as well."""
    if depth == 0:
        return JUNK
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        parts = {name: shaped(sub, depth - 1) for name, sub in schema["properties"].items()}
        good: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=parts)
    elif kind == "object":
        extra = schema.get("additionalProperties") or {}
        good = st.dictionaries(st.sampled_from(["a", "b", "A B"]), shaped(extra, depth - 1), max_size=2)
    elif kind == "array":
        good = st.lists(shaped(schema.get("items", {}), depth - 1), max_size=2)
    elif kind == "string":
        good = st.sampled_from(["", "a", "YQ==", "Role", "User", "ServiceAccount", "2026-01-02T03:04:05Z"])
    elif kind == "integer":
        good = st.integers(-1, 700)
    elif kind == "boolean":
        good = st.booleans()
    else:
        return JUNK
    return st.one_of(good, good, good, good, JUNK)


def writer() -> tuple[Storage, Writer]:
    storage = Storage(lambda: NOW)
    storage.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    return storage, Writer(storage, lambda: NOW)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_writes(kind: Kind, data: st.DataObject) -> None:
    storage, write = writer()
    options = WriteOptions(UserInfo("tester"))
    namespace = "n" if kind.namespaced else ""
    body: Any = data.draw(shaped(kind.schema or {}))
    if isinstance(body, dict):
        body = body | {"apiVersion": kind.api_version, "kind": kind.kind}
        if isinstance(body.get("metadata", {}), dict):
            body["metadata"] = {"name": "a"} | body.get("metadata", {}) | {"namespace": namespace}
    patch: Any = data.draw(shaped(kind.schema or {}))
    for work in (
        lambda: write.create(kind, namespace, copy.deepcopy(body), options),
        lambda: write.update(kind, namespace, "a", copy.deepcopy(patch), options),
        lambda: write.patch(kind, namespace, "a", copy.deepcopy(patch), MERGE, options),
        lambda: write.patch(kind, namespace, "a", copy.deepcopy(patch), STRATEGIC, options),
        lambda: write.patch(kind, namespace, "a", [{"op": "add", "path": "/data", "value": patch}], JSON, options),
        lambda: write.apply(kind, namespace, "a", copy.deepcopy(patch), options),
        lambda: write.apply(kind, namespace, "a", copy.deepcopy(body), options),
    ):
        try:
            work()
        except StatusError as error:
            assert 400 <= error.code <= 500, error  # noqa: PT017 - both outcomes are right
    for item in storage.items(kind.collection):
        assert item.bare
        assert item.object["metadata"]["resourceVersion"] == str(item.version)
