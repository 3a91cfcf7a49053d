"""Why a server refuses a credential, in words: what it says itself, held against what is there now.

The server's own answer is only 401. The first half needs nobody (`by_itself`), the second asks the cluster (`explain`).
Verifying and inspecting use the same words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tui.issuance.destinations.proving import review
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.issuance.model.renewal import SKEW
from tui.issuance.objects.token_secret import INVALID_SINCE
from tui.kube.amounts import about
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.responses import decode

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

_KEYS: Final = "application/jwk-set+json"
"""The only form in which API servers give their keys; they answer 406 to `application/json`."""
_BOUND: Final = {"Secret": SECRETS, "Pod": PODS, "Node": NODES}


def by_itself(claims: Claims, now: datetime) -> Iterator[str]:
    """What the token itself gives as reasons, without asking anybody."""
    starts = max((at for at in (claims.not_before, claims.issued_at) if at is not None), default=None)
    if claims.expires_at is not None and claims.expires_at <= now:
        yield f"expired {about(now - claims.expires_at)} ago"
    elif starts is not None and starts > now + SKEW:
        yield f"not yet valid: it begins in {about(starts - now)} (or this machine's clock is wrong)"
    if claims.algorithm.lower() == "none":
        yield "is not signed"
    if not claims.legacy and "" in claims.audiences:
        yield "is for an empty audience, which no server accepts"
    elif not claims.legacy and not claims.audiences:
        yield "has no audience"


async def explain(token: Sensitive, now: datetime, operator: Client | None) -> tuple[str, str]:
    """Why a server may have refused this token, and what to do. `operator` can look around in that cluster."""
    try:
        claims = read_token(token)
    except ClaimsError as error:
        return f"refused, and it is no service-account token: {error.message}", "is this the right file?"
    for reason in by_itself(claims, now):
        return f"refused: it {_as_sentence(reason)}", _hint(reason)
    if operator is None:
        return "refused; the server does not say why", "add its cluster to your kubeconfig to have it explained"
    foreign = await _foreign(operator, claims)
    if foreign:
        return foreign, "it belongs to another cluster, or the cluster was recreated"
    key = await _wrong_key(operator, claims, token)
    if key:
        return key, "it belongs to another cluster, or to one that changed its key; issue a new one"
    return await _what_is_missing(operator, claims, token)


def _as_sentence(reason: str) -> str:
    if reason.startswith("not yet valid"):
        return f"is {reason}"
    return reason


def _hint(reason: str) -> str:
    if reason.startswith("not yet valid"):
        return "the clock of this machine or of the server is wrong"
    return "rotate it, or issue a new one"


async def _foreign(operator: Client, claims: Claims) -> str:
    """Whether another cluster issued it, by what both call themselves."""
    with contextlib.suppress(KubeError):
        answer = await operator.request("GET", "/.well-known/openid-configuration")
        issuer = str(decode(answer.body, dict).get("issuer", ""))
        if not claims.legacy and issuer and claims.issuer != issuer:
            return f"refused: {claims.issuer} issued it, but this cluster issues as {issuer}"
    return ""


async def _wrong_key(operator: Client, claims: Claims, token: Sensitive) -> str:
    """Whether the cluster knows the key that it names, and whether the signature fits that key."""
    try:
        answer = await operator.request("GET", "/openid/v1/jwks", accept=_KEYS)
        document = decode(answer.body, dict)
    except KubeError:
        return ""  # old servers, or no right: then nothing is known of keys
    keys = [key for key in document.get("keys") or () if isinstance(key, dict)]
    known = {str(key.get("kid", "")): key for key in keys}
    if not claims.key_id or not known:
        return ""
    if claims.key_id not in known:
        return f"refused: it is signed with the key {claims.key_id[:12]}…, which this cluster does not have"
    if not signed_by(token, known[claims.key_id]):
        return "refused: it was changed after it was signed (its signature does not fit)"
    return ""


def signed_by(token: Sensitive, key: dict[str, Any]) -> bool:
    """Whether the signature fits a public key, given as a JSON Web Key. A key that cannot be read is no reason."""
    import jwt

    try:
        public = jwt.PyJWK.from_dict(key)
        jwt.api_jws.decode(token.reveal_bytes().strip(), public, algorithms=[public.algorithm_name])
    except jwt.InvalidSignatureError:
        return False
    except (jwt.PyJWTError, ValueError, TypeError):
        return True
    return True


async def _what_is_missing(operator: Client, claims: Claims, token: Sensitive) -> tuple[str, str]:
    namespace, account = claims.namespace, claims.service_account
    found = await _metadata(operator, SERVICE_ACCOUNTS, namespace, account)
    if found == {}:
        return (
            f"refused: the service account {namespace}/{account} is gone",
            "its tokens ended with it; issue a new one",
        )
    if found and claims.service_account_uid and found.get("uid") != claims.service_account_uid:
        return (
            f"refused: the service account {namespace}/{account} was deleted and created again since",
            "tokens of the old one stay invalid; issue a new one",
        )
    gone = await _bound_gone(operator, claims)
    if gone:
        return gone, "issue a new one"
    reviewed = None
    with contextlib.suppress(KubeError):
        reviewed = await review(operator, token)
        if reviewed is not None and not reviewed.authenticated and await _for_others(operator, claims, token):
            return (
                f"valid for {', '.join(claims.audiences)}; the API server answers 401 to it",
                "only its audience accepts it; issue one without an audience for the API server",
            )
        if reviewed is not None and reviewed.error:
            return f"refused: {reviewed.error}", "issue a new one"
    if reviewed is None and claims.audiences and claims.issuer not in claims.audiences:
        return (
            f"refused; it is for {', '.join(claims.audiences)}, which this API server probably is not",
            "to know, kubemint needs the right to create tokenreviews",
        )
    return "refused; the server does not say why", "its signing key may have changed, or the token was invalidated"


async def _for_others(operator: Client, claims: Claims, token: Sensitive) -> bool:
    """Whether the server calls the token good for the audiences that it names."""
    if not claims.audiences:
        return False
    reviewed = await review(operator, token, claims.audiences)
    return reviewed is not None and reviewed.authenticated


async def has_bound(operator: Client, claims: Claims) -> bool | None:
    """Whether what a token is bound to is there, by its UID, and not only something of that name; None where that is
    not known."""
    bound = claims.bound
    resource = _BOUND.get(bound.kind) if bound is not None else None
    if bound is None or resource is None or not bound.uid:
        return None
    found = await _metadata(operator, resource, claims.namespace if resource.namespaced else "", bound.name)
    return None if found is None else found.get("uid") == bound.uid


async def _bound_gone(operator: Client, claims: Claims) -> str:
    """Whether what it is bound to is gone, or another of the same name, or marked as invalid."""
    bound = claims.bound
    resource = _BOUND.get(bound.kind) if bound is not None else None
    if bound is None or resource is None:
        return ""
    namespace = claims.namespace if resource.namespaced else ""
    found = await _metadata(operator, resource, namespace, bound.name)
    if found is None:
        return ""
    where = f"{bound.kind} {namespace}/{bound.name}" if namespace else f"{bound.kind} {bound.name}"
    if claims.legacy:
        since = (found.get("labels") or {}).get(INVALID_SINCE)
        if since:
            return f"refused: the cluster invalidated it on {since}, because it had not been used"
        return "" if found else f"refused: it was revoked (its {where} is gone)"
    if found and found.get("uid") == bound.uid:
        return ""
    if bound.kind == "Secret":
        return f"refused: it was revoked (its handle, {where}, is gone)"
    return f"refused: the {where} that it was made for is gone"


async def _metadata(operator: Client, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
    """The metadata of what has this name; empty where nothing has, None where that cannot be seen."""
    if not name or (resource.namespaced and not namespace):
        return None
    try:
        found = await operator.get_metadata(resource, name, namespace=namespace or None)
    except NotFound:
        return {}
    except KubeError:
        return None
    return dict(found.get("metadata") or {"uid": ""})
