"""How kubemint marks what it keeps in clusters, so that a metadata-only list tells everything about a credential.

Two kinds of Secrets carry the marks: the credential itself (`kubemint.io/role: credential`) and the empty Secret its
token is bound to (`role: handle`). What selects is a label, what informs is an annotation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import parse_go_duration, parse_time, whole_seconds
from tui.issuance.model.renewal import rotate_at, spread
from tui.issuance.model.types import Address, Credential, Handle, Identity, State

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGER: Final = "kubemint"
PREFIX: Final = "kubemint.io/"

ROLE: Final = PREFIX + "role"
REQUEST: Final = PREFIX + "request"
ACCOUNT: Final = PREFIX + "account"
ACCOUNT_CLUSTER: Final = PREFIX + "account-cluster"
"""The account's cluster as the issuing operator called it; absent where it is the Secret's own."""
FORMAT: Final = PREFIX + "format"
AUDIENCES: Final = PREFIX + "audiences"
REQUESTED: Final = PREFIX + "requested"
GRANTED: Final = PREFIX + "granted"
ISSUED: Final = PREFIX + "issued"
EXPIRES: Final = PREFIX + "expires"
HANDLE: Final = PREFIX + "handle"
BOUND_TO: Final = PREFIX + "bound-to"
"""On a copy: the handle of its original, with which its token ends. Nothing is ever deleted for it."""
FINGERPRINT: Final = PREFIX + "fingerprint"
TOKEN_ID: Final = PREFIX + "token-id"
COPIES: Final = PREFIX + "copies"
"""How many other places hold the same token; they stop working when it is rotated elsewhere."""
PLAN: Final = PREFIX + "plan"
"""On a handle: the plan that made it, by which recovery knows it again."""
ISSUED_BY: Final = PREFIX + "issued-by"
SECRETS: Final = PREFIX + "secrets"
"""On a handle: the Secrets that its token was made for, in a JSON list (see `place_name`)."""
PUSH: Final = PREFIX + "push"
"""On a source Secret: how it is carried on (see `destinations.tenant`)."""
PUSHES: Final = PREFIX + "pushes"
"""On a handle: how those of its Secrets are carried on that are; a JSON object by `place_name`."""

SELECTOR: Final = f"{MANAGED_BY}={MANAGER}"
"""Label selector for everything kubemint manages."""
CREDENTIALS: Final = f"{SELECTOR},{ROLE}=credential"
"""Label selector for the credentials alone."""

_ROUNDED: Final = timedelta(seconds=2)
"""What may get lost where times are written in whole seconds."""
HANDLE_TYPE: Final = PREFIX + "handle"
"""The type of the Secrets that are handles. A Secret's type can never be changed, so no other Secret becomes one."""

_MOST_NAMED: Final = 3


_DPF: Final = "svc.dpu.nvidia.com"
_OWNERS: Final = {
    "kubemint.io": "kubemint's own",
    _DPF: "DPF's own",
    "kubernetes.io": "acted on by Kubernetes itself",
    "k8s.io": "acted on by Kubernetes itself",
    "x-k8s.io": "acted on by Cluster API and its like",
}
"""Who means something by the keys of these domains and all below them, so that no one else may ask us to write them."""
_FREE: Final = ("app.kubernetes.io", "kubernetes.io/description")
"""What Kubernetes recommends to everybody and does not act on; `managed-by` is free but for our own name in it."""


class Reserved(UsageError):
    """Another client asks kubemint to write labels or annotations that only their owner may set."""


class BeingDeleted(UsageError):
    """What is to be written into was deleted by someone, and something holds it back."""


class Role(StrEnum):
    """What a managed Secret is for."""

    CREDENTIAL = "credential"
    HANDLE = "handle"


