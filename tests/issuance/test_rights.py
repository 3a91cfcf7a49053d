"""The Roles that `kubemint rbac` prints: each flow works with exactly its Role, and names whichever verb it lacks.

The embedded fleet decides as RBAC does; with the whole Roles every flow also runs on the real control plane.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.issuance.dpf_place import CRDS, Clock, Place, embedded_place, real_place
from tests.issuance.tenancy import one_context
from tui.demo.eso_kinds import definitions
from tui.fleet.fleet import Fleet
from tui.fleet.reach import Timing
from tui.issuance import capi, csi, exec_minting, token_secret
from tui.issuance.clusters import KubeconfigClusters
from tui.issuance.engine import Engine
from tui.issuance.exec_cache import Question
from tui.issuance.external_secrets import STORES, secret_store
from tui.issuance.identity import IdentityWish
from tui.issuance.lease import LEASES
from tui.issuance.plain import PlainWish, Way
from tui.issuance.request_keeping import LEASE, LEASE_NAMESPACE
from tui.issuance.rights import RIGHTS, Flow, pairs, roles
from tui.issuance.self_issue import SelfWish
from tui.issuance.state import StateStore
from tui.issuance.tenants import TenantPush
from tui.issuance.types import (
    AccessLevel,
    Address,
    CredentialKind,
    Destination,
    FileDestination,
    Format,
    Identity,
    IssueSpec,
    Plan,
    SecretDestination,
    ShootAccess,
    ShootWish,
    StepResult,
    StepStatus,
)
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import KubeError, NotFound
from tui.kube.kubeconfig import load
from tui.kube.resource import PODS, SECRETS, SERVICE_ACCOUNTS, Resource

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread

RBAC = "rbac.authorization.k8s.io"
KINDS = {
    "Role": Resource(RBAC, "v1", "roles", "Role"),
    "ClusterRole": Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    "RoleBinding": Resource(RBAC, "v1", "rolebindings", "RoleBinding"),
    "ClusterRoleBinding": Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
}
ACCOUNT, KEPT = "robot", "robot-credential"
PROJECTS = {"meadow": "garden-dev", "shop": "garden-prod"}
SHOOT_OF = {
    Flow.SHOOT_ADMIN: "meadow",
    Flow.SHOOT_VIEWER: "meadow",
    Flow.SHOOT_EXEC: "meadow",
    Flow.SHOOT_OIDC: "shop",
}
"""Flows in a garden, which only the embedded fleet has, and the shoot that each is tried with."""
QUICK = Timing(heartbeat=0.2, probe=1.0, rediscover=0.2, forbidden=0.2, retry_first=0.05, retry_longest=0.2)
ABOUT_RIGHTS = re.compile(r"\bright\b|\bneeds:|forbidden|cannot be revoked: it is bound to nothing")


@dataclass
class Trial:
    """A flow tried by somebody with few rights, and everything it said about rights."""

    place: Place
    folder: Path
    admin: Engine
    engine: Engine
    clusters: KubeconfigClusters
    config: Path
    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """All that was said, about rights or not."""

    @property
    def identity(self) -> Identity:
        return Identity(self.place.host, self.place.ns, ACCOUNT)

    def spec(self, *destinations: Destination) -> IssueSpec:
        return IssueSpec(identity=self.identity, destinations=destinations, format=Format.TOKEN)

    def file(self, name: str) -> FileDestination:
        return FileDestination(str(self.folder / name))

    def secret(self) -> SecretDestination:
        return SecretDestination(self.place.host, self.place.ns, KEPT)

    def say(self, text: str) -> None:
        self.heard.append(text)
        if ABOUT_RIGHTS.search(text):
            self.said.append(text)

    async def execute(self, planning: Awaitable[Plan], between: Callable[[], None] = lambda: None) -> bool:
        """Plan, then execute; what is refused on the way is said. Whether it worked."""
        try:
            plan = await planning
        except KubeError as error:
            self.say(f"{error} {error.hint}")
            return False
        for warning in plan.warnings:
            self.say(warning)
        between()

        def on_step(result: StepResult) -> None:
            if result.status in (StepStatus.FAILED, StepStatus.SKIPPED):
                self.say(result.message)

        outcome = await self.engine.execute(plan, on_step)
        await self.engine.settle()
        self.say(f"{outcome.error} {outcome.hint}")
        return outcome.ok


async def issue_file(trial: Trial) -> bool:
    """A file; then one that cannot be written in the end, so that the handle is taken back."""
    assert trial.file("a").path
    good = await trial.execute(trial.engine.plan_issue(trial.spec(trial.file("a"))))
    late = trial.file("late")

    def meanwhile() -> None:
        Path(late.path).mkdir()

    assert not await trial.execute(trial.engine.plan_issue(trial.spec(late)), meanwhile)
    return good


async def issue_secret(trial: Trial) -> bool:
    """Into a new Secret, and again into the same one."""
    good = True
    for _ in range(2):
        good = await trial.execute(trial.engine.plan_issue(trial.spec(trial.secret()))) and good
    return good


async def given(trial: Trial, *destinations: Destination) -> Address:
    """A credential that the administrator has issued, of which the operator's state knows nothing."""
    outcome = await trial.admin.execute(await trial.admin.plan_issue(trial.spec(*destinations)))
    assert outcome.ok, outcome.error
    return outcome.address


