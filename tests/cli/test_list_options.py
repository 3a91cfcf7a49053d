"""What people who know kubectl type after `list`: nouns, selectors, sorting, filters, scopes, and watching."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import command, environment, issue, kubemint
from tui.headless.selectors import selector
from tui.issuance import UsageError

WHERE = ("--context", "tenant-a")


def items(served: Path, area: str, *more: str) -> list[dict[str, Any]]:
    result = kubemint("list", area, "--kubeconfig", served, *WHERE, *more, "-o", "json")
    assert result.code == 0, result
    found: list[dict[str, Any]] = result.json["items"]
    return found


@pytest.mark.parametrize(
    ("area", "nouns"),
    [
        ("clusters", ("cluster", "contexts")),
        ("accounts", ("account", "sa", "serviceaccounts", "SA")),
        ("requests", ("request", "req", "reqs")),
        ("credentials", ("credential", "cred", "creds")),
    ],
)
def test_get_is_list_and_every_noun_is_understood(served: Path, area: str, nouns: tuple[str, ...]) -> None:
    whole = kubemint("list", area, "--kubeconfig", served, *WHERE, "-o", "name").out
    for noun in nouns:
        assert kubemint("get", noun, "--kubeconfig", served, *WHERE, "-o", "name").out == whole


def test_a_noun_that_is_none_names_the_nearest(served: Path) -> None:
    kubemint("get", "acounts", "--kubeconfig", served).failed(2, "did you mean accounts?")
    kubemint("get", "pods", "--kubeconfig", served).failed(2, "'pods'")


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ("a=b", {"a": "b"}, True), ("a==b", {"a": "c"}, False), ("a!=b", {}, True), ("a!=b", {"a": "b"}, False),
        ("a in (b,c)", {"a": "c"}, True), ("a in (b,c)", {}, False), ("a notin (b)", {}, True),
        ("a", {"a": ""}, True), ("!a", {"a": ""}, False), ("!a", {}, True), ("a=b,c", {"a": "b"}, False),
        ("a in (b,c),!d", {"a": "b"}, True), ("a=", {"a": ""}, True), ("x.io/a=b", {"x.io/a": "b"}, True),
        ("a>1", {"a": "2"}, True), ("a<2", {"a": "2"}, False), ("", {}, True), ("in in (in)", {"in": "in"}, True),
    ],
)  # fmt: skip
def test_selectors_choose_as_kubectl_does(text: str, labels: dict[str, str], holds: bool) -> None:
    assert all(one.holds(labels) for one in selector(text)) is holds


@pytest.mark.parametrize("text", [",", "a=b,", "a b", "=b", "a<x", "a in (b", "a=b c", "-a=b", "a/b/c=d", "a=-b", "a!"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        selector(text)


def test_a_selector_chooses_accounts_by_their_labels(served: Path) -> None:
    whole = items(served, "accounts")
    key, value = next((key, value) for item in whole for key, value in item["labels"].items())
    chosen = [item for item in whole if item["labels"].get(key) == value]
    assert items(served, "accounts", "-l", f"{key}={value}") == chosen
    assert items(served, "accounts", "-l", f"{key}!={value}") == [item for item in whole if item not in chosen]
    kubemint("list", "accounts", "--kubeconfig", served, "-l", "a b").failed(2, "a b", "app in (a,b)")


def test_a_selector_chooses_credentials_by_the_labels_of_their_objects(served: Path) -> None:
    """Told by their addresses: what they have left is a second less by the next list."""
    whole = items(served, "credentials")
    chosen = [item["address"] for item in whole if "kubemint.io/role" in item["labels"]]
    assert chosen
    assert len(chosen) < len(whole)
    for words in (("-l", "kubemint.io/role=credential"), ("--filter", "label:kubemint.io/role=credential")):
        assert [item["address"] for item in items(served, "credentials", *words)] == chosen
    assert items(served, "requests", "-l", "nobody.example/has=this") == []


def test_filter_has_the_grammar_of_the_dashboard(served: Path) -> None:
    whole = items(served, "credentials")
    chosen = items(served, "credentials", "--filter", "!kind:request expires<100d")
    assert [item["address"] for item in chosen] == [
        item["address"]
        for item in whole
        if item["kind"] != "request" and item["secondsLeft"] is not None and item["secondsLeft"] < 100 * 86400
    ]
    assert 0 < len(chosen) < len(whole)


@pytest.mark.parametrize(
    ("area", "text", "said"),
    [
        ("credentials", "stat:due", "did you mean state:?"),
        ("credentials", "robot expries<1h", "did you mean expires<?"),
        ("credentials", "!nmae:x state:due", "did you mean name:?"),
        ("accounts", "target:x", "no target"),
        ("accounts", "expires<1h", "no expires"),
        ("credentials", "expires<1x", "a length of time"),
        ("credentials", "state:", "what it is"),
    ],
)
def test_a_field_that_there_is_not_is_wrong_usage(served: Path, area: str, text: str, said: str) -> None:
    kubemint("list", area, "--kubeconfig", served, "--filter", text).failed(2, "--filter", said)


def test_the_journal_refuses_such_fields_too() -> None:
    kubemint("journal", "--filter", "acton:rotate").failed(2, "did you mean action:?")


def test_sorting_takes_names_and_paths(served: Path) -> None:
    whole = items(served, "accounts")
    for by in ("name", ".name", "{.name}"):
        names = [item["name"] for item in items(served, "accounts", "--sort-by", by)]
        assert names == sorted(names)
        assert len(names) == len(whole)
    created = [item["createdAt"] for item in items(served, "accounts", "--sort-by=.createdAt")]
    assert created == sorted(created)
    left = [item["secondsLeft"] for item in items(served, "credentials", "--sort-by", "{.secondsLeft}")]
    known = [one for one in left if one is not None]
    assert left == [*sorted(known), *([None] * (len(left) - len(known)))]
    kubemint("list", "accounts", "--kubeconfig", served, "--sort-by", ".nmae").failed(2, "did you mean name?")
    kubemint("list", "accounts", "--kubeconfig", served, "--sort-by", "{.name[}").failed(2, "--sort-by")


def test_all_of_it_and_a_part_of_it_exclude_each_other(served: Path) -> None:
    whole = kubemint("list", "accounts", "--kubeconfig", served, "-o", "name").out
    assert kubemint("list", "accounts", "--kubeconfig", served, "-A", "--all-contexts", "-o", "name").out == whole
    kubemint("list", "accounts", "--kubeconfig", served, *WHERE, "--all-contexts").failed(2, "--all-contexts")
    kubemint("list", "accounts", "--kubeconfig", served, "-A", "-n", "ci").failed(2, "-A")


def test_a_watched_list_prints_what_changes_and_ends_with_ctrl_c(served: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        watching = subprocess.Popen(
            command("get", "sa", "-w", "--output-watch-events", "--kubeconfig", served, *WHERE),
            stdout=out, stderr=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        try:
            _until(lambda: len(log.read_text().splitlines()) > 2)
            before = log.read_text()
            assert before.splitlines()[0].split()[:2] == ["EVENT", "CLUSTER"]
            name = f"seen-{time.time_ns()}"
            assert issue(served, "--create", "--out", tmp_path / "kc", name=name).code == 0
            _until(lambda: name in log.read_text())
            line = next(line for line in log.read_text().splitlines() if name in line)
            assert line.split()[0] == "ADDED"
            assert log.read_text().startswith(before)
            assert log.read_text().count("EVENT") == 1
        finally:
            watching.send_signal(signal.SIGINT)
            assert watching.wait(timeout=30) == 0
    assert watching.stderr is not None
    assert "Traceback" not in watching.stderr.read()


def test_watch_events_need_a_watch(served: Path) -> None:
    kubemint("list", "clusters", "--kubeconfig", served, "--output-watch-events").failed(2, "-w")


def _until(true: Any) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)
