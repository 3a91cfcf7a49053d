"""Client certificates for people: from the wish to the file, on the embedded servers and on the real control plane."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.families.certificate import planning, request, signed
from tui.issuance.families.certificate.wish import CertificateWish, Key
from tui.issuance.formats import Format
from tui.issuance.insight.irrevocable import irrevocable
from tui.issuance.model.certificate import CertificateError, read_certificate
from tui.issuance.model.types import Address, Credential, Outcome, State, StepStatus, kind_label
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.revoking.sought import Sought
from tui.kube.client import Client
from tui.kube.errors import KubeError, Unauthorized
from tui.kube.kubeconfig import parse
from tui.kube.resource import RBAC, SECRETS, Resource

ROLES = Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
BINDINGS = Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
HOUR = timedelta(hours=1)


class Died(BaseException):
    """Ends an engine as a killed process ends."""


def wish(arena: Arena, *destinations: Any, **more: Any) -> CertificateWish:
    given: dict[str, Any] = {"user": "jane", "groups": ("shift", "night"), "duration": HOUR}
    return CertificateWish(
        cluster=arena.name, destinations=destinations or (arena.file("jane.kubeconfig"),), **given | more
    )


async def issued(bench: Bench, wanted: CertificateWish, **words: bool) -> Outcome:
    outcome = await bench.engine.execute(await bench.engine.plan(wanted, **words))
    assert outcome.ok, outcome
    return outcome


async def requests(bench: Bench) -> list[str]:
    """The requests of kubemint that are there."""
    found = await bench.client.list(request.CSRS, metadata_only=True)
    return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith("kubemint-")]


def certificate_in(path: str | Path) -> bytes:
    found = parse(Path(path).read_bytes()).endpoint().login.client_certificate
    assert found is not None
    return found


async def accepted(path: str | Path) -> bool:
    """Whether the server takes who comes with this kubeconfig for anybody."""
    async with Client(parse(Path(path).read_bytes()).endpoint()) as client:
        try:
            await client.request("GET", "/api")
        except Unauthorized:
            return False
        return True


@contextlib.asynccontextmanager
async def somebody(bench: Bench, sort: str) -> AsyncIterator[None]:
    """Somebody else who approves or denies whatever is asked, in a moment."""

    async def watch() -> None:
        while True:
            for name in await requests(bench):
                with contextlib.suppress(KubeError):
                    found = await bench.client.get(request.CSRS, name)
                    found["status"] = {
                        "conditions": [{"type": sort, "status": "True", "reason": "Looked", "message": "at it"}]
                    }
                    await bench.client.replace(request.CSRS, found, name=name, subresource="approval")
            await asyncio.sleep(0.1)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# From the wish to the file, rotation and the end


async def test_a_certificate_from_the_wish_to_rotation(bench: Bench) -> None:
    arena, wanted = bench.arena, wish(bench.arena)
    path = arena.folder / "jane.kubeconfig"
    plan = await bench.engine.plan(wanted)
    steps = ["intent", "request", "approve", "signed", "tidy", "prove", "write:0", "check:0", "commit"]
    assert [step.id for step in plan.steps] == steps
    assert plan.steps[1].resource == "certificatesigningrequests.certificates.k8s.io"
    assert plan.steps[2].resource == "certificatesigningrequests/approval.certificates.k8s.io"
    assert any("cannot be revoked" in warning for warning in plan.warnings)
    assert any("older than 1.22" in warning for warning in plan.warnings) is arena.old
    assert not path.exists(), "a plan changes nothing"
    assert await requests(bench) == []

    outcome = await bench.engine.execute(plan)
    assert outcome.ok, outcome
    assert [one.status for one in outcome.results] == [StepStatus.DONE] * len(steps)
    assert await requests(bench) == [], "the request is deleted once its certificate is read"
    credential = outcome.credential
    assert credential is not None
    assert credential.requested == HOUR
    assert credential.format is Format.CERTIFICATE
    assert credential.granted is not None
    assert (credential.granted > timedelta(days=1)) if arena.old else (credential.granted == HOUR)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    info = read_certificate(certificate_in(path))
    assert (info.common_name, sorted(info.organizations)) == ("jane", ["night", "shift"])
    assert info.key == "EC secp256r1"
    assert credential.expires_at == info.not_after
    assert credential.rotate_at is not None
    assert credential.issued_at is not None
    assert credential.issued_at < credential.rotate_at < info.not_after
    assert await accepted(path)
    assert (await bench.engine.verify(credential.address)).ok
    shown = await bench.engine.lookup(credential.address)
    assert shown.state is State.VALID
    assert (kind_label(shown), shown.account) == ("certificate", None)
    assert irrevocable(shown) is not None
    assert shown.message == "client certificate of jane (shift, night)"

    before = path.read_bytes()
    rotated = await bench.engine.execute(await bench.engine.plan_rotate(credential.address))
    assert rotated.ok, rotated
    assert path.read_bytes() != before
    assert "the old certificate works until" in rotated.hint
    keys = [yaml.safe_load(text)["users"][0]["user"]["client-key-data"] for text in (before, path.read_bytes())]
    assert keys[0] != keys[1], "a new key as well"
    assert await accepted(path)
    assert await requests(bench) == []


async def test_it_cannot_be_revoked_and_says_what_can_be_done(bench: Bench) -> None:
    outcome = await issued(bench, wish(bench.arena))
    assert outcome.credential is not None
    with pytest.raises(UsageError) as refused:
        await bench.engine.plan_revoke(outcome.credential.address)
    assert "cannot be revoked" in refused.value.message
    assert f"ends at {outcome.credential.expires_at:%Y-%m-%d %H:%M:%S}" in refused.value.message
    assert "no binding names this user" in refused.value.hint
    name = f"night-{bench.arena.namespace}"
    binding = {
        "apiVersion": BINDINGS.api_version,
        "kind": BINDINGS.kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "night"}],
    }
    await bench.client.create(BINDINGS, binding)
    try:
        with pytest.raises(UsageError) as refused:
            await bench.engine.plan_revoke(outcome.credential.address)
        assert refused.value.hint == f"take its bindings away: ClusterRoleBinding {name}"
    finally:
        await bench.client.delete(BINDINGS, name)


async def test_every_destination_at_once(bench: Bench) -> None:
    arena = bench.arena
    merged, own = arena.folder / "config", FileDestination(str(arena.folder / "config"), merge=True)
    own_entry = {"name": "mine", "user": {"token": "t"}}
    cluster = {"name": "c", "cluster": {"server": "https://example.com"}}
    merged.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "users": [own_entry], "clusters": [cluster]})
    )
    merged.chmod(0o600)
    plan = await bench.engine.plan(wanted := wish(arena, arena.file(), own, arena.secret()))
    assert "jane" in plan.preview
    assert "PRIVATE" not in plan.preview
    outcome = await bench.engine.execute(plan)
    assert outcome.ok, outcome
    found = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    text = base64.b64decode(found["data"]["kubeconfig"])
    assert text == Path(arena.file().path).read_bytes()
    notes = found["metadata"]["annotations"]
    assert notes["kubemint.io/format"] == "clientCertificate"
    assert (notes["kubemint.io/requested"], notes["kubemint.io/copies"]) == ("1h0m0s", "2")
    users = {one["name"]: one["user"] for one in yaml.safe_load(merged.read_text())["users"]}
    assert users["mine"] == {"token": "t"}
    assert set(users["jane"]) == {"client-certificate-data", "client-key-data", "extensions"}

    addresses = [arena.secret_address(), Address.file(arena.file().path)]
    addresses += [one.address for one in bench.state.exports() if "#" in one.address.name]
    assert len(addresses) == 3
    for address in addresses:
        assert (await bench.engine.lookup(address)).state is State.VALID, address
        assert (await bench.engine.verify(address)).ok
        before = certificate_in(arena.file().path)
        rotated = await bench.engine.execute(await bench.engine.plan_rotate(address))
        assert rotated.ok, rotated
        assert certificate_in(arena.file().path) != before, "all places of the wish move on"
        now = certificate_in(arena.file().path)
        secret = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
        assert parse(base64.b64decode(secret["data"]["kubeconfig"])).endpoint().login.client_certificate == now
        users = {one["name"]: one["user"] for one in yaml.safe_load(merged.read_text())["users"]}
        assert base64.b64decode(users["jane"]["client-certificate-data"]) == now
        assert users["mine"] == {"token": "t"}
        with pytest.raises(UsageError, match="cannot be revoked"):
            await bench.engine.plan_revoke(address)
    with pytest.raises(Unasked, match="live credential"):
        await bench.engine.plan(wanted)
    again = await issued(bench, wanted, replace=True)
    assert again.ok


async def test_an_rsa_key_where_one_is_asked_for(bench: Bench) -> None:
    await issued(bench, wish(bench.arena, key=Key.RSA, groups=(), duration=None))
    info = read_certificate(certificate_in(bench.arena.folder / "jane.kubeconfig"))
    assert (info.key, info.organizations) == ("RSA 3072", ())


# What is refused before any server is asked


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"groups": ("system:masters",)}, "API servers refuse it"),
        ({"user": "system:kube-controller-manager"}, "Kubernetes' own"),
        ({"user": "system:serviceaccount:default:robot"}, "Kubernetes' own"),
        ({"user": ""}, "the user has no name"),
        ({"user": "jane\n"}, "is not a name"),
        ({"user": "x" * 65}, "longer than 64"),
        ({"groups": ("a", "a")}, "named twice"),
        ({"groups": ("",)}, "a group has no name"),
        ({"duration": timedelta(minutes=9)}, "request 10m or more"),
        ({"destinations": ()}, "no destination"),
        ({"cluster": "nowhere"}, "nowhere"),
    ],
)
async def test_refused_before_a_server_is_asked(ebench: Bench, changes: dict[str, Any], said: str) -> None:
    whole = {"user": "jane", "cluster": ebench.arena.name, "destinations": (ebench.arena.file(),)} | changes
    with pytest.raises((UsageError, KubeError)) as error:
        await ebench.engine.plan(CertificateWish(**whole))
    refused = error.value
    assert isinstance(refused, UsageError | KubeError)
    assert said in f"{refused.message} {refused.hint}"
    assert await requests(ebench) == []


async def test_servers_refuse_the_masters_themselves(bench: Bench) -> None:
    made = request.make("jane", ("system:masters",), Key.EC)
    with pytest.raises(KubeError, match="system:masters"):
        await request.send(bench.client, made, plan="x1", wish_id="w", owner="tests", seconds=None, dropped=False)


async def test_groups_of_kubernetes_are_warned_of(ebench: Bench) -> None:
    plan = await ebench.engine.plan(wish(ebench.arena, groups=("system:nodes",)))
    assert any("system:nodes is Kubernetes' own" in one for one in plan.warnings)


# Who may not approve it


async def test_waited_for_where_the_operator_may_not_approve(ebench: Bench) -> None:
    wanted = wish(ebench.arena)
    plan = await ebench.engine.plan(wanted)
    name = next(step.name for step in plan.steps if step.id == "approve")
    told: list[str] = []
    rule = FaultRule(Answer(403, message="you may not approve"), path="/approval", verb="update")
    with ebench.arena.fault(rule):
        task = asyncio.create_task(ebench.engine.execute(plan, lambda one: told.append(f"{one.step} {one.message}")))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if any("kubectl certificate approve" in one for one in told):
                break
    assert (
        f"signed waiting: someone who may approve it has to run `kubectl certificate approve {name} --context harbor`"
        " meanwhile" in told
    )
    async with somebody(ebench, "Approved"):
        outcome = await task
    assert outcome.ok, outcome
    assert {one.step: one.status for one in outcome.results}["approve"] is StepStatus.SKIPPED


async def test_nobody_approves_it_in_time(ebench: Bench) -> None:
    rule = FaultRule(Answer(403, message="you may not approve"), path="/approval", verb="update")
    with ebench.arena.fault(rule):
        outcome = await ebench.engine.execute(await ebench.engine.plan(wish(ebench.arena, wait=timedelta(seconds=1))))
    assert not outcome.ok
    assert "was not approved within" in outcome.error
    assert "kubectl certificate approve" in outcome.hint
    assert await requests(ebench) == [], "it was deleted"
    assert not (ebench.arena.folder / "jane.kubeconfig").exists()
    assert ebench.state.open_plans() == []


async def test_who_may_not_approve_is_told_before(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no(_client: Client) -> bool:
        return False

    monkeypatch.setattr(request, "may_approve", no)
    plan = await ebench.engine.plan(wish(ebench.arena))
    assert [step.id for step in plan.steps][:4] == ["intent", "request", "signed", "tidy"]
    assert any("you may not approve it" in one for one in plan.warnings)
    async with somebody(ebench, "Approved"):
        outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome


@contextlib.asynccontextmanager
async def clerk(bench: Bench) -> AsyncIterator[Bench]:
    """An engine of somebody who may ask for certificates, and write approvals, but not for this signer."""
    arena, user = bench.arena, f"clerk-{bench.arena.namespace}"
    role = {
        "apiVersion": ROLES.api_version,
        "kind": ROLES.kind,
        "metadata": {"name": user},
        "rules": [
            {"apiGroups": [request.GROUP], "resources": [request.CSRS.plural], "verbs": ["create", "get", "delete"]},
            {"apiGroups": [request.GROUP], "resources": [f"{request.CSRS.plural}/approval"], "verbs": ["update"]},
        ],
    }
    binding = {
        "apiVersion": BINDINGS.api_version,
        "kind": BINDINGS.kind,
        "metadata": {"name": user},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }
    await issued(bench, wish(arena, arena.file("clerk"), user=user, groups=()))
    await bench.client.create(ROLES, role)
    await bench.client.create(BINDINGS, binding)
    theirs = replace(arena, kubeconfig=Path(arena.file("clerk").path), name=user)
    try:
        async with Bench(theirs, state="theirs") as ready:
            yield ready
    finally:
        await bench.client.delete(BINDINGS, user)
        await bench.client.delete(ROLES, user)


@pytest.mark.parametrize("known", [True, False], ids=["asked-before", "refused-then"])
async def test_somebody_who_may_not_approve(bench: Bench, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """The servers themselves say so: when they are asked, and when it is tried all the same."""
    async with clerk(bench) as theirs:
        if not known:

            async def yes(_client: Client) -> bool:
                return True

            monkeypatch.setattr(request, "may_approve", yes)
        plan = await theirs.engine.plan(wish(theirs.arena))
        assert any("you may not approve it" in one for one in plan.warnings) is known
        assert ("approve" in [step.id for step in plan.steps]) is not known
        async with somebody(bench, "Approved"):
            outcome = await theirs.engine.execute(plan)
        assert outcome.ok, outcome
        if not known:
            (tried,) = [one for one in outcome.results if one.step == "approve"]
            assert tried.status is StepStatus.SKIPPED
            assert "not permitted to approve" in tried.message
        assert await accepted(theirs.arena.folder / "jane.kubeconfig")
        assert await requests(bench) == []


async def test_a_denied_request(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no(_client: Client) -> bool:
        return False

    monkeypatch.setattr(request, "may_approve", no)
    async with somebody(bench, "Denied"):
        outcome = await bench.engine.execute(await bench.engine.plan(wish(bench.arena)))
    assert not outcome.ok
    assert "was denied: Looked: at it" in outcome.error
    assert await requests(bench) == []


# Only what was sent is approved, only what was asked for is taken


async def test_nothing_is_approved_that_is_not_what_was_sent(bench: Bench) -> None:
    made, other = request.make("jane", (), Key.EC), request.make("jane", (), Key.EC)
    plan = bench.arena.namespace
    asked = await request.send(bench.client, made, plan=plan, wish_id="w", owner="tests", seconds=None, dropped=False)
    found = await bench.client.get(request.CSRS, asked.name)
    assert request.differs(found, asked) == ""
    changes: dict[str, Any] = {
        "another key": {"request": base64.b64encode(other.request).decode()},
        "another signer": {"signerName": "kubernetes.io/kubelet-serving"},
        "other usages": {"usages": ["server auth"]},
        "somebody else": {"username": "mallory"},
        "another lifetime": {"expirationSeconds": 86400},
    }
    for said, change in changes.items():
        assert said in request.differs({**found, "spec": {**found["spec"], **change}}, asked)
    # somebody deletes it, and puts one of the same name and content in its place
    await bench.client.delete(request.CSRS, asked.name)
    await request.send(bench.client, made, plan=plan, wish_id="w", owner="tests", seconds=None, dropped=False)
    with pytest.raises(Exception, match="another object of that name"):
        await request.approve(bench.client, asked, "tests")
    now = await bench.client.get(request.CSRS, asked.name)
    assert not request.approved(now)
    assert "deleted" in await request.discard(bench.client, plan)
    assert await request.discard(bench.client, plan) == ""


async def test_a_request_of_somebody_else_is_not_deleted(ebench: Bench) -> None:
    made = request.make("jane", (), Key.EC)
    await request.send(ebench.client, made, plan="theirs", wish_id="w", owner="tests", seconds=None, dropped=False)
    found = await ebench.client.get(request.CSRS, "kubemint-theirs")
    found["metadata"]["annotations"]["kubemint.io/plan"] = "another"
    await ebench.client.replace(request.CSRS, found, name="kubemint-theirs")
    assert await request.discard(ebench.client, "theirs") == ""
    await ebench.client.delete(request.CSRS, "kubemint-theirs")


def test_only_what_was_asked_for_is_taken() -> None:
    from tui.demo.apiserver.pki import Authority

    now = datetime.now(UTC)
    authority = Authority("ca", now)
    made = request.make("jane", ("night",), Key.EC)
    wanted = CertificateWish(user="jane", groups=("night",), cluster="c", destinations=(), duration=HOUR)

    def certified(user: str, groups: list[str], until: datetime, key: bytes | None = None) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        private = load_pem_private_key(key or made.key.reveal_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        return authority.certify(private.public_key(), user, groups, now - timedelta(minutes=5), until)

    good = signed.judge(certified("jane", ["night"], now + HOUR), made.key, wanted, now)
    assert good.granted == HOUR
    assert not good.shortened
    assert signed.judge(certified("jane", ["night"], now + 2 * HOUR), made.key, wanted, now).lengthened
    assert signed.judge(certified("jane", ["night"], now + HOUR / 2), made.key, wanted, now).shortened
    another = request.make("jane", (), Key.EC).key.reveal_bytes()
    for pem in (
        certified("mallory", ["night"], now + HOUR),
        certified("jane", [], now + HOUR),
        certified("jane", ["night", "system:masters"], now + HOUR),
        certified("jane", ["night"], now - timedelta(seconds=1)),
        certified("jane", ["night"], now + HOUR, another),
        authority.serving(["jane"]).certificate,
        b"no certificate",
    ):
        with pytest.raises(CertificateError):
            signed.judge(pem, made.key, wanted, now)


async def test_a_server_that_drops_the_lifetime_unforeseen(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client.create

    async def dropping(self: Client, resource: Resource, obj: Any, **more: Any) -> Any:
        if resource is request.CSRS:
            obj["spec"].pop("expirationSeconds", None)
        return await real(self, resource, obj, **more)

    monkeypatch.setattr(Client, "create", dropping)
    outcome = await ebench.engine.execute(await ebench.engine.plan(wish(ebench.arena)))
    assert not outcome.ok
    assert "expirationSeconds as None, asked for was 3600" in outcome.error
    assert "nothing was approved" in outcome.hint
    assert await requests(ebench) == []


# Whose places these are


async def test_a_place_of_somebody_else_is_not_taken(ebench: Bench) -> None:
    arena = ebench.arena
    await issued(ebench, wish(arena))
    for other in (wish(arena, user="john"), wish(arena, groups=("shift",))):
        with pytest.raises(UsageError, match="already in use by a credential"):
            await ebench.engine.plan(other, replace=True)
    await ebench.issue(arena.spec(arena.secret()))
    with pytest.raises(UsageError, match="already in use"):
        await ebench.engine.plan(wish(arena, arena.secret()), replace=True)
    with pytest.raises(UsageError, match="already in use"):
        await ebench.engine.plan(arena.spec(arena.file("jane.kubeconfig")), replace=True)


async def test_what_a_secret_says_of_itself_renews_nothing(ebench: Bench) -> None:
    """Another certificate in its place, and another machine that has no record of it."""
    arena = ebench.arena
    await issued(ebench, wish(arena, arena.secret()))
    address = arena.secret_address()
    async with Bench(arena, state="another") as other:
        with pytest.raises(UsageError):
            await other.engine.plan_rotate(address)
    await issued(ebench, wish(arena, arena.file("john"), user="john", groups=()))
    found = await ebench.client.get(SECRETS, address.name, namespace=address.namespace)
    found["data"]["kubeconfig"] = base64.b64encode((arena.folder / "john").read_bytes()).decode()
    await ebench.client.replace(SECRETS, found, name=address.name, namespace=address.namespace)
    shown = await ebench.engine.lookup(address)
    assert shown.state is State.UNKNOWN
    assert "something else than kubemint on this machine wrote" in shown.message
    with pytest.raises(UsageError, match="nothing on this machine vouches"):
        await ebench.engine.plan_rotate(address)


@pytest.mark.parametrize(
    ("uid", "lies", "said"),
    [
        ("u1", "aa", ""),
        ("u2", "aa", "another Secret than the one"),
        ("", "aa", "another Secret than the one"),
        ("u1", "bb", "something else than kubemint"),
        ("u1", "", "no certificate"),
    ],
)
def test_a_record_vouches_for_the_very_secret_and_the_very_certificate(uid: str, lies: str, said: str) -> None:
    held = Credential(address=Address.secret("c", "ns", "jane"), fingerprint="aa")
    record = Export(credential=held, request="r", uid="u1")
    assert said in planning.differs(record, uid, lies)
    assert bool(planning.differs(record, uid, lies)) is bool(said)
    assert planning.differs(msgspec.structs.replace(record, uid=""), uid, lies), "it says of no Secret"


async def put(bench: Bench, address: Address, change: Any) -> None:
    found = await bench.client.get(SECRETS, address.name, namespace=address.namespace)
    change(found)
    await bench.client.replace(SECRETS, found, name=address.name, namespace=address.namespace)


async def test_a_secret_that_was_made_since_gets_no_certificate(ebench: Bench) -> None:
    """The attack: a namespace that was made anew, with the old Secret or with none."""
    arena, address = ebench.arena, ebench.arena.secret_address()
    await issued(ebench, wish(arena, arena.secret()))
    found = await ebench.client.get(SECRETS, address.name, namespace=address.namespace)
    assert (await ebench.engine.lookup(address)).state is State.VALID
    planned = await ebench.engine.plan_rotate(address)
    await ebench.client.delete(SECRETS, address.name, namespace=address.namespace)
    with pytest.raises(UsageError, match="is gone, and who owns that name by now is not known"):
        await ebench.engine.plan_rotate(address)
    again = {key: found["metadata"][key] for key in ("name", "labels", "annotations")}
    due = (datetime.now(UTC) + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    again["annotations"] |= {managed.EXPIRES: due}
    await ebench.client.create(SECRETS, {"metadata": again, "data": found["data"]}, namespace=address.namespace)
    with pytest.raises(UsageError, match="another Secret than the one that this machine wrote into under its name"):
        await ebench.engine.plan_rotate(address)
    with pytest.raises(UsageError, match="another Secret than the one that this machine wrote into under its name"):
        await ebench.engine.plan(wish(arena, arena.secret()), replace=True)
    shown = await ebench.engine.lookup(address)
    assert (shown.state, "another Secret than the one" in shown.message) == (State.UNKNOWN, True)
    assert not (await ebench.engine.execute(planned)).ok
    now = await ebench.client.get(SECRETS, address.name, namespace=address.namespace)
    assert now["data"] == found["data"]


async def test_when_it_is_due_stands_in_the_record_and_not_in_marks(ebench: Bench) -> None:
    arena, address = ebench.arena, ebench.arena.secret_address()
    outcome = await issued(ebench, wish(arena, arena.secret()))
    assert outcome.credential is not None
    await put(ebench, address, lambda found: found["metadata"]["annotations"].update(
        {managed.EXPIRES: "2026-01-01T00:00:00Z", managed.ISSUED: "2025-01-01T00:00:00Z"}))  # fmt: skip
    shown = await ebench.engine.lookup(address)
    assert (shown.state, shown.expires_at) == (State.VALID, outcome.credential.expires_at)


async def test_it_is_shown_to_its_own_cluster_wherever_its_kubeconfig_leads(ebench: Bench) -> None:
    """The attack: who may patch the Secret writes another server, and a proxy, beside the certificate."""
    arena, address = ebench.arena, ebench.arena.secret_address()
    await issued(ebench, wish(arena, arena.secret()))

    def elsewhere(found: dict[str, Any]) -> None:
        config = yaml.safe_load(base64.b64decode(found["data"]["kubeconfig"]))
        config["clusters"][0]["cluster"] = {
            "server": "https://127.0.0.1:9", "insecure-skip-tls-verify": True, "proxy-url": "http://127.0.0.1:9",
        }  # fmt: skip
        found["data"]["kubeconfig"] = base64.b64encode(yaml.safe_dump(config).encode()).decode()

    await put(ebench, address, elsewhere)
    said = await ebench.engine.verify(address)
    assert said.ok, said
    assert (said.username or "jane") == "jane"
    assert f"asked of {arena.name}, and its kubeconfig differs from what is known" in said.message
    assert "127.0.0.1:9" in said.message
    powers = await ebench.engine.powers(address)
    assert powers.subject == "jane"
    assert "differs from what is known" in " ".join(powers.notes)


async def test_the_certificate_of_somebody_else_is_not_taken_for_it(ebench: Bench) -> None:
    arena, address = ebench.arena, ebench.arena.secret_address()
    await issued(ebench, wish(arena, arena.secret()))
    await issued(ebench, wish(arena, arena.file("john"), user="john", groups=()))
    other = base64.b64encode((arena.folder / "john").read_bytes()).decode()
    await put(ebench, address, lambda found: found["data"].update(kubeconfig=other))
    said = await ebench.engine.verify(address)
    assert not said.ok or not said.username, "where the server says who it is, that is not jane"
    assert "another certificate than kubemint wrote there" in said.message
    assert "not for jane" in said.message or not said.username


async def test_what_somebody_else_put_there_is_revoked_as_what_it_is(ebench: Bench) -> None:
    """The attack on revoking: the name of a certificate that this machine wrote, and by now a token of another one."""
    arena, address = ebench.arena, ebench.arena.secret_address()
    await issued(ebench, wish(arena, arena.secret()))
    await ebench.client.delete(SECRETS, address.name, namespace=address.namespace)
    async with Bench(arena, state="another") as other:
        made = await other.issue(arena.spec(arena.secret()))
    assert made.credential is not None
    found = await ebench.client.get(SECRETS, address.name, namespace=address.namespace)
    held = parse(base64.b64decode(found["data"]["kubeconfig"])).endpoint().login.token
    assert held is not None
    sought = await ebench.engine.plan_revoke_sought(Sought(fingerprint=held.fingerprint), (arena.name,))
    assert sought.steps
    outcome = await ebench.engine.execute(await ebench.engine.plan_revoke(address))
    assert outcome.ok, outcome


async def test_a_file_that_was_changed_or_lost(ebench: Bench) -> None:
    arena, path = ebench.arena, ebench.arena.folder / "jane.kubeconfig"
    outcome = await issued(ebench, wish(arena))
    assert outcome.credential is not None
    address = outcome.credential.address
    path.unlink()
    assert (await ebench.engine.lookup(address)).state is State.MISSING
    assert (await ebench.engine.execute(await ebench.engine.plan_rotate(address))).ok
    assert await accepted(path)
    await issued(ebench, wish(arena, arena.file("john"), user="john", groups=()))
    path.write_bytes((arena.folder / "john").read_bytes())
    assert (await ebench.engine.lookup(address)).state is State.UNKNOWN
    with pytest.raises(UsageError):
        await ebench.engine.plan_rotate(address)


# Failures and kills


@pytest.mark.parametrize("step", ["request", "approve", "signed", "tidy", "prove", "write:0", "write:1", "check:1"])
async def test_what_fails_leaves_nothing(ebench: Bench, step: str) -> None:
    arena = ebench.arena
    plan = await ebench.engine.plan(wish(arena, arena.file(), arena.secret()))

    def in_the_way(point: str) -> None:
        if point == "before:write:0":
            (arena.folder / "robot.kubeconfig").mkdir()

    rules = {
        "request": FaultRule(Answer(403, message="no"), path="certificatesigningrequests", verb="create"),
        "approve": FaultRule(Answer(500, message="no"), path="/approval", verb="update"),
        "signed": FaultRule(Answer(500, message="no"), path="certificatesigningrequests/", verb="get"),
        "tidy": FaultRule(Answer(500, message="no"), path="certificatesigningrequests/", verb="delete", times=1),
        "prove": FaultRule(Answer(401, message="no"), path="selfsubjectreviews", verb="create"),
        "write:1": FaultRule(Answer(403, message="no"), path="secrets", verb="create"),
        "check:1": FaultRule(Answer(403, message="no"), path="secrets", verb="get"),
    }
    with arena.fault(rules[step]) if step in rules else contextlib.nullcontext():
        if step == "write:0":
            ebench.engine.checkpoint = in_the_way
        outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    if step in ("signed", "check:1"):  # it could not be taken back at once: the next start does
        with contextlib.suppress(KubeError):
            await ebench.engine.recover()
    assert await requests(ebench) == []
    assert not (arena.folder / "robot.kubeconfig").is_file()
    assert await ebench.secrets() == []
    assert ebench.state.open_plans() == []
    assert ebench.state.exports() == []


POINTS = [
    f"{when}:{step}"
    for step in ("intent", "request", "approve", "signed", "tidy", "prove", "write:0", "check:0", "write:1", "commit")
    for when in ("before", "unrecorded", "after")
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("rotating", [False, True], ids=["issue", "rotate"])
async def test_a_kill_at_any_step_leaves_no_half_made_thing(embedded: Arena, point: str, rotating: bool) -> None:
    path = Path(embedded.file().path)
    wanted = wish(embedded, embedded.file(), embedded.secret())
    before = b""
    async with Bench(embedded) as bench:
        if rotating:
            await issued(bench, wanted)
            before = path.read_bytes()
        address = Address.file(str(path))
        plan = await (bench.engine.plan_rotate(address) if rotating else bench.engine.plan(wanted))

        def die(reached: str) -> None:
            if reached == point:
                raise Died

        bench.engine.checkpoint = die
        with pytest.raises(Died):
            await bench.engine.execute(plan)
    async with Bench(embedded) as bench:
        outcomes = await bench.engine.recover()
        assert all(outcome.ok for outcome in outcomes), outcomes
        assert await requests(bench) == []
        assert bench.state.open_plans() == []
        here = path.read_bytes() if path.exists() else b""
        if not here or here == before:
            found = await bench.secrets()
            assert found == (["robot-credential"] if rotating else [])
        if here:
            assert await accepted(path)
            secret = await bench.client.get(SECRETS, "robot-credential", namespace=embedded.namespace)
            assert base64.b64decode(secret["data"]["kubeconfig"]) == here, "both places hold the same"
            assert (await bench.engine.lookup(address)).state is State.VALID
            assert (await bench.engine.lookup(embedded.secret_address())).state is State.VALID
            rotated = await bench.engine.execute(await bench.engine.plan_rotate(address))
            assert rotated.ok, rotated


async def test_no_key_is_ever_told_or_kept(ebench: Bench) -> None:
    told: list[str] = []
    plan = await ebench.engine.plan(wish(ebench.arena))
    outcome = await ebench.engine.execute(plan, lambda one: told.append(repr(one)))
    assert outcome.ok, outcome
    key = yaml.safe_load((ebench.arena.folder / "jane.kubeconfig").read_text())["users"][0]["user"]["client-key-data"]
    inner = base64.b64decode(key).decode().splitlines()[1]
    everything = "".join(told) + repr(outcome) + repr(plan)
    for file in (ebench.arena.folder / "state").rglob("*"):
        if file.is_file():
            everything += file.read_bytes().decode("latin-1")
    assert inner not in everything
    assert key[40:80] not in everything
