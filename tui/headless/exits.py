"""How a command ends: the exit codes, and every error as one line with the next step, never a traceback."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from enum import IntEnum
from typing import Final

import click

from tui.issuance import IssuanceError, UsageError, scrub
from tui.kube.errors import KubeError

from .printing import say

DEBUG: Final = "KUBEMINT_DEBUG"
"""Set to 1, an internal error also prints its traceback (which holds no values of variables)."""


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    """Some of several things were done, or the thing itself but not what was to end with it (an old token lives on), or
    only some clusters named, or not every Role and binding, could be read."""
    FOUND = 4
    """What was looked for is there: something expires within `--expiring`, something is as bad as `--fail-on`."""
    INTERRUPTED = 130
    """Ended by ctrl+c; by SIGTERM it is 143, as for any program that does not handle it."""
    BROKEN_PIPE = 141
    TERMINATED = 143


class Ended(Exception):
    """Ends the command with this code; everything there is to say was said."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


def report(error: BaseException) -> int:
    """Say on stderr what went wrong, and give the exit code that fits."""
    match error:
        case Ended():
            return error.code
        case KeyboardInterrupt() | click.Abort():
            return Exit.INTERRUPTED
        case BrokenPipeError():
            return Exit.BROKEN_PIPE
        case SystemExit():  # click's own answer to a closed pipe, and a terminating signal's to a demo in a thread
            closed = isinstance(error.__context__, BrokenPipeError)
            return Exit.BROKEN_PIPE if closed else error.code if isinstance(error.code, int) else Exit.FAILED
        case click.exceptions.NoArgsIsHelpError():  # a group alone: its help is the answer, and is no one line
            for line in error.format_message().splitlines():
                say(line)
            return Exit.USAGE
        case click.UsageError():
            where = error.ctx.command_path if error.ctx is not None else "kubemint"
            complain(_sentence(error.format_message()), f"see: {where} --help")
            return Exit.USAGE
        case click.ClickException():
            complain(_sentence(error.format_message()))
            return Exit.FAILED
        case UsageError():
            complain(error.message, error.hint)
            return Exit.USAGE
        case IssuanceError():
            complain(error.message, error.hint)
            return Exit.FAILED
        case KubeError():
            complain(str(error), error.hint)
            return Exit.FAILED
        case OSError():
            reason = (error.strerror or type(error).__name__).lower()
            said = f"{error.filename}: {reason}" if error.filename else reason
            complain(said, _OS_HINTS.get(error.errno or 0, ""))
            return Exit.FAILED
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    complain(f"internal error: {_place(error)}", f"this is a bug in kubemint; {DEBUG}=1 shows where")
    return Exit.FAILED


def complain(message: str, hint: str = "") -> None:
    """One line of what is wrong and one of what to do, on stderr. Material that the user typed is not repeated."""
    say(f"kubemint: {scrub(message)}")
    if hint:
        say(f"  {scrub(hint)}")


def quiet_logging() -> None:
    """Libraries do not log: what matters is said as a line of ours. With KUBEMINT_DEBUG=1 they log to stderr."""
    if not os.environ.get(DEBUG):
        logging.getLogger().addHandler(logging.NullHandler())


def finish_stdout() -> None:
    """Write out what is left; where that fails it goes nowhere, so that the interpreter's own last flush succeeds."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_OS_HINTS: Final = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "your disk quota is used up",
    errno.EACCES: "you may not do that there; choose another path",
    errno.EROFS: "choose a path that can be written to",
}


def _sentence(message: str) -> str:
    """Click's messages in the shape of ours: no capital at the start, no full stop at the end."""
    message = " ".join(message.split()).removesuffix(".")
    return message[:1].lower() + message[1:] if message[1:2].islower() else message


def _place(error: BaseException) -> str:
    """The error's type and where it arose. Its text is left out: what it holds was not checked."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} in {last.name} ({os.path.basename(last.filename)}:{last.lineno})"  # noqa: PTH119
