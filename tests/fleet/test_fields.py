"""The fields of rows: what a column shows is what sorts, filters and prints, and one Field is all that one needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import field_rows
from tests.fleet.field_rows import AHEAD, NOW, now_in
from tui.fleet.decode import Account, labels_of
from tui.fleet.fields import (
    JOURNAL,
    OF_AREA,
    Cell,
    Field,
    every_field,
    in_list,
    on_screen,
    sort_fields,
    sorts,
    words_of,
)
from tui.fleet.fields.findings import FIELDS as FINDINGS
from tui.fleet.fields.powers import FIELDS as POWERS
from tui.fleet.filter import known, words_for
from tui.fleet.query import AREA_OF, Area, Query, clock_of
from tui.fleet.rows import AccountRow, ClusterRow, Row
from tui.fleet.store import FleetStore
from tui.headless.records import record
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Identity

GOLDEN = Path(__file__).parents[1] / "cli" / "list.json"


@pytest.fixture
def store() -> FleetStore:
    store = FleetStore(clock=lambda: NOW)
    store.put(ClusterRow(name=AHEAD, skew=600.0))
    for rows in field_rows.OF_AREA.values():
        store.put(*rows)
    return store


def keys(rows: Sequence[Row]) -> list[str]:
    return [row.key for row in rows]


def found(store: FleetStore, area: Area, text: str) -> list[str]:
    return sorted(keys(store.view(area, query=Query(text=text))))


def shown(row: Row, name: str) -> str:
    field = next(field for field in OF_AREA[AREA_OF[type(row)]] if field.id == name)
    return str(field.cell(row, now_in(clock_of(row))).text)


def printed(row: Row, title: str) -> str:
    fields = in_list(OF_AREA[AREA_OF[type(row)]], wide=True)
    return next(field.printed(row, now_in(clock_of(row))) for field in fields if field.title == title)


def test_one_field_is_a_column_sorts_filters_completes_and_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door: whoever adds this one line to the accounts has added all of it."""
    store = FleetStore(clock=lambda: NOW)
    one = AccountRow(identity=Identity("harbor", "ci", "one"), uid="b")
    other = AccountRow(identity=Identity("harbor", "ci", "other"), uid="a")
    field = Field[AccountRow]("owner", "OWNER", value=lambda row: f"owner {row.uid}", json="owner")
    monkeypatch.setitem(OF_AREA, Area.ACCOUNTS, (*OF_AREA[Area.ACCOUNTS], field))
    store.put(one, other)

    table = on_screen(OF_AREA[Area.ACCOUNTS])
    assert (table[-1].title, table[-1].cell(one, NOW)) == ("OWNER", Cell("owner b"))
    assert [field.id for field in on_screen(OF_AREA[Area.ACCOUNTS], ["owner", "name"])] == ["owner", "name"]
    assert "owner" in sorts(Area.ACCOUNTS)
    assert keys(store.view(Area.ACCOUNTS, query=Query(sort="owner"))) == [other.key, one.key]
    assert keys(store.view(Area.ACCOUNTS, query=Query(text="owner:a"))) == [other.key]
    assert keys(store.view(Area.ACCOUNTS, query=Query(text="!owner:a"))) == [one.key]
    assert keys(store.view(Area.ACCOUNTS, query=Query(text="owner"))) == [one.key, other.key], "plain words find it too"
    assert words_for("own", OF_AREA[Area.ACCOUNTS]) == ["owner:"]
    assert "owner:" in words_for("own")
    assert field not in in_list(OF_AREA[Area.ACCOUNTS], wide=False)
    assert in_list(OF_AREA[Area.ACCOUNTS], wide=True)[-1] is field
    assert field.printed(one, NOW) == "owner b"
    assert list(record(one, now_in).items())[-1] == ("owner", "owner b")


def test_a_field_that_is_an_instant_sorts_by_it_and_is_compared_with_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FleetStore(clock=lambda: NOW)
    early = AccountRow(identity=Identity("harbor", "ci", "z"), created_at=NOW - timedelta(days=2))
    late = AccountRow(identity=Identity("harbor", "ci", "a"), created_at=NOW - timedelta(hours=1))
    never = AccountRow(identity=Identity("harbor", "ci", "n"))
    seen = Field[AccountRow]("seen", "SEEN", at=lambda row: row.created_at, past=True, json="seenAt")
    monkeypatch.setitem(OF_AREA, Area.ACCOUNTS, (*OF_AREA[Area.ACCOUNTS], seen))
    store.put(early, late, never)
    assert keys(store.view(Area.ACCOUNTS, query=Query(sort="seen"))) == [early.key, late.key, never.key]
    assert keys(store.view(Area.ACCOUNTS, query=Query(sort="seen", reverse=True))) == [late.key, early.key, never.key]
    assert keys(store.view(Area.ACCOUNTS, query=Query(text="seen>1d"))) == [early.key]
    assert words_for("see", OF_AREA[Area.ACCOUNTS]) == ["seen<"]
    assert record(early, now_in)["seenAt"] == "2029-12-30T12:00:00Z"
    assert record(never, now_in)["seenAt"] is None


