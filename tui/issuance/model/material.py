"""What a place is given to write down: a token with the way in, or a document that is whole already; and the way in
that such a document is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

    from .types import Credential


class Minted(msgspec.Struct, frozen=True):
    """A token and the way in that it is for. Each place writes both down in its credential's own format."""

    token: Sensitive
    endpoint: Endpoint

    @property
    def fingerprint(self) -> str:
        """By what it is told from any other."""
        return self.token.fingerprint

    def data(self, credential: Credential) -> dict[str, Sensitive]:
        """The data of a Secret. Raises UsageError, ValueError for a credential without format or identity."""
        if credential.format is None or credential.identity is None:
            raise ValueError("what is written must say its format and identity")
        return credential.format.rules.render(self.token, self.endpoint, credential.identity)

    def content(self, credential: Credential) -> Sensitive:
        """The content of a file. Raises as `data` does."""
        data = self.data(credential)
        assert credential.format is not None
        return credential.format.rules.as_file(data)


class Document(msgspec.Struct, frozen=True):
    """A kubeconfig with a certificate, one that asks a program, or a copy: written as it is."""

    text: Sensitive

    @property
    def fingerprint(self) -> str:
        """By what it is told from any other."""
        return self.text.fingerprint

    def data(self, credential: Credential) -> dict[str, Sensitive]:
        """The data of a Secret. Raises ValueError for a credential without format."""
        if credential.format is None:
            raise ValueError("what is written must say its format")
        return credential.format.rules.from_file(self.text)

    def content(self, credential: Credential) -> Sensitive:
        """The content of a file."""
        return self.text


Material = Minted | Document


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a place needs to write new material down."""

    material: Material
    credential: Credential
    """The credential with this place's own address."""
    request: str
    copies: int = 0

    @property
    def data(self) -> dict[str, Sensitive]:
        """The data that a Secret is to hold."""
        return self.material.data(self.credential)

    @property
    def content(self) -> Sensitive:
        """What a file is to hold."""
        return self.material.content(self.credential)


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What a writing would do. Nothing in it lets anybody in: what is secret is a mask and a fingerprint."""

    text: str
    """What would be written; for a merge the entries that are put in."""
    exists: bool
    """Whether there is something already."""
    hint: str
    """Mode and owner that a file will have, or what becomes of the Secret."""
    diff: str = ""
    """Against what is there now, unified; empty where nothing changes or nothing is there."""


class WayIn(NamedTuple):
    """Where the material of a credential leads that is no token of a service account of ours."""

    endpoint: Endpoint
    user: str = ""
    """Whom the server has to take it for, where that is known."""
    said: str = ""
    """How what lies there is otherwise than it is known here, in words."""
