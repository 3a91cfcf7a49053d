"""J15: kubemint's own look at a login, in External Secrets' order, on the embedded fleet and on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.issuance.arena import Bench
from tui.issuance.families.tenants.target_check import NOT_ALLOWED, Standing, Verdict, check_target
from tui.kube.client import Client
from tui.kube.errors import Forbidden
from tui.kube.resource import ROLE_BINDINGS, ROLES, SELF_SUBJECT_ACCESS_REVIEWS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

GET: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
J15 = {
    "one Secret by name": ([GET | {"resourceNames": ["x"]}], True),
    "everything": ([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}], True),
    "list alone": ([GET | {"verbs": ["list"]}], False),
    "another group": ([GET | {"apiGroups": ["apps"]}], False),
    "nothing": ([], False),
}  # fmt: skip


@pytest.mark.parametrize("case", J15)
async def test_j15_rules_decide_whatever_names_they_hold(bench: Bench, case: str) -> None:
    rules, good = J15[case]
    ns, admin = bench.arena.namespace, bench.client
    await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": "reader"}}, namespace=ns)
    if rules:
        await admin.create(ROLES, {"metadata": {"name": "reader"}, "rules": rules}, namespace=ns)
        role = {"apiGroup": ROLES.group, "kind": "Role", "name": "reader"}
        subject = {"kind": "ServiceAccount", "name": "reader", "namespace": ns}
        binding = {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]}
        await admin.create(ROLE_BINDINGS, binding, namespace=ns)
    answer: Any = await admin.create(SERVICE_ACCOUNTS, {"spec": {}}, namespace=ns, name="reader", subresource="token")
    endpoint = bench.clusters.endpoint(bench.arena.name)
    async with Client(endpoint.with_token(Sensitive(answer["status"]["token"]))) as reader:
        verdict = await check_target(reader, ns)
    assert verdict == (Verdict(Standing.READY) if good else Verdict(Standing.DENIED, NOT_ALLOWED))


class Scripted:
    """A server whose authorizer is a webhook: what it allows is in no rule."""

    def __init__(self, *, allowed: bool, refuses: Resource | None = None) -> None:
        self.allowed = allowed
        self.refuses = refuses
        self.asked: list[str] = []

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(resource.kind)
        if resource is self.refuses:
            raise Forbidden(403, "Forbidden", "reviews are forbidden")
        if resource is SELF_SUBJECT_ACCESS_REVIEWS:
            assert body["spec"]["resourceAttributes"] == {"namespace": "ns", "verb": "get", "resource": "secrets"}
            return {"status": {"allowed": self.allowed}}
        return {"status": {"resourceRules": None, "incomplete": True}}


@pytest.mark.parametrize("allowed", [True, False])
async def test_j15_where_no_rule_says_so_one_question_decides(allowed: bool) -> None:
    server: Any = Scripted(allowed=allowed)
    verdict = await check_target(server, "ns")
    assert verdict.standing is (Standing.READY if allowed else Standing.DENIED)
    assert server.asked == ["SelfSubjectRulesReview", "SelfSubjectAccessReview"]


async def test_j15_a_review_that_fails_leaves_it_unknown() -> None:
    server: Any = Scripted(allowed=True, refuses=SELF_SUBJECT_ACCESS_REVIEWS)
    verdict = await check_target(server, "ns")
    assert verdict.standing is Standing.UNKNOWN
    assert "reviews are forbidden" in verdict.message
