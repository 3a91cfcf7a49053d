"""Kubeconfigs for Gardener shoots: journaled, proved with the new certificate itself, then written and read back.

There is no handle: a client certificate cannot be revoked one by one and ends at its NotAfter. So nothing is left to
undo where a step fails; the file holds what it held, and what was issued ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tui.kube.errors import Forbidden
from tui.kube.sensitive import Sensitive

from .destinations.place import absolute, look_at
from .destinations.shoot import ShootPlace, stand_in
from .durations import format_duration
from .errors import IssuanceError, UsageError
from .formats import Format
from .gardener import SHOOTS, Shoot, shoot_at
from .intent import Export, Intent, new_id
from .managed import renewal_point
from .material import Document, Writing
from .names import check_names
from .replacing import refuse_live
from .running import Run, StepFailed
from .shared_steps import COMMIT, INTENT
from .shoot_kubeconfig import ShootKubeconfig, check_duration, choose, request, right
from .sight import Sight
from .types import (
    AccessLevel,
    Action,
    Address,
    Credential,
    FileDestination,
    IssueSpec,
    Plan,
    ShootWish,
    State,
    Step,
    StepStatus,
)
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint

CANNOT_REVOKE = "cannot be revoked: a client certificate ends at its NotAfter, or with the shoot's client CA"


@dataclass
class ShootIssue:
    """One kubeconfig, prepared."""

    context: Context
    intent: Intent
    wish: ShootWish
    place: ShootPlace
    sight: Sight = field(default_factory=Sight)

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.place.address,)

    @property
    def fallback(self) -> Credential | None:
        return next(iter(self.intent.old), None)

    async def run(self, run: Run) -> Finished:
        try:
            async with run.step("intent") as note:
                note.record = {"opened": self.intent}
            config = await self._request(run)
            async with run.step("prove") as note:
                way, user = await choose(config, self.wish.address)
                note.message = f"{config.address_of(way)} at {way.server} lets {user} in"
            credential = self.credential(config)
            writing = self.writing(config, way, credential)
            async with run.step("write:0") as note:
                note.message = await self.place.write(writing)
            async with run.step("check:0"):
                await self.place.check(writing)
            await commit(run, self.intent, self.wish, credential)
        except StepFailed as failure:
            if failure.step != "intent":
                await self.undo(run)
            raise
        return Finished(credential)

    def credential(self, config: ShootKubeconfig) -> Credential:
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

    def writing(self, config: ShootKubeconfig, way: Endpoint, credential: Credential) -> Writing:
        """What the file is to hold."""
        return Writing(material=Document(config.text(way)), credential=credential, request=self.intent.request)

    async def undo(self, run: Run) -> None:
        """Put the file back. What was issued is kept nowhere and ends by itself."""
        with contextlib.suppress(StepFailed):
            async with run.step("undo") as note:
                await self.place.restore()
                note.status, note.message = StepStatus.UNDONE, "the file is as it was before"
                note.record = {"closed": self.intent.plan}

    async def _request(self, run: Run) -> ShootKubeconfig:
        async with run.step("request") as note:
            shoot = self.wish.shoot
            garden = await self.context.clusters.client(shoot.garden)
            config = await request(garden, shoot, self.wish.duration)
            note.message = f"{config.shoot.level.value} kubeconfig, granted {format_duration(config.granted)}"
            if config.shortened and config.requested is not None:
                note.message += f", asked {format_duration(config.requested)}"
            if shoot.level is AccessLevel.AUTO and config.shoot.level is AccessLevel.VIEWER:
                note.message += "; admin is forbidden to you"
            self.intent = msgspec.structs.replace(
                self.intent,
                fingerprint=config.material.fingerprint,
                requested=config.requested,
                granted=config.granted,
                issued_at=config.issued_at,
                expires_at=config.expires_at,
            )
            note.record = {"opened": self.intent}
        return config


async def commit(run: Run, intent: Intent, wish: ShootWish, credential: Credential) -> None:
    """The last step: the export is known, the plan closed."""
    async with run.step("commit") as note:
        export = Export(credential=credential, request=intent.request, shoot=wish)
        note.record = {"closed": intent.plan, "exports": [export]}


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
    (held,) = await look_at([place], sight)
    old = held.credential
    if old is not None and not _same(old, wish):
        raise UsageError(
            f"{path} is already in use by a credential of {old.shoot or old.identity}", "choose another path"
        )
    if old is not None and action is Action.ISSUE and not replace:
        await refuse_live(context, [old], sight)
    warnings = [held.warning] if held.warning else []
    warnings += _warnings(await _look(context, wish), wish)
    plan_id = new_id()
    request_id = place.request = held.request or new_id()
    intent = Intent(
        plan=plan_id,
        action=action,
        address=place.address,
        request=request_id,
        spec=IssueSpec(
            identity=stand_in(shoot), destinations=(FileDestination(str(path)),), duration=wish.duration
        ),
        old=(old,) if old is not None else (),
        shoot=wish,
    )  # fmt: skip
    plan = Plan(
        id=plan_id,
        action=action,
        address=place.address,
        steps=_steps(wish, str(path)),
        warnings=tuple(warnings),
        preview=held.preview,
    )
    return plan, ShootIssue(context, intent, wish, place, sight)


async def wish_at(context: Context, address: Address) -> ShootWish | None:
    """The wish behind a file that holds a kubeconfig of a shoot; None for every other credential.

    Raises UsageError where its record says too little.
    """
    if not address.here:
        return None
    record = await asyncio.to_thread(context.state.export_record, address)
    if record is None or record.credential.shoot is None:
        return None
    if record.shoot is None:
        raise UsageError(
            f"{address.name} is a copy of {record.source}", "rotate that, then export it again to the same path"
        )
    return record.shoot


async def finish_or_undo(context: Context, intent: Intent, run: Run) -> Finished:
    """After a crash: where the file holds the new certificate it is done, else nothing happened."""
    wish = intent.shoot
    assert wish is not None
    place = ShootPlace(wish.shoot, wish.path, context.state)
    place.request = intent.request
    async with run.step("find") as note:
        held = await place.token(Format.KUBECONFIG)
        there = held is not None and held.fingerprint == intent.fingerprint
        note.message = "the file holds the new certificate" if there else "the file does not hold a new certificate"
    if not there:
        async with run.step("undo") as note:
            note.status, note.message = StepStatus.UNDONE, "nothing was written; what was issued ends by itself"
            note.record = {"closed": intent.plan}
        return Finished(None)
    if held is None or intent.issued_at is None or intent.expires_at is None:
        raise IssuanceError("the journal does not say when the certificate was issued")
    credential = _known(place, intent, wish, held)
    await commit(run, intent, wish, credential)
    return Finished(credential)


def _known(place: ShootPlace, intent: Intent, wish: ShootWish, held: Sensitive) -> Credential:
    """What a dead process had issued, as the journal and the file say."""
    from .certificate import read_certificate
    from .gardener import of_viewer

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


def _steps(wish: ShootWish, path: str) -> tuple[Step, ...]:
    shoot = wish.shoot
    where = {"cluster": shoot.garden, "namespace": shoot.namespace, "name": shoot.name}
    else_viewer = ", or a viewer's where that is forbidden" if shoot.level is AccessLevel.AUTO else ""
    level = "viewer" if shoot.level is AccessLevel.VIEWER else "admin"
    return (
        INTENT,
        Step(
            id="request", title=f"Request the {level} kubeconfig of the shoot {shoot.name}{else_viewer}",
            verb="create", resource=right(shoot.level), **where,
        ),
        Step(id="prove", title=f"Enter the shoot {shoot.name} with the new certificate"),
        Step(id="write:0", title=f"Write {path}", path=path),
        Step(id="check:0", title=f"Read {path} back and compare", path=path),
        COMMIT,
    )  # fmt: skip
