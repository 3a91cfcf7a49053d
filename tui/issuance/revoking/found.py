"""What may be acted on of what was found for a handle, a token or a place: facts in, verdict out.

Pure; `seeking` and `searching` ask the clusters. Whoever runs a cluster, or may patch a handle in it, can say what he
likes of himself: so each verdict says on whose word it rests, and no object's own word is enough for another's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.claims import ClaimsError, read_token
from tui.issuance.model.types import Address, Credential, Handle, Identity, State, said_of
from tui.issuance.trust.handle_names import is_handle_name
from tui.issuance.trust.handles import TOKEN_SECRET, Ending, Named
from tui.issuance.trust.vouchers import Word
from tui.kube.addresses import same_place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tui.issuance.model.claims import Bound, Claims
    from tui.issuance.records.intent import Export, Revocation
    from tui.issuance.trust.handles import Seen
    from tui.issuance.trust.vouchers import Facts
    from tui.kube.sensitive import Sensitive

    from .sought import Search, Sought


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is to end: a credential with a handle that may be ended, and who says that it is that."""

    credential: Credential
    named: Named
    token: Sensitive | None = None
    places: tuple[Address, ...] = ()
    """The Secrets that its handle says it was made for. Whether they hold its token is looked at in each."""
    said: tuple[str, ...] = ()
    """What people are told before they say yes."""
    request: str = ""
    """Of a DPU request: its UID, for which its handles are made."""


class NotThere(UsageError):
    """The handle that someone named is not there."""


# By its handle


def handle_at(address: Address, seen: Seen | None) -> Handle:
    """The handle that lies at this address. Raises NotThere, UsageError for a long-lived token."""
    where = f"{address.namespace}/{address.name}"
    if seen is None:
        raise NotThere(
            f"there is no Secret {where} in {address.cluster}: tokens bound to it have ended",
            "`kubemint list credentials` shows what there is",
        )
    if seen.type == TOKEN_SECRET:
        token_secret_at = Address.token_secret(address.cluster, address.namespace, address.name)
        raise UsageError(
            f"the Secret {where} in {address.cluster} is a long-lived token, which is its own handle",
            f"revoke {token_secret_at}",
        )
    return Handle(address.cluster, address.namespace, address.name, seen.uid)


def recorded(handle: Handle, exports: Iterable[Export], waiting: Revocation | None) -> Credential | None:
    """What this machine wrote that is bound to exactly this handle; `waiting` is the revocation that has its name."""
    for export in exports:
        if export.credential.handle == handle:
            return export.credential
    return waiting.old if waiting is not None and waiting.handle == handle else None


def ending_of(handle: Handle, known: Credential | None) -> Ending:
    """The handle as what is to go: at this machine's word, where it knows it, else at the handle's own."""
    if known is None:
        return Ending(handle=handle, named=Named.BY_WALK)
    account = known.identity.name if known.identity is not None else ""
    return Ending(handle=handle, named=Named.BY_JOURNAL, account=account)


def by_handle(address: Address, seen: Seen, ending: Ending, known: Credential | None) -> Found:
    """What ends with it. It is called by the address, whatever it was recorded as."""
    identity = known.identity if known is not None else account_of(seen, address.cluster)
    credential = bare(address, identity, ending.handle)
    if known is not None:
        credential = msgspec.structs.replace(
            known, address=address, handle=ending.handle, state=State.UNKNOWN, message=credential.message
        )
    whose = (
        f"of {said_of(identity)}, as this machine's records say"
        if known is not None
        else f"of {said_of(identity)}, as it says"
    )
    return Found(credential=credential, named=ending.named, said=(f"it is the handle {whose}",))


def bare(address: Address, identity: Identity | None, handle: Handle) -> Credential:
    """A credential of which nothing is known but its handle."""
    return Credential(
        address=address,
        identity=identity,
        handle=handle,
        kept_in=f"bound to handle {handle.namespace}/{handle.name}",
        message="found by its handle",
    )


