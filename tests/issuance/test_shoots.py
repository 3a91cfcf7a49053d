"""Gardener: shoots as they are read, and kubeconfigs for them from the wish to the file, in an embedded garden."""

from __future__ import annotations

import base64
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.demo.apiserver.pki import Authority
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import IssuanceError, Unasked, UsageError
from tui.issuance.families.gardener.garden import PROJECTS, SHOOTS, Project, Shoot, shoot_at
from tui.issuance.families.gardener.shoot_kubeconfig import ShootKubeconfig, check_duration, read, request
from tui.issuance.model.certificate import CertificateError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import (
    AccessLevel,
    Action,
    Address,
    Identity,
    IssueSpec,
    Outcome,
    ShootAccess,
    ShootWish,
    State,
    StepStatus,
)
from tui.issuance.objects.viewer import CANNOT_MINT
from tui.kube.client import Client
from tui.kube.delivered import DeliveredError
from tui.kube.errors import APIError, Forbidden, KubeError
from tui.kube.kubeconfig import parse
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS

ACCESS = ShootAccess("harbor", "garden-dev", "tenant-a")

AUTHORITY = Authority("ca", datetime.now(UTC))
PAIR = AUTHORITY.client("gardener.cloud:admin:alice", ["gardener.cloud:system:admins"])


class Died(BaseException):
    """Ends an engine as a killed process ends."""


def wish(folder: Path, name: str = "tenant-a", level: AccessLevel = AccessLevel.AUTO, **more: Any) -> ShootWish:
    shoot = ShootAccess("harbor", "garden-dev", name, level)
    return ShootWish(shoot=shoot, path=str(folder / "shoot.kubeconfig"), **more)


def file_of(wanted: ShootWish) -> Address:
    return Address(CredentialKind.FILE, "", "", wanted.path)


async def issue(bench: Bench, wanted: ShootWish, **words: bool) -> Outcome:
    return await bench.engine.execute(await bench.engine.plan(wanted, **words))


async def entered(path: str | Path) -> Client:
    return Client(parse(Path(path).read_bytes()).endpoint())


def config(**changes: Any) -> bytes:
    """A garden's answer for baz/test, with fields replaced; None leaves one out."""
    names = [f"baz--test-{name}" for name in ("external", "wildcard-tls-seed-bound", "internal")]
    authority = base64.b64encode(AUTHORITY.pem).decode()
    user = {"client-certificate-data": PAIR.certificate, "client-key-data": PAIR.key.reveal_bytes()} | changes.pop(
        "user", {}
    )
    encoded = {key: base64.b64encode(value).decode() for key, value in user.items() if value is not None}
    clusters = [
        {
            "name": name,
            "cluster": {"server": f"https://{name}.example.com"}
            | ({} if "wildcard" in name else {"certificate-authority-data": authority}),
        }
        for name in names
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": names[0],
        "clusters": clusters,
        "contexts": [{"name": name, "context": {"cluster": name, "user": names[0]}} for name in names],
        "users": [{"name": names[0], "user": encoded}],
    }
    return yaml.safe_dump(document | changes).encode()


def parsed(**changes: Any) -> ShootKubeconfig:
    return read(config(**changes), ShootAccess("garden", "baz", "test", AccessLevel.ADMIN))


def test_i01_what_a_garden_answers_is_read_and_written_again() -> None:
    found = parsed()
    assert [way.name for way in found.ways] == [
        "baz--test-external",
        "baz--test-wildcard-tls-seed-bound",
        "baz--test-internal",
    ]
    assert [found.address_of(way) for way in found.ways] == ["external", "wildcard-tls-seed-bound", "internal"]
    assert [way.ca is not None for way in found.ways] == [True, False, True]
    assert found.user == "baz--test-external"
    again = yaml.safe_load(found.text(found.ways[2]).reveal())
    asked = yaml.safe_load(config())
    assert again["current-context"] == "baz--test-internal"
    assert [again[key] for key in ("clusters", "contexts", "users")] == [
        asked[key] for key in ("clusters", "contexts", "users")
    ]


