"""The two JSON documents of a credential plugin: what it is told (KUBERNETES_EXEC_INFO) and what it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from .endpoint import Endpoint, ExecPlugin
from .errors import ConfigError, ExecPluginError
from .sensitive import Sensitive
from .shell import quoted
from .tls import context_for
from .yaml_values import DoubledDict, plain_values


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What a plugin gave: a token, a certificate with its key, or both; `expires_at` None means for good."""

    token: Sensitive | None = None
    certificate: bytes | None = None
    key: Sensitive | None = None
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the plugin said that it ends at or before `now`."""
        return self.expires_at is not None and self.expires_at <= now


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel"):
    kind: str | None = None
    api_version: str | None = None
    status: _Status | None = None


_FIELDS: Final = (*_Answer.__struct_encode_fields__, *_Status.__struct_encode_fields__)


def _decoded(output: Sensitive) -> tuple[_Answer, str]:
    """JSON, else YAML, as client-go takes both; and a field of ours that stands twice in its object, by its name.

    No other field is named, which may be material.
    """
    found = ""

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal found
        names = [name for name, _ in pairs]
        found = next((name for name in _FIELDS if names.count(name) > 1), found)
        return dict(pairs)

    data = output.reveal_bytes()
    try:
        value: object = json.loads(data, object_pairs_hook=note)
    except ValueError:
        if data.lstrip()[:1] == b"{":
            raise
        from .yaml_loading import load_first  # hardly any plugin answers in YAML

        value = load_first(data)
        for part in (value, value.get("status") if isinstance(value, dict) else None):
            if isinstance(part, DoubledDict):
                found = next((name for name in _FIELDS if name in part.twice), found)
        value = plain_values(value)
    return msgspec.convert(value, _Answer), found


def exec_info(endpoint: Endpoint, plugin: ExecPlugin, *, interactive: bool = False) -> str:
    """The value of KUBERNETES_EXEC_INFO, one line; `interactive` says that standard input is a terminal."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = _cluster(endpoint, plugin)
    return json.dumps({"kind": "ExecCredential", "apiVersion": plugin.api_version, "spec": spec}, sort_keys=True)


def _cluster(endpoint: Endpoint, plugin: ExecPlugin) -> dict[str, Any]:
    import base64

    said = {
        "tls-server-name": endpoint.tls_server_name,
        "insecure-skip-tls-verify": endpoint.insecure,
        "proxy-url": endpoint.proxy_url,
        "disable-compression": endpoint.disable_compression,
    }
    block: dict[str, Any] = {"server": endpoint.server} | {key: value for key, value in said.items() if value}
    if endpoint.ca is not None:
        block["certificate-authority-data"] = base64.b64encode(endpoint.ca).decode()
    if plugin.cluster_config is not None:
        block["config"] = plugin.cluster_config
    return block


def read_credential(output: Sensitive, plugin: ExecPlugin, cluster: str) -> ExecCredential:
    """The plugin's standard output, checked as client-go checks it. Raises ExecPluginError."""
    status, problem = _checked(output, plugin)
    if status is None:
        raise ExecPluginError(problem, cluster=cluster, hint=f"run the plugin by hand: {quoted(plugin.command)}")
    if not status.client_certificate_data:
        return ExecCredential(token=Sensitive(status.token or ""), expires_at=status.expiration_timestamp)
    certificate, key = status.client_certificate_data.encode(), Sensitive(status.client_key_data or "")
    try:
        context_for(ca=None, insecure=True, certificate=certificate, key=key)
    except ConfigError as error:
        problem = f"exec plugin: failed parsing client key/certificate: {error.message}"
    if problem:
        raise ExecPluginError(problem, cluster=cluster)
    token = Sensitive(status.token) if status.token else None
    return ExecCredential(token, certificate, key, status.expiration_timestamp)


def _checked(output: Sensitive, plugin: ExecPlugin) -> tuple[_Status | None, str]:
    try:
        answer, doubled = _decoded(output)
    except msgspec.ValidationError as error:
        return None, f"exec plugin: decoding stdout: {error}"  # names a field and a type, never a value
    except (ValueError, RecursionError):
        return None, "exec plugin: decoding stdout: neither JSON nor YAML"
    if doubled:
        return None, f"exec plugin: decoding stdout: {doubled} is given twice, which is ambiguous"
    if answer.kind not in (None, "", "ExecCredential"):
        return None, "exec plugin: decoding stdout: not an ExecCredential"
    if answer.api_version != plugin.api_version:
        returned = (answer.api_version or "none")[:80]
        return None, (
            f"exec plugin is configured to use API version {plugin.api_version}, plugin returned version {returned}"
        )
    status = answer.status
    if status is None:
        return None, "exec plugin didn't return a status field"
    if not (status.token or status.client_certificate_data or status.client_key_data):
        return None, "exec plugin didn't return a token or cert/key pair"
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        return None, "exec plugin returned only certificate or key, not both"
    if status.expiration_timestamp is not None and status.expiration_timestamp.tzinfo is None:
        return None, "exec plugin: decoding stdout: expirationTimestamp has no time zone"
    return status, ""
