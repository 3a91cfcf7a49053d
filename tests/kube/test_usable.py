"""Which entries may be used: each rule alone, what fits beside it, and that what does not fit is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kube.kubeconfigs import PEM
from tui.kube.endpoint import ExecPlugin, Impersonation
from tui.kube.entries import ClusterEntry, ContextEntry, Flaw, UserEntry
from tui.kube.sensitive import Sensitive
from tui.kube.usable import of_cluster, of_user, refused_plugin, why_no_authority, why_unusable

CLUSTER = ClusterEntry("c", server="https://h")
KEY = Sensitive("k")
PLUGIN = ExecPlugin("x", interactive_mode="Never")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, []),
        ({"server": ""}, ['no server found for cluster "c"']),
        ({"certificate_authority": "f"}, []),
        ({"certificate_authority_data": b"d"}, []),
        ({"certificate_authority": "f", "certificate_authority_data": b"d"}, ["both specified for c"]),
        ({"insecure": True}, []),
        ({"insecure": True, "certificate_authority": "f"}, ["insecure flag is not allowed for c"]),
        ({"insecure": True, "certificate_authority_data": b"d"}, ["insecure flag is not allowed for c"]),
        *(({"proxy_url": url}, []) for url in ("http://p", "https://u:w@p:1", "socks5://p:1", "HTTP://p")),
        *(({"proxy_url": url}, ["'proxy-url' for cluster \"c\""])
          for url in ("p", "p:1", "ftp://p", "http://", "http://:1", "://p", "http://[p", "socks4://p", " ")),
    ],
)  # fmt: skip
def test_which_clusters_kubectl_refuses(fields: dict[str, Any], says: list[str]) -> None:
    cluster = replace(CLUSTER, **fields)
    found = list(of_cluster(cluster))
    assert len(found) == len(says)
    assert all(text in one for text, one in zip(says, found, strict=True)), found
    assert why_unusable(cluster) == (found[0] if found else "")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, []),
        ({"token": KEY}, []),
        ({"token_file": "f"}, []),
        ({"token": KEY, "token_file": "f"}, []),
        ({"username": "u", "password": KEY}, []),
        (
            {"token": KEY, "username": "u"},
            ["more than one authentication method found for one; found [token basicAuth]"],
        ),
        ({"token": KEY, "password": KEY}, ["found [token basicAuth]"]),
        ({"client_certificate": "c", "client_key": "k"}, []),
        ({"client_certificate_data": b"c", "client_key_data": KEY}, []),
        ({"client_certificate_data": b"c", "client_key": "k"}, []),
        ({"client_certificate": "c", "client_key_data": KEY}, []),
        ({"client_certificate": "c", "client_certificate_data": b"c", "client_key": "k"}, ["client-cert are both"]),
        ({"client_certificate": "c", "client_key": "k", "client_key_data": KEY}, ["client-key are both"]),
        ({"client_certificate": "c"}, ["client-key must be specified for one"]),
        ({"client_certificate_data": b"c"}, ["client-key must be specified for one"]),
        ({"client_key": "k"}, []),
        ({"auth_provider": "oidc"}, []),
        ({"auth_provider": "gcp"}, ['the auth-provider "gcp", which is gone']),
        ({"auth_provider": "OIDC"}, ["which is gone"]),
        ({"impersonate": Impersonation("a", "1", ("g",))}, []),
        ({"impersonate": Impersonation("", "1")}, ["for one without impersonating a user"]),
        ({"impersonate": Impersonation("", "", ("g",))}, ["without impersonating a user"]),
        ({"token": KEY, "exec": PLUGIN}, []),
        ({"exec": replace(PLUGIN, command="")}, ["command must be specified for one"]),
        ({"exec": PLUGIN, "auth_provider": "oidc"}, ["authProvider cannot be provided in combination"]),
        ({"exec": PLUGIN, "auth_provider": "gcp"}, ["in combination", "which is gone"]),
        (
            {"client_certificate": "c", "token": KEY, "username": "u", "impersonate": Impersonation("")},
            ["client-key must", "more than one", "without impersonating"],
        ),
    ],
)
def test_which_users_kubectl_refuses(fields: dict[str, Any], says: list[str]) -> None:
    user = UserEntry("one", **fields)
    found = list(of_user(user))
    assert len(found) == len(says), found
    assert all(text in one for text, one in zip(says, found, strict=True)), found
    assert why_unusable(user) == (found[0] if found else "")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, []),
        *(({"interactive_mode": mode}, []) for mode in ("Never", "IfAvailable", "Always")),
        ({"interactive_mode": "never"}, ['invalid interactiveMode for one: "never"']),
        ({"interactive_mode": ""}, ["interactiveMode must be specified for one"]),
        ({"interactive_mode": "", "api_version": "client.authentication.k8s.io/v1beta1"}, []),
        ({"api_version": "client.authentication.k8s.io/v1beta1"}, []),
        ({"api_version": "client.authentication.k8s.io/v1alpha1"}, ['invalid apiVersion "client.auth']),
        ({"api_version": "v1"}, ["invalid apiVersion"]),
        ({"api_version": ""}, ["apiVersion must be specified for one"]),
        ({"env": (("A", ""), ("B", "b"))}, []),
        ({"env": (("A", "a"), ("", "b"))}, ["env variable name must be specified for one"]),
        (
            {"command": "", "api_version": "", "interactive_mode": ""},
            ["command must", "apiVersion must", "interactiveM"],
        ),
    ],
)
def test_which_plugins_kubectl_refuses(fields: dict[str, Any], says: list[str]) -> None:
    found = list(refused_plugin(UserEntry("one", exec=replace(PLUGIN, **fields))))
    assert len(found) == len(says), found
    assert all(text in one for text, one in zip(says, found, strict=True)), found


def test_who_has_no_plugin_has_no_bad_one() -> None:
    assert list(refused_plugin(UserEntry("one", auth_provider="gcp"))) == []


@pytest.mark.parametrize("entry", [ClusterEntry("one"), UserEntry("one"), ContextEntry("one")])
def test_what_could_not_be_read_comes_before_every_rule(entry: ClusterEntry | UserEntry | ContextEntry) -> None:
    flaws = (Flaw("users[0].user.as", "not a string"), Flaw("another", "place"))
    assert why_unusable(replace(entry, flaws=flaws)) == "users[0].user.as: not a string"
    named = replace(entry, flaws=flaws, origin=Path("/the/file"))
    assert why_unusable(named) == "users[0].user.as: not a string in /the/file"


def test_a_context_that_was_read_is_usable_as_far_as_it_goes() -> None:
    assert why_unusable(ContextEntry("")) == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PEM, ""),
        (b"anything before\n" + PEM + b"anything behind", ""),
        (PEM.replace(b"\n", b"\r\n"), ""),
        (PEM.replace(b"ZGF0YQ==", b"ZGF0Y") + PEM, ""),
        (PEM + PEM.replace(b"ZGF0YQ==", b"ZGF0Y"), ""),
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"hello", "holds no PEM certificate"),
        (PEM.replace(b"ZGF0YQ==", b"ZGF0Y"), "holds no PEM certificate"),
        (PEM.replace(b"ZGF0YQ==", b""), "holds no PEM certificate"),
        (PEM.replace(b"ZGF0YQ==", b"===="), "holds no PEM certificate"),
        (PEM.replace(b"ZGF0YQ==", b"%%%%"), "holds no PEM certificate"),
        (PEM.replace(b"CERTIFICATE", b"PRIVATE KEY"), "holds no PEM certificate"),
        (PEM.partition(b"-----END")[0], "holds no PEM certificate"),
    ],
)
def test_by_what_nobody_can_be_trusted(data: bytes, says: str) -> None:
    assert why_no_authority(data) == says
