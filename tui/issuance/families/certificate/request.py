"""The CertificateSigningRequest of one wish: made, held against what was asked for, approved, waited for, deleted.

Whoever may write such objects may write one of the same name. So it is known again by its UID, and by everything in
it that decides what is signed, each time that it is looked at: nothing is approved that is not what was sent.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.errors import ChangedMeanwhile, IssuanceError
from tui.issuance.objects import managed
from tui.issuance.objects.deleting import delete
from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS, Resource
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text

from .wish import Key

if TYPE_CHECKING:
    from tui.kube.client import Client

GROUP: Final = "certificates.k8s.io"
CSRS: Final = Resource(GROUP, "v1", "certificatesigningrequests", "CertificateSigningRequest", namespaced=False)
SIGNER: Final = "kubernetes.io/kube-apiserver-client"
USAGES: Final = ["client auth"]
_RSA_BITS: Final = 3072
_TRIES: Final = 5
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A new key, and the request for a certificate that is signed with it."""

    key: Sensitive
    """PEM, PKCS 8."""
    request: bytes
    """PEM; nothing in it is secret."""


def make(user: str, groups: tuple[str, ...], sort: Key) -> Made:
    """Make a key, here, and ask with it for a certificate of this user. It takes a while: call it in a thread."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if sort is Key.EC
        else rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    )
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    names.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return Made(
        Sensitive(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())),
        request.public_bytes(pem),
    )


def name_of(plan: str) -> str:
    """What the request of a plan is called: nobody else can know that before it is there."""
    return f"kubemint-{plan}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was sent, and what the server made of it."""

    name: str
    request: bytes
    uid: str
    username: str
    """Whom the server takes for who asks."""
    seconds: int | None
    """The lifetime as the server keeps it; None where it does not know that field, or nothing was asked for."""


async def send(
    client: Client, made: Made, *, plan: str, wish_id: str, owner: str, seconds: int | None, dropped: bool
) -> Asked:
    """Create it. Raises IssuanceError where the server made something else of it, KubeError.

    `dropped`: it is known that this server does not know `expirationSeconds`.
    """
    spec: Object = {"request": base64.b64encode(made.request).decode(), "signerName": SIGNER, "usages": USAGES}
    if seconds is not None:
        spec["expirationSeconds"] = seconds
    metadata = {
        "name": name_of(plan),
        "labels": {managed.MANAGED_BY: managed.MANAGER},
        "annotations": {managed.PLAN: plan, managed.REQUEST: wish_id, managed.ISSUED_BY: owner},
    }
    made_of = await client.create(
        CSRS, {"apiVersion": CSRS.api_version, "kind": CSRS.kind, "metadata": metadata, "spec": spec}
    )
    kept = (made_of.get("spec") or {}).get("expirationSeconds")
    asked = Asked(
        name=name_of(plan),
        request=made.request,
        uid=str((made_of.get("metadata") or {}).get("uid", "")),
        username=str((made_of.get("spec") or {}).get("username", "")),
        seconds=kept if isinstance(kept, int) else None,
    )
    if (other := differs(made_of, asked)) or not asked.uid:
        raise IssuanceError(f"the server made something else of the request: {other or 'it has no UID'}")
    if asked.seconds != seconds and not (dropped and asked.seconds is None):
        raise IssuanceError(
            f"the server keeps expirationSeconds as {asked.seconds}, asked for was {seconds}",
            "nothing was approved: a certificate that lives longer than you asked for cannot be revoked",
        )
    return asked


