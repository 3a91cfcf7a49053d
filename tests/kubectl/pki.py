"""Authorities and certificates as they are found in the wild, good and bad."""

from __future__ import annotations

import datetime
import functools
import ipaddress
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.certificates import Pair

NAMES: Final = ("127.0.0.1", "0.0.0.0", "::1", "localhost", "api.depot.example", "10.66.0.1")
"""What the usual serving certificate is for."""
_DAY: Final = datetime.timedelta(days=1)


class Issuer:
    """An authority, or one below it."""

    def __init__(self, name: str, above: Issuer | None = None, days: int = 9) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._above = above or self
        self.certificate = (
            _builder(self.name, self._above.name, self.key.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._above.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(
        self,
        common_name: str,
        *,
        names: Sequence[str] = (),
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        days: int = 9,
        organizations: Sequence[str] = (),
    ) -> Pair:
        """A certificate for a server or a client; `days` below 0: it has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(subject, self.name, key.public_key(), days).add_extension(
            x509.ExtendedKeyUsage([purpose]), critical=False
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), pem_of(key))


@functools.cache
def root() -> Issuer:
    return Issuer("depot-root")


@functools.cache
def issuing() -> Issuer:
    """The authority below the root that signs what serves."""
    return Issuer("depot-issuing", root())


@functools.cache
def stranger() -> Issuer:
    """An authority that has signed nothing here."""
    return Issuer("stranger")


@functools.cache
def clerk() -> Pair:
    """The certificate of a user that the servers know."""
    return root().issue("clerk", purpose=ExtendedKeyUsageOID.CLIENT_AUTH, organizations=["desk"])


def pem_of(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * _DAY)
        .not_valid_after(now + days * _DAY)
    )
