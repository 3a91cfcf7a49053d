"""Issuing a credential for a service account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tui.fleet.query import identity_of
from tui.fleet.rows import Row
from tui.issuance import Fault, Format, Identity, IssueSpec, Said, Values, asking as ask
from tui.kube.paths import file_stem

from .action import Action, Menu, Needs
from .lines import Asked

FIELDS: Final = (
    ask.CLUSTER,
    ask.NAMESPACE,
    ask.ACCOUNT,
    ask.CREATE,
    ask.DURATION,
    ask.AUDIENCES,
    ask.format_field("--type", default=Format.KUBECONFIG.value, help="The format."),
    *ask.place_fields("Destination"),
    ask.REPLACE,
    ask.FORCE,
)  # fmt: skip


def begun(cluster: str, identity: Identity | None, folder: Path, lifetime: str) -> Said:
    """What the form begins with, for an account or for nothing yet."""
    who = identity or Identity(cluster, "default", "")
    said = {"cluster": who.cluster, "namespace": who.namespace, "account": who.name, "duration": lifetime}
    return {**said, **suggested(said, folder)}


def suggested(said: Said, folder: Path) -> Mapping[str, str]:
    """Where it is kept by default."""
    namespace, name = said.get("namespace", ""), said.get("account", "")
    if not name:
        return {"path": ""}
    file = f"{file_stem(f'{namespace}-{name}')}.{Format(said.get('format') or Format.KUBECONFIG).rules.suffix}"
    return {"path": ask.place_way(said).suggest(ask.Usual(folder, file, f"{namespace}/{name}-credential"))}


def title_of(spec: IssueSpec) -> str:
    """For whom, and where to."""
    places = ", ".join(place.said for place in spec.destinations)
    return f"{spec.identity.namespace}/{spec.identity.name} → {places}"


def _begin(asked: Asked, row: Row | None) -> Said:
    first = asked.clusters[0] if asked.clusters else ""
    return begun(first, identity_of(row) if row is not None else None, asked.folder, asked.lifetime)


def _make(values: Values) -> IssueSpec:
    cluster = values["cluster"]
    return IssueSpec(
        identity=Identity(cluster, values["namespace"], values["account"]),
        destinations=(ask.place_of(values, cluster),),
        format=values["format"],
        duration=values["duration"],
        audiences=values["audiences"],
        create_account=values["create"],
    )


def _check(said: Said, values: Values) -> Iterable[Fault]:
    return ask.place_faults(said, values.get("format"))


NEW_CREDENTIAL: Final = Action(
    name="new_credential", title="New credential", says="issue one for a service account",
    menu=Menu(1, "c", "Credential", "a service account's token, kept in a file or a Secret"),
    words=(), needs=Needs.NOTHING, mutates=True, job="issue",
    fields=FIELDS, begin=_begin, suggest=suggested, make=_make, check=_check, title_of=title_of,
    path_of=lambda spec: ask.path_of(spec.destinations), merges=lambda spec: ask.merges(spec.destinations),
    verb=("issue",),
)  # fmt: skip
