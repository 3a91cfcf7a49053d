"""The leak hunt: every verb runs with everything logged, and no token is found anywhere but where it was meant to be.

The fleet runs in this process, so that each token it ever signs is known, also those that were issued and undone
within one command; kubemint runs as the commands that people type.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.leaks import Find, Hunt, every_signed_token
from tui.demo import Answer, Cut, Drop, FaultRule
from tui.demo.running import FleetThread

pytestmark = pytest.mark.timeout(300)
CLUSTER = "tenant-a"
LOUD = """
import logging, os, sys
logging.basicConfig(level=1, filename=os.environ["LOUD_LOG"], format="%(name)s %(message)s")
sys.argv[0] = "kubemint"
from tui.cli import main
main()
"""


@dataclasses.dataclass
class Ran:
    """One command that was run."""

    arguments: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes


class Stage:
    """A home, a temporary folder, destinations, and a fleet whose every signature is remembered."""

    def __init__(self, fleet: FleetThread, folder: Path) -> None:
        self.fleet = fleet
        self.home, self.temp, self.out = (folder / name for name in ("home", "tmp", "out"))
        for path in (self.home, self.temp, self.out):
            path.mkdir(mode=0o700)
        self.destinations = {self.out / name for name in ("robot.kubeconfig", "robot.token", "tokens", "merged")}
        self.ran: list[Ran] = []

    def run(self, *arguments: str, code: int | None = 0, stdin: bytes = b"", prints_it: bool = False) -> Ran:
        """Runs a command; `prints_it`: its stdout is where the token is meant to go, and is not looked into."""
        environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ |= {
            "HOME": str(self.home),
            "TMPDIR": str(self.temp),
            "KUBECONFIG": str(self.fleet.kubeconfig),
            "KUBEMINT_DEBUG": "1",
            "PYTHONASYNCIODEBUG": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "LOUD_LOG": str(self.home / "loud.log"),
        }
        done = subprocess.run(
            [sys.executable, "-c", LOUD, *arguments],
            env=environ,
            cwd=self.home,
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert not prints_it or done.stdout.startswith(b"ey")
        ran = Ran(arguments, done.returncode, b"" if prints_it else done.stdout, done.stderr)
        self.ran.append(ran)
        assert code is None or ran.code == code, f"{arguments} ended with {ran.code}: {ran.stderr.decode()[-2000:]}"
        return ran

    def failing(self, rule: FaultRule, *arguments: str) -> None:
        """Runs a command under a fault; it may end as it likes."""

        async def put(fleet: Any) -> None:
            fleet.cluster(CLUSTER).faults.add(rule)

        async def clear(fleet: Any) -> None:
            fleet.cluster(CLUSTER).faults.clear()

        self.fleet.call(put)
        try:
            self.run(*arguments, code=None)
        finally:
            self.fleet.call(clear)


@pytest.fixture(scope="module")
def hunt() -> Hunt:
    return Hunt()


@pytest.fixture(scope="module")
def stage(hunt: Hunt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything has been run, and everything that must not leak is known."""
    with every_signed_token() as signed, FleetThread(clusters=2, accounts=4, troubled=False) as fleet:
        stage = Stage(fleet, tmp_path_factory.mktemp("stage"))
        populated = len(signed)
        play(stage)
        issued = signed[populated:]
        for number, token in enumerate(signed):
            hunt.add(f"token {number}{' of the fleet' if number < populated else ' issued'}", token)
        for user in yaml.safe_load(fleet.kubeconfig.read_bytes())["users"]:
            if key := user["user"].get("client-key-data"):
                hunt.add(f"key of {user['name']}", base64.b64decode(key))
        assert len(issued) > 15, "the commands issued next to nothing; this hunt proves nothing"
        yield stage


