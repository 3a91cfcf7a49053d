"""Structural schemas: pruning, defaults and checks, with the words of a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tui.demo.apiserver.schema import apply_defaults, check, prune

WIDGET: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size", "kind"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "name": {"type": "string", "pattern": "^x+$", "minLength": 2, "maxLength": 4},
                "mode": {"type": "string", "default": "fast"},
                "when": {"type": "string", "format": "date-time"},
                "port": {"x-kubernetes-int-or-string": True},
                "maybe": {"type": "string", "nullable": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "parts": {
                    "type": "array",
                    "maxItems": 2,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 1}},
                    },
                },
            },
        }
    },
}


def problems(**spec: Any) -> list[str]:
    given = {"size": 1, "kind": "a"} | spec
    return [cause.text() for cause in check(WIDGET, {"spec": {k: v for k, v in given.items() if v is not ...}})]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"kind": ...}, ["spec.kind: Required value"]),
        ({"size": 0}, ["spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"]),
        ({"size": 10}, ["spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"]),
        ({"kind": "c"}, ['spec.kind: Unsupported value: "c": supported values: "a", "b"']),
        ({"size": "1"}, ['spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"']),
        ({"size": True}, ['spec.size: Invalid value: "boolean": spec.size in body must be of type integer: "boolean"']),
        ({"size": 2.0}, []),
        ({"name": "xxy"}, ["spec.name: Invalid value: \"xxy\": spec.name in body should match '^x+$'"]),
        ({"name": "x"}, ['spec.name: Invalid value: "x": spec.name in body should be at least 2 chars long']),
        ({"name": "xxxxx"}, ["spec.name: Too long: may not be longer than 4"]),
        ({"when": "2026-01-02T03:04:05Z"}, []),
        ({"when": "now"}, ['spec.when: Invalid value: "now": spec.when in body must be of type date-time: "now"']),
        ({"port": 80}, []),
        ({"port": "http"}, []),
        ({"maybe": None}, []),
        (
            {"labels": {"a": 1}},
            ['spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"'],
        ),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, ['spec.parts[1]: Duplicate value: {"name":"a"}']),
        ({"parts": [{"name": n} for n in "abc"]}, ["spec.parts: Too many: 3: must have at most 2 items"]),
    ],
)
def test_checks(spec: dict[str, Any], expected: list[str]) -> None:
    assert problems(**spec) == expected


def test_b25_durations_of_the_dpf_pattern() -> None:
    pattern = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
    for good in ("1h", "1h30m", "1.5h", "1ms"):
        assert check(pattern, good, "d") == []
    for bad in ("1", "1d", "-1h", "1us", "", "1h "):
        assert len(check(pattern, bad, "d")) == 1, bad


def test_pruning_keeps_what_is_named_or_free() -> None:
    obj = {
        "apiVersion": "v1",
        "metadata": {"name": "x"},
        "spec": {"size": 1, "gone": 1, "labels": {"a": "b"}, "free": {"any": [1]}, "parts": [{"name": "a", "x": 1}]},
        "more": 1,
    }
    assert sorted(prune(WIDGET, obj)) == ["more", "spec.gone", "spec.parts[0].x"]
    assert obj == {
        "apiVersion": "v1",
        "metadata": {"name": "x"},
        "spec": {"size": 1, "labels": {"a": "b"}, "free": {"any": [1]}, "parts": [{"name": "a"}]},
    }


def test_defaults_reach_into_lists_and_replace_null() -> None:
    obj: dict[str, Any] = {"spec": {"mode": None, "parts": [{"name": "a"}]}}
    apply_defaults(WIDGET, obj)
    assert obj == {"spec": {"mode": "fast", "parts": [{"name": "a", "weight": 1}]}}
    empty: dict[str, Any] = {}
    apply_defaults(WIDGET, empty)
    assert empty == {}, "a default below an absent object does not create it"


def test_combined_schemas() -> None:
    either = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert check(either, 1, "p") == []
    assert [cause.field for cause in check(either, [], "p")] == ["p"]
    one = {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert check(one, {"a": 1}, "p") == []
    assert len(check(one, {"a": 1, "b": 1}, "p")) == 1
    assert len(check({"not": {"required": ["a"]}}, {"a": 1}, "p")) == 1