@pytest.mark.parametrize("part", ["client-certificate-data", "client-key-data"])
def test_i11_certificate_and_key_are_one_pem_block_each(part: str) -> None:
    good = {"client-certificate-data": PAIR.certificate, "client-key-data": PAIR.key.reveal_bytes()}
    other = {"client-certificate-data": PAIR.key.reveal_bytes(), "client-key-data": PAIR.certificate}
    for text in (b"leading\n" + good[part], good[part] + b"garbage", b"not PEM at all", other[part]):
        with pytest.raises((CertificateError, KubeError)):
            parsed(user={part: text})
    with pytest.raises(DeliveredError, match="neither a token nor a client certificate"):
        parsed(user={"client-certificate-data": None, "client-key-data": None})


def test_nothing_else_is_taken_from_a_garden() -> None:
    name = "baz--test-external"
    exec_user = {
        "name": name,
        "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh"}},
    }
    with pytest.raises((IssuanceError, KubeError)):
        parsed(users=[exec_user])
    for cluster in (
        {"server": "http://plain.example.com"},
        {"server": "https://a.example.com", "insecure-skip-tls-verify": True},
        {"server": "https://a.example.com", "proxy-url": "http://spy.example.com"},
    ):
        clusters = yaml.safe_load(config())["clusters"]
        clusters[0]["cluster"] = cluster
        with pytest.raises(DeliveredError, match=r"not https|let anyone in between|through a proxy"):
            parsed(clusters=clusters)
    with pytest.raises((IssuanceError, KubeError)):
        parsed(contexts=[])
    with pytest.raises(KubeError):
        read(b"\0", ACCESS)


@pytest.mark.parametrize(
    ("group", "name", "shown"),
    [
        ("gardener.cloud:system:admins", "gardener.cloud:admin:alice", "gardener.cloud:admin:alice"),
        ("gardener.cloud:project:viewers", "gardener.cloud:viewer:alice", "gardener.cloud:viewer:alice"),
        ("system:masters", "alice", "alice"),
    ],
)
def test_i03_both_eras_of_subjects_are_shown(group: str, name: str, shown: str) -> None:
    pair = AUTHORITY.client(name, [group])
    user = {"client-certificate-data": pair.certificate, "client-key-data": pair.key.reveal_bytes()}
    assert parsed(user=user).speaks_for == f"{shown} ({group})"


async def test_shoots_and_projects_as_they_say_of_themselves(ebench: Bench) -> None:
    shoots = {shoot.metadata.name: shoot for shoot in await ebench.client.list(SHOOTS, type=Shoot)}
    assert {name: (one.hibernation, one.operation, one.health) for name, one in shoots.items()} == {
        "tenant-a": ("Awake", "Reconcile Succeeded (100%)", "healthy"),
        "tenant-b": ("Awake", "Reconcile Succeeded (100%)", "healthy"),
        "tenant-c": ("Awake", "Reconcile Succeeded (100%)", "healthy"),
        "night-shift": ("Hibernated", "Reconcile Succeeded (100%)", "healthy"),
        "fresh": ("Awake", "Create Processing (43%)", "progressing"),
        "shop": ("Awake", "Reconcile Failed (72%)", "unhealthy"),
        "meadow": ("Awake", "Reconcile Succeeded (100%)", "healthy"),
        "ledger": ("Awake", "Reconcile Succeeded (100%)", "healthy"),
    }
    assert shoots["tenant-a"].oidc is None
    oidc = shoots["tenant-c"].oidc
    assert oidc is not None
    assert (oidc.client_id, oidc.issuer_url) == ("kubernetes", "https://login.example.com")
    listed = await ebench.client.list(PROJECTS, type=Project)
    projects = {one.metadata.name: (one.spec.namespace, one.status.phase) for one in listed}
    assert projects == {name: (f"garden-{name}", "Ready") for name in ("dev", "prod", "audit")}


