"""What every family answers, and what is so of most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.revoking.sought import Sought
from tui.kube import shell
from tui.kube.client import Client

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.formats import Format
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.material import WayIn
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Address, Credential, Identity, Plan
    from tui.issuance.records.intent import Export, Intent, Revocation
    from tui.issuance.revoking.found import Found
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint, ExecPlugin, Login
    from tui.kube.sensitive import Sensitive


Wish = msgspec.Struct
"""What the caller asks for, as a typed value: an IssueSpec, a ShootWish, whatever else the registry names."""


class Family:
    """How one sort of credentials is looked at, renewed, ended, gone back to and recovered.

    All that raises UsageError here is refused in words; what asks a cluster raises KubeError.
    """

    def keeps(self, record: Export) -> bool:
        """Whether a file, or a managed Secret, that this machine wrote is one of this family's."""
        return False

    async def has_still(self, clusters: Clusters, record: Export) -> bool:
        """Whether that counts for what lies there by now: what somebody else put there is of the family of that."""
        return True

    def began(self, intent: Intent) -> bool:
        """Whether what the journal has open is one of this family's."""
        return False

    # Looking

    async def lookup(self, context: Context, address: Address) -> Credential:
        """The credential, read live from its cluster, or from this machine's records and the file itself."""
        raise NotImplementedError

    async def index(self, context: Context, address: Address) -> Credential:
        """The same as its place says of itself, for who holds that against its token."""
        return await self.lookup(context, address)

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        """Where its material is kept, and in which format."""
        raise UsageError(f"{address} is kept in no file and no Secret of its own")

    async def material(self, context: Context, address: Address) -> Sensitive:
        """The material as people export it: the kubeconfig, the four values, or the token."""
        place, form = await self.place(context, address)
        return await place.material(form)

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        """The bare token, None where its place holds none."""
        place, form = await self.place(context, address)
        return await place.token(form)

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        """Whose its token is, in the cluster that it may be shown to; `says` is what its place says, and `token` lies
        in it. Raises UsageError where nothing confirms that. Here it is the cluster that it lies in."""
        return says.identity if says.identity is not None and says.identity.cluster == address.cluster else None

    async def way_in(self, context: Context, address: Address) -> WayIn | None:
        """The way in with its own material, where that is no token of a service account of ours; else None."""
        return None

    async def logs_in(self, context: Context, plugin: ExecPlugin, endpoint: Endpoint) -> Login | None:
        """How kubemint's own plugin logs in to `endpoint` for something of this family, where a person named the file
        that asks for that; None where it asks for something else. Raises UsageError, IssuanceError, KubeError."""
        return None

    def asked_for(self, plugin: ExecPlugin) -> str:
        """What it asks for, in words; empty where that is nothing of this family."""
        return ""

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        """Namespace and name of the Secret that pods use, and its format."""
        raise UsageError(f"{address} is not kept in a Secret that pods could use", "name a request or a managed Secret")

    async def renewed_by(self, context: Context, address: Address) -> str:
        """Who else renews it, and what shows that; empty where none does."""
        return ""

    async def marked(self, context: Context, client: Client, cluster: str, sought: Sought) -> list[Address]:
        """Where in this cluster something of this family says that it has it: an index. Raises KubeError."""
        return []

    async def servers(self, context: Context, credential: Credential) -> set[str] | None:
        """The addresses that what it leads to says it has; None where the way in is no other than its cluster's.

        Raises UsageError, KubeError where that cannot be seen.
        """
        return None

    # Fulfilling a wish, and renewing

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        """The plan for fulfilling one of its wishes; what may be `said` to it is what would else be asked."""
        raise NotImplementedError

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        """The plan for a new one wherever the old one is kept; what was revoked only with `revive`."""
        raise UsageError(f"{address} is not renewed by kubemint")

    async def go_back(
        self, context: Context, address: Address, revocation: Revocation, token: Sensitive, sight: Sight
    ) -> tuple[Plan, Transaction]:
        """The plan for going back to what the last rotation replaced, whose `token` is known."""
        raise UsageError(f"the rotation of {address} is not undone")

    def refuse_going_back(self, credential: Credential) -> None:
        """Raises UsageError where a rotation of this one cannot be undone at all."""

    async def taken_back(self, context: Context, address: Address) -> str:
        """What to do instead where no undo takes back that it was made."""
        return f"`{shell.command('kubemint', 'revoke', str(address))}` ends it"

    # Ending

    async def revoke(self, context: Context, address: Address, *, wait: bool, whole: bool) -> tuple[Plan, Transaction]:
        """The plan for ending it now; with `wait` until the server refuses it, `whole` with older ones of its place."""
        from tui.issuance.revoking.plans import prepare

        return await prepare(context, str(address), lambda: self.found(context, address), wait=wait, whole=whole)

    async def found(self, context: Context, address: Address) -> Found:
        """The credential with a handle that may be ended, and who says that it is that."""
        raise UsageError(f"{address} cannot be revoked")

    async def revoke_unbound(
        self, context: Context, credential: Credential, *, wait: bool
    ) -> tuple[Plan, Transaction] | None:
        """The plan for ending one that is bound to no handle; None where that cannot be done."""
        return None

    def ends_too(self, credential: Credential) -> tuple[str, ...]:
        """What to know before it is revoked."""
        return ()

    async def in_use_again(self, context: Context, revocation: Revocation) -> str:
        """Where someone has put back what was replaced, so that it must not end with its grace period; else empty."""
        return ""

    async def tidy(self, context: Context, revocation: Revocation) -> None:
        """An old handle has gone just now: what is written down of it elsewhere goes too."""

    # After a crash

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        """What a dead process began, to be finished or taken back."""
        raise NotImplementedError
