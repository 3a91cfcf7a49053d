"""Which of the handles that were listed nothing accounts for: what the fleet shows, held against each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tui.issuance import (
    Address,
    Handle,
    HandleFacts,
    HandleStanding,
    JudgedHandle,
    WalkedHandles,
    accounts_for_handle,
    accounts_for_request,
    judge_handle as judge,
    request_kinds,
    unseen_handles,
)
from tui.kube.amounts import count

from .rows import ClusterRow
from .same import one_name, shown_by

if TYPE_CHECKING:
    from .store import FleetStore

_SECRETS: Final = "managed Secrets"


class Accounts:
    """What accounts for handles, as the fleet shows it now."""

    def __init__(
        self,
        store: FleetStore,
        pending: Collection[Handle],
        namespace: str | None,
        walked: Collection[WalkedHandles] = (),
    ) -> None:
        self._clusters = store.clusters
        self._namespace = namespace
        rows = [row.credential for row in store.credentials.values()]
        rows += [row.credential for row in store.requests.values() if row.credential is not None]
        self._named: dict[tuple[str, str, str, str], list[Address]] = {}
        """By what is told from every other handle: what names it."""
        for row in rows:
            if row.handle is not None:
                self._named.setdefault(self._key(row.handle), []).append(row.address)
        self._apart: dict[tuple[str, str, str], list[Address]] = {}
        """Named by way of clusters that were not looked at, which may be this one under another name."""
        for row in rows:
            if row.handle is not None and self._is_apart(row.handle):
                bare = (row.handle.namespace, row.handle.name, row.handle.uid)
                self._apart.setdefault(bare, []).append(row.address)
        self._uids = {row.credential.address: row.uid for row in store.requests.values() if row.credential is not None}
        self._made: dict[tuple[str, str, str], list[WalkedHandles]] = {}
        """By the place that they say they were made for."""
        for one in walked:
            for place in one.places:
                self._made.setdefault(self._placed(place), []).append(one)
        self._pending = {(self._server(one.cluster), one.namespace, one.name) for one in pending}

    def judge(self, one: WalkedHandles, now: datetime) -> JudgedHandle:
        """How one handle stands."""
        handle = one.handle
        bare = (handle.namespace, handle.name, handle.uid)
        places = (*self._named.get(self._key(handle), ()), *self._apart.get(bare, ()))
        return judge(
            one,
            HandleFacts(
                named=any(self._accounts(one, place) for place in places),
                pending=(self._server(handle.cluster), handle.namespace, handle.name) in self._pending,
                replaced_at=self._replaced_at(one),
                unseen=unseen_handles(one, self.why_unseen, self._hosts_unseen),
            ),
            now,
        )

    def _accounts(self, one: WalkedHandles, address: Address) -> bool:
        """Whether what names the handle may hold its token. What a Secret or a request says is a mark, and what a token
        says that nobody confirmed is no more: anybody may write either. Of the way into a delivered cluster that is
        what lies where it is delivered, which is held against the handle there."""
        if address.kind.traits.wished:
            return accounts_for_request(one, self._uids.get(address, ""))
        if not address.kind.traits.in_handles:
            way = self._clusters.get(address.cluster) if address.own else None
            return way is None or way.delivered is None
        called = {self._server(cluster): cluster for cluster, _, _ in one.places}
        cluster = called.get(self._server(address.cluster), address.cluster)
        return accounts_for_handle(one, cluster, address.namespace, address.name)

    def _replaced_at(self, one: WalkedHandles) -> datetime | None:
        """When the server made the latest other handle for one of its places. What a place says of itself is a mark."""
        others = (other for place in one.places for other in self._made.get(self._placed(place), ()))
        made = (other.created_at for other in others if other.handle.uid != one.handle.uid)
        return max((at for at in made if at is not None), default=None)

    def _placed(self, place: tuple[str, str, str]) -> tuple[str, str, str]:
        cluster, namespace, name = place
        return self._server(cluster), namespace, name

    def _key(self, handle: Handle) -> tuple[str, str, str, str]:
        return self._server(handle.cluster), handle.namespace, handle.name, handle.uid

    def _is_apart(self, handle: Handle) -> bool:
        row = self._clusters.get(handle.cluster)
        return row is None or not row.answers

    def _server(self, cluster: str) -> str:
        return one_name(self._clusters, cluster)

    def why_unseen(self, cluster: str, namespace: str) -> str:
        """Why the managed Secrets of a namespace (empty: of all) are not known; empty where they are."""
        row = self._clusters.get(shown_by(self._clusters, cluster))
        if row is None:
            return f"no cluster here is called {cluster}"
        if not row.answers or row.synced_at is None:
            return f"{row.name} is {row.word}"
        if why := _missing(row, _SECRETS):
            return f"{row.name}: {why}"
        if self._namespace is not None and namespace != self._namespace:
            return f"only namespace {self._namespace} of {row.name} is looked at"
        return ""

    def _hosts_unseen(self) -> tuple[str, ...]:
        """The clusters that may keep requests for others and were not looked at."""
        said = []
        for row in self._clusters.values():
            if row.delivered is not None or row.told_only or row.carried_by:
                continue
            wished = (_missing(row, kind.title) for kind in request_kinds() if kind.address is not None)
            why = self.why_unseen(row.name, "") or next(filter(None, wished), "")
            if why:
                said.append(why if why.startswith(row.name) or " of " in why else f"{row.name}: {why}")
        return tuple(said)


def _missing(row: ClusterRow, kind: str) -> str:
    """Why a kind could not be listed, in words; empty where it could."""
    return next((text for text in row.missing if text.startswith(f"{kind}: ")), "")


def sort(
    walked: Iterable[WalkedHandles], accounts: Accounts, now: Callable[[str], datetime]
) -> tuple[list[WalkedHandles], Sequence[str]]:
    """Those that nothing accounts for, and what is to be said of those of which that is not known."""
    lost: list[WalkedHandles] = []
    unknown: dict[tuple[str, str], int] = {}
    for one in walked:
        judged = accounts.judge(one, now(one.handle.cluster))
        if judged.standing is HandleStanding.LOST:
            lost.append(one)
        elif judged.standing is HandleStanding.UNKNOWN:
            key = (one.handle.cluster, judged.why)
            unknown[key] = unknown.get(key, 0) + 1
    return lost, tuple(
        f"{cluster}: whether {count(many, 'handle')} still {'have' if many > 1 else 'has'} a place is not known: {why}"
        for (cluster, why), many in unknown.items()
    )
