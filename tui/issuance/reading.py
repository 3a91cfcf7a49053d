"""Reading one credential as it is now: what a list shows of it, the wish behind it, and the material itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS

from . import managed, vouching
from .destinations.place import Place, absolute, address_of, file_destination
from .destinations.registry import place_for
from .destinations.secret import SecretPlace
from .errors import IssuanceError, UsageError
from .formats import Format
from .intent import Export
from .kinds import CredentialKind
from .types import Address, Credential, Destination, SecretDestination, State
from .work import Context

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

    from .dpf import DPURequest


def normal(address: Address) -> Address:
    """The address as it is kept: files by their absolute path."""
    if not address.here:
        return address
    return Address(CredentialKind.FILE, "", "", str(absolute(address.name)))


async def lookup(context: Context, address: Address) -> Credential:
    """The credential, read live from its cluster, or from this machine's records and the file itself."""
    match address.kind:
        case CredentialKind.FILE:
            return await _file(context, address)
        case CredentialKind.SECRET:
            return (await vouching.read(context, address)).credential
        case CredentialKind.LEGACY:
            return await _legacy(context, address)
        case CredentialKind.STATIC:
            from .static_token import look

            return await look(context, address)
        case CredentialKind.LOGIN:
            return _login(context, address)
        case CredentialKind.HANDLE:
            from .seeking import at_handle

            return (await at_handle(context, address)).credential
        case CredentialKind.REQUEST:
            from .dpf import credential_of

            request = await request_at(context, address)
            return credential_of(address.cluster, request, await context.now(address.cluster))


async def index(context: Context, address: Address) -> Credential:
    """The same, but for a managed Secret what it says of itself: for who holds that against its token himself."""
    if address.kind is CredentialKind.SECRET:
        return (await managed_secret(context, address))[0]
    return await lookup(context, address)


async def managed_secret(context: Context, address: Address) -> tuple[Credential, str]:
    """What a managed Secret says of itself, and the id of its wish: an index. Raises UsageError, KubeError."""
    client = await context.clusters.client(address.cluster)
    found = await client.get_metadata(SECRETS, address.name, namespace=address.namespace)
    credential = managed.credential_from_secret(address.cluster, found)
    if credential is None:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} in {address.cluster} is not managed by kubemint",
            f"its label {managed.MANAGED_BY} would say so",
        )
    return credential, managed.request_of(found)


async def export_record(context: Context, address: Address) -> Export:
    """What the state knows of a file; UsageError where kubemint did not write it."""
    record = await asyncio.to_thread(context.state.export_record, normal(address))
    if record is None:
        raise UsageError(
            f"kubemint on this machine wrote no credential to {address.name}", "kubemint list credentials shows them"
        )
    return record


async def place_of(context: Context, address: Address) -> tuple[Place, Format]:
    """Where a file or a managed Secret keeps its material, and in which format.

    Raises UsageError for what is kept in neither.
    """
    if address.here:
        record = await export_record(context, address)
        credential = record.credential
        if credential.shoot is not None:
            from .destinations.shoot import ShootPlace

            return ShootPlace(credential.shoot, credential.address.name, context.state), Format.KUBECONFIG
        if credential.identity is None:
            raise UsageError(f"{address.name} does not say whose credential it keeps")
        destination: Destination = file_destination(credential.address, credential.identity)
        for candidate in record.spec.destinations if record.spec is not None else ():
            if address_of(candidate, credential.identity) == credential.address:
                destination = candidate
        place = place_for(destination, credential.identity, context.clusters, context.state)
        place.request = record.request
        return place, credential.format or Format.KUBECONFIG
    if address.kind is CredentialKind.REQUEST:
        from .dpf.steps import look_secret

        request = await request_at(context, address)
        secret = request.status_secret or request.secret
        there = await look_secret(await context.clusters.client(address.cluster), request, secret)
        if there.exists and not there.ours:
            raise UsageError(
                f"Secret {secret}, which {address} names, was not made for it",
                "its status is what somebody wrote there; keep or rotate it, so that it is set right",
            )
        where = SecretDestination(address.cluster, secret.namespace, secret.name)
        return SecretPlace(where, context.clusters), request.format or Format.KUBECONFIG
    credential, _ = await managed_secret(context, address)
    destination = SecretDestination(address.cluster, address.namespace, address.name)
    return SecretPlace(destination, context.clusters), credential.format or Format.KUBECONFIG


