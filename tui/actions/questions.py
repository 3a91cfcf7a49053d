"""What asks before it begins: everything that destroys, whatever changes more than one thing, and all where the
settings say so. However it was started: by a key, a click, the palette, a command or a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from tui.settings import Confirm

HARMLESS: Final = frozenset({"verify", "export"})
"""What changes nothing that exists, so that it never asks."""
_MOST: Final = 6


def asks(verb: str, number: int, confirm: Confirm) -> bool:
    """Whether doing this to so many asks first. What destroys asks by a question of its own."""
    if verb in HARMLESS:
        return False
    return number > 1 or confirm is Confirm.ALWAYS


def how_many(clusters: Iterable[str]) -> str:
    """`12 in 3 clusters: harbor 5, tenant-a 4, tenant-b 3`, from the cluster of each; an empty one is this machine."""
    counted = Counter(cluster or "this machine" for cluster in clusters)
    places = counted.most_common()
    if len(places) == 1:
        return f"{counted.total()} in {places[0][0]}" if places[0][0] != "this machine" else f"{counted.total()} here"
    named = ", ".join(f"{name} {number}" for name, number in places[:_MOST])
    more = f" and {len(places) - _MOST} more" if len(places) > _MOST else ""
    return f"{counted.total()} in {len(places)} clusters: {named}{more}"
