"""DPF's names: kinds, finalizer, field manager, labels, and the marks kubemint leaves on a request."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from tui.kube.resource import Resource

DPU_REQUESTS: Final = Resource(
    "svc.dpu.nvidia.com", "v1alpha1", "dpuservicecredentialrequests", "DPUServiceCredentialRequest"
)
DPU_CLUSTERS: Final = Resource("provisioning.dpu.nvidia.com", "v1alpha1", "dpuclusters", "DPUCluster")

FINALIZER: Final = "dpu.nvidia.com/dpuservicecredentialrequest"
FIELD_MANAGER: Final = "dpuservicecredentialrequestcontroller"
"""The reference controller's. kubemint applies under the same name, so that the two hand objects over to each other
and a label that leaves the spec leaves the Secret, whoever applied it."""

ADMIN_KEY: Final = "admin.conf"
"""The key of a DPUCluster's kubeconfig Secret."""
DEFAULT_NAMESPACE: Final = "default"
"""What a missing namespace means in a request: the literal `default`, not the request's own namespace."""

CONTROLLER_LABEL: Final = "svc.dpu.nvidia.com/managed-by-controller"
NAME_LABEL: Final = "svc.dpu.nvidia.com/credential-request-name"
NAMESPACE_LABEL: Final = "svc.dpu.nvidia.com/credential-request-namespace"

# What the status has no room for, as annotations of the request. They only count while EXPIRES is the status's own
# expirationTimestamp: once another controller has renewed the token, they describe one that is gone.
EXPIRES: Final = "kubemint.io/expires"
REQUESTED: Final = "kubemint.io/requested"
HANDLE: Final = "kubemint.io/handle"
FINGERPRINT: Final = "kubemint.io/fingerprint"
ACCOUNT_UID: Final = "kubemint.io/account-uid"
TARGET_UID: Final = "kubemint.io/target-uid"
MADE_IN: Final = "kubemint.io/made-in"
"""Authority and server of the cluster in which it was made: its name may lead elsewhere tomorrow."""
LEFTOVERS: Final = "kubemint.io/leftovers"
"""Accounts, handles and Secrets that a change left behind and that could not be removed yet."""
MARKS: Final = (EXPIRES, REQUESTED, HANDLE, FINGERPRINT, ACCOUNT_UID, TARGET_UID, MADE_IN)

_LABEL_LIMIT: Final = 63
_CUT: Final = 30
_OLD_CUT: Final = 54
_MAYBE_CUT: Final = re.compile(r"-[0-9a-f]{8}")


def ownership(namespace: str, name: str) -> dict[str, str]:
    """The labels of everything that belongs to one request."""
    return _labels(label_value(namespace), label_value(name))


def old_ownership(namespace: str, name: str) -> dict[str, str]:
    """The same as earlier versions wrote it, which is something else where the name is too long for a label."""
    return _labels(_old_value(namespace), _old_value(name))


def label_value(name: str) -> str:
    """A name as a label's value: itself, as DPF writes it. One that is too long is cut and told apart by a digest,
    behind a character that no name may have, so that no other name is called like that."""
    if len(name) <= _LABEL_LIMIT:
        return name
    return f"{name[:_CUT].rstrip('-.')}_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def may_be_cut(name: str) -> bool:
    """Whether earlier versions may have made this of a longer name, for a label: what is called so itself, is not alone
    in that."""
    return len(name) > _OLD_CUT and _MAYBE_CUT.fullmatch(name[-9:]) is not None


def _labels(namespace: str, name: str) -> dict[str, str]:
    return {CONTROLLER_LABEL: FIELD_MANAGER, NAME_LABEL: name, NAMESPACE_LABEL: namespace}


def _old_value(name: str) -> str:
    if len(name) <= _LABEL_LIMIT:
        return name
    return f"{name[:_OLD_CUT].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def target_name(host: str, namespace: str, name: str) -> str:
    """What the cluster behind a DPUCluster of the cluster `host` is called."""
    return f"{host}/{namespace}/{name}"
