"""The dry run: what an action would call, write and end, as the engine plans it. Enter then does exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Label

from tui.actions.intended import Intended
from tui.actions.jobs import each
from tui.actions.questions import how_many
from tui.fleet.signs import Tone
from tui.issuance import StepInfo, lasting_grace
from tui.kube.paths import short_path
from tui.screens.session import Session, Shell
from tui.widgets.facts import Fact, FactsView, Section

from .reading import ReadingScreen


class ForeseeScreen(ReadingScreen[list[Intended] | None]):
    """Shows the plans; hands back those that can be carried out, or None where that is not wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "carry_out", "carry it out")]
    what = "Dry run"

    def __init__(self, session: Session, verb: str, intended: Sequence[Intended]) -> None:
        one = len(intended) == 1
        super().__init__(session, f"{verb} {intended[0].title if one else f'{len(intended)} credentials'}")
        self._verb = verb
        self._intended = list(intended)

    def body(self) -> ComposeResult:
        yield FactsView(id="plan-facts", classes="reader-body")
        yield Label("", id="plan-verdict", markup=False)

    def keys(self) -> str:
        return f"enter {self._verb}   esc leave it   ↑↓ scroll   ^r look again"

    def on_mount(self) -> None:
        self.query_one(FactsView).focus()

    async def look(self) -> None:
        self._say("◌ looking at what is there, changing nothing …")
        await each(self._intended, Intended.foresee, lambda intended: intended.cluster)
        self.query_one(FactsView).show([section for one in self._intended for section in sections(one)])
        self._say(self._verdict())
        cast("Shell", self.app).keyboard.shown()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "carry_out" and (self._why_not() or not self._possible()) else True

    def action_carry_out(self) -> None:
        self.dismiss(self._possible())

    def _possible(self) -> list[Intended]:
        return [one for one in self._intended if one.plan is not None]

    def _why_not(self) -> str:
        clusters = {step.cluster for one in self._possible() if one.plan for step in one.plan.steps if step.verb}
        return self.session.why_read_only(*sorted(clusters))

    def _verdict(self) -> str:
        possible, all_of_them = len(self._possible()), len(self._intended)
        if why := self._why_not():
            return f"nothing was changed, and nothing can be: {why}"
        if possible == all_of_them:
            return f"nothing was changed; enter does exactly this: {self._verb}{self._where()}"
        if possible:
            of = f"the {possible} of {all_of_them} that can be done"
            return f"nothing was changed; enter does {of}: {self._verb}{self._where()}"
        return "nothing was changed, and this cannot be done; ctrl+r looks again"

    def _where(self) -> str:
        """How many in which clusters, where there are several."""
        plans = [one.plan for one in self._possible() if one.plan is not None]
        places = [next((step.cluster for step in plan.steps if step.cluster), "") for plan in plans]
        return f" {how_many(places)}" if len(places) > 1 else ""

    def _say(self, words: str) -> None:
        self.query_one("#plan-verdict", Label).update(words)


def sections(intended: Intended) -> list[Section]:
    """A plan as facts: each step with its call and its place, then what to know first."""
    plan = intended.plan
    if plan is None:
        facts = [Fact("✖", intended.error, Tone.BAD)]
        facts += [Fact("→", intended.hint, Tone.WARN)] if intended.hint else []
        return [Section(intended.title, facts)]
    facts = [Fact("!", intended.speaks(warning), Tone.WARN) for warning in plan.warnings]
    if plan.grace is not None and (lasts := lasting_grace(plan.grace, plan.grace_for)):
        facts.insert(0, Fact("→", lasts, Tone.INFO))
    for number, step in enumerate(plan.steps, 1):
        facts += [Fact(str(number), step.title, Tone.STRONG), Fact("", _call(step), Tone.MUTE)]
    found = [Section(f"{plan.action.value} {intended.title}", facts)]
    if plan.preview:
        changes = [Fact("", line, _DIFF.get(line[:1], Tone.PLAIN)) for line in plan.preview.splitlines()]
        found.append(Section("what changes in the file, tokens masked", changes))
    return found


_DIFF = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.MUTE}


def _call(step: StepInfo) -> str:
    """The verb and the resource, and where."""
    if step.path:
        return "on this machine" if short_path(step.path) in step.title else short_path(step.path)
    if not step.cluster:
        return "on this machine"
    where = "/".join(part for part in (step.cluster, step.namespace, step.name) if part)
    return f"{step.verb} {step.resource} · {where}" if step.verb else where
