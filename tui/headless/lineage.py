"""`kubemint lineage`: what leads to a credential or an account, what was issued for it, and who uses it, as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tui.fleet.moments import rfc3339
from tui.issuance import Address, Identity, IssuanceError, UsageError, human_left, is_missing
from tui.kube.amounts import about

from . import printing
from .exits import complain
from .options import Options, wait_option
from .output import output_option, print_kind
from .printing import say
from .session import Setting, open_fleet, setting, with_options

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.issuance import Credential, LineageNode, LineageSubject, Origin


@click.command("lineage")
@click.argument("what", metavar="ADDRESS|FILE|NS/ACCOUNT")
@wait_option
@output_option("table", "json", "yaml", default="table")
@with_options
async def lineage(options: Options, what: str, wait: str, form: str) -> None:
    """Show where a credential comes from and who uses it.

    Its account; the Roles and bindings that apply to it; every token, Secret and request for it; the files and
    kubeconfig entries on this machine; and who uses it: pods, volumes, CSI drivers, External Secrets. What cannot be
    read is named in its place. Only metadata of Secrets is read.

    Of a FILE that kubemint did not write, the token in it says whose it is; it is sent nowhere. What a kubeconfig names
    is read from beside it.
    """
    from tui.issuance import NOBODY_SEEN, an_address, parse_duration

    from .powers import subject_of

    seconds, asked = parse_duration(wait).total_seconds(), subject_of(options, what) or an_address(what)
    async with setting(options) as place:
        origin = await origin_of(place, asked)
        cluster, tree = await _tree(place, asked, origin, seconds)
    if isinstance(asked, Identity) and any(part.problem == NOBODY_SEEN for part in tree.children):
        raise IssuanceError(
            f"there is no service account {Identity(cluster, asked.namespace, asked.name).said}",
            "kubemint list accounts lists them",
        )
    if form == "table":
        for each in drawn(tree, datetime.now(UTC)):
            printing.line(each)
    else:
        print_kind("Lineage", record(tree), form)


async def origin_of(place: Setting, asked: Address | Identity) -> Origin | None:
    """Whose a file is that kubemint did not write; None for everything else."""
    from .reaching import open_engine
    from .verifying import read_input

    if isinstance(asked, Identity) or not asked.here or is_missing(asked):
        return None
    async with open_engine(place, acting=False) as engine:
        if engine.state.export_record(asked) is not None:
            return None
        found = await engine.origin(read_input(asked.name, strict=True), asked.name, place.options.contexts)
    say(f"{asked.name} is a login of {found.identity.said}: {found.how}")
    return found


async def _tree(
    place: Setting, asked: Address | Identity, origin: Origin | None, seconds: float
) -> tuple[str, LineageNode]:
    from tui.fleet.store import Area
    from tui.issuance import subject_of_account, trace_lineage

    async with open_fleet(place, areas={Area.CREDENTIALS, Area.REQUESTS}) as fleet:
        if not await fleet.settled(seconds):
            complain("some clusters have not answered yet: their objects are missing here", "wait longer with --wait")
        if origin is None:
            subject, credentials = await _subject(place, fleet, asked)
        else:
            credentials = [row.credential for row in fleet.store.credentials_of(origin.identity)]
            here = origin.address or origin.among(credentials)
            if here is not None:
                say(origin.as_words(here, credentials))
                here = here if origin.is_it(here, credentials) else None
            subject = subject_of_account(origin.identity, here)
        tree = await trace_lineage(fleet, subject, credentials=credentials, config=place.config)
        return subject.cluster, tree


async def _subject(place: Setting, fleet: Fleet, asked: Address | Identity) -> tuple[LineageSubject, list[Credential]]:
    from tui.issuance import subject_of, subject_of_account

    if isinstance(asked, Identity):
        cluster = asked.cluster or place.meant()
        found = subject_of_account(Identity(cluster, asked.namespace, asked.name))
    else:
        row = fleet.store.credentials.get(str(asked))
        if row is None and asked.here and is_missing(asked):
            raise IssuanceError(f"{asked.name}: no such file", "kubemint list credentials -o name lists the addresses")
        if row is None and asked.here:
            raise UsageError(
                f"kubemint did not write {asked.name}",
                "kubemint inspect says whose it is; then ask for NS/ACCOUNT with --context",
            )
        credential = row.credential if row is not None else await _looked_up(place, asked)
        found = await subject_of(fleet, credential)
    if found.identity is None:
        login = fleet.store.credentials.get(f"login:{found.cluster}")
        return found, [login.credential] if login is not None else []
    return found, [row.credential for row in fleet.store.credentials_of(found.identity)]


async def _looked_up(place: Setting, asked: Address) -> Credential:
    """What is in no list, as its cluster has it; on a machine that has no state yet too."""
    from .reaching import open_engine

    async with open_engine(place, acting=False) as engine:
        return await engine.lookup(asked)


def drawn(node: LineageNode, now: datetime) -> Iterator[str]:
    """The tree as lines."""
    yield said(node, now)
    yield from _below(node, "", now)


def _below(node: LineageNode, lead: str, now: datetime) -> Iterator[str]:
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield f"{lead}{'└─' if last else '├─'} {said(child, now)}"
        yield from _below(child, f"{lead}{'   ' if last else '│  '}", now)


def said(node: LineageNode, now: datetime) -> str:
    """One node in one line."""
    parts = [f"{node.kind} {node.name}".strip()]
    if node.severity is not None:
        parts.append(f"[{node.severity.value}]")
    if node.expires_at is not None:
        left = node.expires_at - now
        parts.append(f"{human_left(left)} left" if left > timedelta(0) else f"expired {about(left)} ago")
    elif node.state is not None:
        parts.append(node.state.value)
    if node.note:
        parts.append(f"· {node.note}")
    if node.problem:
        parts.append(f"! {node.problem}")
    if node.here:
        parts.append("◂ this one")
    return "  ".join(parts)


def record(node: LineageNode) -> dict[str, Any]:
    """The tree as data; empty fields are left out."""
    fields = {
        "what": node.kind,
        "name": node.name,
        "note": node.note,
        "problem": node.problem,
        "severity": node.severity.value if node.severity else "",
        "state": node.state.value if node.state else "",
        "expiresAt": rfc3339(node.expires_at),
        "address": str(node.address) if node.address else "",
        "identity": str(node.identity) if node.identity else "",
        "cluster": node.cluster,
        "children": [record(child) for child in node.children],
    }
    return {key: value for key, value in fields.items() if value}
