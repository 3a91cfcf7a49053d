"""The dialogs about service accounts: a credential for one, an identity with the manifests it consists of, and a token
that an identity mints for itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from textual.widget import Widget
from textual.widgets import Static

from tui.actions.identities import MINT, NEW_IDENTITY, created, minted, source_said
from tui.actions.issuing import NEW_CREDENTIAL, begun
from tui.issuance import Address, Field, Identity, IdentityWish, IssueSpec, SelfWish, dump_yaml, identity_manifests
from tui.kube.text import safe_text

from .form import Form, PreviewedForm


class NewCredentialScreen(Form[IssueSpec]):
    """Asks for everything one credential needs: whose, how long, in which form, and where it is kept."""

    heading = "New credential"
    verb = "Issue"
    problem_lines = 3
    starts = "duration"

    def __init__(
        self, clusters: Sequence[str], *, folder: Path, identity: Identity | None = None, lifetime: str = "1h"
    ) -> None:
        first = clusters[0] if clusters else ""
        super().__init__(NEW_CREDENTIAL, begun(first, identity, folder, lifetime), clusters, folder)


class NewIdentityScreen(PreviewedForm[IdentityWish]):
    """Asks for what an identity is called, and where its token file goes."""

    heading = "New identity: an account that mints short-lived tokens for itself"
    verb = "Create"
    problem_lines = 3
    starts = "name"
    keys = "f2 manifests   "

    def __init__(self, clusters: Sequence[str], *, folder: Path, identity: Identity | None = None) -> None:
        super().__init__(NEW_IDENTITY, created(clusters[0] if clusters else "", identity, folder), clusters)

    def notes(self) -> Iterable[Widget]:
        yield Static(classes="dialog-note", markup=False, id="file")

    def refreshed(self) -> None:
        super().refreshed()
        said = self.said
        identity = Identity(said["cluster"], said["namespace"] or "NS", said["name"] or "NAME")
        wish = IdentityWish(identity=identity, folder=said["folder"])
        self.show("---\n".join(map(dump_yaml, identity_manifests(wish))))
        name = Path(IdentityWish(identity=Identity("", said["namespace"], said["name"])).path).name
        self.query_one("#file", Static).update(
            safe_text(
                f"Its token goes to {name}, readable by you alone (0600). It never expires: "
                "use it for nothing but minting short-lived ones."
            )
        )


class MintScreen(Form[SelfWish]):
    """Asks for a short-lived token that an identity mints with one of its own long-lived ones."""

    heading = "Short-lived token, minted by the identity itself"
    verb = "Mint"
    starts = "audiences"

    def __init__(self, identity: Identity, sources: Sequence[tuple[str, Address]], *, folder: Path) -> None:
        super().__init__(MINT, minted(identity, sources[0][1], folder))
        self._identity = identity
        self._sources = [(safe_text(text), source_said(address)) for text, address in sources]

    def rows(self) -> Iterable[Widget]:
        who = self._identity
        about = f"{who.said} asks for itself; your own login is not used."
        yield Static(safe_text(about), classes="dialog-text", markup=False)
        yield from super().rows()

    def notes(self) -> Iterable[Widget]:
        yield Static(
            "It is bound to nothing, so it cannot be revoked on its own: it expires.",
            classes="dialog-note", markup=False,
        )  # fmt: skip

    def answer(self) -> SelfWish:
        return msgspec.structs.replace(super().answer(), identity=self._identity)

    def choices(self, field: Field) -> Sequence[tuple[str, str]]:
        return self._sources
