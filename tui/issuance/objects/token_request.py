"""Asking an API server for a token (`serviceaccounts/token`), and reading what it really granted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.claims import read_token
from tui.issuance.model.durations import whole_seconds
from tui.issuance.model.types import Handle, Identity
from tui.kube.errors import BadRequest, Conflict, Forbidden, NotFound, ProtocolError
from tui.kube.resource import SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

from .viewer import CANNOT_MINT, viewer_refused

if TYPE_CHECKING:
    from tui.kube.client import Client

SHORTEST: Final = 600
LONGEST: Final = 2**32
_EXTENDED: Final = 3607
"""The one number of seconds that makes API servers hand out a token of a year while saying an hour (domain of the
kubelet's projected volumes); never asked for."""
_REFUSED: Final = 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: {}: {}'


class PodBinding(msgspec.Struct, frozen=True):
    """A pod in the account's namespace to bind a token to, as the kubelet does: the token ends with the pod."""

    name: str
    uid: str


BINDS_TO: Final = ("Node", "Pod", "Secret")
"""The kinds that servers bind tokens to; to nodes since 1.31."""


class ObjectBinding(msgspec.Struct, frozen=True):
    """Any object that a person names to bind a token to; a node's name and kind go into the token."""

    kind: str
    name: str
    uid: str = ""


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token and what the server said about it. The only struct of the core with material, hence never encoded."""

    token: Sensitive
    requested: timedelta | None
    granted: timedelta
    issued_at: datetime
    expires_at: datetime
    audiences: tuple[str, ...] = ()
    id: str = ""
    """Its `jti`; old servers give none."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the token."""
        return self.token.fingerprint

    @property
    def shortened(self) -> bool:
        """Whether the server gave less than was asked for."""
        return self.requested is not None and self.granted < self.requested - timedelta(seconds=1)


def check_wish(duration: timedelta | None, audiences: tuple[str, ...]) -> None:
    """Refuse here, with the server's own words, what every API server refuses or grants uselessly."""
    if duration is not None:
        seconds = whole_seconds(duration)
        if seconds < SHORTEST:
            text = _REFUSED.format(seconds, "may not specify a duration less than 10 minutes")
            raise UsageError(text, "request 10m or more")
        if seconds > LONGEST:
            text = _REFUSED.format(seconds, "may not specify a duration larger than 2^32 seconds")
            raise UsageError(text, f"ask for {LONGEST // 3600}h or less")
    if "" in audiences:
        raise UsageError("an audience is empty", "leave it out to use the API server's own audience")


def body(
    duration: timedelta | None,
    audiences: tuple[str, ...],
    handle: Handle | PodBinding | ObjectBinding | None,
    uid: str = "",
) -> dict[str, Any]:
    """The TokenRequest to post. Nothing is said that was not wished, so that the server's defaults apply.

    Servers since 1.34 refuse it where `uid` is not the account's; older ones take no notice.
    """
    spec: dict[str, Any] = {}
    if audiences:
        spec["audiences"] = list(audiences)
    if duration is not None:
        seconds = whole_seconds(duration)
        spec["expirationSeconds"] = seconds - 1 if seconds == _EXTENDED else seconds
    if handle is not None:
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": _kind(handle), "name": handle.name}
        spec["boundObjectRef"] |= {"uid": handle.uid} if handle.uid else {}
    wish: dict[str, Any] = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return wish | ({"metadata": {"uid": uid}} if uid else {})


def _kind(handle: Handle | PodBinding | ObjectBinding) -> str:
    if isinstance(handle, ObjectBinding):
        return handle.kind
    return "Pod" if isinstance(handle, PodBinding) else "Secret"


async def request_token(
    client: Client,
    identity: Identity,
    duration: timedelta | None,
    audiences: tuple[str, ...],
    handle: Handle | PodBinding | ObjectBinding | None,
    uid: str = "",
) -> IssuedToken:
    """One new token for `identity`, bound to `handle` where there is one.

    With `uid` only for that very account. Raises IssuanceError where another one has its name by now: rights are given
    to names, and whoever made it anew may have meant somebody else.
    """
    wish = body(duration, audiences, handle, uid)
    try:
        with client.session.meters.stamping() as stamped:
            answer = await client.create(
                SERVICE_ACCOUNTS,
                wish,
                namespace=identity.namespace,
                name=identity.name,
                subresource="token",
                type=_Answer,
            )
            issued = read_answer(answer, duration, identity.cluster)
            refuse_other(issued.token, uid, identity)
            if isinstance(handle, ObjectBinding):
                refuse_unbound(issued.token, handle, identity.cluster)
            stamped(issued.issued_at.timestamp())  # the best word on the server's clock there is
    except Forbidden as error:
        error.hint = CANNOT_MINT if viewer_refused(error.message) else missing_right(identity)
        raise
    except Conflict as error:
        if uid and "UID in the token request" in error.message:
            raise made_anew(identity) from None
        raise
    except BadRequest as error:
        if isinstance(handle, ObjectBinding) and handle.kind == "Node" and "Kind=Node" in error.message:
            error.hint = f"{identity.cluster} does not bind tokens to nodes: servers do since 1.31; none was issued"
        raise
    except NotFound as error:
        if isinstance(handle, ObjectBinding) and f'"{handle.name}" not found' in error.message:
            error.hint = f"there is no {handle.kind} {handle.name} to bind it to in {identity.cluster}"
        elif handle is not None and f'"{handle.name}" not found' in error.message:
            error.hint = f"what the token is bound to ended meanwhile; was {identity.name} deleted, or created again?"
        elif not error.hint:
            error.hint = f"does the service account {identity.namespace}/{identity.name} exist in {identity.cluster}?"
        raise
    return issued


def refuse_other(token: Sensitive, uid: str, identity: Identity) -> None:
    """Raises IssuanceError where the token says that it is of another account than that of this UID."""
    if uid and read_token(token).service_account_uid not in ("", uid):
        raise made_anew(identity)


def refuse_unbound(token: Sensitive, wanted: ObjectBinding, cluster: str) -> None:
    """Raises IssuanceError where the token does not say that it is bound to what was asked for: a server that takes no
    notice of a wish gives a token that lives on."""
    found = read_token(token).bound
    if found is None or (found.kind, found.name) != (wanted.kind, wanted.name):
        held = f"is bound to {found.kind} {found.name}" if found is not None else "is bound to nothing"
        raise IssuanceError(
            f"the token that {cluster} gave {held}, and was to be bound to {wanted.kind} {wanted.name}: it is not used",
            "servers bind tokens to nodes since 1.31" if wanted.kind == "Node" else "ask the server's administrator",
        )


def made_anew(identity: Identity) -> IssuanceError:
    """The error where the account was replaced by another one of its name."""
    return IssuanceError(
        f"the service account {identity.said} was deleted and created again "
        "since it was looked at: another one has its name now, and no token of it is used",
        "check who created it and what it may do (`kubemint can`), then try again",
    )


def missing_right(identity: Identity) -> str:
    """The RBAC rule that is needed to request a token of `identity`, in words."""
    return (
        f"you need the right: create serviceaccounts/token in namespace {identity.namespace} "
        f"(resourceName {identity.name}) on cluster {identity.cluster}"
    )


class _Spec(msgspec.Struct):
    expirationSeconds: int  # noqa: N815 - the API's own name
    audiences: list[str] | None = None


class _Status(msgspec.Struct):
    token: Sensitive
    expirationTimestamp: datetime  # noqa: N815 - the API's own name


class _Answer(msgspec.Struct):
    spec: _Spec
    status: _Status


def read_answer(answer: _Answer, requested: timedelta | None, cluster: str) -> IssuedToken:
    """What was granted, from the answer and the token's claims: never what was asked for.

    A token's own `exp` may lie a year past `expirationTimestamp` (extended tokens); the earlier one counts.
    Raises ProtocolError for an answer without a token or an expiry.
    """
    token = answer.status.token
    granted = timedelta(seconds=answer.spec.expirationSeconds)
    said = answer.status.expirationTimestamp
    if said.tzinfo is None or not token:
        raise ProtocolError("the token answer has no token or no usable expiry", cluster=cluster)
    claims = read_token(token)
    expires = min(said, claims.expires_at) if claims.expires_at is not None else said
    return IssuedToken(
        token=token,
        requested=requested,
        granted=granted,
        issued_at=expires - granted,
        expires_at=expires,
        audiences=tuple(answer.spec.audiences or ()),
        id=claims.id,
    )
