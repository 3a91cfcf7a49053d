"""The question before the renewal loop is switched on: what it is to keep, and the set that this means right now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Static

from tui.fleet.names import short_address
from tui.issuance import Address, human_left
from tui.kube.text import safe_text
from tui.screens.renewing import LoopWish
from tui.screens.session import Session, Shell

from .dialog import Dialog, Field, Tick

if TYPE_CHECKING:
    from tui.issuance import LoopLook

_SHOWN = 8


class LoopScreen(Dialog[LoopWish | None]):
    """Hands back what the loop is to keep."""

    heading = "Renewal loop"
    verb = "Switch on"
    problem_lines = 1
    focuses = "#cancel"

    def __init__(self, session: Session, marked: Sequence[Address], left: Sequence[str] = ()) -> None:
        super().__init__()
        self.session = session
        self._marked = tuple(marked)
        self._left = tuple(left)
        """What is said of marks that are not seen."""

    def rows(self) -> Iterable[Widget]:
        yield Static(
            "Renews each credential when it is due, until you press a again or leave. A renewal that fails keeps the "
            "old one and is tried again, later each time.",
            classes="dialog-text",
            markup=False,
        )
        if self._marked:
            which = f"only the {len(self._marked)} marked" if len(self._marked) > 1 else "only the one that is marked"
            yield Field("Which", Tick(which, True, compact=True, id="f-only"))
        yield Field(
            "" if self._marked else "Which",
            Tick("also requests that DPF's controller renews", False, compact=True, id="f-take-over"),
        )
        yield Static("", id="loop-set", classes="dialog-note", markup=False)

    def refreshed(self) -> None:
        self.query_one("#loop-set", Static).update(self._set(self.answer()))

    def answer(self) -> LoopWish:
        only = bool(self._marked) and self.query_one("#f-only", Checkbox).value
        return LoopWish(
            only=frozenset(self._marked) if only else None,
            take_over=self.query_one("#f-take-over", Checkbox).value,
        )

    def _set(self, wish: LoopWish) -> Content:
        """What it would keep, the next ones first."""
        look: LoopLook = cast("Shell", self.app).renewing.candidates(wish)
        now = self.session.clock()
        rows = [
            (row.credential.rotate_at, row.credential, row.credential.address)
            for row in self.session.store.credentials.values()
            if row.credential.rotate_at is not None
            and row.credential.address.kind.traits.renewable
            and (wish.only is None or row.credential.address in wish.only)
        ]
        rows.sort(key=lambda pair: pair[0])
        clusters = {address.cluster or (row.identity.cluster if row.identity else "") for _, row, address in rows}
        where = f" in {len(clusters)} clusters" if len(clusters) > 1 else ""
        lines = [f"It would keep {look.watched}{where}, {len(look.due)} of them due now:"]
        for at, _, address in rows[:_SHOWN]:
            when = "due now" if at <= now else f"in {human_left(at - now)}"
            why = f", left alone: {look.left[address]}" if address in look.left else ""
            lines.append(f"  {when:<9} {safe_text(short_address(str(address)), 50)}{why}")
        if len(rows) > _SHOWN:
            lines.append(f"  and {len(rows) - _SHOWN} more")
        return Content("\n".join([*lines, *(self._left if wish.only is not None else ())]))
