"""The places a credential is kept in: looked at before, written once, read back, and put back where a plan fails.

A place remembers the version it saw when it was looked at (a Secret's resourceVersion, a file's hash) and refuses to
write over anything else. What it replaced stays in memory until the plan is over, to be restored if need be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.fields import Way
from tui.issuance.model.types import Address, Credential, Destination, Identity
from tui.kube import shell
from tui.kube.home import NoHome, expanded

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.material import Foreseen, Writing
    from tui.issuance.model.sight import Sight
    from tui.issuance.records.state import StateStore
    from tui.kube.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Need:
    """What a place may need beside its destination."""

    identity: Identity
    clusters: Clusters
    state: StateStore
    force: bool = False
    """What kubemint did not write may be replaced there."""
    form: Format | None = None
    """What is to be written, where that is known yet."""


class Usual(NamedTuple):
    """What things are called where nobody says otherwise."""

    folder: Path
    """For files."""
    file: str
    object: str
    """In a cluster: `NAMESPACE/NAME`."""


class PlaceWay(Way, frozen=True, kw_only=True):
    """One way of asking for a destination. In `name` and `help` `{cluster}` and `{whose}` stand for the cluster."""

    read: Callable[[str], object]
    """Sees that what was typed can be one. Raises UsageError."""
    make: Callable[[str, str], Destination]
    """Of what was typed, and the cluster that was chosen."""
    suggest: Callable[[Usual], str]
    """What stands in a form at first."""
    in_cluster: bool = False
    """Whether a cluster has to be chosen for it."""
    merges: bool = False
    """Whether it is a kubeconfig of other entries, into which only a kubeconfig can go."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a place holds now. `credential` is None where it is not ours (or nothing is there)."""

    exists: bool
    credential: Credential | None = None
    request: str = ""
    warning: str = ""
    """Something the operator should know before it is replaced."""
    left: tuple[str, ...] = ()
    """What lives on whatever is put there, in words; see `Outcome.left`."""
    refused: bool = False
    """Whether its server refuses the token in it before that ends by itself."""
    account_uid: str = ""
    """Of the account that the token in it names."""
    newer: Credential | None = None
    """What this machine wrote there last, where something else lies there by now: it goes with what is replaced."""
    preview: str = ""
    """For a place that is edited and not replaced: the change as a diff, with everything masked that is secret."""


def taken(label: str, credential: Credential, *, exists: bool) -> UsageError:
    """What is said where a place keeps another identity's credential. Where the place is gone it may be valid, and only
    the record of it says what ends it."""
    whose = credential.shoot or credential.identity
    if exists:
        return UsageError(
            f"{label} is already in use by a credential of {whose}",
            "choose another destination, or revoke that one first",
            field="path",
        )
    revoke = shell.command("kubemint", "revoke", str(credential.address))
    return UsageError(
        f"{label} is gone, but the credential of {whose} that was kept there was not revoked",
        "choose another place" if credential.shoot else f"`{revoke}` ends it; or choose another destination",
        field="path",
    )


class Place(Protocol):
    """One destination at work."""

    address: Address
    cluster: str
    """Where it is written to, empty for this machine."""
    label: str
    request: str
    """The id of the wish; `prepare` and recovery set it."""

    @property
    def version(self) -> str:
        """By what `look` tells the content that it saw from any other; empty where there was none."""
        ...

    @property
    def uid(self) -> str:
        """Of a Secret: the UID of the one that was read or written last; empty where that is none."""
        ...

    @property
    def path(self) -> Path | None:
        """The file that is written, None for a Secret."""
        ...

    async def look(self) -> Held:
        """See what is there and remember its version. Raises UsageError where it must not be touched."""
        ...

    async def foresee(self, writing: Writing) -> Foreseen:
        """What `write` would make of what was seen. Reads only."""
        ...

    async def write(self, writing: Writing) -> str:
        """Replace what was seen by the new material, at once. Returns what to say about it."""
        ...

    async def check(self, writing: Writing) -> str | None:
        """Read it back and compare. Raises ChangedMeanwhile where it is not what was written. Returns what to say where
        not all of it could be seen."""
        ...

    async def restore(self) -> str:
        """Put back what `write` replaced, if it did. Says so where something of it is there still."""
        ...

    async def fence(self) -> None:
        """See to it that a write which was sent before and given up does not come after all."""
        ...

    async def token(self, form: Format) -> Sensitive | None:
        """The token that is there now, None where there is none."""
        ...

    def replaced(self, form: Format) -> Sensitive | None:
        """The token that `write` replaced, from memory; None where nothing was written or there was none."""
        ...

    async def material(self, form: Format) -> Sensitive:
        """What is there now, as people export it: the kubeconfig, the four values, or the token."""
        ...


async def look_at(places: Sequence[Place], sight: Sight) -> list[Held]:
    """What each place holds now, as a plan rests on it: the content by its version, and whose it is by the records."""

    def facts(place: Place) -> Callable[[Held], object]:
        return lambda held: (held.exists, held.credential, held.request, place.version)

    return [await sight.see(place.label, place.look, facts(place)) for place in places]


def absolute(path: str) -> Path:
    """The absolute path as it was written; links are only followed to make sense of `..`.

    Raises UsageError for what is no path.
    """
    if not path or not path.isprintable():
        raise UsageError(f"{path!r} is not a path" if path else "the path is empty", field="path")
    try:
        whole = expanded(path).absolute()
    except NoHome as error:
        raise UsageError(error.message, error.hint) from None
    return whole.parent.resolve() / whole.name if ".." in whole.parts else whole
