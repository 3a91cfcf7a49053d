"""The reference controller's steps as functions, one call each: look, apply the account, write the Secret, publish.

Whoever keeps a request (`keeper`, the engine) puts them in order. Nothing here takes over what belongs to someone
else: an account or a Secret that exists and was not made for this request is an error, and stays as it is.
"""

from __future__ import annotations

import base64
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import ChangedMeanwhile, IssuanceError
from tui.issuance.formats import Format
from tui.issuance.formats.preferences import preferences_as
from tui.issuance.model.durations import format_go_duration, rfc3339
from tui.issuance.model.types import Handle, Identity
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.objects.token_request import IssuedToken
from tui.kube.addresses import leads_near
from tui.kube.answers import insist_gone
from tui.kube.client import Client
from tui.kube.delivered import ONLY_LOOKING, Allow, DeliveredError
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Conflict, Invalid, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

from . import made_in, resources
from .conditions import to_status
from .objects import Condition, DPURequest, NamespacedName, parse
from .owned import OPAQUE, Seen, Witness, foreign, seen_in, way_out
from .resources import DPU_REQUESTS, FIELD_MANAGER, FINALIZER, ownership
from .target import Target

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.types import Address

_FORMATS: Final = (Format.KUBECONFIG, Format.TOKEN_FILE)
_TRIES: Final = 4


class InUse(IssuanceError):
    """A service account exists that was not made for this request."""


class SecretInUse(InUse):
    """A Secret exists that was not made for this request."""


@dataclass(frozen=True, slots=True)
class Account:
    """The wanted service account as it is in the target cluster. An empty `uid` means that it does not exist."""

    uid: str = ""
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The Secret of a request as it is. `token` is None where it is gone or holds none."""

    exists: bool = False
    foreign: str = "nothing says that it was made for this request"
    """Why it is not this request's; empty where it is."""
    uid: str = ""
    resource_version: str = ""
    token: Sensitive | None = None
    endpoint: Endpoint | None = None
    """Which server what is written there leads to, where that may be written down again."""
    leads: Endpoint | None = None
    """The same wherever it leads, for comparing alone."""
    type: str = ""
    values: Mapping[str, Sensitive] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is there, and is this request's."""
        return self.exists and not self.foreign


async def fetch(host: Client, cluster: str, namespace: str, name: str) -> DPURequest:
    """The request as it is now."""
    return parse(cluster, await host.get(DPU_REQUESTS, name, namespace=namespace))


async def request_at(clusters: Clusters, address: Address) -> DPURequest:
    """The request at an address, as it is now. Raises KubeError."""
    client = await clusters.client(address.cluster)
    return await fetch(client, address.cluster, address.namespace, address.name)


async def look_account(client: Client, request: DPURequest) -> Account:
    """The wanted account as it is; whose it is says `check_account`."""
    wanted = request.service_account
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, wanted.name, namespace=wanted.namespace)
    except NotFound:
        return Account()
    seen = seen_in(found["metadata"])
    return Account(seen.uid, seen)


def check_account(request: DPURequest, account: Account, witness: Witness) -> None:
    """Raises InUse where the account was not made for this request. `witness` is the token in its Secret."""
    if account.seen is None:
        return
    if why := foreign(account.seen, request, here=request.target is None, witness=witness):
        wanted = request.service_account
        raise InUse(f"service account {wanted} is already in use: {why}", way_out("account", wanted, request))


async def mark_account(client: Client, request: DPURequest, account: str, witness: Witness, *, here: bool) -> None:
    """Put the request's UID on its old account `NAMESPACE/NAME`; nothing where it is not the request's, by the token in
    its Secret. Raises KubeError."""
    where = NamespacedName.parse(account)
    seen = seen_in((await client.get_metadata(SERVICE_ACCOUNTS, where.name, namespace=where.namespace))["metadata"])
    if seen.made_for or foreign(seen, request, here=here, witness=witness):
        return
    mine = {"metadata": {"uid": seen.uid, "annotations": {managed.REQUEST: request.uid}}}
    await client.patch(SERVICE_ACCOUNTS, where.name, mine, namespace=where.namespace)