def play(stage: Stage) -> None:
    """What a day brings: everything that works, and much that does not."""
    kubeconfig, token = str(stage.out / "robot.kubeconfig"), str(stage.out / "robot.token")
    where = ("-n", "ci", "--context", CLUSTER, "--grace", "0s")
    stage.run("issue", "robot", *where, "--create", "--duration", "1h", "--out", kubeconfig)
    stage.run("issue", "robot", *where, "--type", "token", "--out", token, "-o", "json")
    stage.run("issue", "robot", *where, "--secret", "ci/robot-credential", "-o", "yaml")
    stage.run("issue", "robot", *where, "--merge", str(stage.out / "merged"))
    stage.run("issue", "robot", *where, "--audience", "vault", "--type", "token", "--out", str(stage.out / "tokens"))
    secret = f"secret:{CLUSTER}/ci/robot-credential"
    for area in ("clusters", "accounts", "requests", "credentials"):
        stage.run("list", area, "-o", "json", code=None)
    stage.run("list", "credentials", "-o", "yaml", "--context", CLUSTER, code=None)
    for form in ("html", "md", "json"):
        stage.run("report", "-o", form, "--context", CLUSTER, code=None)
    stage.run("who", "ci/robot", "-o", "json", "--context", CLUSTER, code=None)
    for what in (kubeconfig, secret):
        stage.run("verify", what, "-o", "json")
    stage.run("inspect", kubeconfig)
    stage.run("inspect", "-", "-o", "json", stdin=Path(token).read_bytes())
    stage.run("inspect", "-", stdin=b"not a credential at all", code=None)
    stage.run("rotate", f"file:{kubeconfig}", secret, "--grace", "0s", "-o", "json")
    requests = stage.run("list", "requests", "-o", "name", "--context", "harbor", code=None).stdout.decode().split()
    assert requests
    stage.run("rotate", requests[0], "--grace", "0s", code=None)
    echo = f"cannot handle {Path(token).read_text()} nor {base64.b64encode(Path(token).read_bytes()).decode()}"
    for rule in (
        FaultRule(Answer(422, message=echo), verb="create", path="/token$"),
        FaultRule(Answer(403, message=echo), path="/secrets/robot-credential"),
        FaultRule(Cut(), verb="create", path="/token$"),
        FaultRule(Answer(401), path="selfsubjectreviews"),
        FaultRule(Answer(403), path="(selfsubject|token)reviews|selfsubjectaccess"),
        FaultRule(Answer(409), path="/secrets/robot-credential"),
        FaultRule(Cut(), path="/secrets/robot-credential"),
        FaultRule(Drop(), verb="delete", path="/secrets/", times=1),
    ):
        stage.failing(rule, "rotate", secret, f"file:{kubeconfig}", "--grace", "0s", "-o", "json")
    stage.run("issue", "robot", *where, "--out", str(stage.home), code=2)
    stage.run("issue", "robot", *where, "--out", str(stage.home / "loud.log" / "x"), code=1)
    stage.run("issue", "nobody", *where, "--out", str(stage.out / "never"), code=None)
    stage.run("verify", "-", "--context", CLUSTER, stdin=Path(token).read_bytes(), code=None)
    stage.run("create", "token", "robot", *where[:4], prints_it=True)
    stage.failing(FaultRule(Answer(422, message=echo), verb="create", path="/token$"), "create", "token", "robot",
                  *where[:4])  # fmt: skip
    dpu = ("-n", "ci", "--context", "harbor")
    stage.run("request", "create", "loud", "--service-account", "robot", *dpu, "-o", "yaml")
    stage.run("request", "create", "loud", "--service-account", "robot", *dpu, code=1)
    stage.run("request", "delete", "loud", *dpu, "--yes", code=None)
    foreign = stage.home / "colleague"  # what a colleague sent: no record of this machine names that path
    for sent in (Path(kubeconfig), Path(token)):
        foreign.write_bytes(sent.read_bytes())
        stage.run("lineage", str(foreign), "-o", "json", code=None)
        stage.failing(FaultRule(Answer(403, message=echo), path="/secrets/"), "revoke", str(foreign), "--yes")
    stage.run("revoke", str(foreign), "--yes")
    foreign.unlink()
    stage.run("rotate", "--due", "--dry-run", code=None)
    stage.run("revoke", f"file:{kubeconfig}", code=2)  # nobody is there to say yes
    stage.run("revoke", f"file:{kubeconfig}", "--yes", "-o", "json")
    stage.run("revoke", secret, "--yes")
    stage.run("verify", kubeconfig, code=None)  # the server may have seen it less than ten seconds ago
    stage.run("journal", "-o", "json")
    stage.run("journal")


def test_the_hunt_finds_what_is_there(hunt: Hunt, stage: Stage) -> None:
    """The destinations hold tokens, plain in one and in base64 in the other, so the hunt can see both."""
    assert any(hunt.search("token", (stage.out / "robot.token").read_bytes()))
    inner = base64.b64encode(b"x" + (stage.out / "robot.token").read_bytes())
    assert any(hunt.search("inner", inner))
    wrapped = b"\n".join(inner[start : start + 10] for start in range(0, len(inner), 10))
    assert any(hunt.search("wrapped", wrapped))
    assert len(hunt) > 20


def test_everything_was_logged(stage: Stage) -> None:
    log = (stage.home / "loud.log").read_bytes()
    assert b"asyncio" in log


def test_nothing_on_stdout_or_stderr(hunt: Hunt, stage: Stage) -> None:
    found: list[Find] = []
    for ran in stage.ran:
        found += hunt.search(f"stdout of {ran.arguments[:2]}", ran.stdout)
        found += hunt.search(f"stderr of {ran.arguments[:2]}", ran.stderr)
    assert not found


def test_nothing_in_any_file(hunt: Hunt, stage: Stage) -> None:
    """Home with journal, configuration, caches and logs; the temporary folder; and beside the destinations."""
    found = [*hunt.search_files(stage.home), *hunt.search_files(stage.temp)]
    assert not found
    assert list(hunt.search_files(stage.out, but=stage.destinations)) == []


def test_nothing_is_left_in_the_temporary_folder(stage: Stage) -> None:
    assert list(stage.temp.iterdir()) == []


def test_a_journal_was_written(stage: Stage) -> None:
    databases = list(stage.home.rglob("state.db"))
    assert databases
    assert all(path.stat().st_mode & 0o077 == 0 for path in databases)


def test_no_command_broke(stage: Stage) -> None:
    """Failing is fine where something fails; an internal error never is."""
    broken = [ran.arguments for ran in stage.ran if b"internal error" in ran.stderr or b"Traceback" in ran.stderr]
    assert broken == []
