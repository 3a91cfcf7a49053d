"""The live store of a fleet: every row there is, and sorted, filtered views of them.

Single-threaded and without I/O. Whoever learns something puts rows in; whoever draws asks for a view. Subscribers
hear which kinds of rows of which clusters changed, and of credentials which ones, and as seldom as the owner of the
store schedules it (the fleet: at most ten times a second).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import compress
from types import MappingProxyType
from typing import TypeVar, cast, overload

import msgspec

from tui.issuance import Address, Identity

from .ended import Ended
from .fields import DEFAULT_SORT, OF_AREA, haystack_of, sort_fields, sorts, words_of
from .fields.field import Asked
from .fields.lifetimes import ends_at
from .filter import parse
from .handles import Handles, RowKey
from .links import Links
from .order import Entry, Order
from .query import AREA_OF, Area, Query, clock_of, cluster_of, clusters_of, identity_of, namespace_of
from .rows import AccountRow, ClusterRow, CredentialRow, RequestRow, Row
from .same import ways

__all__ = ["Area", "FleetChange", "FleetStore", "Query", "View", "sorts"]


AnyRow = TypeVar("AnyRow", bound=Row)
Moments = defaultdict[str, datetime]
"""The time by cluster."""


_NO_SKEW = timedelta(seconds=2)


class FleetChange(msgspec.Struct, frozen=True):
    """Which kinds of rows changed, and of which clusters; and which credentials came, changed or went."""

    kinds: frozenset[type]
    clusters: frozenset[str]
    credentials: frozenset[Address] = frozenset()


class View(Sequence[Row]):
    """A snapshot of the rows that a query chose, in its order. `total` is how many there are without the filter."""

    __slots__ = ("__dict__", "entries", "rows", "total")

    def __init__(self, rows: list[Row], entries: list[Entry], total: int) -> None:
        self.rows = rows
        self.entries = entries
        self.total = total

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self.rows[index]

    def key_at(self, index: int) -> str:
        """The key of the row at `index`, without computing it."""
        return self.entries[index][2]

    def find(self, key: str) -> int | None:
        """Where the row with `key` is, None where the view does not hold it."""
        return self._positions.get(key)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {entry[2]: index for index, entry in enumerate(self.entries)}


class _Table:
    """The rows of one area by key, the orders someone looked at, and the views since the last change."""

    def __init__(self, area: Area) -> None:
        self.area = area
        self.rows: dict[str, Row] = {}
        self.orders: dict[str, Order] = {}
        self.texts: dict[str, str] = {}
        self.views: dict[Query, View] = {}

    def put(self, key: str, row: Row) -> bool:
        if self.rows.get(key) == row:
            return False
        self.rows[key] = row
        self._touch(key)
        return True

    def drop(self, key: str) -> Row | None:
        row = self.rows.pop(key, None)
        if row is not None:
            self._touch(key)
        return row

    def order(self, sort: str) -> Order:
        order = self.orders.get(sort)
        if order is None:
            order = self.orders[sort] = Order(sort_fields(self.area)[sort].key, self.rows)
        order.bring_up(self.rows)
        return order

    def text(self, key: str, row: Row, haystack: Callable[[Row], str]) -> str:
        text = self.texts.get(key)
        if text is None:
            text = self.texts[key] = haystack(row)
        return text

    def _touch(self, key: str) -> None:
        self.texts.pop(key, None)
        self.views.clear()
        for order in self.orders.values():
            order.touch(key)


class FleetStore:
    """All rows of a fleet, by kind and key.

    `schedule` is told once when there is something to tell subscribers; whoever gave it calls `flush` when it is time.
    Without one, every change is told at once.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        schedule: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._schedule = schedule
        self._tables = {area: _Table(area) for area in Area}
        self._of_identity: defaultdict[Identity, set[str]] = defaultdict(set)
        self._links = Links()
        self.handles = Handles(clock, self.clusters)
        """What there is of the handles that credentials name; whose is gone is shown as revoked."""
        self.handles.changed = self._again
        self.ended = Ended(clock, self.clusters)
        """What there is of their accounts, and what servers said of them."""
        self.ended.changed = self._again
        self._subscribers: list[Callable[[FleetChange], None]] = []
        self._dirty_kinds: set[type] = set()
        self._dirty_clusters: set[str] = set()
        self._dirty_credentials: set[Address] = set()

    @property
    def size(self) -> int:
        """How many rows there are, of every kind."""
        return sum(len(table.rows) for table in self._tables.values())

    @property
    def clusters(self) -> Mapping[str, ClusterRow]:
        return cast("Mapping[str, ClusterRow]", MappingProxyType(self._tables[Area.CLUSTERS].rows))

    @property
    def accounts(self) -> Mapping[str, AccountRow]:
        return cast("Mapping[str, AccountRow]", MappingProxyType(self._tables[Area.ACCOUNTS].rows))

    @property
    def requests(self) -> Mapping[str, RequestRow]:
        return cast("Mapping[str, RequestRow]", MappingProxyType(self._tables[Area.REQUESTS].rows))

    @property
    def credentials(self) -> Mapping[str, CredentialRow]:
        return cast("Mapping[str, CredentialRow]", MappingProxyType(self._tables[Area.CREDENTIALS].rows))

    def credentials_of(self, identity: Identity) -> list[CredentialRow]:
        """What was issued for one service account, in order of expiry; what never expires comes last.

        By whichever of the ways to its server: it is one account.
        """
        rows = [self.credentials[key] for same in self._same(identity) for key in self._of_identity.get(same, ())]
        last = datetime.max.replace(tzinfo=UTC)
        return sorted(rows, key=lambda row: (row.credential.expires_at or last, row.key))

    def put(self, *rows: Row) -> None:
        """Add rows or replace those with the same key. A row that is equal to the one there is no change."""
        for row in rows:
            self._put(row)
        self._notify()

    def _put(self, row: Row) -> None:
        table = self._tables[AREA_OF[type(row)]]
        key = row.key
        old = table.rows.get(key)
        if isinstance(row, RequestRow):
            if isinstance(old, RequestRow):
                self._links.forget(old)
            row = self._links.linked(row, self.credentials, self.requests)
        before = self.ended.source(old) if old is not None else None
        row = self.ended.judged(self.handles.judged(self.ended.source(row), before))
        if not table.put(key, row):
            return
        if isinstance(row, ClusterRow) and row.same != (old.same if isinstance(old, ClusterRow) else ()):
            for other in self._tables.values():  # what belongs to a cluster is what belongs to its server
                other.views.clear()
        if isinstance(row, CredentialRow):
            self._forget_identity(key, old)
            if row.credential.identity is not None:
                self._of_identity[row.credential.identity].add(key)
            self._carried(row, gone=False)
            self._dirty_credentials.add(row.credential.address)
        self._dirty(type(row), cluster_of(row))
        if old is not None:
            self._dirty_clusters.add(cluster_of(old))

    def drop(self, kind: type[Row], *keys: str) -> None:
        """Remove rows; keys that are not there are ignored."""
        table = self._tables[AREA_OF[kind]]
        for key in keys:
            row = table.drop(key)
            if row is None:
                continue
            self._forget_identity(key, row)
            self.handles.forget(self.ended.source(row))
            self.ended.forget(row)
            if isinstance(row, CredentialRow):
                self._carried(row, gone=True)
                self._dirty_credentials.add(row.credential.address)
            elif isinstance(row, RequestRow):
                self._links.forget(row)
            self._dirty(kind, cluster_of(row))
        self._notify()

    def _again(self, keys: Iterable[RowKey]) -> None:
        """Something became of the handle or the account of these: show them as they stand now."""
        rows = [self._tables[AREA_OF[kind]].rows.get(key) for kind, key in keys]
        self.put(*(self.as_given(row) for row in rows if row is not None))

    def as_given(self, row: AnyRow) -> AnyRow:
        """A row that is shown as its source gave it, without what became of its handle or its account."""
        return cast("AnyRow", self.handles.source(self.ended.source(row)))

    def _carried(self, row: CredentialRow, *, gone: bool) -> None:
        """A credential changed or went: so do the requests that carry it."""
        table = self._tables[Area.REQUESTS]
        for request in self._links.follow(row.credential, self.requests, gone=gone):
            if table.put(request.key, request):
                self._dirty(RequestRow, request.cluster)

    def subscribe(self, fn: Callable[[FleetChange], None]) -> Callable[[], None]:
        """Call `fn` after changes until the returned function is called."""
        self._subscribers.append(fn)

        def unsubscribe() -> None:
            if fn in self._subscribers:
                self._subscribers.remove(fn)

        return unsubscribe

    def flush(self) -> None:
        """Tell the subscribers what changed since the last time, if anything did."""
        if not self._dirty_kinds:
            return
        change = FleetChange(
            frozenset(self._dirty_kinds), frozenset(self._dirty_clusters), frozenset(self._dirty_credentials)
        )
        self._dirty_kinds.clear()
        self._dirty_clusters.clear()
        self._dirty_credentials.clear()
        for fn in tuple(self._subscribers):
            fn(change)

    def view(self, area: Area, *, query: Query | None = None) -> View:
        """The rows of `area` that `query` chooses. Raises ValueError for a sort the area does not have."""
        query = query or Query()
        if query.sort and query.sort not in sort_fields(area):
            raise ValueError(f"{area.value} cannot be sorted by {query.sort!r}; there is {', '.join(sorts(area))}")
        table = self._tables[area]
        timed = query.between is not None or (query.sort != "" and sort_fields(area)[query.sort].rank is not None)
        timed = timed or any(term.timed for term in parse(query.text))
        if not timed and (known := table.views.get(query)) is not None:
            return known
        view = (None if timed else self._narrowed(table, query)) or self._compute(table, query, timed)
        if not timed:
            if len(table.views) >= 16:
                table.views.clear()
            table.views[query] = view
        return view

    def _narrowed(self, table: _Table, query: Query) -> View | None:
        """From what the filter found without its last letter, where that is known: a longer word finds no more rows."""
        before = table.views.get(msgspec.structs.replace(query, text=query.text[:-1])) if query.text else None
        terms, shorter = parse(query.text), parse(query.text[:-1])
        if before is None or not terms or len(shorter) != len(terms) or shorter[:-1] != terms[:-1]:
            return None
        last, was = terms[-1], shorter[-1]
        if last.sign or was.sign or not (last.wanted and was.wanted) or was.text not in last.text:
            return None
        word, texts = (
            last.text,
            table.texts,
        )  # each of these rows has a text, since the shorter word was looked for in it
        holds = [word in texts[entry[2]] for entry in before.entries]
        if all(holds):
            return View(before.rows, before.entries, before.total)
        return View([*compress(before.rows, holds)], [*compress(before.entries, holds)], before.total)

    def _compute(self, table: _Table, query: Query, timed: bool) -> View:
        sort = query.sort or DEFAULT_SORT[table.area]
        rank = sort_fields(table.area)[sort].rank
        order = table.order(sort if rank is None else DEFAULT_SORT[table.area])
        chosen = self._matching(table, order, query, timed)
        rows, entries = list(order.rows), list(order.entries)
        if chosen is not None:
            rows, entries = [rows[i] for i in chosen], [entries[i] for i in chosen]
        if rank is not None:
            moments = self._moments()
            ranks = [rank(row, moments[clock_of(row)]) for row in rows]
            ranked = sorted(range(len(rows)), key=ranks.__getitem__, reverse=query.reverse)
            rows, entries = [rows[i] for i in ranked], [entries[i] for i in ranked]
        elif query.reverse:
            end = order.valued() if chosen is None else sum(not entry[0] for entry in entries)
            rows = rows[:end][::-1] + rows[end:]
            entries = entries[:end][::-1] + entries[end:]
        return View(rows, entries, len(table.rows))

    def _matching(self, table: _Table, order: Order, query: Query, timed: bool) -> list[int] | None:
        """Indices into the order of the rows that the query wants; None where it wants all."""
        chosen: list[int] | None = None
        rows = order.rows
        if query.cluster is not None:
            meant = frozenset(ways(self.clusters, query.cluster))
            chosen = [i for i, row in enumerate(rows) if not meant.isdisjoint(clusters_of(row))]
        if query.namespace is not None:
            chosen = [i for i in _among(chosen, rows) if namespace_of(rows[i]) == query.namespace]
        if query.identity is not None:
            who = self._same(query.identity)
            chosen = [i for i in _among(chosen, rows) if identity_of(rows[i]) in who]
        if query.keys is not None:
            chosen = [i for i in _among(chosen, rows) if order.entries[i][2] in query.keys]
        if query.between is not None:
            moments, now = self._moments(), self._clock()
            chosen = [i for i in _among(chosen, rows) if _falls(rows[i], query.between, moments, now)]
        terms = parse(query.text)
        if terms:
            moments, words = self._moments(), words_of(OF_AREA[table.area])
            haystack = haystack_of(OF_AREA[table.area])
            texts = {i: table.text(order.entries[i][2], rows[i], haystack) for i in _among(chosen, rows)}
            for term in terms:
                if not (term.sign or term.timed):  # the common case, without a call for each row
                    texts = {i: text for i, text in texts.items() if (term.text in text) is term.wanted}
                    continue
                kept = {}
                for i, text in texts.items():
                    row = rows[i]
                    if term.holds(text, partial(_value, words, row, moments[clock_of(row)])):
                        kept[i] = text
                texts = kept
            chosen = list(texts)
        return chosen

    def _moments(self) -> Moments:
        """The time each cluster has: stamps are a cluster's, so states follow its clock and not this machine's."""
        now = self._clock()
        moments = Moments(lambda: now)
        for row in self.clusters.values():
            if row.skew:
                moments[row.name] = now + timedelta(seconds=row.skew)
        return moments

    def _same(self, identity: Identity) -> frozenset[Identity]:
        """The account, as each of the ways to its cluster calls it."""
        return frozenset(
            msgspec.structs.replace(identity, cluster=name) for name in ways(self.clusters, identity.cluster)
        )

    def _forget_identity(self, key: str, row: Row | None) -> None:
        if isinstance(row, CredentialRow) and row.credential.identity is not None:
            keys = self._of_identity[row.credential.identity]
            keys.discard(key)
            if not keys:
                del self._of_identity[row.credential.identity]

    def _dirty(self, kind: type[Row], cluster: str) -> None:
        self._dirty_kinds.add(kind)
        self._dirty_clusters.add(cluster)

    def _notify(self) -> None:
        if not self._dirty_kinds:
            return
        if self._schedule is not None:
            self._schedule()
        else:
            self.flush()


def _among(chosen: list[int] | None, rows: list[Row]) -> Iterable[int]:
    return range(len(rows)) if chosen is None else chosen


def _value(words: Mapping[str, Asked], row: Row, now: datetime, word: str) -> str | timedelta | None:
    return words[word](row, now) if word in words else None


def _falls(row: Row, between: tuple[datetime, datetime], moments: Moments, now: datetime) -> bool:
    """Whether a credential ends or is due in there; its stamps are by its cluster's clock."""
    credential = row.credential if isinstance(row, CredentialRow | RequestRow) else None
    if credential is None or ends_at(credential) is None:
        return False
    ahead = moments[clock_of(row)] - now
    if abs(ahead) < _NO_SKEW:  # as countdowns have it
        ahead = timedelta(0)
    points = (credential.expires_at, credential.rotate_at)
    return any(at is not None and between[0] <= at - ahead < between[1] for at in points)
