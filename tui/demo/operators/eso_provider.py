"""External Secrets' Kubernetes provider: the way from a store into another embedded cluster, and what is written there.

It keeps the real one's order and words: who the store's login is over there, whether that may read Secrets, one get and
one write for every key that is pushed, and how labels and annotations are merged.
"""

from __future__ import annotations

import copy
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from tui.demo.apiserver.access import Attributes, Object, UserInfo
from tui.demo.apiserver.faults import ServerState
from tui.demo.apiserver.options import WriteOptions
from tui.demo.apiserver.storage import SECRETS
from tui.demo.apiserver.verify import TokenRefused, account_name_user

from .eso_kinds import CLUSTER_STORES, STORES

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

CLUSTER_STORE: Final = "ClusterSecretStore"
NOT_ALLOWED: Final = "client is not allowed to get secrets"
_AWAY: Final = (ServerState.UNREACHABLE, ServerState.HANG)

Clusters = Mapping[str, "EmbeddedCluster"]


class ProviderError(Exception):
    """Why it did not work; the text goes into a condition."""


class Unknown(ProviderError):
    """Nobody can say: the other server does not answer, or who will log in is not known yet."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A store's login in the cluster that it leads to."""

    target: EmbeddedCluster
    user: UserInfo
    namespace: str
    kind: str

    def check(self) -> None:
        """Whether Secrets may be read there, as the provider finds out: from all rules first, then by asking for one.

        The names in a rule are not looked at, so that a right to one single Secret is enough.
        """
        if self.target.state in _AWAY:
            raise Unknown(f"could not verify if client is valid: {_refused(self.target)}")
        rules, _ = self.target.authorizer.rules_for(self.user, self.namespace)
        if any(_reads_secrets(rule) for rule in rules) or self._may("get"):
            return
        raise ProviderError(NOT_ALLOWED)

    def read(self, name: str) -> Object:
        """A Secret over there."""
        self._need("get", name)
        found = self.target.storage.get(SECRETS, name, self.namespace)
        if found is None:
            raise ProviderError("Secret does not exist")
        return found

    def push(self, entry: Object, source: Object, *, replace: bool = True) -> None:
        """One entry of a PushSecret's data, from the (templated) source."""
        match = entry["match"]
        key, remote = match.get("secretKey", ""), match["remoteRef"]
        metadata = _push_metadata(entry)
        namespace = self._namespace(metadata)
        if key and not remote.get("property"):
            raise ProviderError("requires property in RemoteRef to push secret value if secret key is defined")
        if key and key not in (source.get("data") or {}):
            raise ProviderError(f"secret key {key} does not exist")
        self._need("get", remote["remoteKey"], namespace)
        found = self.target.storage.get(SECRETS, remote["remoteKey"], namespace)
        prop = remote.get("property", "")
        if found is not None and not replace and (not prop or prop in (found.get("data") or {})):
            return
        before = (found or {}).get("data") or {}
        if prop:
            data = {**before, prop: source["data"][key] if key else _whole(source)}
        else:
            data = dict(source.get("data") or {})
        wanted = _merged(metadata, source, found)
        self._write(remote["remoteKey"], namespace, found, data, wanted, source.get("type") or "Opaque")

    def delete(self, entry: Object) -> None:
        """Take one entry back: its property, or the Secret where that was all."""
        remote = entry["match"]["remoteRef"]
        namespace = self._namespace(_push_metadata(entry))
        found = self.target.storage.get(SECRETS, remote["remoteKey"], namespace)
        if found is None:
            return
        changed = copy.deepcopy(found)
        if remote.get("property"):
            changed.get("data", {}).pop(remote["property"], None)
        if changed.get("data") and remote.get("property"):
            self._need("update", remote["remoteKey"], namespace)
            self.target.storage.update(SECRETS, changed)
        else:
            self._need("delete", remote["remoteKey"], namespace)
            self.target.storage.delete(SECRETS, remote["remoteKey"], namespace)

    def _write(
        self, name: str, namespace: str, found: Object | None, data: Object, metadata: Object, form: str
    ) -> None:
        """By the way of every client, so that what the server refuses is refused here as well."""
        writer, options = self.target.server.resources.writer, WriteOptions(self.user, "external-secrets")
        kind = self.target.server.kinds["", "v1", "secrets"]
        if found is None:
            self._need("create", name, namespace)
            own = {"name": name, "namespace": namespace}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": own | metadata, "type": form, "data": data}
            writer.create(kind, namespace, secret, options)
            return
        changed = copy.deepcopy(found)
        changed["data"] = data
        for part in ("labels", "annotations"):
            if metadata.get(part):
                changed["metadata"][part] = metadata[part]
            else:
                changed["metadata"].pop(part, None)
        if changed != found:
            self._need("update", name, namespace)
            writer.update(kind, namespace, name, changed, options)

    def _namespace(self, metadata: Mapping[str, Any]) -> str:
        other = metadata.get("remoteNamespace")
        if other and self.kind != CLUSTER_STORE:
            raise ProviderError("remoteNamespace override is only supported with ClusterSecretStore")
        return str(other or self.namespace)

    def _may(self, verb: str, name: str = "", namespace: str = "") -> bool:
        wanted = Attributes(verb, "", "v1", "secrets", namespace=namespace or self.namespace, name=name)
        return self.target.authorizer(self.user, wanted).allowed

    def _need(self, verb: str, name: str, namespace: str = "") -> None:
        if self.target.state in _AWAY:
            raise ProviderError(_refused(self.target))
        if not self._may(verb, name, namespace):
            where = namespace or self.namespace
            raise ProviderError(
                f'secrets "{name}" is forbidden: User "{self.user.username}" cannot {verb} resource "secrets" in API '
                f'group "" in the namespace "{where}"'
            )


