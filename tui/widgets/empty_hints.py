"""Keys that an empty list names, such as `n issues the first one, esc goes back`: a click on one presses it."""

from __future__ import annotations

import re
from typing import Final

_HINT: Final = re.compile(r"(?:^|[,;] )(?P<hint>(?P<key>esc|enter|ctrl\+[rx]|[nrRd2]) [^,;]*)")
_CALLED: Final = {"esc": "escape"}


def key_at(text: str, at: int) -> str:
    """The key that the hint at this place of a line names; empty where none is."""
    for found in _HINT.finditer(text):
        if found.start("hint") <= at < found.end("hint"):
            return _CALLED.get(found["key"], found["key"])
    return ""
