"""The ways to become somebody else, each as the requests that a server would have to allow for it.

Where a name is given, a rule without names or with that name allows it. What is created has no name yet, as servers see
it, so that a rule with names never allows it (`fresh`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Identity
from tui.kube.resource import RBAC

from .access import MASTERS, Rule, groups_of

CERTIFICATES: Final = "certificates.k8s.io"
SIGNER: Final = "kubernetes.io/kube-apiserver-client"
"""The only signer whose certificates say who somebody is."""
_CHANGES: Final = ("create", "update", "patch")
_NOBODY: Final = ("",)
"""As names: only a rule without names allows it."""


class Way(StrEnum):
    """How, the most direct first."""

    MINT = "mint"
    IMPERSONATE = "impersonate"
    READ = "read Secret"
    MAKE = "make Secret"
    RUN = "run pods"
    EXEC = "enter pods"
    APPROVE = "certificate"
    RIGHTS = "change rights"
    WRITE = "write Secret"
    EVERYTHING = "everything"

    @property
    def rank(self) -> int:
        """0 is the most direct."""
        return list(Way).index(self)


class Ask(msgspec.Struct, frozen=True):
    """One request, or one of several that do the same."""

    verbs: tuple[str, ...]
    group: str
    resource: str
    """With its subresource: `serviceaccounts/token`."""
    namespace: str = ""
    """Empty where it is about the whole cluster: then only cluster-wide bindings count."""
    names: tuple[str, ...] = ()
    """One of these; none for any."""
    fresh: bool = False


class Path(NamedTuple):
    """A way, with all that it needs; of each need any one request is enough."""

    way: Way
    severity: Severity
    why: str
    needs: tuple[tuple[Ask, ...], ...]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom others could become: a service account, or a user that a certificate names."""

    cluster: str
    username: str
    groups: tuple[str, ...] = ()
    namespace: str = ""
    name: str = ""
    """Of a service account; both empty for a user."""

    @classmethod
    def of(cls, identity: Identity) -> Target:
        """A service account."""
        return cls(
            cluster=identity.cluster,
            username=identity.username,
            groups=groups_of(identity),
            namespace=identity.namespace,
            name=identity.name,
        )


def allows(rule: Rule, ask: Ask) -> bool:
    """Whether a rule allows one of these requests, as the RBAC authorizer compares them."""
    if "*" not in rule.verbs and not any(verb in rule.verbs for verb in ask.verbs):
        return False
    if "*" not in rule.api_groups and ask.group not in rule.api_groups:
        return False
    _, _, part = ask.resource.partition("/")
    if not ("*" in rule.resources or ask.resource in rule.resources or (part and f"*/{part}" in rule.resources)):
        return False
    if not rule.resource_names:
        return True
    return not ask.fresh and (not ask.names or any(name in ask.names for name in rule.resource_names))


def direct(target: Target, held: Collection[tuple[str, str]], pods: Collection[str] | None) -> Iterator[Path]:
    """Every way but those by changing rights; of one way the best comes first."""
    here, name, high = target.namespace, target.name, Severity.HIGH
    if name:
        yield Path(Way.MINT, high, "mints its tokens", ((Ask(("create",), "", _TOKEN, here, (name,)),),))
    yield from _acting(target)
    places: dict[str, list[str]] = {}
    for namespace, secret in held:
        places.setdefault(namespace, []).append(secret)
    read = tuple(Ask(_READS, "", "secrets", where, tuple(names)) for where, names in places.items())
    if read:
        yield Path(Way.READ, high, "reads a Secret that holds a credential of its", (read,))
    if name:
        make = Ask(("create",), "", "secrets", here, fresh=True)
        again = Ask(_READS, "", "secrets", here)
        why = "creates a token Secret for it and reads it"
        yield Path(Way.MAKE, high, why, ((make,), (again,)))
        yield Path(Way.RUN, high, "starts pods that run as it", (tuple(_starting(here)),))
        yield from _entering(here, pods)
    yield from _approving()
    if read:
        write = tuple(Ask(("update", "patch"), "", "secrets", ask.namespace, ask.names) for ask in read)
        why = "writes a Secret that holds its credential: its users can be sent to another server"
        yield Path(Way.WRITE, Severity.MEDIUM, why, (write,))


_TOKEN: Final = "serviceaccounts/token"
_READS: Final = ("get", "list", "watch", "patch")
"""The answer to a patch is the whole object, data included."""


