"""Rotation and revocation: nobody who reads the destination ever holds a token that is refused."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import SECOND, Arena, Bench, token_in
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Identity, Outcome, State, StepStatus
from tui.issuance.objects.managed import SELECTOR
from tui.kube.client import Client
from tui.kube.errors import KubeError, NotFound, Unauthorized
from tui.kube.kubeconfig import parse
from tui.kube.resource import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive

PATIENCE = 15.0


class Reader:
    """Somebody who reads the file every 50 ms and enters the API with what it says."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.tokens: set[Sensitive] = set()
        self.calls = 0
        self.wrong: list[str] = []
        self._stopped = False

    async def run(self) -> None:
        while not self._stopped:
            await self._once()
            await asyncio.sleep(0.05)

    async def _once(self) -> None:
        try:
            endpoint = parse(self.path.read_bytes()).endpoint()
        except (KubeError, OSError) as error:
            self.wrong.append(f"torn: {error}")
            return
        assert endpoint.login.token is not None
        async with Client(endpoint) as robot:
            try:
                await robot.get(SERVICE_ACCOUNTS, "default", namespace=endpoint.namespace)
            except Unauthorized as error:
                self.wrong.append(f"refused: {error}")
            except KubeError:
                pass  # forbidden is what such an account gets: it was let in
        self.calls += 1
        self.tokens.add(endpoint.login.token)

    async def __aenter__(self) -> Reader:
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await self._task


def handle_of(outcome: Outcome) -> str:
    assert outcome.credential is not None
    assert outcome.credential.handle is not None
    return outcome.credential.handle.name


async def refused_after(bench: Bench, token: Sensitive) -> float:
    """Seconds until the API server refuses the token."""
    start = time.monotonic()
    while await bench.works(token):
        assert time.monotonic() - start < PATIENCE, "the token is still accepted"
        await asyncio.sleep(0.25)
    return time.monotonic() - start


async def test_a_reader_never_sees_a_torn_file_or_a_refused_token(arena: Arena) -> None:
    """Three rotations under a reader; then the old tokens are refused, and after a revocation the last one too."""
    async with Bench(arena, grace=SECOND) as bench:
        issued = await bench.issue(arena.spec())
        first = token_in(arena.file().path)
        async with Reader(arena.file().path) as reader:
            for _ in range(3):
                await asyncio.sleep(0.2)
                outcome = await bench.engine.execute(await bench.engine.plan_rotate(issued.address))
                assert outcome.ok, outcome
            await bench.engine.settle()
            await asyncio.sleep(0.3)
        last = token_in(arena.file().path)
        assert reader.wrong == []
        assert reader.calls > 10
        assert len(reader.tokens) >= 3
        assert await bench.handles() == [handle_of(outcome)]
        assert await bench.works(last)
        await asyncio.gather(*(refused_after(bench, old) for old in {first, *reader.tokens} - {last}))
        revoked = await bench.engine.execute(await bench.engine.plan_revoke(issued.address))
        assert revoked.ok, revoked
        await refused_after(bench, last)
        assert await bench.handles() == []
        assert bench.state.exports()[0].state is State.REVOKED
        assert (await bench.engine.lookup(issued.address)).state is State.REVOKED


async def test_a_managed_secret_rotates_in_place_and_keeps_what_others_put_there(bench: Bench) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec(arena.secret(), duration=timedelta(hours=3), format=Format.TOKEN_FILE))
    patch = {"metadata": {"labels": {"team": "blue"}, "annotations": {"note": "ours"}}, "data": {"extra": "eA=="}}
    await bench.client.patch(SECRETS, "robot-credential", patch, namespace=arena.namespace)
    outcome = await bench.rotate(issued.address)
    secret: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    assert secret["metadata"]["labels"]["team"] == "blue"
    assert secret["metadata"]["annotations"]["note"] == "ours"
    assert secret["data"]["extra"] == "eA=="
    assert outcome.credential.requested == timedelta(hours=3)
    assert outcome.credential.format is Format.TOKEN_FILE
    assert outcome.credential.fingerprint != issued.credential.fingerprint
    assert await bench.handles() == [outcome.credential.handle.name]
    assert (await bench.engine.verify(issued.address)).ok


async def test_rotating_one_place_renews_every_place_of_the_wish(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file(), arena.secret()))
    copy = arena.folder / "copy"
    exported = await ebench.engine.export(issued.address, FileDestination(str(copy)))
    assert exported.ok, exported
    assert copy.read_bytes() == Path(arena.file().path).read_bytes()
    for address in (issued.address, arena.secret_address(), exported.address):
        outcome = await ebench.rotate(address)
        assert copy.read_bytes() == Path(arena.file().path).read_bytes()
        tokens = [token_in(copy), await secret_token(ebench)]
        assert {token.fingerprint for token in tokens} == {outcome.credential.fingerprint}
        assert len(await ebench.handles()) == 1
    assert {place.fingerprint for place in ebench.state.exports()} == {outcome.credential.fingerprint}


