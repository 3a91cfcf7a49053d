"""The tasks that jobs are made of: each asks the engine for one thing and keeps how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from tui.actions.action import Action, Host, Wish
from tui.fleet.decode import credential_row
from tui.fleet.moments import lifetime, stamp
from tui.fleet.rows import RequestRow
from tui.issuance import Action as Did, Identity, Outcome, Plan, State, StepStatus, Unasked, UsageError
from tui.kube.paths import short_path

from .intended import Intended
from .jobs import TRIED_AGAIN, Task
from .meant import Meant, address_in, another, another_row, refusal

_SECOND: Final = timedelta(seconds=1)


def task(
    host: Host,
    action: Action[Wish],
    wish: Wish,
    *,
    over: bool = False,
    shown: Intended | None = None,
    meant: Meant | None = None,
    again: bool = False,
    **words: Any,
) -> Task:
    """Do what an action does with this wish; `words` were said so beside it (`force`).

    `over` says that what lies where it writes a file afterwards may be replaced. What was `shown` is what is done,
    where it is planned by then. `meant` is the row as it was seen: a plan that is made anew does nothing where
    another credential lies there by now; where it is tried `again`, one that was shown does neither.
    """
    run = action.run
    if run is None:
        after = partial(action.after, host.engine, wish, over=over) if action.after is not None else None
        plan = _bound(
            host,
            partial(action.plan, host.engine, wish, **words),
            shown,
            meant,
            again=again,
        )
        about = _about(host, action, wish, _planned(host, plan, after, partial(action.said, wish)))
        about.meant = meant
        return about

    async def work(task: Task) -> None:
        answer = await run(host, wish)
        task.status = StepStatus.DONE if answer.ok else StepStatus.FAILED
        task.message, task.hint = answer.message, answer.hint

    return _about(host, action, wish, work)


def as_foreseen(host: Host, intended: Intended) -> Task:
    """Do what a dry run showed, exactly that; when it is tried again, what is right by then."""
    cluster = waits_for(host, intended.plan.address) if intended.plan is not None else ""
    plan = _bound(host, intended.make, replace(intended), intended.meant)
    return Task(intended.title, _planned(host, plan), speaks=intended.speaks, cluster=cluster, meant=intended.meant)


def _bound(
    host: Host,
    make: Callable[..., Awaitable[Plan]],
    shown: Intended | None,
    meant: Meant | None,
    *,
    again: bool = False,
) -> Callable[..., Awaitable[Plan]]:
    """The plan that was shown, once: whatever differs by then the engine sees itself. One that is made anew from an
    address is for the credential that was `meant` only; so is the shown one where it is tried `again`. Raises
    UsageError where that is another one."""

    async def plan(**words: bool) -> Plan:
        ready = shown.take() if shown is not None and not words else None
        if ready is not None and not again:
            return ready
        made = ready or await make(**words)
        row = meant.row if meant is not None else None
        if isinstance(row, RequestRow) and another_row(row, host.store.requests.get(row.key)):
            raise UsageError(*refusal(made.address))
        if meant is not None and meant.seen is not None and (address := meant.address) is not None:
            now = host.engine.about(made)
            if now is None or now.address != address:
                now = await host.engine.lookup(address)
            if another(meant.seen, now):
                raise UsageError(*refusal(address))
        return made

    return plan


def _about(host: Host, action: Action[Wish], wish: Wish, work: Callable[[Task], Awaitable[None]]) -> Task:
    """A task, about a credential that exists where that is what is wished for."""
    cluster = waits_for(host, wish)
    return Task(action.title_of(wish), work, speaks=action.spoken, address=address_in(wish), cluster=cluster)


def waits_for(host: Host, wish: object) -> str:
    """The cluster that is asked about what is wished for; for a file the one that it speaks to. Empty: not known."""
    address = address_in(wish)
    if address is None:
        identity = getattr(wish, "identity", None)
        return str(getattr(identity if isinstance(identity, Identity) else wish, "cluster", ""))
    row = host.store.credentials.get(str(address)) if not address.cluster else None
    identity = row.credential.identity if row is not None else None
    return address.cluster or (identity.cluster if identity is not None else "")


def _planned(
    host: Host,
    plan: Callable[..., Awaitable[Plan]],
    after: Callable[[], Awaitable[str]] | None = None,
    said: Callable[[Outcome], str] = lambda outcome: "",
) -> Callable[[Task], Awaitable[None]]:
    """Plan and execute; `done` hears of what worked. Where a word has to be said for it, the task asks for that."""

    async def work(task: Task) -> None:
        task.results.clear()
        try:
            task.plan = await plan()
        except Unasked as error:
            wanted = Intended(task.title, plan, await plan(**{error.word: True}))
            task.retry = _planned(host, _bound(host, plan, wanted, None), after, said)
            task.question = error.message
            raise UsageError(error.message, _ASKS.get(error.word, "")) from error
        task.changed()
        task.retry = partial(_end_what_is_left, host)
        outcome = await host.engine.execute(task.plan, task.on_step)
        task.take(outcome)
        if outcome.ok and not task.message:
            task.message = said(outcome) or _said(outcome, host)
        if task.status is StepStatus.DONE and after is not None and (said_after := await after()):
            task.message = f"{task.message}; {said_after}"
        if task.status is StepStatus.DONE and task.address is not None:
            if outcome.action is Did.ROTATE:
                host.undone.discard(task.address)
            elif outcome.action is Did.UNDO:
                host.undone.symmetric_difference_update({task.address})  # undone twice, it is the newer one again
        _show_exports(host)

    return work


_ASKS: Final = {
    "replace": "r renews it where it is; ctrl+r asks, and issues another one in its place",
    "revive": "ctrl+r asks, and makes a new one in its place",
}


async def _end_what_is_left(host: Host, task: Task) -> None:
    """Once more what was to end and has not: everything that the journal says is open."""
    task.results.clear()
    outcomes = await host.engine.recover()
    still = [outcome for outcome in outcomes if not outcome.ok]
    task.status = StepStatus.FAILED if still else StepStatus.DONE
    task.message = "; ".join(dict.fromkeys(outcome.error for outcome in still)) or "what was left has ended"
    task.hint = TRIED_AGAIN if still else ""
    task.retry, task.left = partial(_end_what_is_left, host), task.message if still else ""


def _said(outcome: Outcome, host: Host) -> str:
    credential = outcome.credential
    if outcome.action in (Did.KEEP, Did.DELETE):
        last = next((result.message for result in reversed(outcome.results) if result.message), "")
        return last.partition("; ")[0]  # the step itself says the rest
    if credential is None or outcome.action.value == "revoke":
        return ""
    if credential.expires_at is None:
        return credential.message if credential.state is State.VALID else ""
    kept = f", kept in {short_path(credential.kept_in)}" if credential.kept_in else ""
    level = f"{credential.shoot.level.value}, " if credential.shoot is not None else ""
    asked, granted = credential.requested, credential.granted
    capped = f" (requested {lifetime(asked)}, capped)" if asked and granted and asked - granted > _SECOND else ""
    good = granted
    if outcome.action is Did.UNDO and granted is not None:  # what is put back is not new
        good, capped = min(granted, credential.expires_at - host.now(credential_row(credential))), ""
    return f"{level}good for {lifetime(good)}{capped}, until {stamp(credential.expires_at)}{kept}"


def _show_exports(host: Host) -> None:
    if host.fleet is not None:
        host.fleet.refresh_exports()