def marked(request: DPURequest) -> tuple[dict[str, str], dict[str, str]]:
    """The labels and annotations of everything that is made for a request: which one it is, by name and by UID."""
    return ownership(request.namespace, request.name), {managed.REQUEST: request.uid}


def secret_marks(request: DPURequest) -> tuple[dict[str, str], dict[str, str]]:
    """The same of its Secret, with what the spec wants on it."""
    labels, notes = marked(request)
    return request.secret_labels | labels, request.secret_annotations | notes


async def apply_account(client: Client, request: DPURequest, account: Account) -> str:
    """Make or refresh the account; returns its UID. Raises InUse where another client made it meanwhile, KubeError."""
    wanted = request.service_account
    labels, notes = marked(request)
    marks = {"labels": labels, "annotations": notes}
    body: dict[str, Any] = {"metadata": marks, "automountServiceAccountToken": False}
    if not account.uid:
        named = {"name": wanted.name, "namespace": wanted.namespace, **marks}
        whole = body | {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named}
        try:
            # Not applied: creating fails where another client was faster, applying would take over.
            await client.create(SERVICE_ACCOUNTS, whole, namespace=wanted.namespace)
        except Conflict:
            raise InUse(
                f"service account {wanted} is already in use: it was created by another client just now"
            ) from None
    made = await client.apply(
        SERVICE_ACCOUNTS, wanted.name, body, namespace=wanted.namespace, manager=FIELD_MANAGER, force=True
    )
    return str(made["metadata"]["uid"])


async def look_secret(host: Client, request: DPURequest, where: NamespacedName) -> Published:
    """The Secret `where`, and what is in it."""
    try:
        found = await host.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
    except NotFound:
        return Published()
    values = found.values()
    token, endpoint, leads = None, None, None
    if (form := format_in(request.format, values)) is not None:
        token = form.rules.token_of(values)
        endpoint = _endpoint_in(form, values, Allow(near=leads_near(host.endpoint.server), nobody=True,
                                                    known=host.endpoint))  # fmt: skip
        leads = _endpoint_in(form, values, ONLY_LOOKING)
    meta = found.metadata
    why = foreign(seen_in(meta, found.type), request, here=True)
    return Published(
        exists=True,
        foreign=why,
        uid=str(meta.get("uid", "")),
        resource_version=str(meta.get("resourceVersion", "")),
        token=token or None,
        endpoint=endpoint,
        leads=leads,
        type=found.type,
        values=values,
        metadata=meta,
    )


def check_secret(request: DPURequest, published: Published) -> None:
    """Whether the wanted Secret may be written.

    Raises InUse where it exists and was not made for this request, BeingDeleted where it is about to go, Reserved
    where marks are asked for it that only their owner may set.
    """
    managed.refuse_reserved(request.secret_labels, request.secret_annotations, "spec.metadata")
    if published.exists and not published.ours:
        hint = way_out("secret", request.secret, request)
        raise SecretInUse(f"secret {request.secret} is already in use: {published.foreign}", hint)
    managed.refuse_going(published.metadata, f"secret {request.secret}")


def secret_data(request: DPURequest, token: Sensitive, endpoint: Endpoint) -> dict[str, Sensitive]:
    """The data of the Secret by the request's type, byte for byte as the reference controller writes it.

    Raises IssuanceError for a type it does not know.
    """
    form = request.format
    if form is None:
        raise IssuanceError(f"unsupported secret type: {request.type}", "the types are kubeconfig and tokenFile")
    account = request.service_account
    with preferences_as(True):
        return form.rules.render(token, endpoint, Identity(endpoint.name, account.namespace, account.name))


def endpoint_for(request: DPURequest, target: Target, published: Published) -> Endpoint:
    """Which address to write down.

    For a DPU cluster the one in its admin kubeconfig. The host cluster is written by the controller with the address
    that it has inside of the cluster, which nobody outside can know: what is there already is kept, where it goes by
    the authority of the cluster. Whoever may patch the Secret may write any address; he cannot be the cluster there.
    """
    there, own = published.endpoint, target.endpoint
    if request.target is None and request.status_target is None and published.ours and there is not None:
        return (
            replace(own, server=there.server)
            if there.ca is not None and own.ca is not None and there.ca.strip() == own.ca.strip()
            else own
        )
    return own


