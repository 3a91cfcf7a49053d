"""A file on this machine as a destination: one of its own, or an existing kubeconfig beside whose entries it is put."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Destination, Identity
from tui.kube.home import NoHome, expanded
from tui.kube.paths import is_folder, short_path, whole_path

from .place import Need, Place, PlaceWay, absolute

if TYPE_CHECKING:
    from tui.issuance.formats import Format
    from tui.issuance.model.clusters import Clusters


class FileDestination(Destination, msgspec.Struct, frozen=True, tag="file"):
    """A file on this machine. `merge` puts the entries into an existing kubeconfig instead of replacing the file."""

    path: str
    merge: bool = False

    @classmethod
    def ways(cls) -> tuple[PlaceWay, ...]:
        return OUT, MERGE

    @property
    def said(self) -> str:
        return short_path(self.path)

    def address(self, identity: Identity) -> Address:
        """Its absolute path; for a merged one also whose entries they are (`PATH#IDENTITY`)."""
        path = absolute(self.path)
        return Address.file(f"{path}#{identity}" if self.merge else str(path))

    @classmethod
    def at(cls, address: Address, identity: Identity) -> FileDestination | None:
        path = address.name.removesuffix(f"#{identity}")
        return cls(path, merge=path != address.name) if address.is_file else None

    def check(self, clusters: Clusters, form: Format) -> None:
        if self.merge and not form.rules.merges:
            raise UsageError(f"the format {form} cannot be merged into a kubeconfig")

    def place(self, need: Need) -> Place:
        # what writes files is not needed to ask for one: the dashboard starts without it
        if self.merge:
            from .merge import MergePlace

            return MergePlace(self.address(need.identity), need.identity, need.clusters, need.state, force=need.force)
        from .file import FilePlace

        return FilePlace(self.path, need.identity, need.state, force=need.force)


def a_file(text: str) -> str:
    """The whole path of a file that may be written. Raises UsageError."""
    if text == "-":
        raise UsageError("a credential is never written to the terminal", "name a file")
    try:
        expanded(text)
    except NoHome:
        raise UsageError("there is no such home folder") from None
    if is_folder(text):
        raise UsageError("this is a folder, name a file in it")
    return str(whole_path(text))


OUT: Final = PlaceWay(
    "a file of its own", "--out", "PATH", "Path", "Write it to this file (0600).",
    read=a_file, make=lambda text, cluster: FileDestination(str(whole_path(text))),
    suggest=lambda usual: str(usual.folder / usual.file),
)  # fmt: skip
MERGE: Final = PlaceWay(
    "an existing kubeconfig", "--merge", "KUBECONFIG", "Path",
    "Add it to this kubeconfig and keep the rest.",
    read=a_file, make=lambda text, cluster: FileDestination(str(whole_path(text)), merge=True),
    suggest=lambda usual: "~/.kube/config", merges=True,
)  # fmt: skip

DESTINATION = FileDestination
