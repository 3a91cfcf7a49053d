"""Who a request comes from: client certificates, bearer tokens, and impersonation on top of either.

Accepted tokens are remembered for ten seconds, as real API servers do: a token that was just used outlives its own
revocation by that long, and one that was not used is refused at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from .access import ANONYMOUS, Attributes, Authorize, UserInfo, attributes, refusal
from .authz import account_of
from .status import bad_request, internal, unauthorized
from .verify import TokenRefused, TokenVerifier, Verified, account_name_user

CACHE: Final = timedelta(seconds=10)
_CACHED_TOKENS: Final = 10_000
_EXTRA: Final = "impersonate-extra-"


class Authenticator:
    """Authenticates the requests of one cluster. `static` maps tokens that no key signed to their users."""

    def __init__(
        self,
        verifier: TokenVerifier,
        authorize: Authorize,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        constrained: bool = False,
    ) -> None:
        """`constrained`: servers since 1.36, which refuse an impersonation by the narrower right that is missing."""
        self._verifier = verifier
        self._authorize = authorize
        self._clock = clock
        self._monotonic = monotonic
        self._constrained = constrained
        self._cache: dict[tuple[bytes, tuple[str, ...]], tuple[Verified, datetime, float]] = {}
        self.static: dict[str, UserInfo] = {}
        self.locked_out = False
        """Refuse everybody with 401: a server whose users must log in again."""

    async def __call__(self, request: web.Request) -> UserInfo | None:
        """The caller; None where there were no credentials. Raises 401 for credentials that do not hold."""
        if self.locked_out:
            raise unauthorized()
        user = self._certificate_user(request) or self._bearer_user(request)
        if user is not None and any(header.lower().startswith("impersonate-") for header in request.headers):
            return self._impersonated(request, user)
        return user

    def verify(self, token: str, audiences: Sequence[str] = ()) -> Verified:
        """Who a token speaks for, from the cache where it is fresh. Raises `TokenRefused`."""
        static = self.static.get(token)
        if static is not None:
            return Verified(static, tuple(audiences))
        key = (hashlib.sha256(token.encode()).digest(), tuple(audiences))
        now, ticks = self._clock(), self._monotonic()
        cached = self._cache.get(key)
        # Both clocks count: an injected one may stand still, and a test may make it jump.
        if cached is not None and now - cached[1] < CACHE and ticks - cached[2] < CACHE.total_seconds():
            return cached[0]
        self._cache.pop(key, None)
        verified = self._verifier.verify(token, audiences)
        if len(self._cache) >= _CACHED_TOKENS:
            self._cache.clear()
        self._cache[key] = (verified, now, ticks)
        return verified

    def forget(self) -> None:
        """Empties the cache: what was revoked is refused from now on."""
        self._cache.clear()

    def _bearer_user(self, request: web.Request) -> UserInfo | None:
        scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if not token.isascii():
            raise unauthorized()
        try:
            return self.verify(token).user
        except TokenRefused as error:
            raise unauthorized() from error

    @staticmethod
    def _certificate_user(request: web.Request) -> UserInfo | None:
        certificate: Mapping[str, Any] | None = None
        if request.transport is not None:
            certificate = request.transport.get_extra_info("peercert")
        if not certificate:
            return None
        names: dict[str, list[str]] = {}
        for relative in certificate.get("subject", ()):
            for kind, value in relative:
                names.setdefault(kind, []).append(value)
        user = (names.get("commonName") or [""])[0]
        if not user:
            raise unauthorized()
        return UserInfo(user, groups=(*names.get("organizationName", ()), "system:authenticated"))

    def _impersonated(self, request: web.Request, user: UserInfo) -> UserInfo:
        headers = request.headers
        if not _is_text(headers.values()):
            raise bad_request("impersonation headers must be UTF-8")
        name, uid = headers.get("Impersonate-User", ""), headers.get("Impersonate-Uid", "")
        groups = tuple(headers.getall("Impersonate-Group", []))
        extra = _extra(headers.items())
        if not name:
            if groups or uid or extra:
                raise internal("requested impersonation of groups, uid or extra without impersonating a user")
            return user
        account, api = account_of(name), "authentication.k8s.io"
        wanted = [Attributes("impersonate", "", "v1", "users", name=name)]
        if account is not None:
            wanted = [Attributes("impersonate", "", "v1", "serviceaccounts", "", *account)]
        wanted += [Attributes("impersonate", "", "v1", "groups", name=group) for group in groups]
        wanted += [Attributes("impersonate", api, "v1", "uids", name=uid)] if uid else []
        wanted += [
            Attributes("impersonate", api, "v1", "userextras", key, name=value)
            for key, values in extra.items()
            for value in values
        ]
        for one in wanted:
            decision = self._authorize(user, one)
            if not decision.allowed:
                if not self._constrained:
                    raise refusal(user, one, decision.reason)
                asked = attributes(request.method, request.raw_path.partition("?")[0], request.query)
                mode = "user-info" if account is None else "serviceaccount"
                raise refusal(user, dataclasses.replace(asked, verb=f"impersonate-on:{mode}:{asked.verb}"))
        if not groups and account is not None:
            groups = account_name_user(*account).groups
        if name == ANONYMOUS.username:
            groups = (*groups, *(group for group in ANONYMOUS.groups if group not in groups))
        elif "system:authenticated" not in groups:
            groups = (*groups, "system:authenticated")
        return UserInfo(name, uid, groups, extra)


def _is_text(values: Iterable[str]) -> bool:
    """Whether these header values are valid Unicode (bytes that are none arrive as surrogates)."""
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return False
    return True


def _extra(headers: Any) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers:
        if header.lower().startswith(_EXTRA):
            key = unquote(header[len(_EXTRA) :].lower())
            extra[key] = (*extra.get(key, ()), value)
    return extra
