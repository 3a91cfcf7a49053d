"""Tokens of service accounts in files and in Secrets that kubemint manages: the family of most of what it issues."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.secret import SecretPlace
from tui.issuance.errors import UsageError
from tui.issuance.families.base import Wish
from tui.issuance.families.files import Files
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential, Identity, IssueSpec, State
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.revoking import found, seeking
from tui.issuance.revoking.found import Found
from tui.issuance.revoking.sought import Sought
from tui.issuance.tokens import plans, rotating, undoing
from tui.issuance.transaction.reading import export_record, managed_secret
from tui.issuance.trust import one_server, vouching
from tui.kube.client import Client
from tui.kube.errors import Forbidden, KubeError, NotFound
from tui.kube.resource import SECRETS

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Intent, Revocation
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class ServiceAccounts(Files):
    """A token in a file, or in a managed Secret."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        if address.here:
            return await super().lookup(context, address)
        credential = (await one_server.read(context, address)).credential
        return msgspec.structs.replace(credential, address=address)

    async def index(self, context: Context, address: Address) -> Credential:
        return await self.lookup(context, address) if address.here else (await managed_secret(context, address))[0]

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        if address.here:
            return await super().place(context, address)
        credential, _ = await managed_secret(context, address)
        destination = SecretDestination(address.cluster, address.namespace, address.name)
        return SecretPlace(destination, context.clusters), credential.format or Format.KUBECONFIG

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        if address.here:
            return await super().whose(context, address, says, token)
        return await vouching.whose_in(context, address, says, token)

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        if address.here:
            return await super().used_from(context, address)
        return address.namespace, address.name, (await self.lookup(context, address)).format

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        assert isinstance(wish, IssueSpec)
        return await plans.prepare_issue(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        if address.here:
            source = (await export_record(context, address)).renewed_with
            if source is not None:
                return await (await context.families.of(source)).rotate(context, source, revive=revive)
        return await _under_its_name(
            context, address, lambda name: rotating.prepare_rotation(context, name, revive=revive)
        )

    async def go_back(
        self, context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
    ) -> tuple[Plan, Transaction]:
        return await _under_its_name(
            context, address, lambda name: undoing.prepare_places(context, name, revocation, token, sight)
        )

    async def found(self, context: Context, address: Address) -> Found:
        if address.here:
            return await super().found(context, address)
        try:
            reading = vouching.insist(address, await one_server.read(context, address))
        except (KubeError, UsageError) as error:  # what happened to its place keeps no token from being revoked
            return await seeking.without_place(context, address, error)
        if reading.verdict.handle is None and reading.facts.handle is not None:
            bound = reading.facts.handle
            raise UsageError(
                f"{address} cannot be revoked on its own: it is a copy, and its token ends with handle "
                f"{bound.namespace}/{bound.name} of its original",
                "revoke the original; that ends every copy",
            )
        credential = reading.credential
        under = credential.address
        said = (one_server.said(address, under),) if under != address else ()
        return Found(credential=credential, named=reading.verdict.named, said=said)

    def ends_too(self, credential: Credential) -> tuple[str, ...]:
        unknown = not credential.address.here and credential.state is State.UNKNOWN
        return (credential.message,) if unknown else ()

    async def in_use_again(self, context: Context, revocation: Revocation) -> str:
        """Where someone has put the old one back: then it must not end.

        What counts is the token that lies there. Annotations alone, which say that it is the old one, keep nothing
        alive.
        """
        address, fingerprint = revocation.address, revocation.fingerprint
        if address.here:
            return await super().in_use_again(context, revocation)
        if not fingerprint:
            return ""
        client = await context.clusters.client(address.cluster)
        try:
            found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
        except (NotFound, Forbidden):
            return ""
        credential = managed.credential_from_secret(address.cluster, found.metadata)
        token = vouching.token_in(credential.format, found) if credential is not None else None
        back = token is not None and token.fingerprint == fingerprint
        return f"the Secret {address.namespace}/{address.name}" if back else ""

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        return undoing.as_left(context, intent)

    async def marked(self, context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
        """The managed Secrets. Their fingerprints stand in their metadata; ids only in the tokens themselves."""
        says: list[Address] = []
        if sought.fingerprint:
            listed = await client.list(SECRETS, metadata_only=True, labels=managed.CREDENTIALS)
            for meta in listed:
                credential = managed.credential_from_secret(cluster, meta)
                if credential is not None and credential.fingerprint == sought.fingerprint:
                    says.append(credential.address)
            return says
        async for page in client.pages(SECRETS, labels=managed.CREDENTIALS, type=SecretObject):
            for secret in page.items:
                credential = managed.credential_from_secret(cluster, secret.metadata)
                if credential is not None and found.id_of(vouching.token_in(credential.format, secret)) == sought.id:
                    says.append(credential.address)
        return says


async def _under_its_name(
    context: Context, address: Address, prepare: Callable[[Address], Awaitable[tuple[Plan, Transaction]]]
) -> tuple[Plan, Transaction]:
    """The plan for a Secret under the name that it was issued under: that is recorded, or all that vouches for it."""
    under = await one_server.recorded_under(context, address) if not address.here else address
    try:
        if under == address:
            return await prepare(address)
    except vouching.NotVouched as error:
        if address.here:
            raise
        under = await one_server.issued_under(context, address, error)
    plan, work = await prepare(under)
    return msgspec.structs.replace(plan, warnings=(one_server.said(address, under), *plan.warnings)), work


FAMILY = ServiceAccounts()
