"""What is asked for in words before it is done: replacing a credential that lives, and bringing a revoked one back.

Issuing to a place that holds a live credential of ours ends that one; rotating a revoked one gives whoever was shut
out a working token again. Both may be meant, and both may be a slip: so both are said first, with the verb that is
more likely meant, and done only where somebody says the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from tui.issuance.errors import Unasked
from tui.issuance.model.countdown import human_left
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Credential, Handle, State
from tui.issuance.trust import handles
from tui.kube import shell
from tui.kube.errors import Forbidden

from .work import Context

REPLACE: Final = "replace"
REVIVE: Final = "revive"


class Life(StrEnum):
    """How a credential stands that somebody is about to replace."""

    LIVES = "lives"
    EXPIRED = "expired"
    REVOKED = "revoked"


def life(credential: Credential, now: datetime, *, gone: bool) -> Life:
    """`gone` says that its handle was looked for and is not there any more. What nobody knows lives."""
    if credential.state is State.REVOKED:
        return Life.REVOKED
    if credential.expires_at is not None and credential.expires_at <= now:
        return Life.EXPIRED  # its handle may well have been tidied away since
    return Life.REVOKED if gone else Life.LIVES


async def life_of(context: Context, credential: Credential, sight: Sight) -> Life:
    """The same with a look at its handle; a plan rests on what is seen. Raises KubeError."""
    identity, handle = credential.identity, credential.handle
    cluster = identity.cluster if identity is not None else ""
    gone = False
    if handle is not None:
        gone = await sight.see(f"the handle of {credential.address}", lambda: is_gone(context, handle))
    return life(credential, await context.now(cluster) if cluster else context.clock(), gone=gone)


async def is_gone(context: Context, handle: Handle) -> bool:
    """Whether this very handle is not there any more; False where nobody may look."""
    try:
        seen = await handles.look(await context.clusters.client(handle.cluster), handle.namespace, handle.name)
    except Forbidden:
        return False
    return seen is None or seen.uid != handle.uid


async def refuse_live(context: Context, found: Sequence[Credential], sight: Sight) -> None:
    """Raises Unasked where any of what is about to be replaced lives."""
    for credential in found:
        if await life_of(context, credential, sight) is Life.LIVES:
            left = ""
            if credential.expires_at is not None and credential.identity is not None:
                now = await context.now(credential.identity.cluster)
                left = f", good for {human_left(credential.expires_at - now)}"
            rotate = shell.command("kubemint", "rotate", str(credential.address))
            raise Unasked(
                REPLACE,
                f"{credential.address} is a live credential of {credential.identity or credential.shoot}{left}",
                f"`{rotate}` renews it; to issue another one in its place, say --replace",
            )


def refuse_revoked(credential: Credential) -> Unasked:
    """What is said where somebody rotates what was revoked."""
    return Unasked(
        REVIVE,
        f"{credential.address} was revoked: rotating it gives whoever reads it a token that works again",
        "where that is meant, say --yes",
    )