async def test_a_kubeconfig_from_the_wish_to_rotation(ebench: Bench, tmp_path: Path) -> None:
    wanted = wish(tmp_path, duration=timedelta(minutes=10))
    plan = await ebench.engine.plan(wanted)
    assert [step.id for step in plan.steps] == ["intent", "request", "prove", "write:0", "check:0", "commit"]
    assert (plan.steps[1].verb, plan.steps[1].resource) == ("create", "shoots/adminkubeconfig.core.gardener.cloud")
    assert any("cannot be revoked" in warning for warning in plan.warnings)
    assert not Path(wanted.path).exists()
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    credential = outcome.credential
    assert credential is not None
    assert (credential.granted, credential.requested) == (timedelta(minutes=10), timedelta(minutes=10))
    assert credential.shoot == ShootAccess("harbor", "garden-dev", "tenant-a", AccessLevel.ADMIN)
    assert "gardener.cloud:admin:kubernetes-admin (gardener.cloud:system:admins)" in credential.message
    assert stat.S_IMODE(Path(wanted.path).stat().st_mode) == 0o600
    async with await entered(wanted.path) as inside:
        await inside.list(SECRETS, namespace="default")
    assert [one.address for one in ebench.state.exports()] == [file_of(wanted)]
    assert await ebench.engine.lookup(file_of(wanted)) == credential
    verified = await ebench.engine.verify(file_of(wanted))
    assert (verified.ok, verified.username) == (True, "gardener.cloud:admin:kubernetes-admin")

    before = Path(wanted.path).read_bytes()
    rotated = await ebench.engine.plan_rotate(file_of(wanted))
    assert rotated.action is Action.ROTATE
    assert rotated.warnings[0].startswith("the result cannot be revoked")
    again = await ebench.engine.execute(rotated)
    assert again.ok, again
    assert again.credential is not None
    assert again.credential.fingerprint != credential.fingerprint
    assert again.credential.requested == timedelta(minutes=10)
    assert Path(wanted.path).read_bytes() != before
    assert ebench.state.open_plans() == []

    with pytest.raises(UsageError, match="cannot be revoked: it is a client certificate, which ends at 20") as refused:
        await ebench.engine.plan_revoke(file_of(wanted))
    assert "client CA" in refused.value.hint


async def test_copies_and_other_peoples_files(ebench: Bench, tmp_path: Path) -> None:
    wanted = wish(tmp_path, duration=timedelta(minutes=10))
    assert (await issue(ebench, wanted)).ok
    copy = FileDestination(str(tmp_path / "copy"))
    assert (await ebench.engine.export(file_of(wanted), copy)).ok
    assert Path(copy.path).read_bytes() == Path(wanted.path).read_bytes()
    at = Address(CredentialKind.FILE, "", "", copy.path)
    assert (await ebench.engine.lookup(at)).state is State.VALID
    with pytest.raises(UsageError, match="is a copy of"):
        await ebench.engine.plan_rotate(at)
    with pytest.raises(UsageError, match="in use by a credential of harbor/garden-dev/tenant-a"):
        await ebench.engine.plan(wish(tmp_path, "tenant-c"))
    robot = ebench.arena.spec(FileDestination(wanted.path))
    with pytest.raises(UsageError, match="in use by a credential of harbor/garden-dev/tenant-a"):
        await ebench.engine.plan(robot)
    Path(wanted.path).unlink()
    with pytest.raises(UsageError, match=r"is gone, but the credential of .* that was kept there") as gone:
        await ebench.engine.plan(robot)
    assert gone.value.hint == "choose another place", "a certificate cannot be revoked"


async def test_the_garden_grants_less_and_says_nothing(ebench: Bench, tmp_path: Path) -> None:
    outcome = await issue(ebench, wish(tmp_path, duration=timedelta(hours=48)))
    assert outcome.credential is not None
    assert (outcome.credential.requested, outcome.credential.granted) == (timedelta(hours=48), timedelta(hours=24))
    assert next(r.message for r in outcome.results if r.step == "request") == (
        "admin kubeconfig, granted 24h, asked 2d"
    )
    with pytest.raises(UsageError, match="may not specify a duration less than 10 minutes"):
        check_duration(timedelta(minutes=9))
    with pytest.raises(UsageError, match="is more than"):
        check_duration(timedelta(seconds=2**32))


async def test_the_address_can_be_chosen(ebench: Bench, tmp_path: Path) -> None:
    wanted = wish(tmp_path, duration=timedelta(minutes=10), address="internal")
    assert (await issue(ebench, wanted)).ok
    assert parse(Path(wanted.path).read_bytes()).current_context == "garden-dev--tenant-a-internal"
    with pytest.raises(Unasked, match="is a live credential of"):
        await issue(ebench, wish(tmp_path, address="moon"))
    outcome = await issue(ebench, wish(tmp_path, address="moon"), replace=True)
    assert not outcome.ok
    assert "there is external, internal" in outcome.hint


