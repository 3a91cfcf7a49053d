"""Handles without a place: the decision which of those that lie in a cluster nothing accounts for.

A handle is accounted for where a place that can be looked at names it (a managed Secret, a request, a file that this
machine noted), or where the journal of this machine still works on it. Whatever could hold it and was not seen makes
that unknown; nothing is called lost for what was not looked at. Annotations say where a handle's token went: that
narrows down where to look, and is no fact to act on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from tui.issuance.model.types import Handle, Identity

from .handles import CHANGED, Seen, seen_in

YOUNG: Final = timedelta(minutes=10)
"""What was made, or replaced, less than this ago may be in the hands of someone who is at it right now."""

Known = Callable[[str, str], str]
"""Whether a cluster's places in a namespace (empty: in all of them) were listed: empty, or why not, in words."""


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """A handle as a list of them shows it."""

    handle: Handle
    seen: Seen
    created_at: datetime | None = None
    issued_by: str = ""

    @property
    def identity(self) -> Identity | None:
        """The account that it says it was made for; None where it says none, or one elsewhere."""
        namespace, _, name = self.seen.account.partition("/")
        mine = namespace == self.handle.namespace and name and "/" not in name
        return Identity(self.handle.cluster, namespace, name) if mine else None

    @property
    def ends_at(self) -> datetime | None:
        """When its token ends at the latest, as its annotations say."""
        if self.created_at is None or self.seen.requested is None:
            return None
        try:
            return self.created_at + self.seen.requested
        except OverflowError:
            return None

    @property
    def places(self) -> tuple[tuple[str, str, str], ...]:
        """Cluster, namespace and name of the Secrets that it says its token was made for."""
        return placed(self.seen, self.handle.cluster)


def placed(seen: Seen, home: str) -> tuple[tuple[str, str, str], ...]:
    """The Secrets that a handle in `home` says its token was made for: cluster, namespace and name of each."""
    found = []
    for text in seen.secrets:
        parts = text.rsplit("/", 2)
        if len(parts) >= 2 and all(parts):
            found.append((parts[0] if len(parts) == 3 else home, parts[-2], parts[-1]))
    return tuple(found)


def accounts_for(one: Walked, cluster: str, namespace: str, name: str) -> bool:
    """Whether a Secret that names this handle may hold its token: it is one of those that the handle was made for.

    `cluster` is called as the handle's places are. Of a handle from before names said that, anyone counts.
    """
    if one.seen.is_as_made:
        return (cluster, namespace, name) in one.places
    return not one.places or (cluster, namespace, name) in one.places


def made_for(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    """Namespace and name of the Secrets that a handle was made for, by its metadata alone; none where its name says
    that it was changed, None where nothing says it (from before names did)."""
    seen = seen_in({"metadata": metadata})
    if seen.is_changed:
        return ()
    found = tuple((namespace, name) for _, namespace, name in placed(seen, seen.namespace))
    return found if found or seen.is_as_made else None


def accounts_for_request(one: Walked, uid: str) -> bool:
    """The same of a request with this UID: the handle was made for it. Of a handle from before names said that, any."""
    return not one.seen.is_as_made or one.seen.request == uid


class Standing(StrEnum):
    """How a handle stands."""

    KEPT = "kept"
    YOUNG = "young"
    UNKNOWN = "unknown"
    LOST = "lost"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the handle itself."""

    named: bool = False
    """Whether a place names it."""
    pending: bool = False
    """Whether the journal of this machine works on it."""
    replaced_at: datetime | None = None
    """When another one was made for one of its places, the latest of them; by its server, and not by a mark."""
    unseen: tuple[str, ...] = ()
    """What could hold it and was not looked at, in words."""


class Judged(msgspec.Struct, frozen=True):
    """How a handle stands, and why where that is not known."""

    standing: Standing
    why: str = ""


def judge(one: Walked, facts: Facts, now: datetime) -> Judged:
    """How one handle stands at `now`, by its cluster's clock."""
    if facts.named or facts.pending or one.seen.deleted:
        return Judged(Standing.KEPT)
    if one.created_at is None:
        return Judged(Standing.UNKNOWN, "it does not say when it was made")
    stamps = (one.created_at, facts.replaced_at)
    if any(at is not None and abs(now - at) < YOUNG for at in stamps):  # one that is far ahead says nothing
        return Judged(Standing.YOUNG)
    if facts.unseen:
        return Judged(Standing.UNKNOWN, "; ".join(facts.unseen))
    return Judged(Standing.LOST)


def unseen(one: Walked, known: Known, others: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """What could hold its token and was not looked at.

    Secrets that it names are looked for where it says. One that names none was made for a file, or is kept by a request
    of a cluster that delivers its own: `others` says which of those were not looked at.
    """
    handle = one.handle
    wanted = {(cluster, namespace) for cluster, namespace, _ in one.places} or {(handle.cluster, "")}
    said = [why for cluster, namespace in sorted(wanted) if (why := known(cluster, namespace))]
    if one.seen.is_changed:
        said.append(CHANGED)
    return tuple(dict.fromkeys([*said, *(() if one.places else others())]))
