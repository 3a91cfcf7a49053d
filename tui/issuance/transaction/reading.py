"""Reading one credential as it is now: what a list shows of it, the wish behind it, and the material itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.place import Place, absolute
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.trust.whose import insist_on_file
from tui.kube.bare_token import INSTEAD, is_bare
from tui.kube.resource import SECRETS
from tui.kube.small_file import read_small

from .work import Context

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive


def normal(address: Address) -> Address:
    """The address as it is kept: files by their absolute path."""
    if not address.is_file:
        return address
    return msgspec.structs.replace(address, name=str(absolute(address.name)))


async def lookup(context: Context, address: Address) -> Credential:
    """The credential, read live from its cluster, or from this machine's records and the file itself."""
    return await (await context.families.of(address)).lookup(context, address)


async def index(context: Context, address: Address) -> Credential:
    """The same, but for a managed Secret what it says of itself: for who holds that against its token."""
    return await (await context.families.of(address)).index(context, address)


async def managed_secret(context: Context, address: Address) -> tuple[Credential, str]:
    """What a managed Secret says of itself, and the id of its wish: an index. Raises UsageError, KubeError."""
    client = await context.clusters.client(address.cluster)
    found = await client.get_metadata(SECRETS, address.name, namespace=address.namespace)
    credential = managed.credential_from_secret(address.cluster, found)
    if credential is None:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} in {address.cluster} is not managed by kubemint",
            f"its label {managed.MANAGED_BY} is missing",
        )
    return credential, managed.request_of(found)


_MOST: Final = 64 * 1024
"""Bytes; no token is larger."""


def _is_bare(path: str) -> bool:
    """Whether a token lies in a file that nothing is known of; what cannot be read is none."""
    try:
        return is_bare(read_small(Path(path), _MOST))
    except OSError:
        return False


async def export_record(context: Context, address: Address) -> Export:
    """What the state knows of a file; UsageError where kubemint did not write it, or it is of another cluster than the
    one that is called so now."""
    record = await asyncio.to_thread(context.state.export_record, normal(address))
    if record is None:
        if address.is_file and await asyncio.to_thread(_is_bare, address.name):
            raise UsageError(f"{address.name} is a bare token that kubemint on this machine did not write", INSTEAD)
        merged = [
            one.address for one in await asyncio.to_thread(context.state.exports)
            if address.is_file and one.address.name.startswith(f"{address.name}#")
        ]  # fmt: skip
        if merged:
            raise UsageError(
                f"{address.name} holds entries that kubemint merged into it, and nothing else of kubemint's",
                f"name one: {', '.join(map(str, merged[:3]))}",
            )
        raise UsageError(
            f"kubemint on this machine wrote no credential to {address.name}", "kubemint list credentials shows them"
        )
    await insist_on_file(context, record)
    return record


async def place_of(context: Context, address: Address) -> tuple[Place, Format]:
    """Where a credential keeps its material, and in which format. Raises UsageError for what is kept nowhere."""
    return await (await context.families.of(address)).place(context, address)


async def material(context: Context, address: Address) -> Sensitive:
    """The material as people export it: the kubeconfig, the four values, or the token.

    Raises UsageError where there is none to give, IssuanceError, KubeError.
    """
    return await (await context.families.of(address)).material(context, address)


async def token(context: Context, address: Address) -> Sensitive | None:
    """The bare token of a credential, None where its place holds none."""
    return await (await context.families.of(address)).token(context, address)


def no_token(address: Address) -> UsageError:
    """What is said where someone wants the token of a handle, or another in its place."""
    return UsageError(
        f"{address} is the handle of a token; the token is elsewhere",
        "a handle can be looked at and revoked",
    )
