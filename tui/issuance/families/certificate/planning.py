"""What a client certificate needs before it is asked for: looked at by reading only, and said first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.place import Held, Place, taken
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.sight import Sight, identifying_facts
from tui.issuance.model.types import Action, Address, Plan
from tui.issuance.records.intent import Export, Intent, new_id
from tui.issuance.records.whereabouts import Same
from tui.issuance.tokens.plans import check_destinations
from tui.issuance.transaction.replacing import refuse_live
from tui.issuance.trust import one_server, whose

from . import request
from .issue import Certify, by_hand
from .places import place_at
from .wish import SYSTEM, CertificateWish, check, of_spec

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context

CANNOT_REVOKE: Final = "cannot be revoked: a client certificate ends at its NotAfter, and not before"
_KNOWS_EXPIRATION: Final = (1, 22)


async def prepare(
    context: Context,
    wish: CertificateWish,
    action: Action = Action.ISSUE,
    *,
    force: bool = False,
    replace: bool = False,
) -> tuple[Plan, Certify]:
    """The plan for a new certificate in every place of the wish. Reads only.

    Raises UsageError (Unasked for issuing over a live one without `replace`), KubeError.
    """
    check(wish)
    context.clusters.endpoint(wish.cluster)
    check_destinations(context, wish.destinations, Format.CERTIFICATE)
    places, sight = [place_at(context, wish, one, force=force) for one in wish.destinations], Sight()
    held = [await _look(context, place, sight, action) for place in places]
    old = []
    for place, found in zip(places, held, strict=True):
        if (there := found.credential) is None:
            continue
        record = await record_at(context, there.address)
        if there.identity != wish.spec.identity or record is None or not _same(record, wish):
            raise taken(place.label, there, exists=found.exists)
        old.append(there)
    if action is Action.ISSUE and not replace:
        await refuse_live(context, [one for one in old if one.address in {p.address for p in places}], sight)
    wish_id = next((found.request for found in held if found.request), "") or new_id()
    for place in places:
        place.request = wish_id
    client = await context.clusters.client(wish.cluster)
    approves, version = await request.may_approve(client), await client.version()
    intent = Intent(
        plan=new_id(),
        action=action,
        address=places[0].address,
        request=wish_id,
        spec=wish.spec,
        old=tuple(old),
    )
    work = Certify(
        context=context,
        intent=intent,
        wish=wish,
        places=places,
        exists=[found.exists for found in held],
        approves=approves,
        dropped=wish.duration is not None and _is_old(version),
        sight=sight,
    )
    warnings = [*(found.warning for found in held if found.warning), *_warnings(work, version)]
    return work.planned(warnings, "\n".join(found.preview for found in held if found.preview)), work


def as_left(context: Context, intent: Intent) -> Certify:
    """What a dead process began."""
    wish = of_spec(intent.spec)
    places = [place_at(context, wish, one) for one in wish.destinations]
    for place in places:
        place.request = intent.request
    return Certify(context=context, intent=intent, wish=wish, places=places)


async def record_at(context: Context, address: Address) -> Export | None:
    """What this machine wrote there."""
    if address.here:
        return await asyncio.to_thread(context.state.export_record, address)
    return await asyncio.to_thread(one_server.record_of, context.state, context.clusters, address)


async def insist_on_secret(context: Context, record: Export) -> None:
    """Raises AnotherCluster where what this machine wrote into a Secret is of another cluster, or lies in another one,
    than the one that is called so now; KubeError."""
    address = record.credential.address
    for cluster in dict.fromkeys((address.cluster, whose.cluster_of(record.credential))):
        verdict = await context.whose.verdict(record, cluster)
        if verdict.same is Same.OTHER:
            raise whose.AnotherCluster(f"what was written to {address}", verdict, "use a kubeconfig for that cluster")


def differs(record: Export, uid: str, lies: str) -> str:
    """How a Secret is not what this machine wrote, in words that stand after "it"; empty where it is that.

    A certificate has no handle beside an account, and nothing ends it: the record alone vouches, for the very Secret
    (its UID) and the very certificate (`lies` is the fingerprint of the one in it, empty where there is none).
    """
    if not record.uid or record.uid != uid:
        wrote = record.uid or "which was not written down"
        return (
            f"is another Secret than the one that this machine wrote into under its name: its UID is {uid}, not {wrote}"
        )
    if lies != record.credential.fingerprint:
        wrote = f"fingerprint {record.credential.fingerprint}, found is {lies or 'no certificate'}"
        return f"holds something else than kubemint on this machine wrote there: {wrote}"
    return ""


async def _look(context: Context, place: Place, sight: Sight, action: Action) -> Held:
    """What a place holds. What a Secret says of itself counts where this machine wrote that very certificate there.

    A rotation writes into that very Secret only: whoever made one of its name since may be somebody else.
    """
    if place.address.here:
        (found,) = await whose.look_at(context, [place], sight)
        return found

    async def look() -> Held:
        found = await place.look()
        if action is Action.ROTATE and not found.exists:
            raise UsageError(
                f"{place.label} is gone, and who owns that name by now is not known",
                "issue it again for every place",
                field="path",
            )
        if found.credential is None:
            return found
        record, lies = await record_at(context, place.address), await place.token(Format.CERTIFICATE)
        why = differs(record, place.uid, lies.fingerprint if lies is not None else "") if record is not None else ""
        if record is None or why:
            raise UsageError(
                f"{place.label} keeps a credential of {found.credential.identity or 'an unknown user'}, and nothing "
                f"on this machine vouches for it{': it ' if why else ''}{why}",
                "choose another name, or rotate it where it was issued; or delete that Secret and issue it again",
                field="path",
            )
        await insist_on_secret(context, record)
        return msgspec.structs.replace(found, credential=record.credential, request=record.request)

    def facts(found: Held) -> object:
        kept = identifying_facts(found.credential) if found.credential is not None else None
        return found.exists, kept, found.request, place.version

    return await sight.see(place.label, look, facts)


def _same(record: Export, wish: CertificateWish) -> bool:
    """Whether what was written is for the same user and groups; lifetime and key may change."""
    own = record.spec.own if record.spec is not None else {}
    return own.get("user") == (wish.user,) and sorted(own.get("groups", ())) == sorted(wish.groups)


def _is_old(version: str) -> bool:
    """Whether a server drops `expirationSeconds`; of one that does not say its version the answer tells."""
    parts = version.removeprefix("v").split(".")
    try:
        return (int(parts[0]), int(parts[1])) < _KNOWS_EXPIRATION
    except (ValueError, IndexError):
        return False


def _warnings(work: Certify, version: str) -> list[str]:
    """What to know first."""
    wish, name = work.wish, request.name_of(work.intent.plan)
    said = [f"the result {CANNOT_REVOKE}"]
    if work.dropped:
        said.append(
            f"{wish.cluster} is {version}, which is older than 1.22: it does not know what lifetime is asked for, and "
            "its signer gives its own, usually a year"
        )
    elif wish.duration is None:
        said.append("no lifetime is asked for: its signer gives its own, usually a year")
    if not work.approves:
        said.append(f"you may not approve it: {by_hand(name, wish.cluster)}")
    said += [
        f"the group {group} is Kubernetes' own: see what is bound to it first"
        for group in wish.groups
        if group.startswith(SYSTEM)
    ]
    return said
