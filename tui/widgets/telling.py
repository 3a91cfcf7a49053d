"""The ordinary layout of a list, and in it rows that would look the same are told apart.

Where what finds room says the same of several rows (two requests of one name, in two clusters), a column that was left
out comes back in which they differ: others give cells for it, but none that says how a row stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from .columns import Column, Layout, Measured, cut, fit

_AT_MOST: Final = 2
"""So many columns come back."""
_STANDING: Final = 2
"""Columns whose `drop` is not above this never go for one that tells rows apart."""


def laid_out(columns: Sequence[Column], measured: Measured, width: int) -> Layout:
    """The columns that find room in so many cells."""
    width = max(width, 1)
    sizes = fit(columns, measured.wanted, width, measured.longest, measured.empty)
    kept: set[str] = set()
    for _ in range(_AT_MOST):
        column = _telling(columns, measured, sizes)
        if column is None:
            break
        kept.add(column.id)
        for narrow in (False, True):
            again = fit(columns, measured.wanted, width, measured.longest, measured.empty, keep=kept, narrow=narrow)
            ids = {each.id for each, _ in again}
            if column.id in ids and all(each.id in ids for each, _ in sizes if each.drop <= _STANDING):
                sizes = again
                break
        else:
            break
    return Layout(sizes)


def _telling(columns: Sequence[Column], measured: Measured, sizes: Sequence[tuple[Column, int]]) -> Column | None:
    """A column that is left out and tells the most of those rows apart that look the same; None where none does."""
    texts = dict(zip((column.id for column in columns), measured.texts, strict=True))
    lasting = [(column, size) for column, size in sizes if column.changes is None]
    looks = list(
        zip(*([cut(text, size, middle=column.middle) for text in texts[column.id]] for column, size in lasting),
            strict=True)
    )  # fmt: skip
    often = Counter(looks)
    same = [number for number, look in enumerate(looks) if often[look] > 1]
    if not same:
        return None
    told = len({looks[number] for number in same})
    shown = {column.id for column, _ in sizes}
    found = [
        (len({(looks[number], texts[column.id][number]) for number in same}) - told, -column.drop, column)
        for column in columns
        if column.id not in shown and column.changes is None
    ]
    gain, _, best = max(found, key=lambda each: each[:2], default=(0, 0, None))
    return best if gain > 0 else None
