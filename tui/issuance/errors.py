"""What can go wrong in the issuance core itself, as opposed to `tui.kube.errors`, which is about API servers.

Like those, each prints as one line and carries the next step in `hint`; no error ever holds material.
"""

from __future__ import annotations

from tui.kube.text import safe_text


class IssuanceError(Exception):
    """Something that was asked for cannot be done, or could not be done."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = safe_text(message)
        self.hint = safe_text(hint)
        super().__init__(self.message)


class UsageError(IssuanceError):
    """The wish itself is wrong: nothing was tried, nothing changed. The command line exits with 2."""


class Unasked(UsageError):
    """It can be done, but ends or brings back more than the verb says: only where the user gives the `word` for it.

    The word is the name of an option, of the command line (`--replace`) and of the engine's method alike.
    """

    def __init__(self, word: str, message: str, hint: str = "") -> None:
        self.word = word
        super().__init__(message, hint)


class StateError(IssuanceError):
    """The local state (journal and exports) cannot be opened, read or written."""


class FileError(IssuanceError):
    """A file cannot be read or written. The message names it and says why; nothing is left behind."""


class ChangedMeanwhile(IssuanceError):
    """Another client changed what a plan was made for; nothing of theirs is overwritten."""


class NotProved(IssuanceError):
    """The material did not work, so it was not published."""
