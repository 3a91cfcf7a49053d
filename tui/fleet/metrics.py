"""A renewal loop in figures: what there is, when it ends, what was renewed, what failed; for Prometheus to collect.

Names follow Prometheus' rules (https://prometheus.io/docs/practices/naming/). Labels are bounded: a credential has
series of its own only in the namespaces that are allowed and up to a number of them, and what is left out is counted;
reasons of failures are the steps that failed. Nothing here is material, and no text of a cluster but names.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tui.issuance import OVER_STATES, RENEWABLE, Outcome, StepStatus, state_of
from tui.kube.text import safe_text

from .rows import ClusterRow, CredentialRow

if TYPE_CHECKING:
    from tui.issuance import LoopLook

    from .fleet import Fleet

MOST: Final = 20_000
"""Credentials that have series of their own."""
_LABELS: Final = ("cluster", "namespace", "name", "kind")
_LONGEST: Final = 253
_SECONDS: Final = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600)


@dataclass(frozen=True, slots=True)
class Standing:
    """The fleet and its loop at one moment, to be written down where nothing else waits for that."""

    clusters: Sequence[ClusterRow]
    credentials: Sequence[tuple[CredentialRow, datetime]]
    """Each with the time of its cluster."""
    look: LoopLook
    leases: dict[str, bool]
    """Whether this loop renews in a cluster, of those that it stands for."""
    pending: int
    """Old tokens that wait for the end of their grace."""
    looked_at: float | None
    """When the loop looked last, in seconds since the epoch."""


class LoopMetrics:
    """Counts what a loop does, and writes all of it down."""

    def __init__(self, namespaces: Collection[str] = (), most: int = MOST) -> None:
        self._namespaces = frozenset(namespaces)
        self._most = most
        self._counted = CollectorRegistry()
        self._renewals = Counter(
            "kubemint_renewals", "Renewals that worked.", ("cluster",), registry=self._counted
        )  # fmt: skip
        self._failures = Counter(
            "kubemint_renewal_failures", "Renewals that failed, by the step that failed (plan: none was begun).",
            ("cluster", "step"), registry=self._counted,
        )  # fmt: skip
        self._left = Counter(
            "kubemint_renewals_incomplete", "Renewals whose old token, or something else that was to end, lives on.",
            ("cluster",), registry=self._counted,
        )  # fmt: skip
        self._seconds = Histogram(
            "kubemint_renewal_duration_seconds", "From the first step of a renewal to its commit.",
            ("cluster",), buckets=_SECONDS, registry=self._counted,
        )  # fmt: skip

    def renewed(self, outcomes: Iterable[Outcome], cluster_of: Callable[[Outcome], str]) -> None:
        """A batch has ended."""
        for outcome in outcomes:
            cluster = _label(cluster_of(outcome))
            if not outcome.ok:
                failed = (one.step for one in outcome.results if one.status is StepStatus.FAILED)
                self._failures.labels(cluster, next(failed, "plan").partition(":")[0]).inc()
                continue
            self._renewals.labels(cluster).inc()
            if outcome.left:
                self._left.labels(cluster).inc()
            done = [one.at for one in outcome.results if one.step == "commit" and one.status is StepStatus.DONE]
            if outcome.results and done:
                took = done[-1] - outcome.results[0].at
                self._seconds.labels(cluster).observe(max(took, timedelta(0)).total_seconds())

    def written(self, standing: Standing) -> bytes:
        """Everything in Prometheus' text format. Takes a while for many credentials: call it in a thread."""
        now = CollectorRegistry()
        now.register(_Now(standing, self._namespaces, self._most))
        return generate_latest(self._counted) + generate_latest(now)


def standing(fleet: Fleet, look: LoopLook, leases: dict[str, bool], pending: int, looked_at: float | None) -> Standing:
    """How it stands; quick, and on the event loop."""
    store = fleet.store
    skews = {name: timedelta(seconds=fleet.skew(name) or 0) for name in store.clusters}
    now = fleet.now()
    rows = [(row, now + skews.get(row.cluster, timedelta(0))) for row in store.credentials.values()]
    return Standing([*store.clusters.values()], rows, look, leases, pending, looked_at)


