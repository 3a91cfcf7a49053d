"""What `:` means, and what it can be completed to, without a screen; what is remembered over a restart."""

from __future__ import annotations

from pathlib import Path

import click.testing
import pytest

from tui.fleet.nouns import NARROWING, NOUNS
from tui.headless.listing import list_
from tui.issuance import UsageError
from tui.screens.shell.commands import Command, Known, complete, opening, understand
from tui.screens.shell.memory import LONGEST, Memory, Sorted, read, write

KNOWN = Known(
    actions={"q": "app.quit", "rotate": "rotate", "read-only": "read_only"},
    clusters=["harbor", "tenant-a", "tenant-b"],
    namespaces=["ci", "web"],
    themes=["dark", "light", "terminal"],
    sorts=["left", "state", "cluster"],
)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", None),
        ("  ", None),
        ("42", Command("row", "42")),
        ("cred", Command("area", "credentials")),
        ("SA", Command("area", "accounts")),
        ("secrets", Command("area", "credentials", "kind:secret")),
        ("creds", Command("area", "credentials")),
        ("credential", Command("area", "credentials")),
        ("secret", Command("area", "credentials", "kind:secret")),
        ("req", Command("area", "requests")),
        ("reqs", Command("area", "requests")),
        ("request", Command("area", "requests")),
        ("account", Command("area", "accounts")),
        ("serviceaccount", Command("area", "accounts")),
        ("namespaces web", Command("namespace", "web")),
        ("context tenant-b", Command("cluster", "tenant-b")),
        ("cluster", Command("choose", "cluster")),
        ("clusters", Command("area", "clusters")),
        ("sa /ns:ci name:robot", Command("area", "accounts", "ns:ci name:robot")),
        ("secrets /state:due", Command("area", "credentials", "kind:secret state:due")),
        ("ctx", Command("choose", "cluster")),
        ("ctx tenant-b", Command("cluster", "tenant-b")),
        ("ctx harb", Command("cluster", "harbor")),
        ("harbor", Command("open", "harbor")),
        ("ns web", Command("namespace", "web")),
        ("ns", Command("choose", "namespace")),
        ("ns all", Command("namespace")),
        ("theme term", Command("theme", "terminal")),
        ("sort state", Command("sort", "state")),
        ("sort -clu", Command("sort", "cluster", reverse=True)),
        ("q", Command("action", "app.quit")),
        ("read-only", Command("action", "read_only")),
        ("rotate", Command("action", "rotate")),
    ],
)
def test_words_mean(text: str, command: Command | None) -> None:
    assert understand(text, KNOWN) == command


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rotat3", "did you mean 'rotate'"),
        ("ctx habror", "did you mean 'harbor'"),
        ("sort nothing", "there is left, state, cluster"),
        ("rotate now", "takes no name"),
        ("nonsense", "? shows what there is"),
        ("theme pink", "there is no theme 'pink'"),
    ],
)
def test_what_nobody_understands_says_what_is_near(text: str, words: str) -> None:
    command = understand(text, KNOWN)
    assert command is not None
    assert command.kind == "unknown"
    assert words in command.name


def test_what_the_dashboard_can_open_on() -> None:
    """What `kubemint --command` takes is an area; a running dashboard alone knows clusters, rows and actions."""
    assert opening("sa /ns:ci") == Command("area", "accounts", "ns:ci")
    for text in ("harbor", "rotate", "ctx harbor", "42", " ", "nonsense"):
        with pytest.raises(UsageError, match="cannot open on"):
            opening(text)


def test_completion() -> None:
    assert complete("ten", KNOWN) == ["tenant-a", "tenant-b"]
    assert complete("ctx ", KNOWN) == ["ctx harbor", "ctx tenant-a", "ctx tenant-b"]
    assert complete("ctx -b", KNOWN) == ["ctx tenant-b"]
    assert complete("theme l", KNOWN) == ["theme light", "theme terminal"]
    assert complete("rot", KNOWN) == ["rotate"]
    assert complete("rotate x", KNOWN) == []


def test_memory_survives_a_restart_and_keeps_only_so_much(tmp_path: Path) -> None:
    memory = Memory(area="credentials", filter="robot", cursor="file:/x", sorts={"clusters": Sorted("reach", True)})
    for number in range(LONGEST + 5):
        memory.add("/", f"word-{number}")
    memory.add("/", "word-20")
    memory.add(":", "   ")
    assert memory.filters[-1] == "word-20"
    assert len(memory.filters) == len(set(memory.filters)) == LONGEST
    file = tmp_path / "state" / "dashboard.json"
    kept = write(file, memory)
    assert read(file) == memory
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    assert write(file, memory, kept) == kept
    assert not file.exists(), "nothing new, nothing written"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"area": 3}', b"\xff\xfe", b'{"filters": [1]}', b"x" * 100_000]
)
def test_garbage_is_forgotten(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "dashboard.json"
    file.write_bytes(content)
    assert read(file) == Memory()
    assert read(tmp_path) == Memory(), "a folder in its place"


def test_what_is_remembered_cannot_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.json"
    file.write_text('{"filter": "\\u001b[31m", "filters": ["ok", "\\u0007"], "area": "overview"}')
    assert read(file) == Memory(filters=["ok"])


def test_a_folder_that_cannot_be_written_to_is_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write(tmp_path / "file" / "dashboard.json", Memory())


def test_both_prompts_know_the_same_nouns() -> None:
    """What `get` lists by a word, `:` shows by it."""
    for word, noun in NOUNS.items():
        kind = NARROWING.get(word)
        shown = Command("area", *noun) if kind is None else Command("choose", kind)
        assert understand(word, KNOWN) == shown, word
        assert click.testing.CliRunner().invoke(list_, [word, "--help"]).exit_code == 0
