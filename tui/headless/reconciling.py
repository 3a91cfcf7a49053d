"""`kubemint reconcile`: bring DPUServiceCredentialRequests to their desired state, once or for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from tui.actions.jobs import AT_ONCE
from tui.fleet.moments import rfc3339
from tui.issuance import GraceWish, IssuanceError, UsageError, now_at, utc_now
from tui.kube.errors import APIError, KubeError, NotFound, ProtocolError, Unreachable

from . import printing
from .acting import grace_options, grace_wish
from .dry_run import dry_run_option, nothing_sent
from .exits import Ended, Exit, complain
from .options import Options, check_scope, contexts_option, namespace_option
from .output import output_option, print_list, print_table
from .printing import say
from .session import refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from tui.issuance import Keeper, KeptRest, TargetClusters
    from tui.kube.client import Client

_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class _How:
    name: str | None
    namespace: str | None
    lease: str
    grace: GraceWish
    wait: bool
    take_over: bool
    abandon: bool
    dry_run: bool
    everywhere: bool
    """In every context; one without DPF is no failure then."""


@dataclass(frozen=True, slots=True)
class _Row:
    """How one request was left."""

    cluster: str
    namespace: str
    name: str
    result: str
    ok: bool = True
    left: bool = False
    """Whether it was left to DPF's controller, so that nothing is known of how it is."""
    expires: datetime | None = None
    wake: datetime | None = None
    notes: tuple[str, ...] = ()
    hint: str = ""

    @property
    def address(self) -> str:
        return f"request:{self.cluster}/{self.namespace}/{self.name}"


@click.command("reconcile")
@click.argument("name", required=False)
@namespace_option("The requests of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="The requests of all namespaces.")
@contexts_option("Of every context of the kubeconfig; those without DPF are left out.")
@click.option("--watch", is_flag=True, help="Keep running: reconcile requests as they change, and renew them when due.")
@click.option("--take-over", is_flag=True, help="Also those that DPF's controller seems to reconcile.")
@click.option("--abandon", is_flag=True, help="Finish deleting NAME, even if something is left behind.")
@grace_options
@click.option(
    "--lease-namespace", metavar="NS", default="kube-system", show_default=True, help="The namespace of the Lease."
)
@dry_run_option("Print what would be done; change nothing.")
@output_option("table", "json", "yaml", default="table")
@with_options
async def reconcile(
    options: Options,
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    all_contexts: bool,
    watch: bool,
    take_over: bool,
    abandon: bool,
    grace: str,
    no_wait: bool,
    lease_namespace: str,
    dry_run: bool,
    form: str,
) -> None:
    """Bring DPUServiceCredentialRequests to their desired state where no DPF controller does it.

    Accounts, tokens and Secrets are made, renewed, changed and cleaned up as the requests say. Only one kubemint at a
    time does that in a cluster (a Lease). Without --context or
    --all-contexts it is the current one. Exit code 3: some failed.
    """
    if (namespace is None) is not all_namespaces:
        raise click.UsageError("pass -n NAMESPACE, or -A for all namespaces")
    if name is not None and (namespace is None or watch):
        raise click.UsageError("NAME needs -n, and cannot be used with --watch")
    if watch and dry_run:
        raise click.UsageError("--watch and --dry-run cannot be used together")
    if abandon and name is None:
        raise click.UsageError("--abandon needs NAME: it is for one request at a time")
    check_scope(options, namespace, {"all_namespaces": all_namespaces, "all_contexts": all_contexts})
    if all_contexts and name is not None:
        raise click.UsageError("NAME is a request of one cluster: --all-contexts cannot be used with it")
    if not dry_run:
        refuse_read_only(options, "reconcile")
    graced = grace_wish(grace)
    how = _How(name, namespace, lease_namespace, graced, not no_wait, take_over, abandon, dry_run, all_contexts)
    nothing_sent()
    await (_watch(options, how) if watch else _once(options, how, form))


@contextlib.asynccontextmanager
async def _targets(options: Options, how: _How) -> AsyncIterator[tuple[TargetClusters, Sequence[str]]]:
    """The clusters as requests lead to them, and the names of those that are meant."""
    from tui.issuance import TargetClusters

    from .reaching import VerbClusters

    async with setting(options) as place, VerbClusters(place) as known:
        clusters = TargetClusters(known, place.settings.why_read_only, known.gate)
        try:
            yield clusters, options.contexts or (known.names() if how.everywhere else (place.meant(),))
        finally:
            await clusters.aclose()


async def _once(options: Options, how: _How, form: str) -> None:
    rows: list[_Row] = []
    bad = 0
    async with _targets(options, how) as (clusters, names):
        for cluster in names:
            try:
                rows += await _cluster(clusters, cluster, how)
            except UsageError:
                raise
            except (KubeError, IssuanceError) as error:
                bad += 1
                complain(str(error), error.hint)
    _print(rows, form)
    bad += sum(not row.ok for row in rows)
    if bad or any(row.left for row in rows):
        raise Ended(Exit.PARTLY if any(row.ok for row in rows) else Exit.FAILED)


async def _cluster(clusters: TargetClusters, cluster: str, how: _How) -> list[_Row]:
    """All requests of one cluster that were asked for."""
    from tui.issuance import KEEPING_LEASE, Keeper, Lease

    client = await clusters.client(cluster)
    if how.everywhere and await _without(client, cluster, how):
        return []
    objects = {_key(item): item for item in await _objects(client, how)}
    if not objects:
        say(f"{cluster}: there are no requests")
        return []
    left = [] if how.take_over or how.abandon else await _left(client, cluster, objects, how)
    keys = sorted(objects.keys() - {(row.namespace, row.name) for row in left})
    if how.dry_run:
        return left + [await _foresee(clusters, cluster, key) for key in keys]
    if not keys:
        return left
    keeper = Keeper(clusters, grace=how.grace)

    async def work() -> list[_Row]:
        slots = asyncio.Semaphore(AT_ONCE)
        return list(await asyncio.gather(*(_keep(keeper, cluster, key, how, slots) for key in keys)))

    return left + await Lease(client, how.lease, KEEPING_LEASE).run(work)


async def _left(client: Client, cluster: str, objects: dict[tuple[str, str], dict[str, Any]], how: _How) -> list[_Row]:
    """What DPF's controller keeps, said one by one: a trace in one request says nothing of another."""
    from tui.issuance import DPU_REQUESTS, controller_waits_until, left_to_controller

    rows, now = [], now_at(client, utc_now)
    others = list(objects.values())
    if how.name is not None and any(controller_waits_until(item) > now for item in others):
        others = await client.list(DPU_REQUESTS, namespace=how.namespace)
    for key, item in objects.items():
        if why := await left_to_controller(client, cluster, item, (one for one in others if _key(one) != key), now):
            row = _Row(cluster, *key, f"left to DPF's controller: {why}", left=True)
            say(f"{row.address}: {row.result} (--take-over reconciles it anyway)")
            rows.append(row)
    return rows


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item["metadata"]["namespace"]), str(item["metadata"]["name"])


