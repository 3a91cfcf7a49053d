"""The figures of a loop: what Prometheus reads of them, with labels that are bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.issuance.test_renewal_loop import credential
from tui.fleet.metrics import LoopMetrics, Standing
from tui.fleet.rows import ClusterRow, CredentialRow, Reach
from tui.issuance import LoopLook
from tui.issuance.model.types import Action, Address, Credential, Outcome, State, StepResult, StepStatus

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def row(of: Credential) -> CredentialRow:
    address = of.address
    return CredentialRow(cluster=address.cluster, namespace=address.namespace, name=address.name, credential=of)


def read(metrics: LoopMetrics, *credentials: Credential, now: datetime = NOW) -> Mapping[str, dict[str, float]]:
    """Every sample by its name, under its labels' values."""
    standing = Standing(
        clusters=[ClusterRow(name="c1", reach=Reach.READY), ClusterRow(name="c\x1b2", reach=Reach.UNREACHABLE)],
        credentials=[(row(one), now) for one in credentials],
        look=LoopLook(watched=2, due=(credentials[0].address,) if credentials else (), failing=1,
                      left={one.address: "its cluster is read-only" for one in credentials[1:]}),
        leases={"c1": True, "c2": False},
        pending=3,
        looked_at=NOW.timestamp(),
    )  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(metrics.written(standing).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})["/".join(sample.labels.values())] = sample.value
    return found


def result(step: str, seconds: float, status: StepStatus = StepStatus.DONE) -> StepResult:
    return StepResult(plan="p", step=step, title=step, status=status, at=NOW + timedelta(seconds=seconds))


def outcome(ok: bool, results: Iterable[StepResult], *left: str) -> Outcome:
    address = credential("a").address
    return Outcome(plan="p", action=Action.ROTATE, address=address, ok=ok, results=tuple(results), left=left)


def test_when_credentials_end_and_are_due() -> None:
    one, two = credential("a"), credential("b")
    assert one.expires_at is not None
    assert one.rotate_at is not None
    found = read(LoopMetrics(), one, two)
    labels = f"{one.address.cluster}/secret/a/{one.address.namespace}"
    assert found["kubemint_credential_expiry_timestamp_seconds"][labels] == one.expires_at.timestamp()
    assert found["kubemint_credential_renewal_timestamp_seconds"][labels] == one.rotate_at.timestamp()
    assert list(found["kubemint_credential_left_alone"]) == [labels.replace("/a/", "/b/")]
    assert sum(found["kubemint_credentials"].values()) == 2
    assert found["kubemint_credentials_without_series"][""] == 0
    for name, value in {"watched": 2, "due": 1, "failing": 1, "last_look_timestamp_seconds": NOW.timestamp()}.items():
        assert found[f"kubemint_loop_{name}"][""] == value
    assert found["kubemint_revocations_pending"][""] == 3
    assert found["kubemint_lease_held"] == {"c1": 1, "c2": 0}
    assert found["kubemint_cluster_state"] == {"c1/ready": 1, "c·2/unreachable": 1}


def test_what_was_revoked_has_no_series_and_what_nobody_renews_no_renewal() -> None:
    one, two, three = credential("a"), credential("b"), credential("c")
    two = msgspec.structs.replace(two, state=State.REVOKED)
    three = msgspec.structs.replace(three, address=Address.login("c1"))
    found = read(LoopMetrics(), one, two, three)
    assert len(found["kubemint_credential_expiry_timestamp_seconds"]) == 2
    assert len(found["kubemint_credential_renewal_timestamp_seconds"]) == 1
    assert sum(found["kubemint_credentials"].values()) == 3


def test_labels_are_bounded() -> None:
    many = [credential(f"n{number}") for number in range(5)]
    elsewhere = msgspec.structs.replace(many[4], address=msgspec.structs.replace(many[4].address, namespace="else"))
    found = read(LoopMetrics(most=3), *many[:4], elsewhere)
    assert len(found["kubemint_credential_expiry_timestamp_seconds"]) == 3
    assert found["kubemint_credentials_without_series"][""] == 2
    found = read(LoopMetrics(namespaces=["else"]), *many[:4], elsewhere)
    assert len(found["kubemint_credential_expiry_timestamp_seconds"]) == 1
    assert sum(found["kubemint_credentials"].values()) == 5, "all are counted"


def test_renewals_are_counted_and_failures_by_the_step_that_failed() -> None:
    metrics = LoopMetrics()
    done = [result("intent", 0), result("write:0", 1), result("commit", 2), result("revoke:0", 40)]
    failed = [result("intent", 0), result("write:12", 1, StepStatus.FAILED), result("undo", 2, StepStatus.UNDONE)]
    metrics.renewed(
        [outcome(True, done), outcome(True, done, "an old one lives on"), outcome(False, failed), outcome(False, ())],
        lambda one: one.address.cluster,
    )
    found = read(metrics)
    assert found["kubemint_renewals_total"] == {"c1": 2}
    assert found["kubemint_renewals_incomplete_total"] == {"c1": 1}
    assert found["kubemint_renewal_failures_total"] == {"c1/write": 1, "c1/plan": 1}
    assert found["kubemint_renewal_duration_seconds_sum"] == {"c1": 4}, "the grace period is no part of it"
