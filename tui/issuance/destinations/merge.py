"""Entries in a kubeconfig that someone works with, as the place of a credential; everything else in it stays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.model.material import Foreseen, Writing
from tui.issuance.model.types import Address, Identity
from tui.kube.sensitive import Sensitive

from . import kubeconfig_file
from .file import written_to
from .files import remove, seen_through
from .masking import masked_text
from .place import Held
from .shoot import login_in
from .standing import describe, look_at

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.records.state import StateStore

_NOT_YET: Final = Sensitive("the token that will be issued")


class MergePlace:
    """The cluster, user and context that one wish has in one kubeconfig."""

    def __init__(
        self,
        address: Address,
        identity: Identity,
        clusters: Clusters,
        state: StateStore,
        *,
        force: bool = False,
    ) -> None:
        self.address = address
        self.path = Path(address.name.removesuffix(f"#{identity}"))
        self.cluster = self.uid = ""
        self.label = f"{self.path} (merged)"
        self.request = ""
        self.force = force
        self._identity = identity
        self._clusters = clusters
        self._state = state
        self._version = ""
        self._before: Sensitive | None = None
        self._entries_before: Sensitive | None = None
        self._written: Sensitive | None = None
        self._done: kubeconfig_file.Merge | None = None

    @property
    def version(self) -> str:
        return self._version

    async def look(self) -> Held:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Held:
        record = self._state.export_record(self.address)
        if record is not None:
            self.request = self.request or record.request
        now = self._token()
        self._version = now.fingerprint if now is not None else ""
        wanted = self._wanted()
        _, verdict = kubeconfig_file.allowed(self.path, self.request, wanted, force=self.force, known=self._known())
        verdict.check()
        foreseen = kubeconfig_file.preview(self.path, wanted, self.request or "new", names=self._names())
        said = [verdict.warning(self.path), "" if foreseen.comments_kept else f"the comments in {self.path} are lost"]
        return Held(
            exists=now is not None,
            credential=record.credential if record is not None else None,
            request=record.request if record is not None else "",
            warning="; ".join(filter(None, said)),
            preview=foreseen.diff,
        )

    async def foresee(self, writing: Writing) -> Foreseen:
        return await asyncio.to_thread(self._foresee, writing.content)

    def _foresee(self, entries: Sensitive) -> Foreseen:
        merged = kubeconfig_file.preview(self.path, entries, self.request, names=self._names())
        hint = describe(*kubeconfig_file.allowed(self.path, self.request, entries, force=True))
        if not merged.comments_kept:
            hint += "; its comments are lost, it cannot be edited line by line"
        return Foreseen(text=masked_text(entries), exists=self.path.exists(), hint=hint, diff=merged.diff)

    async def write(self, writing: Writing) -> str:
        return await seen_through(self._put, writing.content)

    def _put(self, entries: Sensitive) -> str:
        before = self._token()
        if (before.fingerprint if before is not None else "") != self._version:
            raise ChangedMeanwhile(f"{self.label} was changed by another client", "look at it again, then retry")
        self._before, self._written = before, login_in(entries)
        self._entries_before = kubeconfig_file.entries_for(self.path, self.request) if before is not None else None
        done = kubeconfig_file.merge(
            self.path, entries, self.request, names=self._names(), force=self.force, known=self._known()
        )
        self._done = done
        said = f"context {done.context}" + ("" if done.comments_kept else "; its comments were lost")
        return said if done.kept is None else f"{said}; the file as it was is in {done.kept}"

    def _known(self) -> set[str]:
        """The fingerprints of what kubemint put there; see `written_to`."""
        return written_to(self._state, self.address)

    async def check(self, writing: Writing) -> None:
        await self.holds(writing.content)

    async def holds(self, entries: Sensitive) -> None:
        """Raises ChangedMeanwhile where the file does not hold the token of these entries."""
        if await asyncio.to_thread(self._token) != login_in(entries):
            raise ChangedMeanwhile(f"{self.label} does not hold what was just written: another process wrote to it")

    async def restore(self) -> str:
        await seen_through(self._restore)
        return ""

    def _restore(self) -> None:
        if self._written is None:
            return
        done = self._done
        if done is not None and done.changed and kubeconfig_file.put_back(self.path, done):
            if done.kept is not None:
                remove(done.kept)  # byte for byte as it was
        elif self._token() == self._written:  # else it was not written, or is another one's by now
            if self._before is None:
                kubeconfig_file.remove(self.path, self.request)
            else:
                before = self._entries_before or self._standing(self._before)
                kubeconfig_file.merge(self.path, before, self.request, names=self._names(), force=True)
        self._before = self._entries_before = self._written = self._done = None

    async def fence(self) -> None:
        return  # a write to the disk is seen through before its lock is let go

    async def token(self, form: Format) -> Sensitive | None:
        return await asyncio.to_thread(self._token)

    def replaced(self, form: Format) -> Sensitive | None:
        return self._before

    async def material(self, form: Format) -> Sensitive:
        now = await asyncio.to_thread(self._token)
        if now is None:
            raise UsageError(f"{self.path} holds no entry of this credential any more", "rotate it to write it again")
        return await asyncio.to_thread(self._standing, now)

    def _token(self) -> Sensitive | None:
        if not self.request:
            look_at(self.path)  # links that `write` will refuse are refused before a token is made
            return None
        return kubeconfig_file.token_for(self.path, self.request)

    def _names(self) -> kubeconfig_file.Names:
        """What a cluster that was delivered calls itself may be the name of one of the operator's own."""
        endpoint = self._clusters.endpoint(self._identity.cluster)
        own = endpoint.cluster_name if not endpoint.delivered else ""
        return kubeconfig_file.Names(own or endpoint.name, self._identity.name)

    def _wanted(self) -> Sensitive:
        """What will be put in, with something in the place of what lets anybody in."""
        return self._standing(_NOT_YET)

    def _standing(self, token: Sensitive) -> Sensitive:
        """What is there, as a kubeconfig of its own."""
        return kubeconfig(token, self._clusters.endpoint(self._identity.cluster), self._identity)
