"""Who is entered: whether a cluster that another one delivered may be, before anything is sent to it.

A kubeconfig that lies in a cluster is written by whoever may write that Secret. So a delivered cluster is entered only
where the operator said yes to exactly it, once: to this server and this authority, delivered by this source. Settings
may trust a source beforehand, and the entry of the host in the operator's own kubeconfig may vouch for authorities (the
embedded fleet's does). Everything here is a decision; reading, asking and remembering are done around it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tui.kube import shell
from tui.kube.errors import ConfigError, KubeError

NO_AUTHORITY: Final = "none"
"""In place of a fingerprint where no authority is given: the system's are trusted."""
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class SourceKind(StrEnum):
    """What kind of object in the host leads to a cluster."""

    DPU_CLUSTER = "DPUCluster"
    CLUSTER_API = "Cluster API"
    ARGO_CD = "Argo CD"


class DeliveredBy(msgspec.Struct, frozen=True, order=True):
    """Who delivered it: an object in a host cluster. Its text is for people."""

    kind: SourceKind
    host: str
    namespace: str
    name: str

    @property
    def cluster(self) -> str:
        """What kubemint calls the cluster; the same on every start, whatever else leads there."""
        return f"{self.host}/{self.namespace}/{self.name}"

    def __str__(self) -> str:
        what = self.kind.value if self.kind is SourceKind.DPU_CLUSTER else f"{self.kind.value}'s cluster"
        return f"{what} {self.namespace}/{self.name} in {self.host}"


class Place(msgspec.Struct, frozen=True):
    """Where it leads, as far as someone can say yes to it: who would answer, and who vouches for that."""

    server: str
    authority: str = NO_AUTHORITY
    """SHA-256 of its certificates, or NO_AUTHORITY."""
    server_name: str = ""
    """What the server's certificate has to be for, where that is not its address."""
    unchecked: bool = False
    """Whether the server's certificate is not verified."""
    proxy: str = ""
    """The proxy that it names, without a login for it."""
    host: str = ""
    """Of the cluster that delivers it: the fingerprint of its authority, or its server where it has none. A name is
    not enough: another cluster may be called so. Empty in a yes of earlier versions."""

    @property
    def oddities(self) -> tuple[str, ...]:
        """What it does beyond leading to a server, in words."""
        said = ("its server's certificate is not verified",) if self.unchecked else ()
        return (*said, f"it goes through the proxy {self.proxy}") if self.proxy else said


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivered cluster: the facts that are decided on. Never any material."""

    by: DeliveredBy
    place: Place
    near: bool = False
    """Whether its server is on this machine or its link."""
    nested: bool = False
    """Whether the host itself was delivered: then no setting and no kubeconfig of the operator's speaks for it."""

    @property
    def insecure(self) -> bool:
        """Whether its server's certificate is not verified."""
        return self.place.unchecked

    @property
    def proxy(self) -> bool:
        """Whether it goes through a proxy of its own."""
        return bool(self.place.proxy)


class Yes(msgspec.Struct, frozen=True):
    """What the operator said yes to, and when."""

    by: DeliveredBy
    place: Place
    at: datetime


class Allowed(StrEnum):
    """What a source may deliver that is refused otherwise."""

    NEAR = "near"
    INSECURE = "insecure"
    PROXY = "proxy"


class Deliverer(StrEnum):
    """How settings call the kinds of sources."""

    ANY = "any"
    DPU_CLUSTERS = "dpuclusters"
    CLUSTER_API = "clusterapi"
    ARGO_CD = "argocd"


_KINDS: Final = {
    Deliverer.DPU_CLUSTERS: SourceKind.DPU_CLUSTER,
    Deliverer.CLUSTER_API: SourceKind.CLUSTER_API,
    Deliverer.ARGO_CD: SourceKind.ARGO_CD,
}


class TrustedSource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which delivered clusters are entered without asking: none where no `context` is given."""

    source: Annotated[
        Deliverer, Meta(description="Its source: DPUClusters, Cluster API's Secrets, Argo CD's Secrets, or any.")
    ] = Deliverer.ANY
    context: Annotated[
        str, Meta(description="The context of the cluster that delivers it, or a glob pattern. Without it: none.")
    ] = ""
    namespaces: Annotated[
        tuple[str, ...], Meta(description="Only from these namespaces, by glob pattern; an empty list means all.")
    ] = ()
    allow: Annotated[
        tuple[Allowed, ...],
        Meta(
            description="What it may deliver that is refused otherwise: near (a server on this machine or its link), "
            "insecure (the server's certificate is not verified), proxy (one that it names)."
        ),
    ] = ()

    ask: Annotated[bool, Meta(description="Ask all the same: what it may deliver is allowed, but not yet entered.")] = (
        False
    )

    def covers(self, by: DeliveredBy) -> bool:
        """Whether this source is meant."""
        if not self.context or _KINDS.get(self.source, by.kind) is not by.kind:
            return False
        inside = not self.namespaces or any(fnmatchcase(by.namespace, glob) for glob in self.namespaces)
        return inside and fnmatchcase(by.host, self.context)


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator said beforehand."""

    sources: tuple[TrustedSource, ...] = ()
    everything: bool = False
    """Enter whatever is delivered, on this machine too: for tests and scripts around an embedded fleet."""


