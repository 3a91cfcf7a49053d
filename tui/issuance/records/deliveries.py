"""What one cluster delivered about another: read as hostile, and only handed on where the gate lets it in.

Whoever turns a kubeconfig that lies in a cluster into an endpoint comes through here: `take` reads it, `Gate.admit`
decides (see `entering`). The endpoint has its own delivered login and is marked as delivered; nothing that it says
about others is trusted further.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tui.issuance.errors import IssuanceError
from tui.kube.addresses import leads_near
from tui.kube.delivered import Allow, DeliveredError, read
from tui.kube.text import safe_text

from .entering import (
    NO_AUTHORITY,
    NOTHING_SAID,
    DeliveredBy,
    Delivery,
    Entry,
    Place,
    Trust,
    Untrusted,
    Unusable,
    Verdict,
    certificates,
    decide,
    fingerprint,
)

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint

_ALL: Final = Allow(near=True, insecure=True, proxy=True, others=True)
"""What `decide` decides itself. Entries beyond those of the one context are left out: nothing looks into them."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivered cluster: the facts to decide on, and the way in that they are about. It is not entered yet."""

    delivery: Delivery
    endpoint: Endpoint
    vouched: tuple[str, ...] = ()
    """The authorities that the host's entry in the operator's own kubeconfig vouches for."""


def take(data: bytes, by: DeliveredBy, host: Endpoint, where: str) -> Delivered:
    """What the kubeconfig `data`, which lies in `where`, says. Raises Unusable for what is never used."""
    problem, hint = "", ""
    try:
        way = read(data, _ALL).endpoint
        authority = fingerprint(way.ca)
    except DeliveredError as error:
        problem, hint = error.message, error.hint
    except ValueError as error:
        problem = f"its certificate authority cannot be told: {error}"
    if problem:
        raise Unusable(f"{where}: {problem}", cluster=by.cluster, hint=hint)
    delivery = Delivery(
        by=by,
        place=Place(
            way.server,
            authority,
            way.tls_server_name or "",
            unchecked=way.insecure,
            proxy=_without_login(way.proxy_url or ""),
            host=_known_by(host),
        ),
        near=leads_near(way.server),
        nested=host.delivered,
    )
    return Delivered(delivery, replace(way, name=by.cluster), host.vouches)


def _known_by(host: Endpoint) -> str:
    """By what a host is told from another one of its name."""
    try:
        authority = fingerprint(host.ca)
    except ValueError:
        authority = NO_AUTHORITY
    return authority if authority != NO_AUTHORITY else host.server


def _without_login(proxy: str) -> str:
    """The address of a proxy as it may be shown and remembered."""
    parts = urlsplit(proxy)
    return safe_text(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl())


class Gate:
    """Says of every delivered cluster whether it is entered.

    `trust` is what settings say now, `yes` gives where a source led when the operator said yes to it. Where that cannot
    be read, nothing was confirmed.
    """

    def __init__(
        self,
        trust: Callable[[], Trust] = lambda: NOTHING_SAID,
        yes: Callable[[DeliveredBy], Place | None] = lambda by: None,
    ) -> None:
        self._trust = trust
        self._yes = yes

    async def admit(self, found: Delivered) -> Endpoint:
        """The way in, where it may be used. Raises Untrusted with what to do."""
        verdict = await self.verdict(found)
        if verdict.entry is not Entry.ENTER:
            raise Untrusted(found.delivery, verdict)
        return found.endpoint

    async def verdict(self, found: Delivered) -> Verdict:
        """What is decided, without any consequence."""
        return decide(
            found.delivery,
            yes=await asyncio.to_thread(self._remembered, found.delivery.by),
            trust=self._trust(),
            vouched=found.vouched,
        )

    def _remembered(self, by: DeliveredBy) -> Place | None:
        try:
            return self._yes(by)
        except (IssuanceError, OSError):
            return None


CLOSED: Final = Gate()
"""Lets in what the operator's own kubeconfig vouches for, and nothing else."""


def authorities(bundle: bytes | None) -> list[tuple[str, str]]:
    """Whom a bundle trusts, for people: subject and SHA-256 of each certificate; an unreadable one says so."""
    from tui.issuance.model.certificate import CertificateError, read_chain

    found = []
    for der in certificates(bundle) if bundle is not None else ():
        import base64

        block = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
        try:
            subject = safe_text(read_chain(block)[0].subject)
        except CertificateError:
            subject = "a certificate that cannot be read"
        found.append((subject, fingerprint(block)))
    return found
