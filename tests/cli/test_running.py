"""`kubemint run`: a command with a credential of its own, which is over when the command is, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import (
    command,
    environment,
    issue,
    journal_entries,
    kubemint,
    refused_within_15_s,
    separately,
    token_in,
)
from tests.controlplane import RealControlPlane
from tui.headless.run_folder import PREFIX
from tui.headless.running import NOT_FOUND, NOT_RUNNABLE

KUBECTL = shutil.which("kubectl")
PYTHON = sys.executable
COPY = "import os, shutil, sys; shutil.copyfile(os.environ['KUBECONFIG'], sys.argv[1])"
MODES = (
    "import os, pathlib; f = pathlib.Path(os.environ['KUBECONFIG']); "
    "print(oct(f.stat().st_mode & 0o777), oct(f.parent.stat().st_mode & 0o777), f.parent.name)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's runs put their folders."""
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def words(served: Path, *arguments: str, name: str = "runner") -> list[str]:
    where = ("--kubeconfig", str(served), "--context", "tenant-a")
    return ["run", *where, "--account", f"default/{name}", "--create", *arguments]


def revocations() -> set[str]:
    """The handles of runs that were revoked."""
    return {str(one["address"]) for one in journal_entries() if one["action"] == "revoke" and one["status"] == "done"}


