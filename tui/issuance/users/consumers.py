"""Who uses an account and its Secrets: pods, their volumes and variables, CSI drivers, External Secrets.

Everything is listed when the caller asks, namespace by namespace, and only the fields that say so are decoded. Each
kind that cannot be read is an error of its own; the others are still found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tui.issuance.model.durations import format_duration
from tui.issuance.model.types import Identity
from tui.issuance.objects.external_secrets import CLUSTER_STORES, EXTERNAL_SECRETS, GROUP, PUSH_SECRETS, STORES
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import CSI_DRIVERS, PODS, SECRETS, Resource

from .external_views import PushView, push_view

if TYPE_CHECKING:
    from tui.kube.client import Client

PAGE: Final = 500
"""Pods are large: small pages keep the memory and each pause short."""


class Meta(msgspec.Struct, frozen=True):
    """The metadata of a pod that is needed here."""

    name: str = ""
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _SecretVolume(msgspec.Struct, frozen=True, rename="camel"):
    secret_name: str = ""


class _Source(msgspec.Struct, frozen=True, rename="camel"):
    secret: _Named | None = None


class _Projected(msgspec.Struct, frozen=True):
    sources: tuple[_Source, ...] | None = None


class _CSIVolume(msgspec.Struct, frozen=True, rename="camel"):
    driver: str = ""
    node_publish_secret_ref: _Named | None = None


class _ByReference(msgspec.Struct, frozen=True, rename="camel"):
    """A volume whose kubelet logs in to its storage with a Secret."""

    secret_ref: _Named | None = None


class _Volume(msgspec.Struct, frozen=True, rename="camel"):
    """Every way in which a volume may name a Secret, as the kubelet walks them (VisitPodSecretNames)."""

    name: str = ""
    secret: _SecretVolume | None = None
    projected: _Projected | None = None
    csi: _CSIVolume | None = None
    azure_file: _SecretVolume | None = None
    cephfs: _ByReference | None = None
    cinder: _ByReference | None = None
    flex_volume: _ByReference | None = None
    iscsi: _ByReference | None = None
    rbd: _ByReference | None = None
    scale_io: _ByReference | None = msgspec.field(name="scaleIO", default=None)
    storageos: _ByReference | None = None

    @property
    def logins(self) -> tuple[str, ...]:
        """The Secrets that whoever mounts it was given once, to log in with."""
        by_reference = (
            self.cephfs, self.cinder, self.flex_volume, self.iscsi, self.rbd, self.scale_io, self.storageos,
        )  # fmt: skip
        given = [one.secret_ref for one in by_reference if one is not None]
        given += [self.csi.node_publish_secret_ref] if self.csi is not None else []
        names = [one.name for one in given if one is not None]
        return (*names, self.azure_file.secret_name) if self.azure_file is not None else tuple(names)


class _ValueFrom(msgspec.Struct, frozen=True, rename="camel"):
    secret_key_ref: _Named | None = None


class _Env(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    value_from: _ValueFrom | None = None


class _EnvFrom(msgspec.Struct, frozen=True, rename="camel"):
    secret_ref: _Named | None = None


class _Mount(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""


class _Container(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    volume_mounts: tuple[_Mount, ...] | None = None
    env: tuple[_Env, ...] | None = None
    env_from: tuple[_EnvFrom, ...] | None = None


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    service_account_name: str = "default"
    volumes: tuple[_Volume, ...] | None = None
    containers: tuple[_Container, ...] | None = None
    init_containers: tuple[_Container, ...] | None = None
    ephemeral_containers: tuple[_Container, ...] | None = None
    image_pull_secrets: tuple[_Named, ...] | None = None


class _PodStatus(msgspec.Struct, frozen=True):
    phase: str = ""


class Way(Enum):
    """What becomes of a changed Secret where it is read."""

    FOLLOWS = "the kubelet writes it again"
    NEVER = "it was read once"
    PULLS = "the kubelet reads it for each image"


class Reading(NamedTuple):
    """One way in which a pod uses a Secret."""

    secret: str
    says: str
    way: Way


class Pod(msgspec.Struct, frozen=True):
    """What of a pod says which account and which Secrets it uses."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)

    @property
    def done(self) -> bool:
        """Whether it has ended and uses nothing any more."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def drivers(self) -> tuple[str, ...]:
        """The CSI drivers of its inline volumes."""
        return tuple(dict.fromkeys(volume.csi.driver for volume in self.spec.volumes or () if volume.csi))

    @property
    def _containers(self) -> tuple[_Container, ...]:
        spec = self.spec
        return (*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ()))

    def uses(self, secrets: Collection[str]) -> Iterator[tuple[str, str]]:
        """Which of these Secrets it uses, and how."""
        for reading in self.readings(secrets):
            never = f", which never see{'' if 'variables' in reading.says else 's'} a renewal"
            yield reading.secret, reading.says + (never if reading.way is Way.NEVER else "")

    def readings(self, secrets: Collection[str]) -> Iterator[Reading]:
        """The same, with what becomes of a change."""
        for volume in self.spec.volumes or ():
            for name in _of_volume(volume):
                if name in secrets:
                    yield from self._mounted(volume, name)
        for container in self._containers:
            for variable in container.env or ():
                key = variable.value_from.secret_key_ref if variable.value_from else None
                if key is not None and key.name in secrets:
                    yield Reading(key.name, f"variable {variable.name} of {container.name}", Way.NEVER)
            for whole in container.env_from or ():
                if whole.secret_ref is not None and whole.secret_ref.name in secrets:
                    yield Reading(whole.secret_ref.name, f"variables of {container.name}", Way.NEVER)
        for pull in self.spec.image_pull_secrets or ():
            if pull.name in secrets:
                yield Reading(pull.name, "pulls images with it", Way.PULLS)

    def _mounted(self, volume: _Volume, secret: str) -> Iterator[Reading]:
        """A volume, by how its containers mount it: as a whole, or one file of it by subPath."""
        if secret in volume.logins:
            yield Reading(secret, f"volume {volume.name}, whose driver was given it", Way.NEVER)
            return
        by_file = []
        whole = False
        for container in self._containers:
            for mount in container.volume_mounts or ():
                if mount.name == volume.name and (mount.sub_path or mount.sub_path_expr):
                    by_file.append(container.name)
                elif mount.name == volume.name:
                    whole = True
        if whole or not by_file:
            yield Reading(secret, f"volume {volume.name}", Way.FOLLOWS)
        for name in dict.fromkeys(by_file):
            yield Reading(secret, f"volume {volume.name} by subPath in {name}", Way.NEVER)


def _of_volume(volume: _Volume) -> Iterator[str]:
    if volume.secret is not None:
        yield volume.secret.secret_name
    for source in (volume.projected.sources or ()) if volume.projected else ():
        if source.secret is not None:
            yield source.secret.name
    yield from volume.logins


async def pods(client: Client, namespace: str | None) -> list[Pod]:
    """The pods of a namespace (None: of all) that have not ended. Raises KubeError."""
    found = await client.list(PODS, namespace=namespace, first=PAGE, then=PAGE, type=Pod)
    return [pod for pod in found if not pod.done]


class _TokenRequest(msgspec.Struct, frozen=True):
    audience: str = ""


class _DriverSpec(msgspec.Struct, frozen=True, rename="camel"):
    token_requests: tuple[_TokenRequest, ...] | None = None


class _Driver(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: _DriverSpec = msgspec.field(default_factory=_DriverSpec)


async def asking_drivers(client: Client) -> dict[str, tuple[str, ...]]:
    """The CSI drivers that are given tokens of the pods they serve, with the audiences. Raises KubeError."""
    found = await client.list(CSI_DRIVERS, type=_Driver)
    return {
        driver.metadata.name: tuple(wish.audience for wish in driver.spec.token_requests)
        for driver in found
        if driver.spec.token_requests
    }


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """An object of External Secrets that takes a Secret, makes one, or logs in with one."""

    kind: str
    namespace: str
    name: str
    says: str
    as_account: bool = False
    """Whether it acts as the account itself, instead of using a Secret."""


_AS: Final = "logs in as "


class NotInstalled(Exception):
    """The cluster does not serve External Secrets' kinds."""


