"""The pod that uses a tokenFile Secret: what it says, and that API servers take it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.issuance.arena import Arena, Bench
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.insight.snippet import MOUNT, pod, text
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.kube.resource import SECRETS

KUBECTL = shutil.which("kubectl")


def test_every_key_of_the_format_is_brought_in_where_clients_look() -> None:
    spec = pod("edge", "gateway")["spec"]
    (container,) = spec["containers"]
    variables = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"]}
    assert set(variables) == {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
    assert all(ref == {"name": "gateway", "key": name} for name, ref in variables.items())
    (source,) = spec["volumes"][0]["projected"]["sources"]
    files = {item["path"]: item["key"] for item in source["secret"]["items"]}
    assert files == {"token": "TOKEN_FILE", "ca.crt": "KUBERNETES_CA_DATA"}
    assert {*variables, *files.values()} == set(Format.TOKEN_FILE.rules.keys)
    assert container["volumeMounts"] == [{"name": "api-access", "mountPath": MOUNT, "readOnly": True}]
    assert spec["automountServiceAccountToken"] is False, "the pod's own token would be in the way"


def test_the_comments_say_what_follows_a_rotation() -> None:
    written = text("edge", "gateway")
    assert yaml.safe_load(written) == pod("edge", "gateway")
    comments = [line for line in written.splitlines() if line.startswith("#")]
    assert max(map(len, comments)) <= 70, "none is wrapped in a dialog of 80 columns"
    said = " ".join(line[2:] for line in comments)
    for word in ("never follow", "next sync", "subPath", "grace period"):
        assert word in said


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
async def test_servers_take_it_for_what_kubemint_keeps(bench: Bench) -> None:
    arena = bench.arena
    outcome = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN_FILE))
    written = await bench.engine.snippet(outcome.credential.address)
    found = (await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace))["data"]
    assert set(found) == set(Format.TOKEN_FILE.rules.keys)
    assert (await bench.engine.material(outcome.credential.address)).reveal() not in written
    done = _dry_run(arena, written)
    assert done.returncode == 0, done
    assert done.stdout == "pod/consumer created (server dry run)\n"


def _dry_run(arena: Arena, written: str) -> subprocess.CompletedProcess[str]:
    arguments: list[Any] = [KUBECTL, "--kubeconfig", arena.kubeconfig, "--context", arena.name]
    arguments += ["create", "--dry-run=server", "-f", "-"]
    return subprocess.run(arguments, input=written, capture_output=True, text=True, timeout=60, check=False)


async def test_only_secrets_of_that_type_have_one(ebench: Bench) -> None:
    arena = ebench.arena
    outcome = await ebench.issue(arena.spec(arena.secret("robot-kubeconfig")))
    with pytest.raises(UsageError, match=r"is of type kubeconfig, the snippet is for tokenFile") as raised:
        await ebench.engine.snippet(outcome.credential.address)
    assert "KUBECONFIG" in raised.value.hint
    with pytest.raises(UsageError, match="not kept in a Secret"):
        await ebench.engine.snippet(Address(CredentialKind.FILE, "", "", "/tmp/robot"))
