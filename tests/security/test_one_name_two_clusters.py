"""Two clusters whose contexts are called alike, on one machine: what is remembered of one is nothing of the other.

Every k3s calls its context `default`, every kubeadm `kubernetes-admin@kubernetes`. Here `there` and `here` are two
such clusters with an account of one name in a namespace of one name, and one state folder.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from tests.issuance.arena import Arena, Bench, make_namespace
from tui.demo import Answer, FaultRule
from tui.fleet.fleet import Fleet
from tui.fleet.renewing import watched
from tui.fleet.store import Area
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import Address
from tui.issuance.objects import managed
from tui.issuance.trust.whose import AnotherCluster
from tui.kube.client import Client
from tui.kube.endpoint import Endpoint
from tui.kube.errors import Unreachable
from tui.kube.kubeconfig import load
from tui.kube.resource import NAMESPACES, SECRETS
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread

NAME = "kubernetes-admin@kubernetes"
_NUMBERS = itertools.count(1)
GRACE = timedelta(seconds=1)


@dataclass
class Twins:
    """The same context name, twice."""

    there: Arena
    here: Arena


def called_alike(kubeconfig: Path, context: str, into: Path, server: str = "") -> Path:
    """A kubeconfig with one context of a cluster, under the name that all of them have."""
    whole = yaml.safe_load(kubeconfig.read_text())
    found = next(one["context"] for one in whole["contexts"] if one["name"] == context)
    cluster = next(one["cluster"] for one in whole["clusters"] if one["name"] == found["cluster"])
    user = next(one["user"] for one in whole["users"] if one["name"] == found["user"])
    cluster |= {"server": server} if server else {}
    into.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": NAME,
                "clusters": [{"name": "kubernetes", "cluster": cluster}],
                "users": [{"name": "admin", "user": user}],
                "contexts": [{"name": NAME, "context": {"cluster": "kubernetes", "user": "admin"}}],
            }
        )
    )  # fmt: skip
    return into


async def twins_of(side: str, kubeconfig: Path, contexts: tuple[str, str], folder: Path, fleet: Any) -> Twins:
    namespace = f"twins-{next(_NUMBERS)}"
    arenas = []
    for number, context in enumerate(contexts):
        config = called_alike(kubeconfig, context, folder / f"{number}.yaml")
        arenas.append(Arena(side, config, NAME, folder, namespace, fleet))
    for arena in arenas:
        await make_namespace(arena)
    return Twins(*arenas)


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
async def twins(request: pytest.FixtureRequest, tmp_path: Path) -> Twins:
    """On the embedded fleet, and on two real API servers."""
    if request.param == "real":
        plane: RealControlPlane = request.getfixturevalue("real_control_plane")
        return await twins_of("real", plane.kubeconfig, ("real", "real-2"), tmp_path, None)
    fleet: FleetThread = request.getfixturevalue("embedded_fleet")
    return await twins_of("embedded", fleet.kubeconfig, ("harbor", "tenant-a"), tmp_path, fleet)


@pytest.fixture
async def pair(twins: Twins) -> AsyncIterator[tuple[Bench, Bench]]:
    """An engine on each, with the state that both of them share."""
    async with Bench(twins.there, grace=GRACE) as there, Bench(twins.here, grace=GRACE) as here:
        await here.make_account()
        yield there, here


def server(bench: Bench) -> str:
    return bench.clusters.endpoint(NAME).server


def forget_clusters(bench: Bench) -> None:
    """The state as an earlier version would have left it: no record says of which cluster, and which Secret, it is."""
    for table, column in (("exports", "record"), ("secrets", "record"), ("revocations", "record"),
                          ("open_plans", "intent")):  # fmt: skip
        with sqlite3.connect(bench.state.folder / "state.db") as db:
            rows = db.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            for rowid, data in rows:
                record = msgspec.json.decode(data)
                record.pop("at", None)
                record.pop("uid", None)
                changed = msgspec.json.encode(record)
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, rowid))


async def rotated_and_left(there: Bench, address: Address) -> str:
    """Rotate, and leave the old one to the next run; the old handle's name."""
    old = (await there.engine.lookup(address)).handle
    assert old is not None
    outcome = await there.engine.execute(await there.engine.plan_rotate(address))
    assert outcome.ok, outcome
    await there.engine.aclose()
    await asyncio.sleep(GRACE.total_seconds() + 0.1)
    return old.name