async def test_a_hibernated_shoot_cannot_be_proved_so_nothing_is_written(ebench: Bench, tmp_path: Path) -> None:
    wanted = wish(tmp_path, "night-shift")
    plan = await ebench.engine.plan(wanted)
    assert any("hibernated" in warning for warning in plan.warnings)
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "is the shoot hibernated" in outcome.hint
    assert outcome.results[-1].status is StepStatus.UNDONE
    assert not Path(wanted.path).exists()
    assert ebench.state.open_plans() == []


async def test_i07_refusals_become_readable(ebench: Bench, tmp_path: Path) -> None:
    with pytest.raises(IssuanceError, match=r"no addresses yet: Create Processing \(43%\)") as young:
        await ebench.engine.plan(wish(tmp_path, "fresh"))
    assert "still being created" in young.value.hint
    fresh = ShootAccess("harbor", "garden-dev", "fresh")
    with pytest.raises(APIError) as refused:
        await request(ebench.client, fresh, None)
    assert refused.value.status == 422
    assert "still being created" in refused.value.hint
    with pytest.raises(APIError) as refused:
        await shoot_at(ebench.client, "garden-dev", "nowhere")
    assert "kubectl get shoots -n garden-dev" in refused.value.hint
    tenant = await ebench.clusters.client("tenant-a")
    with pytest.raises(APIError) as refused:
        await request(tenant, ShootAccess("tenant-a", "garden-dev", "x"), None)
    assert "is tenant-a a Gardener garden?" in refused.value.hint


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (400, "no user in context", "does not know who you are"),
        (404, 'shoots.core.gardener.cloud "tenant-a" not found', "kubectl get shoots"),
        (500, "cannot convert to *core.Shoot object - got type *core.Seed", "is no shoot"),
        (422, "status.status: Required value: no kube-apiserver advertised addresses", "still being created?"),
        (500, 'internalsecret "tenant-a.ca-client" not found', "client CA"),
        (500, 'secrets "tenant-a.ca-cluster" not found', "lost the CA"),
    ],
)
async def test_i07_every_failure_of_a_garden_has_a_hint(
    embedded: Arena, ebench: Bench, tmp_path: Path, code: int, message: str, hint: str
) -> None:
    rule = FaultRule(Answer(code, message=message), verb="create", path="adminkubeconfig")
    with embedded.fault(rule):
        outcome = await issue(ebench, wish(tmp_path))
    assert not outcome.ok
    assert hint in outcome.hint
    assert message in outcome.error
    assert not Path(wish(tmp_path).path).exists()


@pytest.mark.parametrize(
    ("level", "forbidden", "asked"),
    [
        (AccessLevel.ADMIN, False, ["adminkubeconfig"]),
        (AccessLevel.VIEWER, False, ["viewerkubeconfig"]),
        (AccessLevel.AUTO, False, ["adminkubeconfig"]),
        (AccessLevel.AUTO, True, ["adminkubeconfig", "viewerkubeconfig"]),
    ],
)
async def test_i09_each_level_asks_its_own_subresource(
    embedded: Arena, ebench: Bench, monkeypatch: pytest.MonkeyPatch, level: AccessLevel, forbidden: bool,
    asked: list[str],
) -> None:  # fmt: skip
    seen: list[str] = []
    create = Client.create

    async def watched(self: Client, *arguments: Any, **named: Any) -> Any:
        seen.append(str(named["subresource"]))
        return await create(self, *arguments, **named)

    monkeypatch.setattr(Client, "create", watched)
    times = 1 if forbidden else 0
    rule = FaultRule(Answer(403), verb="create", path="adminkubeconfig", times=times)
    shoot = ShootAccess("harbor", "garden-dev", "tenant-a", level)
    with embedded.fault(rule):
        found = await request(ebench.client, shoot, timedelta(minutes=10))
    assert seen == asked
    assert found.certificate.common_name.startswith(f"gardener.cloud:{asked[-1].removesuffix('kubeconfig')}:")


async def test_both_levels_forbidden_name_the_rights(embedded: Arena, ebench: Bench) -> None:
    with embedded.fault(FaultRule(Answer(403), path="kubeconfig$")), pytest.raises(Forbidden) as refused:
        await request(ebench.client, ACCESS, None)
    assert "create shoots/adminkubeconfig.core.gardener.cloud or shoots/viewerkubeconfig" in refused.value.hint


