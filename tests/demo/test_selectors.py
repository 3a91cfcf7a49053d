"""Label and field selectors, as kubectl and controllers write them."""

from __future__ import annotations

from typing import Any

import pytest

from tui.demo.apiserver.selectors import field_selector, label_selector
from tui.demo.apiserver.status import StatusError


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "n", "labels": labels}}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=front", True),
        ("app!=web", False),
        ("app!=db", True),
        ("missing!=anything", True),
        ("app", True),
        ("missing", False),
        ("!app", False),
        ("!missing", True),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("missing notin (db)", True),
        ("missing in (db)", False),
        ("tier in (front),app=web,!missing", True),
        ("count > 3", True),
        ("count<3", False),
        ("empty=", True),
        ("kubemint.io/x=y", True),
    ],
)
def test_labels(text: str, matches: bool) -> None:
    test = label_selector(text)
    assert test is not None
    obj = labelled(app="web", tier="front", count="5", empty="", **{"kubemint.io/x": "y"})
    assert test(obj) is matches


def test_an_empty_selector_selects_everything() -> None:
    assert label_selector("  ") is None
    assert field_selector("", ("", "secrets")) is None


@pytest.mark.parametrize(
    "text", ["a b c", "=x", "a in", "a in (", "a in (b", "a=b=c", "a=b c", "-a=b", "a=b/c", ",a=b", "a,,b"]
)
def test_labels_that_cannot_be_read(text: str) -> None:
    with pytest.raises(StatusError) as caught:
        label_selector(text)
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=x", True),
        ("metadata.name!=x", False),
        ("metadata.namespace==n,type=Opaque", True),
        ("type!=Opaque", False),
        ("type=kubernetes.io/tls", False),
    ],
)
def test_fields(text: str, matches: bool) -> None:
    test = field_selector(text, ("", "secrets"))
    assert test is not None
    assert test(labelled() | {"type": "Opaque"}) is matches


def test_fields_of_an_event() -> None:
    test = field_selector("involvedObject.kind=Pod,involvedObject.name=p", ("", "events"))
    assert test is not None
    assert test(labelled() | {"involvedObject": {"kind": "Pod", "name": "p"}})
    assert not test(labelled() | {"involvedObject": {"kind": "Pod", "name": "q"}})


@pytest.mark.parametrize("text", ["type=Opaque", "spec.x=y", "metadata.uid=z", "metadata.name"])
def test_fields_that_cannot_be_selected(text: str) -> None:
    with pytest.raises(StatusError) as caught:
        field_selector(text, ("", "configmaps"))
    assert caught.value.code == 400