async def rotate(trial: Trial) -> bool:
    """What somebody else put into a Secret, and what this operator put into a file."""
    good = await trial.execute(trial.engine.plan_rotate(await given(trial, trial.secret())))
    file = trial.file("mine")
    good = await trial.execute(trial.engine.plan_issue(trial.spec(file))) and good
    if not good:
        return False
    return await trial.execute(trial.engine.plan_rotate(Address(CredentialKind.FILE, "", "", file.path)))


async def revoke(trial: Trial) -> bool:
    address = await given(trial, trial.secret())
    return await trial.execute(trial.engine.plan_revoke(address))


async def dpu_rotate(trial: Trial) -> bool:
    """One request for a DPUCluster and one for the cluster it is in, each from nothing and then again."""
    await trial.place.client.delete(SERVICE_ACCOUNTS, ACCOUNT, namespace=trial.place.ns)  # requests make their own
    await trial.place.want("there")
    own = {"name": ACCOUNT, "namespace": trial.place.ns}
    kept = {"name": KEPT, "namespace": trial.place.ns}
    await trial.place.want("here", targetCluster=None, serviceAccount=own, secret=kept)
    good = True
    for name in ("there", "here", "there", "here"):
        address = Address(CredentialKind.REQUEST, trial.place.host, trial.place.ns, name)
        good = await trial.execute(trial.engine.plan_rotate(address)) and good
    return good


async def identity(trial: Trial) -> bool:
    """One whose token file cannot be written in the end, so that everything is taken back; then a whole one."""
    await trial.place.client.delete(SERVICE_ACCOUNTS, ACCOUNT, namespace=trial.place.ns)
    late = IdentityWish(identity=trial.identity, folder=str(trial.folder / "late"), secret=KEPT)

    def meanwhile() -> None:
        Path(late.path).mkdir(parents=True)

    assert not await trial.execute(trial.engine.plan_create_identity(late), meanwhile)
    wish = IdentityWish(identity=trial.identity, folder=str(trial.folder), secret=KEPT)
    return await trial.execute(trial.engine.plan_create_identity(wish))


async def dpu_keep(trial: Trial) -> bool:
    """One request for a DPUCluster and one for its own cluster: kept, kept again, and deleted with what was made."""
    place, engine = trial.place, trial.engine
    with contextlib.suppress(NotFound):
        await place.client.delete(LEASES, LEASE, namespace=LEASE_NAMESPACE)
    await place.client.delete(SERVICE_ACCOUNTS, ACCOUNT, namespace=place.ns)
    await place.want("there")
    own = {"name": ACCOUNT, "namespace": place.ns}
    kept = {"name": KEPT, "namespace": place.ns}
    await place.want("here", targetCluster=None, serviceAccount=own, secret=kept)
    good = True
    for planning in (engine.plan_keep_request, engine.plan_keep_request, engine.plan_delete_request):
        for name in ("there", "here"):
            good = await trial.execute(planning(Address(CredentialKind.REQUEST, place.host, place.ns, name))) and good
    return good


async def snippet(trial: Trial) -> bool:
    """Of a request and of a managed Secret."""
    place, form = trial.place, Format.TOKEN_FILE
    await place.want("there", type=form.value)
    wish = msgspec.structs.replace(trial.spec(trial.secret()), format=form)
    outcome = await trial.admin.execute(await trial.admin.plan_issue(wish))
    assert outcome.ok, outcome
    good = True
    for address in (Address(CredentialKind.REQUEST, place.host, place.ns, "there"), outcome.address):
        try:
            await trial.engine.snippet(address)
        except KubeError as error:
            trial.say(f"{error} {error.hint}")
            good = False
    return good


