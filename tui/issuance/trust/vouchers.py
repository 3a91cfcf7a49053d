"""Who vouches for a claim: the decision, from facts to a verdict, and how a credential is shown for what it is.

Nothing here asks anybody; `vouching` does, and says what the rule is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from tui.issuance.model.types import Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.kube.text import safe_text

from . import handles
from .handle_names import has_digest
from .handles import CHANGED, GOING, Ending, Fate, Named, Seen
from .orphans import YOUNG


class Word(StrEnum):
    """What the server says of the token in a place."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    """Expired, revoked, or not of this cluster at all; what stands in it counts for nothing."""
    UNASKED = "not confirmed"
    """No server could be asked: no right to, or the cluster is away."""
    NONE = "missing"
    """There is no token."""
    UNREADABLE = "unreadable"
    """What lies there is not a token that can be read."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the token in a place says about itself, and what its server says of it."""

    word: Word
    identity: Identity | None = None
    account_uid: str = ""
    handle: Handle | None = None
    """The Secret it is bound to, by the UID that was signed."""
    bound: str = ""
    """Where it is bound to something else: the kind and name of that."""
    audiences: tuple[str, ...] = ()
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    fingerprint: str = ""
    note: str = ""
    """Why no server could be asked, or what the server said."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a Secret says of itself; an index."""

    identity: Identity | None
    place: str
    """The Secret as a handle of the account names it; see `managed.place_name`."""
    uid: str = ""
    """Of the Secret itself, as its server says."""
    made: datetime | None = None
    """When the Secret was, as its server says."""
    far: bool = False
    """Whether it lies in another cluster than its account. What that is called says nothing of what it is."""
    handle: Handle | None = None
    audiences: tuple[str, ...] = ()
    push: str = ""
    """How it says that it is carried on; see `destinations.tenant`."""
    request: str = ""
    """For what a DPU request keeps: the UID of the request, for which its handles are made, in the place of `place`."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine wrote there."""

    identity: Identity | None
    fingerprint: str
    handle: Handle | None = None
    bound_to: Handle | None = None
    """Of a copy: the handle of its original."""
    expires_at: datetime | None = None
    audiences: tuple[str, ...] = ()
    requested: timedelta | None = None
    push: str = ""
    request: str = ""
    uid: str = ""
    """Of the Secret that was written; empty in records of earlier versions."""
    sure: bool = True
    """Whether it is established that this was in the cluster that is called so now."""

    def is_of(self, claim: Claim) -> bool:
        """Whether this machine wrote into that very Secret."""
        return bool(self.uid) and self.uid == claim.uid and (self.sure or not claim.far)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something vouches for a claim, and what it says; `why` and `hint` are for people where nothing does."""

    ok: bool
    why: str = ""
    hint: str = ""
    by: str = ""
    """What vouches."""
    named: Named = Named.BY_WALK
    """Who names the handle."""
    handle: Handle | None = None
    """What ends the token that lies there, where ending it ends no other."""
    bound_to: Handle | None = None
    """Of a copy: what ends it, as the record says. It is looked at, and never ended for it."""
    expires_at: datetime | None = None
    """When what lies there ends, as the record says."""
    audiences: tuple[str, ...] = ()
    requested: timedelta | None = None
    push: str = ""
    request: str = ""
    """The id of the wish."""


_CLOSE: Final = timedelta(seconds=10)
"""So near to its end it is not known whether a token was cut short: clocks of servers are not alike."""
_PATCHED: Final = "annotations alone, which anyone who may patch it can write"
_WAY_OUT: Final = (
    "if its cluster has another name here too, use the one that it was issued under; else delete that Secret and "
    "issue a new one for the account"
)


def judge(claim: Claim, facts: Facts, beside: Seen | None, record: Record | None) -> Verdict:
    """Whether a place may be given a new token of the account that it claims.

    `beside` is the Secret that lies where the handle should: the one that the token is bound to where the server
    confirmed the token, else the one that the annotations name.
    """
    if claim.identity is None:
        return _refused("its annotations do not say whose credential it is", claim, facts)
    confirmed = facts.word is Word.CONFIRMED
    if facts.identity != claim.identity and (confirmed or facts.identity is not None):
        return _refused("", claim, facts)
    if record is not None and _recorded(claim, facts, record):
        return _agreed(claim, _by_record(record))
    handle = facts.handle if confirmed else claim.handle
    if facts.word is Word.UNASKED and facts.handle != claim.handle:
        return _refused("", claim, facts)
    why = _not_beside(claim, handle, beside, by_token=confirmed)
    if why or beside is None or handle is None:
        return _refused(why, claim, facts)
    if not confirmed and (why := _not_that_one(claim, beside, record)):
        return _refused(why, claim, facts)
    if not has_digest(handle.name):  # made before names said for what: what it says may be anybody's words
        if not confirmed:
            if record is not None and (record.identity, record.handle) == (claim.identity, handle):
                return _agreed(claim, _by_record(record))
            return _refused(f"handle {handle.name}, from an earlier version, says that in {_PATCHED}", claim, facts)
        lifetime = facts.expires_at - facts.issued_at if facts.expires_at and facts.issued_at else None
        audiences = facts.audiences if claim.audiences else ()
        beside = msgspec.structs.replace(beside, audiences=audiences, requested=lifetime, pushes={})
    return _agreed(
        claim,
        Verdict(
            ok=True,
            by=f"handle {beside.name}",
            named=Named.BY_TOKEN if confirmed else Named.BY_WALK,
            handle=handle,
            audiences=beside.audiences,
            requested=beside.requested,
            push=beside.pushes.get(claim.place, ""),
            request=beside.request,
        ),
    )


def _by_record(record: Record) -> Verdict:
    return Verdict(
        ok=True,
        by="this machine's record",
        named=Named.BY_JOURNAL,
        handle=record.handle,
        bound_to=record.bound_to,
        expires_at=record.expires_at,
        audiences=record.audiences,
        requested=record.requested,
        push=record.push,
        request=record.request,
    )


def _recorded(claim: Claim, facts: Facts, record: Record) -> bool:
    """Whether this machine wrote into that very Secret, for that account, what lies there now; or it is empty by now.

    Records of earlier versions do not say which Secret it was: only what lies in it, and is of this cluster, does.
    """
    if record.identity is None or record.identity != claim.identity:
        return False
    if record.uid and record.uid != claim.uid:
        return False
    if facts.word is Word.NONE:
        return record.is_of(claim)
    same = bool(facts.fingerprint) and facts.fingerprint == record.fingerprint
    if claim.far:
        return same and (record.sure or facts.word is Word.CONFIRMED)
    return same and (bool(record.uid) or record.sure or facts.word is Word.CONFIRMED)


def _not_that_one(claim: Claim, beside: Seen, record: Record | None) -> str:
    """Why a handle alone, which knows a place by its name, does not vouch for the one that is called so now; empty
    where it does."""
    if record is not None and record.is_of(claim):
        return ""
    if record is not None and record.uid and record.uid != claim.uid:
        return (
            f"this machine wrote into another Secret of that name, with UID {record.uid}; this one, with UID "
            f"{claim.uid}, was made since"
        )
    if claim.far:
        return (
            f"handle {beside.name} says only what the cluster that it was made for was called, and another one may be "
            "called so by now; a token in it that works would show that it is that one"
        )
    if claim.made is not None and beside.made is not None and claim.made - beside.made > YOUNG:
        return (
            f"it was made at {_word(claim.made)}, and handle {beside.name}, at {_word(beside.made)}, for one that had "
            "its name before"
        )
    return ""


def _not_beside(claim: Claim, handle: Handle | None, beside: Seen | None, *, by_token: bool) -> str:
    """Why the handle beside the account does not vouch for this place; empty where it does."""
    identity = claim.identity
    if handle is None or identity is None:
        return "no handle beside the account confirms that"
    if (handle.cluster, handle.namespace) != (identity.cluster, identity.namespace):
        return "the handle that it names is not beside the account"
    named = Named.BY_TOKEN if by_token else Named.BY_WALK
    verdict = handles.judge(Ending(handle=handle, named=named, account=identity.name), beside)
    if verdict.fate is not Fate.DELETE or beside is None:
        return f"handle {handle.name} does not confirm that: {verdict.why or verdict.fate.value}"
    if claim.request:
        if not handles.made_for(beside, identity, claim.request):
            return f"handle {handle.name} was not made for this request of {identity.namespace}/{identity.name}"
    elif claim.place not in beside.secrets:
        made = ", ".join(beside.secrets) or "no Secret"
        return f"handle {handle.name} was made for {made}, not for {claim.place}"
    if beside.is_changed or beside.deleted:
        return f"handle {handle.name} does not confirm that: {GOING if beside.deleted else CHANGED}"
    return ""


def _agreed(claim: Claim, verdict: Verdict) -> Verdict:
    """The voucher agrees on whose it is; what it says of the rest must be what the annotations say."""
    for what, says, voucher in (
        ("audiences", claim.audiences, verdict.audiences),
        ("push", claim.push, verdict.push),
    ):
        if says != voucher:
            said = f"{_listed(says) or 'nothing'}, and {_listed(voucher) or 'nothing'}"
            why = f"its annotations and {verdict.by} say different things of its {what}: {said}"
            return Verdict(ok=False, why=why, hint=_WAY_OUT)
    return verdict


def _listed(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _refused(why: str, claim: Claim, facts: Facts) -> Verdict:
    return Verdict(ok=False, why="; ".join(filter(None, (_readings(claim, facts), why))), hint=_WAY_OUT)


def _readings(claim: Claim, facts: Facts) -> str:
    """Both sides in words."""
    marks = f"its annotations say it is for {claim.identity.said if claim.identity else 'no account'}"
    if claim.handle is not None:
        marks += f" with handle {claim.handle.namespace}/{claim.handle.name}"
    if facts.word is Word.NONE:
        return f"{marks}, and there is no token in it"
    if facts.word is Word.UNREADABLE:
        return f"{marks}, and what is in it is not a token that can be read"
    token = f"the token in it is {facts.identity.username if facts.identity else 'of no service account'}"
    if facts.identity is not None:
        token = f"the token in it is for {facts.identity.said}"
    if facts.handle is not None:
        token += f" with handle {facts.handle.namespace}/{facts.handle.name}"
    elif facts.word is Word.CONFIRMED:
        token += f" and is bound to {facts.bound or 'nothing'}"
    said = {Word.REFUSED: ", which the server refuses", Word.UNASKED: ", which is not confirmed"}.get(facts.word, "")
    return f"{marks}, {token}{said}"


def is_cut_short(facts: Facts, verdict: Verdict, now: datetime) -> bool:
    """Whether the server refuses the token that lies there although it has not ended by itself.

    Where a handle vouches for the place, another token that someone put there says nothing.
    """
    if facts.word is not Word.REFUSED or facts.expires_at is None or verdict.handle not in (None, facts.handle):
        return False
    return now < facts.expires_at - _CLOSE


def shown(marks: Credential, facts: Facts, verdict: Verdict, now: datetime) -> Credential:
    """The credential with facts in the place of marks; whatever differs makes its state unknown and is said.

    What ends it, and when, is the token's own or the record's word wherever there is one.
    """
    handle = verdict.handle if verdict.ok else None
    marked = marks.bound_to if facts.word in (Word.NONE, Word.UNREADABLE) else None  # a token says itself what it has
    bound_to = None if handle is not None else facts.handle or verdict.bound_to or marked
    if facts.word is not Word.CONFIRMED:
        said = _unconfirmed(marks, facts, verdict, now)
        ends = facts.expires_at or verdict.expires_at or marks.expires_at
        shown = msgspec.structs.replace(marks, handle=handle, bound_to=bound_to, expires_at=ends)
        return _unknown(shown, said) if said else shown
    expires = facts.expires_at
    shown = msgspec.structs.replace(
        marks,
        identity=facts.identity,
        handle=handle,
        bound_to=bound_to,
        audiences=verdict.audiences if verdict.ok else marks.audiences,
        requested=verdict.requested if verdict.ok else marks.requested,
        granted=expires - facts.issued_at if expires is not None and facts.issued_at is not None else None,
        issued_at=facts.issued_at,
        expires_at=expires,
        rotate_at=managed.renewal_point(facts.issued_at, expires, facts.fingerprint),
        fingerprint=facts.fingerprint,
    )
    differing = _differing(marks, shown, facts)
    if differing:
        return _unknown(shown, differing)
    if marks.handle is None and facts.handle is not None and handle is None:  # a copy: only its original may be ended
        return msgspec.structs.replace(shown, message=f"a copy: it ends with handle {facts.handle.name}")
    return shown if verdict.ok or marks.handle is None else _unknown(shown, verdict.why)


def _differing(marks: Credential, shown: Credential, facts: Facts) -> str:
    """What the annotations say otherwise than the token; empty where they say the same."""
    pairs = (
        ("it is for", marks.identity, shown.identity),
        ("its handle is", marks.handle, facts.handle if marks.handle is not None else None),
        ("it was issued at", marks.issued_at, shown.issued_at),
        ("it ends at", marks.expires_at, shown.expires_at),
        ("its fingerprint is", marks.fingerprint, shown.fingerprint),
    )
    said = [f"{what} {_word(one)}, the token in it says {_word(other)}" for what, one, other in pairs if one != other]
    return f"its annotations say {'; '.join(said)}" if said else ""


def _word(value: object) -> str:
    if isinstance(value, Handle):
        return f"{value.namespace}/{value.name} ({value.uid})"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return str(value or "nothing")


def _unconfirmed(marks: Credential, facts: Facts, verdict: Verdict, now: datetime) -> str:
    """What is wrong with a credential whose token is not confirmed; empty for one that has just expired."""
    if facts.word is Word.NONE:
        return "there is no token in it"
    if facts.word is Word.UNREADABLE:
        return "what is in it is not a token that can be read"
    if facts.fingerprint != marks.fingerprint:
        return "it holds another token than its annotations say"
    if facts.word is Word.UNASKED:
        return f"its token is not confirmed: {facts.note}" if not verdict.ok else ""
    expired = facts.expires_at is not None and facts.expires_at == marks.expires_at and facts.expires_at <= now
    return "" if expired else f"the server refuses its token: {facts.note}"


def _unknown(credential: Credential, said: str) -> Credential:
    return msgspec.structs.replace(credential, state=State.UNKNOWN, message=safe_text(said))
