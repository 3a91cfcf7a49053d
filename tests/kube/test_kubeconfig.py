"""Loading and merging kubeconfigs: group G of the acceptance rows."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from tests.kube.kubeconfigs import EXEC, KEYS, PEM, config, kubectl_view, needs_kubectl, same_as_kubectl, simple, write
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import load, parse, precedence
from tui.kube.lint import lint


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


def test_g07_a_file_with_only_a_current_context_gives_empty_maps(tmp_path: Path) -> None:
    loaded = load(write(tmp_path / "c", "current-context: here\n"))
    assert (loaded.contexts, loaded.clusters, loaded.users) == ({}, {}, {})
    assert loaded.current_context == "here"
    with pytest.raises(ConfigError, match=r'"here" of current-context is not in .*/c'):
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
            write(tmp_path / folder / name, f"{folder} {name}\n{PEM.decode()}")
    paths = f"{tmp_path / 'a' / 'config'}:{tmp_path / 'b' / 'config'}"
    loaded = load(environ={"KUBECONFIG": paths})
    for folder in ("a", "b"):
        endpoint = loaded.endpoint(folder)
        assert endpoint.ca == f"{folder} ca.pem\n".encode() + PEM
        assert endpoint.login.client_certificate == f"{folder} c.pem\n".encode() + PEM
        assert endpoint.login.client_key is not None
        assert endpoint.login.client_key.reveal().startswith(f"{folder} k.pem")
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
    document["users"] = [{"name": "one", "user": {"exec": EXEC | {"command": command}}}]
    plugin = load(write(tmp_path / "c", document)).endpoint().login.exec
    assert plugin is not None
    assert plugin.command == becomes.format(tmp_path)


def test_g11_files_listed_twice_count_once(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert precedence(None, {"KUBECONFIG": f"{a}::{b}:{a}"}) == (Path(a), Path(b))


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