async def made_identity(trial: Trial) -> Address:
    """An identity that the administrator made; its token Secret."""
    wish = IdentityWish(identity=trial.identity, folder=str(trial.folder / "admins"), secret=KEPT)
    outcome = await trial.admin.execute(await trial.admin.plan_create_identity(wish))
    assert outcome.ok, outcome
    return outcome.address


async def identity_show(trial: Trial) -> bool:
    await made_identity(trial)
    try:
        found = await trial.engine.identity(trial.identity)
    except KubeError as error:
        trial.say(f"{error} {error.hint}")
        return False
    return found.mints and KEPT in [token.address.name for token in found.tokens]


async def mint(trial: Trial) -> bool:
    source = await made_identity(trial)
    await eventually_mints(trial, source)
    good = await trial.execute(trial.engine.plan_self_issue(SelfWish(source=source, out=trial.file("short").path)))
    trial.said = [text for text in trial.said if "bound to nothing" not in text]  # by design: it may not make handles
    return good


async def eventually_mints(trial: Trial, source: Address) -> None:
    """A real authorizer learns of new Roles a moment later."""
    for number in range(100):
        wish = SelfWish(source=source, out=trial.file(f"try-{number}").path)
        if (await trial.admin.execute(await trial.admin.plan_self_issue(wish))).ok:
            return
        await asyncio.sleep(0.05)


async def reactivate(trial: Trial) -> bool:
    address = await made_identity(trial)
    labels = {token_secret.INVALID_SINCE: "2026-01-02"}
    await trial.place.client.patch(SECRETS, KEPT, {"metadata": {"labels": labels}}, namespace=trial.place.ns)
    return await trial.execute(trial.engine.plan_reactivate(address))


async def csi_preview(trial: Trial) -> bool:
    ns, admin = trial.place.ns, trial.place.client
    name = f"store.{ns}.example.com"
    wish = {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name}}
    await admin.create(csi.CSI_DRIVERS, wish | {"spec": {"tokenRequests": [{"audience": "vault"}]}})
    spec = {"serviceAccountName": ACCOUNT, "automountServiceAccountToken": False}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader-0"}}
    containers = [{"name": "c", "image": "i"}]
    await admin.create(PODS, pod | {"spec": spec | {"containers": containers}}, namespace=ns)
    client = await trial.clusters.client(trial.place.host)
    try:
        looked = await csi.look(client, trial.place.host, name, ns, "reader-0")
        # Old servers have dropped the request; the right is asked for all the same.
        driver = csi.Driver(name=name, wishes=(csi.TokenWish("vault"),))
        return len(await csi.mint(client, msgspec.structs.replace(looked, driver=driver))) == 1
    except KubeError as error:
        trial.say(f"{error} {error.hint}")
        return False
    finally:
        await admin.delete(csi.CSI_DRIVERS, name)


def access(trial: Trial, name: str = "meadow", level: AccessLevel = AccessLevel.ADMIN) -> ShootAccess:
    return ShootAccess(trial.place.host, PROJECTS[name], name, level)


async def shoot(trial: Trial, level: AccessLevel) -> bool:
    wish = ShootWish(shoot=access(trial, level=level), path=trial.file("shoot").path)
    return await trial.execute(trial.engine.plan_issue_shoot(wish))


async def shoot_admin(trial: Trial) -> bool:
    return await shoot(trial, AccessLevel.ADMIN)


async def shoot_viewer(trial: Trial) -> bool:
    return await shoot(trial, AccessLevel.VIEWER)


async def shoot_exec(trial: Trial) -> bool:
    """The kubeconfig is written, then the plugin answers it."""
    wanted = access(trial)
    if not await trial.execute(trial.engine.plan_plain(PlainWish(path=trial.file("exec").path, shoot=wanted))):
        return False
    try:
        client = await trial.clusters.client(trial.place.host)
        made = await exec_minting.of_shoot(client, Question([], {}), wanted, timedelta(minutes=10))
    except KubeError as error:
        trial.say(f"{error} {error.hint}")
        return False
    return made.certificate is not None


