"""What the caller wants to end without knowing where it is kept: a fingerprint, the id of a token, or the token itself.

Pure: what a text means, what a token says of itself, and who of those that say they have it may be shown it. Nobody
has confirmed any of what it says; that says where to look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.insight.inspecting import logins_in
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.kube.sensitive import Sensitive, looks_secret
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.issuance.model.types import Identity

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_ID: Final = re.compile(r"(?:JTI=)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST: Final = 253
_SHOWN: Final = 200


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """One of the three. `str()` is how it is called to people."""

    fingerprint: str = ""
    id: str = ""
    """The `jti` of the token, as audit logs write it (`authentication.kubernetes.io/credential-id`)."""
    token: Sensitive | None = None

    def __str__(self) -> str:
        if self.token is not None:
            return f"the token with fingerprint {self.token.fingerprint}"
        return f"fingerprint {self.fingerprint}" if self.fingerprint else f"token id {self.id}"


def sought_in(text: str) -> Sought | None:
    """What a word on the command line means that is neither an address nor a path; None for anything else.

    Raises UsageError for a token: there it can be read by others, and the shell remembers it.
    """
    if looks_secret(text):
        raise UsageError(
            "a token does not belong on the command line, where others can read it and the shell remembers it",
            "give it with --token-file FILE, or on stdin with `kubemint revoke -`; revoke this one now",
        )
    if _FINGERPRINT.fullmatch(text):
        return Sought(fingerprint=text)
    found = _ID.fullmatch(text)
    return Sought(id=found[1].lower()) if found else None


def token_of(material: Sensitive, where: str) -> Sought:
    """The one token in what was given on stdin or lies in a file: bare, or in a kubeconfig, a Secret or the like.

    Raises UsageError where there is none, or more than one.
    """
    try:
        logins = logins_in(material.reveal_bytes())
    except IssuanceError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None
    tokens = {one.token for one in logins if one.token is not None}
    if logins and not tokens:
        raise UsageError(
            f"{where} holds a client certificate and no token: no server can be told to refuse one",
            "it expires (`kubemint inspect` says when); until then remove its user's rights",
        )
    if len(tokens) != 1:
        held = "no token" if not tokens else f"{len(tokens)} different tokens"
        raise UsageError(f"{where} holds {held}", "give exactly the one that is to end")
    return Sought(token=tokens.pop())


def claims_of(token: Sensitive) -> Claims:
    """What a token says of itself, with names that can be names. Raises UsageError."""
    try:
        claims = read_token(token)
    except ClaimsError as error:
        raise UsageError(f"what was given cannot be read as a token: {error.message}", error.hint) from None
    bound = claims.bound.name if claims.bound is not None and claims.bound.kind == "Secret" else "none"
    for name in (claims.namespace, claims.service_account, bound):
        if not (len(name) <= _LONGEST and _NAME.fullmatch(name)) or ".." in name:
            raise UsageError(
                "what was given is not the token of a service account",
                "only these are bound to something that can be deleted",
            )
    return claims


def endings(claims: Claims, account: Identity | None, *, there: bool | None = None) -> tuple[str, str]:
    """Why a token cannot be ended by itself, and what can be done; `account` is where its account was seen, and `there`
    says whether what it is bound to is there, by its UID (None: not known)."""
    whose = account.said if account is not None else f"{claims.namespace}/{claims.service_account}"
    ends = f"it ends at {claims.expires_at:%Y-%m-%d %H:%M:%S} UTC" if claims.expires_at is not None else "it never ends"
    if claims.bound is None:
        return (
            f"this token of {whose} has no handle; {ends}",
            f"to end it sooner, delete the service account {whose}: that ends every token it has",
        )
    if there is False:
        kind, name = claims.bound.kind, safe_text(claims.bound.name, _SHOWN)
        return (
            f"this token of {whose} was made for the {kind} {name}, which is gone: it ended with that",
            f"nothing is left to end (kubemint verify asks its server); a {kind} that is called so now is another one",
        )
    return (
        f"this token of {whose} is bound to the {claims.bound.kind} {safe_text(claims.bound.name, _SHOWN)}; {ends}",
        f"it ends with that {claims.bound.kind}; or delete the service account {whose}, which ends every token it has",
    )


def together(searches: Sequence[Search]) -> Search:
    """Several searches as one: a cluster was asked where each of them could ask it."""
    closed = {name: why for one in searches for name, why in one.closed.items()}
    away = {name: why for one in searches for name, why in one.away.items()}
    names = dict.fromkeys(name for one in searches for name in one.asked)
    return Search(asked=[name for name in names if name not in closed | away], closed=closed, away=away)


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was looked for."""

    asked: Sequence[str] = ()
    closed: Mapping[str, str] = {}
    """The clusters in which the operator may not look, each with the right that is missing."""
    away: Mapping[str, str] = {}
    """The clusters that gave no answer, each with why."""

    @property
    def whole(self) -> bool:
        """Whether everybody who was asked has said whether it is there."""
        return not self.closed and not self.away

    @property
    def words(self) -> str:
        """All of it in one line."""
        said = [f"looked for in {', '.join(self.asked)}" if self.asked else "no cluster could be looked into"]
        if self.closed:
            said.append(f"no right to look in {'; '.join(f'{name} ({why})' for name, why in self.closed.items())}")
        if self.away:
            said.append(f"no answer from {'; '.join(f'{name}: {why}' for name, why in self.away.items())}")
        return "; ".join(said)

    @property
    def again(self) -> str:
        """What can be done so that everybody says whether it is there."""
        ways = ["with that right"] if self.closed else []
        ways += ["when they answer"] if self.away else []
        return f"try again {' and '.join(ways)}"


def shown_to(there: Sequence[str], search: Search) -> str:
    """The one cluster that a token may be shown to, of those that say that they have what it is bound to.

    Whoever runs one cluster can say so of what lies in another one, and would be given the token. So no one is believed
    who is not the only one, or while others have not said: neither silence nor a missing right means that it is not
    there. Raises UsageError.
    """
    if len(there) > 1:
        raise UsageError(
            f"{', '.join(there)} all say that they have the Secret that this token is bound to; it is sent to none",
            "name the one that issued it with --context; do not trust another one that claims the same",
        )
    if not search.whole:
        raise UsageError(
            f"{there[0]} says that it has the Secret that this token is bound to, but not every cluster said whether "
            f"it has it ({search.words}); a token is sent to no cluster on its word alone",
            f"if {there[0]} issued it, name it with --context; otherwise {search.again}",
        )
    return there[0]
