"""The door: a destination that kubemint has not is one file (`toy_vault`) and one line in the registry, and then it is
asked for, issued into, read, renewed, recovered and revoked like any other.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.issuance import dying
from tests.issuance.arena import Arena, Bench
from tests.issuance.dying import KILLED
from tests.issuance.toy_vault import VaultDestination
from tui.fleet.renewal_leases import written_in
from tui.issuance.destinations import registry
from tui.issuance.destinations.place import PlaceWay
from tui.issuance.errors import UsageError
from tui.issuance.families import asking as ask
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential, Destination, Identity, IssueSpec, State, kind_label
from tui.issuance.records.intent import Export
from tui.kube.sensitive import Sensitive

LINE = "tests.issuance.toy_vault"
KEY = "kv/ci/robot"
AT = "place:vault:kv/ci/robot"
_MAIN = f"""
from tui.issuance.destinations import registry
registry.DESTINATIONS = (*registry.DESTINATIONS, "{LINE}")
from tui.cli import main
main()
"""


@pytest.fixture(autouse=True)
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "vault"
    folder.mkdir()
    monkeypatch.setenv("TOY_VAULT", str(folder))
    monkeypatch.setattr(registry, "DESTINATIONS", (*registry.DESTINATIONS, LINE))
    return folder


def token_under(vault: Path, key: str = KEY) -> Sensitive:
    rules = Format.KUBECONFIG.rules
    token = rules.token_of(rules.from_file(Sensitive((vault / key.replace("/", "_")).read_bytes())))
    assert token is not None
    return token


def _die(vault: Path, arena: Arena, work: IssueSpec | Address, point: str) -> None:
    os.environ["TOY_VAULT"] = str(vault)
    registry.DESTINATIONS = (*registry.DESTINATIONS, LINE)  # type: ignore[misc]
    dying._die(arena.side, arena.kubeconfig, arena.name, arena.folder, arena.namespace, work, point)


def killed(vault: Path, arena: Arena, work: IssueSpec | Address, point: str) -> int | None:
    apart = Arena(arena.side, arena.kubeconfig, arena.name, arena.folder, arena.namespace)
    process = multiprocessing.get_context("spawn").Process(target=_die, args=(vault, apart, work, point))
    process.start()
    process.join(120)
    return process.exitcode


async def test_it_is_issued_read_renewed_and_revoked(ebench: Bench, vault: Path) -> None:
    engine, both = ebench.engine, ebench.arena.spec(VaultDestination(KEY), ebench.arena.file())
    issued = await ebench.issue(both)
    assert str(issued.address) == AT
    assert Address.parse(AT) == issued.address
    first = token_under(vault)
    assert await ebench.works(first)
    found = await engine.lookup(issued.address)
    assert (found.state, found.fingerprint, found.kept_in) == (State.VALID, first.fingerprint, "vault:kv/ci/robot")
    assert (await engine.verify(issued.address)).ok
    assert (await engine.material(issued.address)).reveal_bytes() == (vault / "kv_ci_robot").read_bytes()
    file = next(one.address for one in ebench.state.exports() if one.address != issued.address)
    assert (await engine.execute(await engine.plan_rotate(file))).ok, "the file's wish knows the vault"
    await engine.settle()
    second = token_under(vault)
    assert second != first
    assert second.fingerprint == (await engine.lookup(file)).fingerprint
    ebench.arena.forget()
    assert not await ebench.works(first)
    assert kind_label(found) == "vault"
    assert written_in(issued.address, ebench.state.export_record) == frozenset(), "it needs no Lease of a cluster"
    assert (await engine.execute(await engine.plan_revoke(issued.address))).ok
    ebench.arena.forget()
    assert not await ebench.works(second)
    assert (await engine.lookup(issued.address)).state is State.REVOKED
    assert await ebench.handles() == []


async def test_a_rotation_is_gone_back_on(embedded: Arena, vault: Path) -> None:
    async with Bench(embedded, grace=timedelta(minutes=5)) as bench:
        issued = await bench.issue(embedded.spec(VaultDestination(KEY)))
        first = token_under(vault)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
        assert token_under(vault) != first
        assert (await bench.engine.execute(await bench.engine.plan_undo(issued.address))).ok
        assert token_under(vault) == first


async def test_what_lies_there_is_held_against_the_record(ebench: Bench, vault: Path) -> None:
    issued = await ebench.issue(ebench.arena.spec(VaultDestination(KEY)))
    other = await ebench.issue(ebench.arena.spec(VaultDestination("kv/other")))
    (vault / "kv_ci_robot").write_bytes((vault / "kv_other").read_bytes())
    found = await ebench.engine.lookup(issued.address)
    assert (found.state, found.message) == (State.UNKNOWN, "it holds another token than kubemint wrote")
    with pytest.raises(UsageError, match="holds another token than kubemint wrote there"):
        await ebench.engine.plan_revoke(issued.address)
    (vault / "kv_taken").write_bytes(b"another's")
    with pytest.raises(UsageError, match="already in use"):
        await ebench.engine.plan(ebench.arena.spec(VaultDestination("kv/taken")))
    assert (await ebench.engine.lookup(other.address)).state is State.VALID


async def test_it_is_written_a_copy_of_a_file(ebench: Bench, vault: Path) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    outcome = await ebench.engine.execute(await ebench.engine.plan_export(issued.address, VaultDestination(KEY)))
    assert outcome.ok, outcome
    assert token_under(vault).fingerprint == issued.credential.fingerprint
    copy = outcome.address
    assert (await ebench.engine.lookup(copy)).copy_of == issued.address
    await ebench.rotate(issued.address)
    now = await ebench.engine.lookup(issued.address)
    assert token_under(vault).fingerprint == now.fingerprint, "a copy in its own format gets the next one"


@pytest.mark.parametrize("point", ["after:token", "unrecorded:write:0", "after:write:0"])
async def test_a_rotation_that_was_killed_is_finished_or_undone(embedded: Arena, vault: Path, point: str) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec(VaultDestination(KEY), embedded.file()))
        old = token_under(vault)
        assert killed(vault, embedded, issued.address, point) == KILLED
        assert [one.ok for one in await bench.engine.recover()] == [True]
        await bench.engine.settle()
        now = token_under(vault)
        assert (now == old) is (point == "after:token")
        assert await bench.works(now)
        assert (await bench.engine.lookup(issued.address)).fingerprint == now.fingerprint
        assert len(await bench.handles()) == 1
        assert bench.state.open_plans() == []


def test_it_is_asked_for() -> None:
    _, path = ask.place_fields("Destination")
    said = {"kept": "a key of the vault", "path": KEY}
    assert [way.flag for way in path.ways] == ["--out", "--merge", "--secret", "--vault"]
    assert ask.place_of(said, "c") == VaultDestination(KEY)
    assert ask.place_way(said).suggest(ask.Usual(Path("/f"), "a.kubeconfig", "ns/robot")) == "kv/ns/robot"
    assert [fault.message for fault in ask.place_faults({**said, "path": "/a"}, None)] == [
        "a key of the vault begins with no /"
    ]


def test_the_command_line_offers_it_and_lists_it(embedded: Arena, vault: Path) -> None:
    where = ("--kubeconfig", str(embedded.kubeconfig), "--context", embedded.name)

    def run(*words: str) -> str:
        line = [sys.executable, "-c", _MAIN, *words, *where]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout

    helped = run("issue", "--help")
    assert "--vault KEY" in helped
    assert "Keep it under this key of the vault." in helped
    run("issue", "robot", "-n", embedded.namespace, "--create", "--vault", KEY)
    first = token_under(vault)
    assert AT in run("list", "credentials", "-o", "name")
    assert "vault" in next(line.split() for line in run("list", "credentials").splitlines() if "kv/ci/robot" in line)
    assert "robot" in run("inspect", AT)
    run("rotate", AT, "--grace", "0s")
    assert token_under(vault) != first


class MapDestination(Destination, msgspec.Struct, frozen=True, tag="configmap"):
    """One that lies in a cluster."""

    cluster: str
    said: str

    @classmethod
    def ways(cls) -> tuple[PlaceWay, ...]:
        way = PlaceWay(
            "a ConfigMap in {cluster}", "--configmap", "NS/NAME", "ConfigMap", "Keep it in a ConfigMap of {whose}.",
            read=ask.a_pair("ConfigMap"), make=lambda text, cluster: cls(cluster, text),
            suggest=lambda usual: usual.object, in_cluster=True,
        )  # fmt: skip
        return (way,)


def test_one_in_a_cluster_is_named_with_it() -> None:
    identity = Identity("far", "ns", "robot")
    kept = MapDestination("aws:eks/prod", "ns/robot")
    assert str(kept.address(identity)) == "place:configmap:aws:eks/prod/ns/robot"
    assert MapDestination.at(Address.parse("place:configmap:aws:eks/prod/ns/robot"), identity) == kept
    credential = Credential(address=kept.address(identity), identity=identity)
    record = Export(credential=credential, request="", spec=IssueSpec(identity=identity, destinations=(kept,)))
    assert written_in(credential.address, lambda _: record) == {"aws:eks/prod"}, "its cluster's Lease is needed"
    assert ask.place_fields("Destination", copy=True)[0].choices[2].value == "a Secret in a cluster"


async def test_a_record_of_a_sort_that_is_not_known_is_left(ebench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = await ebench.issue(ebench.arena.spec(VaultDestination(KEY)))
    monkeypatch.setattr(registry, "DESTINATIONS", registry.DESTINATIONS[:-1])
    assert ebench.state.exports() == []
    monkeypatch.undo()
    monkeypatch.setattr(registry, "DESTINATIONS", (*registry.DESTINATIONS, LINE))
    assert [one.address for one in ebench.state.exports()] == [issued.address]
