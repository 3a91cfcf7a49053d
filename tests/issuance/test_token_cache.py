"""The token cache: rows A15, A17, A19 and A21."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tui.issuance.token_cache import TokenCache, Wish
from tui.issuance.token_request import IssuedToken
from tui.issuance.types import Identity
from tui.kube.errors import KubeError, Unreachable
from tui.kube.sensitive import Sensitive

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WISH = Wish(Identity("c", "shop", "robot"), "uid-1", HOUR, ("api",), "Pod", "web-0", "pod-1")


class Server:
    """What mints: an hour each, counted, and down when it is told so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.minted = 0
        self.down = False

    async def mint(self, wish: Wish) -> IssuedToken:
        await asyncio.sleep(0)
        if self.down:
            raise Unreachable("connection refused", cluster=wish.identity.cluster)
        self.minted += 1
        return IssuedToken(
            token=Sensitive(f"token-{self.minted}"),
            requested=wish.duration,
            granted=HOUR,
            issued_at=self.now,
            expires_at=self.now + HOUR,
        )


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def cache(server: Server) -> TokenCache:
    return TokenCache(server.mint, clock=lambda: server.now, jitter=lambda: 0.0)


async def test_a15_a_token_of_an_hour_is_renewed_in_its_last_twelve_minutes(server: Server, cache: TokenCache) -> None:
    first = await cache.get(WISH)
    server.now += 47 * MINUTE
    assert await cache.get(WISH) is first
    server.now += 3 * MINUTE
    assert await cache.get(WISH) is not first
    assert server.minted == 2


async def test_a17_a_failed_renewal_gives_the_old_token(server: Server, cache: TokenCache) -> None:
    first = await cache.get(WISH)
    server.now, server.down = server.now + 50 * MINUTE, True
    assert await cache.get(WISH) is first
    trouble = cache.trouble(WISH)
    assert trouble is not None
    error, again = trouble
    assert isinstance(error, Unreachable)
    assert again is not None
    assert server.now < again < first.expires_at
    server.down = False
    assert await cache.get(WISH) is first, "not before the planned retry"
    server.now = again
    assert (await cache.get(WISH)).token == Sensitive("token-2")
    assert cache.trouble(WISH) is None


async def test_a17_an_expired_token_is_never_given(server: Server, cache: TokenCache) -> None:
    await cache.get(WISH)
    server.now, server.down = server.now + HOUR, True
    with pytest.raises(KubeError, match="connection refused"):
        await cache.get(WISH)
    assert len(cache) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"identity": Identity("c", "shop", "other")},
        {"identity": Identity("d", "shop", "robot")},
        {"account_uid": "uid-2"},
        {"duration": 2 * HOUR},
        {"duration": None},
        {"audiences": ("api", "vault")},
        {"audiences": ()},
        {"bound_kind": "Secret"},
        {"bound_name": "web-1"},
        {"bound_uid": "pod-2"},
    ],
)
async def test_a19_another_wish_is_another_token(server: Server, cache: TokenCache, change: dict[str, object]) -> None:
    first = await cache.get(WISH)
    assert await cache.get(msgspec.structs.replace(WISH, **change)) is not first
    assert await cache.get(msgspec.structs.replace(WISH)) is first
    assert server.minted == 2


async def test_a21_tokens_of_pods_that_are_gone_are_dropped(server: Server, cache: TokenCache) -> None:
    for uid in ("pod-1", "pod-2", "pod-3"):
        await cache.get(msgspec.structs.replace(WISH, bound_uid=uid))
    assert (cache.drop_bound("pod-9"), cache.drop_bound(""), len(cache)) == (0, 0, 3)
    assert (cache.drop_bound("pod-1"), cache.drop_bound("pod-3"), len(cache)) == (1, 1, 1)
    await cache.get(msgspec.structs.replace(WISH, bound_uid="pod-2"))
    assert server.minted == 3


async def test_a21_a_failure_is_never_cached(server: Server, cache: TokenCache) -> None:
    server.down = True
    with pytest.raises(Unreachable):
        await cache.get(WISH)
    assert len(cache) == 0
    server.down = False
    assert (await cache.get(WISH)).token == Sensitive("token-1")


async def test_many_who_ask_at_once_get_one_token(server: Server, cache: TokenCache) -> None:
    got = await asyncio.gather(*(cache.get(WISH) for _ in range(20)))
    assert server.minted == 1
    assert len({id(token) for token in got}) == 1


async def test_what_has_ended_is_forgotten(server: Server, cache: TokenCache) -> None:
    await cache.get(WISH)
    assert cache.drop_expired() == 0
    server.now += HOUR
    assert (cache.drop_expired(), len(cache)) == (1, 0)
