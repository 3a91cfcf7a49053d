"""The keys and certificates of one embedded cluster: its authority, its serving and client certificates, its token key.

Certificates use P-256 because such keys cost microseconds; tokens are signed RS256 as on every real cluster. An RSA key
takes tens of milliseconds, so a process keeps a small pool of them: clusters that share one are still apart, because
each has an issuer of its own and accounts with identifiers of their own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
import random
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tui.kube.sensitive import Sensitive

_EXPONENT: Final = 65537
_POOL_SIZE: Final = 4
_SMALL_PRIMES: Final = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
_BACKDATE: Final = timedelta(days=1)
_AUTHORITY_YEARS: Final = timedelta(days=3650)
_Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, both PEM."""

    certificate: bytes
    key: Sensitive


class Authority:
    """A certificate authority. `now` is the cluster's own clock; certificates hold under it and under the real one."""

    def __init__(self, name: str, now: datetime) -> None:
        real = datetime.now(UTC)
        self._not_before = min(now, real) - _BACKDATE
        self._not_after = max(now, real) + _AUTHORITY_YEARS
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        self._certificate = self._signed(self._subject, self._key.public_key(), None, ca=True)
        self.pem: bytes = self._certificate.public_bytes(serialization.Encoding.PEM)

    def serving(self, names: Sequence[str]) -> Certificate:
        """A server's certificate for host names and IP addresses."""
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        return self._issue(subject, ExtendedKeyUsageOID.SERVER_AUTH, None, x509.SubjectAlternativeName(alternatives))

    def client(self, user: str, groups: Sequence[str] = (), not_after: datetime | None = None) -> Certificate:
        """A client certificate: the common name is the user, each organization a group."""
        return self._issue(_subject(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, not_after)

    def certify(
        self, public: _Public, user: str, groups: Sequence[str], not_before: datetime, not_after: datetime
    ) -> bytes:
        """A client certificate for somebody's own key, from `not_before` on, as Gardener signs them for shoots."""
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        made = self._signed(_subject(user, groups), public, not_after, purpose, not_before=not_before)
        return made.public_bytes(serialization.Encoding.PEM)

    def _issue(
        self,
        subject: x509.Name,
        purpose: x509.ObjectIdentifier,
        not_after: datetime | None,
        *extensions: x509.ExtensionType,
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(subject, key.public_key(), not_after, x509.ExtendedKeyUsage([purpose]), *extensions)
        form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
        private = key.private_bytes(encoding, form, serialization.NoEncryption())
        return Certificate(made.public_bytes(encoding), Sensitive(private))

    def _signed(
        self,
        subject: x509.Name,
        public: _Public,
        not_after: datetime | None,
        *extensions: x509.ExtensionType,
        not_before: datetime | None = None,
        ca: bool = False,
    ) -> x509.Certificate:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or self._not_before)
            .not_valid_after(not_after or self._not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=ca), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _subject(user: str, groups: Sequence[str]) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs_certificates, crl_sign=signs_certificates, **never)


def server_context(serving: Certificate, authority: Authority, folder: Path) -> ssl.SSLContext:
    """A TLS context that serves `serving` and accepts, but does not demand, client certificates of `authority`.

    `ssl` only loads keys from files, so the key passes through one in `folder` (private) and is removed at once.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    path = folder / "serving.pem"
    path.touch(mode=0o600, exist_ok=False)
    try:
        path.write_bytes(serving.certificate + serving.key.reveal_bytes())
        context.load_cert_chain(path)
    finally:
        path.unlink()
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


class SigningKey:
    """The key that signs service-account tokens (RS256), and its identifier as API servers compute it."""

    def __init__(self, key: rsa.RSAPrivateKey | None = None) -> None:
        self._key = key or rsa.generate_private_key(public_exponent=_EXPONENT, key_size=2048)
        self.public = self._key.public_key()
        der = self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A signed token. RS256 is deterministic: equal claims give equal bytes, as on a real server."""
        ordered = _sorted(claims)
        return jwt.encode(ordered, self._key, algorithm="RS256", headers={"kid": self.kid, "typ": None})

    def jwk(self) -> dict[str, Any]:
        """The public key as a JSON Web Key, for `/openid/v1/jwks`."""
        key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.public, as_dict=True)
        key.pop("key_ops", None)
        return {"use": "sig", "alg": "RS256", "kid": self.kid} | key


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


@functools.cache
def _pooled(slot: int) -> SigningKey:
    return SigningKey()


def signing_key(index: int) -> SigningKey:
    """The signing key of the fleet's cluster number `index`; made on first use, then kept for the process."""
    return _pooled(index % _POOL_SIZE)


@functools.cache
def repeatable_key(seed: int) -> SigningKey:
    """The same key for the same seed: for pictures that can be made again, and for nothing that anybody else can reach.

    Fingerprints of tokens, and with them the moments of renewal, then come out alike every time.
    """
    rng = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    p, q = _prime(rng), _prime(rng)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    return SigningKey(rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key())


def _prime(rng: random.Random) -> int:
    """A number of 1024 bits that is prime beyond reasonable doubt, with its two highest bits set."""
    while True:
        candidate = rng.getrandbits(1024) | (3 << 1022) | 1
        if (candidate - 1) % _EXPONENT == 0 or not all(candidate % small for small in _SMALL_PRIMES):
            continue
        if all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7)):
            return candidate
