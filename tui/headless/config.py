"""`kubemint config`: where the settings are, what counts and why, the schema for an editor, and what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tui.kube.home import expanded

from . import printing
from .exits import Ended, Exit
from .options import Options, configured
from .output import output_option, print_list, print_object, print_table
from .printing import say
from .session import with_options

if TYPE_CHECKING:
    from tui.settings import Loaded


@click.group("config")
def config() -> None:
    """The settings of this user: `config.yaml` in the XDG config folder, or where KUBEMINT_CONFIG says."""


@config.command("path")
def path() -> None:
    """Print the path of the settings file, whether it exists or not."""
    from tui.settings import default_path

    printing.line(expanded(default_path()))


@config.command("show")
@click.option("--theme", help="As for the dashboard.")
@output_option("table", "json", "yaml", default="table")
@with_options
def show(options: Options, theme: str | None, form: str) -> None:
    """Print the values in effect and where each comes from: default, file, environment or flag.

    With `-o yaml` or `json` the settings themselves, as the file would have them.
    """
    from tui.settings.schema import plain

    loaded = _checked(configured(options).with_flags(theme=theme))
    values: dict[str, Any] = plain(loaded.settings)
    for finding in loaded.findings:
        say(f"kubemint: {finding}")
    if form == "table":
        lines = ((name, _one_line(value), str(loaded.source(name))) for name, value in values.items())
        print_table(("SETTING", "VALUE", "FROM"), lines)
    else:
        print_object(values, form)


@config.command("schema")
def schema() -> None:
    """Print the JSON Schema of the file, for editors and checks."""
    from tui.app import vocabulary

    printing.document(json.dumps(vocabulary().schema(), indent=2) + "\n")


@config.command("check")
@click.argument("file", required=False, metavar="[FILE]")
@output_option("table", "json", default="table")
def check(file: str | None, form: str) -> None:
    """Check the settings file: one line for each problem, with its position; exit code 1 if there is any."""
    from tui.settings import default_path, load

    at = expanded(file).absolute() if file else default_path()
    loaded = _checked(load(at))
    if file and not loaded.exists:
        raise click.FileError(file, "there is no such file")
    if form == "json":
        items = [{"where": found.where, "path": found.path, "message": found.message} for found in loaded.findings]
        print_list("FindingList", items, form)
    else:
        for found in loaded.findings:
            printing.line(found)
    if loaded.findings:
        raise Ended(Exit.FAILED)
    say(f"{at}: nothing is wrong" if loaded.exists else f"{at} does not exist: the defaults apply")


def _checked(loaded: Loaded) -> Loaded:
    """With what only the dashboard knows: its themes, keys and columns."""
    from tui.app import vocabulary

    return vocabulary().check(loaded)


def _one_line(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
