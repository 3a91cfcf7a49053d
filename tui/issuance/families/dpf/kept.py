"""The token that lies in a request's Secret: whose it is, what its cluster says of it, and whether it may stay.

Whoever may write that Secret may put any token there, and whoever may edit the request any mark and status. So what
counts is what was signed: account and UID, handle, and times are read from the token, and the target cluster is asked
whether it accepts it. The decision is `decide`, a pure function.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.durations import parse_go_duration
from tui.issuance.model.renewal import needs_refresh, same_wish, spread
from tui.issuance.model.types import Identity
from tui.issuance.trust import vouching
from tui.issuance.trust.vouchers import Facts, Word

from . import resources
from .objects import DPURequest, NamespacedName
from .owned import NOBODY, Witness

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

_SECOND: Final = timedelta(seconds=1)
_SLACK: Final = 2 * _SECOND
"""The status has whole seconds."""


class Kept(Facts, frozen=True, kw_only=True):
    """The facts of the token in a request's Secret."""

    word: Word = Word.NONE
    ours: bool = False
    """Whether its handle was made for this request, by what stands on the handle; True for a token without one."""
    home: NamespacedName | None = None
    """The cluster that it is of, as `shown.home` knows it; None is the host."""
    leads: str = ""
    """Where the address beside it leads, as `made_in` notes it; empty where there is none that can be read."""
    lost: bool = False
    """Whether nothing shows that it is of that cluster: what is not there may be somewhere else."""

    def witness(self, target: NamespacedName | None) -> Witness:
        """What it says of accounts in this cluster; nothing where it is of another one, or may be."""
        if self.lost or self.home != target:
            return NOBODY
        return Witness(self.account_uid, self.word is Word.CONFIRMED)


class Decision(msgspec.Struct, frozen=True):
    """What is to become of the token: a new one is minted, for this reason; or it stays."""

    mint: str = ""
    adopt: bool = False
    """It stays, and the request does not say so yet: whoever wrote it there was stopped before he wrote it down."""
    unsure: bool = False
    """It could not be confirmed just now: it is neither carried on nor replaced, but looked at again."""


def read(
    token: Sensitive | None, cluster: str, home: NamespacedName | None = None, leads: str = "", *, lost: bool = False
) -> Kept:
    """What a token of `cluster` says of itself. No server is asked."""
    facts = vouching.unasked(token, cluster)
    unbound = facts.handle is None and not facts.bound
    return Kept(**msgspec.structs.asdict(facts), ours=unbound, home=home, leads=leads, lost=lost)


def asked(kept: Kept, facts: Facts) -> Kept:
    """The same, with what its cluster says of it."""
    return Kept(**msgspec.structs.asdict(facts), ours=kept.ours, home=kept.home, leads=kept.leads, lost=kept.lost)


def decide(
    request: DPURequest, wanted: Identity, account_uid: str, target_uid: str, kept: Kept, now: datetime
) -> Decision:
    """Whether the token may stay. `account_uid` is the wanted account's as it is now, empty where there is none.

    Whatever is not established is a reason for a new one.
    """
    why = (
        _changed(request)
        or _not_there(request, account_uid, kept)
        or _another(request, wanted, account_uid, target_uid, kept)
        or _ending(request, kept, now)
    )
    recorded = is_recorded(request, kept)
    if not why and not recorded and not kept.ours:
        why = "the Secret holds another token"
    if why:
        return Decision(why)
    return Decision(adopt=not recorded) if kept.word is Word.CONFIRMED else Decision(unsure=True)


def is_recorded(request: DPURequest, kept: Kept) -> bool:
    """Whether the request says of this very token what it is."""
    if request.issued_at is None or request.expires_at is None or kept.issued_at is None or kept.expires_at is None:
        return False
    if abs(request.issued_at - kept.issued_at) > _SLACK or abs(request.expires_at - kept.expires_at) > _SLACK:
        return False
    marks, handle = request.marks, kept.handle
    if not marks:
        return handle is None  # DPF's controller binds to nothing and marks nothing
    named = f"{handle.namespace}/{handle.name}/{handle.uid}" if handle is not None else None
    return marks.get(resources.FINGERPRINT) == kept.fingerprint and marks.get(resources.HANDLE) == named


def _is_first(request: DPURequest) -> bool:
    return request.status_service_account is None or request.expires_at is None


def _changed(request: DPURequest) -> str:
    if _is_first(request):
        return ""
    if request.status_service_account != request.service_account:
        return f"the service account changed from {request.status_service_account} to {request.service_account}"
    if request.status_target != request.target:
        return "the target cluster changed"
    if request.issued_at is None or (request.expires_at is not None and request.issued_at >= request.expires_at):
        return "when the token was issued is not known"
    return ""


def _not_there(request: DPURequest, account_uid: str, kept: Kept) -> str:
    first = _is_first(request)
    if not account_uid:
        return "nothing was issued yet" if first else "its service account was deleted"
    if kept.word in (Word.NONE, Word.UNREADABLE):
        return "nothing was issued yet" if first else "the Secret is gone or holds no token"
    return ""


def _another(request: DPURequest, wanted: Identity, account_uid: str, target_uid: str, kept: Kept) -> str:
    """Whether it is for something else than what is wanted, and there, now."""
    if kept.lost:
        return "nothing shows of which cluster the token in the Secret is"
    if kept.identity != wanted:
        return f"the Secret holds a token of {kept.identity or 'no account'}"
    if kept.account_uid != account_uid:
        return "its service account was deleted and created again"
    marks = request.marks
    if marks and marks.get(resources.TARGET_UID) != (target_uid or None):
        return "its target cluster was deleted and created again"
    return ""


def _ending(request: DPURequest, kept: Kept, now: datetime) -> str:
    if kept.issued_at is None or kept.expires_at is None or kept.issued_at >= kept.expires_at:
        return "the token in the Secret does not say from when to when it is good"
    if not _is_lifetime_as_wanted(request, kept, kept.expires_at - kept.issued_at):
        return "the wanted lifetime changed"
    jitter = spread(f"{request.uid}{kept.expires_at.isoformat()}")
    if needs_refresh(now, kept.issued_at, kept.expires_at, jitter):
        return "it is due"
    return "the target cluster refuses the token in the Secret" if kept.word is Word.REFUSED else ""


def _is_lifetime_as_wanted(request: DPURequest, kept: Kept, granted: timedelta) -> bool:
    """Compared with what was asked for, where that is known: a server that gives less is not asked again."""
    wanted, marks = request.wanted, request.marks
    if marks.get(resources.FINGERPRINT) == kept.fingerprint:
        asked = marks.get(resources.REQUESTED)
        try:
            return same_wish(parse_go_duration(asked) if asked else None, wanted)
        except UsageError:
            return False
    return wanted is None or granted // _SECOND == wanted // _SECOND
