"""What only looks: it changes nothing, and asks a cluster at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from tui.fleet.handle_looks import record_answer
from tui.fleet.names import short_address
from tui.fleet.objects import where_is
from tui.fleet.query import cluster_of, namespace_of
from tui.fleet.rows import AccountRow, ClusterRow, RequestRow
from tui.issuance import Address, Format, asking as ask
from tui.kube.resource import SECRETS

from . import fitting as fit
from .action import Action, Answer, Needs
from .lines import Asked, Line, always, kubectl

if TYPE_CHECKING:
    from .action import Host


async def _verify(host: Host, address: Address) -> Answer:
    row = host.store.credentials.get(str(address))
    found = await host.engine.verify(address)
    if row is not None:
        record_answer(host.store, row.credential, found)
    said = found.message or ("accepted" if found.ok else "refused")
    who = f" as {found.username}" if found.username and found.username not in said else ""
    by = f" ({found.method})" if found.method else ""
    return Answer(f"{said}{who}{by}", found.hint, ok=found.ok)


def _of_subject(verb: str) -> Callable[[Asked], list[Line]]:
    """`kubemint VERB` of an address, or of an account in its cluster."""

    def lines(asked: Asked) -> list[Line]:
        row = asked.rows[0]
        if isinstance(row, AccountRow):
            who = row.identity
            return [Line(("kubemint", verb, f"{who.namespace}/{who.name}", "--context", who.cluster))]
        return [Line(("kubemint", verb, str(address))) for address in fit.addresses_of(asked.rows)]

    return lines


def _yaml(asked: Asked) -> list[Line]:
    """The object as the cluster has it; nothing in it is masked."""
    cluster, resource, namespace, name = where_is(asked.rows[0])
    return [kubectl(asked, cluster, ("get", "-o", "yaml"), "GET", resource, namespace, name)]


def _details(asked: Asked) -> list[Line]:
    """Everything that is known, of all that is listed beside it."""
    row = asked.rows[0]
    area = {ClusterRow: "clusters", AccountRow: "accounts", RequestRow: "requests"}.get(type(row), "credentials")
    words = ["kubemint", "list", area]
    words += ["--context", cluster_of(row)] if cluster_of(row) else []
    words += ["-n", namespace_of(row)] if namespace_of(row) else []
    return [Line((*words, "-o", "yaml"))]


def _reveal(asked: Asked) -> list[Line]:
    """The material on a terminal, for whoever asks for it by name."""
    credential = fit.credential_of(asked.rows[0])
    if credential is None or (credential.address.here and not credential.address.is_file):
        return []
    if credential.address.is_file:
        path, merged, _ = credential.address.name.partition("#")
        raw = ("kubectl", "config", "view", "--raw", "--kubeconfig", path)
        return [Line(raw if merged else ("cat", credential.address.name))]
    namespace, _, name = credential.kept_in.removeprefix("Secret ").partition("/")
    keys = (credential.format or Format.KUBECONFIG).rules.keys
    shown = f'go-template={{{{index .data "{keys[-1]}" | base64decode}}}}'
    return [kubectl(asked, credential.address.cluster, ("get", "-o", shown), "GET", SECRETS, namespace, name)]


_ADDRESS: Final = replace(ask.ADDRESS, metavar="FILE|ADDRESS")
_ONE: Final[dict[str, Any]] = {"of": fit.address_of, "title_of": lambda address: short_address(str(address))}
VERIFY: Final = Action[Address](
    name="verify", title="Verify", says="ask the cluster whether it is accepted",
    key="v", footer=True, needs=Needs.SOME, fits=fit.VERIFIABLE, run=_verify,
    fields=(_ADDRESS,), verb=("verify",), **_ONE,
)  # fmt: skip
INSPECT: Final = Action[Address](
    name="inspect", title="Inspect", says="what the token or certificate says",
    key="i", footer=True, fits=fit.MATERIAL,
    fields=(replace(_ADDRESS, metavar="FILE|ADDRESS|-"),), verb=("inspect",), **_ONE,
)  # fmt: skip
YAML: Final = Action[Address](
    name="yaml", title="YAML", says="the object as YAML, secrets masked",
    key="y", footer=True, fits=fit.OBJECTS,
    command=_yaml,
)  # fmt: skip
DETAILS: Final = Action[Address](
    name="details", title="Details", says="everything that is known", key="d", footer=True,
    command=_details,
)  # fmt: skip
REVEAL: Final = Action[Address](
    name="reveal", title="Reveal", says="show the material for ten seconds",
    key="x", rests=True, fits=fit.MATERIAL,
    command=_reveal,
)  # fmt: skip
SNIPPET: Final = Action[Address](
    name="snippet", title="Pod snippet", says="how a pod uses a Secret of type tokenFile",
    fits=fit.TOKEN_FILE,
    fields=(ask.ADDRESS,), verb=("snippet",), **_ONE,
)  # fmt: skip
LINEAGE: Final = Action[Address](
    name="lineage", title="Lineage", says="where it comes from, and who uses it",
    key="l", fits=fit.LINEAGE,
    command=_of_subject("lineage"),
)  # fmt: skip
POWERS: Final = Action[Address](
    name="powers", title="What can it do", says="its rights, the most dangerous first",
    key="w", label="what it can do", words=("can", "powers"), fits=fit.POWERS,
    command=_of_subject("can"),
)  # fmt: skip
WHO: Final = Action[Address](
    name="who", title="Who could become it", says="who mints its tokens, acts as it, reads its Secrets, runs as it",
    key="W", label="who could become it", words=("who", "becoming"), fits=fit.POWERS,
    command=_of_subject("who"),
)  # fmt: skip
FINDINGS: Final = Action[Address](
    name="findings", title="Findings", says="what is wrong with credentials, and what to do",
    key="f", words=("findings", "hygiene"), needs=Needs.NOTHING,
    command=always("kubemint", "hygiene"),
)  # fmt: skip
CALENDAR: Final = Action[Address](
    name="calendar", title="Calendar", says="what ends on which of the next 30 days, per cluster",
    key="C", words=("calendar", "days"), needs=Needs.NOTHING,
    command=always("kubemint", "report"),
)  # fmt: skip
INSPECTOR: Final = Action[Address](
    name="inspector", title="Inspect something else", says="paste or name a token, certificate, kubeconfig, Secret",
    key="p", label="inspect something else", words=("inspector", "paste"), needs=Needs.NOTHING,
    command=always("kubemint", "inspect", "-"),
)  # fmt: skip
