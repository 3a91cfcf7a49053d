"""Screens that read one thing live and show it: an object as YAML, or what a token says of itself. Never material."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.fleet.objects import object_yaml
from tui.fleet.rows import Row
from tui.fleet.signs import Tone
from tui.issuance import Address, Inspection, explain, inspect_bytes, inspection_sections
from tui.kube import limits
from tui.kube.text import safe_text
from tui.screens.describe import title_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, FactsView, Section

from .reader import Reader

Result = TypeVar("Result")


class ReadingScreen(Reader[Result]):
    """What is read live; an error stays readable in it and can be tried again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "close", key_display="esc"),
        Binding("ctrl+r", "again", "read again", key_display="^r"),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
    ]
    what = ""

    def __init__(self, session: Session, title: str) -> None:
        super().__init__(safe_text(f"{self.what}  {title}", 200))
        self.session = session

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="reader-body"):
            yield Static("◌ reading …", id="reader-text", markup=False)

    def keys(self) -> str:
        return "esc close   ↑↓ scroll   ^r read again"

    def on_mount(self) -> None:
        self.read()

    def read(self) -> None:
        """Read and show it, as a worker."""
        self.run_worker(self._look_in_time(), group="read", exclusive=True, exit_on_error=False)

    async def _look_in_time(self) -> None:
        try:
            with limits.by_default(limits.LOOKING):
                await self.look()
        except Exception as error:  # noqa: BLE001 - hostile material and objects must not end the dashboard
            self.failed(error)

    async def look(self) -> None:
        """Read and show it. May raise; what it raises is shown."""

    def action_again(self) -> None:
        self.read()

    def action_scroll_by(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def failed(self, error: Exception) -> None:
        """Say what went wrong, and why, and what to do."""
        message, hint = explain(error)
        lines = [Content.assemble(("✖ ", "$bad bold"), (safe_text(message), "$strong"))]
        if hint:
            lines.append(Content.assemble(("→ ", "$warn bold"), (safe_text(hint), "$strong")))
        lines.append(Content.styled("ctrl+r tries again", "$mute"))
        self.query_one("#reader-text", Static).update(Content("\n").join(lines))


class YamlScreen(ReadingScreen[None]):
    """The object behind a row, Secret data masked."""

    what = "YAML"

    def __init__(self, session: Session, row: Row) -> None:
        super().__init__(session, title_of(row))
        self._row = row

    async def look(self) -> None:
        assert self.session.fleet is not None
        text = await object_yaml(self.session.fleet, self._row)
        self.query_one("#reader-text", Static).update(coloured(text))


class InspectScreen(ReadingScreen[None]):
    """Claims or certificate fields of one credential; its material is read, looked at and dropped."""

    what = "Inspect"

    def __init__(self, session: Session, address: Address, title: str) -> None:
        super().__init__(session, title)
        self._address = address

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="reader-body"):
            yield Static("◌ reading …", id="reader-text", markup=False)
            yield FactsView(id="inspect-facts")

    async def look(self) -> None:
        material = await self.session.engine.material(self._address)
        found = inspect_bytes(material.reveal_bytes(), now=self.session.now())
        self.query_one("#reader-text", Static).display = False
        self.query_one(FactsView).show(inspected(found))


def inspected(found: Inspection) -> list[Section]:
    """What the core found, as facts: problems and ends stand out."""
    shown = []
    for section in inspection_sections(found):
        tone = _TONES.get(section.title, Tone.PLAIN)
        facts = [Fact(label, value, _EMPHASIS.get(label, tone)) for label, value in section.rows]
        shown.append(Section(section.title, facts))
    return shown


_TONES = {"a server refuses it": Tone.BAD, "problems": Tone.WARN}
_EMPHASIS = {"subject": Tone.STRONG, "expires": Tone.STRONG, "fingerprint": Tone.MUTE, "id": Tone.MUTE}


def coloured(text: str) -> Content:
    """YAML with its keys set off; every line passes `safe_text`."""
    lines = []
    for line in text.splitlines():
        bare = line.lstrip(" -")
        key, colon, value = bare.partition(":")
        lead = line[: len(line) - len(bare)]
        if colon and (not value or value.startswith(" ")) and " " not in key:
            lines.append(
                Content.assemble(
                    (lead, "$faint"), (safe_text(key), "$primary"), (":", "$faint"), (safe_text(value), "$foreground")
                )
            )
        else:
            lines.append(Content.assemble((lead, "$faint"), (safe_text(bare), "$foreground")))
    return Content("\n").join(lines)