async def labels_of(client: Client, namespace: str, name: str) -> Mapping[str, str]:
    """The labels of a Secret; none where there is no such Secret. Raises KubeError."""
    try:
        found = await client.get_metadata(SECRETS, name, namespace=namespace)
    except NotFound:
        return {}
    return found["metadata"].get("labels") or {}


async def carriers(client: Client, namespace: str, secrets: Collection[str], account: Identity) -> list[Carrier]:
    """What External Secrets does in a namespace with these Secrets and this account. Raises KubeError, NotInstalled."""
    discovery = await client.discover((GROUP,))
    found: list[Carrier] = []
    served = 0
    for resource in (PUSH_SECRETS, EXTERNAL_SECRETS, STORES, CLUSTER_STORES):
        version = discovery.version_of(GROUP, resource.plural)
        if version is None:
            continue
        served += 1
        here = msgspec.structs.replace(resource, version=version)
        listed: list[dict[str, Any]] = await client.list(here, namespace=namespace if here.namespaced else None)
        for obj in listed:
            if here.kind == PUSH_SECRETS.kind:
                said = await _pushes(client, push_view(obj), namespace, secrets)
            else:
                said = _says(here, obj, secrets, account, namespace)
            if said:
                meta = obj.get("metadata") or {}
                found.append(Carrier(kind=here.kind, namespace=str(meta.get("namespace", "")),
                                     name=str(meta.get("name", "")), says=said,
                                     as_account=said.startswith(_AS)))  # fmt: skip
    if not served:
        raise NotInstalled
    return found


