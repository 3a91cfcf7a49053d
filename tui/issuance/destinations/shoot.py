"""The file of a Gardener kubeconfig, told from another by its client certificate or its static token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.formats import Format
from tui.issuance.model.types import Identity, ShootAccess
from tui.kube.sensitive import Sensitive

from .file import FilePlace, users_in

if TYPE_CHECKING:
    from tui.issuance.records.state import StateStore


class ShootPlace(FilePlace):
    """One file with one shoot's kubeconfig. What is written is given whole."""

    def __init__(self, shoot: ShootAccess, path: str, state: StateStore, *, force: bool = False) -> None:
        super().__init__(path, stand_in(shoot), state, force=force)

    def _has_others(self, content: Sensitive) -> bool:
        return users_in(content) > 1

    def _token_in(self, form: Format, content: Sensitive) -> Sensitive | None:
        return login_in(content)


def login_in(content: Sensitive) -> Sensitive | None:
    """By what a shoot's kubeconfig is told from another; None where it holds no credential."""
    from tui.kube.delivered import ONLY_LOOKING, DeliveredError, read

    try:
        login = read(content.reveal_bytes(), ONLY_LOOKING).endpoint.login
    except DeliveredError:
        return None
    return Sensitive(login.client_certificate) if login.client_certificate else login.token


def stand_in(shoot: ShootAccess) -> Identity:
    """The shoot where the words of a service account are expected; it only serves to name things."""
    return Identity(shoot.garden, shoot.namespace, shoot.name)
