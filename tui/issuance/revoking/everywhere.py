"""Asking every cluster the same thing at once, and remembering who did not answer, or may not be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from tui.issuance.errors import IssuanceError
from tui.issuance.transaction.work import Context
from tui.kube.errors import Forbidden, KubeError
from tui.kube.text import safe_text

from .sought import Search

if TYPE_CHECKING:
    from tui.kube.client import Client

T = TypeVar("T")


EACH: Final = 15.0
"""Seconds that one cluster has to say whether it knows of something."""


_SHOWN: Final = 300


async def everywhere(
    context: Context, clusters: Sequence[str], look: Callable[[Client, str], Awaitable[T | None]]
) -> tuple[dict[str, T], Search]:
    """What each cluster has, at the same time; and who was asked. Never raises for a cluster."""
    away: dict[str, str] = {}
    closed: dict[str, str] = {}
    found: dict[str, T] = {}

    async def one(name: str) -> None:
        try:
            async with asyncio.timeout(EACH):
                seen = await look(await context.clusters.client(name), name)
        except TimeoutError:
            away[name] = f"no answer in {EACH:g} s"
        except Forbidden as error:
            closed[name] = safe_text(error.hint or error.message, _SHOWN)
        except (KubeError, IssuanceError, OSError) as error:
            away[name] = safe_text(getattr(error, "message", "") or type(error).__name__, _SHOWN)
        else:
            if seen is not None:
                found[name] = seen

    names = list(dict.fromkeys(clusters))
    await asyncio.gather(*map(one, names))
    return (
        {name: found[name] for name in names if name in found},
        Search(
            asked=[name for name in names if name not in away and name not in closed],
            closed={name: closed[name] for name in names if name in closed},
            away={name: away[name] for name in names if name in away},
        ),
    )
