"""Jobs: what the user asked the engine to do, with one task per credential and one result per step.

A task plans and executes one thing; a job is data that a panel draws. Nothing raises here: whatever goes wrong becomes
the error of its task, with what a person can do about it, and stays there until it is dismissed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, Final, Protocol, TypeVar

from tui.issuance import (
    Action as Did,
    Address,
    Outcome,
    Plan,
    State,
    StepResult,
    StepStatus,
    Unasked,
    UsageError,
    blamed,
    explain,
    is_given_up,
)
from tui.kube import limits

from .action import Action, Answer, Host, Wish
from .ended import words_of
from .intended import Intended, bound
from .meant import Meant, address_in, waits_for
from .questions import HARMLESS
from .spoken import in_dashboard

LATER = ("revoke:", "sweep:")
"""Steps that end when the job is long over: what a rotation replaced goes after its grace."""
TRIED_AGAIN = (
    "ctrl+r tries to end the old token now, and rotates nothing; that is also tried every minute, and when kubemint "
    "starts next"
)
AT_ONCE = 6
"""How many things are worked on at a time in each cluster, so that one that hangs keeps none of the others waiting."""
Item = TypeVar("Item")
Result = TypeVar("Result")


async def each(
    items: Iterable[Item], work: Callable[[Item], Awaitable[Result]], cluster: Callable[[Item], str] = lambda item: ""
) -> list[Result]:
    """Do it for every one, `AT_ONCE` in each cluster: the one rule of how much runs at once. In the order given."""
    slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def one(item: Item) -> Result:
        async with slots[cluster(item)]:
            return await work(item)

    return list(await asyncio.gather(*map(one, items)))


@dataclass(slots=True)
class Task:
    """One credential's part of a job."""

    title: str
    work: Callable[[Task], Awaitable[None]]
    changed: Callable[[], None] = lambda: None
    speaks: Callable[[str], str] = in_dashboard
    """What the core says, in the words of where it is shown."""
    plan: Plan | None = None
    results: list[StepResult] = field(default_factory=list)
    status: StepStatus | None = None
    """None while it waits, RUNNING, and then how it ended (UNDONE where it was cancelled before it began)."""
    message: str = ""
    hint: str = ""
    blames: str = ""
    """What of the wish is at fault where it failed, as the core's `blamed` says it."""
    address: Address | None = None
    """Which credential it is about, where it is about one."""
    cluster: str = ""
    """Which cluster it waits for, where that is known."""
    outcome: Outcome | None = None
    """What the engine said, where it was asked for something that has an outcome."""
    retry: Callable[[Task], Awaitable[None]] | None = None
    """What is tried again where it failed, if that is not the whole of it."""
    question: str = ""
    """What has to be said yes to before it is done; `retry` then does it."""
    left: str = ""
    """What was to end with it and has not, although it is done: known only after the grace."""
    meant: Meant | None = None
    """The row that it was begun for, as it was seen; it is tried again for that one only."""
    asks: Callable[[Any], None] | None = None
    """How it is asked for again, on the screen that it is given, where it was begun by a form or replaces something."""
    by_form: bool = False
    """Whether that is its form, filled in as it was."""

    @property
    def current(self) -> StepResult | None:
        """The step that runs or was the last."""
        return self.results[-1] if self.results else None

    @property
    def subject(self) -> Address | None:
        """What it changes, as far as that is known before it ends."""
        return self.address or (self.plan.address if self.plan is not None else None)

    @property
    def back_to_form(self) -> bool:
        """Whether trying again means to look at its form first."""
        return self.by_form and self.status is StepStatus.FAILED and not (self.left or self.question)

    @property
    def again(self) -> Callable[[Task], Awaitable[None]]:
        """What is done where it is tried again."""
        return self.retry if self.retry is not None and (self.left or self.question) else self.work

    def anew(self) -> Task:
        """The same once more, or the part of it that is tried again."""
        return Task(
            self.title, self.again, speaks=self.speaks, address=self.address, cluster=self.cluster, meant=self.meant,
            asks=self.asks, by_form=self.by_form,
        )  # fmt: skip

    async def run(self) -> None:
        """Do it. Never raises but for cancellation: what goes wrong becomes its message and hint."""
        self.status = StepStatus.RUNNING
        self.changed()
        try:
            with limits.by_default(limits.ACTING):
                await self.work(self)
        except Exception as error:  # noqa: BLE001 - a mistake with one must neither end the dashboard nor cost the others
            self.status = StepStatus.FAILED
            self.message, self.hint = map(self.speaks, explain(error))
            self.blames = blamed(error)
        if self.status is StepStatus.RUNNING:
            self.status = StepStatus.DONE
        self.changed()

    def on_step(self, result: StepResult) -> None:
        """A step began or ended: a result replaces its RUNNING one."""
        for index, known in enumerate(self.results):
            if known.step == result.step and known.status is StepStatus.RUNNING:
                self.results[index] = result
                break
        else:
            self.results.append(result)
        if result.status is StepStatus.FAILED and result.step.startswith(LATER):
            self.left, self.hint = result.message, "" if is_given_up(result.message) else TRIED_AGAIN
            if self.status is StepStatus.DONE:
                self._say_left()
        self.changed()

    def take(self, outcome: Outcome) -> None:
        """How the engine says it ended."""
        self.status = StepStatus.DONE if outcome.ok else StepStatus.FAILED
        self.message, self.hint = self.speaks(outcome.error), self.speaks(outcome.hint)
        self.outcome, self.blames = outcome, outcome.blames
        if outcome.ok and outcome.left:
            self.left = self.speaks("; ".join(outcome.left))
        if outcome.ok and self.left:
            self._say_left()

    def _say_left(self) -> None:
        """It is done, and yet not all of it: that is no success."""
        self.status, self.message = StepStatus.FAILED, f"done, but {self.left}"


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
    if (run := action.run) is None:
        after = partial(action.after, host.engine, wish, over=over) if action.after is not None else None
        plan = bound(host, partial(action.plan, host.engine, wish, **words), shown, meant, again=again)
        work = _planned(host, plan, after, partial(action.said, wish))
    else:
        work, meant = partial(_run, host, run, wish), None
    cluster = waits_for(host, wish)
    return Task(
        action.title_of(wish),
        work,
        speaks=partial(in_dashboard, fields=action.fields),
        address=address_in(wish),
        cluster=cluster,
        meant=meant,
    )


