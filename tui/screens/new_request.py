"""The dialog that writes a DPUServiceCredentialRequest: checked while it is typed, with the YAML it will become."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Select, Static

from tui.actions.fields import Said
from tui.actions.requests import NEW_REQUEST, begun, suggested
from tui.issuance.dpf import DPURequestDraft
from tui.issuance.dpf.draft import to_yaml
from tui.issuance.dpf.objects import ParseError
from tui.kube.text import safe_text

from .dialog import Wrong
from .form import Form


class NewRequestScreen(Form[DPURequestDraft]):
    """Asks for a request. `targets` are the DPUClusters (`ns/name`) of each cluster that can hold one, `strangers` the
    clusters that do not know the kind."""

    heading = "New DPUServiceCredentialRequest"
    verb = "Create"
    starts = "name"
    keys = "f2 YAML   "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "YAML", key_display="f2")]

    def __init__(
        self,
        clusters: Sequence[str],
        *,
        cluster: str = "",
        namespace: str = "",
        targets: Mapping[str, Sequence[str]] | None = None,
        strangers: Collection[str] = (),
    ) -> None:
        first = clusters[0] if clusters else ""
        super().__init__(NEW_REQUEST, begun(cluster if cluster in clusters else first, namespace), clusters)
        self._targets = targets or {}
        self._strangers = strangers
        self._offered: str | None = None

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="yaml", markup=False)

    def suggest(self, said: Said) -> Mapping[str, str]:
        return suggested(said)

    def refreshed(self) -> None:
        cluster = self.said["cluster"]
        if cluster != self._offered:
            self._offered = cluster
            options = [("the cluster itself", "")]
            options += [(safe_text(target), target) for target in self._targets.get(cluster, ())]
            self.query_one("#f-target", Select).set_options(options)
        super().refreshed()
        try:
            text = to_yaml(self.answer())
        except ParseError as error:
            text = str(error)
        self.query_one("#yaml", Static).update("\n".join(safe_text(line) for line in text.splitlines()))

    def problems(self) -> Sequence[Wrong]:
        stranger = Wrong("cluster", "Cluster", "DPF is not installed there: it does not know this kind")
        return [*([stranger] if self.said["cluster"] in self._strangers else []), *super().problems()]

    def action_preview(self) -> None:
        """On a narrow terminal: the YAML instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")