class Entry(StrEnum):
    """What is decided."""

    ENTER = "enter"
    ASK = "ask"
    REFUSE = "refuse"


class Verdict(msgspec.Struct, frozen=True):
    """The decision, and why it is no yes: what changed since the last one, or what is refused."""

    entry: Entry
    why: tuple[str, ...] = ()


NOTHING_SAID: Final = Trust()


def decide(
    delivery: Delivery, *, yes: Place | None = None, trust: Trust = NOTHING_SAID, vouched: Sequence[str] = ()
) -> Verdict:
    """Whether this cluster is entered.

    `yes` is the place the operator last said yes to for this source, and `vouched` the authorities that the host's
    entry in the operator's own kubeconfig vouches for.
    """
    place = delivery.place
    rules = [] if delivery.nested else [rule for rule in trust.sources if rule.covers(delivery.by)]
    vouched_for = not delivery.nested and place.authority != NO_AUTHORITY and place.authority in vouched
    allowed = {what for rule in rules for what in rule.allow}
    if trust.everything or vouched_for:
        allowed.add(Allowed.NEAR)
    refused = [_REFUSED[what] for what in Allowed if getattr(delivery, what.value) and what not in allowed]
    if refused:
        return Verdict(Entry.REFUSE, tuple(refused))
    if trust.everything or vouched_for or any(not rule.ask for rule in rules):
        return Verdict(Entry.ENTER)
    if yes is not None and not changes(yes, place):
        return Verdict(Entry.ENTER)
    return Verdict(Entry.ASK, () if yes is None else tuple(changes(yes, place)))


_REFUSED: Final = {
    Allowed.NEAR: "its server is on this machine or its own link",
    Allowed.INSECURE: "its server's certificate would not be verified",
    Allowed.PROXY: "it goes through a proxy of its own",
}


def changes(before: Place, now: Place) -> list[str]:
    """What is not as it was when the operator said yes, in words."""
    said = []
    if before.server != now.server:
        said.append(f"its server was {before.server}")
    if before.authority != now.authority:
        said.append(f"its authority was {before.authority}")
    if before.server_name != now.server_name:
        said.append(f"its server's name was {before.server_name or 'that of its address'}")
    if before.unchecked != now.unchecked:
        said.append("its server's certificate was verified" if now.unchecked else "its certificate was not verified")
    if before.proxy != now.proxy:
        said.append(f"its proxy was {before.proxy or 'none'}")
    if before.host and before.host != now.host:
        said.append("another cluster delivered it, which was called like this one")
    return said


class NotEntered(KubeError):
    """A delivered cluster that is not entered."""


class Unusable(ConfigError):
    """What was delivered is never used, whatever anybody says: it is no kubeconfig, or would run a program."""


class Untrusted(NotEntered):
    """It was not confirmed, or it is refused as long as settings do not allow what it does."""

    def __init__(self, delivery: Delivery, verdict: Verdict) -> None:
        self.delivery = delivery
        self.verdict = verdict
        message, hint = _words(delivery, verdict)
        super().__init__(message, cluster=delivery.by.cluster, hint=hint)


def _words(delivery: Delivery, verdict: Verdict) -> tuple[str, str]:
    where = described(delivery)
    if verdict.entry is Entry.REFUSE:
        what = f"it is not entered: {' and '.join(verdict.why)} ({where})"
        return what, "if that is right, `trust` in config.yaml can allow it for this source"
    said = "entering it is not confirmed yet" if not verdict.why else "it changed since it was confirmed"
    changed = f"; {'; '.join(verdict.why)}" if verdict.why else ""
    return (
        f"{said} ({where}{changed})",
        f"look at it and confirm it: {shell.command('kubemint', 'trust', delivery.by.cluster)}",
    )


def described(delivery: Delivery) -> str:
    """Server, authority and source in one line."""
    place = delivery.place
    name = f" as {place.server_name}" if place.server_name else ""
    authority = "the system's authorities" if place.authority == NO_AUTHORITY else f"authority {place.authority}"
    odd = "".join(f", {said}" for said in place.oddities)
    return f"server {place.server}{name}, {authority}{odd}, delivered by {delivery.by}"


def fingerprint(bundle: bytes | None) -> str:
    """What a bundle of authorities is known by: the SHA-256 of its certificate (DER), as hexadecimal digits.

    For several it is the SHA-256 over theirs, sorted; for none NO_AUTHORITY. Raises ValueError where one is unreadable.
    """
    if bundle is None:
        return NO_AUTHORITY
    digests = sorted({hashlib.sha256(der).digest() for der in certificates(bundle)})
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()


def certificates(bundle: bytes) -> list[bytes]:
    """Every certificate of a PEM bundle, as DER. Raises ValueError where there is none, or one is unreadable."""
    found = _BLOCK.findall(bundle)
    if not found or bundle.count(b"-----BEGIN ") != len(found):
        raise ValueError("it holds something else than certificates")
    try:
        return [base64.b64decode(b"".join(block.split()), validate=True) for block in found]
    except binascii.Error:
        problem = "a certificate in it is not base64"
    raise ValueError(problem)
