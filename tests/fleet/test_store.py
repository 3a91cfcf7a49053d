"""The fleet store: order, filters, views, and what subscribers hear."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach, RequestRow
from tui.fleet.store import Area, FleetChange, FleetStore, Query, View
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def row(
    name: str,
    minutes: float | None = 60,
    *,
    cluster: str = "harbor",
    namespace: str = "default",
    kind: CredentialKind = CredentialKind.SECRET,
    state: State = State.VALID,
) -> CredentialRow:
    """A credential of one hour that expires `minutes` from NOW; None never expires."""
    expires = None if minutes is None else NOW + timedelta(minutes=minutes)
    credential = Credential(
        address=Address(kind, cluster, namespace, name),
        identity=Identity(cluster, namespace, f"{name}-account"),
        requested=timedelta(hours=1),
        granted=timedelta(hours=1),
        issued_at=None if expires is None else expires - timedelta(hours=1),
        expires_at=expires,
        state=state if minutes is not None else State.ENDLESS,
    )
    return CredentialRow(credential=credential, cluster=cluster, namespace=namespace, name=name)


def names(view: View) -> list[str]:
    return [r.name for r in view if isinstance(r, CredentialRow | ClusterRow | RequestRow)]


@pytest.fixture
def store() -> FleetStore:
    return FleetStore(clock=lambda: NOW)


def test_credentials_come_in_order_of_expiry_and_what_never_expires_comes_last(store: FleetStore) -> None:
    store.put(row("c", 30), row("endless", None), row("a", 10), row("b", 20))
    assert names(store.view(Area.CREDENTIALS)) == ["a", "b", "c", "endless"]


def test_reversed_order_still_ends_with_what_never_expires(store: FleetStore) -> None:
    store.put(row("c", 30), row("endless", None), row("a", 10))
    assert names(store.view(Area.CREDENTIALS, query=Query(reverse=True))) == ["c", "a", "endless"]


def test_ties_are_broken_by_key_whatever_the_order_of_arrival(store: FleetStore) -> None:
    rows = [row(f"n{i:02}", 5) for i in range(20)]
    random.Random(1).shuffle(rows)
    store.put(*rows)
    assert names(store.view(Area.CREDENTIALS)) == [f"n{i:02}" for i in range(20)]


@pytest.mark.parametrize("changes", [1, 50, 500], ids=["one", "few", "many"])
def test_a_view_after_changes_equals_one_sorted_from_scratch(store: FleetStore, changes: int) -> None:
    rng = random.Random(changes)
    rows = {f"n{i}": row(f"n{i}", rng.choice([None, rng.randrange(300)])) for i in range(1000)}
    store.put(*rows.values())
    store.view(Area.CREDENTIALS)
    for _ in range(changes):
        name = f"n{rng.randrange(1200)}"
        if rng.random() < 0.4:
            store.drop(CredentialRow, row(name).key)
            rows.pop(name, None)
        else:
            rows[name] = row(name, rng.choice([None, rng.randrange(300)]))
            store.put(rows[name])
    last = datetime.max.replace(tzinfo=UTC)
    expected = sorted(rows.values(), key=lambda r: (r.credential.expires_at or last, r.key))
    view = store.view(Area.CREDENTIALS)
    assert list(view) == expected
    assert [view.key_at(i) for i in range(len(view))] == [r.key for r in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["ci-bot", "ci-runner", "Robot"]),
        ("ci", ["ci-bot", "ci-runner"]),
        ("CI BOT", ["ci-bot"]),
        ("!ci", ["Robot"]),
        ("ci !bot", ["ci-runner"]),
        ("!", ["ci-bot", "ci-runner", "Robot"]),
        ("tenant-a", ["ci-runner"]),
        ("kube-system", ["Robot"]),
        ("managed", ["ci-bot", "ci-runner"]),
        ("file", ["Robot"]),
        ("nothing-like-it", []),
    ],
)
def test_filter_words(store: FleetStore, text: str, expected: list[str]) -> None:
    store.put(
        row("ci-bot", 1),
        row("ci-runner", 2, cluster="tenant-a"),
        row("Robot", 3, namespace="kube-system", kind=CredentialKind.FILE),
    )
    view = store.view(Area.CREDENTIALS, query=Query(text=text))
    assert names(view) == expected
    assert view.total == 3


@pytest.mark.parametrize(
    "word", ["robot-12", "ns:n1 robot", "robot !obot-1", "due", "r~bt", "state:valid ro", "ro ro bo"]
)
def test_a_letter_more_finds_what_a_new_filter_finds(word: str) -> None:
    """Letter by letter, then back again, with changes between."""
    typed, fresh = FleetStore(clock=lambda: NOW), FleetStore(clock=lambda: NOW)
    rows = [row(f"robot-{number}", number, namespace=f"n{number % 3}") for number in range(40)]
    for one in (typed, fresh):
        one.put(*rows)
    for at in (*range(1, len(word) + 1), *range(len(word), 0, -1)):
        query = Query(text=word[:at])
        assert [one.key for one in typed.view(Area.CREDENTIALS, query=query)] == [
            one.key for one in _anew(fresh).view(Area.CREDENTIALS, query=query)
        ], word[:at]
        if at == 3:
            for one in (typed, fresh):
                one.put(row("robot-121", 5, namespace="n1"))
                one.drop(CredentialRow, rows[12].key)


def _anew(store: FleetStore) -> FleetStore:
    found = FleetStore(clock=lambda: NOW)
    found.put(*store.credentials.values())
    return found


def test_filter_by_state_follows_the_clock() -> None:
    now = [NOW]
    store = FleetStore(clock=lambda: now[0])
    store.put(row("soon", 50), row("later", 500))
    query = Query(text="expired")
    assert names(store.view(Area.CREDENTIALS, query=query)) == []
    now[0] += timedelta(minutes=51)
    assert names(store.view(Area.CREDENTIALS, query=query)) == ["soon"]
    assert names(store.view(Area.CREDENTIALS, query=Query(text="!expired"))) == ["later"]


def test_states_follow_the_clock_of_the_cluster(store: FleetStore) -> None:
    store.put(row("soon", 5), row("soon", 5, cluster="ahead"))
    store.put(ClusterRow(name="harbor"), ClusterRow(name="ahead", skew=600.0))
    assert [view_row.key for view_row in store.view(Area.CREDENTIALS, query=Query(text="expired"))] == [
        "secret:ahead/default/soon"
    ]


def test_a_cluster_shows_what_leads_to_it_and_what_is_kept_in_it(store: FleetStore) -> None:
    kept = row("kept", 1, cluster="harbor")
    leads = CredentialRow(credential=kept.credential, cluster="tenant-a", namespace="default", name="kept")
    store.put(leads)
    for cluster in ("harbor", "tenant-a"):
        assert names(store.view(Area.CREDENTIALS, query=Query(cluster=cluster))) == ["kept"]
    assert len(store.view(Area.CREDENTIALS, query=Query(cluster="tenant-b"))) == 0


def test_m01_five_states_are_told_apart_in_words(store: FleetStore) -> None:
    store.put(
        row("fine", 55),
        row("soon", 6),
        row("over", -1),
        row("gone", 30, state=State.REVOKED),
        row("odd", 30, kind=CredentialKind.FILE),
    )
    odd = store.credentials["file:odd"]
    store.put(replace(odd, credential=replace(odd.credential, issued_at=None)))
    for name, word in (
        ("fine", "valid"),
        ("soon", "due"),
        ("over", "expired"),
        ("gone", "revoked"),
        ("odd", "unknown"),
    ):
        assert names(store.view(Area.CREDENTIALS, query=Query(text=word))) == [name]


def test_m07_after_a_suspend_states_are_right_at_once() -> None:
    now = [NOW]
    store = FleetStore(clock=lambda: now[0])
    store.put(row("robot", 30))
    assert len(store.view(Area.CREDENTIALS, query=Query(text="valid"))) == 1
    now[0] += timedelta(days=3)
    assert len(store.view(Area.CREDENTIALS, query=Query(text="valid"))) == 0
    assert len(store.view(Area.CREDENTIALS, query=Query(text="expired"))) == 1


def test_sort_by_state_puts_what_needs_somebody_first(store: FleetStore) -> None:
    store.put(row("fine", 55), row("gone", -5), row("endless", None), row("soon", 6))
    view = store.view(Area.CREDENTIALS, query=Query(sort="state"))
    assert names(view) == ["gone", "soon", "endless", "fine"]
    assert names(store.view(Area.CREDENTIALS, query=Query(sort="state", reverse=True)))[0] == "fine"


def test_cluster_namespace_and_identity_narrow_a_view(store: FleetStore) -> None:
    store.put(row("a", 1), row("b", 2, cluster="tenant-a"), row("c", 3, namespace="kube-system"))
    assert names(store.view(Area.CREDENTIALS, query=Query(cluster="harbor"))) == ["a", "c"]
    assert names(store.view(Area.CREDENTIALS, query=Query(cluster="harbor", namespace="default"))) == ["a"]
    identity = Identity("tenant-a", "default", "b-account")
    assert names(store.view(Area.CREDENTIALS, query=Query(identity=identity))) == ["b"]
    assert [r.name for r in store.credentials_of(identity)] == ["b"]


def test_credentials_of_an_identity_follow_changes(store: FleetStore) -> None:
    store.put(row("a", 1))
    identity = Identity("harbor", "default", "a-account")
    store.put(row("a", 9))
    assert [r.credential.expires_at for r in store.credentials_of(identity)] == [NOW + timedelta(minutes=9)]
    store.drop(CredentialRow, row("a").key)
    assert store.credentials_of(identity) == []


def test_unknown_sort_names_the_ones_there_are(store: FleetStore) -> None:
    with pytest.raises(ValueError, match="cannot be sorted by 'latency'; there is expires, "):
        store.view(Area.CREDENTIALS, query=Query(sort="latency"))


def test_every_sort_of_every_area_can_be_used(store: FleetStore) -> None:
    from tui.fleet.store import sorts

    store.put(
        row("a", 1),
        row("b", None),
        ClusterRow(name="harbor", version="v1.36.2", latency=0.1, since=NOW),
        ClusterRow(name="island", reach=Reach.UNREACHABLE),
        AccountRow(identity=Identity("harbor", "default", "a"), created_at=NOW),
        AccountRow(identity=Identity("harbor", "default", "b")),
        RequestRow(
            cluster="harbor", namespace="dpf", name="r1", kind=REQUEST, created_at=NOW, credential=row("r1").credential
        ),
        RequestRow(cluster="harbor", namespace="dpf", name="r2", kind=REQUEST),
    )
    for area in Area:
        for sort in sorts(area):
            for reverse in (False, True):
                assert len(store.view(area, query=Query(sort=sort, reverse=reverse))) == 2


def test_a_view_is_a_snapshot_and_the_same_until_something_changes(store: FleetStore) -> None:
    store.put(row("a", 1))
    first = store.view(Area.CREDENTIALS)
    assert store.view(Area.CREDENTIALS) is first
    store.put(row("b", 0.5))
    assert names(first) == ["a"]
    assert names(store.view(Area.CREDENTIALS)) == ["b", "a"]


def test_find_tells_where_a_row_is(store: FleetStore) -> None:
    store.put(row("a", 1), row("b", 2))
    view = store.view(Area.CREDENTIALS, query=Query(text="default/b"))
    assert view.find(row("b").key) == 0
    assert view.find(row("a").key) is None


def test_subscribers_hear_kinds_and_clusters_once_per_flush() -> None:
    asked: list[int] = []
    store = FleetStore(schedule=lambda: asked.append(1))
    heard: list[FleetChange] = []
    unsubscribe = store.subscribe(heard.append)
    store.put(row("a", 1), row("b", 2, cluster="tenant-a"))
    store.put(ClusterRow(name="fjord"))
    assert heard == []
    assert asked
    store.flush()
    store.flush()
    assert heard == [
        FleetChange(
            frozenset({CredentialRow, ClusterRow}),
            frozenset({"harbor", "tenant-a", "fjord"}),
            frozenset({row("a", 1).credential.address, row("b", 2, cluster="tenant-a").credential.address}),
        ),
    ]
    unsubscribe()
    store.put(row("c", 1))
    store.flush()
    assert len(heard) == 1


def test_an_equal_row_is_no_change(store: FleetStore) -> None:
    store.put(row("a", 1))
    heard: list[FleetChange] = []
    store.subscribe(heard.append)
    store.put(row("a", 1))
    store.drop(CredentialRow, "secret:harbor/default/unknown")
    assert heard == []


def test_fifty_thousand_rows_stay_quick(store: FleetStore) -> None:
    """Generous bounds (ten times what an ordinary machine needs): they catch an accidental sort per change."""
    rng = random.Random(5)
    rows = [row(f"name-{i}", rng.randrange(1, 100_000), namespace=f"ns-{i % 50}") for i in range(50_000)]
    for page in range(0, 50_000, 5000):
        store.put(*rows[page : page + 5000])
        store.view(Area.CREDENTIALS)
    changes = []
    for i in range(20):
        began = time.perf_counter()
        store.put(row(f"name-{i * 7}", 5 + i))
        store.view(Area.CREDENTIALS)
        changes.append(time.perf_counter() - began)
    began = time.perf_counter()
    view = store.view(Area.CREDENTIALS, query=Query(text="ns-7 !name-1"))
    filtering = time.perf_counter() - began
    assert 0 < len(view) < 5000
    assert min(changes) < 0.05, "whatever else the machine does"
    assert filtering < 2
