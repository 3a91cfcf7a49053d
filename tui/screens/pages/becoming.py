"""Who else could become an account, or whom a credential speaks for: in which way, and through which binding."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tui.fleet.fields import Cell
from tui.fleet.fields.becoming import FIELDS
from tui.fleet.query import identity_of
from tui.fleet.rows import Row
from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import Address, Becomer, Becomers, Identity
from tui.kube.text import safe_text
from tui.screens.describe import title_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section

from .page import Page


class BecomingScreen(Page[Becomer]):
    """Everybody who could become one row's account."""

    noun = "way"
    opens = False
    fields = FIELDS
    help_text = (
        "Everybody whom Roles and bindings give a way to become it: mint its tokens, act as it, read or make a Secret "
        "with one, run pods as it, approve a certificate for it, or change rights to get there. The worst first; "
        "administrators and parts of Kubernetes, who gain nothing by it, are last. What could not be read is said "
        "above: then there may be more. The keys of the lists work on the row it is about."
    )

    def __init__(self, session: Session, row: Row, of: Address | Identity) -> None:
        self.trail = ("Who could become it", title_of(row))
        super().__init__(session)
        self._row = row
        self._of = of
        self.found: Becomers | None = None

    async def fetch(self) -> Sequence[Becomer]:
        identity = identity_of(self._row)
        held = self.session.store.credentials_of(identity) if identity is not None else ()
        self.found = await self.session.engine.becomers(self._of, [one.credential for one in held])
        return self.found.becomers

    def key_of(self, item: Becomer) -> str:
        return "\n".join((item.kind, item.namespace, item.name, item.way))

    def chosen(self) -> list[Row]:
        return [self._row]

    def describe(self, item: Becomer) -> Sequence[Section]:
        sign = SEVERITIES[item.severity]
        said = {None: ("not asked", Tone.MUTE), True: ("it is so", Tone.BAD), False: ("it is not so", Tone.WARN)}
        facts = [
            Fact("severity", sign.text, sign.tone),
            Fact("who", item.subject, Tone.STRONG),
            Fact("by", item.way.value),
            *([Fact("through", origin) for origin in item.through] or [Fact("through", "the server itself")]),
            Fact("server", *said[item.confirmed]),
        ]
        if item.strong:
            facts.append(Fact("note", "it gains nothing: it may do as much, or is a part of Kubernetes", Tone.MUTE))
        return [Section(item.why, facts)]

    def note(self) -> Content:
        found = self.found
        if found is None:
            return Content("")
        lines = [
            Content.assemble((f" {safe_text(found.subject)}", "$strong"), (f" of {safe_text(found.cluster)}", "$mute"))
        ]
        lines += [Content.styled(f" {safe_text(note, 300)}", "$mute") for note in found.notes]
        lines += [Content.styled(f" ! there may be more: {safe_text(gap, 200)}", "$warn") for gap in found.gaps]
        return Content("\n").join(lines)

    def nothing(self) -> Sequence[Cell]:
        unread = self.found is not None and self.found.gaps
        said = "Nobody in what could be read; there may be more." if unread else "Nobody else."
        return [Cell(said, Tone.STRONG)]
