"""What a CSI driver is given for a pod: its shape at once, the tokens themselves only when the user says so.

Minted tokens are shown for ten seconds at a time, or written to a file of one's own (0600). A trial that is bound to a
handle instead of the pod ends when this closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from tui.actions.csi import CSI_PREVIEW, CsiWish, a_pod
from tui.fleet.rows import RequestRow
from tui.issuance import Address, IssuanceError, UsageError, csi, csi_trial, dump_yaml, explain, format_duration
from tui.kube.errors import KubeError
from tui.kube.paths import file_stem, whole_path
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.screens.session import Session
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Wrong
from .reveal import RevealScreen

REVEAL: Final = "reveal"
FILE: Final = "file"


class CsiPreviewScreen(Dialog[CsiWish | None]):
    """Asks for a pod, and shows what the driver is given for it."""

    heading = "CSI preview: what a driver is given for a pod"
    verb = "Mint"
    problem_lines = 3
    focuses = "#f-pod"
    keys = "f2 shape   "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "shape", key_display="f2")]

    def __init__(self, session: Session, drivers: Sequence[RequestRow], *, first: str, folder: Path) -> None:
        super().__init__()
        self.session = session
        self._drivers = list(drivers)
        self._first = next((number for number, row in enumerate(self._drivers) if row.key == first), 0)
        self._folder = folder
        self._pods_of = ""
        self._looked_at: tuple[str, str] | None = None
        self._seen: csi.Preview | None = None
        self._error = ""
        self._path_typed = False

    def rows(self) -> Iterable[Widget]:
        options = [(safe_text(f"{row.name}  in {row.cluster}"), number) for number, row in enumerate(self._drivers)]
        start: Any = self._first if options else Select.NULL
        yield Field("Driver", Choice(options, value=start, prompt="none", compact=True, id="f-driver"), key="driver")
        found: Choice[str] = Choice([], prompt="looking …", compact=True, id="f-found")
        yield Field("Mounted by", found, key="found")
        yield Field("Pod", Input(placeholder="namespace/name", compact=True, id="f-pod"), key="pod")
        bound = [("the pod, as the kubelet does", False), ("a handle, to revoke it by", True)]
        choice = Choice(bound, value=False, allow_blank=False, compact=True, id="f-bound")
        yield Field("Bound to", choice, key="bound")
        ways = [("shown for ten seconds", REVEAL), ("written to a file (0600)", FILE)]
        yield Field("Tokens", Choice(ways, value=REVEAL, allow_blank=False, compact=True, id="f-way"), key="way")
        yield Field("Path", Input(compact=True, id="f-path"), key="path")
        yield Static(classes="dialog-note", markup=False, id="said")
        yield Equivalent()

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="shape", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "f-path" and event.value != self._suggested():
            self._path_typed = True
        super().on_input_changed(event)

    def on_select_changed(self, event: Select.Changed | None = None) -> None:
        if event is not None and event.select.id == "f-found" and event.value is not Select.NULL:
            self.query_one("#f-pod", Input).value = str(event.value)
        super().on_select_changed()

    def refreshed(self) -> None:
        row = self._row
        if row is not None and row.key != self._pods_of:
            self._pods_of = row.key
            self.run_worker(self._find_pods(row), group="pods", exclusive=True, exit_on_error=False)
        self._look_when_named()
        path = self.query_one("#f-path", Input)
        path.disabled = self._way != FILE
        if not self._path_typed and path.value != self._suggested():
            with self.prevent(Input.Changed):
                path.value = self._suggested()
        self._draw()

    def problems(self) -> Sequence[Wrong]:
        row = self._row
        if row is None:
            return (Wrong("driver", "Driver", "no CSI driver asks for tokens in any cluster that answers"),)
        found = [Wrong("driver", "Driver", str(problem)) for problem in csi.validate(_driver(row))]
        if not found and not _driver(row).wishes:
            found.append(Wrong("driver", "Driver", "its server keeps no token requests: there is nothing to mint"))
        wrong = {fault.field: fault for fault in CSI_PREVIEW.faults(self.said)}
        if "pod" in wrong:
            found.append(Wrong("pod", "Pod", wrong["pod"].message))
        elif self._error:
            found.append(Wrong("pod", "Pod", self._error))
        elif self._seen is None:
            found.append(Wrong("pod", "Pod", "looking at it …"))
        if self._way == FILE and not self.said["path"]:
            found.append(Wrong("path", "Path", "name a file to write it to"))
        elif "path" in wrong:
            found.append(Wrong("path", "Path", wrong["path"].message))
        return found

    @property
    def said(self) -> dict[str, str]:
        """What stands in it, as the action takes it."""
        row = self._row
        path = self.query_one("#f-path", Input).value.strip() if self._way == FILE else ""
        driver, cluster = (row.name, row.cluster) if row is not None else ("", "")
        return {
            "driver": driver, "cluster": cluster, "pod": self.query_one("#f-pod", Input).value.strip(), "path": path
        }  # fmt: skip

    def answer(self) -> CsiWish | None:
        if self._seen is None:
            return None
        path = whole_path(self.said["path"]) if self._way == FILE else None
        return CsiWish(preview=self._seen, revocable=self._revocable, path=path)

    def action_preview(self) -> None:
        """On a narrow terminal: the shape instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")

    # Looking

    async def _find_pods(self, row: RequestRow) -> None:
        choice = self.query_one("#f-found", Select)
        try:
            found = await csi_trial.pods_of(self.session.engine.clusters, row.cluster, row.name)
        except (IssuanceError, KubeError, OSError) as error:
            choice.set_options([])
            choice.prompt = safe_text(explain(error)[0], 60)
            return
        choice.set_options([(safe_text(name), name) for name in found.names])
        among = "" if found.complete else f" among the first {csi_trial.LOOKED_AT} pods"
        choice.prompt = f"choose one of {len(found.names)}{among}" if found.names else f"no pod{among}; name one"
        if len(found.names) == 1 and not self.query_one("#f-pod", Input).value:
            choice.value = found.names[0]

    def _look_when_named(self) -> None:
        row, place = self._row, self._place
        asked = (row.key, "/".join(place)) if row is not None and place is not None else None
        if asked == self._looked_at:
            return
        self._looked_at, self._seen, self._error = asked, None, ""
        if row is not None and place is not None:
            self.run_worker(self._look(row, *place), group="look", exclusive=True, exit_on_error=False)

    async def _look(self, row: RequestRow, namespace: str, pod: str) -> None:
        try:
            clusters = self.session.engine.clusters
            self._seen = await csi_trial.look(clusters, row.cluster, row.name, namespace, pod)
        except (IssuanceError, KubeError, OSError) as error:
            message, hint = explain(error)
            self._error = safe_text(f"{message}; {hint}" if hint else message)
        self.check()

    # Showing

    def _draw(self) -> None:
        row, seen = self._row, self._seen
        driver = seen.driver if seen is not None else _driver(row) if row is not None else None
        lines: list[Content] = []
        if driver is not None:
            lines += [Content.styled(f"{driver.handed_over_in}:", "$mute"), Content(f"  {csi.TOKENS_KEY}:")]
            shown = csi.shape(driver)
            lines.append(Content.styled(f"  {shown}" if shown else "  (the key is absent)", "$strong"))
            for wish in driver.wishes:
                lives = "1h, the default" if wish.seconds is None else _span(wish.seconds)
                lines.append(Content(f"{safe_text(wish.audience) or '(the API server)'}: {lives}"))
        if seen is not None:
            who = seen.identity
            lines += [Content(""), Content.styled(safe_text(f"as {who.namespace}/{who.name}"), "$primary")]
            lines += [Content.styled(f"! {safe_text(note)}", "$warn") for note in seen.notes]
            for request in seen.requests():
                lines += [Content(""), *(Content(safe_text(line)) for line in dump_yaml(request).splitlines())]
        self.query_one("#shape", Static).update(Content("\n").join(lines))
        self.query_one("#said", Static).update(self._said())

    def _said(self) -> str:
        if self._revocable and self._way == FILE:
            return "The same JSON for a trial: its tokens end when their handle is deleted; the result names it."
        if self._revocable:
            return "The same JSON for a trial: its tokens are revoked when it is closed."
        return "Exactly what the kubelet hands over: it ends with the pod and cannot be revoked on its own."

    def equivalent(self) -> Sequence[str]:
        words = CSI_PREVIEW.line(self.said)
        return words if self._way != FILE or self.said["path"] else [*words, "--out", "PATH"]

    def _suggested(self) -> str:
        row, place = self._row, self._place
        if row is None or place is None:
            return ""
        return str(self._folder / f"{file_stem('-'.join(place))}.csi.json")

    @property
    def _row(self) -> RequestRow | None:
        value: Any = self.query_one("#f-driver", Select).value
        return None if value is Select.NULL else self._drivers[int(value)]

    @property
    def _place(self) -> tuple[str, str] | None:
        try:
            return a_pod(self.query_one("#f-pod", Input).value.strip())
        except UsageError:
            return None

    @property
    def _way(self) -> str:
        return str(self.query_one("#f-way", Select).value)

    @property
    def _revocable(self) -> bool:
        return self.query_one("#f-bound", Select).value is True


