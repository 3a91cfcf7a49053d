"""The three patches: RFC 6902, RFC 7396, and the strategic merge that kubectl sends for built-in kinds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui.demo.apiserver.builtin import KINDS
from tui.demo.apiserver.patches import json_patch, merge_patch, strategic_merge
from tui.demo.apiserver.status import StatusError

SCHEMAS = {kind.plural: kind.schema or {} for kind in KINDS}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # The examples of RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(VALUES, VALUES)
def test_a_merge_patch_twice_is_the_same_as_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


def test_json_patch() -> None:
    obj = {"data": {"a": "1", "b": "2"}, "list": [1, 2]}
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
        {"op": "remove", "path": "/data/b"},
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "copy", "from": "/data/a", "path": "/data/c~1d"},
    ]
    assert json_patch(obj, operations) == {"data": {"a": "9", "c/d": "9"}, "list": [1, 2, 3]}
    assert obj == {"data": {"a": "1", "b": "2"}, "list": [1, 2]}, "the original is left alone"


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "test", "path": "/a", "value": "2"}],
        [{"op": "remove", "path": "/missing"}],
        [{"op": "replace", "path": "/x/y", "value": 1}],
        [{"op": "nonsense", "path": "/a"}],
        [{"path": "/a"}],
        [1],
        [{"op": "replace", "path": "", "value": 5}],
    ],
)
def test_json_patches_that_cannot_be_applied(operations: list[Any]) -> None:
    with pytest.raises(StatusError) as caught:
        json_patch({"a": "1"}, operations)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")


def test_a_json_patch_is_a_list() -> None:
    with pytest.raises(StatusError) as caught:
        json_patch({}, {"op": "add"})
    assert caught.value.code == 400


def test_strategic_merge_by_key_and_by_value() -> None:
    account = {
        "metadata": {"finalizers": ["x/a"], "ownerReferences": [{"uid": "1", "name": "one"}]},
        "secrets": [{"name": "a"}, {"name": "b"}],
        "imagePullSecrets": [{"name": "old"}],
    }
    patch = {
        "metadata": {"finalizers": ["x/b"], "ownerReferences": [{"uid": "1", "controller": True}]},
        "secrets": [{"name": "c"}, {"name": "a", "$patch": "delete"}],
        "imagePullSecrets": [{"name": "new"}],
    }
    assert strategic_merge(SCHEMAS["serviceaccounts"], account, patch) == {
        "metadata": {
            "finalizers": ["x/a", "x/b"],
            "ownerReferences": [{"uid": "1", "name": "one", "controller": True}],
        },
        "secrets": [{"name": "b"}, {"name": "c"}],
        "imagePullSecrets": [{"name": "new"}],
    }


def test_strategic_directives() -> None:
    schema = SCHEMAS["serviceaccounts"]
    account = {"metadata": {"finalizers": ["x/a", "x/b"], "labels": {"a": "1"}}, "secrets": [{"name": "a"}]}
    assert strategic_merge(schema, account, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}})["metadata"][
        "finalizers"
    ] == ["x/b"]
    replaced = strategic_merge(schema, account, {"secrets": [{"$patch": "replace"}, {"name": "z"}]})
    assert replaced["secrets"] == [{"name": "z"}]
    kept = strategic_merge(schema, account, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}})
    assert kept["metadata"]["labels"] == {"b": "2"}
    ordered = strategic_merge(
        schema, account, {"secrets": [{"name": "b"}], "$setElementOrder/secrets": [{"name": "b"}, {"name": "a"}]}
    )
    assert ordered["secrets"] == [{"name": "b"}, {"name": "a"}]
    retained = strategic_merge(schema, account, {"metadata": {"$retainKeys": ["labels"]}})
    assert retained["metadata"] == {"labels": {"a": "1"}}
    assert "secrets" not in strategic_merge(schema, account, {"secrets": None})


def test_atomic_lists_are_replaced_whole() -> None:
    role = {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    assert strategic_merge(SCHEMAS["roles"], role, {"rules": [{"verbs": ["watch"]}]}) == {
        "rules": [{"verbs": ["watch"]}]
    }
    binding = {"subjects": [{"kind": "User", "name": "a"}]}
    patch = {"subjects": [{"kind": "User", "name": "b"}]}
    assert strategic_merge(SCHEMAS["rolebindings"], binding, patch) == patch