async def _run(host: Host, run: Callable[[Host, Wish], Awaitable[Answer]], wish: Wish, task: Task) -> None:
    answer = await run(host, wish)
    task.status = StepStatus.DONE if answer.ok else StepStatus.FAILED
    task.message, task.hint = task.speaks(answer.message), task.speaks(answer.hint)


def as_foreseen(host: Host, intended: Intended) -> Task:
    """Do what a dry run showed, exactly that; when it is tried again, what is right by then."""
    cluster = waits_for(host, intended.plan.address) if intended.plan is not None else ""
    plan = bound(host, intended.make, replace(intended), intended.meant)
    return Task(intended.title, _planned(host, plan), speaks=intended.speaks, cluster=cluster, meant=intended.meant)


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
            task.retry = _planned(host, bound(host, plan, wanted, None), after, said)
            task.question = error.message
            raise UsageError(error.message, _ASKS.get(error.word, "")) from error
        task.changed()
        task.retry = partial(_end_what_is_left, host)
        with _left_to_its_undo(host, task.plan, task.address or task.plan.address) as left:
            outcome = await host.engine.execute(task.plan, task.on_step)
            left.ok = outcome.ok
        task.take(outcome)
        if outcome.ok and not task.message:
            task.message = said(outcome) or words_of(outcome, host)
        if task.status is StepStatus.DONE and after is not None and (said_after := await after()):
            task.message = f"{task.message}; {said_after}"
        now = outcome.credential
        another = outcome.action is Did.ROTATE or now is None or now.state is State.REVOKED
        if task.status is StepStatus.DONE and task.address is not None and another:
            host.undone.discard(task.address)
        if host.fleet is not None:
            host.fleet.refresh_exports()

    return work


@dataclass
class _Undoing:
    ok: bool = False


@contextlib.contextmanager
def _left_to_its_undo(host: Host, plan: Plan, address: Address) -> Iterator[_Undoing]:
    """From its first step on what is undone is left alone by the loop, which sees at once that the older one is due.

    Undone twice, it is the newer one again.
    """
    undoing, before = _Undoing(), address in host.undone
    if plan.action is not Did.UNDO:
        yield undoing
        return
    host.undone.add(address)
    try:
        yield undoing
    finally:
        if before is undoing.ok:
            host.undone.discard(address)


_ASKS: Final = {
    "replace": "r renews it; ctrl+r asks, then issues another one",
    "unmake": "ctrl+r asks, then deletes what was issued",
    "revive": "ctrl+r asks, then issues a new one",
}


async def _end_what_is_left(host: Host, task: Task) -> None:
    """Once more what was to end and has not: everything that the journal says is open."""
    task.results.clear()
    outcomes = await host.engine.recover()
    still = [outcome for outcome in outcomes if not outcome.ok]
    task.status = StepStatus.FAILED if still else StepStatus.DONE
    task.message = (
        "; ".join(dict.fromkeys(task.speaks(outcome.error) for outcome in still)) or "what was left has ended"
    )
    task.hint = TRIED_AGAIN if still else ""
    task.retry, task.left = partial(_end_what_is_left, host), task.message if still else ""


