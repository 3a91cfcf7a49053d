"""Kubeconfigs without a secret in them: whoever uses one logs in anew, with a plugin that the kubeconfig names.

Three sorts: a shoot's in the way that gardenlogin's is, and a service account's, both answered by kubemint's own plugin
(`kubemint exec-credential`); and a shoot's for people who log in with their identity provider. Nothing is issued, so
there is nothing to rotate or to revoke.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from tui.issuance.destinations.file import FilePlace
from tui.issuance.destinations.place import absolute, look_at, taken
from tui.issuance.destinations.shoot import stand_in
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.gardener.garden import Shoot, cluster_ca, garden_identity, shoot_at
from tui.issuance.families.gardener.shoot_kubeconfig import check_duration
from tui.issuance.families.gardener.shoot_oidc import login_arguments, settings_of
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import cluster_entry
from tui.issuance.formats.yaml_text import dump
from tui.issuance.model.durations import format_duration
from tui.issuance.model.material import Document, Writing
from tui.issuance.model.names import check_names
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import (
    AccessLevel,
    Action,
    Address,
    Credential,
    FileDestination,
    Identity,
    Plan,
    ShootAccess,
    State,
)
from tui.issuance.objects.token_request import check_wish
from tui.issuance.objects.viewer import refuse_viewer
from tui.issuance.records.intent import new_id
from tui.issuance.transaction.shared_steps import check_step, write_step
from tui.issuance.transaction.step import Step, Transaction
from tui.issuance.transaction.work import Context, Finished
from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

from .exec_cache import VERB, VERSIONS

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.issuance.records.intent import Export
    from tui.issuance.records.state import StateStore
    from tui.issuance.transaction.running import Note, StepFailed

COMMAND: Final = "kubemint"
EXTENSION: Final = "client.authentication.k8s.io/exec"
ADDRESSES: Final = ("external", "internal", "unmanaged")
"""Those of a shoot's addresses that its own CA vouches for."""
_INSTALL: Final = "kubemint answers for this kubeconfig; put it on the PATH"
_INSTALL_LOGIN: Final = "kubelogin answers for this kubeconfig: kubectl krew install oidc-login"


class Way(StrEnum):
    """Who answers when the kubeconfig is used."""

    EXEC = "exec"
    """kubemint, with the login that it has by then."""
    OIDC = "oidc"
    """The user, at the identity provider."""