async def test_an_old_token_is_not_ended_by_looking_into_another_cluster(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    address = (await there.issue(there.arena.spec())).address
    handle = await rotated_and_left(there, address)
    (outcome,) = await here.engine.recover()
    assert not outcome.ok
    assert server(there) in outcome.error
    assert server(here) in outcome.error
    assert "another cluster" in outcome.error
    assert handle in await there.handles()
    assert len(here.state.revocations()) == 1
    async with Bench(there.arena, grace=GRACE) as again:  # back in the right one it ends
        (outcome,) = await again.engine.recover()
        assert outcome.ok, outcome
        assert handle not in await again.handles()
        assert again.state.revocations() == []


async def test_a_file_of_another_cluster_is_refused_with_both_named(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    for form in (Format.KUBECONFIG, Format.TOKEN):
        spec = there.arena.spec(there.arena.file(f"robot.{form}"), format=form)
        address = (await there.issue(spec)).address
        for verb in (here.engine.plan_revoke, here.engine.plan_rotate, here.engine.verify, here.engine.lookup):
            with pytest.raises(AnotherCluster) as caught:
                await verb(address)
            assert server(there) in caught.value.message
            assert server(here) in caught.value.message
            assert "--kubeconfig" in caught.value.hint
        with pytest.raises(AnotherCluster):  # nor is it replaced by one of this cluster without a word
            await here.engine.plan(spec, replace=True)
        assert (await there.engine.verify(address)).ok


async def test_its_token_is_shown_to_nobody(pair: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = pair
    address = (await there.issue(there.arena.spec(format=Format.TOKEN))).address
    shown = []
    with_token = Endpoint.with_token

    def seen(endpoint: Endpoint, token: Sensitive) -> Endpoint:
        shown.append(endpoint.server)
        return with_token(endpoint, token)

    monkeypatch.setattr(Endpoint, "with_token", seen)
    for verb in (here.engine.verify, here.engine.plan_revoke, here.engine.plan_rotate):
        with pytest.raises(AnotherCluster):
            await verb(address)
    assert shown == []
    await there.engine.verify(address)
    assert shown == [server(there)]


async def forge(here: Bench, name: str, account: str) -> None:
    """What somebody may do who may create Secrets there: one that says it is kubemint's, and empty."""
    ours = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: managed.Role.CREDENTIAL.value}
    notes = {
        managed.ACCOUNT: account, managed.FORMAT: "token", managed.REQUESTED: "1h",
        managed.ISSUED: "2026-11-30T08:00:00Z", managed.EXPIRES: "2026-11-30T09:00:00Z", managed.REQUEST: "x",
    }  # fmt: skip
    wish = {"type": "Opaque", "metadata": {"name": name, "labels": ours, "annotations": notes}}
    await here.client.create(SECRETS, wish, namespace=here.arena.namespace)


async def test_what_was_written_in_another_cluster_vouches_for_nothing(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    await there.issue(there.arena.spec(there.arena.secret(), format=Format.TOKEN))
    await forge(here, "robot-credential", f"{here.arena.namespace}/robot")
    with pytest.raises(UsageError, match="no handle beside the account confirms that"):
        await here.engine.plan_rotate(here.arena.secret_address())
    assert await here.handles() == []
    await there.rotate(there.arena.secret_address())  # and in its own cluster all is as before


async def test_a_secret_that_was_made_anew_is_not_the_one_that_was_written(ebench: Bench) -> None:
    await ebench.issue(ebench.arena.spec(ebench.arena.secret(), format=Format.TOKEN))
    await ebench.client.delete(SECRETS, "robot-credential", namespace=ebench.arena.namespace)
    await forge(ebench, "robot-credential", f"{ebench.arena.namespace}/robot")
    with pytest.raises(UsageError, match="no handle beside the account confirms that"):
        await ebench.engine.plan_rotate(ebench.arena.secret_address())
    assert len(await ebench.handles()) == 1


async def made_anew(client: Client, namespace: str, into: Client) -> None:
    """What somebody may do who saw its marks: a Secret with all of them, in the place of the old one, and empty."""
    old = await client.get(SECRETS, "robot-credential", namespace=namespace)
    if into is client:
        await client.delete(SECRETS, "robot-credential", namespace=namespace)
    else:
        await into.create(NAMESPACES, {"metadata": {"name": namespace}})
    kept = {key: old["metadata"][key] for key in ("name", "labels", "annotations")}
    await into.create(SECRETS, {"type": "Opaque", "metadata": kept}, namespace=namespace)


async def test_a_handle_alone_vouches_for_no_secret_that_was_made_anew(ebench: Bench) -> None:
    """att5-claims-15c: a namespace was given to another team, whose member knew the marks of what lay there."""
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    await made_anew(ebench.client, arena.namespace, ebench.client)
    before = await ebench.handles()
    with pytest.raises(UsageError, match=r"another Secret of that name, with UID .* was made since"):
        await ebench.engine.plan_rotate(arena.secret_address())
    assert await ebench.handles() == before


@pytest.mark.parametrize("state", ["state", "a colleague's"])
async def test_a_cluster_that_has_the_name_of_the_one_that_was_pushed_to_gets_nothing(
    embedded: Arena, tmp_path: Path, state: str
) -> None:
    """att5-claims-15: its owner puts the old marks there and no token; the handle beside the account names that place
    by the name of its cluster."""
    host = yaml.safe_load(embedded.kubeconfig.read_text())
    arenas = []
    for number, context in enumerate(("tenant-a", "tenant-b")):
        tenant = yaml.safe_load(called_alike(embedded.kubeconfig, context, tmp_path / f"{number}.yaml").read_text())
        both = host | {kind: [*host[kind], *tenant[kind]] for kind in ("clusters", "contexts")}
        users = [one | {"name": "pusher"} for one in tenant["users"]]
        both["contexts"][-1]["context"]["user"] = "pusher"
        (tmp_path / f"both-{number}.yaml").write_text(yaml.safe_dump(both | {"users": [*host["users"], *users]}))
        arenas.append(replace(embedded, kubeconfig=tmp_path / f"both-{number}.yaml"))
    place = SecretDestination(NAME, embedded.namespace, "robot-credential")
    address = Address.secret(NAME, embedded.namespace, "robot-credential")
    async with Bench(arenas[0]) as there, Bench(arenas[1], state=state) as here:
        old, new = await there.clusters.client(NAME), await here.clusters.client(NAME)
        await old.create(NAMESPACES, {"metadata": {"name": embedded.namespace}})
        await there.issue(embedded.spec(place, format=Format.TOKEN))
        before = await there.handles()
        await made_anew(old, embedded.namespace, new)
        with pytest.raises(UsageError, match="another one may be called so by now") as refused:
            await here.engine.plan_rotate(address)
        if state == "state":  # who has a record of the old one says what both are
            for cluster in (old, new):
                assert cluster.endpoint.server in refused.value.message
            assert f"kubemint revoke handle:{embedded.name}/{embedded.namespace}/{before[0]}" in refused.value.hint
            with pytest.raises(UsageError, match=r" is .+ here"):  # which of the two nobody can say
                await here.engine.plan_revoke(address)
        assert await there.handles() == before
        assert not (await new.get(SECRETS, "robot-credential", namespace=embedded.namespace)).get("data")
        await there.rotate(address)


async def test_what_was_begun_in_another_cluster_waits_for_it(pair: tuple[Bench, Bench]) -> None:
    there, here = pair

    def die(point: str) -> None:
        if point == "before:write:0":
            raise KeyboardInterrupt

    there.engine.checkpoint = die
    plan = await there.engine.plan(there.arena.spec())
    with pytest.raises(KeyboardInterrupt):
        await there.engine.execute(plan)
    await there.engine.aclose()
    assert len(await there.handles()) == 1
    (outcome,) = await here.engine.recover()
    assert not outcome.ok
    assert server(there) in outcome.error
    assert server(here) in outcome.error
    assert len(here.state.open_plans()) == 1
    async with Bench(there.arena) as again:
        (outcome,) = await again.engine.recover()
        assert outcome.ok, outcome
        assert await again.handles() == []
        assert again.state.open_plans() == []


async def test_a_place_whose_file_is_gone_is_free_again_and_what_it_held_is_said(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    spec = there.arena.spec()
    address = (await there.issue(spec)).address
    Path(address.name).unlink()
    outcome = await here.issue(here.arena.spec())
    assert any(server(there) in said and "not revoked here" in said for said in outcome.left), outcome.left
    assert len(await there.handles()) == 1
    assert here.state.revocations() == []
    assert (await here.engine.verify(address)).ok


async def test_the_same_cluster_under_another_address_is_the_same(pair: tuple[Bench, Bench], tmp_path: Path) -> None:
    there, _ = pair
    address = (await there.issue(there.arena.spec())).address
    moved = server(there).replace("127.0.0.1", "localhost")
    config = called_alike(there.arena.kubeconfig, NAME, tmp_path / "moved.yaml", moved)
    async with Bench(replace(there.arena, kubeconfig=config), grace=GRACE) as again:
        assert (await again.engine.verify(address)).ok
        await again.rotate(address)
        assert moved in Path(address.name).read_text()


async def test_who_may_not_look_at_the_namespace_goes_on(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    if there.arena.fleet is None:
        pytest.skip("only the embedded server can be made to answer like that")
    forbidden = FaultRule(Answer(403), path="/namespaces/kube-system$")
    with replace(there.arena, name="harbor").fault(forbidden), replace(here.arena, name="tenant-a").fault(forbidden):
        async with Bench(there.arena, grace=GRACE) as first, Bench(here.arena, grace=GRACE) as other:
            address = (await first.issue(first.arena.spec())).address
            assert [one.uid for one in first.state.export_records()[0].at] == [""]
            assert (await first.engine.verify(address)).ok
            with pytest.raises(AnotherCluster, match="not known to be the same"):
                await other.engine.verify(address)


# Records of earlier versions


async def test_records_of_earlier_versions_work_on_in_their_cluster(pair: tuple[Bench, Bench]) -> None:
    there, _ = pair
    files = [there.arena.file(), there.arena.file("robot.token")]
    kubeconfig = (await there.issue(there.arena.spec(files[0]))).address
    token = (await there.issue(there.arena.spec(files[1], format=Format.TOKEN))).address
    await there.issue(there.arena.spec(there.arena.secret(), format=Format.TOKEN))
    handle = await rotated_and_left(there, kubeconfig)
    forget_clusters(there)
    async with Bench(there.arena, grace=timedelta(0)) as again:
        (outcome,) = await again.engine.recover()
        assert outcome.ok, outcome
        assert handle not in await again.handles()
        for address in (kubeconfig, token, there.arena.secret_address()):
            assert (await again.engine.verify(address)).ok
            await again.rotate(address)
        forget_clusters(again)
        for address in (kubeconfig, token, there.arena.secret_address()):
            outcome = await again.engine.execute(await again.engine.plan_revoke(address))
            assert outcome.ok, outcome
        assert await again.handles() == []


async def test_records_of_earlier_versions_wait_where_nothing_of_them_is_found(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    address = (await there.issue(there.arena.spec())).address
    token = (await there.issue(there.arena.spec(there.arena.file("t"), format=Format.TOKEN))).address
    await there.issue(there.arena.spec(there.arena.secret(), format=Format.TOKEN))
    handle = await rotated_and_left(there, address)
    forget_clusters(there)
    (outcome,) = await here.engine.recover()
    assert not outcome.ok
    assert "without saying of which cluster" in outcome.error
    assert handle in await there.handles()
    for file in (address, token):
        with pytest.raises(AnotherCluster, match=r"not known to be the same|without saying of which cluster"):
            await here.engine.plan_revoke(file)
    await forge(here, "robot-credential", f"{here.arena.namespace}/robot")
    with pytest.raises(UsageError, match="no handle beside the account confirms that"):
        await here.engine.plan_rotate(here.arena.secret_address())


async def test_what_an_earlier_version_began_waits_where_nothing_of_it_is_found(pair: tuple[Bench, Bench]) -> None:
    there, here = pair

    def die(point: str) -> None:
        if point == "before:commit":
            raise KeyboardInterrupt

    there.engine.checkpoint = die
    plan = await there.engine.plan(there.arena.spec())
    with pytest.raises(KeyboardInterrupt):
        await there.engine.execute(plan)
    await there.engine.aclose()
    forget_clusters(there)
    (outcome,) = await here.engine.recover()
    assert not outcome.ok
    async with Bench(there.arena) as again:
        (outcome,) = await again.engine.recover()
        assert outcome.ok, outcome
        assert len(again.state.exports()) == 1


async def test_another_kubeconfig_in_its_file_is_not_shown_to_the_recorded_cluster(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    mine = (await here.issue(here.arena.spec())).address
    theirs = (await there.issue(there.arena.spec(there.arena.file("theirs")))).address
    Path(mine.name).write_bytes(Path(theirs.name).read_bytes())
    with pytest.raises(AnotherCluster) as caught:
        await here.engine.verify(mine)
    assert server(there) in caught.value.message
    assert server(here) in caught.value.message


async def test_a_cluster_that_does_not_answer_is_not_called_another_one(
    pair: tuple[Bench, Bench], tmp_path: Path
) -> None:
    there, _ = pair
    address = (await there.issue(there.arena.spec())).address
    config = called_alike(there.arena.kubeconfig, NAME, tmp_path / "away.yaml", "https://127.0.0.1:1")
    async with Bench(replace(there.arena, kubeconfig=config)) as away:
        with pytest.raises(Unreachable):
            await away.engine.verify(address)
        assert await away.engine.elsewhere(away.state.export_records()) == [""]


# The command line and the fleet


async def test_a_bare_token_is_not_shown_to_the_cluster_that_somebody_names(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    address = (await there.issue(there.arena.spec(format=Format.TOKEN))).address
    material = Sensitive(Path(address.name).read_bytes())
    with pytest.raises(AnotherCluster, match="another cluster"):
        await here.engine.verify_pasted(material, NAME)
    assert (await there.engine.verify_pasted(material, NAME)).ok


async def test_files_of_another_cluster_are_said_to_be_and_are_left_alone(pair: tuple[Bench, Bench]) -> None:
    there, here = pair
    address = (await there.issue(there.arena.spec())).address
    for bench, said in ((there, ""), (here, "another cluster")):
        fleet = Fleet(load(str(bench.arena.kubeconfig)), state=bench.state, areas={Area.CREDENTIALS})
        await fleet.start()
        try:
            assert await fleet.settled(30)
            assert said in fleet.elsewhere(address)
            assert bool(said) is bool(fleet.elsewhere(address))
            (one,) = [one for one in watched(fleet.store.view(Area.CREDENTIALS), fleet)
                      if one.credential.address == address]  # fmt: skip
            assert said in one.left
            assert said in one.credential.message
        finally:
            await fleet.stop()
