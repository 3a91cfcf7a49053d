"""What came back from the signer: judged, and shown to be good, before anything of it is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.destinations.proving import caller_in
from tui.issuance.errors import NotProved
from tui.issuance.formats.kubeconfig import several
from tui.issuance.model.certificate import CertificateError, CertificateInfo, check_key, read_certificate
from tui.issuance.model.material import Document
from tui.kube.delivered import Delivered, Several
from tui.kube.endpoint import Endpoint, Login
from tui.kube.errors import Forbidden, NotFound, Unauthorized
from tui.kube.resource import SELF_SUBJECT_REVIEWS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from .wish import CertificateWish

_SLACK: Final = timedelta(seconds=1)
_SKEW: Final = timedelta(minutes=5)


class Kubeconfig(Document, frozen=True):
    """A kubeconfig with a client certificate, told from another by that."""

    certificate: Sensitive

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate that is what was asked for."""

    pem: bytes
    info: CertificateInfo
    requested: timedelta | None
    issued_at: datetime
    """When it was signed, as far as that can be told: signers date certificates back."""

    @property
    def fingerprint(self) -> str:
        """By what it is told from another wherever it lies."""
        return Sensitive(self.pem).fingerprint

    @property
    def expires_at(self) -> datetime:
        return self.info.not_after

    @property
    def granted(self) -> timedelta:
        return self.expires_at - self.issued_at

    @property
    def shortened(self) -> bool:
        """Whether the signer gave less than was asked for."""
        return self.requested is not None and self.granted < self.requested - _SLACK

    @property
    def lengthened(self) -> bool:
        """Whether it gave more."""
        return self.requested is not None and self.granted > self.requested + _SLACK


def judge(pem: bytes, key: Sensitive, wish: CertificateWish, now: datetime) -> Signed:
    """Take a signer's answer, where it is what was asked for and nothing else. Raises CertificateError."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    info = read_certificate(pem)
    check_key(pem, key)
    certificate = x509.load_pem_x509_certificates(pem)[0]
    names = {oid: [str(one.value) for one in certificate.subject.get_attributes_for_oid(oid)]
             for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)}  # fmt: skip
    users, groups = names[NameOID.COMMON_NAME], names[NameOID.ORGANIZATION_NAME]
    if (
        users != [wish.user]
        or sorted(groups) != sorted(wish.groups)
        or len(list(certificate.subject)) != 1 + len(groups)
    ):
        raise CertificateError(f"the signer certified {info.subject}, asked for was {wish.speaks_for}")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage or info.is_ca:
        raise CertificateError("what the signer certified is no client certificate")
    if info.not_after <= now or info.not_before > now + _SKEW:
        raise CertificateError(f"it holds from {info.not_before} to {info.not_after}, and there it is {now}")
    return Signed(pem, info, wish.duration, signed_at(info, wish.duration, now))


def signed_at(info: CertificateInfo, requested: timedelta | None, now: datetime) -> datetime:
    """When a certificate was signed that was read at `now`: its beginning is earlier, for clocks that are late."""
    whole = now.replace(microsecond=0)
    exactly = info.not_after - requested if requested is not None else whole
    return exactly if info.not_before <= exactly <= whole else max(whole, info.not_before)


def way_in(endpoint: Endpoint, pem: bytes, key: Sensitive, user: str) -> Endpoint:
    """The way into the same cluster with the certificate alone."""
    login = Login(client_certificate=pem, client_key=key)
    return replace(endpoint, name=user, cluster_name=endpoint.cluster_name or endpoint.name, login=login)


def kubeconfig(way: Endpoint, user: str) -> Kubeconfig:
    """What is written down: one cluster, one user, one context, called like the user."""
    certificate = way.login.client_certificate
    assert certificate is not None
    only = Delivered(replace(way, name=user), user)
    return Kubeconfig(several(Several((only,), only)), Sensitive(certificate))


async def prove(way: Endpoint, wish: CertificateWish) -> str:
    """Enter with the certificate, and see for whom the server takes it; says how that is known.

    Raises NotProved where it is refused, or is another user; KubeError.
    """
    from tui.kube.client import Client

    async with Client(way) as client:
        try:
            answer = await client.create(
                SELF_SUBJECT_REVIEWS,
                {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": SELF_SUBJECT_REVIEWS.kind},
            )
        except Unauthorized as error:
            raise NotProved(
                "the server refuses the new certificate", "does its `--client-ca-file` hold the signer's CA?"
            ) from error
        except Forbidden as error:  # older than 1.28: being refused for lack of rights names the caller
            if caller_in(error.message) == wish.user:
                return f"the server knows it as {wish.user}"
        except NotFound:
            pass
        else:
            return f"SelfSubjectReview says {_reviewed(answer, wish)}"
        try:
            await client.request("GET", "/api")  # only those who were let in may see what it serves
        except Unauthorized as error:
            raise NotProved("the server refuses the new certificate", error.hint) from error
    return "GET /api accepts it"


def _reviewed(answer: Mapping[str, Any], wish: CertificateWish) -> str:
    info = (answer.get("status") or {}).get("userInfo") or {}
    user, groups = str(info.get("username", "")), {str(one) for one in info.get("groups") or ()}
    if user != wish.user or not set(wish.groups) <= groups:
        raise NotProved(
            f"the server takes it for {user} ({', '.join(sorted(groups))}), asked for was {wish.speaks_for}"
        )
    return wish.speaks_for
