"""Secrets that end in a tenant: pushed there by kubemint itself in one apply, or carried there by External Secrets.

Either way the tenant gets an Opaque Secret with ca.crt, namespace and token and nothing of the source's metadata: a
token Secret's type or annotations would make the tenant's own token controller delete it. Before the old token may
end, the new one has been read back from the tenant and proved with just what was found there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import ChangedMeanwhile, IssuanceError, NotProved, UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.service_account import NAMESPACE_KEY, ROOT_CA_KEY
from tui.issuance.formats.token import TOKEN_KEY
from tui.issuance.model.material import Minted, Writing
from tui.issuance.model.names import random_suffix
from tui.issuance.model.types import Address, Push
from tui.issuance.objects import managed
from tui.issuance.objects.deleting import delete
from tui.issuance.objects.external_secrets import PUSH_SECRETS, PUSHED, push_secret, ready, served
from tui.issuance.objects.secret_object import SecretObject
from tui.kube import limits, shell
from tui.kube.answers import insist_gone
from tui.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound, Unreachable
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from .place import Held
from .proving import prove
from .secret import SecretPlace
from .tenant_store import insist

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client

    from .in_secret import SecretDestination

PUSH: Final = managed.PUSH
"""On a source Secret: how it is carried on, so that whoever rotates it also waits until it has arrived."""
_PUSH_ANEW: Final = "push it again with kubemint tenant push"
_LEGACY: Final = "kubernetes.io/service-account.name"
_OWNER: Final = re.compile(r'conflicts? with "([^"]+)"')
LONGEST_WAIT: Final = timedelta(minutes=10)
"""How long new material may take to arrive at most, whatever is written anywhere."""
_PAUSE: Final = 0.3
_LONGEST_PAUSE: Final = 2.0


def tenant_place(destination: SecretDestination, clusters: Clusters, form: Format | None = None) -> SecretPlace:
    """The place for a Secret that is applied in a tenant, or pushed on into one."""
    if destination.push:
        return PushedPlace(destination, clusters, form)
    return AppliedPlace(destination, clusters)  # where the server knows whose each key is


async def destination_as_vouched(clusters: Clusters, secret: SecretDestination, push: str) -> SecretDestination:
    """What a rotation writes to: a Secret with the three keys, carried on as its voucher says (empty: it is not).

    Raises UsageError where what carries it on is not there, is not ours, or leads elsewhere: a rotation makes none and
    points none anew.
    """
    where = msgspec.structs.replace(secret, applied=not push)
    if not push:
        return where
    wanted = _push(push)
    if wanted is None:
        raise UsageError(f"how Secret {secret.namespace}/{secret.name} is pushed on cannot be read", _PUSH_ANEW)
    await insist_on_push(clusters, Address.secret(secret.cluster, secret.namespace, secret.name), wanted)
    return msgspec.structs.replace(where, push=wanted)


async def insist_on_push(clusters: Clusters, secret: Address, wanted: Push) -> None:
    """Raises UsageError where what carries this Secret on is not there, is not ours, or leads elsewhere; KubeError."""
    client = await clusters.client(secret.cluster)
    name = f"PushSecret {secret.namespace}/{wanted.name}"
    try:
        found = await client.get(PUSH_SECRETS, wanted.name, namespace=secret.namespace)
    except NotFound as error:
        insist_gone(error)
        raise UsageError(f"{name} is gone: nothing pushes Secret {secret.name} any more", _PUSH_ANEW) from None
    if why := leads_elsewhere(found, wanted, secret.name):
        raise UsageError(f"{name} {why}: it was left alone", _PUSH_ANEW)


def leads_elsewhere(found: Mapping[str, Any], push: Push, source: str) -> str:
    """Why a PushSecret is not the one that carries `source` on as `push` says; empty where it is."""
    if not managed.is_managed(found):
        return "is not kubemint's"
    if found["metadata"].get("deletionTimestamp"):
        return "is being deleted and pushes nothing any more"
    spec = found.get("spec") or {}
    wanted = push_secret(push, "", source, "")["spec"]
    if not _takes_from(found, source):
        return f"does not take from Secret {source}"
    parts = ("secretStoreRefs", "data", "template", "deletionPolicy")
    if spec.get("dataTo") or not all(_covers(wanted[part], spec.get(part)) for part in parts):
        return f"does not push to {push.namespace}/{push.secret} through the store {push.store}"
    return ""


def _takes_from(found: Mapping[str, Any], source: str) -> bool:
    return ((found.get("spec") or {}).get("selector") or {}) == {"secret": {"name": source}}


def _covers(wanted: object, found: object) -> bool:
    """Whether what is there says all that was wanted; servers and operators fill in defaults beside it."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_covers(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(map(_covers, wanted, found if isinstance(found, list) else ()))
    return wanted == found


