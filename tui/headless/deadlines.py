"""How long each command may take: one stated deadline for all that it does, however many requests that is.

When it is over, requests end at once, what was begun is undone, and what cannot be undone in time stays in the journal
for the next kubemint; the command says so and fails. A watch has no deadline, nor has the time that a person takes to
answer a question. The grace period comes on top.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from tui.kube import limits

if TYPE_CHECKING:
    from tui.issuance import StateStore

LOOKING: Final = frozenset(
    {"list", "verify", "inspect", "can", "snippet", "lineage", "hygiene", "exec-credential", "show", "journal"}
)
"""The commands that change nothing."""
_TICK: Final = 0.5


def timeout_of(text: str | None) -> float | None:
    """Seconds for what `--request-timeout` says; a number alone is seconds, as for kubectl. Raises UsageError.

    Infinity for zero, None where it is not given.
    """
    from tui.issuance import parse_duration

    if text is None:
        return None
    plain = text.isascii() and text.isdigit() and len(text) < 10
    return (float(text) if plain else parse_duration(text).total_seconds()) or math.inf


def default_for(verb: str, asked: Mapping[str, Any]) -> float | None:
    """Seconds for a command by its name and what it was asked; None for one that goes on until it is stopped."""
    from tui.issuance import parse_duration

    if asked.get("watch"):
        return None
    wait = asked.get("wait")
    waits = parse_duration(wait).total_seconds() if wait else 0.0
    if verb in LOOKING:
        return limits.LOOKING + waits
    many = verb == "reconcile" or asked.get("due") or len(asked.get("addresses") or ()) > 1
    return (limits.MANY if many else limits.ACTING) + waits


def seconds_for(context: click.Context | None) -> float | None:
    """Seconds that the command of this context has. Raises UsageError where `--request-timeout` makes no sense."""
    if context is None:
        return None
    text = context.params.get("timeout") or getattr(context.obj, "timeout", None)
    given = timeout_of(text)
    default = default_for(context.info_name or "", context.params)
    if given is not None and default is None:
        raise click.UsageError("--request-timeout does not go with --watch: a watch runs until it is stopped", context)
    return default if given is None else given


@contextlib.asynccontextmanager
async def deadline(seconds: float | None) -> AsyncIterator[None]:
    """Everything inside in so many seconds. What does not end by itself then is cancelled a little later.

    Raises OutOfTime.
    """
    if seconds is None:
        yield
        return
    import asyncio  # not for a command's help

    task, late = asyncio.current_task(), False
    assert task is not None

    async def watch(mine: limits.Deadline) -> None:
        nonlocal late
        while left := mine.left:  # noqa: ASYNC110 - it may be moved meanwhile, which no event tells
            await asyncio.sleep(min(left, _TICK))
        await asyncio.sleep(limits.UNDOING)
        late = True
        task.cancel()

    with limits.within(seconds) as mine:
        error = limits.out_of_time()
        watching = asyncio.create_task(watch(mine))
        try:
            yield
        except asyncio.CancelledError:
            if not late:
                raise
            task.uncancel()
            error = limits.out_of_time()
        else:
            return
        finally:
            watching.cancel()
    raise error


def say_open(state: StateStore, before: set[str]) -> None:
    """Where the time is over: what this command began and neither finished nor undid. `before` was open already."""
    from tui.issuance import IssuanceError

    from .printing import say

    if limits.left() != 0.0:
        return
    with contextlib.suppress(IssuanceError):
        for intent in state.open_plans():
            if intent.plan not in before:
                say(f"still open: {intent.action.value} {intent.address}: the next kubemint finishes or undoes it")


def open_before(state: StateStore | None) -> set[str]:
    """The plans that are open, by their ids."""
    from tui.issuance import IssuanceError

    with contextlib.suppress(IssuanceError):
        return {intent.plan for intent in state.open_plans()} if state is not None else set()
    return set()
