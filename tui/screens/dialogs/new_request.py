"""The dialog that writes a DPUServiceCredentialRequest: checked while it is typed, with the YAML it will become."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from textual.widgets import Select

from tui.actions.requests import NEW_REQUEST, begun
from tui.issuance import DPURequestDraft, RequestParseError, draft_yaml
from tui.kube.text import safe_text

from .dialog import Wrong
from .form import PreviewedForm


class NewRequestScreen(PreviewedForm[DPURequestDraft]):
    """Asks for a request. `targets` are the DPUClusters (`ns/name`) of each cluster that can hold one, `strangers` the
    clusters that do not know the kind."""

    heading = "New DPUServiceCredentialRequest"
    verb = "Create"
    starts = "name"
    keys = "f2 YAML   "

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
        self._targets_of: str | None = None

    def refreshed(self) -> None:
        cluster = self.said["cluster"]
        if cluster != self._targets_of:
            self._targets_of = cluster
            options = [("the cluster itself", "")]
            options += [(safe_text(target), target) for target in self._targets.get(cluster, ())]
            self.query_one("#f-target", Select).set_options(options)
        super().refreshed()
        try:
            self.show(draft_yaml(self.answer()))
        except RequestParseError as error:
            self.show(str(error))

    def problems(self) -> Sequence[Wrong]:
        stranger = Wrong("cluster", "Cluster", "DPF is not installed there: it does not know this kind")
        return [*([stranger] if self.said["cluster"] in self._strangers else []), *super().problems()]
