"""The kinds that a server serves: names, scope, verbs, and how each is checked and printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .schema import Schema
    from .tables import Column

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource in one version. `version` is the one in the path; every version of a group shares its storage."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False
    """Whether `/status` is apart: writes to the object ignore `status`, writes to `/status` ignore the rest."""
    generation: bool = False
    """Whether `metadata.generation` counts changes of what is neither metadata nor status."""
    custom: bool = False
    """Defined by a CustomResourceDefinition."""
    storage_version: str = ""
    warning: str = ""
    """What is said with every answer: that this version is deprecated."""
    schema: Schema | None = None
    columns: tuple[Column, ...] = field(default=())

    @property
    def collection(self) -> tuple[str, str]:
        """The key of its objects in the storage."""
        return (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """`v1`, or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def lists_as(self) -> str:
        """The kind of its lists."""
        return self.list_kind or f"{self.kind}List"


class Registry:
    """The kinds of one server, by group, version and plural. Custom ones come and go."""

    def __init__(self, kinds: tuple[Kind, ...] = ()) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve a kind, or serve it anew."""
        self._kinds[kind.group, kind.version, kind.plural] = kind

    def remove(self, group: str, version: str, plural: str) -> None:
        """Serve a kind no longer."""
        self._kinds.pop((group, version, plural), None)

    def get(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind at a path, None where there is none."""
        return self._kinds.get((group, version, plural))

    def __getitem__(self, key: tuple[str, str, str]) -> Kind:
        return self._kinds[key]

    def by_kind(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an object with these two fields has."""
        return next((k for k in self if k.api_version == api_version and k.kind == kind), None)

    def __iter__(self) -> Iterator[Kind]:
        return iter(tuple(self._kinds.values()))
