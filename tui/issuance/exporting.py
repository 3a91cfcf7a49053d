"""Writing a credential that exists to one more place, in its own format or another. The copy ends with its original.

A copy holds the original's token and is no credential of its own: nothing is minted, and nothing of the original
changes. A copy in another format, or in a Secret, is not reached by a rotation of the original.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import grp
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

from . import kubeconfig_file, reading
from .errors import ChangedMeanwhile, IssuanceError, UsageError
from .file_place import token_in_file
from .files import destination as resolved
from .files import explained, read_private, seen_through, write_private
from .formats import losses, render_file
from .intent import Export
from .masking import diff, masked_secret, masked_text
from .merge_place import MergePlace
from .places import Held, Place, Writing, absolute, address_of, look_at, place_for
from .plans import check_names, new_id
from .running import Run, StepFailed
from .secret_place import SecretPlace
from .shared_steps import COMMIT, check_step, write_step
from .shoot_place import stand_in
from .sight import Sight, told_apart
from .types import (
    Action,
    Address,
    Credential,
    CredentialKind,
    Destination,
    FileDestination,
    Format,
    Identity,
    Plan,
    SecretDestination,
    Step,
)
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint

FORMATS = (Format.KUBECONFIG, Format.TOKEN_FILE, Format.TOKEN)


class ExportPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an export would do. Nothing in it lets anybody in: what is secret is a mask and a fingerprint."""

    plan: Plan
    """Its `preview` is a unified diff against what is there now, empty where nothing changes or nothing is there."""
    text: str
    """What would be written; for a merge the entries that are put in."""
    exists: bool
    """Whether there is something already."""
    hint: str
    """Mode and owner that a file will have, or what becomes of the Secret."""


def formats_of(credential: Credential) -> tuple[Format, ...]:
    """What a credential can be written down as, its own format first: a certificate only as the kubeconfig it is."""
    if credential.shoot is not None:
        return (Format.KUBECONFIG,)
    return tuple(sorted(FORMATS, key=lambda form: form is not credential.format))


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, prepared: what is written where."""

    context: Context
    source: Credential
    identity: Identity
    request: str
    destination: Destination
    place: Place
    copy: Credential
    known: Export | None
    """What the state remembered of that file before."""
    sight: Sight

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.copy.address,)

    @property
    def fallback(self) -> Credential | None:
        return self.source

    async def run(self, run: Run) -> Finished:
        async with run.step("read") as note:
            content = await self._content()
            # Known before it is there: killed in between, nothing lies on this machine that nobody knows of.
            note.record = self._record(content)
        try:
            async with run.step("write:0") as note:
                note.message = await self._write(content)
            async with run.step("check:0"):
                await self._check(content)
        except StepFailed as failure:
            if failure.step == "write:0":  # after that it may be there
                await self._forget(run)
            raise
        async with run.step("commit") as note:
            note.record = self._record(content)
        return Finished(self.copy)

    def _record(self, content: Sensitive | Writing) -> dict[str, Any]:
        """What the state is told: a file is remembered, a Secret says itself what it is."""
        if not isinstance(self.destination, FileDestination):
            return {}
        export = Export(credential=self._known(content), request=self.request, source=self.source.address)
        return {"exports": [export]}

    async def _forget(self, run: Run) -> None:
        """It was not written after all: remember what was remembered before."""
        if isinstance(self.destination, FileDestination):
            with contextlib.suppress(IssuanceError):
                before = {"forget": [self.copy.address]} if self.known is None else {"exports": [self.known]}
                await run.journal(**before)

    async def preview(self, plan: Plan, held: Held) -> ExportPreview:
        """What would be written, and what that changes, masked. Reads the material and drops it."""
        content = await self._content()
        if isinstance(content, Writing):
            assert isinstance(self.place, SecretPlace)
            before, after = await self.place.foresee(content)
            text, old = masked_secret(after), masked_secret(before) if before is not None else ""
            hint = "a Secret that is there is replaced; others' keys, labels and annotations in it stay"
            return _preview(plan, self.place.label, text, old, hint if old else "a new Secret, type Opaque")
        return await asyncio.to_thread(self._preview_file, plan, content, held)

    def _preview_file(self, plan: Plan, content: Sensitive, held: Held) -> ExportPreview:
        path = _path(self.place)
        hint = mode_and_owner(path)
        text = masked_text(content)
        if isinstance(self.place, MergePlace):
            merged = kubeconfig_file.preview(path, content, self.request)
            if not merged.comments_kept:
                hint += "; its comments are lost, it cannot be edited line by line"
            plan = msgspec.structs.replace(plan, preview=merged.diff)
            return ExportPreview(plan=plan, text=text, exists=path.exists(), hint=hint)
        old = masked_text(read_private(path)) if held.exists else ""
        return _preview(plan, str(path), text, old, hint)

    async def _content(self) -> Sensitive | Writing:
        """A file's content, as it lies there where the format is the same; for a Secret everything it is made of."""
        form = self.copy.format
        if isinstance(self.destination, FileDestination) and form is self.source.format:
            return await reading.material(self.context, self.source.address)
        token = await reading.token(self.context, self.source.address)
        if token is None:
            raise UsageError(f"{self.source.address} holds no token", "rotate it, then export it")
        endpoint = await _endpoint(self.context, self.identity)
        if isinstance(self.destination, SecretDestination):
            return Writing(token=token, credential=self.copy, endpoint=endpoint, request=self.request)
        assert form is not None
        return render_file(form, token, endpoint, self.identity)

    async def _write(self, content: Sensitive | Writing) -> str:
        if isinstance(content, Writing):
            return await self.place.write(content)
        path = _path(self.place)
        if isinstance(self.place, MergePlace):
            merged = await seen_through(kubeconfig_file.merge, path, content, self.request)
            return f"context {merged.context}"
        target = await seen_through(write_private, path, content)
        return "written" if target == path else f"written through the link to {target}"

    async def _check(self, content: Sensitive | Writing) -> None:
        if isinstance(content, Writing):
            await self.place.check(content)
            return
        path = _path(self.place)
        if isinstance(self.place, MergePlace):
            there = await asyncio.to_thread(kubeconfig_file.token_for, path, self.request)
            same = there is not None and there == token_in_file(Format.KUBECONFIG, content)
        else:
            same = await asyncio.to_thread(read_private, path) == content
        if not same:
            raise ChangedMeanwhile(f"{path} does not hold what was just written: somebody else wrote to it")

    def _known(self, content: Sensitive | Writing) -> Credential:
        """The copy as the state remembers it: by its token it is told from what somebody else may write there."""
        if isinstance(content, Writing) or self.source.shoot is not None or self.copy.format is None:
            return self.copy
        token = token_in_file(self.copy.format, content)
        return self.copy if token is None else msgspec.structs.replace(self.copy, fingerprint=token.fingerprint)


