"""What a family offers to be asked for: from one definition come a verb, a form, an entry in the menu of `n`, and `$`.

A family whose line in the registry says `offers` has them in its module `offer`, as `OFFERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from tui.issuance.model.fields import Fault, Field, Said, Values

Wish = TypeVar("Wish")


class Place(NamedTuple):
    """Where a form begins."""

    cluster: str
    """The cluster of what is chosen, else the first; empty where there is none."""
    folder: Path
    """Where files go by default."""
    lifetime: str
    """How long credentials live by default; empty: the server's own."""


def _no_faults(_said: Said, _values: Values) -> Iterable[Fault]:
    return ()


class Offer(msgspec.Struct, Generic[Wish], frozen=True, kw_only=True):
    """One thing that can be asked of a family."""

    name: str
    title: str
    """What the palette calls it."""
    says: str
    """What it does, in a few words."""
    key: str
    """In the menu of `n`."""
    entry: str
    """Its name there, and behind it `tells`."""
    tells: str
    verb: tuple[str, ...] = ("issue",)
    by: str
    """The field that makes a command line of that verb mean this: `--user` of a client certificate."""
    fields: tuple[Field, ...]
    begin: Callable[[Place], Said]
    """What a form begins with."""
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
