"""Data on stdout: aligned tables for people, JSON and YAML for programs, names for shells.

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
    lines = [list(titles), *([safe_text(text) or "-" for text in line] for line in rows)]
    if len(lines) == 1:
        return
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = [text + " " * (width - cells(text)) for text, width in zip(line, widths, strict=True)]
        printing.line("   ".join(padded).rstrip())


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
    """One object as YAML or JSON, with a line break at its end."""
    if form != "yaml":
        return f"{json.dumps(obj, indent=2)}\n"
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(obj, Dumper=dumper, sort_keys=False, allow_unicode=False, width=2**16))


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def output_option(*forms: str, default: str) -> Callable[[Any], Any]:
    """`-o`, with these forms."""
    return click.option(
        "-o", "--output", "form", type=click.Choice(forms), default=default, show_default=True, help="Output format."
    )
