"""What a family offers to be asked for: from one definition come a verb, a form, an entry in the menu of `n`, and `$`.

A family whose line in the registry says `offers` has them in its module `offer`, as `OFFERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from tui.issuance.model.apart import ApartFacts
from tui.issuance.model.fields import Choice, Fault, Field, Said, Values
from tui.issuance.model.types import Credential

Wish = TypeVar("Wish")


class Known:
    """What is known of the fleet, worked out when it is asked for; of none, nothing."""

    @property
    def apart(self) -> Sequence[ApartFacts]:
        """The clusters apart."""
        return ()

    @property
    def kubeconfigs(self) -> Sequence[str]:
        """The files that lead to one's own clusters."""
        return ()


class Chosen(NamedTuple):
    """What is chosen, as far as it is of this sort."""

    credential: Credential | None = None
    apart: ApartFacts | None = None


class Place(NamedTuple):
    """Where a form begins."""

    cluster: str
    """The cluster of what is chosen, else the first; empty where there is none."""
    folder: Path
    """Where files go by default."""
    lifetime: str
    """How long credentials live by default; empty: the server's own."""
    chosen: Chosen = Chosen()
    known: Known = Known()


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a form has beside its fields, in one fleet: all of it is worked out anew from what is said."""

    choices: Mapping[str, Callable[[Said], Sequence[Choice]]] = {}
    """What can be chosen in a field, where the fleet or other fields say that."""
    hides: Callable[[Said], Collection[str]] = lambda said: ()
    """The fields that are not asked for."""
    faults: Callable[[Said], Iterable[Fault]] = lambda said: ()
    """What is wrong with it there."""
    warns: Callable[[Said], Iterable[str]] = lambda said: ()
    note: Callable[[Said], str] = lambda said: ""
    """What to know first; it stands below the fields, and below what is warned of."""
    starts: Callable[[Said], str] = lambda said: ""
    """The field that the user begins in; empty: the first that misses something."""
    foresees: bool = True
    """Whether the dry run is offered."""


def _no_faults(_said: Said, _values: Values) -> Iterable[Fault]:
    return ()


class Offer(msgspec.Struct, Generic[Wish], frozen=True, kw_only=True):
    """One thing that can be asked of a family."""

    name: str
    title: str
    """What the palette calls it."""
    says: str
    """What it does, in a few words."""
    key: str = ""
    """In the menu of `n`; empty: it is on the command line alone."""
    rank: int = 100
    """Where it stands there."""
    entry: str = ""
    """Its name there, and behind it `tells`."""
    tells: str = ""
    words: tuple[str, ...] = ()
    """What it is called after `:`."""
    verb: tuple[str, ...] = ("issue",)
    by: str
    """The field that makes a command line of that verb mean this: `--user` of a client certificate."""
    alone: str = ""
    """Why nothing else of that verb goes with it, as what stands behind its option."""
    fields: tuple[Field, ...]
    begin: Callable[[Place], Said] = lambda place: {}
    """What a form begins with."""
    sheet: Callable[[Place], Sheet] = lambda place: Sheet()
    suggest: Callable[[Said, Path], Mapping[str, str]] = lambda said, folder: {}
    """What fields hold that follow others, until somebody types in them; files go to `folder`."""
    make: Callable[[Values], Wish]
    """The wish from the fields' values. It goes to the family whose wishes the registry lists it among."""
    check: Callable[[Said, Values], Iterable[Fault]] = _no_faults
    """What is wrong beyond single fields."""
    path_of: Callable[[Wish], str] = lambda wish: ""
    """The file that it writes; what lies there is asked about first."""
    merges: Callable[[Wish], bool] = lambda wish: False
    """Whether that file keeps the rest of what is in it."""
    title_of: Callable[[Wish], str] = str
    """What is wished for, in one line."""


AnyOffer = Offer[Any]
