"""What of a kubeconfig survives when one entry of it changes: the column of decision 15 that is ours."""

from __future__ import annotations

import difflib
from typing import Any, Final

import pytest

from tui.issuance.destinations.kubeconfig_edit import Change, changed, edit
from tui.kube.yaml_loading import load_first

_HEAD: Final = "# top\napiVersion: v1\nkind: Config\n"
_TAIL: Final = "contexts: []\nusers: []\n"
_ONE: Final = "clusters:\n- name: a\n  cluster:\n    server: https://a\n"
NEW: Final[dict[str, Any]] = {"name": "new", "cluster": {"server": "https://new"}}
WHOLE: Final = {
    "comments": f"{_HEAD}"
    f"clusters:\n# first\n- name: a  # its name\n  cluster:\n    server: https://a  # b\n# c\n{_TAIL}# d\n",
    "merge keys": f"{_HEAD}"
    f"clusters:\n- name: a\n  cluster: &c {{server: https://a}}\n- name: b\n  cluster:\n    <<: *c\n{_TAIL}",
    "order": f"users: []\nkind: Config\n{_ONE}contexts: []\napiVersion: v1\n",
    "CRLF": f"{_HEAD}{_ONE}{_TAIL}".replace("\n", "\r\n"),
    "entries in flow style": f"{_HEAD}clusters:\n- {{name: a, cluster: {{server: https://a}}}}\n{_TAIL}",
    "quotes": f"apiVersion: \"v1\"\nkind: 'Config'\nclusters:\n- name: \"a\"\n  cluster:\n    server: 'https://a'\n{_TAIL}",
    "indented lists": f"{_HEAD}clusters:\n  - name: a\n    cluster:\n        server: https://a\n{_TAIL}",
    "document markers": f"---\n{_HEAD}{_ONE}{_TAIL}...\n---\nanother: document\n",
    "words as written": f"{_HEAD}{_ONE}    insecure-skip-tls-verify: True\ncontexts: ~\nusers: [ ]   \n",
    "blank lines": f"{_HEAD}\n\nclusters:\n\n- name: a\n\n  cluster:\n    server: https://a\n\n{_TAIL}\n",
    "byte order mark": f"\ufeffapiVersion: v1\n{_ONE}{_TAIL}",
    "tab before a comment": f"{_HEAD}clusters:\n- name: a\n  cluster:\n    server: https://a\t# here\n{_TAIL}",
    "a key twice": f"{_HEAD}kind: Config\n{_ONE}{_TAIL}",
}  # fmt: skip


def read(text: str) -> dict[str, Any]:
    document = load_first(text.encode())
    assert isinstance(document, dict)
    return document


def lost(before: str, after: str) -> list[str]:
    """Lines of `before` that are not in `after`, byte for byte and in their order."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [line for code, start, end, _, _ in codes if code in ("delete", "replace") for line in old[start:end]]


@pytest.mark.parametrize("name", WHOLE)
def test_what_others_wrote_stays_byte_for_byte(name: str) -> None:
    text = WHOLE[name]
    edited = edit(text, read(text), [Change("clusters", None, NEW)])
    assert edited.in_place
    assert lost(text, edited.text) == []


def test_the_comment_of_the_next_entry_stays_where_one_is_taken_out() -> None:
    text = f"{_HEAD}{_ONE}# of b\n- name: b\n  cluster:\n    server: https://b\n{_TAIL}"
    edited = edit(text, read(text), [Change("clusters", 0, None)])
    assert edited.in_place
    assert lost(text, edited.text) == ["- name: a\n", "  cluster:\n", "    server: https://a\n"]


@pytest.mark.parametrize(
    "text",
    [
        f"{_HEAD}clusters: [{{name: a, cluster: {{server: https://a}}}}]\n{_TAIL}",
        f"{_HEAD}clusters:\n- name: a\n  cluster: &c\n    server: https://a\n- name: b\n  cluster: *c\n{_TAIL}",
        '{"apiVersion": "v1", "clusters": [{"name": "a", "cluster": {"server": "https://a"}}]}\n',
    ],
    ids=["a list in flow style", "an anchor in the entry", "JSON"],
)
def test_what_is_written_anew_says_so_and_means_the_same(text: str) -> None:
    document, change = read(text), Change("clusters", 0, NEW)
    edited = edit(text, document, [change])
    assert not edited.in_place
    assert read(edited.text) == changed(document, [change])
