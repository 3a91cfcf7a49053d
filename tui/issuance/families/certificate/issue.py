"""Client certificates as steps: asked for, approved, judged, proved with themselves, then written and read back.

The key is made here and is in memory alone until it is proved. So whatever dies before something is written leaves no
more than a request, whose certificate nobody can use; the next start deletes it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from tui.issuance.destinations.place import Place
from tui.issuance.errors import IssuanceError, StepFailed
from tui.issuance.formats import Format
from tui.issuance.model.certificate import CertificateError
from tui.issuance.model.durations import format_duration, whole_seconds
from tui.issuance.model.material import Writing
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Credential, State, StepInfo, StepStatus
from tui.issuance.objects.managed import renewal_point
from tui.issuance.records.intent import Intent, granted
from tui.issuance.transaction.publishing import Publishing
from tui.issuance.transaction.shared_steps import COMMIT, prove_step
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context, Finished
from tui.kube import limits, shell
from tui.kube.delivered import ONLY_LOOKING, DeliveredError, read
from tui.kube.errors import Denied, Forbidden, TimedOut
from tui.kube.sensitive import Sensitive

from . import request
from .signed import Kubeconfig, Signed, judge, kubeconfig, prove, way_in
from .wish import CertificateWish

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note

_SIGNING: Final = 60.0
"""Seconds for the signer, once it is approved."""
_KEPT_BACK: Final = 30.0
"""Seconds of the time for the whole that waiting for an approver leaves to what comes after."""


@dataclass(kw_only=True)
class Certify(Publishing):
    """One issue or rotation, prepared."""

    published: ClassVar[str] = "certificate"

    context: Context
    intent: Intent
    wish: CertificateWish
    approves: bool = True
    """Whether the operator may approve it, as far as is known."""
    dropped: bool = False
    """Whether the server is too old to know `expirationSeconds`."""
    sight: Sight = field(default_factory=Sight)
    _made: request.Made | None = field(default=None, init=False)
    _asked: request.Asked | None = field(default=None, init=False)
    _signed: Signed | None = field(default=None, init=False)
    _text: Kubeconfig | None = field(default=None, init=False)
    _approved: bool = field(default=False, init=False)
    _may_come: bool = field(default=False, init=False)
    """Whether the server was asked for the request and has not answered: it may create it in a moment."""

    @property
    def steps(self) -> tuple[Step, ...]:
        wish, name = self.wish, request.name_of(self.intent.plan)
        about = {"resource": request.CSRS.name, "cluster": wish.cluster, "name": name}
        approval = {**about, "resource": f"{request.CSRS.plural}/approval.{request.GROUP}"}
        send = StepInfo(
            id="request", title=f"Make a key and request a certificate for {wish.speaks_for}", verb="create", **about
        )
        yes = StepInfo(id="approve", title=f"Approve the request {name}", verb="update", **approval)
        waited = f"Wait until the request {name} is {'signed' if self.approves else 'approved by somebody who may'}"
        return (
            self.opened(),
            Step(info=send, do=self._send, undo=self._discard),
            *((Step(info=yes, do=self._approve),) if self.approves else ()),
            Step(info=StepInfo(id="signed", title=waited, verb="get", **about), do=self._wait),
            self._tidied,
            Step(info=prove_step(wish.cluster, "Prove it with the certificate itself"), do=self._prove),
            *(self.write(number, place) for number, place in enumerate(self.places)),
            *(self.check(number, place) for number, place in enumerate(self.places)),
            Step(info=COMMIT, do=self._commit, final=True),
        )

    def finished(self) -> Finished:
        return Finished(self.credential(self.own))

    def hints(self) -> list[str]:
        """What was replaced lives on: nothing can end it."""
        ends = [old.expires_at for old in self.intent.old if old.expires_at is not None]
        if not ends or max(ends) <= self.context.clock():
            return []
        return [f"the old certificate works until {max(ends):%Y-%m-%d %H:%M:%S} UTC in every copy"]

    async def find(self, note: Note) -> list[Step] | None:
        """Where any place holds the new certificate, it is the one that people use: the rest is finished."""
        already = await self.already(note)
        if not already:
            return None
        said = []
        for place, _ in already:
            try:
                found = await self._taken_out(place)
            except (IssuanceError, CertificateError, DeliveredError) as error:
                said.append(f"{place.label} holds the new certificate, but not what belongs to it: {error.message}")
                continue
            self._keep(*found)
            proof = Step(info=prove_step(self.wish.cluster), do=self._prove)
            rest = await self.remaining(already, proof)
            return [self._tidied, *rest, Step(info=COMMIT, do=self._commit, final=True)]
        note.run.left += [f"{one}; issue it again" for one in said]  # its key is nowhere any more
        return None

    async def _taken_out(self, place: Place) -> tuple[request.Made, Signed]:
        """Key and certificate from where the dead process put them, judged as when they were signed, and nothing else
        that may lie there. Raises IssuanceError, CertificateError, DeliveredError where they are not what was issued.
        """
        intent, text = self.intent, await place.material(Format.CERTIFICATE)
        if intent.issued_at is None:
            raise IssuanceError("the journal does not say when the certificate was issued")
        login = read(text.reveal_bytes(), ONLY_LOOKING).endpoint.login
        pem, key = login.client_certificate, login.client_key
        if pem is None or key is None or Sensitive(pem).fingerprint != intent.fingerprint:
            raise IssuanceError("its key is not there")
        info = judge(pem, key, self.wish, intent.issued_at).info
        return request.Made(key, b""), Signed(pem, info, intent.requested, intent.issued_at)

    # The steps

    @property
    def _tidied(self) -> Step:
        name = request.name_of(self.intent.plan)
        info = StepInfo(
            id="tidy", title=f"Delete the request {name}", verb="delete", resource=request.CSRS.name,
            cluster=self.wish.cluster, name=name,
        )  # fmt: skip
        return Step(info=info, do=self._tidy)

    async def _send(self, note: Note) -> None:
        wish, client = self.wish, await self.context.clusters.client(self.wish.cluster)
        made = self._made = await asyncio.to_thread(request.make, wish.user, wish.groups, wish.key)
        seconds = whole_seconds(wish.duration) if wish.duration is not None else None
        try:
            self._asked = await request.send(
                client,
                made,
                plan=self.intent.plan,
                wish_id=self.intent.request,
                owner=self.context.owner,
                seconds=seconds,
                dropped=self.dropped,
            )
        except Forbidden as error:
            error.hint = f"you need the right: create {request.CSRS.name} on {wish.cluster}"
            raise
        note.message = f"{self._asked.name}, asked by {self._asked.username}"
        if self._asked.seconds is None and seconds is not None:
            note.message += "; the server does not know expirationSeconds"

    async def _approve(self, note: Note) -> None:
        client = await self.context.clusters.client(self.wish.cluster)
        try:
            note.message = await request.approve(client, self._sent, self.context.owner)
            self._approved = True
        except (Forbidden, Denied) as error:  # a server asks twice: for the right to write it, and for its signer
            note.skip(f"no right to approve it: {error.message}")

    async def _wait(self, note: Note) -> None:
        wish, asked, made = self.wish, self._sent, self._made
        assert made is not None
        client = await self.context.clusters.client(wish.cluster)
        left = limits.left()
        patience = _SIGNING if self._approved else wish.wait.total_seconds()
        patience = min(patience, max(left - _KEPT_BACK, 1.0)) if left is not None else patience

        def say(approved: bool) -> None:
            waits = "approved; waiting for its signer" if approved else f"waiting: {by_hand(asked.name, wish.cluster)}"
            note.run.report(note.run.result("signed", StepStatus.RUNNING, waits))

        pem = await request.signed(client, asked, patience, say)
        if pem is None:
            raise _nobody(asked.name, wish.cluster, patience, approved=self._approved)
        signed = judge(pem, made.key, wish, await self.context.now(wish.cluster))
        note.message = f"{signed.info.key}, {granted(signed)}"
        if signed.lengthened and signed.requested is not None:
            note.message += f", asked {format_duration(signed.requested)}"
            note.hint(f"the signer gave more than was asked for: it ends at {signed.expires_at:%Y-%m-%d %H:%M:%S} UTC")
        self._keep(made, signed)
        self.intent = self.intent.learned(signed.fingerprint, signed)
        await self.open(note)

    def _keep(self, made: request.Made, signed: Signed) -> None:
        """What was made and signed, and with it what is written down: into the cluster as it is known, nothing else."""
        self._made, self._signed = made, signed
        way = way_in(self.context.clusters.endpoint(self.wish.cluster), signed.pem, made.key, self.wish.user)
        self._text = kubeconfig(way, self.wish.user)

    async def _tidy(self, note: Note) -> None:
        client = await self.context.clusters.client(self.wish.cluster)
        said = await request.discard(client, self.intent.plan)
        note.message = said or "it was gone already"

    async def _prove(self, note: Note) -> None:
        made, signed = self._made, self._issued
        assert made is not None
        way = way_in(self.context.clusters.endpoint(self.wish.cluster), signed.pem, made.key, self.wish.user)
        note.message = await prove(way, self.wish)

    async def _commit(self, note: Note) -> None:
        note.record = {"closed": self.intent.plan, "exports": self.exports()}

    # Taking back

    async def _discard(self, _note: Note, failure: StepFailed | None) -> str:
        client = await self.context.clusters.client(self.wish.cluster)
        said = await request.discard(client, self.intent.plan)
        unanswered = failure is not None and failure.step == "request" and isinstance(failure.__cause__, TimedOut)
        self._may_come = unanswered and not said
        return said

    async def close(self, note: Note, failure: StepFailed | None) -> str:
        if self._may_come:
            raise IssuanceError("the server did not answer, and may still create the request")
        return await super().close(note, failure)

    def give_up(self, place: Place) -> None:
        super().give_up(place)
        self.wish = msgspec.structs.replace(self.wish, destinations=self.intent.spec.destinations)

    # What there is by now

    @property
    def _sent(self) -> request.Asked:
        if self._asked is None:
            raise IssuanceError("nothing was requested yet")
        return self._asked

    @property
    def _issued(self) -> Signed:
        if self._signed is None:
            raise IssuanceError("no certificate was signed yet")
        return self._signed

    def credential(self, place: Place) -> Credential:
        """The new credential as this place keeps it."""
        address, signed, spec = place.address, self._issued, self.intent.spec
        return Credential(
            address=address,
            identity=spec.identity,
            format=Format.CERTIFICATE,
            requested=signed.requested,
            granted=signed.granted,
            issued_at=signed.issued_at,
            expires_at=signed.expires_at,
            rotate_at=renewal_point(signed.issued_at, signed.expires_at, signed.fingerprint),
            kept_in=address.kept_in,
            fingerprint=signed.fingerprint,
            state=State.VALID,
            message=f"client certificate of {self.wish.speaks_for}",
        )

    def writing(self, place: Place) -> Writing:
        """What this place is to hold."""
        if self._text is None:
            raise IssuanceError("no certificate was signed yet")
        return Writing(
            material=self._text,
            credential=self.credential(place),
            request=self.intent.request,
            copies=len(self.places) - 1,
        )


def by_hand(name: str, cluster: str) -> str:
    """Who has to do what, where the operator may not."""
    command = shell.command("kubectl", "certificate", "approve", name, "--context", cluster)
    return f"someone who may approve it has to run `{command}` meanwhile"


def _nobody(name: str, cluster: str, seconds: float, *, approved: bool) -> IssuanceError:
    if approved:
        return IssuanceError(
            f"the request {name} was approved, but not signed within {seconds:.0f} s",
            f"does the controller manager of {cluster} run `csrsigning`, with `--cluster-signing-cert-file`?",
        )
    return IssuanceError(
        f"the request {name} was not approved within {seconds:.0f} s; it was deleted",
        f"{by_hand(name, cluster)}; give it more time with --request-timeout",
    )
