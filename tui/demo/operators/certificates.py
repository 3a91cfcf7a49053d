"""CertificateSigningRequests for client certificates: what the API server checks of one, and who signs it.

Real servers admit, approve and sign in three places; here they are one class for each cluster. Nobody approves by
himself: `kubernetes.io/kube-apiserver-client` is the signer whose requests a person looks at.
"""

from __future__ import annotations

import base64
import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tui.demo.apiserver.access import Admission, Attributes, Call, Object, Reply, Subresource
from tui.demo.apiserver.builtin import headed
from tui.demo.apiserver.kinds import Kind
from tui.demo.apiserver.options import WriteOptions
from tui.demo.apiserver.shapes import BYTES, WHOLE, each, listed, mapped, record
from tui.demo.apiserver.status import bad_request, forbidden, invalid, invalid_value, not_found, required
from tui.demo.apiserver.storage import Change, rfc3339

from .worker import Worker

if TYPE_CHECKING:
    from tui.demo.cluster import EmbeddedCluster

GROUP: Final = "certificates.k8s.io"
PLURAL: Final = "certificatesigningrequests"
SIGNER: Final = "kubernetes.io/kube-apiserver-client"
MASTERS: Final = "system:masters"
SHORTEST: Final = 600
BACKDATE: Final = timedelta(minutes=5)
USUAL: Final = timedelta(days=365)
"""How long a certificate lives where nothing shorter is asked for."""
_KNOWS_EXPIRATION: Final = 22
_OURS: Final = ("username", "uid", "groups", "extra")
_DELAY: Final = 0.03


def kind(minor: int) -> Kind:
    """The kind as servers of that minor version know it: older ones drop `expirationSeconds` without a word."""
    spec = each("signerName username uid") | each("usages groups", listed())
    if minor >= _KNOWS_EXPIRATION:
        spec["expirationSeconds"] = WHOLE
    condition = record(each("type status reason message lastUpdateTime lastTransitionTime"))
    schema = headed(
        spec=record(spec, request=BYTES, extra=mapped(listed())),
        status=record(conditions=listed(condition), certificate=BYTES),
    )
    return Kind(
        GROUP, "v1", PLURAL, "CertificateSigningRequest", False, short_names=("csr",), status=True, schema=schema
    )


class Certificates:
    """Of one cluster: it serves the kind, and signs what was approved with the cluster's own authority."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self.cluster = cluster
        self.longest = USUAL
        self.kind = kind(int(cluster.version.split(".")[1]))
        self.worker: Worker[str] = Worker(self._sign, _DELAY)
        cluster.server.kinds.add(self.kind)
        cluster.subresources[(*self.kind.collection, "approval")] = Subresource(
            self._approval, self.kind.kind, GROUP, "v1", ("get", "update")
        )
        cluster.storage.subscribe(self._changed, self.kind.collection)

    def admit(self, admission: Admission) -> None:
        """What the server itself fills in, and whom it lets nobody become."""
        obj = admission.obj
        if obj is None or admission.kind.collection != (GROUP, PLURAL):
            return
        if admission.old is not None:
            if admission.subresource != "status":
                obj["spec"] = copy.deepcopy(admission.old["spec"])
            return
        obj.pop("status", None)
        spec = obj.setdefault("spec", {})
        for key in _OURS:
            spec.pop(key, None)
        spec |= {"username": admission.user.username, "groups": list(admission.user.groups)}
        self._check(admission.name, spec)

    def _check(self, name: str, spec: Object) -> None:
        causes = [required(f"spec.{field}") for field in ("signerName", "usages") if not spec.get(field)]
        seconds, request = spec.get("expirationSeconds"), _request(spec)
        if seconds is not None and seconds < SHORTEST:
            why = "may not specify a duration less than 600 seconds (10 minutes)"
            causes.append(invalid_value("spec.expirationSeconds", seconds, why))
        if request is None:
            causes.append(invalid_value("spec.request", "", "PEM block type must be CERTIFICATE REQUEST"))
        if request is None or causes:
            raise invalid(GROUP, self.kind.kind, name, causes[:1])
        if spec["signerName"] == SIGNER and MASTERS in _names(request, NameOID.ORGANIZATION_NAME):
            raise forbidden(GROUP, PLURAL, name, f"use of {SIGNER} signer with {MASTERS} group is not allowed")

    async def _approval(self, call: Call) -> Reply:
        """Only conditions are taken from the body, from whoever may approve for the signer."""
        name = call.attributes.name
        old = call.storage.get(self.kind.collection, name)
        if old is None:
            raise not_found(GROUP, PLURAL, name)
        if call.method == "GET":
            return Reply(old)
        signer = old["spec"]["signerName"]
        if not self._may_approve(call, signer):
            raise forbidden(GROUP, PLURAL, name, f'user not permitted to approve requests with signerName "{signer}"')
        if not isinstance(call.body, dict):
            raise bad_request("the body is no object")
        obj = copy.deepcopy(call.body)
        now = rfc3339(self.cluster.clock())
        conditions = (obj.get("status") or {}).get("conditions") or []
        for condition in conditions:
            condition.setdefault("lastUpdateTime", now)
            condition.setdefault("lastTransitionTime", now)
        obj["status"] = {**old.get("status", {}), "conditions": conditions}
        writer = self.cluster.server.resources.writer
        return Reply(writer.update(self.kind, "", name, obj, WriteOptions(call.user, dry_run=call.dry_run), "status"))

    def _may_approve(self, call: Call, signer: str) -> bool:
        names = (signer, f"{signer.partition('/')[0]}/*")
        wanted = [Attributes("approve", GROUP, "*", "signers", name=one) for one in names]
        return any(self.cluster.authorizer(call.user, one).allowed for one in wanted)

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED":
            self.worker.add(change.now.key[2])

    def _sign(self, name: str) -> None:
        found = self.cluster.storage.get(self.kind.collection, name)
        if found is None or found["spec"]["signerName"] != SIGNER:
            return
        status = found.get("status") or {}
        said = {condition.get("type") for condition in status.get("conditions") or ()}
        if status.get("certificate") or "Approved" not in said or said & {"Denied", "Failed"}:
            return
        request = _request(found["spec"])
        public = request.public_key() if request is not None else None
        if request is None or not isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            return
        now = self.cluster.clock().replace(microsecond=0)
        asked = timedelta(seconds=found["spec"].get("expirationSeconds") or self.longest.total_seconds())
        users, groups = _names(request, NameOID.COMMON_NAME), _names(request, NameOID.ORGANIZATION_NAME)
        signed = self.cluster.authority.certify(
            public, users[0] if users else "", groups, now - BACKDATE, now + min(asked, self.longest)
        )
        changed = copy.deepcopy(found)
        changed["status"] = {**status, "certificate": base64.b64encode(signed).decode()}
        self.cluster.storage.update(self.kind.collection, changed, version=found["metadata"]["resourceVersion"])


def _request(spec: Object) -> x509.CertificateSigningRequest | None:
    try:
        found = x509.load_pem_x509_csr(base64.b64decode(spec.get("request") or "", validate=True))
        found.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        return None
    return found if found.is_signature_valid else None


def _names(request: x509.CertificateSigningRequest, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in request.subject.get_attributes_for_oid(oid)]
