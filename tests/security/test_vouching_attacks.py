"""What vouches for a claim: attacks by somebody who may patch one Secret.

Each attacker here writes into a Secret whatever he likes, labels, annotations and data; then the admin rotates,
revokes or undoes what kubemint shows him.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from tests.issuance.arena import Arena, Bench, handle_of, token_in
from tests.issuance.dpf_place import Clock
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.families.token_secret.identity import IdentityWish
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, State
from tui.issuance.objects import managed, token_secret
from tui.issuance.transaction import replacing
from tui.kube.client import Client
from tui.kube.errors import Forbidden
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource
from tui.kube.sensitive import Sensitive

RBAC = "rbac.authorization.k8s.io"
ROLES = Resource(RBAC, "v1", "roles", "Role")
BINDINGS = Resource(RBAC, "v1", "rolebindings", "RoleBinding")


class Attacker:
    """Somebody who may get and patch one Secret of the namespace, and do nothing else."""

    def __init__(self, bench: Bench, secret: str) -> None:
        self.bench, self.secret = bench, secret
        self.namespace = bench.arena.namespace

    async def __aenter__(self) -> Attacker:
        admin = self.bench.client
        name = f"mallory-{self.secret}"
        await admin.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}}, namespace=self.namespace)
        rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [self.secret], "verbs": ["get", "patch"]}
        await admin.create(ROLES, {"metadata": {"name": name}, "rules": [rule]}, namespace=self.namespace)
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }
        await admin.create(BINDINGS, binding, namespace=self.namespace)
        answer: dict[str, Any] = await admin.create(
            SERVICE_ACCOUNTS, {"spec": {}}, namespace=self.namespace, name=name, subresource="token"
        )
        self.token = Sensitive(answer["status"]["token"])
        endpoint = self.bench.clusters.endpoint(self.bench.arena.name)
        self.client = Client(endpoint.with_token(self.token))
        with pytest.raises(Forbidden):
            await self.client.list(SECRETS, namespace=self.namespace)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def marks(self, **marks: str | None) -> None:
        """Write annotations of ours; `account_cluster` for `account-cluster`."""
        notes = {f"kubemint.io/{key.replace('_', '-')}": value for key, value in marks.items()}
        await self.write({"metadata": {"annotations": notes}})

    async def write(self, patch: dict[str, Any]) -> None:
        """A real authorizer learns of new Roles a moment later."""
        await self.client.patch(SECRETS, self.secret, patch, namespace=self.namespace)

    async def call_it_managed(self, **marks: str | None) -> None:
        labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: "credential"}
        await self.write({"metadata": {"labels": labels}})
        await self.marks(**marks)

    async def put(self, token: Sensitive) -> None:
        value = base64.b64encode(token.reveal_bytes()).decode()
        await self.write({"data": {"token": value, "kubeconfig": None}})


async def ordinary(bench: Bench, name: str = "mine") -> None:
    """An ordinary Secret of the namespace."""
    wish = {"metadata": {"name": name}, "data": {"key": "eA=="}}
    await bench.client.create(SECRETS, wish, namespace=bench.arena.namespace)


@pytest.fixture
async def victim(bench: Bench) -> tuple[Bench, Any]:
    """A powerful account with a credential in a Secret of its namespace, which nobody else may read."""
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret("admin-credential"), format=Format.TOKEN))
    return bench, issued


def marks_of(issued: Any) -> dict[str, str]:
    """What everybody who lists metadata sees of it."""
    credential = issued.credential
    handle = credential.handle
    return {
        "account": f"{handle.namespace}/{credential.identity.name}",
        "format": "token",
        "handle": f"{handle.namespace}/{handle.name}/{handle.uid}",
        "fingerprint": credential.fingerprint,
        "issued": f"{credential.issued_at:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{credential.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }


async def test_a_secret_that_is_marked_as_a_neighbours_gets_no_token(victim: tuple[Bench, Any]) -> None:
    """B(1): the admin's rotation wrote the token of a powerful account of the same namespace into it."""
    bench, issued = victim
    await ordinary(bench)
    before = await bench.handles()
    mine = bench.arena.secret_address("mine")
    async with Attacker(bench, "mine") as mallory:
        attempts: list[dict[str, str | None]] = [
            {"account": marks_of(issued)["account"], "format": "token"},
            {**marks_of(issued), "request": "r"},
            {**marks_of(issued), "handle": None},
            {**marks_of(issued), "fingerprint": None},
        ]
        for marks in attempts:
            await mallory.call_it_managed(**marks)
            with pytest.raises(UsageError, match="its annotations say it is for"):
                await bench.engine.plan_rotate(mine)
        await mallory.put(mallory.token)  # a token that works, of somebody else
        with pytest.raises(UsageError, match=r"annotations say it is for robot .* token in it is for mallory-mine"):
            await bench.engine.plan_rotate(mine)
        forged = jwt.encode(
            jwt.decode(mallory.token.reveal(), options={"verify_signature": False})
            | {"sub": f"system:serviceaccount:{bench.arena.namespace}:robot"},
            "x" * 32,
        )
        await mallory.put(Sensitive(forged))
        with pytest.raises(UsageError, match="annotations say it is for"):
            await bench.engine.plan_rotate(mine)
        assert (await bench.engine.lookup(mine)).state is State.UNKNOWN
    assert await bench.handles() == before


