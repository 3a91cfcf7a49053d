"""Fields that several actions have in common, and how what is said in them is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from os.path import isfile
from typing import Any, Final

import msgspec

from tui.issuance.destinations import registry
from tui.issuance.destinations.in_file import a_file as a_file
from tui.issuance.destinations.in_secret import a_pair as a_pair, pair as pair
from tui.issuance.destinations.place import PlaceWay, Usual as Usual
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import parse_duration
from tui.issuance.model.fields import Choice, Control, Fault, Field, Said, Values, checked
from tui.issuance.model.names import check_names, check_namespace
from tui.issuance.model.types import Address, Destination
from tui.kube.home import expanded


def a_namespace(text: str) -> str:
    """Raises UsageError."""
    check_namespace(text)
    return text


def a_name(what: str) -> Callable[[str], str]:
    """The name of something that Kubernetes keeps. Raises UsageError."""

    def read(text: str) -> str:
        check_names("default", text, what)
        return text

    return read


def a_duration(text: str) -> timedelta | None:
    """None where nothing is said. Raises UsageError."""
    return parse_duration(text) if text else None


def a_span(text: str) -> timedelta:
    """One that has to be said. Raises UsageError."""
    return parse_duration(text)


def a_lifetime(text: str) -> timedelta | None:
    """One that a token can be asked for. Raises UsageError."""
    from tui.issuance.objects.token_request import check_wish as check_token_wish

    duration = a_duration(text)
    check_token_wish(duration, ())
    return duration


def an_address(text: str) -> Address:
    """An address as people type it: `KIND:CLUSTER/NAMESPACE/NAME`, `file:PATH`, or simply the path of a file."""
    try:
        address = Address.parse(text)
    except ValueError as error:
        path = expanded(text)
        if isfile(path):  # noqa: PTH113 - False also where the name is too long for a file
            return Address.file(str(path.absolute()))
        hint = str(error).partition("; ")[2]
        said = text if text.isprintable() and text.strip() else repr(text)
        raise UsageError(
            f"{said} is neither a file nor an address", f"{hint}; `kubemint list credentials -o name` shows them"
        ) from None
    if address.is_file:
        return Address.file(str(expanded(address.name).absolute()))
    return address


CLUSTER: Final = Field(
    id="cluster",
    label="Cluster",
    flags=("--context",),
    metavar="C",
    control=Control.CLUSTER,
    missing="choose one",
    rank=2,
)
ADDRESS: Final = Field(id="address", metavar="ADDRESS", read=an_address, missing="say which")
ADDRESSES: Final = Field(id="addresses", metavar="ADDRESS", many=True)
NAMESPACE: Final = Field(
    id="namespace", label="Namespace", flags=("-n", "--namespace"), metavar="NS", read=a_namespace, rank=1,
    missing="say which", help="The service account's namespace.", names="namespaces",
)  # fmt: skip
ACCOUNT: Final = Field(
    id="account", label="Account", metavar="NAME", placeholder="name", read=a_name("service account"),
    missing="the name of a service account", names="serviceaccounts",
)  # fmt: skip
OUT: Final = Field(
    id="path", label="Path", flags=("--out",), metavar="PATH", read=a_file, missing="name a destination",
)  # fmt: skip
DURATION: Final = Field(
    id="duration", label="Lifetime", flags=("--duration",), metavar="DURATION", read=a_lifetime,
    hint="1h, 90m, 30d", help="The lifetime to request, such as 1h30m or 30d; the server may cap it.",
)  # fmt: skip
AUDIENCES: Final = Field(
    id="audiences", label="Audiences", flags=("--audience",), metavar="A", many=True, hint="comma-separated",
    placeholder="the API server's own", help="Its audience; default: the API server.",
)  # fmt: skip
CREATE: Final = Field(
    id="create", label="Create the account if missing", flags=("--create",), control=Control.TICK, default=False,
    help="Create the service account if missing.",
)  # fmt: skip
FORCE: Final = Field(
    id="force", flags=("--force",), control=Control.TICK, default=False, word=True,
    help="Replace a file that kubemint did not write; what was there is kept beside it.",
)  # fmt: skip
REPLACE: Final = Field(
    id="replace", flags=("--replace",), control=Control.TICK, default=False, word=True,
    help="Issue another one even if a valid one of kubemint's is there, which is then revoked; rotate renews it.",
)  # fmt: skip


def format_field(flag: str, **more: Any) -> Field:
    """How the credential is written down."""
    return Field(
        id="format", label="Format", flags=(flag,), control=Control.CHOICE, read=lambda text: text and Format(text),
        choices=[Choice(form.value) for form in Format if form.rules.chosen], **more,
    )  # fmt: skip


_NEW: Final = {"cluster": "the cluster", "whose": "the same cluster"}
_COPY: Final = {"cluster": "a cluster", "whose": "its own cluster, or of --context"}


def place_fields(label: str, *, copy: bool = False) -> tuple[Field, Field]:
    """Where it is kept: which way, and the path or the name there. A `copy` may be in another cluster."""
    ways = tuple(_worded(way, _COPY if copy else _NEW) for way in registry.ways())
    names = [way.name for way in ways]
    return (
        Field(id="kept", label=label, control=Control.CHOICE, choices=[*map(Choice, names)], default=names[0]),
        Field(id="path", label="Path", ways=ways, by="kept", missing="name a destination"),
    )


def _worded(way: PlaceWay, words: dict[str, str]) -> PlaceWay:
    return msgspec.structs.replace(way, name=way.name.format(**words), help=way.help.format(**words))


def place_way(said: Said) -> PlaceWay:
    """The way that was chosen; the usual one where none was."""
    usual, *others = registry.ways()
    kept = said.get("kept")
    return next((way for way in others for words in (_NEW, _COPY) if _worded(way, words).name == kept), usual)


def place_faults(said: Said, form: Format | None) -> list[Fault]:
    """What is wrong with the place that was chosen, for this format (None: whatever it is)."""
    way, text = place_way(said), said.get("path", "")
    if way.merges and form is not None and not form.rules.merges:
        return [Fault("format", "only a kubeconfig can go into a kubeconfig")]
    return checked("path", lambda: way.read(text)) if text else []


def place_of(values: Values, cluster: str) -> Destination:
    """The place that was chosen; what is in a cluster is in this one."""
    return place_way(values).make(values["path"], cluster)


def path_of(destinations: Iterable[Destination]) -> str:
    """The first file among these, empty where there is none."""
    return next((one.path for one in destinations if one.path), "")


def merges(destinations: Iterable[Destination]) -> bool:
    """Whether any of these is put beside what others keep there."""
    return any(one.merge for one in destinations)
