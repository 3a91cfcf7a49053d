"""Changing single entries in a kubeconfig's text so that everything else stays as its owner wrote it.

The new entries are put into the text at the lines where they belong: comments, order, quoting and fields that nobody
here knows survive. The result is read again and compared with what was meant; where the text is of a kind that cannot
be edited by lines (JSON, anchors in the entry), the document is written anew, which loses comments and nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tui.issuance.formats.yaml_text import dump, scalar
from tui.kube.yaml_loading import load_first
from tui.kube.yaml_values import YAMLError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Put `entry` into the list `section` at `index`, or at its end where that is None. No entry: take it out.

    An entry that is a string is no part of a list, but the value of the key `section`.
    """

    section: str
    index: int | None
    entry: Document | str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """The new text, and whether it was edited in place (else comments are gone)."""

    text: str
    in_place: bool


class _NotByLines(Exception):
    """This text cannot be edited line by line."""


def edit(text: str, document: Document, changes: Sequence[Change]) -> Edited:
    """`text`, which reads as `document`, with the changes made."""
    wanted = changed(document, changes)
    for aliased in (False, True):
        try:
            spliced = _spliced(text, changes, aliased=aliased)
            if load_first(spliced.encode()) == wanted:
                return Edited(spliced, True)
        except (_NotByLines, YAMLError, yaml.YAMLError):
            pass
    return Edited(dump(wanted), False)


def changed(document: Document, changes: Sequence[Change]) -> Document:
    """The document with the changes made. A list that loses its last entry becomes null, as client-go writes it."""
    result = dict(document)
    for change in sorted(changes, key=lambda change: -1 if change.index is None else -change.index):
        if isinstance(change.entry, str):
            result[change.section] = change.entry
            continue
        entries = list(result.get(change.section) or [])
        if change.entry is None:
            if change.index is not None:
                del entries[change.index]
        elif change.index is None:
            entries.append(change.entry)
        else:
            entries[change.index] = change.entry
        result[change.section] = entries or None
    return result


@dataclass(frozen=True, slots=True)
class _Splice:
    start: int
    end: int
    lines: list[str]


def _spliced(text: str, changes: Sequence[Change], *, aliased: bool) -> str:
    """`aliased`: an alias is read as what it stands for, wherever that ends; so lists end before the next key."""
    loader = _Loader(text)
    root = loader.get_node() if loader.check_node() else None  # of the first document; what follows it is kept
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _NotByLines
    lines = list(io.StringIO(text, newline=""))
    ending = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    values = {key.value: (key, value) for key, value in root.value}
    splices: list[_Splice] = []
    missing: list[_Splice] = []
    for change in changes:
        if change.section in values:
            last = _last_line(lines, values, change.section) if aliased else None
            splices.append(_in_section(lines, *values[change.section], change, last))
        else:
            end = _end_line(root) if not aliased else len(lines)
            missing.append(_Splice(end, end, _section_lines("", change)))
    # From the bottom up, so that line numbers hold; what shares a line keeps its order.
    for splice in sorted([*splices, *missing], key=lambda splice: splice.start)[::-1]:
        lines[splice.start : splice.end] = [line + ending for line in splice.lines]
    return "".join(lines)


def _in_section(lines: list[str], key: Any, value: Any, change: Change, last: int | None) -> _Splice:
    if isinstance(change.entry, str):
        start, end = key.start_mark.line, _end_line(value)
        (line,) = _section_lines(lines[start][: key.start_mark.column], change)
        mark = value.end_mark
        beside = lines[mark.line][mark.column :].strip() if mark.line == end - 1 else ""
        return _Splice(start, end, [f"{line}  {beside}" if beside.startswith("#") else line])
    if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
        column = value.start_mark.column
        if change.index is None:
            end = _end_line(value) if last is None else last
            return _Splice(end, end, _entry_lines(change.entry, column))
        item = value.value[change.index]
        start = item.start_mark.line
        if not lines[start][column:].startswith("-"):
            raise _NotByLines
        end = _end_line(item)
        if last is not None:
            after = [one.start_mark.line for one in value.value if one.start_mark.line > start]
            end = _trimmed(lines, min([*after, last]))
        return _Splice(start, end, _entry_lines(change.entry, column))
    if value.value or change.index is not None:
        raise _NotByLines
    # `clusters: []`, `clusters: null` or nothing at all: the list follows the key's line.
    line, column = key.start_mark.line, key.start_mark.column
    return _Splice(line, line + 1, _section_lines(lines[line][:column], change))


def _section_lines(indent: str, change: Change) -> list[str]:
    """The key `section` with what it is to hold and nothing else."""
    if isinstance(change.entry, str):
        return [f"{indent}{change.section}: {scalar(change.entry)}"]
    return [f"{indent}{change.section}:", *_entry_lines(change.entry, len(indent))]


def _entry_lines(entry: Document | str | None, column: int) -> list[str]:
    if entry is None:
        return []
    return [" " * column + line for line in dump([entry]).splitlines()]


def _last_line(lines: list[str], values: dict[str, tuple[Any, Any]], section: str) -> int:
    """The line after the last one of a section, comments behind it not counted: those belong to the next key."""
    start = values[section][0].start_mark.line
    after = [key.start_mark.line for key, _ in values.values() if key.start_mark.line > start]
    return _trimmed(lines, min(after, default=len(lines)))


def _trimmed(lines: list[str], end: int) -> int:
    while lines[end - 1].strip() == "" or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end


def _end_line(node: Any) -> int:
    """The line after the last one that belongs to `node`, comments behind it not counted."""
    while isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    return int(mark.line if mark.column == 0 and mark.line > node.start_mark.line else mark.line + 1)
