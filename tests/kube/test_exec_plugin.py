"""Credential plugins: group H of the acceptance rows. The plugins are real programs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import pty
import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tui.kube import terminals
from tui.kube.endpoint import Endpoint, ExecPlugin, Login
from tui.kube.errors import ExecPluginError, NeedsLogin
from tui.kube.exec_plugin import ExecCredential, Plugins
from tui.kube.login_command import without

V1 = "client.authentication.k8s.io/v1"
BETA = "client.authentication.k8s.io/v1beta1"
HERE = Endpoint("here", "https://10.0.0.1:6443", ca=b"PEM", tls_server_name="api", proxy_url="http://p:1")


def answer(version: str = V1, **status: str) -> str:
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


class Program:
    """A plugin made of shell lines; it counts its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "plugin"

    def says(self, output: str, *lines: str) -> Program:
        (self.folder / "output").write_text(output)
        return self.does(*lines, f"cat {shlex.quote(str(self.folder / 'output'))}")

    def does(self, *lines: str) -> Program:
        count = shlex.quote(str(self.folder / "runs"))
        self.path.write_text("\n".join(["#!/bin/sh", f"echo run >> {count}", *lines, ""]))
        self.path.chmod(0o755)
        return self

    @property
    def runs(self) -> int:
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def plugin(self, **given: Any) -> ExecPlugin:
        return ExecPlugin(**({"command": str(self.path), "interactive_mode": "IfAvailable"} | given))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


async def run(plugin: ExecPlugin, *, plugins: Plugins | None = None, timeout: float = 20) -> ExecCredential:
    return await (plugins or Plugins()).credential(HERE, plugin, timeout)


async def test_h01_a_token_and_what_the_plugin_is_told(program: Program, tmp_path: Path) -> None:
    program.says(
        answer(token="secret-token"),
        f'printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info',
        f'echo "$A" "$1" > {tmp_path}/a',
    )
    made = await run(program.plugin(args=("one two",), env=(("A", "B"),)))
    assert made.token is not None
    assert made.token.reveal() == "secret-token"
    assert "secret-token" not in repr(made)
    info = (tmp_path / "info").read_text()
    assert json.loads(info) == {"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": False}}
    assert info.endswith("}\n")
    assert info.count("\n") == 1
    assert (tmp_path / "a").read_text() == "B one two\n"


@pytest.mark.parametrize("mode", ["Never", "IfAvailable"])
async def test_h03_no_mode_gets_standard_input(program: Program, mode: str) -> None:
    program.says(answer(token="t"), "if read line; then exit 9; fi")
    assert (await run(program.plugin(interactive_mode=mode))).token is not None


async def test_h03_always_is_refused_without_running_it(program: Program) -> None:
    program.says(answer(token="t"))
    with pytest.raises(ExecPluginError, match="standard input is not a terminal") as caught:
        await run(program.plugin(interactive_mode="Always"))
    assert program.runs == 0
    assert "--context here" in caught.value.hint


