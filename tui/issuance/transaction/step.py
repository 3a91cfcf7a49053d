"""A step, and the list of them that a plan is.

    class Issue(Journaled):
        @property
        def steps(self):
            return (self.opened(), Step(info=…, do=self._handle, undo=self.discard_handle), …)

What a dry run shows, what is done, told and journaled, what is taken back where a step fails, and what a start after a
crash finishes or undoes: all of it is read from that one list. A family says only what its steps are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from tui.issuance.errors import StepFailed
from tui.issuance.model.types import Plan, StepInfo, StepStatus
from tui.issuance.users.grace_length import grown

from .running import UNDO, Run
from .work import Finished

if TYPE_CHECKING:
    from tui.issuance.model.sight import Sight
    from tui.issuance.model.types import Action, Address, Credential
    from tui.issuance.records.intent import Intent
    from tui.issuance.users.grace_length import Length

    from .running import Note

Do = Callable[["Note"], Awaitable[None]]
"""Does it; the note takes what is to be said, and what the journal is to keep with it. Raises where it went wrong."""
Undo = Callable[["Note", StepFailed | None], Awaitable[str]]
"""Takes back whatever of it was done, and says what, empty where nothing was. Raises where that cannot be, or is not
known: then nothing before it is taken back either, and the next start goes on. The failure is None for a start after
a crash."""

FIND: Final = "find"
_LATER: Final = "the rest is cleaned up when kubemint starts next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a plan does, and how it is taken back."""

    info: StepInfo
    """What it says of itself: its id, its title, and the call that it makes or the file that it writes."""
    do: Do
    undo: Undo | None = None
    """None where there is nothing to take back."""
    whole: bool = False
    """Whether nothing was done where it fails, so that only what came before it is taken back."""
    final: bool = False
    """Whether what was done until here stays: what fails later takes nothing of it back."""
    kept: str | Callable[[StepFailed], str] = ""
    """What is said where it fails and nothing is taken back, because the next start goes on with it."""

    def keeps(self, failure: StepFailed) -> str:
        """What is said where this failure takes nothing back; empty where it does."""
        return self.kept if isinstance(self.kept, str) else self.kept(failure)


class Transaction:
    """A plan's substance: what the engine runs, once, under the locks of `addresses`."""

    sight: Sight
    """What the plan rests on: looked at again under the locks, before the first step."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every address that must not be worked on by anybody else meanwhile."""
        raise NotImplementedError

    @property
    def fallback(self) -> Credential | None:
        """The credential that still works where the work fails."""
        return None

    @property
    def steps(self) -> Sequence[Step]:
        """What is done, in order."""
        raise NotImplementedError

    @property
    def later(self) -> Sequence[StepInfo]:
        """What comes after by itself, when its time is there."""
        return ()

    def finished(self) -> Finished:
        """How it ended, once every step is done."""
        return Finished(None)

    def taken_back(self) -> Finished:
        """The same, once everything is taken back."""
        return Finished(None)

    def hints(self) -> Sequence[str]:
        """What stays to be known or done, once every step is done."""
        return ()

    def undone(self, said: Sequence[str]) -> str:
        """How taking back is told; `said` is what its steps said of it."""
        return f"as it was before ({'; '.join(said) or 'nothing had been made'})"

    async def find(self, note: Note) -> Sequence[Step] | None:
        """After a crash: the steps that are still to do, None where everything is taken back. `note` takes how far it
        came. Raises KubeError, IssuanceError where that cannot be seen."""
        raise NotImplementedError

    async def run(self, run: Run) -> Finished:
        """Do it, step by step. Raises StepFailed after having taken back what could be."""
        return await self._do(run, self.steps)

    async def settle(self, run: Run) -> Finished:
        """Finish or take back what a dead process began. Raises StepFailed where the next start has to go on."""
        async with run.step(FIND) as note:
            left = await self.find(note)
        if left is None:
            await self._take_back(run, self.steps, None)
            if run.results[-1].status is StepStatus.FAILED:
                raise StepFailed(UNDO, run.results[-1].message, "kubemint tries again when it starts next")
            return self.taken_back()
        return await self._do(run, left, recovering=True)

    def plan(
        self,
        id_: str,
        action: Action,
        address: Address,
        *,
        warnings: Sequence[str] = (),
        preview: str = "",
        lasts: Length | None = None,
    ) -> Plan:
        """What it will do, to be shown; `lasts` is the grace of what it replaces, None where it replaces nothing."""
        return Plan(
            id=id_,
            action=action,
            address=address,
            steps=(*(step.info for step in self.steps), *self.later),
            warnings=tuple(dict.fromkeys(warnings)),
            preview=preview,
            grace=lasts.grace if lasts is not None else None,
            grace_for=lasts.reasons if lasts is not None else (),
        )

    async def _do(self, run: Run, steps: Sequence[Step], *, recovering: bool = False) -> Finished:
        begun: list[Step] = []
        for step in steps:
            begun.append(step)
            try:
                async with run.step(step.info.id) as note:
                    await step.do(note)
            except StepFailed as failure:
                if kept := step.keeps(failure):
                    run.hints.append(kept)
                elif not recovering:
                    await self._take_back(run, begun, failure)
                raise
            if step.final:
                begun.clear()
        run.hints += self.hints()
        return self.finished()

    async def _take_back(self, run: Run, begun: Sequence[Step], failure: StepFailed | None) -> None:
        """The latest first. Where that fails, both credentials work and the journal stays open."""
        if failure is not None and begun[-1].whole:
            begun = begun[:-1]
        undoing = [step.undo for step in reversed(begun) if step.undo is not None]
        if not undoing:
            return
        with contextlib.suppress(StepFailed):
            async with run.step(UNDO) as note:
                said = [text for undo in undoing if (text := await undo(note, failure))]
                note.status, note.message = StepStatus.UNDONE, self.undone(said)
            return
        run.hints.append(_LATER)


