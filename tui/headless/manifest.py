"""`kubemint manifest loop`: what it takes to run the renewal loop in a cluster, to be read, changed and applied.

The rights are those of `kubemint rbac read` and `rotate`, and of the loop's Lease. Two replicas stand for the Lease, of
which one renews. Pods are as the restricted Pod Security Standard wants them
(https://kubernetes.io/docs/concepts/security/pod-security-standards/): no root, nothing writable but two passing
folders, no privileges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from tui import __version__
from tui.issuance import Flow, UsageError, check_names, check_namespace, dump_yaml, roles_of_flow

from . import printing
from .options import Options
from .output import output_option, print_object
from .session import with_options

NAME: Final = "kubemint-loop"
PORT: Final = 9105
LEASE: Final = "kubemint-renewal"
_USER: Final = 65532
"""Who is nobody in images without a shell."""
_RBAC: Final = "rbac.authorization.k8s.io/v1"
_LABELS: Final = {"app.kubernetes.io/name": "kubemint", "app.kubernetes.io/component": "loop"}
_CONFIG: Final = "/etc/kubemint"
_STATE: Final = "/var/lib/kubemint"

Object = dict[str, Any]


@click.group("manifest")
def manifest() -> None:
    """Print what runs kubemint in a cluster."""


@manifest.command("loop")
@click.option("--in", "home", metavar="NS", default="kubemint", show_default=True, help="The namespace it runs in.")
@click.option("-n", "--namespace", metavar="NS", default="", help="Keep only this namespace; default: all of them.")
@click.option("--image", metavar="IMAGE", default=f"kubemint:{__version__}", show_default=True, help="The image.")
@click.option("--replicas", metavar="N", type=click.IntRange(1, 9), default=2, show_default=True, help="How many.")
@click.option("--settings", metavar="FILE", default="", help="The settings it runs with, as a ConfigMap.")
@click.option(
    "--lease-namespace", metavar="NS", default="kube-system", show_default=True, help="The namespace of its Lease."
)
@click.option("--monitoring", is_flag=True, help="Also a ServiceMonitor and a PrometheusRule (Prometheus Operator).")
@output_option("yaml", "json", default="yaml")
@with_options
def loop(
    options: Options,
    home: str,
    namespace: str,
    image: str,
    replicas: int,
    settings: str,
    lease_namespace: str,
    monitoring: bool,
    form: str,
) -> None:
    """Print a Deployment of the renewal loop, with the least rights, for kubectl apply -f -. No cluster is asked.

    It renews what is due in its own cluster, all namespaces or one (-n), and serves /metrics, /healthz and /readyz.
    """
    for one in (home, lease_namespace, *((namespace,) if namespace else ())):
        check_namespace(one)
    if not image or any(char.isspace() for char in image):
        raise UsageError(f"--image: {image!r} names no image", "such as kubemint:1.2.3, with its registry before it")
    made = objects(
        home=home, namespace=namespace, image=image, replicas=replicas, settings=_settings(settings),
        lease_namespace=lease_namespace, monitoring=monitoring,
    )  # fmt: skip
    if form == "json":
        print_object({"apiVersion": "v1", "kind": "List", "items": made}, form)
    else:
        printing.document("---\n".join(map(dump_yaml, made)))


def _settings(name: str) -> str:
    """The settings in this file, which must be right. Raises UsageError."""
    from tui.settings import load

    if not name:
        return ""
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--settings: {name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if wrong := load(path, {}).findings:
        raise UsageError(f"--settings: {wrong[0]}", "kubemint config check shows all of it")
    return text


def objects(
    *, home: str, namespace: str, image: str, replicas: int, settings: str, lease_namespace: str, monitoring: bool
) -> list[Object]:
    """Everything, in the order in which it can be applied. Names that are wrong are the caller's to refuse."""
    check_names(home, NAME, "service account")
    rights = [*roles_of_flow(Flow.READ, namespace=namespace), *roles_of_flow(Flow.ROTATE, namespace=namespace)]
    rights = [_renamed(role) for role in rights] + [_lease_role(lease_namespace)]
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": home, "labels": {**_LABELS, "pod-security.kubernetes.io/enforce": "restricted"}}},
        _object("v1", "ServiceAccount", home),
        *rights,
        *(_binding(role, home) for role in rights),
        *([{**_object("v1", "ConfigMap", home), "data": {"config.yaml": settings}}] if settings else []),
        _deployment(home, namespace, image, replicas, lease_namespace, configured=bool(settings)),
        _service(home),
        {**_object("policy/v1", "PodDisruptionBudget", home),
         "spec": {"minAvailable": 1, "selector": {"matchLabels": _LABELS}}},
        _network_policy(home),
    ]  # fmt: skip
    return made + ([_service_monitor(home), _rules(home)] if monitoring else [])


def _object(version: str, kind: str, namespace: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "namespace": namespace, "labels": _LABELS}}