def store_at(home: EmbeddedCluster, kind: str, name: str, namespace: str) -> Object:
    """A store by its reference."""
    collection, where = (CLUSTER_STORES, "") if kind == CLUSTER_STORE else (STORES, namespace)
    found = home.storage.get(collection, name, where)
    if found is None:
        plural = ".".join(reversed(collection))
        raise ProviderError(f'could not get {kind} "{name}", {plural} "{name}" not found')
    return found


def connect(home: EmbeddedCluster, clusters: Clusters, store: Object, namespace: str = "") -> Connection:
    """Where the store leads, as whom. `namespace` is that of whoever uses a ClusterSecretStore."""
    cluster_wide = store["kind"] == CLUSTER_STORE
    material = _Material(home, namespace if cluster_wide else store["metadata"]["namespace"], cluster_wide)
    kubernetes = store["spec"]["provider"].get("kubernetes")
    if kubernetes is None:
        raise ProviderError("could not get client: only the kubernetes provider is there in an embedded fleet")
    server = kubernetes.get("server") or {}
    url = server.get("url", "")
    target = next((cluster for cluster in clusters.values() if cluster.url == url), None)
    user = _login(material, target, kubernetes.get("auth") or {})
    if target is None:
        raise ProviderError(f"dial tcp: lookup {url.removeprefix('https://')}: no such host")
    _check_authority(material, target, server)
    return Connection(target, user, kubernetes.get("remoteNamespace") or "default", store["kind"])


@dataclass(frozen=True, slots=True)
class _Material:
    """The Secrets that a store may name, which are those of its own namespace where it has one."""

    home: EmbeddedCluster
    namespace: str
    cluster_wide: bool

    def at(self, reference: Object) -> bytes:
        name, key = reference["name"], reference.get("key", "")
        where = reference.get("namespace") or self.namespace
        if not where:
            raise Unknown("the namespace of whoever uses this store decides which Secret it logs in with")
        found = self.home.storage.get(SECRETS, name, where if self.cluster_wide else self.namespace)
        if found is None:
            why = f'cannot get Kubernetes secret "{name}": secrets "{name}" not found'
            raise ProviderError(f"could not get client: {why}")
        value = (found.get("data") or {}).get(key)
        if value is None:
            raise _no_data(key)
        return b64decode(value)


