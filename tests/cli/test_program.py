"""The program as a whole: cheap help, bad input as one line, signals, closed pipes, and nothing but data on stdout."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import command, environment, kubemint, separately
from tui import __version__
from tui.cli import VERBS


def test_version() -> None:
    result = separately("--version")
    assert (result.code, result.out, result.err) == (0, f"kubemint {__version__}\n", "")


def test_help_and_version_import_nothing_heavy() -> None:
    script = (
        "import sys; from tui.cli import run; assert run(['--version']) == 0; assert run(['--help']) == 0;"
        "heavy = {'asyncio', 'aiohttp', 'textual', 'rich', 'msgspec', 'yaml', 'kubernetes', 'sqlite3', 'cryptography'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert done.stderr == "[]\n"


def test_no_verb_imports_the_dashboard() -> None:
    """Each verb's module with all it imports at the top, without Textual."""
    modules = [target.partition(":")[0] for target, _ in VERBS.values()]
    imports = "; ".join(f"import {module}" for module in [*modules, "tui.fleet.fleet", "tui.headless.session"])
    script = f"{imports}; import sys; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", [(), *((verb,) for verb in VERBS)], ids=lambda verb: verb[0] if verb else "kubemint")
def test_help_of_every_verb(verb: tuple[str, ...]) -> None:
    result = kubemint(*verb, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: kubemint")


def test_every_verb_as_a_process_of_its_own(served: Path, tmp_path: Path) -> None:
    """Data on stdout and nothing else, whatever a verb says on the way."""
    path = tmp_path / "robot.kc"
    where = ("--context", "tenant-a", "--kubeconfig", served)
    issued = separately("issue", "robot", "-n", "default", *where, "--create", "--out", path)
    assert (issued.code, issued.out) == (0, f"file:{path}\n"), issued
    assert "Request the token" in issued.err
    rotated = separately("rotate", path, *where, "--grace", "0s")
    assert (rotated.code, rotated.out) == (0, f"file:{path}\n"), rotated
    listed = separately("list", "credentials", *where, "-o", "json")
    assert (listed.code, listed.err) == (0, ""), listed
    assert f"file:{path}" in [item["address"] for item in listed.json["items"]]
    verified = separately("verify", path, *where, "-o", "json")
    assert (verified.code, verified.json["ok"], verified.err) == (0, True, ""), verified
    inspected = separately("inspect", path, "-o", "json")
    assert (inspected.code, inspected.json["type"], inspected.err) == (0, "kubeconfig", ""), inspected
    revoked = separately("revoke", path, *where, "--yes", "-o", "json")
    assert (revoked.code, revoked.json["items"][0]["ok"]) == (0, True), revoked
    journal = separately("journal", "-o", "json")
    assert (journal.code, journal.err) == (0, ""), journal
    assert {entry["action"] for entry in journal.json["items"]} == {"issue", "rotate", "revoke"}


def test_unknown_verb_names_those_there_are() -> None:
    kubemint("lsit").failed(2, "there is no command 'lsit'", "list, issue")


def test_unknown_option() -> None:
    kubemint("list", "credentials", "--colour").failed(2, "--colour", "kubemint list --help")


def test_the_dashboard_needs_a_terminal() -> None:
    kubemint("--demo").failed(2, "the dashboard needs a terminal", "kubemint list credentials")


@pytest.mark.parametrize("area", ["credentials", "clusters"])
def test_unknown_context(served: Path, area: str) -> None:
    result = kubemint("list", area, "--kubeconfig", served, "--context", "harbour")
    result.failed(2, "no cluster is called 'harbour'", "did you mean 'harbor'?")


@pytest.mark.parametrize("duration", ["1d", "1", "-1h", "1h ", "1us", "", "99999999999999h"])
def test_wrong_durations(served: Path, tmp_path: Path, duration: str) -> None:
    out = tmp_path / "out"
    result = kubemint(
        "issue", "robot", "-n", "default", "--context", "harbor", "--kubeconfig", served, "--out", out,
        f"--duration={duration}",
    )  # fmt: skip
    result.failed(2)
    assert not out.exists()


def test_a_wrong_duration_shows_the_pattern() -> None:
    kubemint("list", "credentials", "--expiring", "1y").failed(2, "'1y' is not a duration", "2w")


def test_no_kubeconfig_at_all() -> None:
    kubemint("list", "credentials").failed(1, "no cluster is known", "--demo")


def test_missing_kubeconfig(tmp_path: Path) -> None:
    kubemint("list", "clusters", "--kubeconfig", tmp_path / "nowhere").failed(1, "does not exist", "nowhere")


HOSTILE = {
    "binary": bytes(range(256)),
    "no yaml": b"a: [b",
    "not a mapping": b"- 1\n- 2\n",
    "aliases": "".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}' if i else 'x'] * 9)}]\n" for i in range(20)).encode(),
    "deep": b"{a: " * 5000 + b"1" + b"}" * 5000,
    "a tag": b"!!python/object/apply:os.system ['true']\n",
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_kubeconfigs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    began = time.monotonic()
    kubemint("list", "clusters", "--kubeconfig", path).failed(1, str(path))
    assert time.monotonic() - began < 20


def test_a_kubeconfig_that_is_a_folder(tmp_path: Path) -> None:
    kubemint("list", "clusters", "--kubeconfig", tmp_path).failed(1, str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_kubeconfig_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.touch(mode=0)
    kubemint("list", "clusters", "--kubeconfig", path).failed(1, "permission denied")


def test_a_state_folder_that_cannot_be_made(served: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("")
    env = {"XDG_STATE_HOME": str(in_the_way)}
    out = tmp_path / "robot.kc"
    issue = ("issue", "robot", "-n", "default", "--context", "harbor", "--kubeconfig", served, "--create", "--out", out)
    kubemint(*issue, env=env).failed(1, "cannot open the state", "XDG_STATE_HOME")
    assert not out.exists()
    assert kubemint("list", "accounts", "--kubeconfig", served, "--context", "harbor", env=env).code == 0


def test_looking_leaves_no_state_behind(served: Path, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.kc"
    where = ("--kubeconfig", served, "--context", "harbor")
    assert kubemint("list", "credentials", *where, "-o", "name").code == 0
    assert kubemint("verify", "login:harbor", *where).code == 0
    assert kubemint("issue", "x", "-n", "default", *where, "--create", "--out", path, "--dry-run").code == 0
    assert kubemint("journal").code == 0
    assert [path for path in home.rglob("*") if not path.is_dir()] == [home / ".cache" / "kubemint" / "names.json"]
    assert list(home.iterdir()) == [home / ".cache"]


def test_output_to_a_full_disk(served: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("list", "accounts", "--kubeconfig", served, "--context", "harbor"),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("kubemint: no space left on device"), done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_quiet(served: Path) -> None:
    line = " ".join(command("list", "accounts", "--kubeconfig", served, "--context", "harbor")) + " | true"
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert done.stderr == ""


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    """While it waits for a cluster that hangs: a port that accepts and never answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        }
        path = tmp_path / "config"
        path.write_text(json.dumps(config))
        process = subprocess.Popen(
            command("list", "accounts", "--kubeconfig", path),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
        )  # fmt: skip
        silent.settimeout(30)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        connection.close()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err


def test_demo_serves_until_sigterm_and_takes_its_kubeconfig_along(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    process = subprocess.Popen(
        command("demo", "--kubeconfig-out", path, "--clusters", "1", "--accounts", "2"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment({"TMPDIR": str(tmp_path)}),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_demo_never_replaces_a_kubeconfig_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\nkind: Config\n")
    kubemint("demo", "--kubeconfig-out", path).failed(2, "exists and is not the kubeconfig of an embedded fleet")
    assert path.read_text() == "apiVersion: v1\nkind: Config\n"


def test_demo_flag_works_with_a_verb_and_leaves_nothing(tmp_path: Path) -> None:
    result = separately(
        "--demo", "list", "requests", "--context", "harbor", "-o", "name", env={"TMPDIR": str(tmp_path)}
    )  # fmt: skip
    assert result.code == 0, result
    assert result.out.startswith("request:harbor/")
    assert list(tmp_path.iterdir()) == []


def test_an_internal_error_is_a_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui import cli

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("s3cr3t")

    monkeypatch.setattr(cli.cli, "main", broken)
    assert cli.run([]) == 1
    err = capsys.readouterr().err
    assert err.startswith("kubemint: internal error: RuntimeError in broken (test_program.py:")
    assert "s3cr3t" not in err
    assert "Traceback" not in err
