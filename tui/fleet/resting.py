"""On which handle a credential rests: what its marks name, where they may be believed, or what was recorded here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from tui.issuance import Credential, Handle, State, is_handle_name, rotate_at

_SAME_TIME: Final = timedelta(seconds=2)


def claim_of(credential: Credential | None) -> Handle | None:
    """The handle that a credential names, where it lies beside the account that it names and is called as its own.

    A long-lived token is its own handle, whose name is anybody's choice; only a file may hold a copy of one.
    """
    handle, identity = handle_of(credential), credential.identity if credential is not None else None
    if credential is None or handle is None or identity is None:
        return None
    beside = (handle.cluster, handle.namespace) == (identity.cluster, identity.namespace)
    called = is_handle_name(handle.name, identity.name) or credential.address.here
    return handle if handle.uid and beside and called else None


def handle_of(credential: Credential | None) -> Handle | None:
    """The handle that its token is bound to: its own, or for a copy that of its original."""
    return (credential.handle or credential.bound_to) if credential is not None else None


def rests(credential: Credential, written: Credential | None) -> Credential:
    """The credential with the handle that it rests on, as far as that is known, and what is odd about its marks.

    A mark may name anything, or nothing. `written` is what this machine itself wrote there last: its record of the same
    token says what ends that. Without one, what is marked is believed where a handle of the account is called so.
    """
    named, true = handle_of(credential), handle_of(written)
    if not credential.address.kind.traits.marked or credential.state is not State.VALID:
        return credential
    same = written is not None and written.fingerprint == credential.fingerprint
    if written is not None and true is not None and same and _called(named) != _called(true):
        if true.cluster == written.address.cluster:
            true = msgspec.structs.replace(true, cluster=credential.address.cluster)
        own, bound = (true, None) if written.handle is not None else (None, true)
        said = f"its marks name {_said(named)}, this machine's record {_said(true)}; kubemint verify asks its server"
        return msgspec.structs.replace(credential, handle=own, bound_to=bound, state=State.UNKNOWN, message=said)
    if named is None or claim_of(credential) is not None:
        return credential
    said = f"its marks name {_said(named)}, which is no handle of its account; kubemint verify asks its server"
    return msgspec.structs.replace(credential, state=State.UNKNOWN, message=said)


def elsewhere(credential: Credential, said: str) -> Credential:
    """The credential where it `said` that it was made in another cluster than its name leads to now, or may have been:
    it names no handle and no account of that one, and what is not there says nothing of it."""
    if not said:
        return credential
    state = State.UNKNOWN if credential.state is State.VALID else credential.state
    message = "; ".join(filter(None, (f"it {said}", credential.message)))
    return msgspec.structs.replace(credential, handle=None, bound_to=None, state=state, message=message)


class Made(msgspec.Struct, frozen=True, gc=False):
    """What a handle that is listed was made for."""

    places: tuple[tuple[str, str], ...] | None = None
    """Namespace and name of the Secrets; None where nothing says that."""
    at: datetime | None = None
    """When, by its server's clock."""

    def is_for(self, address: str) -> bool:
        """Whether it may have been made for what is kept at this address; clusters have a name on each machine."""
        return self.places is None or any(address.endswith(f"/{space}/{name}") for space, name in self.places)


def held_against(credential: Credential, written: Credential | None, made: Made | None) -> Credential:
    """The credential held against what the handle that it names was `made` for (None: not listed, or elsewhere).

    Whoever may patch its marks may name another handle of its account, and another token than was `written` there:
    then only a handle that was made for this very place, and since then, shows that it was rotated elsewhere.
    """
    handle, true = credential.handle, handle_of(written)
    if not credential.address.kind.traits.marked or credential.state is not State.VALID:
        return credential
    same = written is not None and written.fingerprint == credential.fingerprint
    if same and _called(handle_of(credential)) == _called(true):
        return _lasting(credential, written) if written is not None else credential
    said = ""
    if handle is not None and made is not None and not made.is_for(str(credential.address)):
        said = f"its marks name {_said(handle)}, which was made for another place"
    elif written is not None and true is not None and written.fingerprint and not same:
        since = made is not None and not _is_before(made.at, written.issued_at)
        if handle is None or not since or _called(handle) == _called(true):
            said = "its marks differ from this machine's record of it"
    if not said:
        return credential
    return msgspec.structs.replace(credential, state=State.UNKNOWN, message=f"{said}; kubemint verify asks its server")


def _lasting(credential: Credential, written: Credential) -> Credential:
    """The credential with the times of the very token that was `written`, which its server signed: marks say any."""
    said, signed = credential.expires_at, written.expires_at
    if signed is None or (said is not None and abs(said - signed) < _SAME_TIME):
        return credential
    return msgspec.structs.replace(
        credential,
        issued_at=written.issued_at,
        expires_at=signed,
        granted=written.granted,
        rotate_at=written.rotate_at or (rotate_at(written.issued_at, signed) if written.issued_at else None),
        message="its marks say another end than its token, which this machine knows",
    )


def _is_before(made: datetime | None, issued: datetime | None) -> bool:
    return made is not None and issued is not None and made < issued.replace(microsecond=0)


def _called(handle: Handle | None) -> tuple[str, str, str] | None:
    return (handle.namespace, handle.name, handle.uid) if handle is not None else None


def _said(handle: Handle | None) -> str:
    return f"{handle.namespace}/{handle.name}" if handle is not None else "no handle"
