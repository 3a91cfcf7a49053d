"""Discovery: which groups, versions and resources a server has, in the old documents and in the aggregated one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .access import Subresource, Virtual
from .kinds import Kind

Subresources = Mapping[tuple[str, str, str], Subresource]


class Discovery:
    """Answers about the kinds of one server, which may change while it runs."""

    def __init__(
        self, kinds: Iterable[Kind], subresources: Subresources, virtual: Mapping[tuple[str, str], Virtual]
    ) -> None:
        self._kinds = kinds
        self._subresources = subresources
        self._virtual = virtual

    def _all(self) -> list[Kind]:
        return [*self._kinds, *(virtual.kind for virtual in self._virtual.values())]

    def groups(self) -> dict[str, list[str]]:
        """The versions of each named group, the preferred one first."""
        found: dict[str, list[str]] = {}
        for kind in self._all():
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        found.pop("", None)
        return {group: sorted(versions, key=_rank) for group, versions in found.items()}

    def core(self, address: str) -> dict[str, Any]:
        """`/api`; `address` is where this server was reached."""
        where = {"clientCIDR": "0.0.0.0/0", "serverAddress": address}
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [where]}

    def group_list(self) -> dict[str, Any]:
        """`/apis`."""
        groups = [_group(group, versions) for group, versions in self.groups().items()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def group(self, name: str) -> dict[str, Any] | None:
        """`/apis/GROUP`, None where there is no such group."""
        versions = self.groups().get(name)
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, versions) if versions else None

    def resources(self, group: str, version: str) -> dict[str, Any] | None:
        """`/api/v1` and `/apis/GROUP/VERSION`, None where there is no such version."""
        kinds = self._of(group, version)
        if not kinds:
            return None
        entries: list[dict[str, Any]] = []
        for kind in kinds:
            singular = kind.singular or kind.kind.lower()
            entries.append(_entry(kind, kind.plural, singular, kind.kind, self._verbs(kind)) | _nicknames(kind))
            for name, body, verbs in self._parts(kind):
                part = _entry(kind, f"{kind.plural}/{name}", "", body[2], verbs)
                if body[:2] != (kind.group, kind.version):
                    part |= {"group": body[0], "version": body[1]}
                entries.append(part)
        version_name = f"{group}/{version}" if group else version
        document: dict[str, Any] = {"kind": "APIResourceList", "groupVersion": version_name, "resources": entries}
        return document if not group else {"kind": "APIResourceList", "apiVersion": "v1"} | document

    def aggregated(self, *, core: bool, version: str) -> dict[str, Any]:
        """All of it in one document, for the core group (`/api`) or for the others (`/apis`)."""
        groups = {"": ["v1"]} if core else self.groups()
        items = []
        for group, versions in groups.items():
            shown = [
                {"version": v, "freshness": "Current", "resources": [self._aggregate(k) for k in self._of(group, v)]}
                for v in versions
            ]
            items.append({"metadata": {"name": group} if group else {}, "versions": shown})
        head = {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}"}
        return head | {"metadata": {}, "items": items}

    def _aggregate(self, kind: Kind) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "resource": kind.plural,
            "responseKind": _response_kind(kind.group, kind.version, kind.kind),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "singularResource": kind.singular or kind.kind.lower(),
            "verbs": list(self._verbs(kind)),
        }
        shown |= _nicknames(kind)
        parts = [
            {"subresource": name, "responseKind": _response_kind(*body), "verbs": list(verbs)}
            for name, body, verbs in self._parts(kind)
        ]
        return shown | {"subresources": parts} if parts else shown

    def _of(self, group: str, version: str) -> list[Kind]:
        found = (kind for kind in self._all() if (kind.group, kind.version) == (group, version))
        return sorted(found, key=lambda kind: kind.plural)

    def _verbs(self, kind: Kind) -> tuple[str, ...]:
        return ("create",) if kind.collection in self._virtual else kind.verbs

    def _parts(self, kind: Kind) -> list[tuple[str, tuple[str, str, str], tuple[str, ...]]]:
        """The subresources: name, what their bodies are, verbs."""
        own = (kind.group, kind.version, kind.kind)
        parts: list[tuple[str, tuple[str, str, str], tuple[str, ...]]] = []
        if kind.collection == ("", "namespaces"):
            parts.append(("finalize", own, ("update",)))
        if kind.status:
            parts.append(("status", own, ("get", "patch", "update")))
        for (group, plural, name), part in self._subresources.items():
            if (group, plural) == kind.collection:
                parts.append((name, (part.group or kind.group, part.version or kind.version, part.kind), part.verbs))
        return sorted(parts)


def _entry(kind: Kind, name: str, singular: str, body: str, verbs: Sequence[str]) -> dict[str, Any]:
    named = {"name": name, "singularName": singular, "namespaced": kind.namespaced}
    return named | {"kind": body, "verbs": list(verbs)}


def _nicknames(kind: Kind) -> dict[str, Any]:
    named = {"shortNames": list(kind.short_names), "categories": list(kind.categories)}
    return {key: names for key, names in named.items() if names}


def _response_kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    shown = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": shown, "preferredVersion": shown[0]}


def _rank(version: str) -> tuple[int, int, int]:
    """The order of versions: stable before beta before alpha, newer before older."""
    digits, _, rest = version.removeprefix("v").partition("alpha")
    level = 2
    if "alpha" not in version:
        digits, _, rest = version.removeprefix("v").partition("beta")
        level = 1 if "beta" in version else 0
    if not digits.isdecimal():
        return (3, 0, 0)
    return (level, -int(digits), -int(rest) if rest.isdecimal() else 0)
