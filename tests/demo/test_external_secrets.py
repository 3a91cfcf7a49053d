"""The embedded fleet's External Secrets Operator behaves as the real one does: pushes, merges, stores, checks."""

from __future__ import annotations

import asyncio
import copy
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tui.demo.apiserver.access import Decision
from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.pki import SigningKey, signing_key
from tui.demo.apiserver.storage import ROLE_BINDINGS, ROLES, SECRETS, SERVICE_ACCOUNTS
from tui.demo.cluster import EmbeddedCluster
from tui.demo.operators.eso import PushController, StoreController
from tui.demo.operators.eso_kinds import CLUSTER_STORES, PUSH_SECRETS, STORES
from tui.demo.operators.eso_provider import NOT_ALLOWED, Connection, ProviderError, Unknown, connect
from tui.demo.operators.worker import Worker

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return signing_key(0)


class Place:
    """A management cluster with two others, and the operator in it. No ports are opened."""

    def __init__(self, key: SigningKey) -> None:
        names = ("home", "blue", "green")
        clock = lambda: datetime.now(UTC)  # noqa: E731
        self.clusters = {name: EmbeddedCluster(name, version="v1.34.1", key=key, clock=clock, seed=1) for name in names}
        self.home, self.blue, self.green = self.clusters.values()
        self.workers: list[Worker[Any]] = []
        for name in ("blue", "green"):
            self.store(name)

    def run(self) -> None:
        self.workers = [
            StoreController(self.home, self.clusters, STORES).worker,
            StoreController(self.home, self.clusters, CLUSTER_STORES).worker,
            PushController(self.home, self.clusters).worker,
        ]
        for worker in self.workers:
            worker.start()

    async def rest(self) -> None:
        async with asyncio.timeout(60):
            while any(worker.busy for worker in self.workers):
                await asyncio.sleep(0.01)

    async def rest_until(self, cluster: EmbeddedCluster, value: str) -> None:
        """Until the copy over there holds `value` under `a`."""
        wanted = b64encode(value.encode()).decode()
        async with asyncio.timeout(30):
            while (self.remote(cluster) or {}).get("data", {}).get("a") != wanted:
                await asyncio.sleep(0.02)

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
        for cluster in self.clusters.values():
            cluster._socket.close()

    # Objects

    def put(self, cluster: EmbeddedCluster, collection: tuple[str, str], obj: Object) -> Object:
        obj["metadata"].setdefault("uid", cluster.new_id())
        return cluster.storage.create(collection, obj)

    def change(self, collection: tuple[str, str], name: str, **spec: Any) -> None:
        changed = copy.deepcopy(self.home.storage.get(collection, name, "ns"))
        assert changed is not None
        changed["spec"] |= spec
        changed["metadata"]["generation"] = changed["metadata"].get("generation", 1) + 1
        self.home.storage.update(collection, changed)

    def secret(self, name: str, cluster: EmbeddedCluster | None = None, **fields: Any) -> Object:
        data = {k: b64encode(v.encode()).decode() for k, v in fields.pop("data", {"a": "1", "b": "2"}).items()}
        metadata = {"name": name, "namespace": fields.pop("namespace", "ns"), **fields.pop("metadata", {})}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
        return self.put(cluster or self.home, SECRETS, secret | fields)

    def store(self, name: str, kind: str = "SecretStore", **kubernetes: Any) -> Object:
        target = self.clusters.get(name, self.blue)
        auth = f"{name}-auth"
        if self.home.storage.get(SECRETS, auth, "ns") is None:
            pems = {
                "ca": target.authority.pem.decode(),
                "cert": target.admin.certificate.decode(),
                "key": target.admin.key.reveal(),
            }
            self.secret(auth, data=pems)
        space = {} if kind == "SecretStore" else {"namespace": "ns"}
        wish: Object = {
            "remoteNamespace": "default",
            "server": {"url": target.url, "caProvider": {"type": "Secret", "name": auth, "key": "ca", **space}},
            "auth": {"cert": {"clientCert": {"name": auth, "key": "cert", **space}}},
        }
        metadata = {"name": name} | ({"namespace": "ns"} if kind == "SecretStore" else {})
        store = {"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": metadata}
        return self.put(
            self.home,
            STORES if kind == "SecretStore" else CLUSTER_STORES,
            store | {"spec": {"provider": {"kubernetes": wish | kubernetes}}},
        )

    def push(self, *data: Object, store: str = "blue", kind: str = "SecretStore", **spec: Any) -> Object:
        wish = {
            "refreshInterval": "1h",
            "deletionPolicy": "Delete",
            "secretStoreRefs": [{"name": store, "kind": kind}],
            "selector": {"secret": {"name": "source"}},
            "data": list(data) or [entry("a"), entry("b")],
        }
        metadata = {"name": "push", "namespace": "ns", "generation": 1}
        push = {"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret", "metadata": metadata}
        return self.put(self.home, PUSH_SECRETS, push | {"spec": wish | spec})

    def remote(self, cluster: EmbeddedCluster, name: str = "copy", namespace: str = "default") -> Object | None:
        return cluster.storage.get(SECRETS, name, namespace)

    @property
    def ready(self) -> Object:
        push = self.home.storage.get(PUSH_SECRETS, "push", "ns")
        assert push is not None
        return dict(push["status"]["conditions"][0])


