"""An older token put back into its place: revoking the place ends the newest as well, which lies there no more."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import yaml

from tests.cli.conftest import kubemint
from tests.issuance.arena import Arena, Bench
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential, Handle, Identity
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.revoking import others
from tui.issuance.revoking.others import Asked, judge
from tui.issuance.trust import handle_names
from tui.issuance.trust.handles import Fate, Named, Seen, Verdict
from tui.kube.resource import NAMESPACES, SECRETS
from tui.kube.sensitive import Sensitive

ROBOT = Identity("harbor", "ns", "robot")
PLACE = "app/kept"
ADDRESS = Address.parse("secret:harbor/app/kept")


def made(uid: str, **fields: Any) -> Seen:
    """A handle as it was made."""
    wish: dict[str, Any] = {"account": "ns/robot", "request": "r1", "secrets": (PLACE,)} | fields
    seen = Seen(namespace="ns", uid=uid, type=managed.HANDLE_TYPE, marked=True, **wish)
    return msgspec.structs.replace(seen, name=handle_names.fresh(seen.meant))


Facts = TypeVar("Facts", bound=msgspec.Struct)


def changed(facts: Facts, **fields: Any) -> Facts:
    return msgspec.structs.replace(facts, **fields)


ONE, TWO = made("u1"), made("u2")
OLD = changed(made("u3"), name="kubemint-robot-bcdfghjk")
HANDLE = Handle("harbor", "ns", ONE.name, "u1")
NEWEST = Handle("harbor", "ns", TWO.name, "u2")
WRITTEN = Credential(address=ADDRESS, identity=ROBOT, handle=NEWEST, fingerprint="f2")
RECORD = Export(credential=WRITTEN, request="r1")
ASKED = Asked(handle=HANDLE, identity=ROBOT, place=PLACE, ended=(PLACE,))
GONE, MAY = Verdict(Fate.GONE), Verdict(Fate.DELETE)
MANY = made("u4", secrets=(PLACE, "app/more"))
REQUEST = msgspec.structs.replace(ASKED, place="", request="r1", ended=())


@pytest.mark.parametrize(
    ("asked", "record", "beside", "listed", "ends", "left"),
    [
        (ASKED, None, GONE, [], [], ""),
        (ASKED, None, GONE, [ONE], [], ""),  # that one is revoked anyway
        (ASKED, RECORD, MAY, [], [Named.BY_JOURNAL], ""),
        (ASKED, RECORD, MAY, [ONE, TWO], [Named.BY_JOURNAL], ""),
        (ASKED, RECORD, GONE, [], [], ""),
        (ASKED, RECORD, Verdict(Fate.ANOTHER), [], [], ""),
        (ASKED, RECORD, Verdict(Fate.LEFT_ALONE, "it is odd"), [], [], "but it is odd"),
        (ASKED, Export(credential=changed(WRITTEN, handle=None), request="r1"), GONE, [], [], ""),
        (ASKED, Export(credential=changed(WRITTEN, handle=HANDLE), request="r1"), MAY, [], [], ""),
        (changed(ASKED, known=("u2",)), RECORD, MAY, [TWO], [], ""),  # ends with its grace period, or as an older one
        (ASKED, None, GONE, [ONE, TWO], [Named.BY_WALK], ""),
        (ASKED, None, GONE, [TWO, made("u5")], [Named.BY_WALK, Named.BY_WALK], ""),
        (changed(ASKED, identity=None), None, GONE, [TWO], [], ""),
        (ASKED, None, GONE, [changed(TWO, deleted=True)], [], ""),
        (ASKED, None, GONE, [made("u5", secrets=("app/another",))], [], ""),
        (ASKED, None, GONE, [made("u5", secrets=())], [], ""),
        # What only says so, or is of more than that, is named and left.
        (ASKED, None, GONE, [made("u5", account="ns/another")], [], "says that it is of ns/another"),
        (ASKED, None, GONE, [changed(TWO, request="r2")], [], "annotations were changed"),
        (ASKED, None, GONE, [OLD], [], "from an earlier version"),
        (ASKED, None, GONE, [changed(TWO, keys=("x",))], [], "holds data (x)"),
        (ASKED, None, GONE, [MANY], [], "also for app/more"),
        (changed(ASKED, ended=(PLACE, "app/more")), None, GONE, [MANY], [Named.BY_WALK], ""),
        # Of a request: its handles name no Secret.
        (REQUEST, None, GONE, [made("u5", secrets=()), made("u6", secrets=(), request="r2")], [Named.BY_WALK], ""),
        (REQUEST, None, GONE, [made("u5", secrets=(), account="ns/another")], [], ""),
        (changed(REQUEST, request=""), None, GONE, [made("u5", secrets=(), request="")], [], ""),
    ],
)
def test_what_else_of_a_place_ends(
    asked: Asked, record: Export | None, beside: Verdict, listed: list[Seen], ends: list[Named], left: str
) -> None:
    found = judge(asked, record, beside, listed)
    assert [one.ending.named for one in found.ends] == ends
    assert {one.ending.account for one in found.ends} <= {"robot"}
    assert len(found.left) == bool(left)
    assert left in "".join(found.left)
    assert len(found.lives_on) == len(ends) + len(found.left)


def test_what_ends_too_says_on_whose_word() -> None:
    by_record, by_handle = judge(ASKED, RECORD, MAY, [made("u5")]).ends
    assert by_record.fingerprint == "f2"
    assert others.ends_too(by_record).endswith(f"handle:harbor/ns/{TWO.name} (this machine wrote it there)")
    assert others.ends_too(by_handle).endswith("(its handle was made for it)")


# Put back


async def token_in_secret(bench: Bench) -> Sensitive:
    found: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", namespace=bench.arena.namespace)
    return Sensitive(base64.b64decode(found["data"]["token"]))


async def put_back(bench: Bench, apart: float = 0) -> tuple[Address, Sensitive]:
    """Rotate a Secret, and put back into it all that was in it; its address, and the newest token."""
    arena, namespace = bench.arena, bench.arena.namespace
    issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
    before: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", namespace=namespace)
    await asyncio.sleep(apart)
    assert (await bench.engine.execute(await bench.engine.plan_rotate(issued.address))).ok
    newest = await token_in_secret(bench)
    notes = before["metadata"]["annotations"]
    again = {"data": before["data"], "metadata": {"annotations": notes}}
    await bench.client.patch(SECRETS, "robot-credential", again, namespace=namespace)
    assert await token_in_secret(bench) != newest
    return issued.address, newest


@pytest.mark.parametrize("machine", ["this", "another"])
async def test_what_was_newest_ends_with_its_place(bench: Bench, machine: str) -> None:
    """By this machine's record; or by its handle, whose name says for what it was made."""
    arena = bench.arena
    async with Bench(arena, state="slow", grace=timedelta(hours=1)) as slow, Bench(arena, state="other") as other:
        address, newest = await put_back(slow)
        here = slow if machine == "this" else other
        plan = await here.engine.plan_revoke(address)
        assert [one for one in plan.warnings if one.startswith("another token of this destination")], plan.warnings
        done = await here.engine.execute(plan)
        assert done.whole, done
        assert await bench.handles() == []
        assert here.state.revocations() == []
        assert here.state.written(address) is None
        if arena.fleet is not None:
            arena.forget()
            assert not await bench.works(newest)


