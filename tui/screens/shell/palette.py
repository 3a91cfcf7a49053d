"""The command palette: only what makes sense for what is chosen right now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen
from textual.style import Style

from tui.actions.table import ACTIONS
from tui.screens.acting.working import WorkingScreen
from tui.screens.session import Shell

from .main import AREAS, MainScreen


class Commands(Provider):
    """What can be done now, to what was chosen when the palette opened."""

    def __init__(self, screen: Screen[Any], match_style: Style | None = None) -> None:
        super().__init__(screen, match_style)
        self._aimed = cast("Shell", screen.app).keyboard.aim(screen)

    async def discover(self) -> Hits:
        for title, help_text, run in self._now():
            yield DiscoveryHit(title, run, help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help_text, run in self._now():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, help=help_text)

    def _now(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        screen = self.screen
        if isinstance(screen, WorkingScreen):
            for action in ACTIONS:
                if screen.check_action(action.name, ()):
                    yield action.title, action.says, partial(self._act, screen, action.name)
        if isinstance(screen, MainScreen):
            for number, (area, title) in enumerate(AREAS, 1):
                yield title, f"go there (key {number})", partial(screen.action_area, area)
        yield "Dark", "the dark theme", partial(self.app.run_action, "theme('dark')")
        yield "Light", "the light theme", partial(self.app.run_action, "theme('light')")
        yield "Quit", "quit; what is running is finished at the next start", partial(self.app.run_action, "quit")

    async def _act(self, screen: WorkingScreen, action: str) -> None:
        """Do it, unless other rows are chosen by now than those that were seen."""
        if screen.kubemint.keyboard.entry(screen, self._aimed, action):
            await screen.run_action(action)