async def secret_token(bench: Bench) -> Sensitive:
    material = await bench.engine.material(bench.arena.secret_address())
    token = parse(material.reveal_bytes()).endpoint().login.token
    assert token is not None
    return token


async def test_revoking_a_secret_removes_it_and_marks_its_copies(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.secret(), arena.file()))
    outcome = await ebench.engine.execute(await ebench.engine.plan_revoke(arena.secret_address()))
    assert outcome.ok, outcome
    assert outcome.credential is not None
    assert outcome.credential.state is State.REVOKED
    assert await ebench.secrets() == []
    assert Path(arena.file().path).exists()
    assert "is still there" in outcome.hint
    assert [export.state for export in ebench.state.exports()] == [State.REVOKED]
    with pytest.raises(NotFound):
        await ebench.engine.lookup(arena.secret_address())
    with pytest.raises(UsageError, match="revoked already"):
        await ebench.engine.plan_revoke(ebench.state.exports()[0].address)


async def test_a_revoked_file_can_be_issued_anew_by_rotating_it(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(issued.address))).ok
    handles = await ebench.handles()
    with pytest.raises(Unasked, match="was revoked"):
        await ebench.engine.plan_rotate(issued.address)
    assert await ebench.handles() == handles
    outcome = await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address, revive=True))
    assert outcome.credential is not None
    assert outcome.credential.state is State.VALID
    assert await ebench.works(token_in(ebench.arena.file().path))


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_what_was_revoked_elsewhere_is_not_brought_back_without_a_word(ebench: Bench, kept: str) -> None:
    """Somebody deleted its handle, which is all that a revocation is; nothing here knows of it but the cluster."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file() if kept == "file" else arena.secret()))
    await ebench.client.delete(SECRETS, issued.credential.handle.name, namespace=arena.namespace)
    with pytest.raises(UsageError):
        await ebench.engine.plan_rotate(issued.address)
    assert await ebench.handles() == []


async def test_a_merged_credential_rotates_inside_of_its_kubeconfig(ebench: Bench) -> None:
    arena = ebench.arena
    path = arena.folder / "config"
    path.write_bytes(arena.kubeconfig.read_bytes())
    before = parse(path.read_bytes())
    spec = arena.spec(FileDestination(str(path), merge=True))
    plan = await ebench.engine.plan(spec)
    assert "+- name: robot" in plan.preview
    assert path.read_bytes() == arena.kubeconfig.read_bytes()
    issued = await ebench.engine.execute(plan)
    assert issued.ok, issued
    assert issued.address.name == f"{path}#{arena.identity()}"
    after = parse(path.read_bytes())
    assert set(before.contexts) < set(after.contexts)
    assert after.current_context == before.current_context
    (context,) = set(after.contexts) - set(before.contexts)
    outcome = await ebench.rotate(issued.address)
    token = parse(path.read_bytes()).endpoint(context).login.token
    assert token is not None
    assert token.fingerprint == outcome.credential.fingerprint
    assert set(parse(path.read_bytes()).contexts) == set(after.contexts)
    assert (await ebench.engine.verify(issued.address)).ok


async def test_a_lost_file_is_written_anew_and_a_changed_one_is_refused(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    path = Path(arena.file().path)
    path.write_text("something else")
    with pytest.raises(WouldReplace, match="was not written by kubemint"):
        await ebench.engine.plan_rotate(issued.address)
    assert path.read_text() == "something else"
    path.unlink()
    plan = await ebench.engine.plan_rotate(issued.address)
    assert any("is gone" in warning for warning in plan.warnings)
    assert (await ebench.engine.execute(plan)).ok
    assert await ebench.works(token_in(path))


async def test_a_file_that_no_longer_holds_it_is_not_called_valid(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    assert (await ebench.engine.lookup(issued.address)).state is State.VALID
    Path(ebench.arena.file().path).write_text("something else")
    assert (await ebench.engine.lookup(issued.address)).state is State.UNKNOWN
    Path(ebench.arena.file().path).unlink()
    assert (await ebench.engine.lookup(issued.address)).state is State.MISSING


async def test_an_identity_of_one_cluster_may_be_kept_in_another(embedded: Arena) -> None:
    """As DPF does it: the account and its handle in a tenant, the Secret in the management cluster."""
    tenant = Identity("tenant-a", embedded.namespace, "robot")
    async with Bench(embedded) as bench:
        there = await bench.clusters.client("tenant-a")
        await there.create(NAMESPACES, {"metadata": {"name": embedded.namespace}})
        issued = await bench.issue(embedded.spec(embedded.secret(), identity=tenant))
        meta = await bench.client.get_metadata(SECRETS, "robot-credential", namespace=embedded.namespace)
        assert meta["metadata"]["annotations"]["kubemint.io/account-cluster"] == "tenant-a"
        assert issued.credential.handle.cluster == "tenant-a"
        rotated = await bench.rotate(issued.address)
        assert rotated.credential.identity == tenant
        assert (await bench.engine.verify(issued.address)).ok
        handles = await there.list(SECRETS, namespace=embedded.namespace, metadata_only=True, labels=SELECTOR)
        assert [handle["metadata"]["name"] for handle in handles] == [rotated.credential.handle.name]


async def test_a_file_changed_between_plan_and_write_is_left_alone(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    plan = await ebench.engine.plan_rotate(issued.address)
    Path(arena.file().path).write_text("mine now")
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "changed by another client" in outcome.error
    assert Path(arena.file().path).read_text() == "mine now"
    assert await ebench.handles() == [issued.credential.handle.name]


async def test_of_two_operators_who_rotate_one_secret_the_second_fails_cleanly(ebench: Bench) -> None:
    """Two machines: nothing but the resourceVersion keeps them apart."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    async with Bench(arena, state="another-machine") as other:
        mine = await ebench.engine.plan_rotate(issued.address)
        theirs = await other.engine.plan_rotate(issued.address)
        outcomes = await asyncio.gather(ebench.engine.execute(mine), other.engine.execute(theirs))
        await asyncio.gather(ebench.engine.settle(), other.engine.settle())
        assert sorted(outcome.ok for outcome in outcomes) == [False, True]
        winner = next(outcome for outcome in outcomes if outcome.ok)
        loser = next(outcome for outcome in outcomes if not outcome.ok)
        assert "changed by another client" in loser.error
        assert loser.results[-1].status is StepStatus.UNDONE
        assert await ebench.handles() == [handle_of(winner)]
        assert (await ebench.engine.verify(issued.address)).ok


