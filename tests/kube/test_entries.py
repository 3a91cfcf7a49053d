"""Every field of a kubeconfig's entries, read from one text that has them all; and each that cannot be read, named."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tui.kube.endpoint import ExecPlugin, Impersonation
from tui.kube.entries import ClusterEntry, ContextEntry, Document, Flaw, UserEntry, read_document
from tui.kube.errors import ConfigError
from tui.kube.sensitive import Sensitive
from tui.kube.yaml_loading import load_first

ORIGIN = Path("/home/me/.kube/config")
SOME = base64.b64encode(b"some").decode()
CLUSTER = f"""
server: https://h
certificate-authority: ca.pem
certificate-authority-data: {SOME}
insecure-skip-tls-verify: true
tls-server-name: name
proxy-url: http://p
disable-compression: true
extensions:
- {{name: client.authentication.k8s.io/exec, extension: {{audience: a, count: 5}}}}
- {{name: kubemint.io/trust, extension: {{authorities: [ab, 5, cd]}}}}
"""
USER = f"""
token: t
tokenFile: token
client-certificate: c.pem
client-certificate-data: {SOME}
client-key: k.pem
client-key-data: {SOME}
username: me
password: pass
exec:
  command: plugin
  args: [a, b]
  env: [{{name: A, value: x}}, {{name: B}}]
  apiVersion: v1
  installHint: install it
  provideClusterInfo: true
  interactiveMode: Never
