"""The service account behind a credential: whether it is there, and making it where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Identity
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from . import managed
from .deleting import End, delete

if TYPE_CHECKING:
    from tui.kube.client import Client

_TOKEN_OF: Final = "kubernetes.io/service-account.name"
"""The annotation of a token Secret that names its account."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What could be seen of an account. `exists` is None where the operator may not look."""

    exists: bool | None
    uid: str = ""
    terminating: bool = False


async def look(client: Client, identity: Identity) -> Account:
    """The account as it is now, from its metadata."""
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except NotFound:
        return Account(exists=False)
    except Forbidden:
        return Account(exists=None)  # the right to issue tokens does not include the right to look
    meta = found.get("metadata") or {}
    return Account(exists=True, uid=str(meta.get("uid", "")), terminating="deletionTimestamp" in meta)


def require(account: Account, identity: Identity, *, create: bool, issued_before: bool = False) -> None:
    """Refuse accounts that are missing, unless they shall be created, and accounts that are going away."""
    where = identity.said
    if account.terminating:
        raise UsageError(
            f"the service account {where} is being deleted: its tokens end within a minute",
            "wait until it is gone and create it again, or use another account",
            field="serviceaccounts",
        )
    if account.exists is False and not create:
        hint = "pass --create to create it"
        if issued_before:
            hint = "its tokens ended with it; pass --create to create the account again"
        raise UsageError(f"the service account {where} does not exist", hint, field="serviceaccounts")


async def create(client: Client, identity: Identity, plan: str) -> str:
    """Create the account, marked as made by kubemint and without an automatic mount; returns its UID."""
    wish: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": identity.name,
            "namespace": identity.namespace,
            "labels": {managed.MANAGED_BY: managed.MANAGER},
            "annotations": {managed.PLAN: plan},
        },
        "automountServiceAccountToken": False,
    }
    try:
        made: dict[str, Any] = await client.create(SERVICE_ACCOUNTS, wish, namespace=identity.namespace)
    except NotFound as error:
        error.hint = f"create the namespace {identity.namespace} first"
        raise
    return str(made["metadata"]["uid"])


async def discard(client: Client, identity: Identity, plan: str, *, later: bool) -> str:
    """Delete the account again where `plan` created it; anybody else's is left alone, and what others may use by now.

    `later` is whether another process made it: who runs as it or was given a token since leaves no trace, so that it
    stays; without rights it costs nothing. Says what became of it; empty where it is not this plan's. Raises KubeError.
    """
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except NotFound:
        return ""
    meta = found.get("metadata") or {}
    if (meta.get("annotations") or {}).get(managed.PLAN) != plan:
        return ""
    why = "it may be in use by now; delete it if it is not" if later else ""
    if why := why or await why_kept(client, identity, plan, later=later):
        return f"service account {identity.namespace}/{identity.name} stays: {why}"
    uid = str(meta.get("uid", ""))
    ended = await delete(client, SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=uid)
    again = " again" if ended.end is End.DELETED else ""
    return f"service account {identity.namespace}/{identity.name} {ended}{again}"


async def why_kept(client: Client, identity: Identity, plan: str, *, later: bool) -> str:
    """Why an account that `plan` made, and its rights, must not go with it: tokens of others would end. Else empty.

    Handles and token Secrets of other plans are looked for, but not the one that an old cluster makes by itself and
    names in the account. Where they cannot be listed nothing is known of them: what this very process made a moment
    ago goes again, what another one made (`later`) stays.
    """
    try:
        account = await client.get(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
        found = await client.list(SECRETS, namespace=identity.namespace, metadata_only=True)
    except NotFound:
        return ""
    except Forbidden as error:
        return f"whether others use it by now could not be read ({error.message})" if later else ""
    own = {one.get("name") for one in account.get("secrets") or () if isinstance(one, dict)}
    for item in found:
        meta = item.get("metadata") or {}
        notes = meta.get("annotations") or {}
        name, marked = str(meta.get("name", "")), managed.is_managed(item)
        handle = notes.get(managed.ACCOUNT) == f"{identity.namespace}/{identity.name}"
        if not handle and notes.get(_TOKEN_OF) != identity.name:
            continue
        if notes.get(managed.PLAN) != plan and (marked or name not in own):
            return f"others use it by now (Secret {name})"
    return ""
