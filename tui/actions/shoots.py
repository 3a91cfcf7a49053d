"""Gardener's shoots: a kubeconfig for one, with a certificate or without a secret, and entering one."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.fleet.rows import ClusterRow, Row
from tui.issuance import (
    AccessLevel,
    Choice,
    Control,
    Fault,
    Field,
    Identity,
    Said,
    ShootAccess,
    ShootWish,
    UsageError,
    Values,
    asking as ask,
)
from tui.kube.paths import file_stem, short_path, whole_path

from . import fitting as fit
from .action import Action, Menu, Needs
from .issuing import NEW_CREDENTIAL
from .lines import Asked

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.issuance import Engine, PlainWish, Plan

CERTIFICATE: Final = "certificate"
EXEC: Final = "exec"
OIDC: Final = "oidc"
"""How a kubeconfig lets in; the last two are `Way`s of one without a secret, whose module a start does not need."""
SUFFIX: Final = {CERTIFICATE: "", EXEC: "-exec", OIDC: "-oidc"}


def _shoot(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UsageError(f"{text!r} does not name a shoot", "say NAMESPACE/NAME")
    return namespace, name


def _lifetime(text: str) -> timedelta | None:
    from tui.issuance import check_shoot_duration

    duration = ask.a_duration(text)
    check_shoot_duration(duration)
    return duration


def suggested(said: Said, folder: Path) -> Mapping[str, str]:
    """Where it goes by default."""
    if not said.get("shoot"):
        return {"path": ""}
    stem = said["shoot"].replace("/", "--") + SUFFIX[said.get("kind", CERTIFICATE)]
    return {"path": str(folder / f"{file_stem(stem)}.kubeconfig")}


def _begin(asked: Asked, row: Row | None) -> Said:
    credential = fit.credential_of(row)
    shoot = credential.shoot if credential is not None else None
    garden, name = (shoot.garden, f"{shoot.namespace}/{shoot.name}") if shoot is not None else ("", "")
    if isinstance(row, ClusterRow) and row.apart is not None:
        garden, name = row.apart.host, row.apart.place
    said = {"cluster": garden, "shoot": name, "duration": "1h"}
    return {**said, **suggested(said, asked.folder)}


def _make(values: Values) -> ShootWish | PlainWish:
    kind, path, duration = values["kind"], str(whole_path(values["path"])), values["duration"]
    namespace, name = values["shoot"]
    access = ShootAccess(values["cluster"], namespace, name, values["level"])
    if kind == CERTIFICATE:
        return ShootWish(shoot=access, path=path, duration=duration, address=values["address"])
    from tui.issuance import PlainShootWish, PlainWay

    return PlainShootWish(
        path=path, way=PlainWay(kind), shoot=access, duration=duration, kubeconfigs=tuple(values.get("kubeconfigs", ()))
    )


def _check(said: Said, values: Values) -> Iterable[Fault]:
    kind = said.get("kind", CERTIFICATE)
    if kind != CERTIFICATE and said.get("address"):
        yield Fault("address", "every address is a context of its own in a kubeconfig without a certificate")
    if kind == OIDC and (said.get("level", "auto") != "auto" or said.get("duration")):
        yield Fault("kind", "takes no {level} and no {duration}: the identity provider decides")


def _plan(engine: Engine, wish: ShootWish | PlainWish, **words: bool) -> Awaitable[Plan]:
    if not isinstance(wish, ShootWish):
        words.pop("replace", None)  # nothing in it lives
    return engine.plan(wish, **words)


def _title_of(wish: ShootWish | PlainWish) -> str:
    assert wish.shoot is not None
    return f"{wish.shoot.namespace}/{wish.shoot.name} → {short_path(wish.path)}"


_KIND: Final = Field(
    id="kind", label="Authentication", control=Control.CHOICE, default=CERTIFICATE,
    choices=[
        Choice(CERTIFICATE, "client certificate, expires on its own"),
        Choice(EXEC, "no secret: kubemint gets one when it is used", "--exec",
               "No secret in it: kubectl runs kubemint when it is used."),
        Choice(OIDC, "a login at the identity provider (OIDC)", "--oidc",
               "Of --shoot: log in with its identity provider (kubelogin)."),
    ],
)  # fmt: skip
_PATH: Final = Field(
    id="path", label="Path", flags=("--out",), metavar="PATH", read=ask.a_file, missing="name a destination",
)  # fmt: skip
NEW_SHOOT: Final = Action["ShootWish | PlainWish"](
    name="new_shoot", title="New shoot kubeconfig", says="for a Gardener shoot",
    menu=Menu(4, "g", "Shoot kubeconfig", "for Gardener: a certificate, a login, or no secret at all"),
    words=("shoot",), needs=Needs.NOTHING, mutates=True, job="issue", verb=("issue",),
    fields=(
        replace(ask.CLUSTER, label="", missing=""),
        Field(
            id="shoot", label="Shoot", flags=("--shoot",), metavar="NS/NAME", rank=1, control=Control.CHOICE,
            read=_shoot, missing="choose one", free=True,
            help="A kubeconfig for this Gardener shoot; --context names the garden.",
        ),
        _KIND,
        Field(
            id="level", label="Level", flags=("--level",), control=Control.CHOICE, default="auto", read=AccessLevel,
            choices=[
                Choice("auto", "auto: admin, or viewer where that is forbidden"),
                Choice("admin", "admin: everything"),
                Choice("viewer", "viewer: reads all but Secrets, mints nothing"),
            ],
            help="Of --shoot: the access level.",
        ),
        Field(
            id="address", flags=("--address",), metavar="NAME",
            help="Of --shoot: external, internal, …; default: the first that answers.",
        ),
        replace(ask.DURATION, hint="10m to 24h", read=_lifetime),
        _PATH,
        ask.REPLACE,
        ask.FORCE,
    ),
    begin=_begin, suggest=suggested, make=_make, check=_check, plan=_plan, title_of=_title_of,
    path_of=lambda wish: wish.path,
)  # fmt: skip


def _plain(values: Values) -> PlainWish:
    from tui.issuance import PlainWish

    who = Identity(values["cluster"], values["namespace"], values["account"])
    return PlainWish(
        path=values["path"], identity=who, duration=values["duration"], audiences=values["audiences"],
        kubeconfigs=tuple(values["kubeconfigs"]),
    )  # fmt: skip


_SHARED: Final = ("cluster", "namespace", "account", "duration", "audiences", "force")
PLAIN: Final = Action["PlainWish"](
    name="plain", title="Kubeconfig without a secret", says="kubemint itself answers whoever uses it", verb=("issue",),
    fields=(*(field for field in NEW_CREDENTIAL.fields if field.id in _SHARED), _KIND, _PATH),
    make=_plain,
)  # fmt: skip
