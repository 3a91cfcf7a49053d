"""Writing a credential that exists to one more place on this machine. The copy lives and ends with its original."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tui.kube.sensitive import Sensitive

from . import kubeconfig_file, reading
from .errors import ChangedMeanwhile, UsageError
from .file_place import FilePlace
from .files import read_private, write_private
from .intent import Export
from .places import absolute, file_address, place_for
from .plans import new_id
from .running import Run
from .shoot_place import stand_in
from .types import Action, Address, Credential, CredentialKind, FileDestination, Format, Plan, Step
from .work import Context, Finished


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, prepared: what is written where."""

    context: Context
    source: Credential
    request: str
    destination: FileDestination
    copy: Credential

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.copy.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.source

    async def run(self, run: Run) -> Finished:
        async with run.step("read"):
            material = await reading.material(self.context, self.source.address)
        path = absolute(self.destination.path)
        async with run.step("write:0") as note:
            note.message = await asyncio.to_thread(self._write, path, material)
        async with run.step("check:0"):
            if not self.destination.merge and await asyncio.to_thread(read_private, path) != material:
                raise ChangedMeanwhile(f"{path} does not hold what was just written: somebody else wrote to it")
        async with run.step("commit") as note:
            export = Export(credential=self.copy, request=self.request, source=self.source.address)
            note.record = {"exports": [export]}
        return Finished(self.copy)

    def _write(self, path: Path, material: Sensitive) -> str:
        if self.destination.merge:
            return f"context {kubeconfig_file.merge(path, material, self.request).context}"
        target = write_private(path, material)
        return "written" if target == path else f"written through the link to {target}"


async def prepare_copy(context: Context, address: Address, destination: FileDestination) -> tuple[Plan, Copy]:
    """The plan for a copy. The destination must not hold anything that would get lost."""
    address = reading.normal(address)
    source = await reading.lookup(context, address)
    identity = source.identity or (stand_in(source.shoot) if source.shoot is not None else None)
    if identity is None:
        raise UsageError(f"{address} cannot be exported: nobody knows whose it is")
    if destination.merge and source.shoot is not None:
        raise UsageError(
            "a shoot's kubeconfig has several contexts and is kept in a file of its own", "leave --merge away"
        )
    if destination.merge and source.format is not Format.KUBECONFIG:
        raise UsageError(f"the format {source.format} cannot be merged into a kubeconfig")
    target = file_address(destination, identity)
    if target == source.address:
        raise UsageError(f"{target.name} is where it is kept already")
    request = await _request(context, address) or new_id()
    place = place_for(destination, identity, context.clusters, context.state)
    warnings = []
    if isinstance(place, FilePlace):
        held = await place.look()
        if held.credential is not None and held.credential.handle not in (None, source.handle):
            raise UsageError(
                f"{target.name} is already in use by a credential of {held.credential.identity}",
                "choose another path, or revoke that one first",
            )
        warnings += [held.warning] if held.warning else []
    if address.kind is CredentialKind.STATIC:
        warnings.append("the copy never ends, and whoever reads it is cluster-admin; a shoot kubeconfig is safer")
    else:
        warnings.append(f"the copy ends when {address} is rotated elsewhere or revoked")
    copy = msgspec.structs.replace(source, address=target, kept_in=target.name)
    steps = (
        Step(id="read", title=f"Read {source.kept_in or address}", cluster=address.cluster),
        Step(id="write:0", title=f"Write {target.name}", path=target.name),
        Step(id="check:0", title=f"Read {target.name} back and compare", path=target.name),
        Step(id="commit", title="Journal the commit"),
    )
    plan = Plan(id=new_id(), action=Action.ISSUE, address=target, steps=steps, warnings=tuple(warnings))
    return plan, Copy(context, source, request, destination, copy)


async def _request(context: Context, address: Address) -> str:
    """The id of the wish behind it, empty where kubemint does not keep it."""
    if address.kind is CredentialKind.FILE:
        return (await reading.export_record(context, address)).request
    if address.kind is CredentialKind.SECRET:
        return (await reading.managed_secret(context, address))[1]
    return ""