async def shoot_oidc(trial: Trial) -> bool:
    """One whose login is that of a preset for the whole garden, so that every place is looked at."""
    wish = PlainWish(path=trial.file("oidc").path, way=Way.OIDC, shoot=access(trial, "shop"))
    return await trial.execute(trial.engine.plan_plain(wish))


class TenantClusters(KubeconfigClusters):
    """The operator's cluster, and one tenant that is found in it by Cluster API's Secret, as everywhere."""

    def __init__(self, trial: Trial, tenant: str) -> None:
        super().__init__(str(trial.config))
        self.trial = trial
        self.tenant = tenant
        self.found: Endpoint | None = None

    def names(self) -> Sequence[str]:
        return (*super().names(), self.tenant)

    def endpoint(self, name: str) -> Endpoint:
        if name != self.tenant:
            return super().endpoint(name)
        assert self.found is not None
        return self.found

    async def client(self, name: str) -> Client:
        if name == self.tenant and self.found is None:
            host, ns = self.trial.place.host, self.trial.place.ns
            self.found = await capi.find(await super().client(host), host, ns, name)
        return await super().client(name)


@contextlib.asynccontextmanager
async def tenancy(trial: Trial) -> AsyncIterator[Callable[..., Awaitable[bool]]]:
    """Cluster API's Secret for a tenant; gives what pushes into it with the operator's rights."""
    place = trial.place
    tenant = place.members[0]
    labels = {capi.CLUSTER_LABEL: tenant}
    value = base64.b64encode(one_context(place.config, tenant)).decode()
    secret = {"metadata": {"name": f"{tenant}-kubeconfig", "labels": labels}, "type": capi.SECRET_TYPE}
    await place.client.create(SECRETS, secret | {"data": {"value": value}}, namespace=place.ns)
    clusters = TenantClusters(trial, tenant)
    with contextlib.closing(StateStore.open(trial.folder / "tenancy")) as state:
        trial.engine = Engine(clusters, state, grace=timedelta(0), owner="operator")

        async def push(**wish: Any) -> bool:
            given = {
                "identity": trial.identity,
                "namespace": place.ns,
                "cluster": tenant,
                "tenant": tenant,
                "remote_namespace": "kube-system",
                "remote_secret": place.ns,
                "wait": timedelta(seconds=15),
            }

            async def planned() -> Plan:
                await clusters.client(tenant)
                return await trial.engine.plan_tenant_push(TenantPush(**given | wish))

            return await trial.execute(planned())

        try:
            yield push
        finally:
            await trial.engine.aclose()
            await clusters.aclose()


async def tenant_store(trial: Trial) -> bool:
    """One whose SecretStore somebody else makes meanwhile, so that its Secret is taken back; then a whole one."""
    await define_stores(trial.place.client)
    async with tenancy(trial):
        host, ns, tenant = trial.place.host, trial.place.ns, trial.place.members[0]
        theirs = secret_store(STORES, tenant, ns, "https://elsewhere.example")
        try:
            plan = await trial.engine.plan_tenant_store(host, ns, tenant)
        except KubeError as error:
            trial.say(f"{error} {error.hint}")
            return False
        await trial.place.client.create(STORES, theirs, namespace=ns)
        assert not await trial.execute(_done(plan))
        await trial.place.client.delete(STORES, tenant, namespace=ns)
        return await trial.execute(trial.engine.plan_tenant_store(host, ns, tenant))


async def define_stores(admin: Client) -> None:
    """Where External Secrets is not installed, the definition of its SecretStore alone."""
    if (await admin.discover()).serves(STORES.group, STORES.plural):
        return
    await admin.create(CRDS, next(one for one in definitions() if one["spec"]["names"]["kind"] == STORES.kind))
    async with asyncio.timeout(20):
        while not (await admin.discover()).serves(STORES.group, STORES.plural):
            await asyncio.sleep(0.1)


async def _done(plan: Plan) -> Plan:
    return plan


async def tenant_push(trial: Trial) -> bool:
    """Into a new Secret of the tenant; then one whose namespace is not there, so that the handle is taken back."""
    async with tenancy(trial) as push:
        good = await push()
        assert not await push(remote_namespace="not-there")
        return good


