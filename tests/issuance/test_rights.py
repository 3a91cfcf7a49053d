"""The Roles that `kubemint rbac` prints: each flow works with exactly its Role, and names whichever verb it lacks.

The embedded fleet decides as RBAC does; with the whole Roles every flow also runs on the real control plane.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.issuance.dpf_place import Clock, Place, embedded_place, real_place
from tests.issuance.rights_flows import FLOWS, read, rotate
from tests.issuance.rights_trial import ACCOUNT, KEPT, PROJECTS, SHOOT_OF, trial_of
from tui.issuance.families.rights import RIGHTS, Flow, roles

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread


def test_every_flow_has_rights_and_a_trial() -> None:
    assert set(FLOWS) == set(RIGHTS) == set(Flow)


@pytest.fixture
async def place(embedded_fleet: FleetThread) -> AsyncIterator[Place]:
    async with embedded_place(embedded_fleet, Clock()) as ready:
        yield ready


def exact(flow: Flow, ns: str) -> list[dict[str, Any]]:
    """What `kubemint rbac FLOW` prints, as narrow as it can be; the dashboard looks at everything."""
    if flow is Flow.READ:
        return roles(flow)
    if flow in SHOOT_OF:
        return roles(flow, namespace=PROJECTS[SHOOT_OF[flow]], shoot=SHOOT_OF[flow])
    return roles(flow, namespace=ns, account=ACCOUNT, secret=KEPT)


def without(made: list[dict[str, Any]], verb: str, resource: str) -> list[dict[str, Any]]:
    """The same Roles with one verb on one resource taken out, wherever it stands."""
    plural, _, group = resource.partition(".")
    changed = []
    for role in made:
        rules = []
        for rule in role["rules"]:
            if rule["apiGroups"] == [group] and rule["resources"] == [plural]:
                rule = rule | {"verbs": [kept for kept in rule["verbs"] if kept != verb]}
            rules += [rule] if rule["verbs"] else []
        changed.append(role | {"rules": rules})
    return changed


def beside_what_only_warns(said: list[str]) -> list[str]:
    """Whoever deletes a request is told what else ends with its account, or that he may not see that: no right is
    needed for it."""
    return [text for text in said if not re.match(r"which .* could not be looked at: ", text)]


@pytest.mark.parametrize("flow", Flow)
async def test_the_role_is_enough(place: Place, tmp_path: Path, flow: Flow) -> None:
    async with trial_of(place, tmp_path, exact(flow, place.ns)) as trial:
        assert await FLOWS[flow](trial), trial.heard
        assert beside_what_only_warns(trial.said) == []


async def test_reading_one_namespace_needs_a_role_in_it_alone(place: Place, tmp_path: Path) -> None:
    async with trial_of(place, tmp_path, roles(Flow.READ, namespace=place.ns)) as trial:
        assert await read(trial, namespace=place.ns), trial.said


async def test_names_alone_are_enough_without_a_namespace(place: Place, tmp_path: Path) -> None:
    """A ClusterRole with names, bound everywhere."""
    made = roles(Flow.ROTATE, account=ACCOUNT, secret=KEPT)
    assert [role["kind"] for role in made] == ["ClusterRole"]
    async with trial_of(place, tmp_path, made) as trial:
        assert await rotate(trial), trial.said


async def test_another_name_is_not_enough(place: Place, tmp_path: Path) -> None:
    """The names are what counts: a Role for another account is refused, and the right one named."""
    made = roles(Flow.ISSUE_FILE, namespace=place.ns, account="somebody-else")
    async with trial_of(place, tmp_path, made) as trial:
        assert not await trial.execute(trial.engine.plan(trial.spec(trial.file("a"))))
        assert any("create serviceaccounts/token" in text and ACCOUNT in text for text in trial.said), trial.said


@pytest.mark.real
@pytest.mark.parametrize("flow", [flow for flow in Flow if flow not in SHOOT_OF])
async def test_the_role_is_enough_on_a_real_server(
    real_control_plane: RealControlPlane, tmp_path: Path, flow: Flow
) -> None:
    if flow is Flow.TENANT_PUSH_EXTERNAL:
        pytest.skip("no External Secrets Operator runs there, so that nothing would arrive")
    async with real_place(real_control_plane) as place, trial_of(place, tmp_path, exact(flow, place.ns)) as trial:
        assert await FLOWS[flow](trial), trial.heard
        assert beside_what_only_warns(trial.said) == []


CASES = [
    pytest.param(flow, verb, resource, id=f"{flow}-{verb}-{resource}")
    for flow in Flow
    for verb, resource in dict.fromkeys((verb, right.name) for right in RIGHTS[flow] for verb in right.verbs)
]


@pytest.mark.parametrize(("flow", "verb", "resource"), CASES)
async def test_without_a_verb_it_says_which(place: Place, tmp_path: Path, flow: Flow, verb: str, resource: str) -> None:
    """Nothing in a Role is superfluous, and what is missing is named by its verb and resource."""
    async with trial_of(place, tmp_path, without(exact(flow, place.ns), verb, resource)) as trial:
        trial.patience = 30
        await FLOWS[flow](trial)
        plural, _, group = resource.partition(".")
        words = re.compile(rf"\b{verb}\b.*\b{re.escape(plural)}\b(?!/)", re.IGNORECASE)
        assert any(words.search(text) and group in text for text in trial.said), trial.said
