"""The bytes of each format: rows D01, D03, D05."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, strategies as st

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.types import Identity
from tui.kube import kubeconfig as loading
from tui.kube.delivered import ONLY_LOOKING
from tui.kube.sensitive import Sensitive

from .samples import CA, ENDPOINT, IDENTITY, TOKEN, kubectl

TEMPLATE = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {ca}
    server: https://10.1.2.3:6443
  name: c1
contexts:
- context:
    cluster: c1
    namespace: default
    user: test-service-account
  name: test-service-account
current-context: test-service-account
kind: Config
preferences: {{}}
users:
- name: test-service-account
  user:
    token: {token}
"""


def test_d01_bytes_of_the_reference() -> None:
    expected = TEMPLATE.format(ca=base64.b64encode(CA).decode(), token=TOKEN.reveal())
    data = Format.KUBECONFIG.rules.render(TOKEN, ENDPOINT, IDENTITY)
    assert list(data) == ["kubeconfig"]
    assert data["kubeconfig"].reveal() == expected
    config = loading.parse(data["kubeconfig"].reveal_bytes())
    assert (list(config.clusters), list(config.contexts), list(config.users)) == (
        ["c1"],
        ["test-service-account"],
        ["test-service-account"],
    )
    endpoint = config.endpoint()
    assert endpoint.login.token == TOKEN
    assert (endpoint.server, endpoint.ca, endpoint.namespace) == (ENDPOINT.server, CA, "default")


@pytest.mark.parametrize("name", ["0", "1", "433e40", "y", "1e3", "08", "1:30"])
def test_d03_doubtful_names_are_quoted_and_kubectl_reads_them_back(name: str, tmp_path: Path) -> None:
    text = kubeconfig(TOKEN, replace(ENDPOINT, cluster_name=name), Identity("c", name, name)).reveal()
    assert text.count(f'"{name}"') == 7, "cluster twice, namespace, and the account four times"
    path = tmp_path / "config"
    path.write_text(text)
    seen = json.loads(kubectl(path, "config", "view", "-o", "json"))
    assert seen["current-context"] == name
    assert seen["contexts"] == [{"name": name, "context": {"cluster": name, "namespace": name, "user": name}}]
    assert [seen["clusters"][0]["name"], seen["users"][0]["name"]] == [name, name]


@pytest.mark.parametrize(
    "name",
    ["2024-01-01", "=", "<<", "~", "null", "True", "NO", "-", "- a", "a: b", "a #b", "#", "é", "日本", "a\u202eb",
     "a\nb", "\x1b[31m", "trailing:", " a ", "", "'", '"', "\\", "\u2028", "😀", "\x85", "0o17", ".5", ".inf", "&a",
     "*a", "!a", "%a", "@a", "`a", "{a}", "[a]", "?", "a,b", "\ufeff", "system:serviceaccount:a:b"],
)  # fmt: skip
def test_every_name_survives_kubectl_pyyaml_and_our_reader(name: str, tmp_path: Path) -> None:
    text = dump({"current-context": name, "kind": "Config", "apiVersion": "v1", "clusters": []})
    path = tmp_path / "config"
    path.write_text(text)
    assert json.loads(kubectl(path, "config", "view", "-o", "json"))["current-context"] == name
    assert yaml.safe_load(text)["current-context"] == name
    assert loading.parse(text.encode()).current_context == name


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(json_like)
def test_any_document_is_read_back_the_same(document: object) -> None:
    assert yaml.load(dump(document), Loader=yaml.CSafeLoader) == document


def test_what_the_reference_loses_is_kept() -> None:
    special = replace(ENDPOINT, tls_server_name="api.internal", proxy_url="socks5://p:1080", disable_compression=True)
    endpoint = loading.parse(kubeconfig(TOKEN, special, IDENTITY).reveal_bytes()).endpoint()
    assert (endpoint.tls_server_name, endpoint.proxy_url, endpoint.ca) == ("api.internal", "socks5://p:1080", CA)
    assert endpoint.disable_compression
    insecure = kubeconfig(TOKEN, replace(ENDPOINT, insecure=True), IDENTITY)
    assert loading.parse(insecure.reveal_bytes()).endpoint().insecure
    assert b"certificate-authority" not in insecure.reveal_bytes(), "both together are an error for every client"