@pytest.fixture
async def viewer(ebench: Bench, tmp_path: Path) -> AsyncIterator[Bench]:
    """An engine whose operator is a Gardener viewer of tenant-a."""
    wanted = wish(tmp_path, level=AccessLevel.VIEWER, duration=timedelta(minutes=10))
    assert (await issue(ebench, wanted)).ok
    arena = Arena("embedded", Path(wanted.path), "garden-dev--tenant-a-external", tmp_path, "default")
    async with Bench(arena, state="other") as bench:
        yield bench


async def test_i15_a_viewer_is_told_before_and_after_the_refusal(
    viewer: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await viewer.client.list(SERVICE_ACCOUNTS)
    with pytest.raises(Forbidden):
        await viewer.client.list(SECRETS, namespace="default")
    robot = Identity(viewer.arena.name, "default", "default")
    spec = IssueSpec(identity=robot, destinations=(FileDestination(str(tmp_path / "robot")),))
    with pytest.raises(UsageError, match=CANNOT_MINT) as refused:
        await viewer.engine.plan(spec)
    assert "--level=admin" in refused.value.hint
    monkeypatch.setattr("tui.issuance.tokens.plans.refuse_viewer", lambda _: None)  # a login that cannot be looked into
    outcome = await viewer.engine.execute(await viewer.engine.plan(spec))
    assert not outcome.ok
    assert CANNOT_MINT in outcome.hint


@pytest.mark.parametrize("edit", ["server", "key", "an older journal"])
async def test_a_file_that_was_edited_after_the_kill_is_not_called_done(
    ebench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    """The attack: the new certificate with another server or key beside it was committed as what was issued."""
    wanted = wish(tmp_path, duration=timedelta(minutes=10))

    def die(at: str) -> None:
        if at == "unrecorded:write:0":
            raise Died

    if edit == "an older journal":
        monkeypatch.setattr("tui.issuance.families.gardener.shoot_issue.wrote", lambda *_: None)
    ebench.engine.checkpoint = die
    with pytest.raises(Died):
        await issue(ebench, wanted)
    ebench.engine.checkpoint = lambda _: None
    file = Path(wanted.path)
    found = yaml.safe_load(file.read_text())
    if edit == "server":
        for one in found["clusters"]:
            one["cluster"]["server"] = "https://evil.example:6443"
    elif edit == "key":
        found["users"][0]["user"]["client-key-data"] = base64.b64encode(PAIR.key.reveal_bytes()).decode()
    if edit != "an older journal":
        file.write_text(yaml.safe_dump(found))
    (recovered,) = await ebench.engine.recover()
    said = "; ".join(recovered.left)
    assert "holds the new certificate, but" in said, recovered
    assert said.endswith("; request it again")
    assert ebench.state.open_plans() == []
    assert ebench.state.exports() == []


@pytest.mark.parametrize(
    ("point", "there"),
    [
        ("after:intent", False),
        ("unrecorded:request", False),
        ("after:prove", False),
        ("unrecorded:write:0", True),
        ("before:commit", True),
    ],
)
async def test_killed_anywhere_it_is_finished_or_nothing_happened(
    ebench: Bench, tmp_path: Path, point: str, there: bool
) -> None:
    wanted = wish(tmp_path, duration=timedelta(minutes=10))

    def die(at: str) -> None:
        if at == point:
            raise Died

    ebench.engine.checkpoint = die
    with pytest.raises(Died):
        await issue(ebench, wanted)
    ebench.engine.checkpoint = lambda _: None
    assert Path(wanted.path).exists() is there
    (recovered,) = await ebench.engine.recover()
    assert recovered.ok, recovered
    assert ebench.state.open_plans() == []
    assert [one.address for one in ebench.state.exports()] == ([file_of(wanted)] if there else [])
    if there:
        found = await ebench.engine.lookup(file_of(wanted))
        assert (found.state, found.granted) == (State.VALID, timedelta(minutes=10))
        assert found.shoot is not None
        assert found.shoot.level is AccessLevel.ADMIN
        again = await ebench.engine.execute(await ebench.engine.plan_rotate(file_of(wanted)))
        assert again.ok, again
