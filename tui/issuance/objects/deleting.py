"""Deleting objects: "deleted" is said only of what was looked for again and is not there.

Servers accept a deletion and keep the object as long as it has finalizers; a proxy may answer without a server.
Whatever kubemint deletes goes through `delete`, which looks again; what it gives says in words (`str`) what it saw.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tui.issuance.errors import IssuanceError
from tui.kube.answers import insist_gone
from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import Resource
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from tui.kube.client import Client


class NotGone(IssuanceError):
    """The server said that an object is deleted, and it is there as before, or that is not known."""


class Answer(Enum):
    """What the server answered to the deletion."""

    ACCEPTED = 0
    ABSENT = 1
    REFUSED = 2
    """It is another one, or another version of it, than was meant."""


class End(StrEnum):
    """What became of an object."""

    DELETED = "deleted"
    HELD = "is being deleted"
    """It has the server's stamp, and is there until its finalizers are gone."""
    ABSENT = "was gone already"
    ANOTHER = "was gone already; another one has its name now"
    CHANGED = "left alone: another client changed it just now"
    TOLD = "deleted, says the server; no right to read it here"
    THERE = "is still there"
    UNKNOWN = "may not be looked at: whether it is gone is not known"


class Ended(NamedTuple):
    """What became of an object, and the finalizers that hold it."""

    end: End
    held_by: tuple[str, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether it is there still."""
        return self.end is End.HELD

    @property
    def was_there(self) -> bool:
        """Whether this deletion is what ended it."""
        return self.end in (End.DELETED, End.HELD, End.TOLD)

    def __str__(self) -> str:
        if not self.held_by:
            return self.end.value
        many = "s" if len(self.held_by) > 1 else ""
        return f"{self.end.value}, held by finalizer{many} {safe_text(', '.join(self.held_by), 200)}"


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] | None = None


class Seen(msgspec.Struct, frozen=True):
    """An object as it was seen after the answer."""

    metadata: Meta = msgspec.field(default_factory=Meta)


NO_RIGHT: Final = "nobody may look"
"""Instead of what was seen."""


def judge(answer: Answer, seen: Seen | str | None, *, uid: str = "", version: bool = False) -> Ended:
    """What became of the object with this UID (empty: whichever has the name), by the answer and by what is there now.

    `seen` is None where nothing is there, NO_RIGHT where it may not be read. `version`: only that version was meant.
    """
    if isinstance(seen, str):
        at_its_word = {Answer.ACCEPTED: End.TOLD, Answer.ABSENT: End.ABSENT}
        return Ended(at_its_word.get(answer, End.CHANGED if version else End.UNKNOWN))
    if seen is None:
        return Ended(End.DELETED if answer is Answer.ACCEPTED else End.ABSENT)
    meta = seen.metadata
    if uid and meta.uid != uid:
        return Ended(End.ANOTHER if answer is Answer.REFUSED else judge(answer, None).end)
    if meta.deletion_timestamp:
        return Ended(End.HELD, tuple(meta.finalizers or ()))
    return Ended(End.CHANGED if answer is Answer.REFUSED and version else End.THERE)


async def delete(
    client: Client, resource: Resource, name: str, *, namespace: str | None, uid: str = "", version: str = ""
) -> Ended:
    """Delete the object with this UID, in this `version` (resourceVersion) where given, and look whether it went.

    Raises NotGone where it is there as before although the server says otherwise, KubeError.
    """
    ended = await attempt(client, resource, name, namespace=namespace, uid=uid, version=version)
    where = f"{resource.kind} {namespace}/{name}" if namespace else f"{resource.kind} {name}"
    if ended.end is End.THERE:
        raise NotGone(
            f"{client.endpoint.name} reported {where} as deleted, but it is still there",
            "is there a proxy in between? try again, and check afterwards",
        )
    if ended.end is End.UNKNOWN:
        raise NotGone(
            f"{client.endpoint.name} answered that another object is called {where} by now, which {ended.end}",
            f"look with the right to get {resource.name} there",
        )
    return ended


async def attempt(
    client: Client, resource: Resource, name: str, *, namespace: str | None, uid: str = "", version: str = ""
) -> Ended:
    """The same, where the caller has words of its own for THERE and UNKNOWN, which are no end. Raises KubeError."""
    answer = Answer.ACCEPTED
    only: dict[str, Any] = {"uid": uid or None, "resource_version": version or None}
    try:
        await client.delete(resource, name, namespace=namespace, **only)
    except NotFound as error:
        insist_gone(error)
        answer = Answer.ABSENT
    except Conflict:
        answer = Answer.REFUSED
    return judge(answer, await _look(client, resource, name, namespace), uid=uid, version=bool(version))


async def _look(client: Client, resource: Resource, name: str, namespace: str | None) -> Seen | str | None:
    try:
        found = await client.get_metadata(resource, name, namespace=namespace)
    except NotFound as error:
        insist_gone(error)
        return None
    except Forbidden:
        return NO_RIGHT
    return msgspec.convert(found, Seen)
