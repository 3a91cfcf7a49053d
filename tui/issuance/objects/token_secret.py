"""Long-lived token Secrets: asked for under a name of their own, and waited for.

A Secret of type kubernetes.io/service-account-token is filled by the cluster's token controller within moments, with a
token that never expires. It is its own handle: deleting it ends exactly that token, and the same name made again for
the same account gives the same token, so a new token needs a new name.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.token import TOKEN_KEY
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.issuance.model.durations import parse_time
from tui.issuance.model.names import random_suffix
from tui.issuance.model.renewal import HELD
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.kube.errors import Conflict, NotFound
from tui.kube.resource import SECRETS

from . import accounts, managed
from .secret_object import SecretObject

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
PATIENCE: Final = timedelta(seconds=30)
"""How long the token controller has to fill a Secret; it usually takes a few hundredths of a second."""
CLEAN_UP_PERIOD: Final = timedelta(days=365)
"""How long after it was invalidated the cluster deletes one, unless kube-controller-manager was told otherwise."""
NAME_LIMIT: Final = 253
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0


class TokenSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of one without reading the token."""

    name: str
    uid: str
    account: str
    created_at: datetime | None = None
    last_used: str = ""
    """The day, as the cluster notes it; empty where it does not, or where it was not used yet."""
    invalid_since: str = ""
    """The day from which on the cluster refuses it because it was not used for a year; empty where it does not."""
    filled: bool = True
    deleted_at: datetime | None = None
    """Since when it is being deleted, where something holds it back."""
    ours: bool = False
    """Whether its label says that kubemint made it."""

    def refuse_going(self) -> None:
        """Raises BeingDeleted where someone has deleted it: its token is as good as dead."""
        if self.deleted_at is not None:
            raise managed.BeingDeleted(
                f"the token Secret {self.name} is being deleted: its token ends with it",
                "choose another name, or wait until it is gone",
            )


def manifest(identity: Identity, name: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The Secret to create."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": identity.namespace,
            "labels": {managed.MANAGED_BY: managed.MANAGER},
            "annotations": {ACCOUNT_NAME: identity.name} | dict(annotations or {}),
        },
        "type": TYPE,
    }


def fresh_name(account: str) -> str:
    """A name that no Secret had yet: `ACCOUNT-token-RANDOM`."""
    suffix = f"-token-{random_suffix()}"
    return account[: NAME_LIMIT - len(suffix)].rstrip("-.") + suffix


async def look(client: Client, identity: Identity, name: str) -> TokenSecret | None:
    """The token Secret `name`, None where there is none. Raises UsageError where the name is taken by another."""
    try:
        found = await client.get(SECRETS, name, namespace=identity.namespace, type=SecretObject)
    except NotFound:
        return None
    where = f"the Secret {identity.namespace}/{name}"
    if found.type != TYPE:
        raise UsageError(
            f"{where} exists and is of type {found.type}: the type of a Secret can never be changed",
            "choose another name for the token Secret",
            field="secret",
        )
    there = read(found.metadata)
    if there is None or there.account != identity.name:
        whose = there.account if there is not None else "nobody"
        raise UsageError(
            f"{where} is the token of {whose}, not of {identity.name}",
            "choose another name for the token Secret",
            field="secret",
        )
    return there


def read(meta: Mapping[str, Any]) -> TokenSecret | None:
    """What the metadata of a token Secret says; None where it names no account."""
    notes, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    if not notes.get(ACCOUNT_NAME):
        return None
    return TokenSecret(
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        account=str(notes[ACCOUNT_NAME]),
        created_at=parse_time(meta.get("creationTimestamp")),
        last_used=str(labels.get(LAST_USED, "")),
        invalid_since=str(labels.get(INVALID_SINCE, "")),
        filled=bool(notes.get(ACCOUNT_UID)),
        deleted_at=parse_time(meta.get("deletionTimestamp")),
        ours=managed.is_managed(meta),
    )


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A token Secret with its token, both of which say the same."""

    identity: Identity
    secret: TokenSecret
    account_uid: str
    token: Sensitive | None
    """None where the token controller has not filled it yet."""

    @property
    def credential(self) -> Credential:
        """As a credential, with the token's fingerprint."""
        found = credential(self.identity, self.secret)
        return msgspec.structs.replace(found, fingerprint=self.token.fingerprint if self.token is not None else "")


async def read_whole(client: Client, cluster: str, namespace: str, name: str) -> Whole:
    """The token Secret of that name. Raises UsageError where it is none, whatever its annotations say; KubeError."""
    found = await client.get(SECRETS, name, namespace=namespace, type=SecretObject)
    token = found.values().get(TOKEN_KEY)
    claims = None
    with contextlib.suppress(ClaimsError):
        claims = read_token(token) if token is not None else None
    there = read(found.metadata)
    uid = str((found.metadata.get("annotations") or {}).get(ACCOUNT_UID, ""))
    why = why_none(found.type, namespace, name, there.account if there is not None else "", uid, token, claims)
    if why or there is None:
        raise UsageError(
            f"the Secret {namespace}/{name} is not a service-account token: {why}",
            "anyone who may patch a Secret can set these annotations; only the type and the token count",
        )
    identity = Identity(cluster, namespace, there.account)
    live = await accounts.look(client, identity)
    if live.uid and uid and live.uid != uid:
        raise UsageError(
            f"the Secret {namespace}/{name} is the token of an earlier account {there.account}, which was deleted",
            "the cluster refuses it already, and deletes the Secret",
        )
    return Whole(identity=identity, secret=there, account_uid=uid, token=token)


