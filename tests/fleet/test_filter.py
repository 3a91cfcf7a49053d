"""The filter's words, each in one of the ways that people expect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, strategies as st

from tui.fleet.fields import OF_AREA, every_field
from tui.fleet.filter import known, parse, unfinished, words_for, wrong
from tui.fleet.rows import AccountRow, ClusterRow, CredentialRow, Reach
from tui.fleet.store import Area, FleetStore, Query
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def credential(name: str, kind: CredentialKind, cluster: str, namespace: str, left: float | None) -> CredentialRow:
    """One that lives for 10 hours, with `left` hours to go."""
    ends = None if left is None else NOW + timedelta(hours=left)
    issued = None if ends is None else ends - timedelta(hours=10)
    address = Address(kind, cluster, namespace, name)
    found = Credential(
        address=address, identity=Identity(cluster, namespace, f"{name}-account"), expires_at=ends, issued_at=issued,
        granted=None if left is None else timedelta(hours=10), kept_in=f"Secret {namespace}/{name}",
        rotate_at=None if issued is None else issued + timedelta(hours=8),
    )  # fmt: skip
    return CredentialRow(credential=found, cluster=cluster, namespace=namespace, name=name)


@pytest.fixture(scope="module")
def store() -> FleetStore:
    store = FleetStore(clock=lambda: NOW)
    store.put(
        credential("runner", CredentialKind.SECRET, "harbor", "ci", 9.0),
        credential("robot", CredentialKind.FILE, "harbor", "web", 0.5),
        credential("gone", CredentialKind.REQUEST, "tenant-a", "ci", -1.0),
        credential("endless", CredentialKind.LEGACY, "tenant-a", "web", None),
        AccountRow(identity=Identity("harbor", "ci", "runner"), labels={"team": "build"}, created_at=NOW),
        AccountRow(identity=Identity("harbor", "web", "api"), created_at=NOW - timedelta(days=40)),
        ClusterRow(name="harbor", reach=Reach.READY, since=NOW, version="v1.34.1"),
        ClusterRow(name="vault", reach=Reach.NEEDS_LOGIN, since=NOW - timedelta(hours=2)),
    )
    return store


@pytest.mark.parametrize(
    ("area", "text", "names"),
    [
        (Area.CREDENTIALS, "", "endless gone robot runner"),
        (Area.CREDENTIALS, "ro !robot", ""),
        (Area.CREDENTIALS, "~rnr", "runner"),
        (Area.CREDENTIALS, "!~rnr", "endless gone robot"),
        (Area.CREDENTIALS, "state:due", "robot"),
        (Area.CREDENTIALS, "ends:2030-01-01", "robot runner"),
        (Area.CREDENTIALS, "ends:2030-01-02", ""),
        (Area.CREDENTIALS, "ends:past", "gone"),
        (Area.CREDENTIALS, "state:due,expired", "gone robot"),
        (Area.CREDENTIALS, "!state:due,expired", "endless runner"),
        (Area.CREDENTIALS, "cluster:harbor", "robot runner"),
        (Area.CREDENTIALS, "ctx:HARB ns:ci", "runner"),
        (Area.CREDENTIALS, "kind:file", "robot"),
        (Area.CREDENTIALS, "kind:request", "gone"),
        (Area.CREDENTIALS, "sa:web/", "endless robot"),
        (Area.CREDENTIALS, "expires<1h", "gone robot"),
        (Area.CREDENTIALS, "expires<1h !state:expired", "robot"),
        (Area.CREDENTIALS, "left>1h", "runner"),
        (Area.CREDENTIALS, "left<1d", "gone robot runner"),
        (Area.CREDENTIALS, "lifetime>9h30m", "gone robot runner"),
        (Area.CREDENTIALS, "age>10h", "gone"),
        (Area.CREDENTIALS, "expires< state: ~ !", "endless gone robot runner"),
        (Area.CREDENTIALS, "secret:harbor/ci/runner", ""),
        (Area.ACCOUNTS, "age>30d", "api"),
        (Area.ACCOUNTS, "label:team=build", "runner"),
        (Area.CREDENTIALS, "label:team=build", ""),
        (Area.CLUSTERS, "label:team", ""),
        (Area.CLUSTERS, "state:needs", "vault"),
        (Area.CLUSTERS, "age>1h", "vault"),
        (Area.CLUSTERS, "version:1.34", "harbor"),
    ],
)  # fmt: skip
def test_words(store: FleetStore, area: Area, text: str, names: str) -> None:
    rows = store.view(area, query=Query(text=text))
    found: Sequence[str] = [row.identity.name if isinstance(row, AccountRow) else row.name for row in rows]
    assert " ".join(sorted(found)) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cluster:pier", True),
        ("cluster:bay", False),
        ("in:bay", True),
        ("in:pier", False),
        ("00AABBCC", True),
        ("fingerprint:00aabb", True),
        ("0F1E2D3C-aaaa-bbbb", True),  # the token's id, as audit logs write it
        ("kubemint-copied-bcdf", True),
        ("pier/web/kubemint-copied-bcdf", True),
        ("handle:pier/web/kubemint-copied-bcdf", True),
        ("uid-of-the-original", True),
        ("~kbmntcpd", False),  # letters in order look only through what is seen
    ],
)
def test_what_names_exactly_one_credential_finds_it_and_a_cluster_is_what_its_column_says(
    text: str, found: bool
) -> None:
    row = credential("copied", CredentialKind.SECRET, "bay", "web", 9.0)
    told = msgspec.structs.replace(
        row.credential, fingerprint="00aabbccddeeff", token_id="0f1e2d3c-aaaa-bbbb",
        handle=Handle("pier", "web", "kubemint-copied-bcdf", "uid-1"),
        bound_to=Handle("pier", "web", "kubemint-original-bcdf", "uid-of-the-original"),
        identity=Identity("pier", "web", "copied"),
    )  # fmt: skip
    store = FleetStore(clock=lambda: NOW)
    store.put(msgspec.structs.replace(row, credential=told, cluster="pier"))
    assert bool(len(store.view(Area.CREDENTIALS, query=Query(text=text)))) is found


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_filter(text: str) -> None:
    for term in parse(text):
        term.holds("some text\nof a row", lambda field: "x" if field == "state" else None)
    unfinished(text)
    words_for(text)


def test_what_is_not_finished_says_what_to_type() -> None:
    assert "30m, 2h, 7d" in unfinished("robot expires<1")
    assert "several with commas" in unfinished("!state:")
    assert unfinished("state:due") == unfinished("file:/x") == ""


def test_a_word_for_what_these_rows_do_not_have_says_so() -> None:
    accounts = OF_AREA[Area.ACCOUNTS]
    assert unfinished("robot target:x", accounts) == "these rows have no target"
    assert unfinished("!expires<1h", accounts) == "these rows have no expires"
    assert unfinished("label:team=build age>1d", accounts) == unfinished("file:/x", accounts) == ""
    assert "30m, 2h, 7d" in unfinished("age>", accounts)


def test_only_the_fields_of_these_rows_are_completed() -> None:
    assert words_for("t", OF_AREA[Area.ACCOUNTS]) == []
    assert words_for("t", OF_AREA[Area.REQUESTS]) == ["type:", "target:"]
    assert words_for("l", OF_AREA[Area.ACCOUNTS]) == ["label:"]


def test_fields_are_completed() -> None:
    assert words_for("robot !st") == ["robot !state:", "robot !step:"]
    assert words_for("exp") == ["expires<"]
    assert not words_for("robot ")
    assert set(words_for("n")) == {word for word in known(every_field()) if word.startswith("n")}


def test_a_field_that_there_is_not_names_the_nearest() -> None:
    credentials, accounts = OF_AREA[Area.CREDENTIALS], OF_AREA[Area.ACCOUNTS]
    assert unfinished("stat:due", credentials) == "there is no field stat; did you mean state:?"
    assert unfinished("stat:due robot", credentials) == "there is no field stat; did you mean state:?"
    assert unfinished("!expries<1h", credentials).endswith("did you mean expires<?")
    assert "there is cluster:" in unfinished("zzzzzz:x", accounts)
    for plain in (
        "file:/x",
        "secret:harbor/ci/runner",
        "https://10.0.0.1:6443",
        "localhost:6443",
        "~stat:x",
        "system:x",
    ):
        assert wrong(plain, credentials) == ""
    assert wrong("expires< robot", credentials)
    assert wrong("state: robot", credentials)
    assert wrong("state:due expires<7d robot", credentials) == ""