def _no_data(key: str) -> ProviderError:
    return ProviderError(f'could not get client: cannot find secret data for key: "{key}"')


def _login(material: _Material, target: EmbeddedCluster | None, auth: Object) -> UserInfo:
    if "cert" in auth:
        pem = material.at(auth["cert"]["clientCert"])
        if b"BEGIN CERTIFICATE" not in pem:
            raise _no_data(auth["cert"]["clientCert"].get("key", ""))
        return _of_certificate(pem, target)
    if "token" in auth:
        token = material.at(auth["token"]["bearerToken"]).decode()
        if target is None:
            return UserInfo("")
        try:
            return target.authenticator.verify(token).user
        except TokenRefused as refused:
            raise ProviderError("could not verify if client is valid: Unauthorized") from refused
    if "serviceAccount" in auth:
        reference = auth["serviceAccount"]
        return account_name_user(reference.get("namespace") or material.namespace, reference["name"])
    raise ProviderError("could not get client: no credentials provided")


def _of_certificate(pem: bytes, target: EmbeddedCluster | None) -> UserInfo:
    certificate = x509.load_pem_x509_certificate(pem)
    if target is not None:
        try:
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(target.authority.pem))
        except (ValueError, InvalidSignature) as error:
            raise ProviderError("could not verify if client is valid: Unauthorized") from error
    names, groups = (
        [str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)]
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    )
    return UserInfo(names[0] if names else "", groups=(*groups, "system:authenticated"))


def _check_authority(material: _Material, target: EmbeddedCluster, server: Object) -> None:
    pem = b64decode(server.get("caBundle") or "")
    if not pem and "caProvider" in server:
        pem = material.at(server["caProvider"])
    if pem.strip() != target.authority.pem.strip():
        why = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        raise ProviderError(f'Get "{target.url}": {why}')


def _reads_secrets(rule: Mapping[str, Any]) -> bool:
    def holds(field: str, *wanted: str) -> bool:
        return any(value in (rule.get(field) or ()) for value in wanted)

    return holds("resources", "secrets", "*") and holds("verbs", "get", "*") and holds("apiGroups", "", "*")


def _push_metadata(entry: Object) -> Mapping[str, Any]:
    given = entry.get("metadata") or {}
    spec = given.get("spec", given) if isinstance(given, Mapping) else {}
    return spec if isinstance(spec, Mapping) else {}


def _merged(wish: Mapping[str, Any], source: Object, found: Object | None) -> Object:
    """Labels and annotations of the remote Secret: the source's and the wish's, then what is there already."""
    merged: Object = {}
    for part in ("labels", "annotations"):
        wanted = dict(wish.get(part) or {})
        if wish.get("sourceMergePolicy", "Merge") != "Replace":
            wanted = {**(source["metadata"].get(part) or {}), **wanted}
        there = ((found or {}).get("metadata") or {}).get(part) or {}
        policy = wish.get("targetMergePolicy", "Merge")
        if found is not None and policy == "Ignore":
            wanted = dict(there)
        elif policy != "Replace":
            wanted = {**there, **wanted}
        if wanted:
            merged[part] = wanted
    return merged


def _whole(source: Object) -> str:
    """Every key of the source as one JSON value, for a property without a key."""
    data = {key: b64decode(value).decode(errors="replace") for key, value in (source.get("data") or {}).items()}
    return b64encode(json.dumps(data, separators=(",", ":")).encode()).decode()


def _refused(target: EmbeddedCluster) -> str:
    return f'Get "{target.url}": dial tcp {target.url.removeprefix("https://")}: connect: connection refused'