async def test_a_copy_of_a_neighbours_token_is_no_credential_of_ones_own(victim: tuple[Bench, Any]) -> None:
    """Whoever once saw a token may put it into a Secret of his: the next one does not come there."""
    bench, issued = victim
    await ordinary(bench)
    token = await _token_in_secret(bench, "admin-credential")
    async with Attacker(bench, "mine") as mallory:
        await mallory.call_it_managed(**marks_of(issued))
        await mallory.put(token)
        with pytest.raises(UsageError, match=r"was made for .*admin-credential, not for .*mine"):
            await bench.engine.plan_rotate(bench.arena.secret_address("mine"))


async def test_another_machine_is_told_the_same_by_the_handle_alone(victim: tuple[Bench, Any]) -> None:
    """Honest Secrets are rotated where nothing is recorded, also when their token is gone."""
    bench, issued = victim
    async with Bench(bench.arena, state="elsewhere") as other:
        rotated = await other.engine.execute(await other.engine.plan_rotate(issued.address))
        assert rotated.ok, rotated
        await other.engine.settle()
        assert await other.handles() == [handle_of(rotated)], "the old one went, by the token's word"
    async with Attacker(bench, "admin-credential") as vandal, Bench(bench.arena, state="third") as third:
        await vandal.write({"data": {"token": None}})
        again = await third.engine.execute(await third.engine.plan_rotate(issued.address))
        assert again.ok, again
        assert await bench.works(await _token_in_secret(bench, "admin-credential"))


async def test_wishes_are_not_widened_by_marks(ebench: Bench) -> None:
    """A token for vault does not become one for the API server, nor one for a year, by an annotation."""
    arena = ebench.arena
    spec = arena.spec(arena.secret(), format=Format.TOKEN, audiences=("vault",), duration=timedelta(hours=1))
    issued = await ebench.issue(spec)
    async with Attacker(ebench, "robot-credential") as mallory, Bench(arena, state="other") as other:
        for marks in ({"audiences": None}, {"audiences": '["vault", "https://kubernetes.default.svc"]'}):
            await mallory.marks(**marks)
            for engine in (ebench.engine, other.engine):
                with pytest.raises(UsageError, match="different things of its audiences"):
                    await engine.plan_rotate(issued.address)
        await mallory.marks(audiences='["vault"]', requested="8760h0m0s")
        rotated = await other.engine.execute(await other.engine.plan_rotate(issued.address))
        assert rotated.ok, rotated
        assert rotated.credential is not None
        assert rotated.credential.granted == timedelta(hours=1)


async def test_another_wishs_id_leads_no_token_anywhere(ebench: Bench, tmp_path: Path) -> None:
    """B(8): the `request` mark was believed, so an exported copy of a forged Secret got somebody else's next token."""
    arena = ebench.arena
    config = tmp_path / "config"
    theirs = await ebench.issue(arena.spec(arena.secret("theirs"), FileDestination(str(config), merge=True)))
    mine = await ebench.issue(arena.spec(arena.secret("mine"), identity=arena.identity("other")))
    found = await ebench.client.get_metadata(SECRETS, "theirs", namespace=arena.namespace)
    async with Attacker(ebench, "mine") as mallory:
        await mallory.marks(request=found["metadata"]["annotations"][managed.REQUEST])
        copy = arena.file("copy")
        assert (await ebench.engine.export(mine.address, copy)).ok
        before = Path(copy.path).read_bytes(), config.read_bytes()
        await ebench.rotate(theirs.address)
        assert Path(copy.path).read_bytes() == before[0]
        merged = config.read_bytes()
        assert merged != before[1]
        await ebench.rotate(mine.address)
        assert config.read_bytes() == merged, "nor does its own token go to another wish's entries"
    arena.forget()
    assert not (await ebench.engine.verify(Address(CredentialKind.FILE, "", "", copy.path))).ok


