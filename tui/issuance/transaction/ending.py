"""Whether a token that was ended is refused: asked of the server with the token itself, where it is at hand.

A handle that is gone ends its tokens, but API servers remember for ten seconds which tokens they have accepted. So
"revoked" is only said where the server was seen to refuse it; else that its handle is deleted, and that it may be
accepted for a moment more. Whoever wants to be sure waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.proving import caller_in, review
from tui.issuance.errors import IssuanceError
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.renewal import HELD
from tui.issuance.model.types import Address, Credential, Handle, Identity, State, StepInfo
from tui.issuance.trust import handles, vouching
from tui.kube import limits
from tui.kube.errors import Forbidden, KubeError, NotFound, Unauthorized
from tui.kube.resource import SELF_SUBJECT_REVIEWS

from .reading import token as token_at
from .replacing import is_gone
from .step import Step

if TYPE_CHECKING:
    from datetime import datetime

    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive

    from .running import Note
    from .work import Context

LONGEST: Final = 20.0
"""Seconds in which a server has forgotten a token that it accepted just before: twice what it remembers."""
LONGEST_HELD: Final = 80.0
"""The same if a finalizer holds the handle: servers refuse its tokens 60 s after it was marked as deleted."""
_PAUSE: Final = 1.0
_PROBE: Final = 5.0
"""Seconds that one question may take, and as many for reading the token where it lies."""
_REFUSED: Final = ", and the server refuses the token"
_TOLD: Final = "the server said that it deleted its handle; no right to check that here"


class Answer(StrEnum):
    """What the server says of a token that was ended."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    AWAY = "no answer"
    """Asked, and there was no answer that says either."""
    UNASKED = "not asked"
    """The token is not here, or there is no right to ask about it."""


def judge(caller: str | None, identity: Identity) -> Answer:
    """What an answer to someone who came with the token means; `caller` is who he is to the server, None where it
    refused him. Another identity than the account says nothing: the token was taken off on the way."""
    if caller is None:
        return Answer.REFUSED
    return Answer.ACCEPTED if caller == identity.username else Answer.AWAY


def words(said: str, answer: Answer) -> str:
    """How an ending is told: `said` is what became of the handle, as `handles.delete` tells it."""
    if answer is Answer.REFUSED:
        return said.partition(";")[0] + _REFUSED
    if answer is Answer.ACCEPTED and "10 s" not in said:
        may = "" if "60 s" in said else ", as it may for 10 s"  # held back by a finalizer it takes longer
        return f"{said}; the server accepted the token just now{may}"
    return said


def of_handle(said: str) -> str:
    """What became of the handle, in few words; `said` is how `handles.delete` tells it."""
    if handles.is_held(said):
        return "its handle is being deleted, which ends it within 60 s"
    return _TOLD if handles.is_only_reported(said) else "its handle is deleted"


def in_it(said: str, answer: Answer) -> str:
    """What is known of the token in a place that stays: dead is what was refused alone."""
    if answer is Answer.REFUSED:
        return "the token in it is dead"
    if handles.is_held(said):
        return "the token in it works until its handle is gone, which takes 60 s at the most"
    gone = of_handle(said)
    return {
        Answer.ACCEPTED: "the server accepted the token in it just now, as it may for 10 s",
        Answer.AWAY: f"{gone}; whether the server refuses the token in it, it does not say",
    }.get(answer, f"{gone}; whether the token in it is refused could not be checked here")


def over(
    credential: Credential, answer: Answer, done: str = "its handle is deleted", held: datetime | None = None
) -> Credential:
    """The credential as it is once it was ended: "revoked" is what the server was seen to refuse, else what was `done`
    is said; `held` is by when its server refuses it where its handle is held back."""
    refused = answer is Answer.REFUSED
    said, ends_by = ("revoked", None) if refused else (done, held)
    return msgspec.structs.replace(credential, state=State.REVOKED, message=said, ends_by=ends_by)


def held_until(said: str, now: datetime) -> datetime | None:
    """By when a server refuses what was ended `now`, by its clock, where the handle is held back; `said` is how
    `handles.delete` told what became of that."""
    return now + HELD if handles.is_held(said) else None


def lives_on(told: str) -> bool:
    """Whether a token works on for a while; `told` is how its ending was told (`words`)."""
    return handles.is_held(told) and not told.endswith(_REFUSED)


async def at_hand(context: Context, credential: Credential, *copies: Address) -> Sensitive | None:
    """The token of a credential as it lies in its place or in a copy; None where it is not there, another one is, or it
    may not be shown to the cluster of the credential.

    Never raises, and takes a few seconds at the most: what is to end does not depend on it.
    """
    try:
        async with asyncio.timeout(_PROBE):
            for address in (credential.address, *copies):
                try:
                    token = await token_at(context, address)
                    if token is None or not _is_its(token, credential):
                        continue
                    family = await context.families.of(address)
                    whose = await family.whose(context, address, credential, token)
                except (KubeError, IssuanceError, OSError):
                    continue
                if whose is not None and whose == credential.identity:  # it is asked about there, with the token
                    return token
    except TimeoutError:
        pass
    return None


def _is_its(token: Sensitive, credential: Credential) -> bool:
    if credential.fingerprint:
        return token.fingerprint == credential.fingerprint
    handle = credential.handle
    return handle is None or vouching.bound_to(token, handle.cluster) == handle


