"""The dialog that asks for a shoot's kubeconfig: which shoot, how one gets in with it, for how long, and the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Select, Static

from tui.actions.shoots import CERTIFICATE, NEW_SHOOT, suggested
from tui.issuance import ApartFacts, Field as Asked, PlainWay, PlainWish, Said, ShootWish
from tui.kube.text import safe_text

from .dialog import Wrong
from .form import Form

_NOTES = {
    CERTIFICATE: "The garden may grant less time than requested.\nIt cannot be revoked, and ends by itself.",
    PlainWay.EXEC.value: "kubectl runs kubemint exec-credential each time; the certificate stays in its cache.",
    PlainWay.OIDC.value: "Settings of the shoot, else of the preset for it; kubectl needs the plugin oidc-login.",
}


class NewShootScreen(Form[ShootWish | PlainWish]):
    """Asks for everything one kubeconfig of a shoot needs. `chosen` is what the fleet calls the one to begin with."""

    heading = "New shoot kubeconfig"
    verb = "Issue"
    foresees = False

    def __init__(
        self, shoots: Sequence[ApartFacts], *, folder: Path, chosen: str = "", kubeconfigs: Sequence[str] = ()
    ) -> None:
        self._shoots = {one.cluster: one for one in shoots}
        first = next(iter(self._shoots)) if len(self._shoots) == 1 else ""
        row = chosen if chosen in self._shoots else first
        said = {"shoot": row, "duration": "1h", "kubeconfigs": tuple(kubeconfigs)}
        super().__init__(NEW_SHOOT, {**said, **suggested(self._named(said), folder)}, folder=folder)

    def choices(self, field: Asked) -> Sequence[tuple[str, str]]:
        if field.id != "shoot":
            return super().choices(field)
        gardens = {shoot.host for shoot in self._shoots.values()}
        shoots = sorted(self._shoots.items(), key=lambda item: (item[1].namespace, item[1].name))
        return [(safe_text(one.place + (f"  ({one.host})" if len(gardens) > 1 else "")), row) for row, one in shoots]

    def first(self) -> str:
        return "duration" if self._chosen is not None else "shoot"

    def notes(self) -> Iterable[Widget]:
        yield Static(classes="dialog-note", markup=False, id="note")

    @property
    def said(self) -> dict[str, Any]:
        return self._named(super().said)

    def _named(self, said: Said) -> dict[str, Any]:
        """The row that was chosen, as the garden calls it."""
        shoot = self._shoots.get(said["shoot"])
        named = {"shoot": shoot.place, "cluster": shoot.host} if shoot is not None else {}
        return {**said, "shoot": "", **named}

    def refreshed(self) -> None:
        asks = self.query_one("#f-kind", Select).value != PlainWay.OIDC.value
        for field in ("level", "duration"):
            self.query_one(f"#{field}").display = asks
        super().refreshed()
        self.query_one("#note", Static).update(self._note())

    def problems(self) -> Sequence[Wrong]:
        shoot = self._chosen
        if shoot is not None and not shoot.ways:
            return [Wrong("shoot", "Shoot", f"it {shoot.closed}"), *super().problems()]
        return super().problems()

    @property
    def _chosen(self) -> ApartFacts | None:
        return self._shoots.get(str(self.query_one("#f-shoot", Select).value))

    def _note(self) -> Content:
        """What to know first: a shoot that sleeps, and what cannot be taken back."""
        shoot = self._chosen
        lines: list[Content] = []
        if shoot is not None and shoot.about.hibernation != "Awake":
            text = f"! it is {shoot.about.hibernation.lower()}: a kubeconfig cannot connect until it is awake"
            lines.append(Content.styled(safe_text(text), "$warn"))
        lines.append(Content(_NOTES[self.said["kind"]]))
        return Content("\n").join(lines)
