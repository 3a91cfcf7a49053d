"""Writing a credential that exists to one more place, in its own format or another: what that would do.

A copy holds the original's token and is no credential of its own: nothing is minted, and nothing of the original
changes. A copy in another format, or in a Secret, is not reached by a rotation of the original. What is written is
rendered anew (`copied`); where that leads to another server than the one known, someone has to say that it is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from tui.issuance.destinations import kubeconfig_file
from tui.issuance.destinations.place import Held, Place, absolute, taken
from tui.issuance.destinations.registry import place_for
from tui.issuance.destinations.shoot import ShootPlace, stand_in
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.claims import ClaimsError, read_token
from tui.issuance.model.durations import format_duration
from tui.issuance.model.sight import Sight, identifying_facts
from tui.issuance.model.types import (
    Action,
    Address,
    Credential,
    Destination,
    Handle,
    Identity,
    Plan,
    State,
)
from tui.issuance.records.intent import Export, new_id
from tui.issuance.transaction import reading
from tui.issuance.transaction.work import Context
from tui.issuance.trust import one_server, whose

from .copied import Found, find, known_endpoint
from .copying import Ask, Copy, Word, seen
from .sharing import elsewhere

FORMATS: Final = tuple(form for form in Format if form.rules.chosen)


class OtherServer(UsageError):
    """What would be copied leads to another server than the one known; whoever means it says so."""


def formats_of(credential: Credential) -> tuple[Format, ...]:
    """What a credential can be written down as, its own format first: a certificate only as the kubeconfig it is."""
    if credential.shoot is not None:
        return (Format.KUBECONFIG,)
    return tuple(sorted(FORMATS, key=lambda form: form is not credential.format))


async def prepare_copy(
    context: Context, address: Address, destination: Destination, form: Format | None = None
) -> tuple[Plan, Copy, tuple[Ask, ...]]:
    """The plan for a copy, and what has to be said yes to before it is made.

    The material is read, to see whose it is and where it leads, and dropped again. Raises UsageError, NotProved,
    DeliveredError, KubeError.
    """
    address = reading.normal(address)
    if address.own:
        raise UsageError("your own login is not handed out", "it is in your kubeconfig")
    if address.kind.traits.alone:
        raise reading.no_token(address)
    sight = Sight()
    source = await sight.see(str(address), lambda: reading.index(context, address), identifying_facts)
    if source.certified and source.shoot is None:
        raise UsageError(
            f"{source.address} is a client certificate, which is not copied: its key stays in that place",
            "issue another one for the other place",
        )
    identity = stand_in(source.shoot) if source.shoot is not None else await _whose(context, source)
    moved = ""
    if source.identity is not None and identity != source.identity:
        moved = f"its destination says that it is of {source.identity.cluster}, its token is of {identity.cluster}"
        source = msgspec.structs.replace(source, identity=identity)
    form = _checked(context, source, destination, form or (source.format if source.format in FORMATS else Format.TOKEN))
    target = destination.address(identity)
    if target == source.address:
        raise UsageError(f"{target.name} is where it is kept already", field="path")
    remembered = context.state.export_record if target.here else context.state.written
    known = await sight.see(f"the record of {target}", lambda: asyncio.to_thread(remembered, target))
    same_form = target.here and form is source.format
    where = source.kept_in or str(address)
    found = await sight.see(where, lambda: find(context, source, identity, ways=same_form), seen)
    asks = [Ask(Word.OTHER_SERVER, "; ".join(found.elsewhere))] if found.elsewhere else []
    place = _place(context, source, identity, destination)
    try:
        (held,) = await whose.look_at(context, [place], sight)
    except WouldReplace as error:
        asks.append(Ask(Word.FORCE, error.message))
        place = _place(context, source, identity, destination, force=True)
        (held,) = await whose.look_at(context, [place], sight)
    wish = await _request(context, address)
    handle = _handle(source, identity, found)
    is_copy = known is not None and known.spec is None
    in_wish = bool(wish) and held.request == wish and not is_copy
    if known is None or not is_copy or known.source != source.address:
        there = await _there(place, held)
        _refuse_another(
            target, identity, source.shoot is not None, handle, there, exists=held.exists, in_wish=in_wish, form=form
        )
    shared = wish if same_form and await _vouched(context, source, identity, handle, wish) else ""
    if shared and known is None and await _in_file(place, shared):
        shared = ""  # entries without a record here: they may be another credential's
    again = known.request if known is not None and is_copy else ""
    own = again if destination.merge else ""  # its own entries keep the wish they are of
    place.request = own or shared or again or new_id()
    copy = msgspec.structs.replace(source, address=target, kept_in=target.kept_in, format=form)
    if not target.here:  # revoking or rotating it must never end the original
        copy = msgspec.structs.replace(copy, handle=None)
    forgotten = await _only_here(context, known if is_copy and held.credential is not None else None, handle)
    first = [ask.why for ask in asks if ask.word is Word.OTHER_SERVER]
    warnings = [*filter(None, (moved,)), *first, *await _warnings(context, source, identity, held, form, bool(shared))]
    if forgotten is not None:
        warnings.append(
            f"what {target.name} holds now is an older token, and nothing else here does: it is revoked after "
            f"{format_duration(context.grace)}"
        )
    work = Copy(
        context=context,
        source=source,
        identity=identity,
        place=place,
        copy=copy,
        known=known,
        forgotten=forgotten,
        sight=sight,
        same_form=same_form,
        exists=held.exists,
    )
    plan = work.plan(work.plan_id, Action.EXPORT, target, warnings=warnings, preview=held.preview)
    return plan, work, tuple(asks)


async def _whose(context: Context, source: Credential) -> Identity:
    """Whose its token is, in the cluster that it may be shown to; nobody else's place says that. Raises UsageError."""
    token = await reading.token(context, source.address) if source.identity is not None else None
    if token is None and source.identity is not None:
        return source.identity  # there is nothing to be shown: what is missing is said where it is read
    family = await context.families.of(source.address)
    identity = await family.whose(context, source.address, source, token) if token is not None else None
    if identity is None:
        raise UsageError(f"{source.address} cannot be exported: its account is not known")
    return identity


