"""Identities: accounts that mint short-lived tokens for themselves, with a long-lived one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tui.fleet.names import short_address
from tui.fleet.query import identity_of
from tui.fleet.rows import AccountRow, Row
from tui.issuance import (
    Address,
    Control,
    CredentialKind,
    Fault,
    Field,
    Identity,
    IdentityWish,
    Said,
    SelfWish,
    UsageError,
    Values,
    asking as ask,
    check_token_wish,
    checked,
)
from tui.kube.paths import file_stem, is_file, short_path, whole_path

from . import fitting as fit
from .action import Action, Menu, Needs
from .lines import Asked

TOKEN: Final = replace(ask.ADDRESS, metavar="ADDRESS|FILE")
REACTIVATE: Final = Action[Address](
    name="reactivate", title="Re-activate", says="make an invalidated token valid again",
    needs=Needs.SOME, mutates=True, fits=fit.INVALIDATED, job="re-activate",
    of=fit.address_of, title_of=lambda address: short_address(str(address)),
    plan=lambda engine, address, **words: engine.plan_reactivate(address, **words),
    fields=(TOKEN,), make=lambda values: values["address"], verb=("identity", "reactivate"),
)  # fmt: skip


def _folder(text: str) -> str:
    if is_file(text):
        raise UsageError("this is a file, name a folder")
    return str(whole_path(text))


def created(cluster: str, identity: Identity | None, folder: Path) -> Said:
    """What the form of a new identity begins with."""
    who = identity or Identity(cluster, "default", "")
    return {"cluster": who.cluster, "namespace": who.namespace, "name": who.name, "folder": str(folder)}


def _create(asked: Asked, row: Row | None) -> Said:
    first = asked.clusters[0] if asked.clusters else ""
    return created(first, row.identity if isinstance(row, AccountRow) else None, asked.folder)


def _identity(values: Values) -> IdentityWish:
    identity = Identity(values.get("cluster", ""), values["namespace"], values["name"])
    return IdentityWish(identity=identity, folder=values["folder"], secret=values.get("secret", ""),
                        rok=bool(values.get("rok")))  # fmt: skip


def _too_long(said: Said, values: Values) -> Iterable[Fault]:
    return checked("name", _identity(values).check) if {"namespace", "name", "folder"} <= values.keys() else ()


NEW_IDENTITY: Final = Action[IdentityWish](
    name="new_identity", title="New identity", says="create an account that mints short-lived tokens for itself",
    menu=Menu(2, "i", "Identity", "an account that may mint short-lived tokens for itself"),
    words=("identity",), needs=Needs.NOTHING, mutates=True, job="create identity",
    fields=(
        replace(ask.CLUSTER, missing="choose one that answers"),
        ask.NAMESPACE,
        Field(
            id="name", label="Name", metavar="NAME", placeholder="name", missing="give it a name",
            names="serviceaccounts",
            read=ask.a_name("service account"),
        ),
        Field(
            id="folder", label="Folder", flags=("--out",), metavar="FOLDER", default=".", read=_folder,
            missing="name a folder for its token file", help="Where to write NAMESPACE-NAME.token (0600).",
        ),
        Field(
            id="secret", flags=("--secret",), metavar="NAME",
            help="The token Secret's name.  [default: one that is new]",
        ),
        Field(
            id="rok", flags=("--rok",), control=Control.TICK, default=False,
            help="Label a new account as Rok's own tool does: arrikto.com/service-account-creator.",
        ),
        ask.FORCE,
    ),
    begin=_create, make=_identity, check=_too_long, verb=("identity", "create"),
    title_of=lambda wish: f"{wish.identity.namespace}/{wish.identity.name} → {short_path(wish.path)}",
    path_of=lambda wish: wish.path,
)  # fmt: skip


def a_source(text: str) -> Address:
    """A token Secret's address, or any path: also of a file that is not there, which is then said of the file."""
    kind = text.partition(":")[0]
    if kind in set(CredentialKind) and (CredentialKind(kind).traits.own_handle or CredentialKind(kind).traits.here):
        return ask.an_address(text)
    from tui.issuance import absolute_path

    return Address.file(str(absolute_path(text)))


def source_said(address: Address) -> str:
    """A long-lived token as the command line takes it."""
    return str(address).removeprefix("file:")


def minted(identity: Identity, source: Address | None, folder: Path) -> Said:
    """What the form of a short-lived token begins with."""
    path = folder / f"{file_stem(f'{identity.namespace}-{identity.name}')}-short.token"
    source_text = source_said(source) if source is not None else ""
    return {"cluster": identity.cluster, "source": source_text, "duration": "1h", "path": str(path)}


def _mint(asked: Asked, row: Row | None) -> Said:
    identity = identity_of(row) if row is not None else None
    if row is None or identity is None:
        return {}
    return minted(identity, fit.address_of(row), asked.folder)


def _wrong_mint(said: Said, values: Values) -> Iterable[Fault]:
    if "duration" in values:
        yield from checked("duration", lambda: check_token_wish(values["duration"], values.get("audiences", ())))
    if "source" in values and "path" in values and values["source"].name == values["path"]:
        yield Fault("path", "this is the identity's own token, which would be lost")


MINT: Final = Action[SelfWish](
    name="mint", title="Mint a short-lived token", says="an identity mints it with its long-lived token",
    menu=Menu(3, "m", "Short-lived token", "minted by an identity itself, with its long-lived one"),
    mutates=True, fits=fit.MINTING,
    fields=(
        replace(ask.CLUSTER, label="", missing=""),
        Field(
            id="source", label="Own token", metavar="FILE|ADDRESS", control=Control.CHOICE, read=a_source,
            missing="choose one",
        ),
        ask.AUDIENCES,
        ask.DURATION,
        Field(
            id="path", label="Path", flags=("--out",), metavar="PATH", read=ask.a_file,
            missing="name a file to write it to", help="Write the token to this file (0600), without a line break.",
        ),
        ask.FORCE,
    ),
    begin=_mint, check=_wrong_mint, implied=lambda said: ("cluster",), verb=("identity", "token"),
    make=lambda values: SelfWish(
        source=values["source"], cluster=values["cluster"], out=values["path"], duration=values["duration"],
        audiences=values["audiences"],
    ),
    title_of=lambda wish: f"{short_address(str(wish.source))} → {short_path(wish.out)}",
    path_of=lambda wish: wish.out,
)  # fmt: skip
