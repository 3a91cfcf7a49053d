"""What every transaction has in common that makes a token bound to a handle, and lets go of the one it replaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from tui.issuance.errors import IssuanceError, StepFailed
from tui.issuance.model.durations import format_duration
from tui.issuance.model.sight import Sight
from tui.issuance.objects.token_request import IssuedToken
from tui.issuance.records.intent import Intent, Revocation
from tui.issuance.trust import handles
from tui.kube.errors import TimedOut

from .shared_steps import revoke_steps
from .step import Journaled
from .work import Context

if TYPE_CHECKING:
    from tui.issuance.model.types import StepInfo
    from tui.kube.sensitive import Sensitive

    from .running import Note

CANNOT_REVOKE: Final = "cannot be revoked: it has no handle; it expires"


@dataclass(kw_only=True)
class Minting(Journaled):
    """One new token and its handle. What it replaces is revoked when its grace is over."""

    replaced: ClassVar[str] = "old"
    """How what is replaced is called."""

    context: Context
    intent: Intent
    sight: Sight = field(default_factory=Sight)
    issued: IssuedToken | None = field(default=None, init=False)
    """The new token, once there is one."""
    _revocations: list[Revocation] = field(default_factory=list, init=False)
    _may_come: bool = field(default=False, init=False)
    """Whether the server was asked for the handle and has not answered: it may create it in a moment."""

    @property
    def later(self) -> tuple[StepInfo, ...]:
        after = format_duration(self.intent.lasting(self.context.grace))
        return revoke_steps(self.intent.old_handles, f"Revoke the {self.replaced} one after {after}")

    async def close(self, note: Note, failure: StepFailed | None) -> str:
        if self._may_come:
            raise IssuanceError("the server did not answer, and may still create the handle")
        return await super().close(note, failure)

    @property
    def token(self) -> IssuedToken:
        """The new token. Raises IssuanceError before there is one."""
        if self.issued is None:
            raise IssuanceError("no token was issued yet")
        return self.issued

    async def discard_handle(self, _note: Note, failure: StepFailed | None) -> str:
        """Take the new handle back; says how that went."""
        if self.intent.handle is None:
            return ""
        account, plan = self.intent.spec.identity.name, self.intent.plan
        gone = await handles.discard(self.context.clusters, self.intent.handle, plan, account)
        asked = failure is not None and failure.step == "handle" and isinstance(failure.__cause__, TimedOut)
        self._may_come = asked and gone == handles.NEVER
        return f"handle {gone}"

    async def revocations(self, note: Note) -> list[Revocation]:
        """What is left to the grace period, which begins now."""
        grace = await self.let_go(note, self.context.grace)
        begun = await self.context.moment(self.intent.spec.identity.cluster)
        self._revocations = self.intent.revocations(begun, grace)
        return self._revocations


def issued_again(intent: Intent, token: Sensitive) -> IssuedToken:
    """What a dead process had issued: the token from where it was published, the rest from the journal."""
    if intent.issued_at is None or intent.expires_at is None or intent.granted is None:
        raise IssuanceError("the journal does not say when the token was issued")
    return IssuedToken(
        token=token,
        requested=intent.requested,
        granted=intent.granted,
        issued_at=intent.issued_at,
        expires_at=intent.expires_at,
    )
