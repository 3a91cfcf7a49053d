"""A KUBECONFIG of several files: what is merged into one of them changes nothing that the others say."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Bench
from tests.issuance.samples import ENDPOINT, jwt
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.kubeconfig_file import Names, merge, preview
from tui.issuance.destinations.merge import MergePlace
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import Identity
from tui.kube import kubeconfig as loading
from tui.kube.endpoint import Endpoint
from tui.kube.errors import ConfigError
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive
from tui.kube.yaml_loading import load_first

TENANT = "https://tenant.example:6443"
PROD = """\
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: prod-cluster, cluster: {server: 'https://prod:6443', insecure-skip-tls-verify: true}}
contexts:
- {name: prod, context: {cluster: prod-cluster, user: prod-admin}}
users:
- {name: prod-admin, user: {token: hush}}
"""


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first file of a list, without entries; the second one has the operator's way into `prod`."""
    first, second = tmp_path / "first.kc", tmp_path / "second.kc"
    first.write_text("apiVersion: v1\nkind: Config\n")
    second.write_text(PROD)
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    return first


def delivered(cluster: str, account: str = "robot") -> Sensitive:
    """What would be merged for an account of a cluster whose owner calls it so."""
    endpoint = replace(ENDPOINT, cluster_name=cluster, server=TENANT)
    return kubeconfig(jwt({"jti": account}), endpoint, Identity("c", "shop", account))


@pytest.mark.parametrize("cluster", ["prod-cluster", "prod", "prod-admin", "fine"])
@pytest.mark.parametrize("account", ["prod-cluster", "prod", "prod-admin", "robot"])
@pytest.mark.parametrize("place", ["first.kc", "link.kc"])
def test_nothing_that_another_file_says_is_shadowed(first: Path, cluster: str, account: str, place: str) -> None:
    """The admin's token for `prod` went to the tenant's server, whose owner had called its cluster entry so."""
    (first.parent / "link.kc").symlink_to(first)
    before = loading.load()
    done = merge(first.parent / place, delivered(cluster, account), "r1")
    after = loading.load()
    assert after.endpoint("prod") == before.endpoint("prod")
    assert after.current_context == "prod"
    assert after.endpoint(done.context).server == TENANT
    assert "current-context" not in done.diff
    again = merge(first, delivered(cluster, account), "r1")
    assert (again.context, again.changed) == (done.context, False), "it keeps its names"


def test_where_no_file_of_the_list_says_it_the_only_context_is_the_current_one(first: Path) -> None:
    second = first.with_name("second.kc")
    second.write_text(PROD.replace("current-context: prod\n", ""))
    assert "+current-context: robot" in preview(first, delivered("c"), "r1").diff
    second.unlink()
    assert preview(first, delivered("prod-cluster"), "r1").context == "robot"


def test_a_new_file_in_the_list_does_not_say_which_context_is_the_current_one(first: Path) -> None:
    first.unlink()
    merge(first, delivered("c"), "r1")
    assert loading.load().current_context == "prod"


@pytest.mark.parametrize("text", ["clusters: [", "\x00", "a: &a [*a]"])
def test_a_file_of_the_list_that_cannot_be_read_is_no_file_without_names(first: Path, text: str) -> None:
    first.with_name("second.kc").write_text(text)
    before = first.read_text()
    with pytest.raises(ConfigError, match="which names it has is not known"):
        merge(first, delivered("prod-cluster"), "r1")
    assert first.read_text() == before
    assert merge(first.with_name("apart.kc"), delivered("prod-cluster"), "r1").changed, "it is in no list"


def test_an_entry_that_shadows_from_before_is_led_back(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merged by a version that looked at one file alone; the next rotation ends it."""
    monkeypatch.setenv("KUBECONFIG", str(first.with_name("second.kc")))
    merge(first, delivered("prod-cluster"), "r1")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{first.with_name('second.kc')}")
    assert loading.load().endpoint("prod").server == TENANT
    copy = first.with_name("copy.kc")
    copy.write_text(first.read_text())
    merge(first, delivered("prod-cluster"), "r1")
    assert loading.load().endpoint("prod").server == "https://prod:6443"
    assert loading.load().endpoint("robot").server == TENANT
    monkeypatch.setenv("KUBECONFIG", f"{first}:{copy}")
    assert not merge(first, delivered("prod-cluster"), "r1").changed, "a copy of the file takes no names"


def test_what_kubemint_adds_is_called_as_kubemint_says(first: Path) -> None:
    done = merge(first, delivered("kubernetes", "admin"), "r1", names=Names("prod/default/ten", "robot"))
    document: Any = load_first(done.text.reveal_bytes())
    assert [document[key][0]["name"] for key in ("clusters", "contexts", "users")] == [
        "prod/default/ten", "robot", "robot",
    ]  # fmt: skip


async def test_names_in_a_managed_secret_do_not_come_along(ebench: Bench, first: Path) -> None:
    """Whoever may patch the Secret renames the entries in it; server, authority and token stay what they are."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.KUBECONFIG))
    found = await ebench.client.get(SECRETS, issued.address.name, namespace=arena.namespace)
    document: Any = load_first(base64.b64decode(found["data"]["kubeconfig"]))
    document["clusters"][0]["name"] = document["contexts"][0]["context"]["cluster"] = "prod-cluster"
    document["contexts"][0]["name"] = document["current-context"] = "prod"
    document["users"][0]["name"] = document["contexts"][0]["context"]["user"] = "prod-admin"
    lie = base64.b64encode(dump(document).encode()).decode()
    await ebench.client.patch(SECRETS, issued.address.name, {"data": {"kubeconfig": lie}}, namespace=arena.namespace)
    plan = await ebench.engine.plan_export(issued.address, FileDestination(str(first), merge=True))
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    config = loading.load()
    assert config.endpoint("prod").server == "https://prod:6443"
    assert config.current_context == "prod"
    assert config.endpoint("robot").server == ebench.client.endpoint.server
    assert config.endpoint("robot").cluster_name == ebench.client.endpoint.cluster_name


async def test_a_delivered_cluster_is_called_by_the_way_to_it(ebench: Bench, first: Path) -> None:
    class Delivered(KubeconfigClusters):
        def endpoint(self, name: str) -> Endpoint:
            return replace(ENDPOINT, name=name, cluster_name="prod-cluster", delivered=name.count("/") == 2)

    clusters = Delivered(str(ebench.arena.kubeconfig))
    for cluster, called in (("prod/default/ten", "prod/default/ten"), ("own", "prod-cluster")):
        identity = Identity(cluster, "default", "robot")
        place = MergePlace(FileDestination(str(first), merge=True).address(identity), identity, clusters, ebench.state)
        assert place._names() == Names(called, "robot")
