"""What an inspection found, as data without any material, and as lines for people.

`msgspec.json.encode` writes an `Inspection` as it is; `sections` makes of it what a screen or a terminal shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tui.issuance.model.certificate import CertificateInfo
from tui.issuance.model.claims import Claims
from tui.issuance.model.countdown import human_left
from tui.issuance.model.durations import format_duration
from tui.kube.amounts import about


class Kind(StrEnum):
    """What was inspected."""

    TOKEN = "token"
    CERTIFICATE = "certificate"
    KUBECONFIG = "kubeconfig"
    SECRET = "secret"
    EXEC_CREDENTIAL = "exec-credential"


class Problem(msgspec.Struct, frozen=True):
    """Something the holder should know. `where` is the part it is about, empty for the whole."""

    where: str
    message: str
    refused: bool = False
    """Whether a server refuses the credential for it."""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class Part(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One thing that was found, and where."""

    where: str = ""


class InspectedToken(Part, frozen=True, kw_only=True, tag="token"):
    """A token. What is not a JSON Web Token has no claims: it says nothing about itself."""

    fingerprint: str
    claims: Claims | None = None


class InspectedCertificate(Part, frozen=True, kw_only=True, tag="certificate"):
    """A certificate, with the others of its chain or bundle behind it."""

    certificate: CertificateInfo
    chain: tuple[CertificateInfo, ...] = ()
    has_key: bool = False


class InspectedCluster(Part, frozen=True, kw_only=True, tag="cluster"):
    """One cluster of a kubeconfig."""

    server: str
    authorities: tuple[CertificateInfo, ...] = ()
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class InspectedContext(Part, frozen=True, kw_only=True, tag="context"):
    """One context of a kubeconfig."""

    cluster: str
    user: str
    namespace: str = ""
    current: bool = False


class InspectedLogin(Part, frozen=True, kw_only=True, tag="login"):
    """A way to log in that holds nothing to look into: a program, a file, a password."""

    method: str
    detail: str = ""


class InspectedSecret(Part, frozen=True, kw_only=True, tag="secret"):
    """A Secret manifest; what its values hold comes as further items."""

    namespace: str
    name: str
    type: str
    keys: tuple[str, ...] = ()
    annotations: dict[str, str] = {}


Item = InspectedToken | InspectedCertificate | InspectedCluster | InspectedContext | InspectedLogin | InspectedSecret


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that could be said about some bytes."""

    kind: Kind
    checked_at: datetime
    items: tuple[Item, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def expires_at(self) -> datetime | None:
        """The first end of anything that is a credential, None where nothing ends."""
        ends = [item.claims.expires_at for item in self.items if isinstance(item, InspectedToken) and item.claims]
        ends += [item.certificate.not_after for item in self.items if isinstance(item, InspectedCertificate)]
        return min((end for end in ends if end is not None), default=None)


def verdict(inspection: Inspection) -> tuple[bool | None, str]:
    """Whether anything in it speaks against it, and that in words; None where there is nothing to judge."""
    held = [item for item in inspection.items if isinstance(item, InspectedToken | InspectedCertificate)]
    reasons = [str(problem) for problem in inspection.problems if problem.refused]
    if reasons:
        return False, f"a server refuses it: {reasons[0]}" + (f", and {len(reasons) - 1} more" if reasons[1:] else "")
    if not held:
        return None, "it holds no complete credential"
    if all(isinstance(item, InspectedToken) and item.claims is None for item in held):
        return None, "it says nothing about itself; only the server that issued it knows"
    return True, "No problem found offline; only the server knows if it was revoked"


class Section(msgspec.Struct, frozen=True):
    """A heading and the lines below it."""

    title: str
    rows: tuple[tuple[str, str], ...]


def sections(inspection: Inspection) -> list[Section]:
    """The inspection for people, problems first."""
    found = []
    refused = tuple(("✖", str(problem)) for problem in inspection.problems if problem.refused)
    others = tuple(("!", str(problem)) for problem in inspection.problems if not problem.refused)
    if refused:
        found.append(Section("a server refuses it", refused))
    if others:
        found.append(Section("problems", others))
    for item in inspection.items:
        rows = tuple((label, value) for label, value in _rows(item, inspection.checked_at) if value)
        kind = item.__struct_config__.tag
        found.append(Section(f"{kind} {item.where}".strip(), rows))
    return found


def _rows(item: Item, now: datetime) -> Iterator[tuple[str, str]]:
    match item:
        case InspectedToken():
            yield from _token_rows(item, now)
        case InspectedCertificate():
            yield from _certificate_rows(item.certificate, now)
            yield "private key", "present, and belongs to it" if item.has_key else ""
            yield "chain", ", ".join(other.common_name or other.subject for other in item.chain)
        case InspectedCluster():
            yield "server", item.server
            yield "authority", ", ".join(_authority(authority, now) for authority in item.authorities)
            yield "TLS server name", item.tls_server_name
            yield "proxy", item.proxy_url
        case InspectedContext():
            yield "cluster", item.cluster
            yield "user", item.user
            yield "namespace", item.namespace
            yield "current", "yes" if item.current else ""
        case InspectedLogin():
            yield item.method, item.detail
        case InspectedSecret():
            yield "name", f"{item.namespace}/{item.name}" if item.namespace else item.name
            yield "type", item.type
            yield "keys", ", ".join(item.keys)
            yield from item.annotations.items()


def _token_rows(item: InspectedToken, now: datetime) -> Iterator[tuple[str, str]]:
    claims = item.claims
    if claims is not None:
        yield "subject", claims.subject
        yield "audience", ", ".join(claims.audiences)
        yield "issuer", claims.issuer
        yield from _times(claims.issued_at, claims.expires_at, now)
        yield "warned after", rfc3339(claims.warn_after) if claims.warn_after else ""
        yield "bound to", f"{claims.bound.kind} {claims.bound.name}" if claims.bound else ""
        yield "node", claims.node
        yield "id", claims.id
        yield "account UID", claims.service_account_uid
        yield "signed", f"{claims.algorithm}, key {claims.key_id}" if claims.key_id else claims.algorithm
    yield "fingerprint", item.fingerprint


def _certificate_rows(info: CertificateInfo, now: datetime) -> Iterator[tuple[str, str]]:
    yield "common name", info.common_name
    yield "organization", ", ".join(info.organizations)
    yield "names", ", ".join(info.names)
    yield "issuer", info.issuer
    yield from _times(info.not_before, info.not_after, now)
    yield "authority", "yes" if info.is_ca else ""
    yield "key", info.key
    yield "serial", info.serial
    yield "SHA-256", info.fingerprint


def _times(start: datetime | None, end: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    yield "valid from", rfc3339(start) if start else ""
    if end is None:
        yield "expires", "never"
        return
    yield "expires", f"{rfc3339(end)} ({_left(end - now)})"
    if start is not None and end > start:
        yield "lifetime", format_duration(end - start)


def _left(left: timedelta) -> str:
    return f"{human_left(left)} left" if left > timedelta(0) else f"expired {about(left)} ago"


def _authority(info: CertificateInfo, now: datetime) -> str:
    return f"{info.common_name or info.subject} ({_left(info.not_after - now)})"


def rfc3339(at: datetime) -> str:
    """A time as Kubernetes writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
