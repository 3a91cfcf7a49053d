"""The verbs of the command line, made from what actions define: options, what is wrong with them, what is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from tui.actions.action import AnyAction
from tui.issuance import (
    Control,
    Fault,
    Field,
    GraceWish,
    Plan,
    Said,
    UsageError,
    in_command,
    named_fields as named,
)

from . import folders
from .acting import (
    Progress,
    acting_options,
    carry_out,
    dry_run_options,
    finish,
    grace_wish,
    show_plans,
    wait_for_grace,
)
from .dry_run import nothing_sent
from .options import Options
from .printing import say
from .session import GRACE, Setting, refuse_read_only, run_async, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Engine

Planner = Callable[["Engine", Setting], Awaitable[Plan]]
Shower = Callable[["Engine", Setting], Awaitable[None]]
Where = Callable[["Engine", Setting], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class How:
    """What every verb that acts is told beside its wish."""

    dry_run: bool
    quiet: bool
    form: str
    wait: bool = True
    grace: timedelta | GraceWish = GRACE

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> How:
        grace = grace_wish(given["grace"]) if "grace" in given else GRACE
        return cls(given["dry_run"], given["quiet"], given["form"], not given.get("no_wait"), grace)


def options_of(*actions: AnyAction, alone: bool = True) -> Callable[[Any], Any]:
    """Adds an option or an argument for every field that has one; what several actions share is there once.

    `alone` says whether the command does nothing else, so that its arguments have to be there.
    """

    def added(command: Any) -> Any:
        fields = {field.id: field for action in reversed(actions) for field in action.fields}
        ids = dict.fromkeys(field.id for action in actions for field in action.fields)
        for field in reversed([fields[id_] for id_ in ids]):
            for decorate in reversed(_declared(field, needed=alone and bool(field.missing))):
                command = decorate(command)
        return folders.parents_option(command) if any(map(_writes, fields.values())) else command

    return added


def _declared(field: Field, *, needed: bool) -> list[Callable[[Any], Any]]:
    if field.control is Control.CLUSTER:
        return []  # the shared `--context`
    if field.ways:
        return [
            click.option(way.flag, metavar=way.metavar, help=way.help, callback=_callback(way.flag))
            for way in field.ways
        ]
    if not field.flags:
        own = [choice for choice in field.choices if choice.flag]
        if own:
            return [click.option(one.flag, field.id, flag_value=one.value, help=one.help) for one in own]
        if not field.metavar:
            return []
        shown = field.metavar if needed else f"[{field.metavar}]"
        if field.many:
            return [click.argument(field.id, nargs=-1, metavar=f"[{field.metavar}]...")]
        return [click.argument(field.id, metavar=shown, required=needed)]
    how: dict[str, Any] = {"help": field.help}
    if field.control is Control.TICK:
        how["is_flag"] = True
    elif field.control is Control.CHOICE and not field.free:
        how |= {"type": click.Choice([choice.value for choice in field.choices]), "default": field.default or None}
        how["show_default"] = bool(field.default)
    else:
        how |= {"metavar": field.metavar, "multiple": field.many}
        how |= {"default": field.default, "show_default": True} if field.default else {}
    return [click.option(*field.flags, field.id, callback=_callback(*field.flags), **how)]


def _writes(field: Field) -> bool:
    return folders.OUT in field.flags or any(way.flag == folders.OUT for way in field.ways)


def _callback(*flags: str) -> Callable[..., Any] | None:
    return folders.out if folders.OUT in flags else None


def said_of(action: AnyAction, given: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """What was said on the command line, by field. Raises UsageError where two places are named for one thing."""
    said: dict[str, Any] = {}
    for field in action.fields:
        if field.ways:
            named_ways = [way for way in field.ways if given.get(_key(way.flag))]
            if len(named_ways) > 1:
                raise click.UsageError(f"{field.missing}: {_any_way(field)}")
            for way in named_ways:
                said |= {field.by: way.name, field.id: given[_key(way.flag)]}
        elif field.control is Control.CLUSTER:
            said[field.id] = options.contexts[0] if options.contexts else ""
        else:
            given_so = given.get(field.id, given.get(_key(field.option)))
            said |= {} if given_so is None else {field.id: given_so}
    return said


def strangers(action: AnyAction, others: Iterable[AnyAction], given: Mapping[str, Any]) -> list[str]:
    """What was said that other actions of the same verb take, and this one does not."""
    own = flags_of(action)
    found = [
        flag or field.metavar
        for other in others
        for field in other.fields
        for flag in _flags(field)
        if flag not in own and _said(field, flag, given)
    ]
    return list(dict.fromkeys(found))


def flags_of(action: AnyAction) -> set[str]:
    """Every option that it takes."""
    return {flag for field in action.fields for flag in _flags(field)}


def _flags(field: Field) -> list[str]:
    if field.ways:
        return [way.flag for way in field.ways]
    own = [choice.flag for choice in field.choices if choice.flag]
    return own or [field.option]


def _said(field: Field, flag: str, given: Mapping[str, Any]) -> bool:
    if field.ways:
        return bool(given.get(_key(flag)))
    if not field.flags and field.choices:
        return any(choice.flag == flag and choice.value == given.get(field.id) for choice in field.choices)
    return given.get(field.id) not in (None, "", (), False, field.default)


def refuse(action: AnyAction, said: Mapping[str, Any], *, but: Iterable[str] = ()) -> None:
    """Raises UsageError for the first thing that is wrong with what was said, in the words of the command line."""
    for fault in action.faults(said):
        if fault.field not in but:
            raise _error(action, fault, said)


def _error(action: AnyAction, fault: Fault, said: Mapping[str, Any]) -> Exception:
    field = next(field for field in action.fields if field.id == fault.field)
    if fault.missing and field.ways:
        return click.UsageError(f"{fault.message}: {_any_way(field)}")
    if fault.missing and not field.flags:
        return click.UsageError(f"missing argument '{field.metavar}'")
    if fault.missing:
        return click.UsageError(f"missing option {' / '.join(map(repr, field.flags))}")
    message = named(fault.message, action.fields, in_command, said)
    return UsageError(f"{in_command(field, said)}: {message}", named(fault.hint, action.fields, in_command, said))


def _any_way(field: Field) -> str:
    *most, last = [f"{way.flag} {way.metavar}" for way in field.ways]
    return f"{', '.join(most)} or {last}, one of them"


def _key(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def one_cluster(options: Options, which: str = "the cluster") -> None:
    """Refuse where not exactly one cluster is named."""
    if len(options.contexts) != 1 and not options.demo:
        raise click.UsageError(f"name {which} with --context NAME" + (", only one" if options.contexts else ""))


async def act(
    options: Options,
    how: How,
    planned: Planner,
    *,
    which: str = "old",
    show: Shower | None = None,
    after: Callable[[Engine], Awaitable[None]] | None = None,
) -> None:
    """Plan, and do it unless it is a dry run; then wait for the grace of what ends with it, which is called `which`.

    `show` prints a dry run where the plan is not all that is to be seen; `after` comes where it worked.
    """
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, grace=how.grace, acting=not how.dry_run) as engine:
        if how.dry_run and show is not None:
            await show(engine, place)
            nothing_sent()
            return
        plan = await planned(engine, place)
        if how.dry_run:
            await show_plans(engine, [plan], how.form)
            return
        progress = Progress(quiet=how.quiet)
        outcome = await carry_out(engine, plan, progress)
        if outcome.ok and after is not None:
            await after(engine)
        outcomes = await wait_for_grace(engine, [outcome], progress, wait=how.wait, which=which)
    finish(outcomes, how.form)


async def in_cluster(engine: Engine, cluster: str) -> str:
    """The same cluster, made known to the engine."""
    from .reaching import VerbClusters

    assert isinstance(engine.clusters, VerbClusters)
    await engine.clusters.find(cluster)
    return cluster


def only_of(place: Setting) -> str:
    """The one cluster that is meant. Raises UsageError."""
    contexts, config = place.options.contexts, place.config
    if len(contexts) > 1:
        raise click.UsageError("name the cluster with --context NAME, only one")
    if not (contexts or config.current_context or config.unknown_current or place.in_cluster):
        raise click.UsageError("name the cluster with --context NAME")
    return place.meant()


async def only_cluster(engine: Engine, place: Setting) -> str:
    """The same, for `do`."""
    return only_of(place)


async def named_cluster(engine: Engine, place: Setting) -> str:
    """The cluster that was named, else the current one."""
    return place.meant()


def do(
    action: AnyAction,
    options: Options,
    given: Mapping[str, Any],
    said: Said,
    *,
    which: str = "old",
    where: Where = named_cluster,
    show: Shower | None = None,
    after: Callable[[Engine, Any], Awaitable[None]] | None = None,
) -> None:
    """Do what an action does with what was said, once it is known to make sense. `where` finds the cluster.

    `show` prints a dry run where the plan is not all of it; `after` is called with the wish once it is done.
    """
    how, made = How.of(given), list[Any]()
    refuse(action, said, but=("cluster",))
    placed = any(field.control is Control.CLUSTER for field in action.fields)

    async def planned(engine: Engine, place: Setting) -> Plan:
        cluster = {"cluster": await in_cluster(engine, await where(engine, place))} if placed else {}
        made.append(action.wish({**said, **cluster, "kubeconfigs": tuple(map(str, place.config.files))}))
        return await action.plan(engine, made[-1], **action.said_so(said))

    async def then(engine: Engine) -> None:
        if action.after is not None and (done := await action.after(engine, made[-1])):
            say(f"  done    {done}")
        if after is not None:
            await after(engine, made[-1])

    run_async(act(options, how, planned, which=which, show=show, after=then))


def verb(
    action: AnyAction, *, group: click.Group | None = None, graced: bool = True, which: str = "old"
) -> Callable[[Callable[[], None]], click.Command]:
    """The command of an action, called as the function is and with its docstring as the help.

    `graced` says whether something old ends later, after its grace.
    """

    def made(function: Callable[[], None]) -> click.Command:
        def run(options: Options, **given: Any) -> None:
            if not given["dry_run"]:
                refuse_read_only(options, " ".join(action.verb))
            do(action, options, given, said_of(action, given, options), which=which)

        run.__doc__ = function.__doc__
        more = acting_options if graced else dry_run_options
        command = options_of(action)(more(with_options(run)))
        return (group.command if group is not None else click.command)(action.verb[-1])(command)

    return made
