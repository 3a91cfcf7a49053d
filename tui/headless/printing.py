"""The one door to the terminal: everything that a command prints goes through here, and comes out harmless.

Names of contexts, paths, titles and messages may have been written by anybody, and a terminal obeys what it is sent.
So a line is one line without control characters, and a document keeps its line breaks and loses the same. Only what a
program asks for and another one reads (a credential for kubectl) goes out as it is.
"""

from __future__ import annotations

import sys

import click

from tui.kube.text import safe_text


def line(text: object = "") -> None:
    """One line of data on stdout."""
    click.echo(safe_text(text))


def document(text: str) -> None:
    """Several lines of data on stdout, with the line breaks that they have."""
    click.echo(harmless(text), nl=False)


def answer(text: str, *, bare: bool = False) -> None:
    """What another program asked for, byte for byte. Never anything that a cluster or a file said.

    `bare`: a line break behind it only on a terminal, as kubectl has it.
    """
    click.echo(text, nl=not bare or sys.stdout.isatty())


def say(text: str) -> None:
    """One line on stderr. A closed stderr is no reason to fail."""
    try:
        click.echo(safe_text(text), err=True)
    except OSError:
        return


def agreed(question: str) -> bool:
    """Ask on stderr; No where nothing is said."""
    return click.confirm(safe_text(question), default=False, err=True)


def harmless(text: str) -> str:
    """A document without control characters: each line is `safe_text`, with tabs and line breaks as they are."""
    return "\n".join(
        "\t".join(map(safe_text, part.split("\t"))) + ("\r" if part != whole else "")
        for whole in text.split("\n")
        for part in (whole.removesuffix("\r"),)
    )
