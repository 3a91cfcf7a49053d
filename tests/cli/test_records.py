"""What rows look like for people and programs, without any process or server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.fleet.test_store import NOW, row
from tui.fleet.apart import row_apart
from tui.fleet.fields import OF_AREA, in_list
from tui.fleet.moments import rfc3339
from tui.fleet.query import clock_of
from tui.fleet.rows import ENTER, AccountRow, ClusterRow, CredentialRow, RequestRow
from tui.fleet.store import Area
from tui.headless.output import cells, print_table
from tui.headless.records import credential_record, name_of, record
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.families.gardener.apart import ShootFacts, told_of
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, State


def now(cluster: str) -> datetime:
    return NOW + (timedelta(minutes=10) if cluster == "ahead" else timedelta(0))


def line(area: Area, shown: CredentialRow | RequestRow | AccountRow | ClusterRow) -> dict[str, str]:
    fields = in_list(OF_AREA[area], wide=True)
    return {field.title: field.printed(shown, now(clock_of(shown))) for field in fields}


def test_a23_asked_24_h_and_got_2_h() -> None:
    credential = Credential(
        address=Address(CredentialKind.SECRET, "harbor", "default", "robot"),
        requested=timedelta(hours=24),
        granted=timedelta(hours=2),
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=2),
        state=State.VALID,
    )
    shown = line(Area.CREDENTIALS, CredentialRow(credential=credential, cluster="harbor"))
    assert shown["GRANTED / ASKED"] == "2h / 24h capped"
    assert shown["LEFT"] == "2h 00m"
    data = credential_record(credential, NOW)
    assert (data["requestedSeconds"], data["grantedSeconds"], data["secondsLeft"]) == (86400, 7200, 7200)


def test_e07_expired_by_the_clock_of_the_server() -> None:
    here, there = row("robot", 5), row("robot", 5, cluster="ahead")
    assert record(here, now)["state"] == "due"
    assert record(there, now)["state"] == "expired"
    assert record(there, now)["secondsLeft"] == -300
    assert line(Area.CREDENTIALS, there)["LEFT"] == "expired"


def test_what_was_revoked_has_no_time_left_and_is_not_renewed() -> None:
    credential = Credential(
        address=Address(CredentialKind.FILE, "", "", "/robot.kubeconfig"),
        granted=timedelta(hours=8),
        issued_at=NOW,
        expires_at=NOW + timedelta(hours=8),
        state=State.REVOKED,
    )
    shown = line(Area.CREDENTIALS, CredentialRow(credential=credential, cluster="harbor"))
    assert (shown["LEFT"], shown["STATE"], shown["RENEWS"]) == ("revoked", "revoked", "")


def test_what_never_expires_has_no_times() -> None:
    data = record(row("endless", None), now)
    assert data["state"] == "never expires"
    assert [data[key] for key in ("issuedAt", "expiresAt", "rotateAt", "secondsLeft")] == [None] * 4


def test_a_request_without_a_credential_is_pending() -> None:
    request = RequestRow(cluster="harbor", namespace="dpf", name="new", kind=REQUEST)
    assert record(request, now)["state"] == "pending"
    assert line(Area.REQUESTS, request)["STATE"] == "pending"
    assert name_of(request) == "request:harbor/dpf/new"


def test_files_belong_to_the_cluster_they_lead_to() -> None:
    credential = Credential(
        address=Address(CredentialKind.FILE, "", "", "/home/me/robot.kc"),
        identity=Identity("tenant-a", "default", "robot"),
    )
    data = record(CredentialRow(credential=credential, cluster="tenant-a", name="/home/me/robot.kc"), now)
    assert (data["cluster"], data["namespace"], data["name"]) == ("tenant-a", None, "/home/me/robot.kc")
    assert data["state"] == "unknown"


def test_times_are_whole_seconds_in_utc() -> None:
    at = datetime.fromisoformat("2026-11-23T13:00:00.999+01:00")
    assert rfc3339(at) == "2026-11-23T12:00:00Z"
    assert rfc3339(None) is None
    assert at.tzinfo is not UTC


def test_tables_align_and_stay_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["plain", "宽字", "\x1b[31mred\x1b[0m", "a\u202eb", ""]
    print_table(("NAME", "LENGTH"), [(text, str(len(text))) for text in texts])
    lines = capsys.readouterr().out.splitlines()
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    starts = {cells(text[: text.rindex("  ") + 2]) for text in lines}
    assert len(starts) == 1, lines
    assert lines[-1].split() == ["-", "0"]


def test_a_table_without_rows_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME",), [])
    assert capsys.readouterr().out == ""


def test_what_can_be_done_about_a_shoot_is_a_command_and_no_key() -> None:
    about = ShootFacts(addresses=(("external", "https://api.meadow"),))
    shoot = row_apart(told_of("my garden", "garden-dev", "meadow", about), NOW)
    assert shoot.hint == ENTER
    command = "kubemint issue --context 'my garden' --shoot garden-dev/meadow --out FILE"
    said = f"`{command}` writes a kubeconfig for it"
    assert record(shoot, now)["hint"] == said
    assert line(Area.CLUSTERS, shoot)["WHAT TO DO"] == said
    assert not any("enter" in text for text in line(Area.CLUSTERS, shoot).values())
    other = msgspec.structs.replace(shoot, hint="start it")
    assert record(other, now)["hint"] == "start it"