def account_of(seen: Seen, cluster: str) -> Identity | None:
    """The account that a handle says it was made for."""
    namespace, _, name = seen.account.partition("/")
    return Identity(cluster, namespace, name) if namespace and name else None


def with_places(found: Found, seen: Seen, own: str, known: Collection[str]) -> Found:
    """The same with the Secrets that the handle says it was made for, as far as their clusters are `known`, or its
    `own`."""
    places: list[Address] = []
    unknown: list[Address] = []
    for text in seen.secrets:
        cluster, namespace, name = (["", "", *text.rsplit("/", 2)])[-3:]
        place = Address.secret(cluster or own, namespace, name)
        near = place.cluster == own or place.cluster in known
        (places if namespace and name and near else unknown).append(place)
    said = tuple(f"{place}, which it names, is in no cluster that is known here" for place in unknown)
    return msgspec.structs.replace(found, places=tuple(places), said=(*found.said, *said))


# By its fingerprint or its id


def id_of(token: Sensitive | None) -> str:
    """The `jti` of a token; empty where it has none."""
    try:
        return read_token(token).id.lower() if token is not None else ""
    except ClaimsError:
        return ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A place that may have what is sought: by this machine's record, else by what it says of itself."""

    address: Address
    record: Credential | None = None
    """What this machine knows to have put there; None where only the place says so."""


def marked(sought: Sought, exports: Iterable[Export], waiting: Iterable[Revocation]) -> list[Candidate]:
    """Where what has the sought fingerprint lies, by this machine's records: its places, then handles that wait for
    their end."""
    mine = (one.credential for one in exports if one.credential.fingerprint == sought.fingerprint)
    return [Candidate(address=one.address, record=one) for one in mine] + [
        Candidate(address=at, record=bare(at, None, one.handle))
        for one in waiting
        if one.fingerprint == sought.fingerprint and is_handle_name(one.handle.name, None)
        for at in (address_of(one.handle),)
    ]


def to_look_into(exports: Iterable[Export]) -> list[Credential]:
    """What this machine wrote whose token may have the sought id. What is revoked is not read any more."""
    return [one.credential for one in exports if one.credential.state is not State.REVOKED]


def address_of(handle: Handle) -> Address:
    """The address of a handle by itself."""
    return Address.handle(handle.cluster, handle.namespace, handle.name)


def no_match(sought: Sought, token: Sensitive | None, word: Word) -> str:
    """Why what lies in a place is not what is sought; empty where it is.

    A token with that fingerprint is that token. An id is only what a token says of itself, which counts where its
    server says that the token is its own.
    """
    if token is None:
        return "there is no token in it"
    if (token.fingerprint if sought.fingerprint else id_of(token)) != (sought.fingerprint or sought.id):
        return "the token in it is another one"
    if sought.fingerprint or word is Word.CONFIRMED:
        return ""
    return "its server refuses the token in it" if word is Word.REFUSED else "nothing confirms the token in it"


def ends_with(token: Sensitive, end: Handle | str) -> bool:
    """Whether a token ends where this handle is deleted, or where the account with this UID is made anew."""
    try:
        claims = read_token(token)
    except ClaimsError:
        return False
    if isinstance(end, str):
        return bool(end) and claims.service_account_uid == end
    bound = claims.bound
    if bound is None or bound.kind != "Secret" or not end.uid:
        return False
    return (claims.namespace, bound.name, bound.uid) == (end.namespace, end.name, end.uid)


def the_same_end(sought: Sought, ends: Mapping[Address, Handle | str], servers: Mapping[str, str]) -> None:
    """Raises UsageError where places that have what is sought end by different things: then who asks says which.

    Each of `ends` is a handle, or the UID of an account; one server may have several names.
    """

    def apart(end: Handle | str) -> object:
        if isinstance(end, str):
            return end
        server = servers.get(end.cluster, "")
        same = (name for name, other in servers.items() if server and same_place(server, other))
        return next(same, end.cluster), end.namespace, end.name, end.uid

    if len({apart(end) for end in ends.values()}) > 1:
        raise UsageError(
            f"{', '.join(map(str, ends))} all have {sought}; nothing was revoked",
            "name the cluster with --context, or revoke each of them by its address",
        )