async def test_a_revoked_file_is_no_place_of_anything_any_more(ebench: Bench) -> None:
    """B(8): by then the admin's own kubeconfig may lie at that path."""
    arena = ebench.arena
    file = arena.file("was-ours")
    issued = await ebench.issue(arena.spec(arena.secret(), file))
    record = ebench.state.export_record(Address(CredentialKind.FILE, "", "", file.path))
    assert record is not None
    revoked = msgspec.structs.replace(record.credential, state=State.REVOKED)
    ebench.state.record_export(msgspec.structs.replace(record, credential=revoked))
    Path(file.path).write_text("apiVersion: v1\nkind: Config\nusers: [{name: a}, {name: b}]\n")
    await ebench.rotate(issued.address)
    assert "name: b" in Path(file.path).read_text()


@pytest.mark.parametrize("verb", ["revoke", "rotate", "export", "undo"])
async def test_no_mark_ends_somebody_elses_token(victim: tuple[Bench, Any], verb: str) -> None:
    """B(9): other accounts' handles, token Secrets and ordinary Secrets were deleted because a mark named them."""
    bench, issued = victim
    arena = bench.arena
    own = await bench.issue(arena.spec(arena.secret("mine"), identity=arena.identity("other"), format=Format.TOKEN))
    await ordinary(bench, "precious")
    precious: dict[str, Any] = await bench.client.get(SECRETS, "precious", namespace=arena.namespace)
    admins = issued.credential.handle
    lies = {
        "another account's handle": f"{admins.namespace}/{admins.name}/{admins.uid}",
        "an ordinary Secret": f"{arena.namespace}/precious/{precious['metadata']['uid']}",
    }
    async with (
        Attacker(bench, "mine") as mallory,
        Bench(arena, state=f"other-{verb}", grace=timedelta(hours=1)) as slow,
    ):
        for lie in lies.values():
            await mallory.marks(handle=lie)
            if verb == "revoke":
                plan = await slow.engine.plan_revoke(own.address)
                gone = [step.name for step in plan.steps if step.verb == "delete"]
                assert gone == [own.credential.handle.name, "mine"]
            elif verb == "rotate":
                own = await slow.engine.execute(await slow.engine.plan_rotate(own.address))
                assert own.ok, own
            elif verb == "export":
                copy = arena.folder / "copy"
                assert (await slow.engine.export(own.address, FileDestination(str(copy)))).ok
                record = slow.state.export_record(Address(CredentialKind.FILE, "", "", str(copy)))
                assert record is not None
                assert record.credential.handle == own.credential.handle
            else:
                await slow.engine.execute(await slow.engine.plan_rotate(own.address))
                await mallory.marks(handle=lie)
                undo = await slow.engine.execute(await slow.engine.plan_undo(own.address))
                assert undo.ok, undo
    async with Bench(arena, state=f"other-{verb}", clock=lambda: datetime.now(UTC) + timedelta(days=1)) as later:
        await later.engine.recover()
        await later.engine.settle()
        left = await later.secrets()
    assert admins.name in left
    assert "precious" in left


async def test_what_a_file_names_is_ended_by_the_token_in_it(ebench: Bench) -> None:
    """B(9): a file's copy believed the `handle` mark of its source; its revocation is told by the token."""
    arena = ebench.arena
    victims = await ebench.issue(arena.spec(arena.file("victim"), identity=arena.identity("victim")))
    mine = await ebench.issue(arena.spec(arena.secret("mine")))
    handle = victims.credential.handle
    async with Attacker(ebench, "mine") as mallory:
        await mallory.marks(handle=f"{handle.namespace}/{handle.name}/{handle.uid}")
        copy = FileDestination(str(arena.folder / "copy"))
        assert (await ebench.engine.export(mine.address, copy)).ok
        address = Address(CredentialKind.FILE, "", "", copy.path)
        assert (await ebench.engine.execute(await ebench.engine.plan_revoke(address))).ok
    assert await ebench.handles() == [handle.name]
    arena.forget()
    assert not await ebench.works(token_in(copy.path))
    assert await ebench.works(token_in(arena.file("victim").path))


