"""Whether a long-lived token was never used or that is not known, and when the cluster's cleaner ends it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from tests.issuance.arena import Bench
from tui.demo import Answer, FaultRule
from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.objects.token_use import TRACKING, TokenUse, noted_since, token_use

IDENTITY = Identity("harbor", "ci", "robot")


def token(name: str, used: date | None = None, invalid: date | None = None) -> Credential:
    address = Address.token_secret("harbor", "ci", name)
    return Credential(address=address, identity=IDENTITY, last_used=used, invalid_since=invalid)


@pytest.mark.parametrize(
    ("version", "made", "since", "words"),
    [
        ("v1.34.1", date(2030, 1, 1), date(2026, 5, 1), "never used"),  # noted all its life
        ("v1.34.1", date(2026, 5, 1), date(2026, 5, 1), "never used"),
        ("v1.34.1", date(2022, 1, 1), date(2026, 5, 1), "never used since 2026-05-01"),
        ("v1.34.1", None, date(2026, 5, 1), "never used since 2026-05-01"),
        ("v1.34.1", date(2030, 1, 1), None, "not known"),  # the tracking cannot be read
        ("v1.20.2", date(2030, 1, 1), None, "not known"),
        ("", None, None, "not known"),
        ("", date(2022, 1, 1), date(2026, 5, 1), "never used since 2026-05-01"),
    ],
)
def test_never_used_is_said_only_from_when_its_cluster_began_to_note_uses(
    version: str, made: date | None, since: date | None, words: str
) -> None:
    issued = datetime(made.year, made.month, made.day, 12, tzinfo=UTC) if made is not None else None
    credential = msgspec.structs.replace(token("robot-static"), issued_at=issued)
    assert token_use(credential, version, since).words == words


async def test_the_day_is_read_where_the_cluster_says_it(ebench: Bench) -> None:
    day = await noted_since(ebench.client)
    assert day is not None
    assert day <= datetime.now(UTC).date()
    path = f"/configmaps/{TRACKING}"
    with ebench.arena.fault(FaultRule(Answer(403, message="forbidden"), verb="get", path=path)):
        assert await noted_since(ebench.client) is None


@pytest.mark.parametrize(
    ("name", "version", "invalid", "cleaned"),
    [
        ("robot-token-x7k2p", "v1.34.1", None, True),
        ("robot-static", "v1.34.1", None, False),  # made by hand: never cleaned
        ("robot-token-x7k2p", "v1.28.0", None, False),  # no cleaner yet
        ("robot-token-x7k2p", "v1.34.1", date(2030, 6, 1), False),  # it has been already
    ],
)
def test_when_the_cleaner_ends_it(name: str, version: str, invalid: date | None, cleaned: bool) -> None:
    use = token_use(token(name, date(2030, 1, 1), invalid), version)
    days = (date(2031, 1, 1), date(2032, 1, 1)) if cleaned else (None, None)
    assert use == TokenUse("", "", *days)
