"""Whose something is that somebody pasted, on each server; nothing is ended for it, and nobody is shown a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.issuance.arena import Arena, Bench
from tui.issuance.model.claims import read_token
from tui.issuance.revoking.sought import Sought
from tui.issuance.revoking.tracing import meant
from tui.issuance.transaction.reading import token as token_at
from tui.kube.client import Client
from tui.kube.sensitive import Sensitive


@pytest.mark.parametrize("state", ["state", "another"])
async def test_whose_a_token_and_what_names_it_is(arena: Arena, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By this machine's records, and where another one wrote it."""
    async with Bench(arena) as bench:
        await bench.make_account()
        credential = (await bench.issue(arena.spec(arena.secret()))).credential
        token = await token_at(bench.engine._context, arena.secret_address())
        assert token is not None
        assert await bench.works(token)
    assert credential.handle is not None
    async with Bench(arena, state=state) as bench:
        own, engine = [arena.identity().cluster], bench.engine
        with monkeypatch.context() as patch:  # whoever sends a token has a client with it
            patch.setattr(Client, "__init__", _no_bearer(token))
            (found,) = await engine.traces(_meant(token.reveal()), own)
        assert found.identity == arena.identity()
        assert found.among([credential]) == arena.secret_address()
        for text in (credential.fingerprint, read_token(token).id, credential.handle.name, str(arena.secret_address())):
            if not text:  # tokens of old servers have no id
                continue
            (found,) = await engine.traces(_meant(text), own)
            assert found.known, text
            assert found.among([credential]) == arena.secret_address(), text
        assert await bench.works(token), "looking ends nothing"


async def test_what_is_nobodys_says_who_was_asked(arena: Arena, bench: Bench) -> None:
    own = [arena.identity().cluster]
    for text in ("0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", "kubemint-nobody-bcdfghjk"):
        (found,) = await bench.engine.traces(_meant(text), own)
        assert not found.known
        assert found.how
        assert list(found.search.asked) == own


def _meant(text: str) -> Sensitive | Sought | str:
    found = meant(text)
    assert found is not None, "it is not recognised"
    return found  # type: ignore[return-value]


def _no_bearer(token: Sensitive):  # type: ignore[no-untyped-def]
    begin = Client.__init__

    def init(self: Client, endpoint, *args, **given) -> None:  # type: ignore[no-untyped-def]
        assert endpoint.login.token != token, f"it is sent to {endpoint.name}"
        begin(self, endpoint, *args, **given)

    return init


def test_a_path_is_no_finding(tmp_path: Path) -> None:
    assert meant(str(tmp_path)) is None