def handle_object(
    handle: Handle,
    *,
    account: str,
    account_uid: str,
    request: str,
    plan: str,
    issued_by: str,
    secrets: Iterable[str] = (),
    audiences: tuple[str, ...] = (),
    requested: timedelta | None = None,
    pushes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The empty Secret to bind a token to, which says beside the account for what the token is made.

    The service account owns it (where its UID is known), so that deleting the account collects its handles too; the
    tokens die with the account anyway. `blockOwnerDeletion` stays unset: it would need a right on finalizers.
    """
    metadata: dict[str, Any] = {
        "name": handle.name,
        "namespace": handle.namespace,
        "labels": {MANAGED_BY: MANAGER, ROLE: Role.HANDLE.value},
        "annotations": {
            REQUEST: request,
            ACCOUNT: f"{handle.namespace}/{account}",
            PLAN: plan,
            ISSUED_BY: issued_by,
        },
    }
    if kept_in := list(secrets):
        metadata["annotations"][SECRETS] = json.dumps(kept_in)
    if audiences:
        metadata["annotations"][AUDIENCES] = json.dumps(list(audiences))
    if requested is not None:
        metadata["annotations"][REQUESTED] = _go(requested)
    if pushes:
        metadata["annotations"][PUSHES] = json.dumps(dict(pushes))
    if account_uid:
        owner = {"apiVersion": "v1", "kind": "ServiceAccount", "name": account, "uid": account_uid}
        metadata["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Secret", "type": HANDLE_TYPE, "metadata": metadata}


def place_name(where: Address, account_cluster: str) -> str:
    """A Secret as a handle names it: `NAMESPACE/NAME`, with the cluster before it where that is not the account's."""
    name = f"{where.namespace}/{where.name}"
    return name if where.cluster == account_cluster else f"{where.cluster}/{name}"


def reserved(labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    """The keys among these that only their owner may set, each with whose it is."""
    found = {}
    for key, value in (*labels.items(), *annotations.items()):
        owner = _owner(key.casefold())
        if key.casefold() == MANAGED_BY:
            owner = _OWNERS["kubemint.io"] if value.strip().casefold() == MANAGER else ""
        if owner:
            found[key] = owner
    return found


def refuse_reserved(labels: Mapping[str, str], annotations: Mapping[str, str], asked_in: str = "") -> None:
    """Raises Reserved where another client asks us to write what only kubemint, DPF or Kubernetes may say of an object.

    Written by us, into a namespace where who asks may not write, it would be believed. `asked_in` is where he asks.
    """
    found = sorted(reserved(labels, annotations).items())
    if found:
        said = ", ".join(f"{key} ({owner})" for key, owner in found[:_MOST_NAMED])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        where = f" in {asked_in}" if asked_in else ""
        raise Reserved(f"labels or annotations{where} that only kubemint may set: {said}{more}", "leave them out")


def _owner(key: str) -> str:
    domain, slash, _ = key.partition("/")
    if not slash or domain in _FREE or key in _FREE:
        return ""
    return next((owner for name, owner in _OWNERS.items() if f".{domain}".endswith(f".{name}")), "")


def is_managed(obj: Mapping[str, Any], role: Role | None = None) -> bool:
    """Whether this object (or its metadata) carries kubemint's label, and `role` where one is given."""
    labels = _metadata(obj).get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and (role is None or labels.get(ROLE) == role.value)


def annotations_for(credential: Credential, *, cluster: str, request: str, copies: int = 0) -> dict[str, str | None]:
    """The annotations of a Secret in `cluster` that keeps `credential`; None means the annotation must be absent.

    Raises ValueError for a credential without identity or format.
    """
    identity = credential.identity
    if identity is None or credential.format is None:
        raise ValueError("a managed Secret needs an identity and a format")
    handle = credential.handle
    return {
        REQUEST: request,
        ACCOUNT: f"{identity.namespace}/{identity.name}",
        ACCOUNT_CLUSTER: identity.cluster if identity.cluster != cluster else None,
        FORMAT: credential.format.value,
        AUDIENCES: json.dumps(list(credential.audiences)) if credential.audiences else None,
        REQUESTED: _go(credential.requested),
        GRANTED: _go(credential.granted),
        ISSUED: _rfc3339(credential.issued_at),
        EXPIRES: _rfc3339(credential.expires_at),
        HANDLE: _handle_text(handle),
        BOUND_TO: _handle_text(credential.bound_to) if handle is None else None,
        FINGERPRINT: credential.fingerprint,
        TOKEN_ID: credential.token_id or None,
        COPIES: str(copies) if copies else None,
    }


def credential_from_secret(cluster: str, metadata: Mapping[str, Any]) -> Credential | None:
    """The credential that a managed Secret keeps, from its metadata (or a PartialObjectMetadata) alone.

    None for a Secret that is not a kubemint credential. Annotations that people mangled give empty fields and the
    state unknown, never an exception: anybody may write them.
    """
    meta = _metadata(metadata)
    if not is_managed(meta, Role.CREDENTIAL):
        return None
    notes: Mapping[str, str] = meta.get("annotations") or {}
    namespace, name = str(meta.get("namespace", "")), str(meta.get("name", ""))
    account_cluster = notes.get(ACCOUNT_CLUSTER) or cluster
    account = _split(notes.get(ACCOUNT, ""), 2)
    handle, bound_to = _split(notes.get(HANDLE, ""), 3), _split(notes.get(BOUND_TO, ""), 3)
    claimed = next((key for key in meta.get("labels") or {} if _owner(key) == _OWNERS[_DPF]), "")
    if claimed:  # a Secret of a request is the request's: whoever made it look like ours as well is not believed
        account = handle = bound_to = None
    issued, expires = parse_time(notes.get(ISSUED)), parse_time(notes.get(EXPIRES))
    whole = account is not None and issued is not None and expires is not None and issued < expires
    granted = _lifetime(notes.get(GRANTED))
    ends, odd = earlier_end(issued, granted, expires)
    return Credential(
        address=Address.secret(cluster, namespace, name),
        identity=Identity(account_cluster, *account) if account else None,
        format=_format(notes.get(FORMAT)),
        audiences=_strings(notes.get(AUDIENCES)),
        requested=_lifetime(notes.get(REQUESTED)),
        granted=granted,
        issued_at=issued,
        expires_at=ends,
        rotate_at=renewal_point(issued, ends, notes.get(FINGERPRINT, "")),
        kept_in=f"Secret {namespace}/{name}",
        fingerprint=notes.get(FINGERPRINT, ""),
        token_id=notes.get(TOKEN_ID, ""),
        handle=Handle(account_cluster, *handle) if handle else None,
        bound_to=Handle(account_cluster, *bound_to) if bound_to and not handle else None,
        state=State.VALID if whole and not odd else State.UNKNOWN,
        message=_complaint(whole, claimed) or odd,
    )


def earlier_end(
    issued: datetime | None, granted: timedelta | None, expires: datetime | None
) -> tuple[datetime | None, str]:
    """When it ends by its annotations, and what is odd about that: where they contradict each other it is the earlier
    one, so that it is renewed in time whoever wrote which of them."""
    if issued is None or granted is None or expires is None or abs(issued + granted - expires) <= _ROUNDED:
        return expires, ""
    return min(issued + granted, expires), "its annotations contradict each other: its token's own lifetime counts"


def _complaint(whole: bool, claimed: str) -> str:
    if claimed:
        return f"its label {claimed} says that it is a DPU request's, its others that it is kubemint's"
    return "" if whole else "its annotations are incomplete or contradict each other"


def renewal_point(issued: datetime | None, expires: datetime | None, fingerprint: str) -> datetime | None:
    """When this credential is due, the same for everybody who looks: the jitter comes from its fingerprint."""
    if issued is None or expires is None or issued >= expires:
        return None
    return rotate_at(issued, expires, spread(fingerprint))


def request_of(obj: Mapping[str, Any]) -> str:
    """The id of the wish this Secret belongs to; handles, Secrets and local exports of one wish share it."""
    return str((_metadata(obj).get("annotations") or {}).get(REQUEST, ""))


def is_going(obj: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted, and only something holds it back."""
    return bool(_metadata(obj).get("deletionTimestamp"))


def refuse_going(metadata: Mapping[str, Any], what: str) -> None:
    """Raises BeingDeleted where someone deleted the place that something is to be written into."""
    if is_going(metadata):
        held = ", ".join(map(str, metadata.get("finalizers") or ())) or "nothing that is known"
        raise BeingDeleted(
            f"{what} is being deleted ({held} holds it back): nothing is written into it",
            "once it is gone it can be created again; choose another name until then",
        )


def push_of(obj: Mapping[str, Any]) -> str:
    """How a Secret says that it is carried on, as text; empty where it does not."""
    return str((_metadata(obj).get("annotations") or {}).get(PUSH, ""))


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = obj.get("metadata")
    return inner if isinstance(inner, Mapping) else obj


def _split(text: str, parts: int) -> Iterable[str] | None:
    found = text.split("/")
    return found if len(found) == parts and all(found) else None


def _format(text: str | None) -> Format | None:
    try:
        return Format(text or "")
    except ValueError:
        return None


def handle_secrets(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The Secrets that a handle says its token was made for."""
    return _strings((_metadata(metadata).get("annotations") or {}).get(SECRETS))


def handle_wish(metadata: Mapping[str, Any]) -> tuple[tuple[str, ...], timedelta | None, dict[str, str]]:
    """What a handle says its token was asked for with: audiences, lifetime, and how its Secrets are carried on."""
    notes = _metadata(metadata).get("annotations") or {}
    return _strings(notes.get(AUDIENCES)), _lifetime(notes.get(REQUESTED)), _texts(notes.get(PUSHES))


def _texts(text: str | None) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _strings(text: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return ()
    return tuple(str(part) for part in found) if isinstance(found, list) else ()


def _handle_text(handle: Handle | None) -> str | None:
    return f"{handle.namespace}/{handle.name}/{handle.uid}" if handle else None


def _rfc3339(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _go(lifetime: timedelta | None) -> str | None:
    """`1h0m0s`, as Go prints a duration; whole seconds."""
    if lifetime is None:
        return None
    minutes, seconds = divmod(whole_seconds(lifetime), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s"


def _lifetime(text: str | None) -> timedelta | None:
    try:
        return parse_go_duration(text) if text else None
    except UsageError:
        return None
