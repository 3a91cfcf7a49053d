"""Who else could become an account: for each way one who has just that right, and nobody who has none."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule
from tui.issuance.errors import UsageError
from tui.issuance.insight.access import Access, Rule, _Binding, _Meta, _Reference, _Role, _Subject
from tui.issuance.insight.becoming import Becomer, becomers, missing_roles
from tui.issuance.insight.becoming_asked import Becomers
from tui.issuance.insight.becoming_ways import Target, Way
from tui.issuance.insight.hygiene import DiskReport, Finding, Survey as ClusterSurvey, examine
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Identity
from tui.kube.client import Client
from tui.kube.errors import Forbidden
from tui.kube.resource import RBAC, ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

ME = Identity("c", "ci", "robot")
CERTIFICATES = "certificates.k8s.io"


def rule(verbs: str, resources: str, groups: str = "", names: str = "") -> Rule:
    return Rule(tuple(verbs.split()), tuple(groups.split(",")), tuple(resources.split()), tuple(names.split()))


class Graph:
    """RBAC of a cluster, made by hand."""

    def __init__(self) -> None:
        self.access = Access()
        self._count = 0

    def give(self, who: str, *rules: Rule, where: str = "ci", role: str = "", made: bool = True) -> None:
        """`who` is `User x`, `Group x` or `NS/ACCOUNT`; `where` empty binds in the whole cluster."""
        self._count += 1
        name = role or f"role-{self._count}"
        if made:
            self.access.add_role(_Role(_Meta(name), rules))
        kind, _, subject = who.rpartition(" ")
        namespace, _, account = subject.rpartition("/")
        subjects = (_Subject(kind or "ServiceAccount", subject if kind else account, "" if kind else namespace),)
        self.access.add_binding(
            _Binding(_Meta(f"bind-{self._count}", where), _Reference("ClusterRole", name), subjects)
        )

    def found(self, **known: Any) -> list[Becomer]:
        return becomers(self.access, Target.of(ME), **known)

    def ways(self, **known: Any) -> dict[str, list[Way]]:
        ways: dict[str, list[Way]] = {}
        for one in self.found(**known):
            if one.name != "system:masters":
                ways.setdefault(one.subject, []).append(one.way)
        return ways


HELD = [("ci", "robot-token"), ("apps", "robot-copy")]
PODS = ["robot-0"]
MINT = rule("create", "serviceaccounts/token")
MAKE = rule("create", "secrets")
BINDING = rule("create", "rolebindings", RBAC)
APPROVE = rule("update", "certificatesigningrequests/approval", CERTIFICATES)
SIGN = rule("approve", "signers", CERTIFICATES, "kubernetes.io/kube-apiserver-client")
REQUEST = rule("create get", "certificatesigningrequests", CERTIFICATES)
BIND = rule("bind", "clusterroles", RBAC)
CONSTRAINED = rule("impersonate:serviceaccount", "serviceaccounts", "authentication.k8s.io")

GIVES = [
    ("mint", (MINT,), "ci", Way.MINT),
    ("mint of this name", (rule("create", "serviceaccounts/token", names="robot"),), "ci", Way.MINT),
    ("mint everywhere", (MINT,), "", Way.MINT),
    ("every token", (rule("create", "*/token"),), "ci", Way.MINT),
    ("impersonate", (rule("impersonate", "serviceaccounts"),), "ci", Way.IMPERSONATE),
    ("impersonate masters", (rule("impersonate", "users groups"),), "", Way.IMPERSONATE),
    ("constrained", (CONSTRAINED,), "ci", Way.IMPERSONATE),
    ("read", (rule("get", "secrets", names="robot-token"),), "ci", Way.READ),
    ("list by name", (rule("list", "secrets", names="robot-token"),), "ci", Way.READ),
    ("the answer to a patch", (rule("patch", "secrets"),), "ci", Way.READ),
    ("read the copy elsewhere", (rule("get", "secrets"),), "apps", Way.READ),
    ("make and read by another name", (MAKE, rule("get", "secrets", names="mine")), "ci", Way.MAKE),
    ("write", (rule("update", "secrets"),), "ci", Way.WRITE),
    ("pods", (rule("create", "pods"),), "ci", Way.RUN),
    ("deployments", (rule("create", "deployments", "apps"),), "ci", Way.RUN),
    ("one deployment", (rule("patch", "deployments", "apps", "web"),), "ci", Way.RUN),
    ("daemonsets", (rule("create", "daemonsets", "apps"),), "ci", Way.RUN),
    ("statefulsets", (rule("update", "statefulsets", "apps"),), "ci", Way.RUN),
    ("replicasets", (rule("create", "replicasets", "apps"),), "ci", Way.RUN),
    ("jobs", (rule("create", "jobs", "batch"),), "ci", Way.RUN),
    ("cronjobs", (rule("patch", "cronjobs", "batch"),), "ci", Way.RUN),
    ("replicationcontrollers", (rule("create", "replicationcontrollers"),), "ci", Way.RUN),
    ("exec", (rule("create", "pods/exec"),), "ci", Way.EXEC),
    ("exec by get", (rule("get", "pods/exec", names="robot-0"),), "ci", Way.EXEC),
    ("ephemeral containers", (rule("patch", "pods/ephemeralcontainers"),), "ci", Way.EXEC),
    ("kubelets", (rule("create", "nodes/proxy"),), "", Way.EXEC),
    ("certificate", (APPROVE, SIGN, REQUEST), "", Way.APPROVE),
    ("approves alone", (APPROVE, rule("approve", "signers", CERTIFICATES, "kubernetes.io/*")), "", Way.APPROVE),
    ("bind", (rule("bind", "clusterroles", RBAC), BINDING), "ci", Way.RIGHTS),
    ("bind a Role that leads there", (rule("bind", "clusterroles", RBAC, "leads"), BINDING), "ci", Way.RIGHTS),
    ("bind in the cluster", (BIND, rule("patch", "clusterrolebindings", RBAC)), "", Way.RIGHTS),
    ("bind to its own Role", (rule("bind", "clusterroles", RBAC, "its-own"), BINDING), "ci", Way.RIGHTS),
    ("everything here", (rule("*", "*", "*"),), "ci", Way.EVERYTHING),
]  # fmt: skip
GIVES_NOTHING = [
    ("nothing", (), "ci"),
    ("another name", (rule("create", "serviceaccounts/token", names="other"),), "ci"),
    ("another namespace", (MINT,), "apps"),
    ("another group", (rule("create", "serviceaccounts/token", "apps"),), "ci"),
    ("accounts without tokens", (rule("create", "serviceaccounts serviceaccounts/*"),), "ci"),
    ("users in one namespace", (rule("impersonate", "users groups uids"),), "ci"),
    ("accounts of another name", (rule("impersonate", "serviceaccounts", names="other"),), "ci"),
    ("groups alone", (rule("impersonate", "groups uids"),), ""),
    ("another Secret", (rule("get list watch", "secrets", names="other"),), "ci"),
    ("makes Secrets, reads none", (MAKE,), "ci"),
    ("deletes Secrets", (rule("delete", "secrets"),), "ci"),
    ("reads pods", (rule("get list", "pods pods/log pods/status"),), "ci"),
    ("patches jobs", (rule("patch", "jobs", "batch"),), "ci"),
    ("creates by name only", (rule("create", "pods", names="robot-0"),), "ci"),
    ("exec into another", (rule("create", "pods/exec", names="other"),), "ci"),
    ("approves without the signer", (APPROVE, REQUEST), ""),
    ("another signer", (APPROVE, rule("approve", "signers", CERTIFICATES, "kubernetes.io/kubelet-serving")), ""),
    ("approves in a namespace", (APPROVE, SIGN, REQUEST), "ci"),
    ("binds without bind", (BINDING,), "ci"),
    ("bind without bindings", (rule("bind", "clusterroles", RBAC),), "ci"),
    ("bind a Role that leads nowhere", (rule("bind", "clusterroles", RBAC, "view"), BINDING), "ci"),
    ("escalate without change", (rule("escalate", "roles clusterroles", RBAC),), ""),
    ("escalate a Role of others", (rule("escalate update", "clusterroles", RBAC, "leads"),), ""),
]


def graph_of(rules: tuple[Rule, ...], where: str) -> Graph:
    graph = Graph()
    graph.access.add_role(_Role(_Meta("leads"), (MINT,)))
    graph.access.add_role(_Role(_Meta("view"), (rule("get list watch", "pods"),)))
    graph.give("ci/robot", rule("get", "configmaps"), role="its-own")
    graph.give("ops/other", *rules, where=where)
    return graph


@pytest.mark.parametrize(("rules", "where", "way"), [row[1:] for row in GIVES], ids=[row[0] for row in GIVES])
def test_who_has_just_this_right_is_listed_for_it(rules: tuple[Rule, ...], where: str, way: Way) -> None:
    graph = graph_of(rules, where)
    (other,) = graph.ways(held=HELD, pods=PODS).values()
    assert way in other
    (one,) = [found for found in graph.found(held=HELD, pods=PODS) if found.way is way and found.name == "other"]
    assert (one.kind, one.namespace, one.name) == ("ServiceAccount", "ops", "other")
    kind = "RoleBinding ci/" if where == "ci" else f"RoleBinding {where}/" if where else "ClusterRoleBinding "
    assert one.through == (f"{kind}bind-2 → ClusterRole role-2",)


@pytest.mark.parametrize(("rules", "where"), [row[1:] for row in GIVES_NOTHING], ids=[row[0] for row in GIVES_NOTHING])
def test_who_has_no_way_is_not_listed(rules: tuple[Rule, ...], where: str) -> None:
    assert graph_of(rules, where).ways(held=HELD, pods=PODS) == {}


def test_who_may_fill_a_role_of_its_own_is_listed() -> None:
    graph = Graph()
    graph.give("ops/other", rule("get", "pods"), role="mine")
    graph.give("ops/other", rule("escalate update", "clusterroles", RBAC, "mine"), where="")
    assert graph.ways() == {"ServiceAccount ops/other": [Way.RIGHTS]}


def test_it_is_not_listed_for_itself_but_its_groups_are() -> None:
    graph = Graph()
    graph.give("ci/robot", MINT)
    graph.give("Group system:serviceaccounts:ci", MINT)
    graph.give("Group system:serviceaccounts", rule("impersonate", "serviceaccounts"))
    graph.give("Group system:authenticated", rule("create", "pods"), where="")
    found = graph.found()
    assert [(one.subject, one.way, one.severity) for one in found if one.name != "system:masters"] == [
        ("Group system:serviceaccounts", Way.IMPERSONATE, Severity.CRITICAL),
        ("Group system:authenticated", Way.RUN, Severity.CRITICAL),
        ("Group system:serviceaccounts:ci", Way.MINT, Severity.HIGH),
    ]


def test_who_needs_its_group_for_the_other_half_is_listed_with_both_bindings() -> None:
    graph = Graph()
    graph.give("Group system:serviceaccounts:ops", MAKE)
    graph.give("ops/other", rule("get", "secrets", names="mine"))
    (one,) = [found for found in graph.found() if found.name == "other"]
    assert one.way is Way.MAKE
    assert one.through == (
        "RoleBinding ci/bind-1 → ClusterRole role-1, group system:serviceaccounts:ops",
        "RoleBinding ci/bind-2 → ClusterRole role-2",
    )


def test_masters_and_admins_are_listed_last() -> None:
    graph = Graph()
    graph.give("User boss", rule("*", "*", "*"), where="")
    graph.give("User helper", MINT)
    found = graph.found()
    assert [(one.subject, one.severity) for one in found] == [
        ("User helper", Severity.HIGH),
        ("Group system:masters", Severity.LOW),
        ("User boss", Severity.LOW),
    ]
    assert found[1].through == (), "no binding says so: the server does"


def test_parts_of_kubernetes_are_listed_last_but_a_binding_of_somebody_does_not_make_one() -> None:
    graph = Graph()
    controller = _Subject("User", "system:kube-controller-manager")
    for name in ("system:kube-controller-manager", "mine"):
        graph.access.add_role(_Role(_Meta(name), (MINT,)))
        graph.access.add_binding(_Binding(_Meta(name), _Reference("ClusterRole", name), (controller,)))
        (one,) = [found for found in graph.found() if found.kind == "User"]
        assert one.severity is (Severity.LOW if name.startswith("system:") else Severity.HIGH)


def test_who_may_act_as_a_user_that_is_listed_is_listed() -> None:
    graph = Graph()
    graph.give("User helper", MINT)
    graph.give("User boss", rule("impersonate", "users", names="helper"), where="")
    graph.give("User nobody", rule("impersonate", "users", names="else"), where="")
    assert graph.ways() == {"User helper": [Way.MINT], "User boss": [Way.IMPERSONATE]}


def test_exec_counts_where_a_pod_runs_as_it_or_that_is_not_known() -> None:
    graph = Graph()
    graph.give("User helper", rule("create", "pods/exec"))
    assert graph.ways(pods=()) == {}
    assert graph.ways(pods=None) == {"User helper": [Way.EXEC]}
    assert "pods cannot be listed" in graph.found(pods=None)[0].why


def test_a_role_that_is_not_there_and_one_that_may_not_be_read_are_two_things() -> None:
    graph = Graph()
    graph.give("User helper", role="gone", made=False)
    said = (
        "ClusterRole gone, to which RoleBinding ci/bind-1 binds helper, does not exist: anyone who creates it grants it"
    )
    assert missing_roles(graph.access, Target.of(ME)) == ([], [said])
    graph.access.unread.add("clusterroles")
    (unread,), absent = missing_roles(graph.access, Target.of(ME))
    assert unread.endswith("cannot be read")
    assert not absent


def test_a_user_that_a_certificate_names() -> None:
    graph = Graph()
    graph.give("User helper", rule("impersonate", "users", names="jane"), where="")
    graph.give("User other", rule("impersonate", "serviceaccounts"), where="")
    graph.give("User approver", APPROVE, SIGN, REQUEST, where="")
    graph.give("User jane", MINT)
    found = becomers(graph.access, Target(cluster="c", username="jane"))
    assert [(one.subject, one.way) for one in found if one.kind == "User"] == [
        ("User helper", Way.IMPERSONATE), ("User approver", Way.APPROVE),
    ]  # fmt: skip


# On servers

RIGHTS: dict[str, tuple[Way, list[tuple[str, str, str]]]] = {
    "minter": (Way.MINT, [("create", "serviceaccounts/token", "robot")]),
    "actor": (Way.IMPERSONATE, [("impersonate", "serviceaccounts", "robot")]),
    "reader": (Way.READ, [("get", "secrets", "robot-credential")]),
    "patcher": (Way.READ, [("patch", "secrets", "robot-credential")]),
    "maker": (Way.MAKE, [("create", "secrets", ""), ("get", "secrets", "mine")]),
    "runner": (Way.RUN, [("create", "pods", "")]),
}


async def give(bench: Bench, account: str, rights: list[tuple[str, str, str]]) -> None:
    namespace = bench.arena.namespace
    await bench.make_account(account)
    rules = [
        {"verbs": [verb], "apiGroups": [""], "resources": [resource]} | ({"resourceNames": [name]} if name else {})
        for verb, resource, name in rights
    ]
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": account}, "rules": rules}
    await bench.client.create(ROLES, role, namespace=namespace)
    await bind(bench, account, "Role", account)


async def bind(bench: Bench, account: str, kind: str, role: str) -> None:
    binding = {
        "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": account},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": bench.arena.namespace}],
    }  # fmt: skip
    await bench.client.create(ROLE_BINDINGS, binding, namespace=bench.arena.namespace)


def here(bench: Bench, found: Becomers) -> dict[str, list[Way]]:
    """The accounts of the arena's namespace: what else a server binds is not the test's."""
    ways: dict[str, list[Way]] = {}
    for one in found.becomers:
        if one.namespace == bench.arena.namespace:
            ways.setdefault(one.name, []).append(one.way)
    return ways


async def minted(client: Client, bench: Bench, account: str) -> Sensitive:
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made: dict[str, Any] = await client.create(
        SERVICE_ACCOUNTS, wish, namespace=bench.arena.namespace, name=account, subresource="token"
    )
    return Sensitive(made["status"]["token"])


async def whose(bench: Bench, token: Sensitive) -> str:
    status = await bench.review(token)
    return str(status["user"]["username"])


def as_account(bench: Bench, token: Sensitive) -> Client:
    return Client(bench.clusters.endpoint(bench.arena.name).with_token(token))


async def test_who_is_listed_really_becomes_it_and_nobody_else_does(bench: Bench) -> None:
    issued = await bench.issue(bench.arena.spec(bench.arena.secret()))
    for account, (_, rights) in RIGHTS.items():
        await give(bench, account, rights)
    await give(bench, "nobody", [("get", "configmaps", "")])
    await bench.make_account("nothing")
    me, namespace = bench.arena.identity(), bench.arena.namespace

    found = await bench.engine.becomers(issued.address)
    assert (found.subject, found.cluster) == (me.username, bench.arena.name)
    expected = {account: [way] for account, (way, _) in RIGHTS.items()}
    assert here(bench, found) == expected | {"patcher": [Way.READ, Way.WRITE]}
    assert not found.gaps
    assert any("other authorizers" in note for note in found.notes)
    mine = [one for one in found.becomers if one.namespace == namespace]
    assert all(one.confirmed for one in mine), "the server says the same"
    assert {one.name: one.through for one in mine} == {
        account: (f"RoleBinding {namespace}/{account} → Role {account}",) for account in RIGHTS
    }
    assert [one.severity.rank for one in found.becomers] == sorted(one.severity.rank for one in found.becomers)

    tokens = {account: await minted(bench.client, bench, account) for account in (*RIGHTS, "nobody")}
    async with as_account(bench, tokens["minter"]) as client:
        assert await whose(bench, await minted(client, bench, "robot")) == me.username
    async with as_account(bench, tokens["reader"]) as client:
        secret: dict[str, Any] = await client.get(SECRETS, "robot-credential", namespace=namespace)
        assert secret["data"]
    async with as_account(bench, tokens["patcher"]) as client:
        path = SECRETS.path(namespace, "robot-credential")
        answer = await client.request("PATCH", path, body={}, content_type="application/merge-patch+json")
        assert json.loads(answer.body)["data"], "the answer to a patch is the whole Secret"
    for account, allowed in (("actor", True), ("nobody", False), ("minter", False)):
        assert await acts_as(bench, tokens[account], me.username) is allowed
    async with as_account(bench, tokens["nobody"]) as client:
        with pytest.raises(Forbidden):
            await minted(client, bench, "robot")
        with pytest.raises(Forbidden):
            await client.get(SECRETS, "robot-credential", namespace=namespace)


async def acts_as(bench: Bench, token: Sensitive, username: str) -> bool:
    """Whether the server lets this token act as somebody, asked for something that every user may."""
    endpoint = bench.clusters.endpoint(bench.arena.name)
    context = ssl.create_default_context(cadata=(endpoint.ca or b"").decode())
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"},
    }
    headers = {"Authorization": f"Bearer {token.reveal()}", "Impersonate-User": username}
    url = f"{endpoint.server}/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=review, headers=headers, ssl=context) as answer,
    ):
        return answer.status == 201


async def test_the_built_in_edit_may_act_as_every_account_of_its_namespace(bench: Bench) -> None:
    await bench.make_account("robot")
    await bench.make_account("helper")
    await bind(bench, "helper", "ClusterRole", "edit")
    found = await bench.engine.becomers(bench.arena.identity())
    assert Way.IMPERSONATE in here(bench, found)["helper"]
    assert await acts_as(bench, await minted(bench.client, bench, "helper"), bench.arena.identity().username)
    elsewhere = await bench.engine.becomers(Identity(bench.arena.name, "default", "default"))
    assert "helper" not in here(bench, elsewhere)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")
async def test_kubectl_says_the_same(bench: Bench) -> None:
    await bench.issue(bench.arena.spec(bench.arena.secret()))
    namespace = bench.arena.namespace
    await give(bench, "minter", RIGHTS["minter"][1])
    await give(bench, "actor", RIGHTS["actor"][1])
    await give(bench, "nobody", [("get", "configmaps", "")])
    listed = here(bench, await bench.engine.becomers(bench.arena.identity()))
    for account in ("minter", "actor", "nobody"):
        says = {
            Way.MINT: can_i(bench, account, "create", "serviceaccounts/robot", "--subresource=token"),
            Way.IMPERSONATE: can_i(bench, account, "impersonate", "serviceaccounts/robot"),
        }
        assert [way for way, yes in says.items() if yes] == listed.get(account, []), (account, namespace)


def can_i(bench: Bench, account: str, *words: str) -> bool:
    namespace = bench.arena.namespace
    who = f"--as=system:serviceaccount:{namespace}:{account}"
    command = ["kubectl", "--kubeconfig", str(bench.arena.kubeconfig), "--context", bench.arena.name, "-n", namespace]
    done = subprocess.run([*command, "auth", "can-i", *words, who], capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("yes", "no"), done.stderr
    return done.stdout.strip() == "yes"


@pytest.mark.parametrize(
    ("path", "gap"),
    [
        ("/secrets", "which of them hold"),
        ("/pods", "whether any runs as it"),
        ("/roles", "no right to list roles"),
        ("subjectaccessreviews", "was not asked"),
    ],
)
async def test_what_cannot_be_read_is_a_gap(ebench: Bench, path: str, gap: str) -> None:
    await ebench.make_account("robot")
    with ebench.arena.fault(FaultRule(Answer(403), path=path)):
        found = await ebench.engine.becomers(ebench.arena.identity())
    assert any(gap in said for said in found.gaps), found.gaps


async def test_nobody_and_not_known_are_two_things(ebench: Bench) -> None:
    await ebench.make_account("robot")
    found = await ebench.engine.becomers(ebench.arena.identity())
    assert not found.gaps
    assert all(one.strong for one in found.becomers)
    with ebench.arena.fault(FaultRule(Answer(403), path=RBAC)), pytest.raises(UsageError, match="cannot be computed"):
        await ebench.engine.becomers(ebench.arena.identity())


async def test_an_account_that_is_not_there_is_said_to_be_so(ebench: Bench) -> None:
    found = await ebench.engine.becomers(ebench.arena.identity("gone"))
    assert any("no such account" in note for note in found.notes)


# Hygiene


def findings(graph: Graph, *accounts: Identity, running: frozenset[tuple[str, str]] | None = None) -> list[Finding]:
    survey = ClusterSurvey(cluster="c", access=graph.access, running=running)
    report = examine((), accounts, {"c": survey}, DiskReport(), lambda cluster: datetime.now(UTC))
    return [one for one in report.findings if one.rule == "reachable-account"]


def test_a_weak_subject_that_reaches_a_strong_account_is_one_finding() -> None:
    graph = Graph()
    graph.give("ci/robot", rule("*", "*", "*"), where="")
    graph.give("ci/helper", MINT)
    graph.give("ci/helper", rule("impersonate", "serviceaccounts"))
    graph.give("User jane", rule("create", "pods"))
    (finding,) = findings(graph, ME, Identity("c", "ci", "helper"))
    assert (finding.severity, finding.identity) == (Severity.HIGH, ME)
    assert "may do everything" in finding.message
    assert (
        "ServiceAccount ci/helper mints its tokens, through RoleBinding ci/bind-2 → ClusterRole role-2"
        in finding.message
    )
    assert "User jane starts pods" in finding.message
    assert finding.command == "kubemint who ci/robot --context c"


def test_who_is_strong_itself_and_a_weak_account_are_no_finding() -> None:
    graph = Graph()
    graph.give("ci/robot", rule("*", "*", "*"), where="")
    graph.give("User boss", rule("escalate", "clusterroles", RBAC), MINT, where="")
    graph.give("User admin", rule("*", "*", "*"), where="")
    assert findings(graph, ME) == []
    graph.give("User jane", rule("create", "pods/exec"))
    assert findings(graph, ME, running=frozenset()) == [], "no pod runs as it"
    assert len(findings(graph, ME, running=frozenset({("ci", "robot")}))) == 1
    weak = Graph()
    weak.give("ci/robot", rule("get", "pods"))
    weak.give("User jane", MINT)
    assert findings(weak, ME) == []