async def test_two_kubemints_on_one_machine_never_work_on_the_same_credential(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    async with Bench(arena) as other:
        plans = [await bench.engine.plan_rotate(issued.address) for bench in (ebench, other)]
        outcomes = await asyncio.gather(ebench.engine.execute(plans[0]), other.engine.execute(plans[1]))
        await ebench.engine.settle()
        assert [outcome.ok for outcome in outcomes] == [True, False]
        assert "another kubemint is working on" in outcomes[1].error
        assert len(await ebench.handles()) == 1


async def test_a_rotation_waits_for_what_kubemint_itself_tidies_up(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    plan = await ebench.engine.plan_rotate(issued.address)
    with ebench.engine._locks.hold_aside([issued.address]):
        rotating = asyncio.create_task(ebench.engine.execute(plan))
        await asyncio.sleep(0.3)
        assert not rotating.done(), "an old handle that is just being deleted is no reason to refuse"
    assert (await rotating).ok


async def test_what_kubemint_did_not_issue_is_refused_with_what_to_do(ebench: Bench) -> None:
    arena = ebench.arena
    with pytest.raises(UsageError) as refused:
        await ebench.engine.plan_rotate(Address(CredentialKind.LOGIN, arena.name, arena.namespace, ""))
    assert refused.value.hint
    with pytest.raises(UsageError, match="wrote no credential"):
        await ebench.engine.plan_rotate(Address(CredentialKind.FILE, "", "", "/nowhere"))
    await ebench.client.create(
        SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign"}}, namespace=arena.namespace
    )
    with pytest.raises(UsageError, match="not managed by kubemint"):
        await ebench.engine.plan_rotate(Address(CredentialKind.SECRET, arena.name, arena.namespace, "foreign"))


async def test_a_token_secret_is_revoked_by_deleting_it(bench: Bench) -> None:
    if bench.arena.side != "embedded" and bench.arena.side != "real":
        pytest.skip("one old server is enough")
    arena = bench.arena
    await bench.make_account()
    annotations = {"kubernetes.io/service-account.name": "robot"}
    wish = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "long", "annotations": annotations},
    }
    await bench.client.create(SECRETS, wish, namespace=arena.namespace)
    address = Address(CredentialKind.LEGACY, arena.name, arena.namespace, "long")
    for _ in range(50):
        try:
            token = await bench.engine.material(address)
            break
        except NotFound:
            await asyncio.sleep(0.1)
    assert (await bench.engine.lookup(address)).state is State.ENDLESS
    assert (await bench.engine.verify(address)).ok
    outcome = await bench.engine.execute(await bench.engine.plan_revoke(address))
    assert outcome.ok, outcome
    await refused_after(bench, token)
