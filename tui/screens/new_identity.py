"""The dialogs about identities: creating one, with the manifests it consists of, and minting a token with its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from tui.actions.paths import file_stem, is_file, is_folder, whole_path
from tui.issuance.durations import parse_duration
from tui.issuance.identity import IdentityWish, manifests
from tui.issuance.self_issue import SelfWish
from tui.issuance.token_request import check_wish
from tui.issuance.types import Address, Identity
from tui.issuance.yaml_text import dump
from tui.kube.text import safe_text
from tui.widgets.choice import Choice

from .dialog import Dialog, Equivalent, Field, Wrong, wrong


class NewIdentityScreen(Dialog[IdentityWish | None]):
    """Asks for what an identity is called, and where its token file goes."""

    heading = "New identity: an account that mints short-lived tokens for itself"
    verb = "Create"
    problem_lines = 3
    keys = "f2 manifests   "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "preview", "manifests", key_display="f2")]

    def __init__(self, clusters: Sequence[str], *, folder: Path, identity: Identity | None = None) -> None:
        super().__init__()
        self._clusters = list(clusters)
        self._folder = folder
        self._identity = identity or Identity(self._clusters[0] if self._clusters else "", "default", "")

    def rows(self) -> Iterable[Widget]:
        identity = self._identity
        chosen = identity.cluster if identity.cluster in self._clusters else Select.NULL
        options = [(safe_text(name), name) for name in self._clusters]
        yield Field(
            "Cluster", Choice(options, value=chosen, prompt="choose", compact=True, id="f-cluster"), key="cluster"
        )
        yield Field("Namespace", Input(identity.namespace, compact=True, id="f-namespace"), key="namespace")
        yield Field("Name", Input(identity.name, placeholder="name", compact=True, id="f-name"), key="name")
        yield Field("Folder", Input(str(self._folder), compact=True, id="f-folder"), key="folder")
        yield Static(classes="dialog-note", markup=False, id="file")
        yield Equivalent()

    def beside(self) -> Iterable[Widget]:
        with VerticalScroll(classes="preview", can_focus=True):
            yield Static(id="yaml", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-name").focus()

    def refreshed(self) -> None:
        wish = self.answer()
        name = wish.identity.name or "NAME"
        text = "---\n".join(map(dump, manifests(_named(wish, name))))
        self.query_one("#yaml", Static).update("\n".join(safe_text(line) for line in text.splitlines()))
        self.query_one("#file", Static).update(
            safe_text(
                f"Its token goes to {Path(wish.path).name}, readable by you alone (0600). It never expires: "
                "use it for nothing but minting short-lived ones."
            )
        )

    def problems(self) -> Sequence[Wrong]:
        wish = self.answer()
        found = []
        if not wish.identity.cluster:
            found.append(Wrong("cluster", "Cluster", "choose one that answers"))
        if not wish.identity.name:
            found.append(Wrong("name", "Name", "say what it is to be called"))
        else:
            found += wrong("name", "Name", wish.check)
        folder = self._text("f-folder")
        if not folder:
            found.append(Wrong("folder", "Folder", "say where its token file goes"))
        elif is_file(folder):
            found.append(Wrong("folder", "Folder", "this is a file, name a folder"))
        return found

    def answer(self) -> IdentityWish:
        cluster = self.query_one("#f-cluster", Select).value
        identity = Identity(
            "" if cluster is Select.NULL else str(cluster), self._text("f-namespace"), self._text("f-name")
        )
        return IdentityWish(identity=identity, folder=str(whole_path(self._text("f-folder"))))

    def action_preview(self) -> None:
        """On a narrow terminal: the manifests instead of the fields, and back."""
        self.query_one(".dialog").toggle_class("-preview")

    def equivalent(self) -> Sequence[str]:
        wish = self.answer()
        words = ["kubemint", "identity", "create", wish.identity.name or "NAME", "-n", wish.identity.namespace or "NS"]
        words += ["--context", wish.identity.cluster or "C", "--out", self._text("f-folder") or "FOLDER"]
        return words

    def _text(self, id_: str) -> str:
        return self.query_one(f"#{id_}", Input).value.strip()


def _named(wish: IdentityWish, name: str) -> IdentityWish:
    identity = Identity(wish.identity.cluster, wish.identity.namespace or "NS", name)
    return IdentityWish(identity=identity, folder=wish.folder)


class MintScreen(Dialog[SelfWish | None]):
    """Asks for a short-lived token that an identity mints with one of its own long-lived ones."""

    heading = "Short-lived token, minted by the identity itself"
    verb = "Mint"
    problem_lines = 2

    def __init__(self, identity: Identity, sources: Sequence[tuple[str, Address]], *, folder: Path) -> None:
        super().__init__()
        self._identity = identity
        self._sources = list(sources)
        self._folder = folder

    def rows(self) -> Iterable[Widget]:
        who = self._identity
        about = f"{who.namespace}/{who.name} in {who.cluster} asks for itself; your own login is not used."
        yield Static(safe_text(about), classes="dialog-text", markup=False)
        options = [(safe_text(text), number) for number, (text, _) in enumerate(self._sources)]
        yield Field("With", Choice(options, value=0, allow_blank=False, compact=True, id="f-source"), key="source")
        yield Field(
            "Audiences",
            Input(placeholder="the API server's own", compact=True, id="f-audiences"),
            hint="comma-separated",
            key="audiences",
        )
        yield Field("Lifetime", Input("1h", compact=True, id="f-duration"), hint="1h, 90m, 24h", key="duration")
        path = self._folder / f"{file_stem(f'{who.namespace}-{who.name}')}-short.token"
        yield Field("Path", Input(str(path), compact=True, id="f-path"), key="path")
        yield Static(
            "It is bound to nothing, so it cannot be revoked on its own: it ends by itself.",
            classes="dialog-note", markup=False,
        )  # fmt: skip
        yield Equivalent()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#f-audiences").focus()

    def problems(self) -> Sequence[Wrong]:
        found: list[Wrong] = wrong("duration", "Lifetime", self._duration)
        if not found:
            found += wrong("duration", "Lifetime", lambda: check_wish(self._duration(), self._audiences()))
        path = self._text("f-path")
        if not path:
            found.append(Wrong("path", "Path", "say where to write it"))
        elif is_folder(path):
            found.append(Wrong("path", "Path", "this is a folder, name a file in it"))
        elif str(whole_path(path)) == self._source().name:
            found.append(Wrong("path", "Path", "this is the token to ask with; it would be lost"))
        return found

    def answer(self) -> SelfWish:
        return SelfWish(
            source=self._source(),
            cluster=self._identity.cluster,
            out=str(whole_path(self._text("f-path"))),
            duration=self._duration(),
            audiences=self._audiences(),
        )

    def equivalent(self) -> Sequence[str]:
        source = self._source()
        words = ["kubemint", "identity", "token", str(source).removeprefix("file:")]
        for audience in self._audiences():
            words += ["--audience", audience]
        if self._text("f-duration"):
            words += ["--duration", self._text("f-duration")]
        return [*words, "--out", self._text("f-path") or "PATH"]

    def _source(self) -> Address:
        value: Any = self.query_one("#f-source", Select).value
        return self._sources[int(value)][1]

    def _duration(self) -> timedelta | None:
        text = self._text("f-duration")
        return parse_duration(text) if text else None

    def _audiences(self) -> tuple[str, ...]:
        return tuple(word.strip() for word in self._text("f-audiences").split(",") if word.strip())

    def _text(self, id_: str) -> str:
        return self.query_one(f"#{id_}", Input).value.strip()