async def _objects(client: Client, how: _How) -> list[dict[str, Any]]:
    from tui.issuance import DPU_REQUESTS

    if how.name is not None:
        return [await client.get(DPU_REQUESTS, how.name, namespace=how.namespace)]
    return await client.list(DPU_REQUESTS, namespace=how.namespace)


async def _without(client: Client, cluster: str, how: _How) -> bool:
    """Whether this cluster knows no such requests, which is then said. Other trouble is left to what comes next."""
    try:
        await _objects(client, how)
    except NotFound:
        say(f"{cluster}: it has no DPUServiceCredentialRequests")
        return True
    except KubeError:
        pass
    return False


async def _keep(keeper: Keeper, cluster: str, key: tuple[str, str], how: _How, slots: asyncio.Semaphore) -> _Row:
    """One request to rest, and once more when the grace of what it left behind is over."""
    async with slots:
        rest = await _tried(keeper, cluster, key, abandon=how.abandon)
    reason, wake = rest.reason, rest.wake
    ends = utc_now() + max(how.grace.asked, rest.grace) + timedelta(seconds=2)
    if how.wait and rest.grace > how.grace.asked:
        say(f"{_row(cluster, key, rest, reason).address}: waiting until {ends:%H:%M:%S} UTC: {'; '.join(rest.notes)}")
    # Again where the cluster's clock, of which we know the second at best, was not there yet.
    while how.wait and not rest.error and wake is not None and wake <= ends:
        await asyncio.sleep(max((wake - utc_now()).total_seconds(), 0) + 0.1)
        async with slots:
            rest = await _tried(keeper, cluster, key)
        wake = rest.wake
    return _row(cluster, key, rest, reason)


async def _tried(keeper: Keeper, cluster: str, key: tuple[str, str], *, abandon: bool = False) -> KeptRest:
    from tui.issuance import ChangedMeanwhile, KeptRest

    for last in (False, False, True):
        try:
            return await keeper.reconcile(cluster, *key, abandon=abandon)
        except ChangedMeanwhile as error:
            if last:
                return KeptRest(request=None, error=str(error), hint=error.hint)
        except (KubeError, IssuanceError) as error:
            return KeptRest(request=None, error=str(error), hint=error.hint)
    raise AssertionError("the last try returns")


