"""Client certificates that kubemint has signed for people, in files and in Secrets: they end by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.base import Wish
from tui.issuance.families.files import Files, insist
from tui.issuance.formats import Format
from tui.issuance.model.material import WayIn
from tui.issuance.model.types import Action, Address, Credential, Identity, State
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.transaction.reading import export_record, managed_secret, normal
from tui.issuance.trust import one_server
from tui.kube.delivered import ONLY_LOOKING, differences, read
from tui.kube.endpoint import Login
from tui.kube.errors import KubeError
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from . import planning
from .bindings import bound
from .places import place_at
from .signed import kubeconfig, way_in
from .wish import CertificateWish, is_one, of_spec

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Place
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.types import Plan
    from tui.issuance.records.intent import Export, Intent
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context


class Certificates(Files):
    """A kubeconfig with a client certificate. This machine's record says whose it is, and vouches for it."""

    def keeps(self, record: Export) -> bool:
        return record.spec is not None and is_one(record.spec)

    async def has_still(self, clusters: Clusters, record: Export) -> bool:
        address = record.credential.address
        if address.here:
            return True
        try:
            client = await clusters.client(address.cluster)
            found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
        except (KubeError, IssuanceError):
            return True  # whoever goes there says so
        values = found.values()
        lies = Format.CERTIFICATE.rules.token_of(values)
        same = not planning.differs(record, str(found.metadata.get("uid", "")), lies.fingerprint if lies else "")
        return same or not any(form.rules.token_of(values) for form in Format if not form.rules.certificate)

    def began(self, intent: Intent) -> bool:
        return is_one(intent.spec)

    async def lookup(self, context: Context, address: Address) -> Credential:
        if address.here:
            return await super().lookup(context, address)
        record = await _record(context, address)
        marks, _ = await managed_secret(context, record.credential.address)  # by the name that it was issued under
        marks = msgspec.structs.replace(marks, address=address)
        place, form = await self.place(context, address)
        lies = await place.token(form)
        written = msgspec.structs.replace(record.credential, address=address)
        if why := planning.differs(record, place.uid, lies.fingerprint if lies is not None else ""):
            return msgspec.structs.replace(marks, state=State.UNKNOWN, message=f"the Secret {why}")
        if (marks.fingerprint, marks.identity) != (written.fingerprint, written.identity):
            said = "the Secret's annotations say otherwise than kubemint on this machine wrote there"
            return msgspec.structs.replace(written, state=State.UNKNOWN, message=said)
        return written

    async def place(self, context: Context, address: Address) -> tuple[Place, Format]:
        record = await _record(context, address)
        wish = _wish(record)
        found = [place_at(context, wish, one) for one in wish.destinations]
        place = next((one for one in found if one.address == record.credential.address), None)
        if place is None:
            raise UsageError(f"the record of {address} does not say how it is kept", "issue it again")
        place.request = record.request
        return place, Format.CERTIFICATE

    async def material(self, context: Context, address: Address) -> Sensitive:
        if address.here:
            return await super().material(context, address)
        way = (await self.way_in(context, address)).endpoint
        user = _wish(await _record(context, address)).user
        pem, key = way.login.client_certificate, way.login.client_key
        assert pem is not None
        assert key is not None
        return kubeconfig(way_in(way, pem, key, user), user).text

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        return None  # what tells it from another is no credential, and is shown to no server as one

    async def whose(self, context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
        return says.identity

    async def way_in(self, context: Context, address: Address) -> WayIn:
        """Into the cluster that the record names, with certificate and key alone: whoever may write the place may have
        written any other server, proxy and login beside them."""
        record, (place, form) = await _record(context, address), await self.place(context, address)
        wish = _wish(record)
        own = read((await place.material(form)).reveal_bytes(), ONLY_LOOKING).endpoint
        pem, key = own.login.client_certificate, own.login.client_key
        if pem is None or key is None:
            raise UsageError(f"{address} holds no client certificate with its key", "rotate it to write it again")
        known = context.clusters.endpoint(wish.cluster)
        said = []
        if differ := "; ".join(differences(own, known)):
            said.append(f"asked of {wish.cluster}, and its kubeconfig differs from what is known: {differ}")
        if Sensitive(pem).fingerprint != record.credential.fingerprint:
            said.append("it is another certificate than kubemint wrote there")
        login = Login(client_certificate=pem, client_key=key)
        return WayIn(replace(known, login=login), wish.user, "; ".join(said))

    async def used_from(self, context: Context, address: Address) -> tuple[str, str, Format | None]:
        if address.here:
            return await super().used_from(context, address)
        return address.namespace, address.name, Format.CERTIFICATE

    async def plan(self, context: Context, wish: Wish, **said: Any) -> tuple[Plan, Transaction]:
        assert isinstance(wish, CertificateWish)
        return await planning.prepare(context, wish, **said)

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        record = await _record(context, normal(address))
        plan, work = await planning.prepare(context, _wish(record), Action.ROTATE)
        under = record.credential.address
        if not address.here and under != address:
            plan = msgspec.structs.replace(plan, warnings=(one_server.said(address, under), *plan.warnings))
        return plan, work

    def refuse_going_back(self, credential: Credential) -> None:
        raise UsageError(
            f"{credential.address} is a client certificate: nothing revokes the old one, and nothing brings it back",
            "every copy of the old kubeconfig works until its certificate expires",
        )

    async def revoke(self, context: Context, address: Address, *, wait: bool, whole: bool) -> tuple[Plan, Transaction]:
        record = await _record(context, address)
        credential, wish = record.credential, _wish(record)
        ends = f"{credential.expires_at:%Y-%m-%d %H:%M:%S} UTC" if credential.expires_at else "an unknown time"
        if address.here:
            await insist(context, record)
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
