"""Proving that new material works, with the material itself, before anybody depends on it.

Servers differ in what they can be asked: SelfSubjectReview exists since 1.28 (before, accounts get 403 or 404), a
TokenReview needs a right that few operators have, and a plain GET is answered even by the oldest, if only with a 403
that names the caller.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import NotProved
from tui.issuance.model.types import Identity
from tui.kube.errors import APIError, Forbidden, NotFound, TimedOut, Unauthorized, Unreachable
from tui.kube.resource import SELF_SUBJECT_REVIEWS, SERVICE_ACCOUNTS, TOKEN_REVIEWS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint

_CALLER: Final = re.compile(r'User "([^"]+)"')
_PAUSES: Final = (0.2, 0.5, 1.0)
"""Seconds between tries: API servers behind one address learn of a new handle at slightly different times."""
_LONGEST_PAUSE: Final = 5.0


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Who the server says the bearer is, and how it was asked. An empty `method` means no server could be asked."""

    method: str
    username: str
    note: str = ""


async def prove(
    endpoint: Endpoint, token: Sensitive, identity: Identity, audiences: tuple[str, ...], operator: Client
) -> Proof:
    """Show that `token` is accepted as `identity`; raises NotProved, or a KubeError where the server failed.

    `operator` is the operator's own client for the same cluster, used where the material cannot speak for itself.
    """
    from tui.kube.client import Client

    async with Client(endpoint.with_token(token), timeouts=operator.timeouts) as bearer:
        proof = await _patiently(lambda: ask(bearer, operator, token, identity, audiences))
    if proof.username != identity.username:
        raise NotProved(
            f"the token is for {proof.username!r}, not for {identity.username!r}",
            "is the cluster's address the right one?",
        )
    return proof


async def ask(
    bearer: Client, operator: Client | None, token: Sensitive, identity: Identity | None, audiences: tuple[str, ...]
) -> Proof:
    """One round: who is the bearer? Raises Unauthorized where the server refuses the token."""
    try:
        return Proof(method="SelfSubjectReview", username=await _self_subject(bearer))
    except (Forbidden, NotFound):
        pass  # the server is old: ask in another way
    except Unauthorized:
        if not audiences:
            raise
        return await _for_audience(operator, token, audiences, identity)
    if operator is not None:
        reviewed = await review(operator, token, audiences)
        if reviewed is not None and reviewed.authenticated:
            return Proof(method="TokenReview", username=reviewed.username)
        if reviewed is not None:
            raise NotProved(f"the server refuses the token: {reviewed.error or 'it does not say why'}")
    return await _authorised_get(bearer, identity)


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What a TokenReview answered."""

    authenticated: bool
    username: str = ""
    error: str = ""
    audiences: tuple[str, ...] = ()


async def review(operator: Client, token: Sensitive, audiences: tuple[str, ...] = ()) -> Review | None:
    """A TokenReview made by the operator; None where the operator may not make one."""
    spec: dict[str, Any] = {"token": token}
    if audiences:
        spec["audiences"] = list(audiences)
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    try:
        answer = await operator.create(TOKEN_REVIEWS, wish)
    except (Forbidden, NotFound):
        return None
    status = answer.get("status") or {}
    return Review(
        authenticated=bool(status.get("authenticated")),
        username=str((status.get("user") or {}).get("username", "")),
        error=str(status.get("error", "")),
        audiences=tuple(str(audience) for audience in status.get("audiences") or ()),
    )


async def _self_subject(bearer: Client) -> str:
    answer = await bearer.create(
        SELF_SUBJECT_REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    )
    info = (answer.get("status") or {}).get("userInfo") or {}
    return str(info.get("username", ""))


async def _for_audience(
    operator: Client | None, token: Sensitive, audiences: tuple[str, ...], identity: Identity | None
) -> Proof:
    """A token for another audience is refused by the API server by design; only a review can speak for it."""
    reviewed = await review(operator, token, audiences[:1]) if operator is not None else None
    if reviewed is None:
        return Proof(
            method="",
            username=identity.username if identity else "",
            note=f"not proved: it is for {', '.join(audiences)}, and asking needs the right to create tokenreviews",
        )
    if not reviewed.authenticated:
        raise NotProved(f"the server refuses the token: {reviewed.error or 'it does not say why'}")
    return Proof(
        method="TokenReview",
        username=reviewed.username,
        note=f"valid for {audiences[0]}; the API server answers 401 to it",
    )


async def _authorised_get(bearer: Client, identity: Identity | None) -> Proof:
    """Read the account with its own token. Being refused for lack of rights is a proof too: it names the caller."""
    namespace, name = (identity.namespace, identity.name) if identity else ("default", "default")
    try:
        await bearer.get(SERVICE_ACCOUNTS, name, namespace=namespace)
    except Forbidden as error:
        return Proof(method="GET", username=caller_in(error.message))
    except NotFound:
        pass  # authorised to read, and so authenticated; who it is, the token itself must say
    from tui.issuance.model.claims import read_token

    claims = read_token(bearer.endpoint.login.token or Sensitive(b""))
    return Proof(method="GET", username=claims.subject or "")


def caller_in(message: str) -> str:
    """Whom a server names that refuses something for lack of rights; empty where it names none."""
    named = _CALLER.search(message)
    return named[1] if named else ""


async def _patiently(attempt: Callable[[], Awaitable[Proof]]) -> Proof:
    """Try again shortly where the server was busy, or one of several does not know the new handle yet."""
    for pause in _PAUSES:
        try:
            return await attempt()
        except Unauthorized:
            wait = pause
        except TimedOut:
            raise  # it had its time
        except Unreachable:
            wait = pause
        except APIError as error:
            if not error.retriable:
                raise
            wait = max(pause, min(error.retry_after or 0.0, _LONGEST_PAUSE))
        await asyncio.sleep(wait)
    try:
        return await attempt()
    except Unauthorized as error:
        raise NotProved("the server refuses the token", error.hint) from error
