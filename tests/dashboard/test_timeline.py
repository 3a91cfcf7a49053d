"""The timeline: what falls into which bucket, and the way into it and back by keys and by mouse."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboard.conftest import Driver, Open, done
from tui.screens.areas.overview import Overview
from tui.widgets.buckets import SPANS, Span, cut_up, places, ticks
from tui.widgets.timeline import Timeline

NOW = datetime(2030, 1, 2, 14, 22, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_buckets_lie_on_round_instants_and_what_ended_counts_no_more() -> None:
    ends = [NOW - MINUTE, NOW, NOW + timedelta(seconds=1), NOW + 3 * MINUTE, NOW + 59 * MINUTE, NOW + 90 * MINUTE]
    buckets = cut_up(SPANS[0], NOW, 48, ends, [NOW + 3 * MINUTE])
    assert [bucket.label for bucket in buckets[:2]] == ["14:20–14:25", "14:25–14:30"]
    assert [bucket.ends for bucket in buckets] == [1, 1, *[0] * 10, 1]
    assert buckets[1].says == "1 expires, 1 renews"
    assert buckets[2].says == "nothing"


@pytest.mark.parametrize("width", [10, 30, 48, 80, 150])
@pytest.mark.parametrize("span", SPANS, ids=lambda span: span.title)
def test_every_width_is_filled_without_gap_or_overlap(span: Span, width: int) -> None:
    buckets = cut_up(span, NOW, width, [], [])
    assert all(one.end == other.start for one, other in itertools.pairwise(buckets))
    assert buckets[0].start <= NOW < buckets[0].end
    spots = places(len(buckets), width)
    assert spots[0][0] == 0
    assert spots[-1][1] == width
    labels = ticks(buckets, width)
    assert labels[0] == (0, "now")
    assert all(at + len(text) < after for (at, text), (after, _) in itertools.pairwise(labels))
    assert all(at + len(text) <= width for at, text in labels)


def test_days_are_named() -> None:
    day, week, month = (cut_up(SPANS[number], NOW, 48, [], [])[1].label for number in (1, 2, 3))
    assert (day, week, month) == ("Wed 16:00–18:00", "Thu 00:00–12:00", "4 Jan–5 Jan")


def picture(driver: Driver) -> Timeline:
    return driver.main.query_one(Timeline)


def expected(driver: Driver, start: datetime, end: datetime) -> set[str]:
    """What ends or is due from `start` to `end`, computed anew."""
    session = driver.app.session
    found = set()
    for row in session.store.credentials.values():
        ahead = session.now(row) - session.clock()
        points = (row.credential.expires_at, row.credential.rotate_at)
        if row.credential.expires_at and any(at is not None and start <= at - ahead < end for at in points):
            found.add(row.key)
    return found


async def test_into_a_bucket_and_back_and_it_stays_live(dashboard: Open) -> None:
    async with dashboard(only=["tenant-c"]) as driver:
        timeline = picture(driver)
        await driver.until(lambda: any(bucket.ends for bucket in timeline._buckets))
        await driver.press("right")
        assert timeline.has_focus
        await driver.press("r")
        assert driver.app.session.jobs.all == [], "keys that act need rows that are seen"
        bucket = timeline.bucket
        assert bucket is not None
        for _ in range(60):
            bucket = timeline.bucket
            assert bucket is not None
            if bucket.ends and bucket.start > driver.app.session.clock():
                break
            await driver.press("l")
        await driver.shows(f"{bucket.label}: {bucket.says}")
        wanted = expected(driver, bucket.start, bucket.end)
        assert len(wanted) >= bucket.ends > 0
        await driver.press("enter")
        assert {driver.table.rows.key_at(index) for index in range(len(driver.table.rows))} == wanted
        await driver.shows(f"next hour, {bucket.label} › credentials")

        key = driver.table.rows.key_at(0)
        assert driver.app.session.store.credentials[key].cluster
        await driver.press("slash")
        await driver.type("managed")
        await driver.press("enter")
        if len(driver.table.rows):
            key = driver.table.rows.key_at(0)
            assert done(await driver.act("r"))
            await driver.press("escape")
            await driver.until(lambda: driver.table.rows.find(key) is None)
        await driver.press("escape", "escape")
        assert isinstance(driver.main.pane, Overview)
        assert timeline.has_focus
        assert timeline.bucket is not None
        assert timeline.bucket.start == bucket.start
        await driver.press("escape")
        assert driver.table.has_focus


async def test_the_mouse_goes_into_a_bucket_too(dashboard: Open) -> None:
    async with dashboard(only=["tenant-c"]) as driver:
        timeline = picture(driver)
        await driver.until(lambda: any(bucket.ends for bucket in timeline._buckets))
        index = next(number for number, bucket in enumerate(timeline._buckets) if bucket.ends)
        start, _ = places(len(timeline._buckets), timeline.size.width)[index]
        await driver.pilot.click(timeline, offset=(start + 2, 3))
        assert timeline.bucket == timeline._buckets[index]
        await driver.pilot.click(timeline, offset=(start + 2, 3), times=2)
        await driver.until(lambda: "› credentials" in driver.text())
        assert len(driver.table.rows) >= 1
        await driver.press("escape")
        await driver.pilot.click(timeline, offset=(4, 0))
        await driver.until(lambda: "next day" in driver.text())
