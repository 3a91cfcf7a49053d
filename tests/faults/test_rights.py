"""Rights that are missing, on old and new servers and on a real one: the right is named, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.issuance.arena import Arena, Bench, new_arena
from tui.demo import Answer, FaultRule
from tui.issuance.engine import Engine
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.model.clusters import KubeconfigClusters
from tui.kube.errors import Denied, KubeError
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
EMBEDDED = {"embedded": "harbor", "embedded-1.20": "tenant-b"}
Rule = tuple[str, str]
"""Verbs and resources, each with commas between."""

ACCOUNTS: Rule = ("get", "serviceaccounts")
TOKENS: Rule = ("create", "serviceaccounts/token")
HANDLES: Rule = ("create,get,delete", "secrets")


@pytest.fixture(params=[*EMBEDDED, pytest.param("real", marks=pytest.mark.real)])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Arena:
    """A fresh namespace, on each of the three sides."""
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        return new_arena("real", plane.kubeconfig, "real", tmp_path)
    fleet: FleetThread = request.getfixturevalue("embedded_fleet")
    return new_arena(request.param, fleet.kubeconfig, EMBEDDED[request.param], tmp_path, fleet)


@pytest.fixture
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    """The administrator, and the account robot that others issue for."""
    async with Bench(arena) as ready:
        await ready.client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "robot"}}, namespace=arena.namespace)
        yield ready


async def operator(bench: Bench, *rules: Rule) -> Bench:
    """An engine that works as an account with just these rights in the namespace."""
    arena, client = bench.arena, bench.client
    ns = arena.namespace
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "operator"}}, namespace=ns)
    given = [{"apiGroups": [""], "verbs": verbs.split(","), "resources": names.split(",")} for verbs, names in rules]
    await client.create(ROLES, {"metadata": {"name": "operator"}, "rules": given}, namespace=ns)
    binding = {
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": ROLES.group, "kind": "Role", "name": "operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": ns}],
    }
    await client.create(ROLE_BINDINGS, binding, namespace=ns)
    answer: dict[str, Any] = await client.create(
        SERVICE_ACCOUNTS, {"spec": {}}, namespace=ns, name="operator", subresource="token"
    )
    endpoint = bench.clusters.endpoint(arena.name)
    assert endpoint.ca is not None
    authority = arena.folder / "ca.crt"
    authority.write_bytes(endpoint.ca)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": arena.name,
        "contexts": [{"name": arena.name, "context": {"cluster": "c", "user": "u", "namespace": ns}}],
        "clusters": [{"name": "c", "cluster": {"server": endpoint.server, "certificate-authority": str(authority)}}],
        "users": [{"name": "u", "user": {"token": answer["status"]["token"]}}],
    }
    path = arena.folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    mine = Bench(arena, state="operator")
    mine.clusters = KubeconfigClusters(str(path))
    mine.engine = Engine(mine.clusters, mine.state, owner="operator")
    return mine


async def test_e19_the_missing_right_to_mint_is_named(bench: Bench) -> None:
    """E19: create serviceaccounts/token, in which namespace, for which account."""
    arena = bench.arena
    async with await operator(bench, ACCOUNTS, HANDLES) as limited:
        outcome = await limited.engine.execute(await limited.engine.plan(arena.spec(create_account=False)))
    assert not outcome.ok
    said = f"{outcome.error} {outcome.hint}"
    assert "create serviceaccounts/token" in said
    assert arena.namespace in said
    assert "robot" in said
    assert await bench.handles() == []
    assert not Path(arena.file().path).exists()


async def test_no_right_to_make_handles_still_issues_and_says_what_that_means(bench: Bench) -> None:
    arena = bench.arena
    async with await operator(bench, ACCOUNTS, TOKENS) as limited:
        plan = await limited.engine.plan(
            arena.spec(arena.file("robot.token"), format=Format.TOKEN, create_account=False)
        )
        said: list[str] = list(plan.warnings)
        outcome = await limited.engine.execute(plan, lambda result: said.append(result.message))
    assert outcome.ok, outcome.error
    assert any("cannot be revoked" in text for text in said), said
    token = Sensitive(Path(arena.file("robot.token").path).read_bytes().strip())
    assert read_token(token).bound is None
    assert await bench.works(token)


FULL = (
    'secrets "kubemint-x" is forbidden: exceeded quota: full, requested: secrets=1, used: secrets=0, limited: secrets=0'
)


@contextlib.asynccontextmanager
async def no_more_secrets(bench: Bench) -> AsyncIterator[None]:
    """A quota that is used up. The embedded fleet knows no quotas, so it is told what to say."""
    if bench.arena.fleet is not None:
        with bench.arena.fault(FaultRule(Answer(403, "Forbidden", FULL), verb="create", path="/secrets$")):
            yield
        return
    namespace, quota = bench.arena.namespace, {"hard": {"secrets": "0"}}
    await bench.client.create(QUOTAS, {"metadata": {"name": "full"}, "spec": quota}, namespace=namespace)
    used = {"status": quota | {"used": {"secrets": "0"}}}  # no controller of quotas runs here
    await bench.client.patch(QUOTAS, "full", used, namespace=namespace, subresource="status")
    async with asyncio.timeout(30):  # until the server's own view of quotas has it
        while True:
            try:
                await bench.client.create(SECRETS, {"metadata": {"name": "probe"}}, namespace=namespace, dry_run=True)
            except Denied:
                break
            await asyncio.sleep(0.1)
    yield


async def test_a_full_quota_is_no_missing_right(bench: Bench) -> None:
    """What could be revoked if there were room is not issued without a way to revoke it."""
    arena = bench.arena
    async with await operator(bench, ACCOUNTS, TOKENS, HANDLES) as limited, no_more_secrets(bench):
        outcome = await limited.engine.execute(await limited.engine.plan(arena.spec(create_account=False)))
        assert not outcome.ok
        assert "exceeded quota" in outcome.error
        assert not Path(arena.file().path).exists()
        assert limited.state.open_plans() == []


async def test_who_may_not_look_at_secrets_leaves_nothing_open(bench: Bench) -> None:
    """A handle that was never made cannot be looked for, nor deleted; that must not keep the plan open for good."""
    arena = bench.arena
    blind: Rule = ("create,delete", "secrets")
    async with await operator(bench, ACCOUNTS, TOKENS, blind) as limited, no_more_secrets(bench):
        outcome = await limited.engine.execute(await limited.engine.plan(arena.spec(create_account=False)))
        assert not outcome.ok
        assert limited.state.open_plans() == []
        assert await limited.engine.recover() == []


async def test_an_account_that_may_not_be_looked_at(bench: Bench) -> None:
    """Only the token itself needs a right; whether the account exists the server says when it is asked for one."""
    arena = bench.arena
    async with await operator(bench, TOKENS, HANDLES) as limited:
        outcome = await limited.engine.execute(await limited.engine.plan(arena.spec(create_account=False)))
    assert outcome.ok, outcome.error
    assert len(await bench.handles()) == 1


async def test_no_rights_at_all(bench: Bench) -> None:
    arena = bench.arena
    said = ""
    async with await operator(bench) as limited:
        try:
            outcome = await limited.engine.execute(await limited.engine.plan(arena.spec(create_account=False)))
            said = f"{outcome.error} {outcome.hint}"
        except KubeError as error:
            said = f"{error} {error.hint}"
    assert "serviceaccounts" in said
    assert arena.namespace in said
    assert "\n" not in said
    assert await bench.handles() == []
