"""On which handle a credential rests: what its marks name, where they may be believed, or what was recorded here."""

from __future__ import annotations

import msgspec

from tui.issuance import Credential, Handle, State, is_handle_name


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


def _called(handle: Handle | None) -> tuple[str, str, str] | None:
    return (handle.namespace, handle.name, handle.uid) if handle is not None else None


def _said(handle: Handle | None) -> str:
    return f"{handle.namespace}/{handle.name}" if handle is not None else "no handle"
