"""Server-side apply and the ownership of fields, on the rules alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from tui.demo.apiserver import fields
from tui.demo.apiserver.apply import Manager, apply, read_owners, record_update, untyped
from tui.demo.apiserver.builtin import KINDS
from tui.demo.apiserver.status import StatusError

SCHEMAS = {kind.plural: kind.schema or {} for kind in KINDS}
CONFIG = SCHEMAS["configmaps"]
ONE, TWO = Manager("one", "Apply", "v1"), Manager("two", "Apply", "v1")
EDITOR = Manager("editor", "Update", "v1")
EMPTY: dict[str, Any] = {"metadata": {}}


def config(*, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "m", "namespace": "n"}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def applied(live: dict[str, Any], patch: dict[str, Any], manager: Manager = ONE, *, force: bool = False) -> Any:
    return apply(CONFIG, live, patch, manager, "2026-01-01T00:00:00Z", force=force)


def owned(obj: dict[str, Any], manager: Manager) -> Any:
    return fields.encode(read_owners(obj)[manager].fields)


def test_an_apply_owns_what_it_sets() -> None:
    obj = applied(EMPTY, config(a="1", labels={"l": "1"}))
    assert obj["data"] == {"a": "1"}
    (entry,) = obj["metadata"]["managedFields"]
    assert entry == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:l": {}}}},
    }


def test_b21_what_is_no_longer_applied_goes_and_foreign_fields_stay() -> None:
    obj = applied(EMPTY, config(labels={"a": "1", "b": "1"}))
    obj["metadata"]["labels"]["foreign"] = "yes"
    obj = applied(obj, config(labels={"a": "1"}))
    assert obj["metadata"]["labels"] == {"a": "1", "foreign": "yes"}


def test_what_somebody_else_applies_too_stays() -> None:
    obj = applied(EMPTY, config(a="1", b="1"))
    obj = applied(obj, config(b="1"), TWO)
    obj = applied(obj, config(a="1"))
    assert obj["data"] == {"a": "1", "b": "1"}
    obj = applied(obj, config(), TWO)
    assert obj["data"] == {"a": "1"}


def test_a_conflict_names_manager_and_field() -> None:
    obj = applied(EMPTY, config(a="1"))
    with pytest.raises(StatusError) as caught:
        applied(obj, config(a="2"), TWO)
    error = caught.value
    assert (error.code, error.reason) == (409, "Conflict")
    assert error.message == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert error.details == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}]
    }


def test_several_conflicts_are_listed() -> None:
    obj = applied(EMPTY, config(a="1"))
    record_update(CONFIG, obj, changed := config(a="1", b="1"), EDITOR, "2026-01-01T00:00:01Z")
    with pytest.raises(StatusError) as caught:
        applied(changed, config(a="2", b="2"), TWO)
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\nconflicts with "editor" using v1:\n- .data.b'
    )


def test_force_takes_over() -> None:
    obj = applied(EMPTY, config(a="1", b="1"))
    obj = applied(obj, config(a="2"), TWO, force=True)
    assert obj["data"] == {"a": "2", "b": "1"}
    assert owned(obj, ONE) == {"f:data": {"f:b": {}}}
    assert owned(obj, TWO) == {"f:data": {"f:a": {}}}


def test_equal_values_are_shared() -> None:
    obj = applied(EMPTY, config(a="1"))
    obj = applied(obj, config(a="1"), TWO)
    assert owned(obj, ONE) == owned(obj, TWO) == {"f:data": {"f:a": {}}}


def test_an_update_takes_fields_away() -> None:
    obj = applied(EMPTY, config(a="1", b="1"))
    new = config(a="9", b="1")
    record_update(CONFIG, obj, new, EDITOR, "2026-01-01T00:00:02Z")
    assert owned(new, ONE) == {"f:data": {"f:b": {}}}
    assert owned(new, EDITOR) == {"f:data": {"f:a": {}}}


def test_owners_can_be_dropped_and_are_kept_when_not_sent() -> None:
    obj = applied(EMPTY, config(a="1"))
    same = config(a="1")
    record_update(CONFIG, obj, same, EDITOR, "2026-01-01T00:00:03Z")
    assert list(read_owners(same)) == [ONE]
    reset = config(a="1")
    reset["metadata"]["managedFields"] = [{}]
    record_update(CONFIG, obj, reset, EDITOR, "2026-01-01T00:00:03Z")
    assert "managedFields" not in reset["metadata"]


def test_lists_by_key_and_sets_are_owned_item_by_item() -> None:
    schema = SCHEMAS["serviceaccounts"]
    first = {"metadata": {"finalizers": ["x/a"]}, "secrets": [{"name": "s", "namespace": "n"}]}
    obj = apply(schema, EMPTY, first, ONE, "t", force=False)
    obj = apply(schema, obj, {"metadata": {"finalizers": ["x/b"]}, "secrets": [{"name": "r"}]}, TWO, "t", force=False)
    assert obj["metadata"]["finalizers"] == ["x/a", "x/b"]
    assert [item["name"] for item in obj["secrets"]] == ["s", "r"]
    assert owned(obj, ONE) == {
        "f:metadata": {"f:finalizers": {'v:"x/a"': {}}},
        "f:secrets": {'k:{"name":"s"}': {".": {}, "f:name": {}, "f:namespace": {}}},
    }
    obj = apply(schema, obj, {"metadata": {}}, ONE, "t", force=False)
    assert obj["metadata"]["finalizers"] == ["x/b"]
    assert obj["secrets"] == [{"name": "r"}]


def test_atomic_lists_are_owned_whole() -> None:
    schema = SCHEMAS["roles"]
    obj = apply(schema, EMPTY, {"metadata": {}, "rules": [{"verbs": ["get"]}]}, ONE, "t", force=False)
    assert owned(obj, ONE) == {"f:rules": {}}
    with pytest.raises(StatusError):
        apply(schema, obj, {"metadata": {}, "rules": [{"verbs": ["list"]}]}, TWO, "t", force=False)


def test_fields_that_no_schema_knows() -> None:
    assert untyped(CONFIG, config(a="1")) == ""
    assert untyped(CONFIG, {**config(), "bogus": 1}) == ".bogus: field not declared in schema"
    assert untyped(CONFIG, {**config(), "bogus": 1}, closed=False) == ""
    assert untyped(CONFIG, {"metadata": {"bogus": 1}}) == ".metadata.bogus: field not declared in schema"
    assert untyped(CONFIG, {"data": ["a"]}) == ".data: expected map, got list"
    assert untyped(CONFIG, {"data": {"a": {}}}) == ".data.a: expected scalar, got map"
    assert untyped(CONFIG, {"metadata": None, "data": {"a": None}}) == ""
    owners = {"metadata": {"ownerReferences": ["a"]}}
    assert untyped(CONFIG, owners) == ".metadata.ownerReferences: expected map, got scalar"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:data", "f:a.b"), ".data.a.b"),
        (("f:status", "f:conditions", 'k:{"type":"Ready"}', "f:status"), '.status.conditions[type="Ready"].status'),
        (("f:metadata", "f:finalizers", 'v:"x/a"'), '.metadata.finalizers[="x/a"]'),
    ],
)
def test_paths_in_words(path: tuple[str, ...], text: str) -> None:
    assert fields.dotted(path) == text


OBJECTS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({}, optional={"labels": st.dictionaries(st.text("abc"), st.text("xy"))}),
        "data": st.dictionaries(st.text("abc", min_size=1), st.text("xy")),
    }
)


@given(OBJECTS)
def test_a_set_of_fields_survives_writing(obj: dict[str, Any]) -> None:
    paths = fields.owned(CONFIG, obj)
    assert fields.decode(fields.encode(paths)) == paths


@given(OBJECTS, OBJECTS)
def test_an_apply_twice_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    obj = applied(applied(EMPTY, first), second, TWO, force=True)
    again = applied(obj, second, TWO)
    assert again == obj


@given(OBJECTS, OBJECTS)
def test_a_forced_apply_gives_what_was_applied(first: dict[str, Any], second: dict[str, Any]) -> None:
    obj = applied(applied(EMPTY, first), second, TWO, force=True)
    assert second["data"].items() <= obj["data"].items()
    gone = applied(obj, {"metadata": {}}, TWO)
    assert not set(second["data"]) - set(first["data"]) & set(gone.get("data", {}))