def _acting(target: Target) -> Iterator[Path]:
    users, groups = Ask(("impersonate",), "", "users"), Ask(("impersonate",), "", "groups", names=(MASTERS,))
    account = "serviceaccounts" if target.name else "users"
    me = (target.name or target.username,)
    may = Ask(("impersonate",), "", account, target.namespace, me)
    yield Path(Way.IMPERSONATE, Severity.HIGH, "may act as it (impersonate)", ((may,),))
    anyone = (users, Ask(("impersonate",), "", "serviceaccounts", target.namespace))
    why = f"may act as anyone in {MASTERS}, and so as it"
    yield Path(Way.IMPERSONATE, Severity.HIGH, why, (anyone, (groups,)))
    mode = "serviceaccount" if target.name else "user-info"
    narrow = Ask((f"impersonate:{mode}",), "authentication.k8s.io", account, target.namespace, me)
    why = f"may act as it in what impersonate-on:{mode} allows"
    yield Path(Way.IMPERSONATE, Severity.MEDIUM, why, ((narrow,),))


def _starting(here: str) -> Iterator[Ask]:
    """All that a pod comes of. A pod's account, and a job's template, cannot be changed afterwards."""
    yield Ask(("create",), "", "pods", here, fresh=True)
    for group, resources in _MAKERS.items():
        for resource in resources:
            yield Ask(("create",), group, resource, here, fresh=True)
            if resource != "jobs":
                yield Ask(("update", "patch"), group, resource, here)


_MAKERS: Final = {
    "apps": ("deployments", "daemonsets", "statefulsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
    "": ("replicationcontrollers",),
}


def _entering(here: str, pods: Collection[str] | None) -> Iterator[Path]:
    """Only where a pod runs as it, or where that is not known."""
    if pods is not None and not pods:
        return
    names = tuple(sorted(pods or ()))
    if_any = "" if pods is not None else ", if one does: pods cannot be listed"
    severity = Severity.HIGH if pods is not None else Severity.MEDIUM
    ways = (
        *(Ask(("create", "get"), "", part, here, names) for part in ("pods/exec", "pods/attach")),
        Ask(("update", "patch"), "", "pods/ephemeralcontainers", here, names),
        Ask(("update", "patch"), "", "pods", here, names),
        Ask(("create", "get"), "", "nodes/proxy"),
    )
    yield Path(Way.EXEC, severity, f"runs commands in pods that run as it{if_any}", (ways,))


def _approving() -> Iterator[Path]:
    approve = Ask(("update", "patch"), CERTIFICATES, "certificatesigningrequests/approval")
    signer = Ask(("approve",), CERTIFICATES, "signers", names=(SIGNER, "kubernetes.io/*"))
    make = Ask(("create",), CERTIFICATES, "certificatesigningrequests", fresh=True)
    fetch = Ask(("get", "list", "watch", "patch"), CERTIFICATES, "certificatesigningrequests")
    why = "requests a client certificate for it and approves that"
    yield Path(Way.APPROVE, Severity.HIGH, why, ((approve,), (signer,), (make,), (fetch,)))
    why = "approves a client certificate for it, if someone requests one"
    yield Path(Way.APPROVE, Severity.MEDIUM, why, ((approve,), (signer,)))


def bound_by(target: Target, enough: Collection[tuple[str, str]]) -> Iterator[Path]:
    """Who may bind itself to a Role that gives one of the ways, or what the target itself is bound to (`enough`: kind
    and name). A binding to a Role whose rights somebody holds already gives nothing new, so it needs the verb bind."""
    of = {kind: tuple(sorted(name for role, name in enough if role == kind)) or _NOBODY for kind in ("Role", _CLUSTER)}
    why = "may bind itself to a Role that allows it (bind)"
    if target.namespace:
        bind = (Ask(("bind",), RBAC, "roles", target.namespace, of["Role"]),
                Ask(("bind",), RBAC, "clusterroles", target.namespace, of[_CLUSTER]))  # fmt: skip
        yield Path(Way.RIGHTS, Severity.HIGH, why, (bind, tuple(_writing("rolebindings", target.namespace))))
    everywhere = Ask(("bind",), RBAC, "clusterroles", "", of[_CLUSTER])
    yield Path(Way.RIGHTS, Severity.HIGH, why, ((everywhere,), tuple(_writing("clusterrolebindings", ""))))


_CLUSTER: Final = "ClusterRole"


def _writing(resource: str, namespace: str) -> Iterator[Ask]:
    yield Ask(("create",), RBAC, resource, namespace, fresh=True)
    yield Ask(("update", "patch"), RBAC, resource, namespace)


def changes_roles(target: Target, own: Collection[tuple[str, str]]) -> Iterator[Path]:
    """Who may fill a Role that is bound to it (`own`: kind and name) with rights that it does not hold."""
    why = "may give a Role that it has any right (escalate)"
    for kind, resource, where in (("Role", "roles", target.namespace), (_CLUSTER, "clusterroles", "")):
        names = tuple(sorted(name for role, name in own if role == kind))
        if names and (where or kind == _CLUSTER):
            escalate, change = (
                Ask(verbs, RBAC, resource, where, names) for verbs in (("escalate",), ("update", "patch"))
            )
            yield Path(Way.RIGHTS, Severity.HIGH, why, ((escalate,), (change,)))
