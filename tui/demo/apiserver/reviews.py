"""The review kinds: who am I, who is this token, may I, may they, and what may I at all.

Each is created, answered and never stored. Which of them a version has is in `features`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from .access import Attributes, Call, Handler, Object, Reply, UserInfo, Virtual
from .authn import Authenticator
from .authz import Authorizer
from .builtin import headed
from .decoding import decode_object
from .features import Features
from .kinds import Kind
from .options import WriteOptions
from .rules import Rule
from .schema import Schema
from .shapes import TEXT, WHOLE, each, listed, mapped, record
from .status import bad_request, invalid, invalid_value, required
from .verify import TokenRefused

AUTHENTICATION: Final = "authentication.k8s.io"
AUTHORIZATION: Final = "authorization.k8s.io"

_ACCESS: Final = {
    "resourceAttributes": record(each("namespace verb group version resource subresource name")),
    "nonResourceAttributes": record(each("path verb")),
}
_SUBJECT: Final = record(each("user uid"), groups=listed(), extra=mapped(listed()), **_ACCESS)
_SPECS: Final[dict[str, Schema]] = {
    "TokenRequest": record(
        audiences=listed(),
        expirationSeconds=WHOLE,
        boundObjectRef=record(each("kind apiVersion name uid")),
    ),
    "TokenReview": record(token=TEXT, audiences=listed()),
    "SelfSubjectReview": record(),
    "SelfSubjectAccessReview": record(_ACCESS),
    "SubjectAccessReview": _SUBJECT,
    "LocalSubjectAccessReview": _SUBJECT,
    "SelfSubjectRulesReview": record(namespace=TEXT),
}
_NOBODY: Final = UserInfo("")


def read(kind: Kind, body: Any) -> Object:
    """The body as an object of `kind` (one of those above). Raises 400 where it is none."""
    return decode_object(replace(kind, schema=headed(spec=_SPECS[kind.kind])), body, WriteOptions(_NOBODY))


class Reviews:
    """The reviews of one cluster."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer

    def virtual(self, features: Features) -> dict[tuple[str, str], Virtual]:
        """The kinds that a server with these features has, by group and plural."""
        found = [
            _virtual(AUTHENTICATION, "TokenReview", self.token),
            _virtual(AUTHORIZATION, "SelfSubjectAccessReview", self.own_access),
            _virtual(AUTHORIZATION, "SubjectAccessReview", self.access),
            _virtual(AUTHORIZATION, "LocalSubjectAccessReview", self.access, namespaced=True),
            _virtual(AUTHORIZATION, "SelfSubjectRulesReview", self.own_rules),
        ]
        if features.self_subject_review:
            found.append(_virtual(AUTHENTICATION, "SelfSubjectReview", self.own_self))
        return {(virtual.kind.group, virtual.kind.plural): virtual for virtual in found}

    async def own_self(self, call: Call) -> Reply:
        """SelfSubjectReview."""
        return _reply(call, {"userInfo": user_body(call.user)})

    async def token(self, call: Call) -> Reply:
        """TokenReview."""
        spec = _spec(call)
        token = spec.get("token") or ""
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        try:
            verified = self._authenticator.verify(token, tuple(spec.get("audiences") or ()))
        except TokenRefused as refused:
            text = str(refused)
            error = text if text == "invalid bearer token" else f"[invalid bearer token, {text}]"
            return _reply(call, {"user": {}, "error": error})
        status: Object = {"authenticated": True, "user": user_body(verified.user)}
        if verified.audiences:
            status["audiences"] = list(verified.audiences)
        return _reply(call, status)

    async def own_access(self, call: Call) -> Reply:
        """SelfSubjectAccessReview."""
        return _reply(call, self._decide(call, call.user, _spec(call)))

    async def access(self, call: Call) -> Reply:
        """SubjectAccessReview and LocalSubjectAccessReview."""
        spec = _spec(call)
        if not spec.get("user") and not spec.get("groups"):
            why = required("spec.user", "at least one of user or group must be specified")
            raise invalid(AUTHORIZATION, call.kind.kind, "", [why])
        if call.kind.namespaced:
            namespace = (spec.get("resourceAttributes") or {}).get("namespace", "")
            if namespace != call.attributes.namespace:
                why = invalid_value("spec.resourceAttributes.namespace", namespace, "must match metadata.namespace")
                raise invalid(AUTHORIZATION, call.kind.kind, "", [why])
        extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
        user = UserInfo(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), extra)
        return _reply(call, self._decide(call, user, spec))

    async def own_rules(self, call: Call) -> Reply:
        """SelfSubjectRulesReview."""
        namespace = _spec(call).get("namespace") or ""
        if not namespace:
            raise bad_request("no namespace on request")
        rules, errors = self._authorizer.rules_for(call.user, namespace)
        status: Object = {
            "resourceRules": [_fields(rule, "resources") for rule in rules if rule.get("resources")],
            "nonResourceRules": [_fields(rule, "nonResourceURLs") for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": bool(errors),
        }
        if errors:
            status["evaluationError"] = ", ".join(errors)
        return _reply(call, status)

    def _decide(self, call: Call, user: UserInfo, spec: Mapping[str, Any]) -> Object:
        resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if (resource is None) == (path is None):
            what, why = (
                "resourceAttributes",
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )
            if resource is not None:
                what, why = "nonResourceAttributes", "cannot be specified in combination with resourceAttributes"
            raise invalid(AUTHORIZATION, call.kind.kind, "", [invalid_value(f"spec.{what}", None, why)])
        if resource is not None:
            named = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
            attributes = Attributes(*(resource.get(field, "") for field in named))
        else:
            assert path is not None
            attributes = Attributes(path.get("verb", ""), path=path.get("path", ""))
        decision = self._authorizer(user, attributes)
        return {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})


def user_body(user: UserInfo) -> Object:
    """A user as reviews show it."""
    body: Object = {"username": user.username}
    if user.uid:
        body["uid"] = user.uid
    body["groups"] = list(user.groups)
    if user.extra:
        body["extra"] = {key: list(values) for key, values in user.extra.items()}
    return body


def _virtual(group: str, kind: str, handler: Handler, *, namespaced: bool = False) -> Virtual:
    plural = f"{kind.lower()}s"
    served = Kind(group, "v1", plural, kind, namespaced=namespaced, verbs=("create",))

    async def checked(call: Call) -> Reply | web.StreamResponse:
        call.body = read(served, call.body)
        return await handler(call)

    return Virtual(served, checked)


def _spec(call: Call) -> Mapping[str, Any]:
    return (call.body or {}).get("spec") or {}


def _reply(call: Call, status: Object) -> Reply:
    metadata = {"creationTimestamp": None}
    body: Object = {"kind": call.kind.kind, "apiVersion": call.kind.api_version, "metadata": metadata}
    spec = (call.body or {}).get("spec")
    return Reply(body | ({} if spec is None else {"spec": spec}) | {"status": status}, 201)


def _fields(rule: Rule, what: str) -> Object:
    names = ("verbs", "apiGroups", "resources", "resourceNames") if what == "resources" else ("verbs", what)
    return {name: list(rule[name]) for name in names if rule.get(name)}