async def test_a_mark_alone_keeps_no_old_token_alive(embedded: Arena) -> None:
    """B(9): a mark patched back during the grace let the old token live, with exit 0 and the record dropped."""
    clock = Clock()
    async with Bench(embedded, clock=clock, grace=timedelta(hours=1)) as bench:
        issued = await bench.issue(embedded.spec(embedded.secret()))
        old = issued.credential.handle
        before = await bench.client.get_metadata(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        async with Attacker(bench, "robot-credential") as mallory:
            notes = before["metadata"]["annotations"]
            await mallory.write({"metadata": {"annotations": notes}})
        clock.ahead = timedelta(hours=2)
        bench.engine._graces.look_again()
        await bench.engine.settle()
        assert old.name not in await bench.handles()
        assert bench.state.revocations() == []
        said = [entry.message for entry in bench.state.entries() if entry.step == "revoke:0"]
        assert "deleted" in said[-1]


async def test_what_lies_elsewhere_is_told_by_its_token(embedded: Arena) -> None:
    """A mark that says it still holds the old token spares it no revocation."""
    async with Bench(embedded) as bench:
        first = await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two"), format=Format.TOKEN))
        handle = first.credential.handle
        other = embedded.spec(embedded.secret("two"), format=Format.TOKEN)
        assert (await bench.engine.execute(await bench.engine.plan(other, replace=True))).ok
        async with Attacker(bench, "two") as mallory:
            await mallory.marks(handle=f"{handle.namespace}/{handle.name}/{handle.uid}")
        wanted = embedded.spec(embedded.secret("one"), format=Format.TOKEN)
        plan = await bench.engine.plan(wanted, replace=True)
        assert any(step.name == handle.name for step in plan.steps if step.id.startswith("revoke")), plan.warnings


@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/tls"])
async def test_only_a_token_secret_is_a_long_lived_token(bench: Bench, kind: str) -> None:
    """B(11): `legacy:` took any Secret with the annotation, whatever its type."""
    arena = bench.arena
    await bench.make_account("robot")
    data = {"tls.crt": "eA==", "tls.key": "eA==", "token": "eA=="}
    await bench.client.create(
        SECRETS, {"metadata": {"name": "precious"}, "type": kind, "data": data}, namespace=arena.namespace
    )
    address = Address(CredentialKind.LEGACY, arena.name, arena.namespace, "precious")
    async with Attacker(bench, "precious") as mallory:
        account: dict[str, Any] = await bench.client.get(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
        notes = {token_secret.ACCOUNT_NAME: "robot", token_secret.ACCOUNT_UID: account["metadata"]["uid"]}
        await mallory.write({"metadata": {"annotations": notes}})
    for asked in (
        bench.engine.plan_revoke(address),
        bench.engine.plan_rotate(address),
        bench.engine.lookup(address),
        bench.engine.material(address),
        bench.engine.plan_reactivate(address),
    ):
        with pytest.raises(UsageError, match=f"not a service-account token: it is of type {kind}"):
            await asked
    assert "precious" in await bench.secrets()


def legacy(arena: Arena, name: str) -> Address:
    return Address(CredentialKind.LEGACY, arena.name, arena.namespace, name)


async def create(bench: Bench, **wish: Any) -> Any:
    wanted = IdentityWish(identity=bench.arena.identity("rok"), **{"folder": str(bench.arena.folder)} | wish)
    return await bench.engine.execute(await bench.engine.plan(wanted))


async def test_a_revoked_long_lived_token_never_comes_back(bench: Bench) -> None:
    """D(7): `identity create` under the same name made the very same token again, byte for byte."""
    arena = bench.arena
    first = await create(bench)
    path = arena.folder / f"{arena.namespace}-rok.token"
    dead = Sensitive(path.read_bytes())
    assert (await bench.engine.execute(await bench.engine.plan_revoke(first.address))).ok
    again = await create(bench)
    assert again.ok, again
    assert again.address.name.startswith("rok-token-")
    assert Sensitive(path.read_bytes()) != dead
    if arena.fleet is not None:
        arena.forget()
        assert not await bench.works(dead)
    once_more = await create(bench)
    assert once_more.address == again.address, "what is there is used"
    with pytest.raises(UsageError, match="was revoked here"):
        await create(bench, secret="rok-token")


async def test_another_machine_gives_it_another_name_too(bench: Bench) -> None:
    first = await create(bench)
    assert (await bench.engine.execute(await bench.engine.plan_revoke(first.address))).ok
    async with Bench(bench.arena, state="other") as other:
        again = await create(other, folder=str(bench.arena.folder / "other"))
        assert again.ok, again
        assert again.address != first.address


async def test_what_somebody_else_made_again_is_told_by_its_fingerprint(ebench: Bench) -> None:
    """A Secret that was made anew by hand holds the dead token: kubemint publishes and re-activates it no more."""
    arena = ebench.arena
    first = await create(ebench)
    dead = Sensitive((arena.folder / f"{arena.namespace}-rok.token").read_bytes())
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(first.address))).ok
    await ebench.client.create(
        SECRETS, token_secret.manifest(arena.identity("rok"), "rok-token"), namespace=arena.namespace
    )
    found = await token_secret.wait_for_token(ebench.client, arena.identity("rok"), "rok-token")
    assert found == dead
    with pytest.raises(UsageError, match="was revoked here"):
        await create(ebench)
    labels = {"metadata": {"labels": {token_secret.INVALID_SINCE: "2026-01-02"}}}
    await ebench.client.patch(SECRETS, "rok-token", labels, namespace=arena.namespace)
    with pytest.raises(UsageError, match="was revoked here"):
        await ebench.engine.plan_reactivate(legacy(arena, "rok-token"))


