"""What issue, rotate and revoke have in common: addresses, dry runs, progress on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from click.core import ParameterSource

from tui.issuance import (
    Action,
    Address,
    GraceWish,
    Outcome,
    Plan,
    StepInfo,
    StepResult,
    StepStatus,
    explain,
    format_duration,
    is_given_up,
    lasting_grace,
    parse_duration,
    utc_now,
)
from tui.kube import limits
from tui.kube.errors import OutOfTime
from tui.kube.text import safe_text

from . import printing
from .dry_run import ask_servers, dry_run_option, on_server
from .exits import Ended, Exit, complain
from .options import configured_grace, configured_kubelet_sync
from .output import output_option, print_kind, print_list, print_table
from .printing import say

if TYPE_CHECKING:
    from tui.issuance import Engine, ExportPreview

_MARKS: Final = {
    StepStatus.DONE: "done",
    StepStatus.FAILED: "FAILED",
    StepStatus.SKIPPED: "skipped",
    StepStatus.UNDONE: "undone",
}
_REVOCATION: Final = "revoke:"
_LATER: Final = (_REVOCATION, "sweep:")
"""Steps that are done when the outcome is long known: what fails then is no part of it yet."""
_OF_STEP: Final = ("cluster", "namespace", "name", "verb", "resource", "path")
_TRIED_AGAIN: Final = "the next run of kubemint tries again"
Planner = Callable[["Engine", Address], Awaitable[Plan]]


class Progress:
    """Lines on stderr as steps end; with `several` credentials each line names its own."""

    def __init__(self, *, several: bool = False, quiet: bool = False) -> None:
        self._several = several
        self.quiet = quiet
        self._waiting: set[tuple[str, str]] = set()

    @property
    def old_ones(self) -> int:
        """How many old credentials still work and wait for the end of their grace period."""
        return len(self._waiting)

    def of(self, address: Address) -> Callable[[StepResult], None]:
        from tui.issuance import lives_on_after  # loads what talks to servers, which --help need not

        def on_step(result: StepResult) -> None:
            if result.step.startswith(_REVOCATION):
                step = (result.plan, result.step)
                (self._waiting.add if result.status is StepStatus.RUNNING else self._waiting.discard)(step)
            if result.step.startswith(_LATER) and result.status is StepStatus.FAILED:  # quiet or not: it is no progress
                complain(f"{address}: {result.message}", "" if is_given_up(result.message) else _TRIED_AGAIN)
                return
            if self.quiet and result.status is StepStatus.DONE and lives_on_after(result.message):
                complain(f"{address}: {result.message}")  # nor is this: whoever has the token still gets in
            mark = _MARKS.get(result.status)
            if self.quiet or mark is None:
                return
            who = f"{address}: " if self._several else ""
            what = f": {result.message}" if result.message else ""
            say(f"  {mark:8}{who}{result.title}{what}")

        return on_step


async def perform(engine: Engine, addresses: Sequence[Address], plan: Planner, progress: Progress) -> list[Outcome]:
    """Plan and execute for each address, several at a time; one outcome each, in the order given. Never raises."""
    from tui.actions.jobs import Task, each  # what helps with a verb need not know how jobs run

    async def one(address: Address) -> Outcome:
        async def work(task: Task) -> None:
            task.outcome = await carry_out(engine, await plan(engine, address), progress)

        task = Task(str(address), work)
        await task.run()
        if task.outcome is not None:
            return task.outcome
        complain(f"{address}: {task.message}", task.hint)
        return Outcome(
            plan="", action=Action.ROTATE, address=address, ok=False, results=(), error=task.message, hint=task.hint
        )

    return await each(addresses, one, partial(cluster_of, engine))


def cluster_of(engine: Engine, address: Address) -> str:
    """The cluster that is asked about a credential; for a file the one that it was written for."""
    record = engine.state.export_record(address) if address.here else None
    identity = record.credential.identity if record is not None else None
    return identity.cluster if identity is not None else address.cluster


async def carry_out(engine: Engine, plan: Plan, progress: Progress, *, warn: bool = True) -> Outcome:
    """Execute one plan, its warnings first and its error last."""
    if warn and not progress.quiet:
        for warning in (*_lasting(plan), *plan.warnings):
            say(f"  note    {warning}")
    outcome = await engine.execute(plan, progress.of(plan.address))
    if not outcome.ok:
        complain(f"{plan.action.value} {plan.address}: {outcome.error}", outcome.hint)
    for left in outcome.left:
        complain(f"{plan.action.value} {plan.address}: {left}", outcome.hint if outcome.ok else "")
    return outcome


def _until(when: datetime) -> timedelta:
    """How long that still is, in whole seconds."""
    return timedelta(seconds=round((when - utc_now()).total_seconds()))


async def wait_for_grace(
    engine: Engine, outcomes: Sequence[Outcome], progress: Progress, *, wait: bool, which: str = "old"
) -> list[Outcome]:
    """Old credentials end with their grace period: wait for that, or leave it to the next run.

    `which` is what ends is called: after an undo it is the newer one.
    Gives the outcomes as they are by then: with the old ones that were to end and live on.
    """
    if not progress.old_ones:
        return list(map(engine.settled, outcomes))
    plans = {outcome.plan for outcome in outcomes}
    ends = engine.grace_ends(plans) or utc_now()
    until = f"{ends:%H:%M:%S} UTC"
    if not wait:
        say(f"the {which} credential still works; the next run of kubemint after {until} revokes it")
        return list(map(engine.settled, outcomes))
    left = _until(ends)
    if not progress.quiet and left >= timedelta(seconds=1):
        what = f"the {which} one is" if progress.old_ones == 1 else f"the last of {progress.old_ones} {which} ones is"
        left_alone = "(--no-wait leaves that to the next run)"
        say(f"waiting until {until} ({format_duration(left)}), when {what} revoked {left_alone}")
    last = engine.grace_ends() or ends
    if not progress.quiet and _until(last) > max(left, timedelta(0)):
        say(f"and until {last:%H:%M:%S} UTC ({format_duration(_until(last))}) for what was replaced before")
    limits.extend(max(_until(last).total_seconds(), 0))
    try:
        async with limits.bounded():
            await engine.settle()
    except OutOfTime as error:
        complain(str(error), f"the {which} credential still works; the next run of kubemint revokes it")
        return [engine.settled(outcome, late=str(error)) for outcome in outcomes]
    return list(map(engine.settled, outcomes))


def grace_wish(text: str) -> GraceWish:
    """What `--grace` says, and whether the user said it; else what is configured."""
    source = click.get_current_context().get_parameter_source("grace")
    given = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return GraceWish(parse_duration(text), given=given, kubelet=configured_kubelet_sync())


def finish(outcomes: Sequence[Outcome], form: str) -> None:
    """Print what came of it and end with the right code."""
    if form == "name":
        for outcome in outcomes:
            if outcome.ok:
                printing.line(outcome.address)
    else:
        print_list("OutcomeList", [outcome_record(outcome) for outcome in outcomes], form)
    if all(outcome.whole for outcome in outcomes):
        return
    raise Ended(Exit.PARTLY if any(outcome.ok for outcome in outcomes) else Exit.FAILED)


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    from .records import credential_record

    credential = outcome.credential
    return {
        "action": outcome.action.value,
        "address": str(outcome.address),
        "ok": outcome.whole,
        "left": list(outcome.left),
        "error": outcome.error or None,
        "hint": outcome.hint or None,
        **_grace_record(outcome.grace, outcome.grace_for),
        "credential": credential_record(credential, datetime.now(UTC)) if credential else None,
        "steps": [
            {"step": result.step, "title": result.title, "status": result.status.value, "message": result.message}
            for result in outcome.results
        ],
    }


async def foresee(engine: Engine, addresses: Sequence[Address], plan: Planner, form: str) -> None:
    """A dry run of many: what cannot be done is said, everything else is still shown. Ends with the right code."""
    plans = []
    for address in addresses:
        try:
            plans.append(await plan(engine, address))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are shown
            message, hint = explain(error)
            complain(f"{address}: {message}", hint)
    await show_plans(engine, plans, form)
    if len(plans) < len(addresses):
        raise Ended(Exit.PARTLY if plans else Exit.FAILED)


async def show_plans(
    engine: Engine, plans: Sequence[Plan], form: str, about: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """A dry run: `print_plans`, and what the servers say where they are to be asked. Ends with 1 if one refuses."""
    print_plans(plans, form, about)
    if on_server() and not await ask_servers(engine, plans):
        raise Ended(Exit.FAILED)


def print_plans(plans: Sequence[Plan], form: str, about: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """A dry run: what would be done, where and with which right. `about` is what else is known of a plan, by its id."""
    if form in ("json", "yaml"):
        records = [{**_plan_record(plan), **(about or {}).get(plan.id, {})} for plan in plans]
        if len(plans) == 1:
            print_kind("Plan", records[0], form)
        else:
            print_list("PlanList", records, form)
        return
    for plan in plans:
        for warning in (*_lasting(plan), *plan.warnings):
            say(f"note: {warning}")
        if len(plans) > 1:
            printing.line(f"{plan.action.value} {plan.address}")
        lines = ((step.id, step.title, _where(step), f"{step.verb} {step.resource}".strip()) for step in plan.steps)
        print_table(("STEP", "WHAT", "WHERE", "RIGHT"), lines)
        for line in ("", *plan.preview.splitlines()) if plan.preview else ():
            printing.line(line)


def print_preview(found: ExportPreview, form: str) -> None:
    """A dry run of an export: the plan, what would be written (masked), and what that changes."""
    there = found.foreseen
    if form in ("json", "yaml"):
        asks = [{"option": f"--{ask.word.value}", "why": ask.why} for ask in found.asks]
        more = {"content": there.text, "exists": there.exists, "hint": there.hint, "asks": asks}
        print_kind("Plan", _plan_record(found.plan) | more, form)
        return
    print_plans([msgspec.structs.replace(found.plan, preview="")], form)
    say(f"note: {there.hint}")
    unchanged = there.exists and not there.diff
    said = "it holds exactly this already" if unchanged else there.diff if there.exists else there.text
    for line in ("", *said.splitlines()):
        printing.line(line)
    for ask in found.asks:
        say(f"note: refused without --{ask.word.value}: {safe_text(ask.why)}")


def _where(step: StepInfo) -> str:
    if step.path:
        return step.path
    return "/".join(part for part in (step.cluster, step.namespace, step.name) if part)


def _lasting(plan: Plan) -> list[str]:
    """How long the old one lives on, where a consumer needs it longer than usual."""
    words = lasting_grace(plan.grace, plan.grace_for) if plan.grace is not None else ""
    return [words] if words else []


def _grace_record(grace: timedelta | None, reasons: Sequence[str]) -> dict[str, Any]:
    seconds = None if grace is None else grace.total_seconds()
    return {"graceSeconds": int(seconds) if seconds == int(seconds or 0) else seconds, "graceFor": list(reasons)}


def _plan_record(plan: Plan) -> dict[str, Any]:
    return {
        "action": plan.action.value,
        "address": str(plan.address),
        **_grace_record(plan.grace, plan.grace_for),
        "warnings": list(plan.warnings),
        "preview": plan.preview or None,
        "steps": [
            {
                "step": step.id,
                "title": step.title,
                **{name: getattr(step, name) or None for name in _OF_STEP},
            }
            for step in plan.steps
        ],
    }


def result_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-q` and `-o`."""
    command = output_option("name", "json", "yaml", default="name")(command)
    return click.option("-q", "--quiet", is_flag=True, help="No progress on stderr; errors are still printed.")(command)


def dry_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--dry-run`, `-q` and `-o`."""
    with_dry_run: Callable[..., Any] = dry_run_option("Print what would be done; change nothing.")(
        result_options(command)
    )
    return with_dry_run


def acting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--grace`, `--no-wait`, `--dry-run`, `-q` and `-o`."""
    return grace_options(dry_run_options(command))


def grace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--grace` and `--no-wait`."""
    said = "Do not wait for the grace period; the next run revokes the old one."
    return click.option(
        "--grace",
        metavar="DURATION",
        default=configured_grace,
        show_default="30s, or as configured",
        help="How long the old credential stays valid.",
    )(click.option("--no-wait", is_flag=True, help=said)(command))
