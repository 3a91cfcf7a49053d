"""What was ended here never comes back: told by its fingerprint, or by what the very same token is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tui.issuance.errors import UsageError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Handle
from tui.issuance.records.intent import Dead
from tui.issuance.transaction import dead_tokens
from tui.kube.sensitive import Sensitive

THEN = datetime(2026, 1, 2, tzinfo=UTC)
SECRET = Address(CredentialKind.LEGACY, "harbor", "ns", "robot-token")
ANOTHER = Address(CredentialKind.LEGACY, "harbor", "ns", "other-token")
TOKEN = Sensitive("abc")
DEAD = Dead(secret=SECRET, account_uid="u1", fingerprint=TOKEN.fingerprint, at=THEN)


def test_what_the_journal_remembers() -> None:
    long_lived = Handle("harbor", "ns", "robot-token", "uid-1")
    assert dead_tokens.ended(long_lived, "f1", THEN, "u1") == {
        "dead": [Dead(secret=SECRET, account_uid="u1", fingerprint="f1", at=THEN)]
    }
    assert dead_tokens.ended(long_lived, "f1", THEN) == {
        "dead": [Dead(secret=SECRET, account_uid="", fingerprint="f1", at=THEN)]
    }
    assert dead_tokens.ended(Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1"), "f1", THEN, "u1") == {}


@pytest.mark.parametrize(
    ("secret", "account_uid", "fingerprint", "same"),
    [
        (SECRET, "u1", "", True),  # the same Secret and account would give it again
        (SECRET, "u1", "another", True),
        (ANOTHER, "u2", TOKEN.fingerprint, True),  # the very token, wherever it lies
        (SECRET, "u2", "", False),  # the account was made anew since
        (SECRET, "u2", "another", False),
        (ANOTHER, "u1", "", False),
        (SECRET, "", "", False),  # nothing is known of it
        (ANOTHER, "", "", False),
    ],
)
async def test_what_comes_back_is_refused(secret: Address, account_uid: str, fingerprint: str, same: bool) -> None:
    assert DEAD.is_same(secret, account_uid, fingerprint) is same
    token: Any = SimpleNamespace(fingerprint=fingerprint) if fingerprint else None
    alive = Dead(secret=ANOTHER, account_uid="u9", at=THEN)
    for known in ([DEAD], [alive, DEAD], [DEAD, alive]):
        context: Any = SimpleNamespace(state=SimpleNamespace(dead=lambda found=known: found))
        if same:
            with pytest.raises(UsageError, match="was revoked here on 2026-01-02"):
                await dead_tokens.refuse(context, secret, account_uid, token)
        else:
            await dead_tokens.refuse(context, secret, account_uid, token)
    nobody: Any = SimpleNamespace(state=SimpleNamespace(dead=list))
    await dead_tokens.refuse(nobody, secret, account_uid, token)


def test_what_was_unreadable_when_it_ended_matches_no_fingerprint() -> None:
    unread = Dead(secret=SECRET, account_uid="", at=THEN)
    assert not unread.is_same(SECRET, "", "")
    assert not unread.is_same(SECRET, "", "f1")