async def material(context: Context, address: Address) -> Sensitive:
    """The material as people export it: the kubeconfig, the four values, or the token.

    Raises UsageError where there is none to give, IssuanceError, KubeError.
    """
    match address.kind:
        case CredentialKind.FILE | CredentialKind.SECRET | CredentialKind.REQUEST:
            place, form = await place_of(context, address)
            return await place.material(form)
        case CredentialKind.LEGACY:
            return await _legacy_token(context, address)
        case CredentialKind.STATIC:
            from . import static_token

            return await static_token.material(context, address)
        case CredentialKind.LOGIN:
            raise UsageError("your own login is not handed out", "it is in your kubeconfig")
        case CredentialKind.HANDLE:
            raise no_token(address)


async def token(context: Context, address: Address) -> Sensitive | None:
    """The bare token of a credential, None where its place holds none."""
    match address.kind:
        case CredentialKind.FILE | CredentialKind.SECRET | CredentialKind.REQUEST:
            place, form = await place_of(context, address)
            return await place.token(form)
        case CredentialKind.LEGACY:
            return await _legacy_token(context, address)
        case CredentialKind.STATIC:
            from . import static_token

            return static_token.token_in(await static_token.material(context, address))
        case CredentialKind.LOGIN:
            return context.clusters.endpoint(address.cluster).login.token
        case CredentialKind.HANDLE:
            return None


def no_token(address: Address) -> UsageError:
    """What is said where somebody wants the token of a handle, or another in its place."""
    return UsageError(
        f"{address} is what a token is bound to; the token itself lies elsewhere",
        "a handle can be looked at and revoked",
    )


async def _file(context: Context, address: Address) -> Credential:
    """What the state says of a file, and whether the file still says so too."""
    from .destinations.file import as_on_disk

    credential = await asyncio.to_thread(as_on_disk, (await export_record(context, address)).credential)
    if credential.state in (State.REVOKED, State.MISSING):
        return credential
    place, form = await place_of(context, address)
    try:
        now = await place.token(form)
    except (KubeError, IssuanceError) as error:
        return msgspec.structs.replace(credential, state=State.UNKNOWN, message=error.message)
    if now is None or now.fingerprint != credential.fingerprint:
        said = "the file holds another token than kubemint wrote"
        return msgspec.structs.replace(credential, state=State.UNKNOWN, message=said)
    return credential


async def request_at(context: Context, address: Address) -> DPURequest:
    """The request as it is now."""
    from .dpf.steps import fetch

    client = await context.clusters.client(address.cluster)
    return await fetch(client, address.cluster, address.namespace, address.name)


async def _legacy(context: Context, address: Address) -> Credential:
    from .legacy_rotation import look_at

    return (await look_at(context, address)).credential


async def _legacy_token(context: Context, address: Address) -> Sensitive:
    from .legacy_rotation import look_at

    held = (await look_at(context, address)).token
    if held is None:
        raise NotFound(
            404,
            "NotFound",
            f"the Secret {address.namespace}/{address.name} holds no token yet",
            cluster=address.cluster,
        )
    return held


def _login(context: Context, address: Address) -> Credential:
    """What the operator's own kubeconfig says about itself."""
    from .certificate import CertificateError, read_certificate
    from .claims import ClaimsError, read_token

    login = context.clusters.endpoint(address.cluster).login
    bare = Credential(address=address, kept_in="kubeconfig", state=State.ENDLESS)
    try:
        if login.token is not None:
            claims = read_token(login.token)
            return msgspec.structs.replace(
                bare,
                identity=claims.identity(address.cluster),
                audiences=claims.audiences,
                issued_at=claims.issued_at,
                expires_at=claims.expires_at,
                fingerprint=login.token.fingerprint,
                state=State.VALID if claims.expires_at is not None else State.ENDLESS,
            )
        if login.client_certificate is not None:
            info = read_certificate(login.client_certificate, strict=False)
            return msgspec.structs.replace(
                bare,
                issued_at=info.not_before,
                expires_at=info.not_after,
                fingerprint=info.fingerprint,
                state=State.VALID,
                message=f"client certificate of {info.common_name}",
            )
    except (ClaimsError, CertificateError) as error:
        return msgspec.structs.replace(bare, state=State.UNKNOWN, message=error.message)
    if login.exec is not None:
        return msgspec.structs.replace(bare, state=State.UNKNOWN, message=f"made by the plugin {login.exec.command}")
    return bare if login.token_file is None else msgspec.structs.replace(bare, kept_in=login.token_file)
