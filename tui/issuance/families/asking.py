"""Fields that several actions have in common, and how what is said in them is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.durations import parse_duration
from tui.issuance.model.fields import Choice, Control, Fault, Field, Said, Values, Way, checked
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.names import check_names, check_namespace
from tui.issuance.model.types import Address, Destination, FileDestination, SecretDestination
from tui.kube.home import NoHome, expanded
from tui.kube.paths import is_folder, short_path, whole_path


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


def pair(text: str, what: str) -> tuple[str, str]:
    """`namespace/name`. Raises UsageError."""
    namespace, slash, name = text.partition("/")
    if not (slash and namespace and name) or "/" in name:
        raise UsageError("write namespace/name")
    check_names(namespace, name, what)
    return namespace, name


def a_pair(what: str) -> Callable[[str], tuple[str, str]]:
    """`namespace/name` of something."""
    return lambda text: pair(text, what)


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


def a_file(text: str) -> str:
    """The whole path of a file that may be written. Raises UsageError."""
    if text == "-":
        raise UsageError("a credential is never written to the terminal", "name a file")
    try:
        expanded(text)
    except NoHome:
        raise UsageError("there is no such home folder") from None
    if is_folder(text):
        raise UsageError("this is a folder, name a file in it")
    return str(whole_path(text))


def an_address(text: str) -> Address:
    """An address as people type it: `KIND:CLUSTER/NAMESPACE/NAME`, `file:PATH`, or simply the path of a file."""
    try:
        address = Address.parse(text)
    except ValueError as error:
        path = expanded(text)
        if path.is_file():
            return Address.file(str(path.absolute()))
        message, _, hint = str(error).partition("; ")
        if ("/" in text or "." in text) and text.partition(":")[0] not in set(CredentialKind):
            message = f"there is no file {text}, and it is no address"
        raise UsageError(message, f"{hint}; `kubemint list credentials -o name` shows them") from None
    if address.here:
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
    missing="say which", help="The service account's namespace.",
)  # fmt: skip
DURATION: Final = Field(
    id="duration", label="Lifetime", flags=("--duration",), metavar="DURATION", read=a_lifetime,
    hint="1h, 90m, 24h", help="The lifetime to request, such as 1h30m; the server may cap it.",
)  # fmt: skip
AUDIENCES: Final = Field(
    id="audiences", label="Audiences", flags=("--audience",), metavar="A", many=True, hint="comma-separated",
    placeholder="the API server's own", help="Its audience; default: the API server.",
)  # fmt: skip
CREATE: Final = Field(
    id="create", label="create it if it does not exist", flags=("--create",), control=Control.TICK, default=False,
    help="Create the service account where there is none.",
)  # fmt: skip
FORCE: Final = Field(
    id="force", flags=("--force",), control=Control.TICK, default=False, word=True,
    help="Replace a file that kubemint did not write; what was there is kept beside it.",
)  # fmt: skip
REPLACE: Final = Field(
    id="replace", flags=("--replace",), control=Control.TICK, default=False, word=True,
    help="Issue another one even if a valid one of kubemint's is there, which is then revoked; rotate renews it.",
)  # fmt: skip
OUT: Final = Way("a file of its own", "--out", "PATH", "Path", "Write it to this file (0600).")
MERGE: Final = Way(
    "an existing kubeconfig", "--merge", "KUBECONFIG", "Path",
    "Add it to this kubeconfig and leave the rest of it as it is.",
)  # fmt: skip


def format_field(flag: str, **more: Any) -> Field:
    """How the credential is written down."""
    return Field(
        id="format", label="Format", flags=(flag,), control=Control.CHOICE, read=lambda text: text and Format(text),
        choices=[Choice(form.value) for form in Format if form.rules.chosen], **more,
    )  # fmt: skip


def place_fields(label: str, secret: Way) -> tuple[Field, Field]:
    """Where it is kept: which way, and the path or the Secret there."""
    ways = (OUT, MERGE, secret)
    return (
        Field(
            id="kept", label=label, control=Control.CHOICE, choices=[Choice(way.name) for way in ways], default=OUT.name
        ),
        Field(id="path", label="Path", ways=ways, by="kept", missing="name a destination"),
    )  # fmt: skip


def place_faults(said: Said, form: Format | None) -> list[Fault]:
    """What is wrong with the place that was chosen, for this format (None: whatever it is)."""
    kept, text = said.get("kept", OUT.name), said.get("path", "")
    if kept == MERGE.name and form is not None and not form.rules.merges:
        return [Fault("format", "only a kubeconfig can go into a kubeconfig")]
    if not text:
        return []
    read: Callable[[str], object] = a_file if kept in (OUT.name, MERGE.name) else a_pair("Secret")
    return checked("path", lambda: read(text))


def place_of(values: Values, cluster: str) -> Destination:
    """The place that was chosen; a Secret is in `cluster`."""
    kept, text = values["kept"], values["path"]
    if kept in (OUT.name, MERGE.name):
        return FileDestination(str(whole_path(text)), merge=kept == MERGE.name)
    namespace, _, name = text.partition("/")
    return SecretDestination(cluster, namespace, name)


def place_said(destination: Destination) -> str:
    """A destination, as short as it can be said."""
    if isinstance(destination, FileDestination):
        return short_path(destination.path)
    return f"Secret {destination.namespace}/{destination.name}"