def _push(text: str) -> Push | None:
    try:
        return msgspec.json.decode(text, type=Push)
    except (msgspec.DecodeError, UnicodeError):
        return None


def owners_of(metadata: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Who else keeps which keys of a Secret's data, by field manager."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in metadata.get("managedFields") or ():
        keys = (entry.get("fieldsV1") or {}).get("f:data") or {}
        names = tuple(sorted(key.removeprefix("f:") for key in keys if key.startswith("f:")))
        if names and entry.get("manager") != managed.MANAGER:
            found[str(entry.get("manager", "somebody"))] = names
    return found


class AppliedPlace(SecretPlace):
    """A Secret in a tenant, written by server-side apply: all keys change together, and only ours."""

    async def look(self) -> Held:
        try:
            return await super().look()
        except managed.BeingDeleted:
            raise
        except UsageError as error:
            client = await self._client()
            found = await client.get_metadata(SECRETS, self.destination.name, namespace=self.destination.namespace)
            if _LEGACY in (found["metadata"].get("annotations") or {}):
                error.hint = "it is a token Secret, which the token controller there keeps; choose another name"
                raise
            owners = owners_of(found["metadata"])
            said = "; ".join(f"{', '.join(keys)} by {manager}" for manager, keys in sorted(owners.items()))
            if not self.destination.force:
                raise UsageError(
                    f"{self.label} is already in use: another field manager owns it ({said or 'no keys yet'})",
                    "choose another name, or overwrite the keys with --force",
                    field="secrets",
                ) from error
            managed.refuse_going(found["metadata"], self.label)
            return Held(exists=True, warning=f"{self.label} is taken over; another field manager owned it ({said})")

    async def write(self, writing: Writing) -> str:
        client, where = await self._client(), self.destination
        before = None
        with contextlib.suppress(NotFound):
            before = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
        if (before.metadata.get("resourceVersion", "") if before is not None else "") != self._version:
            raise self._changed()
        if before is not None and before.type != "Opaque":
            raise UsageError(
                f"{self.label} has the type {before.type}; it must be Opaque", "choose another name", field="secrets"
            )
        self._before = before
        wish = self._object(writing, None)
        if self._version:
            wish.metadata["resourceVersion"] = self._version
        with self._attempting(writing):
            made = await self._apply(client, wish, force=where.force)
        self._after = self._known(made["metadata"])
        return "applied" if before is not None else "created"

    async def check(self, writing: Writing) -> str | None:
        await super().check(writing)
        await prove_arrived(self._clusters, writing, await self._data() or {})
        return None

    async def restore(self) -> str:
        before = self._before
        if before is None or not managed.is_managed(before.metadata, managed.Role.CREDENTIAL):
            return await super().restore()  # made by us, or taken over: then it goes back as it was
        meta = self._after or await self._attempted()
        if meta is None:
            return ""
        notes = {key: text for key, text in (before.metadata.get("annotations") or {}).items() if _ours(key)}
        labels = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: managed.Role.CREDENTIAL.value}
        keys = {ROOT_CA_KEY, NAMESPACE_KEY, TOKEN_KEY}
        data = {key: value for key, value in (before.data or {}).items() if key in keys}
        again: dict[str, Any] = {"annotations": notes, "labels": labels, "resourceVersion": meta["resourceVersion"]}
        await self._apply(await self._client(), SecretObject(metadata=again, data=data), force=True)
        self._before, self._after, self._attempt = None, None, ""
        return ""

    async def _apply(self, client: Client, wish: SecretObject, *, force: bool) -> dict[str, Any]:
        where = self.destination
        body = {"type": wish.type, "metadata": wish.metadata, "data": wish.data}
        try:
            return await client.apply(SECRETS, where.name, body, namespace=where.namespace, force=force)
        except Conflict as error:
            owner = _OWNER.search(error.message)
            if owner is None:
                raise self._changed() from error
            raise ChangedMeanwhile(
                f"{self.label} was left alone: {owner[1]} keeps some of its keys", "overwrite them with --force"
            ) from error
        except NotFound as error:
            error.hint = f"the namespace {where.namespace} is not there yet; try again when it is"
            raise


