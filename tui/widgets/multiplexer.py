"""What stands between the dashboard and the terminal: tmux and screen hand on a sequence only where it is wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ESCAPE: Final = "\x1b"
_PART: Final = 512
"""So many characters screen takes in one string; it hands them on one after another."""


def between(environment: Mapping[str, str]) -> str:
    """`tmux` or `screen`, where the dashboard runs in one; else empty."""
    if environment.get("TMUX"):
        return "tmux"
    return "screen" if environment.get("STY") else ""


def handed_on(sequence: str, environment: Mapping[str, str]) -> str:
    """The sequence so that it reaches the terminal: wrapped for tmux (where its `allow-passthrough` is on; else it
    swallows it) or for screen, and as it is elsewhere."""
    match between(environment):
        case "tmux":
            return f"\x1bPtmux;{sequence.replace(_ESCAPE, _ESCAPE * 2)}\x1b\\"
        case "screen":
            parts = (sequence[at : at + _PART] for at in range(0, len(sequence), _PART))
            return "".join(f"\x1bP{part}\x1b\\" for part in parts)
    return sequence