class _Now(Collector):
    """What is read off at one moment."""

    def __init__(self, standing: Standing, namespaces: frozenset[str], most: int) -> None:
        self._standing = standing
        self._namespaces = namespaces
        self._most = most

    def collect(self) -> Iterator[Metric]:
        yield from self._credentials()
        yield from self._clusters()
        yield from self._loop()

    def _credentials(self) -> Iterator[Metric]:
        expires = GaugeMetricFamily(
            "kubemint_credential_expiry_timestamp_seconds", "When a credential ends, by its cluster's clock.",
            labels=_LABELS,
        )  # fmt: skip
        renews = GaugeMetricFamily(
            "kubemint_credential_renewal_timestamp_seconds", "From when on a credential is due for renewal.",
            labels=_LABELS,
        )  # fmt: skip
        watched = GaugeMetricFamily(
            "kubemint_credential_left_alone", "1 for a credential that the loop knows and does not renew.",
            labels=_LABELS,
        )  # fmt: skip
        counts = Tally[tuple[str, str]]()
        shown = left_out = 0
        for row, now in self._standing.credentials:
            credential, state = row.credential, state_of(row.credential, now)
            counts[(row.cluster, state.value)] += 1
            if state in OVER_STATES or (self._namespaces and row.namespace not in self._namespaces):
                continue
            if shown >= self._most:
                left_out += 1
                continue
            shown += 1
            labels = _labels(row)
            if credential.expires_at is not None:
                expires.add_metric(labels, credential.expires_at.timestamp())
            if credential.rotate_at is not None and credential.address.kind in RENEWABLE:
                renews.add_metric(labels, credential.rotate_at.timestamp())
            if credential.address in self._standing.look.left:
                watched.add_metric(labels, 1)
        states = GaugeMetricFamily(
            "kubemint_credentials", "Credentials of a cluster by their state.", labels=("cluster", "state")
        )
        for (cluster, called), count in sorted(counts.items()):
            states.add_metric((_label(cluster), called), count)
        yield from (expires, renews, watched, states)
        yield GaugeMetricFamily(
            "kubemint_credentials_without_series", "Credentials beyond the most that have series.", value=left_out
        )

    def _clusters(self) -> Iterator[Metric]:
        reach = GaugeMetricFamily(
            "kubemint_cluster_state", "1 for the state that a cluster is in.", labels=("cluster", "state")
        )
        for row in self._standing.clusters:
            reach.add_metric((_label(row.name), row.reach.value), 1)
        leases = GaugeMetricFamily(
            "kubemint_lease_held",
            "Whether this loop renews in a cluster (1), or another one may (0).",
            labels=("cluster",),
        )
        for cluster, held in sorted(self._standing.leases.items()):
            leases.add_metric((_label(cluster),), held)
        yield from (reach, leases)

    def _loop(self) -> Iterator[Metric]:
        look = self._standing.look
        for name, said, value in (
            ("kubemint_loop_watched", "Credentials that the loop renews.", look.watched),
            ("kubemint_loop_due", "Of those, how many are due now.", len(look.due)),
            ("kubemint_loop_failing", "Of those, how many failed the last time they were tried.", look.failing),
            (
                "kubemint_revocations_pending",
                "Old tokens that wait for the end of their grace.",
                self._standing.pending,
            ),
        ):
            yield GaugeMetricFamily(name, said, value=value)
        if self._standing.looked_at is not None:
            yield GaugeMetricFamily(
                "kubemint_loop_last_look_timestamp_seconds", "When the loop decided last what is due.",
                value=self._standing.looked_at,
            )  # fmt: skip


def _labels(row: CredentialRow) -> tuple[str, ...]:
    """Of a file on this machine the cluster is that of its account."""
    address = row.credential.address
    return _label(address.cluster or row.cluster), _label(address.namespace), _label(address.name), address.kind.value


def _label(text: str) -> str:
    return safe_text(text, _LONGEST)
