"""The `serviceaccounts/token` subresource: TokenRequest with a real server's rules, texts and order of checks."""

from __future__ import annotations

from typing import Any, Final

from .access import Call, Object, Reply
from .kinds import Kind
from .reviews import AUTHENTICATION, read
from .status import bad_request, conflict, invalid, invalid_value, not_found
from .storage import NAMESPACES, NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Storage, rfc3339
from .tokens import Bound, TokenIssuer
from .validation import check_seconds

DEFAULT_SECONDS: Final = 3600
_KIND: Final = Kind(AUTHENTICATION, "v1", "tokenrequests", "TokenRequest", verbs=("create",))


class TokenRequests:
    """Answers `POST …/serviceaccounts/NAME/token` of one cluster."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def handle(self, call: Call) -> Reply:
        """Issues a token, or refuses as a real server does. A dry run issues a working token, as there too."""
        body = read(_KIND, call.body)
        namespace, name = call.attributes.namespace, call.attributes.name
        if call.storage.get(NAMESPACES, namespace) is None:
            raise not_found("", "namespaces", namespace)
        spec: dict[str, Any] = body.get("spec") or {}
        features = self._issuer.features
        if not features.account_before_body:
            _seconds(spec)
        account = _found(call.storage.get(SERVICE_ACCOUNTS, name, namespace), "serviceaccounts", name)
        if features.account_before_body:
            _check_metadata(body.get("metadata") or {}, account)
        seconds = _seconds(spec)
        audiences = tuple(spec.get("audiences") or self._issuer.policy.audiences)
        bound = self._bound(call.storage, account, spec.get("boundObjectRef"))
        lifetime = self._issuer.lifetime(seconds, audiences, pod=bound is not None and bound.kind == "Pod")
        token, expires = self._issuer.bound_token(account, lifetime, audiences, bound=bound)
        granted = lifetime.granted_seconds
        warnings: tuple[str, ...] = ()
        if granted < seconds and features.account_before_body:
            warnings = (f"requested expiration of {seconds} seconds shortened to {granted} seconds",)
        metadata: Object = {"creationTimestamp": None}
        if features.account_before_body:
            metadata = {"name": name, "namespace": namespace, "uid": account["metadata"]["uid"]}
            metadata["creationTimestamp"] = rfc3339(self._issuer.clock())
        answered = {"audiences": list(audiences), "expirationSeconds": granted}
        reply = {
            "kind": "TokenRequest",
            "apiVersion": f"{AUTHENTICATION}/v1",
            "metadata": metadata,
            "spec": answered | {"boundObjectRef": spec.get("boundObjectRef")},
            "status": {"token": token, "expirationTimestamp": rfc3339(expires)},
        }
        return Reply(reply, 201, warnings)

    def _bound(self, storage: Storage, account: Object, reference: Object | None) -> Bound | None:
        if not reference:
            return None
        group, _, version = (reference.get("apiVersion") or "").rpartition("/")
        kind, name = reference.get("kind", ""), reference.get("name", "")
        namespace = account["metadata"]["namespace"]
        node: tuple[str, str] | None = None
        if (group, version, kind) == ("", "v1", "Pod"):
            found = _found(storage.get(PODS, name, namespace), "pods", name)
            runs_as = found.get("spec", {}).get("serviceAccountName") or "default"
            if runs_as != account["metadata"]["name"]:
                refused = f'cannot bind token for serviceaccount "{account["metadata"]["name"]}"'
                raise bad_request(f"{refused} to pod running with different serviceaccount name.")
            node_name = found.get("spec", {}).get("nodeName")
            if node_name:
                on = storage.get(NODES, node_name)
                node = (node_name, on["metadata"]["uid"] if on is not None else "")
        elif (group, version, kind) == ("", "v1", "Secret"):
            found = _found(storage.get(SECRETS, name, namespace), "secrets", name)
        elif (group, version, kind) == ("", "v1", "Node") and self._issuer.features.node_bound_tokens:
            found = _found(storage.get(NODES, name), "nodes", name)
        else:
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        uid = found["metadata"]["uid"]
        wanted = reference.get("uid")
        if wanted and wanted != uid:
            why = (
                f"the UID in the bound object reference ({wanted}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise conflict(group, kind, name, why)
        return Bound(kind, name, uid, node)


def _found(obj: Object | None, plural: str, name: str) -> Object:
    if obj is None:
        raise not_found("", plural, name)
    return obj


def _check_metadata(given: Object, account: Object) -> None:
    metadata = account["metadata"]
    if given.get("namespace") and given["namespace"] != metadata["namespace"]:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if given.get("uid") and given["uid"] != metadata["uid"]:
        why = (
            f"the UID in the token request ({given['uid']}) does not match the UID of the service account "
            f"({metadata['uid']})"
        )
        raise conflict(AUTHENTICATION, "tokenrequests", metadata["name"], why)
    if given.get("name") and given["name"] != metadata["name"]:
        cause = invalid_value("metadata.name", given["name"], "must match the service account name")
        raise invalid(AUTHENTICATION, "TokenRequest", given["name"], [cause])


def _seconds(spec: Object) -> int:
    seconds: int = spec.get("expirationSeconds", DEFAULT_SECONDS)
    if causes := check_seconds(seconds, "spec.expirationSeconds"):
        raise invalid(AUTHENTICATION, "TokenRequest", "", causes)
    return seconds
