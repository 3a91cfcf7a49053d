"""Kubeconfigs without a secret in them: whoever uses one logs in anew, with a plugin that the kubeconfig names.

What they have in common: for service accounts and for shoots, answered by kubemint's own plugin (`kubemint
exec-credential`) or by a login at an identity provider. Nothing is issued, so there is nothing to rotate or to revoke.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.destinations.file import FilePlace
from tui.issuance.destinations.place import absolute, look_at, taken
from tui.issuance.formats import Format
from tui.issuance.formats.preferences import preferences
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.durations import format_go_duration
from tui.issuance.model.material import Document, Writing
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import (
    AccessLevel,
    Action,
    Address,
    Credential,
    Identity,
    Plan,
    ShootAccess,
    State,
)
from tui.issuance.records.exec_cache import VERB, VERSIONS
from tui.issuance.records.intent import new_id
from tui.issuance.transaction.shared_steps import check_step, write_step
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.issuance.errors import StepFailed
    from tui.issuance.records.intent import Export
    from tui.issuance.records.state import StateStore
    from tui.issuance.transaction.running import Note

COMMAND: Final = "kubemint"
_INSTALL: Final = "kubemint answers for this kubeconfig; put kubemint on the PATH"


class Way(StrEnum):
    """Who answers when the kubeconfig is used."""

    EXEC = "exec"
    """kubemint, with the login that it has by then."""
    OIDC = "oidc"
    """The user, at the identity provider."""


class PlainWish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: a kubeconfig without a secret, for a service account, in a file of its own."""

    path: str
    way: Way = Way.EXEC
    shoot: ShootAccess | None = None
    identity: Identity | None = None
    duration: timedelta | None = None
    """Of each credential that the plugin gets. None: what the server gives (1h), for a shoot a quarter of an hour."""
    audiences: tuple[str, ...] = ()
    kubeconfigs: tuple[str, ...] = ()
    """The files in which the plugin finds its own way in; they must not depend on who calls it."""


class PlainShootWish(PlainWish, frozen=True, kw_only=True):
    """The same for a shoot."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A kubeconfig as it is to be written, and as it may be shown."""

    content: Sensitive
    shown: str
    said: str


class PlainPlace(FilePlace):
    """The file. What kubemint wrote for the same purpose before may be replaced, though nothing remembers it."""

    def __init__(
        self, identity: Identity, path: str, state: StateStore, document: Plain, *, force: bool = False
    ) -> None:
        super().__init__(path, identity, state, force=force)
        self._document = document
        self.live = document.shown != document.content.reveal()

    def _is_ours(self, content: Sensitive, record: Export | None) -> bool:
        return _purpose(content) == _purpose(self._document.content) or super()._is_ours(content, record)


@dataclass
class PlainIssue(Transaction):
    """One of them, prepared."""

    place: PlainPlace
    writing: Writing
    said: str
    sight: Sight

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.place.address,)

    @property
    def steps(self) -> tuple[Step, ...]:
        write = write_step(0, self.place, exists=True, title="Write {}, which has no secret in it")
        return (
            Step(info=write, do=self._write, undo=self._restore),
            Step(info=check_step(0, self.place), do=self._check),
        )

    def finished(self) -> Finished:
        return Finished(self.writing.credential)

    def undone(self, said: Sequence[str]) -> str:
        return "the file is as it was before"

    async def _write(self, note: Note) -> None:
        note.message = await self.place.write(self.writing)

    async def _check(self, note: Note) -> None:
        await self.place.check(self.writing)
        note.message = self.said

    async def _restore(self, _note: Note, _failure: StepFailed | None) -> str:
        return await self.place.restore()


async def prepare_plain(
    context: Context, wish: PlainWish, who: Identity, document: Plain, warnings: Sequence[str], *, force: bool = False
) -> tuple[Plan, PlainIssue]:
    """The plan for writing `document`, which is `who`'s. Executing it writes one file. Raises UsageError."""
    path = str(absolute(wish.path))
    place = PlainPlace(who, path, context.state, document, force=force)
    sight = Sight()
    (held,) = await look_at([place], sight)
    if held.credential is not None:
        raise taken(path, held.credential, exists=held.exists)
    about = _about_plugin(wish) if wish.way is Way.EXEC else ()
    credential = Credential(
        address=place.address, format=Format.KUBECONFIG, kept_in=path, shoot=wish.shoot, identity=wish.identity,
        state=State.VALID, message=document.said,
    )  # fmt: skip
    writing = Writing(material=Document(document.content), credential=credential, request="")
    work = PlainIssue(place, writing, document.said, sight)
    preview = "\n".join(part for part in (held.preview, document.shown) if part)
    said = [*about, *warnings, *([held.warning] if held.warning else [])]
    return work.plan(new_id(), Action.ISSUE, place.address, warnings=said, preview=preview), work


def arguments(wish: PlainWish, cluster: str) -> list[str]:
    """What kubemint's plugin is called with. The shoot itself is in the cluster's extension, as gardenlogin has it."""
    words = [VERB, "--context", cluster]
    if wish.shoot is not None:
        if wish.shoot.level is not AccessLevel.AUTO:
            words += ["--level", wish.shoot.level.value]
    elif wish.identity is not None:
        words += ["-n", wish.identity.namespace, "--account", wish.identity.name]
        for audience in wish.audiences:
            words += ["--audience", audience]
    if wish.duration is not None:
        words += ["--duration", format_go_duration(wish.duration)]
    return words


def plugin_user(wish: PlainWish, cluster: str) -> dict[str, Any]:
    """The `exec` of the user. It never asks anybody anything, and finds its own way in where it was told to."""
    plugin: dict[str, Any] = {
        "apiVersion": VERSIONS[0],
        "args": arguments(wish, cluster),
        "command": COMMAND,
    }
    if wish.kubeconfigs:
        plugin["env"] = [{"name": "KUBECONFIG", "value": os.pathsep.join(wish.kubeconfigs)}]
    return plugin | {"installHint": _INSTALL, "interactiveMode": "Never", "provideClusterInfo": True}


def kubeconfig(
    clusters: Mapping[str, object], contexts: Mapping[str, object], user: str, login: Mapping[str, object]
) -> str:
    """Its text: these clusters and contexts, and one user who logs in so."""
    return dump(
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": entry, "name": name} for name, entry in clusters.items()],
            "contexts": [{"context": entry, "name": name} for name, entry in contexts.items()],
            "current-context": next(iter(contexts)),
            "kind": "Config",
            **preferences(),
            "users": [{"name": user, "user": login}],
        }
    )


def _about_plugin(wish: PlainWish) -> list[str]:
    said = []
    if shutil.which(COMMAND) is None:
        said.append(f"{COMMAND} is not on the PATH: kubectl will not find it until it is")
    if not wish.kubeconfigs:
        said.append("the plugin itself logs in with KUBECONFIG, which must not be this file")
    return said


def _purpose(content: Sensitive) -> tuple[object, ...] | None:
    """Which contexts a kubeconfig without a secret has and who answers for them; None for every other file."""
    from tui.kube.kubeconfig import parse

    try:
        config = parse(content.reveal_bytes())
    except KubeError:
        return None
    plugins = [user.exec for user in config.users.values()]
    if len(plugins) != 1 or plugins[0] is None:
        return None
    return (*sorted(config.contexts), plugins[0].command)
