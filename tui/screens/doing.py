"""What a key does, for every action: a wish from what is chosen, a form where more is asked, a question, a job."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tui.actions import work
from tui.actions.action import Action, Question
from tui.actions.ending import REVOKE
from tui.actions.fitting import credential_of
from tui.actions.intended import Intended
from tui.actions.questions import asks, how_many
from tui.fleet.query import cluster_of
from tui.fleet.rows import Row
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.errors import IssuanceError
from tui.issuance.types import Address
from tui.kube.errors import KubeError
from tui.kube.text import safe_text

from . import replacing
from .describe import title_of
from .forms import form_of

if TYPE_CHECKING:
    from tui.actions.jobs import Task

    from .working import WorkingScreen


def intended(screen: WorkingScreen, action: Action[Any], wish: Any, **words: bool) -> Intended:
    """What it would do, planned when somebody wants to know."""
    plan = partial(action.plan, screen.session.engine, wish, **words)
    cluster = work.waits_for(screen.session, wish)
    return Intended(action.title_of(wish), plan, speaks=action.spoken, cluster=cluster)


def to_chosen(screen: WorkingScreen, action: Action[Any]) -> None:
    """Do it to what is chosen, after the question that it asks."""
    rows, session = screen.chosen(), screen.session
    assert action.of is not None
    wishes = [wish for row in rows if (wish := action.of(row)) is not None]
    if len(rows) == 1 and (why := action.refuses(rows[0])):
        screen.notify(safe_text(why), markup=False, severity="warning", timeout=12)
        return
    tasks = [work.task(session, action, wish) for wish in wishes]
    question, verb = action.question, action.runs_as
    if question is not None and question.destroys:
        quiet = question.users and len(tasks) == 1 and not session.settings.asks(destructive=True)
    else:
        quiet = question is None or not asks(verb, len(tasks), session.settings.confirm)
    if not tasks or quiet or question is None:
        screen.begin(verb, tasks, asked=question is not None and question.destroys)
        return
    _ask(screen, question, rows, [intended(screen, action, wish) for wish in wishes], tasks, verb)


def foresee_chosen(screen: WorkingScreen, action: Action[Any]) -> None:
    """Show what it would do to what is chosen."""
    assert action.of is not None
    wishes = [wish for row in screen.chosen() if (wish := action.of(row)) is not None]
    screen.foresee(action.runs_as, [intended(screen, action, wish) for wish in wishes])


def by_form(screen: WorkingScreen, action: Action[Any]) -> None:
    """Ask for a wish, and begin it; what it would do can be shown before."""
    form = form_of(screen, action)
    if form is None:
        return
    screen.ask(
        form,
        action.runs_as,
        lambda wish: begin(screen, action, wish, **form.words),
        lambda wish: intended(screen, action, wish, **form.words),
    )


def begin(screen: WorkingScreen, action: Action[Any], wish: Any, **words: Any) -> None:
    """Begin it; where a file lies there that would get lost or changed, what goes is shown and asked about first."""
    if later := action.writes_after(wish):

        def do_it(over: bool) -> None:
            screen.begin(action.runs_as, [work.task(screen.session, action, wish, over=over, **words)])

        replacing.ask_first(screen.app, Path(later), do_it, live=False)
        return
    path = action.path_of(wish)
    if action.run is not None and path:

        def run_it(force: bool) -> None:
            forced = msgspec.structs.replace(wish, force=force)
            screen.begin(action.runs_as, [work.task(screen.session, action, forced)], asked=force)

        replacing.ask_first(screen.app, Path(path), run_it)
        return
    if action.merges(wish) or (path and os.path.lexists(path)):
        looking = _look(screen, action, wish, Path(path))
        screen.run_worker(looking, group="preview", exclusive=True, exit_on_error=False)
    else:
        screen.begin(action.runs_as, [work.task(screen.session, action, wish, **words)])


async def _look(screen: WorkingScreen, action: Action[Any], wish: Any, path: Path) -> None:
    from .confirm import ConfirmScreen

    session, shown, merges = screen.session, intended(screen, action, wish), action.merges(wish)
    lost = ""
    try:
        shown.plan = await shown.make()
    except WouldReplace as error:
        lost, shown = error.message, intended(screen, action, wish, force=True)
        await shown.foresee()
    except (IssuanceError, KubeError, OSError) as error:
        if merges:
            screen.failed(error)
            return
    plan = shown.plan
    if plan is None or not (merges or lost):  # the job says what is wrong with it
        screen.begin(action.runs_as, [work.task(session, action, wish)])
        return

    def begin_it() -> None:
        screen.begin(action.runs_as, [work.as_foreseen(session, shown)], asked=True)

    if not merges:
        replacing.ask(screen.app, path, [lost, *plan.preview.splitlines()], begin_it)
        return
    body = [*(f"! {warning}" for warning in plan.warnings), *plan.preview.splitlines()]
    question = ConfirmScreen(
        "Change this kubeconfig? Tokens are masked.", body or ["Nothing else in it changes."], verb="Merge"
    )
    screen.app.push_screen(question, _where_sure(begin_it))


def revoke_handles(screen: WorkingScreen, addresses: Sequence[Address]) -> None:
    """End the tokens bound to handles that no row shows, after one question."""
    from .confirm import ConfirmScreen
    from .consequences import consequences

    session = screen.session
    tasks = [work.task(session, REVOKE, address) for address in addresses]
    foreseen = [intended(screen, REVOKE, address) for address in addresses]
    one = len(addresses) == 1
    said = [f"{addresses[0].namespace}/{addresses[0].name}  ({addresses[0].cluster})"] if one else []
    said += [] if one else [f"{how_many(address.cluster for address in addresses)}."]
    said += ["", "Whoever has the token that is bound to it is shut out; no list here shows who that is."]

    title = "Revoke this handle?" if one else f"Revoke {len(addresses)} handles?"
    question = ConfirmScreen(title, said, more=partial(consequences, session, foreseen, ()))
    screen.app.push_screen(question, _where_sure(lambda: screen.begin("revoke", tasks, asked=True)))


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
) -> None:
    """Ask whether it is meant: what ends, by the plans, and who uses it; begin once the answer is yes."""
    from .confirm import ConfirmScreen
    from .consequences import consequences

    alone, name, noun = len(rows) == 1, verb.capitalize(), question.noun
    title = f"{name} this {noun}?" if alone else f"{name} {len(rows)} {noun}s?"
    word = (title_of(rows[0]).rsplit("/", 1)[-1] if alone else f"{verb} {len(tasks)}") if question.destroys else ""
    head = [f"{title_of(rows[0])}  ({cluster_of(rows[0])})", ""] if alone else []

    def ask(body: list[str], more: Any = None) -> None:
        confirm = ConfirmScreen(title, body, type_to_confirm=word, verb=name, more=more)
        screen.app.push_screen(confirm, _where_sure(lambda: screen.begin(verb, tasks, asked=True)))

    if question.users:
        many = [] if alone else [f"{how_many(task.cluster for task in tasks)}.", ""]
        credentials = [one for row in rows if (one := credential_of(row)) is not None]
        found = partial(consequences, screen.session, intended, credentials, rotates=not question.destroys)
        ask([*head, *many, question.said, *screen.left_alone()], found)
        return

    async def look() -> None:
        if not alone:
            named = [f"{title_of(row)}  ({cluster_of(row)})" for row in rows[:8]] + (["…"] if len(rows) > 8 else [])
            ask([*named, "", question.of_many])
            return
        try:
            warnings = (await intended[0].make()).warnings
        except (IssuanceError, KubeError, OSError) as error:
            screen.failed(error)
            return
        ask([*head, *(text if text.endswith(":") else f"- {text}" for text in warnings)])

    screen.run_worker(look(), group="preview", exclusive=True, exit_on_error=False)
