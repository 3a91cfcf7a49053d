"""RBAC as a graph: which Roles reach whom, through which binding, and where they hold.

    access = await collect(client, namespaces=("ci",))
    for grant in access.grants(identity.username, groups_of(identity)): ...

Reads the four kinds of `rbac.authorization.k8s.io` in pages and keeps only what decides. What may not be listed is
named in `gaps`; everything else is still known.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from tui.issuance.model.types import Identity
from tui.kube.errors import Forbidden, KubeError
from tui.kube.resource import RBAC, ROLE_BINDINGS, ROLES, Resource

if TYPE_CHECKING:
    from tui.kube.client import Client

CLUSTER_ROLES: Final = Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
MASTERS: Final = "system:masters"
_ACCOUNT: Final = "system:serviceaccount:"
T = TypeVar("T")


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """One policy rule, as Roles and rules reviews spell it."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = msgspec.field(default=(), name="nonResourceURLs")


EVERYTHING: Final = (
    Rule(verbs=("*",), api_groups=("*",), resources=("*",)),
    Rule(verbs=("*",), non_resource_urls=("*",)),
)
"""What `system:masters` may do, whatever Roles say."""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A binding that reaches someone."""

    kind: str
    """RoleBinding or ClusterRoleBinding."""
    namespace: str
    """Where it holds; empty is everywhere."""
    name: str
    role_kind: str
    role: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What one binding gives. `rules` is None where its Role is missing or may not be read."""

    bound: Bound
    via: str
    """The subject that it names: the user itself, or one of its groups."""
    rules: tuple[Rule, ...] | None


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Role(msgspec.Struct, frozen=True):
    metadata: _Meta
    rules: tuple[Rule, ...] | None = None


