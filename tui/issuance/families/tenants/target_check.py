"""Whether a login may read Secrets in a namespace of another cluster, found out as External Secrets finds it out.

    verdict = await check_target(client, "kube-system")
    verdict.standing, verdict.message

All rules are asked for first, and any that reads Secrets is enough, whatever names it holds; where none does, one
question about Secrets decides. What a webhook allows is in no rule, and is found by the question alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.kube.errors import KubeError
from tui.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_RULES_REVIEWS

if TYPE_CHECKING:
    from tui.kube.client import Client

NOT_ALLOWED: Final = "client is not allowed to get secrets"


class Standing(StrEnum):
    """What the operator would say of a store with this login."""

    READY = "Ready"
    DENIED = "Denied"
    UNKNOWN = "Unknown"


class Verdict(msgspec.Struct, frozen=True):
    """How a login stands, and in words why."""

    standing: Standing
    message: str = ""


async def check_target(client: Client, namespace: str) -> Verdict:
    """Ask the cluster behind `client` about its own login. Never raises for what the cluster answers."""
    try:
        review = await client.create(SELF_SUBJECT_RULES_REVIEWS, _body("SelfSubjectRulesReview", namespace=namespace))
        rules: Sequence[Mapping[str, Any]] = (review.get("status") or {}).get("resourceRules") or ()
        if any(_reads_secrets(rule) for rule in rules):
            return Verdict(Standing.READY)
        wanted = {"namespace": namespace, "verb": "get", "resource": "secrets"}
        review = await client.create(
            SELF_SUBJECT_ACCESS_REVIEWS, _body("SelfSubjectAccessReview", resourceAttributes=wanted)
        )
    except KubeError as error:
        return Verdict(Standing.UNKNOWN, f"could not verify if client is valid: {error.message}")
    if (review.get("status") or {}).get("allowed") is True:
        return Verdict(Standing.READY)
    return Verdict(Standing.DENIED, NOT_ALLOWED)


def _reads_secrets(rule: Mapping[str, Any]) -> bool:
    def holds(field: str, *wanted: str) -> bool:
        return any(value in (rule.get(field) or ()) for value in wanted)

    return holds("resources", "secrets", "*") and holds("verbs", "get", "*") and holds("apiGroups", "", "*")


def _body(kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
