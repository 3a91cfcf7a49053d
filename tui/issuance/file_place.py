"""A file on this machine as the place of a credential, written whole and private; the state remembers what is in it."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.kube.sensitive import Sensitive

from .errors import ChangedMeanwhile, UsageError
from .files import FileError, destination, explained, read_private, readable_by_others, seen_through, write_private
from .formats import KUBECONFIG_KEY, TOKEN_FILE_KEY, TOKEN_KEY, render_file, token_of
from .places import Held, Writing, file_address
from .types import Address, Credential, CredentialKind, FileDestination, Format, Identity, State

if TYPE_CHECKING:
    from .state import StateStore

_LARGEST: Final = 1024 * 1024


class FilePlace:
    """One file of its own. What kubemint did not write is only replaced where nothing else can get lost with it."""

    def __init__(self, wanted: FileDestination, identity: Identity, state: StateStore) -> None:
        self.address = file_address(wanted, identity)
        self.path = Path(self.address.name)
        self.cluster = ""
        self.label = str(self.path)
        self.request = ""
        self._state = state
        self._version = ""
        self._before: Sensitive | None = None
        self._written: Sensitive | None = None

    @property
    def version(self) -> str:
        return self._version

    async def look(self) -> Held:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Held:
        content = self._read()
        self._version = content.fingerprint if content is not None else ""
        record = self._state.export_record(self.address)
        live = record if record is not None and record.credential.state is not State.REVOKED else None
        if content is None:
            warning = f"{self.path} is gone and will be written anew" if live is not None else ""
            return Held(exists=False, credential=live.credential if live is not None else None, warning=warning)
        warnings = []
        if record is not None:
            now = self._token_in(record.credential.format or Format.KUBECONFIG, content)
            if now is None or now.fingerprint != record.credential.fingerprint:
                warnings.append(f"{self.path} was changed since kubemint wrote it; it is replaced whole")
        elif content:
            _refuse_loss(self.path, content)
            warnings.append(f"{self.path} exists and was not written by kubemint; it is replaced whole")
        if others := readable_by_others(self.path):
            warnings.append(f"{self.path} can be read by {others}; its mode is kept")
        return Held(
            exists=True,
            credential=live.credential if live is not None else None,
            request=live.request if live is not None else "",
            warning="; ".join(warnings),
        )

    async def write(self, writing: Writing) -> str:
        return await seen_through(self._write, writing)

    def _write(self, writing: Writing) -> str:
        before = self._read()
        if (before.fingerprint if before is not None else "") != self._version:
            raise ChangedMeanwhile(
                f"{self.path} was changed by somebody else since it was looked at", "look again, then decide anew"
            )
        content = self._content(writing)
        self._before, self._written = before, content  # first: a write that fails may have come as far as the rename
        target = write_private(self.path, content)
        return "written" if target == self.path else f"written through the link to {target}"

    async def check(self, writing: Writing) -> None:
        if await asyncio.to_thread(self._read) != self._content(writing):
            raise ChangedMeanwhile(f"{self.path} does not hold what was just written: somebody else wrote to it")

    async def restore(self) -> bool:
        return await seen_through(self._restore)

    def _restore(self) -> bool:
        if self._written is None:
            return False
        if self._read() == self._written:  # else it is somebody else's by now
            if self._before is None:
                destination(self.path).unlink()  # what was written, and not a link that led there
            else:
                write_private(self.path, self._before)
        self._before = self._written = None
        return True

    async def fence(self) -> None:
        return  # a write to the disk is seen through before its lock is let go

    async def token(self, form: Format) -> Sensitive | None:
        content = await asyncio.to_thread(self._read)
        return self._token_in(form, content) if content is not None else None

    def replaced(self, form: Format) -> Sensitive | None:
        return self._token_in(form, self._before) if self._before is not None else None

    async def material(self, form: Format) -> Sensitive:
        content = await asyncio.to_thread(self._read)
        if content is None:
            raise UsageError(f"{self.path} does not exist", "rotate it to write it anew")
        return content

    def _content(self, writing: Writing) -> Sensitive:
        """What the file is to hold."""
        credential = writing.credential
        if credential.format is None or credential.identity is None:
            raise ValueError("what is written must say its format and identity")
        return render_file(credential.format, writing.token, writing.endpoint, credential.identity)

    def _token_in(self, form: Format, content: Sensitive) -> Sensitive | None:
        """By what the content is told from another; None where it holds none."""
        return token_in_file(form, content)

    def _read(self) -> Sensitive | None:
        with explained(self.path, "read"):
            target = destination(self.path)  # links that `write` will refuse are refused before a token is made
            if target.is_dir():
                raise FileError(f"{self.path} is a folder", "name a file in it")
            if not target.exists():
                return None
        return read_private(self.path, _LARGEST)


def as_on_disk(credential: Credential) -> Credential:
    """What the state says of a file, or that it is missing where somebody removed it. One stat; call it in a thread."""
    if credential.address.kind is not CredentialKind.FILE or credential.state is State.REVOKED:
        return credential
    if is_missing(credential.address):
        said = "its file is gone; rotate it to write it anew, or revoke it"
        return msgspec.structs.replace(credential, state=State.MISSING, message=said)
    return credential


def is_missing(address: Address) -> bool:
    """Whether a file that kubemint wrote is not there any more."""
    path = address.name
    return _is_gone(path) and _is_gone(path.rpartition("#")[0] or path)  # a merged one is called PATH#IDENTITY


def _is_gone(path: str) -> bool:
    try:
        os.stat(path)  # noqa: PTH116 - one call per file and look
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # may not be looked at: then nobody knows
        return False
    return False


def token_in_file(form: Format, content: Sensitive) -> Sensitive | None:
    """The token in a file that `render_file` made, None where there is none."""
    if form is Format.KUBECONFIG:
        return token_of(form, {KUBECONFIG_KEY: content})
    if form is Format.TOKEN:
        return token_of(form, {TOKEN_KEY: content})
    try:
        lines = content.reveal().splitlines()
        quoted = next((line for line in lines if line.startswith(f"{TOKEN_FILE_KEY}=")), "")
        values = shlex.split(quoted.partition("=")[2])
    except ValueError:  # not text, or quotes that do not close
        return None
    return Sensitive(values[0]) if values else None


def _refuse_loss(path: Path, content: Sensitive) -> None:
    """Never replace a kubeconfig somebody works with: the operator's own, or one with several ways in."""
    from tui.kube.errors import KubeError
    from tui.kube.kubeconfig import parse, precedence

    try:
        own = any(path.samefile(file) for file in precedence(None, os.environ) if file.exists())
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None
    if own:
        raise UsageError(
            f"{path} is your own kubeconfig", "choose another path; with --merge the new entries are put beside yours"
        )
    try:
        config = parse(content.reveal_bytes())
    except KubeError:
        return  # not a kubeconfig
    if len(config.users) > 1 or len(config.contexts) > 1:
        raise UsageError(
            f"{path} is a kubeconfig with other entries, which would be lost",
            "choose another path; with --merge the new entries are put beside them",
        )