class PushedPlace(SecretPlace):
    """A Secret beside a PushSecret: written, announced, and only done when it has arrived in the tenant."""

    def __init__(self, destination: SecretDestination, clusters: Clusters, form: Format | None = None) -> None:
        assert destination.push is not None
        super().__init__(destination, clusters, form)
        self.push = destination.push
        self._notes = {PUSH: msgspec.json.encode(destination.push).decode()}
        self.label += f", and by PushSecret {self.push.name} in {self.push.tenant}"
        self._announced: dict[str, Any] | None = None
        self._existed = False
        self._store = ""
        """The store that was there when it began to be written."""
        self._leads = ""
        """The UID of the PushSecret that is there and says just that already."""

    async def look(self) -> Held:
        held = await super().look()
        client, where = await self._client(), self.destination
        await served(client, PUSH_SECRETS)
        await self._insist_on_store()
        try:
            found = await client.get(PUSH_SECRETS, self.push.name, namespace=where.namespace)
        except NotFound:
            return held
        if not managed.is_managed(found):
            raise UsageError(
                f"PushSecret {where.namespace}/{self.push.name} is already in use: kubemint does not manage it",
                "kubemint never takes over what others made",
            )
        self._existed = True
        self._leads = "" if leads_elsewhere(found, self.push, where.name) else str(found["metadata"]["uid"])
        return held

    async def write(self, writing: Writing) -> str:
        self._store = await self._insist_on_store()  # what is written may be carried on without being announced
        said = await super().write(writing)
        await self._insist_on_store()
        await self._announce(writing.material.fingerprint)
        return f"{said}; announced to External Secrets"

    async def _insist_on_store(self) -> str:
        """Raises UsageError where the store does not lead into the tenant; ChangedMeanwhile where it did not a moment
        ago, or may not have."""
        push, namespace = self.push, self.destination.namespace
        seen = await insist(self._clusters, self.cluster, namespace, push.store, push.tenant, push.namespace)
        if self._store and seen != self._store:
            raise ChangedMeanwhile(
                f"SecretStore {namespace}/{push.store} was changed while the token was on its way through it",
                "it may have pointed elsewhere for a moment: check who changes it, then try again",
            )
        return seen

    async def check(self, writing: Writing) -> str | None:
        await super().check(writing)
        wait = timedelta(seconds=limits.patience(min(self.push.wait, LONGEST_WAIT).total_seconds()))
        try:
            async with asyncio.timeout(wait.total_seconds()):
                data = await self._arrival(writing)
        except TimeoutError:
            describe = shell.command(
                "kubectl", "describe", "pushsecret", self.push.name, "-n", self.destination.namespace
            )
            raise IssuanceError(
                f"the new token did not arrive in {self.push.tenant} within {_seconds(wait)}: {await self._state()}",
                f"{describe} may say more",
            ) from None
        if not data:
            return f"not seen in {self.push.tenant}, which cannot be looked into: External Secrets says it is there"
        await prove_arrived(self._clusters, writing, data)
        return None

    async def restore(self) -> str:
        said = await super().restore()
        if self._announced is not None:
            if self._existed:
                self._store = ""
                try:
                    await self._insist_on_store()
                    await self._announce(f"undone-{random_suffix()}")
                except (UsageError, ChangedMeanwhile) as error:
                    told = f"PushSecret {self.push.name} was not told of it: {error.message}"
                    said = "; ".join(filter(None, (said, told)))
            else:
                client, uid = await self._client(), self._announced["metadata"]["uid"]
                where = self.destination.namespace
                ended = await delete(client, PUSH_SECRETS, self.push.name, namespace=where, uid=uid)
                held = f"PushSecret {self.push.name} {ended}" if ended.is_held else ""
                said = "; ".join(filter(None, (said, held)))
            self._announced = None
        return said

    async def _announce(self, fingerprint: str) -> None:
        client, where = await self._client(), self.destination
        if self._leads:  # there is nothing to say to it but that there is something new
            note = {"metadata": {"uid": self._leads, "annotations": {PUSHED: fingerprint}}}
            try:
                self._announced = await client.patch(PUSH_SECRETS, self.push.name, note, namespace=where.namespace)
            except (Conflict, Invalid, NotFound) as error:  # the UID of another one cannot be written over it
                raise ChangedMeanwhile(
                    f"PushSecret {where.namespace}/{self.push.name} is another one by now"
                ) from error
            if why := leads_elsewhere(self._announced, self.push, where.name):
                raise ChangedMeanwhile(f"PushSecret {where.namespace}/{self.push.name} {why}: it was changed just now")
            return
        wish = push_secret(self.push, where.namespace, where.name, fingerprint)
        try:
            self._announced = await client.apply(PUSH_SECRETS, self.push.name, wish, namespace=where.namespace)
        except Conflict as error:
            raise ChangedMeanwhile(f"PushSecret {where.namespace}/{self.push.name}: {error.message}") from error

    async def _arrival(self, writing: Writing) -> dict[str, Sensitive]:
        """What arrived. Empty where the tenant cannot be looked into: then the operator's word must do."""
        wanted, pause = writing.data, _PAUSE
        before = self._synced(self._announced or {})
        while True:
            await self._insist_on_store()
            client = await self._client()
            now = await client.get(PUSH_SECRETS, self.push.name, namespace=self.destination.namespace)
            try:
                tenant = await self._clusters.client(self.push.tenant)
                found = await tenant.get(SECRETS, self.push.secret, namespace=self.push.namespace, type=SecretObject)
                held = found.values()
                if {key: held.get(key) for key in wanted} == wanted:
                    if found.type != "Opaque":
                        raise NotProved(f"what arrived in {self.push.tenant} is of type {found.type}, not Opaque")
                    return held
            except NotFound:
                pass  # not yet
            except (Forbidden, Unreachable):
                if ready(now)[0] == "True" and self._synced(now) != before:
                    return {}
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _state(self) -> str:
        try:
            client = await self._client()
            status, message = ready(
                await client.get(PUSH_SECRETS, self.push.name, namespace=self.destination.namespace)
            )
        except KubeError as error:
            return error.message
        if not status:
            return "the PushSecret has no condition; does the External Secrets Operator run?"
        return f"Ready is {status}: {message}"

    @staticmethod
    def _synced(obj: Mapping[str, Any]) -> str:
        return str((obj.get("status") or {}).get("syncedResourceVersion", ""))


