"""The way that led to an area: from where the user went deeper, so that it can be gone back step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tui.screens.areas.panes import Scope


@dataclass(frozen=True, slots=True)
class Crumb:
    """Where the user came from: an area, what it was narrowed to, the row the cursor was on, and what was opened."""

    area: str
    scope: Scope
    cursor: str
    name: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A view: an area with its filter, the row the cursor was on, and the way that led there."""

    area: str
    scope: Scope
    text: str
    cursor: str
    crumbs: tuple[Crumb, ...] = ()


class Trail:
    """Crumbs, the first area first. Empty where the user went straight to an area."""

    def __init__(self) -> None:
        self._crumbs: list[Crumb] = []
        self.last: Visit | None = None
        """What was shown before this, which one key goes back to, and again forth."""
        self._way: tuple[Crumb, ...] = ()
        """The way that led to what is shown."""

    def __bool__(self) -> bool:
        return bool(self._crumbs)

    def deeper(self, crumb: Crumb) -> None:
        """Something was opened there."""
        self._crumbs.append(crumb)

    def back(self, number: int = -1) -> Crumb | None:
        """Go back to this crumb, which is taken off with all behind it; by default to the last. None without one."""
        at = number if number >= 0 else len(self._crumbs) - 1
        if not 0 <= at < len(self._crumbs):
            return None
        crumb = self._crumbs[at]
        del self._crumbs[at:]
        return crumb

    def left(self, visit: Visit) -> None:
        """Something else is about to be shown."""
        self.last = replace(visit, crumbs=self._way)

    def arrived(self) -> None:
        """It is shown."""
        self._way = tuple(self._crumbs)

    def again(self, crumbs: Sequence[Crumb]) -> None:
        """The way is this one again."""
        self._crumbs[:] = crumbs

    def leave(self) -> None:
        """The user goes elsewhere."""
        self._crumbs.clear()

    def names(self, titles: Mapping[str, str]) -> list[str]:
        """What is shown of it: the first area by its title, then what was opened in each."""
        return [titles[self._crumbs[0].area], *(crumb.name for crumb in self._crumbs)] if self._crumbs else []