def only_says(sought: Sought, address: Address, why: str) -> str:
    """What is said of a place that says that it has what is sought, and has not."""
    return f"{address} says that it has {sought}, but {why}"


def nothing_known(sought: Sought, search: Search, liars: Mapping[Address, str] | None = None) -> IssuanceError:
    """What is said where no cluster has it: a usage error only where every cluster answered. `liars` say that they
    have it, each with why that counts for nothing."""
    said = "".join(f"; {only_says(sought, address, why)}" for address, why in (liars or {}).items())
    meant = f"; to revoke such a destination itself, revoke {next(iter(liars))}" if liars else ""
    if not search.whole:
        return IssuanceError(
            f"nothing that could be looked at has {sought} ({search.words}){said}",
            f"{search.again}, or give the token itself with --token-file FILE{meant}",
        )
    return UsageError(
        f"nothing that kubemint keeps has {sought} ({search.words}){said}",
        f"give the token itself with --token-file FILE, or its handle (handle:CLUSTER/NAMESPACE/NAME){meant}",
    )


def on_one_word(said: str, says: Sequence[Address], search: Search) -> IssuanceError:
    """What is said where somebody has what is sought, and others may have it that were not looked into: whoever runs a
    cluster can say so of what lies in another one."""
    return IssuanceError(
        f"{said}, but not every cluster could be looked into ({search.words}); none is revoked on one word",
        f"if you want that, revoke {' or '.join(map(str, says))}; else {search.again}",
    )


# By the token itself


def is_bound_to(claims: Claims, bound: Bound, seen: Seen, holds: bool) -> bool:
    """Whether this Secret is the one that a token says it is bound to; `holds`: that very token lies in it."""
    return holds if claims.legacy else seen.uid == bound.uid  # long-lived ones are signed without a UID


