"""Gardener's way into shoots: the subresources `shoots/adminkubeconfig` and `shoots/viewerkubeconfig` of a garden.

The clusters that play shoots are other clusters of the fleet; a certificate is signed by the shoot's own authority, so
that it really opens it. Defaults, limits, texts and the order of checks are Gardener's.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tui.demo.apiserver.access import Attributes, Call, Object, Reply, Subresource, refusal
from tui.demo.apiserver.builtin import headed
from tui.demo.apiserver.decoding import decode_object
from tui.demo.apiserver.kinds import Kind
from tui.demo.apiserver.options import WriteOptions
from tui.demo.apiserver.pki import Authority
from tui.demo.apiserver.shapes import WHOLE, record
from tui.demo.apiserver.status import (
    Cause,
    bad_request,
    internal,
    invalid,
    invalid_value,
    not_found,
    required,
)
from tui.demo.apiserver.storage import CONFIG_MAPS, SECRETS, Storage, rfc3339

from .gardener_kinds import SHOOTS, kinds
from .kubeconfigs import config

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

AUTHENTICATION: Final = "authentication.gardener.cloud"
DEFAULT_SECONDS: Final = 3600
MIN_SECONDS: Final = 600
MAX_SECONDS: Final = (1 << 32) - 1
GRANTED: Final = 24 * 3600
"""What `--shoot-admin-kubeconfig-max-expiration` is by default; longer wishes are shortened without a word."""
BACKDATE: Final = timedelta(minutes=1)
ADVERTISED: Final = ("external", "internal", "wildcard-tls-seed-bound", "unmanaged")
WILDCARD: Final = "wildcard-tls-seed-bound"
KEY_BITS: Final = 3072
_OWN_GROUP: Final = "core.gardener.cloud"


@dataclass(frozen=True, slots=True)
class Level:
    """One of the two subresources. Whoever may do `right` in the whole garden counts as one of its own people."""

    name: str
    kind: str
    right: Attributes
    old_group: str

    @property
    def subresource(self) -> str:
        return f"{self.name}kubeconfig"

    def group(self, *, system: bool) -> str:
        """The organization in the certificate."""
        return f"gardener.cloud:{'system' if system else 'project'}:{self.name}s"


ADMIN: Final = Level(
    "admin", "AdminKubeconfigRequest", Attributes("list", "", "v1", "secrets"), old_group="system:masters"
)
VIEWER: Final = Level(
    "viewer",
    "ViewerKubeconfigRequest",
    Attributes("list", _OWN_GROUP, "v1beta1", "projects"),
    old_group="gardener.cloud:system:viewers",
)


class Garden:
    """Makes a cluster of the fleet a garden. `shoots` maps namespace and name to the shoot's authority."""

    def __init__(self, cluster: EmbeddedCluster, shoots: Mapping[tuple[str, str], Authority]) -> None:
        self.cluster = cluster
        self.shoots = dict(shoots)
        self.max_seconds = GRANTED
        self.viewers: set[str] = set()
        """Namespaces of projects in which everybody is a viewer and nothing more, whatever RBAC says."""
        self.first_era = False
        """Answer as before September 2025: plain user names, system:masters, every address, with the CA each."""
        for kind in kinds():
            cluster.server.kinds.add(kind)
        for level in (ADMIN, VIEWER):
            access = Subresource(_Access(self, level).handle, level.kind, AUTHENTICATION, "v1alpha1")
            cluster.subresources[(*SHOOTS, level.subresource)] = access


