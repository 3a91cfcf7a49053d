"""`kubemint list`: what is in the fleet now, as a table, JSON, YAML or names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tui.fleet.nouns import AREAS, NOUNS
from tui.issuance import UsageError

from . import printing
from .exits import Ended, Exit, complain
from .options import Options, check_scope, scope_options, wait_option
from .output import output_option, print_fields, print_list
from .printing import say
from .session import Setting, hosts, open_fleet, setting, with_options

if TYPE_CHECKING:
    from tui.fleet.fleet import Fleet
    from tui.fleet.rows import ClusterRow, Row
    from tui.fleet.store import Area

    from .selectors import Requirement
    from .sorting import Sort


class Word(click.Choice[str]):
    """A list by any of its names; gives the name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        word = str(value).lower()
        if word not in NOUNS:
            near = difflib.get_close_matches(word, NOUNS, n=1)
            there = f"there is {', '.join(AREAS)}; other objects are listed with kubectl"
            meant = f"did you mean {near[0]}?" if near else there
            self.fail(f"there is no list of {value!r}; {meant}", param, ctx)
        return word


class _List(click.Command):
    """A list of what is named too: `sa robot` and `sa/robot` are the same."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        split = [arg.partition("/") for arg in args]
        both = [[noun, name] if name and noun.lower() in NOUNS else [arg]
                for arg, (noun, _, name) in zip(args, split, strict=True)]  # fmt: skip
        return super().parse_args(ctx, [word for words in both for word in words])


@click.command("list", cls=_List)
@click.argument("area", type=Word(AREAS), metavar="|".join(AREAS))
@click.argument("names", nargs=-1, metavar="[NAME]…")
@scope_options
@click.option(
    "--expiring", metavar="DURATION", help="Only what expires within this time or has expired; exit 4 if anything does."
)
@click.option("--filter", "text", metavar="TEXT", default="", help="Only what this filter finds, as in the dashboard.")
@click.option("-l", "--selector", metavar="LABELS", default="", help="Only what has these labels, as for kubectl.")
@click.option("--sort-by", metavar="FIELD", default="", help="A name of -o json, or kubectl's path to one.")
@click.option("-w", "--watch", is_flag=True, help="Keep running and print changes; stop with ctrl+c.")
@click.option("--output-watch-events", "events", is_flag=True, help="With -w: say what happened to each.")
@wait_option
@output_option("table", "wide", "json", "yaml", "name", default="table")
@with_options
async def list_(
    options: Options,
    area: str,
    names: tuple[str, ...],
    namespace: str | None,
    expiring: str | None,
    text: str,
    selector: str,
    sort_by: str,
    watch: bool,
    events: bool,
    wait: str,
    form: str,
    **given: bool,
) -> None:
    """List clusters, accounts, requests or credentials, or those of a NAME; `get` is the same, as are sa, req and cred.

    Every context of the kubeconfig is asked unless --context names some. A cluster that cannot be read is named on
    stderr; the exit code is 0 as long as one could be read, unless the cluster was named with --context: then it
    is 3 (also if only a part could not be read), or 1 if none could be read. A missing right is reported, and 0.

    --filter takes words that must all match: robot !prod state:due,expired expires<7d. With -w what changes or goes is
    printed again, as kubectl does.
    """
    from tui.fleet.store import Area
    from tui.issuance import parse_duration

    check_scope(options, namespace, given)
    area, part = NOUNS[area]
    text = f"{part} {text}".strip()
    within = parse_duration(expiring) if expiring else None
    if within is not None and area not in ("requests", "credentials"):
        raise click.UsageError(f"--expiring is for requests and credentials, {area} do not expire")
    if events and not watch:
        raise click.UsageError("--output-watch-events needs -w")
    of, seconds = Area(area), parse_duration(wait).total_seconds()
    choice = Choice.of(of, options.contexts, namespace, within, text, selector, sort_by, names)
    async with setting(options) as place, open_fleet(place, areas={of}, namespace=namespace, once=not watch) as fleet:
        answered = await fleet.settled(seconds, needed(place))
        rows = choice.rows(fleet)
        if not watch:
            print_rows(fleet, of, rows, form)
        unknown = [name for name in dict.fromkeys(names) if not any(is_called(row, name) for row in rows)]
        for name in unknown:
            complain(f"there is no {name} among the {area}" + (f" in namespace {namespace}" if namespace else ""))
        if not rows and not names:
            say(f"no {area} found" + (f" in namespace {namespace}" if namespace else ""))
        code = troubles(fleet, of, options.contexts, answered=answered)
        if watch:
            from .list_watch import follow

            await follow(fleet, of, choice.rows, form, events=events, now=partial(now_of, fleet))
            return
    if within is not None and rows:
        raise Ended(Exit.FOUND)
    if code is not Exit.DONE or unknown:
        raise Ended(code if code is not Exit.DONE else Exit.FAILED)


def is_called(row: Row, name: str) -> bool:
    """Whether a row has this name: its own, that with the namespace before it, or its address."""
    from .records import name_of

    full = name_of(row).partition(":")[2] or name_of(row)
    parts = full.split("/")
    return name in (name_of(row), full, parts[-1], "/".join(parts[-2:]))


@dataclass(frozen=True)
class Choice:
    """Which rows of a list were asked for, in which order."""

    area: Area
    contexts: Sequence[str]
    namespace: str | None
    within: timedelta | None
    text: str
    labels: tuple[Requirement, ...]
    sort: Sort | None
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, area: Area, contexts: Sequence[str], namespace: str | None, within: timedelta | None,
        text: str, selector: str, sort_by: str, names: tuple[str, ...] = (),
    ) -> Choice:  # fmt: skip
        """What was said on the command line. Raises UsageError for what makes no sense for these rows."""
        from tui.fleet.fields import OF_AREA
        from tui.fleet.filter import wrong

        from .selectors import selector as read
        from .sorting import Sort

        fields = OF_AREA[area]
        if text and (said := wrong(text, fields)):
            raise UsageError(f"--filter {text!r}: {said}")
        sort = Sort.of(area, sort_by) if sort_by else None
        return cls(area, contexts, namespace, within, text, read(selector), sort, names)

    def rows(self, fleet: Fleet) -> list[Row]:
        """Those that are there now. Raises IssuanceError where none has what they are to be sorted by."""
        from tui.fleet.query import clock_of

        rows = chosen(fleet, self.area, self.contexts, self.namespace, self.text)
        if self.names:
            rows = [row for row in rows if any(is_called(row, name) for name in self.names)]
        if self.within is not None:
            within = self.within
            rows = [row for row in rows if _ends_before(row, now_of(fleet, clock_of(row)) + within)]
        rows = [row for row in rows if all(one.holds(row.labels) for one in self.labels)]
        return rows if self.sort is None else self.sort.sorted(rows, lambda row: now_of(fleet, clock_of(row)))


def needed(place: Setting) -> frozenset[str]:
    """The clusters that have to answer for those that were named: themselves, and who delivers them. None: all."""
    return frozenset((*place.options.contexts, *hosts(place)))


def chosen(fleet: Fleet, area: Area, contexts: Sequence[str], namespace: str | None, text: str = "") -> list[Row]:
    """The rows of an area that belong to the clusters and the namespace that were named, and that a filter finds."""
    from tui.fleet.query import Query, clusters_of, namespace_of

    meant = set(contexts)
    for row in fleet.store.clusters.values():
        if row.name in contexts and row.carried_by and area.value != "clusters":
            meant.add(row.carried_by)

    def wanted(row: Row) -> bool:
        if namespace is not None and namespace not in (namespace_of(row), _account_namespace(row)):
            return False
        return not contexts or not meant.isdisjoint(clusters_of(row))

    return [row for row in fleet.store.view(area, query=Query(text=text)) if wanted(row)]


def _account_namespace(row: Row) -> str:
    """The namespace of the account a file on this machine is for; files lie in none themselves."""
    from tui.fleet.rows import CredentialRow

    if not isinstance(row, CredentialRow) or not row.credential.address.here:
        return ""
    return row.credential.identity.namespace if row.credential.identity is not None else ""


def code_of(*, asked: int, away: int, partly: int, whole: bool) -> Exit:
    """The exit code where of `asked` clusters some did not answer, and of some not everything could be read.

    `whole` says that whoever asked wants to know of each of them: they were named, or a verdict hangs on them.
    """
    if away and away == asked:
        return Exit.FAILED
    return Exit.PARTLY if whole and (away or partly) else Exit.DONE


def troubles(fleet: Fleet, area: Area, contexts: Sequence[str], *, answered: bool, whole: bool = False) -> Exit:
    """Say which clusters could not be read; gives the exit code that follows from it.

    With `whole` each that was asked has to answer, named or not; those that were not confirmed were not asked.
    """
    from tui.fleet.fields.clusters import hint_of
    from tui.fleet.rows import Reach
    from tui.fleet.store import Area

    if area is Area.CLUSTERS:
        return Exit.DONE
    away = partly = 0
    untrusted: list[ClusterRow] = []
    rows = [
        row
        for row in fleet.store.clusters.values()
        if (row.name in contexts if contexts else row.reach is not Reach.NOT_CONNECTED)
    ]
    for row in rows:
        if row.answers:
            for missing in (*([row.clock] if row.clock else []), *row.missing):
                complain(f"{row.name}: {missing}")
            carrier = fleet.store.clusters.get(row.carried_by)
            partly += bool(row.unread or (carrier is not None and carrier.unread))
            continue
        away += 1
        if row.reach is Reach.UNTRUSTED and row.name not in contexts:
            untrusted.append(row)
        elif row.reach is Reach.CONNECTING:
            complain(f"{row.name}: no answer yet", "wait longer with --wait")
        else:
            complain(f"{row.name}: {row.word}: {row.message}", hint_of(row))
    if len(untrusted) == 1:
        complain(f"{untrusted[0].name}: untrusted: {untrusted[0].message}", untrusted[0].hint)
    elif untrusted:
        names = ", ".join(row.name for row in untrusted[:3]) + (" …" if len(untrusted) > 3 else "")
        complain(
            f"{len(untrusted)} delivered clusters are left out, not confirmed: {names}",
            "`kubemint list clusters` shows why; kubemint trust CLUSTER confirms one",
        )
    asked = len(rows)
    if whole and len(untrusted) < asked:
        asked, away = asked - len(untrusted), away - len(untrusted)
    return code_of(asked=asked, away=away, partly=partly, whole=whole or bool(contexts))


def print_rows(fleet: Fleet, area: Area, rows: Sequence[Row], form: str) -> None:
    """Rows as `-o` says."""
    from tui.fleet.fields import OF_AREA, in_list
    from tui.fleet.query import clock_of

    from .records import LIST_KINDS, name_of, record

    if form in ("json", "yaml"):
        print_list(LIST_KINDS[area], [record(row, partial(now_of, fleet)) for row in rows], form)
    elif form == "name":
        for row in rows:
            printing.line(name_of(row))
    else:
        print_fields(in_list(OF_AREA[area], wide=form == "wide"), rows, lambda row: now_of(fleet, clock_of(row)))


def now_of(fleet: Fleet, cluster: str) -> datetime:
    """The time of a cluster: the local time plus the cluster's skew."""
    return datetime.now(UTC) + timedelta(seconds=fleet.skew(cluster) or 0)


def _ends_before(row: Row, limit: datetime) -> bool:
    from tui.fleet.fields.lifetimes import ends_at
    from tui.fleet.rows import CredentialRow, RequestRow

    ends = ends_at(row.credential) if isinstance(row, CredentialRow | RequestRow) else None
    return ends is not None and ends <= limit