def asked(recorded_in: str, named: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    """The clusters that are asked for what a token is bound to: those that the operator `named`, else the `known`.

    Where this machine's records know where it was issued, no other one is: it may be one that another cluster delivers,
    which is reached by its name. Raises UsageError where that is not meant, or there is no way there.
    """
    if not recorded_in:
        return named or known
    reachable = recorded_in in known or recorded_in.rsplit("/", 2)[0] in known
    if recorded_in in named or (reachable and not named):
        return [recorded_in]
    if named and not reachable:
        return named  # what it is called by now the operator knows
    issued = f"this machine's records say that this token was issued in {recorded_in}"
    if named:
        raise UsageError(f"{issued}, and not in {', '.join(named)}", f"name {recorded_in} with --context")
    raise UsageError(
        f"{issued}, and no cluster is called so here: the token is sent to no other one",
        "if the cluster has another name now, name it with --context",
    )


def issued_in(fingerprint: str, exports: Iterable[Credential]) -> str:
    """The cluster that a token was issued in, by this machine's records; empty where they do not know it."""
    found = (one.identity for one in exports if one.fingerprint == fingerprint)
    return next((identity.cluster for identity in found if identity is not None), "")


def witnesses(servers: Mapping[str, str]) -> list[str]:
    """One name for each server: several contexts that lead to the same one are no two witnesses."""
    kept: list[str] = []
    for name, server in servers.items():
        if not any(same_place(server, servers[other]) for other in kept):
            kept.append(name)
    return kept


def by_token(address: Address, claims: Claims, facts: Facts) -> Found:
    """What ends a token whose server, that of the address, was asked about it. Raises UsageError unless it confirmed
    it."""
    if facts.word is not Word.CONFIRMED or facts.handle is None:
        how = "refuses this token" if facts.word is Word.REFUSED else "did not say whether it accepts this token"
        raise UsageError(
            f"{address.cluster} {how}{': ' if facts.note else ''}{facts.note}; the Secret that it says it is bound to "
            "is there",
            f"an unconfirmed token revokes nothing; if you want that, revoke {address}",
        )
    credential = msgspec.structs.replace(
        bare(address, facts.identity, facts.handle),
        audiences=facts.audiences if is_for_others(claims) else (),
        issued_at=facts.issued_at,
        expires_at=facts.expires_at,
        fingerprint=facts.fingerprint,
        state=State.VALID,
        message="found by its token",
    )
    return Found(
        credential=credential,
        named=Named.BY_TOKEN,
        said=(f"{address.cluster} accepts it as {said_of(facts.identity)}",),
    )


def is_for_others(claims: Claims) -> bool:
    """Whether it may be meant for others than API servers, which refuse it then."""
    return bool(claims.audiences) and claims.issuer not in claims.audiences


def nowhere(claims: Claims, search: Search) -> IssuanceError:
    """What is said where no cluster has what a token is bound to: a usage error only where every cluster answered."""
    bound = f"{claims.namespace}/{claims.bound.name if claims.bound is not None else ''}"
    ends = f"; it expires at {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC" if claims.expires_at else ""
    if not search.whole:
        return IssuanceError(
            f"no cluster that answered has the Secret {bound} that this token is bound to ({search.words})",
            f"{search.again}, or name the cluster with --context{ends}",
        )
    return UsageError(
        f"no cluster has the Secret {bound} that this token is bound to ({search.words})",
        "if it was deleted, the token has ended; else name its cluster with --context, or delete "
        f"the service account {claims.namespace}/{claims.service_account} there{ends}",
    )


# By a place that is not there


def by_record(record: Export | None, seen: Seen | None, why: str) -> Found | None:
    """What this machine wrote into that place, where the handle of it is there as it was."""
    handle = record.credential.handle if record is not None else None
    if record is None or handle is None or seen is None or seen.uid != handle.uid:
        return None
    said = (why, "its handle is known from this machine's records")
    return Found(credential=record.credential, named=Named.BY_JOURNAL, said=said)


def made_for(place: str, listed: Iterable[Seen]) -> list[Seen]:
    """Those that say they were made for this place, without those that someone made say so; see `is_changed`."""
    return [seen for seen in listed if place in seen.secrets and not seen.is_changed]


def is_of_request(seen: Seen, handle: Handle, request: str) -> bool:
    """Whether that is the very handle, and says that it was made for the request with this UID."""
    same = bool(handle.uid) and (seen.namespace, seen.name, seen.uid) == (handle.namespace, handle.name, handle.uid)
    return same and bool(request) and seen.request == request and not seen.is_changed


def the_one(why: str, own: str, there: Mapping[str, Sequence[Seen]], search: Search) -> Address | None:
    """The only handle in these clusters, each another server, that says it was made for a place, which is in `own`;
    None where there is none.

    Raises UsageError where there are several, and for one whose name does not confirm what it says; IssuanceError for
    one that may not be the only one: of the place's own cluster where not all of that was looked through, of another
    one where anybody has not said.
    """
    found = [
        (Address.handle(cluster, seen.namespace, seen.name), seen)
        for cluster, several in there.items()
        for seen in several
    ]
    if len(found) > 1:
        raise UsageError(
            f"{why}, and {len(found)} handles say that they were made for it ({search.words})",
            f"revoke one of them: {', '.join(sorted(str(address) for address, _ in found))}",
        )
    for address, seen in found:
        if not seen.is_as_made:
            raise UsageError(
                f"{why}, and a handle from an earlier version says that it was made for it, which any user may have "
                f"written there ({search.words})",
                f"if you want that, revoke {address}",
            )
        if (address.cluster != own and not search.whole) or own in {*search.closed, *search.away}:
            said = f"{why}, and {address} says that it was made for it"
            raise on_one_word(said, [address], search)
        return address
    return None
