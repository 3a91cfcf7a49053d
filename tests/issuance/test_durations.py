"""Durations in Go's syntax, and countdown labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tui.issuance.errors import UsageError
from tui.issuance.model.countdown import EXPIRED, countdown, holds_for, human_left
from tui.issuance.model.durations import (
    GO_PATTERN,
    PATTERN,
    format_duration,
    format_go_duration,
    parse_duration,
    parse_go_duration,
    whole_seconds,
)


@pytest.mark.parametrize(
    "text",
    ["1", "-1h", "1us", "", "1h ", " 1h", "1h\n", "+1h", "-7d", "1mo", "1ns", "1µs", ".5h", "1.h", "0", "h", "1H",
     "1h 30m", "1,5h", "١h", "1e3s", "1y", "1mm", "infs", "1h" * 60],
)  # fmt: skip
def test_b25_rejected_with_the_pattern_shown(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert PATTERN in str(caught.value)
    assert "2w" in str(caught.value.hint)
    with pytest.raises(UsageError) as caught:
        parse_go_duration(text)
    assert GO_PATTERN in str(caught.value)


@pytest.mark.parametrize(
    ("text", "hours"), [("7d", 168), ("30d", 720), ("2w", 336), ("1d12h", 36), ("1.5d", 36), ("1w1d", 192)]
)
def test_days_and_weeks_are_for_people_not_for_specs(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)
    with pytest.raises(UsageError) as caught:
        parse_go_duration(text)
    assert GO_PATTERN in str(caught.value)
    assert "days do not exist" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h", 3600), ("1h30m", 5400), ("1.5h", 5400), ("45s", 45), ("500ms", 0.5), ("2h45m", 9900), ("0s", 0),
     ("1m1m", 120), ("10m", 600), ("8760h", 31_536_000)],
)  # fmt: skip
def test_accepted(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds
    assert parse_go_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["2562048h", "9" * 40 + "h", "106752d", "9" * 40 + "w"])
def test_longer_than_go_can_hold(text: str) -> None:
    with pytest.raises(UsageError, match="Go can hold"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "1h"), (5400, "1h30m"), (45, "45s"), (90, "1m30s"), (0, "0s"), (3601, "1h1s"), (0.5, "500ms"),
     (1.5, "1.5s"), (86400, "24h"), (-90, "-1m30s")],
)  # fmt: skip
def test_format(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == format_go_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("hours", "people", "go"), [(47, "47h", "47h"), (48, "2d", "48h"), (720, "30d", "720h"), (-72, "-3d", "-72h")]
)
def test_whole_days_are_shown_to_people_and_not_sent(hours: int, people: str, go: str) -> None:
    assert format_duration(timedelta(hours=hours)) == people
    assert format_go_duration(timedelta(hours=hours)) == go


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_what_is_formatted_is_read_back(duration: timedelta) -> None:
    assert abs(parse_duration(format_duration(duration)) - duration) <= timedelta(microseconds=1)
    assert abs(parse_go_duration(format_go_duration(duration)) - duration) <= timedelta(microseconds=1)


def test_a_millisecond_becomes_no_seconds() -> None:
    assert whole_seconds(parse_duration("1ms")) == 0
    assert whole_seconds(parse_duration("1.9s")) == 1


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(161, "2m 41s"), (543, "9m 03s"), (600, "10m"), (2460, "41m"), (2519, "41m"), (18720, "5h 12m"),
     (3600, "1h 00m"), (3599, "59m"), (86399, "23h 59m"), (86400, "1d 0h"), (3 * 86400 + 4 * 3600, "3d 4h"),
     (365 * 86400, "365d"), (59, "59s"), (1, "1s"), (0.001, "1s"), (0, EXPIRED), (-5, EXPIRED)],
)  # fmt: skip
def test_countdown_labels(seconds: float, label: str) -> None:
    assert human_left(timedelta(seconds=seconds)) == label


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=4000)))
def test_a_label_holds_exactly_as_long_as_it_says(left: timedelta) -> None:
    holds = holds_for(left)
    assert holds is not None
    assert holds > timedelta(0)
    assert human_left(left - holds + timedelta(microseconds=1)) == human_left(left)
    assert human_left(left - holds) != human_left(left)


def test_countdown_names_the_instant() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    label, changes = countdown(now + timedelta(minutes=41, seconds=20), now)
    assert (label, changes) == ("41m", now + timedelta(seconds=21))
    assert countdown(now, now) == (EXPIRED, None)
