"""In which cluster what a request has was made, and whether that is where the name of its cluster leads to now.

A DPUCluster leads to where its kubeconfig says, and whoever may patch that one Secret may let it say another cluster:
there nothing of the request is, and in the one that it was made in everything lives. So each new token is marked with
the server and the authority of its cluster, and the address in the request's own Secret says the same. Only where they
are those of now is what is not there gone. Where neither says anything (a request of an earlier version, without its
Secret) the name is all that there is.

Everything here is a decision; `cleanup` looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.errors import IssuanceError
from tui.issuance.records.whereabouts import Same, judge, noted, of_endpoint, of_note, said_elsewhere

from . import resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kept import Kept
    from .objects import DPURequest, NamespacedName
    from .target import Target

UNREADABLE = "unreadable"


class MadeElsewhere(IssuanceError):
    """What is to be cleaned up was made in another cluster than its name leads to now, or may have been."""


def mark(target: Target) -> str | None:
    """The mark of what is made there now; None for the host, in which the request itself is."""
    return noted(of_endpoint(target.endpoint)) if target.uid else None


def notes(request: DPURequest, kept: Kept, where: NamespacedName | None) -> tuple[str, ...]:
    """What says where that was made which a request has in the cluster `where` (None: the host).

    `kept` is the token in its Secret, whose address counts where there is no mark, and always where that is not the
    cluster that the request says: then nothing shows which one it is.
    """
    marked = request.marks.get(resources.MADE_IN, "") if where is not None and where == request.status_target else ""
    found = [marked] if marked else []
    if kept.identity is not None and kept.lost:
        found.append(kept.leads or UNREADABLE)
    elif kept.identity is not None and where is not None and kept.leads and not marked:
        found.append(kept.leads)
    return tuple(dict.fromkeys(found))


def why_away(request: DPURequest, kept: Kept, target: Target) -> str:
    """Why it is not known that what a request has was made in the cluster that it is for now; empty where it is, where
    nothing says where, and where it is to be for another one from now on."""
    if request.status_target != request.target:
        return ""
    of = request.marks.get(resources.TARGET_UID, "")
    return why_not_gone(notes(request, kept, request.status_target), of, target, found=False)


def why_not_gone(made: Sequence[str], of: str, target: Target, *, found: bool) -> str:
    """Why it is not known that what was made by these notes is, or was, in what its name leads to now; empty where it
    is. `of` is the UID of the DPUCluster in which it was made: another one of that name has nothing of it, and what it
    had went with it. `found`: it is there by its UID."""
    if of and target.uid and of != target.uid and not found:
        return ""
    now = of_endpoint(target.endpoint, target.name)
    if found and any(judge(of_note(text, target.name), now) is Same.SAME for text in made):
        return ""
    said = next(filter(None, (said_elsewhere(text, target.endpoint, target.name, found=found) for text in made)), "")
    return f"it {said}" if said else ""