class PlainWish(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: a kubeconfig without a secret, for a shoot or for a service account, in a file of its own."""

    path: str
    way: Way = Way.EXEC
    shoot: ShootAccess | None = None
    identity: Identity | None = None
    duration: timedelta | None = None
    """Of each credential that the plugin gets. None: what the server gives (1h), for a shoot a quarter of an hour."""
    audiences: tuple[str, ...] = ()
    kubeconfigs: tuple[str, ...] = ()
    """The files in which the plugin finds its own way in; they must not depend on who calls it."""


@dataclass(frozen=True, slots=True)
class _Document:
    """A kubeconfig as it is to be written, and as it may be shown."""

    content: Sensitive
    shown: str
    said: str


class PlainPlace(FilePlace):
    """The file. What kubemint wrote for the same purpose before may be replaced, though nothing remembers it."""

    def __init__(
        self, identity: Identity, path: str, state: StateStore, document: _Document, *, force: bool = False
    ) -> None:
        super().__init__(FileDestination(path), identity, state, force=force)
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


async def prepare_plain(context: Context, wish: PlainWish, *, force: bool = False) -> tuple[Plan, PlainIssue]:
    """The plan. Everything is read here; executing it writes one file. Raises UsageError, KubeError."""
    path = str(absolute(wish.path))
    warnings: list[str] = []
    if wish.way is Way.EXEC:
        warnings += _about_plugin(wish)
    if wish.shoot is not None:
        document, more = await _of_shoot(context, wish, wish.shoot)
        who = stand_in(wish.shoot)
    elif wish.identity is not None and wish.way is Way.EXEC:
        document, more = await _of_account(context, wish, wish.identity), []
        who = wish.identity
    else:
        raise UsageError("this kubeconfig needs a shoot, or a service account that kubemint answers for")
    place = PlainPlace(who, path, context.state, document, force=force)
    sight = Sight()
    (held,) = await look_at([place], sight)
    if held.credential is not None:
        raise taken(path, held.credential, exists=held.exists)
    warnings += [*more, *([held.warning] if held.warning else [])]
    credential = Credential(
        address=place.address, format=Format.KUBECONFIG, kept_in=path, shoot=wish.shoot, identity=wish.identity,
        state=State.VALID, message=document.said,
    )  # fmt: skip
    writing = Writing(material=Document(document.content), credential=credential, request="")
    work = PlainIssue(place, writing, document.said, sight)
    preview = "\n".join(part for part in (held.preview, document.shown) if part)
    return work.plan(new_id(), Action.ISSUE, place.address, warnings=warnings, preview=preview), work


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
        words += ["--duration", format_duration(wish.duration)]
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


async def _of_account(context: Context, wish: PlainWish, identity: Identity) -> _Document:
    endpoint = context.clusters.endpoint(identity.cluster)
    check_names(identity.namespace, identity.name, "service account")
    check_wish(wish.duration, wish.audiences)
    refuse_viewer(endpoint)
    cluster = endpoint.cluster_name or endpoint.name
    here = {"cluster": cluster, "namespace": identity.namespace, "user": identity.name}
    text = _kubeconfig(
        {cluster: cluster_entry(endpoint)}, {identity.name: here}, identity.name,
        {"exec": plugin_user(wish, identity.cluster)},
    )  # fmt: skip
    return _Document(Sensitive(text), text, "holds no secret: kubemint mints a token when it is used")


async def _of_shoot(context: Context, wish: PlainWish, access: ShootAccess) -> tuple[_Document, list[str]]:
    context.clusters.endpoint(access.garden)
    check_names(access.namespace, access.name, "shoot")
    check_duration(wish.duration)
    garden = await context.clusters.client(access.garden)
    shoot = await shoot_at(garden, access.namespace, access.name)
    ca = await cluster_ca(garden, access.namespace, access.name)
    warnings = [] if ca else ["the garden does not publish the shoot's CA: the system's authorities are trusted"]
    if shoot.hibernation != "Awake":
        warnings.append(f"the shoot is {shoot.hibernation.lower()}: a kubeconfig cannot connect until it is awake")
    name = f"{access.namespace}--{access.name}"
    if wish.way is Way.OIDC:
        settings = await settings_of(garden, shoot)
        users = [_login(login_arguments(settings.config, masked=masked)) for masked in (False, True)]
        extension: dict[str, Any] | None = None
        said = f"logs in at {settings.config.issuer_url} as {settings.config.client_id}, says {settings.source}"
        warnings.append("nothing is proved: whoever uses it logs in, and what they may do is the shoot's own RBAC")
    else:
        identity = await garden_identity(garden) or access.garden
        extension = {
            "shootRef": {"namespace": access.namespace, "name": access.name},
            "gardenClusterIdentity": identity,
        }
        users = [plugin_user(wish, access.garden)] * 2
        said = "holds no secret: kubemint gets a client certificate when it is used"
    clusters = _ways(shoot, name, ca, extension)
    contexts = {way: {"cluster": way, "namespace": "default", "user": name} for way in clusters}
    texts = [_kubeconfig(clusters, contexts, name, {"exec": user}) for user in users]
    return _Document(Sensitive(texts[0]), texts[1], said), warnings


def _ways(shoot: Shoot, name: str, ca: bytes, extension: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The clusters of a shoot's kubeconfig: one for each address, in the shoot's own order."""
    found: dict[str, dict[str, Any]] = {}
    for address in shoot.addresses:
        if address.name not in ADDRESSES:
            continue
        entry: dict[str, Any] = {}
        if ca:
            entry["certificate-authority-data"] = base64.b64encode(ca).decode()
        if extension is not None:
            entry["extensions"] = [{"name": EXTENSION, "extension": extension}]
        found[f"{name}-{address.name}"] = entry | {"server": f"https://{urlsplit(address.url).netloc}"}
    if not found:
        raise IssuanceError(
            f"the shoot {shoot.metadata.namespace}/{shoot.metadata.name} has no addresses yet: {shoot.operation}",
            "is it still being created? Try again when it is",
        )
    return found


def _kubeconfig(
    clusters: Mapping[str, object], contexts: Mapping[str, object], user: str, login: Mapping[str, object]
) -> str:
    return dump(
        {
            "apiVersion": "v1",
            "clusters": [{"cluster": entry, "name": name} for name, entry in clusters.items()],
            "contexts": [{"context": entry, "name": name} for name, entry in contexts.items()],
            "current-context": next(iter(contexts)),
            "kind": "Config",
            "preferences": {},
            "users": [{"name": user, "user": login}],
        }
    )


def _login(words: Sequence[str]) -> dict[str, Any]:
    return {
        "apiVersion": VERSIONS[0],
        "args": list(words),
        "command": "kubectl",
        "installHint": _INSTALL_LOGIN,
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }


def _about_plugin(wish: PlainWish) -> list[str]:
    said = []
    if shutil.which(COMMAND) is None:
        said.append(f"{COMMAND} is not on the PATH: kubectl will not find it until it is")
    if not wish.kubeconfigs:
        said.append("the plugin finds its own way in where KUBECONFIG points when it runs; that must not be this file")
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