async def test_what_cannot_be_ended_is_named_and_ends_the_second_time(embedded: Arena) -> None:
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        address, newest = await put_back(bench)
        record = bench.state.written(address)
        assert record is not None
        assert record.credential.handle is not None
        name = record.credential.handle.name
        plan = await bench.engine.plan_revoke(address)
        with embedded.fault(FaultRule(Answer(403, "Forbidden", "no"), verb="delete", path=rf"/{name}")):
            done = await bench.engine.execute(plan)
        assert done.ok
        assert not done.whole
        assert [one for one in done.left if name in one]
        assert await bench.works(newest)
        assert (await bench.engine.execute(await bench.engine.plan_revoke(address))).whole
        assert await bench.handles() == []


async def test_a_command_names_what_it_may_not_end_and_ends_with_3(ebench: Bench, home: Path) -> None:
    """A handle from an earlier version only says so itself."""
    arena, namespace = ebench.arena, ebench.arena.namespace
    where = ("--context", arena.name, "--kubeconfig", arena.kubeconfig)
    place = f"{namespace}/robot-credential"
    await asyncio.to_thread(kubemint, "issue", "robot", "-n", namespace, "--create", *where, "--secret", place, "-q")
    handle = Handle(arena.name, namespace, "kubemint-robot-bcdfghjk", "")
    wish = managed.handle_object(
        handle, account="robot", account_uid="", request="r", plan="p", issued_by="me", secrets=(place,)
    )
    await ebench.client.create(SECRETS, wish, namespace=namespace)
    done = await asyncio.to_thread(kubemint, "revoke", str(arena.secret_address()), *where, "--yes", "-q")
    assert done.code == 3, done
    assert f"`kubemint revoke handle:{arena.name}/{namespace}/{handle.name}` ends it" in done.err
    assert await ebench.handles() == [handle.name]


@pytest.mark.parametrize("machine", ["this", "another"])
async def test_who_may_not_list_is_told_what_was_not_looked_at(embedded: Arena, machine: str) -> None:
    """Where this machine wrote it, its record is enough."""
    async with Bench(embedded, grace=timedelta(hours=1)) as bench, Bench(embedded, state="other") as other:
        address, _ = await put_back(bench)
        here = bench if machine == "this" else other
        with embedded.fault(FaultRule(Answer(403), verb="list", path="/secrets")):
            plan = await here.engine.plan_revoke(address)
            assert any("were not looked for" in one for one in plan.warnings) is (machine == "another"), plan.warnings
            assert (await here.engine.execute(plan)).whole
        assert len(await bench.handles()) == (machine == "another")


