"""The door: a kind of requests is its family's `listing` and one line in the registry; lists and details ask for it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.cli.conftest import Result, kubemint
from tests.dashboard.conftest import Open, dashboard as dashboard
from tui.demo.fleet import EmbeddedFleet
from tui.demo.running import FleetThread
from tui.issuance.families import registry
from tui.issuance.model.durations import parse_time, rfc3339
from tui.issuance.model.facts import Fact, Section
from tui.issuance.model.requests import Around, RequestKind, RequestRow, row_of
from tui.issuance.model.types import Address, Credential, Identity, State
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import Resource

DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
BADGES: Final = Resource("toys.example", "v1", "badges", "Badge")
ENDS_IN: Final = timedelta(hours=2)


def read(cluster: str, obj: Mapping[str, Any]) -> RequestRow | None:
    """What a family knows of its objects: here everything stands in the spec."""
    spec, meta = obj["spec"], obj["metadata"]
    if not spec.get("door"):
        return None
    ends = parse_time(spec.get("until"))
    issued = ends - ENDS_IN - timedelta(minutes=30) if ends is not None else None
    credential = Credential(
        address=Address.secret(cluster, meta["namespace"], meta["name"]),
        identity=Identity(cluster, meta["namespace"], spec["door"]),
        issued_at=issued,
        expires_at=ends,
        granted=ends - issued if ends is not None and issued is not None else None,
        state=State.VALID,
    )
    return row_of(BADGE, cluster, obj, type="badge", target=spec["door"], credential=credential, about=spec)


def details(row: RequestRow, around: Around) -> list[Section]:
    """What it says about one."""
    opens = Fact("opens", row.about["door"])
    return [Section(row.title, [*around.standing(), opens, *around.issued(row.credential)])] if row.credential else []


BADGE: Final = RequestKind(resource=BADGES, title="badges", label="badge", read=read, details=details)


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder, and its line."""
    folder = f"{registry.__package__}.toys.listing"
    module = ModuleType(folder)
    module.__dict__["REQUESTS"] = (BADGE,)
    monkeypatch.setitem(sys.modules, folder, module)
    monkeypatch.setitem(registry.FAMILIES, "toys", registry.Listed(requests=True, reads_only=True))


async def _install(kubeconfig: Path) -> None:
    names = {"plural": BADGES.plural, "singular": "badge", "kind": BADGES.kind, "listKind": "BadgeList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    spec = {"group": BADGES.group, "scope": "Namespaced", "names": names, "versions": versions}
    ready = [{"type": "Ready", "status": "True", "reason": "Engraved", "message": "it opens"}]
    until = rfc3339(datetime.now(UTC).replace(microsecond=0) + ENDS_IN)
    async with Client(load(str(kubeconfig)).endpoint("harbor")) as client:
        await client.create(DEFINITIONS, {"metadata": {"name": BADGES.name}, "spec": spec})
        await asyncio.sleep(0.2)
        for name, door in (("anna", "north"), ("lost", "")):
            body = {
                "apiVersion": BADGES.api_version, "kind": BADGES.kind, "metadata": {"name": name},
                "spec": {"door": door, "until": until}, "status": {"conditions": ready},
            }  # fmt: skip
            await client.create(BADGES, body, namespace="default")


@pytest.fixture(scope="module")
def demo() -> Iterator[FleetThread]:
    """A cluster with badges."""
    with FleetThread(clusters=1, accounts=2, troubled=False, controller=False) as thread:

        async def install(fleet: EmbeddedFleet) -> None:
            await _install(fleet.kubeconfig)

        thread.call(install)
        yield thread


def listed(demo: FleetThread, *options: str) -> Result:
    result = kubemint("list", "requests", "--kubeconfig", demo.kubeconfig, "--context", "harbor", *options)
    assert result.code == 0, result
    return result


def test_without_its_line_nobody_knows_it(demo: FleetThread) -> None:
    assert "Badge" not in listed(demo, "-o", "json").out


@pytest.mark.usefixtures("family")
def test_it_is_listed_with_its_state_and_its_end(demo: FleetThread) -> None:
    (item,) = [one for one in listed(demo, "-o", "json").json["items"] if one["kind"] == "Badge"]
    assert (item["cluster"], item["namespace"], item["name"]) == ("harbor", "default", "anna")
    assert (item["type"], item["targetCluster"], item["ready"], item["reason"]) == (
        "badge",
        "north",
        "True",
        "Engraved",
    )
    assert item["state"] == "valid"
    assert item["conditions"][0]["message"] == "it opens"
    ends = parse_time(item["expiresAt"])
    assert ends is not None
    assert ENDS_IN - timedelta(minutes=5) < ends - datetime.now(UTC) <= ENDS_IN
    assert 0 < item["secondsLeft"] <= 7200
    (line,) = [line for line in listed(demo).out.splitlines() if "anna" in line]
    assert "badge" in line
    assert "valid" in line
    assert re.search(r"^(2h 00m|1h 5\dm) ", line), line


@pytest.mark.usefixtures("family")
async def test_the_dashboard_shows_it_and_says_what_its_family_says(dashboard: Open) -> None:
    async with dashboard() as driver:
        await driver.find("4", "kind:badge")
        await driver.shows("default/anna", "badge", "Engraved", "north", "valid")
        await driver.press("d")
        await driver.shows("opens", "north", "it opens", "expires")
