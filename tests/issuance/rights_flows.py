"""Every flow that `kubemint rbac` knows, as an operator does it; each says whether it worked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from tests.issuance.dpf_place import CRDS
from tests.issuance.rights_trial import ACCOUNT, KEPT, PROJECTS, QUICK, Trial
from tests.issuance.tenancy import one_context
from tui.demo.operators.eso_kinds import definitions
from tui.fleet.fleet import Fleet
from tui.issuance.engine import Engine
from tui.issuance.families.csi import driver as csi
from tui.issuance.families.dpf.request_keeping import LEASE, LEASE_NAMESPACE
from tui.issuance.families.dpf.wishes import Delete, Keep
from tui.issuance.families.gardener import exec_minting as for_shoots
from tui.issuance.families.rights import Flow
from tui.issuance.families.tenants.wish import StoreWish, TenantPush
from tui.issuance.families.token_secret.identity import IdentityWish, SelfWish
from tui.issuance.formats import Format
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import AccessLevel, Address, Destination, Plan, ShootAccess, ShootWish
from tui.issuance.objects import capi, token_secret
from tui.issuance.objects.external_secrets import STORES, secret_store
from tui.issuance.records.deliveries import CLOSED
from tui.issuance.records.exec_cache import Question
from tui.issuance.records.state import StateStore
from tui.issuance.tokens.plain import PlainShootWish, Way
from tui.issuance.transaction.lease import LEASES
from tui.issuance.users.grace_length import GraceWish
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import KubeError, NotFound
from tui.kube.kubeconfig import load
from tui.kube.resource import CSI_DRIVERS, PODS, SECRETS, SERVICE_ACCOUNTS


async def issue_file(trial: Trial) -> bool:
    """A file; then one that cannot be written in the end, so that the handle is taken back."""
    assert trial.file("a").path
    good = await trial.execute(trial.engine.plan(trial.spec(trial.file("a"))))
    late = trial.file("late")

    def meanwhile() -> None:
        Path(late.path).mkdir()

    assert not await trial.execute(trial.engine.plan(trial.spec(late)), meanwhile, "write:0")
    return good


async def issue_secret(trial: Trial) -> bool:
    """Into a new Secret, and again into the same one."""
    good = True
    for again in (False, True):
        good = await trial.execute(trial.engine.plan(trial.spec(trial.secret()), replace=again)) and good
    return good


async def given(trial: Trial, *destinations: Destination) -> Address:
    """A credential that the administrator has issued, of which the operator's state knows nothing."""
    outcome = await trial.admin.execute(await trial.admin.plan(trial.spec(*destinations)))
    assert outcome.ok, outcome.error
    return outcome.address


async def rotate(trial: Trial) -> bool:
    """What somebody else put into a Secret, and what this operator put into a file."""
    good = await trial.execute(trial.engine.plan_rotate(await given(trial, trial.secret())))
    file = trial.file("mine")
    good = await trial.execute(trial.engine.plan(trial.spec(file))) and good
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

    assert not await trial.execute(trial.engine.plan(late), meanwhile, "token")
    wish = IdentityWish(identity=trial.identity, folder=str(trial.folder), secret=KEPT)
    return await trial.execute(trial.engine.plan(wish))


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
    for wish in (Keep, Keep, Delete):
        for name in ("there", "here"):
            good = (
                await trial.execute(engine.plan(wish(Address(CredentialKind.REQUEST, place.host, place.ns, name))))
                and good
            )
    return good


async def snippet(trial: Trial) -> bool:
    """Of a request and of a managed Secret."""
    place, form = trial.place, Format.TOKEN_FILE
    await place.want("there", type=form.value)
    wish = msgspec.structs.replace(trial.spec(trial.secret()), format=form)
    outcome = await trial.admin.execute(await trial.admin.plan(wish))
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
    outcome = await trial.admin.execute(await trial.admin.plan(wish))
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
    good = await trial.execute(trial.engine.plan(SelfWish(source=source, out=trial.file("short").path)))
    trial.said = [text for text in trial.said if "has no handle" not in text]  # by design: it may not make handles
    return good