async def prepare_copy(
    context: Context, address: Address, destination: Destination, form: Format | None = None
) -> tuple[Plan, Copy, Held]:
    """The plan for a copy, and what its place holds now, which must not be anything that would get lost.

    Raises UsageError, KubeError.
    """
    address = reading.normal(address)
    if address.kind is CredentialKind.LOGIN:
        raise UsageError("your own login is not handed out", "it is in your kubeconfig")
    sight = Sight()
    source = await sight.see(str(address), lambda: reading.lookup(context, address), told_apart)
    identity = source.identity or (stand_in(source.shoot) if source.shoot is not None else None)
    if identity is None:
        raise UsageError(f"{address} cannot be exported: nobody knows whose it is")
    form = _checked(source, destination, form or (source.format if source.format in FORMATS else Format.TOKEN))
    target = address_of(destination, identity)
    if target == source.address:
        raise UsageError(f"{target.name} is where it is kept already")
    place = place_for(destination, identity, context.clusters, context.state)
    known = await sight.see(f"the record of {target}", lambda: asyncio.to_thread(context.state.export_record, target))
    held = (await look_at([place], sight))[0] if not isinstance(place, MergePlace) else _entries(known)
    wish = await _request(context, address)
    is_copy = known is not None and known.spec is None
    in_wish = bool(wish) and held.request == wish and not is_copy
    if known is None or not is_copy or known.source != source.address:
        _refuse_another(target, identity, source, held, in_wish=in_wish, form=form)
    again = held.request if place.path is None or is_copy else ""
    shared = wish if form is source.format and place.path is not None else ""
    request = shared or again or new_id()
    copy = msgspec.structs.replace(source, address=target, kept_in=target.name, format=form)
    if place.path is None:  # revoking or rotating it must never end the original
        copy = msgspec.structs.replace(copy, kept_in=f"Secret {target.namespace}/{target.name}", handle=None)
    plan = Plan(
        id=new_id(),
        action=Action.ISSUE,
        address=target,
        steps=_steps(source, place, held),
        warnings=await _warnings(context, source, identity, place, held, form),
    )
    return plan, Copy(context, source, identity, request, destination, place, copy, known, sight), held


