"""Seventh attack: that a place holds the new one after a crash does not make it done (claims 2, 3, 7 and 10).

What lies beside it may be another's by then, whom it is carried to may not have been told, and the place itself may be
another one of the same name.
"""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.issuance.arena import Arena, Bench, token_in
from tests.issuance.dpf_place import Clock, Place
from tests.issuance.tenancy import Tenancy, decoded
from tests.issuance.test_certificates import Died, accepted, certificate_in, issued, requests, wish
from tests.issuance.test_engine_requests import address_of, bench_of
from tests.issuance.test_identity import create
from tests.issuance.test_identity_life import legacy, token, token_secrets
from tests.issuance.test_tenant_stores import TENANT, arrived, make_store, push
from tui.demo import Answer, FaultRule
from tui.headless.reaching import finish_open_work
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.tenant import PushedPlace
from tui.issuance.errors import IssuanceError
from tui.issuance.families.certificate import request
from tui.issuance.families.certificate.wish import Key
from tui.issuance.families.tenants import pushing
from tui.issuance.families.tenants.wish import PushWish
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Outcome, Plan, Push, State
from tui.issuance.objects.external_secrets import PUSH_SECRETS, push_secret
from tui.kube import limits
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

WRITTEN = "unrecorded:write:0"
EVIL = "https://evil.example:6443"


async def killed(bench: Bench, plan: Plan, at: str = WRITTEN) -> None:
    """Execute until this point; nothing after it happens."""

    def die(point: str) -> None:
        if point == at:
            raise Died

    bench.engine.checkpoint = die
    with pytest.raises(Died):
        await bench.engine.execute(plan)
    bench.engine.checkpoint = lambda _point: None


async def next_start(arena: Arena) -> Outcome:
    """The one thing that the next start goes on with, with whatever it then leaves to its grace over."""
    async with Bench(arena) as bench:
        (outcome,) = await bench.engine.recover()
        await bench.engine.settle()
        return outcome


def said(outcome: Outcome, step: str) -> str:
    return next(one.message for one in outcome.results if one.step == step)


async def data_of(bench: Bench, name: str = "robot-credential") -> dict[str, bytes]:
    found = await bench.client.get(SECRETS, name, namespace=bench.arena.namespace)
    return {key: base64.b64decode(value) for key, value in (found["data"] or {}).items()}


async def patched(bench: Bench, data: dict[str, bytes], name: str = "robot-credential") -> None:
    body = {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}}
    await bench.client.patch(SECRETS, name, body, namespace=bench.arena.namespace)


def led_away(text: bytes) -> bytes:
    """What whoever may patch the Secret puts beside what lets in: another server, and a user who runs a program."""
    config = yaml.safe_load(text)
    cluster = config["clusters"][0]
    cluster["cluster"] = {"server": EVIL, "insecure-skip-tls-verify": True}
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "interactiveMode": "Never"}
    config["users"].append({"name": "x", "user": {"exec": program}})
    config["contexts"].append({"name": "real", "context": {"cluster": cluster["name"], "user": "x"}})
    return yaml.safe_dump(config).encode()


async def made_anew(bench: Bench, name: str, *, empty: bool = False) -> None:
    """The Secret of this name is another one: its namespace was deleted and made anew for another team."""
    namespace = bench.arena.namespace
    old = await bench.client.get(SECRETS, name, namespace=namespace)
    await bench.client.delete(SECRETS, name, namespace=namespace)
    if not empty:
        kept = {key: old["metadata"][key] for key in ("name", "labels", "annotations")}
        await bench.client.create(SECRETS, old | {"metadata": kept}, namespace=namespace)


# Client certificates: the key lies in a place alone


