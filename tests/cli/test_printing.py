"""What a terminal is sent: no byte of anybody's escape sequences, whichever command prints it."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import ROOT, kubemint
from tui.headless.output import object_text
from tui.headless.printing import harmless

ESCAPE = "\x1b]52;c;ZXZpbA==\x07"
CONTEXT = f"harbor{ESCAPE}\x9b2J\u202e"
SECRET = f"secret:{CONTEXT}/payments/api-kubeconfig"
DOORS = {"echo", "secho", "confirm", "prompt", "print"}


@pytest.fixture(scope="module")
def hostile(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet's kubeconfig, in which somebody named a context so that it speaks to terminals."""
    document = yaml.safe_load(served.read_text())
    for context in document["contexts"]:
        if context["name"] == "harbor":
            context["name"] = CONTEXT
    document["current-context"] = CONTEXT
    path = tmp_path_factory.mktemp("hostile") / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def obeyed(text: str) -> list[str]:
    """The characters in it that a terminal would obey, or that hide and turn others round."""
    text = text.replace("\r\n", "\n")  # as CSV ends its lines
    return [char for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf")]


def test_no_command_sends_what_a_name_says_to_the_terminal(hostile: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for line in (
        ("list", "clusters"),
        ("list", "credentials", "-o", "name"),
        ("export", SECRET, "--out", copy),
        ("export", SECRET, "--out", copy, "-o", "json"),
        ("rotate", SECRET, "--dry-run"),
        ("revoke", f"secret:{CONTEXT}/payments/none", "--yes"),
        ("issue", "robot", "-n", "payments", "--secret", "payments/hostile-copy", "--create"),
        ("revoke", f"secret:{CONTEXT}/payments/hostile-copy", "--yes"),
        ("journal",),
        ("journal", "-o", "csv"),
        ("journal", "-o", "jsonl"),
        ("list", f"nonsense{ESCAPE}"),
        ("verify", f"/nowhere/{ESCAPE}"),
    ):
        result = kubemint("--kubeconfig", hostile, "--context", CONTEXT, *line)
        assert obeyed(result.out) == [], (line, result.out)
        assert obeyed(result.err) == [], (line, result.err)
        assert result.code in (0, 1, 2), (line, result)
        if line[0] in ("export", "issue"):
            assert result.code == 0, result


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a: b\n- c\n", "a: b\n- c\n"),
        ("a,b\r\nc,d\r\n", "a,b\r\nc,d\r\n"),
        ("\tindented\n", "\tindented\n"),
        ("grün 漢字\n", "grün 漢字\n"),
        (f"a{ESCAPE}b\n", "a·]52;c;ZXZpbA==·b\n"),
        ("a\rb\n", "a b\n"),
        ("a\x85b\u2028c\n", "a·b·c\n"),
        ("", ""),
    ],
)
def test_a_document_keeps_its_lines_and_loses_what_a_terminal_obeys(text: str, printed: str) -> None:
    assert harmless(text) == printed


def test_nothing_is_printed_but_through_the_one_door() -> None:
    for path in [*sorted((ROOT / "tui" / "headless").glob("*.py")), ROOT / "tui" / "cli.py"]:
        if path.name == "printing.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert called not in DOORS, f"{path.name}:{node.lineno} prints past printing.py"


def test_yaml_is_written_so_that_kubectl_reads_texts_as_texts() -> None:
    """Its reader takes a bare `y` for a boolean, and `08` or `1:30` for numbers."""
    words = ["y", "on", "No", "08", "1:30", "433e40", "plain"]
    text = object_text({"kind": "Words", "items": words, "none": None, "yes": True, "count": 3}, "yaml")
    assert text == (
        'kind: Words\nitems:\n- "y"\n- "on"\n- "No"\n- "08"\n- "1:30"\n- "433e40"\n- plain\n'
        'none: null\n"yes": true\ncount: 3\n'
    )
