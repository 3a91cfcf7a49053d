"""Making sure that a write that was not answered, or which was given up, does not come after all.

A server may still carry out what was sent to it a moment ago: then a Secret would come to hold a token whose handle
was deleted because it did not hold it. Each of our writes names the version that it replaces, so it is refused for
good once there is another version. What is not there yet has no version: nothing can be done about its creation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import ChangedMeanwhile
from tui.issuance.model.names import random_suffix
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.errors import APIError, Conflict, Forbidden, NotFound, Unreachable
from tui.kube.resource import SECRETS

if TYPE_CHECKING:
    from tui.kube.client import Client

FENCE: Final = managed.PREFIX + "fence"
_TRIES: Final = 4


def unsure(error: BaseException | None) -> bool:
    """Whether what was asked may be done all the same, now or in a moment: no answer, or one about the server's own."""
    return isinstance(error, Unreachable) or (isinstance(error, APIError) and error.status >= 500)


async def fence(client: Client, namespace: str, name: str) -> None:
    """Give a Secret another version, and change nothing else about it: a mark is put on it and taken off."""
    try:
        for mark in (random_suffix(), None):
            await _mark(client, namespace, name, mark)
    except NotFound:
        return


async def _mark(client: Client, namespace: str, name: str, mark: str | None) -> None:
    try:
        await client.patch(SECRETS, name, {"metadata": {"annotations": {FENCE: mark}}}, namespace=namespace)
    except Forbidden:  # the right to replace it is enough for all else
        await _replace(client, namespace, name, mark)


async def _replace(client: Client, namespace: str, name: str, mark: str | None) -> None:
    for _ in range(_TRIES):
        found = await client.get(SECRETS, name, namespace=namespace, type=SecretObject)
        notes: dict[str, Any] = dict(found.metadata.get("annotations") or {})
        notes |= {FENCE: mark}
        kept = {key: text for key, text in notes.items() if text is not None}
        metadata = {key: value for key, value in found.metadata.items() if key != "managedFields"}
        wish = msgspec.structs.replace(found, metadata=metadata | {"annotations": kept})
        try:
            await client.replace(SECRETS, wish, namespace=namespace, name=name)
        except Conflict:
            continue  # also another version, but perhaps of someone who knows nothing of this
        return
    raise ChangedMeanwhile(f"Secret {namespace}/{name} keeps being changed by another client")
