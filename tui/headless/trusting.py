"""`kubemint trust`: say yes to entering a cluster that another one delivers, once and for exactly what is shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tui.actions.clusters import TRUST
from tui.fleet.moments import rfc3339
from tui.issuance import ClusterEntry, DeliveredBy, EntryVerdict, IssuanceError, Untrusted, UsageError, Yes
from tui.kube import shell
from tui.kube.addresses import same_place

from . import printing
from .doing import options_of
from .exits import Ended, Exit
from .options import Options, shared_options
from .output import API_VERSION, Column, output_option, print_list, print_object, print_table
from .printing import say
from .session import Setting, refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from tui.issuance import Delivered


class _Line(NamedTuple):
    field: str
    value: str


@click.command("trust")
@options_of(TRUST, alone=False)
@click.option("--yes", is_flag=True, help="Confirm without being asked, where there is no terminal.")
@click.option("--list", "listed", is_flag=True, help="List what is confirmed.")
@click.option("--forget", is_flag=True, help="Withdraw the confirmation of CLUSTER.")
@output_option("table", "json", "yaml", default="table")
@shared_options
@click.pass_obj
def trust(
    options: Options, /, cluster: str | None, yes: bool, listed: bool, forget: bool, form: str, **given: Any
) -> None:
    """Confirm entering CLUSTER, a cluster that another one delivers (HOST/NAMESPACE/NAME).

    Whoever may write the Secret with its kubeconfig decides where it leads. It shows server, authority and who delivers
    it, asks on a terminal, and remembers the answer for exactly that; any change is asked about again. Elsewhere it
    needs --yes. `trust` in config.yaml enters what a source delivers without asking.
    """
    options = options.merged(given)
    if listed is (cluster is not None):
        raise click.UsageError("name a cluster, or pass --list" if not listed else "--list takes no cluster")
    if listed and (yes or forget):
        raise click.UsageError("--list only prints")
    if yes and forget:
        raise click.UsageError("--yes and --forget cannot be used together")
    if listed:
        run_async(_list(options, form))
    elif forget:
        refuse_read_only(options, "trust --forget")
        run_async(_forget(options, str(cluster)))
    else:
        run_async(_trust(options, str(cluster), yes=yes, form=form))


async def _trust(options: Options, cluster: str, *, yes: bool, form: str) -> None:
    from tui.issuance import find_delivered

    from .reaching import VerbClusters

    async with setting(options) as place, VerbClusters(place) as clusters:
        host, namespace, name = _split(cluster, clusters.names())
        found = await find_delivered(await clusters.client(host), host, namespace, name)
        verdict = await clusters.gate.verdict(found)
        if form != "table":
            print_object(_record(place, found, verdict), form)
        else:
            print_table((Column("FIELD", _field), Column("VALUE", _value)), _lines(place, found, verdict))
        if verdict.entry is ClusterEntry.REFUSE:
            raise Untrusted(found.delivery, verdict)
        if verdict.entry is ClusterEntry.ENTER:
            say(f"{cluster} is entered without asking")
            return
        if not yes and not sys.stdin.isatty():
            raise UsageError("not confirmed, and there is no terminal to ask on", "pass --yes to confirm")
        refuse_read_only(options, "trust")
        if not yes and not printing.agreed("Enter it from now on?"):
            say("nothing was saved; it is not entered")
            raise Ended(Exit.FAILED)
        with contextlib.closing(place.state()) as state:
            state.trust(Yes(found.delivery.by, found.delivery.place, datetime.now(UTC)))
        back = shell.command("kubemint", "trust", "--forget", cluster)
        say(f"{cluster} is entered from now on; {back} takes that back")


def _split(cluster: str, known: Sequence[str]) -> tuple[str, str, str]:
    parts = cluster.rsplit("/", 2)
    if cluster in known:
        raise UsageError(f"{cluster} is one of your own contexts", "only what another cluster delivers is asked about")
    if len(parts) != 3 or not all(parts):
        hint = "`kubemint list clusters` shows them"
        raise UsageError(f"{cluster!r} is not a delivered cluster: HOST/NAMESPACE/NAME", hint)
    host, namespace, name = parts
    return host, namespace, name


def _field(line: _Line) -> str:
    return line.field


def _value(line: _Line) -> str:
    return line.value


def _lines(place: Setting, found: Delivered, verdict: EntryVerdict) -> list[_Line]:
    from tui.issuance import authorities

    delivery = found.delivery
    lines = [
        _Line("CLUSTER", delivery.by.cluster),
        _Line("DELIVERED BY", str(delivery.by)),
        _Line("SERVER", delivery.place.server),
    ]
    if delivery.place.server_name:
        lines.append(_Line("SERVER'S NAME", delivery.place.server_name))
    trusted = authorities(found.endpoint.ca)
    for subject, fingerprint in trusted:
        lines.append(_Line("AUTHORITY", f"{subject}  sha256 {fingerprint}" if len(trusted) > 1 else subject))
    if trusted:
        lines.append(_Line("SHA-256", delivery.place.authority))
    else:
        lines.append(_Line("AUTHORITY", "the system's authorities"))
    lines += [_Line("BEWARE", said) for said in delivery.place.oddities]
    lines += [_Line("SAME SERVER AS", f"your context {name}") for name in _contexts_at(place, delivery.place.server)]
    lines += [_Line("CHANGED", text) for text in verdict.why if verdict.entry is ClusterEntry.ASK]
    return lines


def _contexts_at(place: Setting, server: str) -> list[str]:
    """Contexts of one's own that lead to the same address."""
    config = place.config
    entries = {name: config.clusters.get(context.cluster) for name, context in config.contexts.items()}
    return [name for name, entry in entries.items() if entry is not None and same_place(entry.server, server)]


