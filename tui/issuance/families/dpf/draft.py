"""A new DPUServiceCredentialRequest while it is being written: checked field by field, then an object and its YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.durations import parse_go_duration
from tui.issuance.objects import managed
from tui.issuance.objects.token_request import LONGEST, SHORTEST

from .objects import NamespacedName, ParseError
from .resources import DEFAULT_NAMESPACE, DPU_REQUESTS

TYPES: Final = ("kubeconfig", "tokenFile")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ANNOTATIONS_LIMIT: Final = 256 * 1024
_NAME_RULE: Final = "lower case letters, digits, `-` and `.`, at most 253, letters or digits at both ends"
_NAMESPACE_RULE: Final = "lower case letters, digits and `-`, at most 63, letters or digits at both ends"


class DPURequestDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What a form or a command line says. `cluster` is the host cluster, `target_cluster` a DPUCluster `ns/name`."""

    cluster: str
    namespace: str
    name: str
    service_account: str
    service_account_namespace: str = DEFAULT_NAMESPACE
    target_cluster: str | None = None
    type: str = "kubeconfig"
    duration: str | None = None
    secret: str
    secret_namespace: str = DEFAULT_NAMESPACE
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a draft: which field, and the rule it breaks."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}"


def validate(draft: DPURequestDraft) -> list[Problem]:
    """Everything that is wrong with the draft, in the order of a form; nothing is asked of any cluster."""
    problems: list[Problem] = []
    _check(problems, "cluster", draft.cluster, None, "must name the cluster that holds the request")
    for field, rule, pattern, limit in (
        ("namespace", _NAMESPACE_RULE, _LABEL, 63),
        ("name", _NAME_RULE, _SUBDOMAIN, 253),
        ("service_account", _NAME_RULE, _SUBDOMAIN, 253),
        ("service_account_namespace", _NAMESPACE_RULE, _LABEL, 63),
        ("secret", _NAME_RULE, _SUBDOMAIN, 253),
        ("secret_namespace", _NAMESPACE_RULE, _LABEL, 63),
    ):
        _check(problems, field, getattr(draft, field), pattern, rule, limit)
    _check_target(problems, draft.target_cluster)
    if draft.type not in TYPES:
        problems.append(Problem("type", f"must be {' or '.join(TYPES)}"))
    _check_duration(problems, draft.duration)
    _check_labels(problems, draft.labels)
    _check_annotations(problems, draft.annotations)
    for field, values in (("labels", draft.labels), ("annotations", draft.annotations)):
        problems += [Problem(field, f"{key!r} is {owner}") for key, owner in managed.reserved(values, {}).items()]
    return problems


def manifest(draft: DPURequestDraft) -> dict[str, Any]:
    """The object to create, its keys in alphabetical order. Every namespace is said, because DPF's rule surprises."""
    spec: dict[str, Any] = {}
    if draft.duration:
        spec["duration"] = draft.duration
    metadata = {
        key: dict(sorted(values.items()))
        for key, values in (("annotations", draft.annotations), ("labels", draft.labels))
        if values
    }
    if metadata:
        spec["metadata"] = metadata
    spec["secret"] = {"name": draft.secret, "namespace": draft.secret_namespace}
    spec["serviceAccount"] = {"name": draft.service_account, "namespace": draft.service_account_namespace}
    if draft.target_cluster:
        target = NamespacedName.parse(_with_namespace(draft.target_cluster))
        spec["targetCluster"] = {"name": target.name, "namespace": target.namespace}
    spec["type"] = draft.type
    return {
        "apiVersion": DPU_REQUESTS.api_version,
        "kind": DPU_REQUESTS.kind,
        "metadata": {"name": draft.name, "namespace": draft.namespace},
        "spec": spec,
    }


def to_yaml(draft: DPURequestDraft) -> str:
    """The object as `kubectl apply -f` reads it. Raises ParseError only for a target that `validate` refuses."""
    return dump(manifest(draft))


def _with_namespace(target: str) -> str:
    return target if "/" in target else f"{DEFAULT_NAMESPACE}/{target}"


def _check(
    problems: list[Problem], field: str, value: str, pattern: re.Pattern[str] | None, rule: str, limit: int = 0
) -> None:
    if not value:
        problems.append(Problem(field, "must not be empty"))
    elif pattern is not None and (len(value) > limit or not pattern.fullmatch(value)):
        problems.append(Problem(field, rule))


def _check_target(problems: list[Problem], target: str | None) -> None:
    if not target:
        return
    try:
        parsed = NamespacedName.parse(_with_namespace(target))
    except ParseError:
        problems.append(Problem("target_cluster", "must be NAMESPACE/NAME of a DPUCluster, or empty for this cluster"))
        return
    found: list[Problem] = []
    _check(found, "target_cluster", parsed.namespace, _LABEL, f"namespace: {_NAMESPACE_RULE}", 63)
    _check(found, "target_cluster", parsed.name, _SUBDOMAIN, f"name: {_NAME_RULE}", 253)
    problems.extend(found)


def _check_duration(problems: list[Problem], text: str | None) -> None:
    if not text:
        return
    try:
        duration = parse_go_duration(text)
    except UsageError as error:
        problems.append(Problem("duration", error.message))
        return
    if duration < timedelta(seconds=SHORTEST):
        problems.append(Problem("duration", "must be 10m or more; the API server refuses less"))
    elif duration > timedelta(seconds=LONGEST):
        problems.append(Problem("duration", f"must be {LONGEST // 3600}h or less; the API server refuses more"))


def _check_labels(problems: list[Problem], labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if not _is_key(key):
            problems.append(Problem("labels", f"{key!r} is not a key: [PREFIX/]NAME, the name at most 63 characters"))
        if value and (len(value) > 63 or not _QUALIFIED.fullmatch(value)):
            problems.append(
                Problem("labels", f"the value of {key!r}: letters, digits, `-`, `_` and `.`, at most 63 characters")
            )


def _check_annotations(problems: list[Problem], annotations: Mapping[str, str]) -> None:
    for key in annotations:
        if not _is_key(key.lower()):
            problems.append(
                Problem("annotations", f"{key!r} is not a key: [PREFIX/]NAME, the name at most 63 characters")
            )
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        problems.append(Problem("annotations", "must be 256 KiB or less in total"))


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None
