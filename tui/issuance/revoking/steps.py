"""Revoking: deleting the handle, which ends exactly that token, and tidying up what held it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tui.issuance.errors import IssuanceError, explain
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Address, Credential, Handle, StepInfo
from tui.issuance.records.intent import Export, Revocation, new_id
from tui.issuance.transaction import dead_tokens, ending
from tui.issuance.transaction.after_ending import OTHER_TOKEN, dead, delete_secret
from tui.issuance.transaction.shared_steps import INTENT, revoke_step
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.trust import handles
from tui.kube import shell
from tui.kube.errors import KubeError

from . import older, others

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui.issuance.transaction.running import Note
    from tui.kube.sensitive import Sensitive


@dataclass(kw_only=True)
class Revocable(Transaction):
    """The end of one token, and of older ones of the same place in their grace period."""

    context: Context
    credential: Credential
    handle: Handle
    exports: tuple[Export, ...] = ()
    """Files on this machine with the same token. They stay, and are known to be dead."""
    sight: Sight = field(default_factory=Sight)
    token: Sensitive | None = None
    """The token itself, where it is known without its place."""
    wait: bool = False
    """Whether to wait until the server refuses it."""
    ends: tuple[Revocation, ...] = ()
    """Older tokens of the same places in their grace period, which end with it."""
    beside: others.Others = field(default_factory=others.Others)
    """What else was made for the place, which ends with it or is named."""
    living: tuple[str, ...] = ()
    """What is said of those that live on."""
    told: Mapping[Address, str] = field(default_factory=dict)
    """What is said of those of `exports` that were seen to hold something else, or nothing."""
    plan_id: str = field(default_factory=new_id)
    _end: ending.End = field(default_factory=ending.End, init=False)

    @property
    def fallback(self) -> Credential | None:
        return self.credential

    @property
    def account(self) -> str:
        """The name of the account."""
        return self.credential.identity.name if self.credential.identity is not None else ""

    @property
    def wanted(self) -> handles.Ending:
        """What is deleted, and who says that it may be."""
        raise NotImplementedError

    @property
    def due(self) -> Revocation:
        """What the journal knows of it: due at once, so that a start after a crash ends it."""
        return Revocation(
            plan=self.plan_id,
            address=self.credential.address,
            handle=self.handle,
            due=self.context.clock(),
            ending=True,
            account=self.account,
            fingerprint=self.credential.fingerprint,
        )

    def finished(self) -> Finished:
        end = self._end
        return Finished(ending.over(self.credential, end.answer, ending.of_handle(end.said), end.held))

    def hints(self) -> list[str]:
        known = ending.in_it(self._end.said, self._end.answer)
        files = (one.credential.address for one in self.exports)
        return [*(self.told.get(one) or f"{one.name} is still there; {known}" for one in files), *self.living]

    def ending(self, id_: str, title: str, between: Sequence[Step] = ()) -> tuple[Step, ...]:
        """The steps: journal it, delete the handle, end the older ones, what comes `between`, and wait."""
        delete = msgspec.structs.replace(revoke_step(0, self.handle, title), id=id_)
        return (
            Step(info=INTENT, do=self._intend),
            Step(info=delete, do=self._delete),
            *older.steps(self.context, self.ends, self._end.beside),
            *(self._another(number, one) for number, one in enumerate(self.beside.ends)),
            *between,
            *((self._end.step(self.context),) if self.wait else ()),
        )

    async def _intend(self, note: Note) -> None:
        with contextlib.suppress(KubeError):  # whatever is in the way now, the journal knows what to do
            await handles.check(await self.context.clusters.client(self.handle.cluster), self.wanted)
        at, now = self.credential.address, self.context.clock()
        beside = [one.due(self.plan_id, at, now) for one in self.beside.ends]
        note.record = {"revocations": [self.due, *await older.due_now(self.context, self.ends), *beside]}
        note.run.left += self.beside.left

    async def _delete(self, note: Note) -> None:
        end = self._end
        end.credential = self.credential
        end.token = self.token or await ending.at_hand(self.context, self.credential, *self.copies)
        said = await handles.delete(self.context.clusters, self.wanted)
        note.message = await end.describe(self.context, said)
        note.record = {"exports": [dead(export, end.answer, said, end.held) for export in self.exports], **self.over}

    def _another(self, number: int, one: others.Other) -> Step:
        """Ends another token of the place. One that cannot be ended is left for the next start, and said."""
        handle, state = one.ending.handle, self.context.state

        async def do(note: Note) -> None:
            try:
                note.message = said = await handles.delete(self.context.clusters, one.ending)
                due = one.due(self.plan_id, self.credential.address, self.context.clock())
                await (await self.context.families.of(due.address)).tidy(self.context, due)
            except (KubeError, IssuanceError) as error:
                why, hint = explain(error)
                left = f"another token of {self.credential.address}, {handle}, was not ended: {why}"
                note.skip(left)
                note.run.left.append(left)
                note.run.hints += [hint] if hint else []
                return
            self._end.beside += [handle] if handles.is_held(said) else []
            records, written = await asyncio.to_thread(lambda: (state.export_records(), state.written_secrets()))
            note.record = {
                "revoked": handle,
                "exports": [dead(record, said=said) for record in records if record.credential.handle == handle],
                "forget": [record.credential.address for record in written if record.credential.handle == handle],
                **dead_tokens.ended(handle, one.fingerprint, self.context.clock(), kept=self.credential.address),
            }

        return Step(info=others.step(number, one), do=do)

    @property
    def copies(self) -> tuple[Address, ...]:
        """Where else the token may lie, to ask with."""
        return tuple(export.credential.address for export in self.exports)

    @property
    def over(self) -> dict[str, Any]:
        """What the journal is told once the handle is deleted."""
        raise NotImplementedError


@dataclass(kw_only=True)
class Revoke(Revocable):
    """One revocation: the handle, then what held the token."""

    named: handles.Named
    """Who says that it is the handle."""
    secrets: tuple[Address, ...]
    """Managed Secrets with the same token. They are deleted."""
    written: tuple[Address, ...]
    """Secrets of which this machine knew that it wrote this token there; nothing vouches for it from now on."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.credential.address, *self.copies)

    @property
    def copies(self) -> tuple[Address, ...]:
        return (*super().copies, *self.secrets)

    @property
    def steps(self) -> tuple[Step, ...]:
        tidy = [self._tidy(number, secret) for number, secret in enumerate(self.secrets)]
        return self.ending("handle", "Delete the handle, which revokes the token", tidy)

    @property
    def wanted(self) -> handles.Ending:
        may = handles.may_be_token_secret(self.credential.address.kind)
        return handles.Ending(handle=self.handle, named=self.named, account=self.account, token_secret=may)

    @property
    def due(self) -> Revocation:
        return msgspec.structs.replace(super().due, secrets=self.secrets)

    @property
    def over(self) -> dict[str, Any]:
        held, now = self.credential, self.context.clock()
        ended = dead_tokens.ended(self.handle, held.fingerprint, now, kept=held.address)
        return {"forget": self.written, **ended, **({} if self.secrets else {"revoked": self.handle})}

    async def take_away(self, secret: Address) -> str:
        """Delete a Secret that held the token; says what became of it. Raises KubeError, IssuanceError."""
        return await delete_secret(self.context, secret, self.handle, self.credential.fingerprint)

    def _tidy(self, number: int, secret: Address) -> Step:
        async def do(note: Note) -> None:
            try:
                note.message = await self.take_away(secret)
                if note.message == OTHER_TOKEN and secret == self.credential.address:  # what was asked for by its place
                    verify = shell.command("kubemint", "verify", str(secret))
                    note.run.left.append(f"{secret} was {note.message}, which was not revoked; `{verify}` asks whose")
            except (KubeError, IssuanceError) as error:  # the token has ended, whatever its place does
                known = ending.in_it(self._end.said, self._end.answer)
                left = f"{secret} could not be tidied: {explain(error)[0]}; {known}"
                note.skip(left)
                note.run.left.append(left)
            if number == len(self.secrets) - 1:  # only now nothing is left for a start after a crash
                note.record = {"revoked": self.handle}

        info = StepInfo(
            id=f"secret:{number}", title=f"Delete the Secret {secret.namespace}/{secret.name}",
            verb="delete", resource="secrets", cluster=secret.cluster, namespace=secret.namespace, name=secret.name,
        )  # fmt: skip
        return Step(info=info, do=do)
