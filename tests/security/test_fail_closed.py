"""Absent, unreadable and wrong are three things: what decides who is trusted or who acts never falls open.

For each such field of a kubeconfig: where it is there and cannot be read, its entry is refused, with the field's name,
and every other context works. The verdicts stand beside kubectl's, which are the same or milder.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet.conftest import over, until
from tests.kube.kubeconfigs import EXEC, PEM, needs_kubectl, simple, write
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.rows import Reach
from tui.kube.endpoint import ExecPlugin
from tui.kube.errors import ConfigError, ExecPluginError
from tui.kube.exec_credential import read_credential
from tui.kube.kubeconfig import KubeConfig, load
from tui.kube.resolving import in_cluster_endpoint
from tui.kube.sensitive import Sensitive
from tui.settings import reading as settings

PEM64 = base64.b64encode(PEM).decode()
EXTENSION = {
    "name": "client.authentication.k8s.io/exec",
    "extension": {"shootRef": {"namespace": "n", "name": "s"}, "gardenClusterIdentity": "g"},
}
CLUSTER: dict[str, Any] = {
    "server": "https://127.0.0.1:1",
    "certificate-authority": "ca",
    "certificate-authority-data": PEM64,
    "insecure-skip-tls-verify": True,
    "tls-server-name": "name",
    "proxy-url": "http://proxy:1",
    "disable-compression": True,
    "extensions": [EXTENSION],
}
USER: dict[str, Any] = {
    "token": "t",
    "tokenFile": "t",
    "client-certificate": "c",
    "client-certificate-data": PEM64,
    "client-key": "k",
    "client-key-data": PEM64,
    "username": "u",
    "password": "p",
    "exec": EXEC
    | {
        "args": ["a"],
        "env": [{"name": "A", "value": "a"}],
        "installHint": "h",
        "provideClusterInfo": True,
    },
    "auth-provider": {"name": "oidc", "config": {"client-id": "c"}},
    "as": "jane",
    "as-uid": "7",
    "as-groups": ["g"],
    "as-user-extra": {"k": ["v"]},
    "extensions": [EXTENSION],
}
CONTEXT: dict[str, Any] = {"cluster": "one", "user": "one", "namespace": "n", "extensions": [EXTENSION]}


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a tree, but what an extension holds: that belongs to whoever it is for."""
    if path:
        yield path
    if path and path[-1] == "extension":
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(item, (*path, key))