def _record(place: Setting, found: Delivered, verdict: EntryVerdict) -> dict[str, Any]:
    from tui.issuance import authorities

    delivery = found.delivery
    return {
        "apiVersion": API_VERSION,
        "kind": "Delivery",
        "cluster": delivery.by.cluster,
        "deliveredBy": _by(delivery.by),
        "server": delivery.place.server,
        "serverName": delivery.place.server_name or None,
        "authority": delivery.place.authority,
        "unchecked": delivery.place.unchecked,
        "proxy": delivery.place.proxy or None,
        "authorities": [{"subject": subject, "sha256": digest} for subject, digest in authorities(found.endpoint.ca)],
        "sameServerAs": _contexts_at(place, delivery.place.server),
        "decision": verdict.entry.value,
        "why": list(verdict.why),
    }


def _by(by: DeliveredBy) -> dict[str, str]:
    return {"kind": by.kind.value, "cluster": by.host, "namespace": by.namespace, "name": by.name}


async def _list(options: Options, form: str) -> None:
    async with setting(options, needed=False) as place:
        state = place.state_if_any()
        found: list[Yes] = []
        if state is not None:
            with contextlib.closing(state):
                found = state.trusted()
    if form != "table":
        items = [
            {
                "cluster": yes.by.cluster,
                "deliveredBy": _by(yes.by),
                "server": yes.place.server,
                "serverName": yes.place.server_name or None,
                "authority": yes.place.authority,
                "unchecked": yes.place.unchecked,
                "proxy": yes.place.proxy or None,
                "since": rfc3339(yes.at),
            }
            for yes in found
        ]
        print_list("TrustList", items, form)
        return
    columns: list[Column[Yes]] = [
        Column("CLUSTER", lambda yes: yes.by.cluster),
        Column("DELIVERED BY", lambda yes: yes.by.kind.value),
        Column("SERVER", lambda yes: yes.place.server),
        Column("AUTHORITY", lambda yes: yes.place.authority),
        Column("SINCE", lambda yes: rfc3339(yes.at) or ""),
    ]
    print_table(columns, found)
    if not found:
        say("no delivered cluster is confirmed")


async def _forget(options: Options, cluster: str) -> None:
    async with setting(options, needed=False) as place:
        state = place.state_if_any()
        known: list[DeliveredBy] = []
        if state is not None:
            with contextlib.closing(state):
                known = [yes.by for yes in state.trusted() if yes.by.cluster == cluster]
                for by in known:
                    state.forget_trust(by)
    if not known:
        hint = "`kubemint trust --list` lists what is confirmed"
        raise IssuanceError(f"{cluster} is not confirmed", hint)
    say(f"{cluster} is asked about again before it is entered")
