"""The controller of DPF's DPUServiceCredentialRequest, as it runs in the demo's management cluster.

It keeps the reference controller's order (target, service account and token, Secret, status, next wake-up) and its
words, and leaves out its faults: what works is replaced only when its successor exists, a server that grants less than
asked is not asked again on every look, a Secret or account that somebody deleted comes back whole, and nothing that
existed before is adopted.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.apply import Manager, apply
from tui.demo.apiserver.status import StatusError
from tui.demo.apiserver.storage import SECRETS, SERVICE_ACCOUNTS, Change, rfc3339
from tui.demo.apiserver.token_request import DEFAULT_SECONDS
from tui.demo.apiserver.validation import check_seconds

from .conditions import ensure, failed, succeeded, summarize
from .dpf_kinds import FINALIZER, REQUESTS, ownership
from .dpf_target import TargetError, check_reachable, find_target
from .material import secret_data, token_in
from .objects import account, made
from .worker import Worker

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

DEFAULT_NAMESPACE: Final = "default"
DAY: Final = timedelta(days=1)
MANAGER: Final = "dpuservicecredentialrequestcontroller"
_UNIT: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_RETRY: Final = 15.0

Named = tuple[str, str]


class ControllerError(Exception):
    """A step that failed; the text goes into the condition."""


@dataclass(frozen=True, slots=True)
class _Issued:
    token: str
    issued: datetime
    expires: datetime


class CredentialController:
    """Keeps the requests of the management cluster, in `namespaces` or everywhere."""

    def __init__(
        self,
        management: EmbeddedCluster,
        clusters: Mapping[str, EmbeddedCluster],
        *,
        namespaces: frozenset[str] | None = None,
        delay: float = 0.05,
    ) -> None:
        self._management = management
        self._clusters = clusters
        self._namespaces = namespaces
        self._storage = management.storage
        self._rng = random.Random(management.name)  # noqa: S311 (jitter)
        self.worker: Worker[Named] = Worker(self._reconcile, delay)
        self._storage.subscribe(self._changed, REQUESTS)
        self._storage.subscribe(partial(self._made_changed, "secret"), SECRETS)
        for cluster in clusters.values():
            cluster.storage.subscribe(partial(self._made_changed, "serviceAccount"), SERVICE_ACCOUNTS)
        self.look()

    # What calls for a look

    def _add(self, request: Object) -> None:
        namespace = request["metadata"]["namespace"]
        if self._namespaces is None or namespace in self._namespaces:
            self.worker.add((namespace, request["metadata"]["name"]))

    def _changed(self, change: Change) -> None:
        if change.type == "DELETED":
            return
        before, now = change.before, change.now.object
        if before is None or _relevant(before.object) != _relevant(now):
            self._add(now)

    def _made_changed(self, field: str, change: Change) -> None:
        """What a request made, and names in this field of its status, is gone."""
        _, namespace, name = change.now.key
        for request in self._storage.list(REQUESTS) if change.type == "DELETED" else ():
            if (request.get("status") or {}).get(field) == f"{namespace}/{name}":
                self._add(request)

    def look(self) -> None:
        """Looks at every request now, as after a jump of the clock."""
        for request in self._storage.list(REQUESTS):
            self._add(request)

    # One look

    def _reconcile(self, key: Named) -> float | None:
        request = self._storage.get(REQUESTS, key[1], key[0])
        if request is None:
            return None
        request = copy.deepcopy(request)
        status = request.setdefault("status", {})
        if request["metadata"].get("deletionTimestamp"):
            return self._delete(request)
        now = self._management.clock()
        if FINALIZER not in (request["metadata"].get("finalizers") or ()):
            request["metadata"].setdefault("finalizers", []).append(FINALIZER)
            ensure(status, rfc3339(now))
            self._storage.update(REQUESTS, request)
            return 0.0
        ensure(status, rfc3339(now))
        step, wake = "SecretReconciled", None
        try:
            # Before anything is issued: a token that cannot be written would be issued anew on every look.
            self._secret_of(request)
            step = "ServiceAccountReconciled"
            target = self._target(request)
            issued = self._account_step(request, target)
            succeeded(status, step, rfc3339(now))
            step = "SecretReconciled"
            self._secret_step(request, target, issued)
            succeeded(status, step, rfc3339(now))
            wake = self._next_wake(status)
        except (ControllerError, TargetError) as error:
            failed(status, step, str(error), rfc3339(now))
            wake = _RETRY
        summarize(status, rfc3339(now))
        self._storage.update(REQUESTS, request)
        return wake

    def _target(self, request: Object) -> EmbeddedCluster:
        wanted = request["spec"].get("targetCluster")
        if not wanted:
            return self._management
        return find_target(self._storage, self._clusters, *_place(wanted))

    def _account_step(self, request: Object, target: EmbeddedCluster) -> _Issued | None:
        """The account and, where one is needed, a new token. None: the token that exists is still good."""
        spec, status = request["spec"], request["status"]
        namespace, name = _place(spec["serviceAccount"])
        here = f"{namespace}/{name}"
        where = "/".join(_place(spec["targetCluster"])) if spec.get("targetCluster") else None
        moved = status.get("serviceAccount") not in (None, here) or (
            "serviceAccount" in status and status.get("targetCluster") != where
        )
        seconds = _seconds(spec)
        found = target.storage.get(SERVICE_ACCOUNTS, name, namespace)
        ours = found is not None and (_owned(found, request) or (not moved and status.get("serviceAccount") == here))
        if found is not None and not ours:
            raise ControllerError(f"service account {here} is already in use")
        if found is not None and not moved and self._keeps(request, target, seconds):
            return None
        check_reachable(target)
        old = self._cluster_of(status.get("targetCluster")) if moved else None
        if old is not None:
            check_reachable(old)
        if found is None:
            found = account(name, namespace) | {"automountServiceAccountToken": False}
            found["metadata"]["labels"] = ownership(request)
            target.add_namespace(namespace)
            found = target.storage.create(SERVICE_ACCOUNTS, found)
        issued = self._mint(target, found, seconds)
        if moved:
            self._leave(request)
        status["serviceAccount"] = here
        status.pop("targetCluster", None)
        if where is not None:
            status["targetCluster"] = where
        status["issuedAt"], status["expirationTimestamp"] = rfc3339(issued.issued), rfc3339(issued.expires)
        return issued

    def _mint(self, target: EmbeddedCluster, owner: Object, seconds: int | None) -> _Issued:
        wanted = DEFAULT_SECONDS if seconds is None else seconds
        if causes := check_seconds(wanted, "spec.expirationSeconds"):
            raise ControllerError(f'TokenRequest.authentication.k8s.io "" is invalid: {causes[0].text()}')
        lifetime = target.tokens.lifetime(wanted, (), pod=False)
        token, expires = target.tokens.bound_token(owner, lifetime)
        return _Issued(token, expires - timedelta(seconds=lifetime.granted_seconds), expires)

    def _keeps(self, request: Object, target: EmbeddedCluster, seconds: int | None) -> bool:
        """Whether the token that exists is fresh, of the asked lifetime, and still where it should be."""
        status = request["status"]
        stamps = _stamps(status)
        if stamps is None:
            return False
        issued, expires = stamps
        granted = int((expires - issued).total_seconds())
        # What the target grants at most was not asked for, but asking again would not give more.
        as_asked = seconds is None or granted in (seconds, target.tokens.policy.max_seconds)
        return as_asked and self._management.clock() < _due(issued, expires) and self._held(request) is not None

    def _held(self, request: Object) -> str | None:
        """The token in the Secret that the status names."""
        namespace, _, name = (request["status"].get("secret") or "").partition("/")
        secret = self._storage.get(SECRETS, name, namespace)
        return token_in(secret.get("data") or {}) if secret is not None else None

    def _secret_of(self, request: Object) -> Object | None:
        """The Secret that the request asks for, where it is there. Raises where it is somebody else's."""
        namespace, name = _place(request["spec"]["secret"])
        found = self._storage.get(SECRETS, name, namespace)
        known = request["status"].get("secret") == f"{namespace}/{name}"
        if found is not None and not (known or _owned(found, request)):
            raise ControllerError(f"secret {namespace}/{name} is already in use")
        return found

    def _secret_step(self, request: Object, target: EmbeddedCluster, issued: _Issued | None) -> None:
        spec, status = request["spec"], request["status"]
        namespace, name = _place(spec["secret"])
        here, before = f"{namespace}/{name}", status.get("secret")
        token = issued.token if issued is not None else self._held(request)
        if token is None:
            raise ControllerError(f"the token for {here} is not held any more")
        found = self._secret_of(request)
        try:
            data = secret_data(spec["type"], target, *_place(spec["serviceAccount"]), token)
        except ValueError as error:
            raise ControllerError(str(error)) from error
        wanted = spec.get("metadata") or {}
        labels, notes = (wanted.get("labels") or {}) | ownership(request), dict(wanted.get("annotations") or {})
        patch: Object = {
            "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": notes},
            "type": "Opaque",
            "data": data,
        }
        schema = self._management.server.kinds["", "v1", "secrets"].schema or {}
        now = rfc3339(self._management.clock())
        manager = Manager(MANAGER, "Apply", "v1")
        if found is None:
            empty = made("Secret", name, namespace)
            self._storage.create(SECRETS, apply(schema, empty, patch, manager, now, force=True))
        else:
            self._storage.update(SECRETS, apply(schema, copy.deepcopy(found), patch, manager, now, force=True))
        if before not in (None, here):
            self._remove_secret(before)
        status["secret"] = here

    # Leaving and ending

    def _leave(self, request: Object) -> None:
        """Deletes the account that the status names, in the cluster that the status names."""
        status = request["status"]
        namespace, _, name = (status.get("serviceAccount") or "").partition("/")
        old = self._cluster_of(status.get("targetCluster"))
        if not name or old is None:
            return
        check_reachable(old)
        if old.storage.get(SERVICE_ACCOUNTS, name, namespace) is not None:
            old.storage.delete(SERVICE_ACCOUNTS, name, namespace)

    def _cluster_of(self, name: str | None) -> EmbeddedCluster | None:
        if name is None:
            return self._management
        namespace, _, cluster = name.partition("/")
        try:
            return find_target(self._storage, self._clusters, namespace, cluster)
        except TargetError as error:
            if error.gone:
                return None
            raise

    def _remove_secret(self, name: str) -> None:
        namespace, _, secret = name.partition("/")
        if self._storage.get(SECRETS, secret, namespace) is not None:
            self._storage.delete(SECRETS, secret, namespace)

    def _delete(self, request: Object) -> float | None:
        status, metadata = request["status"], request["metadata"]
        if FINALIZER not in (metadata.get("finalizers") or ()):
            return None
        try:
            self._leave(request)
        except (TargetError, StatusError) as error:
            account_name, where = status.get("serviceAccount"), status.get("targetCluster", "this cluster")
            text = f"cannot clean up service account {account_name} in {where}: {error}"
            now = rfc3339(self._management.clock())
            failed(status, "ServiceAccountReconciled", text, now)
            summarize(status, now)
            self._storage.update(REQUESTS, request)
            return _RETRY
        if status.get("secret"):
            self._remove_secret(status["secret"])
        metadata["finalizers"] = [held for held in metadata["finalizers"] if held != FINALIZER]
        self._storage.update(REQUESTS, request)
        return None

    def _next_wake(self, status: Object) -> float | None:
        stamps = _stamps(status)
        if stamps is None:
            return None
        left = (_due(*stamps) - self._management.clock()).total_seconds()
        return max(left, 0.0) + self._rng.random() * 5


