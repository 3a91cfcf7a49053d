"""Copying to the terminal's clipboard (OSC 52), only because the user pressed the key for it, and never too much.

Terminals cut longer sequences off or ignore them without a word, so what is too long is refused, and said. Inside tmux
or screen it is sent twice: as tmux takes it (`set-clipboard on`), and wrapped, as it is handed on to the terminal.
"""

from __future__ import annotations

import base64
import os
from typing import Any, Final

from textual.app import App

from tui.kube.amounts import number
from tui.widgets.inside_textual import InsideTextual
from tui.widgets.multiplexer import between, handed_on

MOST_BYTES: Final = 74_000
"""So much still fits, encoded, into the 100,000 bytes that common terminals take."""
_TAKES: Final = {"tmux": "tmux took it is unknown: set -g set-clipboard on", "screen": "screen handed it on is unknown"}
_ELSE: Final = "the terminal took it is unknown: allow OSC 52"


def copy(app: App[Any], text: str) -> str:
    """Copy it; gives why not, empty where it was copied."""
    size = len(text.encode())
    if size > MOST_BYTES:
        takes = f"a terminal's clipboard takes {number(MOST_BYTES)}"
        return f"not copied: {number(size)} bytes, {takes}; e writes a file instead"
    app.copy_to_clipboard(text)
    if between(os.environ) and isinstance(app, InsideTextual):
        encoded = base64.b64encode(text.encode()).decode()
        app.write_to_terminal(handed_on(f"\x1b]52;c;{encoded}\x07", os.environ))
    return ""


def sent(what: str) -> str:
    """What to say of something that was copied, in one line: nothing in between answers whether it took it."""
    return f"{what} is sent; whether {_TAKES.get(between(os.environ), _ELSE)}"


def copy_command(app: App[Any], command: str) -> str:
    """Copy a command line; gives what to say. One with control characters in it would do more than it shows."""
    if not command.isprintable():
        return "not copied: a name in it holds control characters"
    return copy(app, command) or sent("the command")
