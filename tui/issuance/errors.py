"""What can go wrong in the issuance core itself, as opposed to `tui.kube.errors`, which is about API servers.

Like those, each prints as one line and carries the next step in `hint`; no error ever holds material.
"""

from __future__ import annotations

from typing import ClassVar, Final

from tui.kube.errors import (
    APIError,
    ConfigError,
    ExecPluginError,
    KubeError,
    NeedsLogin,
    TLSFailed,
    Unauthorized,
    Unreachable,
)
from tui.kube.text import safe_text


class IssuanceError(Exception):
    """Something that was asked for cannot be done, or could not be done. `field` is what of the wish is the cause: the
    id of its field, or the kind of object that one names (`serviceaccounts`); empty where nothing of it is."""

    asks: ClassVar[bool] = False
    """Whether nothing is wrong with it, but somebody has to say yes first."""

    def __init__(self, message: str, hint: str = "", *, field: str = "") -> None:
        self.message = safe_text(message)
        self.hint = safe_text(hint)
        self.field = field
        super().__init__(self.message)


class UsageError(IssuanceError):
    """The wish itself is wrong: nothing was tried, nothing changed. The command line exits with 2."""


class Unasked(UsageError):
    """It can be done, but ends or brings back more than the verb says: only where the user gives the `word` for it.

    The word is the name of an option, of the command line (`--replace`) and of the engine's method alike.
    """

    asks = True

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

    def __init__(self, step: str, message: str, hint: str, blames: str = "") -> None:
        super().__init__(message)
        self.step = step
        self.message = message
        self.hint = hint
        self.blames = blames


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


def blamed(error: BaseException) -> str:
    """What of a wish is at fault: the id of its field, or the kind of object that a field names (`serviceaccounts`).
    Empty where that is not known."""
    if isinstance(error, StepFailed):
        return error.blames
    if isinstance(error, IssuanceError) and error.field:
        return error.field
    if isinstance(error, FileError | OSError):
        return "path"
    if isinstance(error, Unauthorized | Unreachable | TLSFailed | NeedsLogin | ExecPluginError | ConfigError):
        return "cluster"
    return error.about.resource.partition(".")[0].partition("/")[0] if isinstance(error, APIError) else ""


_OS_HINTS = {
    13: "you may not write there; choose another path",
    28: "the disk is full; free some space",
    30: "the file system is read-only; choose another path",
}