def entry(key: str = "", remote: str = "copy", prop: str | None = None, metadata: Object | None = None) -> Object:
    """One entry of a PushSecret's data."""
    target: Object = {"remoteKey": remote}
    if prop is None and key:
        target["property"] = key
    elif prop:
        target["property"] = prop
    match: Object = {"remoteRef": target} | ({"secretKey": key} if key else {})
    return {"match": match} | ({"metadata": metadata} if metadata else {})


@pytest.fixture
async def place(key: SigningKey) -> AsyncIterator[Place]:
    made = Place(key)
    try:
        yield made
    finally:
        made.close()


async def test_j03_a_whole_secret_takes_the_place_of_all_that_was_there(place: Place) -> None:
    place.secret("source", data={"a": "1", "b": "2"})
    place.secret("copy", place.blue, namespace="default", data={"a": "old", "gone": "x"})
    place.push(entry())
    place.run()
    await place.rest()
    assert place.ready["reason"] == "Synced", place.ready
    remote = place.remote(place.blue)
    assert remote is not None
    assert remote["data"] == {"a": b64encode(b"1").decode(), "b": b64encode(b"2").decode()}


async def test_a_property_leaves_the_other_keys(place: Place) -> None:
    place.secret("source")
    place.secret("copy", place.blue, namespace="default", data={"a": "old", "kept": "x"})
    place.push(entry("a"))
    place.run()
    await place.rest()
    remote = place.remote(place.blue)
    assert remote is not None
    assert sorted(remote["data"]) == ["a", "kept"]


