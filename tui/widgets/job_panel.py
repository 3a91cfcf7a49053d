"""What the engine is doing right now and how it ended: every step of one job, or one line for each of many.

It stays until somebody closes it, so an error can be read: what happened, why, and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.issuance.countdown import human_left
from tui.issuance.types import StepResult, StepStatus
from tui.kube.text import safe_text

from .signs import STEPS, Sign, Tone

_WAITING = Sign("·", "waiting", Tone.MUTE)


class TaskLike(Protocol):
    """What the panel reads of a task."""

    title: str
    plan: Any
    results: list[StepResult]
    status: StepStatus | None
    message: str
    hint: str


class JobLike(Protocol):
    """What the panel reads of a job."""

    verb: str
    cancelled: bool
    begun_at: datetime
    ended_at: datetime | None

    @property
    def tasks(self) -> Sequence[TaskLike]: ...
    @property
    def title(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def sign(self) -> StepStatus: ...


class JobPanel(VerticalScroll, can_focus=True):
    """Shows one job at a time, the newest."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        undo_until: Callable[[JobLike], datetime | None] = lambda job: None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._undo_until = undo_until
        self.job: JobLike | None = None
        self._away: list[JobLike] = []
        """Jobs that were put away while they ran."""

    def compose(self) -> ComposeResult:
        yield Static("", id="job-body", markup=False)

    def show(self, job: JobLike) -> None:
        """Draw this job as it stands. One that was put away comes back by itself only to say that it failed."""
        if any(job is away for away in self._away):
            if job.running or job.sign is not StepStatus.FAILED:
                return
            self._away = [away for away in self._away if away is not job]
        self.job = job
        self.display = True
        self.redraw()

    def close(self) -> None:
        """Put the panel away; what runs goes on."""
        if self.job is not None and self.job.running:
            self._away.append(self.job)
        self.display = False
        self.job = None

    def reopen(self, job: JobLike) -> None:
        """Show a job that somebody asks for, put away or not."""
        self._away = [away for away in self._away if away is not job]
        self.show(job)

    def tick(self) -> None:
        """Say anew what time changes: how long it runs, and how long it can still be undone."""
        job = self.job
        if job is None:
            return
        sign, tasks, now = STEPS[job.sign], job.tasks, self._clock()
        took = ((job.ended_at or now) - job.begun_at).total_seconds()
        done = sum(task.status is StepStatus.DONE for task in tasks)
        failed = sum(task.status is StepStatus.FAILED for task in tasks)
        until = self._undo_until(job)
        keys = []
        if until is not None and until > now:
            keys.append(f"u undo, {human_left(until - now)} left")
        if job.running:
            keys += ["esc hide"] if len(tasks) == 1 else ["esc hide", "ctrl+x cancel the rest"]
        else:
            keys += ["esc close", "ctrl+r retry"] if failed else ["esc close"]
        amount = f"{done} of {len(tasks)} done" + (f", {failed} failed" if failed else "") if len(tasks) > 1 else ""
        state = sign.word if not job.running else "running"
        self.border_subtitle = Content("   ".join(filter(None, (amount, f"{state} {took:.1f} s", *keys))))

    def redraw(self) -> None:
        job = self.job
        if job is None or not self.is_mounted:
            return
        sign = STEPS[job.sign]
        tasks = job.tasks
        self.border_title = Content(f"{sign.glyph} {job.verb}  {safe_text(job.title, 80)}")
        self.tick()
        for status in ("running", "failed", "done"):
            self.set_class(sign.word == status, f"-{status}")
        lines = single(tasks[0]) if len(tasks) == 1 else many(tasks)
        self.query_one("#job-body", Static).update(Content("\n").join(lines))
        if not job.running:
            self.call_after_refresh(self.scroll_end, animate=False)


def single(task: TaskLike) -> list[Content]:
    """Every step of one task, those to come included, then how it ended."""
    results = {result.step: result for result in task.results}
    order: list[tuple[str, str]] = [(step.id, step.title) for step in task.plan.steps] if task.plan is not None else []
    order += [(result.step, result.title) for result in task.results if result.step not in dict(order)]
    lines = [
        Content.assemble(("! ", "$warn bold"), (safe_text(warning), "$warn"))
        for warning in (task.plan.warnings if task.plan is not None else ())
    ]
    over = task.status not in (None, StepStatus.RUNNING)
    for step, title in order:
        result = results.get(step)
        if result is None:
            sign = Sign("·", "not reached", Tone.MUTE) if over else _WAITING
            lines.append(_line(sign, title, "" if not over else sign.word, quiet=True))
        else:
            lines.append(_line(STEPS[result.status], result.title or title, result.message))
    lines += _ending(task)
    if not lines:
        lines.append(Content.styled("◌ planning …", "$info"))
    return lines


def many(tasks: Sequence[TaskLike]) -> list[Content]:
    """One line per task: where it is or how it ended."""
    widest = min(max(len(task.title) for task in tasks), 48)
    lines = []
    for task in tasks:
        sign = STEPS[task.status] if task.status is not None else _WAITING
        current = task.results[-1] if task.results else None
        if task.status is StepStatus.RUNNING:
            says = f"{current.title} …" if current is not None else "planning …"
        elif task.status is StepStatus.FAILED:
            says = task.message + (f" → {task.hint}" if task.hint else "")
        else:
            says = task.message or sign.word
        lines.append(_line(sign, safe_text(task.title, widest).ljust(widest), says))
    return lines


def _line(sign: Sign, title: str, says: str, *, quiet: bool = False) -> Content:
    parts = [
        Content.styled(f"{sign.glyph} ", sign.tone.style),
        Content.styled(safe_text(title), "$faint" if quiet else "$strong"),
    ]
    if says:
        parts.append(Content.styled(f"  {safe_text(says)}", sign.tone.style if sign.tone is Tone.BAD else "$mute"))
    return Content.assemble(*parts)


def _ending(task: TaskLike) -> list[Content]:
    if task.status is StepStatus.FAILED:
        lines = [Content.assemble(("✖ what happened  ", "$bad bold"), (safe_text(task.message), "$strong"))]
        if task.hint:
            lines.append(Content.assemble(("→ what to do     ", "$warn bold"), (safe_text(task.hint), "$strong")))
        return lines
    if task.status is StepStatus.DONE and (task.message or task.hint):
        said = [Content.assemble(("✓ ", "$good bold"), (safe_text(task.message), "$strong"))] if task.message else []
        return said + ([Content.styled(f"→ {safe_text(task.hint)}", "$mute")] if task.hint else [])
    if task.status is StepStatus.UNDONE:
        return [Content.styled(f"↺ {safe_text(task.message)}", "$warn")]
    return []
