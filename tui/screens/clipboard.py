"""Copying to the terminal's clipboard (OSC 52), only because the user pressed the key for it, and never too much.

Terminals cut longer sequences off or ignore them without a word, so what is too long is refused, and said.
"""

from __future__ import annotations

from typing import Any, Final

from textual.app import App

from tui.kube.amounts import number

MOST_BYTES: Final = 74_000
"""So much still fits, encoded, into the 100,000 bytes that common terminals take."""
NOTHING_CAME: Final = "Nothing there? Allow OSC 52 in the terminal; in tmux: set -g set-clipboard on"


def copy(app: App[Any], text: str) -> str:
    """Copy it; gives why not, empty where it was copied."""
    size = len(text.encode())
    if size > MOST_BYTES:
        takes = f"a terminal's clipboard takes {number(MOST_BYTES)}"
        return f"not copied: {number(size)} bytes, {takes}; e writes a file instead"
    app.copy_to_clipboard(text)
    return ""


def sent(what: str) -> str:
    """What to say of something that was copied: no terminal answers whether it took it."""
    return f"{what} was sent to the terminal's clipboard, which does not say whether it took it. {NOTHING_CAME}"


def copy_command(app: App[Any], command: str) -> str:
    """Copy a command line; gives what to say. One with control characters in it would do more than it shows."""
    if not command.isprintable():
        return "not copied: a name in it holds control characters"
    return copy(app, command) or sent("the command")
