"""`--sort-by` of lists: what the dashboard sorts by, a name of `-o json`, or kubectl's path to one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tui.fleet.fields import OF_AREA, Field, record, sort_fields
from tui.issuance import UsageError

from .filling import find
from .jsonpath import Path, PathError, relaxed
from .metadata import WORD, with_metadata

if TYPE_CHECKING:
    from tui.fleet.query import Area
    from tui.fleet.rows import Row

Now = Callable[["Row"], datetime]


@dataclass(frozen=True)
class Sort:
    """By which field, or by what a path finds in the document of a row."""

    fields: tuple[Field[Any], ...]
    field: Field[Any] | None = None
    path: Path | None = None

    @classmethod
    def of(cls, area: Area, text: str) -> Sort:
        """What `--sort-by` says. Raises UsageError for what these rows do not have."""
        fields, sorts = OF_AREA[area], sort_fields(area)
        keys = [field.json for field in fields if field.json]
        bare = text.strip("{} ").removeprefix(".")
        if text in sorts:
            return cls(fields, field=sorts[text])
        try:
            path = relaxed(text)
        except PathError as error:
            raise UsageError(f"--sort-by: {error}") from error
        first = re.split(r"[.\[]", bare)[0]
        if first and first not in (*keys, WORD if "name" in keys else ""):
            names = list(dict.fromkeys([*sorts, *keys]))
            near = difflib.get_close_matches(first, names, n=1)
            raise UsageError(
                f"--sort-by: {area.value} have no {first!r}" + (f"; did you mean {near[0]}?" if near else ""),
                f"there is {', '.join(names)}",
            )
        return cls(fields, path=path)

    def sorted(self, rows: Sequence[Row], now: Now) -> list[Row]:
        """The rows in that order, those without a value last. Raises UsageError where a path leads nowhere."""
        if self.field is not None:
            field = self.field
            return sorted(rows, key=lambda row: field.sorted_at(row, now(row)))
        assert self.path is not None
        try:
            found = {row.key: find(self.path, with_metadata(record(self.fields, row, now(row)))) for row in rows}
        except PathError as error:
            raise UsageError(f"--sort-by: {error}") from error
        return sorted(rows, key=lambda row: _order(found[row.key]))


def _order(values: Sequence[Any]) -> tuple[int, Any]:
    """Numbers before texts, and both before what is neither."""
    value = values[0] if values else None
    if isinstance(value, bool | int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (2, "")
