"""What things are called on the screen: credentials, files with `~`, addresses. All of it is safe for a terminal."""

from __future__ import annotations

from typing import Final

from tui.kube.paths import short_path
from tui.kube.text import safe_text

from .rows import CredentialRow

LIMIT: Final = 300
"""So many characters of a name are looked at; no cell is wider."""


def plain_name(row: CredentialRow) -> str:
    """`namespace/name`, for files the path, for logins the cluster's user."""
    address = row.credential.address
    if address.here:
        return address.name
    return (row.name or f"login of {address.cluster}") if address.own else f"{row.namespace}/{row.name}"


def credential_name(row: CredentialRow) -> str:
    """The same as the screen shows it: paths with `~`."""
    name = plain_name(row)
    return safe_text(short_path(name) if row.credential.address.here else name, LIMIT)


def short_address(address: str) -> str:
    """An address for people: paths with `~`."""
    return f"file:{short_path(address[5:])}" if address.startswith("file:") else address