def unsaid(asks: Sequence[Ask], *, force: bool, other_server: bool) -> tuple[Ask, ...]:
    """What of it was not confirmed yet."""
    said = {Word.FORCE: force, Word.OTHER_SERVER: other_server}
    return tuple(ask for ask in asks if not said[ask.word])


def refuse_unsaid(asks: Sequence[Ask], *, force: bool, other_server: bool) -> None:
    """Raises OtherServer or WouldReplace for the first of these that were not confirmed."""
    for ask in unsaid(asks, force=force, other_server=other_server):
        if ask.word is Word.OTHER_SERVER:
            raise OtherServer(
                f"this copy is for another server: {ask.why}", "allow it with --other-server, or rotate it first"
            )
        raise WouldReplace(ask.why, "choose another path, or replace it with --force; the old file is kept beside it")


def _place(
    context: Context, source: Credential, identity: Identity, destination: Destination, *, force: bool = False
) -> Place:
    if source.shoot is not None:
        return ShootPlace(source.shoot, str(absolute(destination.path)), context.state, force=force)
    return place_for(destination, identity, context.clusters, context.state, force=force)


def _checked(context: Context, source: Credential, destination: Destination, form: Format) -> Format:
    """The format, where the credential can be written like that there. Raises UsageError where not."""
    if form not in formats_of(source):
        what = "a shoot's certificate is in its kubeconfig and has no token" if source.shoot else f"not as {form}"
        raise UsageError(
            f"{source.address} cannot be written as {form}: {what}", "use the format kubeconfig", field="format"
        )
    if source.shoot is not None and not destination.path:
        raise UsageError("a shoot's kubeconfig is kept in a file of its own", "give a path")
    if destination.merge and source.shoot is not None:
        raise UsageError(
            "a shoot's kubeconfig has several contexts and is kept in a file of its own",
            "write it to a file of its own",
        )
    destination.check(context.clusters, form)
    return form


