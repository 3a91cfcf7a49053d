"""Where `--out` may make folders: in the home and the working folder; anywhere else only with `-p`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
OUT: Final = "--out"
_META: Final = "tui.headless.folders"


def parents_option(command: F) -> F:
    """Adds `-p`, which `out` reads; the command is not told."""

    def keep(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.meta[_META] = value

    said = "Create missing folders."
    option = click.option(
        "-p", "--parents", is_flag=True, expose_value=False, is_eager=True, callback=keep, help=said
    )  # fmt: skip
    return option(command)


def out(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The callback of `--out`. Raises UsageError for a folder that nobody asked to be made."""
    if value and value != "-" and not context.meta.get(_META):
        from tui.issuance import UsageError
        from tui.kube.paths import strange_folder

        if (folder := strange_folder(value)) is not None:
            raise UsageError(
                f"--out: there is no folder {folder}, and it is neither in the home nor in the working folder",
                "check the path, or create it with -p",
            )
    return value