async def ask(context: Context, credential: Credential, token: Sensitive | None) -> Answer:
    """One question: one request, with the token itself where that speaks, else by a review. Never raises, and takes
    no longer than a few seconds: what was ended is ended, whatever is answered."""
    identity = credential.identity
    if token is None or identity is None:
        return Answer.UNASKED
    try:
        async with asyncio.timeout(_PROBE):
            return await _asked(context, identity, token, credential.audiences)
    except (KubeError, IssuanceError, OSError, TimeoutError):
        return Answer.AWAY


async def _asked(context: Context, identity: Identity, token: Sensitive, audiences: tuple[str, ...]) -> Answer:
    from tui.kube.client import Client

    operator = await context.clusters.client(identity.cluster)
    if audiences:  # the API server may refuse it for these alone
        return await _reviewed(operator, identity, token, audiences)
    endpoint = context.clusters.endpoint(identity.cluster).with_token(token)
    async with Client(endpoint, timeouts=operator.timeouts) as bearer:
        wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = await bearer.create(SELF_SUBJECT_REVIEWS, wish)
        except Unauthorized as error:
            # A login page in between refuses too; API servers say it in a Status of theirs.
            return judge(None, identity) if error.reason == "Unauthorized" else Answer.AWAY
        except Forbidden as error:  # an old server: but it knows who asks
            return judge(caller_in(error.message), identity)
        except NotFound:  # an old server, and an account that may do anything
            return await _reviewed(operator, identity, token, ())
    return judge(str(((answer.get("status") or {}).get("userInfo") or {}).get("username", "")), identity)


async def _reviewed(operator: Client, identity: Identity, token: Sensitive, audiences: tuple[str, ...]) -> Answer:
    reviewed = await review(operator, token, audiences[:1])
    if reviewed is None:
        return Answer.UNASKED
    return judge(reviewed.username if reviewed.authenticated else None, identity)


async def until_refused(context: Context, credential: Credential, token: Sensitive | None, longest: float) -> Answer:
    """The same, again and again until the server refuses it, or `longest` seconds are over."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + longest
    while True:
        answer = await ask(context, credential, token)
        if answer in (Answer.REFUSED, Answer.UNASKED) or loop.time() + _PAUSE >= ends:
            return answer
        await asyncio.sleep(_PAUSE)


async def _until_gone(context: Context, handle: Handle, longest: float) -> bool:
    """Whether a handle that a finalizer holds back went within so many seconds."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + longest
    while True:
        with contextlib.suppress(KubeError, IssuanceError):
            if await is_gone(context, handle):
                return True
        if loop.time() + _PAUSE >= ends:
            return False
        await asyncio.sleep(_PAUSE)


@dataclass
class End:
    """One token that a plan ends: whose it is, and what the server says of it since."""

    credential: Credential | None = None
    token: Sensitive | None = None
    """None where it is not here to ask with."""
    said: str = ""
    """What became of its handle, as `handles.delete` told it."""
    held: datetime | None = None
    """By when the server refuses it where its handle is held back."""
    answer: Answer = Answer.UNASKED
    beside: list[Handle] = field(default_factory=list)
    """Handles of older tokens that finalizers hold back: whoever waits waits for these as well."""

    async def describe(self, context: Context, said: str) -> str:
        """The message about the ending, which has just gone as `said`: the server is asked once."""
        assert self.credential is not None
        self.said = said
        handle = self.credential.handle
        client = await context.clusters.client(handle.cluster) if handle is not None else None
        self.held = held_until(said, now_at(client, context.clock))
        self.answer = await ask(context, self.credential, self.token)
        return words(said, self.answer)

    def step(self, context: Context) -> Step:
        """The step that waits until the server refuses what was ended."""

        async def do(note: Note) -> None:
            await self._wait(note, context)

        return Step(info=StepInfo(id="refused", title="Wait until the server refuses the token"), do=do)

    async def _wait(self, note: Note, context: Context) -> None:
        assert self.credential is not None
        held, handle = handles.is_held(self.said), self.credential.handle
        longest = LONGEST_HELD if held else LONGEST
        limits.extend(LONGEST_HELD if self.beside else longest)
        self.answer, gone = await asyncio.gather(
            until_refused(context, self.credential, self.token, longest),
            asyncio.gather(*(_until_gone(context, one, LONGEST_HELD) for one in self.beside)),
        )
        note.message, left = "the server refuses it", []
        if self.answer is Answer.UNASKED:
            note.skip("the token is not here, or there is no right to check it: it may be accepted for 10 s more")
            if held and handle is not None and not await _until_gone(context, handle, longest):
                left.append(_held_back(handle, longest))
        elif self.answer is not Answer.REFUSED:
            accepts = self.answer is Answer.ACCEPTED
            still = "still accepts the token" if accepts else "does not say whether it refuses the token"
            left.append(f"the server {still} {longest:g} s after it was ended")
        left += [
            f"of an older token {_held_back(one, LONGEST_HELD)}"
            for one, went in zip(self.beside, gone, strict=True)
            if not went
        ]
        if left:
            note.skip("; ".join(left))
            note.run.left += left


def _held_back(handle: Handle, longest: float) -> str:
    return f"handle {handle.name} is still being deleted {longest:g} s after: its finalizer holds it"