def test_the_json_of_list_is_what_it_was_byte_for_byte() -> None:
    """Programs read it: a key may be added at the end, none may change."""
    now = {area.value: [record(row, now_in) for row in rows] for area, rows in field_rows.OF_AREA.items()}
    assert json.dumps(now, indent=1) + "\n" == GOLDEN.read_text()


@pytest.mark.parametrize("area", Area)
def test_what_is_printed_is_what_the_table_shows(area: Area) -> None:
    for field in on_screen(OF_AREA[area]):
        for row in field_rows.OF_AREA[area]:
            now = now_in(clock_of(row))
            cell, text = field.cell(row, now).text, field.printed(row, now)
            assert (text or "–") == cell, (field.id, row.key)


@pytest.mark.parametrize("area", Area)
def test_what_the_table_shows_is_found_by_its_words(area: Area) -> None:
    """Whatever a column that has a word shows: that word finds the row by it."""
    for field in on_screen(OF_AREA[area]):
        for row in field_rows.OF_AREA[area]:
            now = now_in(clock_of(row))
            text = field.cell(row, now).text
            if field.words and text != "–":
                assert text in str(words_of(OF_AREA[area])[field.words[0]](row, now)), (field.id, row.key)


@pytest.mark.parametrize("area", Area)
def test_a_column_of_words_is_sorted_by_what_it_shows(store: FleetStore, area: Area) -> None:
    ranked = {"cluster", "ready", "reach", "state"}  # by place, and the worst first
    for field in on_screen(OF_AREA[area]):
        if field.value is None or field.id in ranked:
            continue
        rows = store.view(area, query=Query(sort=field.sort or ""))
        texts = [shown(row, field.id).casefold() for row in rows]
        said = [text for text in texts if text != "–"]
        assert said == sorted(said), field.id
        assert texts == said + ["–"] * (len(texts) - len(said)), "what says nothing comes last"


def test_the_account_of_a_request_is_one_thing(store: FleetStore) -> None:
    """It was shown by one rule, sorted and filtered by another, and not printed where a push carries it."""
    push = next(row for row in field_rows.REQUESTS if row.name == "push-robot")
    assert shown(push, "account") == printed(push, "ACCOUNT") == "ci/robot-account"
    assert found(store, Area.REQUESTS, "account:ci/robot") == [push.key]
    order = keys(store.view(Area.REQUESTS, query=Query(sort="account")))
    assert order.index(push.key) == 1, "between ci/dpu and dpf/self"


def test_a_file_with_a_shoots_certificate_says_sorts_and_is_found_as_a_shoot(store: FleetStore) -> None:
    """Its KIND said `shoot` and sorted as `file`."""
    shoot = next(row for row in field_rows.CREDENTIALS if row.credential.shoot is not None)
    assert shown(shoot, "kind") == printed(shoot, "KIND") == "shoot"
    assert found(store, Area.CREDENTIALS, "kind:shoot") == [shoot.key]
    kinds = [shown(row, "kind") for row in store.view(Area.CREDENTIALS, query=Query(sort="kind"))]
    assert kinds == sorted(kinds, key=str.casefold)
    assert kinds.index("shoot") > kinds.index("managed Secret")


def test_who_a_credential_speaks_for_is_sorted_as_it_is_shown(store: FleetStore) -> None:
    """It was sorted and printed with a cluster before it that the column does not show."""
    rows = store.view(Area.CREDENTIALS, query=Query(sort="account"))
    said = [shown(row, "account") for row in rows]
    assert said[:5] == [
        "ci/dpu-01-account",
        "ci/robot-account",
        "kube-system/old",
        "viewer of garden-dev/api",
        "web/api",
    ]
    assert found(store, Area.CREDENTIALS, "sa:viewer") == ["file:/srv/shoot.kubeconfig"]
    assert printed(rows[0], "IDENTITY") == said[0]
    assert printed(rows[0], "CLUSTER") == AHEAD, "so the cluster that it leads to is printed beside it"


def test_the_state_of_a_request_follows_the_clock_that_its_credentials_stamps_are_of(store: FleetStore) -> None:
    """The dashboard took the clock of the cluster that keeps the request, `list` that of the one it is for."""
    request = next(row for row in field_rows.REQUESTS if row.name == "dpu-01")
    assert clock_of(request) == AHEAD != request.cluster
    assert found(store, Area.REQUESTS, "state:expired") == [request.key]
    assert shown(request, "state") == printed(request, "STATE") == record(request, now_in)["state"] == "expired"


def test_what_is_the_same_cluster_is_printed_and_found_as_it_is_shown(store: FleetStore) -> None:
    new = next(row for row in field_rows.REQUESTS if row.name == "new")
    assert shown(new, "target") == printed(new, "TARGET") == "same cluster"
    assert new.key in found(store, Area.REQUESTS, "target:same")