async def tenant_push_external(trial: Trial) -> bool:
    """By a PushSecret, and again into the same; then one that never arrives."""
    async with tenancy(trial) as push:
        host, ns, tenant = trial.place.host, trial.place.ns, trial.place.members[0]
        helper = Engine(trial.place.known, trial.admin.state, grace=timedelta(0), owner="admin")
        made = await helper.execute(await helper.plan_tenant_store(host, ns, tenant))
        await helper.aclose()
        assert made.ok, made.error
        good = True
        for _ in range(2):
            good = await push(external_secrets=True) and good
        return good


async def read(trial: Trial, namespace: str | None = None) -> bool:
    """The dashboard's fleet: everything is listed and followed, and DPUClusters are entered."""
    fleet = Fleet(load(str(trial.config)), state=None, read_only=True, timing=QUICK, namespace=namespace)
    await fleet.start()
    try:
        await fleet.settled(10)
        seen = fleet.store.clusters
        rows = [row for row in seen.values() if row.name == trial.place.host or trial.place.ns in row.name]
        for row in rows:
            trial.say(" ".join((row.message, row.hint, *row.missing)))
        return len(rows) > 1 and not trial.said
    finally:
        await fleet.stop()


FLOWS: dict[Flow, Callable[[Trial], Awaitable[bool]]] = {
    Flow.READ: read,
    Flow.ISSUE_FILE: issue_file,
    Flow.ISSUE_SECRET: issue_secret,
    Flow.ROTATE: rotate,
    Flow.REVOKE: revoke,
    Flow.DPU_ROTATE: dpu_rotate,
    Flow.DPU_KEEP: dpu_keep,
    Flow.SNIPPET: snippet,
    Flow.IDENTITY: identity,
    Flow.IDENTITY_SHOW: identity_show,
    Flow.MINT: mint,
    Flow.REACTIVATE: reactivate,
    Flow.CSI_PREVIEW: csi_preview,
    Flow.SHOOT_ADMIN: shoot_admin,
    Flow.SHOOT_VIEWER: shoot_viewer,
    Flow.SHOOT_EXEC: shoot_exec,
    Flow.SHOOT_OIDC: shoot_oidc,
    Flow.TENANT_STORE: tenant_store,
    Flow.TENANT_PUSH: tenant_push,
    Flow.TENANT_PUSH_EXTERNAL: tenant_push_external,
}


def test_every_flow_has_rights_and_a_trial() -> None:
    assert set(FLOWS) == set(RIGHTS) == set(Flow)


@pytest.fixture
async def place(embedded_fleet: FleetThread) -> AsyncIterator[Place]:
    async with embedded_place(embedded_fleet, Clock()) as ready:
        yield ready


@contextlib.asynccontextmanager
async def trial_of(place: Place, folder: Path, made: list[dict[str, Any]]) -> AsyncIterator[Trial]:
    """Somebody with these Roles and no others. What lies elsewhere than in the trial's namespace is taken away."""
    admin, ns = place.client, place.ns
    for name in ("operator", ACCOUNT):
        await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace=ns)
    wide = []
    for role in made:
        inside = role["metadata"].get("namespace")
        name = role["metadata"]["name"] + ("" if inside == ns else f"-{ns}")
        await admin.create(KINDS[role["kind"]], role | {"metadata": {"name": name}}, namespace=inside)
        binding = KINDS[f"{role['kind']}Binding"]
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": ns}
        wish = {"roleRef": {"apiGroup": RBAC, "kind": role["kind"], "name": name}, "subjects": [subject]}
        await admin.create(binding, wish | {"metadata": {"name": name}}, namespace=inside)
        wide += [] if inside == ns else [(binding, name, inside), (KINDS[role["kind"]], name, inside)]
    answer: dict[str, Any] = await admin.create(
        SERVICE_ACCOUNTS, {"spec": {}}, namespace=ns, name="operator", subresource="token"
    )
    config = folder / "operator.kubeconfig"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_kubeconfig(place, answer["status"]["token"])))
    clusters = KubeconfigClusters(str(config))
    states = [StateStore.open(folder / name) for name in ("operator", "admin")]
    engine = Engine(clusters, states[0], grace=timedelta(0), owner="operator")
    helper = Engine(place.known, states[1], grace=timedelta(0), owner="admin")
    try:
        yield Trial(place, folder, helper, engine, clusters, config)
    finally:
        await engine.aclose()
        await helper.aclose()
        await clusters.aclose()
        for state in states:
            state.close()
        for resource, name, inside in wide:
            await admin.delete(resource, name, namespace=inside)


