"""The names of handles: what a handle is made for is in its name, which cannot be changed.

Whoever may patch a Secret may write any annotation, but not its name. So the name carries a digest of all that the
annotations say and that someone acts on: for which account, which wish, which Secrets and how they are carried on,
which audiences, and for how long. Where it fits, the annotations are those that the handle was made with.

    kubemint-ACCOUNT-SALT DIGEST [DIGEST OF THE ACCOUNT]     without the blanks; the last where ACCOUNT is cut short

The salt is random, so that names stay unique, and that nobody can look for two meanings of one name beforehand. What
changes in a handle's life (the plan that works with it, and whose) is not in the digest, and nobody is told by it whose
a token is. Handles made before end with the salt alone: their annotations are a claim, and no more.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Final

import msgspec

from tui.issuance.model.durations import whole_seconds
from tui.issuance.model.names import ALPHABET, SUFFIX, random_suffix
from tui.issuance.objects.managed import MANAGER

_LIMIT: Final = 63
"""What a label value and a DNS label may have, so that a handle's name fits everywhere."""
_DIGEST: Final = 17
"""Characters of 27 kinds: a little more than 80 bits."""
_HEAD: Final = f"{MANAGER}-"
_ROOM: Final = _LIMIT - len(_HEAD) - 1 - SUFFIX - _DIGEST
"""What an account's name may have to stand in there whole: 28 characters."""


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """What a handle is made for: everything that it says and that someone acts on."""

    account: str
    """`NAMESPACE/NAME` of the service account."""
    request: str = ""
    """The id of the wish, or the UID of the DPU request."""
    secrets: tuple[str, ...] = ()
    """The Secrets that its token is made for; see `managed.place_name`."""
    audiences: tuple[str, ...] = ()
    requested: timedelta | None = None
    """In whole seconds; the rest is not written down."""
    pushes: dict[str, str] = {}
    """How those of its Secrets are carried on that are, by the same names."""


def fresh(meant: Meant) -> str:
    """A new name that is not taken, of at most 63 characters, for accounts of any length (253, with dots)."""
    return _named(meant, random_suffix())


def fits(name: str, meant: Meant) -> bool:
    """Whether a handle of this name was made for just that. False for names from before."""
    return has_digest(name) and name == _named(meant, name.rpartition("-")[2][:SUFFIX])


def has_digest(name: str) -> bool:
    """Whether a name says what its handle is made for, as those from before do not."""
    return len(_parts(name)[1]) > SUFFIX


def is_handle_name(name: str, account: str | None) -> bool:
    """Whether a handle of this account (its name without the namespace; None: of any) is called so.

    Exact for names with a digest; those from before have no more than the first 45 characters of the account.
    """
    head, tail = _parts(name)
    if not tail or account is None:
        return bool(tail)
    if len(tail) == SUFFIX:
        return head == f"{_HEAD}{account}"[: _LIMIT - SUFFIX - 1].rstrip("-.")
    known, own = _account(account)
    return (head, tail[SUFFIX + _DIGEST :]) == (known, own)


def is_whole(name: str, account: str) -> bool:
    """Whether the name has the whole of this account in it, be it by its digest."""
    return is_handle_name(name, account) and (has_digest(name) or _parts(name)[0] == f"{_HEAD}{account}")


def _named(meant: Meant, salt: str) -> str:
    head, own = _account(meant.account.rpartition("/")[2])
    requested = whole_seconds(meant.requested) if meant.requested is not None else None
    said = [meant.account, meant.request, meant.secrets, meant.audiences, requested, sorted(meant.pushes.items())]
    return f"{head}-{salt}{_digest('handle', salt, said)}{own}"


def _account(account: str) -> tuple[str, str]:
    """How names begin for it, and what else they end with so that no other account's are the same."""
    if len(account) <= _ROOM:
        return _HEAD + account, ""
    return (_HEAD + account[: _ROOM - _DIGEST]).rstrip("-."), _digest("account", account)


def _digest(*said: object) -> str:
    number = int.from_bytes(hashlib.sha256(json.dumps(said).encode()).digest())
    found = []
    for _ in range(_DIGEST):
        number, rest = divmod(number, len(ALPHABET))
        found.append(ALPHABET[rest])
    return "".join(found)


def _parts(name: str) -> tuple[str, str]:
    """A name up to its last dash, and what comes after that; that is empty where no handle is called so."""
    head, _, tail = name.rpartition("-")
    right = len(tail) in (SUFFIX, SUFFIX + _DIGEST, SUFFIX + 2 * _DIGEST) and set(tail) <= set(ALPHABET)
    return (head, tail) if right and head.startswith(_HEAD) else (head, "")
