"""Asking a garden for a kubeconfig of a shoot, and reading the answer: strictly, because it is written to disk.

What comes back is taken apart and put together anew from the servers, CAs, certificate and key in it, so that nothing
else a server may have put in gets into a file that kubectl believes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError, NotProved, UsageError
from tui.issuance.formats.kubeconfig import several
from tui.issuance.model.certificate import CertificateInfo, check_key, read_certificate
from tui.issuance.model.durations import whole_seconds
from tui.issuance.model.types import AccessLevel, ShootAccess
from tui.kube.addresses import leads_near
from tui.kube.delivered import Allow, Delivered, Several, read_all
from tui.kube.errors import APIError, BadRequest, Forbidden, KubeError, NotFound, ServerError, Unreachable
from tui.kube.resource import SELF_SUBJECT_REVIEWS
from tui.kube.sensitive import Sensitive

from .garden import GROUP, SHOOTS, not_there

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint

REQUESTS: Final = "authentication.gardener.cloud/v1alpha1"
SHORTEST: Final = 600
LONGEST: Final = (1 << 32) - 1
BACKDATE: Final = timedelta(minutes=1)
"""How long before it is signed a certificate of Gardener begins, for clocks that are late."""


@dataclass(frozen=True, slots=True)
class ShootKubeconfig:
    """What a garden answered. `ways` are the shoot's addresses in the garden's order, all with the same login."""

    shoot: ShootAccess
    """With the level that was granted."""
    ways: tuple[Endpoint, ...]
    user: str
    certificate: CertificateInfo
    material: Sensitive
    """The client certificate as PEM, by which this kubeconfig is told from another."""
    requested: timedelta | None

    @property
    def issued_at(self) -> datetime:
        """When the garden signed it, which dates certificates back."""
        return self.certificate.not_before + BACKDATE

    @property
    def expires_at(self) -> datetime:
        """When its certificate ends."""
        return self.certificate.not_after

    @property
    def granted(self) -> timedelta:
        """The lifetime that the garden gave."""
        return self.expires_at - self.issued_at

    @property
    def shortened(self) -> bool:
        """Whether the garden gave less than was asked for; it does so without a word."""
        return self.requested is not None and self.granted < self.requested - timedelta(seconds=1)

    @property
    def speaks_for(self) -> str:
        """User and group in the certificate. Since 2026 the user's name says the level; before, it is the bare name."""
        return f"{self.certificate.common_name} ({', '.join(self.certificate.organizations)})"

    def address_of(self, way: Endpoint) -> str:
        """`external`, `internal`, …"""
        return way.name.removeprefix(f"{self.shoot.namespace}--{self.shoot.name}-")

    def text(self, current: Endpoint) -> Sensitive:
        """The kubeconfig, with `current` as its current-context."""
        ways = {way.name: Delivered(way, self.user) for way in self.ways}
        return several(Several(tuple(ways.values()), ways[current.name]))


class _Status(msgspec.Struct):
    kubeconfig: Sensitive


class _Answer(msgspec.Struct):
    status: _Status


def subresource(level: AccessLevel) -> str:
    """`adminkubeconfig` or `viewerkubeconfig`; AUTO begins with the first."""
    return "viewerkubeconfig" if level is AccessLevel.VIEWER else "adminkubeconfig"


def right(level: AccessLevel) -> str:
    """The resource of the right to create it."""
    return f"shoots/{subresource(level)}.{GROUP}"


def check_duration(duration: timedelta | None) -> None:
    """Refuse here, in Gardener's words, what every garden refuses."""
    if duration is None:
        return
    seconds = whole_seconds(duration)
    if seconds < SHORTEST:
        raise UsageError(
            f"spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 10 minutes",
            "request 10m or more",
        )
    if seconds > LONGEST:
        raise UsageError(f"spec.expirationSeconds: {seconds} is more than {LONGEST}", "a garden grants 24h at most")


async def request(garden: Client, shoot: ShootAccess, duration: timedelta | None) -> ShootKubeconfig:
    """A new kubeconfig for the shoot. With level `auto` that of a viewer where that of an admin is forbidden.

    Raises Forbidden where no level is allowed, IssuanceError, KubeError.
    """
    levels = [AccessLevel.ADMIN, AccessLevel.VIEWER] if shoot.level is AccessLevel.AUTO else [shoot.level]
    for level in levels:
        wanted = msgspec.structs.replace(shoot, level=level)
        try:
            return await _request(garden, wanted, duration)
        except Forbidden as error:
            if level is not levels[-1]:
                continue
            needed = " or ".join(right(one) for one in levels)
            error.hint = f"you need the right: create {needed} in namespace {shoot.namespace} on {shoot.garden}"
            raise
    raise AssertionError("there is at least one level")