def differs(found: Mapping[str, Any], asked: Asked) -> str:
    """What in an object is not as it was sent, in words; empty where it is that very request."""
    meta, spec = found.get("metadata") or {}, found.get("spec") or {}
    try:
        request = base64.b64decode(spec.get("request") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        request = b""
    held = {
        "it is another object of that name": meta.get("uid") == asked.uid,
        "another key or name is to be signed": request == asked.request,
        "another signer is named": spec.get("signerName") == SIGNER,
        "other usages are named": spec.get("usages") == USAGES,
        "somebody else asks": spec.get("username") == asked.username,
        "another lifetime is named": spec.get("expirationSeconds") == asked.seconds,
    }
    return ", ".join(said for said, same in held.items() if not same)


async def look(client: Client, asked: Asked) -> Object:
    """The request as it is now. Raises ChangedMeanwhile where it is not the one that was sent, IssuanceError where it
    was denied or has failed, KubeError."""
    try:
        found = await client.get(CSRS, asked.name)
    except NotFound:
        raise ChangedMeanwhile(f"the request {asked.name} is gone: it was deleted", "try again") from None
    if other := differs(found, asked):
        raise ChangedMeanwhile(f"the request {asked.name} is not what was sent: {other}", "nothing was approved")
    for said, words in (("Denied", "was denied"), ("Failed", "could not be signed")):
        if (condition := _condition(found, said)) is not None:
            why = ": ".join(filter(None, (str(condition.get(key) or "") for key in ("reason", "message"))))
            raise IssuanceError(
                f"the request {asked.name} {words}{': ' if why else ''}{safe_text(why, 300)}",
                "ask who denied it" if said == "Denied" else "its signer refuses what was asked for",
            )
    return found


def approved(found: Mapping[str, Any]) -> bool:
    """Whether it was approved."""
    return _condition(found, "Approved") is not None


async def approve(client: Client, asked: Asked, owner: str) -> str:
    """Say yes to it, and to nothing else: at the version in which it was held against what was sent.

    Returns what is to be said. Raises Forbidden where the operator may not, IssuanceError, KubeError.
    """
    for _ in range(_TRIES):
        found = await look(client, asked)
        if approved(found):
            return "it was approved already"
        status = found.get("status") or {}
        yes = {"type": "Approved", "status": "True", "reason": "KubemintApprove", "message": f"approved by {owner}"}
        found["status"] = {**status, "conditions": [*(status.get("conditions") or []), yes]}
        try:
            await client.replace(CSRS, found, name=asked.name, subresource="approval")
        except Conflict:
            continue  # someone noted something on it: look again
        return "approved"
    raise ChangedMeanwhile(f"the request {asked.name} is changed again and again", "try again")


async def signed(client: Client, asked: Asked, seconds: float, say: Callable[[bool], None]) -> bytes | None:
    """The certificate in it as PEM, once it is there; None where nothing came in so many seconds.

    `say` is told once it waits, with whether it is approved by then.
    """
    until, pause, told = time.monotonic() + seconds, _FIRST_PAUSE, None
    while True:
        found = await look(client, asked)
        certificate = (found.get("status") or {}).get("certificate")
        if certificate:
            try:
                return base64.b64decode(certificate, validate=True)
            except (binascii.Error, ValueError, TypeError):
                raise IssuanceError(f"what the request {asked.name} holds is no certificate") from None
        if time.monotonic() >= until:
            return None
        if told != (now := approved(found)):
            told = now
            say(now)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def discard(client: Client, plan: str) -> str:
    """Delete the request of a plan, where it is that; says how that went, empty where there was none. KubeError."""
    name = name_of(plan)
    try:
        meta = (await client.get_metadata(CSRS, name)).get("metadata") or {}
        if (meta.get("annotations") or {}).get(managed.PLAN) != plan:
            return ""
        ended = await delete(client, CSRS, name, namespace=None, uid=str(meta.get("uid", "")))
    except NotFound:
        return ""
    except Forbidden:
        return f"request {name} stays: no right to delete it; without its key, which is gone, it is of no use"
    return f"request {name} {ended}"


async def may(client: Client, verb: str, resource: str, subresource: str = "", name: str = "") -> bool | None:
    """Whether the operator may do that with something of this API group; None where that cannot be asked."""
    wanted = {"group": GROUP, "verb": verb, "resource": resource, "subresource": subresource, "name": name}
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": {key: value for key, value in wanted.items() if value}},
    }
    try:
        answer = await client.create(SELF_SUBJECT_ACCESS_REVIEWS, review)
    except (Forbidden, NotFound):
        return None
    return bool((answer.get("status") or {}).get("allowed"))


async def may_approve(client: Client) -> bool:
    """Whether the operator may approve what this signer signs. Where that cannot be asked: the step itself tells."""
    update = await may(client, "update", CSRS.plural, "approval")
    return update is not False and await may(client, "approve", "signers", name=SIGNER) is not False


def _condition(found: Mapping[str, Any], sort: str) -> Mapping[str, Any] | None:
    for one in (found.get("status") or {}).get("conditions") or []:
        if isinstance(one, Mapping) and one.get("type") == sort and one.get("status", "True") != "False":
            return one
    return None