def _owned(obj: Object, request: Object) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in ownership(request).items())


def _relevant(request: Object) -> tuple[Any, ...]:
    metadata = request["metadata"]
    return request.get("spec"), metadata.get("deletionTimestamp"), metadata.get("finalizers")


def _place(reference: Object) -> Named:
    return reference.get("namespace") or DEFAULT_NAMESPACE, reference["name"]


def _seconds(spec: Object) -> int | None:
    """The asked lifetime in whole seconds; None leaves it to the server."""
    duration = spec.get("duration")
    if not duration:
        return None
    return int(sum(Decimal(number) * _UNIT[unit] for number, unit in _PART.findall(duration)))


def _stamps(status: Object) -> tuple[datetime, datetime] | None:
    """Issue and expiry. None where one is missing or they contradict each other: then nothing can be relied on."""
    try:
        issued, expires = (datetime.fromisoformat(status.get(f) or "") for f in ("issuedAt", "expirationTimestamp"))
    except ValueError:
        return None
    if issued.tzinfo is None or expires.tzinfo is None or issued >= expires:
        return None
    return issued, expires


def _due(issued: datetime, expires: datetime) -> datetime:
    """When 80 % of the life is over, a day after issue at the latest."""
    margin = int((expires - issued).total_seconds()) * 20 // 100
    return min(expires - timedelta(seconds=margin), issued + DAY)
