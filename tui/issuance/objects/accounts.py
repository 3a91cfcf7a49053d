"""The service account behind a credential: whether it is there, and making it where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Identity
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

from . import managed
from .deleting import delete

if TYPE_CHECKING:
    from tui.kube.client import Client


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
    where = f"{identity.namespace}/{identity.name} in {identity.cluster}"
    if account.terminating:
        raise UsageError(
            f"the service account {where} is being deleted: its tokens end within a minute",
            "wait until it is gone and create it again, or use another account",
        )
    if account.exists is False and not create:
        hint = "pass --create to create it"
        if issued_before:
            hint = "its tokens ended with it; issue a new credential; to create the account again, pass --create"
        raise UsageError(f"the service account {where} does not exist", hint)


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


async def discard(client: Client, identity: Identity, plan: str) -> str:
    """Delete the account again where `plan` created it; anybody else's is left alone, and what others use by now.

    Says so where it is there still, held by a finalizer.
    """
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except (NotFound, Forbidden):  # who may not even look did not create it either
        return ""
    meta = found.get("metadata") or {}
    if (meta.get("annotations") or {}).get(managed.PLAN) == plan and not await _is_used(client, identity, plan):
        uid = str(meta.get("uid", ""))
        ended = await delete(client, SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace, uid=uid)
        return f"service account {identity.namespace}/{identity.name} {ended}" if ended.is_held else ""
    return ""


async def _is_used(client: Client, identity: Identity, plan: str) -> bool:
    """Whether another client has been given a token of it meanwhile, which would end with it."""
    labels = f"{managed.SELECTOR},{managed.ROLE}={managed.Role.HANDLE}"
    try:
        found = await client.list(SECRETS, namespace=identity.namespace, metadata_only=True, labels=labels)
    except Forbidden:
        return False  # it is not known
    for item in found:
        notes = (item.get("metadata") or {}).get("annotations") or {}
        ours = notes.get(managed.PLAN) == plan
        if notes.get(managed.ACCOUNT) == f"{identity.namespace}/{identity.name}" and not ours:
            return True
    return False
