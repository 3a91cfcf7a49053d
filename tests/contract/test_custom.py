"""Custom resources: definition, discovery, schema, defaults, pruning, and the status apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, STRATEGIC_PATCH
from tests.contract.objects import WIDGET_DEFINITION, widget, widgets
from tests.contract.server import Server

pytestmark = pytest.mark.usefixtures("widget_api")

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_definition_says_that_it_is_served(server: Server) -> None:
    body = server.admin.get(f"{DEFINITIONS}/widgets.contract.kubemint.io").expect(200)
    conditions = {condition["type"]: condition["status"] for condition in body["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    assert conditions["Established"] == "True"
    assert body["status"]["acceptedNames"]["plural"] == "widgets"
    assert body["status"]["storedVersions"] == ["v1"]


def test_discovery_of_a_custom_kind(server: Server) -> None:
    body = server.admin.get("/apis/contract.kubemint.io/v1").expect(200)
    found = {resource["name"]: resource for resource in body["resources"]}
    assert found["widgets"]["kind"] == "Widget"
    assert found["widgets"]["singularName"] == "widget"
    assert found["widgets"]["shortNames"] == ["wd"]
    assert set(found["widgets/status"]["verbs"]) == {"get", "patch", "update"}
    groups = [group["name"] for group in server.admin.get("/apis").expect(200)["groups"]]
    assert "contract.kubemint.io" in groups


def test_definition_with_a_wrong_name(server: Server) -> None:
    definition = {**WIDGET_DEFINITION, "metadata": {"name": "wrong.contract.kubemint.io"}}
    answer = server.admin.post(DEFINITIONS, definition)
    answer.fails(422, "Invalid", "must be spec.names.plural+")


def test_definitions_come_and_go(server: Server, ns: str) -> None:
    definition: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "passers.passing.kubemint.io"},
        "spec": {
            "group": "passing.kubemint.io",
            "scope": "Cluster",
            "names": {"plural": "passers", "kind": "Passer"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    server.define(definition)
    path = "/apis/passing.kubemint.io/v1/passers"
    sent = {
        "apiVersion": "passing.kubemint.io/v1",
        "kind": "Passer",
        "metadata": {"name": "a"},
        "anything": {"goes": 1},
    }
    assert server.admin.post(path, sent).expect(201)["anything"] == {"goes": 1}
    server.admin.delete(f"{DEFINITIONS}/passers.passing.kubemint.io").expect(200)
    server.gone(f"{DEFINITIONS}/passers.passing.kubemint.io")
    server.gone(path)


def test_lifecycle_of_a_custom_object(server: Server, ns: str) -> None:
    body = server.admin.post(widgets(ns), widget("a")).expect(201)
    assert body["metadata"]["generation"] == 1
    listed = server.admin.get(widgets(ns)).expect(200)
    assert (listed["kind"], listed["apiVersion"]) == ("WidgetList", "contract.kubemint.io/v1")
    assert listed["items"][0]["kind"] == "Widget"  # unlike built-in kinds
    server.admin.delete(widgets(ns, "a")).expect(200)
    message = 'widgets.contract.kubemint.io "a" not found'
    server.admin.get(widgets(ns, "a")).fails(404, "NotFound", message)


def test_custom_objects_must_name_their_kind(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), {"metadata": {"name": "a"}, "spec": {"size": 1}}).fails(400, "BadRequest")


def test_defaults(server: Server, ns: str) -> None:
    spec = server.admin.post(widgets(ns), widget("a", parts=[{"name": "x"}, {"name": "y", "weight": 1}])).expect(201)[
        "spec"
    ]
    assert spec["mode"] == "plain"
    assert spec["parts"] == [{"name": "x", "weight": 5}, {"name": "y", "weight": 1}]


def test_pruning(server: Server, ns: str) -> None:
    spec = server.admin.post(widgets(ns), widget("a", nobody="knows", free={"any": ["thing"]})).expect(201)["spec"]
    assert "nobody" not in spec
    assert spec["free"] == {"any": ["thing"]}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"size": None}, "spec.size: Required value"),
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": 11}, "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({"size": "one"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"colour": "blue"}, 'spec.colour: Unsupported value: "blue": supported values: "red", "green"'),
        ({"duration": "1d"}, "spec.duration in body should match '^([0-9]+(ms|s|m|h))+$'"),
        ({"until": "tomorrow"}, 'spec.until in body must be of type date-time: "tomorrow"'),
        ({"parts": [{"weight": 1}]}, "spec.parts.name: Required value"),
        ({"labels": {"a": 1}}, 'spec.labels.a in body must be of type string: "integer"'),
        ({"parts": [{"name": "x"}, {"name": "x"}]}, "Duplicate value"),
    ],
    ids=["required", "minimum", "maximum", "type", "enum", "pattern", "format", "nested", "map", "list-map"],
)
def test_schema(server: Server, ns: str, spec: dict[str, object], text: str) -> None:
    status = server.admin.post(widgets(ns), widget("a", **spec)).fails(422, "Invalid")
    assert text in status["message"].replace("[0]", "")  # old servers do not say which item
    assert status["message"].startswith('Widget.contract.kubemint.io "a" is invalid: ')
    details = status["details"]
    assert (details["name"], details["group"], details["kind"]) == ("a", "contract.kubemint.io", "Widget")
    assert details["causes"][0]["field"].startswith("spec.")


def test_string_too_long(server: Server, ns: str) -> None:
    status = server.admin.post(widgets(ns), widget("a", note="x" * 11)).fails(422, "Invalid", "spec.note: ")
    assert "10" in status["message"]


def test_empty_string(server: Server, ns: str) -> None:
    answer = server.admin.post(widgets(ns), widget("a", note=""))
    if server.empty_strings_are_null:
        answer.fails(422, "Invalid", 'spec.note in body must be of type string: "null"')
    else:
        assert answer.expect(201)["spec"]["note"] == ""


def test_status_is_not_written_with_the_object(server: Server, ns: str) -> None:
    sent = {**widget("a"), "status": {"phase": "Ready"}}
    body = server.admin.post(widgets(ns), sent).expect(201)
    assert "status" not in body
    body = server.admin.put(widgets(ns, "a"), {**body, "status": {"phase": "Ready"}}).expect(200)
    assert "status" not in body
    body = server.admin.patch(widgets(ns, "a"), {"status": {"phase": "Ready"}}).expect(200)
    assert "status" not in body


def test_status_is_written_alone(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    patch = {"status": {"phase": "Ready"}, "spec": {"size": 7}, "metadata": {"labels": {"x": "y"}}}
    body = server.admin.patch(widgets(ns, "a", "status"), patch).expect(200)
    assert body["status"] == {"phase": "Ready"}
    assert body["spec"]["size"] == 1
    assert "labels" not in body["metadata"]
    assert server.admin.get(widgets(ns, "a", "status")).expect(200) == body


def test_status_by_replace_and_by_apply(server: Server, ns: str) -> None:
    body = server.admin.post(widgets(ns), widget("a")).expect(201)
    body = server.admin.put(widgets(ns, "a", "status"), {**body, "status": {"phase": "One"}}).expect(200)
    assert body["status"] == {"phase": "One"}
    applied = {
        "apiVersion": body["apiVersion"],
        "kind": "Widget",
        "metadata": {"name": "a"},
        "status": {"phase": "Two"},
    }
    body = server.admin.apply(widgets(ns, "a", "status"), applied, force=True).expect(200)
    assert body["status"] == {"phase": "Two"}
    assert body["spec"]["size"] == 1


def test_status_is_checked_too(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    patch = {"status": {"conditions": [{"type": "Ready", "status": "Maybe"}]}}
    answer = server.admin.patch(widgets(ns, "a", "status"), patch)
    message = answer.fails(422, "Invalid")["message"].replace("[0]", "")
    assert 'status.conditions.status: Unsupported value: "Maybe"' in message


def test_generation_counts_changes_of_the_spec(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    path = widgets(ns, "a")
    assert server.admin.patch(path, {"spec": {"size": 2}}).expect(200)["metadata"]["generation"] == 2
    assert server.admin.patch(path, {"metadata": {"labels": {"x": "y"}}}).expect(200)["metadata"]["generation"] == 2
    status = {"status": {"phase": "x"}}
    assert server.admin.patch(widgets(ns, "a", "status"), status).expect(200)["metadata"]["generation"] == 2


def test_custom_objects_take_no_strategic_patch(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    server.admin.patch(widgets(ns, "a"), {"spec": {"size": 2}}, STRATEGIC_PATCH).fails(415, "UnsupportedMediaType")


def test_json_patch_of_a_custom_object(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    operations = [{"op": "replace", "path": "/spec/size", "value": 4}]
    assert server.admin.patch(widgets(ns, "a"), operations, JSON_PATCH).expect(200)["spec"]["size"] == 4


def test_replace_of_a_custom_object_needs_its_version(server: Server, ns: str) -> None:
    server.admin.post(widgets(ns), widget("a")).expect(201)
    answer = server.admin.put(widgets(ns, "a"), widget("a", size=2))
    zero = "0" if server.has("plain-zero-version") else "0x0"
    text = f"metadata.resourceVersion: Invalid value: {zero}: must be specified for an update"
    answer.fails(422, "Invalid", text)


def test_apply_of_a_custom_object(server: Server, ns: str) -> None:
    parts = [{"name": "x", "weight": 1}]
    server.admin.apply(widgets(ns, "a"), widget("a", parts=parts), manager="first").expect(201)
    other = widget("a", size=None, parts=[{"name": "y", "weight": 2}])
    body = server.admin.apply(widgets(ns, "a"), other, manager="second").expect(200)
    assert body["spec"]["parts"] == [{"name": "x", "weight": 1}, {"name": "y", "weight": 2}]
    taken = widget("a", size=None, parts=[{"name": "x", "weight": 9}])
    answer = server.admin.apply(widgets(ns, "a"), taken, manager="third")
    answer.fails(409, "Conflict", 'conflict with "first": .spec.parts[name="x"].weight')


def test_apply_of_the_wrong_kind(server: Server, ns: str) -> None:
    body = {**widget("a"), "kind": "Gadget"}
    answer = server.admin.apply(widgets(ns, "a"), body)
    assert answer.status in (400, 500)
    assert "Gadget" in answer.body["message"]


@pytest.mark.parametrize("words", ["", "use something else"], ids=["its own words", "the definition's words"])
def test_a_deprecated_version_is_warned_of(server: Server, words: str) -> None:
    group = f"aged{len(words)}.kubemint.io"
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "deprecated": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    definition: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"elders.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"plural": "elders", "kind": "Elder"},
            "versions": [version | ({"deprecationWarning": words} if words else {})],
        },
    }
    server.define(definition)
    path = f"/apis/{group}/v1/elders"
    expected = f'299 - "{words or f"{group}/v1 Elder is deprecated"}"'
    sent = {"apiVersion": f"{group}/v1", "kind": "Elder", "metadata": {"name": "a"}}
    made = server.admin.post(path, sent)
    made.expect(201)
    answers = [made, server.admin.get(path), server.admin.get(f"{path}/a"), server.admin.delete(f"{path}/a")]
    assert [answer.headers.get("Warning") for answer in answers] == [expected] * 4
    assert "Warning" not in server.admin.get("/api/v1/namespaces").headers
