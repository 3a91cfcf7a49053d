"""Plans: working out what will be done before anything is done, by reading only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.place import Held, Place, taken
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import UsageError
from tui.issuance.model.names import check_names
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import (
    Action,
    Address,
    Credential,
    Destination,
    Handle,
    Identity,
    IssueSpec,
    Plan,
)
from tui.issuance.objects import accounts
from tui.issuance.objects.token_request import check_wish
from tui.issuance.objects.viewer import refuse_viewer
from tui.issuance.records.intent import Intent, new_id
from tui.issuance.transaction.minting import CANNOT_REVOKE
from tui.issuance.transaction.replacing import refuse_live
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles, vouching
from tui.issuance.users.grace_length import Length
from tui.issuance.users.secret_users import announced_by, secrets_of
from tui.kube.errors import KubeError
from tui.kube.resource import SECRETS, SELF_SUBJECT_ACCESS_REVIEWS

from . import left_behind
from .issuing import Issue

if TYPE_CHECKING:
    from tui.issuance.formats import Format

    from .tenant_rights import Rights


async def prepare_issue(
    context: Context, spec: IssueSpec, *, force: bool = False, replace: bool = False, rights: Rights | None = None
) -> tuple[Plan, Issue]:
    """A new credential, with `replace` also in place of a live one of ours for the same identity, with `force` of
    another one's file. `rights` are what the account is given besides. Raises Unasked where one of these is needed.
    """
    await _enter_delivered(context, spec)
    check_spec(context, spec)
    places, sight = places_for(spec, context.clusters, context.state, force=force), Sight()
    held = await vouching.look_at(context, places, sight)
    if not replace:
        ours = [found.credential for found in held if found.exists and found.credential is not None]
        await refuse_live(context, [one for one in ours if one.identity == spec.identity], sight)
    request = next((found.request for found in held if found.request), "") or new_id()
    held = [
        await left_behind.look(context, spec.identity, place, found, sight)
        for place, found in zip(places, held, strict=True)
    ]
    return await prepare(context, Action.ISSUE, places[0].address, spec, places, held, request, sight, rights)


async def prepare(
    context: Context,
    action: Action,
    address: Address,
    spec: IssueSpec,
    places: list[Place],
    held: Sequence[Held],
    request: str,
    sight: Sight,
    rights: Rights | None = None,
    said: Sequence[str] = (),
) -> tuple[Plan, Issue]:
    """The plan for new material in `places`, which hold `held` now, as it is vouched for; `sight` is how it was seen,
    and what is `said` comes first.

    Raises UsageError where it cannot be done, KubeError.
    """
    identity = spec.identity
    for place, found in zip(places, held, strict=True):
        place.request = request
        if found.credential is not None and found.credential.identity != identity:
            raise taken(place.label, found.credential, exists=found.exists)
    refuse_viewer(context.clusters.endpoint(identity.cluster))
    client = await context.clusters.client(identity.cluster)
    account = await sight.see(f"the service account {identity.said}", lambda: accounts.look(client, identity))
    accounts.require(account, identity, create=spec.create_account, issued_before=action is Action.ROTATE)
    left = tuple(said for found in held for said in found.left)
    warnings = [*said, *(found.warning for found in held if found.warning), *left]
    old = [one for found in held for one in (found.credential, found.newer) if one is not None]
    if action is Action.ISSUE:
        old = await _spared(context, old, places, warnings, sight)
    warnings += spec.format.rules.losses(context.clusters.endpoint(identity.cluster))
    if not await _may_create_secrets(context, identity):
        warnings.append(f"no right to create Secrets in namespace {identity.namespace}: the result {CANNOT_REVOKE}")
    if account.exists is None:
        warnings.append(
            f"no right to get serviceaccounts in namespace {identity.namespace}: whether {identity.name} is there "
            "shows when its token is requested, and the handle will outlive it"
        )
    handle = handles.new(identity, handles.meant_for(identity, request, spec))
    intent = Intent(
        plan=new_id(),
        action=action,
        address=address,
        request=request,
        spec=spec,
        handle=handle,
        old=tuple(old),
        reads=rights.reads if rights is not None else (),
    )
    told = replace(context, announced=context.announced | announced_by(spec))
    lasts = await told.length(secrets_of(spec), intent.old) if intent.old_handles else Length()
    work = Issue(
        context=context,
        intent=msgspec.structs.replace(intent, grace=lasts.journaled),
        places=places,
        account_uid=account.uid,
        create_account=spec.create_account and account.exists is not True,
        account_known_missing=account.exists is False,
        rights=rights,
        exists=[found.exists for found in held],
        left=left,
        sight=sight,
    )
    preview = "\n".join(found.preview for found in held if found.preview)
    return work.planned([*warnings, *lasts.warnings], preview, lasts), work


async def _spared(
    context: Context, old: Sequence[Credential], places: Sequence[Place], warnings: list[str], sight: Sight
) -> list[Credential]:
    """The old credentials, without the handles that places still depend on which the new one does not reach."""
    from .sharing import elsewhere

    reached = [place.address for place in places]
    spared: dict[Handle, list[Address]] = {}
    for handle in {credential.handle: None for credential in old if credential.handle is not None}:
        others = await sight.see("who else holds the old token", partial(elsewhere, context, handle, reached))
        if others:
            spared[handle] = others
            one = "holds" if len(others) == 1 else "hold"
            warnings.append(
                f"{', '.join(map(str, others))} {one} the old token too and would lose it: it is not revoked; "
                f"to give them a new one as well, rotate {others[0]} instead"
            )
    return [
        msgspec.structs.replace(credential, handle=None) if credential.handle in spared else credential
        for credential in old
    ]


async def _enter_delivered(context: Context, spec: IssueSpec) -> None:
    """A cluster that another one delivers is known by name once it was entered, which the gate decides."""
    known = context.clusters.names()
    for name in {spec.identity.cluster, *(one.address(spec.identity).cluster for one in spec.destinations)} - {""}:
        if name not in known and name.count("/") >= 2:
            await context.clusters.client(name)


def check_spec(context: Context, spec: IssueSpec) -> None:
    """Everything that can be known to be wrong without asking anybody.

    Raises UsageError, also for an unknown cluster, ConfigError.
    """
    identity = spec.identity
    context.clusters.endpoint(identity.cluster)
    check_wish(spec.duration, spec.audiences)
    check_names(identity.namespace, identity.name, "service account")
    check_destinations(context, spec.destinations, spec.format)


def check_destinations(context: Context, destinations: Sequence[Destination], form: Format) -> None:
    """The same of where something is to be kept, as this format. Raises as `check_spec`."""
    if not destinations:
        raise UsageError("there is no destination", "name a file or a Secret to keep the credential in")
    if len(set(map(str, destinations))) != len(destinations):
        raise UsageError("a destination is named twice")
    for destination in destinations:
        destination.check(context.clusters, form)


async def _may_create_secrets(context: Context, identity: Identity) -> bool:
    """Whether a handle can be made. Where that cannot be asked: assume so, the step itself will tell."""
    client = await context.clusters.client(identity.cluster)
    wish = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "create", "resource": SECRETS.plural, "namespace": identity.namespace}},
    }
    try:
        answer = await client.create(SELF_SUBJECT_ACCESS_REVIEWS, wish)
    except KubeError:
        return True
    return bool((answer.get("status") or {}).get("allowed", True))
