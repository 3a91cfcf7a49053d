"""The dialog that wishes for a credential: whose, how long, in which form, and where it is kept.

Hands back an `IssueSpec`; what is wrong with a value is said in the core's own words while it is typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select

from tui.issuance.durations import parse_duration
from tui.issuance.formats import Format
from tui.issuance.names import check_names
from tui.issuance.token_request import check_wish
from tui.issuance.types import Destination, FileDestination, Identity, IssueSpec, SecretDestination
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Tick, Wrong, file_stem, whole_path, wrong

_OWN_FILE: Final = "a file of its own"
_MERGE: Final = "an existing kubeconfig"
_SECRET: Final = "a Secret in the cluster"


class NewCredentialScreen(Dialog[IssueSpec | None]):
    """Asks for everything one credential needs."""

    heading = "New credential"
    verb = "Issue"
    problem_lines = 3

    def __init__(
        self, clusters: Sequence[str], *, folder: Path, identity: Identity | None = None, lifetime: str = "1h"
    ) -> None:
        super().__init__()
        self._lifetime = lifetime
        self._clusters = list(clusters)
        self._folder = folder
        self._identity = identity or Identity(self._clusters[0] if self._clusters else "", "default", "")
        self._path_typed = False

    def rows(self) -> Iterable[Widget]:
        identity = self._identity
        chosen = identity.cluster if identity.cluster in self._clusters else Select.NULL
        yield Field(
            "Cluster",
            Choice(
                [(safe_text(name), name) for name in self._clusters],
                value=chosen,
                prompt="choose",
                compact=True,
                id="f-cluster",
            ),
            key="cluster",
        )
        yield Field("Namespace", Input(identity.namespace, compact=True, id="f-namespace"), key="namespace")
        yield Field("Account", Input(identity.name, placeholder="name", compact=True, id="f-account"), key="account")
        yield Field("", Tick("create it if it does not exist", compact=True, id="f-create"), key="create")
        yield Field(
            "Lifetime", Input(self._lifetime, compact=True, id="f-duration"), hint="1h, 90m, 24h", key="duration"
        )
        yield Field(
            "Audiences",
            Input(placeholder="the API server's own", compact=True, id="f-audiences"),
            hint="comma-separated",
            key="audiences",
        )
        yield Field(
            "Format",
            Choice(
                [(form.value, form) for form in Format if form.rules.chosen],
                value=Format.KUBECONFIG,
                allow_blank=False,
                compact=True,
                id="f-format",
            ),
            key="format",
        )
        yield Field(
            "Keep in",
            Choice(
                [(kept, kept) for kept in (_OWN_FILE, _MERGE, _SECRET)],
                value=_OWN_FILE,
                allow_blank=False,
                compact=True,
                id="f-kept",
            ),
            key="kept",
        )
        yield Field("Path", Input(compact=True, id="f-path"), key="path")
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-account" if not self._identity.name else "#f-duration").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "f-path" and event.value != self._suggested():
            self._path_typed = True
        super().on_input_changed(event)

    def on_select_changed(self) -> None:
        kept = self._chosen("f-kept")
        if kept != getattr(self, "_kept", _OWN_FILE):
            self._kept = kept
            self._path_typed = False
        super().on_select_changed()

    def refreshed(self) -> None:
        path = self.query_one("#f-path", Input)
        if not self._path_typed and path.value != self._suggested():
            with self.prevent(Input.Changed):
                path.value = self._suggested()
        label = "Secret" if self._chosen("f-kept") == _SECRET else "Path"
        self.query_one("#path", Field).rename(label)

    def problems(self) -> Sequence[Wrong]:
        found: list[Wrong] = []
        if not self._chosen("f-cluster"):
            found.append(Wrong("cluster", "Cluster", "choose one"))
        namespace, name = self._text("f-namespace"), self._text("f-account")
        found += wrong("namespace", "Namespace", lambda: check_names(namespace, "x", "service account"))
        if not name:
            found.append(Wrong("account", "Account", "the name of a service account"))
        else:
            found += wrong("account", "Account", lambda: check_names("default", name, "service account"))
        found += wrong("duration", "Lifetime", lambda: check_wish(self._duration(), ()))
        kept, path = self._chosen("f-kept"), self._text("f-path")
        if not path:
            found.append(Wrong("path", "Secret" if kept == _SECRET else "Path", "say where to keep it"))
        elif kept == _SECRET:
            secret_ns, slash, secret = path.partition("/")
            if not slash:
                found.append(Wrong("path", "Secret", "write namespace/name"))
            else:
                found += wrong("path", "Secret", lambda: check_names(secret_ns, secret, "Secret"))
        elif kept == _MERGE and not Format(self._chosen("f-format")).rules.merges:
            found.append(Wrong("format", "Format", "only a kubeconfig can go into a kubeconfig"))
        return found

    def answer(self) -> IssueSpec:
        cluster = str(self._chosen("f-cluster"))
        return IssueSpec(
            identity=Identity(cluster, self._text("f-namespace"), self._text("f-account")),
            destinations=(self._destination(cluster),),
            format=Format(self._chosen("f-format")),
            duration=self._duration(),
            audiences=self._audiences(),
            create_account=self.query_one("#f-create", Checkbox).value,
        )

    def _destination(self, cluster: str) -> Destination:
        path, kept = self._text("f-path"), self._chosen("f-kept")
        if kept == _SECRET:
            namespace, _, name = path.partition("/")
            return SecretDestination(cluster, namespace, name)
        return FileDestination(str(whole_path(path)), merge=kept == _MERGE)

    def _suggested(self) -> str:
        namespace, name, kept = self._text("f-namespace"), self._text("f-account"), self._chosen("f-kept")
        if not name:
            return ""
        if kept == _SECRET:
            return f"{namespace}/{name}-credential"
        if kept == _MERGE:
            return str(Path("~/.kube/config"))
        suffix = Format(self._chosen("f-format")).rules.suffix
        return str(self._folder / f"{file_stem(f'{namespace}-{name}')}.{suffix}")

    def equivalent(self) -> Sequence[str]:
        words = ["kubemint", "issue", self._text("f-account") or "NAME", "-n", self._text("f-namespace") or "NS"]
        words += ["--context", str(self._chosen("f-cluster") or "C")]
        if self._text("f-duration"):
            words += ["--duration", self._text("f-duration")]
        for audience in self._audiences():
            words += ["--audience", audience]
        if self.query_one("#f-create", Checkbox).value:
            words.append("--create")
        if self._chosen("f-format") is not Format.KUBECONFIG:
            words += ["--type", str(self._chosen("f-format"))]
        flag = {_SECRET: "--secret", _MERGE: "--merge"}.get(str(self._chosen("f-kept")), "--out")
        words += [flag, self._text("f-path") or "PATH"]
        return words

    def _duration(self) -> Any:
        text = self._text("f-duration")
        return parse_duration(text) if text else None

    def _audiences(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self._text("f-audiences").split(",") if word.strip())

    def _text(self, id_: str) -> str:
        return self.query_one(f"#{id_}", Input).value.strip()

    def _chosen(self, id_: str) -> Any:
        value = self.query_one(f"#{id_}", Select).value
        return None if value is Select.NULL else value
