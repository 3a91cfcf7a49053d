"""Whether a token that was ended is refused: asked of the server with the token itself, where somebody has it.

A handle that is gone ends its tokens, but API servers remember for ten seconds which tokens they have accepted. So
"revoked" is only said where the server was seen to refuse it; else that it was deleted, and may be accepted for a
moment more. Whoever wants to be sure waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tui.kube.errors import KubeError

from . import vouching
from .errors import IssuanceError
from .types import Credential
from .vouchers import Word

if TYPE_CHECKING:
    from tui.kube.sensitive import Sensitive

    from .work import Context

LONGEST: Final = 20.0
"""Seconds in which a server has forgotten a token that it accepted just before: twice what it remembers."""
_PAUSE: Final = 1.0
_PROBE: Final = 5.0
"""Seconds that one question may take."""


class Answer(StrEnum):
    """What the server says of a token that was ended."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    UNASKED = "not asked"
    """Nobody has the token here, or it could not be asked."""


def words(said: str, answer: Answer) -> str:
    """How an ending is told: `said` is what became of the handle, as `handles.delete` tells it."""
    if answer is Answer.REFUSED:
        return f"{said.partition(';')[0]}, and the server refuses the token"
    if answer is Answer.ACCEPTED and "10 s" not in said:
        return f"{said}; the server accepted the token just now, as it does for 10 s"
    return said


def state_words(answer: Answer) -> str:
    """What is remembered of what was ended."""
    return "revoked" if answer is Answer.REFUSED else "its handle is deleted"


async def ask(context: Context, credential: Credential, token: Sensitive | None) -> Answer:
    """One question, with the token itself where that speaks, else by a review. Never raises, and takes no longer than
    a few seconds: what was ended is ended, whatever is answered."""
    if token is None or credential.identity is None:
        return Answer.UNASKED
    found = Word.UNASKED
    with contextlib.suppress(KubeError, IssuanceError, OSError, TimeoutError):
        async with asyncio.timeout(_PROBE):
            found = (await vouching.facts_of(context, credential.identity, token, credential.audiences)).word
    return {Word.REFUSED: Answer.REFUSED, Word.CONFIRMED: Answer.ACCEPTED}.get(found, Answer.UNASKED)


async def until_refused(context: Context, credential: Credential, token: Sensitive | None) -> Answer:
    """The same, again and again until the server refuses it, or `LONGEST` is over."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + LONGEST
    while True:
        answer = await ask(context, credential, token)
        if answer is not Answer.ACCEPTED or loop.time() >= ends:
            return answer
        await asyncio.sleep(_PAUSE)
