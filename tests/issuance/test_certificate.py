"""Reading certificates, strictly where a server handed them out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tui.issuance.model.certificate import CertificateError, check_key, read_certificate, read_chain
from tui.kube.sensitive import Sensitive

START = datetime(2026, 1, 1, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def make(key: Key, name: str = "gardener.cloud:admin:alice", *, ca: bool = False) -> bytes:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "admins")]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(0xABC)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def pem(key: Key, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
LEAF = make(EC)
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


def test_what_it_says() -> None:
    info = read_certificate(LEAF)
    assert (info.common_name, info.organizations) == ("gardener.cloud:admin:alice", ("admins",))
    assert (info.not_before, info.not_after) == (START, START + timedelta(hours=1))
    assert (info.serial, info.key, info.is_ca) == ("abc", "EC secp256r1", False)
    assert len(info.fingerprint) == 64
    assert read_certificate(make(RSA)).key == "RSA 2048"
    assert read_certificate(make(ed25519.Ed25519PrivateKey.generate())).key == "Ed25519"


def test_a_chain_in_order() -> None:
    chain = read_chain(LEAF + make(EC, "the authority", ca=True))
    assert [info.common_name for info in chain] == ["gardener.cloud:admin:alice", "the authority"]
    assert [info.is_ca for info in chain] == [False, True]


def test_names_are_harmless() -> None:
    info = read_certificate(make(EC, "a\x1b[31m\u202eb"))
    assert "\x1b" not in info.common_name + info.subject
    assert "\u202e" not in info.common_name + info.subject


def test_i11_strict_reading_of_certificate_and_key() -> None:
    good = pem(EC)
    check_key(LEAF, Sensitive(good))
    wrong = [b"leading\n" + LEAF, LEAF + b"garbage", b"not PEM at all", b"", good]
    for text in wrong:
        with pytest.raises(CertificateError):
            read_certificate(text)
    for text in [b"leading\n" + good, good + b"garbage", b"not PEM at all", b"", LEAF, good + good]:
        with pytest.raises(CertificateError):
            check_key(LEAF, Sensitive(text))


def test_comments_are_fine_in_what_people_keep() -> None:
    bundle = b"# our authority\n" + LEAF + b"\n\n# the other\n" + LEAF
    assert len(read_chain(bundle, strict=False)) == 2
    with pytest.raises(CertificateError, match="before the PEM block"):
        read_chain(bundle)


@pytest.mark.parametrize(
    "text",
    [b"x", LEAF[:200], LEAF.replace(b"M", b"A"), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
)
def test_broken_ones(text: bytes) -> None:
    for strict in (True, False):
        with pytest.raises(CertificateError):
            read_chain(text, strict=strict)


@pytest.mark.parametrize("key", [pem(RSA, TRADITIONAL), pem(RSA)])
def test_keys_of_both_forms_belong(key: bytes) -> None:
    check_key(make(RSA), Sensitive(key))
    with pytest.raises(CertificateError, match="does not belong"):
        check_key(LEAF, Sensitive(key))


def test_the_parameters_openssl_writes_before_an_ec_key() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    check_key(LEAF, Sensitive(parameters + pem(EC, TRADITIONAL)))


def test_a_key_with_a_password() -> None:
    locked = EC.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(CertificateError):
        check_key(LEAF, Sensitive(locked))


def test_windows_line_ends() -> None:
    assert read_certificate(LEAF.replace(b"\n", b"\r\n")).common_name == "gardener.cloud:admin:alice"
