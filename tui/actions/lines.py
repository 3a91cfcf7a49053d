"""What does the same as a key, outside of the dashboard: a command line word by word, or a request to an API server.

kubemint's own verbs come first; where there is none it is kubectl, and for a cluster that no context leads to the
request itself. Nobody is asked: everything is worked out from rows. Whoever shows a command quotes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tui.fleet.objects import where_is
from tui.fleet.query import cluster_of, identity_of, namespace_of
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, RequestKind, RequestRow, Row
from tui.issuance.dpf import DPU_REQUESTS
from tui.issuance.formats import Format
from tui.issuance.gardener import SHOOTS
from tui.issuance.types import Credential, Destination, FileDestination
from tui.kube import shell
from tui.kube.resource import SECRETS, Resource

from .fitting import address_of
from .paths import file_stem


@dataclass(frozen=True, slots=True)
class Line:
    """One way to do it: the words of a command, or METHOD and path of a request to `cluster`."""

    words: tuple[str, ...] = ()
    request: str = ""
    cluster: str = ""

    def text(self, options: Sequence[str] = ()) -> str:
        """As it is typed; `options` say which kubeconfig is meant."""
        return shell.command(*self.words, *options) if self.words else self.request


@dataclass(frozen=True, slots=True)
class Asked:
    """What is chosen, and what else a command depends on."""

    rows: Sequence[Row]
    folder: Path
    """Where files go unless somebody says otherwise."""
    contexts: Collection[str]
    """The clusters that kubectl knows by this name."""
    now: datetime
    clusters: Sequence[str] = ()
    """Those that something can be made in, the one at hand first."""
    lifetime: str = "1h"
    """How long a new credential lives unless somebody says otherwise."""

    @property
    def row(self) -> Row | None:
        """The only one that is chosen."""
        return self.rows[0] if len(self.rows) == 1 else None


Command = Callable[[Asked], list[Line]]


def default_path(folder: Path, row: CredentialRow | RequestRow) -> Path:
    """Where an export puts this row unless somebody says otherwise."""
    credential = row.credential
    form = credential.format if credential and credential.format else Format.KUBECONFIG
    stem = f"{row.cluster or 'local'}-{row.namespace}-{Path(row.name).name}"
    return folder / f"{file_stem(stem)}.{form.rules.suffix}"


def export_words(credential: Credential, destination: Destination, form: Format) -> list[str]:
    """`kubemint export …` for a copy of this credential."""
    words = ["kubemint", "export", str(credential.address)]
    merged = isinstance(destination, FileDestination) and destination.merge
    if isinstance(destination, FileDestination):
        words += ["--merge" if merged else "--out", destination.path]
    else:
        words += ["--secret", f"{destination.namespace}/{destination.name}"]
        own = credential.identity.cluster if credential.identity is not None else credential.address.cluster
        words += ["--context", destination.cluster] if destination.cluster != own else []
    implied = Format.KUBECONFIG if merged else credential.format
    return words + (["--format", form.value] if form is not implied else [])


def together(*verb: str, after: Sequence[str] = ()) -> Command:
    """One `kubemint VERB ADDRESS…` for all that is chosen."""

    def lines(asked: Asked) -> list[Line]:
        addresses = [str(address) for row in asked.rows if (address := address_of(row)) is not None]
        return [Line(("kubemint", *verb, *addresses, *after))] if addresses else []

    return lines


def each(*verb: str) -> Command:
    """One `kubemint VERB ADDRESS` for each that is chosen."""

    def lines(asked: Asked) -> list[Line]:
        addresses = [address for row in asked.rows if (address := address_of(row)) is not None]
        return [Line(("kubemint", *verb, str(address))) for address in addresses]

    return lines


def always(*words: str) -> Command:
    """The same whatever is chosen."""
    return lambda asked: [Line(words)]


def by_form(asked: Asked) -> list[Line]:
    """What it depends on is asked by a form, which shows its command itself."""
    return []


def export(asked: Asked) -> list[Line]:
    """Each to a file of its own."""
    lines = []
    for row in asked.rows:
        if isinstance(row, CredentialRow | RequestRow) and row.credential is not None:
            credential = row.credential
            place = FileDestination(str(default_path(asked.folder, row)))
            lines.append(Line(tuple(export_words(credential, place, credential.format or Format.KUBECONFIG))))
    return lines


def of_subject(verb: str) -> Command:
    """`kubemint VERB` of an address, or of an account in its cluster."""

    def lines(asked: Asked) -> list[Line]:
        row = asked.rows[0]
        if isinstance(row, AccountRow):
            who = row.identity
            return [Line(("kubemint", verb, f"{who.namespace}/{who.name}", "--context", who.cluster))]
        return each(verb)(asked)

    return lines


def yaml(asked: Asked) -> list[Line]:
    """The object as the cluster has it; nothing in it is masked."""
    cluster, resource, namespace, name = where_is(asked.rows[0])
    return [kubectl(asked, cluster, ("get", "-o", "yaml"), "GET", resource, namespace, name)]


def details(asked: Asked) -> list[Line]:
    """Everything that is known, of all that is listed beside it."""
    row = asked.rows[0]
    area = {ClusterRow: "clusters", AccountRow: "accounts", RequestRow: "requests"}.get(type(row), "credentials")
    words = ["kubemint", "list", area]
    words += ["--context", cluster_of(row)] if cluster_of(row) else []
    words += ["-n", namespace_of(row)] if namespace_of(row) else []
    return [Line((*words, "-o", "yaml"))]


def reveal(asked: Asked) -> list[Line]:
    """The material on a terminal, for whoever asks for it by name."""
    row = asked.rows[0]
    credential = row.credential if isinstance(row, CredentialRow | RequestRow) else None
    if credential is None:
        return []
    if credential.address.here:
        path, merged, _ = credential.address.name.partition("#")
        raw = ("kubectl", "config", "view", "--raw", "--kubeconfig", path)
        return [Line(raw if merged else ("cat", credential.address.name))]
    namespace, _, name = credential.kept_in.removeprefix("Secret ").partition("/")
    keys = (credential.format or Format.KUBECONFIG).rules.keys
    shown = f'go-template={{{{index .data "{keys[-1]}" | base64decode}}}}'
    return [kubectl(asked, credential.address.cluster, ("get", "-o", shown), "GET", SECRETS, namespace, name)]


def keep(*more: str) -> Command:
    """`kubemint reconcile` of each request."""

    def lines(asked: Asked) -> list[Line]:
        found = [address_of(row) for row in asked.rows]
        return [
            Line(("kubemint", "reconcile", one.name, "-n", one.namespace, "--context", one.cluster, *more))
            for one in found
            if one is not None
        ]

    return lines


def delete_request(asked: Asked) -> list[Line]:
    """The request goes first; then whatever was made for it, where DPF's controller does not see to that."""
    found = []
    for address in (address for row in asked.rows if (address := address_of(row)) is not None):
        where = (DPU_REQUESTS, address.namespace, address.name)
        found.append(kubectl(asked, address.cluster, ("delete", "--wait=false"), "DELETE", *where))
    return found + keep()(asked)