@pytest.mark.parametrize(("cluster", "account"), [("tenant-a", "robot"), ("harbor", "robot"), ("tenant-a", "mallory")])
async def test_who_says_where_the_account_is_chooses_not_what_ends(embedded: Arena, cluster: str, account: str) -> None:
    """att5-claims-17: with a token and a handle of her own cluster, or namespace, in the place, the one that lay there
    before lived on, and `--wait` said of hers that the server refuses it."""
    arena = embedded
    identity = Identity(cluster, arena.namespace if cluster != arena.name else f"{arena.namespace}-hers", account)
    async with Bench(arena) as bench, Bench(arena, state="hers") as hers, Bench(arena, state="other") as other:
        issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
        token = await token_in_secret(bench)
        await (await hers.clusters.client(cluster)).create(NAMESPACES, {"metadata": {"name": identity.namespace}})
        await bench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
        await hers.issue(arena.spec(arena.secret(), identity=identity, format=Format.TOKEN))
        plan = await other.engine.plan_revoke(issued.address, wait=True)
        far = [one for one in plan.warnings if f"its account is {identity}, in another cluster" in one]
        assert bool(far) is (cluster != arena.name)
        done = await other.engine.execute(plan)
        assert done.ok
        arena.forget()
        if account == "robot":
            assert done.whole
            assert await bench.handles() == []
            assert not await bench.works(token)
        else:  # a handle of another account is named, and the command ends with 3
            (left,) = done.left
            assert f"`kubemint revoke handle:{arena.name}/{arena.namespace}/" in left


@pytest.mark.parametrize("hers", [True, False], ids=["hers", "the place's own"])
async def test_nobodys_handle_counts_in_another_cluster_while_the_places_own_is_closed(
    embedded: Arena, home: Path, hers: bool
) -> None:
    """att6-1: with a handle in her own cluster that says so, and the marks off, that one ended, with "revokes the
    token: deleted" and 0, and the token of a place in whose cluster nobody may list all Secrets lived on."""
    arena, namespace = embedded, embedded.namespace
    async with Bench(arena) as bench, Bench(arena, state="other", patience=0.2) as other:
        issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
        off = {"labels": {managed.ROLE: None, managed.MANAGED_BY: None}}
        await bench.client.patch(SECRETS, "robot-credential", {"metadata": off}, namespace=namespace)
        true = f"handle:{arena.name}/{namespace}/{issued.credential.handle.name}"
        if hers:
            client = await bench.clusters.client("tenant-a")
            await client.create(NAMESPACES, {"metadata": {"name": namespace}})
            says = {"account": f"{namespace}/robot", "request": "w"}
            secrets = (f"{arena.name}/{namespace}/robot-credential",)
            name = handle_names.fresh(made("", secrets=secrets, **says).meant)
            wish = managed.handle_object(
                Handle("tenant-a", namespace, name, ""), account="robot", account_uid="", request="w", plan="p",
                issued_by="me", secrets=secrets,
            )  # fmt: skip
            await client.create(SECRETS, wish, namespace=namespace)
        with arena.fault(FaultRule(Answer(403), verb="list", path=r"/v1/secrets$")):
            with pytest.raises(IssuanceError) as caught:
                await other.engine.plan_revoke(issued.address)
            assert f"only namespace {namespace} of it was looked into" in caught.value.message
            assert true in caught.value.hint
            assert ("handle:tenant-a/" in caught.value.hint) is hers
            done = await asyncio.to_thread(
                kubemint, "revoke", str(issued.address), "--kubeconfig", arena.kubeconfig, "--yes", "-q"
            )
            assert done.code not in (0, 3), done
        assert await bench.handles() == [issued.credential.handle.name]


