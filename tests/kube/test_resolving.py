"""From entries to an endpoint: what goes where, which login counts, and each way in which it does not work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.kube.kubeconfigs import PEM
from tui.kube.endpoint import Endpoint, ExecPlugin, Impersonation, Login
from tui.kube.entries import ClusterEntry, ContextEntry, Flaw, UserEntry
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import KubeConfig
from tui.kube.resolving import in_cluster_endpoint, resolve
from tui.kube.sensitive import Sensitive

TOKEN, KEY = Sensitive("t"), Sensitive(b"key")
PLUGIN = ExecPlugin("bin/plugin", ("a",), interactive_mode="Never")
LARGEST = 1024 * 1024


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The kubeconfig that entries come from; the files that they name lie beside it."""
    for name, data in (("ca", PEM), ("cert", b"cert"), ("key", b"key"), ("no-ca", b"hello"), ("empty", b"")):
        (tmp_path / name).write_bytes(data)
    return tmp_path / "config"


def resolved(
    origin: Path | None,
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    **context: Any,
) -> Endpoint:
    config = KubeConfig(
        clusters={"c": replace(ClusterEntry("c", server="https://h", origin=origin), **(cluster or {}))},
        users={"u": replace(UserEntry("u", origin=origin), **(user or {}))},
    )
    return resolve(config, ContextEntry("x", **({"cluster": "c", "user": "u", "origin": origin} | context)))


def test_everything_that_an_entry_says_is_in_the_endpoint(here: Path) -> None:
    plain = resolved(here)
    assert plain == Endpoint("x", "https://h", namespace="default", cluster_name="c")
    assert not plain.delivered
    cluster = {
        "server": "https://h:1/path/",
        "tls_server_name": "name",
        "proxy_url": "http://p",
        "disable_compression": True,
        "certificate_authority_data": PEM,
        "vouches": ("ab",),
    }
    user = {"token": TOKEN, "impersonate": Impersonation("a")}
    assert resolved(here, cluster, user, namespace="s") == Endpoint(
        "x",
        "https://h:1/path",
        ca=PEM,
        tls_server_name="name",
        proxy_url="http://p",
        disable_compression=True,
        namespace="s",
        cluster_name="c",
        login=Login(token=TOKEN, impersonate=Impersonation("a")),
        vouches=("ab",),
    )
    assert resolved(here, {"insecure": True}).insecure


def test_what_came_from_no_file_is_delivered_and_vouches_for_nobody() -> None:
    found = resolved(None, {"vouches": ("ab",)}, {"token": TOKEN})
    assert (found.delivered, found.vouches, found.login.token) == (True, (), TOKEN)


@pytest.mark.parametrize(
    ("server", "becomes"),
    [
        ("https://h", "https://h"),
        ("HTTPS://H/", "HTTPS://H"),
        ("http://h:80", "http://h:80"),
        ("h:8080", "http://h:8080"),
        ("h", "http://h"),
        ("https://h:1", "https://h:1"),
        ("https://h:65535//", "https://h:65535"),
        ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("https://h/X", "https://h/X"),
        *((server, "") for server in ("https://h:0", "https://h:65536", "https://h:x", "https://", "https://:1",
                                     "ftp://h", "https://u@h", "https://u:p@h", "https://[::1", "u@h")),
    ],
)  # fmt: skip
def test_which_servers_are_spoken_to(here: Path, server: str, becomes: str) -> None:
    if becomes:
        assert resolved(here, {"server": server}).server == becomes
        return
    with pytest.raises(ConfigError, match='server of cluster "c" is not an http or https URL') as refused:
        resolved(here, {"server": server})
    assert refused.value.cluster == "x"
    assert server not in refused.value.message


@pytest.mark.parametrize(
    ("server", "sent"),
    [("https://h", True), ("HTTPS://h", True), ("http://h", False), ("h", False), ("HTTP://h", False)],
)
def test_a_login_goes_nowhere_in_the_clear(here: Path, server: str, sent: bool) -> None:
    login = resolved(here, {"server": server}, {"token": TOKEN, "client_certificate": "gone", "client_key": "gone"}
                     if not sent else {"token": TOKEN}).login  # fmt: skip
    assert login == (Login(token=TOKEN) if sent else Login())


