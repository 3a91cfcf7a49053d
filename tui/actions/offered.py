"""What the families offer to be asked for, as actions like all others."""

from __future__ import annotations

from functools import partial
from typing import Final

from tui.fleet.query import cluster_of
from tui.fleet.rows import Row
from tui.issuance import AnyOffer, OfferPlace, Said, offers

from .action import Action, AnyAction, Menu, Needs
from .lines import Asked

_FIRST_RANK: Final = 100
"""Behind everything else in the menu of `n`."""


def _begin(offer: AnyOffer, asked: Asked, row: Row | None) -> Said:
    chosen = cluster_of(row) if row is not None else ""
    near = next((one for one in asked.clusters if one in asked.contexts), next(iter(asked.clusters), ""))
    cluster = chosen if chosen in asked.clusters and chosen in asked.contexts else near
    return offer.begin(OfferPlace(cluster, asked.folder, asked.lifetime))


def _action(rank: int, offer: AnyOffer) -> AnyAction:
    return Action(
        name=offer.name, title=offer.title, says=offer.says, menu=Menu(rank, offer.key, offer.entry, offer.tells),
        words=(), needs=Needs.NOTHING, mutates=True, job="issue", verb=offer.verb, fields=offer.fields,
        begin=partial(_begin, offer), suggest=offer.suggest, make=offer.make, check=offer.check,
        path_of=offer.path_of, merges=offer.merges,
        title_of=offer.title_of,
    )  # fmt: skip


OFFERED: Final[tuple[tuple[AnyOffer, AnyAction], ...]] = tuple(
    (offer, _action(_FIRST_RANK + number, offer)) for number, offer in enumerate(offers())
)


def of_verb(*verb: str) -> tuple[tuple[AnyOffer, AnyAction], ...]:
    """Those that this verb of the command line does."""
    return tuple(one for one in OFFERED if one[0].verb == verb)
