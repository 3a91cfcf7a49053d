"""Data on stdout: aligned tables for people, JSON and YAML for programs, names for shells.

Text from clusters passes `safe_text` in tables; JSON and YAML escape what must be escaped and keep the rest.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import click

from tui.kube.text import safe_text

from . import printing

if TYPE_CHECKING:
    from tui.fleet.fields import Field

API_VERSION: Final = "kubemint/v1"
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column of a table."""

    title: str
    cell: Callable[[R], str]


def columns_of(fields: Iterable[Field[R]], now: Callable[[R], datetime]) -> list[Column[R]]:
    """Fields as columns; `now` is the time as a row has it."""

    def cell(field: Field[R]) -> Callable[[R], str]:
        return lambda row: field.printed(row, now(row))

    return [Column(field.title, cell(field)) for field in fields]


def print_table(columns: Sequence[Column[R]], rows: Iterable[R]) -> None:
    lines = [[column.title for column in columns]]
    lines += [[safe_text(column.cell(row)) or "-" for column in columns] for row in rows]
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
        "-o", "--output", "form", type=click.Choice(forms), default=default, show_default=True, help="How to print it."
    )