def why_none(
    kind: str, namespace: str, name: str, account: str, uid: str, token: Sensitive | None, claims: Claims | None
) -> str:
    """Why a Secret is no token Secret, by its type and by what its token says; empty where it is one."""
    if kind != TYPE:
        return f"it is of type {kind}"
    if not account:
        return "it names no account"
    if token is None:
        return ""
    if claims is None:
        return "what is in it is not a token that can be read"
    bound = claims.bound.name if claims.bound is not None else ""
    says = (claims.namespace, claims.service_account, claims.service_account_uid, bound)
    if not claims.legacy or says != (namespace, account, uid, name):
        return (
            f"its annotations say account {account} ({uid or 'no UID'}), the token in it says account "
            f"{claims.namespace}/{claims.service_account} ({claims.service_account_uid or 'no UID'}), "
            f"Secret {bound or 'none'}"
        )
    return ""


def credential(identity: Identity, secret: TokenSecret) -> Credential:
    """A token Secret as a credential; its handle is itself."""
    state, message, ends_by = standing(
        secret.invalid_since, secret.last_used, filled=secret.filled, deleted_at=secret.deleted_at
    )
    return Credential(
        address=Address.token_secret(identity.cluster, identity.namespace, secret.name),
        identity=identity,
        format=Format.TOKEN,
        issued_at=secret.created_at,
        kept_in=f"Secret {identity.namespace}/{secret.name}",
        handle=Handle(identity.cluster, identity.namespace, secret.name, secret.uid),
        last_used=day(secret.last_used),
        invalid_since=day(secret.invalid_since),
        ends_by=ends_by,
        state=state,
        message=message,
    )


def standing(
    invalid_since: str, last_used: str, *, filled: bool, deleted_at: datetime | None = None
) -> tuple[State, str, datetime | None]:
    """How a token Secret stands by its labels, as a state and in words; and for one that is being deleted, and was
    held back, from when on its server refuses it all the same."""
    if deleted_at is not None:
        return State.REVOKED, "it is being deleted", deleted_at + HELD
    if invalid_since:
        since = day(invalid_since)
        due = f", deletion due on {deletion_due(since):%Y-%m-%d}" if since is not None else ""
        said = f"invalidated by the cluster on {invalid_since}{due}; re-activating it removes that label"
        return State.REVOKED, said, None
    if not filled:
        return State.PENDING, "the token controller has not filled it yet", None
    return State.ENDLESS, f"last used {last_used}" if last_used else "", None


def deletion_due(invalid_since: date) -> date:
    """The day from which on the cluster deletes a Secret that it invalidated."""
    return invalid_since + CLEAN_UP_PERIOD


def day(text: str) -> date | None:
    """A day as labels hold it; None for anything else."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


async def list_of(client: Client, identity: Identity) -> list[TokenSecret]:
    """Every token Secret of the account, the newest first.

    They are found by their type and the account they name: an account's own list of Secrets (`secrets[0]`) is empty
    since 1.24 and may begin with a registry's login.
    """
    found: Iterable[Mapping[str, Any]] = await client.list(
        SECRETS, namespace=identity.namespace, metadata_only=True, fields=f"type={TYPE}"
    )
    secrets = [read(item.get("metadata") or {}) for item in found]
    mine = [secret for secret in secrets if secret is not None and secret.account == identity.name]
    return sorted(mine, key=lambda secret: (secret.created_at or _LONG_AGO, secret.name), reverse=True)


async def create(client: Client, identity: Identity, name: str, plan: str) -> tuple[TokenSecret, bool]:
    """The token Secret `name`, and whether this call made it.

    Raises IssuanceError where the cluster makes no token Secret of it, KubeError.
    """
    try:
        made = await client.create(
            SECRETS,
            manifest(identity, name, {managed.PLAN: plan}),
            namespace=identity.namespace,
            type=SecretObject,
        )
    except Conflict:
        there = await look(client, identity, name)
        if there is None:
            raise
        return there, False
    there = read(made.metadata)
    if there is None:
        raise IssuanceError(f"the cluster dropped the account from the Secret {identity.namespace}/{name}")
    return there, True


async def wait_for_token(
    client: Client, identity: Identity, name: str, patience: timedelta = PATIENCE, uid: str = ""
) -> Sensitive:
    """The token, once the token controller has filled the Secret. Raises IssuanceError after `patience`."""
    where = f"the Secret {identity.namespace}/{name}"
    deadline, pause = time.monotonic() + patience.total_seconds(), _FIRST_PAUSE
    while True:
        try:
            found = await client.get(SECRETS, name, namespace=identity.namespace, type=SecretObject)
        except NotFound:
            raise IssuanceError(
                f"{where} was deleted while it was waited for",
                f"the token controller does that where the service account {identity.name} does not exist",
            ) from None
        if uid and found.metadata.get("uid") != uid:
            raise IssuanceError(f"{where} was replaced by another one while it was waited for", "try again")
        token = found.values().get(TOKEN_KEY)
        if token:
            return token
        left = deadline - time.monotonic()
        if left <= 0:
            raise IssuanceError(
                f"{where} holds no token after {patience.total_seconds():g} s",
                "is the token controller (kube-controller-manager) running? nothing was left behind; try again",
            )
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
