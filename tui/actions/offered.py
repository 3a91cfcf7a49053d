"""What the families offer to be asked for, as actions like all others."""

from __future__ import annotations

from functools import partial
from typing import Final

from tui.fleet.query import cluster_of
from tui.fleet.rows import ClusterRow, Row
from tui.issuance import AnyOffer, Chosen, OfferPlace, Said, offers

from .action import Action, AnyAction, Menu, Needs
from .fitting import credential_of
from .lines import Asked


def _place(asked: Asked, row: Row | None) -> OfferPlace:
    chosen = cluster_of(row) if row is not None else ""
    near = next((one for one in asked.clusters if one in asked.contexts), next(iter(asked.clusters), ""))
    cluster = chosen if chosen in asked.clusters and chosen in asked.contexts else near
    apart = row.apart if isinstance(row, ClusterRow) else None
    return OfferPlace(cluster, asked.folder, asked.lifetime, Chosen(credential_of(row), apart), asked.known)


def _begin(offer: AnyOffer, asked: Asked, row: Row | None) -> Said:
    place = _place(asked, row)
    said = offer.begin(place)
    return {**said, **offer.suggest(said, place.folder)}


def _action(offer: AnyOffer) -> AnyAction:
    return Action(
        name=offer.name, title=offer.title, says=offer.says, words=offer.words,
        menu=Menu(offer.rank, offer.key, offer.entry, offer.tells),
        needs=Needs.NOTHING, mutates=True, job="issue", verb=offer.verb, fields=offer.fields,
        begin=partial(_begin, offer), sheet=lambda asked: offer.sheet(_place(asked, asked.row)),
        suggest=offer.suggest, make=offer.make, check=offer.check,
        path_of=offer.path_of, merges=offer.merges, title_of=offer.title_of,
    )  # fmt: skip


OFFERED: Final[tuple[tuple[AnyOffer, AnyAction], ...]] = tuple((offer, _action(offer)) for offer in offers())


def of_verb(*verb: str) -> tuple[tuple[AnyOffer, AnyAction], ...]:
    """Those that this verb of the command line does."""
    return tuple(one for one in OFFERED if one[0].verb == verb)
