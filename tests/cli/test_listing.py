"""`kubemint list`: the shape of the data, what the options choose, and what the exit code says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import kubemint
from tui.demo import Answer, FaultRule
from tui.demo.running import FleetThread
from tui.fleet.rows import ClusterRow
from tui.headless.listing import code_of
from tui.kube.client import Client
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS

HEALTHY = ("--context", "harbor", "--context", "tenant-a", "--context", "tenant-b")


def test_credentials_as_json_have_the_documented_shape(served: Path) -> None:
    result = kubemint("list", "credentials", "--kubeconfig", served, *HEALTHY, "-o", "json")
    assert result.code == 0, result
    data = result.json
    assert data["apiVersion"] == "kubemint/v1"
    assert data["kind"] == "CredentialList"
    assert len(data["items"]) > 5
    for item in data["items"]:
        assert {
            "address", "cluster", "namespace", "name", "kind", "identity", "issuedAt", "expiresAt", "rotateAt",
            "secondsLeft", "state",
        } <= set(item)  # fmt: skip
        assert (item["expiresAt"] is None) == (item["secondsLeft"] is None)
        for field in ("issuedAt", "expiresAt", "rotateAt"):
            if item[field] is not None:
                assert item[field].endswith("Z")
                assert datetime.fromisoformat(item[field]).tzinfo is not None
    # What failed comes first; a request may have failed whose token lives, so requests are left out here.
    order = [
        (item["state"] != "failed", item["expiresAt"] is None, item["expiresAt"] or "")
        for item in data["items"]
        if item["kind"] != "request"
    ]
    assert order == sorted(order)
    kinds = {item["kind"] for item in data["items"]}
    assert {"request", "secret", "legacy", "login"} <= kinds


@pytest.mark.parametrize(
    ("area", "kind", "fields"),
    [
        ("clusters", "ClusterList", {"name", "server", "version", "state", "message"}),
        ("accounts", "AccountList", {"cluster", "namespace", "name", "createdAt"}),
        ("requests", "RequestList", {"address", "serviceAccount", "targetCluster", "ready", "conditions", "expiresAt"}),
    ],
)
def test_the_other_lists_have_the_same_frame(served: Path, area: str, kind: str, fields: set[str]) -> None:
    result = kubemint("list", area, "--kubeconfig", served, "--context", "harbor", "-o", "json")
    assert result.code == 0, result
    assert result.json["kind"] == kind
    assert result.json["items"]
    assert all(fields <= set(item) for item in result.json["items"])


def test_yaml_says_the_same_as_json(served: Path) -> None:
    arguments = ("list", "accounts", "--kubeconfig", served, "--context", "tenant-a")
    as_json, as_yaml = kubemint(*arguments, "-o", "json"), kubemint(*arguments, "-o", "yaml")
    assert yaml.safe_load(as_yaml.out)["items"] == as_json.json["items"]


def test_names_are_addresses_that_other_verbs_take(served: Path) -> None:
    from tui.issuance.model.types import Address

    result = kubemint("list", "credentials", "--kubeconfig", served, "--context", "harbor", "-o", "name")
    names = result.out.splitlines()
    assert names
    assert [str(Address.parse(name)) for name in names] == names


def test_a_table_has_a_header_and_one_line_per_row(served: Path) -> None:
    result = kubemint("list", "credentials", "--kubeconfig", served, "--context", "harbor")
    header, *lines = result.out.splitlines()
    assert header.split()[:4] == ["LEFT", "STATE", "KIND", "ADDRESS"]
    assert any("secret:harbor/" in line for line in lines)
    assert "\x1b" not in result.out
    wide = kubemint("list", "credentials", "--kubeconfig", served, "--context", "harbor", "-o", "wide")
    assert "KEPT IN" in wide.out.splitlines()[0]


def test_names_from_clusters_cannot_steer_the_terminal(served: Path) -> None:
    result = kubemint("list", "requests", "--kubeconfig", served, "--context", "harbor", "-o", "wide")
    assert all(char.isprintable() or char == "\n" for char in result.out)


def test_every_context_is_asked_and_trouble_is_told_on_stderr(served: Path) -> None:
    result = kubemint("list", "accounts", "--kubeconfig", served, "-o", "json")
    assert result.code == 0, result
    assert {item["cluster"] for item in result.json["items"]} >= {"harbor", "tenant-a", "tenant-b", "fjord"}
    assert "kubemint: island: unreachable: " in result.err
    assert "kubemint: vault: needs login: " in result.err


def test_a_cluster_that_was_named_and_cannot_be_read_counts(served: Path) -> None:
    alone = kubemint("list", "accounts", "--kubeconfig", served, "--context", "island")
    assert (alone.code, alone.out) == (1, "")
    assert "kubemint: island: unreachable: " in alone.err
    both = kubemint("list", "accounts", "--kubeconfig", served, "--context", "island", "--context", "harbor")
    assert both.code == 3
    assert "harbor" in both.out


@pytest.mark.parametrize(
    ("asked", "away", "partly", "whole", "code"),
    [
        (3, 0, 0, False, 0), (3, 0, 0, True, 0),
        (3, 1, 0, False, 0), (3, 1, 0, True, 3),
        (3, 0, 1, False, 0), (3, 0, 1, True, 3),
        (3, 2, 1, False, 0), (3, 2, 1, True, 3),
        (3, 3, 0, False, 1), (3, 3, 0, True, 1),
        (0, 0, 0, False, 0), (0, 0, 0, True, 0),
    ],
)  # fmt: skip
def test_what_the_exit_code_says_of_clusters_that_were_not_read(
    asked: int, away: int, partly: int, whole: bool, code: int
) -> None:
    assert code_of(asked=asked, away=away, partly=partly, whole=whole) == code


def test_a_missing_right_is_nothing_that_was_not_read() -> None:
    forbidden, broken = "Roles: no right to list roles", "managed Secrets: the server is busy (429)"
    assert ClusterRow(name="a", missing=(forbidden, broken)).unread == (broken,)
    alone = "handles: only those in namespace ci: no right to list secrets in all namespaces"
    assert ClusterRow(name="a", missing=(alone,)).unread == ()


def test_secrets_that_could_not_be_listed_count_where_their_cluster_was_named(
    own: FleetThread,
) -> None:
    async def trouble(fleet: Any) -> None:
        fleet.cluster("harbor").faults.add(FaultRule(Answer(500), verb="list", path="/secrets$"))

    async def no_more(fleet: Any) -> None:
        fleet.cluster("harbor").faults.clear()

    own.call(trouble)
    try:
        arguments = ("--kubeconfig", own.kubeconfig, "--context", "harbor", "--wait", "10s")
        listed = kubemint("list", "credentials", *arguments)
        looked = kubemint("hygiene", *arguments, "--fail-on", "critical")
    finally:
        own.call(no_more)
    assert "managed Secrets: " in listed.err
    assert (listed.code, looked.code) == (3, 3), (listed.err, looked.err)


@pytest.fixture(scope="module")
def own() -> Iterator[FleetThread]:
    """An embedded fleet whose servers may be given trouble."""
    with FleetThread(clusters=1, accounts=0, troubled=False) as fleet:
        yield fleet


def test_clusters_in_trouble_are_data_not_errors(served: Path) -> None:
    result = kubemint("list", "clusters", "--kubeconfig", served, "-o", "json")
    assert result.code == 0, result
    states = {item["name"]: item["state"] for item in result.json["items"]}
    assert states["harbor"] == "ready"
    assert states["fjord"] == "slow"
    assert states["island"] == "unreachable"
    assert states["vault"] == "needs login"
    assert result.err == ""


IN_ITS_PLACE: dict[str, tuple[int, str, str]] = {
    "login page": (200, "text/html", "<html>log in</html>"),
    "portal": (302, "text/html", ""),
    "other site": (403, "text/html", "<html>no</html>"),
    "throttled": (429, "text/plain", "too many"),
    "balancer": (503, "text/html", "<html>no healthy upstream</html>"),
    "registry": (404, "text/plain", "404 page not found"),
    "empty": (200, "application/json", "{}"),
}
"""What answers there, by the first part of the path."""


@pytest.fixture(scope="module")
def in_its_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig whose clusters are answered for by something else than an API server, and one with a broken CA."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, text = IN_ITS_PLACE[self.path.split("/")[1].replace("-", " ")]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            if status == 302:
                self.send_header("Location", "https://sso.example.org/login")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None: ...

    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    at = f"http://127.0.0.1:{site.server_address[1]}"
    clusters: dict[str, dict[str, str]] = {name: {"server": f"{at}/{name.replace(' ', '-')}"} for name in IN_ITS_PLACE}
    clusters["broken ca"] = {"server": "https://127.0.0.1:1", "certificate-authority-data": "bm8gY2VydGlmaWNhdGU="}
    path = tmp_path_factory.mktemp("in-its-place") / "config"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": cluster} for name, cluster in clusters.items()],
                "users": [{"name": "me", "user": {}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in clusters],
                "current-context": "login page",
            }
        )
    )
    yield path
    site.shutdown()
    thread.join()
    site.server_close()


def test_what_answers_in_place_of_a_server_is_not_called_unreachable(in_its_place: Path) -> None:
    listed = kubemint("list", "clusters", "--kubeconfig", in_its_place, "-o", "json")
    assert listed.code == 0, listed
    assert {item["name"]: item["state"] for item in listed.json["items"]} == {
        "login page": "login page",
        "portal": "login page",
        "other site": "login page",
        "throttled": "throttled",
        "balancer": "server error",
        "registry": "wrong answer",
        "empty": "wrong answer",
        "broken ca": "unusable",
    }
    chosen = kubemint("list", "clusters", "--kubeconfig", in_its_place, "--filter", "state:throttled", "-o", "name")
    assert chosen.out == "throttled\n"


def test_a_list_that_a_server_was_too_busy_for_says_so_and_is_not_read(in_its_place: Path) -> None:
    one = kubemint("list", "accounts", "--kubeconfig", in_its_place, "--context", "throttled")
    assert (one.code, one.out) == (1, "")
    assert "kubemint: throttled: throttled: too many\n  try again later\n" in one.err


def test_one_namespace(served: Path) -> None:
    result = kubemint("list", "accounts", "--kubeconfig", served, "--context", "harbor", "-n", "default", "-o", "json")
    assert {item["namespace"] for item in result.json["items"]} == {"default"}
    credentials = kubemint(
        "list", "credentials", "--kubeconfig", served, "--context", "harbor", "-n", "ci", "-o", "json"
    )
    assert {item["namespace"] for item in credentials.json["items"]} == {"ci"}
    nothing = kubemint("list", "accounts", "--kubeconfig", served, "--context", "harbor", "-n", "nowhere")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "no accounts found in namespace nowhere\n"


@pytest.mark.parametrize(
    "verb", [("list", "accounts"), ("rotate", "--due"), ("reconcile",)], ids=lambda verb: " ".join(verb)
)
@pytest.mark.parametrize(("namespace", "part"), [("x y", "'x y' is not a namespace"), ("", "namespace is missing")])
def test_what_cannot_be_a_namespace_is_wrong_usage(verb: tuple[str, ...], namespace: str, part: str) -> None:
    kubemint("--demo", *verb, "-n", namespace).failed(2, part)


def test_expiring_filters_and_exits_with_4(served: Path) -> None:
    arguments = ("list", "credentials", "--kubeconfig", served, "--context", "harbor", "-o", "json")
    soon = kubemint(*arguments, "--expiring", "24h")
    assert soon.code == 4, soon
    assert soon.json["items"]
    assert all(item["secondsLeft"] is not None and item["secondsLeft"] <= 24 * 3600 for item in soon.json["items"])
    everything = kubemint(*arguments)
    assert len(soon.json["items"]) < len(everything.json["items"])


def test_nothing_expiring_is_0(served: Path) -> None:
    result = kubemint(
        "list", "credentials", "--kubeconfig", served, "--context", "harbor", "-n", "kube-public", "--expiring", "1m",
        "-o", "name",
    )  # fmt: skip
    assert (result.code, result.out) == (0, "")


def test_a_dpu_cluster_can_be_named_like_a_context(served: Path) -> None:
    everything = kubemint("list", "clusters", "--kubeconfig", served, "--context", "harbor", "-o", "json")
    assert [item["name"] for item in everything.json["items"]] == ["harbor"]
    name = "harbor/dpf-operator-system/tenant-a"
    result = kubemint("list", "accounts", "--kubeconfig", served, "--context", name, "-o", "json")
    assert result.code == 0, result
    assert {item["cluster"] for item in result.json["items"]} == {name}


def test_a_file_whose_handle_was_deleted_elsewhere_is_revoked(served: Path, robot: Path) -> None:
    """Nobody has verified it, and this machine's record still says that it lives."""

    def state() -> str:
        listed = kubemint("list", "credentials", "--kubeconfig", served, "--context", "tenant-a", "-o", "json").json
        (item,) = [one for one in listed["items"] if one["address"] == f"file:{robot}"]
        return str(item["state"])

    async def delete_handles() -> None:
        async with Client(load(str(served)).endpoint("tenant-a")) as client:
            async for page in client.pages(SECRETS, namespace="default", fields="type=kubemint.io/handle"):
                for one in page.items:
                    if one["metadata"]["name"].startswith("kubemint-robot-"):
                        await client.delete(SECRETS, one["metadata"]["name"], namespace="default")

    assert state() == "valid"
    asyncio.run(delete_handles())
    assert state() == "revoked"
    table = kubemint("list", "credentials", "--kubeconfig", served, "--context", "tenant-a").out
    (line,) = [line for line in table.splitlines() if str(robot) in line]
    assert line.split()[:2] == ["revoked", "revoked"], "no time is left of it"
    assert " in " not in line, "and nothing renews it"