def test_the_context_name_stands_in_for_a_missing_cluster_name() -> None:
    text = kubeconfig(TOKEN, replace(ENDPOINT, cluster_name=""), IDENTITY).reveal()
    assert list(loading.parse(text.encode()).clusters) == ["admin@c1"]


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [
        ("https://h", "h", "443"),
        ("https://h/", "h", "443"),
        ("https://h:", "h", "443"),
        ("https://h:6443", "h", "6443"),
        ("https://API.Example.com:6443", "API.Example.com", "6443"),
        ("https://[fd00::1]:6443", "fd00::1", "6443"),
        ("https://[fd00::1]", "fd00::1", "443"),
        ("10.0.0.1:6443", "10.0.0.1", "6443"),
        ("10.0.0.1", "10.0.0.1", "443"),
    ],
)
def test_d05_host_and_port(server: str, host: str, port: str) -> None:
    data = Format.TOKEN_FILE.rules.render(TOKEN, replace(ENDPOINT, server=server), IDENTITY)
    assert {key: value.reveal() for key, value in data.items()} == {
        "KUBERNETES_CA_DATA": CA.decode(),
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "TOKEN_FILE": TOKEN.reveal(),
    }


@pytest.mark.parametrize(
    "server", ["https://rancher/k8s/clusters/c-1", "http://h:8080", "", "https://", "https://h:99999", "https://[::1"]
)
def test_d05_what_tokenfile_cannot_say_is_refused(server: str) -> None:
    with pytest.raises(UsageError, match="tokenFile cannot say"):
        Format.TOKEN_FILE.rules.render(TOKEN, replace(ENDPOINT, server=server), IDENTITY)


@pytest.mark.parametrize("form", Format)
def test_no_line_break_follows_a_token(form: Format) -> None:
    data = form.rules.render(Sensitive(TOKEN.reveal() + "\n"), ENDPOINT, IDENTITY)
    assert tuple(sorted(data)) == form.rules.keys
    assert form.rules.token_of(data) == TOKEN
    assert TOKEN.reveal() not in repr(data)


def test_the_bare_token_as_a_file_has_no_line_break() -> None:
    assert Format.TOKEN.rules.render_file(TOKEN, ENDPOINT, IDENTITY) == TOKEN


def test_tokenfile_as_a_file_is_read_by_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "robot.env"
    path.write_bytes(Format.TOKEN_FILE.rules.render_file(TOKEN, ENDPOINT, IDENTITY).reveal_bytes())
    script = f'. {path}; printf "%s|%s|%s|%s" "$TOKEN_FILE" "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT"'
    script += ' "$KUBERNETES_CA_DATA"'
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == f"{TOKEN.reveal()}|10.1.2.3|6443|{CA.decode()}"


def test_losses_are_named() -> None:
    special = replace(ENDPOINT, tls_server_name="x", proxy_url="http://p", insecure=True)
    assert len(Format.TOKEN_FILE.rules.losses(special)) == 3
    assert Format.KUBECONFIG.rules.losses(special) == ()
    assert Format.TOKEN.rules.losses(ENDPOINT)


@pytest.mark.parametrize("form", Format)
def test_what_is_true_of_every_format(form: Format) -> None:
    """Each is read back from a Secret and from a file, and says where it leads or that it does not."""
    rules = form.rules
    assert rules.name == form
    data = rules.render(TOKEN, ENDPOINT, IDENTITY)
    assert tuple(sorted(data)) == tuple(sorted(rules.keys))
    again = rules.from_file(rules.as_file(data))
    assert rules.token_of(again) == TOKEN
    assert again.keys() <= data.keys()
    assert "/" not in rules.suffix
    if rules.says_where:
        way = rules.taken_apart(data, ONLY_LOOKING)
        assert (way.endpoint.server, way.token) == (ENDPOINT.server, TOKEN)
    else:
        with pytest.raises(UsageError, match="does not say which cluster"):
            rules.taken_apart(data, ONLY_LOOKING)
        assert rules.losses(replace(ENDPOINT, ca=None))
    assert rules.token_of({}) is None
