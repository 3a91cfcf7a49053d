"""`create token`, `auth can-i` and `config …` typed to kubectl and to kubemint: the same verdict, the same answer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.cli.conftest import kubemint
from tui.issuance.model.claims import Claims, read_token
from tui.kube.sensitive import Sensitive

from .test_words_beside_kubectl import kubeconfig, kubectl

if TYPE_CHECKING:
    from tests.controlplane import RealControlPlane
    from tui.demo.running import FleetThread

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")


class Server(NamedTuple):
    kubeconfig: Path
    context: str
    binds_to_nodes: bool


@pytest.fixture(params=["embedded", "real"])
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "embedded":
        fleet: FleetThread = request.getfixturevalue("embedded_fleet")
        return Server(fleet.kubeconfig, "harbor", True)
    plane: RealControlPlane = request.getfixturevalue("real_cluster")
    return Server(plane.kubeconfig, "real", plane.version >= (1, 31))


def told(server: Server) -> tuple[str, ...]:
    return ("--kubeconfig", str(server.kubeconfig), "--context", server.context)


@pytest.mark.parametrize(
    "words",
    [
        ("default",),
        ("default", "-n", "kube-system"),
        ("default", "--duration", "30m"),
        ("default", "--duration=0"),
        ("default", "--audience", "https://a.example", "--audience", "b"),
        ("no-such",),
        ("default", "--duration", "5m"),
        ("default", "--duration", "-5m"),
        ("default", "--duration", "1500ms"),
        ("default", "--audience", ""),
        ("default", "--bound-object-name", "x"),
        ("default", "--bound-object-uid", "x"),
        ("default", "--bound-object-kind", "Secret"),
        ("default", "--bound-object-kind", "ConfigMap", "--bound-object-name", "x"),
        ("default", "--bound-object-kind", "Secret", "--bound-object-name", "no-such"),
        ("default", "--bound-object-kind", "Node", "--bound-object-name", "no-such"),
    ],
    ids=" ".join,
)
def test_create_token(server: Server, words: tuple[str, ...]) -> None:
    theirs = kubectl("create", "token", *words, *told(server))
    ours = kubemint("create", "token", *words, *told(server))
    assert (ours.code == 0) is (theirs.returncode == 0), (theirs, ours)
    if ours.code != 0:
        assert ours.out == ""
        return
    assert ours.out.count("\n") == theirs.stdout.count("\n") == 0, "a line break behind it is for terminals"
    mine, other = _claims(ours.out), _claims(theirs.stdout)
    assert (mine.subject, mine.audiences, mine.bound) == (other.subject, other.audiences, other.bound)
    assert mine.lifetime == other.lifetime


def test_a_token_for_a_node_says_so_or_is_refused_in_words(server: Server) -> None:
    node = kubectl("get", "nodes", "-o", "name", *told(server)).stdout.split()
    name = node[0].partition("/")[2] if node else "somewhere"
    for words in (("--bound-node", name), ("--bound-object-kind", "Node", "--bound-object-name", name)):
        ours = kubemint("create", "token", "default", *words, *told(server))
        if not server.binds_to_nodes:
            ours.failed(1, "cannot bind token", "does not bind tokens to nodes: servers do since 1.31")
            continue
        assert ours.code == 0, ours
        claims = _claims(ours.out)
        assert claims.bound is not None
        assert (claims.bound.kind, claims.bound.name) == ("Node", name)
        assert claims.node == name
        theirs = kubectl("create", "token", "default", "--bound-object-kind", "Node", "--bound-object-name", name,
                         *told(server))  # fmt: skip
        assert _claims(theirs.stdout).bound == claims.bound
        other = kubemint("create", "token", "default", *words, "--bound-object-uid", "not-that", *told(server))
        assert other.code == 1, other


@pytest.mark.parametrize(
    "words",
    [
        ("get", "pods"), ("list", "po", "-A"), ("create", "deployments.apps"), ("get", "sa/default"),
        ("get", "secret/x", "-n", "kube-system"), ("get", "pods", "--subresource", "log"), ("get", "/healthz"),
        ("*", "*"), ("get", "nodes"), ("get", "nonsense"), ("get", "pods", "-q"), ("get",),
        ("get", "pods", "--as", "system:serviceaccount:default:default"), ("get", "pods", "--as=nobody"),
        ("delete", "secrets", "--as=nobody", "--as-group=system:masters", "-A"),
        ("get", "/healthz", "--as=nobody", "--as-group=system:authenticated"), ("get", "pods", "--as-group=a"),
        ("get", "pods", "--as-uid=a"), ("--list",), ("--list", "--no-headers"), ("--list", "-n", "kube-system"),
        ("--list", "--as", "system:serviceaccount:default:default"), ("--list", "-A"), ("get", "pods", "--list"),
        ("get", "pods", "--no-headers"), ("--list", "-q"), ("--list", "--as=nobody", "--as-group=system:masters"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_can_i(server: Server, words: tuple[str, ...]) -> None:
    theirs = kubectl("auth", "can-i", *words, *told(server))
    ours = kubemint("auth", "can-i", *words, *told(server))
    assert (ours.code == 0, ours.out) == (theirs.returncode == 0, theirs.stdout), (theirs, ours)


@pytest.mark.parametrize("words", [(), ("--as=nobody",), ("--as=nobody", "--as-group=a", "--as-group=b", "--as-uid=7")])
def test_whoami(server: Server, words: tuple[str, ...]) -> None:
    theirs = kubectl("auth", "whoami", *words, *told(server))
    ours = kubemint("auth", "whoami", *words, *told(server))
    if "not enabled in the cluster" in theirs.stderr:  # as it was before 1.27
        assert (ours.code != 0, ours.out) == (True, ""), ours
        assert words or "since 1.27" in ours.err
        return
    assert (ours.code, ours.out) == (theirs.returncode, theirs.stdout), (theirs, ours)


def test_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kubeconfig(tmp_path / "config", "b", "a", "b", "c")
    monkeypatch.setenv("KUBECONFIG", os.fspath(path))
    every: list[tuple[str, ...]] = [
        ("get-contexts", "-o", "name"), ("get-contexts",), ("get-contexts", "a"), ("current-context",),
        ("use-context", "c"), ("current-context",), ("use-context", "nowhere"), ("get-contexts", "nowhere"),
    ]  # fmt: skip
    for words in every:
        theirs, ours = kubectl("config", *words), kubemint("config", *words)
        assert (theirs.returncode == 0) is (ours.code == 0), (theirs, ours)
        if ours.code == 0 and words[0] != "use-context":
            assert [word for word in ours.out.split() if word != "-"] == theirs.stdout.split(), "- is an empty cell"
    kubeconfig(path, "", "a")
    assert kubectl("config", "current-context").returncode == 1
    kubemint("config", "current-context").failed(2, "current-context is not set")


def _claims(text: str) -> Claims:
    return read_token(Sensitive(text))
