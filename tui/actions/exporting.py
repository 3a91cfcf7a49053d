"""Writing a credential that exists to one more place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from tui.fleet.names import short_address
from tui.fleet.rows import CredentialRow, RequestRow, Row
from tui.issuance import (
    Address,
    Control,
    Credential,
    Destination,
    Fault,
    Field,
    FileDestination,
    Format,
    Said,
    Values,
    asking as ask,
)
from tui.kube.paths import file_stem

from . import fitting as fit
from .action import Action, Needs
from .lines import Asked

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tui.issuance import Engine, ExportPreview

_KEPT, _PATH = ask.place_fields("Destination", copy=True)
OTHER_SERVER: Final = Field(
    id="other_server", label="Allow a different server", flags=("--other-server",),
    control=Control.TICK, default=False, word=True, rank=5,
    help="Allow a server other than the cluster's known one.",
)  # fmt: skip
FIELDS: Final = (
    replace(ask.ADDRESS, metavar="ADDRESS|FILE"),
    ask.format_field("--format", rank=4, help="The format; default: as it is, and a kubeconfig for --merge."),
    _KEPT,
    replace(ask.CLUSTER, missing=""),
    _PATH,
    replace(ask.FORCE, label="Replace the existing file (keeps a backup)", rank=5),
    OTHER_SERVER,
)


class ExportWish(msgspec.Struct, frozen=True):
    """What is written where, and in which format; None keeps its own."""

    address: Address
    destination: Destination
    format: Format | None


def preview(engine: Engine, wish: ExportWish, **words: bool) -> Awaitable[ExportPreview]:
    """What would be written, masked, and what that changes."""
    return engine.preview_export(wish.address, wish.destination, wish.format, **words)


def begun(credential: Credential, folder: Path) -> Said:
    """What the form begins with: a copy of this, in a file of its own. What goes without saying stands beside it."""
    identity = credential.identity
    cluster = identity.cluster if identity is not None else credential.address.cluster
    form = credential.format or Format.KUBECONFIG
    said = {"address": str(credential.address), "format": form.value, "cluster": cluster}
    said |= {"own format": credential.format.value if credential.format else "", "own cluster": cluster}
    said["stem"] = f"{identity.namespace}-{identity.name}" if identity else credential.address.name or "credential"
    said["copy"] = f"{identity.namespace}/{identity.name}-copy" if identity else ""
    return {**said, **suggested(said, folder)}


def suggested(said: Said, folder: Path) -> Mapping[str, str]:
    """Where it goes by default."""
    name, suffix = file_stem(Path(said["stem"]).name), Format(said["format"]).rules.suffix
    beside = "-copy" if said["address"] == f"file:{folder / f'{name}.{suffix}'}" else ""  # and not over itself
    usual = ask.Usual(folder, f"{name}{beside}.{suffix}", said["copy"])
    return {"path": ask.place_way(said).suggest(usual)}


def own_files(folder: Path, rows: Iterable[Row]) -> list[tuple[CredentialRow | RequestRow, Path]]:
    """Where each row that has a credential is written to; no two share a file. Of several each names its cluster."""
    found = [row for row in rows if isinstance(row, CredentialRow | RequestRow) and row.credential is not None]
    taken: set[str] = set()
    pairs = []
    for row in found:
        credential = row.credential
        assert credential is not None
        if len(found) == 1:
            return [(row, Path(begun(credential, folder)["path"]))]
        form = credential.format or Format.KUBECONFIG
        stem = file_stem(f"{row.cluster or 'local'}-{row.namespace}-{Path(row.name).name}")
        name, number = f"{stem}.{form.rules.suffix}", 2
        while name in taken:
            name, number = f"{stem}-{number}.{form.rules.suffix}", number + 1
        taken.add(name)
        pairs.append((row, folder / name))
    return pairs


def copies(folder: Path, rows: Sequence[Row]) -> list[tuple[Row, ExportWish]]:
    """Each to a file of its own, as it is."""
    return [
        (row, ExportWish(row.credential.address, FileDestination(str(path)), None))
        for row, path in own_files(folder, rows)
        if row.credential is not None
    ]


def goes_without_saying(said: Said) -> list[str]:
    """What a command line need not say: the credential's own format, its own cluster."""
    way = ask.place_way(said)
    implied = Format.KUBECONFIG.value if way.merges else said.get("own format")
    return [
        *(["format"] if said.get("format") == implied else []),
        *(["cluster"] if not way.in_cluster or said.get("cluster") == said.get("own cluster") else []),
    ]


def _begin(asked: Asked, row: Row | None) -> Said:
    credential = fit.credential_of(row)
    assert credential is not None
    path = next((path for one, path in own_files(asked.folder, asked.rows) if one is row), None)
    return {**begun(credential, asked.folder), **({} if path is None else {"path": str(path)})}


def _make(values: Values) -> ExportWish:
    form = values["format"] or (Format.KUBECONFIG if ask.place_way(values).merges else None)
    return ExportWish(values["address"], ask.place_of(values, values["cluster"]), form)


def _check(said: Said, values: Values) -> Iterable[Fault]:
    if ask.place_way(said).in_cluster and not said.get("cluster"):
        yield Fault("cluster", "choose one")
    yield from ask.place_faults(said, values.get("format") or None)


EXPORT: Final = Action[ExportWish](
    name="export", title="Export", says="write to a file of its own",
    key="e", footer=True, needs=Needs.SOME, writes=True, fits=fit.MATERIAL,
    fields=FIELDS, begin=_begin, suggest=suggested, make=_make, check=_check, implied=goes_without_saying,
    title_of=lambda wish: f"{short_address(str(wish.address))} → {wish.destination.said}",
    plan=lambda engine, wish, **words: engine.plan_export(wish.address, wish.destination, wish.format, **words),
    said=lambda wish, outcome: f"written to {wish.destination.said}",
    verb=("export",),
)  # fmt: skip