class Journaled(Transaction):
    """One that the journal knows of from its first step to its last, so that a start after a crash goes on with it.

    Its `intent` is replaced as it goes on, and journaled each time it matters: enough to go on with, never material.
    """

    intent: Intent
    opening: ClassVar[str] = "Journal what is intended"
    """The title of the first step."""
    _lasts: Length | None = None
    """The grace as it was planned."""

    @property
    def fallback(self) -> Credential | None:
        return next((old for old in self.intent.old if old.address == self.intent.address), None)

    def opened(self) -> Step:
        """The first step: what is intended; taken back last: nothing of it is left."""
        info = StepInfo(id="intent", title=self.opening)
        return Step(info=info, do=self.open, undo=self.close, whole=True)

    async def open(self, note: Note) -> None:
        """Tell the journal what is intended, with what is known of it by now."""
        note.record = {"opened": self.intent}

    async def close(self, note: Note, _failure: StepFailed | None) -> str:
        """Tell the journal that nothing of it is left. Raises IssuanceError where that is not so."""
        note.record |= {"closed": self.intent.plan}
        return ""

    async def let_go(self, note: Note, usual: timedelta) -> timedelta:
        """How long what is replaced works from now on, the new material being out: who uses it is looked at again.

        By now every new consumer gets the new one, so that none that has the old one is missed. Where they need
        longer than was planned that is taken, and the note says so.
        """
        planned = self._lasts
        if planned is not None and planned.again is not None:
            lasts, said = grown(planned, await planned.again())
            if lasts.grace > planned.grace:
                self.intent = msgspec.structs.replace(self.intent, grace=lasts.grace)
                note.run.lengthen(lasts.grace, lasts.reasons, self.later)
            note.message = "; ".join(filter(None, (note.message, said)))
        return self.intent.lasting(usual)

    def planned(self, warnings: Sequence[str] = (), preview: str = "", lasts: Length | None = None) -> Plan:
        """What it will do, to be shown; `lasts` is the grace of what it replaces."""
        intent = self.intent
        self._lasts = lasts = lasts if intent.old_handles else None
        return self.plan(intent.plan, intent.action, intent.address, warnings=warnings, preview=preview, lasts=lasts)
