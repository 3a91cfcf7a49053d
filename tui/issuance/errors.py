"""What can go wrong in the issuance core itself, as opposed to `tui.kube.errors`, which is about API servers.

Like those, each prints as one line and carries the next step in `hint`; no error ever holds material.
"""

from __future__ import annotations

from typing import Final

from tui.kube.errors import KubeError
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


class StepFailed(Exception):
    """A step went wrong and was reported; the cause says how."""

    def __init__(self, step: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.step = step
        self.message = message
        self.hint = hint


GIVEN_UP: Final = "it never can be one, so this is not tried again"
FORGOTTEN: Final = "no other kubemint knows of it, so this is not tried again"


def is_given_up(said: str) -> bool:
    """Whether nobody tries again what failed: what was to go can never be a handle, or the journal that knows of it is
    gone. `said` is how it was told."""
    return said.endswith((GIVEN_UP, FORGOTTEN))


def explain(error: BaseException) -> tuple[str, str]:
    """An error as one line and the next step. Unknown errors give only their type: their text may hold anything."""
    if isinstance(error, StepFailed):
        return error.message, error.hint
    if isinstance(error, KubeError):
        return str(error), error.hint
    if isinstance(error, IssuanceError):
        return error.message, error.hint
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return safe_text(f"{where}{error.strerror or type(error).__name__}"), _OS_HINTS.get(error.errno or 0, "")
    return f"an unexpected {type(error).__name__} in kubemint", "this is a bug in kubemint; please report it"


_OS_HINTS = {
    13: "you may not write there; choose another path",
    28: "the disk is full; free some space",
    30: "the file system is read-only; choose another path",
}