async def _request(garden: Client, shoot: ShootAccess, duration: timedelta | None) -> ShootKubeconfig:
    kind = "ViewerKubeconfigRequest" if shoot.level is AccessLevel.VIEWER else "AdminKubeconfigRequest"
    spec = {} if duration is None else {"expirationSeconds": whole_seconds(duration)}
    body = {"apiVersion": REQUESTS, "kind": kind, "spec": spec}
    part = subresource(shoot.level)
    try:
        answer = await garden.create(
            SHOOTS, body, namespace=shoot.namespace, name=shoot.name, subresource=part, type=_Answer
        )
    except APIError as error:
        error.hint = explain(error, shoot) or error.hint
        raise
    try:
        data = base64.b64decode(answer.status.kubeconfig.reveal_bytes(), validate=True)
    except (binascii.Error, ValueError):
        raise IssuanceError(f"the garden {shoot.garden} answered no kubeconfig") from None
    return read(data, shoot, duration, near=leads_near(garden.endpoint.server))


def explain(error: APIError, shoot: ShootAccess) -> str:
    """What a refusal of these two subresources means, and what to do; empty where it says so itself."""
    where = f"{shoot.namespace}/{shoot.name}"
    match error:
        case NotFound():
            return not_there(error, shoot.garden, shoot.namespace)
        case BadRequest() if "no user" in error.message:
            return f"the garden does not know who you are: check the login of {shoot.garden}"
        case APIError(status=422) if "ddress" in error.message or "status" in error.message:
            return f"the shoot {where} has no addresses yet; is it still being created? Try again when it is"
        case ServerError() if "ca-client" in error.message:
            return f"the garden lost the client CA of {where}, or has not made it yet; ask its operators"
        case ServerError() if "ca-cluster" in error.message:
            return f"the garden lost the CA of {where}, or has not made it yet; ask its operators"
        case ServerError() if "convert" in error.message:
            return f"what the garden keeps as {where} is no shoot; ask its operators"
    return ""


def read(data: bytes, shoot: ShootAccess, requested: timedelta | None = None, *, near: bool = False) -> ShootKubeconfig:
    """Take a garden's answer apart. With `near` the shoot may be on this machine, as its garden is.

    Raises DeliveredError for what a garden must not answer, IssuanceError.
    """
    found = read_all(data, Allow(near=near))
    ways = sorted((way.endpoint for way in found.ways), key=lambda way: way.name != found.current.endpoint.name)
    login = ways[0].login
    if login.client_certificate is None or login.client_key is None:
        raise IssuanceError("the kubeconfig holds no client certificate with its key")
    if any(way.login != login for way in ways):
        raise IssuanceError("the kubeconfig has several users where one was expected")
    check_key(login.client_certificate, login.client_key)
    return ShootKubeconfig(
        shoot=shoot,
        ways=tuple(ways),
        user=found.current.user,
        certificate=read_certificate(login.client_certificate),
        material=Sensitive(login.client_certificate),
        requested=requested,
    )


async def choose(config: ShootKubeconfig, address: str) -> tuple[Endpoint, str]:
    """The way to be current, proved with the new certificate itself, and who the shoot said came in.

    `address` names one; without it the first that answers is taken.
    Raises UsageError for an address it has not, else what the last one said: NotProved, KubeError.
    """
    ways: Sequence[Endpoint] = config.ways
    if address:
        ways = [way for way in ways if config.address_of(way) == address]
        if not ways:
            known = ", ".join(map(config.address_of, config.ways))
            raise UsageError(f"the shoot has no address called {address!r}", f"there is {known}")
    last: KubeError | None = None
    for way in ways:
        try:
            return way, await enter(way, config.certificate)
        except Unreachable as error:
            last = error
        except APIError as error:
            raise NotProved(f"the shoot refuses the new certificate: {error.message}", error.hint) from error
    assert last is not None
    last.hint = last.hint + "; is the shoot hibernated, or only reachable from elsewhere?"
    raise last


async def enter(way: Endpoint, certificate: CertificateInfo) -> str:
    """Enter the shoot and see who it thinks came in. Raises KubeError, or NotProved where it is another user."""
    from tui.kube.client import Client

    async with Client(way) as client:
        try:
            answer = await client.create(
                SELF_SUBJECT_REVIEWS,
                {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": SELF_SUBJECT_REVIEWS.kind},
            )
        except (Forbidden, NotFound):  # older than 1.28: only those who were let in may see what it serves
            await client.request("GET", "/api")
            return certificate.common_name
    user = str(((answer.get("status") or {}).get("userInfo") or {}).get("username", ""))
    if user != certificate.common_name:
        raise NotProved(f"the shoot says {user}, the certificate {certificate.common_name}")
    return user