async def test_what_a_rotation_ended_is_dead_too(ebench: Bench) -> None:
    first = await create(ebench)
    dead = Sensitive((ebench.arena.folder / f"{ebench.arena.namespace}-rok.token").read_bytes())
    await ebench.rotate(first.address)
    (known,) = ebench.state.dead()
    assert (known.secret, known.fingerprint) == (legacy(ebench.arena, "rok-token"), dead.fingerprint)
    with pytest.raises(UsageError, match="was revoked here"):
        await create(ebench, secret="rok-token")


async def _token_in_secret(bench: Bench, name: str) -> Sensitive:
    found: dict[str, Any] = await bench.client.get(SECRETS, name, namespace=bench.arena.namespace)
    return Sensitive(base64.b64decode(found["data"]["token"]))


async def test_what_was_replaced_while_it_was_looked_at_is_not_called_revoked(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two plan for one Secret: one has read the old token when the other ends its handle."""
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    rotated: list[bool] = []
    is_gone = replacing.is_gone

    async def late(*given: Any, **words: Any) -> bool:
        if not rotated:
            rotated.append(True)
            await ebench.rotate(issued.address)
        return await is_gone(*given, **words)

    monkeypatch.setattr(replacing, "is_gone", late)
    with pytest.raises(ChangedMeanwhile, match="changed by another client"):
        await ebench.engine.plan_rotate(issued.address)
    assert (await ebench.engine.lookup(issued.address)).state is State.VALID
    assert rotated


async def test_a_secret_that_calls_itself_managed_and_says_nothing_else_is_told_so(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec(ebench.arena.secret()))
    marks = {"metadata": {"labels": {managed.ROLE: None}}}
    await ebench.client.patch(SECRETS, "robot-credential", marks, namespace=ebench.arena.namespace)
    with pytest.raises(UsageError, match="says that it is kubemint's, but not that it keeps a credential"):
        await ebench.engine.lookup(issued.address)


async def test_a_secret_with_the_token_of_another_account_is_not_called_good(victim: tuple[Bench, Any]) -> None:
    """Verified, the server accepts what lies there: it is somebody else's; revoked, it lives on."""
    bench, issued = victim
    address = bench.arena.secret_address("admin-credential")
    assert (await bench.engine.verify(address)).ok
    async with Attacker(bench, "admin-credential") as mallory:
        await mallory.put(mallory.token)
        verified = await bench.engine.verify(address)
        assert not verified.ok
        assert not verified.refused
        assert "its annotations say it is for" in verified.message
        assert "robot" in verified.message
        assert "mallory" in verified.message
        revoked = await bench.engine.execute(await bench.engine.plan_revoke(address))
        assert revoked.ok, revoked
        assert any("holds another token by now, which was not revoked" in said for said in revoked.left), revoked
        assert issued.credential.handle.name not in await bench.handles()
        assert await bench.works(mallory.token)
