"""What is typed by people who know kubectl: its words work where they have a meaning here, and else name what does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import kubemint
from tui.cli import VERBS
from tui.headless import habits


@pytest.fixture(scope="module")
def where(served: Path) -> tuple[str, ...]:
    return ("--kubeconfig", str(served), "--context", "tenant-a")


@pytest.mark.parametrize("line", [("get", "sa", "default"), ("get", "sa/default"), ("list", "accounts", "default")])
def test_a_name_chooses_of_a_list(where: tuple[str, ...], line: tuple[str, ...]) -> None:
    result = kubemint(*line, "-n", "default", *where, "-o", "json")
    assert result.code == 0, result
    assert [item["name"] for item in result.json["items"]] == ["default"]


def test_a_name_that_is_not_there_is_said_and_ends_with_1(where: tuple[str, ...]) -> None:
    result = kubemint("get", "sa", "default", "no-such", "-n", "default", *where, "-o", "name")
    assert result.code == 1, result
    assert len(result.out.splitlines()) == 1
    assert "there is no no-such among the accounts in namespace default" in result.err


def test_describe_shows_all_that_a_list_knows(where: tuple[str, ...]) -> None:
    result = kubemint("describe", "sa", "default", "-n", "default", *where)
    assert result.code == 0, result
    assert "kind: AccountList" in result.out
    assert "name: default" in result.out


def test_an_address_says_of_what_it_is(where: tuple[str, ...], robot: Path) -> None:
    for line in (("describe", f"file:{robot}"), ("get", f"file:{robot}", "-o", "json")):
        result = kubemint(*line, *where)
        assert result.code == 0, result
        assert f"file:{robot}" in result.out


def test_delete_is_revoke_where_it_names_a_credential(where: tuple[str, ...]) -> None:
    nothing = "secret:tenant-a/default/no-such"
    for line in (("delete", "cred", nothing), ("delete", nothing), ("revoke", nothing)):
        kubemint(*line, "--yes", *where).failed(1, "no-such")
    kubemint("delete", "pod", "x", *where).failed(2, "kubemint revoke ADDRESS")


@pytest.mark.parametrize("word", sorted(habits.ELSEWHERE))
def test_what_is_no_command_names_what_does_it(word: str) -> None:
    assert word not in VERBS
    result = kubemint(word, "x")
    result.failed(2, f"there is no command {word!r}: ")
    assert "kubemint " in result.err or "kubectl" in result.err


def test_every_word_leads_to_a_command() -> None:
    for command, _, _ in habits.SAME.values():
        assert command in VERBS
    for word in habits.ALSO:
        assert kubemint(word, "--help").code == 0
    assert not {*habits.SAME, *habits.ALSO, *habits.ELSEWHERE} & VERBS.keys()
    assert kubemint("version", "--client").out.startswith("kubemint ")


def test_whoami(where: tuple[str, ...]) -> None:
    result = kubemint("auth", "whoami", *where)
    assert result.code == 0, result
    assert result.out.splitlines()[0].split() == ["ATTRIBUTE", "VALUE"]
    assert result.out.splitlines()[1].split() == ["Username", "kubernetes-admin"]


def test_an_account_is_not_created_by_itself() -> None:
    kubemint("create", "sa", "x").failed(2, "kubemint issue NAME -n NS --create")


def test_the_demos_contexts_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of this machine's kubeconfig; and that is not written for it."""
    mine = tmp_path / "mine"
    monkeypatch.setenv("KUBECONFIG", str(mine))
    shown = kubemint("config", "get-contexts", "--demo", "-o", "name")
    assert "harbor" in shown.out.split(), shown
    assert kubemint("--demo", "config", "current-context").out == "harbor\n"
    kubemint("config", "get-contexts", "nowhere", "--demo").failed(2, "there is no context nowhere")
    for words in (("use-context", "harbor"), ("use", "harbor"), ("unmerge", "harbor"), ("merge", "/dev/null")):
        kubemint("--demo", "config", *words).failed(2, "--demo has a kubeconfig of its own")
    assert not mine.exists()


def test_a_namespace_before_the_command_is_the_commands(where: tuple[str, ...]) -> None:
    behind = kubemint("get", "sa", "-n", "default", *where, "-o", "name")
    assert behind.out
    for before in (("-n", "default"), ("--namespace", "default"), ("--namespace=default",), ("-n=default",)):
        assert kubemint(*where, *before, "get", "sa", "-o", "name").out == behind.out
    assert kubemint("-A", "get", "sa", *where, "-o", "name").out.count("\n") > behind.out.count("\n")
    kubemint("-n", "default").failed(2, "no such option")
    assert habits.reordered(["-n", "a", "run", "robot", "--", "sh"], ()) == ["run", "robot", "-n", "a", "--", "sh"]
    assert habits.reordered(["--context", "help", "list"], {"--context"}) == ["--context", "help", "list"]


def test_help_is_a_word_too() -> None:
    assert kubemint("help").out == kubemint("--help").out != ""
    assert kubemint("help", "get").out == kubemint("get", "--help").out != ""


def test_what_kubectl_has_beside_in_a_group_is_told_apart() -> None:
    kubemint("config", "set-context", "--current", "--namespace=ci").failed(2, "kubectl config does that")
    kubemint("config", "view").failed(2, "kubemint config show")
    kubemint("create", "secret", "generic", "x").failed(2, "kubemint issue", "kubectl creates")
    kubemint("get", "pods").failed(2, "other objects are listed with kubectl")


def test_the_words_of_metadata_find_what_is_called_otherwise_here(where: tuple[str, ...]) -> None:
    """Of one that is named as kubectl prints it, of each in a list, and to sort by."""
    named = ("get", "sa", "default", "-n", "default", *where)
    assert kubemint(*named, "-o", "jsonpath={.metadata.name}").out == "default"
    whole = kubemint(*named, "-o", "json").json["items"][0]
    path = "{.items[*].metadata.creationTimestamp} {.metadata.uid}"
    assert kubemint(*named, "-o", f"jsonpath={path}").out == f"{whole['createdAt']} {whole['uid']}"
    columns = kubemint(*named, "--no-headers", "-o", "custom-columns=A:.metadata.namespace,B:.metadata.name")
    assert columns.out.split() == ["default", "default"]
    every = ("get", "sa", *where, "-o", "jsonpath={.items[*].metadata.name}")
    names = kubemint(*every, "--sort-by=.metadata.name").out.split()
    assert names == sorted(names) != []


def test_issue_takes_the_current_context_and_says_so(served: Path, tmp_path: Path) -> None:
    """As `create token` does; several are still too many."""
    words = ("issue", "robot", "-n", "no-such-here", "--kubeconfig", str(served), "--out", str(tmp_path / "out"))
    taken = kubemint(*words)
    assert taken.code != 0
    assert "the current context" in taken.err
    kubemint(*words, "--context", "harbor", "--context", "tenant-a").failed(2, "only one")


def test_a_path_that_is_none_is_no_account(where: tuple[str, ...]) -> None:
    kubemint("lineage", "./nowhere.kubeconfig", *where).failed(2, "neither a file nor an address")
