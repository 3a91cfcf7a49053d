"""Client certificates that kubemint has signed for people, in files and in Secrets: they end by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.families.base import Wish
from tui.issuance.families.files import Files
from tui.issuance.formats import Format
from tui.issuance.model.types import Action, Address, Credential, Identity, State
from tui.issuance.transaction.reading import export_record, managed_secret, normal
from tui.kube.delivered import ONLY_LOOKING, read

from . import planning
from .bindings import bound
from .places import place_at
from .wish import CertificateWish, is_one, of_spec

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Export, Intent
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive


class Certificates(Files):
    """A kubeconfig with a client certificate. This machine's record says whose it is, and vouches for it."""

    def keeps(self, record: Export) -> bool:
        return record.spec is not None and is_one(record.spec)

    def began(self, intent: Intent) -> bool:
        return is_one(intent.spec)

    async def lookup(self, context: Context, address: Address) -> Credential:
        if address.here:
            return await super().lookup(context, address)
        record, (marks, _) = await _record(context, address), await managed_secret(context, address)
        place, form = await self.place(context, address)
        lies = await place.token(form)
        if lies is not None and lies.fingerprint == record.credential.fingerprint == marks.fingerprint:
            return record.credential
        said = "the Secret holds something else than kubemint on this machine wrote there"
        return msgspec.structs.replace(marks, state=State.UNKNOWN, message=said)

    async def index(self, context: Context, address: Address) -> Credential:
        return await self.lookup(context, address) if address.here else (await managed_secret(context, address))[0]

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        record = await _record(context, address)
        wish = _wish(record)
        found = [place_at(context, wish, one) for one in wish.destinations]
        place = next((one for one in found if one.address == record.credential.address), None)
        if place is None:
            raise UsageError(f"the record of {address} does not say how it is kept", "issue it anew")
        place.request = record.request
        return place, Format.CERTIFICATE

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        return None  # what tells it from another is no credential, and is shown to no server as one

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        return says.identity

    async def way_in(self, context: Context, address: Address) -> Endpoint:
        return read((await self.material(context, address)).reveal_bytes(), ONLY_LOOKING).endpoint

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        if address.here:
            return await super().used_from(context, address)
        return address.namespace, address.name, Format.CERTIFICATE

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        assert isinstance(wish, CertificateWish)
        return await planning.prepare(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        return await planning.prepare(context, _wish(await _record(context, normal(address))), Action.ROTATE)

    def refuse_going_back(self, credential: Credential) -> None:
        raise UsageError(
            f"{credential.address} is a client certificate: nothing revokes the old one, and nothing brings it back",
            "every copy of the old kubeconfig works until its certificate expires",
        )

    async def revoke(self, context: Context, address: Address, *, wait: bool, whole: bool) -> tuple[Plan, Transaction]:
        record = await _record(context, address)
        credential, wish = record.credential, _wish(record)
        ends = f"{credential.expires_at:%Y-%m-%d %H:%M:%S} UTC" if credential.expires_at else "an unknown time"
        found = await bound(await context.clusters.client(wish.cluster), wish)
        raise UsageError(
            f"{address} cannot be revoked: it is a client certificate of {wish.speaks_for}, which ends at {ends}",
            f"take its bindings away: {found}",
        )

    async def as_left(self, context: Context, intent: Intent) -> Transaction:
        return planning.as_left(context, intent)


async def _record(context: Context, address: Address) -> Export:
    """What this machine wrote there. Raises UsageError where it wrote nothing there, or that is of another cluster."""
    if address.here:
        return await export_record(context, address)
    record = await planning.record_at(context, address)
    if record is None:
        raise UsageError(f"this machine wrote no client certificate to {address}", "rotate it where it was issued")
    await planning.insist_on_secret(context, record)
    return record


def _wish(record: Export) -> CertificateWish:
    """The wish behind a record. Raises UsageError for a mere copy."""
    if record.spec is None:
        raise UsageError(
            f"{record.credential.address} is a copy of {record.source}",
            "rotate that, then export it again to the same path",
        )
    return of_spec(record.spec)


FAMILY = Certificates()