class TokensScreen(RevealScreen):
    """Mints when it opens, shows for ten seconds at a time, and ends on closing what can be ended."""

    def __init__(self, session: Session, wish: CsiWish) -> None:
        who = wish.preview.identity
        address = Address.token_secret(who.cluster, who.namespace, wish.preview.pod.name)
        super().__init__(session, address, f"{csi.TOKENS_KEY} for {who.namespace}/{wish.preview.pod.name}")
        self._wish = wish
        self._minted: csi_trial.Minted | None = None

    async def material(self) -> Sensitive:
        if self._minted is None:
            trials = self.session.engine.trials
            self._minted = await trials.begin(self._wish.preview, revocable=self._wish.revocable)
        return self._minted.value

    def on_unmount(self) -> None:
        """However it went; where the dashboard ends too, the engine ends what is left."""
        self._let_go()

    def action_leave(self) -> None:
        super().action_leave()
        self._let_go()

    def _let_go(self) -> None:
        minted, self._minted = self._minted, None
        if minted is not None and minted.handle is not None:
            self.app.run_worker(self._end(minted), group="csi", exit_on_error=False)

    async def _end(self, minted: csi_trial.Minted) -> None:
        try:
            said = await self.session.engine.trials.end(minted)
        except (IssuanceError, KubeError, OSError) as error:
            said = f"the tokens could not be revoked: {explain(error)[0]}"
        self.app.notify(safe_text(said), markup=False, timeout=6)


def _driver(row: RequestRow) -> csi.Driver:
    if not isinstance(row.about, csi.Driver):
        raise UsageError(f"{row.name} is no CSI driver")
    return row.about


def _span(seconds: int) -> str:
    return format_duration(timedelta(seconds=seconds)) if 0 <= seconds <= 2**32 else f"{seconds} s"
