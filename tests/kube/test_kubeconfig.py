"""Loading, merging and resolving kubeconfigs: group G of the acceptance rows, and what kubectl does beside them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import KubeConfig, default_file, in_cluster, load, parse, precedence
from tui.kube.lint import lint
from tui.kube.resolving import in_cluster_endpoint

KEYS = (
    *("apiVersion", "kind", "clusters", "users", "contexts", "current-context", "name", "cluster", "user", "context"),
    *(
        "server",
        "token",
        "tokenFile",
        "exec",
        "env",
        "args",
        "extensions",
        "extension",
        "namespace",
        "as-groups",
        "proxy-url",
    ),
    *("client-key-data", "certificate-authority-data", "insecure-skip-tls-verify", "as-user-extra", "auth-provider"),
)
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")


def config(**parts: Any) -> dict[str, Any]:
    """A kubeconfig document: `cluster={name: {...}}`, `user=…`, `context=…`, `current=…`."""
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    for kind in ("cluster", "user", "context"):
        document[f"{kind}s"] = [{"name": name, kind: entry} for name, entry in parts.get(kind, {}).items()]
    if "current" in parts:
        document["current-context"] = parts["current"]
    return document


def simple(name: str = "one", **cluster: Any) -> dict[str, Any]:
    return config(
        cluster={name: {"server": "https://127.0.0.1:6443", **cluster}},
        user={name: {"token": "t"}},
        context={name: {"cluster": name, "user": name}},
        current=name,
    )


def write(path: Path, document: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return str(path)


def kubectl_view(**environ: str) -> dict[str, Any]:
    done = subprocess.run(
        ["kubectl", "config", "view", "--raw", "-o", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def test_g01_a_missing_explicit_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no-such-file"):
        load(str(tmp_path / "no-such-file"))


@pytest.mark.parametrize("broken", ["bogus value", "[]", "kind: Pod", "apiVersion: v2", "a: ["])
def test_g03_a_broken_file_is_named_and_hides_no_other(tmp_path: Path, broken: str) -> None:
    bad, good = write(tmp_path / "bad", broken), write(tmp_path / "good", simple())
    loaded = load(environ={"KUBECONFIG": f"{bad}:{tmp_path}:{good}"})
    assert list(loaded.contexts) == ["one"]
    assert [str(problem) for problem in loaded.problems if bad in str(problem)]
    assert [str(problem) for problem in loaded.problems if f'"{tmp_path}"' in str(problem)]
    with pytest.raises(ConfigError, match=bad):
        load(bad)


def test_g03_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)  # root may read every mode, but nobody can open this
    assert str(loop) in str(load(environ={"KUBECONFIG": str(loop)}).problems[0])


@needs_kubectl
def test_g05_first_file_wins(tmp_path: Path) -> None:
    first = config(
        cluster={"cow-cluster": {"server": "https://cow.org:8080", "tls-server-name": "cow"}},
        user={"red-user": {"token": "red"}, "a-user": {"token": "a"}},
        context={"federal": {"cluster": "cow-cluster", "user": "red-user"}},
    )
    second = config(
        cluster={
            "cow-cluster": {"server": "https://other.org", "proxy-url": "http://p"},
            "pig": {"server": "https://pig"},
        },
        user={"red-user": {"token": "other", "tokenFile": "x"}, "b-user": {"token": "b"}},
        context={"federal": {"cluster": "pig", "user": "b-user", "namespace": "here"}, "queen": {"cluster": "pig"}},
        current="queen",
    )
    paths = f"{write(tmp_path / 'a', first)}:{write(tmp_path / 'b', second)}"
    merged = load(environ={"KUBECONFIG": paths})
    assert merged.clusters["cow-cluster"].server == "https://cow.org:8080"
    assert merged.clusters["cow-cluster"].proxy_url == ""
    assert merged.users["red-user"].token_file == ""
    assert merged.contexts["federal"].namespace == ""
    assert same_as_kubectl(merged, kubectl_view(KUBECONFIG=paths))


def same_as_kubectl(ours: KubeConfig, theirs: dict[str, Any]) -> bool:
    assert ours.current_context == theirs["current-context"]
    clusters = {item["name"]: item["cluster"].get("server", "") for item in theirs["clusters"] or ()}
    users = {item["name"]: item["user"].get("token") for item in theirs["users"] or ()}
    contexts = {item["name"]: item["context"] for item in theirs["contexts"] or ()}
    assert {name: entry.server for name, entry in ours.clusters.items()} == clusters
    assert {name: entry.token.reveal() if entry.token else None for name, entry in ours.users.items()} == users
    assert {name: (entry.cluster, entry.user, entry.namespace) for name, entry in ours.contexts.items()} == {
        name: (entry.get("cluster", ""), entry.get("user", ""), entry.get("namespace", ""))
        for name, entry in contexts.items()
    }
    return True


def test_g07_a_file_with_only_a_current_context_gives_empty_maps(tmp_path: Path) -> None:
    loaded = load(write(tmp_path / "c", "current-context: here\n"))
    assert (loaded.contexts, loaded.clusters, loaded.users) == ({}, {}, {})
    assert loaded.current_context == "here"
    with pytest.raises(ConfigError, match='"here" does not exist'):
        loaded.endpoint()


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "null\n", "---\n"])
def test_an_empty_file_is_an_empty_configuration(tmp_path: Path, text: str) -> None:
    loaded = load(write(tmp_path / "c", text))
    assert (loaded.contexts, loaded.problems) == ({}, ())


def test_g09_relative_paths_belong_to_their_file(tmp_path: Path) -> None:
    def relative(name: str, **user: str) -> dict[str, Any]:
        return config(
            cluster={name: {"server": "https://h", "certificate-authority": "ca.pem"}},
            user={name: {"client-certificate": "c.pem", "client-key": "k.pem", "tokenFile": "sub/token", **user}},
            context={name: {"cluster": name, "user": name}},
        )

    for folder in ("a", "b"):
        write(tmp_path / folder / "config", relative(folder))
        for name in ("ca.pem", "c.pem", "k.pem"):
            write(tmp_path / folder / name, f"{folder} {name}")
    paths = f"{tmp_path / 'a' / 'config'}:{tmp_path / 'b' / 'config'}"
    loaded = load(environ={"KUBECONFIG": paths})
    for folder in ("a", "b"):
        endpoint = loaded.endpoint(folder)
        assert endpoint.ca == f"{folder} ca.pem".encode()
        assert endpoint.login.client_certificate == f"{folder} c.pem".encode()
        assert endpoint.login.client_key is not None
        assert endpoint.login.client_key.reveal() == f"{folder} k.pem"
        assert endpoint.login.token_file == str(tmp_path / folder / "sub" / "token")


def test_g09_a_user_of_one_file_with_a_context_of_another(tmp_path: Path) -> None:
    write(tmp_path / "a" / "config", config(user={"u": {"tokenFile": "token"}}))
    write(
        tmp_path / "b" / "config",
        config(cluster={"c": {"server": "https://h"}}, context={"x": {"cluster": "c", "user": "u"}}),
    )
    loaded = load(environ={"KUBECONFIG": f"{tmp_path}/a/config:{tmp_path}/b/config"})
    assert loaded.endpoint("x").login.token_file == str(tmp_path / "a" / "token")


@pytest.mark.parametrize(
    ("command", "becomes"),
    [("plugin", "plugin"), ("./plugin", "{}/plugin"), ("bin/plugin", "{}/bin/plugin"), ("/opt/plugin", "/opt/plugin")],
)
def test_g09_exec_commands(tmp_path: Path, command: str, becomes: str) -> None:
    document = simple()
    document["users"] = [{"name": "one", "user": {"exec": {"command": command, "apiVersion": "x/v1"}}}]
    plugin = load(write(tmp_path / "c", document)).endpoint().login.exec
    assert plugin is not None
    assert plugin.command == becomes.format(tmp_path)


def test_g11_files_listed_twice_count_once(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert precedence(None, {"KUBECONFIG": f"{a}::{b}:{a}"}) == (Path(a), Path(b))


@needs_kubectl
def test_g19_token_file_wins_over_token_and_both_are_shown(tmp_path: Path) -> None:
    document = simple()
    document["users"] = [{"name": "one", "user": {"token": "t", "tokenFile": "f"}}]
    loaded = load(write(tmp_path / "c", document))
    login = loaded.endpoint().login
    assert login.token is not None
    assert login.token_file == str(tmp_path / "f")
    assert any("kubectl uses the file" in finding.message for finding in lint(loaded))


def test_g21_another_server_clears_the_tls_server_name(tmp_path: Path) -> None:
    endpoint = load(write(tmp_path / "c", simple(**{"tls-server-name": "name"}))).endpoint()
    assert endpoint.tls_server_name == "name"
    moved = endpoint.with_server("https://10.0.0.1:6443")
    assert (moved.server, moved.tls_server_name, moved.login) == ("https://10.0.0.1:6443", None, endpoint.login)


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


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ("nowhere", 'context "nowhere" does not exist'),
        ("lost-cluster", 'cluster "gone" of this context does not exist'),
        ("lost-user", 'user "gone" of this context does not exist'),
        ("no-cluster", "cluster was not specified"),
        ("no-server", "no server found"),
    ],
)
def test_g27_what_is_missing_is_named(tmp_path: Path, context: str, says: str) -> None:
    document = config(
        cluster={"c": {"server": "https://h"}, "empty": {}},
        user={"u": {"token": "t"}},
        context={
            "lost-cluster": {"cluster": "gone", "user": "u"},
            "lost-user": {"cluster": "c", "user": "gone"},
            "no-cluster": {"user": "u"},
            "no-server": {"cluster": "empty", "user": "u"},
        },
    )
    loaded = load(write(tmp_path / "c", document))
    with pytest.raises(ConfigError, match=says) as caught:
        loaded.endpoint(context)
    if context == "nowhere":
        assert caught.value.hint == "contexts: lost-cluster, lost-user, no-cluster, no-server"
    else:
        assert caught.value.cluster == context


def test_g27_minify_keeps_one_of_each(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", simple("one")), write(tmp_path / "b", simple("two"))
    loaded = load(environ={"KUBECONFIG": f"{a}:{b}"})
    small = loaded.minify("two")
    assert (list(small.contexts), list(small.clusters), list(small.users)) == (["two"], ["two"], ["two"])
    assert small.current_context == "two"
    assert small.endpoint() == loaded.endpoint("two")
    assert list(loaded.minify().contexts) == ["one"]
    with pytest.raises(ConfigError, match='"three" does not exist'):
        loaded.minify("three")
    document = simple()
    document["clusters"] = []
    with pytest.raises(ConfigError, match='cluster "one" of this context does not exist'):
        load(write(tmp_path / "c", document)).minify()


def test_g29_the_first_current_context_wins(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", simple("one")), write(tmp_path / "b", simple("two"))
    assert load(environ={"KUBECONFIG": f"{a}:{b}"}).current_context == "one"
    assert load(environ={"KUBECONFIG": f"{b}:{a}"}).current_context == "two"


@pytest.mark.parametrize("name", ["2024-01-01", "1:30", "12"])
def test_g31_unquoted_names(tmp_path: Path, name: str) -> None:
    text = (
        f"current-context: {name}\nclusters: [{{name: c, cluster: {{server: 'https://h'}}}}]\n"
        f"contexts: [{{name: {name}, context: {{cluster: c}}}}]\n"
    )
    loaded = load(write(tmp_path / "c", text))
    assert list(loaded.contexts) == [name]
    assert loaded.endpoint().name == name
    refused = [problem for problem in loaded.problems if "kubectl cannot read this" in str(problem)]
    assert bool(refused) is (name == "12")
    if refused:
        assert "contexts[0].name" in str(refused[-1])
        assert str(tmp_path / "c") in str(refused[-1])


def test_a_name_given_twice_in_one_list_is_a_problem(tmp_path: Path) -> None:
    document = simple()
    document["users"].append({"name": "one", "user": {"token": "other"}})
    loaded = load(write(tmp_path / "c", document))
    assert "duplicate name 'one'" in str(loaded.problems[0])
    assert loaded.users["one"].token is not None
    assert loaded.users["one"].token.reveal() == "t"


def test_only_the_first_document_of_a_file_counts(tmp_path: Path) -> None:
    text = yaml.safe_dump(simple("one")) + "---\n" + yaml.safe_dump(simple("two"))
    assert list(load(write(tmp_path / "c", text)).contexts) == ["one"]


def test_all_files_missing_is_an_empty_configuration_with_a_warning(tmp_path: Path) -> None:
    loaded = load(environ={"KUBECONFIG": f"{tmp_path}/a:{tmp_path}/b"})
    assert loaded.contexts == {}
    assert loaded.warnings == (f"Config not found: {tmp_path}/a, {tmp_path}/b",)
    with pytest.raises(ConfigError) as caught:
        loaded.endpoint()
    assert f"{tmp_path}/a" in caught.value.hint
    assert load(environ={"KUBECONFIG": f"{tmp_path}/a:{write(tmp_path / 'c', simple())}"}).warnings == ()


def test_the_home_folder_is_the_default(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", simple())
    assert list(load(environ={"HOME": str(tmp_path)}).contexts) == ["one"]
    assert list(load(environ={"HOME": str(tmp_path), "KUBECONFIG": ""}).contexts) == ["one"]


def test_where_new_entries_go(tmp_path: Path) -> None:
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    environ = {"KUBECONFIG": f"{a}:{b}:{c}", "HOME": str(tmp_path)}
    assert default_file(None, environ) == c
    assert default_file(None, environ, rule="loading") == a
    write(b, simple())
    assert default_file(None, environ) == b
    assert default_file(str(c), environ) == c
    assert default_file(None, {"HOME": str(tmp_path)}) == tmp_path / ".kube" / "config"


def test_data_wins_over_files_and_is_decoded(tmp_path: Path) -> None:
    document = simple(
        **{"certificate-authority-data": base64.b64encode(b"data").decode(), "certificate-authority": "x"}
    )
    loaded = load(write(tmp_path / "c", document))
    assert loaded.endpoint().ca == b"data"
    assert any("both specified" in finding.message for finding in lint(loaded))


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"client-certificate": "gone.pem", "client-key": "gone.pem"}, "unable to read client-certificate"),
        ({"client-certificate-data": "Zm9v"}, "has no client-key"),
        ({"client-key-data": "Zm9v"}, "has no client-certificate"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, "exec has no command"),
    ],
)
def test_logins_that_cannot_work(tmp_path: Path, user: dict[str, Any], says: str) -> None:
    document = simple()
    document["users"] = [{"name": "one", "user": user}]
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path / "c", document)).endpoint()


def test_a_static_token_makes_the_plugin_silent(tmp_path: Path) -> None:
    document = simple()
    document["users"][0]["user"]["exec"] = {"command": "x", "apiVersion": "client.authentication.k8s.io/v1"}
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
                "exec": {
                    "command": "x",
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


@pytest.mark.parametrize(
    "part",
    [
        {"contexts": "text"},
        {"contexts": {"a": "b"}},
        {"contexts": ["text", 5, None, {"name": ["a"]}]},
        {"users": [{"name": "one", "user": {"token": {"a": "b"}, "as-groups": "x", "exec": "y"}}]},
        {"clusters": [{"name": "one", "cluster": {"insecure-skip-tls-verify": "perhaps", "server": 5}}]},
        {"clusters": [{"name": "one", "cluster": {"certificate-authority-data": "!!"}}]},
        {"current-context": ["a"]},
    ],
)
def test_wrong_shapes_are_problems_and_nothing_breaks(tmp_path: Path, part: dict[str, Any]) -> None:
    loaded = load(write(tmp_path / "c", simple() | part))
    assert loaded.problems
    lint(loaded)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6))
def test_any_document_gives_a_configuration_or_one_error(document: dict[str, Any]) -> None:
    try:
        loaded = parse(json.dumps(document).encode())
    except ConfigError:
        return
    lint(loaded)
    for name in loaded.contexts:
        with contextlib.suppress(ConfigError):
            loaded.endpoint(name)


def test_hints_are_made_harmless() -> None:
    loaded = parse(json.dumps(simple("evil\x1b]0;title\x07\u202e")).encode())
    with pytest.raises(ConfigError) as caught:
        loaded.endpoint("gone")
    assert caught.value.hint == "contexts: evil·]0;title·"


def test_from_memory_nothing_outside_is_believed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    inside = simple(**{"certificate-authority-data": base64.b64encode(b"data").decode()})
    assert parse(json.dumps(inside).encode()).endpoint().ca == b"data"
    for cluster, user in (
        ({"certificate-authority": str(secret)}, {}),
        ({}, {"tokenFile": str(secret)}),
        ({}, {"client-certificate": str(secret), "client-key": str(secret)}),
        ({}, {"exec": {"command": "/bin/true", "apiVersion": "client.authentication.k8s.io/v1"}}),
    ):
        document = simple(**cluster)
        document["users"] = [{"name": "one", "user": user}]
        with pytest.raises(ConfigError):
            parse(json.dumps(document).encode()).endpoint()


def test_material_never_shows_in_a_repr(tmp_path: Path) -> None:
    document = simple()
    document["users"] = [
        {"name": "one", "user": {"token": "hunter2-token", "username": "u", "password": "hunter2-password"}},
        {"name": "two", "user": {"client-key-data": base64.b64encode(b"hunter2-key").decode()}},
    ]
    loaded = load(write(tmp_path / "c", document))
    assert "hunter2" not in repr(loaded)
    assert "hunter2" not in repr(loaded.endpoint())


def test_lint_says_what_kubectl_says(tmp_path: Path) -> None:
    document = config(
        cluster={"c": {}},
        user={
            "both": {"token": "t", "username": "u"},
            "exec": {
                "exec": {"env": [{"value": "v"}], "interactiveMode": "Perhaps"},
                "auth-provider": {"name": "oidc"},
            },
            "as": {"as-groups": ["g"]},
            "cert": {"client-certificate": "gone"},
        },
        context={"x": {"cluster": "nope", "user": "nope", "namespace": "Not_a_label"}, "y": {}},
        current="z",
    )
    messages = [finding.message for finding in lint(load(write(tmp_path / "c", document)))]
    for expected in (
        "context was not found for specified context: z",
        'no server found for cluster "c"',
        "more than one authentication method found for both; found [token basicAuth], only one is allowed",
        "authProvider cannot be provided in combination with an exec plugin for exec",
        "command must be specified for exec to use exec authentication plugin",
        "apiVersion must be specified for exec to use exec authentication plugin",
        "env variable name must be specified for exec to use exec authentication plugin",
        'invalid interactiveMode for exec: "Perhaps"',
        "requesting uid, groups or user-extra for as without impersonating a user",
        "unable to read client-cert gone for cert due to No such file or directory",
        "client-key-data or client-key must be specified for cert to use the clientCert authentication method.",
        'cluster "nope" was not found for context "x"',
        'user "nope" was not found for context "x"',
        'namespace "Not_a_label" for context "x" does not conform to the kubernetes DNS_LABEL rules',
        'cluster was not specified for context "y"',
    ):
        assert expected in messages
    assert lint(load(write(tmp_path / "d", simple()))) == ()


def test_in_cluster(tmp_path: Path) -> None:
    assert in_cluster({}) is None
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster_endpoint(environ, tmp_path) is None
    for name, text in (("token", "t\n"), ("ca.crt", "pem"), ("namespace", "here\n")):
        write(tmp_path / name, text)
    endpoint = in_cluster_endpoint(environ, tmp_path)
    assert endpoint is not None
    assert (endpoint.server, endpoint.ca, endpoint.namespace) == ("https://[fd00::1]:443", b"pem", "here")
    assert endpoint.login.token_file == str(tmp_path / "token")


@needs_kubectl
@pytest.mark.parametrize(
    "texts",
    [
        ["", "current-context: a\n"],
        ["# comment only\n", yaml.safe_dump(simple("x"))],
        [json.dumps(simple("j")), yaml.safe_dump(simple("k"))],
        ["\ufeff" + yaml.safe_dump(simple("bom"))],
        [yaml.safe_dump(simple("unknown") | {"whatever": {"a": 1}})],
        ["clusters: null\nusers: []\ncontexts:\ncurrent-context: ''\n", yaml.safe_dump(simple("late"))],
        ["a: &a {server: 'https://anchored'}\nclusters: [{name: c, cluster: *a}, {name: d, cluster: {<<: *a}}]\n"],
        ["clusters: [{name: 2024-01-01, cluster: {server: 1:30}}]\ncontexts: [{name: '12', context: {user: '0x1'}}]\n"],
        ["Current-Context: shouting\nclusters: [{name: c, cluster: {server: s}}]\n"],
        ["contexts: [{name: c, context: {cluster: one, cluster: two}}]\n"],
    ],
)
def test_loads_exactly_what_kubectl_loads(tmp_path: Path, texts: list[str]) -> None:
    paths = ":".join(write(tmp_path / str(index), text) for index, text in enumerate(texts))
    ours = load(environ={"KUBECONFIG": paths})
    assert ours.problems == ()
    assert same_as_kubectl(ours, kubectl_view(KUBECONFIG=paths))


@needs_kubectl
@pytest.mark.parametrize(
    "text",
    [
        "clusters: [{name: 12, cluster: {}}]\n",
        "clusters: [{name: yes, cluster: {}}]\n",
        "clusters: [{name: 1e3, cluster: {}}]\n",
        "clusters: [{name: .5, cluster: {}}]\n",
        "clusters: [{name: a, cluster: {insecure-skip-tls-verify: 'true'}}]\n",
        "clusters: [{name: a, cluster: {certificate-authority-data: '!'}}]\n",
        "clusters: [{name: a, cluster: {}}, {name: a, cluster: {}}]\n",
        "clusters: {}\n",
        "kind: Pod\n",
        "[]\n",
        "bogus value\n",
    ],
)
def test_has_problems_exactly_where_kubectl_refuses(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "c", text)
    done = subprocess.run(
        ["kubectl", "config", "view"],
        env={"PATH": os.environ["PATH"], "KUBECONFIG": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert load(environ={"KUBECONFIG": path}).problems
