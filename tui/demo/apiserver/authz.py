"""RBAC: who may do what, decided from the roles and bindings in the storage, and the guard against granting more.

`system:masters` may do everything without any binding, as on a real server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from .access import Admission, Attributes, Decision, Object, UserInfo, refusal
from .rules import Rule, allows_path, allows_resource, compact, uncovered
from .status import forbidden
from .storage import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Change, Storage

GROUP: Final = "rbac.authorization.k8s.io"
MASTERS: Final = "system:masters"
_KINDS: Final = {"roles": "Role", "clusterroles": "ClusterRole"}
_COLLECTIONS: Final = (ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS)
_ACCOUNT_PREFIX: Final = "system:serviceaccount:"


@dataclass(slots=True)
class _Found:
    grants: list[tuple[Rule, str]] = field(default_factory=list)
    """Each rule, and through which binding it came."""
    errors: list[str] = field(default_factory=list)


class Authorizer:
    """Decides for one cluster. What it finds for a user is kept until a role or binding changes."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._found: dict[tuple[str, tuple[str, ...], str], _Found] = {}
        for collection in _COLLECTIONS:
            storage.subscribe(self._changed, collection)

    def _changed(self, _: Change) -> None:
        self._found.clear()

    def __call__(self, user: UserInfo, attributes: Attributes) -> Decision:
        """Whether `user` may do this."""
        if MASTERS in user.groups:
            return Decision(True)
        found = self._resolve(user, attributes.namespace if attributes.is_resource else "")
        for rule, through in found.grants:
            if _allows(rule, attributes):
                return Decision(True, f"RBAC: allowed by {through}")
        return Decision(False, f"RBAC: {_aggregate(found.errors)}" if found.errors else "")

    def rules_for(self, user: UserInfo, namespace: str) -> tuple[Sequence[Rule], Sequence[str]]:
        """Every rule that holds for `user` in `namespace` (empty: cluster-wide), and which roles are missing."""
        found = self._resolve(user, namespace)
        rules = [rule for rule, _ in found.grants]
        if MASTERS in user.groups:
            everything: list[Rule] = [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
            rules = everything + rules
        return rules, found.errors

    def _resolve(self, user: UserInfo, namespace: str) -> _Found:
        key = (user.username, user.groups, namespace)
        found = self._found.get(key)
        if found is None:
            if len(self._found) > 10_000:
                self._found.clear()
            found = self._found[key] = _Found()
            for binding in self._bindings(namespace):
                for subject in binding.get("subjects") or ():
                    if _is_subject(subject, user, binding):
                        self._collect(binding, subject, found)
                        break
        return found

    def _bindings(self, namespace: str) -> Iterator[Object]:
        yield from self._storage.list(CLUSTER_ROLE_BINDINGS)
        if namespace:
            yield from self._storage.list(ROLE_BINDINGS, namespace)

    def _collect(self, binding: Object, subject: Object, found: _Found) -> None:
        reference = binding["roleRef"]
        role = self._role(reference, binding["metadata"].get("namespace", ""))
        if role is None:
            found.errors.append(f"{reference['kind'].lower()}.{GROUP} {json.dumps(reference['name'])} not found")
        else:
            through = _described(binding, subject)
            found.grants += [(rule, through) for rule in role.get("rules") or ()]

    def _role(self, reference: Object, namespace: str) -> Object | None:
        if reference["kind"] == "ClusterRole":
            return self._storage.get(CLUSTER_ROLES, reference["name"])
        return self._storage.get(ROLES, reference["name"], namespace)

    # Creation and escalation

    def check_creation(self, admission: Admission) -> None:
        """Refuses what an apply would create where only patching is allowed; a POST was authorized already."""
        if admission.operation != "CREATE" or admission.subresource:
            return
        kind, namespace, name = admission.kind, admission.namespace, admission.name
        wanted = Attributes("create", kind.group, kind.version, kind.plural, namespace=namespace, name=name)
        decision = self(admission.user, wanted)
        if not decision.allowed:
            raise refusal(admission.user, wanted, decision.reason)

    def check_escalation(self, admission: Admission) -> None:
        """Refuses a role or binding that would give somebody rights that the writer does not hold."""
        if admission.kind.group != GROUP or admission.obj is None or MASTERS in admission.user.groups:
            return
        plural, obj = admission.kind.plural, admission.obj
        if plural in _KINDS:
            if admission.old is not None and admission.old.get("rules") == obj.get("rules"):
                return
            if not self._may(admission, "escalate", plural, admission.name):
                self._must_hold(admission, obj.get("rules") or ())
        elif plural in ("rolebindings", "clusterrolebindings"):
            if admission.old is not None and all(admission.old.get(f) == obj.get(f) for f in ("roleRef", "subjects")):
                return
            reference = obj.get("roleRef") or {}
            target = next((plural for plural, kind in _KINDS.items() if kind == reference.get("kind")), "")
            if not target or not reference.get("name"):
                return  # validation says what is wrong
            if self._may(admission, "bind", target, reference["name"]):
                return
            role = self._role(reference, admission.namespace)
            if role is None:
                raise forbidden(GROUP, plural, admission.name, f'{target}.{GROUP} "{reference["name"]}" not found')
            self._must_hold(admission, role.get("rules") or ())

    def _may(self, admission: Admission, verb: str, plural: str, name: str) -> bool:
        wanted = Attributes(verb, GROUP, "v1", plural, namespace=admission.namespace, name=name)
        return self(admission.user, wanted).allowed

    def _must_hold(self, admission: Admission, rules: Sequence[Rule]) -> None:
        held, errors = self.rules_for(admission.user, admission.namespace)
        missing = uncovered(held, rules)
        if not missing:
            return
        groups = " ".join(json.dumps(group) for group in admission.user.groups)
        lines = "\n".join(compact(rule) for rule in missing)
        why = (
            f'user "{admission.user.username}" (groups=[{groups}]) is attempting to grant RBAC permissions '
            f"not currently held:\n{lines}"
        )
        if errors:
            why = f"{why}; resolution errors: {_aggregate(errors)}"
        raise forbidden(GROUP, admission.kind.plural, admission.name, why)


def account_of(username: str) -> tuple[str, str] | None:
    """Namespace and name of a service account's user name, None for other users."""
    namespace, colon, name = username.removeprefix(_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if colon and username.startswith(_ACCOUNT_PREFIX) else None


def _allows(rule: Rule, attributes: Attributes) -> bool:
    if not attributes.is_resource:
        return allows_path(rule, verb=attributes.verb, path=attributes.path)
    wanted = {field: getattr(attributes, field) for field in ("verb", "group", "resource", "subresource", "name")}
    return allows_resource(rule, **wanted)


def _described(binding: Object, subject: Object) -> str:
    """A grant as access reviews explain it."""
    namespace = binding["metadata"].get("namespace", "")
    kind, name = "ClusterRoleBinding", binding["metadata"]["name"]
    if namespace:
        kind, name = "RoleBinding", f"{name}/{namespace}"
    whom = subject["name"]
    if subject["kind"] == "ServiceAccount":
        whom = f"{whom}/{subject.get('namespace') or namespace}"
    role = binding["roleRef"]
    return f'{kind} "{name}" of {role["kind"]} "{role["name"]}" to {subject["kind"]} "{whom}"'


def _is_subject(subject: Object, user: UserInfo, binding: Object) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.username)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
            return user.username == f"{_ACCOUNT_PREFIX}{namespace}:{subject['name']}"
        case _:
            return False


def _aggregate(errors: Sequence[str]) -> str:
    return errors[0] if len(errors) == 1 else "[" + ", ".join(errors) + "]"
