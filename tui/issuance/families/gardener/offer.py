"""What can be asked for: a kubeconfig of a shoot, with a certificate or without a secret."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.issuance.errors import UsageError
from tui.issuance.families import asking as ask
from tui.issuance.families.offer import Known, Offer, Place, Sheet
from tui.issuance.model.apart import ApartFacts
from tui.issuance.model.fields import Choice, Control, Fault, Field, Said, Values
from tui.issuance.model.types import AccessLevel, ShootAccess, ShootWish
from tui.kube.paths import file_stem, short_path, whole_path

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.issuance.tokens.plain import PlainWish

CERTIFICATE: Final = "certificate"
EXEC: Final = "exec"
OIDC: Final = "oidc"
"""How a kubeconfig lets in; the last two are `Way`s of one without a secret, whose module a start does not need."""
_SUFFIX: Final = {CERTIFICATE: "", EXEC: "-exec", OIDC: "-oidc"}
_NOTES: Final = {
    CERTIFICATE: "The garden may grant less time than requested.\nIt cannot be revoked; it expires.",
    EXEC: "kubectl runs kubemint exec-credential each time; the certificate stays in its cache.",
    OIDC: "Settings of the shoot, else of the preset for it; kubectl needs the plugin oidc-login.",
}


def _shoot(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UsageError(f"{text!r} does not name a shoot", "say NAMESPACE/NAME")
    return namespace, name


def _lifetime(text: str) -> timedelta | None:
    from .shoot_kubeconfig import check_duration

    duration = ask.a_duration(text)
    check_duration(duration)
    return duration


FIELDS: Final = (
    replace(ask.CLUSTER, label="", missing=""),
    Field(
        id="shoot", label="Shoot", flags=("--shoot",), metavar="NS/NAME", rank=1, control=Control.CHOICE,
        read=_shoot, missing="choose one", free=True,
        help="A kubeconfig for this Gardener shoot; --context names the garden.",
    ),
    Field(
        id="kind", label="Authentication", control=Control.CHOICE, default=CERTIFICATE,
        choices=[
            Choice(CERTIFICATE, "client certificate, expires on its own"),
            Choice(EXEC, "no secret: kubemint gets one when it is used", "--exec",
                   "No secret in it: kubectl runs kubemint when it is used."),
            Choice(OIDC, "a login at the identity provider (OIDC)", "--oidc",
                   "Of --shoot: log in with its identity provider (kubelogin)."),
        ],
    ),
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
    ask.OUT,
    ask.REPLACE,
    ask.FORCE,
)  # fmt: skip


def _begin(place: Place) -> Said:
    chosen, known = place.chosen, _all(place.known)
    shoot = chosen.credential.shoot if chosen.credential is not None else None
    host, name = (shoot.garden, f"{shoot.namespace}/{shoot.name}") if shoot is not None else ("", "")
    one = chosen.apart or (known[0] if not name and len(known) == 1 else None)
    host, name = (one.host, one.place) if one is not None else (host, name)
    return {"cluster": host, "shoot": name, "duration": "1h", "kubeconfigs": tuple(place.known.kubeconfigs)}


def _suggest(said: Said, folder: Path) -> Mapping[str, str]:
    if not said.get("shoot"):
        return {"path": ""}
    stem = said["shoot"].replace("/", "--") + _SUFFIX[said.get("kind", CERTIFICATE)]
    return {"path": str(folder / f"{file_stem(stem)}.kubeconfig")}


def _make(values: Values) -> ShootWish | PlainWish:
    kind, path, duration = values["kind"], str(whole_path(values["path"])), values["duration"]
    namespace, name = values["shoot"]
    access = ShootAccess(values["cluster"], namespace, name, values["level"])
    if kind == CERTIFICATE:
        return ShootWish(shoot=access, path=path, duration=duration, address=values["address"])
    from tui.issuance.tokens.plain import PlainShootWish, Way

    return PlainShootWish(
        path=path, way=Way(kind), shoot=access, duration=duration, kubeconfigs=tuple(values.get("kubeconfigs", ()))
    )


def _check(said: Said, values: Values) -> Iterable[Fault]:
    kind = said.get("kind", CERTIFICATE)
    if kind != CERTIFICATE and said.get("address"):
        yield Fault("address", "every address is a context of its own in a kubeconfig without a certificate")
    if kind == OIDC and (said.get("level", "auto") != "auto" or said.get("duration")):
        yield Fault("kind", "takes no {level} and no {duration}: the identity provider decides")


def _title_of(wish: ShootWish | PlainWish) -> str:
    assert wish.shoot is not None
    return f"{wish.shoot.namespace}/{wish.shoot.name} → {short_path(wish.path)}"


def _all(known: Known) -> list[ApartFacts]:
    from .apart import SHOOT  # as the dashboard has it, which alone knows any

    found = [one for one in known.apart if one.sort is SHOOT]
    return sorted(found, key=lambda one: (one.namespace, one.name))


def _sheet(place: Place) -> Sheet:
    shoots = _all(place.known)
    gardens = {one.host for one in shoots}

    def chosen(said: Said) -> ApartFacts | None:
        return next((one for one in shoots if (one.host, one.place) == (said["cluster"], said["shoot"])), None)

    def choices(said: Said) -> Sequence[Choice]:
        return [
            Choice(
                one.cluster, one.place + (f"  ({one.host})" if len(gardens) > 1 else ""),
                means={"cluster": one.host, "shoot": one.place},
            )
            for one in shoots
        ]  # fmt: skip

    def hides(said: Said) -> Collection[str]:
        return ("level", "duration") if said["kind"] == OIDC else ()

    def faults(said: Said) -> Iterable[Fault]:
        if (shoot := chosen(said)) is not None and not shoot.ways:
            yield Fault("shoot", f"it {shoot.closed}")

    def warns(said: Said) -> Iterable[str]:
        if (shoot := chosen(said)) is not None and shoot.about.hibernation != "Awake":
            yield f"it is {shoot.about.hibernation.lower()}: a kubeconfig cannot connect until it is awake"

    return Sheet(
        choices={"shoot": choices}, hides=hides, faults=faults, warns=warns, note=lambda said: _NOTES[said["kind"]],
        starts=lambda said: "duration" if chosen(said) is not None else "shoot", foresees=False,
    )  # fmt: skip


OFFERS: Final = (
    Offer["ShootWish | PlainWish"](
        name="new_shoot", title="New shoot kubeconfig", says="for a Gardener shoot", words=("shoot",), rank=4,
        key="g", entry="Shoot kubeconfig", tells="for Gardener: a certificate, a login, or no secret at all",
        by="shoot", alone="which is not for an account",
        fields=FIELDS, begin=_begin, sheet=_sheet, suggest=_suggest, make=_make, check=_check,
        title_of=_title_of, path_of=lambda wish: wish.path,
    ),
)  # fmt: skip
