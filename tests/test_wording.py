"""The words of what people read: none that was replaced comes back, in the rooms where it was.

Plain, short and active, in the terms of Kubernetes: what a sentence of kubectl or of GitHub's command line would say.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.issuance.test_spoken import ROOMS, texts
from tui.actions.offered import OFFERED
from tui.actions.table import ACTIONS
from tui.issuance import Identity, UsageError
from tui.issuance.families import asking as ask
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import parse

EVERYWHERE: Final = (*ROOMS, "headless", "actions", "screens", "widgets")
LABELS: Final = ("Lets in by", "May read", "Carried by", "Looks every", "take over keys that others own", "Keep in")
REPLACED: Final = (
    # the table of words
    "with its authority", "speaks against it", "and it is no address", "is nowhere any more", "good for …",
    "it is not said which",
    # the same voice
    "whoever", "speaks for", "by itself", "leads to ", "leads into", "leads there", "lead there", "leads elsewhere",
    "lets in", "let a tenant into", "carries it on", "carried on", "that is meant,", "is meant to be",
    "issue it anew", "written anew", "is entered", "made again", "taken back", "in it lies", "looks every",
    "as it should be", "the file as it is", "is shown to none",
)  # fmt: skip


@pytest.mark.parametrize("word", REPLACED)
def test_nothing_that_people_read_says_what_was_replaced(word: str) -> None:
    found = [one for one in texts(EVERYWHERE) if word.lower() in one[2].lower()]
    assert not found, "\n".join(map(str, found))


def test_no_field_or_action_says_it_either() -> None:
    """What is one word alone, which is no sentence, included."""
    told = []
    for action in (*ACTIONS, *(one for _, one in OFFERED)):
        told += [action.title, action.says, action.label]
        for field in action.fields:
            told += [field.label, field.help, field.hint, field.missing, field.placeholder]
            told += [text for choice in field.choices for text in (choice.text, choice.help)]
    assert not set(told) & set(LABELS)
    assert not [text for text in told for word in REPLACED if word in text]


def test_a_service_account_is_said_with_its_namespace_and_cluster() -> None:
    assert Identity("harbor", "ci", "robot").said == "robot (namespace ci, cluster harbor)"


def test_what_is_neither_a_file_nor_an_address_is_said_in_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"^nosuch is neither a file nor an address$"):
        ask.an_address("nosuch")
    with pytest.raises(UsageError, match=r" is neither a file nor an address$"):
        ask.an_address("x" * 300)  # longer than a file's name may be


def test_a_bare_token_where_a_kubeconfig_belongs_is_called_one() -> None:
    with pytest.raises(ConfigError, match="this is a bare token") as caught:
        parse(b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln\n")
    assert "inspect" in caught.value.hint
    assert "verify" in caught.value.hint
