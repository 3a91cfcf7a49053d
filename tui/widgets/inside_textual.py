"""What the dashboard needs of Textual that Textual keeps to itself; no other module uses a private name of a library.

- `App._fatal_error` shows what went wrong with the values of all local variables, tokens among them. What can be
  chosen in public (`App.panic`, an exception that knows how it is shown) comes too late or only for one's own errors.
- `App._driver` is the one that writes to the terminal, between two frames. In public it writes frames, the clipboard
  and the bell; a notification of the desktop is none of them, and past it a sequence may land in the middle of another.
- `LinuxDriver._file` is written to by a thread that dies of the first error, after which the dashboard waits for ever
  until what it has to write is read. A window that is closed is such an error.
  And it is stderr, which may be a file that is to hold what else is said; then the terminal is stdout.
- `LinuxDriver._sigcont_application` begins anew whenever the process goes on: also where nothing had stopped that it
  was told of, and as the terminal ends (the kernel sends SIGCONT with SIGHUP). Then two threads read and two write, and
  only one of each is ever waited for. Both it and `_sigtstp_application` do so inside of a signal handler, in the
  middle of whatever the main thread holds the lock of. `_must_signal_resume` says whether it was told.
  `_sigtstp_application` stops the process alone, and says nothing on the terminal that it leaves.

`tests/dashboard/test_inside_textual.py` fails where a new Textual calls them otherwise.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TextIO

from textual.app import App, ReturnType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from . import terminal


class Lasting:
    """What is written to the terminal, and nothing once there is none any more."""

    def __init__(self, file: TextIO) -> None:
        self._to: TextIO | None = file

    def write(self, text: str) -> int:
        self._do(lambda file: file.write(text))
        return len(text)

    def flush(self) -> None:
        self._do(lambda file: file.flush())

    def fileno(self) -> int:
        return self._to.fileno() if self._to is not None else -1

    def _do(self, what: Callable[[TextIO], object]) -> None:
        try:
            if self._to is not None:
                what(self._to)
        except (OSError, ValueError):
            self._to = None


class LastingDriver(LinuxDriver):
    """The terminal, which may end or be stopped at any moment."""

    def __init__(self, app: App[Any], **how: Any) -> None:
        super().__init__(app, **how)
        drawn = next((file for file in (sys.__stderr__, sys.__stdout__) if file is not None and file.isatty()), None)
        self._file: Any = Lasting(drawn) if drawn is not None else self._file
        self._loop_of_app = asyncio.get_running_loop()

    def _sigtstp_application(self, *_: object) -> None:
        self._soon(self._stop)

    def _stop(self) -> None:
        """Give the terminal back, say there what waits meanwhile, and stop; SIGCONT goes on.

        So does whatever started this program for the shell (`uv run`, a script): the shell waits for that.
        """
        if self._auto_restart:
            self.suspend_application_mode()
            self._must_signal_resume = True
            words = self._app.words_of_a_stop() if isinstance(self._app, InsideTextual) else ""
            if words:
                self._file.write(f"{words}\r\n")
                self._file.flush()
        if terminal.has_shell():
            os.killpg(os.getpgrp(), signal.SIGSTOP)
        else:
            os.kill(os.getpid(), signal.SIGSTOP)

    def _sigcont_application(self, *_: object) -> None:
        self._soon(self._go_on)

    def _soon(self, what: Callable[[], object]) -> None:
        """Between two other things, and not in the middle of one."""
        with suppress(RuntimeError):  # the dashboard has ended
            self._loop_of_app.call_soon_threadsafe(what)

    def _go_on(self) -> None:
        """Begin again after a stop; first end what was not ended before it."""
        if self._auto_restart and terminal.is_there():
            if not self._must_signal_resume:
                self.suspend_application_mode()
                self._must_signal_resume = True
            super()._sigcont_application()


class InsideTextual(App[ReturnType], Generic[ReturnType]):
    """An app that says in words of its own that it broke, and may write to the terminal."""

    def words_of_a_mistake(self) -> str:
        """What is shown of the exception being handled. Nothing of it but this reaches the terminal."""
        raise NotImplementedError

    def words_of_a_stop(self) -> str:
        """What is said on the terminal while all of it is stopped; empty where nothing waits."""
        return ""

    def stop_for_a_while(self) -> None:
        """Back to the shell that started it, until it says `fg`."""
        self.app_suspend_signal.publish(self)
        os.kill(os.getpid(), signal.SIGTSTP)

    def _fatal_error(self) -> None:
        from rich.text import Text

        self.bell()
        self.panic(Text(self.words_of_a_mistake()))

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return LastingDriver if found is LinuxDriver else found

    def write_to_terminal(self, sequence: str) -> None:
        """A sequence for the terminal itself, between two frames; nothing where there is none."""
        if sequence and self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(sequence)
