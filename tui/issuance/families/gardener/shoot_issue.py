"""Kubeconfigs for Gardener shoots: journaled, proved with the new certificate itself, then written and read back.

There is no handle: a client certificate cannot be revoked one by one and ends at its NotAfter. So nothing is left to
undo where a step fails; the file holds what it held, and what was issued ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.place import absolute, taken
from tui.issuance.destinations.shoot import ShootPlace, stand_in
from tui.issuance.destinations.written import edits, wrote
from tui.issuance.errors import IssuanceError, StepFailed, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.material import Document, Writing
from tui.issuance.model.names import check_names
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import (
    AccessLevel,
    Action,
    Address,
    Credential,
    IssueSpec,
    Plan,
    ShootWish,
    State,
    StepInfo,
)
from tui.issuance.objects.managed import renewal_point
from tui.issuance.records.intent import Export, Intent, granted, new_id
from tui.issuance.transaction.reading import export_record
from tui.issuance.transaction.replacing import refuse_live
from tui.issuance.transaction.shared_steps import COMMIT, check_step, write_step
from tui.issuance.transaction.step import Journaled, Step
from tui.issuance.transaction.work import Context, Finished
from tui.issuance.trust import whose
from tui.kube.errors import Forbidden
from tui.kube.sensitive import Sensitive

from .garden import SHOOTS, Shoot, shoot_at
from .shoot_kubeconfig import ShootKubeconfig, check_duration, choose, request, right

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.issuance.transaction.running import Note

CANNOT_REVOKE = "cannot be revoked: a client certificate ends at its NotAfter, or with the shoot's client CA"


@dataclass(kw_only=True)
class ShootIssue(Journaled):
    """One kubeconfig, prepared."""

    context: Context
    intent: Intent
    wish: ShootWish
    place: ShootPlace
    sight: Sight = field(default_factory=Sight)
    _credential: Credential | None = field(default=None, init=False)
    _config: ShootKubeconfig | None = field(default=None, init=False)
    _writing: Writing | None = field(default=None, init=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.place.address,)

    @property
    def fallback(self) -> Credential | None:
        return next(iter(self.intent.old), None)

    @property
    def steps(self) -> tuple[Step, ...]:
        shoot = self.wish.shoot
        else_viewer = ", or a viewer's where that is forbidden" if shoot.level is AccessLevel.AUTO else ""
        level = "viewer" if shoot.level is AccessLevel.VIEWER else "admin"
        request = StepInfo(
            id="request", title=f"Request the {level} kubeconfig of the shoot {shoot.name}{else_viewer}",
            verb="create", resource=right(shoot.level), cluster=shoot.garden, namespace=shoot.namespace,
            name=shoot.name,
        )  # fmt: skip
        prove = StepInfo(id="prove", title=f"Enter the shoot {shoot.name} with the new certificate")
        return (
            self.opened(),
            Step(info=request, do=self._request),
            Step(info=prove, do=self._prove),
            Step(info=write_step(0, self.place, exists=True), do=self._write, undo=self._restore),
            Step(info=check_step(0, self.place), do=self._check),
            self._committed,
        )

    def finished(self) -> Finished:
        return Finished(self._credential)

    def undone(self, said: Sequence[str]) -> str:
        """What was issued is kept nowhere."""
        issued = "; what was issued expires" if self.intent.fingerprint else ""
        return f"the file is as it was before{issued}"

    async def find(self, note: Note) -> tuple[Step, ...] | None:
        """Where the file is what was proved and written it is done; a certificate alone says nothing of what lies
        beside it, and what did is nowhere any more."""
        held = await self.place.token(Format.KUBECONFIG)
        there = held is not None and held.fingerprint == self.intent.fingerprint
        note.message = "the file holds the new certificate" if there else "the file does not hold a new certificate"
        if held is None or not there:
            return None
        known, content = self.intent.wrote, await self.place.material(Format.KUBECONFIG)
        if known is None or (found := edits(Format.KUBECONFIG, content, known)).any:
            what = "what belongs to it was not journaled" if known is None else found.said or "was edited since"
            note.message += f", but {what}"
            note.run.left.append(f"{self.place.label}: {note.message}; request it again")
            return None
        if self.intent.issued_at is None or self.intent.expires_at is None:
            raise IssuanceError("the journal does not say when the certificate was issued")
        self._credential = _known(self.place, self.intent, self.wish, held)
        return (self._committed,)

    @property
    def _committed(self) -> Step:
        return Step(info=COMMIT, do=self._commit, final=True)

    async def _request(self, note: Note) -> None:
        shoot = self.wish.shoot
        garden = await self.context.clusters.client(shoot.garden)
        config = self._config = await request(garden, shoot, self.wish.duration)
        note.message = f"{config.shoot.level.value} kubeconfig, {granted(config)}"
        if shoot.level is AccessLevel.AUTO and config.shoot.level is AccessLevel.VIEWER:
            note.message += "; admin is forbidden to you"
        self.intent = self.intent.learned(config.material.fingerprint, config)
        await self.open(note)

    async def _prove(self, note: Note) -> None:
        config = self._config
        assert config is not None
        way, user = await choose(config, self.wish.address)
        note.message = f"{config.address_of(way)} at {way.server} accepts {user}"
        self._credential = self._issued(config)
        self._writing = Writing(
            material=Document(config.text(way)), credential=self._credential, request=self.intent.request
        )
        written = wrote(Format.KUBECONFIG, self._writing.content)
        self.intent = msgspec.structs.replace(self.intent, wrote=written)
        await self.open(note)

    async def _write(self, note: Note) -> None:
        assert self._writing is not None
        note.message = await self.place.write(self._writing)

    async def _check(self, _note: Note) -> None:
        assert self._writing is not None
        await self.place.check(self._writing)

    async def _restore(self, _note: Note, _failure: StepFailed | None) -> str:
        return await self.place.restore()

    async def _commit(self, note: Note) -> None:
        assert self._credential is not None
        export = Export(credential=self._credential, request=self.intent.request, shoot=self.wish)
        note.record = {"closed": self.intent.plan, "exports": [export]}

    def _issued(self, config: ShootKubeconfig) -> Credential:
        """What the exports keep of it."""
        address = self.place.address
        return Credential(
            address=address,
            format=Format.KUBECONFIG,
            requested=config.requested,
            granted=config.granted,
            issued_at=config.issued_at,
            expires_at=config.expires_at,
            rotate_at=renewal_point(config.issued_at, config.expires_at, config.material.fingerprint),
            kept_in=address.name,
            fingerprint=config.material.fingerprint,
            shoot=config.shoot,
            state=State.VALID,
            message=f"client certificate of {config.speaks_for}",
        )


async def prepare_shoot(
    context: Context, wish: ShootWish, action: Action = Action.ISSUE, *, force: bool = False, replace: bool = False
) -> tuple[Plan, ShootIssue]:
    """The plan for a kubeconfig of a shoot. Reads the shoot where that is allowed.

    Raises UsageError (Unasked for issuing over a live one without `replace`), KubeError.
    """
    shoot = wish.shoot
    context.clusters.endpoint(shoot.garden)
    check_names(shoot.namespace, shoot.name, "shoot")
    check_duration(wish.duration)
    path = absolute(wish.path)
    wish = msgspec.structs.replace(wish, path=str(path))
    place = ShootPlace(shoot, str(path), context.state, force=force)
    sight = Sight()
    (held,) = await whose.look_at(context, [place], sight)
    old = held.credential
    if old is not None and not _same(old, wish):
        raise taken(str(path), old, exists=held.exists)
    if old is not None and action is Action.ISSUE and not replace:
        await refuse_live(context, [old], sight)
    warnings = [held.warning] if held.warning else []
    warnings += _warnings(await _look(context, wish), wish)
    place.request = held.request or new_id()
    intent = Intent(
        plan=new_id(),
        action=action,
        address=place.address,
        request=place.request,
        spec=IssueSpec(
            identity=stand_in(shoot), destinations=(FileDestination(str(path)),), duration=wish.duration
        ),
        old=(old,) if old is not None else (),
        shoot=wish,
    )  # fmt: skip
    work = ShootIssue(context=context, intent=intent, wish=wish, place=place, sight=sight)
    return work.planned(warnings, held.preview), work


async def wish_at(context: Context, address: Address) -> ShootWish:
    """The wish behind a file that holds a kubeconfig of a shoot. Raises UsageError where its record says too little."""
    record = await export_record(context, address)
    if record.shoot is None:
        raise UsageError(
            f"{address.name} is a copy of {record.source}", "rotate that, then export it again to the same path"
        )
    return record.shoot


def as_left(context: Context, intent: Intent) -> ShootIssue:
    """What a dead process began."""
    wish = intent.shoot
    assert wish is not None
    place = ShootPlace(wish.shoot, wish.path, context.state)
    place.request = intent.request
    return ShootIssue(context=context, intent=intent, wish=wish, place=place)


def _known(place: ShootPlace, intent: Intent, wish: ShootWish, held: Sensitive) -> Credential:
    """What a dead process had issued, as the journal and the file say."""
    from tui.issuance.model.certificate import read_certificate
    from tui.issuance.objects.viewer import of_viewer

    info = read_certificate(held.reveal_bytes())
    level = AccessLevel.VIEWER if of_viewer(info) else AccessLevel.ADMIN
    assert intent.issued_at is not None
    return Credential(
        address=place.address,
        format=Format.KUBECONFIG,
        requested=intent.requested,
        granted=intent.granted,
        issued_at=intent.issued_at,
        expires_at=info.not_after,
        rotate_at=renewal_point(intent.issued_at, info.not_after, held.fingerprint),
        kept_in=place.address.name,
        fingerprint=held.fingerprint,
        shoot=msgspec.structs.replace(wish.shoot, level=level),
        state=State.VALID,
        message=f"client certificate of {info.common_name} ({', '.join(info.organizations)})",
    )


def _same(old: Credential, wish: ShootWish) -> bool:
    """Whether it opens the same shoot; the level may change."""
    return old.shoot is not None and stand_in(old.shoot) == stand_in(wish.shoot)


async def _look(context: Context, wish: ShootWish) -> Shoot | None:
    """The shoot; None for people who may ask for kubeconfigs but not look."""
    client = await context.clusters.client(wish.shoot.garden)
    try:
        return await shoot_at(client, wish.shoot.namespace, wish.shoot.name)
    except Forbidden:
        return None


def _warnings(shoot: Shoot | None, wish: ShootWish) -> list[str]:
    """What to know first. Raises where the garden could only refuse."""
    said = [f"the result {CANNOT_REVOKE}"]
    if shoot is None:
        return [f"no right to get {SHOOTS.name} in namespace {wish.shoot.namespace}: how it stands is not known", *said]
    if not shoot.addresses:
        raise IssuanceError(
            f"the shoot {wish.shoot.namespace}/{wish.shoot.name} has no addresses yet: {shoot.operation}",
            "is it still being created? Try again when it is",
        )
    if shoot.hibernation != "Awake":
        said.append(f"the shoot is {shoot.hibernation.lower()}: its API server may be off, then nothing can be proved")
    last = shoot.status.last_operation
    if last is not None and last.state in ("Failed", "Error"):
        said.append(f"the shoot is in trouble: {shoot.operation}")
    return said
