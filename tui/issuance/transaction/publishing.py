"""What every transaction has in common that puts one new thing into several places, reads it back, and takes it out.

After a crash that some place holds the new one does not make it done: whatever lies beside it may have been changed
since, and whom it is to be carried to may not have been told. So the rest goes as it would have gone: it is proved,
every place is looked at and written anew from what is known here, announced, read back, and only then committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from tui.issuance.destinations.file import wrote_to
from tui.issuance.destinations.place import Place
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, UsageError
from tui.issuance.model.types import Address
from tui.issuance.records.intent import Export
from tui.kube.errors import Conflict, NotFound

from .shared_steps import check_step, write_step
from .step import Journaled, Step
from .work import Context

if TYPE_CHECKING:
    from tui.issuance.model.material import Writing
    from tui.kube.sensitive import Sensitive

    from .running import Note

_STAYS_OPEN: Final = "until then the old one works too; kubemint retries when it starts next, or rotate it again"


@dataclass(kw_only=True)
class Publishing(Journaled):
    """The places of a transaction. What is published is known again by its fingerprint, which the intent has."""

    writes: ClassVar[str] = "Write {}"
    """How writing a place is called; with room for its label."""
    published: ClassVar[str] = "token"
    """What is published, in a word."""

    context: Context
    places: list[Place]
    exists: Sequence[bool] = ()
    """For each place whether something is there already, as the plan saw it."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(place.address for place in self.places)

    @property
    def own(self) -> Place:
        """The place that the plan is about."""
        return next((place for place in self.places if place.address == self.intent.address), self.places[0])

    async def open(self, note: Note) -> None:
        """With which Secrets these are: one that has the same name by the next start is not written to."""
        secrets = {str(place.address): place.uid for place in self.places if place.path is None}
        self.intent = msgspec.structs.replace(self.intent, secrets=secrets)
        await super().open(note)

    def writing(self, place: Place) -> Writing:
        """What this place is to hold. Raises IssuanceError before there is anything."""
        raise NotImplementedError

    def exports(self, source: Address | None = None) -> list[Export]:
        """What is recorded of every place, once it holds what was issued; of copies what their `source` is."""
        return [
            Export(
                credential=self.writing(place).credential,
                request=self.intent.request,
                spec=self.intent.spec if source is None else None,
                source=source,
                uid=place.uid,
                wrote=wrote_to(place),
            )
            for place in self.places
        ]

    def write(self, number: int, place: Place) -> Step:
        """Write one place."""

        async def do(note: Note) -> None:
            note.message = await place.write(self.writing(place))
            if self.intent.secrets.get(str(place.address)) == "":  # which one was made is known from now on
                await self.open(note)

        async def undo(_note: Note, _failure: StepFailed | None) -> str:
            return await self._restore(place)

        exists = self.exists[number] if number < len(self.exists) else True
        return Step(info=write_step(number, place, exists=exists, title=self.writes), do=do, undo=undo)

    def check(self, number: int, place: Place) -> Step:
        """Read one place back and compare."""

        async def do(note: Note) -> None:
            if place in self.places:
                note.message = await place.check(self.writing(place)) or ""
            else:
                note.skip("it was left alone")

        return Step(info=check_step(number, place), do=do)

    async def already(self, note: Note) -> list[tuple[Place, Sensitive]]:
        """After a crash: the places that hold the new one, each with what tells it there."""
        intent, found = self.intent, []
        for place in self.places if intent.fingerprint else ():
            await place.fence()  # the last write of the dead may be on its way still, this way or back
        for place in self.places if intent.fingerprint else ():
            held = await place.token(intent.spec.format)
            if held is not None and held.fingerprint == intent.fingerprint and await self._is_that_one(place):
                found.append((place, held))
        note.message = f"{len(found)} of {len(self.places)} destinations hold the new {self.published}"
        return found

    async def remaining(self, already: Sequence[tuple[Place, Sensitive]], proof: Step) -> tuple[Step, ...]:
        """The steps that are still to do before the commit, once it is known what is to be written. Material that
        ended by itself meanwhile can be proved to nobody."""
        there = [place for place, _ in already]
        over = self.intent.ended(await self.context.now(self.intent.spec.identity.cluster))
        again = (self._again(number, place, holds=place in there) for number, place in enumerate(self.places))
        checks = (self.check(number, place) for number, place in enumerate(self.places))
        steps = (*(() if over else (proof,)), *again, *checks)
        return tuple(replace(step, kept=_STAYS_OPEN) for step in steps)

    def give_up(self, place: Place) -> None:
        """Leave a place to whoever has it now; from here on the wish is one without it."""
        self.places.remove(place)
        spec = self.intent.spec
        left = tuple(one for one in spec.destinations if one.address(spec.identity) != place.address)
        self.intent = msgspec.structs.replace(self.intent, spec=msgspec.structs.replace(spec, destinations=left))

    def _again(self, number: int, place: Place, *, holds: bool) -> Step:
        """Write one place that the dead process did not come to, or of which nobody knows how far it came."""

        async def do(note: Note) -> None:
            if not holds and not await self._as_it_was(place):
                self.give_up(place)
                note.skip(f"{place.label} was changed by another client since; it was left alone")
            elif holds and place.path is not None and await self._is_whole(place):
                note.skip("it is up to date")
            else:
                if holds:
                    await place.look()
                note.message = await place.write(self.writing(place))

        return Step(info=write_step(number, place, exists=True, title=self.writes), do=do)

    async def _restore(self, place: Place) -> str:
        try:
            return await place.restore()
        except (Conflict, NotFound, ChangedMeanwhile) as error:
            # Another client changed it after we wrote. Where ours is still in it, what it lives by must stay.
            held = await place.token(self.intent.spec.format)
            if held is not None and held.fingerprint == self.intent.fingerprint:
                raise IssuanceError(
                    f"{place.label} was changed meanwhile and still holds the new {self.published}"
                ) from error
            return ""

    async def _uid(self, place: Place) -> str | None:
        """Of the Secret that was seen when this began, empty where there was none; None where nothing says that."""
        uid = self.intent.secrets.get(str(place.address))
        if uid is not None or place.path is not None:
            return uid
        record = await asyncio.to_thread(self.context.state.written, place.address)  # journals of earlier versions
        return record.uid or None if record is not None else None

    async def _is_that_one(self, place: Place) -> bool:
        """Whether a Secret that holds the new one is not another by now than was there when this began."""
        return (await self._uid(place) or place.uid) == place.uid

    async def _is_whole(self, place: Place) -> bool:
        """Whether nothing needs to be written. A Secret always is: what it says of itself, and who is told of it."""
        with contextlib.suppress(ChangedMeanwhile):
            await place.check(self.writing(place))
            return True
        return False

    async def _as_it_was(self, place: Place) -> bool:
        """Whether a place the dead process did not come to is still as it was then."""
        try:
            held = await place.look()
        except UsageError:
            return False  # it is another one's by now
        uid, replaced = await self._uid(place), self.intent.old
        if not held.exists:  # a Secret that was there is not made anew: its namespace may be another team's by now
            return place.path is not None or not (uid or place.address in {old.address for old in replaced})
        token, of = await place.token(self.intent.spec.format), held.credential
        same = place.path is not None or uid == place.uid
        ours = of is None or of.identity == self.intent.spec.identity
        return same and ours and token is not None and token.fingerprint in {old.fingerprint for old in replaced}
