"""The dialog that asks for a shoot's kubeconfig: which shoot, how one gets in with it, for how long, and the file.

Hands back a wish for the issuance core; what is wrong with a value is said in the core's own words while it is typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from tui.actions.paths import file_stem, whole_path
from tui.fleet.rows import ClusterRow, ShootFacts
from tui.issuance.durations import parse_duration
from tui.issuance.plain import PlainWish, Way
from tui.issuance.shoot_kubeconfig import check_duration
from tui.issuance.types import AccessLevel, ShootAccess, ShootWish
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Wrong, wrong

_CERTIFICATE: Final = "certificate"
_KINDS: Final = (
    ("a client certificate, which ends by itself", _CERTIFICATE),
    ("no secret: kubemint gets one when it is used", Way.EXEC.value),
    ("a login at the identity provider (OIDC)", Way.OIDC.value),
)
_SUFFIX: Final = {_CERTIFICATE: "", Way.EXEC.value: "-exec", Way.OIDC.value: "-oidc"}
_LEVELS: Final = (
    ("auto: admin, or viewer where that is forbidden", AccessLevel.AUTO),
    ("admin: everything", AccessLevel.ADMIN),
    ("viewer: reads all but Secrets, mints nothing", AccessLevel.VIEWER),
)


class NewShootScreen(Dialog[ShootWish | PlainWish | None]):
    """Asks for everything one kubeconfig of a shoot needs. `chosen` is the fleet's row of the shoot to begin with."""

    heading = "New shoot kubeconfig"
    verb = "Issue"
    problem_lines = 2

    def __init__(
        self, rows: Sequence[ClusterRow], *, folder: Path, chosen: str = "", kubeconfigs: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._shoots: dict[str, ShootFacts] = {row.name: row.shoot for row in rows if row.shoot is not None}
        first = next(iter(self._shoots)) if len(self._shoots) == 1 else ""
        self._chosen_first = chosen if chosen in self._shoots else first
        self._folder = folder
        self._kubeconfigs = tuple(kubeconfigs)
        self._path_typed = False

    def rows(self) -> Iterable[Widget]:
        gardens = {shoot.garden for shoot in self._shoots.values()}
        names = [
            (safe_text(f"{shoot.namespace}/{shoot.name}" + (f"  ({shoot.garden})" if len(gardens) > 1 else "")), row)
            for row, shoot in sorted(self._shoots.items(), key=lambda item: (item[1].namespace, item[1].name))
        ]
        value = self._chosen_first or Select.NULL
        prompt = "choose" if names else "no garden shows one"
        yield Field("Shoot", Choice(names, value=value, prompt=prompt, compact=True, id="f-shoot"), key="shoot")
        yield Field(
            "Lets in by",
            Choice(_KINDS, value=_CERTIFICATE, allow_blank=False, compact=True, id="f-kind"),
            key="kind",
        )
        yield Field(
            "Level", Choice(_LEVELS, value=AccessLevel.AUTO, allow_blank=False, compact=True, id="f-level"), key="level"
        )
        yield Field("Lifetime", Input("1h", compact=True, id="f-duration"), hint="10m to 24h", key="duration")
        yield Field("Path", Input(compact=True, id="f-path"), key="path")
        yield Static(classes="dialog-note", markup=False, id="note")
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-duration" if self._chosen_first else "#f-shoot").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "f-path" and event.value != self._suggested():
            self._path_typed = True
        super().on_input_changed(event)

    def refreshed(self) -> None:
        path = self.query_one("#f-path", Input)
        if not self._path_typed and path.value != self._suggested():
            with self.prevent(Input.Changed):
                path.value = self._suggested()
        asks = self._kind() != Way.OIDC.value
        for field in ("level", "duration"):
            self.query_one(f"#{field}", Field).display = asks
        self.query_one("#note", Static).update(self._note())

    def problems(self) -> Sequence[Wrong]:
        found: list[Wrong] = []
        shoot = self._shoot()
        if shoot is None:
            found.append(Wrong("shoot", "Shoot", "choose one"))
        elif not shoot.addresses:
            found.append(Wrong("shoot", "Shoot", f"it has no address yet: {shoot.operation}"))
        if self._kind() != Way.OIDC.value:
            found += wrong("duration", "Lifetime", lambda: check_duration(self._duration()))
        if not self._text("f-path"):
            found.append(Wrong("path", "Path", "say where to keep it"))
        return found

    def answer(self) -> ShootWish | PlainWish:
        shoot = self._shoot()
        assert shoot is not None
        kind, path = self._kind(), str(whole_path(self._text("f-path")))
        access = ShootAccess(shoot.garden, shoot.namespace, shoot.name, self._level())
        if kind == _CERTIFICATE:
            return ShootWish(shoot=access, path=path, duration=self._duration())
        duration = self._duration() if kind == Way.EXEC.value else None
        return PlainWish(path=path, way=Way(kind), shoot=access, duration=duration, kubeconfigs=self._kubeconfigs)

    def _note(self) -> Content:
        """What to know first: a shoot that sleeps, and what cannot be taken back."""
        shoot, kind = self._shoot(), self._kind()
        lines: list[Content] = []
        if shoot is not None and shoot.hibernation != "Awake":
            text = f"! it is {shoot.hibernation.lower()}: a kubeconfig cannot connect until it is awake"
            lines.append(Content.styled(safe_text(text), "$warn"))
        said = {
            _CERTIFICATE: "The garden may grant less time than asked.\nIt cannot be revoked, and ends by itself.",
            Way.EXEC.value: "kubectl runs kubemint exec-credential each time; the certificate stays in its cache.",
            Way.OIDC.value: "Settings of the shoot, else of the preset for it; kubectl needs the plugin oidc-login.",
        }
        lines.append(Content(said[kind]))
        return Content("\n").join(lines)

    def equivalent(self) -> Sequence[str]:
        shoot, kind = self._shoot(), self._kind()
        name = f"{shoot.namespace}/{shoot.name}" if shoot is not None else "NS/NAME"
        words = ["kubemint", "issue", "--shoot", name, "--context", shoot.garden if shoot is not None else "GARDEN"]
        if kind != _CERTIFICATE:
            words.append(f"--{kind}")
        if kind != Way.OIDC.value:
            if self._level() is not AccessLevel.AUTO:
                words += ["--level", self._level().value]
            if self._text("f-duration"):
                words += ["--duration", self._text("f-duration")]
        words += ["--out", self._text("f-path") or "PATH"]
        return words

    def _suggested(self) -> str:
        shoot = self._shoot()
        if shoot is None:
            return ""
        stem = file_stem(f"{shoot.namespace}--{shoot.name}{_SUFFIX[self._kind()]}")
        return str(self._folder / f"{stem}.kubeconfig")

    def _shoot(self) -> ShootFacts | None:
        value = self.query_one("#f-shoot", Select).value
        return None if value is Select.NULL else self._shoots[str(value)]

    def _kind(self) -> str:
        return str(self.query_one("#f-kind", Select).value)

    def _level(self) -> AccessLevel:
        return AccessLevel(str(self.query_one("#f-level", Select).value))

    def _duration(self) -> Any:
        text = self._text("f-duration")
        return parse_duration(text) if text else None

    def _text(self, id_: str) -> str:
        return self.query_one(f"#{id_}", Input).value.strip()
