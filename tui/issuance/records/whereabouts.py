"""Which cluster something was written down of: a name says nothing of that.

Every k3s calls its context `default`, every kubeadm `kubernetes-admin@kubernetes`, and a context may lead elsewhere
tomorrow. So whatever this machine remembers (what it wrote, what it has still to end, what it had begun) carries with
it what its clusters were: their servers, their authorities, and the UIDs of their namespaces kube-system. What the name
leads to now is compared with that before a record is acted on.

Everything here is a decision; `whose` asks. The decision is `judge`, a pure function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from tui.kube.addresses import same_place
from tui.kube.text import safe_text

from .entering import NO_AUTHORITY, fingerprint

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint

UNREADABLE: Final = "unreadable"
"""In place of an authority that cannot be told; it is the same as no other."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SHOWN: Final = 12
"""Digits of an authority that people are shown."""


class Whereabouts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cluster is, as far as it could be told when something of it was written down."""

    cluster: str
    """What it was called then."""
    server: str = ""
    authority: str = NO_AUTHORITY
    """As in `entering.Place`."""
    uid: str = ""
    """Of its namespace kube-system; empty where that is not known."""

    @property
    def words(self) -> str:
        """Where it is, for people."""
        known = self.authority not in (NO_AUTHORITY, UNREADABLE)
        return safe_text(self.server) + (f" (authority {self.authority[:_SHOWN]})" if known else "")


class Same(StrEnum):
    """Whether what a name leads to now is the cluster that was written down."""

    SAME = "the same"
    OTHER = "another one"
    UNKNOWN = "not known to be the same"


class Verdict(msgspec.Struct, frozen=True):
    """The decision, and both sides of it; `then` is None where nothing was written down."""

    same: Same
    cluster: str
    now: Whereabouts
    then: Whereabouts | None = None

    @property
    def words(self) -> str:
        """Both clusters in words; to stand after "it"."""
        if self.then is None or not self.then.server:
            return (
                f"was recorded without saying of which cluster called {self.cluster!r}, as earlier versions did, and "
                f"nothing of it is found in the one that is called so here, at {self.now.words}"
            )
        here = f"{self.cluster!r} is {self.now.words} here"
        if self.same is Same.UNKNOWN:
            return f"is of the cluster at {self.then.words}, and {here}, which is not known to be the same"
        if same_place(self.then.server, self.now.server):
            here = f"{here}, which is another one by now: its namespace kube-system has another UID"
        else:
            here = f"{here}, which is another cluster"
        return f"is of the cluster at {self.then.words}, and {here}"


def of_endpoint(way: Endpoint, cluster: str = "", uid: str = "") -> Whereabouts:
    """What a way into a cluster says of it."""
    try:
        authority = fingerprint(way.ca)
    except ValueError:
        authority = UNREADABLE
    return Whereabouts(cluster, way.server, authority, uid)


def judge(then: Whereabouts | None, now: Whereabouts) -> Same:
    """Whether both are one cluster.

    Another UID is another cluster. The same one is a claim: whoever may look can repeat it, and a copy that was made
    of etcd has it. So the server or the authority must be the same besides.
    """
    if then is None or not then.server:
        return Same.UNKNOWN
    server = same_place(then.server, now.server)
    authority = then.authority == now.authority and now.authority != UNREADABLE
    if then.uid and now.uid:
        if then.uid != now.uid:
            return Same.OTHER
        return Same.SAME if server or (authority and now.authority != NO_AUTHORITY) else Same.UNKNOWN
    return Same.SAME if server and authority else Same.UNKNOWN


def may_be(then: Whereabouts, now: Whereabouts) -> bool:
    """Whether both are one cluster, or it is not known and one of server and authority is the same."""
    same = judge(then, now)
    authority = then.authority == now.authority and now.authority not in (NO_AUTHORITY, UNREADABLE)
    return same is Same.SAME or (same is Same.UNKNOWN and (same_place(then.server, now.server) or authority))


def is_settled(then: Whereabouts, now: Whereabouts, *, found: bool) -> bool:
    """Whether it is known that what was made in one cluster is, or was, in what its name leads to now.

    That it is not there says that it is gone only in the very cluster. What is `found` there by its UID is the same
    where one of server and authority is: the other was changed, and whoever has neither can repeat a UID.
    """
    return judge(then, now) is Same.SAME or (found and may_be(then, now))


def said_elsewhere(text: str, way: Endpoint, cluster: str, *, found: bool) -> str:
    """What is to be said, after "it", of what has this note, where its name leads to another cluster now, or may; empty
    where it does not, and where nothing is noted. `found` as in `is_settled`."""
    now, then = of_endpoint(way, cluster), of_note(text, cluster)
    if not text or is_settled(then, now, found=found):
        return ""
    same = judge(then, now)
    return Verdict(Same.UNKNOWN if same is Same.SAME else same, cluster, now, then).words


def noted(at: Whereabouts) -> str:
    """A cluster as it is noted on what was made in it: its authority and its server."""
    return f"{at.authority} {at.server}"


def of_note(text: str, cluster: str) -> Whereabouts:
    """The same as it is read. What is no such note is of no cluster that is known: it never counts as one."""
    authority, _, server = text.partition(" ")
    known = authority == NO_AUTHORITY or _DIGEST.fullmatch(authority)
    if known and server and server.isprintable() and " " not in server:
        return Whereabouts(cluster, server, authority)
    return Whereabouts(cluster, "an address that cannot be read", UNREADABLE)


def leads_elsewhere(own: Endpoint, known: Endpoint) -> bool:
    """Whether a kubeconfig names another cluster than the known one: neither its server nor its authority is that."""
    one, other = of_endpoint(own), of_endpoint(known)
    return not same_place(one.server, other.server) and (
        one.authority != other.authority or one.authority in (NO_AUTHORITY, UNREADABLE)
    )


def leads_otherwise(before: Endpoint, now: Endpoint) -> bool:
    """Whether a way into a cluster may be one into another cluster by now."""
    return judge(of_endpoint(before), of_endpoint(now)) is not Same.SAME


def agrees(own: Endpoint, known: Endpoint) -> bool:
    """Whether a kubeconfig names the server and the authority of the known cluster."""
    return judge(of_endpoint(own), of_endpoint(known)) is Same.SAME


class Stamped(Protocol):
    """A record that says of which clusters it is."""

    @property
    def at(self) -> tuple[Whereabouts, ...]: ...


Record = TypeVar("Record", bound=msgspec.Struct)


def of_cluster(record: Stamped, cluster: str) -> Whereabouts | None:
    """What a record says of the cluster that it calls so; None where it says nothing."""
    return next((one for one in record.at if one.cluster == cluster), None)


def stamped(record: Record, known: Mapping[str, Whereabouts]) -> Record:
    """The record with what its clusters are. What it says already stays: a record that is written again is of the
    cluster that it was of before."""
    said: tuple[Whereabouts, ...] = record.at  # type: ignore[attr-defined]
    names = {one.cluster for one in said}
    more = [known[name] for name in sorted(named_in((record,))) if name in known and name not in names]
    return msgspec.structs.replace(record, at=(*said, *more))


def as_read(record: Record) -> Record:
    """The same of a record that was read: where it says nothing of its clusters (earlier versions), nothing is known of
    them, however often it is written again."""
    if not hasattr(record, "at") or record.at:
        return record
    return msgspec.structs.replace(record, at=tuple(map(Whereabouts, sorted(named_in((record,))))))


def named_in(records: Iterable[Any]) -> set[str]:
    """Every cluster that these records name, whatever they name of it."""
    return {name for record in records for name in _names(record) if name}


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Whereabouts):
        return
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            one = getattr(value, field)
            if field in ("cluster", "garden") and isinstance(one, str):
                yield one
            else:
                yield from _names(one)
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _names(one)
