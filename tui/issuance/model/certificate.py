"""What an X.509 certificate says about itself: who it names, from when to when, and whether a key belongs to it.

`strict` reading accepts PEM blocks and nothing around them, as gardenlogin does for what a server hands out; CA bundles
that people keep often have comments between the blocks and are read without it.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.kube.amounts import size
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from cryptography import x509

MAX_PEM: Final = 4 * 1024 * 1024
_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END \1-----[ \t]*(?:\r?\n|\Z)"
)
_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE: Final = b"CERTIFICATE"
_KEYS: Final = frozenset({b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"})


class CertificateError(IssuanceError):
    """The bytes are not the certificate or key they should be. The message never holds a part of them."""


class CertificateInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate."""

    subject: str
    common_name: str
    organizations: tuple[str, ...]
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    is_ca: bool
    names: tuple[str, ...]
    """DNS names and addresses of a serving certificate."""
    key: str
    """What sort of key it certifies: `RSA 2048`, `EC secp256r1`, …"""
    fingerprint: str
    """SHA-256 of the certificate, as hexadecimal digits."""


def read_chain(pem: bytes, *, strict: bool = True) -> tuple[CertificateInfo, ...]:
    """Every certificate in the PEM text, in order. Raises CertificateError where there is none or one is broken."""
    return tuple(_info(certificate) for certificate in _load(pem, strict))


def read_certificate(pem: bytes, *, strict: bool = True) -> CertificateInfo:
    """The first certificate in the PEM text, which is the holder's own."""
    return read_chain(pem, strict=strict)[0]


def from_der(der: bytes) -> bytes:
    """A certificate in DER as PEM; empty where the bytes are none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if not der.startswith(b"\x30") or len(der) > MAX_PEM:
        return b""
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    except ValueError:
        return b""


def broken_link(pem: bytes) -> str:
    """Where a chain breaks, in words: each certificate must be issued by the next. Empty where it holds."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    chain = _load(pem, strict=False)
    for one, issuer in itertools.pairwise(chain):
        names = [safe_text(certificate.subject.rfc4514_string(), 80) for certificate in (one, issuer)]
        try:
            one.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            return f"the chain is broken: {names[1]} did not issue {names[0]}"
        except UnsupportedAlgorithm:
            return ""  # nothing can be said of it
    return ""


def check_key(pem: bytes, key: Sensitive) -> None:
    """Raises CertificateError unless `key` is the private key of the first certificate in `pem`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    certificate = _load(pem, strict=True)[0]
    material = key.reveal_bytes()
    blocks = [block for block in _blocks(material, "key") if block != b"EC PARAMETERS"]  # which openssl writes first
    if len(blocks) != 1 or blocks[0] not in _KEYS:
        raise CertificateError("the key is not one PEM block of a private key")
    try:
        public = serialization.load_pem_private_key(material, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        public = None
    if public is None:
        raise CertificateError("the private key cannot be read (broken, of an unknown kind, or with a password)")
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CertificateError("the private key does not belong to the certificate")


def _load(pem: bytes, strict: bool) -> list[x509.Certificate]:
    from cryptography import x509

    if len(pem) > MAX_PEM:
        raise CertificateError(f"the certificates are larger than {size(MAX_PEM)}")
    if strict:
        for block in _blocks(pem, "certificate"):
            if block != _CERTIFICATE:
                raise CertificateError(f"a PEM block of type {block.decode()} instead of CERTIFICATE")
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        pass
    if not _BEGIN.search(pem):
        raise CertificateError("this is not a PEM certificate", "it starts with -----BEGIN CERTIFICATE-----")
    raise CertificateError("a certificate is broken and cannot be read")


def _blocks(pem: bytes, what: str) -> list[bytes]:
    """The types of all PEM blocks, where there is nothing but blocks."""
    found: list[bytes] = []
    position = 0
    while position < len(pem):
        match = _BLOCK.match(pem, position)
        if match is None:
            where = "before" if not found else "after"
            raise CertificateError(
                f"there is something {where} the PEM block of the {what}"
                if _BEGIN.search(pem)
                else f"the {what} is not PEM",
                "a PEM text starts with -----BEGIN and ends with -----END",
            )
        found.append(match[1])
        position = match.end()
    if not found:
        raise CertificateError(f"the {what} is empty")
    return found


def _info(certificate: x509.Certificate) -> CertificateInfo:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    def subject(oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(safe_text(item.value) for item in certificate.subject.get_attributes_for_oid(oid))

    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_ca = constraints.ca
    except (x509.ExtensionNotFound, ValueError):
        is_ca = False
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(safe_text(name.value) for name in alternatives)
    except (x509.ExtensionNotFound, ValueError):
        names = ()
    common = subject(NameOID.COMMON_NAME)
    return CertificateInfo(
        subject=safe_text(certificate.subject.rfc4514_string()),
        common_name=common[0] if common else "",
        organizations=subject(NameOID.ORGANIZATION_NAME),
        issuer=safe_text(certificate.issuer.rfc4514_string()),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        is_ca=is_ca,
        names=names,
        key=_key_words(certificate),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _key_words(certificate: x509.Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")
