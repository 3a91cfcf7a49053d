"""The question before a cluster is entered that another one delivers: who would be sent a login, and who says so.

What is delivered is read while the question is there already; the answer is for exactly what is shown. The default is
No.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from textual.containers import VerticalScroll
from textual.widget import Widget

from tui.issuance import IssuanceError, explain
from tui.kube.addresses import same_place
from tui.kube.errors import KubeError
from tui.kube.text import safe_text
from tui.widgets.hanging import Hanging, points

from .dialog import Dialog, Equivalent, Wrong

if TYPE_CHECKING:
    from tui.issuance import Delivered, Delivery, EntryVerdict
    from tui.screens.session import Shell

Look = Callable[[], Awaitable["tuple[Delivered, EntryVerdict]"]]


class TrustScreen(Dialog["Delivery | None"]):
    """Hands back what was said yes to, or nothing. `own` are the servers of one's own clusters, by name."""

    verb = "Enter it"
    problem_lines = 2

    def __init__(self, cluster: str, look: Look, own: Mapping[str, str]) -> None:
        super().__init__()
        self.heading = safe_text(f"Enter {cluster}?", 90)
        self._cluster = cluster
        self._look = look
        self._own = own
        self._found: Delivery | None = None
        self._refused: tuple[str, ...] = ()

    def rows(self) -> Iterable[Widget]:
        with VerticalScroll(classes="dialog-about"):  # what was delivered may be long, and the buttons stay
            yield Hanging(points(["◌ reading what is delivered …"]), id="delivered")
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#accept").set_class(True, "-danger")
        self.query_one("#cancel").focus()
        self.run_worker(self._find_out(), group="look", exclusive=True, exit_on_error=False)

    async def _find_out(self) -> None:
        from tui.issuance import ClusterEntry, authorities

        try:
            found, verdict = await self._look()
            trusted = authorities(found.endpoint.ca)
        except (IssuanceError, KubeError, OSError) as error:
            message, hint = explain(error)
            self._refused = tuple(filter(None, (message, hint)))
            self.query_one("#delivered", Hanging).show(points(["It cannot be entered as it is delivered."]))
            self.check()
            return
        if verdict.entry is ClusterEntry.REFUSE:
            self._refused = (*verdict.why, "`trust` in config.yaml can allow it for this source")
        self._found = found.delivery
        self.query_one("#delivered", Hanging).show(points(self._lines(found, verdict, trusted)))
        cast("Shell", self.app).keyboard.shown()
        self.check()

    def _lines(self, found: Delivered, verdict: EntryVerdict, trusted: Sequence[tuple[str, str]]) -> list[str]:
        place, by = found.delivery.place, found.delivery.by
        lines = [f"{by} delivers it: anyone who may write its Secret chooses the server."]
        lines.append(f"- server     {place.server}")
        if place.server_name:
            lines.append(f"- its name   {place.server_name}")
        names = [safe_text(subject, 80) for subject, _ in trusted[:3]] or ["the system's authorities"]
        lines += [f"- authority  {name}" for name in names]
        lines += [f"- and {len(trusted) - 3} more authorities"] if len(trusted) > 3 else []
        if trusted:
            lines.append(f"- SHA-256    {place.authority}")
        lines += [f"- {said}" for said in place.oddities]
        same = [name for name, server in self._own.items() if same_place(server, place.server)]
        if same:
            lines.append(f"- same server as your own {', '.join(same[:3])}")
        if not self._refused and verdict.why:
            lines += ["Since you confirmed it:", *(f"- {text}" for text in verdict.why)]
        return [*lines, "It is connected with the login that was delivered, with no other."]

    def problems(self) -> Sequence[Wrong]:
        if self._refused:
            return [Wrong("", "", text) for text in self._refused]
        return () if self._found is not None else (Wrong("", "", "not read yet"),)

    def equivalent(self) -> Sequence[str]:
        return ("kubemint", "trust", self._cluster)

    def answer(self) -> Delivery | None:
        return self._found
