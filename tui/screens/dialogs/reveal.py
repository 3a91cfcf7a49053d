"""Showing material for a few seconds because the user pressed its key. It masks itself again, and in pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Label

from tui.issuance import Address, IssuanceError, explain
from tui.kube.errors import KubeError
from tui.kube.sensitive import MASK, Sensitive
from tui.kube.text import safe_text
from tui.screens.clipboard import copy, sent
from tui.screens.session import Session

from .reader import Reader

SECONDS: Final = 10


class MaterialView(ScrollView, can_focus=True):
    """Draws material line by line, or masks; decided anew for every line that is drawn."""

    ALLOW_SELECT = False

    def __init__(self, masked: Callable[[], bool]) -> None:
        super().__init__()
        self._masked = masked
        self._lines: list[Sensitive] = []

    def take(self, material: Sensitive) -> None:
        """Wrap the material into lines of this width."""
        width = max(self.size.width - 1, 20)
        self._lines = []
        for line in material.reveal().splitlines():
            self._lines += [Sensitive(line[at : at + width]) for at in range(0, max(len(line), 1), width)]
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def forget(self) -> None:
        """Drop the material."""
        self._lines = []
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = round(self.scroll_y) + y
        if index >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        line = self._lines[index]
        text = MASK if self._masked() else safe_text(line.reveal())
        return Strip([Segment(text, self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)


class RevealScreen(Reader[None]):
    """The material of one credential, readable for ten seconds at a time."""

    acts_by_letter = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "close", key_display="esc"),
        Binding("x", "show", "reveal again"),
        Binding("c", "copy", "copy to the clipboard"),
    ]

    def __init__(self, session: Session, address: Address, title: str) -> None:
        super().__init__(safe_text(f"Material of {title}", 160))
        self.session = session
        self.capturing = False
        self._address = address
        self._material: Sensitive | None = None
        self._left = 0

    @property
    def revealed(self) -> bool:
        """Whether the material can be read right now."""
        return self._left > 0 and not self.capturing

    def body(self) -> ComposeResult:
        yield Label("◌ reading …", id="reveal-note", markup=False)
        yield MaterialView(lambda: not self.revealed)

    def keys(self) -> str:
        return "esc close   x reveal again   c copy to the terminal's clipboard"

    def on_mount(self) -> None:
        self.set_interval(1.0, self._count)
        self.read()

    def on_unmount(self) -> None:
        self._material = None

    async def material(self) -> Sensitive:
        """What is shown."""
        return await self.session.engine.material(self._address)

    @work(group="read", exclusive=True, exit_on_error=False)
    async def read(self) -> None:
        try:
            self._material = await self.material()
            self.query_one(MaterialView).take(self._material)
        except (IssuanceError, KubeError, OSError, UnicodeDecodeError) as error:
            message, hint = explain(error)
            self._note(f"✖ {message}" + (f"  → {hint}" if hint else ""))
            return
        self.action_show()

    def action_leave(self) -> None:
        self._left = 0
        self.query_one(MaterialView).forget()
        super().action_leave()

    def action_show(self) -> None:
        if self._material is not None:
            self._left = SECONDS
            self._draw()

    def action_copy(self) -> None:
        if self._material is not None:
            refused = copy(self.app, self._material.reveal())
            said = refused or f"{sent('the material')}. Clear the clipboard when you are done."
            self.notify(said, markup=False, severity="warning", timeout=10)  # the note below counts seconds

    def conceal(self, concealed: bool) -> None:
        """Mask while a picture is taken."""
        self.capturing = concealed
        self.query_one(MaterialView).refresh()

    def _count(self) -> None:
        if self._left > 0:
            self._left -= 1
            self._draw()

    def _draw(self) -> None:
        self._note(f"▲ readable for {self._left} s" if self._left else "masked again; x reveals it once more")
        self.query_one(MaterialView).refresh()

    def _note(self, text: str) -> None:
        self.query_one("#reveal-note", Label).update(text)
