"""`--dry-run` alone and as kubectl has it: `=client` only reads, `=server` also asks, and neither changes anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import issue, journal_entries, kubemint
from tui.issuance.model.clusters import KubeconfigClusters
from tui.kube.resource import ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS


def test_alone_it_takes_no_value_and_client_is_the_same(served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    alone = kubemint("revoke", "--dry-run", f"file:{robot}", *where)
    assert alone.code == 0, alone
    client = kubemint("revoke", "--dry-run=client", f"file:{robot}", *where)
    assert (client.code, client.out) == (0, alone.out)
    assert "server:" not in alone.err + client.err
    kubemint("revoke", "--dry-run=srever", f"file:{robot}", *where).failed(2, "srever")


def test_none_is_no_dry_run(served: Path, tmp_path: Path) -> None:
    assert issue(served, "--create", "--dry-run=none", "--out", tmp_path / "kc", name="not-dry").code == 0
    assert (tmp_path / "kc").exists()


def test_server_sends_what_it_can_and_says_of_the_rest_why_not(served: Path, robot: Path, tmp_path: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    before = len(journal_entries())
    result = kubemint("revoke", "--dry-run=server", f"file:{robot}", *where)
    assert result.code == 0, result
    assert "sent with dryRun=All, the server would do it" in result.err
    assert kubemint("verify", robot, *where).code == 0, "nothing was deleted"
    assert len(journal_entries()) == before

    issued = issue(served, "--create", "--dry-run=server", "--out", tmp_path / "kc", name="never-made")
    assert issued.code == 0, issued
    assert "not sent, it would make a token; you may create serviceaccounts/token" in issued.err
    assert "not sent, what it sends is made only when it is done; you may create secrets" in issued.err
    assert not (tmp_path / "kc").exists()
    names = kubemint("list", "accounts", *where, "-o", "jsonpath={.items[*].name}").out
    assert "never-made" not in names.split()


def test_what_the_server_refuses_ends_with_1(served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    context = yaml.safe_load(robot.read_text())["current-context"]
    result = kubemint("issue", "default", "-n", "default", "--dry-run=server", "--out", f"{robot}.new",
                      "--kubeconfig", robot, "--context", context)  # fmt: skip
    assert result.code == 1, result
    assert "may not" in result.err or "forbidden" in result.err.lower()
    assert kubemint("verify", robot, *where).code == 0


def test_where_there_is_nothing_to_send_that_is_said(served: Path, robot: Path) -> None:
    where = ("--kubeconfig", served, "--context", "tenant-a")
    result = kubemint("export", f"file:{robot}", "--out", f"{robot}.copy", "--dry-run=server", *where)
    assert result.code == 0, result
    assert "only reads here" in result.err


@pytest.mark.parametrize("server", ["embedded", "real"])
def test_read_only_lets_dry_runs_through_and_nothing_at_all_is_written(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, server: str
) -> None:
    """A dry run writes nothing, so --read-only is no reason to refuse it, whatever it shows; neither in the cluster
    nor on this machine."""
    if server == "embedded":
        config, context = request.getfixturevalue("served"), "tenant-b"
    else:
        config, context = request.getfixturevalue("real_cluster").kubeconfig, "real"
    where = ("--kubeconfig", config, "--context", context)
    made = tmp_path / "kc"
    name = ("tried", "-n", "default")
    assert kubemint("issue", *name, *where, "--create", "--duration", "30m", "--out", made).code == 0
    folders = (home, tmp_path)
    before = objects_in(config, context), files_in(*folders)
    for line, server_said in {
        ("revoke", f"file:{made}"): "sent with dryRun=All",
        ("rotate", f"file:{made}"): "not sent, it would make a token",
        ("rotate", "--due", *name[1:]): "",
        ("issue", *name, "--create", "--out", tmp_path / "other"): "not sent, it would make a token",
        ("identity", "create", "tried-too", "-n", "default", "--out", tmp_path): "you may create serviceaccounts",
        ("export", f"file:{made}", "--out", tmp_path / "copy"): "only reads here",
    }.items():
        for kind in ("client", "server"):
            result = kubemint(*line, f"--dry-run={kind}", "--read-only", *where)
            assert result.code == 0, result
            assert kind == "client" or server_said in result.err, result
    assert (objects_in(config, context), files_in(*folders)) == before
    assert kubemint("verify", made, *where).code == 0
    kubemint("revoke", f"file:{made}", "--read-only", "--yes", *where).failed(2, "--read-only", "forbids that")


def objects_in(config: Path, context: str) -> dict[str, str]:
    """The version of everything that kubemint could touch in `default`."""

    async def read() -> dict[str, str]:
        async with KubeconfigClusters(str(config)) as clusters:
            client = await clusters.client(context)
            kinds = (SECRETS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS)
            lists = [await client.list(kind, namespace="default") for kind in kinds]
        return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for found in lists for one in found}

    return asyncio.run(read())


def files_in(*folders: Path) -> dict[str, bytes]:
    """What every file holds; the names for completion are no part of what a command does."""
    every = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in every if ".cache" not in path.parts}