def _handle(source: Credential, identity: Identity, found: Found) -> Handle | None:
    """The handle that the token itself names; for what has none in it, the one that is known."""
    name, uid = found.bound
    if name and uid:
        return Handle(identity.cluster, identity.namespace, name, uid)
    return source.handle if source.address.here or source.address.kind.traits.own_handle else None


async def _there(place: Place, held: Held) -> Credential | None:
    """What is in the place now; of a Secret with the handle that its token names, and not its marks."""
    there = held.credential
    if there is None or place.address.here or there.identity is None:
        return there
    token = await place.token(there.format or Format.KUBECONFIG)
    try:
        claims = read_token(token) if token is not None else None
    except ClaimsError:
        claims = None
    bound = claims.bound if claims is not None else None
    handle = None
    if bound is not None and bound.kind == "Secret" and bound.uid:
        handle = Handle(there.identity.cluster, there.identity.namespace, bound.name, bound.uid)
    return msgspec.structs.replace(there, handle=handle)


def _refuse_another(
    target: Address,
    identity: Identity,
    of_shoot: bool,
    handle: Handle | None,
    there: Credential | None,
    *,
    exists: bool,
    in_wish: bool,
    form: Format,
) -> None:
    """What is there must be an earlier copy, or nothing of ours: never a token that could not be revoked then."""
    if there is None:
        return
    name = target.kept_in
    if in_wish and (not target.here or there.format is not form):
        raise UsageError(
            f"{name} is one of its destinations already", "rotating it keeps all of them up to date", field="path"
        )
    whose = there.identity == identity or (there.shoot is not None and of_shoot)
    if (there.handle is not None and there.handle == handle) or (there.handle is None and whose):
        return
    raise taken(name, there, exists=exists)


async def _vouched(context: Context, source: Credential, identity: Identity, handle: Handle | None, wish: str) -> bool:
    """Whether the wish is the one that the token was made for: a Secret alone may call any its own."""
    if not wish or source.address.here:
        return bool(wish)
    verdict = (await one_server.read(context, source.address)).verdict
    return verdict.ok and verdict.handle == handle and verdict.request == wish


async def _in_file(place: Place, request: str) -> bool:
    """Whether a kubeconfig has entries of a wish already."""
    if place.path is None or not place.address.name.startswith(f"{place.path}#") or not place.path.exists():
        return False
    return await asyncio.to_thread(kubeconfig_file.token_for, place.path, request) is not None


async def _only_here(context: Context, known: Export | None, handle: Handle | None) -> Handle | None:
    """The handle of what an older copy holds, where that ends with the copy: nothing else here holds its token."""
    if known is None or known.credential.state is State.REVOKED:
        return None
    old = known.credential.handle
    if old is None or old == handle or not known.credential.address.here:
        return None
    if await asyncio.to_thread(context.state.revocation, old) is not None:
        return None  # its grace runs already
    return None if await elsewhere(context, old, [known.credential.address]) else old


async def _warnings(
    context: Context, source: Credential, identity: Identity, held: Held, form: Format, shared: bool
) -> list[str]:
    """What to know of the copy; `shared` is whether it is renewed together with what it is made from."""
    warnings = [held.warning] if held.warning else []
    if source.shoot is not None and source.address.kind.traits.endless:
        warnings.append("the copy never expires, and anyone who reads it is cluster-admin; a shoot kubeconfig is safer")
    elif source.expires_at is None:
        warnings.append(f"the copy never expires; it ends when {source.address} is revoked")
    elif not shared:
        warnings.append(f"the copy ends when {source.address} is rotated or revoked: export it again then")
    else:
        warnings.append(f"the copy ends when {source.address} is rotated elsewhere or revoked")
    if source.audiences and form.rules.says_where:
        warnings.append(f"it is for {', '.join(source.audiences)}; the API server may refuse it")
    if form is not source.format:
        endpoint = await known_endpoint(context, identity)
        warnings += form.rules.losses(endpoint) if endpoint is not None else ()
    return warnings


async def _request(context: Context, address: Address) -> str:
    """The id of the wish behind it, empty where kubemint does not keep it."""
    if address.here:
        return (await reading.export_record(context, address)).request
    if address.kind.traits.marked:
        return (await reading.managed_secret(context, address))[1]
    return ""
