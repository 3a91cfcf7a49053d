"""Commands that are killed at random moments, over HTTPS against an embedded fleet, and what is left after the next.

Each command is a process of its own that runs the program's own entry, with everything imported beforehand, so that a
kill meets its work and not the start of an interpreter. Several operators work beside each other, each with a state
folder, a kubeconfig and a namespace of its own. After each kill one more command starts, which recovers; then nothing
may be torn, lost, orphaned, locked or left behind.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.issuance.arena import new_arena
from tui.issuance.destinations.file import token_in_file
from tui.issuance.destinations.files import read_private
from tui.issuance.destinations.kubeconfig_file import token_for
from tui.issuance.errors import IssuanceError
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.model.clusters import KubeconfigClusters
from tui.issuance.model.types import State
from tui.issuance.objects.managed import HANDLE_TYPE, SELECTOR
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.state import StateStore
from tui.kube.errors import KubeError
from tui.kube.kubeconfig import parse
from tui.kube.resource import SECRETS, TOKEN_REVIEWS

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

    from tests.issuance.arena import Arena
    from tui.demo.running import FleetThread
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

CLUSTER: Final = "harbor"
_FOREIGN: Final = "somebody-elses"
_MOST: Final = 5
"""Credentials that one operator has at a time."""
_LONGEST: Final = 60.0
"""Seconds that no command may take."""
_PRELOADED: Final = (
    "tests.faults.killing",
    "tui.cli",
    "tui.headless.issuing",
    "tui.headless.rotating",
    "tui.headless.exporting",
    "tui.headless.revoking",
    "tui.headless.reaching",
    "tui.issuance.tokens.plans",
    "tui.issuance.tokens.rotating",
    "tui.issuance.revoking.steps",
    "tui.issuance.tokens.exporting",
    "tui.issuance.transaction.recovery",
    "tui.issuance.destinations.merge",
    "tui.kube.transport",
    "stamina",
)


@dataclass
class Kills:
    """What came of it."""

    kills: dict[str, int] = field(default_factory=dict)
    """How many of which command were killed."""
    finished: int = 0
    """How many were faster."""
    problems_seen: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def number(self) -> int:
        return sum(self.kills.values())

    def problems(self) -> list[str]:
        """What must not be, in words."""
        return self.problems_seen

    def __str__(self) -> str:
        which = ", ".join(f"{number} x {name}" for name, number in sorted(self.kills.items()))
        wrong = f"{len(self.problems_seen)} problems"
        return f"{self.number} kills ({which}; {self.finished} were faster) in {self.seconds:.0f} s: {wrong}"


def kills(folder: Path, fleet: FleetThread, *, number: int = 500, operators: int = 3, seed: int = 8) -> Kills:
    """Kill `number` commands of so many operators who work beside each other."""
    return asyncio.run(_kills(folder, fleet, number, operators, seed))


async def _kills(folder: Path, fleet: FleetThread, number: int, operators: int, seed: int) -> Kills:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    result, start = Kills(), time.monotonic()
    async with KubeconfigClusters(str(fleet.kubeconfig)) as clusters:
        client = await clusters.client(CLUSTER)
        chance = random.Random(seed)
        durations: dict[str, list[float]] = {}

        async def work(which: int) -> None:
            arena = await asyncio.to_thread(
                new_arena, "embedded", fleet.kubeconfig, CLUSTER, folder / str(which), fleet
            )
            operator = Operator(arena, client, context, random.Random(chance.random()), durations, result)
            await operator.begin()
            while result.number < number:
                await operator.round()
            await operator.end()

        await asyncio.gather(*map(work, range(operators)))
    result.seconds = time.monotonic() - start
    return result


class Operator:
    """Somebody whose commands are killed."""

    def __init__(
        self,
        arena: Arena,
        client: Client,
        context: ForkServerContext,
        chance: random.Random,
        durations: dict[str, list[float]],
        result: Kills,
    ) -> None:
        self._arena, self._client, self._context, self._chance = arena, client, context, chance
        self._durations, self._result = durations, result
        self._folder = arena.folder
        self._config = self._folder / "config"
        self._environ = {
            "HOME": str(self._folder / "home"),
            "XDG_STATE_HOME": str(self._folder / "home" / "state"),
            "XDG_CONFIG_HOME": str(self._folder / "home" / "settings"),
            "XDG_CACHE_HOME": str(self._folder / "home" / "cache"),
            "KUBECONFIG": str(arena.kubeconfig),
        }
        self._state = self._folder / "home" / "state" / "kubemint"
        self._made = 0
        self._live: dict[str, str] = {}
        """The addresses that held an accepted token after the last look, and the fingerprints of those."""

    async def begin(self) -> None:
        """An operator who has a kubeconfig of other things, and one credential."""
        (self._folder / "home").mkdir(parents=True)
        entry = {"name": _FOREIGN}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [entry | {"cluster": {"server": "https://192.0.2.1"}}],
            "contexts": [entry | {"context": {"cluster": _FOREIGN, "user": _FOREIGN}}],
            "users": [entry | {"user": {"token": "x"}}],
            "current-context": _FOREIGN,
        }
        self._config.write_text(yaml.safe_dump(document))
        self._config.chmod(0o600)
        for where in (["-p", "--out", str(self._new_file())], ["--merge", str(self._config)]):
            await self._run("issue", [*self._issue(), *where], within=None)
        await self._look("at the beginning", ended=None)

    async def round(self) -> None:
        """One command, killed or faster; the next start; a look."""
        name, words, ended = self._choose()
        known = self._durations.get(name) or [0.5]
        within = self._chance.uniform(0.005, 1.2 * sum(known) / len(known))
        killed = await self._run(name, words, within=within)
        if killed:
            self._result.kills[name] = self._result.kills.get(name, 0) + 1
        else:
            self._result.finished += 1
        await self._recover()
        what = f"{self._arena.namespace}: {' '.join(words)} killed after {within:.3f} s" if killed else " ".join(words)
        await self._look(what, ended=ended)

    async def end(self) -> None:
        """With one more start nothing is left to do."""
        await self._recover()
        await self._look("at the end", ended=None)
        state = StateStore.open(self._state)
        left = state.revocations()
        state.close()
        if left:
            self._wrong(f"at the end: {len(left)} old tokens are still to be revoked")

    def _choose(self) -> tuple[str, list[str], str | None]:
        """A command, its words, and which credential it ends."""
        live = sorted(self._live)
        if not live or (len(live) < _MOST and self._chance.random() < 0.3):
            self._made += 1
            secret = f"{self._arena.namespace}/credential-{self._made}"
            where = self._chance.choice(
                (["-p", "--out", str(self._new_file())], ["--secret", secret], ["--merge", str(self._config)])
            )
            return ("merge" if where[0] == "--merge" else "issue"), [*self._issue(), *where], None
        address = self._chance.choice(live)
        if self._chance.random() < (0.4 if len(live) >= _MOST else 0.15):
            return "revoke", ["revoke", address, "--yes"], address
        if self._chance.random() < 0.3:
            return "export", ["export", address, "-p", "--out", str(self._new_file())], None
        return "rotate", ["rotate", address, "--grace", "0s"], None

    def _issue(self) -> list[str]:
        self._made += 1
        words = ["issue", f"robot-{self._made}", "-n", self._arena.namespace, "--create", "--duration", "1h"]
        return [*words, "--grace", "0s"]

    def _new_file(self) -> Path:
        """In a folder that nobody writes to again."""
        self._made += 1
        return self._folder / "files" / str(self._made) / "robot.kubeconfig"

    async def _recover(self) -> None:
        """Any command that acts recovers first; this one then finds nothing to do."""
        nothing = f"file:{self._folder / 'no such file'}"
        await self._run("recover", ["rotate", nothing, "--grace", "0s"], within=None)

    async def _run(self, name: str, words: list[str], *, within: float | None) -> bool:
        """Run one command; whether it was killed."""
        words = [*words, "--kubeconfig", str(self._arena.kubeconfig), "--context", CLUSTER]
        (self._folder / "said.code").unlink(missing_ok=True)
        process = self._context.Process(target=_command, args=(words, self._environ, self._folder / "said"))
        begun = time.monotonic()
        process.start()
        await asyncio.to_thread(process.join, _LONGEST if within is None else within)
        if process.exitcode is None:
            process.kill()
            await asyncio.to_thread(process.join)
        killed = not (self._folder / "said.code").exists()
        code = 0 if killed else int((self._folder / "said.code").read_text() or 0)
        if not killed and name != "recover":
            self._durations.setdefault(name, []).append(time.monotonic() - begun)
        if (killed and within is None) or (not killed and name != "recover" and code):
            said = (self._folder / "said").read_text(errors="replace")[-500:]
            self._wrong(f"{' '.join(words)} ended with {code}: {said}")
        return killed

    # The look

    async def _look(self, when: str, *, ended: str | None) -> None:
        state = StateStore.open(self._state)
        try:
            for message, _ in state.said:
                self._wrong(f"{when}: {message}")
            if plans := state.open_plans():
                self._wrong(f"{when}: still open: {plans[0].action.value} {plans[0].address}")
            report = state.verify_chain()
            if not report.ok:
                self._wrong(f"{when}: the journal: {report.message}")
            records = state.export_records()
            pending = {one.handle.uid for one in state.revocations()}
        finally:
            state.close()
        tokens: dict[str, Sensitive] = {}
        for record in records:
            credential = record.credential
            if credential.state is not State.REVOKED and (record.spec is not None or record.source is None):
                tokens[str(credential.address)] = self._from_file(when, credential.address.name, record.request)
        listed = await self._client.list(SECRETS, namespace=self._arena.namespace, labels=SELECTOR, type=SecretObject)
        handles = {}
        for secret in listed:
            if secret.type == HANDLE_TYPE:
                handles[secret.metadata["uid"]] = secret.metadata["name"]
            else:
                tokens[f"secret:{CLUSTER}/{self._arena.namespace}/{secret.metadata['name']}"] = self._from_secret(
                    when, secret
                )
        used = {bound.uid for token in tokens.values() if token and (bound := read_token(token).bound) is not None}
        for uid in handles.keys() - used - pending:
            self._wrong(f"{when}: orphaned: {handles[uid]}")
        live = {
            address: token.fingerprint for address, token in tokens.items() if token and await self._accepted(token)
        }
        for address in tokens.keys() - live.keys():
            self._wrong(f"{when}: lost: {address} holds no accepted token")
        with_it = {address for address, print_ in self._live.items() if ended and print_ == self._live[ended]}
        for address in self._live.keys() - live.keys() - with_it:  # what has the same token ends with it
            self._wrong(f"{when}: lost: {address} is not there any more")
        self._live = live
        self._tidy(when)

    def _from_file(self, when: str, name: str, request: str) -> Sensitive:
        from tui.kube.sensitive import Sensitive

        path, merged = Path(name.partition("#")[0]), "#" in name
        try:
            if merged:
                return token_for(path, request) or Sensitive("")
            return token_in_file(Format.KUBECONFIG, read_private(path)) or Sensitive("")
        except (IssuanceError, KubeError, OSError) as error:
            self._wrong(f"{when}: torn: {name}: {error}")
            return Sensitive("")

    def _from_secret(self, when: str, secret: SecretObject) -> Sensitive:
        from tui.issuance.trust.vouching import token_in
        from tui.kube.sensitive import Sensitive

        token = token_in(Format.KUBECONFIG, secret)
        if token is None:
            self._wrong(f"{when}: torn: Secret {secret.metadata['name']}")
        return token or Sensitive("")

    async def _accepted(self, token: Sensitive) -> bool:
        await asyncio.to_thread(self._arena.forget)
        wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer: dict[str, Any] = await self._client.create(TOKEN_REVIEWS, wish)
        return bool(answer["status"].get("authenticated"))

    def _tidy(self, when: str) -> None:
        for path in self._folder.rglob("*"):
            if path.name.endswith(".kubemint-tmp") or (path.name.endswith(".lock") and path.parent == self._folder):
                self._wrong(f"{when}: left behind: {path.relative_to(self._folder)}")
        notes = self._state / "writing"
        if notes.exists() and any(notes.iterdir()):
            self._wrong(f"{when}: left behind: a note of a write")
        try:
            if _FOREIGN not in parse(self._config.read_bytes()).contexts:
                self._wrong(f"{when}: lost: what was in the kubeconfig before")
        except (KubeError, OSError) as error:
            self._wrong(f"{when}: torn: {self._config}: {error}")

    def _wrong(self, what: str) -> None:
        self._result.problems_seen.append(what)


def _command(words: list[str], environ: Mapping[str, str], said: Path) -> None:
    """The program's own entry, in a process of its own."""
    os.environ.update(environ)
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["kubemint", *words]
    from tui.cli import run

    code = run(words)
    sys.stdout.flush()
    said.with_suffix(".code").write_text(str(int(code)))
    os._exit(code)
