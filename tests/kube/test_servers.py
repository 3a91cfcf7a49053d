"""The client against whole API servers: embedded ones, new and as old as 1.20, and the real control plane."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import msgspec
import pytest

from tests.kube.conftest import SHORT
from tui.demo import Delay, DropWatch, EmbeddedFleet, FaultRule
from tui.demo.running import FleetThread
from tui.kube.client import Client, PatchKind, Timeouts
from tui.kube.endpoint import Endpoint
from tui.kube.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NeedsLogin,
    NotFound,
    TimedOut,
    TLSFailed,
    Unauthorized,
    Unreachable,
)
from tui.kube.kubeconfig import load
from tui.kube.reflector import Listing, Lost, Remove, Synced, Upsert, reflect
from tui.kube.resource import CONFIG_MAPS, NAMESPACES, SECRETS, SELF_SUBJECT_REVIEWS, SERVICE_ACCOUNTS
from tui.kube.sensitive import Sensitive


class TokenStatus(msgspec.Struct, rename="camel"):
    token: Sensitive
    expiration_timestamp: str


class TokenAnswer(msgspec.Struct):
    status: TokenStatus


@dataclass(frozen=True)
class Side:
    endpoint: Endpoint
    compact: Callable[[], None]


@pytest.fixture(params=["embedded", "embedded-1.20", "real"])
def side(request: pytest.FixtureRequest) -> Side:
    if request.param == "real":
        plane = request.getfixturevalue("real_cluster")
        return Side(load(str(plane.kubeconfig)).endpoint("real"), plane.compact)
    fleet: FleetThread = request.getfixturevalue("embedded_fleet")
    name = "tenant-a" if request.param == "embedded" else "tenant-b"

    async def compact(running: EmbeddedFleet) -> None:
        running.cluster(name).storage.compact()

    return Side(load(str(fleet.kubeconfig)).endpoint(name), lambda: fleet.call(compact))


@pytest.fixture
async def client(side: Side) -> AsyncIterator[Client]:
    async with Client(side.endpoint, timeouts=Timeouts(watch=20)) as made:
        yield made


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    name = f"kube-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, name)


def labelled(name: str, **data: str) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": {"set": "here"}}, "data": data}


async def test_objects_from_beginning_to_end(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, labelled("x", a="1"), namespace=namespace)
    with pytest.raises(Conflict) as exists:
        await client.create(CONFIG_MAPS, labelled("x"), namespace=namespace)
    assert exists.value.reason == "AlreadyExists"
    assert (await client.create(CONFIG_MAPS, labelled("y"), namespace=namespace, dry_run=True))["kind"] == "ConfigMap"
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "y", namespace=namespace)
    merged = await client.patch(CONFIG_MAPS, "x", {"data": {"b": "2"}}, namespace=namespace)
    assert merged["data"] == {"a": "1", "b": "2"}
    operations = [{"op": "remove", "path": "/data/a"}]
    patched = await client.patch(CONFIG_MAPS, "x", operations, namespace=namespace, kind=PatchKind.JSON)
    assert patched["data"] == {"b": "2"}
    with pytest.raises(Conflict):
        await client.replace(CONFIG_MAPS, made, namespace=namespace, name="x")
    replaced = await client.replace(CONFIG_MAPS, patched | {"data": {"c": "3"}}, namespace=namespace, name="x")
    assert replaced["data"] == {"c": "3"}
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, "x", namespace=namespace, uid="another")
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, "x", namespace=namespace, resource_version=made["metadata"]["resourceVersion"])
    uid = made["metadata"]["uid"]
    await client.delete(CONFIG_MAPS, "x", namespace=namespace, uid=uid, grace_seconds=0)
    with pytest.raises(NotFound):
        await client.delete(CONFIG_MAPS, "x", namespace=namespace)


async def test_server_side_apply(client: Client, namespace: str) -> None:
    made = await client.apply(CONFIG_MAPS, "x", {"data": {"a": "1"}}, namespace=namespace)
    assert made["metadata"]["managedFields"][0]["manager"] == "kubemint"
    with pytest.raises(Conflict) as taken:
        await client.apply(CONFIG_MAPS, "x", {"data": {"a": "2"}}, namespace=namespace, manager="other")
    assert any("kubemint" in cause and ".data.a" in cause for cause in taken.value.causes)
    forced = await client.apply(
        CONFIG_MAPS, "x", {"data": {"a": "2"}}, namespace=namespace, manager="other", force=True
    )
    assert forced["data"] == {"a": "2"}


async def test_what_servers_refuse(client: Client, namespace: str) -> None:
    with pytest.raises(Invalid) as invalid:
        await client.create(CONFIG_MAPS, labelled("Not_A_Name"), namespace=namespace)
    assert any(cause.startswith("metadata.name") for cause in invalid.value.causes)
    with pytest.raises(BadRequest):
        await client.create(SECRETS, {"metadata": {"name": "x"}, "data": {"a": "not base64!"}}, namespace=namespace)
    with pytest.raises(NotFound):
        await client.request("GET", "/apis/nothing.example/v1/things")


async def test_secrets_by_their_metadata_alone(client: Client, namespace: str) -> None:
    await client.create(
        SECRETS, {"metadata": {"name": "x"}, "stringData": {"a": Sensitive("hunter2")}}, namespace=namespace
    )
    one = await client.get_metadata(SECRETS, "x", namespace=namespace)
    listed = await client.list(SECRETS, namespace=namespace, metadata_only=True, fields="metadata.name=x")
    assert [item["metadata"]["name"] for item in listed] == ["x"]
    assert "data" not in one
    assert "data" not in listed[0]
    whole = await client.get(SECRETS, "x", namespace=namespace)
    assert base64.b64decode(whole["data"]["a"]) == b"hunter2"


async def test_pages_and_a_continue_token_that_grew_old(client: Client, namespace: str, side: Side) -> None:
    for index in range(7):
        await client.create(CONFIG_MAPS, labelled(f"x-{index}"), namespace=namespace)
    pages = client.pages(CONFIG_MAPS, namespace=namespace, labels="set=here", first=2, then=3)
    sizes = [len(page.items) async for page in pages]
    assert sizes == [2, 3, 2]
    pages = client.pages(CONFIG_MAPS, namespace=namespace, labels="set=here", first=2, then=3)
    names = [item["metadata"]["name"] for item in (await anext(pages)).items]
    await client.create(CONFIG_MAPS, labelled("y"), namespace=namespace)
    await asyncio.to_thread(side.compact)
    restarted = False
    async for page in pages:
        if page.restarted:
            restarted = True
            names.clear()
        names += [item["metadata"]["name"] for item in page.items]
    # Since 1.34 the next page comes from a snapshot; before, the list begins again, and then finds what is new.
    minor = int((await client.version()).split(".")[1])
    assert restarted is (minor < 34)
    assert sorted(names) == [*(f"x-{index}" for index in range(7)), *(["y"] if restarted else [])]


async def test_a_token_is_somebody_else(client: Client, namespace: str, side: Side) -> None:
    await client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "robot"}}, namespace=namespace)
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600, "audiences": []},
    }
    made = await client.create(
        SERVICE_ACCOUNTS, body, namespace=namespace, name="robot", subresource="token", type=TokenAnswer
    )
    async with Client(side.endpoint.with_token(made.status.token)) as robot:
        assert (await robot.version()).startswith("v1.")
        with pytest.raises(Forbidden) as refused:
            await robot.create(SERVICE_ACCOUNTS, body, namespace=namespace, name="robot", subresource="token")
        assert (
            refused.value.hint == f"needs: create serviceaccounts/token in namespace {namespace} (resourceName robot)"
        )
        if (await client.discover(("authentication.k8s.io",))).serves("authentication.k8s.io", "selfsubjectreviews"):
            found = await robot.create(SELF_SUBJECT_REVIEWS, {"kind": "SelfSubjectReview"})
            assert found["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
    async with Client(side.endpoint.with_token(Sensitive("not-a-token"))) as nobody:
        with pytest.raises(Unauthorized):
            await nobody.list(SECRETS)


async def test_tls_against_a_whole_server(side: Side) -> None:
    async with Client(replace(side.endpoint, ca=None), timeouts=SHORT) as client:
        with pytest.raises(TLSFailed, match="unknown authority"):
            await client.version()
    async with Client(replace(side.endpoint, tls_server_name="elsewhere.example"), timeouts=SHORT) as client:
        with pytest.raises(TLSFailed, match=r"not for elsewhere\.example"):
            await client.version()
    async with Client(replace(side.endpoint, ca=None, insecure=True), timeouts=SHORT) as client:
        assert await client.version()


async def test_discovery_of_a_whole_server(client: Client) -> None:
    found = await client.discover()
    assert found.serves("", "serviceaccounts", "v1")
    assert found.version_of("rbac.authorization.k8s.io", "roles") == "v1"
    assert found.failed == {}
    secrets = found.resource("", "secrets")
    assert secrets == SECRETS
    assert client.skew is not None
    assert abs(client.skew) < 5


async def test_a_watch_begins_after_its_version(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, labelled("x"), namespace=namespace)
    for index in range(3):
        await client.patch(CONFIG_MAPS, "x", {"data": {"a": str(index)}}, namespace=namespace)
    version = made["metadata"]["resourceVersion"]
    async with aclosing(
        client.watch(CONFIG_MAPS, namespace=namespace, labels="set=here", resource_version=version)
    ) as events:
        found = [await anext(events) for _ in range(3)]
    assert [event.type for event in found] == ["MODIFIED"] * 3
    assert [event.object["data"]["a"] for event in found if event.object] == ["0", "1", "2"]


async def test_reflect_follows_every_change(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, labelled("before"), namespace=namespace)
    seen: list[str] = []
    changes = reflect(client, CONFIG_MAPS, namespace=namespace, labels="set=here", metadata_only=True)
    async with asyncio.timeout(60), aclosing(changes):
        async for change in changes:
            match change:
                case Listing():
                    seen += [f"={item['metadata']['name']}" for item in change.items]
                case Synced():
                    seen.append("synced")
                    await client.create(CONFIG_MAPS, labelled("during"), namespace=namespace)
                case Upsert():
                    seen.append(f"+{change.object['metadata']['name']}")
                    await client.delete(CONFIG_MAPS, "before", namespace=namespace)
                case Remove():
                    seen.append(f"-{change.object['metadata']['name']}")
                    break
                case Lost():
                    raise AssertionError(change)
    assert seen == ["=before", "synced", "+during", "-before"]


# What only the embedded fleet can be told to do.


@pytest.fixture
async def fleet() -> AsyncIterator[EmbeddedFleet]:
    async with EmbeddedFleet(accounts=0, clusters=1) as running:
        yield running


async def test_the_troubled_clusters_say_what_is_wrong(fleet: EmbeddedFleet) -> None:
    config = load(str(fleet.kubeconfig))
    for name, expected in (("harbor", None), ("fjord", None), ("island", Unreachable), ("vault", NeedsLogin)):
        async with Client(config.endpoint(name), timeouts=Timeouts(connect=2, read=5)) as client:
            if expected is None:
                assert await client.list(NAMESPACES)
                continue
            with pytest.raises(expected) as caught:
                await client.list(NAMESPACES)
            assert caught.value.hint
            assert caught.value.cluster == name


async def test_reflect_lives_through_dropped_watches_and_compaction(fleet: EmbeddedFleet) -> None:
    cluster = fleet.cluster("harbor")
    cluster.faults.add(FaultRule(DropWatch(0.05), verb="watch", path="configmaps", times=3))
    async with Client(load(str(fleet.kubeconfig)).endpoint("harbor"), timeouts=Timeouts(watch=20)) as client:
        store: dict[str, str] = {}
        syncs = 0

        async def follow() -> None:
            nonlocal syncs
            async with aclosing(reflect(client, CONFIG_MAPS, namespace="default", labels="set=here")) as changes:
                async for change in changes:
                    match change:
                        case Listing():
                            if change.resets:
                                store.clear()
                            store.update({i["metadata"]["name"]: i["data"]["n"] for i in change.items})
                        case Upsert():
                            store[change.object["metadata"]["name"]] = change.object["data"]["n"]
                        case Remove():
                            store.pop(change.object["metadata"]["name"])
                        case Synced():
                            syncs += 1

        task = asyncio.create_task(follow())
        async with asyncio.timeout(60):
            for index in range(30):
                await client.apply(CONFIG_MAPS, "x", labelled("x", n=str(index)), namespace="default")
                if index == 15:
                    cluster.storage.compact()
                await asyncio.sleep(0.01)
            while (store.get("x") != "29" or not syncs) and not task.done():
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len([hit for hit in cluster.faults.hits if isinstance(hit[2].action, DropWatch)]) >= 1


async def test_a_watch_of_forgotten_history_is_gone(fleet: EmbeddedFleet) -> None:
    async with Client(load(str(fleet.kubeconfig)).endpoint("harbor")) as client:
        made = await client.create(CONFIG_MAPS, labelled("x", n="0"), namespace="default")
        await client.patch(CONFIG_MAPS, "x", {"data": {"n": "1"}}, namespace="default")
        await client.delete(CONFIG_MAPS, "x", namespace="default")
        fleet.cluster("harbor").storage.compact()
        with pytest.raises(Gone):
            await anext(client.watch(CONFIG_MAPS, resource_version=made["metadata"]["resourceVersion"]))


async def test_a_slow_cluster_is_slow_and_a_hanging_one_times_out(fleet: EmbeddedFleet) -> None:
    rule = fleet.cluster("harbor").faults.add(FaultRule(Delay(0.3), path="/version"))
    async with Client(load(str(fleet.kubeconfig)).endpoint("harbor"), timeouts=Timeouts(read=0.2)) as client:
        with pytest.raises(TimedOut):
            await client.version()
        fleet.cluster("harbor").faults.remove(rule)
        assert await client.version()
