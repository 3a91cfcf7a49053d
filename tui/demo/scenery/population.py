"""Who lives in an embedded cluster: namespaces, service accounts, pods that use them, rights, and tokens in Secrets.

Everything is put into the storage directly, as if it had been made earlier: real servers refuse lifetimes under ten
minutes and never sign for yesterday, but a picture of a fleet needs credentials of every age.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.storage import (
    CLUSTER_ROLE_BINDINGS,
    CONFIG_MAPS,
    NODES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    rfc3339,
)
from tui.demo.apiserver.tokens import Bound, Lifetime
from tui.demo.apiserver.verify import INVALID_SINCE, LAST_USED, TRACKING
from tui.demo.operators.material import secret_data
from tui.demo.operators.objects import account, binding, made, robot, role, token_secret
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

PEOPLE: Final[dict[str, tuple[str, ...]]] = {
    "payments": ("api", "ledger", "refunds", "settlement"),
    "ci": ("runner", "deployer", "artifact-push"),
    "monitoring": ("prometheus", "grafana", "alertmanager"),
    "dpf-operator-system": ("dpf-operator", "dpu-agent"),
    "edge": ("gateway", "edge-sync", "kiosk"),
    "ingress": ("ingress-nginx", "cert-manager"),
    "logging": ("fluent-bit", "loki"),
    "storage": ("csi-provisioner", "snapshotter"),
    "data-platform": ("spark", "airflow", "trino"),
    "web": ("frontend", "checkout"),
}
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
HOSTILE: Final = "[bold red]not a heading[/] \x1b[31mred\x1b[0m \u202egnp.exe [link=file:///etc/passwd]click[/link]"
"""Text that a careless screen would obey: markup, escape sequences, right-to-left override."""


@dataclass(frozen=True)
class _State:
    """A managed Secret of which `part` of the lifetime is over."""

    part: float
    lifetime: timedelta
    form: str = "kubeconfig"
    requested: timedelta | None = None
    with_handle: bool = True
    marks: Mapping[str, str | None] = field(default_factory=dict)


_HOUR: Final = timedelta(hours=1)
_CALLED: Final = {"kubeconfig": "kubeconfig", "token": "token", "tokenFile": "env"}
_STATES: Final = (
    _State(0.12, 8 * _HOUR),
    _State(0.775, _HOUR),
    _State(0.86, timedelta(minutes=10), "token"),
    _State(0.93, _HOUR),
    _State(3.4, _HOUR, "tokenFile"),
    _State(0.21, _HOUR, requested=24 * _HOUR),
    _State(0.16, 2 * _HOUR),
    _State(
        0.18, _HOUR, with_handle=False, marks={"expires": None, "account": "ci/run\u202ener [bold red]root[/]\x1b[31m"}
    ),
    _State(0.44, _HOUR, "tokenFile"),
)


class Settler:
    """Puts objects into one cluster. Everything random comes from the cluster's own generator."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self.cluster = cluster
        self.now = cluster.clock().replace(microsecond=0)
        self.rng: random.Random = cluster.rng

    def put(
        self, collection: tuple[str, str], obj: Object, age: timedelta | None = None, made: datetime | None = None
    ) -> Object:
        """Stores an object that was created `age` ago, or at `made` (some weeks ago where neither is given)."""
        created = self.now - (age or timedelta(days=self.rng.randint(20, 400), seconds=self.rng.randint(0, 86400)))
        created = made or created
        obj["metadata"] |= {"uid": self.cluster.new_id(), "creationTimestamp": rfc3339(created)}
        return self.cluster.storage.create(collection, obj)

    def namespaces(self) -> None:
        """The usual namespaces."""
        for name in PEOPLE:
            created = rfc3339(self.now - timedelta(days=self.rng.randint(100, 500)))
            self.cluster.add_namespace(name, {"team": name.partition("-")[0]}, creationTimestamp=created)

    def account(self, namespace: str, name: str, made: datetime | None = None, **metadata: Any) -> Object:
        """A service account, the one that is there already or a new one."""
        found = self.cluster.storage.get(SERVICE_ACCOUNTS, name, namespace)
        if found is not None:
            return found
        new = account(name, namespace)
        new["metadata"] |= metadata
        return self.put(SERVICE_ACCOUNTS, new, made=made)

    def accounts(self, count: int) -> list[Object]:
        """`count` service accounts, spread over the namespaces in a fixed order."""
        return [
            self.account(namespace, name, labels={"app.kubernetes.io/name": name.partition(".")[0]})
            for namespace, name in itertools.islice(_names(), count)
        ]

    def nodes_and_pods(self, accounts: Sequence[Object]) -> None:
        """Two nodes, and a pod for each of the first accounts."""
        for number in (1, 2):
            status = {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}
            self.put(NODES, made("Node", f"{self.cluster.name}-node-{number}", spec={}, status=status))
        for number, owner in enumerate(accounts[:12]):
            name = owner["metadata"]["name"]
            pod = made("Pod", f"{name}-{self.suffix(5)}", owner["metadata"]["namespace"], labels={"app": name})
            pod["spec"] = {
                "serviceAccountName": name,
                "nodeName": f"{self.cluster.name}-node-{number % 2 + 1}",
                "containers": [{"name": name, "image": f"registry.example/{name}:1.{number}"}],
            }
            pod["status"] = running(name)
            self.put(PODS, pod, timedelta(hours=self.rng.randint(1, 300)))

    def rights(self, accounts: Sequence[Object]) -> None:
        """Who may do what: deployers edit, monitoring views, and one account mints its own tokens."""
        grants = dict.fromkeys(("runner", "deployer"), "edit") | dict.fromkeys(("prometheus", "grafana"), "view")
        grants["dpf-operator"] = "admin"
        for owner in accounts[:200]:
            name, home = owner["metadata"]["name"], owner["metadata"]["namespace"]
            if (right := grants.get(name)) is not None:
                where = "" if right == "view" else home
                granted = binding(name, where, ("ClusterRole", right), robot(home, name))
                self.put(ROLE_BINDINGS if where else CLUSTER_ROLE_BINDINGS, granted)
        self.self_minting("data-platform", "airflow")

    def self_minting(self, namespace: str, name: str) -> None:
        """The role and binding by which an account may mint tokens for itself alone."""
        self.account(namespace, name)
        called = f"{name}-create-token"
        rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [name], "verbs": ["create"]}
        self.put(ROLES, role("Role", called, namespace, rules=[rule]))
        self.put(ROLE_BINDINGS, binding(called, namespace, ("Role", called), robot(namespace, name)))

    # Credentials

    def token(self, owner: Object, issued: datetime, lifetime: timedelta, bound: Bound | None = None) -> str:
        """A real token of any age; no server would issue it so."""
        seconds = int(lifetime.total_seconds())
        token, _ = self.cluster.tokens.bound_token(owner, Lifetime(seconds, seconds), bound=bound, issued_at=issued)
        return token

    def managed(
        self,
        name: str,
        owner: Object,
        age: timedelta,
        lifetime: timedelta,
        *,
        requested: timedelta | None = None,
        form: str = "kubeconfig",
        with_handle: bool = True,
        **annotations: str | None,
    ) -> Object:
        """A Secret that kubemint manages, with its handle; `annotations` replaces or (None) drops marks."""
        issued = self.now - age
        namespace, of = owner["metadata"]["namespace"], owner["metadata"]["name"]
        request = self.cluster.new_id()
        push = annotations.get("push") or ""
        seconds = int((requested or lifetime).total_seconds())
        called = _handle_name(f"{namespace}/{of}", self.suffix(8), request, f"{namespace}/{name}", seconds, push)
        handle = made("Secret", called, namespace, labels=_managed("handle"))
        handle["metadata"] |= {
            "annotations": {
                "kubemint.io/request": request,
                "kubemint.io/account": f"{namespace}/{of}",
                "kubemint.io/plan": self.cluster.new_id(),
                "kubemint.io/issued-by": "demo",
                "kubemint.io/secrets": json.dumps([f"{namespace}/{name}"]),
                "kubemint.io/requested": go_duration(requested or lifetime),
            },
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ServiceAccount", "name": of, "uid": owner["metadata"]["uid"]}
            ],
        }
        if push:
            handle["metadata"]["annotations"]["kubemint.io/pushes"] = json.dumps({f"{namespace}/{name}": push})
        if with_handle:
            uid = self.put(SECRETS, handle | {"type": "kubemint.io/handle"}, age)["metadata"]["uid"]
        else:
            uid = self.cluster.new_id()
        bound = Bound("Secret", handle["metadata"]["name"], uid)
        token = self.token(owner, issued, lifetime, bound)
        notes: dict[str, str | None] = {
            "request": request,
            "account": f"{namespace}/{of}",
            "format": form,
            "requested": go_duration(requested or lifetime),
            "granted": go_duration(lifetime),
            "issued": rfc3339(issued),
            "expires": rfc3339(issued + lifetime),
            "handle": f"{namespace}/{bound.name}/{uid}",
            "fingerprint": Sensitive(token).fingerprint,
        }
        notes |= annotations
        data = secret_data(form, self.cluster, namespace, of, token)
        secret = made("Secret", name, namespace, labels=_managed("credential"), type="Opaque", data=data)
        marks = {f"kubemint.io/{key}": value for key, value in notes.items() if value is not None}
        secret["metadata"]["annotations"] = marks
        return self.put(SECRETS, secret, age)

    def legacy(self, name: str, owner: Object, **labels: str) -> Object:
        """A token Secret that somebody made by hand; the token controller fills it."""
        secret = token_secret(name, owner["metadata"]["namespace"], owner)
        secret["metadata"] |= {"labels": labels} if labels else {}
        return self.put(SECRETS, secret)

    def _noted_for(self, time: timedelta) -> None:
        """For how long the server has noted uses, where it does."""
        found = self.cluster.storage.get(CONFIG_MAPS, TRACKING, "kube-system")
        if found is not None:
            self.cluster.storage.update(CONFIG_MAPS, dict(found) | {"data": {"since": f"{self.now - time:%Y-%m-%d}"}})

    def legacy_tokens(self, accounts: Sequence[Object], *, few: bool) -> None:
        """Token Secrets from old days: still used, unused for long, already invalidated."""
        self._noted_for(timedelta(days=900))
        by_name = {owner["metadata"]["name"]: owner for owner in accounts}
        if few:
            by_name = dict(self.rng.sample(sorted(by_name.items()), len(by_name) // 2))
        used, unused = (f"{self.now - timedelta(days=days):%Y-%m-%d}" for days in (1, 212))
        for owner, name, marks in (
            ("prometheus", "prometheus-static-token", {LAST_USED: used}),
            ("runner", "ci-bot-token", {LAST_USED: unused}),
            ("ledger", "ledger-import", {LAST_USED: unused, INVALID_SINCE: used}),
        ):
            if owner in by_name:
                self.legacy(name, by_name[owner], **marks)

    def managed_secrets(self, accounts: Sequence[Object], *, few: bool, extra: int = 0) -> None:
        """A Secret in every state (or a `few` of them, a little different in each cluster), then `extra` more."""
        count = min(4, len(accounts)) if few else len(accounts)
        owners = self.rng.sample(accounts, count) if few else accounts
        states = self.rng.sample(_STATES, count) if few else _STATES
        for owner, state in zip(owners, states, strict=False):
            age = state.lifetime * (state.part * self.rng.uniform(0.6, 1.0) if few else state.part)
            self.managed(
                f"{owner['metadata']['name']}-{_CALLED[state.form]}",
                owner,
                age=age,
                lifetime=state.lifetime,
                requested=state.requested,
                form=state.form,
                with_handle=state.with_handle,
                **state.marks,
            )
        for number, owner in enumerate(itertools.islice(itertools.cycle(accounts), extra)):
            lifetime = timedelta(minutes=self.rng.choice((30, 60, 120, 480, 1440)))
            age = lifetime * self.rng.uniform(0.02, 1.1)
            self.managed(f"{owner['metadata']['name']}-export-{number:04}", owner, age, lifetime)

    def suffix(self, length: int) -> str:
        """Random characters as Kubernetes appends them to generated names."""
        return "".join(self.rng.choice(_LETTERS) for _ in range(length))


def _handle_name(account: str, salt: str, request: str, secret: str, seconds: int, push: str = "") -> str:
    """The name of the handle of `NAMESPACE/NAME` for one Secret (`NAMESPACE/NAME`), for a token of so many seconds.

    For accounts with names of at most 28 characters. The embedded fleet is below the issuance core, so it follows the
    rule of `issuance.handle_names`, a digest of what the annotations say, in words of its own.
    """
    pushes = [[secret, push]] if push else []
    said = ["handle", salt, [account, request, [secret], [], seconds, pushes]]
    number = int.from_bytes(hashlib.sha256(json.dumps(said).encode()).digest())
    digest = ""
    for _ in range(17):
        number, rest = divmod(number, len(_LETTERS))
        digest += _LETTERS[rest]
    return f"kubemint-{account.rpartition('/')[2]}-{salt}{digest}"


def _names() -> Iterator[tuple[str, str]]:
    for number in itertools.count():
        for row in itertools.zip_longest(*PEOPLE.values()):
            for namespace, name in zip(PEOPLE, row, strict=True):
                if name is not None:
                    yield namespace, name if number == 0 else f"{name}-{number:04}"


def running(container: str) -> Object:
    """The status of a pod of one container that runs."""
    status: Object = {"name": container, "ready": True, "restartCount": 0, "image": "", "imageID": ""}
    return {"phase": "Running", "containerStatuses": [status]}


def _managed(role: str) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": role}


def go_duration(lifetime: timedelta) -> str:
    """`1h0m0s`, as Go prints a duration."""
    minutes, seconds = divmod(int(lifetime.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s"
