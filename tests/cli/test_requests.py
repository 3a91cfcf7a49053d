"""`kubemint request`: requests made and deleted as the dashboard's dialog does it, in kubectl's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Result, kubemint
from tui.demo.running import FleetThread
from tui.issuance.families.dpf.resources import DPU_REQUESTS
from tui.kube.client import Client
from tui.kube.errors import NotFound
from tui.kube.kubeconfig import load

KIND = "dpuservicecredentialrequest.svc.dpu.nvidia.com"


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetThread]:
    """A management cluster in which nobody else keeps requests."""
    with FleetThread(clusters=1, accounts=0, troubled=False, controller=False) as running:
        yield running


def request(fleet: FleetThread, *words: str) -> Result:
    return kubemint("request", *words, "-n", "default", "--kubeconfig", fleet.kubeconfig, "--context", "harbor")


def there(fleet: FleetThread, name: str) -> dict[str, Any] | None:
    async def look(_: Any) -> dict[str, Any] | None:
        async with Client(load(str(fleet.kubeconfig)).endpoint("harbor")) as client:
            try:
                found: dict[str, Any] = await client.get(DPU_REQUESTS, name, namespace="default")
            except NotFound:
                return None
            return found

    seen: dict[str, Any] | None = fleet.call(look)
    return seen


def test_a_dry_run_prints_what_kubectl_applies_and_makes_nothing(fleet: FleetThread) -> None:
    made = request(fleet, "create", "dry", "--service-account", "agent", "--labels", "team=edge", "--dry-run=client",
                   "-o", "yaml")  # fmt: skip
    assert made.code == 0, made
    manifest = yaml.safe_load(made.out)
    assert manifest["kind"] == "DPUServiceCredentialRequest"
    assert manifest["metadata"] == {"name": "dry", "namespace": "default"}
    assert manifest["spec"]["secret"]["name"] == "dry-credential"
    assert manifest["spec"]["metadata"] == {"labels": {"team": "edge"}}
    assert request(fleet, "create", "dry", "--service-account", "agent", "--dry-run").out == (
        f"{KIND}/dry created (dry run)\n"
    )
    server = request(fleet, "create", "dry", "--service-account", "agent", "--dry-run=server")
    assert server.out == f"{KIND}/dry created (server dry run)\n"
    answered = request(fleet, "create", "dry", "--service-account", "agent", "--dry-run=server", "-o", "yaml")
    assert yaml.safe_load(answered.out)["metadata"]["uid"], "what the server made of it"
    assert "managedFields" not in yaml.safe_load(answered.out)["metadata"]
    bare = request(fleet, "create", "y", "--service-account", "on", "--dry-run", "-o", "yaml").out
    assert 'name: "y"' in bare, "else kubectl reads it as a boolean"
    assert there(fleet, "dry") is None


def test_a_dry_run_on_the_server_is_no_change_for_read_only(fleet: FleetThread) -> None:
    tried = request(fleet, "create", "ro", "--service-account", "agent", "--dry-run=server", "--read-only")
    assert (tried.code, tried.out) == (0, f"{KIND}/ro created (server dry run)\n"), tried
    assert there(fleet, "ro") is None
    request(fleet, "create", "ro", "--service-account", "agent", "--read-only").failed(2, "--read-only forbids that")


def test_a_request_is_made_and_deleted(fleet: FleetThread) -> None:
    made = request(fleet, "create", "one", "--service-account", "agent", "--duration", "90m", "--type", "tokenFile")
    assert (made.code, made.out) == (0, f"{KIND}/one created\n"), made
    found = there(fleet, "one")
    assert found is not None
    assert (found["spec"]["duration"], found["spec"]["type"]) == ("90m", "tokenFile")
    request(fleet, "create", "one", "--service-account", "agent").failed(1, "exists already")
    request(fleet, "delete", "one").failed(2, "no terminal to confirm on", "--yes")
    assert request(fleet, "delete", "one", "--dry-run=client").out == f'{KIND} "one" deleted (dry run)\n'
    assert request(fleet, "delete", "one", "--dry-run=server").out == f'{KIND} "one" deleted (server dry run)\n'
    assert there(fleet, "one") is not None, "none of these deleted it"
    gone = request(fleet, "delete", "one", "one", "--yes")
    assert (gone.code, gone.out) == (0, f'{KIND} "one" deleted\n'), gone
    assert there(fleet, "one") is None
    request(fleet, "delete", "one", "--yes").failed(1, "one")
    named = request(fleet, "create", "two", "--service-account", "agent", "-o", "name")
    assert named.out == f"{KIND}/two\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create",), "missing argument 'NAME'"),
        (("create", "x"), "missing option '--service-account'"),
        (("create", "X_Y", "--service-account", "a"), "NAME: lower case letters"),
        (("create", "x", "--service-account", "a", "--duration", "7d"), "--duration"),
        (("create", "x", "--service-account", "a", "--duration", "2w"), "--duration"),
        (("create", "x", "--service-account", "a", "--duration", "1m"), "must be 10m or more"),
        (("create", "x", "--service-account", "a", "--target-cluster", "a/b/c"), "--target-cluster"),
        (("create", "x", "--service-account", "a", "--labels", "novalue"), "key=value"),
        (("create", "x", "--service-account", "a", "--labels", "kubemint.io/role=x"), "'kubemint.io/role'"),
        (("create", "x", "--service-account", "a", "--type", "token"), "kubeconfig"),
    ],
)
def test_what_the_dialog_refuses_is_refused(fleet: FleetThread, words: tuple[str, ...], said: str) -> None:
    request(fleet, *words).failed(2, said)


def test_a_missing_namespace_is_named_and_how_to_make_it(fleet: FleetThread) -> None:
    where = ("--kubeconfig", fleet.kubeconfig, "--context", "harbor", "-n", "nowhere")
    refused = kubemint("request", "create", "one", "--service-account", "agent", *where)
    refused.failed(1, 'there is no namespace "nowhere"', "make it first (kubectl create namespace nowhere)")
    assert "DPF" not in refused.err


@pytest.mark.parametrize("how", [("--dry-run",), ("--yes",)])
def test_what_else_ends_with_its_account_is_said_before(
    fleet: FleetThread, tmp_path: Path, how: tuple[str, ...]
) -> None:
    """The account goes with the request, and with that every other credential of it."""
    name = "busy" + how[0].strip("-")
    where = ("-n", "default", "--kubeconfig", fleet.kubeconfig, "--context", "harbor")
    assert request(fleet, "create", name, "--service-account", name).code == 0
    assert kubemint("reconcile", name, *where).code == 0
    assert kubemint("issue", name, *where, "--secret", f"default/{name}-kept").code == 0
    assert kubemint("issue", name, *where, "--out", tmp_path / "kc").code == 0
    said = request(fleet, "delete", name, *how).err
    assert f"Secret harbor/default/{name}-kept holds a credential of default/{name} too, which ends with it" in said
    assert f"file:{tmp_path / 'kc'} is a credential of default/{name} too, and ends with it" in said
    assert f"-credential holds a credential of default/{name} too" not in said, "its own is no other"