class _Reference(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Subject(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""

    def who(self, namespace: str) -> tuple[str, str]:
        """Kind and name as the authorizer compares them: accounts are users."""
        if self.kind == "ServiceAccount":
            return "User", f"{_ACCOUNT}{self.namespace or namespace}:{self.name}"
        return self.kind, self.name


class _Binding(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Meta
    role_ref: _Reference
    subjects: tuple[_Subject, ...] | None = None


@dataclass(slots=True)
class Access:
    """The graph of one cluster, or of some of its namespaces. `gaps` says in words what could not be read."""

    gaps: list[str] = field(default_factory=list)
    failed: list[KubeError] = field(default_factory=list)
    """What went wrong besides missing rights."""
    unread: set[str] = field(default_factory=set)
    """The kinds (plural) of which not all could be read: what is not there may only not have been seen."""
    _rules: dict[tuple[str, str], tuple[Rule, ...]] = field(default_factory=dict)
    """By namespace (empty for ClusterRoles) and name."""
    _reaching: defaultdict[tuple[str, str], list[Bound]] = field(default_factory=lambda: defaultdict(list))

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.gaps

    def grants(self, username: str, groups: Iterable[str]) -> list[Grant]:
        """Everything that reaches this user, cluster-wide bindings first."""
        return self.reaching([("User", username), *(("Group", group) for group in groups)])

    def reaching(self, subjects: Iterable[tuple[str, str]]) -> list[Grant]:
        """The same for subjects by kind (User, Group) and name, as the authorizer compares them."""
        found = [
            Grant(bound=bound, via=name, rules=self._rules_of(bound))
            for kind, name in subjects
            for bound in self._reaching.get((kind, name), ())
        ]
        return sorted(found, key=lambda grant: (grant.bound.namespace != "", str(grant.bound)))

    def subjects(self) -> list[tuple[str, str]]:
        """Everybody whom a binding names, by kind (accounts are users) and name."""
        return list(self._reaching)

    def roles(self, namespace: str) -> dict[tuple[str, str], tuple[Rule, ...]]:
        """What can be bound in a namespace: the rules of its Roles and of all ClusterRoles, by kind and name."""
        return {
            ("Role" if where else "ClusterRole", name): rules
            for (where, name), rules in self._rules.items()
            if where in ("", namespace)
        }

    def names(self, username: str) -> bool:
        """Whether any binding names this very user, not only a group of its."""
        return bool(self._reaching.get(("User", username)))

    def _rules_of(self, bound: Bound) -> tuple[Rule, ...] | None:
        return self._rules.get((bound.namespace if bound.role_kind == "Role" else "", bound.role))

    def add_role(self, role: _Role) -> None:
        """Know what a Role or ClusterRole allows."""
        self._rules[role.metadata.namespace, role.metadata.name] = role.rules or ()

    def add_binding(self, binding: _Binding) -> None:
        """Know whom a RoleBinding or ClusterRoleBinding gives its role to."""
        meta, ref = binding.metadata, binding.role_ref
        kind = "RoleBinding" if meta.namespace else "ClusterRoleBinding"
        bound = Bound(kind=kind, namespace=meta.namespace, name=meta.name, role_kind=ref.kind, role=ref.name)
        for who in {subject.who(meta.namespace) for subject in binding.subjects or ()}:
            self._reaching[who].append(bound)


def groups_of(identity: Identity) -> tuple[str, ...]:
    """The groups that every service account is in."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{identity.namespace}", "system:authenticated")


def rules_in(grants: Iterable[Grant], namespace: str) -> Iterator[tuple[Rule, Grant]]:
    """The rules that hold in `namespace`, those that hold everywhere included."""
    for grant in grants:
        if not grant.bound.namespace or grant.bound.namespace == namespace:
            for rule in grant.rules or ():
                if not (grant.bound.namespace and rule.non_resource_urls):  # paths are granted cluster-wide only
                    yield rule, grant


def is_admin(rules: Iterable[Rule]) -> bool:
    """Whether one of the rules allows everything on everything."""
    return any("*" in rule.verbs and "*" in rule.resources and "*" in rule.api_groups for rule in rules)


async def collect(client: Client, namespaces: Sequence[str] = ()) -> Access:
    """Read the graph. Kinds that may not be listed in the whole cluster are tried in `namespaces` alone."""
    access = Access()

    async def roles(resource: Resource) -> list[str]:
        gaps: list[str] = []
        async for found in _read(client, resource, namespaces, _Role, gaps, access.failed):
            for role in found:
                access.add_role(role)
        return gaps

    async def bindings(resource: Resource) -> list[str]:
        gaps: list[str] = []
        async for found in _read(client, resource, namespaces, _Binding, gaps, access.failed):
            for binding in found:
                access.add_binding(binding)
        return gaps

    told = await asyncio.gather(
        roles(CLUSTER_ROLES), roles(ROLES), bindings(CLUSTER_ROLE_BINDINGS), bindings(ROLE_BINDINGS)
    )
    for resource, gaps in zip((CLUSTER_ROLES, ROLES, CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS), told, strict=True):
        access.gaps += gaps
        if gaps:
            access.unread.add(resource.plural)
    return access


async def _read(
    client: Client,
    resource: Resource,
    namespaces: Sequence[str],
    of: type[T],
    gaps: list[str],
    failed: list[KubeError],
) -> AsyncGenerator[list[T], None]:
    try:
        async for page in client.pages(resource, then=500, type=of):
            yield page.items
    except Forbidden:
        if not resource.namespaced or not namespaces:
            gaps.append(f"no right to list {resource.plural}")
            return
    except KubeError as error:
        gaps.append(f"{resource.plural}: {error.message}")
        failed.append(error)
        return
    else:
        return
    gaps.append(f"{resource.plural} only of {', '.join(namespaces)}: no right to list them in the whole cluster")
    for namespace in namespaces:
        try:
            yield await client.list(resource, namespace=namespace, type=of)
        except KubeError as error:
            gaps[-1] = f"no right to list {resource.plural}" if isinstance(error, Forbidden) else error.message
            return
