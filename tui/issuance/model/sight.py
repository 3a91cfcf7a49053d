"""What a plan saw, looked at again before anything is done.

A plan is made by looking, and carried out later: by then another client may have written the same file, rotated the
same Secret or made the account anew. Whatever a plan's decisions rest on is looked at through its `Sight`, which the
engine has looked at again under the locks of the work, before the first step. Where anything differs nothing is begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tui.issuance.errors import ChangedMeanwhile, NotProved, UsageError

if TYPE_CHECKING:
    from .types import Credential

T = TypeVar("T")

Seen = tuple[tuple[str, object], ...]
"""By name, what makes each thing another one that a plan rests on; no material can be found out from it."""
AGAIN: Final = "look at it again, then retry"


@dataclass(frozen=True, slots=True)
class _Look:
    what: str
    again: Callable[[], Awaitable[object]]
    """The facts as they are by then."""
    facts: object
    """As they were."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """In the place of facts: it could not be planned any more."""

    why: str


def changed(looks: Sequence[tuple[str, object, object]]) -> tuple[str, ...]:
    """What is not as it was: the names of those whose facts before and now differ, in their order."""
    return tuple(dict.fromkeys(what for what, before, now in looks if before != now))


@dataclass(slots=True)
class Sight:
    """Everything one plan rests on."""

    _looks: list[_Look] = field(default_factory=list)

    async def see(
        self, what: str, look: Callable[[], Awaitable[T]], facts: Callable[[T], object] = lambda found: found
    ) -> T:
        """Look now, and remember `facts` of what was found: what makes it another one where it changes.

        `what` names it for people, `look` is called again later and must not change anything.
        """

        async def again() -> object:
            try:
                return facts(await look())
            except (UsageError, NotProved) as error:  # it could be planned then, and could not be now
                return _Refused(error.message)

        found = await look()
        self._looks.append(_Look(what, again, facts(found)))
        return found

    def joined(self, other: Sight) -> Sight:
        """This one and another: a plan that rests on both."""
        return Sight([*self._looks, *other._looks])

    @property
    def seen(self) -> Seen:
        """What was seen, to hold a later plan of the same against it."""
        return tuple((look.what, look.facts) for look in self._looks)

    def insist(self, shown: Seen) -> None:
        """Raises ChangedMeanwhile where this is not what was shown of an earlier plan."""
        before, now = dict(shown), dict(self.seen)
        others = changed([(what, before.get(what), now.get(what)) for what in (*before, *now)])
        if others:
            raise ChangedMeanwhile(_said(others, "it was shown"), AGAIN)

    async def look_again(self) -> None:
        """Raises ChangedMeanwhile where anything is not as it was seen, KubeError where that cannot be seen."""
        now: list[Any] = await asyncio.gather(*(look.again() for look in self._looks))
        others = changed([(look.what, look.facts, facts) for look, facts in zip(self._looks, now, strict=True)])
        if others:
            why = dict.fromkeys(facts.why for facts in now if isinstance(facts, _Refused))
            raise ChangedMeanwhile(_said(others, "it was planned", *why), AGAIN)


def _said(others: Sequence[str], since: str, *why: str) -> str:
    were = "was" if len(others) == 1 else "were"
    changed_there = f"{' and '.join(others)} {were} changed by another client since {since}"
    return "; ".join((changed_there, *why, "nothing was done"))


def identifying_facts(credential: Credential) -> object:
    """By what one credential is told from another at the same address, whatever the time."""
    return credential.address, credential.identity, credential.fingerprint, credential.handle