J05: dict[str, tuple[Object, ...]] = {
    # wish: (labels on the source, on the target, in the wish, policies) -> labels afterwards
    "source Merge, target Merge": ({"s": "1"}, {"t": "1"}, {"w": "1"}, {}, {"s": "1", "t": "1", "w": "1"}),
    "the wish wins over the source": ({"s": "1"}, {}, {"s": "2"}, {}, {"s": "2"}),
    "source Replace": ({"s": "1"}, {"t": "1"}, {"w": "1"}, {"sourceMergePolicy": "Replace"}, {"t": "1", "w": "1"}),
    "target Replace": ({"s": "1"}, {"t": "1"}, {"w": "1"}, {"targetMergePolicy": "Replace"}, {"s": "1", "w": "1"}),
    "target Ignore": ({"s": "1"}, {"t": "1"}, {"w": "1"}, {"targetMergePolicy": "Ignore"}, {"t": "1"}),
    "both Replace": (
        {"s": "1"}, {"t": "1"}, {"w": "1"}, {"sourceMergePolicy": "Replace", "targetMergePolicy": "Replace"}, {"w": "1"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", ["labels", "annotations"])
@pytest.mark.parametrize("case", J05)
async def test_j05_how_labels_and_annotations_are_merged(place: Place, case: str, part: str) -> None:
    source, there, wished, policies, expected = J05[case]
    place.secret("source", metadata={part: source})
    place.secret("copy", place.blue, namespace="default", metadata={part: there})
    place.push(entry("a", metadata=policies | {part: wished}))
    place.run()
    await place.rest()
    remote = place.remote(place.blue)
    assert remote is not None
    assert remote["metadata"].get(part) == expected


async def test_j05_a_new_secret_has_nothing_to_ignore(place: Place) -> None:
    place.secret("source", metadata={"labels": {"s": "1"}})
    place.push(entry("a", metadata={"targetMergePolicy": "Ignore"}))
    place.run()
    await place.rest()
    remote = place.remote(place.blue)
    assert remote is not None
    assert remote["metadata"]["labels"] == {"s": "1"}


J07: dict[str, tuple[Callable[[Place], object], str]] = {
    "source missing": (lambda place: place.push(), 'secrets "source" not found'),
    "key missing": (lambda place: (place.secret("source"), place.push(entry("c"))), "secret key c does not exist"),
    "store missing": (
        lambda place: (place.secret("source"), place.push(store="nowhere")),
        'could not get SecretStore "nowhere"',
    ),
    "client fails": (
        lambda place: (
            place.secret("source"),
            place.store("odd", auth={"cert": {"clientCert": {"name": "blue-auth", "key": "none"}}}),
            place.push(store="odd"),
        ),
        "could not get client: cannot find secret data for key",
    ),
    "set fails": (
        lambda place: (
            place.secret("source"),
            place.store("weak", auth={"serviceAccount": {"name": "weak"}}),
            place.push(store="weak"),
        ),
        'secrets "copy" is forbidden',
    ),
    "a key without a property": (
        lambda place: (place.secret("source"), place.push(entry("a", prop=""))),
        "requires property in RemoteRef",
    ),
}


@pytest.mark.parametrize("case", J07)
async def test_j07_what_fails_is_errored_with_its_cause_and_the_last_good_copy_stays(place: Place, case: str) -> None:
    arrange, said = J07[case]
    place.secret("copy", place.blue, namespace="default", data={"a": "good"})
    arrange(place)
    place.run()
    await place.rest()
    assert (place.ready["status"], place.ready["reason"]) == ("False", "Errored")
    assert said in place.ready["message"]
    remote = place.remote(place.blue)
    assert remote is not None
    assert remote["data"] == {"a": b64encode(b"good").decode()}


async def test_j09_another_store_has_the_keys_and_the_old_one_has_them_no_more(place: Place) -> None:
    place.secret("source")
    place.push()
    place.run()
    await place.rest()
    assert place.remote(place.blue) is not None
    place.change(PUSH_SECRETS, "push", secretStoreRefs=[{"name": "green", "kind": "SecretStore"}])
    await place.rest()
    assert place.ready["reason"] == "Synced"
    assert place.remote(place.green) is not None
    assert place.remote(place.blue) is None
    status = (place.home.storage.get(PUSH_SECRETS, "push", "ns") or {})["status"]
    assert list(status["syncedPushSecrets"]) == ["SecretStore/green"]


@pytest.mark.parametrize("kind", ["SecretStore", "ClusterSecretStore"])
async def test_j11_another_remote_namespace_is_for_cluster_stores_alone(place: Place, kind: str) -> None:
    place.secret("source")
    if kind == "ClusterSecretStore":
        place.store("wide", kind=kind)
    store = "wide" if kind == "ClusterSecretStore" else "blue"
    place.push(entry("a", metadata={"remoteNamespace": "kube-system"}), store=store, kind=kind)
    place.run()
    await place.rest()
    if kind == "SecretStore":
        assert "remoteNamespace override is only supported with ClusterSecretStore" in place.ready["message"]
        assert place.remote(place.blue, namespace="kube-system") is None
    else:
        assert place.ready["reason"] == "Synced", place.ready
        assert place.remote(place.blue, namespace="kube-system") is not None


# J15: what the provider says of a target


def grant(place: Place, **rule: Any) -> Connection:
    """The login of an account of `home` with this one rule, checked in its own cluster."""
    place.put(
        place.home, SERVICE_ACCOUNTS, {"kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": "ns"}}
    )
    if rule:
        metadata = {"name": "reader", "namespace": "default"}
        place.put(place.home, ROLES, {"kind": "Role", "metadata": dict(metadata), "rules": [rule]})
        subject = {"kind": "ServiceAccount", "name": "reader", "namespace": "ns"}
        role = {"apiGroup": RBAC, "kind": "Role", "name": "reader"}
        binding = {"kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": [subject]}
        place.put(place.home, ROLE_BINDINGS, binding)
    place.secret("own-auth", data={"ca": place.home.authority.pem.decode()})
    store = place.store(
        "own",
        server={"url": place.home.url, "caProvider": {"type": "Secret", "name": "own-auth", "key": "ca"}},
        auth={"serviceAccount": {"name": "reader"}},
    )
    return connect(place.home, place.clusters, store)


async def test_j15_rules_that_read_secrets_are_enough_whatever_names_they_hold(place: Place) -> None:
    grant(place, apiGroups=[""], resources=["secrets"], resourceNames=["one"], verbs=["get"]).check()


async def test_j15_where_no_rule_says_so_one_question_decides(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a webhook, whose decisions are in no rule."""
    connection = grant(place)
    monkeypatch.setattr(type(place.home.authorizer), "__call__", lambda *_: Decision(True))
    connection.check()


@pytest.mark.parametrize("rule", [{}, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}])
async def test_j15_a_login_without_the_right_is_refused(place: Place, rule: Object) -> None:
    with pytest.raises(ProviderError, match=NOT_ALLOWED):
        grant(place, **rule).check()
    place.run()
    await place.rest()
    condition = (place.home.storage.get(STORES, "own", "ns") or {})["status"]["conditions"][0]
    assert (condition["status"], condition["reason"]) == ("False", "ValidationFailed")
    assert condition["message"] == NOT_ALLOWED


async def test_j15_a_review_that_fails_leaves_it_unknown(place: Place) -> None:
    connection = grant(place, apiGroups=["*"], resources=["*"], verbs=["*"])
    place.home.faults.enter(ServerState.UNREACHABLE)
    with pytest.raises(Unknown):
        connection.check()


async def test_stores_say_how_they_stand(place: Place) -> None:
    place.store("lost", auth={"cert": {"clientCert": {"name": "nothing", "key": "cert"}}})
    place.store(
        "theirs", kind="ClusterSecretStore", auth={"token": {"bearerToken": {"name": "each-brings", "key": "t"}}}
    )
    place.run()
    await place.rest()

    def said(collection: tuple[str, str], name: str, namespace: str) -> tuple[str, str]:
        found = place.home.storage.get(collection, name, namespace)
        assert found is not None
        condition = found["status"]["conditions"][0]
        return condition["status"], condition["reason"]

    assert said(STORES, "blue", "ns") == ("True", "Valid")
    assert said(STORES, "lost", "ns") == ("False", "InvalidProviderConfig")
    assert said(CLUSTER_STORES, "theirs", "") == ("Unknown", "ValidationUnknown")


async def test_what_the_other_server_would_refuse_is_not_called_synced(place: Place) -> None:
    """The pushes go through the server's own checks: a namespace that is not there, a Secret that is immutable."""
    place.secret("source")
    place.store("blue", kind="ClusterSecretStore", remoteNamespace="nowhere")
    place.push(store="blue", kind="ClusterSecretStore")
    place.run()
    await place.rest()
    assert (place.ready["status"], place.ready["reason"]) == ("False", "Errored")
    assert 'namespaces "nowhere" not found' in place.ready["message"]


async def test_an_immutable_secret_over_there_is_not_written_over(place: Place) -> None:
    place.secret("source")
    place.secret("copy", place.blue, namespace="default", data={"a": "old"}, immutable=True)
    place.push()
    place.run()
    await place.rest()
    assert place.ready["reason"] == "Errored"
    remote = place.remote(place.blue)
    assert remote is not None
    assert remote["data"] == {"a": b64encode(b"old").decode()}


async def test_it_refreshes_on_its_interval(place: Place) -> None:
    """The source is not watched, but looked at again when the interval is over (at every one of them)."""
    place.secret("source", data={"a": "1"})
    place.push(entry("a"), refreshInterval="1s")
    place.run()
    await place.rest_until(place.blue, "1")
    for value in ("2", "3"):
        changed = copy.deepcopy(place.home.storage.get(SECRETS, "source", "ns"))
        assert changed is not None
        changed["data"] = {"a": b64encode(value.encode()).decode()}
        place.home.storage.update(SECRETS, changed)
        await place.rest_until(place.blue, value)
