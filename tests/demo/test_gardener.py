"""The embedded garden: Gardener's subresources with their defaults, limits, order of checks, and certificates."""

from __future__ import annotations

import base64
import copy
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from tui.demo.apiserver.access import Attributes, Call, Reply, UserInfo
from tui.demo.apiserver.status import StatusError
from tui.demo.apiserver.storage import CONFIG_MAPS
from tui.demo.fleet import EmbeddedFleet
from tui.demo.operators.gardener import GRANTED, defaulted
from tui.demo.operators.gardener_kinds import SHOOTS
from tui.demo.running import FleetThread

T = TypeVar("T")
OPERATOR = UserInfo("kubernetes-admin", groups=("system:masters",))
MEMBER = UserInfo("jane@example.com", groups=("system:authenticated",))
NEW = ("garden-dev", "baz")


def within(running: FleetThread, work: Callable[[EmbeddedFleet], Awaitable[T]]) -> T:
    return running.call(work)


def ask(
    running: FleetThread,
    shoot: tuple[str, str] = ("garden-dev", "tenant-a"),
    *,
    level: str = "admin",
    user: UserInfo = OPERATOR,
    spec: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the subresource answers to this user (who need not be able to send requests)."""

    async def work(fleet: EmbeddedFleet) -> dict[str, Any]:
        harbor = fleet.cluster("harbor")
        part = harbor.subresources[(*SHOOTS, f"{level}kubeconfig")]
        namespace, name = shoot
        wanted = Attributes("create", *SHOOTS[:1], "v1beta1", "shoots", f"{level}kubeconfig", namespace, name)
        kind = harbor.server.kinds.get(SHOOTS[0], "v1beta1", "shoots")
        assert kind is not None
        body = {} if spec is None else {"spec": spec}
        call = Call(user, wanted, kind, "POST", body, {}, False, harbor.storage, None)  # type: ignore[arg-type]
        reply = await part.handler(call)
        assert isinstance(reply, Reply)
        return dict(reply.body)

    return within(running, work)


def refused(running: FleetThread, **how: Any) -> StatusError:
    with pytest.raises(StatusError) as caught:
        ask(running, **how)
    return caught.value


def config_of(answer: dict[str, Any]) -> dict[str, Any]:
    found = yaml.safe_load(base64.b64decode(answer["status"]["kubeconfig"]))
    assert isinstance(found, dict)
    return found


def certificate_of(answer: dict[str, Any]) -> x509.Certificate:
    user = config_of(answer)["users"][0]["user"]
    return x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))


def subject(answer: dict[str, Any]) -> tuple[str, list[str]]:
    names = certificate_of(answer).subject
    return (
        str(names.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        [str(one.value) for one in names.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)],
    )


@pytest.fixture
def baz(running: FleetThread) -> Iterator[Callable[..., None]]:
    """The shoot garden-dev/baz, played by tenant-a; called with the addresses it is to have."""

    def put(addresses: list[dict[str, str]], *, kind: str = "Shoot", played: bool = True, ca: bool = True) -> None:
        async def work(fleet: EmbeddedFleet) -> None:
            harbor, tenant = fleet.cluster("harbor"), fleet.cluster("tenant-a")
            shoot = copy.deepcopy(harbor.storage.get(SHOOTS, "tenant-a", "garden-dev"))
            bundle = copy.deepcopy(harbor.storage.get(CONFIG_MAPS, "tenant-a.ca-cluster", "garden-dev"))
            assert shoot is not None
            assert bundle is not None
            for obj in (shoot, bundle):
                del obj["metadata"]["resourceVersion"]
            shoot["kind"] = kind
            shoot["metadata"]["name"], bundle["metadata"]["name"] = "baz", "baz.ca-cluster"
            shoot["status"]["advertisedAddresses"] = addresses
            harbor.storage.create(SHOOTS, shoot)
            if ca:
                harbor.storage.create(CONFIG_MAPS, bundle)
            if played:
                assert fleet.garden is not None
                fleet.garden.shoots[NEW] = tenant.authority

        within(running, work)

    yield put

    async def clean(fleet: EmbeddedFleet) -> None:
        assert fleet.garden is not None
        fleet.garden.shoots.pop(NEW, None)
        storage = fleet.cluster("harbor").storage
        for collection, name in ((SHOOTS, "baz"), (CONFIG_MAPS, "baz.ca-cluster")):
            if storage.get(collection, name, "garden-dev") is not None:
                storage.delete(collection, name, "garden-dev")

    within(running, clean)


def test_i01_clusters_contexts_and_user_are_called_as_gardener_calls_them(
    running: FleetThread, baz: Callable[..., None]
) -> None:
    baz(
        [
            {"name": "external", "url": "https://api.baz.example.com:8443/some/path"},
            {"name": "wildcard-tls-seed-bound", "url": "https://api-baz.seed.example.com"},
            {"name": "internal", "url": "https://api.baz.internal.example.com"},
            {"name": "service-account-issuer", "url": "https://issuer.example.com"},
        ]
    )
    config = config_of(ask(running, NEW))
    names = [f"garden-dev--baz-{name}" for name in ("external", "wildcard-tls-seed-bound", "internal")]
    assert [entry["name"] for entry in config["contexts"]] == names
    assert [entry["name"] for entry in config["clusters"]] == names
    assert [entry["name"] for entry in config["users"]] == names[:1]
    assert {entry["context"]["user"] for entry in config["contexts"]} == {names[0]}
    assert all("namespace" not in entry["context"] for entry in config["contexts"])
    assert config["current-context"] == names[0]
    servers = [entry["cluster"]["server"] for entry in config["clusters"]]
    assert servers[0] == "https://api.baz.example.com:8443"
    assert ["certificate-authority-data" in entry["cluster"] for entry in config["clusters"]] == [True, False, True]


@pytest.mark.parametrize("level", ["admin", "viewer"])
@pytest.mark.parametrize(("user", "whose"), [(OPERATOR, "system"), (MEMBER, "project")])
def test_i03_the_group_says_whose_user_it_is(running: FleetThread, level: str, user: UserInfo, whose: str) -> None:
    name, groups = subject(ask(running, level=level, user=user))
    assert name == f"gardener.cloud:{level}:{user.username}"
    assert groups == [f"gardener.cloud:{whose}:{level}s"]


@pytest.mark.parametrize(("level", "group"), [("admin", "system:masters"), ("viewer", "gardener.cloud:system:viewers")])
def test_i03_older_gardens_name_the_user_alone(running: FleetThread, level: str, group: str) -> None:
    async def era(fleet: EmbeddedFleet, first: bool) -> None:
        assert fleet.garden is not None
        fleet.garden.first_era = first

    within(running, lambda fleet: era(fleet, True))
    try:
        answer = ask(running, level=level, user=MEMBER)
    finally:
        within(running, lambda fleet: era(fleet, False))
    assert subject(answer) == (MEMBER.username, [group])
    config = config_of(answer)
    assert [entry["name"].rpartition("tenant-a-")[2] for entry in config["contexts"]] == [
        "external",
        "internal",
        "service-account-issuer",
    ]
    assert all("certificate-authority-data" in entry["cluster"] for entry in config["clusters"])


def test_i05_an_hour_by_default_and_what_was_asked_for_left_alone(running: FleetThread) -> None:
    assert defaulted(None) == {"expirationSeconds": 3600}
    assert defaulted({"expirationSeconds": 42}) == {"expirationSeconds": 42}
    answer = ask(running)
    assert answer["spec"]["expirationSeconds"] == 3600
    assert (answer["kind"], answer["apiVersion"]) == (
        "AdminKubeconfigRequest",
        "authentication.gardener.cloud/v1alpha1",
    )
    short = refused(running, spec={"expirationSeconds": 42})
    assert (short.code, short.reason) == (422, "Invalid")
    assert "spec.expirationSeconds: Invalid value: 42: may not specify a duration less than 10 minutes" in short.message
    assert "Too long" in refused(running, spec={"expirationSeconds": 2**32}).message


def test_the_certificate_lasts_as_long_as_was_granted_from_a_minute_ago(running: FleetThread) -> None:
    for asked, granted in ((600, 600), (2 * GRANTED, GRANTED)):
        answer = ask(running, spec={"expirationSeconds": asked})
        certificate = certificate_of(answer)
        ends = certificate.not_valid_after_utc
        assert datetime.fromisoformat(answer["status"]["expirationTimestamp"]) == ends
        assert ends - certificate.not_valid_before_utc == timedelta(seconds=granted + 60)
        assert answer["spec"]["expirationSeconds"] == asked
    key = base64.b64decode(config_of(answer)["users"][0]["user"]["client-key-data"])
    assert key.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert getattr(load_pem_private_key(key, None), "key_size", 0) == 3072


def test_i07_the_checks_come_in_gardeners_order(running: FleetThread, baz: Callable[..., None]) -> None:
    nobody = UserInfo("")
    missing = ("garden-dev", "nowhere")
    assert refused(running, shoot=missing, user=nobody, spec={"expirationSeconds": 1}).code == 422
    said = refused(running, shoot=missing, user=nobody)
    assert (said.code, said.message) == (400, "no user in context")
    said = refused(running, shoot=missing)
    assert (said.code, said.message) == (404, 'shoots.core.gardener.cloud "nowhere" not found')
    said = refused(running, shoot=("garden-dev", "fresh"))
    assert (said.code, said.reason) == (422, "Invalid")
    assert "status.status" in said.message
    asleep = config_of(ask(running, ("garden-dev", "night-shift")))
    assert asleep["clusters"][0]["cluster"]["server"].endswith(".invalid")  # made, and leads nowhere


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"kind": "Seed"}, "cannot convert"),
        ({"played": False}, "ca-client"),
        ({"ca": False}, "ca-cluster"),
    ],
)
def test_i07_what_a_garden_lost_is_its_own_failure(
    running: FleetThread, baz: Callable[..., None], how: dict[str, Any], words: str
) -> None:
    baz([{"name": "external", "url": "https://api.example.com"}], **how)
    said = refused(running, shoot=NEW)
    assert said.code == 500
    assert words in said.message