class _Access:
    """One level of access in one garden."""

    def __init__(self, garden: Garden, level: Level) -> None:
        self._garden = garden
        self._level = level
        schema = headed(spec=record(expirationSeconds=WHOLE))
        self._kind = Kind(AUTHENTICATION, "v1alpha1", level.subresource, level.kind, schema=schema)

    async def handle(self, call: Call) -> Reply:
        """Check in Gardener's order, then sign."""
        if self._level is ADMIN and call.attributes.namespace in self._garden.viewers:
            raise refusal(call.user, call.attributes)
        spec = defaulted(decode_object(self._kind, call.body, WriteOptions(call.user)).get("spec"))
        seconds = self._checked(spec["expirationSeconds"])
        if not call.user.username:
            raise bad_request("no user in context")
        system = self._garden.cluster.authorizer(call.user, self._level.right).allowed
        namespace, name = call.attributes.namespace, call.attributes.name
        shoot = _shoot(call.storage, namespace, name)
        addresses = self._addresses(shoot)
        there = self._garden.shoots.get((namespace, name))
        if there is None:
            raise internal(f'internalsecret.core.gardener.cloud "{name}.ca-client" not found')
        authority = _cluster_ca(call.storage, namespace, name)

        now = self._garden.cluster.clock().replace(microsecond=0)
        expires = now + timedelta(seconds=min(seconds, self._garden.max_seconds))
        key = await asyncio.to_thread(rsa.generate_private_key, public_exponent=65537, key_size=KEY_BITS)
        user, group = f"gardener.cloud:{self._level.name}:{call.user.username}", self._level.group(system=system)
        if self._garden.first_era:
            user, group = call.user.username, self._level.old_group
        certificate = there.certify(key.public_key(), user, [group], now - BACKDATE, expires)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        login = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(pem)}
        made = kubeconfig(f"{namespace}--{name}", addresses, authority, login, every_ca=self._garden.first_era)
        body = {
            "kind": self._level.kind,
            "apiVersion": f"{AUTHENTICATION}/v1alpha1",
            "metadata": {"creationTimestamp": None},
            "spec": spec,
            "status": {"kubeconfig": _base64(made), "expirationTimestamp": rfc3339(expires)},
        }
        return Reply(body, 201)

    def _checked(self, seconds: int) -> int:
        path = "spec.expirationSeconds"
        if seconds < MIN_SECONDS:
            cause = invalid_value(path, seconds, "may not specify a duration less than 10 minutes")
        elif seconds > MAX_SECONDS:
            cause = Cause("FieldValueTooLong", f"Too long: may not be more than {MAX_SECONDS} bytes", path)
        else:
            return seconds
        raise invalid(AUTHENTICATION, self._level.kind, "", [cause])

    def _addresses(self, shoot: Object) -> list[Object]:
        found = (shoot.get("status") or {}).get("advertisedAddresses") or []
        if not self._garden.first_era:
            found = [address for address in found if address.get("name") in ADVERTISED]
        if not found:
            why = "no kube-apiserver advertised addresses in Shoot .status.advertisedAddresses"
            cause = required("status.status", why)
            raise invalid("core.gardener.cloud", "Shoot", shoot["metadata"]["name"], [cause])
        return found


def defaulted(spec: Object | None) -> Object:
    """The spec as it is checked: an hour where nothing is asked for, and whatever was asked for left alone."""
    return {"expirationSeconds": DEFAULT_SECONDS} | {k: v for k, v in (spec or {}).items() if v is not None}


def kubeconfig(
    name: str, addresses: list[Object], authority: bytes, user: Mapping[str, str], *, every_ca: bool = False
) -> bytes:
    """One cluster and context for each address in their order, and one user, called like the first."""
    names = [f"{name}-{address['name']}" for address in addresses]
    clusters: dict[str, Object] = {}
    for entry, address in zip(names, addresses, strict=True):
        clusters[entry] = {"server": f"https://{urlsplit(address['url']).netloc}"}
        if every_ca or address["name"] != WILDCARD:
            clusters[entry]["certificate-authority-data"] = _base64(authority)
    contexts = {entry: {"cluster": entry, "user": names[0]} for entry in names}
    return config(names[0], clusters, contexts, {names[0]: dict(user)})


def _shoot(storage: Storage, namespace: str, name: str) -> Object:
    found = storage.get(SHOOTS, name, namespace)
    if found is None:
        raise not_found(*SHOOTS, name)
    if found.get("kind") != "Shoot":
        raise internal(f"cannot convert to *core.Shoot object - got type {found.get('kind')}")
    return found


def _cluster_ca(storage: Storage, namespace: str, name: str) -> bytes:
    """The shoot's own CA bundle, from the ConfigMap, or from the Secret where older gardens keep it."""
    published = storage.get(CONFIG_MAPS, f"{name}.ca-cluster", namespace)
    if published is not None and (published.get("data") or {}).get("ca.crt"):
        return str(published["data"]["ca.crt"]).encode()
    secret = storage.get(SECRETS, f"{name}.ca-cluster", namespace)
    if secret is not None and (secret.get("data") or {}).get("ca.crt"):
        return base64.b64decode(secret["data"]["ca.crt"])
    raise internal(f'secrets "{name}.ca-cluster" not found')


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
