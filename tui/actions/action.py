"""What an action is: one definition, from which its key, words, form, verb, plan and `$` are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from tui.fleet.rows import ClusterRow, Row
from tui.issuance import Fault, Field, Said, Sheet, Values, read_fields as read, words_of_fields as words

from .fitting import ANYTHING, Fits
from .lines import Asked, Line

if TYPE_CHECKING:
    from datetime import datetime

    from tui.fleet.store import FleetStore
    from tui.issuance import AccessLevel, Address, Engine, Outcome, Plan

Wish = TypeVar("Wish")


class Fleet(Protocol):
    """What is asked of the fleet itself."""

    async def enter(self, name: str, level: AccessLevel) -> ClusterRow: ...
    async def leave(self, name: str) -> None: ...
    def refresh_exports(self) -> None: ...


class Host(Protocol):
    """What an action is done with."""

    @property
    def engine(self) -> Engine: ...
    @property
    def store(self) -> FleetStore: ...
    @property
    def fleet(self) -> Fleet | None: ...
    @property
    def undone(self) -> set[Address]:
        """Whose last rotation was taken back by hand."""

    def now(self, row: Row | None = None) -> datetime: ...


class Answer(msgspec.Struct, frozen=True):
    """How it went, in words, and what to do next."""

    message: str
    hint: str = ""
    ok: bool = True


class Question(msgspec.Struct, frozen=True):
    """What is asked before it begins."""

    said: str
    """What it means, of one; of many where `of_many` says nothing else."""
    noun: str = "credential"
    destroys: bool = False
    """Whether a word has to be typed."""
    of_many: str = ""
    users: bool = True
    """Whether it is looked up what ends with it and who uses it; else what the plan warns of stands there."""


class Needs(Enum):
    """What has to be chosen."""

    NOTHING = 0
    """The fleet has to be open, that is all."""
    ONE = 1
    SOME = 2
    """One row or many."""
    JOURNAL = 3
    """The journal, with something in it."""


class Menu(msgspec.Struct, frozen=True):
    """Its entry in the menu of `n`: where it stands there, its key, and its words."""

    rank: int = 0
    key: str = ""
    title: str = ""
    says: str = ""

    def __bool__(self) -> bool:
        return bool(self.key)


def _plan(engine: Engine, wish: Any, **words: Any) -> Awaitable[Plan]:
    return engine.plan(wish, **words)


class Action(msgspec.Struct, Generic[Wish], frozen=True, kw_only=True):
    """One thing that can be done. `fits` says whether it makes sense for a row at all."""

    name: str
    title: str
    """What the palette calls it."""
    says: str
    """What it does, in a few words."""
    key: str = ""
    label: str = ""
    """What the footer and the help call it; empty: its name."""
    key_display: str | None = None
    follows: str = ""
    """The action whose key it shares, and goes along with where the user moves that."""
    footer: bool = False
    """Whether the footer has room for it."""
    words: tuple[str, ...] | None = None
    """What it is called after `:`; None: its name."""
    needs: Needs = Needs.ONE
    mutates: bool = False
    """Whether it changes something in a cluster."""
    writes: bool = False
    """Whether it writes a file on this machine that the user names."""
    rests: bool = False
    """Whether its key does nothing right after other keys."""
    menu: Menu = Menu()
    fits: Fits = ANYTHING
    only_shows: bool = False
    """Whether it is the dry run of another one."""

    job: str = ""
    """What it is called while it runs and in its dry run; empty: its name."""
    of: Callable[[Row], Wish | None] | None = None
    """The wish that a chosen row stands for, where nothing else need be asked."""
    plan: Callable[..., Awaitable[Plan]] = _plan
    """What it would do: called with the engine, the wish, and what was said so in a word (`force=True`)."""
    run: Callable[[Host, Wish], Awaitable[Answer]] | None = None
    """How it is done where that is no plan of the engine's."""
    question: Question | None = None
    """What is asked before it begins; None: only whether to begin, where several are changed or settings say so."""
    tended: Callable[[Host, Row], str] = lambda host, row: ""
    """Who does it for a row already, in words: it is done beside them only after a yes, and with `take_over`."""
    refuses: Callable[[Row], str] = lambda row: ""
    """Why it cannot be done to a row that it fits; empty where it can."""
    path_of: Callable[[Wish], str] = lambda wish: ""
    """The file that it writes; what lies there is asked about first."""
    writes_after: Callable[[Wish], str] = lambda wish: ""
    """A file that it writes once the rest is done; what lies there is asked about first."""
    after: Callable[..., Awaitable[str]] | None = None
    """What is done then: called with the engine, the wish, and `over` where that file may be replaced; what to say."""
    merges: Callable[[Wish], bool] = lambda wish: False
    """Whether that file keeps the rest of what is in it, so that the change is shown first."""
    title_of: Callable[[Wish], str] = str
    """What is wished for, in one line."""

    fields: tuple[Field, ...] = ()
    begin: Callable[[Asked, Row | None], Said] | None = None
    """What its form begins with, for what is chosen; `$` says the same."""
    sheet: Callable[[Asked], Sheet] = lambda asked: Sheet()
    """What its form has beside the fields, for what is chosen."""
    suggest: Callable[[Said, Path], Mapping[str, str]] = lambda said, folder: {}
    """What fields of its form hold that follow others, until somebody types in them; files go to the folder."""
    make: Callable[[Values], Wish] | None = None
    """The wish from the fields' values."""
    check: Callable[[Said, Values], Iterable[Fault]] = lambda said, values: ()
    """What is wrong beyond single fields, from what was said and from those values that could be read."""

    implied: Callable[[Said], Iterable[str]] = lambda said: ()
    """The fields that its command line need not say."""
    said: Callable[[Wish, Outcome], str] = lambda wish, outcome: ""
    """What came of it, where that is more than how long something is good for."""

    verb: tuple[str, ...] = ()
    """Its command on the command line."""
    argument: Callable[[Wish], str] = str
    """What is chosen, as its verb takes it; empty where it does not."""
    ends: tuple[str, ...] = ()
    """What its command line ends with."""
    command: Callable[[Asked], list[Line]] | None = None
    """Its command lines, where they are not the verb with what its form begins with."""

    @property
    def suits(self) -> str:
        """What it can be done to, in words."""
        return self.fits.suits

    @property
    def runs_as(self) -> str:
        """What it is called while it runs."""
        return self.job or self.name

    @property
    def elsewhere(self) -> bool:
        """Whether it can be done outside of the dashboard at all."""
        return self.command is not None or bool(self.verb)

    def possible(self, rows: list[Row]) -> bool:
        """Whether it can be done to what is chosen."""
        if self.needs is Needs.NOTHING:
            return True
        if self.needs is Needs.JOURNAL or not rows or (len(rows) > 1 and self.needs is Needs.ONE):
            return False
        return all(map(self.fits, rows))

    def faults(self, said: Said) -> list[Fault]:
        """What is wrong with what was said: first of single fields, in their order; then of what they are together."""
        values, faults = read(self.fields, said)
        return [*faults, *self.check(said, values)]

    def wish(self, said: Said) -> Wish:
        """What is wished for, where nothing is wrong with what was said."""
        assert self.make is not None
        return self.make({**said, **read(self.fields, said)[0]})

    def said_so(self, said: Said) -> dict[str, Any]:
        """What was said to the plan beside the wish, by the names that it has for that."""
        return {field.id: field.read(said[field.id]) for field in self.fields if field.word and said.get(field.id)}

    def line(self, said: Said) -> list[str]:
        """The command line that is the same, word by word."""
        without = set(self.implied(said))
        return ["kubemint", *self.verb, *words([one for one in self.fields if one.id not in without], said)]

    def lines(self, asked: Asked) -> list[Line]:
        """The same for what is chosen, as its form begins; none where the form asks for what was not given yet."""
        return self.command(asked) if self.command is not None else self.by_verb(asked)

    def by_verb(self, asked: Asked) -> list[Line]:
        """Its verb for what is chosen: with what its form begins with, or with that itself, for each or for all."""
        if not self.verb:
            return []
        if self.of is not None:
            chosen = [
                text for row in asked.rows if (wish := self.of(row)) is not None and (text := self.argument(wish))
            ]
            first = self.fields[0]
            each = [tuple(chosen)] if first.many and chosen else chosen
            return [Line((*self.line({first.id: what}), *self.ends)) for what in each]
        if self.begin is None:
            return []
        rows: list[Row | None] = list(asked.rows) if self.needs is Needs.SOME else [asked.row]
        begun = [self.begin(asked, row) for row in rows]
        return [Line(tuple(self.line(said))) for said in begun if not self.faults(said)]


AnyAction = Action[Any]