def mode_and_owner(path: Path) -> str:
    """Which mode and owner the file will have once it is written: its own where it is there. One stat."""
    with explained(path, "look at"):
        target = resolved(path)
        if not target.exists():
            return f"a new file, mode 0600, owner {_me()}"
        found = target.stat()
    mode = stat.S_IMODE(found.st_mode) & 0o777
    owner = f"{_user(found.st_uid)}:{_group(found.st_gid)}"
    through = "" if target == path else f", through the link to {target}"
    others = ", which others may read" if mode & (stat.S_IRGRP | stat.S_IROTH) else ""
    return f"keeps mode {mode:04o}{others}, and owner {owner}{through}"


def _checked(source: Credential, destination: Destination, form: Format) -> Format:
    """The format, where the credential can be written like that there. Raises UsageError where not."""
    if form not in formats_of(source):
        what = "a shoot's certificate is in its kubeconfig and has no token" if source.shoot else f"not as {form}"
        raise UsageError(f"{source.address} cannot be written as {form}: {what}", "use the format kubeconfig")
    if isinstance(destination, SecretDestination):
        if source.shoot is not None:
            raise UsageError("a shoot's kubeconfig is kept in a file of its own", "give a path")
        check_names(destination.namespace, destination.name, "Secret")
        return form
    if destination.merge and source.shoot is not None:
        raise UsageError(
            "a shoot's kubeconfig has several contexts and is kept in a file of its own", "leave --merge away"
        )
    if destination.merge and form is not Format.KUBECONFIG:
        raise UsageError(f"the format {form} cannot be merged into a kubeconfig")
    return form


def _entries(known: Export | None) -> Held:
    """What a kubeconfig holds of ours; the rest of it is not touched."""
    if known is None:
        return Held(exists=False)
    return Held(exists=True, credential=known.credential, request=known.request)


def _refuse_another(
    target: Address, identity: Identity, source: Credential, held: Held, *, in_wish: bool, form: Format
) -> None:
    """What is there must be an earlier copy, or nothing of ours: never a token that nobody could revoke then."""
    there = held.credential
    if there is None:
        return
    name = target.name if target.kind is CredentialKind.FILE else f"Secret {target.namespace}/{target.name}"
    if in_wish and (target.kind is CredentialKind.SECRET or there.format is not form):
        raise UsageError(f"{name} is one of its places already", "rotating it keeps all of them up to date")
    whose = there.identity == identity or there.shoot is not None
    if there.handle == source.handle or (there.handle is None and whose):
        return
    raise UsageError(
        f"{name} is already in use by a credential of {there.identity or there.shoot}",
        "choose another place, or revoke that one first",
    )


async def _warnings(
    context: Context, source: Credential, identity: Identity, place: Place, held: Held, form: Format
) -> tuple[str, ...]:
    warnings = [held.warning] if held.warning else []
    if source.address.kind is CredentialKind.STATIC:
        warnings.append("the copy never ends, and whoever reads it is cluster-admin; a shoot kubeconfig is safer")
    elif source.expires_at is None:
        warnings.append(f"the copy never ends by itself; it ends when {source.address} is revoked")
    elif place.path is None or form is not source.format:
        warnings.append(f"the copy ends when {source.address} is rotated or revoked: export it again then")
    else:
        warnings.append(f"the copy ends when {source.address} is rotated elsewhere or revoked")
    if source.audiences and form is not Format.TOKEN:
        warnings.append(f"it is for {', '.join(source.audiences)}; the API server may refuse it")
    if form is not source.format:
        warnings += losses(form, await _endpoint(context, identity))
    return tuple(warnings)


def _steps(source: Credential, place: Place, held: Held) -> tuple[Step, ...]:
    return (
        Step(id="read", title=f"Read {source.kept_in or source.address}", cluster=source.address.cluster),
        write_step(0, place, exists=held.exists),
        check_step(0, place),
        COMMIT,
    )


def _preview(plan: Plan, name: str, text: str, old: str, hint: str) -> ExportPreview:
    changes = diff(name, old, text) if old else ""
    return ExportPreview(plan=msgspec.structs.replace(plan, preview=changes), text=text, exists=bool(old), hint=hint)


async def _endpoint(context: Context, identity: Identity) -> Endpoint:
    """Where the account's cluster is."""
    try:
        return context.clusters.endpoint(identity.cluster)
    except (KubeError, UsageError):
        return (await context.clusters.client(identity.cluster)).endpoint  # found when it is first asked for


async def _request(context: Context, address: Address) -> str:
    """The id of the wish behind it, empty where kubemint does not keep it."""
    if address.kind is CredentialKind.FILE:
        return (await reading.export_record(context, address)).request
    if address.kind is CredentialKind.SECRET:
        return (await reading.managed_secret(context, address))[1]
    return ""


def _path(place: Place) -> Path:
    assert place.path is not None
    return absolute(str(place.path))


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "you"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
