"""Who else could become an account or a user: everybody whom RBAC gives a way to it, and through which binding.

    access = await collect(client)
    for one in becomers(access, Target.of(identity), held=[("ci", "robot-token")], pods=["robot-0"]): ...

Pure: computed from Roles and bindings, as the RBAC authorizer of a server reads them. Other authorizers are not seen,
nor is more than one step: whoever could become one of those that are listed is found by asking for that one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Identity

from .access import MASTERS, Access, Bound, Grant, Rule, groups_of, is_admin
from .becoming_ways import Ask, Path, Target, Way, allows, bound_by, changes_roles, direct

ACCOUNT: Final = "system:serviceaccount:"
AUTHENTICATED: Final = "system:authenticated"
_EVERYBODY: Final = frozenset({AUTHENTICATED, "system:unauthenticated", "system:serviceaccounts", "system:anonymous"})
_GROUPS_OF_ALL: Final = "system:serviceaccounts"


class Becomer(msgspec.Struct, frozen=True, kw_only=True):
    """One subject and one way in which it could become what was asked about."""

    severity: Severity
    kind: str
    """User, Group or ServiceAccount."""
    name: str
    namespace: str = ""
    """Of a ServiceAccount."""
    way: Way
    why: str
    through: tuple[str, ...]
    """The bindings that give it, and the groups they name; empty where the server itself does."""
    strong: bool = False
    """Whether it may do everything anyhow, or is a part of Kubernetes itself."""
    asks: tuple[Ask, ...] = ()
    """What a server would have to allow for it, one request for each."""
    confirmed: bool | None = None
    """What the server says when it is asked (SubjectAccessReview); None where it was not."""

    @property
    def subject(self) -> str:
        """For people: `ServiceAccount ci/robot`, `Group system:masters`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def becomers(
    access: Access,
    target: Target,
    *,
    held: Collection[tuple[str, str]] = (),
    pods: Collection[str] | None = None,
) -> list[Becomer]:
    """Everybody, the worst first. `held`: namespace and name of each Secret that holds a credential of the target;
    `pods`: the names of those that run as it, None where that is not known."""
    return _Search(access, target, held, pods).run()


def missing_roles(access: Access, target: Target) -> tuple[list[str], list[str]]:
    """Bindings that hold where the target is and whose Role is not known: those that may not be read, and those that
    are not there. What they would give is not counted."""
    unread: dict[str, None] = {}
    absent: dict[str, None] = {}
    for grant in access.reaching(access.subjects()):
        if grant.rules is not None or grant.bound.namespace not in ("", target.namespace):
            continue
        bound = grant.bound
        said = f"{bound.role_kind} {bound.role}, to which {bound} binds {grant.via}"
        if f"{bound.role_kind.lower()}s" in access.unread:
            unread[f"{said}, cannot be read"] = None
        else:
            absent[f"{said}, does not exist: anyone who creates it grants it"] = None
    return list(unread), list(absent)