def test_who_is_not_named_is_nobody(here: Path) -> None:
    config = KubeConfig(clusters={"c": ClusterEntry("c", server="https://h", origin=here)})
    assert resolve(config, ContextEntry("x", cluster="c")).login == Login()


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (ContextEntry("x", user="u"), "cluster was not specified"),
        (ContextEntry("x", cluster="d"), 'cluster "d" of this context does not exist'),
        (ContextEntry("x", cluster="c", user="v"), 'user "v" of this context does not exist'),
    ],
)
def test_what_is_missing_is_named_with_its_context(here: Path, context: ContextEntry, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        resolve(KubeConfig(clusters={"c": ClusterEntry("c", server="https://h", origin=here)}), context)
    assert refused.value.cluster == "x"


FLAW = (Flaw("where", "not a string"),)


@pytest.mark.parametrize("entry", ["cluster", "user", "context"])
def test_nothing_is_sent_where_any_of_the_three_could_not_be_read(here: Path, entry: str) -> None:
    made: dict[str, Any] = {"flaws": FLAW} if entry == "context" else {entry: {"flaws": FLAW}}
    with pytest.raises(ConfigError, match="where: not a string") as refused:
        resolved(here, **made)
    assert refused.value.cluster == "x"
    assert "nothing is sent there" in refused.value.hint


@pytest.mark.parametrize(
    ("cluster", "user", "says"),
    [
        ({"server": ""}, {}, "no server found"),
        ({"insecure": True, "certificate_authority_data": PEM}, {}, "insecure flag"),
        ({}, {"auth_provider": "gcp"}, "which is gone"),
        ({"server": "http://h"}, {"auth_provider": "gcp"}, "which is gone"),
    ],
)
def test_what_does_not_go_together_is_refused(
    here: Path, cluster: dict[str, Any], user: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        resolved(here, cluster, user)
    assert refused.value.cluster == "x"
    assert not refused.value.hint


def test_files_are_read_from_beside_the_kubeconfig(here: Path) -> None:
    assert resolved(here, {"certificate_authority": "ca"}).ca == PEM
    assert resolved(here, {"certificate_authority": f"../{here.parent.name}/./ca"}).ca == PEM
    assert resolved(here, {"certificate_authority": str(here.parent / "ca")}).ca == PEM
    login = resolved(here, user={"client_certificate": "cert", "client_key": "key", "token_file": "a/../token"}).login
    assert (login.client_certificate, login.client_key) == (b"cert", KEY)
    assert login.token_file == str(here.parent / "token"), "it is read later, and need not be there yet"


def test_data_and_files_may_be_mixed(here: Path) -> None:
    login = resolved(here, user={"client_certificate_data": b"c", "client_key": "key"}).login
    assert (login.client_certificate, login.client_key) == (b"c", KEY)
    login = resolved(here, user={"client_certificate": "cert", "client_key_data": TOKEN}).login
    assert (login.client_certificate, login.client_key) == (b"cert", TOKEN)
    login = resolved(here, user={"username": "me", "password": KEY}).login
    assert (login.username, login.password) == ("me", KEY)
    assert resolved(here).login.username is None


@pytest.mark.parametrize(
    ("cluster", "user", "says", "hint"),
    [
        ({"certificate_authority": "gone"}, {}, "unable to read certificate-authority {}/gone: No such file", ""),
        ({"certificate_authority": "."}, {}, "unable to read certificate-authority {}: Is a dir", ""),
        ({"certificate_authority": "no-ca"}, {}, "certificate-authority {}/no-ca holds no PEM", "authority's PEM"),
        ({"certificate_authority": "empty"}, {}, "certificate-authority {}/empty is empty", "authority's PEM"),
        ({"certificate_authority_data": b"x"}, {}, 'certificate-authority-data of cluster "c" holds no PEM', "PEM"),
        ({}, {"client_certificate": "gone", "client_key": "key"}, "unable to read client-certificate {}/gone", ""),
        ({}, {"client_certificate": "cert", "client_key": "gone"}, "unable to read client-key {}/gone", ""),
        ({}, {"client_key": "key"}, 'user "u" has no client-certificate', ""),
        ({}, {"client_key_data": KEY}, 'user "u" has no client-certificate', ""),
    ],
)
def test_what_cannot_be_read_is_named(
    here: Path, cluster: dict[str, Any], user: dict[str, Any], says: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        resolved(here, cluster, user)
    assert says.format(here.parent) in refused.value.message
    assert hint in refused.value.hint
    assert bool(hint) is bool(refused.value.hint)


def test_a_file_is_read_whole_or_not_at_all(here: Path) -> None:
    (here.parent / "ca").write_bytes(PEM.ljust(LARGEST))
    found = resolved(here, {"certificate_authority": "ca"}).ca
    assert found is not None
    assert len(found) == LARGEST
    (here.parent / "ca").write_bytes(PEM.ljust(LARGEST + 1))
    with pytest.raises(ConfigError, match=r"certificate-authority .*/ca is larger than 1 MiB"):
        resolved(here, {"certificate_authority": "ca"})


@pytest.mark.parametrize(
    ("cluster", "user", "says", "hint"),
    [
        ({"certificate_authority": "ca"}, {}, "certificate-authority names a file", "the data itself"),
        ({}, {"client_certificate": "cert", "client_key": "key"}, "client-certificate names a file", "the data itself"),
        ({}, {"client_certificate_data": b"c", "client_key": "key"}, "client-key names a file", "the data itself"),
        ({}, {"token_file": "token"}, "tokenFile names a file", "the data itself"),
        ({}, {"exec": PLUGIN}, 'user "u" wants to run a program', ""),
        ({}, {"exec": replace(PLUGIN, command="plugin")}, "wants to run a program", ""),
    ],
)
def test_what_came_from_no_file_reads_and_runs_nothing_here(
    cluster: dict[str, Any], user: dict[str, Any], says: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        resolved(None, cluster, user)
    assert refused.value.cluster == "x"
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("command", "becomes"),
    [("plugin", "plugin"), ("bin/plugin", "{}/bin/plugin"), ("./plugin", "{}/plugin"), ("/opt/plugin", "/opt/plugin")],
)
def test_a_plugin_is_that_beside_its_kubeconfig(here: Path, command: str, becomes: str) -> None:
    found = resolved(here, {"exec_config": {"a": 1}}, {"exec": replace(PLUGIN, command=command)}).login.exec
    assert found == replace(PLUGIN, command=becomes.format(here.parent), cluster_config={"a": 1})


@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ({}, True),
        ({"token": TOKEN}, False),
        ({"token_file": "token"}, False),
        ({"token": TOKEN, "token_file": "token"}, False),
        ({"username": "me", "password": KEY}, False),
        ({"client_certificate": "cert", "client_key": "key"}, False),
        ({"impersonate": Impersonation("deputy")}, True),
    ],
)
def test_any_other_login_makes_the_plugin_silent(here: Path, fields: dict[str, Any], runs: bool) -> None:
    login = resolved(here, user={"exec": PLUGIN, **fields}).login
    assert (login.exec is not None) is runs
    assert login.token == fields.get("token")
    assert (login.token_file is not None) is ("token_file" in fields)


@pytest.mark.parametrize(
    ("fields", "works"),
    [
        ({}, False),
        ({"token": TOKEN}, True),
        ({"token_file": "token"}, True),
        ({"username": "me", "password": KEY}, True),
        ({"client_certificate": "cert", "client_key": "key"}, True),
        ({"password": KEY}, False),
    ],
)
def test_a_gone_provider_does_no_harm_beside_another_login(here: Path, fields: dict[str, Any], works: bool) -> None:
    user = {"auth_provider": "oidc", **fields}
    if works:
        assert resolved(here, user=user).login != Login()
        return
    with pytest.raises(ConfigError, match='auth-provider "oidc", which is gone') as refused:
        resolved(here, user=user)
    assert "exec plugin" in refused.value.hint


ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    for name, data in (("token", b"t"), ("ca.crt", PEM), ("namespace", b"here\n")):
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_what_a_pod_finds(pod: Path) -> None:
    assert in_cluster_endpoint(ENVIRON, pod) == Endpoint(
        "in-cluster",
        "https://10.0.0.1:443",
        ca=PEM,
        namespace="here",
        cluster_name="incluster",
        login=Login(token_file=str(pod / "token")),
    )
    six = in_cluster_endpoint(ENVIRON | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, pod)
    assert six is not None
    assert six.server == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", [*ENVIRON, "token"])
def test_without_any_of_its_three_signs_there_is_no_pod(pod: Path, missing: str) -> None:
    (pod / missing).unlink(missing_ok=True)
    assert in_cluster_endpoint({key: value for key, value in ENVIRON.items() if key != missing}, pod) is None
    assert in_cluster_endpoint(ENVIRON | ({missing: ""} if missing in ENVIRON else {}), pod) is None
    if missing == "token":
        (pod / "token").mkdir()
        assert in_cluster_endpoint(ENVIRON, pod) is None


@pytest.mark.parametrize(("data", "namespace"), [(None, "default"), (b" \n", "default"), (b"a", "a")])
def test_the_namespace_of_a_pod(pod: Path, data: bytes | None, namespace: str) -> None:
    (pod / "namespace").unlink()
    if data is not None:
        (pod / "namespace").write_bytes(data)
    found = in_cluster_endpoint(ENVIRON, pod)
    assert found is not None
    assert found.namespace == namespace


@pytest.mark.parametrize(
    ("file", "data", "says", "hint"),
    [
        ("ca.crt", None, "unable to read {}/ca.crt: No such file", ""),
        ("ca.crt", b"", "{}/ca.crt is empty", "mounted"),
        ("ca.crt", b"hello", "{}/ca.crt holds no PEM", "mounted"),
        ("ca.crt", PEM.ljust(LARGEST + 1), "{}/ca.crt is larger than 1 MiB", ""),
        ("namespace", "größe".encode(), "{}/namespace is no namespace", ""),
        ("namespace", b"n" * (LARGEST + 1), "{}/namespace is larger than 1 MiB", ""),
    ],
)
def test_a_pod_whose_files_cannot_be_read_enters_nowhere(
    pod: Path, file: str, data: bytes | None, says: str, hint: str
) -> None:
    (pod / file).unlink()
    if data is not None:
        (pod / file).write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        in_cluster_endpoint(ENVIRON, pod)
    assert says.format(pod) in refused.value.message
    assert refused.value.cluster == "in-cluster"
    assert hint in refused.value.hint
