"""The inspector: anything that is pasted or lies in a file, looked into offline; a cluster is asked only on demand.

What is pasted is never shown and is forgotten on leaving. The core says what it is and why a server would refuse it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Select, Static

from tui.actions.spoken import in_dashboard
from tui.issuance import (
    Inspection,
    IssuanceError,
    explain,
    inspect_bytes,
    inspection_verdict,
    read_private,
    readable_by_others,
)
from tui.kube.errors import KubeError
from tui.kube.paths import whole_path
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.screens.session import Session, Shell
from tui.widgets.choice import Choice
from tui.widgets.crumbs import Crumbs
from tui.widgets.facts import FactsView
from tui.widgets.key_line import KeyLine
from tui.widgets.paste_box import PasteBox

from .dialog import Field
from .reading import inspected

NOBODY = "none: stay offline"


class InspectorScreen(Screen[None]):
    """Paste or name something; below it is what it says."""

    takes_pasted = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's own way
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's own way

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", key_display="esc"),
        Binding("tab", "app.focus_next", "next field"),
        Binding("ctrl+o", "whose", "whose is it", key_display="^o"),
        Binding("ctrl+r", "ask", "ask again", key_display="^r", show=False),
        Binding("question_mark", "help", "help", show=False, key_display="?"),
    ]
    help_text = (
        "Paste a token, a certificate (PEM, or a file in DER), a kubeconfig, a Secret or an ExecCredential, or name a "
        "file. No server is asked and nothing that was pasted is ever shown; it is forgotten when you leave. "
        "Choose a cluster to ask it whether it accepts what you pasted, and in words why not. ^o asks every cluster "
        "whose it is, and shows it to none."
    )

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._material: Sensitive | None = None
        self.found: Inspection | None = None

    def compose(self) -> ComposeResult:
        rows = self.session.store.clusters.values()
        names = sorted(row.name for row in rows if row.answers)
        yield Crumbs(id="page-crumbs")
        with Vertical(id="inspector-form"):
            yield Field("Paste", PasteBox(id="paste"))
            yield Field("File", Input(placeholder="~/.kube/config", compact=True, id="f-file"))
            yield Field(
                "Verify with",
                Choice(
                    [(NOBODY, ""), *((safe_text(name, 60), name) for name in names)],
                    value="", allow_blank=False, compact=True, id="f-ask",
                ),
            )  # fmt: skip
        yield Static("", id="inspector-verdict", markup=False)
        yield FactsView(id="inspector-facts")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.query_one(Crumbs).show(["Inspect", "anything, offline"], [])
        self.query_one(PasteBox).focus()
        self._say()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted while something else had the focus: it is meant for the box all the same."""
        if not isinstance(self.focused, Input):
            box = self.query_one(PasteBox)
            box.focus()
            box.on_paste(event)

    def on_paste_box_filled(self, event: PasteBox.Filled) -> None:
        box = event.box
        self._drop("read")
        if not box.size_held:
            self._drop("ask")
            self._material, self.found = None, None
            self._say()
            return
        self._look(box.take())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        path = whole_path(event.value.strip())
        if event.value.strip():
            self.query_one(PasteBox).forget()
            self.run_worker(self._read(path), group="read", exclusive=True, exit_on_error=False)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self.action_ask()

    def action_ask(self) -> None:
        """Ask the chosen cluster, where one is chosen and there is something to ask about."""
        self._drop("ask")
        cluster = self.query_one("#f-ask", Select).value
        self._say()
        if self._material is not None and self.found is not None and isinstance(cluster, str) and cluster:
            self.run_worker(self._ask(self._material, cluster), group="ask", exclusive=True, exit_on_error=False)

    def action_whose(self) -> None:
        """Go on to the page that says whose it is; there it can be revoked, too."""
        if self._material is None:
            self.notify("paste something, or name a file, first", markup=False, severity="warning", timeout=4)
            return
        cast("Shell", self.app).open_found(self._material)

    def on_crumbs_chosen(self, event: Crumbs.Chosen) -> None:
        if event.number == 0:
            self.action_leave()

    def action_leave(self) -> None:
        self.query_one(PasteBox).forget()
        self._material = None
        self.dismiss(None)

    def action_help(self) -> None:
        from .help import HelpScreen

        self.app.push_screen(HelpScreen(self.help_text, self))

    def _drop(self, group: str) -> None:
        """An answer about what is no longer looked at comes too late."""
        self.workers.cancel_group(self, group)

    async def _read(self, path: Path) -> None:
        try:
            material = await asyncio.to_thread(read_private, path)
            readers = await asyncio.to_thread(readable_by_others, path)
        except (IssuanceError, OSError) as error:
            self._failed(error)
            return
        self._look(material, readers)

    def _look(self, material: Sensitive, readers: str = "") -> None:
        try:
            self.found = inspect_bytes(material.reveal_bytes(), now=self.session.now(), readable_by=readers)
        except Exception as error:  # noqa: BLE001 - hostile material must not end the dashboard
            self._failed(error)
            return
        self._material = material
        self.query_one(FactsView).show(inspected(self.found))
        self.action_ask()

    async def _ask(self, material: Sensitive, cluster: str) -> None:
        name = safe_text(cluster, 60)
        self._say(Content.styled(f"◌ asking {name} …", "$info"))
        try:
            verified = await self.session.engine.verify_pasted(material, cluster)
        except (IssuanceError, KubeError, OSError) as error:
            message, hint = map(in_dashboard, explain(error))
            self._say(_line("✖", "$bad", f"{name}: {message}", hint))
            return
        if verified.ok:
            self._say(_line("✓", "$good", f"{name}: {verified.message} ({verified.method})", ""))
        else:
            self._say(_line("✖", "$bad", f"{name}: {in_dashboard(verified.message)}", in_dashboard(verified.hint)))

    def _failed(self, error: Exception) -> None:
        self._drop("ask")
        self._material, self.found = None, None
        message, hint = map(in_dashboard, explain(error))
        self.query_one(FactsView).show([])
        self.query_one("#inspector-verdict", Static).update(_line("✖", "$bad", message, hint))

    def _say(self, asked: Content | None = None) -> None:
        """The verdict, and below it what a cluster said."""
        if self.found is None:
            self.query_one(FactsView).show([])
            text = "Nothing leaves this machine unless you choose a cluster to ask; nothing pasted is shown or kept."
            self.query_one("#inspector-verdict", Static).update(Content.styled(text, "$mute"))
            return
        good, says = inspection_verdict(self.found)
        sign, style = {True: ("✓", "$good"), False: ("✖", "$bad"), None: ("?", "$warn")}[good]
        first = Content.assemble(
            (f"{sign} ", f"{style} bold"), (f"{self.found.kind.value}: ", "$strong bold"), (safe_text(says), "$strong")
        )
        self.query_one("#inspector-verdict", Static).update(Content("\n").join([first, *([asked] if asked else [])]))


def _line(sign: str, style: str, message: str, hint: str) -> Content:
    parts = [(f"{sign} ", f"{style} bold"), (safe_text(message), "$strong")]
    if hint:
        parts.append((f"  → {safe_text(hint)}", "$warn"))
    return Content.assemble(*parts)