def spoiled(entry: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    made = copy.deepcopy(entry)
    inside: Any = made
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return made


def document(section: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig whose context `one` uses the entry, and whose context `two` has nothing to do with it."""
    made, other = simple("one"), simple("two")
    for plural in ("clusters", "users", "contexts"):
        made[plural] += other[plural]
    made[f"{section}s"][0][section] = entry
    return made


def refusal(loaded: KubeConfig, context: str = "one") -> str:
    with pytest.raises(ConfigError) as caught:
        loaded.endpoint(context)
    assert caught.value.cluster == context
    return caught.value.message


def other_type(value: object) -> Iterator[object]:
    """Values of every other type, and texts that are none of what the field takes."""
    for other in ({"x": "y"}, ["x"], "x", 5, True):
        same = isinstance(other, type(value)) and not (isinstance(other, bool) ^ isinstance(value, bool))
        if not same:
            yield other
    if isinstance(value, str) and value == PEM64:
        yield from ("LS0t&#43;LS0K", PEM64[:8] + " " + PEM64[8:], " ", PEM64[:-1], "é")


@pytest.mark.parametrize(("section", "entry"), [("cluster", CLUSTER), ("user", USER), ("context", CONTEXT)])
def test_a_field_that_is_there_and_cannot_be_read_makes_its_entry_unusable(
    tmp_path: Path, section: str, entry: dict[str, Any]
) -> None:
    for path in paths(entry):
        if path[-1] == "extension":
            continue
        value: Any = entry
        for key in path:
            value = value[key]
        for other in other_type(value):
            if section == "context" and path[-1] in ("cluster", "user", "namespace") and isinstance(other, int):
                continue  # a name without quotes: kubectl cannot read it, and there is no doubt what it means
            loaded = load(write(tmp_path / "c", document(section, spoiled(entry, path, other))))
            said = refusal(loaded)
            assert f"{section}s[0].{section}." in said, (path, other)
            assert str(path[0]) in said, (path, other)
            assert loaded.endpoint("two").login.token is not None
            assert loaded.problems, "the command line says it too"


TWICE = {
    "clusters": "{name: one, cluster: {server: 'https://h', server: 'https://evil'}}",
    "users": "{name: one, user: {as: jane, token: t, as: admin}}",
    "contexts": "{name: one, context: {cluster: one, user: one, user: two}}",
}


@pytest.mark.parametrize("section", TWICE)
def test_a_key_given_twice_makes_its_entry_unusable(tmp_path: Path, section: str) -> None:
    made = document("cluster", simple()["clusters"][0]["cluster"])
    made[section][0] = "PLACE"
    text = yaml.safe_dump(made).replace("PLACE", TWICE[section])
    loaded = load(write(tmp_path / "c", text))
    assert "given twice" in refusal(loaded)
    assert loaded.endpoint("two")


@pytest.mark.parametrize(
    "text",
    [
        "extensions: [{name: a, extension: {}}, {name: a, extension: {}}]",
        "extensions: [{name: client.authentication.k8s.io/exec, extension: {shootRef: {name: a, name: b}}}]",
        "{<<: {server: 'https://a', server: 'https://b'}}",
    ],
)
def test_what_says_which_cluster_is_meant_stands_there_once(tmp_path: Path, text: str) -> None:
    cluster = text if text.startswith("{") else f"{{server: 'https://h', {text}}}"
    written = f"clusters: [{{name: c, cluster: {cluster}}}]\ncontexts: [{{name: one, context: {{cluster: c}}}}]\n"
    assert "twice" in (said := refusal(load(write(tmp_path / "c", written)))) or "duplicate" in said


@pytest.mark.parametrize("section", ["clusters", "users", "contexts"])
def test_a_name_or_a_list_given_twice_is_nobodys(tmp_path: Path, section: str) -> None:
    made = document("cluster", simple()["clusters"][0]["cluster"])
    made[section].append(copy.deepcopy(made[section][0]))
    loaded = load(write(tmp_path / "c", made))
    assert "duplicate name" in refusal(loaded)
    assert loaded.endpoint("two")
    listed = yaml.safe_dump({section: made[section][:1]})
    loaded = load(write(tmp_path / "d", yaml.safe_dump(simple("one")) + listed))
    assert "given twice" in refusal(loaded)


@pytest.mark.parametrize("section", ["clusters", "users", "contexts"])
@pytest.mark.parametrize("listed", ["{one: {}}", "[x]", "[{name: [one]}]", "[{name: one, name: two}]"])
def test_what_an_earlier_file_may_say_is_not_taken_from_a_later_one(tmp_path: Path, section: str, listed: str) -> None:
    """The login that was to act as somebody lesser, in a list that cannot be read; a later file has the full one."""
    first = simple("mine")
    text = yaml.safe_dump({key: value for key, value in first.items() if key != section}) + f"{section}: {listed}\n"
    files = f"{tmp_path / 'gone'}:{write(tmp_path / 'first', text)}:{write(tmp_path / 'later', simple('one'))}"
    loaded = load(environ={"KUBECONFIG": files})
    said = refusal(loaded)
    assert f"{section} of {tmp_path / 'first'}" in said
    assert "it comes first, and may say another one of this name" in said
    honest = f"{write(tmp_path / 'other', simple('one'))}:{files}"
    assert load(environ={"KUBECONFIG": honest}).endpoint("one").name == "one"


SPELLED: dict[str, tuple[str, str]] = {
    "a merge by its tag": ("!!merge <<: *lesser", "viewer"),
    "a merge by its long tag": ('!<tag:yaml.org,2002:merge> "<<": *lesser', "viewer"),
    "a key in base64": ("!!binary YXM=: viewer", "viewer"),
    "a name in base64": ("as: !!binary dmlld2Vy", "viewer"),
    "a merge that kubectl lets overrule": ("as: admin\n    <<: *lesser", ""),
    "a merge that says the same": ("as: viewer\n    <<: *lesser", "viewer"),
    "a merge that is overruled": ("<<: *lesser\n    as: auditor", "auditor"),
    "a value that is not what its tag says": ("as: !!null viewer", ""),
    "a name in base64 that is none": ("as: !!binary '%'", ""),
    "a key in base64 that is no text": ("!!binary /w==: viewer", ""),
}


@pytest.mark.parametrize("how", SPELLED)
def test_however_it_is_spelled_whom_somebody_wanted_to_act_as_acts(tmp_path: Path, how: str) -> None:
    """Tags and merge keys that kubectl understands: who is left out of them would leave the full login to act."""
    line, who = SPELLED[how]
    text = f"""x: &lesser {{as: viewer}}
clusters: [{{name: one, cluster: {{server: https://127.0.0.1:1}}}}]
contexts: [{{name: one, context: {{cluster: one, user: one}}}}]
users:
- name: one
  user:
    token: t
    {line}
"""
    try:
        login = load(write(tmp_path / "config", text)).endpoint("one").login
    except ConfigError:
        assert not who
    else:
        assert login.impersonate is not None
        assert login.impersonate.user == who


def test_where_the_current_context_cannot_be_read_no_later_file_says_it(tmp_path: Path) -> None:
    """Another cluster's admin would act, whom nobody meant."""
    later = write(tmp_path / "later", simple("later"))
    for text in ("current-context: [one]\n", "current-context: a\ncurrent-context: b\n", "broken: ["):
        loaded = load(environ={"KUBECONFIG": f"{write(tmp_path / 'first', text)}:{later}"})
        assert loaded.current_context == ""
        with pytest.raises(ConfigError, match="which context is the current one cannot be known"):
            loaded.endpoint()
        assert loaded.endpoint("later").name == "later"


CASES: dict[str, dict[str, Any]] = {
    "ca no base64": {"certificate-authority-data": "LS0t&#43;LS0K"},
    "ca no PEM": {"certificate-authority-data": base64.b64encode(b"no PEM").decode()},
    "ca blank": {"certificate-authority-data": " "},
    "ca and insecure": {"certificate-authority-data": PEM64, "insecure-skip-tls-verify": True},
    "ca twice": {"certificate-authority-data": PEM64, "certificate-authority": "pem"},
    "ca file no PEM": {"certificate-authority": "text"},
    "ca file gone": {"certificate-authority": "gone"},
    "insecure": {"insecure-skip-tls-verify": "true"},
    "proxy": {"proxy-url": "nonsense"},
    "extensions": {"extensions": [EXTENSION, EXTENSION]},
    "as": {"as": ["viewer-only"]},
    "groups alone": {"as-groups": ["g"]},
    "uid alone": {"as-uid": "7"},
    "extra": {"as": "a", "as-user-extra": {"k": "v"}},
    "token and password": {"username": "u"},
    "certificate alone": {"client-certificate-data": PEM64},
    "provider gone": {"auth-provider": {"name": "gcp"}},
    "provider and exec": {"exec": EXEC, "auth-provider": {"name": "oidc"}},
    "exec empty": {"exec": {}},
    "exec env": {"exec": EXEC | {"env": [{"value": "x"}]}},
}
STRICTER: dict[str, dict[str, Any]] = {
    "ca file empty": {"certificate-authority": "nothing"},  # kubectl trusts the system's authorities then
    "key alone": {"client-key-data": PEM64},
}


def of_case(folder: Path, fields: dict[str, Any]) -> str:
    made = simple("one", server="https://127.0.0.1:1")
    of_cluster = set(fields) & set(CLUSTER) and not set(fields) & set(USER)
    made["clusters" if of_cluster else "users"][0]["cluster" if of_cluster else "user"] |= fields
    for name, text in (("nothing", ""), ("text", "hello\n"), ("pem", PEM.decode())):
        write(folder / name, text)
    return write(folder / "config", made)


@pytest.mark.parametrize("case", [*CASES, *STRICTER])
def test_what_kubectl_refuses_is_refused(tmp_path: Path, case: str) -> None:
    refusal(load(of_case(tmp_path, (CASES | STRICTER)[case])))


@needs_kubectl
async def test_kubectl_refuses_the_same(tmp_path: Path) -> None:
    """Before it sends anything: a connection to this port is refused, which would be said then."""

    async def verdict(case: str) -> tuple[str, bool]:
        (tmp_path / case).mkdir()
        file = of_case(tmp_path / case, (CASES | STRICTER)[case])
        words = ["kubectl", "--kubeconfig", file, "get", "--raw", "/version"]
        done = await asyncio.to_thread(
            subprocess.run, words, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False
        )
        assert done.returncode != 0
        return case, "was refused" not in done.stderr

    verdicts = dict(await asyncio.gather(*(verdict(case) for case in (*CASES, *STRICTER))))
    assert {case for case, refused in verdicts.items() if not refused} == set(STRICTER)


async def test_the_dashboard_names_what_cannot_be_read_and_the_rest_is_ready(tmp_path: Path) -> None:
    """Cases 07 and 08: the token must not go to a server that the system's authorities vouch for, nor as the admin."""
    async with EmbeddedFleet(clusters=1, accounts=1, troubled=False, controller=False) as embedded:
        made = yaml.safe_load(embedded.kubeconfig.read_text())
        cluster, user = made["clusters"][0], made["users"][0]
        made["clusters"].append({"name": "07", "cluster": cluster["cluster"] | CASES["ca no base64"]})
        made["users"].append({"name": "08", "user": user["user"] | CASES["as"]})
        for name, of, by in (("depot", "07", user["name"]), ("clerk", cluster["name"], "08")):
            made["contexts"].append({"name": name, "context": {"cluster": of, "user": by}})
        embedded.kubeconfig.write_text(json.dumps(made))
        async with over(embedded, tmp_path) as fleet:
            await until(lambda: fleet.store.clusters["harbor"].reach is Reach.READY, "the sound one")
            await fleet.settled(10)
            rows = {row.name: row for row in fleet.store.clusters.values()}
            assert {rows["depot"].reach, rows["clerk"].reach} == {Reach.UNUSABLE}
            assert "certificate-authority-data: not base64" in rows["depot"].message
            assert "user.as: not a string" in rows["clerk"].message
            assert "nothing is sent there" in rows["clerk"].hint
            assert not [row for row in fleet.store.accounts.values() if row.identity.cluster in ("depot", "clerk")]


@pytest.mark.parametrize(("text", "says"), [("", "is empty"), ("hello", "holds no PEM certificate"), (None, "unable")])
def test_a_pod_whose_authority_cannot_be_read_trusts_nobody(tmp_path: Path, text: str | None, says: str) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    write(tmp_path / "token", "t")
    if text is not None:
        write(tmp_path / "ca.crt", text)
    with pytest.raises(ConfigError, match=says):
        in_cluster_endpoint(environ, tmp_path)
    write(tmp_path / "ca.crt", PEM.decode())
    assert in_cluster_endpoint(environ, tmp_path)
    (tmp_path / "namespace").mkdir()
    with pytest.raises(ConfigError, match="namespace"):
        in_cluster_endpoint(environ, tmp_path)


V1 = "client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ('{"token": 5}', "token"),
        ('{"token": "t", "expirationTimestamp": "tomorrow"}', "expirationTimestamp"),
        ('{"token": "t", "expirationTimestamp": 99999999999}', "expirationTimestamp"),
        ('{"token": "t", "expirationTimestamp": ""}', "expirationTimestamp"),
        ('{"token": "t", "expirationTimestamp": "2030-01-01T00:00:00"}', "no time zone"),
        ('{"token": "t", "clientCertificateData": "c"}', "only certificate or key"),
        ('{"token": "t", "clientKeyData": "k"}', "only certificate or key"),
        ('{"token": "t", "clientCertificateData": ["c"], "clientKeyData": "k"}', "clientCertificateData"),
        ('{"clientCertificateData": "c", "clientKeyData": "k"}', "failed parsing"),
        ('{"token": "t", "token": "u"}', "token is given twice"),
        ('{"token": "t"}, "status": {"token": "u"}', "status is given twice"),
        ("{}", "didn't return a token"),
        ("null", "didn't return a status"),
        ("[]", "status"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "neither JSON nor YAML"),
    ],
    ids=range(15),
)
def test_an_answer_of_a_plugin_is_whole_or_none(status: str, says: str) -> None:
    text = f'{{"kind": "ExecCredential", "apiVersion": "{V1}", "status": {status}}}'
    with pytest.raises(ExecPluginError) as caught:
        read_credential(Sensitive(text), ExecPlugin("plugin"), "c")
    assert says in caught.value.message


def test_an_answer_must_say_what_it_is() -> None:
    """kubectl takes one without a kind for what it asked for, and no other kind."""
    for kind in ('"kind": "Status",', '"kind": 1,', '"kind": [],'):
        with pytest.raises(ExecPluginError, match="decoding stdout"):
            read_credential(Sensitive(f'{{{kind} "apiVersion": "{V1}", "status": {{"token": "t"}}}}'),
                            ExecPlugin("plugin"), "c")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "readOnly: maybe",
        "readOnlyContexts: prod-*",
        "readOnlyContexts: [[prod-*]]",
        "readOnlyContexts: {prod-*: true}",
        "readOnly: true\nreadOnly: false",
        "readonly: true",
        "read_only: true",
        "read-only-contexts: [prod-*]",
        "readOnlyContext: [prod-*]",
        "[readOnly]",
        "readOnly: true\n  broken: [",
        "x: &a {readOnly: true}\n<<: [*a, text]",
    ],
)
def test_what_is_said_of_read_only_and_cannot_be_read_protects_everything(tmp_path: Path, text: str) -> None:
    loaded = settings.load(Path(write(tmp_path / "config.yaml", text)), {})
    assert loaded.findings
    assert "cannot be read" in loaded.why_read_only("dev")
    sound = settings.load(Path(write(tmp_path / "config.yaml", "readOnlyContexts: [prod-*]")), {})
    assert sound.why_read_only("prod-1")
    assert not sound.why_read_only("dev")


def test_the_same_of_the_environment_and_of_a_file_that_was_named(tmp_path: Path, monkeypatch: Any) -> None:
    assert "cannot be read" in settings.load(tmp_path / "none", {"KUBEMINT_READ_ONLY": "ja"}).why_read_only("dev")
    assert settings.load(tmp_path / "none", {"KUBEMINT_READ_ONLY": ""}).why_read_only("dev")
    monkeypatch.setenv("KUBEMINT_CONFIG", str(tmp_path / "gone.yaml"))
    loaded = settings.load()
    assert "does not exist" in str(loaded.findings[0])
    assert loaded.why_read_only("dev")


def test_what_asks_is_not_quieter_because_it_cannot_be_read(tmp_path: Path) -> None:
    loaded = settings.load(Path(write(tmp_path / "config.yaml", "confirm: perhaps")), {})
    assert loaded.settings.asks(destructive=False)
