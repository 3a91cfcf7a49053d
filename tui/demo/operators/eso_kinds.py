"""The definitions of the External Secrets Operator's kinds, as far as the embedded fleet checks them."""

from __future__ import annotations

import copy
from typing import Any, Final

from tui.demo.apiserver.access import Object

GROUP: Final = "external-secrets.io"
PUSH_SECRETS: Final = (GROUP, "pushsecrets")
STORES: Final = (GROUP, "secretstores")
CLUSTER_STORES: Final = (GROUP, "clustersecretstores")
EXTERNAL_SECRETS: Final = (GROUP, "externalsecrets")


def _open(**properties: Any) -> Object:
    return {"type": "object", "properties": properties}


_STRING: Final = {"type": "string"}
_ANY: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXTS: Final = {"type": "object", "additionalProperties": _STRING}
_REFERENCE: Final = _open(name=_STRING, namespace=_STRING, key=_STRING)
_CONDITIONS: Final = {
    "type": "array",
    "items": _open(type=_STRING, status=_STRING, reason=_STRING, message=_STRING, lastTransitionTime=_STRING),
}
_KUBERNETES: Final = _open(
    remoteNamespace=_STRING,
    server=_open(
        url=_STRING,
        caBundle=_STRING,
        caProvider=_open(
            type={"type": "string", "enum": ["Secret", "ConfigMap"]}, name=_STRING, namespace=_STRING, key=_STRING
        ),
    ),
    auth=_open(
        cert=_open(clientCert=_REFERENCE, clientKey=_REFERENCE),
        token=_open(bearerToken=_REFERENCE),
        serviceAccount=_open(name=_STRING, namespace=_STRING, audiences={"type": "array", "items": _STRING}),
    ),
)
_STORE: Final = _open(provider=_open(kubernetes=_KUBERNETES), controller=_STRING) | {"required": ["provider"]}
_MATCH: Final = _open(
    secretKey=_STRING, remoteRef=_open(remoteKey=_STRING, property=_STRING) | {"required": ["remoteKey"]}
)
_PUSH: Final = _open(
    refreshInterval=_STRING | {"default": "1h0m0s"},
    deletionPolicy=_STRING | {"enum": ["Delete", "None"], "default": "None"},
    updatePolicy=_STRING | {"enum": ["Replace", "IfNotExists"], "default": "Replace"},
    secretStoreRefs={"type": "array", "items": _open(name=_STRING, kind=_STRING | {"default": "SecretStore"})},
    selector=_open(secret=_open(name=_STRING, selector=_ANY)),
    template=_open(type=_STRING, metadata=_open(annotations=_TEXTS, labels=_TEXTS)),
    data={"type": "array", "items": _open(match=_MATCH, metadata=_ANY) | {"required": ["match"]}},
) | {"required": ["secretStoreRefs", "selector"]}
_STORE_REF: Final = _open(name=_STRING, kind=_STRING)
_SOURCE: Final = _open(storeRef=_STORE_REF)
_EXTERNAL: Final = _open(
    refreshInterval=_STRING | {"default": "1h0m0s"},
    refreshPolicy=_STRING,
    secretStoreRef=_STORE_REF,
    target=_open(name=_STRING, creationPolicy=_STRING, deletionPolicy=_STRING),
    data={
        "type": "array",
        "items": _open(secretKey=_STRING, remoteRef=_open(key=_STRING, property=_STRING), sourceRef=_SOURCE),
    },
    dataFrom={"type": "array", "items": _open(extract=_open(key=_STRING), sourceRef=_SOURCE)},
)
_STATUS: Final = _open(
    conditions=_CONDITIONS,
    capabilities=_STRING,
    refreshTime=_STRING,
    syncedResourceVersion=_STRING,
    syncedPushSecrets=_ANY,
)


def _definition(kind: str, spec: Object, versions: tuple[str, ...], short: str, *, namespaced: bool = True) -> Object:
    plural = f"{kind.lower()}s"
    ready = ".status.conditions[?(@.type=='Ready')]"
    schema = _open(apiVersion=_STRING, kind=_STRING, metadata={"type": "object"}, spec=spec, status=_STATUS)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": number == 0,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": "Age", "jsonPath": ".metadata.creationTimestamp", "type": "date"},
                        {"name": "Status", "jsonPath": f"{ready}.reason", "type": "string"},
                        {"name": "Ready", "jsonPath": f"{ready}.status", "type": "string"},
                    ],
                }
                for number, version in enumerate(versions)
            ],
        },
    }


def definitions(*versions: str) -> tuple[Object, ...]:
    """The definitions, with stores and external secrets in these versions (`v1`, or `v1beta1` before 0.17)."""
    served = versions or ("v1",)
    return tuple(
        copy.deepcopy(definition)
        for definition in (
            _definition("SecretStore", _STORE, served, "ss"),
            _definition("ClusterSecretStore", _STORE, served, "css", namespaced=False),
            _definition("ExternalSecret", _EXTERNAL, served, "es"),
            _definition("PushSecret", _PUSH, ("v1alpha1",), "ps"),
        )
    )
