"""What a verb works with: the kubeconfig, the local state, and a fleet; with `--demo` those of an embedded fleet."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tui.issuance import GraceWish, IssuanceError, StateError, UsageError, write_preferences
from tui.kube import terminals
from tui.kube.errors import ConfigError
from tui.kube.warnings import hearing
from tui.settings import Loaded, Settings, default_path

from .deadlines import deadline, open_before, say_open, seconds_for
from .exits import Ended, Exit, complain, quiet_logging
from .options import SHARED, Options, configured, shared_options
from .printing import say

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.store import Area
    from tui.issuance import DeliveredBy, DeliveredPlace, Gate, StateStore
    from tui.kube.endpoint import Endpoint
    from tui.kube.kubeconfig import KubeConfig

T = TypeVar("T")
GRACE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a verb finds its clusters and keeps its state."""

    options: Options
    config: KubeConfig
    load: Callable[[], KubeConfig]
    state_folder: Path | None
    """None is the default one of this user."""
    in_cluster: Endpoint | None = None
    settings: Loaded = field(default_factory=lambda: Loaded(Settings(), default_path()))
    _told: set[str] = field(default_factory=set)

    def meant(self, *, aloud: bool = True) -> str:
        """The one cluster that is meant: the named one, else the current one. Raises ConfigError where that is lost.

        Where there were several to choose from it is said once, `aloud`, which was taken, and as whom.
        """
        if self.options.contexts:
            return self.options.contexts[0]
        if self.in_cluster is not None:
            return self.in_cluster.name
        name = self.config.current()
        if aloud and len(self.config.contexts) > 1 and name not in self._told:
            self._told.add(name)
            user = self.config.contexts[name].user
            say(f"in {name}, the current context{f', as user {user}' if user else ''}; --context names another")
        return name

    def state(self) -> StateStore:
        """The local state, made where there is none yet. Raises IssuanceError where it cannot be opened."""
        from tui.issuance import StateStore

        store = StateStore.open(self.state_folder)
        for said in store.said:
            complain(*said)
        return store

    def state_if_any(self) -> StateStore | None:
        """The local state for reading: None where there is none, and with a warning where it cannot be opened."""
        from tui.issuance import default_folder

        try:
            folder = self.state_folder or default_folder()
            return self.state() if (folder / "state.db").exists() else None
        except (IssuanceError, OSError) as error:
            complain(f"the local state cannot be read: {error}", getattr(error, "hint", ""))
            return None

    def gate(self) -> Gate:
        """Who lets delivered clusters in: the settings, and the yeses in the local state, where there is one."""
        from tui.issuance import Gate

        return Gate(self.settings.trusts, self._yes)

    def _yes(self, by: DeliveredBy) -> DeliveredPlace | None:
        from tui.issuance import default_folder

        try:
            there = ((self.state_folder or default_folder()) / "state.db").exists()
        except StateError:
            there = False  # no home: nothing was confirmed
        if not there:
            return None
        with contextlib.closing(self.state()) as state:
            return state.trusted_place(by)


