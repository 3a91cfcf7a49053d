"""Names that nobody has seen: said of a cluster whose accounts were all read, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tui.fleet.names_known import doubts
from tui.fleet.rows import AccountRow, ClusterRow, Reach
from tui.fleet.store import FleetStore
from tui.issuance.model.types import Identity

READ = ClusterRow(name="c", reach=Reach.READY, synced_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("namespace", "account", "said"),
    [
        ("ci", "robot", []),
        ("ci", "", []),
        ("", "nobody", []),
        ("ci", "nobody", ["no service account nobody was seen in ci"]),
        ("no\x1b[2Jwhere", "robot", ["no namespace no·[2Jwhere was seen in c"]),
    ],
)
def test_what_was_not_seen(namespace: str, account: str, said: list[str]) -> None:
    store = FleetStore()
    store.put(READ, *(AccountRow(identity=Identity("c", "ci", name)) for name in ("default", "robot")))
    assert [*doubts(store, "c", {"namespaces": namespace, "serviceaccounts": account}).values()] == said


@pytest.mark.parametrize(
    "row",
    [
        ClusterRow(name="c", reach=Reach.UNREACHABLE, synced_at=READ.synced_at),
        ClusterRow(name="c", reach=Reach.READY),
        ClusterRow(name="c", reach=Reach.READY, synced_at=READ.synced_at, missing=("service accounts: no right",)),
    ],
    ids=["silent", "not-read", "not-all"],
)
def test_a_cluster_that_was_not_read_says_nothing(row: ClusterRow) -> None:
    store = FleetStore()
    store.put(row)
    assert doubts(store, "c", {"namespaces": "nowhere", "serviceaccounts": "nobody"}) == {}
    assert doubts(store, "elsewhere", {"namespaces": "nowhere"}) == {}
