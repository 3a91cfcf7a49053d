"""Text from outside, made harmless.

Names, messages and annotations come from clusters and files that anybody may have written. Before they are shown on
a terminal or printed to a log they pass `safe_text`, which leaves ordinary writing in every script untouched.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Characters that change how the text around them is laid out: the bidirectional controls (Unicode TR 9), which can
# make one name look like another, and the zero-width ones, which hide.
_LAYOUT: Final = frozenset(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad"
)
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_text(value: object, limit: int = 0) -> str:
    """`value` as one line without control, layout or unassigned characters.

    Each run of them becomes a single "·", so that a manipulated name looks manipulated; line breaks and tabs become a
    space. With `limit` > 0 the result has at most that many characters, the last one an ellipsis where it was cut.
    """
    text = value if isinstance(value, str) else str(value)
    if not (text.isascii() and text.isprintable()):
        text = _cleaned(text)
    if 0 < limit < len(text):
        text = text[: limit - 1] + "…"
    return text


def _cleaned(text: str) -> str:
    out: list[str] = []
    for char in text:
        if char in "\n\r\t":
            out.append(" ")
        elif char in _LAYOUT or unicodedata.category(char) in _DROPPED:
            if not out or out[-1] != "·":
                out.append("·")
        else:
            out.append(char)
    return "".join(out)
