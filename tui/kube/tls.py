"""TLS contexts: a cluster's own authority where it has one, else one context with the system's for all clusters.

Reading the system's authorities takes 40 ms and most of a megabyte, so that context is shared. A client certificate
needs a context of its own; certificate and key go in through an anonymous file, never through one with a name.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from .errors import ConfigError, TLSFailed
from .sensitive import Sensitive
from .usable import CERTIFICATE


class Context(ssl.SSLContext):
    """One that may ask for another name than that of the host, whoever opens the connection."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def context_for(
    *,
    ca: bytes | None,
    insecure: bool,
    certificate: bytes | None = None,
    key: Sensitive | None = None,
    server_name: str | None = None,
) -> ssl.SSLContext:
    """The context for one endpoint. Raises ConfigError where CA, certificate or key cannot be used."""
    if insecure:
        context = _insecure()
    elif ca is not None:
        context = _own(ca)
    elif certificate is None and not server_name:
        return _system()
    else:
        context = _base()
        context.load_default_certs()
    context.server_name = server_name
    if certificate is not None and key is not None:
        _load_pair(context, certificate, key)
    return context


def failed(error: ssl.SSLError | ssl.CertificateError, host: str) -> TLSFailed:
    """The error for a handshake that did not work out, in words that say which side refused what."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or "not accepted"
        if error.verify_code in (62, 64) or "ostname mismatch" in reason or "IP address mismatch" in reason:
            return TLSFailed(f"the certificate is not for {host}", hint="set tls-server-name to a name it is for")
        if "self-signed" in reason or "self signed" in reason or "unable to get" in reason:
            return TLSFailed(f"the certificate is signed by an unknown authority ({reason})")
        return TLSFailed(f"the certificate was not accepted: {reason}")
    reason = (error.reason or "").lower().replace("_", " ")
    if reason in ("wrong version number", "http request", "record layer failure", "unknown protocol"):
        return TLSFailed("the server does not speak TLS on this port", hint="check the address: http instead of https?")
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        return TLSFailed(
            f"the server refused the client certificate ({reason})", hint="the client certificate may be expired"
        )
    return TLSFailed(f"the TLS handshake failed ({reason or 'no reason given'})")


def _base() -> Context:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    # As Go's crypto/x509 does it: old authorities are not held to the newest profile, whatever is in the bundle is
    # trusted itself, be it signed by another or not, and a common name is no host name.
    context.verify_flags = context.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@lru_cache(maxsize=1)
def _system() -> ssl.SSLContext:
    context = _base()
    context.load_default_certs()
    return context


def _own(ca: bytes) -> Context:
    """Trusts every certificate of the bundle that can be read, as Go's AppendCertsFromPEM does."""
    context, trusted = _base(), False
    for block in CERTIFICATE.finditer(ca):
        try:
            context.load_verify_locations(cadata=block[0].decode("ascii"))
            trusted = True
        except (ssl.SSLError, ValueError):
            pass  # the good ones beside it count; where there is none, that is said below
    if trusted:
        return context
    raise ConfigError("the certificate authority is not a PEM certificate", hint="check certificate-authority(-data)")


def _insecure() -> Context:
    context = _base()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def check_pair(certificate: bytes, key: Sensitive) -> None:
    """Raises ConfigError where a client certificate is not of this key, or one of them cannot be read."""
    _load_pair(_insecure(), certificate, key)


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: Sensitive) -> None:
    failure = ""
    with _anonymous(certificate.rstrip() + b"\n" + key.reveal_bytes()) as path:
        try:
            # The empty password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(path, password="")
        except ssl.SSLError as error:
            failure = "do not belong together" if "MISMATCH" in (error.reason or "") else "cannot be read"
        except (ValueError, OSError):
            failure = "cannot be read"
    if failure:
        raise ConfigError(
            f"the client certificate and its key {failure}", hint="check client-certificate and client-key"
        )


@contextmanager
def _anonymous(data: bytes) -> Iterator[str]:
    """A path that OpenSSL can read `data` from, for no longer than that."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        with os.fdopen(os.memfd_create("pair", os.MFD_CLOEXEC), "wb") as stream:
            stream.write(data)
            stream.flush()
            yield f"/proc/self/fd/{stream.fileno()}"
        return
    with tempfile.NamedTemporaryFile(prefix="kubemint-", mode="wb") as stream:  # 0600, removed on leaving
        stream.write(data)
        stream.flush()
        yield stream.name