async def prove_arrived(clusters: Clusters, writing: Writing, data: Mapping[str, Sensitive]) -> None:
    """Enter the management cluster as the tenant will: with the token and the authority that lie there.

    Raises NotProved.
    """
    identity = writing.credential.identity
    token, ca = data.get(TOKEN_KEY), data.get(ROOT_CA_KEY)
    if identity is None or token is None or not isinstance(writing.material, Minted):
        raise NotProved("what arrived holds no token")
    endpoint = replace(writing.material.endpoint, ca=ca.reveal_bytes() if ca else None)
    operator = await clusters.client(identity.cluster)
    try:
        await prove(endpoint, token, identity, writing.credential.audiences, operator)
    except KubeError as error:
        raise NotProved(f"what arrived does not authenticate to {identity.cluster}: {error.message}") from error


async def withdraw(client: Client, metadata: Mapping[str, Any]) -> str:
    """Take back what was carried on: the PushSecret goes, and the operator removes the pushed keys (it says how)."""
    meta = metadata.get("metadata") or metadata
    push = _push(managed.push_of(meta)) if managed.push_of(meta) else None
    if push is None:
        return ""
    try:
        found = await client.get(PUSH_SECRETS, push.name, namespace=meta["namespace"])
        if not managed.is_managed(found) or not _takes_from(found, meta["name"]):  # anybody may write annotations
            return f"; PushSecret {push.name} is not kubemint's and was left alone"
    except NotFound as error:
        return "" if error.gone else f"; whether PushSecret {push.name} is still there is not known"
    uid = str(found["metadata"].get("uid", ""))
    ended = await delete(client, PUSH_SECRETS, push.name, namespace=meta["namespace"], uid=uid)
    if ended.is_held:  # most often by the operator, which removes the keys before it lets go
        return f"; PushSecret {push.name} {ended}, before the keys leave {push.tenant}"
    return f"; PushSecret {push.name} too, so that the keys leave {push.tenant}" if ended.was_there else ""


async def remove_keys(client: Client, metadata: Mapping[str, Any]) -> bool:
    """Take our own keys out of a Secret that others use too; False where no other does."""
    meta = metadata.get("metadata") or metadata
    if not owners_of(meta):
        return False
    nothing = {"metadata": {"resourceVersion": meta["resourceVersion"]}}
    with contextlib.suppress(Invalid):
        await client.apply(SECRETS, meta["name"], nothing, namespace=meta["namespace"])
        return True
    return False


def _ours(key: str) -> bool:
    return key.startswith(managed.PREFIX)


def _seconds(wait: timedelta) -> str:
    return f"{wait.total_seconds():g} s"