def is_as_wanted(published: Published, request: DPURequest, data: Mapping[str, Sensitive]) -> bool:
    """Whether writing the Secret would change nothing: neither what is in it nor what is ours of it.

    A label that left the spec is still there, and still ours: then it is written, so that the label goes.
    """
    if not published.exists or published.type != OPAQUE:
        return False
    meta = published.metadata
    labels, notes = secret_marks(request)
    there = (published.values, meta.get("labels") or {}, meta.get("annotations") or {})
    for found, wanted in zip(there, (data, labels, notes), strict=True):
        if any(found.get(key) != value for key, value in wanted.items()):
            return False
    owned = applied_by(meta, FIELD_MANAGER)
    return owned is None or owned == (set(data), set(labels), set(notes))


def applied_by(metadata: Mapping[str, Any], manager: str) -> tuple[set[str], set[str], set[str]] | None:
    """The keys of data, labels and annotations that this manager applied; None where managers are not recorded."""
    entries = [entry for entry in metadata.get("managedFields") or () if isinstance(entry, Mapping)]
    if not entries:
        return None
    data, labels, notes = set[str](), set[str](), set[str]()
    for entry in entries:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields = _fields(entry, "fieldsV1")
            meta = _fields(fields, "f:metadata")
            for kept, of in ((data, _fields(fields, "f:data")), (labels, _fields(meta, "f:labels")),
                             (notes, _fields(meta, "f:annotations"))):  # fmt: skip
                kept |= {key.removeprefix("f:") for key in of if key.startswith("f:")}
    return data, labels, notes


def _fields(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}


async def apply_secret(host: Client, request: DPURequest, data: Mapping[str, Sensitive], version: str = "") -> str:
    """Write the Secret in one call; returns its resourceVersion. Applied, so that what left the spec leaves it too.

    With `version` only the Secret as it was read then is replaced: of two operators at once, one is told.
    Raises ChangedMeanwhile for that one, KubeError, and Reserved for marks that a request may not ask for.
    """
    where = request.secret
    managed.refuse_reserved(request.secret_labels, request.secret_annotations, "spec.metadata")
    labels, notes = secret_marks(request)
    metadata: dict[str, Any] = {"labels": labels, "annotations": notes}
    body: dict[str, Any] = {
        "type": OPAQUE,
        "metadata": metadata | ({"resourceVersion": version} if version else {}),
        "data": {key: Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in data.items()},
    }
    try:
        made = await host.apply(SECRETS, where.name, body, namespace=where.namespace, manager=FIELD_MANAGER, force=True)
    except Conflict:
        raise ChangedMeanwhile(f"Secret {where} was changed by another client meanwhile", "look again") from None
    return str(made["metadata"].get("resourceVersion", ""))


async def check_written(host: Client, request: DPURequest, data: Mapping[str, Sensitive]) -> None:
    """Read the Secret back. Raises ChangedMeanwhile where it does not hold what was written."""
    where = request.secret
    found = (await host.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)).values()
    if {key: found.get(key) for key in data} != dict(data):
        raise ChangedMeanwhile(f"Secret {where} does not hold what was just written: another process wrote to it")


def marks_of(issued: IssuedToken, handle: Handle | None, account_uid: str, target: Target) -> dict[str, str | None]:
    """The annotations that describe a new token; None removes one."""
    return {
        resources.EXPIRES: rfc3339(issued.expires_at),
        resources.REQUESTED: format_go_duration(issued.requested) if issued.requested is not None else None,
        resources.HANDLE: f"{handle.namespace}/{handle.name}/{handle.uid}" if handle is not None else None,
        resources.FINGERPRINT: issued.fingerprint,
        resources.ACCOUNT_UID: account_uid or None,
        resources.TARGET_UID: target.uid or None,
        resources.MADE_IN: made_in.mark(target),
    }


async def annotate(host: Client, request: DPURequest, notes: Mapping[str, str | None]) -> DPURequest:
    """Set (or with None remove) annotations of the request; its generation does not change."""
    missing = {key for key, value in notes.items() if value is None and key not in request.annotations}
    wanted = {key: value for key, value in notes.items() if key not in missing}
    if all(request.annotations.get(key) == value for key, value in wanted.items()):
        return request
    return await _patched(host, request, {"metadata": {"annotations": wanted}}, "")


