"""The tokens with which Argo CD enters clusters: kept by Argo CD, renewed and ended where somebody asks for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.errors import UsageError
from tui.issuance.families.base import Family
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.revoking import found
from tui.issuance.revoking.found import Found
from tui.issuance.revoking.sought import Sought
from tui.kube import shell
from tui.kube.client import Client
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS

from . import reading, rotating, secret
from .place import ClusterPlace

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Intent, Revocation
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class ArgoClusters(Family):
    """The token in an Argo CD cluster Secret."""

    def began(self, intent: Intent) -> bool:
        return intent.address.kind is CredentialKind.ARGO_CD

    async def lookup(self, context: Context, address: Address) -> Credential:
        return await reading.index(context, address)

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        return ClusterPlace(address, context.clusters), Format.KUBECONFIG

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        return await reading.whose(context, address, token)

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        raise UsageError(f"{address} is Argo CD's own, no pod mounts it", "export it to a Secret of their own")

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        return await rotating.prepare_rotation(context, address)

    async def go_back(
        self, context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
    ) -> tuple[Plan, Transaction]:
        return await rotating.prepare_undo(context, address, revocation, token, sight)

    async def found(self, context: Context, address: Address) -> Found:
        seen = await reading.confirmed(context, ClusterPlace(address, context.clusters))
        credential = seen.credential
        if credential.handle is None and seen.bound:
            name = seen.bound.partition(" ")[2]
            at = Address.token_secret(seen.identity.cluster, seen.identity.namespace, name)
            known = credential.expires_at is None
            raise UsageError(
                f"{address} cannot be revoked on its own: its token is bound to {seen.bound}, which is no handle of "
                "kubemint's",
                f"`{shell.command('kubemint', 'revoke', str(at))}` ends it" if known else "deleting that ends it",
            )
        return Found(credential=credential, named=seen.verdict.named)

    def ends_too(self, credential: Credential) -> tuple[str, ...]:
        return ("the Secret stays as it is: Argo CD is refused by that cluster until it has another token",)

    async def in_use_again(self, context: Context, revocation: Revocation) -> str:
        """By the token that lies there."""
        place = ClusterPlace(revocation.address, context.clusters)
        try:
            token = await place.token(Format.KUBECONFIG)
        except (NotFound, Forbidden):
            return ""
        back = token is not None and bool(revocation.fingerprint) and token.fingerprint == revocation.fingerprint
        return place.label if back else ""

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        return rotating.as_left(context, intent)

    async def marked(self, context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
        """By the tokens in them: they have no marks."""
        says: list[Address] = []
        async for page in client.pages(SECRETS, labels=secret.SELECTOR, type=SecretObject):
            for one in page.items:
                token = secret.token_of(one.values())
                if token is None:
                    continue
                same = (
                    token.fingerprint == sought.fingerprint if sought.fingerprint else found.id_of(token) == sought.id
                )
                if same:
                    where = one.metadata
                    says.append(Address(CredentialKind.ARGO_CD, cluster, str(where["namespace"]), str(where["name"])))
        return says


FAMILY = ArgoClusters()
