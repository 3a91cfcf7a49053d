"""`--dry-run` alone and as kubectl has it: `=client` only reads, `=server` also asks, and neither changes anything."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.conftest import issue, journal_entries, kubemint


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