@pytest.mark.parametrize("merge", [False, True], ids=["file", "merged"])
async def test_nothing_but_key_and_certificate_leaves_a_secret(embedded: Arena, merge: bool) -> None:
    file = FileDestination(str(embedded.folder / "config"), merge=True) if merge else embedded.file()
    async with Bench(embedded) as bench:
        await killed(bench, await bench.engine.plan(wish(embedded, embedded.secret(), file)))
        good = (await data_of(bench))["kubeconfig"]
        await patched(bench, {"kubeconfig": led_away(good)})
        outcome = await next_start(embedded)
        assert outcome.ok, outcome
        config = yaml.safe_load(Path(file.path).read_bytes())
        ours = {"client-certificate-data", "client-key-data"}
        assert [set(one["user"]) - {"extensions"} for one in config["users"]] == [ours]
        assert len(config["contexts"]) == 1
        (cluster,) = config["clusters"]
        assert cluster["cluster"].items() >= yaml.safe_load(good)["clusters"][0]["cluster"].items()
        assert await accepted(file.path)
        assert (await data_of(bench))["kubeconfig"] == good, "the place itself is what it was to be"
        assert "prove" in [one.step for one in outcome.results]
        assert await requests(bench) == []


async def test_what_lies_beside_the_only_certificate_is_as_it_was_written(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await killed(bench, await bench.engine.plan(wish(embedded, embedded.secret())))
        good = (await data_of(bench))["kubeconfig"]
        await patched(bench, {"kubeconfig": led_away(good)})
        assert (await next_start(embedded)).ok
        assert (await data_of(bench))["kubeconfig"] == good
        assert (await bench.engine.lookup(embedded.secret_address())).state is State.VALID


def with_another_key(text: bytes) -> bytes:
    config = yaml.safe_load(text)
    other = request.make("jane", (), Key.EC).key.reveal_bytes()
    config["users"][0]["user"]["client-key-data"] = base64.b64encode(other).decode()
    return yaml.safe_dump(config).encode()


@pytest.mark.parametrize("rotating", [False, True], ids=["issue", "rotate"])
async def test_a_certificate_whose_key_was_exchanged_is_written_nowhere(embedded: Arena, rotating: bool) -> None:
    file = embedded.file()
    async with Bench(embedded) as bench:
        wanted = wish(embedded, embedded.secret(), file)
        if rotating:
            await issued(bench, wanted)
            before = Path(file.path).read_bytes()
        at = Address.file(file.path)
        await killed(bench, await (bench.engine.plan_rotate(at) if rotating else bench.engine.plan(wanted)))
        await patched(bench, {"kubeconfig": with_another_key((await data_of(bench))["kubeconfig"])})
        outcome = await next_start(embedded)
        assert outcome.ok, outcome
        (left,) = outcome.left
        assert "robot-credential" in left
        assert "but not what belongs to it" in left
        assert bench.state.open_plans() == []
        assert await requests(bench) == []
        if rotating:
            assert Path(file.path).read_bytes() == before
            assert await accepted(file.path)
        else:
            assert not Path(file.path).exists()


async def test_a_certificate_comes_from_another_place_where_one_was_spoilt(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        file = embedded.file()
        await killed(bench, await bench.engine.plan(wish(embedded, embedded.secret(), file)), "unrecorded:write:1")
        good = (await data_of(bench))["kubeconfig"]
        await patched(bench, {"kubeconfig": with_another_key(good)})
        assert (await next_start(embedded)).ok
        assert (await data_of(bench))["kubeconfig"] == good == Path(file.path).read_bytes()
        assert certificate_in(file.path)


# Tokens


async def test_a_place_that_holds_the_token_is_written_whole(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await killed(bench, await bench.engine.plan(embedded.spec(embedded.secret(), embedded.file())))
        good = (await data_of(bench))["kubeconfig"]
        await patched(bench, {"kubeconfig": led_away(good)})
        outcome = await next_start(embedded)
        assert outcome.ok, outcome
        assert (await data_of(bench))["kubeconfig"] == good
        assert [one.step for one in outcome.results] == [
            "find", "prove", "write:0", "write:1", "check:0", "check:1", "commit"
        ]  # fmt: skip


async def test_a_token_that_was_ended_meanwhile_does_not_end_the_old_one(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec())
        old, (handle,) = token_in(embedded.file().path), await bench.handles()
        await killed(bench, await bench.engine.plan_rotate(Address.file(embedded.file().path)))
        (new,) = set(await bench.handles()) - {handle}
        await bench.client.delete(SECRETS, new, namespace=embedded.namespace)
        embedded.forget()
        outcome = await next_start(embedded)
        assert not outcome.ok
        assert outcome.results[-1].step == "prove"
        assert "until then the old one works too" in outcome.hint
        assert await bench.works(old)
        assert len(bench.state.open_plans()) == 1
        await bench.rotate(Address.file(embedded.file().path))
        assert (await next_start(embedded)).ok
        assert await bench.works(token_in(embedded.file().path))
        assert bench.state.open_plans() == []


async def test_a_token_that_ended_by_itself_meanwhile_is_proved_to_nobody(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await killed(bench, await bench.engine.plan(embedded.spec()))
    clock = Clock()
    clock.ahead = timedelta(days=2)
    async with Bench(embedded, clock=clock) as bench:
        (outcome,) = await bench.engine.recover()
        assert outcome.ok, outcome
        assert "prove" not in [one.step for one in outcome.results]


# A Secret of the same name is another one


@pytest.mark.parametrize("empty", [True, False], ids=["gone", "again"])
async def test_a_second_secret_that_was_made_since_gets_nothing_after_a_crash(embedded: Arena, empty: bool) -> None:
    """It gets neither the new token nor a record that vouches for it."""
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two")))
        old = (await data_of(bench, "one"))["kubeconfig"]
        await killed(bench, await bench.engine.plan_rotate(embedded.secret_address("one")))
        await made_anew(bench, "two", empty=empty)
        outcome = await next_start(embedded)
        assert outcome.ok, outcome
        assert "was changed by another client since; it was left alone" in said(outcome, "write:1")
        assert (await data_of(bench, "one"))["kubeconfig"] != old
        if empty:
            assert "two" not in await bench.secrets()
        else:
            assert (await data_of(bench, "two"))["kubeconfig"] == old


@pytest.mark.parametrize("anew", [False, True], ids=["the same", "another one"])
async def test_a_journal_that_does_not_say_which_secrets_they_were(embedded: Arena, anew: bool) -> None:
    """Those of earlier versions: then this machine's record does."""
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two")))
        old = (await data_of(bench, "one"))["kubeconfig"]
        await killed(bench, await bench.engine.plan_rotate(embedded.secret_address("one")))
        (intent,) = bench.state.open_plans()
        assert sorted(intent.secrets) == [str(embedded.secret_address(name)) for name in ("one", "two")]
        bench.state.record(intent.action, intent.address, opened=msgspec.structs.replace(intent, secrets={}))
        if anew:
            await made_anew(bench, "two")
        assert (await next_start(embedded)).ok
        assert ((await data_of(bench, "two"))["kubeconfig"] == old) is anew
        assert (await data_of(bench, "one"))["kubeconfig"] != old


async def test_a_secret_that_was_made_since_with_the_new_token_does_not_count(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret()))
        uid = bench.state.written_secrets()[0].uid
        await killed(bench, await bench.engine.plan_rotate(embedded.secret_address()))
        await made_anew(bench, "robot-credential")
        assert (await next_start(embedded)).ok
        assert [one.uid for one in bench.state.written_secrets()] == [uid], "nothing vouches for the other one"


@pytest.mark.parametrize("how", ["another", "gone"])
async def test_a_secret_that_was_made_and_recorded_is_told_from_one_that_was_made_since(
    embedded: Arena, how: str
) -> None:
    async with Bench(embedded) as bench:
        await killed(bench, await bench.engine.plan(embedded.spec(embedded.secret())), "after:write:0")
        await made_anew(bench, "robot-credential", empty=how == "gone")
        assert (await next_start(embedded)).ok
        assert bench.state.written_secrets() == []
        assert await bench.handles() == []


@pytest.mark.parametrize("undo", [False, True], ids=["rotate", "undo"])
async def test_a_second_secret_that_is_gone_is_left_out_and_said(embedded: Arena, undo: bool) -> None:
    async with Bench(embedded, grace=timedelta(minutes=5)) as bench:
        one = embedded.secret_address("one")
        await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two")))
        if undo:
            assert (await bench.engine.execute(await bench.engine.plan_rotate(one))).ok
        await made_anew(bench, "two", empty=True)
        plan = await (bench.engine.plan_undo(one) if undo else bench.engine.plan_rotate(one))
        assert any("/two in" in text and "is gone: it is left out" in text for text in plan.warnings), plan.warnings
        assert "write:1" not in [step.id for step in plan.steps]
        assert (await bench.engine.execute(plan)).ok
        assert "two" not in await bench.secrets()


async def test_a_second_secret_without_a_token_that_was_made_since_is_left_out_and_said(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two")))
        await made_anew(bench, "two")
        await patched(bench, {"kubeconfig": b""}, "two")
        plan = await bench.engine.plan_rotate(embedded.secret_address("one"))
        assert any("/two in" in text and "is not what was written there" in text for text in plan.warnings)
        assert (await bench.engine.execute(plan)).ok
        assert await data_of(bench, "two") == {"kubeconfig": b""}


# What is carried into tenants


@pytest.fixture
async def stored(embedded: Arena) -> AsyncIterator[Tenancy]:
    async with Tenancy(embedded, TENANT) as tenancy:
        assert (await make_store(tenancy)).ok
        yield tenancy


async def dies(*_: object, **__: object) -> None:
    raise Died


async def quiet(*_: object) -> None:
    """Told to nobody."""


@pytest.mark.parametrize("when", ["before it is announced", "while it is on its way"])
async def test_a_push_that_was_killed_is_announced_and_waited_for(
    stored: Tenancy, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    outcome = await push(stored)
    assert outcome.ok, outcome
    before = decoded(await arrived(stored), "token")
    plan = await stored.engine.plan_rotate(outcome.address)
    with monkeypatch.context() as patch:
        early = when.startswith("before")
        patch.setattr(PushedPlace, "_announce", dies if early else quiet)
        patch.setattr(PushedPlace, "_arrival", dies)
        with pytest.raises(Died):
            await stored.engine.execute(plan)
    assert decoded(await arrived(stored), "token") == before
    # While it cannot arrive nothing ends, and the next start goes on.
    auth = f"{TENANT}-secretstore-auth"
    found = await stored.client.get(SECRETS, auth, namespace=stored.arena.namespace)
    await stored.client.delete(SECRETS, auth, namespace=stored.arena.namespace)
    outcome = await next_start(stored.arena)
    assert not outcome.ok
    assert "does not match" in outcome.error
    stored.arena.forget()
    assert await stored.works(Sensitive(before))
    assert len(await stored.handles()) == 2
    kept = {key: found["metadata"][key] for key in ("name", "labels")}
    await stored.client.create(SECRETS, found | {"metadata": kept}, namespace=stored.arena.namespace)
    outcome = await next_start(stored.arena)
    assert outcome.ok, outcome
    assert [one.step for one in outcome.results][-3:] == ["write:0", "check:0", "commit"]
    now = decoded(await arrived(stored), "token")
    assert now != before
    stored.arena.forget()
    assert await stored.works(Sensitive(now))
    assert len(await stored.handles()) == 1


@pytest.mark.parametrize("how", ["gone", "elsewhere"])
async def test_a_push_that_was_killed_is_neither_made_nor_pointed_anew(stored: Tenancy, how: str) -> None:
    """As no rotation does that: somebody took it away, or leads it elsewhere."""
    outcome = await push(stored)
    before, namespace = decoded(await arrived(stored), "token"), stored.arena.namespace
    (name,) = [one["metadata"]["name"] for one in await stored.client.list(PUSH_SECRETS, namespace=namespace)]
    await killed(stored, await stored.engine.plan_rotate(outcome.address), "before:check:0")
    if how == "gone":
        await stored.client.delete(PUSH_SECRETS, name, namespace=namespace)
    else:
        away = {"spec": {"selector": {"secret": {"name": "another"}}}}
        await stored.client.patch(PUSH_SECRETS, name, away, namespace=namespace)
    outcome = await next_start(stored.arena)
    assert not outcome.ok
    assert outcome.results[-1].step == "find"
    assert "any more" in outcome.error if how == "gone" else "it was left alone" in outcome.error
    stored.arena.forget()
    assert await stored.works(Sensitive(before))
    found = await stored.client.list(PUSH_SECRETS, namespace=namespace)
    left = [one["spec"]["selector"] for one in found if "deletionTimestamp" not in one["metadata"]]
    assert left == ([] if how == "gone" else [{"secret": {"name": "another"}}])


async def pushed_on(tenancy: Tenancy) -> tuple[str, Plan]:
    """A managed Secret that somebody's own PushSecret carries into the tenant; its token, and the plan for it."""
    namespace = tenancy.arena.namespace
    await tenancy.issue(tenancy.arena.spec(tenancy.arena.secret("src"), format=Format.TOKEN))
    way = Push("gitops", TENANT, tenancy.tenant, "kube-system", tenancy.box, timedelta(hours=1), timedelta(seconds=10))
    body = push_secret(way, namespace, "src", "x")
    body["metadata"] = {"name": "gitops", "namespace": namespace}
    body["spec"]["data"] = [one for one in body["spec"]["data"] if one["match"]["secretKey"] == "token"]
    await tenancy.client.create(PUSH_SECRETS, body, namespace=namespace)
    async with asyncio.timeout(20):
        while True:
            try:
                held = decoded(await arrived(tenancy), "token")
                break
            except Exception:
                await asyncio.sleep(0.2)
    return held, await tenancy.engine.plan(PushWish(tenancy.arena.name, namespace, "gitops"))


async def test_the_old_one_ends_only_once_a_push_has_arrived(stored: Tenancy) -> None:
    before, plan = await pushed_on(stored)
    steps = ["intent", "handle", "token", "prove", "write:0", "check:0", "touch", "arrive", "commit", "revoke:0"]
    assert [step.id for step in plan.steps] == steps
    outcome = await stored.engine.execute(plan)
    assert outcome.ok, outcome
    assert [one.step for one in outcome.results][:9] == steps[:9]
    now = decoded(await arrived(stored), "token")
    assert now != before
    assert await stored.works(Sensitive(now))


@pytest.mark.parametrize("fails", ["touch", "arrive"])
async def test_a_push_that_fails_is_taken_back(stored: Tenancy, fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, plan = await pushed_on(stored)
    (handle,) = await stored.handles()
    namespace = stored.arena.namespace
    if fails == "touch":
        await stored.client.delete(SECRETS, f"{TENANT}-secretstore-auth", namespace=namespace)
    else:

        async def never(*_: object) -> str:
            raise IssuanceError("External Secrets has not pushed it within 90 s")

        monkeypatch.setattr(pushing.PushAgain, "_arrived", never)
    outcome = await stored.engine.execute(plan)
    assert not outcome.ok
    assert next(one.step for one in outcome.results if one.status.value == "failed") == fails
    assert stored.state.revocations() == []
    assert stored.state.open_plans() == []
    assert await stored.handles() == [handle], "the new one is gone"
    assert (await data_of(stored, "src"))["token"].decode() == before
    if fails == "arrive":  # it may have got there late: the source is told of again
        async with asyncio.timeout(20):
            while decoded(await arrived(stored), "token") != before:
                await asyncio.sleep(0.2)
    assert await stored.works(Sensitive(decoded(await arrived(stored), "token")))


@pytest.mark.parametrize("at", [WRITTEN, "before:touch", "before:arrive", "before:commit"])
async def test_a_push_that_was_killed_goes_on_with_telling(stored: Tenancy, at: str) -> None:
    _, plan = await pushed_on(stored)
    await killed(stored, plan, at)
    outcome = await next_start(stored.arena)
    assert outcome.ok, outcome
    assert [one.step for one in outcome.results][:7] == [
        "find", "prove", "write:0", "check:0", "touch", "arrive", "commit"
    ]  # fmt: skip
    assert decoded(await arrived(stored), "token") == (await data_of(stored, "src"))["token"].decode()
    assert len(await stored.handles()) == 1


@pytest.mark.parametrize("whose", ["somebody's own PushSecret", "a push of kubemint's"])
async def test_a_push_that_cannot_arrive_holds_up_no_command(
    stored: Tenancy, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """It was waited for at each start of every command, for 90 s."""
    if whose.startswith("a push"):
        outcome = await push(stored)
        assert outcome.ok, outcome
        plan = await stored.engine.plan_rotate(outcome.address)
        with monkeypatch.context() as patch:
            patch.setattr(PushedPlace, "_announce", dies)
            with pytest.raises(Died):
                await stored.engine.execute(plan)
        monkeypatch.setattr(PushedPlace, "_announce", quiet)  # nobody hears of it
    else:
        _, plan = await pushed_on(stored)
        await killed(stored, plan, "before:arrive")
        monkeypatch.setattr(pushing, "ready", lambda _: ("", ""))  # the operator is not there
    began = time.monotonic()
    with limits.impatient(0.3):
        outcome = await next_start(stored.arena)
    assert not outcome.ok
    assert "0.3 s" in outcome.error or "within 0" in outcome.error, outcome.error
    assert time.monotonic() - began < 10
    assert len(stored.state.open_plans()) == 1, "and it is tried again"
    assert len(await stored.handles()) == 2
    monkeypatch.undo()
    outcome = await next_start(stored.arena)
    assert outcome.ok, outcome
    assert stored.state.open_plans() == []


async def test_commands_are_impatient_before_their_own_work() -> None:
    """The dashboard and the loops are not: they wait beside everything else."""
    seen = []

    class Recovering:
        async def recover(self) -> list[Outcome]:
            seen.append((limits.patience(90), limits.left() is not None))
            return []

    await finish_open_work(Recovering())  # type: ignore[arg-type]
    assert seen == [(limits.ARRIVING, True)]
    assert limits.patience(90) == 90


# Requests of DPF, and tokens that never end


async def test_the_secret_of_a_request_is_proved_and_written_whole(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        await place.want()
        address = address_of(place)
        await bench.rotate(address)
        old, (handle,) = await place.token(), await place.handles()
        await killed(bench, await bench.engine.plan_rotate(address))
        good = (await place.secret()).values()["kubeconfig"].reveal_bytes()
        bad = {"kubeconfig": base64.b64encode(led_away(good)).decode()}
        await place.client.patch(SECRETS, "out", {"data": bad}, namespace=place.ns)
        member = place.members[0]
        place.faults(member, FaultRule(Answer(401), path="selfsubjectreviews"))
        (outcome,) = await bench.engine.recover()
        assert not outcome.ok
        assert outcome.results[-1].step == "prove"
        assert handle in await place.handles()
        assert await place.works(old)
        place.faults(clear=True)
        (outcome,) = await bench.engine.recover()
        await bench.engine.settle()
        assert outcome.ok, outcome
        assert (await place.secret()).values()["kubeconfig"].reveal_bytes() == good
        assert len(await place.handles()) == 1
        assert await place.works(await place.token())


async def test_a_token_secret_that_is_gone_does_not_end_the_one_before(ebench: Bench) -> None:
    arena = ebench.arena
    await create(ebench)
    (old,) = await token_secrets(ebench)
    before = token(arena)
    await killed(ebench, await ebench.engine.plan_rotate(legacy(arena)))
    assert token(arena) != before
    (new,) = set(await token_secrets(ebench)) - {old}
    await ebench.client.delete(SECRETS, new, namespace=arena.namespace)
    arena.forget()
    outcome = await next_start(arena)
    assert not outcome.ok
    assert outcome.results[-1].step == "prove"
    assert await token_secrets(ebench) == [old]
    assert await ebench.works(before)


# Three that nothing noticed


async def test_a_handle_stays_while_a_place_that_somebody_touched_still_holds_its_token(ebench: Bench) -> None:
    """Taking back is refused where the Secret was changed meanwhile, but not what lets in: who reads it lives by it."""
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.secret(), arena.file()))
    plan = await ebench.engine.plan_rotate(arena.secret_address())

    async def touch() -> None:
        body = {"metadata": {"annotations": {"somebody": "was here"}}}
        await ebench.client.patch(SECRETS, "robot-credential", body, namespace=arena.namespace)
        Path(arena.file().path).unlink()
        Path(arena.file().path).mkdir()

    await at_point(ebench, "before:write:1", touch)
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert outcome.results[-1].step == "undo"
    assert "was changed meanwhile and still holds the new token" in outcome.results[-1].message
    assert len(await ebench.handles()) == 2
    arena.forget()
    config = yaml.safe_load((await data_of(ebench))["kubeconfig"])
    assert await ebench.works(Sensitive(config["users"][0]["user"]["token"]))
    assert len(ebench.state.open_plans()) == 1


async def at_point(bench: Bench, at: str, work: Callable[[], Awaitable[None]]) -> None:
    """Have this done in the middle of the next plan."""

    def reached(point: str) -> None:
        if point == at:  # this is called, not awaited: the work has a loop of its own
            thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
            thread.start()
            thread.join()

    async def elsewhere() -> None:
        async with Bench(bench.arena, state="elsewhere") as other:
            mine = bench.client
            bench.client = other.client
            try:
                await work()
            finally:
                bench.client = mine

    bench.engine.checkpoint = reached


async def test_a_second_secret_that_holds_something_else_since_is_left_alone(embedded: Arena) -> None:
    async with Bench(embedded) as bench:
        await bench.issue(embedded.spec(embedded.secret("one"), embedded.secret("two")))
        await killed(bench, await bench.engine.plan_rotate(embedded.secret_address("one")))
        await patched(bench, {"kubeconfig": b"somebody's own"}, "two")
        outcome = await next_start(embedded)
        assert outcome.ok, outcome
        assert "was changed by another client since; it was left alone" in said(outcome, "write:1")
        assert await data_of(bench, "two") == {"kubeconfig": b"somebody's own"}


@pytest.mark.parametrize("kept", ["file", "secret"])
async def test_what_is_written_over_before_it_is_read_back_is_not_done(ebench: Bench, kept: str) -> None:
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.secret(), arena.file()))
    old = token_in(arena.file().path)
    plan = await ebench.engine.plan_rotate(Address.file(arena.file().path))

    async def write() -> None:
        if kept == "file":
            Path(arena.file().path).write_bytes(b"another process")
        else:
            await patched(ebench, {"kubeconfig": b"another process"})

    await at_point(ebench, "before:check:0", write)
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "does not hold what was just written" in outcome.error
    arena.forget()
    assert await ebench.works(old)


async def test_a_secret_that_is_another_one_before_it_is_read_back_is_not_done(ebench: Bench) -> None:
    """Else this machine's record would vouch for it from then on."""
    arena = ebench.arena
    plan = await ebench.engine.plan(arena.spec(arena.secret()))
    await at_point(ebench, "before:check:0", lambda: made_anew(ebench, "robot-credential"))
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "does not hold what was just written" in outcome.error
    assert ebench.state.written_secrets() == []
