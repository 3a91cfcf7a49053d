"""The dialog that writes a DPUServiceCredentialRequest: checked while it is typed, with the YAML it will become."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from tui.issuance.dpf.draft import TYPES, DPURequestDraft, to_yaml, validate
from tui.issuance.dpf.objects import ParseError
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Field, Wrong

_HOST: Final = ""
_NAMES: Final = {
    "cluster": "Cluster",
    "namespace": "Namespace",
    "name": "Name",
    "service_account": "Account",
    "service_account_namespace": "Account ns",
    "target_cluster": "Target",
    "type": "Type",
    "duration": "Lifetime",
    "secret": "Secret",
    "secret_namespace": "Secret ns",
    "labels": "Labels",
    "annotations": "Annotations",
}


class NewRequestScreen(Dialog[DPURequestDraft | None]):
    """Asks for a request. `targets` are the DPUClusters (`ns/name`) of each cluster that can hold one, `strangers` the
    clusters that do not know the kind."""

    heading = "New DPUServiceCredentialRequest"
    verb = "Create"
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
        super().__init__()
        self._clusters = list(clusters)
        self._cluster = cluster if cluster in self._clusters else (self._clusters[0] if self._clusters else "")
        self._namespace = namespace or "default"
        self._targets = targets or {}
        self._strangers = strangers
        self._offered: str | None = None
        self._secret_typed = False

    def rows(self) -> Iterable[Widget]:
        yield Field(
            _NAMES["cluster"],
            Choice(
                [(safe_text(name), name) for name in self._clusters],
                value=self._cluster or Select.NULL,
                prompt="choose",
                compact=True,
                id="f-cluster",
            ),
            key="cluster",
        )
        yield self._input("namespace", self._namespace)
        yield self._input("name", "")
        yield Field(
            _NAMES["target_cluster"],
            Choice([("the cluster itself", _HOST)], value=_HOST, allow_blank=False, compact=True, id="f-target"),
            key="target_cluster",
        )
        yield self._input("service_account", "")
        yield self._input("service_account_namespace", "default")
        yield self._input("duration", "1h", hint="10m or more, 24h at most", placeholder="the server's default, 1h")
        yield Field(
            _NAMES["type"],
            Choice([(kind, kind) for kind in TYPES], value=TYPES[0], allow_blank=False, compact=True, id="f-type"),
            key="type",
        )
        yield self._input("secret", "")
        yield self._input("secret_namespace", "default")
        yield self._input("labels", "", hint="k=v, k=v", placeholder="none")

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="yaml", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-name").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "f-secret" and event.value != self._suggested():
            self._secret_typed = True
        super().on_input_changed(event)

    def refreshed(self) -> None:
        cluster = str(self._chosen("f-cluster") or "")
        if cluster != self._offered:
            self._offered = cluster
            options = [("the cluster itself", _HOST)]
            options += [(safe_text(target), target) for target in self._targets.get(cluster, ())]
            self.query_one("#f-target", Select).set_options(options)
        secret = self.query_one("#f-secret", Input)
        if not self._secret_typed and secret.value != self._suggested():
            with self.prevent(Input.Changed):
                secret.value = self._suggested()
        try:
            text = to_yaml(self.answer())
        except ParseError as error:
            text = str(error)
        self.query_one("#yaml", Static).update("\n".join(safe_text(line) for line in text.splitlines()))

    def problems(self) -> Sequence[Wrong]:
        found = [Wrong(item.field, _NAMES.get(item.field, item.field), item.rule) for item in validate(self.answer())]
        if self._chosen("f-cluster") in self._strangers:
            found.insert(0, Wrong("cluster", "Cluster", "DPF is not installed there: it does not know this kind"))
        if self._pairs() is None:
            found.append(Wrong("labels", "Labels", "write key=value, separated by commas"))
        return found

    def answer(self) -> DPURequestDraft:
        return DPURequestDraft(
            cluster=str(self._chosen("f-cluster") or ""),
            namespace=self._text("namespace"),
            name=self._text("name"),
            service_account=self._text("service_account"),
            service_account_namespace=self._text("service_account_namespace"),
            target_cluster=self._chosen("f-target") or None,
            type=str(self._chosen("f-type")),
            duration=self._text("duration") or None,
            secret=self._text("secret"),
            secret_namespace=self._text("secret_namespace"),
            labels=self._pairs() or {},
        )

    def action_preview(self) -> None:
        """On a narrow terminal: the YAML instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")

    def _suggested(self) -> str:
        name = self._text("name")
        return f"{name}-credential" if name else ""

    def _pairs(self) -> dict[str, str] | None:
        pairs: dict[str, str] = {}
        for word in filter(None, (part.strip() for part in self._text("labels").split(","))):
            key, equals, value = word.partition("=")
            if not equals:
                return None
            pairs[key.strip()] = value.strip()
        return pairs

    def _input(self, field: str, value: str, *, hint: str = "", placeholder: str = "") -> Field:
        control = Input(value, placeholder=placeholder, compact=True, id="f-" + field)
        return Field(_NAMES[field], control, hint=hint, key=field)

    def _text(self, field: str) -> str:
        return self.query_one("#f-" + field, Input).value.strip()

    def _chosen(self, id_: str) -> Any:
        value = self.query_one("#" + id_, Select).value
        return None if value is Select.NULL else value