async def _pushes(client: Client, view: PushView, namespace: str, secrets: Collection[str]) -> str:
    """What a PushSecret does with these Secrets. Raises KubeError."""
    taken = [
        name for name in sorted(secrets)
        if view.may_take(name, await labels_of(client, namespace, name) if view.chooses is not None else None)
    ]  # fmt: skip
    if not taken:
        return ""
    to = f" to {view.keys[0].remote}" if view.keys and view.keys[0].remote else ""
    every = format_duration(view.interval) if view.interval else "once"
    return f"{'pushes' if view.chooses is None else 'may push'} {', '.join(taken)}{to}, every {every}"


def _says(
    resource: Resource, obj: Mapping[str, Any], secrets: Collection[str], account: Identity, namespace: str
) -> str:
    spec = obj.get("spec")
    if not isinstance(spec, Mapping):
        return ""
    if resource.kind == EXTERNAL_SECRETS.kind:
        name = _text(spec, "target", "name") or _text(obj, "metadata", "name")
        return f"writes {name}" if name in secrets else ""
    scoped = bool(resource.namespaced)
    for path, name, there in _references(spec, ""):
        if not scoped and there != namespace:
            continue
        if "serviceAccount" in path and name == account.name and namespace == account.namespace:
            return f"{_AS}{account.namespace}/{account.name}"
        if "serviceAccount" not in path and name in secrets:
            return f"logs in with {name}"
    return ""


def _references(value: object, path: str) -> Iterator[tuple[str, str, str]]:
    """Everything inside of a store's spec that names another object: where, its name and its namespace."""
    if isinstance(value, Mapping):
        name = value.get("name")
        if isinstance(name, str) and path:
            yield path, name, str(value.get("namespace") or "")
        for key, inner in value.items():
            yield from _references(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, path)


def _text(value: object, *path: str) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def why_not(error: KubeError, what: str) -> str:
    """Why a part is not known, in words."""
    from tui.kube.errors import Forbidden

    return f"no right to list {what}" if isinstance(error, Forbidden) else f"{what}: {error.message}"
