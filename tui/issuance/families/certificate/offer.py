"""What can be asked for: a client certificate for a person, kept in a file, a kubeconfig or a Secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from tui.issuance.families import asking as ask
from tui.issuance.families.offer import Offer, Place
from tui.issuance.formats import Format
from tui.issuance.model.durations import format_duration
from tui.issuance.model.fields import Choice, Control, Fault, Field, Said, Values, Way
from tui.issuance.model.types import FileDestination
from tui.kube.paths import file_stem

from .wish import CertificateWish, Key, a_user, some_groups

USUAL: Final = timedelta(hours=1)
"""How long it lives by default: nothing ends it earlier."""
SECRET: Final = Way(
    "a Secret in the cluster", "--secret", "NS/NAME", "Secret", "Keep it in this Secret of the same cluster."
)
FIELDS: Final = (
    ask.CLUSTER,
    Field(
        id="user", label="User", flags=("--user",), metavar="NAME", placeholder="name", read=a_user,
        missing="the name of a person", help="Issue a client certificate for this user, signed by the cluster.",
    ),
    Field(
        id="groups", label="Groups", flags=("--group",), metavar="G", many=True, read=some_groups,
        hint="comma-separated", help="A group of that user.",
    ),
    ask.DURATION,
    Field(
        id="key", label="Key", flags=("--key",), control=Control.CHOICE, read=Key, default=Key.EC.value,
        choices=[Choice(Key.EC.value, "EC P-256"), Choice(Key.RSA.value, "RSA 3072")],
        help="What sort of key is made for it; it never leaves this machine but for where the certificate is kept.",
    ),
    Field(
        id="wait", flags=("--wait",), metavar="DURATION", read=ask.a_duration,
        help="How long to wait for someone else to approve it, where you may not; 10m unless said otherwise.",
    ),
    *ask.place_fields("Keep in", SECRET),
    ask.REPLACE,
    ask.FORCE,
)  # fmt: skip


def _begin(place: Place) -> Said:
    return {"cluster": place.cluster, "duration": place.lifetime or format_duration(USUAL)}


def _suggest(said: Said, folder: Path) -> Mapping[str, str]:
    user, kept = said.get("user", ""), said.get("kept", ask.OUT.name)
    if not user:
        return {"path": ""}
    if kept == SECRET.name:
        return {"path": f"default/{file_stem(user).lower()}-certificate"}
    if kept == ask.MERGE.name:
        return {"path": "~/.kube/config"}
    return {"path": str(folder / f"{file_stem(f'user-{user}')}.kubeconfig")}


def _make(values: Values) -> CertificateWish:
    wish = CertificateWish(
        user=values["user"],
        groups=values["groups"],
        cluster=values["cluster"],
        destinations=(ask.place_of(values, values["cluster"]),),
        duration=values["duration"] or USUAL,
        key=values["key"],
    )
    return wish.waiting(values["wait"]) if values["wait"] else wish


def _check(said: Said, values: Values) -> Iterable[Fault]:
    return ask.place_faults(said, Format.CERTIFICATE)


def _path_of(wish: CertificateWish) -> str:
    return next((one.path for one in wish.destinations if isinstance(one, FileDestination)), "")


def _merges(wish: CertificateWish) -> bool:
    return any(isinstance(one, FileDestination) and one.merge for one in wish.destinations)


def _title_of(wish: CertificateWish) -> str:
    return f"{wish.speaks_for} → {', '.join(map(ask.place_said, wish.destinations))}"


OFFERS: Final = (
    Offer(
        name="new_certificate", title="New client certificate", says="have one signed for a person",
        key="u", entry="User", tells="a person's client certificate, signed by the cluster", by="user",
        fields=FIELDS, begin=_begin, suggest=_suggest, make=_make, check=_check, path_of=_path_of,
        merges=_merges, title_of=_title_of,
    ),
)  # fmt: skip