class Warnings:
    """What servers warn of as kubectl says it: a line on stderr, each text once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            say(f"Warning: {text}")


def run_async(work: Coroutine[object, object, T]) -> T:
    """Run one verb, for as long as it may take. SIGTERM cancels it as SIGINT does, so that everything is put away."""
    import asyncio  # not for a command's help

    quiet_logging()
    try:
        seconds = seconds_for(click.get_current_context(silent=True))
    except BaseException:
        work.close()
        raise

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        once = seconds is not None  # a loop goes on when nobody sits there any more
        with hearing(Warnings()), terminals.given() if once else contextlib.nullcontext():
            async with deadline(seconds):
                return await work
        raise AssertionError("it returns, or is out of time")

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise Ended(Exit.TERMINATED) from None


def with_options(work: Callable[..., Any]) -> Callable[..., None]:
    """A verb with the options that every command has: it is called with them merged, and run where it is `async`."""

    @wraps(work)
    def run(options: Options, /, **given: Any) -> None:
        own = {name: value for name, value in given.items() if name not in SHARED}
        found = work(options.merged(given), **own)
        if isinstance(found, Coroutine):
            run_async(found)

    return shared_options(click.pass_obj(run))


@contextlib.asynccontextmanager
async def setting(options: Options, *, needed: bool = True) -> AsyncIterator[Setting]:
    """The clusters that `options` mean. Raises ConfigError where there are none, unless none is needed."""
    if options.demo:
        from tui.demo.fleet import EmbeddedFleet

        async with EmbeddedFleet() as embedded:
            assert embedded.folder is not None
            yield _setting(options, str(embedded.kubeconfig), embedded.folder / "state", needed)
    else:
        yield _setting(options, options.kubeconfig, None, needed)


def _setting(options: Options, kubeconfig: str | None, state_folder: Path | None, needed: bool) -> Setting:
    from tui.kube.kubeconfig import in_cluster, load

    config = load(kubeconfig)
    inside = in_cluster() if not config.contexts and not kubeconfig else None
    for problem in config.problems:
        complain(str(problem), problem.hint)
    if needed and not config.contexts and inside is None:
        looked = ", ".join(str(path) for path in config.files)
        why = f"there is no context in {looked or 'the kubeconfig'}"
        raise ConfigError(f"no cluster is known: {why if config.files else next(iter(config.warnings), why)}",
                          hint=_FIRST_STEP)  # fmt: skip
    for warning in config.warnings if needed else ():
        complain(warning)
    settings = configured(options)
    for finding in settings.findings:
        complain(str(finding), "`kubemint config check` shows all of it")
    write_preferences(settings.settings.preferences)
    return Setting(options, config, lambda: load(kubeconfig), state_folder, inside, settings)


_FIRST_STEP: Final = "name one with --kubeconfig or KUBECONFIG, or look at the embedded fleet with --demo"


@contextlib.asynccontextmanager
async def open_fleet(
    place: Setting,
    *,
    areas: Collection[Area] | None = None,
    namespace: str | None = None,
    acting: bool = False,
    dry_run: bool = False,
    grace: timedelta | GraceWish = GRACE,
    once: bool = False,
) -> AsyncIterator[Fleet]:
    """A started fleet over the contexts that were named, with an engine; `once`: it lists everything, and watches
    nothing.

    `acting` opens the state for writing, and finishes what an earlier run left open unless it is only a `dry_run`.
    """
    from tui.fleet import known_names
    from tui.fleet.fleet import EVERYTHING, Fleet
    from tui.fleet.reach import Timing

    state = place.state() if acting else place.state_if_any()
    before = open_before(state)
    try:
        fleet = Fleet(
            place.config,
            state=state,
            only=hosts(place),
            areas=EVERYTHING if areas is None else areas,
            namespace=namespace,
            read_only=dry_run or not acting,
            timing=Timing(once=once),
            grace=grace,
            reload=place.load,
            endpoints=() if place.in_cluster is None else (place.in_cluster,),
            guard=place.settings.why_read_only,
            gate=place.gate(),
            named=place.options.contexts,
            foresees=dry_run,
        )
        try:
            await fleet.start()
            yield fleet
        finally:
            await fleet.stop()
            if not place.options.demo:
                known_names.keep(fleet.store)
            if acting and state is not None:
                say_open(state, before)
    finally:
        if state is not None:
            state.close()


def hosts(place: Setting) -> list[str]:
    """The contexts to connect to for the clusters that were named; a DPUCluster's name starts with its host's."""
    contexts = place.config.contexts
    named = []
    for name in place.options.contexts:
        host = name.rsplit("/", 2)[0] if name.count("/") >= 2 else name
        named.append(name if name in contexts or host not in contexts else host)
    return list(dict.fromkeys(named))


def refuse_read_only(options: Options, verb: str) -> None:
    settings = configured(options)
    if not (why := settings.why_all_read_only()):
        return
    if settings.settings.read_only:
        source = settings.source("readOnly").detail
        raise UsageError(f"{verb} makes changes, and {source} forbids that", f"remove {source}")
    raise IssuanceError(f"{verb} makes changes, and {why}", "`kubemint config check` shows what is wrong")
