"""What a key does, for every action: a wish from what is chosen, a form where more is asked, a question, a job."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.actions import jobs
from tui.actions.action import Action, Question
from tui.actions.ending import REVOKE
from tui.actions.fitting import address_of, credential_of
from tui.actions.intended import Intended, bound
from tui.actions.meant import Meant, address_in, another_row, refusal, waits_for
from tui.actions.questions import asks, how_many
from tui.actions.spoken import in_dashboard
from tui.fleet.names import short_address
from tui.fleet.query import cluster_of
from tui.fleet.rows import Row
from tui.issuance import Address, IssuanceError
from tui.kube import limits
from tui.kube.errors import KubeError
from tui.kube.text import safe_text
from tui.screens.describe import title_of

if TYPE_CHECKING:
    from tui.actions.jobs import Task
    from tui.screens.dialogs.dialog import Wrong
    from tui.screens.dialogs.form import Form

    from .working import WorkingScreen


_MOST_NAMED: Final = 5


def intended(screen: WorkingScreen, action: Action[Any], wish: Any, **words: bool) -> Intended:
    """What it would do, planned when the user wants to know."""
    plan = partial(action.plan, screen.session.engine, wish, **words)
    cluster = waits_for(screen.session, wish)
    return Intended(action.title_of(wish), plan, speaks=partial(in_dashboard, fields=action.fields), cluster=cluster)


def _each_intended(screen: WorkingScreen, each: Sequence[Meant]) -> list[Intended]:
    return [replace(intended(screen, one.action, one.wish, **one.words), meant=one) for one in each]


def _meant(action: Action[Any], rows: Sequence[Row]) -> list[Meant]:
    """What is chosen, as it is seen now."""
    assert action.of is not None
    return [Meant(action, wish, row) for row in rows if (wish := action.of(row)) is not None]


def to_chosen(
    screen: WorkingScreen, action: Action[Any], rows: Sequence[Row] | None = None, left: Sequence[str] = ()
) -> None:
    """Do it to what is chosen, or to these rows, after the question that it asks; `left` says there what is not."""
    rows = screen.chosen() if rows is None else rows
    if len(rows) == 1 and (why := action.refuses(rows[0])):
        screen.notify(safe_text(why), markup=False, severity="warning", timeout=12)
        return
    _propose(screen, action, _meant(action, rows), left=[*screen.left_alone(), *left])


def try_again(screen: WorkingScreen, verb: str, failed: Sequence[Task]) -> None:
    """Once more what failed, after the question that its key asks, and only where what was meant lies there yet."""
    if len(failed) == 1 and (asks := failed[0].asks) is not None and not failed[0].left:
        asks(screen)
        return
    if not all(task.meant is not None and not task.left for task in failed):
        screen.begin(verb, [task.anew() for task in failed], again=True)
        return
    each = [task.meant for task in failed if task.meant is not None and not _is_another(screen, task.meant)]
    if each and all(one.row is None for one in each):
        revoke_handles(screen, [one.wish for one in each], again=True)
    elif each:
        _propose(screen, each[0].action, each, again=True)


def _is_another(screen: WorkingScreen, meant: Meant) -> bool:
    """Whether its row says by now that another one lies there, which is then said."""
    store, key = screen.session.store, meant.row.key if meant.row is not None else ""
    differs = (
        meant.counts
        and meant.address is not None
        and another_row(meant.row, store.credentials.get(key) or store.requests.get(key))
    )
    if differs and meant.address is not None:
        said = "; ".join(refusal(meant.address))
        screen.notify(safe_text(said), markup=False, severity="warning", timeout=12)
    return differs


def _propose(
    screen: WorkingScreen, action: Action[Any], each: Sequence[Meant], *, again: bool = False, left: Sequence[str] = ()
) -> None:
    """Begin it, after the question where one is asked: what is shown with that is then done."""
    session, question, verb = screen.session, action.question, action.runs_as
    foreseen, rows = _each_intended(screen, each), [one.row for one in each if one.row is not None]
    if question is not None and question.destroys:
        quiet = question.users and len(each) == 1 and not session.settings.asks(destructive=True)
    else:
        quiet = question is None or not asks(verb, len(each), session.settings.confirm)
    asked = bool(each) and not quiet and question is not None
    tended = _tended(screen, each)
    tasks = [
        jobs.task(
            session,
            action,
            one.wish,
            shown=shown if asked else None,
            meant=one,
            again=again,
            **one.words,
            **({"take_over": True} if one.address in tended else {}),
        )
        for one, shown in zip(each, foreseen, strict=True)
    ]
    if tended:
        _ask_beside(screen, tended, left, lambda: screen.begin(verb, tasks, asked=True, again=again))
        return
    if not asked or question is None:
        screen.begin(verb, tasks, asked=question is not None and question.destroys, again=again)
        return
    _ask(screen, question, rows, foreseen, tasks, verb, left, again=again)


def _tended(screen: WorkingScreen, each: Sequence[Meant]) -> dict[Address | None, str]:
    """Those that another client sees to already, as their rows say now, and what shows it."""
    session = screen.session
    rows = [(one, session.store.requests.get(one.row.key, one.row)) for one in each if one.row is not None]
    return {one.address: said for one, row in rows if (said := one.action.tended(session, row))}


def _ask_beside(
    screen: WorkingScreen, tended: Mapping[Address | None, str], left: Sequence[str], sure: Callable[[], object]
) -> None:
    """Ask whether it is done beside whoever does it already."""
    from tui.screens.dialogs.confirm import ConfirmScreen

    body = ["DPF's controller already reconciles these requests:", ""]
    body += [f"{short_address(str(address))}: {said}" for address, said in [*tended.items()][:_MOST_NAMED]]
    body += [f"and {len(tended) - _MOST_NAMED} more"] if len(tended) > _MOST_NAMED else []
    body += ["", "Two controllers would overwrite each other. r renews a token and leaves the rest to it.", *left]
    question = ConfirmScreen("Take over from DPF's controller?", body, verb="Take over")
    screen.app.push_screen(question, _where_sure(sure))


def foresee_chosen(screen: WorkingScreen, action: Action[Any]) -> None:
    """Show what it would do to what is chosen."""
    screen.foresee(action.runs_as, _each_intended(screen, _meant(action, screen.chosen())))


def by_form(screen: WorkingScreen, action: Action[Any]) -> None:
    """Ask for a wish, and begin it; what it would do can be shown before. Where it is one for the row that the form was
    opened for, it is for what was seen there."""
    from tui.screens.dialogs.forms import form_of

    form, row = form_of(screen, action), screen.what_is_asked().row
    if form is not None:
        _ask_by(screen, action, form, row)


def _ask_by(screen: WorkingScreen, action: Action[Any], form: Form[Any], row: Row | None) -> None:
    """By this form: it stays until the plan can be made, and comes back where what began by it failed."""
    ready: Intended | None = None

    def meant(wish: Any) -> Meant | None:
        of_row = row is not None and address_in(wish) is not None and address_in(wish) == address_of(row)
        return Meant(action, wish, row, form.words) if of_row else None

    def would(wish: Any) -> Intended:
        return replace(intended(screen, action, wish, **form.words), meant=meant(wish))

    async def tries(wish: Any) -> Wrong | None:
        nonlocal ready
        ready = would(wish)
        ready.make = bound(screen.session, ready.make, None, ready.meant)
        with limits.by_default(limits.ACTING):
            await ready.foresee()
        if not ready.error or ready.asks:
            return None
        return form.blaming(ready.error, ready.hint, ready.blames)

    def comes_back(screen: WorkingScreen, task: Task) -> None:
        from tui.screens.dialogs.forms import form_of

        with screen.at(row) if row is not None else nullcontext():
            again = form_of(screen, action)
        if again is not None:
            again.begin_with(form.kept, form.blaming(task.message, task.hint, task.blames))
            _ask_by(screen, action, again, row)

    def made(wish: Any) -> None:
        shown = ready if ready is not None and ready.plan is not None else None
        begin(screen, action, wish, meant=meant(wish), shown=shown, comes_back=comes_back, **form.words)

    screen.ask(form, action.runs_as, made, would, tries if form.foresees and action.run is None else None)


ComesBack = Callable[["WorkingScreen", "Task"], None]
"""Asks once more for what a task failed with."""


def begin(
    screen: WorkingScreen,
    action: Action[Any],
    wish: Any,
    *,
    meant: Meant | None = None,
    shown: Intended | None = None,
    comes_back: ComesBack | None = None,
    **words: Any,
) -> None:
    """Begin it; where a file lies there that would get lost or changed, what goes is shown and asked about first.
    Where it was `meant` for a row, it is for what was seen there; what was planned already is what is done."""
    from tui.screens.dialogs import replacing

    def asking(task: Task) -> Task:
        """Tried again, its form comes back; else it is looked and asked anew what lies where it writes."""
        task.by_form = comes_back is not None
        task.asks = lambda screen: comes_back(screen, task) if comes_back else begin(screen, action, wish, **words)
        return task

    if later := action.writes_after(wish):

        def do_it(over: bool) -> None:
            task = jobs.task(screen.session, action, wish, over=over, shown=shown, **words)
            screen.begin(action.runs_as, [asking(task)])

        replacing.ask_first(screen.app, Path(later), do_it, live=False)
        return
    path = action.path_of(wish)
    if action.run is not None and path:

        def run_it(force: bool) -> None:
            forced = msgspec.structs.replace(wish, force=force)
            task = jobs.task(screen.session, action, forced)
            screen.begin(action.runs_as, [asking(task)], asked=force)

        replacing.ask_first(screen.app, Path(path), run_it)
        return
    if action.merges(wish) or (path and os.path.lexists(path)):
        looking = _look(screen, action, wish, Path(path), shown, asking)
        screen.run_worker(looking, group="preview", exclusive=True, exit_on_error=False)
        return
    task = jobs.task(screen.session, action, wish, shown=shown, meant=meant, **words)
    screen.begin(action.runs_as, [asking(task) if comes_back else task])


async def _look(
    screen: WorkingScreen,
    action: Action[Any],
    wish: Any,
    path: Path,
    ready: Intended | None,
    asking: Callable[[Task], Task],
) -> None:
    from tui.issuance import WouldReplace
    from tui.screens.dialogs import replacing
    from tui.screens.dialogs.confirm import ConfirmScreen

    session, shown, merges = screen.session, ready or intended(screen, action, wish), action.merges(wish)
    lost = ""
    try:
        shown.plan = shown.plan or await shown.make()
    except WouldReplace as error:
        lost, shown = error.message, intended(screen, action, wish, force=True)
        await shown.foresee()
    except (IssuanceError, KubeError, OSError) as error:
        if merges:
            screen.failed(error)
            return
    plan = shown.plan
    if plan is None or not (merges or lost):  # the job says what is wrong with it
        screen.begin(action.runs_as, [asking(jobs.task(session, action, wish, shown=shown))])
        return

    def begin_it() -> None:
        screen.begin(action.runs_as, [asking(jobs.as_foreseen(session, shown))], asked=True)

    if not merges:
        replacing.ask(screen.app, path, [lost, *plan.preview.splitlines()], begin_it)
        return
    body = [*(f"! {in_dashboard(warning)}" for warning in plan.warnings), *plan.preview.splitlines()]
    question = ConfirmScreen(
        "Change this kubeconfig? Tokens are masked.", body or ["Nothing else in it changes."], verb="Merge"
    )
    screen.app.push_screen(question, _where_sure(begin_it))


def revoke_handles(
    screen: WorkingScreen, addresses: Sequence[Address], *, again: bool = False, left: Sequence[str] = ()
) -> None:
    """End the tokens bound to handles that no row shows, after one question."""
    from tui.screens.dialogs.confirm import ConfirmScreen
    from tui.screens.dialogs.consequences import consequences

    session = screen.session
    foreseen = _each_intended(screen, [Meant(REVOKE, address) for address in addresses])
    tasks = [
        jobs.task(session, REVOKE, address, shown=shown, meant=shown.meant)
        for address, shown in zip(addresses, foreseen, strict=True)
    ]
    one = len(addresses) == 1
    said = [f"{addresses[0].namespace}/{addresses[0].name}  ({addresses[0].cluster})"] if one else []
    said += [] if one else [f"{how_many(address.cluster for address in addresses)}."]
    said += ["", "The token bound to it stops working; no list here shows who uses it.", *left]

    title = "Revoke this handle?" if one else f"Revoke {len(addresses)} handles?"
    question = ConfirmScreen(title, said, more=partial(consequences, session, foreseen, ()))
    screen.app.push_screen(question, _where_sure(lambda: screen.begin("revoke", tasks, asked=True, again=again)))


def _where_sure(then: Callable[[], object]) -> Callable[[bool | None], None]:
    def answered(yes: bool | None) -> None:
        if yes:
            then()

    return answered


def _ask(
    screen: WorkingScreen,
    question: Question,
    rows: Sequence[Row],
    intended: Sequence[Intended],
    tasks: Sequence[Task],
    verb: str,
    left: Sequence[str],
    *,
    again: bool,
) -> None:
    """Ask whether it is meant: what ends, by the plans, and who uses it; begin once the answer is yes."""
    from tui.screens.dialogs.confirm import ConfirmScreen
    from tui.screens.dialogs.consequences import consequences

    alone, name, noun = len(rows) == 1, verb.capitalize(), question.noun
    title = f"{name} this {noun}?" if alone else f"{name} {len(rows)} {noun}s?"
    word = (title_of(rows[0]).rsplit("/", 1)[-1] if alone else f"{verb} {len(tasks)}") if question.destroys else ""
    head = [f"{title_of(rows[0])}  ({cluster_of(rows[0])})", ""] if alone else []

    def ask(body: list[str], more: Any = None) -> None:
        confirm = ConfirmScreen(title, body, type_to_confirm=word, verb=name, more=more)
        screen.app.push_screen(confirm, _where_sure(lambda: screen.begin(verb, tasks, asked=True, again=again)))

    if question.users:
        many = [] if alone else [f"{how_many(task.cluster for task in tasks)}.", ""]
        credentials = [one for row in rows if (one := credential_of(row)) is not None]
        found = partial(consequences, screen.session, intended, credentials, rotates=not question.destroys)
        ask([*head, *many, question.said, *left], found)
        return

    async def look() -> None:
        if not alone:
            named = [f"{title_of(row)}  ({cluster_of(row)})" for row in rows[:8]] + (["…"] if len(rows) > 8 else [])
            ask([*named, "", question.of_many])
            return
        try:
            plan = intended[0].plan = await intended[0].make()
        except (IssuanceError, KubeError, OSError) as error:
            screen.failed(error)
            return
        ask([*head, *(text if text.endswith(":") else f"- {text}" for text in map(in_dashboard, plan.warnings))])

    screen.run_worker(look(), group="preview", exclusive=True, exit_on_error=False)