async def eventually_mints(trial: Trial, source: Address) -> None:
    """A real authorizer learns of new Roles a moment later."""
    for number in range(100):
        wish = SelfWish(source=source, out=trial.file(f"try-{number}").path)
        if (await trial.admin.execute(await trial.admin.plan(wish))).ok:
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
    await admin.create(CSI_DRIVERS, wish | {"spec": {"tokenRequests": [{"audience": "vault"}]}})
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
        await admin.delete(CSI_DRIVERS, name)


def access(trial: Trial, name: str = "meadow", level: AccessLevel = AccessLevel.ADMIN) -> ShootAccess:
    return ShootAccess(trial.place.host, PROJECTS[name], name, level)


async def shoot(trial: Trial, level: AccessLevel) -> bool:
    wish = ShootWish(shoot=access(trial, level=level), path=trial.file("shoot").path)
    return await trial.execute(trial.engine.plan(wish))


async def shoot_admin(trial: Trial) -> bool:
    return await shoot(trial, AccessLevel.ADMIN)


async def shoot_viewer(trial: Trial) -> bool:
    return await shoot(trial, AccessLevel.VIEWER)


async def shoot_exec(trial: Trial) -> bool:
    """The kubeconfig is written, then the plugin answers it."""
    wanted = access(trial)
    if not await trial.execute(trial.engine.plan(PlainShootWish(path=trial.file("exec").path, shoot=wanted))):
        return False
    try:
        client = await trial.clusters.client(trial.place.host)
        made = await for_shoots.of_shoot(client, Question([], {}), wanted, timedelta(minutes=10))
    except KubeError as error:
        trial.say(f"{error} {error.hint}")
        return False
    return made.certificate is not None


async def shoot_oidc(trial: Trial) -> bool:
    """One whose login is that of a preset for the whole garden, so that every place is looked at."""
    wish = PlainShootWish(path=trial.file("oidc").path, way=Way.OIDC, shoot=access(trial, "shop"))
    return await trial.execute(trial.engine.plan(wish))


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
            self.found = await CLOSED.admit(await capi.find(await super().client(host), host, ns, name))
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
        at_once = GraceWish(timedelta(0), given=True)
        trial.engine = Engine(clusters, state, grace=at_once, owner="operator")

        async def push(*, replace: bool = False, **wish: Any) -> bool:
            given: dict[str, Any] = {
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
                return await trial.engine.plan(TenantPush(**given | wish), replace=replace)

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

        async def make() -> None:
            async with Client(trial.place.known.endpoint(host)) as client:
                await client.create(STORES, theirs, namespace=ns)

        def meanwhile() -> None:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, make()).result()

        assert not await trial.execute(trial.engine.plan(StoreWish(host, ns, tenant)), meanwhile, "store")
        if trial.said:
            return False
        await trial.place.client.delete(STORES, tenant, namespace=ns)
        return await trial.execute(trial.engine.plan(StoreWish(host, ns, tenant)))


async def define_stores(admin: Client) -> None:
    """Where External Secrets is not installed, the definition of its SecretStore alone."""
    if (await admin.discover()).serves(STORES.group, STORES.plural):
        return
    await admin.create(CRDS, next(one for one in definitions() if one["spec"]["names"]["kind"] == STORES.kind))
    async with asyncio.timeout(60):
        while not (await admin.discover()).serves(STORES.group, STORES.plural):
            await asyncio.sleep(0.1)


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
        made = await helper.execute(await helper.plan(StoreWish(host, ns, tenant)))
        await helper.aclose()
        assert made.ok, made.error
        good = True
        for again in (False, True):
            good = await push(replace=again, external_secrets=True) and good
        return good


async def read(trial: Trial, namespace: str | None = None) -> bool:
    """The dashboard's fleet: everything is listed and followed, and DPUClusters are entered."""
    fleet = Fleet(load(str(trial.config)), state=None, read_only=True, timing=QUICK, namespace=namespace)
    await fleet.start()
    try:
        await fleet.settled(30)
        until = monotonic() + trial.patience
        while True:
            seen = fleet.store.clusters
            rows = [row for row in seen.values() if row.name == trial.place.host or trial.place.ns in row.name]
            for row in rows:
                trial.say(" ".join((row.message, row.hint, *row.missing)))
            if trial.said or monotonic() > until:
                return len(rows) > 1 and not trial.said
            await asyncio.sleep(0.05)
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
