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
from tui.issuance.model.fields import Choice, Control, Fault, Field, Said, Values
from tui.kube.paths import file_stem

from .wish import CertificateWish, Key, a_user, some_groups

USUAL: Final = timedelta(hours=1)
"""How long it lives by default: nothing ends it earlier."""
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
        help="The algorithm of its key; the key is kept only with the certificate.",
    ),
    Field(
        id="wait", flags=("--wait",), metavar="DURATION", read=ask.a_duration,
        help="How long to wait for someone else to approve it, where you may not; 10m unless said otherwise.",
    ),
    *ask.place_fields("Destination"),
    ask.REPLACE,
    ask.FORCE,
)  # fmt: skip


def _begin(place: Place) -> Said:
    return {"cluster": place.cluster, "duration": place.lifetime or format_duration(USUAL)}


def _suggest(said: Said, folder: Path) -> Mapping[str, str]:
    user = said.get("user", "")
    if not user:
        return {"path": ""}
    file, secret = f"{file_stem(f'user-{user}')}.kubeconfig", f"default/{file_stem(user).lower()}-certificate"
    return {"path": ask.place_way(said).suggest(ask.Usual(folder, file, secret))}


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


def _title_of(wish: CertificateWish) -> str:
    return f"{wish.speaks_for} → {', '.join(one.said for one in wish.destinations)}"


OFFERS: Final = (
    Offer(
        name="new_certificate", title="New client certificate", says="for a person",
        key="u", entry="User", tells="a person's client certificate, signed by the cluster", by="user",
        fields=FIELDS, begin=_begin, suggest=_suggest, make=_make, check=_check, title_of=_title_of,
        path_of=lambda wish: ask.path_of(wish.destinations), merges=lambda wish: ask.merges(wish.destinations),
    ),
)  # fmt: skip
