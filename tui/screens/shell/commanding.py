"""The main screen's prompt: a live filter after `/`, commands after `:`, both completed and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from textual.widgets import Input

from tui.actions.table import BY_NAME, words
from tui.fleet import filter as fleet_filter
from tui.fleet.query import namespace_of
from tui.fleet.rows import AccountRow, CredentialRow, RequestRow
from tui.fleet.signs import Tone
from tui.kube.text import safe_text
from tui.screens.acting.working import WorkingScreen
from tui.screens.areas.overview import Overview
from tui.screens.areas.panes import ListPane, Pane, Scope
from tui.widgets.prompt import Prompt
from tui.widgets.themes import NAMES, known_theme

from .commands import Command, Known, complete, understand
from .keyboard import Aimed
from .memory import Memory
from .trail import Trail

_SHORT: Final[dict[str, str]] = {
    "q": "app.quit",
    "q!": "app.quit",
    "quit": "app.quit",
    "dark": "app.theme('dark')",
    "light": "app.theme('light')",
    "help": "help",
    "alias": "help",
    "aliases": "help",
    "xray": "lineage",
    "read-only": "read_only",
    "readonly": "read_only",
}


class CommandingScreen(WorkingScreen):
    """A screen of areas with a prompt below them."""

    memory: Memory
    _trail: Trail
    _aimed: Aimed | None = None
    """What was chosen when the command line opened."""

    @property
    def pane(self) -> Pane:
        """The area that is shown."""
        raise NotImplementedError

    def go(self, area: str, scope: Scope | None = None, cursor: str = "") -> None:
        """Show an area, its list narrowed to `scope`."""
        raise NotImplementedError

    def action_area(self, area: str) -> None:
        """Show an area from its beginning."""
        raise NotImplementedError

    def open(self, row: object) -> None:
        """Go deeper into a row."""
        raise NotImplementedError

    def show_status(self) -> None:
        """Header, tabs, breadcrumbs and footer say what is so now."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The prompt's keys come before everything, so that nothing typed right after them acts on rows."""
        if action in ("filter", "command"):
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    # The filter

    def take_typed(self, text: str) -> bool:
        """A word was typed without its `/`: open the filter with it."""
        self.action_filter()
        self.query_one(Prompt).say(text)
        return True

    def action_filter(self) -> None:
        pane = self.pane
        if isinstance(pane, Overview):
            self.action_area("credentials")
            pane = self.pane
        self.query_one(Prompt).open(
            "/", pane.text, words=partial(fleet_filter.words_for, fields=pane.fields), history=self.memory.filters,
            placeholder="words that must all match · !not · ~fuzzy · state:due · expires<1h",
        )  # fmt: skip
        self._note_count()

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        if event.kind == "/":
            self.pane.filter(event.text)
            self._note_count(fleet_filter.unfinished(event.text, self.pane.fields))
        else:
            offered = [word.rpartition(" ")[2] for word in self._complete(event.text)] if event.text else []
            room = self.size.width // 2
            self.query_one(Prompt).note(safe_text("  ".join(offered), room))

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        self.pane.table.focus()
        self.memory.add(event.kind, event.text)
        if event.kind == ":":
            command = understand(event.text, self._known())
            if command is not None:
                self.obey(command)
        self.show_status()

    def on_prompt_left(self, event: Prompt.Left) -> None:
        if event.kind == "/":
            self.pane.filter("")
        self.pane.table.focus()
        self.show_status()

    def _note_count(self, unfinished: str = "") -> None:
        facts = self.pane.facts()
        said = unfinished or next((text for text, tone in facts if tone is Tone.MUTE), "")
        self.query_one(Prompt).note(said)

    # Commands

    def action_command(self) -> None:
        self._aimed = self.kubemint.keyboard.aim(self)
        self.query_one(Prompt).open(
            ":", words=self._complete, history=self.memory.commands,
            placeholder="an area, ctx NAME, ns NAME, rotate, sort COLUMN, theme NAME, 42, q …",
        )  # fmt: skip

    def action_settings(self) -> None:
        from tui.screens.dialogs.settings import SettingsScreen

        session = self.session
        screen = SettingsScreen(session.loaded, passing=session.embedded, theme=self.app.theme)

        def chosen(values: dict[str, object] | None) -> None:
            if values:
                self.kubemint.change_settings(values, screen.change)

        self.app.push_screen(screen, chosen)

    def action_read_only(self) -> None:
        """Let nothing be changed, or let it again where only this said so."""
        session = self.session
        if session.loaded.why_all_read_only():
            self.notify(safe_text(session.why_read_only()), markup=False, severity="warning", timeout=6)
            return
        session.read_only = not session.read_only
        said = "nothing is changed any more" if session.read_only else "changes are possible again"
        self.notify(said, title="read-only", markup=False, timeout=4)
        self.refresh_bindings()
        self.show_status()

    def obey(self, command: Command) -> None:
        """Do what a command means."""
        match command.kind:
            case "action":
                self.call_later(self._run_named, command.name, self._aimed)
            case "area":
                self.action_area(command.name)
                if command.filter:
                    self.pane.filter(command.filter)
            case "row":
                self.pane.table.go_to_row(int(command.name[:9]))
            case "theme":
                self.app.theme = known_theme(command.name)
            case "sort":
                if isinstance(self.pane, Overview):
                    self.action_area("credentials")
                by = self.pane.sort_names()[command.name]
                self.pane.sort(by, reverse=True if command.reverse else None)
            case "open":
                self.action_area("clusters")
                self.pane.table.go_to(command.name)
                self.open(self.session.store.clusters[command.name])
            case "choose":
                self._choose(command.name)
            case "cluster":
                self._narrow(cluster=command.name)
            case "namespace":
                self._narrow(namespace=command.name)
            case _:
                self.notify(command.name, markup=False, severity="warning", timeout=6)

    def _narrow(self, *, cluster: str | None = None, namespace: str | None = None) -> None:
        """Narrow the list that is shown, or the credentials where it is none that can be."""
        pane = self.pane
        area = pane.id if isinstance(pane, ListPane) and pane.id != "clusters" else "credentials"
        scope = pane.scope if isinstance(pane, ListPane) and pane.id == area else Scope()
        if cluster is not None:
            scope = replace(scope, cluster=cluster or None, identity=None)
        if namespace is not None:
            scope = replace(scope, namespace=namespace or None, identity=None)
        self.go(area or "credentials", scope)

    def _choose(self, kind: str) -> None:
        """Offer every cluster, namespace, theme there is, with what lies in it."""
        from tui.screens.pages.names import NamesScreen

        known = self._known()
        if kind == "theme":
            said = f"name one of {', '.join(known.themes)}"
            self.notify(said, markup=False, timeout=6)
            return
        pane = self.pane
        scope = pane.scope if isinstance(pane, ListPane) else Scope()

        def chosen(name: str | None) -> None:
            if name is not None:
                self.obey(Command(kind, name))

        self.app.push_screen(NamesScreen(self.session, kind, cluster=scope.cluster or ""), chosen)

    def action_everywhere(self) -> None:
        """Leave the cluster and the namespace that the list is narrowed to."""
        pane = self.pane
        if isinstance(pane, ListPane) and pane.id != "clusters":
            self._narrow(cluster="", namespace="")
        else:
            self.notify("every cluster and namespace is shown here", markup=False, timeout=4)

    def action_last_view(self) -> None:
        """What was shown before; again for what is shown now."""
        last = self._trail.last
        if last is None:
            self.notify("there is no view before this one", markup=False, timeout=4)
            return
        self._trail.again(last.crumbs)
        self.go(last.area, last.scope, last.cursor)
        if self.pane.text != last.text:
            self.pane.filter(last.text)
        self.show_status()

    async def _run_named(self, action: str, aimed: Aimed | None) -> None:
        """Do what the command line was opened for; to rows that were chosen then, and to no others."""
        name = action.partition("(")[0]
        if aimed is not None and not self.kubemint.keyboard.entry(self, aimed, name, f":{name}"):
            return
        if self.check_action(name, ()):
            await self.run_action(action)
        else:
            known = BY_NAME.get(name)
            why = self.why_not_for(known) if known is not None else self.why_not()
            why = why or "that is not possible for what is chosen"
            self.notify(safe_text(why), markup=False, severity="warning", timeout=4)

    def _known(self) -> Known:
        store = self.session.store
        pane = self.pane
        scope = pane.scope if isinstance(pane, ListPane) else Scope()
        rows: list[AccountRow | CredentialRow | RequestRow] = [
            *store.accounts.values(), *store.credentials.values(), *store.requests.values(),
        ]  # fmt: skip
        namespaces = {namespace_of(row) for row in rows if scope.cluster in (None, row.cluster)}
        sorts = {} if isinstance(pane, Overview) else pane.sort_names()
        return Known(
            actions={**_SHORT, **words()},
            clusters=list(store.clusters),
            namespaces=sorted(namespaces - {""}),
            themes=NAMES,
            sorts=list(sorts or self.query_one("#credentials", ListPane).sort_names()),
        )

    def _complete(self, text: str) -> Sequence[str]:
        return complete(text, self._known())