def new_identity(asked: Asked) -> list[Line]:
    """For the account that is chosen, as the form begins."""
    who = asked.rows[0].identity if len(asked.rows) == 1 and isinstance(asked.rows[0], AccountRow) else None
    if who is None:
        return []
    words = ("kubemint", "identity", "create", who.name, "-n", who.namespace, "--context", who.cluster)
    return [Line((*words, "--out", str(asked.folder)))]


def mint(asked: Asked) -> list[Line]:
    """With the long-lived token that is chosen."""
    row = asked.rows[0]
    address, who = address_of(row), identity_of(row)
    if address is None or who is None:
        return []
    path = asked.folder / f"{file_stem(f'{who.namespace}-{who.name}')}-short.token"
    source = str(address).removeprefix("file:")
    return [Line(("kubemint", "identity", "token", source, "--out", str(path)))]


def new_request(asked: Asked) -> list[Line]:
    """Where the form would make one; its YAML is in the form."""
    row = asked.rows[0] if len(asked.rows) == 1 else None
    if not isinstance(row, RequestRow) or row.kind is not RequestKind.DPU:
        return []
    return [Line(request=f"POST {DPU_REQUESTS.path(row.namespace)}", cluster=row.cluster)]


def new_shoot(asked: Asked) -> list[Line]:
    """For the shoot that is chosen, as the form begins."""
    row = asked.rows[0] if len(asked.rows) == 1 else None
    if not isinstance(row, ClusterRow) or row.shoot is None:
        return []
    shoot = row.shoot
    path = asked.folder / f"{file_stem(f'{shoot.namespace}--{shoot.name}')}.kubeconfig"
    name = f"{shoot.namespace}/{shoot.name}"
    return [Line(("kubemint", "issue", "--shoot", name, "--context", shoot.garden, "--out", str(path)))]


def connect(asked: Asked) -> list[Line]:
    """What is asked of the garden; the certificate stays in memory."""
    row = asked.rows[0]
    if not isinstance(row, ClusterRow) or row.shoot is None:
        return []
    path = SHOOTS.path(row.shoot.namespace, row.shoot.name, "viewerkubeconfig")
    return [Line(request=f"POST {path}", cluster=row.shoot.garden)]


def trust(asked: Asked) -> list[Line]:
    """The same question, on a terminal."""
    return [Line(("kubemint", "trust", cluster_of(asked.rows[0])))]


def reconnect(asked: Asked) -> list[Line]:
    """The first thing that a connection asks."""
    name = cluster_of(asked.rows[0])
    if name not in asked.contexts:
        return [Line(request="GET /version", cluster=name)]
    return [Line(("kubectl", "get", "--raw", "/version", "--context", name))]


def kubectl(
    asked: Asked,
    cluster: str,
    how: tuple[str, ...],
    method: str,
    resource: Resource,
    namespace: str,
    name: str,
    *more: str,
) -> Line:
    """kubectl where a context leads to the cluster, else the request."""
    if cluster not in asked.contexts:
        return Line(request=f"{method} {resource.path(namespace or None, name)}", cluster=cluster)
    verb, *options = how
    where = ("-n", namespace) if namespace else ()
    return Line(("kubectl", verb, resource.name, name, *more, *where, "--context", cluster, *options))