async def test_no_more_than_two_run_at_once_and_the_rest_say_that_they_wait(program: Program, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    program.says(answer(token="t"), f"while [ ! -e {gate} ]; do sleep 0.02; done")
    plugins = Plugins()
    ways = [
        dataclasses.replace(HERE, name=f"way-{number}", login=Login(exec=program.plugin(args=(str(number),))))
        for number in range(5)
    ]

    def said() -> list[str]:
        return [plugins.says(way) for way in ways]

    assert said() == [""] * 5
    tasks = [asyncio.create_task(plugins.credential(way, way.login.exec or program.plugin(), 20)) for way in ways]
    while program.runs < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert program.runs == 2
    assert (
        said()
        == ["its credential plugin runs: plugin"] * 2
        + ["waits for its turn to log in: 2 credential plugins run at a time"] * 3
    )
    tasks[4].cancel()  # who gives up takes nobody's turn
    gate.touch()
    await asyncio.gather(*tasks[:4])
    assert program.runs == 4
    assert said() == [""] * 5


ASKS = (
    "import asyncio, sys\n"
    f"sys.path[:0] = {sys.path!r}\n"
    "from tests.kube.test_exec_plugin import HERE, ExecPlugin, Plugins\n"
    "from tui.kube import terminals\n"
    "async def ask():\n"
    "    with terminals.given():\n"
    "        return await Plugins().credential(HERE, ExecPlugin(sys.argv[1], interactive_mode=sys.argv[2]), 20)\n"
    "print('made', asyncio.run(ask()).token.reveal())\n"
)


def typed(program: Program, mode: str, text: str) -> str:
    """What stands on a terminal where a command gives its terminal to the plugin and somebody types `text`."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASKS, str(program.path), mode])
    screen, sent = b"", False
    try:
        while chunk := os.read(terminal, 1024):
            screen += chunk
            if not sent and b"code:" in screen:
                os.write(terminal, text.encode() + b"\n")
                sent = True
    except OSError:
        pass  # Linux ends a terminal whose other side is gone with EIO
    os.waitpid(child, 0)
    os.close(terminal)
    return screen.decode()


@pytest.mark.parametrize("mode", ["IfAvailable", "Always"])
def test_h03_a_command_with_a_terminal_gives_it_to_the_plugin(program: Program, tmp_path: Path, mode: str) -> None:
    program.says(
        answer(token="good"),
        f'printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info',
        "printf 'code:' >&2; read code; stty sane < /dev/tty || exit 8",
        '[ "$code" = 1234 ] || exit 9',
    )
    assert "made good" in typed(program, mode, "1234")
    assert json.loads((tmp_path / "info").read_text())["spec"] == {"interactive": True}


def test_h03_never_means_never(program: Program) -> None:
    program.says(answer(token="good"), "printf 'code:' >&2; if read code; then exit 9; fi")
    assert "made good" in typed(program, "Never", "1234")


async def test_h03_without_a_terminal_a_command_gives_nothing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "__stdin__", None)
    program.says(answer(token="t"), "if read line; then exit 9; fi")
    with terminals.given():
        assert (await run(program.plugin())).token is not None
        with pytest.raises(ExecPluginError, match="standard input is not a terminal"):
            await run(program.plugin(interactive_mode="Always"))


def test_h03_the_screen_is_never_touched(program: Program) -> None:
    program.says(answer(token="t"), "echo noise >&2", "echo noise > /dev/tty", "stty sane < /dev/tty", "true")
    code = (
        "import asyncio, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from tests.kube.test_exec_plugin import HERE, ExecPlugin, Plugins\n"
        f"plugin = ExecPlugin({str(program.path)!r}, interactive_mode='IfAvailable')\n"
        "made = asyncio.run(Plugins().credential(HERE, plugin, 20))\n"
        "print('done', made.token)\n"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    screen = b""
    try:
        while chunk := os.read(terminal, 1024):
            screen += chunk
    except OSError:
        assert screen  # Linux ends a terminal whose other side is gone with EIO
    os.waitpid(child, 0)
    os.close(terminal)
    assert screen.decode().strip() == "done ••••••••"


CERTIFICATE = Authority("plugin").client("jane")


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (answer(BETA, token="hunter2"), "plugin returned version client.authentication.k8s.io/v1beta1"),
        (json.dumps({"apiVersion": V1, "kind": "ExecCredential"}), "didn't return a status field"),
        (answer(), "didn't return a token or cert/key pair"),
        (answer(clientCertificateData="hunter2"), "only certificate or key, not both"),
        (answer(clientKeyData="hunter2"), "only certificate or key, not both"),
        (answer(clientCertificateData="hunter2", clientKeyData="hunter2"), "failed parsing client key/certificate"),
        ("hunter2", "decoding stdout: Expected `object`"),
        ('{"hunter2', "decoding stdout: neither JSON nor YAML"),
        ('"hunter2"', "decoding stdout"),
        (json.dumps({"apiVersion": V1, "kind": "Secret", "status": {"token": "hunter2"}}), "not an ExecCredential"),
        (answer(token="hunter2", expirationTimestamp="soon"), "decoding stdout"),
        (answer(token="hunter2", expirationTimestamp="2026-01-01T00:00:00"), "no time zone"),
        ("", "decoding stdout: Expected `object`"),
    ],
)
async def test_h05_bad_answers_are_told_apart_and_never_quoted(program: Program, output: str, says: str) -> None:
    with pytest.raises(ExecPluginError, match=says) as caught:
        await run(program.says(output).plugin())
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__} {caught.value.__context__}"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"api_version": "client.authentication.k8s.io/v1alpha1"}, "invalid apiVersion"),
        ({"interactive_mode": ""}, "interactiveMode must be given"),
        ({"interactive_mode": "Perhaps"}, "unknown interactiveMode"),
    ],
)
async def test_h05_what_kubectl_refuses_is_refused(program: Program, given: dict[str, str], says: str) -> None:
    with pytest.raises(ExecPluginError, match=says):
        await run(program.says(answer(token="t")).plugin(**given))
    assert program.runs == 0


async def test_beta_needs_no_interactive_mode(program: Program) -> None:
    plugin = program.says(answer(BETA, token="t")).plugin(api_version=BETA, interactive_mode="")
    assert (await run(plugin)).token is not None


async def test_h07_cluster_information_only_where_it_is_wanted(program: Program, tmp_path: Path) -> None:
    program.says(answer(token="t"), f'printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info')
    await run(program.plugin(provide_cluster_info=True, cluster_config={"arbitrary": 1}))
    assert json.loads((tmp_path / "info").read_text())["spec"]["cluster"] == {
        "server": "https://10.0.0.1:6443",
        "tls-server-name": "api",
        "certificate-authority-data": "UEVN",
        "proxy-url": "http://p:1",
        "config": {"arbitrary": 1},
    }
    await run(program.plugin(provide_cluster_info=False))
    assert "cluster" not in json.loads((tmp_path / "info").read_text())["spec"]


async def test_h09_a_pair_is_kept_until_it_expires(program: Program) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clock = [now]
    plugins = Plugins(lambda: clock[0])
    pair = {"clientCertificateData": CERTIFICATE.certificate.decode(), "clientKeyData": CERTIFICATE.key.decode()}
    plugin = program.says(answer(**pair, expirationTimestamp="2026-01-01T00:10:00Z")).plugin()
    first = await run(plugin, plugins=plugins)
    assert first.certificate == CERTIFICATE.certificate
    assert first.expires_at == now + timedelta(minutes=10)
    clock[0] = now + timedelta(minutes=9, seconds=59)
    assert await run(plugin, plugins=plugins) == first
    other = Authority("other").client("jane")
    pair = {"clientCertificateData": other.certificate.decode(), "clientKeyData": other.key.decode()}
    program.says(answer(**pair, expirationTimestamp="2026-01-01T00:20:00Z"))
    clock[0] = now + timedelta(minutes=10)
    assert (await run(plugin, plugins=plugins)).certificate == other.certificate
    assert program.runs == 2


async def test_twenty_requests_at_once_run_it_once(program: Program) -> None:
    plugins = Plugins()
    plugin = program.says(answer(token="t"), "sleep 0.1").plugin()
    made = await asyncio.gather(*(run(plugin, plugins=plugins) for _ in range(20)))
    assert len(set(made)) == 1
    assert program.runs == 1


async def test_a_failure_is_not_kept(program: Program) -> None:
    plugins = Plugins()
    plugin = program.does("exit 1").plugin()
    with pytest.raises(ExecPluginError):
        await run(plugin, plugins=plugins)
    program.says(answer(token="t"))
    assert (await run(plugin, plugins=plugins)).token is not None


async def test_h11_a_hanging_plugin_is_killed_with_its_children(program: Program, tmp_path: Path) -> None:
    program.does(f"sh -c 'echo $$ > {tmp_path}/child; sleep 300' &", "trap '' TERM INT", "sleep 300")
    started = time.monotonic()
    with pytest.raises(ExecPluginError, match=r"did not finish within 0.5 s") as caught:
        await run(program.plugin(), timeout=0.5)
    assert time.monotonic() - started < 5
    assert "by hand" in caught.value.hint
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not alive(child):
            break
        await asyncio.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is only waiting to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_cancelled_request_leaves_no_plugin_behind(program: Program, tmp_path: Path) -> None:
    program.does(f"echo $$ > {tmp_path}/child", "exec sleep 300")
    task = asyncio.create_task(run(program.plugin()))
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(int((tmp_path / "child").read_text()))


async def test_a_plugin_without_end_is_stopped(program: Program) -> None:
    with pytest.raises(ExecPluginError, match="more than 1 MiB"):
        await run(program.does("yes hunter2").plugin())


async def test_a_plugin_that_fills_standard_error_does_not_block(program: Program) -> None:
    plugin = program.says(answer(token="t"), "yes noise | head -c 300000 >&2").plugin()
    assert (await run(plugin)).token is not None


async def test_a_failing_plugin_gives_its_last_line_made_harmless(program: Program) -> None:
    program.does("echo first >&2", r"printf '\033[31mno \033]0;title\007such profile\033[0m\n\n' >&2", "exit 3")
    with pytest.raises(ExecPluginError) as caught:
        await run(program.plugin())
    assert str(caught.value) == f"here: exec: executable {program.path} failed with exit code 3: no such profile"


async def test_material_on_standard_error_is_masked(program: Program) -> None:
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl"
    program.does(f"echo 'refused token {token}, Bearer {token}' >&2", "exit 1")
    with pytest.raises(ExecPluginError) as caught:
        await run(program.plugin())
    assert "eyJ" not in str(caught.value)
    assert "refused token" in str(caught.value)


@pytest.mark.parametrize(
    ("stderr", "command"),
    [
        (
            "Error: the SSO session has expired. To refresh this session run `aws sso login --profile dev`.",
            "aws sso login --profile dev",
        ),
        ("ERROR: Please run 'az login' to setup account.", "az login"),
        ("There was a problem refreshing your auth tokens: please run: gcloud auth login", "gcloud auth login"),
        ("You must be logged in; run tsh login --proxy=example.com", "tsh login --proxy=example.com"),
        ("error: your session expired, sign in again", ""),
    ],
)
async def test_a_plugin_that_wants_a_person_says_which_command(program: Program, stderr: str, command: str) -> None:
    program.does(f"echo {shlex.quote(stderr)} >&2", "exit 1")
    with pytest.raises(NeedsLogin) as caught:
        await run(program.plugin())
    assert caught.value.command == command
    assert caught.value.hint == (f"run: {command}" if command else caught.value.hint)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "command", "left"),
    [
        ("error: your session for vault has expired; run: /x/demo-login login", "/x/demo-login login",
         "error: your session for vault has expired"),
        ("You must be logged in; run tsh login --proxy=example.com", "tsh login --proxy=example.com",
         "You must be logged in"),
        ("Expired. Please run: `az login`.", "az login", "Expired"),
        ("run: az login", "az login", ""),
        ("Please run 'az login' to set it up.", "az login", "Please run 'az login' to set it up."),
        ("To refresh this session run `az login`.", "az login", "To refresh this session run `az login`."),
        ("expired; run: az login", "az logi", "expired; run: az login"),
        ("expired; run: az login", "", "expired; run: az login"),
    ],
)  # fmt: skip
def test_a_command_is_asked_for_once(line: str, command: str, left: str) -> None:
    assert without(line, command) == left


async def test_what_a_plugin_asks_for_is_said_once(program: Program) -> None:
    for asks, said in (("echo 'it expired; run: az login' >&2", "it expired"),
                       ("echo expired >&2; echo 'run: az login' >&2", "expired"),
                       ("echo 'run: az login' >&2", "the plugin asks for a login")):  # fmt: skip
        program.does(asks, "exit 1")
        with pytest.raises(NeedsLogin) as caught:
            await run(program.plugin())
        assert (caught.value.message, caught.value.hint) == (said, "run: az login")


async def test_a_missing_plugin_shows_its_install_hint(tmp_path: Path) -> None:
    plugin = ExecPlugin(str(tmp_path / "gone"), interactive_mode="Never", install_hint="\x1b[1mbrew install\nit\x1b[0m")
    with pytest.raises(ExecPluginError, match="gone not found") as caught:
        await run(plugin)
    assert caught.value.hint == "brew install it"


async def test_a_plugin_that_may_not_run(tmp_path: Path) -> None:
    path = tmp_path / "plugin"
    path.write_text("#!/bin/sh\n")
    with pytest.raises(ExecPluginError, match="permission denied"):
        await run(ExecPlugin(str(path), interactive_mode="Never"))


async def test_a_command_no_system_can_start() -> None:
    with pytest.raises(ExecPluginError, match="invalid command"):
        await run(ExecPlugin("a\0b", interactive_mode="Never"))


async def test_a_refused_credential_is_made_again_but_not_at_once(program: Program) -> None:
    now = [0.0]
    plugins = Plugins(monotonic=lambda: now[0])
    plugin = program.says(answer(token="t")).plugin()
    made = await run(plugin, plugins=plugins)
    plugins.forget(HERE, plugin, lambda kept: kept == made)
    await run(plugin, plugins=plugins)
    assert program.runs == 1  # made a moment ago: it would only be the same again
    now[0] = 60.0
    plugins.forget(HERE, plugin, lambda kept: kept != made)
    await run(plugin, plugins=plugins)
    assert program.runs == 1  # somebody has another one already
    plugins.forget(HERE, plugin, lambda kept: kept == made)
    await run(plugin, plugins=plugins)
    assert program.runs == 2
