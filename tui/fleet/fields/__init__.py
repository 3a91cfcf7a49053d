"""Everything that can be said of the rows of the fleet: one Field each, for tables, sorting, filters, `list`, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tui.fleet.query import Area

from . import accounts, clusters, credentials, journal, requests
from .field import Cell, Field, SortValue, haystack_of, in_list, on_screen, record, sorts_of, words_of

__all__ = [
    "DEFAULT_SORT", "JOURNAL", "OF_AREA", "Cell", "Field", "SortValue", "every_field", "haystack_of", "in_list",
    "on_screen", "record", "sort_fields", "sorts", "sorts_of", "words_of",
]  # fmt: skip

OF_AREA: Final[dict[Area, tuple[Field[Any], ...]]] = {
    Area.CLUSTERS: clusters.FIELDS,
    Area.ACCOUNTS: accounts.FIELDS,
    Area.REQUESTS: requests.FIELDS,
    Area.CREDENTIALS: credentials.FIELDS,
}
"""The lists of the fleet. What is added to one of them has a column, sorts, filters, completes and prints."""
JOURNAL: Final = journal.FIELDS
DEFAULT_SORT: Final[dict[Area, str]] = {
    Area.CLUSTERS: "name",
    Area.ACCOUNTS: "cluster",
    Area.REQUESTS: "expires",
    Area.CREDENTIALS: "expires",
}


def every_field() -> tuple[Field[Any], ...]:
    """Those of every kind of row that the filter of lists looks through."""
    return tuple(field for fields in (*OF_AREA.values(), JOURNAL) for field in fields)


def sort_fields(area: Area) -> Mapping[str, Field[Any]]:
    """What `Query.sort` may be in `area` and whose field that is, the default first."""
    return sorts_of(OF_AREA[area], DEFAULT_SORT[area])


def sorts(area: Area) -> tuple[str, ...]:
    """The names `Query.sort` may have in `area`, the default first."""
    return tuple(sort_fields(area))
