"""An Argo CD cluster Secret as a place: `config` alone is written, and in that the token alone."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

from tui.issuance.destinations.fence import fence
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.place import Held
from tui.issuance.destinations.secret import SecretPlace
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.formats.kubeconfig import several
from tui.issuance.model.material import Minted, Writing
from tui.issuance.model.types import Address
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.kube.delivered import Several
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

from . import secret

if TYPE_CHECKING:
    from tui.issuance.formats import Format
    from tui.issuance.model.clusters import Clusters


class ClusterPlace(SecretPlace):
    """One such Secret. It is never created and never deleted, and its labels and annotations stay as they are."""

    def __init__(self, address: Address, clusters: Clusters) -> None:
        super().__init__(SecretDestination(address.cluster, address.namespace, address.name), clusters)
        self.address = address
        self.label = f"Argo CD's Secret {address.namespace}/{address.name} in {address.cluster}"

    async def whole(self) -> SecretObject:
        """The Secret as it is; from now on that is the version that is written over. Raises UsageError where it is no
        such one, KubeError."""
        client, where = await self._client(), self.destination
        found = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
        if not secret.is_cluster(found.metadata.get("labels")):
            raise UsageError(
                f"the Secret {where.namespace}/{where.name} in {where.cluster} is no cluster of Argo CD's",
                f"its label {secret.SELECTOR} would say so",
            )
        self._known(found.metadata)
        self._version = str(found.metadata.get("resourceVersion", ""))
        return found

    async def look(self) -> Held:
        found = await self.whole()
        managed.refuse_going(found.metadata, self.label)
        at = self.address
        return Held(exists=True, credential=secret.credential(at.cluster, at.namespace, at.name, found.values()))

    async def write(self, writing: Writing) -> str:
        if not self._version:  # never created: what is not there is not Argo CD's
            raise self._changed()
        return await super().write(writing)

    async def check(self, writing: Writing) -> str | None:
        there, before = await self._data() or {}, self._before
        if before is None or there != self._object(writing, before).values():
            raise ChangedMeanwhile(f"{self.label} does not hold what was just written: another process wrote to it")
        return None

    async def restore(self) -> str:
        return await super().restore() if self._before is not None else ""

    async def fence(self) -> None:
        client, where = await self._client(), self.destination
        with contextlib.suppress(NotFound, UsageError):
            await self.whole()  # what is somebody else's by now is none of our business
            await fence(client, where.namespace, where.name)

    async def token(self, form: Format) -> Sensitive | None:
        data = await self._data()
        return secret.token_of(data) if data is not None else None

    def replaced(self, form: Format) -> Sensitive | None:
        return secret.token_of(self._before.values()) if self._before is not None else None

    async def material(self, form: Format) -> Sensitive:
        """The same as a kubeconfig, rendered anew from the one way in that it is."""
        way = secret.way(self.destination.name, (await self.whole()).values())
        return several(Several((way,), way))

    async def _attempted(self) -> dict[str, Any] | None:
        if not self._attempt:
            return None
        if self._unanswered:
            await self.fence()
        client, where = await self._client(), self.destination
        with contextlib.suppress(NotFound):
            found = await client.get(SECRETS, where.name, namespace=where.namespace, type=SecretObject)
            token = secret.token_of(found.values())
            if token is not None and token.fingerprint == self._attempt:
                return found.metadata
        return None

    def _object(self, writing: Writing, before: SecretObject | None) -> SecretObject:
        """The whole Secret as it was, but for the token in its `config`."""
        assert before is not None
        assert isinstance(writing.material, Minted)
        metadata = {key: value for key, value in before.metadata.items() if key != "managedFields"}
        config = secret.written(before.values(), writing.material.token)
        data = dict(before.data or {}) | {secret.CONFIG: Sensitive(base64.b64encode(config.reveal_bytes()))}
        return SecretObject(type=before.type, metadata=metadata, data=data)
