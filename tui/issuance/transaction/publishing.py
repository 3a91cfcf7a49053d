"""What every transaction has in common that puts one new thing into several places, reads it back, and takes it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

from tui.issuance.destinations.place import Place
from tui.issuance.errors import ChangedMeanwhile, IssuanceError, StepFailed, UsageError
from tui.issuance.model.types import Address
from tui.kube.errors import Conflict, NotFound

from .shared_steps import check_step, write_step
from .step import Journaled, Step

if TYPE_CHECKING:
    from tui.issuance.model.material import Writing
    from tui.kube.sensitive import Sensitive

    from .running import Note


@dataclass(kw_only=True)
class Publishing(Journaled):
    """The places of a transaction. What is published is known again by its fingerprint, which the intent has."""

    writes: ClassVar[str] = "Write {}"
    """How writing a place is called; with room for its label."""
    published: ClassVar[str] = "token"
    """What is published, in a word."""

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

    def writing(self, place: Place) -> Writing:
        """What this place is to hold. Raises IssuanceError before there is anything."""
        raise NotImplementedError

    def write(self, number: int, place: Place, *, unless_changed: bool = False) -> Step:
        """Write one place; `unless_changed` leaves it alone where it was changed since a dead process saw it."""

        async def do(note: Note) -> None:
            if unless_changed and not await self._as_it_was(place):
                self.give_up(place)
                note.skip(f"{place.label} was changed by another client since; it was left alone")
            else:
                note.message = await place.write(self.writing(place))

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
            if held is not None and held.fingerprint == intent.fingerprint:
                found.append((place, held))
        note.message = f"{len(found)} of {len(self.places)} destinations hold the new {self.published}"
        return found

    def remaining(self, already: Sequence[tuple[Place, Sensitive]]) -> tuple[Step, ...]:
        """The steps that bring it to all the others, too."""
        there = [place for place, _ in already]
        others = [(number, place) for number, place in enumerate(self.places) if place not in there]
        again = (self.write(number, place, unless_changed=True) for number, place in others)
        return (*again, *(self.check(number, place) for number, place in others))

    def give_up(self, place: Place) -> None:
        """Leave a place to whoever has it now; from here on the wish is one without it."""
        self.places.remove(place)
        spec = self.intent.spec
        left = tuple(one for one in spec.destinations if one.address(spec.identity) != place.address)
        self.intent = msgspec.structs.replace(self.intent, spec=msgspec.structs.replace(spec, destinations=left))

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

    async def _as_it_was(self, place: Place) -> bool:
        """Whether a place the dead process did not come to is still as it was then."""
        try:
            held = await place.look()
        except UsageError:
            return False  # it is another one's by now
        token = await place.token(self.intent.spec.format)
        before = next((old.fingerprint for old in self.intent.old if old.address == place.address), "")
        return not held.exists or (token is not None and token.fingerprint == before)
