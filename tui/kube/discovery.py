"""What an API server serves, asked of the server itself: groups, versions, resources.

Old servers are asked the classic way (`/api`, `/apis`, then one list per group version), which every server since
knows. A group whose own server is down is noted in `failed` and hides nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from .errors import KubeError
from .resource import Resource
from .responses import decode

if TYPE_CHECKING:
    from .client import Client


@dataclass(frozen=True, slots=True)
class Discovery:
    """`versions` lists each group's versions, the preferred one first; `resources` what was found in them."""

    versions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resources: dict[tuple[str, str], tuple[Resource, ...]] = field(default_factory=dict)
    """By group and plural, in the order of the group's versions."""
    failed: dict[str, str] = field(default_factory=dict)
    """`group/version` that could not be asked, with the reason for people."""

    def serves(self, group: str, plural: str, version: str | None = None) -> bool:
        """Whether that resource is there, in that version or in any."""
        found = self.resources.get((group, plural), ())
        return any(version is None or resource.version == version for resource in found)

    def version_of(self, group: str, plural: str) -> str | None:
        """The version to use: the group's preferred one where the resource is in it."""
        resource = self.resource(group, plural)
        return resource.version if resource is not None else None

    def resource(self, group: str, plural: str) -> Resource | None:
        """The resource in its best version, None where the server has none."""
        found = self.resources.get((group, plural), ())
        return found[0] if found else None


class _GroupVersion(msgspec.Struct, rename="camel"):
    version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    versions: list[_GroupVersion] = []
    preferred_version: _GroupVersion | None = None


class _Groups(msgspec.Struct):
    groups: list[_Group] | None = None


class _Versions(msgspec.Struct):
    versions: list[str] | None = None


class _Resource(msgspec.Struct):
    name: str
    kind: str = ""
    namespaced: bool = False


class _Resources(msgspec.Struct):
    resources: list[_Resource] | None = None


async def discover(client: Client, groups: Iterable[str] | None = None) -> Discovery:
    """Asks for everything, or in detail only for `groups` (the core group is "")."""
    core, named = await asyncio.gather(client.request("GET", "/api"), client.request("GET", "/apis"))
    cluster = client.endpoint.name
    versions = {"": tuple(decode(core.body, _Versions, cluster=cluster).versions or ())}
    for entry in decode(named.body, _Groups, cluster=cluster).groups or ():
        listed = [served.version for served in entry.versions]
        if entry.preferred_version is not None and entry.preferred_version.version in listed:
            listed.remove(entry.preferred_version.version)
            listed.insert(0, entry.preferred_version.version)
        versions[entry.name] = tuple(listed)
    wanted = set(versions) if groups is None else set(groups) & set(versions)
    pairs = [(group, version) for group, listed in versions.items() if group in wanted for version in listed]
    answers = await asyncio.gather(*(_resources(client, group, version) for group, version in pairs))
    resources: dict[tuple[str, str], list[Resource]] = {}
    failed: dict[str, str] = {}
    for (group, version), answer in zip(pairs, answers, strict=True):
        if isinstance(answer, str):
            failed[f"{group}/{version}" if group else version] = answer
            continue
        for resource in answer:
            resources.setdefault((group, resource.plural), []).append(resource)
    return Discovery(versions, {key: tuple(found) for key, found in resources.items()}, failed)


async def _resources(client: Client, group: str, version: str) -> list[Resource] | str:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    try:
        response = await client.request("GET", path)
        listed = decode(response.body, _Resources, cluster=client.endpoint.name).resources or ()
    except KubeError as error:
        return error.message
    return [Resource(group, version, entry.name, entry.kind, entry.namespaced) for entry in listed]
