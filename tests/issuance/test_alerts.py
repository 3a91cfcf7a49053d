"""Alerts: once for each entry into a window, quiet about what was there before, silent while snoozed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.issuance.test_renewal_loop import credential
from tui.issuance.loop.alerts import Alerts, Level, News, announcement
from tui.issuance.loop.keeping import Watched
from tui.issuance.model.types import State
from tui.settings import Alert

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


class World:
    """Credentials with an hour to live, a clock, and a rule for all of them."""

    def __init__(self, *names: str, rule: Alert | None = None) -> None:
        self.now = START
        self.rows = [credential(name) for name in names]
        self.alerts = Alerts(rule_of=lambda cluster: rule or Alert(), clock=lambda: self.now)

    def look(self) -> News:
        return self.alerts.look([Watched(credential=row, now=self.now) for row in self.rows])

    def heard(self) -> list[str]:
        return [alert.address.name for alert in self.look().alerts]

    def change(self, index: int, **fields: object) -> None:
        self.rows[index] = msgspec.structs.replace(self.rows[index], **fields)

    def renew(self, index: int) -> None:
        self.rows[index] = credential(self.rows[index].address.name, issued=self.now)


def test_what_crosses_into_its_window_is_news_once() -> None:
    world = World("a", "b")
    world.change(1, expires_at=START + HOUR + MINUTE)
    news = world.look()
    assert news.alerts == ()
    assert world.alerts.awake == []
    # An hour to live, due at 48 minutes: 15 minutes before the end renewal would not even be late.
    assert news.next_at == START + 54 * MINUTE
    world.now = START + 54 * MINUTE
    assert world.heard() == ["a"]
    assert world.heard() == []
    world.now += MINUTE
    assert world.heard() == ["b"]
    assert {alert.address.name: alert.level for alert in world.alerts.awake} == {"a": Level.ENDING, "b": Level.ENDING}
    world.renew(0)
    assert world.heard() == []
    assert [alert.address.name for alert in world.alerts.awake] == ["b"]
    world.now += 54 * MINUTE
    assert "a" in world.heard(), "the next one is another entry"


def test_what_is_found_in_its_window_is_only_shown() -> None:
    world = World("a", "b", "c")
    world.now = START + 55 * MINUTE
    news = world.look()
    assert news.alerts == ()
    assert len(world.alerts.awake) == 3
    assert world.look().alerts == ()


def test_what_nobody_renews_counts_from_its_whole_window() -> None:
    world = World("a", rule=Alert(window=30 * MINUTE))
    world.change(0, rotate_at=None)
    assert world.look().next_at == START + 30 * MINUTE


def test_critical_is_announced_again() -> None:
    world = World("a", rule=Alert(critical=2 * MINUTE))
    world.look()
    world.now = START + 55 * MINUTE
    assert world.heard() == ["a"]
    world.now = START + 58 * MINUTE
    (alert,) = world.look().alerts
    assert alert.level is Level.CRITICAL
    world.now = START + HOUR
    assert world.heard() == []
    assert world.alerts.awake == [], "what has ended is in the lists"


def test_a_failed_renewal_is_news_until_one_works() -> None:
    world = World("a", "b")
    world.look()
    world.change(1, state=State.FAILED, message="403 create serviceaccounts/token")
    world.alerts.failed(world.rows[0].address, "no route to host")
    assert world.heard() == ["a", "b"]
    world.alerts.failed(world.rows[0].address, "still no route to host")
    assert world.heard() == [], "another failure of the same one is no news"
    world.now += MINUTE
    world.renew(0)
    assert world.heard() == []
    assert [alert.address.name for alert in world.alerts.awake] == ["b"]


def test_snoozed_for_a_while_or_until_it_is_renewed() -> None:
    world = World("a", "b")
    world.look()
    a, b = (row.address for row in world.rows)
    world.alerts.snooze(b, None)
    world.now = START + 54 * MINUTE
    assert world.heard() == ["a"]
    assert world.alerts.is_snoozed(b)
    world.alerts.snooze(a, 2 * MINUTE)
    assert world.alerts.awake == []
    assert world.look().next_at == START + 56 * MINUTE
    world.now = START + 56 * MINUTE
    assert world.heard() == ["a"], "it is still so, and the snooze is over"
    world.renew(1)
    assert world.heard() == []
    assert not world.alerts.is_snoozed(b)
    world.alerts.wake(a)
    assert world.heard() == []


def test_many_at_once_are_one_line() -> None:
    world = World("a", "b", "c")
    world.look()
    world.now = START + 54 * MINUTE
    world.alerts.failed(world.rows[2].address, "eyJhbGciOi")
    said = announcement(world.look().alerts, lambda address: address.name, lambda alert: "6m")
    assert said == "c could not be renewed, and 2 more"
    assert announcement((), str, str) == ""


def test_each_cluster_has_its_own_clock_and_rule() -> None:
    world = World("a")
    rules = {"c1": Alert(window=MINUTE)}
    world.alerts.rule_of = lambda cluster: rules[cluster]
    ahead = 30 * SECOND
    news = world.alerts.look([Watched(credential=world.rows[0], now=START + ahead)])
    assert news.next_at == START + 59 * MINUTE - ahead


@pytest.mark.parametrize("seed", range(8))
def test_looking_at_what_changed_finds_what_looking_at_all_finds(seed: int) -> None:
    """Credentials come, go, are renewed and snoozed at random; two clusters' clocks are off."""
    rng = random.Random(seed)
    world, now = {name: credential(name) for name in "abcdefgh"}, START
    skew = {name: rng.choice([timedelta(0), MINUTE, -MINUTE]) for name in world}
    whole, parts = (Alerts(rule_of=lambda cluster: Alert(), clock=lambda: now) for _ in range(2))
    touched = {row.address for row in world.values()}
    addresses = {name: row.address for name, row in world.items()}
    for _ in range(400):
        now += timedelta(seconds=rng.randrange(120))
        name = rng.choice("abcdefgh")
        match rng.randrange(12):
            case 0:
                world.pop(name, None)
                touched.add(addresses[name])
            case 1 | 2:
                world[name] = credential(name, issued=now)
                touched.add(addresses[name])
            case 3 if name in world:
                lasts = rng.choice([None, MINUTE, 5 * MINUTE])
                for alerts in (whole, parts):
                    alerts.snooze(addresses[name], lasts)
            case 4 if name in world:
                for alerts in (whole, parts):
                    alerts.failed(addresses[name], "no route to host")
                touched.add(addresses[name])
        rows = {row.address: Watched(credential=row, now=now + skew[one]) for one, row in world.items()}
        all_of_it = whole.look(rows.values())
        touched.update(parts.crossing())
        part = parts.look_at([rows[one] for one in touched if one in rows], touched - rows.keys())
        touched.clear()
        assert {alert.address for alert in part.alerts} == {alert.address for alert in all_of_it.alerts}
        assert parts.active == whole.active
        assert parts.waiting == len(parts.awake) == len(whole.awake)
