"""Rotation of what kubemint keeps itself: a new token in the same places, under the same names."""

from __future__ import annotations

from .errors import UsageError
from .places import places_for
from .plans import Prepared, check_spec, new_id, prepare
from .reading import normal, wish_of
from .types import Action, Address, CredentialKind
from .work import Context


async def prepare_rotation(context: Context, address: Address) -> Prepared:
    """The plan for a new token wherever the old one is kept."""
    address = normal(address)
    if address.kind is CredentialKind.LEGACY:
        raise UsageError(
            "a token Secret cannot be rotated in place: the same name gives the same token again",
            "issue a credential of its own for the account, move its users over, then revoke this one",
        )
    if address.kind is CredentialKind.LOGIN:
        raise UsageError(
            f"the login of {address.cluster} is yours, kubemint did not issue it", "renew it where it came from"
        )
    spec, request = await wish_of(context, address)
    check_spec(context, spec)
    places = places_for(spec, context.clusters, context.state)
    held = [await place.look() for place in places]
    return await prepare(context, Action.ROTATE, address, spec, places, held, request or new_id())
