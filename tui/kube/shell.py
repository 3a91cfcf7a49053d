"""Text that someone will paste into a shell, or that a shell completes: names in it are names, whatever they hold.

Names come from kubeconfigs and clusters, so every word of a command line goes through here, and nowhere else.
"""

from __future__ import annotations

import shlex
from typing import Final

from .text import safe_text

_PLAIN: Final = frozenset("_./:@%+=-")
_FIRST: Final = frozenset("_./:@")
"""With any other sign in front a word may be an option, a job, a home folder or a command's path."""


def quoted(word: object) -> str:
    """One word as a shell reads it. What cannot be shown is written as its codes, so that pasting it does nothing."""
    text = str(word)
    if safe_text(text) == text:
        return shlex.quote(text)
    signs = (sign if safe_text(sign) == sign and sign not in "'\\" else _code(sign) for sign in text)
    return f"$'{''.join(signs)}'"


def in_quotes(text: str) -> str:
    """The value of a variable in a file that shells read: in quotes whether it needs them or not."""
    return "'" + text.replace("'", "'\\''") + "'"


def command(*words: object) -> str:
    """A command line of these words."""
    return " ".join(quoted(word) for word in words)


def plain(word: str) -> bool:
    """Whether every shell takes the word for a name as it is, wherever it stands: what completion may offer.

    bash puts an offer into the command line unquoted, and whoever presses Enter then runs what is in it.
    """
    return harmless(word) and (word[0].isalnum() or word[0] in _FIRST)


def harmless(word: str) -> bool:
    """Whether nothing in the word means anything to a shell; it may still be an option."""
    return bool(word) and all(sign.isalnum() or sign in _PLAIN for sign in word)


def _code(sign: str) -> str:
    """As `$'...'` has it; a byte of a file's name that is no text is that byte again."""
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x80 else f"\\U{number:08x}"