async def add_finalizer(host: Client, request: DPURequest) -> DPURequest:
    """Exactly one finalizer of ours, beside those of others."""
    if FINALIZER in request.finalizers:
        return request
    return await _patched(host, request, {"metadata": {"finalizers": [*request.finalizers, FINALIZER]}}, "")


async def drop_finalizer(host: Client, request: DPURequest) -> DPURequest | None:
    """Let the request go; returns it where it is there still, because others hold it."""
    kept = [finalizer for finalizer in request.finalizers if finalizer != FINALIZER]
    try:
        await _patched(host, request, {"metadata": {"finalizers": kept}}, "")
        found = await fetch(host, request.cluster, request.namespace, request.name)
    except NotFound as error:
        insist_gone(error)
        return None
    return found if found.uid == request.uid else None


async def update_status(
    host: Client, request: DPURequest, conditions: Sequence[Condition], issued: Issued | None = None
) -> DPURequest:
    """Write conditions, and with `issued` where the credential is and from when to when it is valid."""
    status: dict[str, Any] = {"conditions": to_status(conditions)}
    if issued is not None:
        status |= issued.fields()
    if to_status(request.conditions) == status["conditions"] and issued is None:
        return request
    try:
        return await _patched(host, request, {"status": status}, "status")
    except Invalid as error:
        # Old API servers built with new Go compilers take an empty string in a custom resource for null, and the
        # definition wants a message. A blank one is as good as none for everybody who reads it.
        if "conditions.message" not in error.message:
            raise
    status["conditions"] = [condition | {"message": condition["message"] or " "} for condition in status["conditions"]]
    return await _patched(host, request, {"status": status}, "status")


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What the status says of a credential. Times are only written where they are given."""

    service_account: NamespacedName
    target: NamespacedName | None
    secret: NamespacedName
    issued_at: datetime | None = None
    expires_at: datetime | None = None

    def fields(self) -> dict[str, Any]:
        """The status fields as they are patched; None removes one."""
        fields: dict[str, Any] = {
            "serviceAccount": str(self.service_account),
            "targetCluster": str(self.target) if self.target else None,
            "secret": str(self.secret),
        }
        if self.issued_at is not None and self.expires_at is not None:
            fields |= {"issuedAt": rfc3339(self.issued_at), "expirationTimestamp": rfc3339(self.expires_at)}
        return fields


async def _patched(host: Client, request: DPURequest, patch: dict[str, Any], subresource: str) -> DPURequest:
    """Patch what was read, and nothing else: a conflict is repeated only while spec and token are still the same."""
    for _ in range(_TRIES):
        meta = dict(patch.get("metadata") or {}) | {"resourceVersion": request.resource_version}
        try:
            changed = await host.patch(
                DPU_REQUESTS,
                request.name,
                patch | {"metadata": meta},
                namespace=request.namespace,
                subresource=subresource or None,
            )
        except Conflict:
            now = await fetch(host, request.cluster, request.namespace, request.name)
            if _essence(now) != _essence(request):
                break
            request = now
            if "finalizers" in meta:
                break  # made from a list that may be another one now
        else:
            return parse(request.cluster, changed)
    raise ChangedMeanwhile(f"the request {request} was changed by another client meanwhile", "look again")


def _essence(request: DPURequest) -> tuple[object, ...]:
    return request.uid, request.generation, request.deleted_at, request.expires_at, request.issued_at


def format_in(declared: Format | None, keys: Container[str]) -> Format | None:
    """In which format a Secret is read: the one that the spec declares, whatever else someone put beside it. Another
    one counts where nothing of that one is there: the type was changed, and what is there is about to be replaced."""
    if declared is not None and any(key in keys for key in declared.rules.keys):
        return declared if all(key in keys for key in declared.rules.keys) else None
    return next((form for form in _FORMATS if all(key in keys for key in form.rules.keys)), None)


def _endpoint_in(form: Format, values: Mapping[str, Sensitive], allow: Allow) -> Endpoint | None:
    """Where it leads, None where that is not allowed: it lies where others may write."""
    try:
        return form.rules.taken_apart(values, allow).endpoint
    except DeliveredError:
        return None
