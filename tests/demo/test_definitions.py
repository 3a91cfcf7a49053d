"""CustomResourceDefinitions: what is refused, what is filled in, and the kinds that come out."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from tui.demo.apiserver.definitions import check_definition, fill_definition, kinds_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEFINITION: dict[str, Any] = {
    "metadata": {"name": "widgets.x.io"},
    "spec": {
        "group": "x.io",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
                "subresources": {"status": {}},
            },
            {
                "name": "v1beta1",
                "served": True,
                "storage": False,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            },
            {
                "name": "v1alpha1",
                "served": False,
                "storage": False,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            },
        ],
    },
}


def without(*path: str | int, value: Any = None) -> dict[str, Any]:
    changed = copy.deepcopy(DEFINITION)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return changed


def test_a_good_one_is_accepted() -> None:
    assert check_definition(DEFINITION, None) == []


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (without("metadata", "name", value="widgets.y.io"), "metadata.name"),
        (without("spec", "scope", value="Galaxy"), "spec.scope"),
        (without("spec", "names", "kind"), "spec.names.kind"),
        (without("spec", "versions", 0, "schema"), "spec.versions[0].schema.openAPIV3Schema"),
        (without("spec", "versions", 1, "storage", value=True), "spec.versions"),
        (
            without("spec", "versions", 0, "additionalPrinterColumns", value=[{"name": "X", "jsonPath": ".a["}]),
            "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        ),
    ],
)
def test_what_is_refused(definition: dict[str, Any], field: str) -> None:
    assert field in [cause.field for cause in check_definition(definition, None)]


def test_scope_and_group_never_change() -> None:
    causes = check_definition(without("spec", "scope", value="Cluster"), DEFINITION)
    assert [cause.field for cause in causes] == ["spec.scope"]


def test_filling_in_establishes_and_keeps_what_is_there() -> None:
    definition = copy.deepcopy(DEFINITION)
    fill_definition(definition, NOW)
    assert definition["spec"]["names"] == {
        "plural": "widgets",
        "kind": "Widget",
        "shortNames": ["wd"],
        "singular": "widget",
        "listKind": "WidgetList",
    }
    assert definition["status"]["storedVersions"] == ["v1"]
    first = copy.deepcopy(definition["status"]["conditions"])
    fill_definition(definition, NOW.replace(year=2027))
    assert definition["status"]["conditions"] == first


def test_one_kind_for_each_served_version() -> None:
    definition = copy.deepcopy(DEFINITION)
    fill_definition(definition, NOW)
    stable, beta = kinds_of(definition)
    assert (stable.version, stable.status, stable.storage_version) == ("v1", True, "v1")
    assert (beta.version, beta.status, beta.storage_version) == ("v1beta1", False, "v1")
    assert stable.collection == beta.collection == ("x.io", "widgets")
    assert stable.short_names == ("wd",)
    assert stable.lists_as == "WidgetList"
    assert stable.schema is not None
    assert "finalizers" in stable.schema["properties"]["metadata"]["properties"]
