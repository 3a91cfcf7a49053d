"""Whether a long-lived token was never used or that is not known, and when the cluster's cleaner ends it."""

from __future__ import annotations

from datetime import date

import pytest

from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.objects.token_use import TokenUse, token_use

IDENTITY = Identity("harbor", "ci", "robot")


def token(name: str, used: date | None = None, invalid: date | None = None) -> Credential:
    address = Address.token_secret("harbor", "ci", name)
    return Credential(address=address, identity=IDENTITY, last_used=used, invalid_since=invalid)


@pytest.mark.parametrize(
    ("version", "words"),
    [("v1.34.1", "never used"), ("v1.26.0", "never used"), ("v1.20.2", "not known"), ("", "not known")],
)
def test_never_used_is_said_only_by_servers_that_would_know(version: str, words: str) -> None:
    assert token_use(token("robot-static"), version).words == words


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
