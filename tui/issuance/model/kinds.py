"""The kinds of credentials, and what is true of each: how its address is written, and what can be done with it at all.

Whoever wants to know something of a kind asks here, and does not list kinds: so one more kind is one more line.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Form(StrEnum):
    """How the rest of an address is written, after `KIND:`."""

    OBJECT = "CLUSTER/NAMESPACE/NAME"
    PATH = "PATH"
    """A file on this machine; cluster and namespace are empty."""
    PLACE = "SORT:NAME"
    """A place of one of the registered sorts, by its own name there; cluster and namespace are empty."""
    CLUSTER = "CLUSTER"
    """A cluster as a whole; namespace and name are empty."""

    def written(self, cluster: str, namespace: str, name: str) -> str:
        """The three parts as one text."""
        if self in (Form.PATH, Form.PLACE):
            return name
        return cluster if self is Form.CLUSTER else f"{cluster}/{namespace}/{name}"

    def read(self, text: str) -> tuple[str, str, str] | None:
        """Cluster, namespace and name; None for what is not written so. Names of clusters may hold `/`."""
        if self in (Form.PATH, Form.PLACE):
            return ("", "", text) if text else None
        if self is Form.CLUSTER:
            return (text, "", "") if text else None
        parts = text.rsplit("/", 2)
        return (parts[0], parts[1], parts[2]) if len(parts) == 3 and all(parts) else None


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of every credential of one kind."""

    label: str
    """What people call it."""
    form: Form = Form.OBJECT
    here: bool = False
    """This machine's record says everything about it: it is in no object of a cluster, and its address is one name."""
    is_file: bool = False
    """That name is the path of a file on this machine."""
    own: bool = False
    """The operator's own way in: kubemint neither hands it out nor renews nor ends it."""
    is_secret: bool = False
    """Its address names the Secret that it lies in."""
    has_object: bool = False
    """An object of its cluster stands behind it."""
    renewable: bool = False
    """The renewal loop keeps it."""
    endless: bool = False
    """It never ends by itself."""
    own_handle: bool = False
    """The Secret it lies in is what its token is bound to. Renewing it makes another Secret, to which the files that
    hold a copy are moved on; deleting it ends it."""
    marked: bool = False
    """The Secret it lies in says by marks of ours what it is, and its places are renewed together."""
    in_handles: bool = False
    """Handles name the Secret it lies in as the place that their token was made for."""
    by_token: bool = False
    """Its token alone says what it is, and whoever may write there may have made that up: what is bound to a handle is
    not known to be valid until that was seen."""
    alone: bool = False
    """Who names one means its token alone, and not what a rotation of it left to its grace period."""
    wished: bool = False
    """An object of its cluster says that it is wanted, and something keeps that wish."""


class CredentialKind(StrEnum):
    """What sort of thing a credential is; the value is the first part of its address."""

    REQUEST = "request"
    """Kept by a DPUServiceCredentialRequest."""
    SECRET = "secret"
    """A Secret that kubemint manages."""
    FILE = "file"
    """A file on this machine that kubemint wrote."""
    LEGACY = "legacy"
    """A Secret of type kubernetes.io/service-account-token."""
    STATIC = "static"
    """The kubeconfig with a token that never ends, which Gardener kept in a Secret for each shoot before 1.27."""
    PLACE = "place"
    """In a place of any other sort that kubemint wrote to; see `destinations.registry`."""
    ARGO_CD = "argocd"
    """The token with which Argo CD enters a cluster, in its Secret of that cluster."""
    LOGIN = "login"
    """What the operator's own kubeconfig holds for a cluster (client certificate or token)."""
    HANDLE = "handle"
    """Whatever token is bound to a handle, wherever it is kept. There is nothing to do with it but to end it."""

    @property
    def traits(self) -> Traits:
        """What is true of it."""
        return TRAITS[self]


TRAITS: Final[dict[CredentialKind, Traits]] = {
    CredentialKind.REQUEST: Traits(label="DPU request", wished=True, has_object=True, renewable=True),
    CredentialKind.SECRET: Traits(
        label="managed Secret", is_secret=True, marked=True, in_handles=True, has_object=True, renewable=True
    ),
    CredentialKind.FILE: Traits(label="file", form=Form.PATH, here=True, is_file=True, renewable=True),
    CredentialKind.PLACE: Traits(label="place", form=Form.PLACE, here=True, renewable=True),
    CredentialKind.LEGACY: Traits(label="token Secret", is_secret=True, has_object=True, endless=True, own_handle=True),
    CredentialKind.STATIC: Traits(label="static token", has_object=True, endless=True),
    CredentialKind.ARGO_CD: Traits(
        label="Argo CD cluster", is_secret=True, in_handles=True, by_token=True, has_object=True
    ),
    CredentialKind.LOGIN: Traits(label="login", form=Form.CLUSTER, own=True),
    CredentialKind.HANDLE: Traits(label="handle", alone=True),
}
