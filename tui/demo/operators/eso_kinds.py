"""The definitions of the External Secrets Operator's kinds, as far as the embedded fleet checks them."""

from __future__ import annotations

import copy
from typing import Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.schema import Schema
from tui.demo.apiserver.shapes import ANY, TEXT, definition, each, listed, mapped, printed, record

GROUP: Final = "external-secrets.io"
PUSH_SECRETS: Final = (GROUP, "pushsecrets")
STORES: Final = (GROUP, "secretstores")
CLUSTER_STORES: Final = (GROUP, "clustersecretstores")
EXTERNAL_SECRETS: Final = (GROUP, "externalsecrets")


_REFERENCE: Final = record(each("name namespace key"))
_KUBERNETES: Final = record(
    remoteNamespace=TEXT,
    server=record(
        each("url caBundle"),
        caProvider=record({"type": TEXT | {"enum": ["Secret", "ConfigMap"]}} | each("name namespace key")),
    ),
    auth=record(
        cert=record(each("clientCert clientKey", _REFERENCE)),
        token=record(bearerToken=_REFERENCE),
        serviceAccount=record(each("name namespace"), audiences=listed()),
    ),
)
_STORE: Final = record({"provider": record(kubernetes=_KUBERNETES)}, "provider", controller=TEXT)
_MATCH: Final = record(secretKey=TEXT, remoteRef=record(each("remoteKey property"), "remoteKey"))
_INTERVAL: Final = TEXT | {"default": "1h0m0s"}
_PUSH: Final = record(
    {
        "refreshInterval": _INTERVAL,
        "deletionPolicy": TEXT | {"enum": ["Delete", "None"], "default": "None"},
        "updatePolicy": TEXT | {"enum": ["Replace", "IfNotExists"], "default": "Replace"},
        "secretStoreRefs": listed(record(name=TEXT, kind=TEXT | {"default": "SecretStore"})),
        "selector": record(secret=record(name=TEXT, selector=ANY)),
        "template": record(type=TEXT, metadata=record(each("annotations labels", mapped()))),
        "data": listed(record({"match": _MATCH}, "match", metadata=ANY)),
    },
    *("secretStoreRefs", "selector"),
)
_STORE_REF: Final = record(each("name kind"))
_SOURCE: Final = record(storeRef=_STORE_REF)
_EXTERNAL: Final = record(
    refreshInterval=_INTERVAL,
    refreshPolicy=TEXT,
    secretStoreRef=_STORE_REF,
    target=record(each("name creationPolicy deletionPolicy")),
    data=listed(record(secretKey=TEXT, remoteRef=record(each("key property")), sourceRef=_SOURCE)),
    dataFrom=listed(record(extract=record(key=TEXT), sourceRef=_SOURCE)),
)
_STATUS: Final = record(
    {"conditions": listed(record(each("type status reason message lastTransitionTime")))}
    | each("capabilities refreshTime syncedResourceVersion"),
    syncedPushSecrets=ANY,
)
_READY: Final = ".status.conditions[?(@.type=='Ready')]"
_COLUMNS: Final = [
    printed("Age", ".metadata.creationTimestamp", "date"),
    printed("Status", f"{_READY}.reason"),
    printed("Ready", f"{_READY}.status"),
]


def _definition(kind: str, spec: Schema, versions: tuple[str, ...], short: str, *, namespaced: bool = True) -> Object:
    schema = record(each("apiVersion kind"), metadata={"type": "object"}, spec=spec, status=_STATUS)
    made = definition(GROUP, kind, schema, _COLUMNS, versions, namespaced=namespaced, shortNames=[short])
    return copy.deepcopy(made)


def definitions(*versions: str) -> tuple[Object, ...]:
    """The definitions, with stores and external secrets in these versions (`v1`, or `v1beta1` before 0.17)."""
    served = versions or ("v1",)
    return (
        _definition("SecretStore", _STORE, served, "ss"),
        _definition("ClusterSecretStore", _STORE, served, "css", namespaced=False),
        _definition("ExternalSecret", _EXTERNAL, served, "es"),
        _definition("PushSecret", _PUSH, ("v1alpha1",), "ps"),
    )
