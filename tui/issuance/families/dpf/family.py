"""DPUServiceCredentialRequests: what one keeps, whether DPF's controller runs there or not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.secret import SecretPlace
from tui.issuance.errors import UsageError
from tui.issuance.families.base import Family, Wish
from tui.issuance.families.dpf import DPU_REQUESTS
from tui.issuance.families.dpf.objects import ParseError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.records.whereabouts import noted, of_endpoint
from tui.issuance.revoking import seeking
from tui.issuance.revoking.found import Found
from tui.issuance.revoking.searching import has_id
from tui.issuance.revoking.sought import Sought
from tui.kube import shell
from tui.kube.client import Client
from tui.kube.errors import Forbidden, NotFound

from . import (
    DPURequest,
    DPURequestDraft,
    credential_of,
    request_changes,
    request_keeping,
    requesting,
    shown,
    undoing_requests,
)
from .request_keeping import Keepers
from .resources import MADE_IN
from .steps import Published, look_secret, request_at
from .wishes import Abandon, Delete, Keep

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Intent, Revocation
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class Requests(Family):
    """A request and the Secret that it keeps."""

    def began(self, intent: Intent) -> bool:
        return intent.address.kind is CredentialKind.REQUEST

    async def lookup(self, context: Context, address: Address) -> Credential:
        request = await request_at(context.clusters, address)
        return credential_of(address.cluster, request, await context.now(address.cluster))

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        request = await request_at(context.clusters, address)
        secret = request.status_secret or request.secret
        await _published(context, request)
        where = SecretDestination(address.cluster, secret.namespace, secret.name)
        return SecretPlace(where, context.clusters), request.format or Format.KUBECONFIG

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        request = await request_at(context.clusters, address)
        at = await shown.home(context.clusters, request, await _published(context, request))
        if at.unknown:
            raise UsageError(f"{address}: {at.unknown}", shown.AGAIN)
        return msgspec.structs.replace(says.identity, cluster=at.cluster) if says.identity is not None else None

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        request = await request_at(context.clusters, address)
        secret = request.status_secret or request.secret
        return secret.namespace, secret.name, request.format

    async def renewed_by(self, context: Context, address: Address) -> str:
        return await requesting.controller_at(context, address)

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        match wish:
            case DPURequestDraft():
                return await request_changes.prepare_creation(context, wish)
            case Keep():
                return await request_keeping.prepare_keeping(context.kept(Keepers), wish.address, **said)
            case Delete():
                return await request_keeping.prepare_deletion(context.kept(Keepers), wish.address, **said)
            case Abandon():
                return await request_keeping.prepare_abandonment(context.kept(Keepers), wish.address)
            case _:
                return await super().plan(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        return await requesting.prepare_rotation(context, address, revive=revive)

    async def go_back(
        self, context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
    ) -> tuple[Plan, Transaction]:
        return await undoing_requests.prepare_request_undo(context, address, revocation, token, sight)

    async def found(self, context: Context, address: Address) -> Found:
        request = await request_at(context.clusters, address)
        there = await _published(context, request)
        vouched = await shown.of_request(context, request, there, await context.now(address.cluster))
        verdict = vouched.verdict
        if not verdict.ok and (request.handle is not None or vouched.facts.handle is not None):
            trouble = UsageError(f"{address}: {verdict.why}", verdict.hint)
            handle = vouched.facts.handle or request.handle
            if vouched.at.known or handle is None:
                raise trouble
            leads = noted(of_endpoint(there.leads)) if there.leads is not None else ""
            made = tuple(filter(None, (request.marks.get(MADE_IN, ""), leads)))
            return await seeking.for_request(context, address, request.uid, handle, made, trouble)
        return Found(credential=vouched.credential, named=verdict.named, request=request.uid)

    async def revoke_unbound(
        self, context: Context, credential: Credential, *, wait: bool
    ) -> tuple[Plan, Transaction] | None:
        request = await request_at(context.clusters, credential.address)
        return await request_changes.prepare_recreation(context, request, wait=wait)

    async def taken_back(self, context: Context, address: Address) -> str:
        asked = ("request", "delete", address.name, "--namespace", address.namespace, "--context", address.cluster)
        return f"`{shell.command('kubemint', *asked)}` takes it back, with what it keeps"

    def ends_too(self, credential: Credential) -> tuple[str, ...]:
        return ("the request stays, and its controller issues a new token; `kubemint rotate` asks before it does",)

    async def in_use_again(self, context: Context, revocation: Revocation) -> str:
        """By the token that lies in the Secret of the request, whose place it is by what vouches for it."""
        try:
            token = await self.token(context, revocation.address)
        except (NotFound, Forbidden, UsageError):
            return ""
        back = token is not None and bool(revocation.fingerprint) and token.fingerprint == revocation.fingerprint
        return f"the Secret of {revocation.address}" if back else ""

    async def tidy(self, context: Context, revocation: Revocation) -> None:
        """A request also says in itself what it has left over, for whoever keeps it; take out what is gone now."""
        with contextlib.suppress(NotFound):
            await requesting.sweep_leftovers(context, revocation.address, gone=revocation.handle)

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        if intent.ends:
            return request_changes.RecreateAccount(context=context, intent=intent)
        return await undoing_requests.as_left(context, intent)

    async def marked(self, context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
        """The DPU requests, where there are any."""
        try:
            listed: list[dict[str, Any]] = await client.list(DPU_REQUESTS)
        except NotFound:
            return []
        says = []
        for obj in listed:
            try:
                credential = credential_of(cluster, obj, context.clock())
            except ParseError:
                continue
            if sought.fingerprint:
                same = credential.fingerprint == sought.fingerprint
            else:
                same = await has_id(context, credential.address, sought.id)
            if same:
                says.append(credential.address)
        return says


async def _published(context: Context, request: DPURequest) -> Published:
    """The Secret that a request names, as it is. Raises UsageError where it was not made for it."""
    secret = request.status_secret or request.secret
    there = await look_secret(await context.clusters.client(request.cluster), request, secret)
    if there.exists and not there.ours:
        raise UsageError(
            f"Secret {secret}, which {request.address} names, was not made for it: {there.foreign}",
            "its status was written by another client; reconcile or rotate it to correct the status",
        )
    return there


FAMILY = Requests()
