"""A Secret as the place of a credential: the format's keys hold the material, annotations say everything else."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.issuance.errors import ChangedMeanwhile, IssuanceError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.material import Foreseen, Writing
from tui.issuance.model.types import Address
from tui.issuance.objects import managed
from tui.issuance.objects.deleting import End, delete
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.errors import Conflict, KubeError, NotFound, Unreachable
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from .fence import fence, unsure
from .masking import diff, masked_secret
from .place import Held
from .written import wrote_values

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.records.intent import Wrote
    from tui.kube.client import Client

    from .in_secret import SecretDestination


class Keys(NamedTuple):
    """What becomes of the keys of a Secret that is written anew."""

    stale: frozenset[str]
    """Ours from before, which go."""
    others: tuple[str, ...]
    """Another owner's, which would be overwritten."""


def sorted_out(there: Collection[str], wanted: Collection[str], had: Format | None) -> Keys:
    """Whose the keys are that are `there`: ours are those of the format that it `had` (None: not known), all others
    another owner's, whatever they are called."""
    ours = frozenset(had.rules.keys if had is not None else ())
    return Keys(ours - set(wanted), tuple(sorted((set(there) & set(wanted)) - ours)))


class SecretPlace:
    """One Secret. Created where it is missing, replaced only at the resourceVersion that was looked at."""

    def __init__(self, destination: SecretDestination, clusters: Clusters, form: Format | None = None) -> None:
        managed.refuse_reserved(destination.labels, destination.annotations, "the destination")
        self.destination = destination
        self.address = Address.secret(destination.cluster, destination.namespace, destination.name)
        self.cluster = destination.cluster
        self.path = None
        self.label = f"Secret {destination.namespace}/{destination.name} in {destination.cluster}"
        self.request = ""
        self._clusters = clusters
        self._form = form
        """The format that is to be written, where that is known when the place is looked at."""
        self.uid = ""
        self._version = ""
        self._before: SecretObject | None = None
        self._after: dict[str, Any] | None = None
        """The metadata of what `write` made."""
        self._attempt = ""
        """The fingerprint that `write` tried to put there."""
        self._unanswered = False
        self.wrote: Wrote | None = None
        """What `write` left there, and whether it made it."""
        self._notes: dict[str, str] = {}
        """Marks of ours beyond what every credential's Secret carries."""

    @property
    def version(self) -> str:
        return self._version

    async def look(self) -> Held:
        client = await self._client()
        try:
            found = await client.get_metadata(SECRETS, self.destination.name, namespace=self.destination.namespace)
        except NotFound:
            self._version = self.uid = ""
            return Held(exists=False)
        self._known(found["metadata"])
        self._version = str(found["metadata"].get("resourceVersion", ""))
        credential = managed.credential_from_secret(self.cluster, found)
        if credential is None:
            raise UsageError(
                f"{self.label} is already in use: kubemint does not manage it",
                "choose another name; kubemint never takes over what others made",
                field="path",
            )
        managed.refuse_going(found["metadata"], self.label)
        if self._form not in (None, credential.format) and (there := await self._data()):
            self._sorted_out(there, self._form.rules.keys, credential.format)
        return Held(exists=True, credential=credential, request=managed.request_of(found))

    async def foresee(self, writing: Writing) -> Foreseen:
        client, where = await self._client(), self.destination
        before = None
        if self._version:
            before = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
        text, old = masked_secret(self._object(writing, before)), masked_secret(before) if before is not None else ""
        hint = "a Secret that is there is replaced; others' keys, labels and annotations in it stay"
        return Foreseen(
            text=text,
            exists=bool(old),
            hint=hint if old else "a new Secret, type Opaque",
            diff=diff(self.label, old, text) if old else "",
        )

    async def write(self, writing: Writing) -> str:
        client, where = await self._client(), self.destination
        if not self._version:
            wish = self._object(writing, None)
            try:
                with self._attempting(writing):
                    made = await client.create(SECRETS, wish, namespace=where.namespace)
            except Conflict as error:
                raise ChangedMeanwhile(
                    f"{self.label} is already in use: it was created by another client just now"
                ) from error
            except NotFound as error:
                error.hint = f"create the namespace {where.namespace} first"
                raise
            self._after, self.wrote = self._known(made["metadata"]), wrote_values(wish.values(), new=True)
            return "created"
        try:
            before = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
            if before.metadata.get("resourceVersion") != self._version:
                raise self._changed()
            self._before = before
            wish = self._object(writing, before)
            with self._attempting(writing):
                made = await client.replace(SECRETS, wish, namespace=where.namespace, name=where.name)
        except (Conflict, NotFound) as error:
            raise self._changed() from error
        self._after, self.wrote = self._known(made["metadata"]), wrote_values(wish.values(), new=False)
        return "replaced"

    async def check(self, writing: Writing) -> str | None:
        wanted, found = writing.data, await self._data() or {}
        another = self._after is not None and self._after.get("uid") != self.uid
        if another or {key: found.get(key) for key in wanted} != wanted:
            raise ChangedMeanwhile(f"{self.label} does not hold what was just written: another process wrote to it")
        return None

    async def restore(self) -> str:
        meta = self._after or await self._attempted()
        if meta is None:
            return ""
        client, where, said = await self._client(), self.destination, ""
        if self._before is None:
            uid = str(meta.get("uid", ""))
            ended = await delete(client, SECRETS, where.name, namespace=where.namespace, uid=uid)
            if ended.end is End.ANOTHER:
                raise self._changed()
            said = f"{self.label} {ended}" if ended.is_held else ""
        else:
            self._before.metadata["resourceVersion"] = meta["resourceVersion"]
            await client.replace(SECRETS, self._before, namespace=where.namespace, name=where.name)
        self._before, self._after, self._attempt = None, None, ""
        return said

    @contextlib.contextmanager
    def _attempting(self, writing: Writing) -> Iterator[None]:
        """Whatever is answered from here on, the server may have written it."""
        self._attempt = writing.material.fingerprint
        try:
            yield
        except KubeError as error:
            self._unanswered = unsure(error) if self._version else isinstance(error, Unreachable)
            raise

    async def _attempted(self) -> dict[str, Any] | None:
        """The metadata of what a write left there although it failed; None where it left nothing."""
        if not self._attempt:
            return None
        client, where = await self._client(), self.destination
        if self._unanswered:
            await self.fence()
        with contextlib.suppress(NotFound):
            found = await client.get_metadata(SECRETS, where.name, namespace=where.namespace)
            meta: dict[str, Any] = found["metadata"]
            if (meta.get("annotations") or {}).get(managed.FINGERPRINT) == self._attempt:
                return meta
        if self._unanswered and not self._version:
            raise IssuanceError(f"the server did not answer, and may still write {self.label}")
        return None

    async def fence(self) -> None:
        client, where = await self._client(), self.destination
        with contextlib.suppress(NotFound):
            found = await client.get_metadata(SECRETS, where.name, namespace=where.namespace)
            # What another client has made since is not the one that was to be written, and none of our business.
            if where.force or managed.is_managed(found, managed.Role.CREDENTIAL):
                await fence(client, where.namespace, where.name)

    async def token(self, form: Format) -> Sensitive | None:
        data = await self._data()
        return form.rules.token_of(data) if data is not None else None

    def replaced(self, form: Format) -> Sensitive | None:
        return form.rules.token_of(self._before.values()) if self._before is not None else None

    async def material(self, form: Format) -> Sensitive:
        data = await self._data()
        missing = [key for key in form.rules.keys if key not in (data or {})]
        if data is None or missing:
            raise UsageError(f"{self.label} holds no {', '.join(missing)}", "rotate it to write it again")
        return form.rules.as_file(data)

    async def _data(self) -> dict[str, Sensitive] | None:
        client = await self._client()
        try:
            found = await client.get(
                SECRETS, self.destination.name, namespace=self.destination.namespace, type=SecretObject
            )
        except NotFound:
            return None
        self._known(found.metadata)
        return found.values()

    def _known(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Remember which Secret it is that was just read or written."""
        self.uid = str(metadata.get("uid") or "")
        return metadata

    async def _client(self) -> Client:
        return await self._clusters.client(self.cluster)

    def _changed(self) -> ChangedMeanwhile:
        return ChangedMeanwhile(
            f"{self.label} was changed by another client since it was read", "look at it again, then retry"
        )

    def _sorted_out(self, there: Collection[str], wanted: Collection[str], had: Format | None) -> Keys:
        """As `sorted_out`. Raises UsageError where another owner's would be overwritten."""
        keys = sorted_out(there, wanted, had)
        if keys.others and not self.destination.force:
            raise UsageError(
                f"{self.label} holds {', '.join(keys.others)}, which kubemint does not own and would overwrite",
                "choose another name, or move those elsewhere",
                field="path",
            )
        return keys

    def _object(self, writing: Writing, before: SecretObject | None) -> SecretObject:
        """The whole Secret: ours on top of what was there, so that other people's labels, notes and keys stay."""
        where = self.destination
        metadata = dict(before.metadata) if before is not None else {}
        metadata.pop("managedFields", None)
        metadata |= {"name": where.name, "namespace": where.namespace}
        ours = {managed.MANAGED_BY: managed.MANAGER, managed.ROLE: managed.Role.CREDENTIAL.value}
        metadata["labels"] = (metadata.get("labels") or {}) | where.labels | ours
        notes: dict[str, str | None] = (metadata.get("annotations") or {}) | where.annotations | self._notes
        notes |= managed.annotations_for(
            writing.credential, cluster=self.cluster, request=writing.request, copies=writing.copies
        )
        metadata["annotations"] = {key: value for key, value in notes.items() if value is not None}
        values, there = writing.data, (before and before.data) or {}
        had = managed.credential_from_secret(self.cluster, before.metadata) if before is not None else None
        keys = self._sorted_out(there, values, had.format if had is not None else None)
        data = {key: value for key, value in there.items() if key not in keys.stale}
        data |= {key: Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in values.items()}
        return SecretObject(type=before.type if before is not None else "Opaque", metadata=metadata, data=data)
