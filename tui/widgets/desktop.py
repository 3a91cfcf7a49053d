"""Desktop notifications through the terminal: OSC 9 and OSC 777, as one sequence of bytes that holds nothing else.

Terminals know one, the other, or neither, and ignore what they do not know. Where it is known which one is understood
only that is sent, so that nothing appears twice. Where tmux swallows it (`multiplexer`), the bell is
what remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tui.kube.text import safe_text

from .multiplexer import handed_on

_LONGEST: Final = 160
_NINE: Final = frozenset({"iTerm.app", "kitty", "Hyper"})
_SEVENS: Final = frozenset({"ghostty", "WezTerm", "rio"})


def notification(title: str, text: str, environment: Mapping[str, str]) -> str:
    """What to write to the terminal; empty where there is none that could show it."""
    kind = environment.get("TERM", "")
    if kind in ("", "dumb", "linux"):
        return ""
    title, text = _plain(title).replace(";", ","), _plain(text)
    nine, sevens = f"\x1b]9;{title}: {text}\x07", f"\x1b]777;notify;{title};{text}\x07"
    program = environment.get("TERM_PROGRAM", "")
    if program in _NINE or kind.startswith("xterm-kitty"):
        sequences = [nine]
    elif program in _SEVENS or kind.startswith(("rxvt", "foot")):
        sequences = [sevens]
    else:
        sequences = [nine, sevens]
    return "".join(handed_on(sequence, environment) for sequence in sequences)


def _plain(text: str) -> str:
    """One short line without anything that could end the sequence or begin another."""
    return safe_text(text, _LONGEST)
