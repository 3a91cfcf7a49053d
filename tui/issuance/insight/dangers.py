"""Why a right is dangerous, in words: each rule of RBAC held against what it can be turned into.

A rule is split by what its resources amount to, so that `edit` does not drown "reads every Secret" in forty kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tui.issuance.model.severity import Severity

from .access import Rule

WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
READS: Final = frozenset({"get", "list", "watch"})
_CHANGES: Final = frozenset({"create", "update", "patch"})
_WORKLOADS: Final = frozenset({
    "pods", "deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs",
    "podtemplates",
})  # fmt: skip
_RBAC: Final = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})
_SELF: Final = frozenset({
    "selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Danger:
    """What some resources of a rule amount to."""

    severity: Severity
    why: str
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """One right that can be turned into more."""

    severity: Severity
    why: str
    verbs: frozenset[str]
    resource: Callable[[str], bool]
    group: str | None = None
    """The only API group that it is dangerous in; None for any."""
    narrowed: str = ""
    """What it is where names narrow it down; empty where names make no difference. Then it is less severe."""


def _is(*names: str) -> Callable[[str], bool]:
    known = frozenset(names)
    return known.__contains__


_CORE: Final = ""
_KNOWN: Final = (
    _Known(
        Severity.CRITICAL, "may give itself any right (escalate)",
        frozenset({"escalate"}), _is("roles", "clusterroles"),
    ),
    _Known(
        Severity.CRITICAL, "may bind itself to any Role (bind)",
        frozenset({"bind"}), _is("roles", "clusterroles"), narrowed="may bind any user to these Roles",
    ),
    _Known(
        Severity.CRITICAL, "may act as any user (impersonate)",
        frozenset({"impersonate"}), _is("users", "groups", "uids"), narrowed="may act as these",
    ),
    _Known(
        Severity.HIGH, "may act as every account here (impersonate)",
        frozenset({"impersonate"}), _is("serviceaccounts"), _CORE, narrowed="may act as these accounts",
    ),
    _Known(
        Severity.HIGH, "may act as any user where impersonate-on:user-info allows it",
        frozenset({"impersonate:user-info"}), _is("users", "groups", "uids"), narrowed="may act as these, so far",
    ),
    _Known(
        Severity.HIGH, "may act as every account here where impersonate-on:serviceaccount allows it",
        frozenset({"impersonate:serviceaccount"}), _is("serviceaccounts"), narrowed="may act as these accounts, so far",
    ),
    _Known(
        Severity.CRITICAL, "reaches kubelets: commands in every container, past admission and audit",
        frozenset({"create", "get"}), _is("nodes/proxy"), _CORE,
    ),
    _Known(
        Severity.CRITICAL, "sees and changes every object that is written, Secrets too",
        _CHANGES, _is("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        narrowed="changes these webhooks",
    ),
    _Known(
        Severity.CRITICAL, "approves client certificates, for any user",
        frozenset({"update", "patch", "approve"}), _is("certificatesigningrequests/approval", "signers"),
        narrowed="approves certificates of these signers",
    ),
    _Known(
        Severity.HIGH, "mints tokens for every account here",
        frozenset({"create"}), _is("serviceaccounts/token"), _CORE, narrowed="mints tokens for these accounts",
    ),
    _Known(
        Severity.HIGH, "reads every Secret here, and so the tokens in them",
        READS, _is("secrets"), _CORE, narrowed="reads these Secrets",
    ),
    _Known(
        Severity.HIGH, "runs containers: as any account of the namespace, with any of its Secrets",
        _CHANGES, _WORKLOADS.__contains__, narrowed="changes what these run",
    ),
    _Known(
        Severity.HIGH, "runs commands in containers, with their accounts' rights",
        frozenset({"create", "get"}), _is("pods/exec", "pods/attach"), _CORE, narrowed="runs commands in these",
    ),
    _Known(
        Severity.HIGH, "puts containers into pods that run",
        frozenset({"update", "patch"}), _is("pods/ephemeralcontainers"), _CORE,
    ),
    _Known(
        Severity.HIGH, "makes volumes: a hostPath is a node's own files",
        frozenset({"create"}), _is("persistentvolumes"), _CORE,
    ),
    _Known(
        Severity.HIGH, "grants the rights that it holds to any user",
        _CHANGES, _RBAC.__contains__, narrowed="changes these Roles or bindings",
    ),
    _Known(
        Severity.HIGH, "makes long-lived tokens: a Secret of the right type is filled with one",
        frozenset({"create"}), _is("secrets"), _CORE,
    ),
    _Known(
        Severity.MEDIUM, "moves pods to a node, or away",
        frozenset({"update", "patch"}), _is("nodes", "nodes/status"), _CORE,
    ),
    _Known(
        Severity.MEDIUM, "reaches ports of pods past network policies",
        frozenset({"create", "get"}), _is("pods/portforward", "pods/proxy", "services/proxy"), _CORE,
    ),
    _Known(
        Severity.MEDIUM, "changes which kinds there are",
        _CHANGES | {"delete"}, _is("customresourcedefinitions"), "apiextensions.k8s.io",
    ),
    _Known(
        Severity.MEDIUM, "reads logs, which may hold anything",
        frozenset({"get", "list"}), _is("pods/log"), _CORE,
    ),
)  # fmt: skip


def dangers(rule: Rule) -> list[Danger]:
    """What a rule amounts to, the worst first: every resource of it is in exactly one."""
    if not rule.verbs:
        return []
    if rule.non_resource_urls and not rule.resources:
        return [_of_paths(rule)]
    found: dict[tuple[Severity, str], list[str]] = {}
    for resource in rule.resources:
        found.setdefault(_judge(rule, resource), []).append(resource)
    split = [Danger(severity, why, tuple(resources)) for (severity, why), resources in found.items()]
    return sorted(split, key=lambda danger: danger.severity.rank)


def _of_paths(rule: Rule) -> Danger:
    urls = rule.non_resource_urls
    if "*" in urls and "*" in rule.verbs:
        return Danger(Severity.MEDIUM, "every path beside the API's objects: metrics, debugging, health", urls)
    return Danger(Severity.LOW, "paths beside the API's objects", urls)


def _judge(rule: Rule, resource: str) -> tuple[Severity, str]:
    if resource == "*" or resource.startswith("*/"):
        return _wildcard(rule, resource)
    for known in _KNOWN:
        if known.resource(resource) and _has(rule.verbs, known.verbs) and _in_group(rule, known.group):
            if rule.resource_names and known.narrowed:
                return _milder(known.severity), known.narrowed
            return known.severity, known.why
    if resource in _SELF:
        return Severity.LOW, "asks what it may do itself, as every user may"
    verbs = set(rule.verbs)
    if "*" in verbs:
        return Severity.MEDIUM, "every verb, also those to come"
    if verbs & WRITES:
        return Severity.MEDIUM, "changes or deletes"
    return Severity.LOW, "reads" if verbs <= READS else "other verbs"


def _wildcard(rule: Rule, resource: str) -> tuple[Severity, str]:
    every_group = "*" in rule.api_groups
    core = every_group or "" in rule.api_groups
    if resource != "*":
        return Severity.HIGH, "this part of every kind"
    if "*" in rule.verbs and every_group:
        return Severity.CRITICAL, "everything: every verb on every kind"
    if set(rule.verbs) <= READS:
        if core:
            return Severity.HIGH, "reads every kind, Secrets included"
        return Severity.LOW, "reads every kind of the group"
    if core:
        return Severity.CRITICAL, "changes every kind, Secrets and pods included"
    if "rbac.authorization.k8s.io" in rule.api_groups:
        every = "*" in rule.verbs
        return Severity.CRITICAL if every else Severity.HIGH, "changes every Role and binding"
    return Severity.MEDIUM, "changes every kind of the group, also those to come"


def _has(verbs: tuple[str, ...], wanted: frozenset[str]) -> bool:
    return "*" in verbs or not wanted.isdisjoint(verbs)


def _in_group(rule: Rule, group: str | None) -> bool:
    return group is None or group in rule.api_groups or "*" in rule.api_groups


def _milder(severity: Severity) -> Severity:
    order = list(Severity)
    return order[min(severity.rank + 1, len(order) - 1)]


def worst(rules: Iterable[Rule]) -> Danger | None:
    """The worst that any of the rules amounts to."""
    found = (danger for rule in rules for danger in dangers(rule)[:1])
    return min(found, key=lambda danger: danger.severity.rank, default=None)