def _kubeconfig(place: Place, token: str) -> dict[str, Any]:
    endpoint = place.known.endpoint(place.host)
    ca = base64.b64encode(endpoint.ca or b"").decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": place.host,
        "contexts": [{"name": place.host, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": endpoint.server, "certificate-authority-data": ca}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }


def exact(flow: Flow, ns: str) -> list[dict[str, Any]]:
    """What `kubemint rbac FLOW` prints, as narrow as it can be; the dashboard looks at everything."""
    if flow is Flow.READ:
        return roles(flow)
    if flow in SHOOT_OF:
        return roles(flow, namespace=PROJECTS[SHOOT_OF[flow]], shoot=SHOOT_OF[flow])
    return roles(flow, namespace=ns, account=ACCOUNT, secret=KEPT)


def without(made: list[dict[str, Any]], verb: str, resource: str) -> list[dict[str, Any]]:
    """The same Roles with one verb on one resource taken out, wherever it stands."""
    plural, _, group = resource.partition(".")
    changed = []
    for role in made:
        rules = []
        for rule in role["rules"]:
            if rule["apiGroups"] == [group] and rule["resources"] == [plural]:
                rule = rule | {"verbs": [kept for kept in rule["verbs"] if kept != verb]}
            rules += [rule] if rule["verbs"] else []
        changed.append(role | {"rules": rules})
    return changed


@pytest.mark.parametrize("flow", Flow)
async def test_the_role_is_enough(place: Place, tmp_path: Path, flow: Flow) -> None:
    async with trial_of(place, tmp_path, exact(flow, place.ns)) as trial:
        assert await FLOWS[flow](trial), trial.heard
        assert trial.said == []


async def test_reading_one_namespace_needs_a_role_in_it_alone(place: Place, tmp_path: Path) -> None:
    async with trial_of(place, tmp_path, roles(Flow.READ, namespace=place.ns)) as trial:
        assert await read(trial, namespace=place.ns), trial.said


async def test_names_alone_are_enough_without_a_namespace(place: Place, tmp_path: Path) -> None:
    """A ClusterRole with names, bound everywhere."""
    made = roles(Flow.ROTATE, account=ACCOUNT, secret=KEPT)
    assert [role["kind"] for role in made] == ["ClusterRole"]
    async with trial_of(place, tmp_path, made) as trial:
        assert await rotate(trial), trial.said


async def test_another_name_is_not_enough(place: Place, tmp_path: Path) -> None:
    """The names are what counts: a Role for another account is refused, and the right one named."""
    made = roles(Flow.ISSUE_FILE, namespace=place.ns, account="somebody-else")
    async with trial_of(place, tmp_path, made) as trial:
        assert not await trial.execute(trial.engine.plan_issue(trial.spec(trial.file("a"))))
        assert any("create serviceaccounts/token" in text and ACCOUNT in text for text in trial.said), trial.said


@pytest.mark.real
@pytest.mark.parametrize("flow", [flow for flow in Flow if flow not in SHOOT_OF])
async def test_the_role_is_enough_on_a_real_server(
    real_control_plane: RealControlPlane, tmp_path: Path, flow: Flow
) -> None:
    if flow is Flow.TENANT_PUSH_EXTERNAL:
        pytest.skip("no External Secrets Operator runs there, so that nothing would arrive")
    async with real_place(real_control_plane) as place, trial_of(place, tmp_path, exact(flow, place.ns)) as trial:
        assert await FLOWS[flow](trial), trial.heard
        assert trial.said == []


CASES = [
    pytest.param(flow, verb, resource, id=f"{flow}-{verb}-{resource}")
    for flow in Flow
    for verb, resource in pairs(flow)
]


@pytest.mark.parametrize(("flow", "verb", "resource"), CASES)
async def test_without_a_verb_it_says_which(place: Place, tmp_path: Path, flow: Flow, verb: str, resource: str) -> None:
    """Nothing in a Role is superfluous, and what is missing is named by its verb and resource."""
    async with trial_of(place, tmp_path, without(exact(flow, place.ns), verb, resource)) as trial:
        await FLOWS[flow](trial)
        plural, _, group = resource.partition(".")
        words = re.compile(rf"\b{verb}\b.*\b{re.escape(plural)}\b(?!/)", re.IGNORECASE)
        assert any(words.search(text) and group in text for text in trial.said), trial.said
