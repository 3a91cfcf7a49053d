"""What the engine is doing right now and how it ended: every step of one job, or one line for each of many.

It stays until the user closes it, so an error can be read: what happened, why, and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from tui.actions.jobs import Job, Task
from tui.fleet.signs import STEPS, Sign, Tone
from tui.issuance import StepStatus, human_left, lasting_grace
from tui.kube.text import safe_text

from .columns import cut
from .themes import style_of

_FRAME: Final = 6
"""Cells of a line that its frame, the blanks inside of it and a scroll bar take."""
_WAITING = Sign("·", "waiting", Tone.MUTE)
_NOT_BEGUN = Sign("–", "not begun", Tone.WARN)
MOST: Final = 20
"""So many tasks of a job that runs are drawn, since each picture of hundreds would cost more than their work."""
_ORDER: Final = (StepStatus.FAILED, StepStatus.RUNNING, StepStatus.UNDONE, None, StepStatus.DONE)
"""Of many tasks, what the user has to look at comes first."""


class JobPanel(VerticalScroll, can_focus=True):
    """Shows one job at a time, the newest. It scrolls by the keys of lists once it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", "up", show=False),
        Binding("j", "scroll_down", "down", show=False),
        Binding("ctrl+b", "page_up", "page up", show=False),
        Binding("ctrl+f", "page_down", "page down", show=False),
        Binding("g", "scroll_home", "first", show=False),
        Binding("G", "scroll_end", "last", show=False),
        Binding("enter", "open", "each of them", show=False),
    ]

    class Opened(Message):
        """The user wants to see each of the many of a job."""

        def __init__(self, job: Job) -> None:
            super().__init__()
            self.job = job

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        undo_until: Callable[[Job], datetime | None] = lambda job: None,
        retries: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._undo_until = undo_until
        self._retries = retries
        """Whether ctrl+r tries again whatever has the focus; else it does once this has."""
        self.job: Job | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="job-body", markup=False)

    def show(self, job: Job) -> None:
        """Draw this job as it stands. One that was put away, on whatever screen, comes back by itself only to say that
        it failed."""
        if job.put_away is not None:
            if job.sign is not StepStatus.FAILED or job.put_away is StepStatus.FAILED:
                return
            job.put_away = None
        self.job = job
        self.display = True
        self.redraw()

    def close(self) -> None:
        """Put the panel away; what runs goes on."""
        if self.job is not None:
            self.job.put_away = self.job.sign
        self.display = False
        self.job = None

    def reopen(self, job: Job) -> None:
        """Show a job that the user asks for, put away or not."""
        job.put_away = None
        self.show(job)

    def tick(self) -> None:
        """Say anew what time changes: how long it runs, and how long it can still be undone."""
        job = self.job
        if job is None:
            return
        tasks, now = job.tasks, self._clock()
        took = ((job.ended_at or now) - job.begun_at).total_seconds()
        failed = any(task.status is StepStatus.FAILED for task in tasks)
        until = self._undo_until(job)
        keys = []
        if until is not None and until > now:
            keys.append(f"U undo {'this' if len(tasks) == 1 else 'these'}, {human_left(until - now)} left")
        if job.running:
            keys += ["esc hide"]
            if len(tasks) > 1:
                keys += ["cancelled"] if job.cancelled else ["ctrl+x cancel the rest"]
        else:
            word = "back to the form" if len(tasks) == 1 and tasks[0].back_to_form else "retry"
            retry = f"ctrl+r {word}" if self._retries or self.has_focus else f"{word} (J, then ctrl+r)"
            keys += ["esc close", retry] if failed else ["esc close"]
        if self.has_focus and len(tasks) > 1:
            keys.append("enter lists each")
        elif (self.max_scroll_y or (failed and len(tasks) > 1)) and not self.has_focus:
            keys.append("J read")
        self.border_subtitle = Content("   ").join(
            [Content(f"{_sign(job).word} {took:.1f} s"), *(_pressed(words, job) for words in keys)]
        )

    def action_open(self) -> None:
        if self.job is not None and len(self.job.tasks) > 1:
            self.post_message(self.Opened(self.job))

    def redraw(self) -> None:
        job = self.job
        if job is None or not self.is_mounted:
            return
        sign, tasks = _sign(job), job.tasks
        said = safe_text(job.title, 80) if len(tasks) == 1 else f"{safe_text(job.title, 30)}: {counts(tasks)}"
        self.border_title = Content(f"{sign.glyph} {job.verb}  {said}")
        self.tick()
        for status in ("running", "failed", "done"):
            self.set_class(sign.word == status, f"-{status}")
        most = MOST if job.running and not self.has_focus else len(tasks)
        lines = single(tasks[0]) if len(tasks) == 1 else many(tasks, self.screen.size.width, most)
        self.query_one("#job-body", Static).update(Content("\n").join(lines))
        if job.running or self.has_focus:
            return
        if len(tasks) == 1:
            self.call_after_refresh(self.scroll_end, animate=False)
        else:
            self.scroll_home(animate=False)

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.tick()

    def on_resize(self) -> None:
        self.tick()


