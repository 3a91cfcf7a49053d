"""The command line as data, for completion: its commands, their options and arguments, and what each can be.

A parameter says what it takes by its flag and its metavar, as its help does; nothing has to be said twice.
"""

from __future__ import annotations

from typing import Any, Final

import click

_BY_FLAG: Final = {"--context": "contexts", "--account": "accounts", "--secret": "secrets", "--namespace": "namespaces"}
_BY_WORD: Final = {
    "ADDRESS": "addresses", "NS": "namespaces", "NS/ACCOUNT": "accounts", "CONTEXT": "contexts",
    "FILE": "file", "PATH": "file", "KUBECONFIG": "file", "FOLDER": "file",
}  # fmt: skip


def words_of(command: click.Command, context: click.Context | None = None) -> dict[str, Any]:
    """Of one command, with all below it."""
    context = context or click.Context(command, info_name="kubemint")
    options: dict[str, Any] = {}
    arguments = []
    for param in command.get_params(context):
        if isinstance(param, click.Option) and not param.hidden:
            said = _said(param, context) | {"takes": not (param.is_flag or param.count)}
            options |= dict.fromkeys([*param.opts, *param.secondary_opts], said)
        elif isinstance(param, click.Argument):
            arguments.append(_said(param, context) | {"many": param.nargs == -1})
    below: dict[str, Any] = {}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (found := command.get_command(context, name)) is not None and not found.hidden:
                below[name] = words_of(found, click.Context(found, parent=context, info_name=name))
    return {"options": options, "arguments": arguments, "commands": below}


def _said(param: click.Parameter, context: click.Context) -> dict[str, Any]:
    metavar = param.metavar or ""
    words = metavar.strip("[].…").replace("]", "").replace("[", "").split("|")
    kind = next((_BY_FLAG[flag] for flag in param.opts if flag in _BY_FLAG), "")
    kind = kind or next((kind for word, kind in _BY_WORD.items() if word in words), "")
    if not kind and isinstance(param, click.Argument) and context.info_name == "issue":
        kind = "accounts"
    choices = list(param.type.choices) if isinstance(param.type, click.Choice) else []
    if "--theme" in param.opts:
        from tui.widgets.themes import NAMES

        choices = list(NAMES)
    whole = "NS/" in metavar or "/" in metavar or kind == "secrets"
    return {"kind": kind, "choices": [str(one) for one in choices], "shape": "whole" if whole else "own"}