class _Search:
    """One look at one cluster."""

    def __init__(
        self, access: Access, target: Target, held: Collection[tuple[str, str]], pods: Collection[str] | None
    ) -> None:
        self._access = access
        self._target = target
        self._direct = list(direct(target, held, pods))
        self._hits: dict[tuple[Bound, Ask], bool] = {}
        roles = access.roles(target.namespace)
        own = {(grant.bound.role_kind, grant.bound.role) for grant in access.grants(target.username, target.groups)}
        enough = {role for role, rules in roles.items() if role in own or self._is_enough(rules)}
        self._paths = [*self._direct, *bound_by(target, enough)]

    def run(self) -> list[Becomer]:
        found: list[Becomer] = []
        for kind, name in self._access.subjects():
            if kind in ("User", "Group") and (kind, name) != ("User", self._target.username):
                found += self._of(kind, name)
        if not any((one.kind, one.name) == ("Group", MASTERS) for one in found):
            why = "may do everything, whatever Roles say"
            found.append(_made("Group", MASTERS, Way.EVERYTHING, Severity.LOW, why, (), (), strong=True))
        found += self._as_others(found)
        return sorted(found, key=lambda one: (one.severity.rank, one.way.rank, one.kind, one.namespace, one.name))

    def _of(self, kind: str, name: str) -> Iterator[Becomer]:
        grants = self._access.reaching([(kind, name), *(("Group", group) for group in _groups(kind, name))])
        if everything := self._everything(kind, name, grants):
            yield everything
            return
        ways: set[Way] = set()
        for path in (*self._paths, *self._own_roles(grants)):
            if path.way not in ways and (one := self._along(kind, name, path, grants)) is not None:
                ways.add(path.way)
                yield one

    def _along(self, kind: str, name: str, path: Path, grants: Sequence[Grant]) -> Becomer | None:
        """What a subject may on one path, where something of it is given to that very subject."""
        used: list[Grant] = []
        asks: list[Ask] = []
        for need in path.needs:
            met = [(grant, ask) for grant in grants for ask in need if self._hit(grant, ask)]
            if not met:
                return None
            used += (grant for grant, _ in met)
            asks.append(_concrete(*met[0]))
        if all(grant.via != name for grant in used):
            return None  # a group of its is listed for it
        through = tuple(dict.fromkeys(_through(grant, name) for grant in used))
        part = is_part(kind, name, used)
        return _made(kind, name, path.way, path.severity, path.why, through, tuple(asks), strong=part)

    def _hit(self, grant: Grant, ask: Ask) -> bool:
        if grant.bound.namespace and grant.bound.namespace != ask.namespace:
            return False
        key = (grant.bound, ask)
        if key not in self._hits:
            self._hits[key] = any(allows(rule, ask) for rule in grant.rules or ())
        return self._hits[key]

    def _everything(self, kind: str, name: str, grants: Sequence[Grant]) -> Becomer | None:
        """An administrator: of the whole cluster, who gains nothing, or of the namespace."""
        for where in ("", self._target.namespace):
            for grant in grants:
                known = grant.rules is None and grant.bound.role_kind == "ClusterRole" and grant.bound.role == _ADMIN
                if grant.bound.namespace != where or grant.via != name or not (known or is_admin(grant.rules or ())):
                    continue
                said = f"may do everything in namespace {where}" if where else "may do everything"
                severity = Severity.HIGH if where else Severity.LOW
                ask = Ask(("*",), "*", "*", where)
                through = (_through(grant, name),)
                return _made(kind, name, Way.EVERYTHING, severity, said, through, (ask,), strong=not where)
        return None

    def _own_roles(self, grants: Sequence[Grant]) -> Iterator[Path]:
        """Roles that are bound to it already, which it may fill with any right."""
        there = ("", self._target.namespace)
        own = {(grant.bound.role_kind, grant.bound.role) for grant in grants if grant.bound.namespace in there}
        yield from changes_roles(self._target, own)

    def _is_enough(self, rules: tuple[Rule, ...]) -> bool:
        """Whether a Role that is bound in the namespace gives a way by itself."""
        if is_admin(rules):
            return True
        here = self._target.namespace
        return any(
            all(any(ask.namespace == here and any(allows(rule, ask) for rule in rules) for ask in need)
                for need in path.needs)
            for path in self._direct
        )  # fmt: skip

    def _as_others(self, found: Sequence[Becomer]) -> Iterator[Becomer]:
        """Who may act as a user that is listed."""
        users = sorted({one.name for one in found if one.kind == "User"})
        if not users:
            return
        known = {(_key(one), one.way) for one in found} | {(_key(one), Way.EVERYTHING) for one in found if one.strong}
        ask = Ask(("impersonate",), "", "users", "", tuple(users))
        named = ", ".join(users[:2]) + (" …" if len(users) > 2 else "")
        path = Path(Way.IMPERSONATE, Severity.HIGH, f"may act as a user that is listed here: {named}", ((ask,),))
        for kind, name in self._access.subjects():
            if (kind, name) == ("User", self._target.username):
                continue
            grants = self._access.reaching([(kind, name), *(("Group", group) for group in _groups(kind, name))])
            one = self._along(kind, name, path, grants)
            if one is not None and not {(_key(one), Way.IMPERSONATE), (_key(one), Way.EVERYTHING)} & known:
                yield one