def single(task: Task) -> list[Content]:
    """Every step of one task, those to come included, then how it ended."""
    results, plan = {result.step: result for result in task.results}, task.plan
    order: list[tuple[str, str]] = [(step.id, step.title) for step in plan.steps] if plan is not None else []
    order += [(result.step, result.title) for result in task.results if result.step not in dict(order)]
    warnings = plan.warnings if plan is not None else ()
    lines = [Content.assemble(("! ", "$warn bold"), (safe_text(task.speaks(warning)), "$warn")) for warning in warnings]
    if plan is not None and plan.grace is not None and (lasts := lasting_grace(plan.grace, plan.grace_for)):
        lines.append(Content.assemble(("→ ", "$info bold"), (safe_text(lasts), "$info")))
    over = task.status not in (None, StepStatus.RUNNING)
    for step, title in order:
        result = results.get(step)
        if result is None:
            sign = Sign("·", "not reached", Tone.MUTE) if over else _WAITING
            lines.append(_line(sign, title, "" if not over else sign.word, quiet=True))
        else:
            again = result.message != task.message and result.message in task.message  # the end says it whole
            lines.append(_line(STEPS[result.status], result.title or title, "" if again else result.message))
    lines += _ending(task)
    if not lines:
        lines.append(Content.styled("◌ planning …", "$info"))
    return lines


def counts(tasks: Sequence[Task]) -> str:
    """How many of many tasks are where, the failed ones first."""
    failed, running, left, waiting, done = (sum(task.status is status for task in tasks) for status in _ORDER)
    said = [f"{failed} failed"] if failed else []
    said.append(f"{done} done")
    for number, word in ((running, STEPS[StepStatus.RUNNING].word), (waiting, _WAITING.word), (left, _NOT_BEGUN.word)):
        if number:
            said.append(f"{number} {word}")
    return ", ".join(said)


def many(tasks: Sequence[Task], width: int, most: int) -> list[Content]:
    """One line for each task, where it is or how it ended: the failed first, then those that run; so many at most.
    What finds no room there stands in full on the page of the job."""
    widest = min(max(cell_len(task.title) for task in tasks), 48, max(width // 2 - 6, 12))
    lines = []
    ordered = sorted(tasks, key=lambda task: _ORDER.index(task.status) if task.status in _ORDER else len(_ORDER))
    for task in ordered[:most]:
        sign = _WAITING if task.status is None else STEPS[task.status]
        if task.status is StepStatus.UNDONE:
            sign = _NOT_BEGUN
        current = task.current
        if task.status is StepStatus.RUNNING:
            says = f"{current.title} …" if current is not None else "planning …"
        elif task.status is StepStatus.FAILED:
            says = task.message + (f" → {task.hint}" if task.hint else "")
        else:
            says = task.message or sign.word
        lead = f"{cut(safe_text(task.title), widest, middle=True)}  "
        room = max(width - _FRAME - cell_len(lead) - 2, 8)
        tone = style_of(sign.tone) if sign.tone is Tone.BAD else "$mute"
        lines.append(_line(sign, lead, "") + Content.styled(cut(safe_text(says), room), tone))
    if len(ordered) > most:
        lines.append(Content.styled(f"  … and {len(ordered) - most} more", "$mute"))
    return lines


_OFFERS: Final = {"U": "undo", "ctrl+r": "retry", "retry": "retry", "back": "retry", "ctrl+x": "cancel"}
"""Keys that are about the job that is shown, and what they do to it."""


def _pressed(words: str, job: Job) -> Content:
    """Words that begin with a key, and do when they are clicked what it does: to the job that they stand below."""
    key = words.partition(" ")[0]
    if key == words:
        return Content(words)
    name = "escape" if key == "esc" else key
    offer = _OFFERS.get(key)
    action = f"app.offer('{offer}', {job.id})" if offer else f"app.simulate_key('{name}')"
    return Content.assemble((words, Style.from_meta({"@click": action})))


def _sign(job: Job) -> Sign:
    return _NOT_BEGUN if job.sign is StepStatus.UNDONE and len(job.tasks) > 1 else STEPS[job.sign]


def _line(sign: Sign, title: str, says: str, *, quiet: bool = False) -> Content:
    parts = [
        Content.styled(f"{sign.glyph} ", style_of(sign.tone)),
        Content.styled(safe_text(title), "$faint" if quiet else "$strong"),
    ]
    if says:
        parts.append(Content.styled(f"  {safe_text(says)}", style_of(sign.tone) if sign.tone is Tone.BAD else "$mute"))
    return Content.assemble(*parts)


def _ending(task: Task) -> list[Content]:
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
