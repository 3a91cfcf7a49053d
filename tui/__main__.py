"""`kubemint`, and `python -m tui`: completion, a credential plugin that has its answer, or the command line."""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from click import Command


def main() -> None:
    """Entry point of the `kubemint` script. Nothing may be imported before it is known what is asked."""
    # What is imported stays: a fifth of the time until something is seen would be spent on looking for garbage in it.
    gc.set_threshold(20_000, 20, 20)
    atexit.register(gc.freeze)
    if how := os.environ.get("_KUBEMINT_COMPLETE"):
        from tui.headless.completing import main as complete

        if complete(how, _commands):
            return
    if sys.argv[1:2] == ["exec-credential"]:
        from tui.issuance import answer_from_cache

        if answer_from_cache(sys.argv[2:]):
            return
    from tui.cli import main as command_line

    command_line()


def complete_for_kubectl() -> None:
    """Entry point of `kubectl_complete-mint`, which kubectl asks what `kubectl mint …` can become."""
    from tui.headless.completing import plugin

    plugin(_commands)


def _commands() -> Command:
    from tui.cli import cli

    return cli


if __name__ == "__main__":
    main()
