"""`kubemint run`: a command with a credential of its own, which is made before it and revoked after it.

What is revoked is the handle that was made for the run, whatever lies in its kubeconfig by then. A run that was killed
is known by its note (`run_folder`), and revoked by the next one in that cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tui.issuance import Already, IssuanceError, UsageError, format_duration, utc_now
from tui.kube import limits, shell
from tui.kube.errors import KubeError

from .acting import Progress, carry_out
from .doing import in_cluster
from .exits import Ended, Exit, complain
from .options import Options, configured_lifetime
from .printing import say
from .run_folder import RunFolder, left_behind, own
from .session import refuse_read_only, run_async, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Address, Credential, Engine, Identity

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126
"""What shells end with where there is no such program, and where it cannot be run."""
KILLED: Final = 128
"""To which shells add the number of the signal that ended a command."""
_PASSED_ON: Final = (
    signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
)  # fmt: skip
_OF_A_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends to everything that runs in front of it."""


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option("--account", metavar="NS/NAME", required=True, help="The service account that COMMAND runs as.")
@click.option(
    "--duration", metavar="DURATION", default="", help="The lifetime to request: as long as COMMAND may take."
)
@click.option("--create", is_flag=True, help="Create the service account if missing; it stays.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@with_options
def run(options: Options, account: str, duration: str, create: bool, quiet: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND with a kubeconfig of a service account, and revoke that when COMMAND ends, however it ends.

    COMMAND finds it in KUBECONFIG: a token made for this run, proved before COMMAND starts, in a folder that only you
    may enter and that is removed afterwards. Signals are passed on to COMMAND. What a run that was killed left behind
    is revoked by the next one in that cluster.

    The exit code is COMMAND's own; 128 and the signal's number where a signal ended it; 127 where there is no such
    program and 126 where it cannot be run, and then nothing is issued; 3 where COMMAND succeeded and its token could
    not be revoked.

    Put -- before COMMAND: kubemint run --account ci/robot -- kubectl get pods
    """
    refuse_read_only(options, "run")
    if len(options.contexts) > 1:
        raise click.UsageError("name the cluster with --context NAME, only one")
    program = _program(command[0])
    wish = _Wish(account, _lifetime(duration), create=create)
    run_async(_run(options, wish, [program, *command[1:]], quiet=quiet))


def _program(name: str) -> str:
    """Its path. Ends the command as a shell does where there is none."""
    if (found := shutil.which(name)) is not None:
        return found
    there = os.sep in name and Path(name).exists()
    complain(f"{name}: {'it cannot be run' if there else 'there is no such program'}", "nothing was issued")
    raise Ended(NOT_RUNNABLE if there else NOT_FOUND)


def _lifetime(text: str) -> timedelta | None:
    from tui.issuance import check_token_wish, parse_duration

    wanted = parse_duration(text) if text else configured_lifetime()
    check_token_wish(wanted, ())
    return wanted


def _identity(text: str, cluster: str) -> Identity:
    from tui.issuance import Identity, check_names

    namespace, slash, name = text.partition("/")
    if not slash:
        raise UsageError(f"--account: {text!r} names no namespace", "write NAMESPACE/NAME, such as ci/robot")
    check_names(namespace, name, "service account")
    return Identity(cluster, namespace, name)


@dataclass(frozen=True, slots=True)
class _Wish:
    """As whom, for how long."""

    account: str
    duration: timedelta | None
    create: bool


async def _run(options: Options, wish: _Wish, command: list[str], *, quiet: bool) -> None:
    from tui.issuance import FileDestination, IssueSpec

    from .reaching import open_engine

    _identity(wish.account, "")  # wrong words are said before anything is asked
    async with setting(options) as place, open_engine(place) as engine:
        identity = _identity(wish.account, await in_cluster(engine, place.meant(aloud=not quiet)))
        await _revoke_left_behind(engine, identity.cluster)
        with own(engine.state.folder) as folder:
            kept = FileDestination(str(folder.kubeconfig))
            spec = IssueSpec(
                identity=identity, destinations=(kept,), duration=wish.duration, create_account=wish.create
            )
            plan = await engine.plan(spec)
            outcome = await carry_out(engine, plan, Progress(quiet=True))
            if not outcome.ok or outcome.credential is None:
                folder.forget()
                raise Ended(Exit.FAILED)
            if not quiet:
                _say_as_whom(outcome.credential, identity)
            revoked = False
            try:
                with limits.not_counted():
                    code = await _to_the_end(command, folder)
                _say_if_late(outcome.credential)
            finally:
                limits.extend(limits.REVOKING)
                revoked = await _revoke_at_last(engine, plan.address, outcome.credential)
                if revoked:
                    folder.forget()
    if code or not revoked:
        raise Ended(code or Exit.PARTLY)


def _say_as_whom(credential: Credential, identity: Identity) -> None:
    lasts = f" for {format_duration(credential.granted)}" if credential.granted else ""
    account = f"{identity.namespace}/{identity.name} in {identity.cluster}"
    say(f"kubemint: runs as {account}, with a token{lasts} that is revoked when the command ends")


def _say_if_late(credential: Credential) -> None:
    """A command that took longer than its token lives may have failed for that alone."""
    ends = credential.expires_at
    if ends is not None and utc_now() > ends:
        complain(f"the token expired at {ends:%H:%M:%S} UTC, before the command ended", "request more with --duration")


# The command


async def _to_the_end(command: list[str], folder: RunFolder) -> int:
    """Its exit code, as shells count. Signals that come meanwhile are its own."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, "KUBECONFIG": str(folder.kubeconfig)}, pass_fds=(folder.lock,)
        )
    except OSError as error:
        complain(f"{command[0]}: {(error.strerror or type(error).__name__).lower()}")
        return NOT_RUNNABLE

    def pass_on(number: signal.Signals) -> None:
        if not (number in _OF_A_TERMINAL and _in_front()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    with _signals(pass_on):
        code = await process.wait()
    return code if code >= 0 else KILLED - code


def _in_front() -> bool:
    """Whether the terminal sends its signals to this process, and so to the command itself: twice would mean more."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


@contextlib.contextmanager
def _signals(take: Callable[[signal.Signals], None]) -> Iterator[None]:
    """What would end this process goes to `take` instead; afterwards it ends this process in good order again."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in _PASSED_ON:
        loop.add_signal_handler(number, take, number)
    try:
        yield
    finally:
        for number in _PASSED_ON:
            loop.add_signal_handler(number, task.cancel)


# The end of its credential


async def _revoke_at_last(engine: Engine, address: Address, credential: Credential) -> bool:
    """Whether it is revoked. Never raises; the first signal that comes meanwhile is answered with a word."""
    task, asked = asyncio.current_task(), False
    assert task is not None

    def take(number: signal.Signals) -> None:
        nonlocal asked
        if asked:
            task.cancel()
        asked = True
        say("kubemint: the token is being revoked; once more leaves that to the next kubemint run")

    with _signals(take):
        return await _revoke(engine, address, credential)


async def _revoke(engine: Engine, address: Address, made: Credential) -> bool:
    """End what was `made` for a run, and what a loop put into its place meanwhile. What is revoked is known no more."""
    from tui.issuance import Action, Address

    record = await asyncio.to_thread(engine.state.export_record, address)
    held = [made.handle, record.credential.handle if record is not None else None]
    ends = [*dict.fromkeys(Address.handle(one.cluster, one.namespace, one.name) for one in held if one is not None)]
    if not ends:
        expires = f" at {made.expires_at:%H:%M:%S} UTC" if made.expires_at is not None else ""
        complain(f"the token of this run has no handle, so that nobody can revoke it: it expires{expires}")
    done = [await _end(engine, one) for one in ends]
    if not ends or not all(done):
        return False
    engine.state.record(Action.REVOKE, address, forget=(address,))
    return True


async def _end(engine: Engine, handle: Address) -> bool:
    try:
        outcome = await carry_out(engine, await engine.plan_revoke(handle), Progress(quiet=True))
    except Already:  # the command did it, or whoever is responsible for the account
        return True
    except (IssuanceError, KubeError) as error:
        complain(f"revoke {handle}: {error}", error.hint)
    else:
        if outcome.whole:
            return True
    again = shell.command("kubemint", "revoke", str(handle))
    say(
        f"kubemint: the token of this run may work until it expires; the next kubemint run tries again, as does {again}"
    )
    return False


async def _revoke_left_behind(engine: Engine, cluster: str) -> None:
    """Revokes what runs that were killed left in this cluster, and removes their folders."""
    from tui.issuance import Address

    with left_behind(engine.state.folder) as runs:
        for run in runs:
            address = Address.file(str(run.kubeconfig))
            record = await asyncio.to_thread(engine.state.export_record, address)
            identity = record.credential.identity if record is not None else None
            if record is not None and (identity is None or identity.cluster != cluster):
                continue  # a run there ends it
            if any(one.address == address for one in engine.state.open_plans()):
                continue  # it was killed while it was issued, and recovery could not settle that yet
            if record is not None:
                if not await _revoke(engine, address, record.credential):
                    continue
                say(f"kubemint: the token of a run that was killed is revoked ({address})")
            run.remove()
            run.forget()
