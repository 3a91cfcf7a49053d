"""What a context leads to: the server, the proxy and the login that its entries give."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.kube.kubeconfigs import EXEC, PEM, needs_kubectl, simple, write
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import in_cluster, load, parse
from tui.kube.lint import lint
from tui.kube.resolving import in_cluster_endpoint


@needs_kubectl
def test_g19_token_file_wins_over_token_and_both_are_shown(tmp_path: Path) -> None:
    document = simple()
    document["users"] = [{"name": "one", "user": {"token": "t", "tokenFile": "f"}}]
    loaded = load(write(tmp_path / "c", document))
    login = loaded.endpoint().login
    assert login.token is not None
    assert login.token_file == str(tmp_path / "f")
    assert any("kubectl uses the file" in finding.message for finding in lint(loaded))


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://p:1", True),
        ("https://p:1", True),
        ("socks5://p:1", True),
        ("ftp://p:1", False),
        ("://", False),
        ("p", False),
    ],
)
def test_g23_proxy_urls(tmp_path: Path, url: str, fine: bool) -> None:
    loaded = load(write(tmp_path / "c", simple(**{"proxy-url": url})))
    assert ([f for f in lint(loaded) if "proxy-url" in f.message] == []) is fine
    if fine:
        assert loaded.endpoint().proxy_url == url
    else:
        with pytest.raises(ConfigError, match="proxy-url"):
            loaded.endpoint()


def test_g25_the_namespace_of_the_context_else_default(tmp_path: Path) -> None:
    document = simple()
    assert load(write(tmp_path / "c", document)).endpoint().namespace == "default"
    document["contexts"][0]["context"]["namespace"] = "here"
    assert load(write(tmp_path / "c", document)).endpoint().namespace == "here"


def test_data_is_decoded_and_refused_beside_a_file(tmp_path: Path) -> None:
    data = {"certificate-authority-data": base64.b64encode(PEM).decode()}
    assert load(write(tmp_path / "c", simple(**data))).endpoint().ca == PEM
    loaded = load(write(tmp_path / "d", simple(**data, **{"certificate-authority": "x"})))
    with pytest.raises(ConfigError, match="both specified"):
        loaded.endpoint()
    assert any("both specified" in finding.message for finding in lint(loaded))


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"client-certificate": "gone.pem", "client-key": "gone.pem"}, "unable to read client-certificate"),
        ({"client-certificate-data": "Zm9v"}, "client-key must be specified"),
        ({"client-key-data": "Zm9v"}, "has no client-certificate"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, "command must be specified"),
    ],
)
def test_logins_that_cannot_work(tmp_path: Path, user: dict[str, Any], says: str) -> None:
    document = simple()
    document["users"] = [{"name": "one", "user": user}]
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path / "c", document)).endpoint()


def test_a_static_token_makes_the_plugin_silent(tmp_path: Path) -> None:
    document = simple()
    document["users"][0]["user"]["exec"] = EXEC
    assert load(write(tmp_path / "c", document)).endpoint().login.exec is None


def test_impersonation_and_the_exec_extension(tmp_path: Path) -> None:
    document = simple(
        extensions=[{"name": "client.authentication.k8s.io/exec", "extension": {"arbitrary": [1, True, "x"]}}]
    )
    document["users"] = [
        {
            "name": "one",
            "user": {
                "as": "jane",
                "as-uid": "7",
                "as-groups": ["a", "b"],
                "as-user-extra": {"k": ["v"]},
                "exec": EXEC
                | {
                    "args": ["1"],
                    "env": [{"name": "A", "value": "B"}],
                    "provideClusterInfo": True,
                },
            },
        }
    ]
    login = load(write(tmp_path / "c", document)).endpoint().login
    assert login.impersonate is not None
    assert (login.impersonate.user, login.impersonate.uid, login.impersonate.groups) == ("jane", "7", ("a", "b"))
    assert login.impersonate.extra == (("k", ("v",)),)
    assert login.exec is not None
    assert login.exec.cluster_config == {"arbitrary": [1, True, "x"]}
    assert login.exec.env == (("A", "B"),)


def test_plain_http_gets_no_credentials(tmp_path: Path) -> None:
    loaded = load(write(tmp_path / "c", simple(server="http://h:8080")))
    assert loaded.endpoint().login.token is None
    assert any("plain http" in finding.message for finding in lint(loaded))


@pytest.mark.parametrize("server", ["ftp://h", "https://", "https://h:port", "https://u:p@h", "https://[::1"])
def test_servers_that_are_none(tmp_path: Path, server: str) -> None:
    with pytest.raises(ConfigError, match="not an http or https URL") as caught:
        load(write(tmp_path / "c", simple(server=server))).endpoint()
    assert server not in str(caught.value)


def test_from_memory_nothing_outside_is_believed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    inside = simple(**{"certificate-authority-data": base64.b64encode(PEM).decode()})
    assert parse(json.dumps(inside).encode()).endpoint().ca == PEM
    for cluster, user in (
        ({"certificate-authority": str(secret)}, {}),
        ({}, {"tokenFile": str(secret)}),
        ({}, {"client-certificate": str(secret), "client-key": str(secret)}),
        ({}, {"exec": EXEC | {"command": "/bin/true"}}),
    ):
        document = simple(**cluster)
        document["users"] = [{"name": "one", "user": user}]
        with pytest.raises(ConfigError):
            parse(json.dumps(document).encode()).endpoint()


def test_material_never_shows_in_a_repr(tmp_path: Path) -> None:
    document = simple()
    document["users"] = [
        {"name": "one", "user": {"token": "hunter2-token"}},
        {"name": "four", "user": {"username": "u", "password": "hunter2-password"}},
        {"name": "two", "user": {"client-key-data": base64.b64encode(b"hunter2-key").decode()}},
        {"name": "three", "user": {"exec": {"command": "login", "args": ["--client-secret=hunter2"]}}},
    ]
    document["clusters"][0]["cluster"]["proxy-url"] = "http://me:hunter2@proxy:3128"
    loaded = load(write(tmp_path / "c", document))
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in repr(loaded.endpoint())


def test_in_cluster(tmp_path: Path) -> None:
    assert in_cluster({}) is None
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster_endpoint(environ, tmp_path) is None
    for name, text in (("token", "t\n"), ("ca.crt", PEM.decode()), ("namespace", "here\n")):
        write(tmp_path / name, text)
    endpoint = in_cluster_endpoint(environ, tmp_path)
    assert endpoint is not None
    assert (endpoint.server, endpoint.ca, endpoint.namespace) == ("https://[fd00::1]:443", PEM, "here")
    assert endpoint.login.token_file == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("extension", "vouches"),
    [
        ({"authorities": ["a" * 64, "b" * 64]}, ("a" * 64, "b" * 64)),
        ({"authorities": "a" * 64}, ()),
        ({"authority": ["a" * 64]}, ()),
        ({"authorities": [["a" * 64]]}, ()),
        ("a" * 64, ()),
        (None, ()),
    ],
)
def test_an_entry_vouches_for_authorities_in_a_file_of_ones_own_alone(
    tmp_path: Path, extension: object, vouches: tuple[str, ...]
) -> None:
    document = simple(extensions=[{"name": "kubemint.io/trust", "extension": extension}])
    path = write(tmp_path / "c", document)
    assert load(path).endpoint().vouches == vouches
    assert parse(json.dumps(document).encode()).endpoint().vouches == ()
