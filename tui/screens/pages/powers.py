"""What a credential or an account can do, the worst first, with a word why; N asks for another namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from tui.fleet.fields import Cell
from tui.fleet.fields.powers import FIELDS
from tui.fleet.query import identity_of
from tui.fleet.rows import Row
from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import Address, Identity, Power, Powers
from tui.kube.text import safe_text
from tui.screens.describe import title_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.prompt import Prompt

from .page import Page


class PowersScreen(Page[Power]):
    """The rights of one row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("N", "namespace", "namespace", tooltip="ask what it can do in another namespace"),
    ]
    noun = "right"
    opens = False
    fields = FIELDS
    help_text = (
        "What it can do in one namespace (N chooses another), the worst first, with a word what each right amounts to. "
        "A credential asks the server itself, with its own material; an account, or a credential that is refused, is "
        "computed from Roles and bindings, which is said above. The keys of the lists work on the row it is about."
    )

    def __init__(self, session: Session, row: Row, of: Address | Identity, namespace: str = "") -> None:
        self._title = title_of(row)
        self.trail = ("What it can do", self._title)
        super().__init__(session)
        self._row = row
        self._of = of
        self._namespace = namespace
        self.found: Powers | None = None

    async def fetch(self) -> Sequence[Power]:
        self.found = await self.session.engine.powers(self._of, self._namespace)
        self.trail = ("What it can do", self._title, f"in {self.found.namespace}")
        return self.found.powers

    def key_of(self, item: Power) -> str:
        return "\n".join((item.why, *item.verbs, "", *item.resources, "", *item.names, "", *item.urls))

    def chosen(self) -> list[Row]:
        return [self._row]

    def describe(self, item: Power) -> Sequence[Section]:
        sign = SEVERITIES[item.severity]
        facts = [
            Fact("severity", sign.text, sign.tone),
            Fact("may", ", ".join(item.verbs), Tone.STRONG),
            Fact("on", ", ".join(item.resources or item.urls)),
        ]
        if item.names:
            facts.append(Fact("only", ", ".join(item.names)))
        namespace = self.found.namespace if self.found is not None else ""
        facts.append(Fact("where", "in every namespace" if item.everywhere else f"in {namespace}"))
        facts += [Fact("through", origin) for origin in item.through] or [
            Fact("through", "the server does not say, and no binding that may be read gives it", Tone.MUTE)
        ]
        return [Section(item.why, facts)]

    def note(self) -> Content:
        found = self.found
        if found is None:
            return Content("")
        lines = [
            Content.assemble(
                (f" {safe_text(found.subject)}", "$strong"),
                (f" of {safe_text(found.cluster)}", "$mute"),
                (f"  · {found.source.value}", "$info"),
            )
        ]
        lines += [Content.styled(f" ! {safe_text(note)}", "$warn") for note in found.notes]
        if found.incomplete:
            lines.append(Content.styled(f" ! there may be more: {safe_text(found.incomplete, 200)}", "$warn"))
        return Content("\n").join(lines)

    def nothing(self) -> Sequence[Cell]:
        unread = self.found is not None and self.found.incomplete
        said = "Nothing in what could be read; there may be more." if unread else "It can do nothing here."
        return [Cell(said, Tone.STRONG), Cell("N asks for another namespace", Tone.MUTE)]

    def action_namespace(self) -> None:
        identity = identity_of(self._row)
        where = identity.cluster if identity is not None else self._of.cluster
        accounts = self.session.store.accounts.values()
        known = sorted({safe_text(row.identity.namespace) for row in accounts if row.identity.cluster == where})
        self.query_one(Prompt).open(
            "@",
            words=lambda text: [name for name in known if name.startswith(text)],
            placeholder="a namespace; empty for its own",
        )

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        if event.kind == "@":
            self._namespace = event.text.strip()
            self.items = ()
            self.loading_says = "asking …"
            self.show_items()
            self.load()