auth-provider: {{name: oidc, config: {{client-id: c}}}}
as: jane
as-uid: "7"
as-groups: [g, h]
as-user-extra: {{k: [v, w], a: [b]}}
"""


def document(text: str, origin: Path | None = ORIGIN) -> Document:
    return read_document(load_first(text.encode()), origin, "/the/file")


def of(section: str, text: str, name: str = "one") -> str:
    """A kubeconfig with one entry."""
    inner = text.strip().replace("\n", "\n    ")
    return f"{section}s:\n- name: {name}\n  {section}:\n    {inner}\n"


def test_every_field_of_a_cluster() -> None:
    assert document(of("cluster", CLUSTER)).clusters == {
        "one": ClusterEntry(
            name="one",
            server="https://h",
            certificate_authority="ca.pem",
            certificate_authority_data=b"some",
            insecure=True,
            tls_server_name="name",
            proxy_url="http://p",
            disable_compression=True,
            exec_config={"audience": "a", "count": 5},
            vouches=("ab", "cd"),
            origin=ORIGIN,
        )
    }


def test_every_field_of_a_user() -> None:
    assert document(of("user", USER)).users == {
        "one": UserEntry(
            name="one",
            token=Sensitive("t"),
            token_file="token",
            client_certificate="c.pem",
            client_certificate_data=b"some",
            client_key="k.pem",
            client_key_data=Sensitive(b"some"),
            username="me",
            password=Sensitive("pass"),
            exec=ExecPlugin(
                command="plugin",
                args=("a", "b"),
                env=(("A", "x"), ("B", "")),
                api_version="v1",
                install_hint="install it",
                provide_cluster_info=True,
                interactive_mode="Never",
            ),
            auth_provider="oidc",
            impersonate=Impersonation("jane", "7", ("g", "h"), (("a", ("b",)), ("k", ("v", "w")))),
            origin=ORIGIN,
        )
    }


def test_every_field_of_a_context_and_of_the_whole() -> None:
    found = document("current-context: one\n" + of("context", "cluster: c\nuser: u\nnamespace: s"))
    assert found.contexts == {"one": ContextEntry("one", cluster="c", user="u", namespace="s", origin=ORIGIN)}
    assert found.current_context == "one"
    assert (found.problems, found.unread) == ([], ())
    assert document(of("context", "cluster: c"), None).contexts["one"].origin is None


@pytest.mark.parametrize("text", ["cluster", "user", "context"])
def test_an_entry_with_nothing_in_it_has_nothing(text: str) -> None:
    found = document(f"{text}s: [{{name: one, {text}: {{}}}}, {{name: m}}]")
    empty = {"cluster": ClusterEntry, "user": UserEntry, "context": ContextEntry}[text]
    entries: dict[str, object] = getattr(found, f"{text}s")
    assert entries == {"one": empty("one", origin=ORIGIN), "m": empty("m", origin=ORIGIN)}
    assert found.problems == []


def test_what_is_empty_is_absent() -> None:
    user = document(of("user", "token: ''\npassword: ''\nclient-key-data: ''\nas: ''\nas-groups: []\nexec: ~")).users[
        "one"
    ]
    assert user == UserEntry("one", origin=ORIGIN)
    assert document("").clusters == document("~").clusters == {}
    assert document("clusters: ~\nusers: []\ncurrent-context: ~").problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as-uid: '7'", Impersonation("", "7")),
        ("as-groups: [g]", Impersonation("", "", ("g",))),
        ("as-user-extra: {k: [v]}", Impersonation("", "", (), (("k", ("v",)),))),
        ("as-user-extra: {}", None),
        ("as-user-extra: {0x1F: [v], yes: [w]}", Impersonation("", "", (), (("31", ("v",)), ("true", ("w",))))),
    ],
)
def test_to_be_somebody_elses_in_part_is_not_to_be_nobody(text: str, expected: Impersonation | None) -> None:
    assert document(of("user", text)).users["one"].impersonate == expected


def test_an_auth_provider_without_a_name_is_one() -> None:
    assert document(of("user", "auth-provider: {config: {a: b}}")).users["one"].auth_provider == "unnamed"
    assert document(of("user", "auth-provider: {}")).users["one"].auth_provider == "unnamed"


STRING, NUMBER = "not a string", "a number instead of a string, put quotes around it"
BOOLEAN, LIST, MAPPING = "a boolean instead of a string, put quotes around it", "not a list", "not a mapping"
ONCE = "given twice (again in line {})"
FLAWS: list[tuple[str, str, str, str]] = [
    *(("cluster", f"{key}: {{}}", key, STRING) for key in ("server", "certificate-authority", "tls-server-name",
                                                         "proxy-url", "certificate-authority-data")),
    *(("cluster", f"{key}: yes please", key, "not true or false")
      for key in ("insecure-skip-tls-verify", "disable-compression")),
    ("cluster", "insecure-skip-tls-verify: 1", "insecure-skip-tls-verify", "not true or false"),
    ("cluster", "server: 5", "server", NUMBER),
    ("cluster", "server: true", "server", BOOLEAN),
    ("cluster", "certificate-authority-data: '%%'", "certificate-authority-data", "not base64"),
    ("cluster", "certificate-authority-data: ' '", "certificate-authority-data", "blank"),
    ("cluster", "extensions: {}", "extensions", LIST),
    ("cluster", "extensions: [5]", "extensions[0]", MAPPING),
    ("cluster", "extensions: [{name: []}]", "extensions[0].name", STRING),
    ("cluster", "extensions: [{name: a}, {name: a}]", "extensions[1].name", "duplicate name 'a' in list"),
    ("cluster", "extensions: [{name: client.authentication.k8s.io/exec, extension: {a: [{b: 1, b: 2}]}}]",
     "extensions[0].extension.b", "given twice"),
    ("cluster", "server: a\nserver: b", "server", ONCE.format(5)),
    *(("user", f"{key}: []", key, STRING) for key in ("token", "tokenFile", "client-certificate", "client-key",
                                                     "client-certificate-data", "client-key-data", "username",
                                                     "password", "as", "as-uid")),
    ("user", "as-groups: g", "as-groups", LIST),
    ("user", "as-groups: [g, 5]", "as-groups[1]", NUMBER),
    ("user", "as-groups: [g, ~]", "as-groups[1]", STRING),
    ("user", "as-user-extra: []", "as-user-extra", MAPPING),
    ("user", "as-user-extra: {k: v}", "as-user-extra.k", LIST),
    ("user", "as-user-extra: {k: [~]}", "as-user-extra.k[0]", STRING),
    ("user", "as-user-extra: {k: [v], 1.50: [w]}", "as-user-extra.1.50", "a number as a key"),
    ("user", "exec: 5", "exec", MAPPING),
    *(("user", f"exec: {{{key}: []}}", f"exec.{key}", STRING)
      for key in ("command", "apiVersion", "installHint", "interactiveMode")),
    ("user", "exec: {args: a}", "exec.args", LIST),
    ("user", "exec: {args: [a, {}]}", "exec.args[1]", STRING),
    ("user", "exec: {env: {}}", "exec.env", LIST),
    ("user", "exec: {env: [5]}", "exec.env[0]", MAPPING),
    ("user", "exec: {env: [{name: 5}]}", "exec.env[0].name", NUMBER),
    ("user", "exec: {env: [{name: A, value: true}]}", "exec.env[0].value", BOOLEAN),
    ("user", "exec: {provideClusterInfo: 'true'}", "exec.provideClusterInfo", "not true or false"),
    ("user", "auth-provider: gcp", "auth-provider", MAPPING),
    ("user", "auth-provider: {name: 5}", "auth-provider.name", NUMBER),
    ("user", "auth-provider: {config: 5}", "auth-provider.config", MAPPING),
    ("user", "auth-provider: {config: {a: 5}}", "auth-provider.config.a", NUMBER),
    ("user", "extensions: 5", "extensions", LIST),
    *(("context", f"{key}: []", key, STRING) for key in ("cluster", "user", "namespace")),
    ("context", "extensions: 5", "extensions", LIST),
]  # fmt: skip


@pytest.mark.parametrize(("section", "text", "where", "what"), FLAWS)
def test_a_field_that_cannot_be_read_is_a_flaw_of_its_entry_with_its_place(
    section: str, text: str, where: str, what: str
) -> None:
    found = document(of(section, text))
    entries = getattr(found, f"{section}s")
    flaws: tuple[Flaw, ...] = entries["one"].flaws
    assert [flaw.where for flaw in flaws] == [f"{section}s[0].{section}.{where}"]
    assert flaws[0].what == what
    whys = {"given twice": "which one is meant is not known", "a number as": "kubectl writes it another way"}
    why = whys.get(what[:11], "kubectl cannot read this")
    assert found.problems[0].message == f'config file "/the/file", {flaws[0]}: {why}'
    assert found.unread == ()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("clusters: [{name: one, cluster: 5}]", "clusters[0].cluster", MAPPING),
        ("clusters: [5]", "clusters[0]", MAPPING),
        ("clusters: [{name: []}]", "clusters[0].name", STRING),
        ("clusters: [{name: one, name: m}]", "clusters[0].name", "given twice"),
        ("clusters: [{name: one}, {name: one}]", "clusters[1].name", "duplicate name 'one' in list"),
    ],
)
def test_so_is_what_is_wrong_with_the_entry_itself(text: str, where: str, what: str) -> None:
    (entry,) = document(text).clusters.values()
    assert [flaw.where for flaw in entry.flaws] == [where]
    assert what in entry.flaws[0].what


def test_what_cannot_be_read_is_shown_as_nothing() -> None:
    found = document(of("cluster", "server: []\nproxy-url: {}\ninsecure-skip-tls-verify: 'true'")).clusters["one"]
    assert (found.server, found.proxy_url, found.insecure) == ("", "", False)
    user = document(of("user", "token: []\nas-groups: [{}]\nexec: {command: 5}")).users["one"]
    assert (user.token, user.impersonate) == (None, Impersonation("", "", ("",)))
    assert user.exec is not None
    assert user.exec.command == "5"


def test_of_two_with_one_name_the_first_is_shown_and_none_is_whole() -> None:
    found = document(
        "users: [{name: one, user: {token: a}}, {name: m, user: {token: c}}, {name: one, user: {token: b}}]"
    )
    assert found.users["one"].token == Sensitive("a")
    assert len(found.users["one"].flaws) == 1
    assert found.users["m"].flaws == ()
    thrice = document("users: [{name: one, user: {as: []}}, {name: one}, {name: one}]").users["one"]
    assert [flaw.where for flaw in thrice.flaws] == ["users[0].user.as", "users[1].name", "users[2].name"]


@pytest.mark.parametrize("section", ["clusters", "users", "contexts"])
def test_a_list_that_stands_there_twice_spoils_each_of_its_entries_and_no_other(section: str) -> None:
    other = "users" if section != "users" else "clusters"
    found = document(f"{other}: [{{name: o}}]\n{section}: []\n{section}: [{{name: one}}, {{name: m}}]")
    assert [flaw.where for entry in getattr(found, section).values() for flaw in entry.flaws] == [section, section]
    assert getattr(found, other)["o"].flaws == ()
    assert [flaw.where for flaw in found.unread] == [section]


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("current-context: []", ["current-context"]),
        ("current-context: a\ncurrent-context: b", ["current-context"]),
        ("clusters: 5\nusers: {}\ncontexts: x", ["clusters", "users", "contexts"]),
        ("clusters: [5]\npreferences: 1\npreferences: 2", ["clusters"]),
    ],
)
def test_what_of_the_whole_cannot_be_read(text: str, unread: list[str]) -> None:
    found = document(text)
    assert sorted(flaw.where for flaw in found.unread) == sorted(unread)
    assert all(flaw.what for flaw in found.unread)
    assert found.problems
    assert found.label == "/the/file"


@pytest.mark.parametrize(
    "text", ["[]", "text", "5", "kind: Pod", "apiVersion: v2", "kind: config", "{kind: '', apiVersion: V1}"]
)
def test_what_is_no_kubeconfig_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(ConfigError, match='"/the/file"'):
        document(text)


@pytest.mark.parametrize("text", ["kind: Config", "apiVersion: v1", "kind: Config\napiVersion: v1", "kind: ''"])
def test_what_says_that_it_is_one_or_nothing_is_taken(text: str) -> None:
    assert document(f"{text}\ncurrent-context: one").current_context == "one"


def test_a_name_without_quotes_is_a_name_and_only_remarked() -> None:
    found = document("current-context: 12\n" + of("context", "cluster: 1\nuser: true\nnamespace: 3", name="12"))
    entry = found.contexts["12"]
    assert (entry.cluster, entry.user, entry.namespace, entry.flaws) == ("1", "true", "3", ())
    assert (found.current_context, found.unread) == ("12", ())
    said = [problem.message for problem in found.problems]
    for where, kind in (("current-context", "a number"), ("contexts[0].name", "a number"),
                        ("contexts[0].context.cluster", "a number"), ("contexts[0].context.user", "a boolean"),
                        ("contexts[0].context.namespace", "a number")):  # fmt: skip
        told = f"{where}: {kind} instead of a string, put quotes around it: kubectl cannot read this"
        assert any(one.endswith(told) for one in said)


def test_an_extension_of_somebody_else_may_say_what_it_likes() -> None:
    found = document(of("cluster", "extensions: [{name: x, extension: {a: 1, a: 2}}, {name: z, extension: 5}]"))
    assert found.clusters["one"].flaws == ()
    assert found.clusters["one"].exec_config is None


@pytest.mark.parametrize(
    "said", ["{}", "5", "[ab]", "{authorities: ab}", "{authorities: {ab: cd}}", "{authorities: [5]}"]
)
def test_what_cannot_be_read_vouches_for_nobody(said: str) -> None:
    found = document(of("cluster", f"extensions: [{{name: kubemint.io/trust, extension: {said}}}]"))
    assert found.clusters["one"].vouches == ()


def test_line_breaks_in_base64_are_skipped_and_nothing_else() -> None:
    def read(text: str) -> bytes | None:
        return (
            document(of("cluster", f'certificate-authority-data: "{text}"')).clusters["one"].certificate_authority_data
        )

    assert read(f"{SOME[:4]}\\r\\n{SOME[4:]}\\n") == b"some"
    for text in (f"{SOME[:4]} {SOME[4:]}", f"{SOME[:4]}\\t{SOME[4:]}", SOME[:-1], f"{SOME}X", "é", "\\n"):
        assert read(text) is None
