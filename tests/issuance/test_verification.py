"""Verification: what is accepted, and why what is refused is refused, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tui.demo import Answer, FaultRule
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.kube.errors import ConfigError
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


async def test_a_working_one_says_who_it_is_and_how_it_was_asked(bench: Bench) -> None:
    issued = await bench.issue(bench.arena.spec())
    verified = await bench.engine.verify(issued.address)
    assert verified.ok
    assert verified.username == bench.arena.identity().username
    assert verified.method == ("TokenReview" if bench.arena.old else "SelfSubjectReview")
    data = Sensitive(Path(bench.arena.file().path).read_bytes())
    assert (await bench.engine.verify_kubeconfig(data)).username == verified.username


async def test_your_own_login_is_verified_too(bench: Bench) -> None:
    verified = await bench.engine.verify(Address(CredentialKind.LOGIN, bench.arena.name, "", ""))
    assert verified.ok, verified


async def test_an_account_that_was_deleted_or_made_again_is_named(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    await ebench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    arena.forget()
    gone = await ebench.engine.verify(issued.address)
    assert not gone.ok
    assert "is gone" in gone.message
    await ebench.make_account()
    again = await ebench.engine.verify(issued.address)
    assert "deleted and created again" in again.message


async def test_an_expired_one_is_told_by_its_claims(embedded: Arena) -> None:
    """The engine's clock is ahead of the server's here; the server refuses because the handle is gone."""
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(duration=timedelta(minutes=10)))
        handle = issued.credential.handle
        await bench.client.delete(SECRETS, handle.name, namespace=handle.namespace)
        embedded.forget()
        async with Bench(embedded, clock=lambda: datetime.now(UTC) + timedelta(minutes=31)) as later:
            verified = await later.engine.verify(issued.address)
        assert not verified.ok
        assert "expired 20 minutes" in verified.message or "expired 21 minutes" in verified.message, verified.message


async def test_a_token_of_another_cluster_is_told_by_its_issuer(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.issue(arena.spec())
    elsewhere = ebench.clusters.endpoint("tenant-a")
    data = kubeconfig(token_in(arena.file().path), elsewhere, arena.identity())
    verified = await ebench.engine.verify_kubeconfig(data)
    assert not verified.ok
    assert "issued it, but this cluster issues as" in verified.message


async def test_somebody_elses_token_in_the_place_is_noticed(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(format=Format.TOKEN))
    await ebench.issue(arena.spec(arena.file("other"), identity=arena.identity("other"), format=Format.TOKEN))
    Path(arena.file().path).write_bytes(Path(arena.file("other").path).read_bytes())
    verified = await ebench.engine.verify(issued.address)
    assert not verified.ok
    assert f"it is for system:serviceaccount:{arena.namespace}:other" in verified.message


async def test_a_token_for_another_audience_needs_a_review(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(format=Format.TOKEN, audiences=("vault",)))
    assert (await ebench.engine.verify(issued.address)).method == "TokenReview"
    with arena.fault(FaultRule(Answer(403), path="tokenreviews")):
        unknown = await ebench.engine.verify(issued.address)
    assert not unknown.ok
    assert "not proved" in unknown.message
    assert unknown.method == ""


async def test_garbage_in_the_place_is_no_crash(ebench: Bench) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    path = Path(ebench.arena.file().path)
    path.write_text("{{{")
    verified = await ebench.engine.verify(issued.address)
    assert not verified.ok
    assert "holds no token" in verified.message
    path.unlink()
    assert not (await ebench.engine.verify(issued.address)).ok


async def test_a_kubeconfig_that_runs_a_program_is_not_run(ebench: Bench, tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    text = f"""
apiVersion: v1
kind: Config
current-context: x
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:1"}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: touch
      args: ["{proof}"]
      interactiveMode: Never
"""
    with pytest.raises(ConfigError, match="wants to run a program"):
        await ebench.engine.verify_kubeconfig(Sensitive(text))
    assert not proof.exists()


async def test_a_server_that_is_away_is_said_to_be_away(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec())
        data = kubeconfig(token_in(embedded.file().path), bench.clusters.endpoint("island"), embedded.identity())
        verified = await bench.engine.verify_kubeconfig(data)
        assert not verified.ok
        assert verified.method == ""
        assert verified.hint