def test_readiness_is_sorted_by_what_it_says_the_worst_first(store: FleetStore) -> None:
    said = [shown(row, "ready") for row in store.view(Area.REQUESTS, query=Query(sort="ready"))]
    assert said == ["InvalidProviderConfig", "going", "none", "Declared", "Synced", "yes"]
    assert found(store, Area.REQUESTS, "ready:going") == ["harbor/dpf/gone"]


def test_a_cluster_is_found_by_the_word_that_its_deliverer_says_of_it(store: FleetStore) -> None:
    """`Creating` was shown and printed, but only `not ready` found it."""
    assert found(store, Area.CLUSTERS, "state:creating") == ["harbor/dpf/tenant-b"]
    assert found(store, Area.CLUSTERS, "state:not") == ["garden/garden-dev/api", "harbor/dpf/tenant-b"]


def test_what_a_cluster_lacks_is_shown_sorted_and_printed_alike(store: FleetStore) -> None:
    fjord = next(row for row in field_rows.CLUSTERS if row.name == "fjord")
    says = "its clock jumps; no Roles: no right to list roles"
    assert shown(fjord, "message") == printed(fjord, "SAYS") == says
    order = keys(store.view(Area.CLUSTERS, query=Query(sort="message")))
    assert order[:2] == ["harbor/dpf/tenant-b", "fjord"], "what says nothing comes last"


def test_what_was_revoked_has_no_time_left_wherever_it_is_asked(store: FleetStore) -> None:
    """LEFT says `revoked`; `expires<` found it by a stamp that no longer means anything."""
    revoked = next(row for row in field_rows.CREDENTIALS if row.credential.address.name.startswith("/srv/revoked"))
    assert shown(revoked, "left") == printed(revoked, "LEFT") == "revoked"
    assert revoked.key not in found(store, Area.CREDENTIALS, "expires<30d")
    order = keys(store.view(Area.CREDENTIALS, query=Query(sort="expires")))
    assert order.index(revoked.key) > order.index("login:vault")


def test_what_is_not_renewed_is_not_sorted_as_if_it_were(store: FleetStore) -> None:
    order = keys(store.view(Area.CREDENTIALS, query=Query(sort="rotate")))
    assert [shown(row, "renews") for row in field_rows.CREDENTIALS if row.key == "login:vault"] == ["no"]
    assert order.index("login:vault") > order.index("secret:harbor/dpf/robot")


@pytest.mark.parametrize("fields", [*OF_AREA.values(), JOURNAL, FINDINGS, POWERS])
def test_fields_can_be_told_apart(fields: tuple[Field[Any], ...]) -> None:
    ids = [field.id for field in fields]
    assert len(ids) == len(set(ids))
    for given in ([field.json for field in fields if field.json], [column.title for column in on_screen(fields)],
                  [word for field in fields for word in (*(field.words or ()), *(field.lengths or ()))]):  # fmt: skip
        assert len(given) == len(set(given)), "one key, one title, one word"
    for places in ([f.screen for f in on_screen(fields)], [f.prints for f in in_list(fields, wide=False)]):
        assert len(places) == len(set(places)), "no two in one place"
    assert all(column.sort for column in on_screen(fields))


def test_no_word_of_a_filter_begins_an_address() -> None:
    """So that an address can be typed, or pasted, as it is."""
    assert not {word.rstrip(":<") for word in known(every_field())} & {kind.value for kind in CredentialKind}


@pytest.mark.parametrize("area", Area)
def test_every_field_of_every_row_can_be_asked_for_everything(area: Area) -> None:
    for field in OF_AREA[area]:
        for row in field_rows.OF_AREA[area]:
            field.cell(row, NOW), field.data(row, NOW), field.printed(row, NOW), field.text(row)
            field.order(row, NOW), field.asked(row, NOW), field.measured(row, NOW)
            if field.changes is not None:
                at = field.changes(row, NOW)
                assert at is None or at > NOW
    assert set(sorts(area)) == set(sort_fields(area))


def test_labels_are_found_in_every_list(store: FleetStore) -> None:
    assert found(store, Area.REQUESTS, "label:team=dpu") == ["harbor/dpf/dpu-01"]
    assert found(store, Area.CLUSTERS, "label:team=dev") == ["garden/garden-dev/api"]
    assert "harbor/dpf/dpu-01" not in found(store, Area.REQUESTS, "!label:team")
    for area in Area:
        assert "label:" in known(OF_AREA[area])


def test_labels_come_with_the_objects_that_rows_are_read_from() -> None:
    """Also those of an object that somebody else's client wrote badly."""
    note = {"metadata": {"name": "x", "namespace": "ci", "labels": {"team": "build", "odd": 1}}}
    assert labels_of(note) == {"team": "build"}
    assert labels_of({"metadata": {"labels": None}}) == labels_of({}) == {}
    assert labels_of(Account()) == {}
