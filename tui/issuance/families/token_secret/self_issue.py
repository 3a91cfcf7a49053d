"""Short-lived tokens that an identity mints for itself, with its own long-lived token.

The long-lived token is only ever shown to the API server that it is of (`showing`); what other services see is a token
for their audience that soon ends by itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.files import read_private
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.place import absolute, taken
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.base import bare
from tui.issuance.model.claims import read_token
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, IssueSpec, Plan
from tui.issuance.records.intent import Intent, new_id
from tui.issuance.tokens.issuing import Issue
from tui.issuance.tokens.plans import check_spec
from tui.issuance.transaction.minting import CANNOT_REVOKE
from tui.issuance.transaction.reading import material, normal
from tui.issuance.transaction.shared_steps import mint_steps
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context
from tui.issuance.trust import whose
from tui.issuance.trust.showing import cluster_of_token
from tui.kube.sensitive import Sensitive

from .identity import SelfWish

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note
    from tui.kube.client import Client

_LARGEST = 64 * 1024


@dataclass(kw_only=True)
class SelfIssue(Issue):
    """An issue where the identity asks and the operator does not. There is no handle: it may not create Secrets."""

    bearer: Sensitive = Sensitive(b"")  # noqa: RUF009 - immutable
    _asker: Client | None = None

    def _minting(self) -> tuple[Step, ...]:
        identity = self.intent.spec.identity
        _, token, proof = mint_steps(identity, "")
        title = f"Request the token as {identity.name} itself"
        return (
            Step(info=msgspec.structs.replace(token, title=title), do=self._token),
            Step(info=proof, do=self._prove),
        )

    async def _token(self, note: Note) -> None:
        from tui.kube.client import Client

        note.hint(f"this token {CANNOT_REVOKE}")
        endpoint = self.context.clusters.endpoint(self.intent.spec.identity.cluster)
        async with Client(endpoint.with_token(self.bearer)) as self._asker:
            await super()._token(note)

    async def _issuer(self) -> Client:
        assert self._asker is not None
        return self._asker


async def prepare_self_issue(context: Context, wish: SelfWish, *, force: bool = False) -> tuple[Plan, SelfIssue]:
    """The plan for it. Nothing is asked of the cluster yet but the token itself, where a Secret holds it.

    Raises UsageError, KubeError.
    """
    token = await _own_token(context, wish.source)
    cluster = wish.source.cluster or await cluster_of_token(context, token, wish.cluster, wish.source.name)
    identity = read_token(token).identity(cluster)
    if identity is None:
        raise UsageError(f"{wish.source} is not the token of a service account")
    if wish.identity not in (None, identity):
        raise UsageError(
            f"{wish.source} is the token of {identity.said} by now, not of {wish.identity.said}; nothing was done",
            "look at it again",
        )
    spec = IssueSpec(
        identity=identity,
        destinations=(FileDestination(wish.out),),
        format=Format.TOKEN,
        duration=wish.duration,
        audiences=wish.audiences,
    )
    check_spec(context, spec)
    address = spec.destinations[0].address(identity)
    if address == normal(wish.source):
        raise UsageError(f"{address.name} is the token to ask with; it would be lost", "choose another path")
    places = places_for(spec, context.clusters, context.state, force=force)
    sight = Sight()
    held = await whose.look_at(context, places, sight)
    for place, found in zip(places, held, strict=True):
        if found.credential is not None and found.credential.identity != identity:
            raise taken(place.label, found.credential, exists=found.exists)
    request = next((found.request for found in held if found.request), "") or new_id()
    for place in places:
        place.request = request
    intent = Intent(
        plan=new_id(),
        action=Action.ISSUE,
        address=address,
        request=request,
        spec=spec,
        old=tuple(found.credential for found in held if found.credential is not None),
    )
    work = SelfIssue(
        context=context,
        intent=intent,
        places=places,
        bearer=token,
        exists=[found.exists for found in held],
        sight=sight,
    )
    warnings = [found.warning for found in held if found.warning] + [f"the result {CANNOT_REVOKE}"]
    return work.planned(warnings, "\n".join(found.preview for found in held if found.preview)), work


async def _own_token(context: Context, source: Address) -> Sensitive:
    """The long-lived token to ask with."""
    if source.here:
        return bare(await asyncio.to_thread(read_private, absolute(source.name), _LARGEST))
    if source.kind.traits.own_handle:
        return bare(await material(context, source))
    raise UsageError(f"{source} is no long-lived token of an account", "name its token file or its token Secret")
