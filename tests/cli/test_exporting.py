"""`kubemint export` as people run it, on an embedded fleet."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import kubemint, token_in

SECRET = "secret:harbor/payments/api-kubeconfig"


def test_a_copy_in_each_place_is_accepted_and_its_token_printed_nowhere(served: Path, tmp_path: Path) -> None:
    where = ("--kubeconfig", served)
    path = tmp_path / "copy.kc"
    shown = kubemint("export", SECRET, *where, "--out", path, "--dry-run")
    assert shown.code == 0, shown
    assert "••••••••" in shown.out
    assert "0600" in shown.err
    assert not path.exists()
    done = kubemint("export", SECRET, *where, "--out", path)
    assert (done.code, done.out) == (0, f"file:{path}\n"), done
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = token_in(path)

    env = tmp_path / "copy.env"
    assert kubemint("export", SECRET, *where, "--out", env, "--format", "tokenFile", "-q").err == ""
    assert token in env.read_text()

    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\ncontexts:\n- name: mine\n  context: {cluster: c, user: u}\n")
    changes = kubemint("export", SECRET, *where, "--merge", config, "--dry-run", "-o", "json").json
    assert (changes["kind"], changes["exists"]) == ("Plan", True)
    assert "+- name: api" in changes["preview"]
    assert kubemint("export", SECRET, *where, "--merge", config).code == 0
    assert "mine" in config.read_text()

    kept = kubemint("export", SECRET, *where, "--secret", "payments/copy", "-o", "json")
    assert kept.code == 0, kept
    assert kept.json["items"][0]["address"] == "secret:harbor/payments/copy"
    for address in (f"file:{path}", f"file:{env}", "secret:harbor/payments/copy"):
        verified = kubemint("verify", address, *where)
        assert verified.out.startswith("accepted as system:serviceaccount:payments:api"), verified
    everything = "".join(result.out + result.err for result in (shown, done, kept))
    assert token not in everything + kubemint("journal", "-o", "json").out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "name a destination"),
        (("--out", "x", "--secret", "a/b"), "one of them"),
        (("--out", "-"), "never written to the terminal"),
        (("--merge", "x", "--format", "token"), "--format: only a kubeconfig can go into a kubeconfig"),
        (("--secret", "robot"), "--secret: write namespace/name"),
        (("--out", "x", "--format", "jks"), "'jks'"),
        (("--secret", "a/b", "--context", "harbor", "--context", "fjord"), "in one cluster"),
        (("--secret", "a/b", "--read-only"), "--read-only"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_wishes_are_usage_errors(served: Path, arguments: tuple[str, ...], part: str) -> None:
    kubemint("export", SECRET, "--kubeconfig", served, *arguments).failed(2, part)


def test_what_is_not_handed_out(served: Path, tmp_path: Path) -> None:
    kubemint("export", "login:harbor", "--kubeconfig", served, "--out", tmp_path / "x").failed(2, "not handed out")
    kubemint("export", "secret:harbor/a/b", "--kubeconfig", served, "--out", tmp_path / "x").failed(1, "not found")
    assert not (tmp_path / "x").exists()
