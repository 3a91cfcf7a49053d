"""Which login settings count for a shoot: its own, else the preset that Gardener would choose."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule
from tui.issuance.errors import UsageError
from tui.issuance.families.gardener.garden import Meta, OIDCClient, OIDCConfig, shoot_at
from tui.issuance.families.gardener.shoot_oidc import (
    Preset,
    PresetSpec,
    Requirement,
    Selector,
    login_arguments,
    preset_for,
    settings_of,
)
from tui.issuance.model.types import ShootAccess
from tui.issuance.tokens.plain import PlainShootWish, PlainWish, Way
from tui.kube.sensitive import MASK, Sensitive

EVERYTHING = Selector()


def preset(name: str, weight: int = 1, **more: Any) -> Preset:
    given: dict[str, Any] = {"shoot_selector": EVERYTHING, "project_selector": EVERYTHING}
    return Preset(Meta(name=name), PresetSpec(weight=weight, **given | more))


def chosen(*own: Preset, wide: tuple[Preset, ...] = (), labels: Any = None, project: Any = None) -> str:
    found = preset_for(labels or {}, own, wide, project or {})
    return found.metadata.name if found is not None else ""


def test_the_greatest_weight_then_the_last_name() -> None:
    assert chosen(preset("a", 10), preset("b", 90), preset("c", 20)) == "b"
    assert chosen(preset("001", 10), preset("002", 10)) == "002"
    assert chosen() == ""


def test_those_of_the_project_come_before_those_of_the_garden() -> None:
    assert chosen(preset("own", 1), wide=(preset("wide", 100),)) == "own"
    hidden = preset("own", 1, shoot_selector=Selector(match_labels={"oidc": "enabled"}))
    assert chosen(hidden, wide=(preset("wide", 100),)) == "wide"
    assert chosen(hidden, wide=(preset("wide", 100),), labels={"oidc": "enabled"}) == "own"


def test_selectors_of_shoot_and_project() -> None:
    only_dev = preset("dev", project_selector=Selector(match_labels={"stage": "dev"}))
    assert chosen(wide=(only_dev,), project={"stage": "dev"}) == "dev"
    assert chosen(wide=(only_dev,), project={"stage": "prod"}) == ""
    assert chosen(wide=(preset("none", project_selector=None),)) == "", "a selector that is not there selects nothing"
    assert chosen(preset("none", shoot_selector=None)) == ""


@pytest.mark.parametrize(
    ("operator", "values", "labels", "holds"),
    [
        ("In", ("a", "b"), {"k": "a"}, True),
        ("In", ("a", "b"), {"k": "c"}, False),
        ("In", ("a",), {}, False),
        ("NotIn", ("a",), {"k": "a"}, False),
        ("NotIn", ("a",), {}, True),
        ("Exists", None, {"k": ""}, True),
        ("Exists", None, {}, False),
        ("DoesNotExist", None, {}, True),
        ("DoesNotExist", None, {"k": "x"}, False),
        ("Approximately", ("a",), {"k": "a"}, False),
    ],
)
def test_match_expressions(operator: str, values: Any, labels: dict[str, str], holds: bool) -> None:
    selector = Selector(match_expressions=(Requirement("k", operator, values),))
    assert selector.matches(labels) is holds


def test_what_the_login_plugin_is_called_with() -> None:
    config = OIDCConfig(
        issuer_url="https://login.example.com",
        client_id="kubernetes",
        ca_bundle="-----BEGIN CERTIFICATE-----\n",
        client_authentication=OIDCClient(secret=Sensitive("hunter2"), extra_config={"extra-scope": "email, groups"}),
    )
    assert login_arguments(config) == [
        "oidc-login",
        "get-token",
        "--oidc-issuer-url=https://login.example.com",
        "--oidc-client-id=kubernetes",
        "--oidc-client-secret=hunter2",
        "--oidc-extra-scope=email",
        "--oidc-extra-scope=groups",
        f"--certificate-authority-data={base64.b64encode(config.ca_bundle.encode()).decode()}",
    ]
    assert f"--oidc-client-secret={MASK}" in login_arguments(config, masked=True)
    assert "hunter2" not in repr(config)


async def test_where_the_settings_come_from(ebench: Bench) -> None:
    found = await settings_of(ebench.client, await shoot_at(ebench.client, "garden-audit", "ledger"))
    assert (found.source, found.config.client_id) == ("the shoot garden-audit/ledger", "kubernetes")
    meadow = await shoot_at(ebench.client, "garden-dev", "meadow")
    found = await settings_of(ebench.client, meadow)
    assert (found.source, found.config.client_id) == ("the OpenIDConnectPreset garden-dev/project", "dev-clusters")
    with pytest.raises(UsageError, match="no preset is for it"):
        await settings_of(ebench.client, await shoot_at(ebench.client, "garden-prod", "tenant-b"))
    shop = await shoot_at(ebench.client, "garden-prod", "shop")
    found = await settings_of(ebench.client, shop)
    assert (found.source, found.config.client_id) == ("the ClusterOpenIDConnectPreset everybody", "clusters")


async def test_gardens_that_know_no_presets_any_more(ebench: Bench) -> None:
    meadow = await shoot_at(ebench.client, "garden-dev", "meadow")
    rule = FaultRule(
        Answer(404, message="the server could not find the requested resource"), path="openidconnectpresets"
    )
    with ebench.arena.fault(rule), pytest.raises(UsageError, match="no preset is for it"):
        await settings_of(ebench.client, meadow)


async def test_a_hibernated_shoot_and_one_that_is_somebody_elses_file(ebench: Bench, tmp_path: Any) -> None:
    access = ShootAccess("harbor", "garden-dev", "night-shift")
    plan = await ebench.engine.plan(PlainShootWish(path=str(tmp_path / "x"), way=Way.OIDC, shoot=access))
    assert any("hibernated: a kubeconfig cannot connect" in warning for warning in plan.warnings)
    assert "kubectl" in plan.preview
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    assert ebench.state.exports() == [], "there is nothing in it that ends"
    with pytest.raises(UsageError, match="needs a shoot"):
        await ebench.engine.plan(PlainWish(path=str(tmp_path / "y"), way=Way.OIDC))