_ADMIN: Final = "cluster-admin"


def _key(one: Becomer) -> tuple[str, str, str]:
    return one.kind, one.namespace, one.name


def _concrete(grant: Grant, ask: Ask) -> Ask:
    """With the one verb and the one name that this binding gives."""
    for rule in grant.rules or ():
        if allows(rule, ask):
            verb = next((verb for verb in ask.verbs if verb in rule.verbs), ask.verbs[0])
            names = [name for name in rule.resource_names if not ask.names or name in ask.names] or list(ask.names)
            return msgspec.structs.replace(ask, verbs=(verb,), names=tuple(names[:1]))
    return ask


def _groups(kind: str, name: str) -> tuple[str, ...]:
    """The groups that a subject is certainly in."""
    if kind == "Group":
        own = (_GROUPS_OF_ALL,) if name.startswith(f"{_GROUPS_OF_ALL}:") else ()
        return (*own, AUTHENTICATED) if name not in _EVERYBODY or name == _GROUPS_OF_ALL else ()
    if name.startswith(ACCOUNT) and name.count(":") == 3:
        return groups_of(Identity("", *name.removeprefix(ACCOUNT).split(":")))
    return (AUTHENTICATED,) if name not in _EVERYBODY else ("system:unauthenticated",)


def reviewed_as(one: Becomer) -> tuple[str, tuple[str, ...]]:
    """User and groups by which a server is asked about a subject."""
    if one.kind == "Group":
        return "", (one.name, *_groups("Group", one.name))
    name = f"{ACCOUNT}{one.namespace}:{one.name}" if one.namespace else one.name
    return name, _groups("User", name)


def _made(
    kind: str,
    name: str,
    way: Way,
    severity: Severity,
    why: str,
    through: tuple[str, ...],
    asks: tuple[Ask, ...],
    *,
    strong: bool,
) -> Becomer:
    kind, namespace, name = _spelled(kind, name)
    if name in _EVERYBODY and not namespace:
        severity = Severity.CRITICAL
    elif strong:
        severity = Severity.LOW
    return Becomer(
        severity=severity, kind=kind, name=name, namespace=namespace, way=way, why=why, through=through,
        asks=asks, strong=strong and severity is Severity.LOW,
    )  # fmt: skip


def _spelled(kind: str, name: str) -> tuple[str, str, str]:
    """Kind, namespace and name as bindings spell them: accounts are no users there."""
    if kind == "User" and name.startswith(ACCOUNT) and name.count(":") == 3:
        namespace, _, account = name.removeprefix(ACCOUNT).partition(":")
        return "ServiceAccount", namespace, account
    return kind, "", name


def named(kind: str, name: str) -> str:
    """A subject as people read it: `ServiceAccount ci/robot`, `Group system:masters`."""
    kind, namespace, name = _spelled(kind, name)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def is_part(kind: str, name: str, used: Iterable[Grant]) -> bool:
    """Whether it is a part of Kubernetes, with the rights that every server gives it."""
    if (kind, name) in _PARTS:
        return all(grant.bound.name.startswith("system:") for grant in used)
    controller = kind == "User" and name.startswith(f"{ACCOUNT}kube-system:")
    return controller and all(grant.bound.name.startswith("system:controller:") for grant in used)


_PARTS: Final = frozenset(
    {("User", "system:kube-controller-manager"), ("User", "system:kube-scheduler"), ("Group", "system:nodes")}
)


def _through(grant: Grant, name: str) -> str:
    bound = grant.bound
    return f"{bound} → {bound.role_kind} {bound.role}" + (f", group {grant.via}" if grant.via != name else "")
