"""What is asked for in words before it is done: replacing a credential that lives, and bringing a revoked one back.

Issuing to a place that holds a live credential of ours ends that one; rotating a revoked one gives whoever was shut
out a working token again. Both may be meant, and both may be a slip: so both are said first, with the verb that is
more likely meant, and done only where the user gives the word.
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
from tui.issuance.objects import accounts
from tui.issuance.trust import handles
from tui.kube import shell
from tui.kube.errors import Forbidden

from .work import Context

REPLACE: Final = "replace"
REVIVE: Final = "revive"


class Life(StrEnum):
    """How a credential stands that someone is about to replace."""

    LIVES = "lives"
    EXPIRED = "expired"
    REVOKED = "revoked"


def life(credential: Credential, now: datetime, *, gone: bool) -> Life:
    """`gone` says that its handle was looked for and is not there any more, or that its server refuses its token before
    its own end. That was done on purpose, whatever the time is by now: nobody tidies away the handle of what is still
    kept somewhere. What is not known counts as alive."""
    if gone or credential.state is State.REVOKED:
        return Life.REVOKED
    return Life.EXPIRED if credential.expires_at is not None and credential.expires_at <= now else Life.LIVES


class Revoked(Unasked):
    """What was ended on purpose is to be rotated; `seen` shows that it was, in words."""

    def __init__(self, credential: Credential, seen: str) -> None:
        again = shell.command("kubemint", "rotate", str(credential.address), "--yes")
        self.left = f"it was revoked{seen}; to issue it again: `{again}`"
        """What is said where there is no terminal to confirm on."""
        super().__init__(
            REVIVE,
            f"{credential.address} was revoked{seen}: rotating it issues a token that works again",
            "rotate it anyway with --yes",
        )


async def life_of(context: Context, credential: Credential, sight: Sight) -> Life:
    """The same with a look at what ends it: its handle, or for a copy that of its original. A plan rests on what is
    seen. Raises KubeError."""
    identity, handle = credential.identity, credential.handle or credential.bound_to
    cluster = identity.cluster if identity is not None else ""
    gone = False
    if handle is not None:
        gone = await sight.see(f"the handle of {credential.address}", lambda: is_gone(context, handle, held=True))
    return life(credential, await context.now(cluster) if cluster else context.clock(), gone=gone)


async def is_gone(context: Context, handle: Handle, *, held: bool = False) -> bool:
    """Whether this very handle is not there any more, or (`held`) only because something holds it back; False where
    nobody may look."""
    try:
        seen = await handles.look(await context.clusters.client(handle.cluster), handle.namespace, handle.name)
    except Forbidden:
        return False
    return not handles.is_it(seen, handle) or (held and seen is not None and seen.deleted)


async def refuse_live(context: Context, found: Sequence[Credential], sight: Sight) -> None:
    """Raises Unasked where any of what is about to be replaced lives."""
    for credential in found:
        if await life_of(context, credential, sight) is Life.LIVES:
            left = ""
            if credential.expires_at is not None and credential.identity is not None:
                now = await context.now(credential.identity.cluster)
                left = f", valid for {human_left(credential.expires_at - now)}"
            rotate = shell.command("kubemint", "rotate", str(credential.address))
            identity = credential.identity
            whose = identity.said if identity is not None else credential.shoot
            raise Unasked(
                REPLACE,
                f"{credential.address} is a live credential of {whose}{left}",
                f"`{rotate}` renews it; issue another one with --replace",
            )


async def refuse_revoked(
    context: Context, credential: Credential, sight: Sight, *, refused: bool = False, account_uid: str = ""
) -> None:
    """Raises Revoked where what is about to be rotated was ended on purpose, here or elsewhere; `refused` says that its
    server refuses its token before that ends by itself, and `account_uid` is that of the account that its token names.
    ChangedMeanwhile where it was only rotated by another client."""
    anew = await _anew(context, credential, account_uid, sight) if account_uid else ""
    gone = await life_of(context, credential, sight) is Life.REVOKED
    if not (gone or refused or anew):
        return
    await sight.look_again()  # its handle may have gone with a rotation that another client made just now
    why = "; ".join(filter(None, (_seen_by(credential, gone=gone) if gone or refused else "", anew)))
    raise Revoked(credential, f" ({why})" if why else "")


async def _anew(context: Context, credential: Credential, uid: str, sight: Sight) -> str:
    """How the account of that name is another one by now than its token was of, whose tokens all ended with it."""
    identity = credential.identity
    if identity is None:
        return ""
    client = await context.clusters.client(identity.cluster)
    now = await sight.see(f"the account of {credential.address}", lambda: accounts.look(client, identity))
    if not now.uid or now.uid == uid:
        return ""
    return (
        f"its token is of {identity.said} with UID {uid}, which was deleted; the account that is called so now has UID "
        f"{now.uid}"
    )


def _seen_by(credential: Credential, *, gone: bool) -> str:
    """What shows that, where it is not written down."""
    if credential.state is State.REVOKED:
        return ""
    if not gone:
        return "its server refuses its token, which has not expired"
    whose = "its handle" if credential.bound_to is None else "it is a copy, and the handle of its original"
    return f"{whose} is gone"