@contextlib.contextmanager
def running(served: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own, whose command has begun and said so on stdout."""
    process = subprocess.Popen(
        command(*words(served, *arguments)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_command_is_the_account_and_its_token_ends_with_it(served: Path, tmp_path: Path, temporary: Path) -> None:
    kept = tmp_path / "kept.kc"
    done = separately(*words(served, "--duration", "20m", "--", PYTHON, "-c", COPY, str(kept)))
    assert (done.code, done.out) == (0, ""), done
    assert "default/runner in tenant-a" in done.err
    assert "for 20m" in done.err
    assert token_in(kept) not in done.err
    assert list(temporary.iterdir()) == []
    assert len(revocations()) == 1
    listed = kubemint("list", "credentials", "--kubeconfig", served, "--context", "tenant-a", "-o", "name")
    assert PREFIX not in listed.out


def test_only_its_user_may_look_where_it_lies_and_quiet_means_quiet(served: Path, temporary: Path) -> None:
    done = separately(*words(served, "-q", "--", PYTHON, "-c", MODES))
    assert done.err == ""
    file, folder, name = done.out.split()
    assert (file, folder) == ("0o600", "0o700")
    assert name.startswith(PREFIX)
    temporary.chmod(0o755)  # not as the runtime folder is meant to be: whoever else leads there swaps what lies in it
    done = separately(*words(served, "-q", "--", PYTHON, "-c", "import os; print(os.environ['KUBECONFIG'])"))
    assert f"/state/kubemint/runs/{PREFIX}" in done.out
    assert not list(Path(done.out.strip()).parents[1].iterdir())


@pytest.mark.parametrize(
    ("script", "code"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)], ids=["7", "killed"]
)
def test_the_exit_code_is_the_commands(served: Path, temporary: Path, script: str, code: int) -> None:
    done = separately(*words(served, "--", PYTHON, "-c", script))
    assert (done.code, done.out) == (code, "")
    assert len(done.err.splitlines()) == 1, done  # how the command ends is not kubemint's to comment
    assert len(revocations()) == 1
    assert list(temporary.iterdir()) == []


def test_what_cannot_be_run_is_given_nothing(served: Path, tmp_path: Path) -> None:
    kubemint(*words(served, "no-such-program")).failed(NOT_FOUND, "no-such-program", "nothing was issued")
    unfit = tmp_path / "unfit"
    unfit.write_text("text")
    kubemint(*words(served, str(unfit))).failed(NOT_RUNNABLE, str(unfit), "cannot be run")
    assert kubemint("journal").out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--account", "robot", "true"], "'robot' names no namespace"),
        (["--account", "ci/Robot!", "true"], "Robot!"),
        (["--account", "ci/robot", "--duration", "5s", "true"], "duration"),
        (["--account", "ci/robot"], "COMMAND"),
        (["true"], "--account"),
        (["--account", "ci/robot", "--read-only", "true"], "--read-only"),
        (["--account", "ci/robot", "--context", "a", "--context", "b", "true"], "only one"),
    ],
    ids=["no-namespace", "no-name", "too-short", "no-command", "no-account", "read-only", "two-clusters"],
)
def test_wrong_words_are_said_before_anything_is_asked(tmp_path: Path, arguments: list[str], says: str) -> None:
    kubemint("run", "--kubeconfig", tmp_path / "none", *arguments).failed(2, says)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_signals_are_the_commands_and_its_end_is_the_tokens(
    served: Path, temporary: Path, number: signal.Signals
) -> None:
    script = (
        "import signal, sys, time; signal.signal(int(sys.argv[1]), lambda *_: sys.exit(9)); "
        "print('begun', flush=True); time.sleep(60)"
    )
    with running(served, "--", PYTHON, "-c", script, str(int(number))) as process:
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 9, err
    assert len(revocations()) == 1
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_left_is_revoked_by_the_next_once_nothing_of_it_lives(served: Path, temporary: Path) -> None:
    script = "import os, time; print('begun', flush=True); print(os.getpid(), flush=True); time.sleep(60)"
    with running(served, "--", PYTHON, "-c", script) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        next_one = separately(*words(served, "--", "true"))  # its command still works with it
        assert (next_one.code, len(revocations())) == (0, 1), next_one
        assert len(list(temporary.iterdir())) == 1
        os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while (next_one := separately(*words(served, "--", "true"))).err.count("was killed") == 0:
            assert time.monotonic() < deadline, next_one
    assert len(revocations()) >= 3
    assert list(temporary.iterdir()) == []


def test_where_the_folder_cannot_be_seen_its_run_is_not_taken_for_dead(served: Path, tmp_path: Path) -> None:
    """Another /tmp, as services and containers have one: what lies beside the state says that it lives."""
    script = "import time; print('begun', flush=True); time.sleep(60)"
    with running(served, "--", PYTHON, "-c", script):
        (folder,) = (tmp_path / "temporary").iterdir()
        folder.rename(tmp_path / "away")
        done = separately(*words(served, "--", "true"))
        assert "was killed" not in done.err
        assert len(revocations()) == 1
        (tmp_path / "away").rename(folder)


def test_what_only_has_such_a_name_is_nobodys_to_remove(served: Path, tmp_path: Path) -> None:
    mine = tmp_path / f"{PREFIX}scripts"
    mine.mkdir(mode=0o700)
    (mine / "notes").write_text("precious")
    assert issue(served, "--create", "--out", mine / "kubeconfig", name="kept").code == 0
    done = separately(*words(served, "--", "true"))
    assert "was killed" not in done.err
    assert (mine / "notes").read_text() == "precious"
    assert kubemint("verify", mine / "kubeconfig", "--kubeconfig", served).code == 0


@pytest.mark.parametrize(
    ("does", "killed"),
    [("open(k, 'w').write('nothing')", False), ("os.unlink(k)", False), ("os.chmod(os.path.dirname(k), 0o755)", True)],
    ids=["overwrites", "removes", "opens-and-kills"],
)
def test_the_command_does_not_decide_whether_its_token_is_revoked(served: Path, does: str, killed: bool) -> None:
    """A tool that writes another login over it, or one that kills kubemint: the handle that was made is what ends."""
    script = f"import os; k = os.environ['KUBECONFIG']; {does}; {'os.kill(os.getppid(), 9)' if killed else ''}"
    done = separately(*words(served, "--", PYTHON, "-c", script, name="stubborn"))
    if killed:
        assert revocations() == set()
        deadline = time.monotonic() + 15
        while "was killed" not in separately(*words(served, "--", "true")).err:
            assert time.monotonic() < deadline
    else:
        assert done.code == 0, done
    assert any("stubborn" in one for one in revocations())


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_a_token_that_cannot_be_revoked_is_no_success(served: Path, tmp_path: Path) -> None:
    admin = ["kubectl", "--kubeconfig", str(served), "--context", "tenant-a"]
    binding = "operator-of-a-run"
    bound = [*admin, "create", "clusterrolebinding", binding, "--clusterrole=cluster-admin"]
    subprocess.run([*bound, f"--serviceaccount=default:{binding}"], check=True, capture_output=True)
    operator = tmp_path / "operator.kc"
    assert issue(served, "--create", "--out", operator, name=binding).code == 0
    words_ = ("run", "--kubeconfig", operator, "--account", "default/runner", "--create", "--")
    done = separately(*words_, *admin, "delete", "clusterrolebinding", binding)
    assert done.code == 3, done
    assert "kubemint revoke handle:" in done.err


def test_on_a_real_control_plane(real_cluster: RealControlPlane, tmp_path: Path) -> None:
    kept = tmp_path / "kept.kc"
    where = ("--kubeconfig", str(real_cluster.kubeconfig), "--context", "real")
    done = separately("run", *where, "--account", "default/runs", "--create", "--", PYTHON, "-c", COPY, str(kept))
    assert done.code == 0, done
    assert len(revocations()) == 1
    refused_within_15_s(real_cluster.kubeconfig, kept, "real")
