"""Data on stdout: aligned tables for people, JSON, YAML and templates for programs, names for shells.

Text from clusters passes `safe_text` in tables; JSON and YAML escape what must be escaped and keep the rest.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tui.kube.text import safe_text

from . import printing
from .forms import TEMPLATES, Form, FormType

if TYPE_CHECKING:
    from tui.fleet.fields import Field

API_VERSION: Final = "kubemint/v1"
R = TypeVar("R")


def print_fields(fields: Sequence[Field[R]], rows: Iterable[R], now: Callable[[R], datetime]) -> None:
    """Fields as a table; `now` is the time as a row has it."""
    lines = ([field.printed(row, at) for field in fields] for row in rows for at in (now(row),))
    print_table([field.title for field in fields], lines)


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows below their titles; nothing where there is no row."""
    for line in aligned(titles, rows):
        printing.line(line)


def aligned(titles: Sequence[str], rows: Iterable[Sequence[str]], widths: list[int] | None = None) -> list[str]:
    """The lines of a table, without its titles where the command was told so; none where there is no row.

    With `widths` it goes on with a table that has these, which are kept up to date, and repeats no title.
    """
    lines = [[safe_text(text) or "-" for text in line] for line in rows]
    if not lines:
        return []
    if not widths and headers():
        lines.insert(0, list(map(safe_text, titles)))
    known = widths or [0] * len(titles)
    known[:] = [max(width, *map(cells, column)) for width, column in zip(known, zip(*lines, strict=True), strict=True)]
    if widths is not None:
        widths[:] = known
    padded = ([text + " " * (width - cells(text)) for text, width in zip(line, known, strict=True)] for line in lines)
    return ["   ".join(line).rstrip() for line in padded]


def print_list(kind: str, items: Sequence[Mapping[str, Any]], form: str) -> None:
    """`{"apiVersion": "kubemint/v1", "kind": …, "items": […]}` as JSON or YAML."""
    print_object(list_of(kind, items), form)


def list_of(kind: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Items as one object."""
    return {"apiVersion": API_VERSION, "kind": kind, "items": list(items)}


def print_kind(kind: str, record: Mapping[str, Any], form: str) -> None:
    """`{"apiVersion": "kubemint/v1", "kind": …, …}` as JSON or YAML."""
    print_object({"apiVersion": API_VERSION, "kind": kind, **record}, form)


def print_object(obj: Mapping[str, Any], form: str) -> None:
    printing.document(object_text(obj, form))


def object_text(obj: Mapping[str, Any], form: str) -> str:
    """One object as YAML or JSON with a line break at its end, or as a template says."""
    if isinstance(form, Form):
        return "\n".join([*aligned(*form.lines(obj)), ""]) if form.sort == "custom-columns" else form.text(obj)
    if form != "yaml":
        return f"{json.dumps(obj, indent=2)}\n"
    from tui.issuance import dump_yaml

    return dump_yaml(obj)  # kubectl reads it too, to which a bare `y` or `on` is no text


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


_NO_HEADERS: Final = "kubemint.no_headers"


def headers() -> bool:
    """Whether this command's tables have titles."""
    context = click.get_current_context(silent=True)
    return context is None or not context.meta.get(_NO_HEADERS)


def output_option(*forms: str, default: str) -> Callable[[Any], Any]:
    """`-o`, with these forms and, where JSON is one of them, templates; `--no-headers` where there is a table."""

    def no_headers(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.meta[_NO_HEADERS] = value

    def added(command: Any) -> Any:
        if "table" in forms:
            said = "Tables without their titles."
            command = click.option(
                "--no-headers", is_flag=True, expose_value=False, callback=no_headers, help=said
            )(command)  # fmt: skip
        words = "|".join((*forms, *(f"{name}=…" for name in TEMPLATES if "json" in forms)))
        option = click.option("-o", "--output", "form", type=FormType(forms), default=default, show_default=True,
                              metavar=words, help="Output format; templates are kubectl's.")  # fmt: skip
        return option(command)

    return added