def _row(cluster: str, key: tuple[str, str], rest: KeptRest, reason: str) -> _Row:
    request = rest.request
    if rest.error:
        result = rest.error
    elif request is None:
        left = any(note.startswith("left behind") for note in rest.notes)
        result = "gone" if left else "deleted, with what was made for it"
    elif rest.held:
        result = rest.held
    else:
        result = f"issued: {reason}" if reason else "up to date"
    return _Row(
        cluster, *key, result, ok=not rest.error, expires=request.expires_at if request else None, wake=rest.wake,
        notes=rest.notes, hint=rest.hint,
    )  # fmt: skip


async def _foresee(clusters: TargetClusters, cluster: str, key: tuple[str, str]) -> _Row:
    """What would be done, from reading alone."""
    from tui.issuance import fetch_request, look_at_request

    try:
        request = await fetch_request(await clusters.client(cluster), cluster, *key)
        if request.deleted_at is not None:
            return _Row(cluster, *key, "would be cleaned up and deleted")
        work = await look_at_request(clusters, request)
        work.check()
        reason = work.reason(now_at(work.client, utc_now))
    except NotFound:
        return _Row(cluster, *key, "is gone")
    except (KubeError, IssuanceError) as error:
        return _Row(cluster, *key, str(error), ok=False, hint=error.hint)
    said = f"would issue: {reason}" if reason else "up to date"
    return _Row(cluster, *key, said, expires=request.expires_at)


def _print(rows: list[_Row], form: str) -> None:
    if form == "table":
        lines = []
        for row in rows:
            result = row.result.partition(": ")[0] if row.left else row.result
            times = (rfc3339(row.expires) or "", rfc3339(row.wake) or "")
            lines.append((row.cluster, row.namespace, row.name, result, *times))
        print_table(("CLUSTER", "NAMESPACE", "NAME", "RESULT", "EXPIRES", "NEXT"), lines)
        for row in rows:
            for note in (*row.notes, *((row.hint,) if row.hint else ())):
                say(f"{row.address}: {note}")
        return
    items = [
        {
            "address": row.address,
            "ok": row.ok and not row.left,
            "left": row.left,
            "result": row.result,
            "hint": row.hint or None,
            "expiresAt": rfc3339(row.expires),
            "nextLook": rfc3339(row.wake),
            "notes": list(row.notes),
        }
        for row in rows
    ]
    print_list("ReconcileResultList", items, form)


async def _watch(options: Options, how: _How) -> None:
    """Until the user stops it. Addresses of what was issued go to stdout as it happens.

    What is wrong with one cluster is none of the others' business: it is given up alone, and said in the exit code.
    """

    async def alone(clusters: TargetClusters, name: str) -> bool:
        try:
            await _watch_cluster(clusters, name, how)
        except UsageError:
            raise
        except (KubeError, IssuanceError) as error:
            complain(str(error), error.hint)
            return False
        return True

    async with _targets(options, how) as (clusters, names):
        with contextlib.suppress(asyncio.CancelledError):  # ctrl+c and SIGTERM are how this ends well
            well = await asyncio.gather(*(alone(clusters, name) for name in names))
            if not all(well):
                raise Ended(Exit.PARTLY if any(well) else Exit.FAILED)


async def _watch_cluster(clusters: TargetClusters, cluster: str, how: _How) -> None:
    from tui.issuance import KEEPING_LEASE, Keeper, Keeping, Lease, LeaseHeld, LeaseLost, RequestKey

    def on_rest(key: RequestKey, rest: KeptRest) -> None:
        row = _row(cluster, key, rest, rest.reason)
        if rest.error:
            complain(f"{row.address}: {rest.error}", rest.hint)
        elif rest.issued:
            printing.line(row.address)
            say(f"{row.address}: {row.result}")
        for note in rest.notes:
            say(f"{row.address}: {note}")

    client = await clusters.client(cluster)
    if how.everywhere and await _without(client, cluster, how):
        return
    keeping = Keeping(
        Keeper(clusters, grace=how.grace),
        client,
        cluster,
        how.namespace,
        on_rest=on_rest,
        say=say,
        take_over=how.take_over,
    )
    lease = Lease(client, how.lease, KEEPING_LEASE)

    async def work() -> None:
        say(f"{cluster}: reconciling its requests; stop with ctrl+c")
        await keeping.run()

    while True:
        try:
            await lease.run(work)
        except (LeaseHeld, LeaseLost) as error:
            say(f"{cluster}: {error.message}; trying again every {_PAUSE:g} s")
        except KubeError as error:
            passing = isinstance(error, Unreachable | ProtocolError)
            if not (passing or (isinstance(error, APIError) and error.retriable)):
                raise
            say(f"{error}; trying again every {_PAUSE:g} s")
        await asyncio.sleep(_PAUSE)
