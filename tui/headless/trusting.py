"""`kubemint trust`: say yes to entering a cluster that another one delivers, once and for exactly what is shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tui.actions.clusters import TRUST
from tui.fleet.moments import rfc3339
from tui.issuance import ClusterEntry, DeliveredBy, EntryVerdict, IssuanceError, Untrusted, UsageError, Yes
from tui.kube import shell
from tui.kube.addresses import same_place

from . import printing
from .doing import options_of
from .exits import Ended, Exit
from .options import Options
from .output import output_option, print_kind, print_list, print_table
from .printing import say
from .session import Setting, refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Delivered, DeliveredPlace


@click.command("trust")
@options_of(TRUST, alone=False)
@click.option("--yes", is_flag=True, help="Confirm without being asked, where there is no terminal.")
@click.option("--list", "listed", is_flag=True, help="List what is confirmed.")
@click.option("--forget", is_flag=True, help="Withdraw the confirmation of CLUSTER.")
@output_option("table", "json", "yaml", default="table")
@with_options
async def trust(options: Options, cluster: str | None, yes: bool, listed: bool, forget: bool, form: str) -> None:
    """Confirm entering CLUSTER, a cluster that another one delivers (HOST/NAMESPACE/NAME).

    Whoever may write the Secret with its kubeconfig decides where it leads. It shows server, authority and who delivers
    it, asks on a terminal, and remembers the answer for exactly that; any change is asked about again. Elsewhere it
    needs --yes. `trust` in config.yaml enters what a source delivers without asking.
    """
    if listed is (cluster is not None):
        raise click.UsageError("name a cluster, or pass --list" if not listed else "--list takes no cluster")
    if listed and (yes or forget):
        raise click.UsageError("--list only prints")
    if yes and forget:
        raise click.UsageError("--yes and --forget cannot be used together")
    if listed:
        await _list(options, form)
    elif forget:
        refuse_read_only(options, "trust --forget")
        await _forget(options, str(cluster))
    else:
        await _trust(options, str(cluster), yes=yes, form=form)


async def _trust(options: Options, cluster: str, *, yes: bool, form: str) -> None:
    from tui.issuance import find_delivered

    from .reaching import VerbClusters

    async with setting(options) as place, VerbClusters(place) as clusters:
        host, namespace, name = _split(cluster, clusters.names())
        found = await find_delivered(await clusters.client(host), host, namespace, name)
        verdict = await clusters.gate.verdict(found)
        if form != "table":
            print_kind("Delivery", _record(place, found, verdict), form)
        else:
            print_table(("FIELD", "VALUE"), _lines(place, found, verdict))
        if verdict.entry is ClusterEntry.REFUSE:
            raise Untrusted(found.delivery, verdict)
        if verdict.entry is ClusterEntry.ENTER:
            say(f"{cluster} is connected without asking")
            return
        if not yes and not sys.stdin.isatty():
            raise UsageError("not confirmed, and there is no terminal to confirm on", "pass --yes to confirm")
        refuse_read_only(options, "trust")
        if not yes and not printing.agreed("Connect to it from now on?"):
            say("not confirmed; it is not connected")
            raise Ended(Exit.FAILED)
        with contextlib.closing(place.state()) as state:
            state.trust(Yes(found.delivery.by, found.delivery.place, datetime.now(UTC)))
        back = shell.command("kubemint", "trust", "--forget", cluster)
        say(f"{cluster} is connected from now on; {back} undoes that")


def _split(cluster: str, known: Sequence[str]) -> tuple[str, str, str]:
    parts = cluster.rsplit("/", 2)
    if cluster in known:
        raise UsageError(
            f"{cluster} is one of your own contexts", "only clusters that another one delivers need confirming"
        )
    if len(parts) != 3 or not all(parts):
        hint = "`kubemint list clusters` shows them"
        raise UsageError(f"{cluster!r} is not a delivered cluster: HOST/NAMESPACE/NAME", hint)
    host, namespace, name = parts
    return host, namespace, name


def _lines(place: Setting, found: Delivered, verdict: EntryVerdict) -> list[tuple[str, str]]:
    from tui.issuance import authorities

    delivery = found.delivery
    lines = [
        ("CLUSTER", delivery.by.cluster),
        ("DELIVERED BY", str(delivery.by)),
        ("SERVER", delivery.place.server),
    ]
    if delivery.place.server_name:
        lines.append(("SERVER'S NAME", delivery.place.server_name))
    trusted = authorities(found.endpoint.ca)
    for subject, fingerprint in trusted:
        lines.append(("AUTHORITY", f"{subject}  sha256 {fingerprint}" if len(trusted) > 1 else subject))
    lines.append(("SHA-256", delivery.place.authority) if trusted else ("AUTHORITY", "the system's authorities"))
    lines += [("BEWARE", said) for said in delivery.place.oddities]
    lines += [("SAME SERVER AS", f"your context {name}") for name in _contexts_at(place, delivery.place.server)]
    lines += [("CHANGED", text) for text in verdict.why if verdict.entry is ClusterEntry.ASK]
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
        **_where(delivery.by, delivery.place),
        "authorities": [{"subject": subject, "sha256": digest} for subject, digest in authorities(found.endpoint.ca)],
        "sameServerAs": _contexts_at(place, delivery.place.server),
        "decision": verdict.entry.value,
        "why": list(verdict.why),
    }


def _where(by: DeliveredBy, place: DeliveredPlace) -> dict[str, Any]:
    """Who delivers it, and where it leads."""
    return {
        "cluster": by.cluster,
        "deliveredBy": {"kind": by.kind.value, "cluster": by.host, "namespace": by.namespace, "name": by.name},
        "server": place.server,
        "serverName": place.server_name or None,
        "authority": place.authority,
        "unchecked": place.unchecked,
        "proxy": place.proxy or None,
    }


async def _list(options: Options, form: str) -> None:
    found: list[Yes] = []
    async with setting(options, needed=False) as place:
        if (state := place.state_if_any()) is not None:
            with contextlib.closing(state):
                found = state.trusted()
    if form != "table":
        print_list("TrustList", [{**_where(yes.by, yes.place), "since": rfc3339(yes.at)} for yes in found], form)
        return
    titles = ("CLUSTER", "DELIVERED BY", "SERVER", "AUTHORITY", "SINCE")
    print_table(titles, [
        (yes.by.cluster, yes.by.kind.value, yes.place.server, yes.place.authority, rfc3339(yes.at) or "")
        for yes in found
    ])  # fmt: skip
    if not found:
        say("no delivered cluster is confirmed")


async def _forget(options: Options, cluster: str) -> None:
    known: list[DeliveredBy] = []
    async with setting(options, needed=False) as place:
        if (state := place.state_if_any()) is not None:
            with contextlib.closing(state):
                known = [yes.by for yes in state.trusted() if yes.by.cluster == cluster]
                for by in known:
                    state.forget_trust(by)
    if not known:
        hint = "`kubemint trust --list` lists what is confirmed"
        raise IssuanceError(f"{cluster} is not confirmed", hint)
    say(f"{cluster} must be confirmed again before it is connected")