@dataclass(slots=True)
class Job:
    """One thing that was asked for: `rotate`, of one or many."""

    id: int
    verb: str
    tasks: list[Task]
    begun_at: datetime
    ended_at: datetime | None = None
    cancelled: bool = False
    quiet: bool = False
    """Whether it was not asked for just now: it does not come to the front by itself."""
    put_away: StepStatus | None = None
    """How it stood when the user put it away; None while that was not done."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def running(self) -> bool:
        return self.ended_at is None

    @property
    def failed(self) -> list[Task]:
        return [task for task in self.tasks if task.status is StepStatus.FAILED]

    @property
    def questions(self) -> list[Task]:
        """What was not begun because the user has to say first that it is meant."""
        return [task for task in self.failed if task.question]

    @property
    def done(self) -> list[Task]:
        return [task for task in self.tasks if task.status is StepStatus.DONE]

    @property
    def not_begun(self) -> list[Task]:
        """What was cancelled before its turn came."""
        return [task for task in self.tasks if task.status is StepStatus.UNDONE and not task.results]

    @property
    def title(self) -> str:
        return self.tasks[0].title if len(self.tasks) == 1 else f"{len(self.tasks)} credentials"

    @property
    def sign(self) -> StepStatus:
        """How it stands as a whole."""
        if self.running:
            return StepStatus.RUNNING
        if self.failed:
            return StepStatus.FAILED
        return StepStatus.UNDONE if self.not_begun or not self.done else StepStatus.DONE


class Desk(Protocol):
    """Who lets jobs run in the background, and speaks of them with the user."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Let it run, until the dashboard is left."""

    def say_busy(self, left: Mapping[Address, Job]) -> None:
        """These were left out: the jobs work on them."""

    def ask(self, job: Job) -> None:
        """It is over, and did not begin what the user has to say yes to."""


class Jobs:
    """Every job since the dashboard opened, the newest last, and who wants to know about changes."""

    desk: Desk

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.all: list[Job] = []
        self._clock = clock
        self._ids = count(1)
        self._listeners: list[Callable[[Job], None]] = []

    def listen(self, listener: Callable[[Job], None]) -> None:
        """`listener` hears of every change of every job."""
        self._listeners.append(listener)

    def begin(self, verb: str, tasks: Sequence[Task], *, quiet: bool = False) -> Job:
        """Begin at once; the panel follows, unless it is a quiet one. What a job that runs works on is left out; where
        that is all of it, hands back the job that does."""
        free = list(tasks) if quiet else self.free(verb, tasks)
        if tasks and not free:
            return next(iter(self.apart(verb, tasks)[1].values()))
        return self._start(self.add(verb, free, quiet=quiet))

    def free(self, verb: str, tasks: Sequence[Task]) -> list[Task]:
        """Those that no job that runs works on; of the others it is said."""
        free, left = self.apart(verb, tasks)
        if left:
            self.desk.say_busy(left)
        return free

    def again(self, job: Job, among: Sequence[Task]) -> None:
        """Begin once more what `among` the tasks of a job no other one works on."""
        if free := self.free(job.verb, among):
            self._start(self.add(job.verb, [task.anew() for task in free]))

    def add(self, verb: str, tasks: Sequence[Task], *, quiet: bool = False) -> Job:
        """A new job; `run` does it."""
        job = Job(next(self._ids), verb, list(tasks), self._clock(), quiet=quiet)
        for task in job.tasks:
            task.changed = lambda: self._notify(job)
        self.all.append(job)
        del self.all[:-100]
        self._notify(job)
        return job

    def apart(self, verb: str, tasks: Sequence[Task]) -> tuple[list[Task], dict[Address, Job]]:
        """What of `tasks` can begin; and what is left out, with the job that runs and works on the same."""
        changing = [job for job in self.all if job.running and not {job.verb, verb} & HARMLESS]
        begun = ((job, task) for job in changing for task in job.tasks if task.status in (None, StepStatus.RUNNING))
        busy = {address: job for job, task in begun if (address := task.subject) is not None}
        left = {task.address: busy[task.address] for task in tasks if task.address in busy}
        return [task for task in tasks if task.address not in left], left

    def _start(self, job: Job) -> Job:
        async def work() -> None:
            await self.run(job)
            if job.questions and not job.quiet:
                self.desk.ask(job)

        self.desk.spawn(work(), f"job-{job.id}")
        return job

    async def run(self, job: Job) -> None:
        """Do every task. Never raises but for cancellation."""
        try:
            await each(job.tasks, partial(self._one, job), lambda task: task.cluster)
        finally:
            job.ended_at = self._clock()
            job.over.set()
            self._notify(job)

    async def _one(self, job: Job, task: Task) -> None:
        if job.cancelled:
            task.status, task.message = StepStatus.UNDONE, "not begun: cancelled"
            task.changed()
        else:
            await task.run()

    def _notify(self, job: Job) -> None:
        for listener in self._listeners:
            listener(job)