@pytest.mark.parametrize("closed", ["all", "the whole", "nothing"])
async def test_where_not_all_may_be_listed_the_namespaces_are(embedded: Arena, closed: str) -> None:
    """att6-1: with a token of another cluster in a place, what lay there before may live in the place's own. Nobody had
    looked, and it was said that somebody had, beside an account of the name that the marks say."""
    arena, namespace = embedded, embedded.namespace
    identity = Identity("tenant-a", namespace, "robot")
    path = {"all": r"/secrets$", "the whole": r"/v1/secrets$", "nothing": "/none"}[closed]
    async with Bench(arena) as bench, Bench(arena, state="hers") as hers, Bench(arena, state="other") as other:
        issued = await bench.issue(arena.spec(arena.secret(), format=Format.TOKEN))
        await (await hers.clusters.client("tenant-a")).create(NAMESPACES, {"metadata": {"name": namespace}})
        await bench.client.delete(SECRETS, "robot-credential", namespace=namespace)
        await hers.issue(arena.spec(arena.secret(), identity=identity, format=Format.TOKEN))
        with arena.fault(FaultRule(Answer(403), verb="list", path=path)):
            done = await other.engine.execute(await other.engine.plan_revoke(issued.address))
        assert done.ok
        assert done.whole is (closed == "nothing")
        assert len(await bench.handles()) == (closed == "all")
        only = "not looked for" if closed == "all" else f"looked for only in namespace {namespace} of {arena.name}"
        for left in done.left:
            assert f"other tokens of this destination were {only}: " in left
            assert f"takes a list of the Secrets in all of {arena.name}; whether one lives there" in left
            assert f"`kubemint revoke {issued.address}` says to who may do that" in left
        if closed == "all":
            assert (await other.engine.execute(await other.engine.plan_revoke(issued.address))).whole
            assert await bench.handles() == []


@pytest.mark.parametrize("closed", [False, True])
async def test_what_a_host_pushed_into_a_tenant_is_looked_for_in_the_host(embedded: Arena, closed: bool) -> None:
    """att6-3: the account of what was pushed is in neither cluster that was looked into, the tenant and whom the marks
    name; with a token of a third one in the place the host's lived on, and that was called revoked."""
    config = yaml.safe_load(embedded.kubeconfig.read_bytes())
    (tenant,) = [one for one in config["contexts"] if one["name"] == "tenant-a"]
    name = f"{embedded.name}/default/ten"
    config["contexts"] = [one for one in config["contexts"] if one["name"] in (embedded.name, "tenant-c")]
    config["contexts"].append(tenant | {"name": name})  # and nobody who does not answer
    path = embedded.kubeconfig.with_name(f"delivered-{embedded.namespace}")
    path.write_text(yaml.safe_dump(config))
    arena = dataclasses.replace(embedded, kubeconfig=path)
    place = SecretDestination(name, arena.namespace, "kept")
    hers_is = Identity("tenant-c", arena.namespace, "robot")
    async with Bench(arena) as bench, Bench(arena, state="hers") as hers, Bench(arena, state="other") as other:
        for cluster in (name, hers_is.cluster):
            client = await bench.clusters.client(cluster)
            await client.create(NAMESPACES, {"metadata": {"name": arena.namespace}})
        issued = await bench.issue(arena.spec(place, format=Format.TOKEN))
        await (await bench.clusters.client(name)).delete(SECRETS, "kept", namespace=arena.namespace)
        await hers.issue(arena.spec(place, identity=hers_is, format=Format.TOKEN))
        rule = FaultRule(Answer(403), verb="list", path=r"/secrets$" if closed else "/none")
        with arena.fault(rule):
            done = await other.engine.execute(await other.engine.plan_revoke(issued.address))
        assert done.ok
        assert done.whole is not closed
        assert len(await bench.handles()) == closed
        assert all(f"a list of the Secrets in all of {arena.name}; whether one lives there" in one for one in done.left)


async def test_what_was_newest_ends_with_a_rotation_of_its_place(embedded: Arena) -> None:
    """This machine's record names it; what lies there is replaced, and what lay there last does not live on."""
    async with Bench(embedded, state="slow", grace=timedelta(hours=1)) as slow:
        address, newest = await put_back(slow, apart=1.1)  # by their stamps, which are whole seconds
        record = slow.state.written(address)
        assert record is not None
        assert record.credential.handle is not None
        plan = await slow.engine.plan_rotate(address)
        assert any("holds another token than was written there last" in one for one in plan.warnings), plan.warnings
        assert (await slow.engine.execute(plan)).ok
        assert record.credential.handle in [one.handle for one in slow.state.revocations()]
        assert await slow.works(newest), "it has its grace as the other one has"


@pytest.mark.parametrize("emptied", [False, True])
async def test_what_is_newest_is_not_asked_of_a_mark(embedded: Arena, emptied: bool) -> None:
    """A mark says that what lies there, or nothing at all, was issued later: what was written there last ends too."""
    async with Bench(embedded, grace=timedelta(hours=1)) as bench:
        address, _ = await put_back(bench, apart=1.1)
        record = bench.state.written(address)
        assert record is not None
        later: dict[str, Any] = {"metadata": {"annotations": {managed.ISSUED: "2100-01-01T00:00:00Z"}}}
        later |= {"data": None} if emptied else {}
        await bench.client.patch(SECRETS, "robot-credential", later, namespace=embedded.namespace)
        assert (await bench.engine.execute(await bench.engine.plan_rotate(address))).ok
        assert record.credential.handle in [one.handle for one in bench.state.revocations()]