def _renamed(role: Object) -> Object:
    meta = role["metadata"]
    return {**role, "metadata": {**meta, "name": f"{NAME}-{meta['name'].removeprefix('kubemint-')}", "labels": _LABELS}}


def _lease_role(namespace: str) -> Object:
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    return {
        **_object(_RBAC, "Role", namespace),
        "rules": [
            {**leases, "resourceNames": [LEASE], "verbs": ["get", "update"]},
            {**leases, "verbs": ["create"]},  # creating cannot be restricted to a name
        ],
    }


def _binding(role: Object, home: str) -> Object:
    kind = role["kind"]
    return {
        "apiVersion": _RBAC,
        "kind": f"{kind}Binding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": home}],
    }


def arguments(namespace: str, lease_namespace: str) -> list[str]:
    """The command line of the container."""
    of = ["-n", namespace] if namespace else []
    lease = ["--lease-namespace", lease_namespace]
    return ["rotate", "--due", "--watch", *of, *lease, "--metrics-bind-address", f":{PORT}"]


def _deployment(
    home: str, namespace: str, image: str, replicas: int, lease_namespace: str, *, configured: bool
) -> Object:
    probe = {"periodSeconds": 10, "timeoutSeconds": 3}
    mounts = [{"name": "state", "mountPath": _STATE}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - its own
    volumes: list[Object] = [
        {"name": "state", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]
    environment = [{"name": "HOME", "value": _STATE}]
    if configured:
        mounts.append({"name": "settings", "mountPath": _CONFIG})
        volumes.append({"name": "settings", "configMap": {"name": NAME}})
        environment.append({"name": "KUBEMINT_CONFIG", "value": f"{_CONFIG}/config.yaml"})
    container = {
        "name": "loop",
        "image": image,
        "args": arguments(namespace, lease_namespace),
        "env": environment,
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "readinessProbe": {**probe, "httpGet": {"path": "/readyz", "port": "metrics"}},
        "livenessProbe": {**probe, "failureThreshold": 6, "httpGet": {"path": "/healthz", "port": "metrics"}},
        "startupProbe": {**probe, "failureThreshold": 30, "httpGet": {"path": "/healthz", "port": "metrics"}},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": mounts,
    }
    pod = {
        "serviceAccountName": NAME,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 60,
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
             "labelSelector": {"matchLabels": _LABELS}},
        ],
        "containers": [container],
        "volumes": volumes,
    }  # fmt: skip
    spec = {"replicas": replicas, "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod}}  # fmt: skip
    return {**_object("apps/v1", "Deployment", home), "spec": spec}


def _service(home: str) -> Object:
    ports = [{"name": "metrics", "port": PORT, "targetPort": "metrics"}]
    return {**_object("v1", "Service", home), "spec": {"clusterIP": "None", "selector": _LABELS, "ports": ports}}


def _network_policy(home: str) -> Object:
    """In: the metrics. Out: names, and API servers, whose addresses nobody knows beforehand."""
    return {
        **_object("networking.k8s.io/v1", "NetworkPolicy", home),
        "spec": {
            "podSelector": {"matchLabels": _LABELS},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": "metrics", "protocol": "TCP"}]}],
            "egress": [
                {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
                {"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]},
            ],
        },
    }


def _service_monitor(home: str) -> Object:
    spec = {"selector": {"matchLabels": _LABELS}, "endpoints": [{"port": "metrics", "interval": "30s"}]}
    return {**_object("monitoring.coreos.com/v1", "ServiceMonitor", home), "spec": spec}


_UNRENEWED: Final = (
    "kubemint_credential_expiry_timestamp_seconds - time() < 3600 "
    "and kubemint_credential_renewal_timestamp_seconds + 300 < time()"
)
RULES: Final = (
    ("CredentialEndsUnrenewed", "critical", "1m", "it ends within an hour and is not being renewed",
     _UNRENEWED),
    ("RenewalFailing", "warning", "10m", "credentials could not be renewed", "kubemint_loop_failing > 0"),
    ("LoopWithoutLeader", "critical", "2m", "no loop renews there", "max by (cluster) (kubemint_lease_held) == 0"),
    ("LoopStuck", "critical", "1m", "the loop decides nothing any more",
     "time() - kubemint_loop_last_look_timestamp_seconds > 120"),
)  # fmt: skip
"""Name, severity, for how long, what it means, and the expression over the metrics of `tui.fleet.metrics`."""


def _rules(home: str) -> Object:
    rules = [
        {"alert": f"Kubemint{name}", "expr": expression, "for": lasts, "labels": {"severity": severity},
         "annotations": {"summary": f"{{{{ $labels.cluster }}}}: {means}"}}
        for name, severity, lasts, means, expression in RULES
    ]  # fmt: skip
    spec = {"groups": [{"name": "kubemint", "rules": rules}]}
    return {**_object("monitoring.coreos.com/v1", "PrometheusRule", home), "spec": spec}
