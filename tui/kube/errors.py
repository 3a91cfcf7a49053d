"""What can go wrong with an API server, each with what a person should do about it.

Every error prints as one line that names the cluster and the cause; `hint` is the next step. Bodies and headers are
never part of an error, because a proxy or a server may echo material in them.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from .request_info import RequestInfo
from .text import safe_text


class KubeError(Exception):
    """Anything this room raises. `cluster` is the endpoint's name, empty where none is known yet."""

    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, cluster: str = "", hint: str = "") -> None:
        self.message = safe_text(message)
        self.cluster = cluster
        self.hint = safe_text(hint) or self.default_hint
        super().__init__(self.message)

    def __str__(self) -> str:
        where = f"{safe_text(self.cluster)}: " if self.cluster else ""
        return f"{where}{self.message}"


class ConfigError(KubeError):
    """A kubeconfig that cannot be read or does not say enough. The message names the file."""


class ExecPluginError(KubeError):
    """A credential plugin that is missing, failed, hung, or answered something it must not."""


class ReadOnly(KubeError):
    """Whoever runs this said that nothing is to be changed there; the server was not asked."""

    default_hint = (
        "to change that, see readOnly and readOnlyContexts in config.yaml, and KUBEMINT_READ_ONLY (--read-only)"
    )


class NeedsLogin(KubeError):
    """Someone has to log in by hand. `command` is what to run, empty where it is not known."""

    def __init__(self, message: str, *, cluster: str = "", hint: str = "", command: str = "") -> None:
        self.command = command
        super().__init__(message, cluster=cluster, hint=hint or (f"run: {command}" if command else ""))


class Unreachable(KubeError):
    """No connection: refused, no route, unknown host, or the connection broke."""

    default_hint = "check the address, the network and the proxy"


class TimedOut(Unreachable):
    """The server accepted or not, but did not answer in time."""

    default_hint = "the server is slow or hangs; look how it is, then try again"


class OutOfTime(TimedOut):
    """The deadline of the whole work is over; whether the last request was carried out is unknown."""

    default_hint = "find out why the server is slow, or give it more time with --request-timeout"


class ConnectionLost(Unreachable):
    """The connection stood and broke before the answer was complete; whether the request was carried out is unknown."""

    default_hint = "the server or something between went away"


class TLSFailed(KubeError):
    """The server's certificate was not accepted, or the server did not accept the handshake."""

    default_hint = "check certificate-authority-data and tls-server-name in the kubeconfig"


class ProtocolError(KubeError):
    """The answer is not what a Kubernetes API server says (not JSON, wrong shape)."""

    default_hint = "is this really a Kubernetes API server, or a proxy's login page?"


class LoginPage(ProtocolError):
    """A page for browsers, or a redirect to one: a captive portal, a single sign-on, another site."""


class APIError(KubeError):
    """A Status that the server answered. `reason` is the machine-readable word (`NotFound`, `Invalid`, …)."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        *,
        cluster: str = "",
        hint: str = "",
        retry_after: float | None = None,
        causes: tuple[str, ...] = (),
        about: RequestInfo | None = None,
        gone: bool = False,
    ) -> None:
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        """Seconds the server asked to wait, None where it did not."""
        self.causes = causes
        self.about = about or RequestInfo("")
        """What the request was about."""
        self.gone = gone
        """Whether the server says, naming it, that the very object that was asked for is not there."""
        super().__init__(message or reason or f"HTTP {status}", cluster=cluster, hint=hint)

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed later unchanged (429 and 5xx; never 400, 401, 403, 404, 409, 422)."""
        return self.status == 429 or self.status >= 500


class BadRequest(APIError):
    """400."""


class Unauthorized(APIError):
    """401: expired, revoked, account gone, wrong audience, cluster or key; the server does not say which."""

    default_hint = "the credential was refused: it may be expired or revoked, or belong to another cluster"


class Forbidden(APIError):
    """403 of the authorizer: a right is missing. The hint names the verb and the resource."""


class Denied(APIError):
    """403 from behind the rights: a webhook, a policy, a quota or a namespace that ends said no. No right mends it."""


class NotFound(APIError):
    """404: the object, or the whole kind, does not exist there."""


class Conflict(APIError):
    """409: another client changed it first, it exists already, or another field manager owns the field."""


class Gone(APIError):
    """410: a continue token or resourceVersion is too old; list again."""


class Invalid(APIError):
    """422: the server refused the content; `causes` names the fields."""


class TooManyRequests(APIError):
    """429."""


class ServerError(APIError):
    """5xx."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


_RIGHTS: Final = re.compile(
    r'(\S+ ("[^"]*" )?is )?forbidden: (User "[^"]*" cannot |user "[^"]*" .*is attempting to grant RBAC permissions)'
)
"""How API servers say that a right is missing (k8s.io/apiserver, ForbiddenMessage; the escalation check of RBAC)."""


def lacks_right(message: str, *, changes: bool) -> bool:
    """Whether a 403 with this message means that a right is missing.

    Reading passes no admission, so that each refusal of it is the authorizer's. Of what refuses a write only the
    authorizer says who cannot do what; webhooks, policies and quotas use words of their own.
    """
    return not changes or _RIGHTS.match(message) is not None


_IMPERSONATES: Final = re.compile(
    r'(?:\S+ "(?P<who>[^"]*)" is )?(?:\S+ is )?forbidden: User "[^"]*" cannot '
    r'(?P<verb>impersonate(?:-on:(?P<mode>[^:\s]+):\S+)?) (?:resource "(?P<what>[^"]*)"|path )'
)


def missing_right(message: str, info: RequestInfo) -> str:
    """The hint of a 403 for this request: its right, or the one to act as somebody, where that is what is missing.

    Servers before 1.36 name who may not be acted as; later ones name the narrower right, and what was asked for.
    """
    found = _IMPERSONATES.match(message)
    if found is None:
        return f"needs: {info.right()}" if info.resource else ""
    if found["mode"]:
        rest = f"{info.resource}{info.place()}" if info.resource else info.name
        return (
            f"needs: impersonate (for whom it acts as), or both impersonate:{safe_text(found['mode'])} and "
            f"{safe_text(found['verb'])} {rest}"
        )
    which = f" (resourceName {safe_text(found['who'])})" if found["who"] else ""
    return f"needs: impersonate {safe_text(found['what'] or '')}{which}"


def api_error_type(status: int) -> type[APIError]:
    """The class for an HTTP status: one of its own, `ServerError` for 5xx, `APIError` for the rest.

    For a 403 `lacks_right` says whether it is this one or `Denied`.
    """
    return _BY_STATUS.get(status, ServerError if status >= 500 else APIError)
