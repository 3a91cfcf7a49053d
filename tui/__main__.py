"""`kubemint`, and `python -m tui`: a credential plugin that has its answer, or else the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `kubemint` script. Nothing may be imported before it is known what is asked."""
    if sys.argv[1:2] == ["exec-credential"]:
        from tui.issuance import answer_from_cache

        if answer_from_cache(sys.argv[2:]):
            return
    from tui.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
