"""A destination that kubemint has not: a "vault", which is a folder of files. All that it takes is in this file."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from tui.issuance.destinations.place import Held, Need, PlaceWay
from tui.issuance.errors import ChangedMeanwhile, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.material import Foreseen, Writing
from tui.issuance.model.types import Destination, State
from tui.kube.sensitive import Sensitive


class VaultDestination(Destination, msgspec.Struct, frozen=True, tag="vault"):
    """One key of the vault."""

    key: str

    @classmethod
    def ways(cls) -> tuple[PlaceWay, ...]:
        return (VAULT,)

    @property
    def said(self) -> str:
        return self.key

    def place(self, need: Need) -> VaultPlace:
        return VaultPlace(self, need)


class VaultPlace:
    """The same at work. What is in it is told by its bytes; whose it is, by this machine's record."""

    def __init__(self, wanted: VaultDestination, need: Need) -> None:
        self.address = wanted.address(need.identity)
        self.cluster = self.uid = self.request = self.version = ""
        self.path = None
        self.label = f"vault {wanted.key}"
        self._file = Path(os.environ["TOY_VAULT"]) / wanted.key.replace("/", "_")
        self._state = need.state
        self._before: Sensitive | None = None
        self._written = False

    async def look(self) -> Held:
        there, record = self._read(), self._state.export_record(self.address)
        self.version = there.fingerprint if there is not None else ""
        if record is None or record.credential.state is State.REVOKED:
            if there is not None and record is None:
                raise UsageError(f"{self.label} is already in use", "choose another key")
            return Held(exists=there is not None)
        return Held(exists=there is not None, credential=record.credential, request=record.request)

    async def foresee(self, writing: Writing) -> Foreseen:
        return Foreseen(text="***", exists=bool(self.version), hint="a key of the vault")

    async def write(self, writing: Writing) -> str:
        self._before = self._read()
        if (self._before.fingerprint if self._before is not None else "") != self.version:
            raise ChangedMeanwhile(f"{self.label} was changed by another client")
        self._file.write_bytes(writing.content.reveal_bytes())
        self._written = True
        return "written"

    async def check(self, writing: Writing) -> str | None:
        if self._read() != writing.content:
            raise ChangedMeanwhile(f"{self.label} does not hold what was just written")
        return None

    async def restore(self) -> str:
        if self._written and self._before is not None:
            self._file.write_bytes(self._before.reveal_bytes())
        elif self._written:
            self._file.unlink(missing_ok=True)
        self._written = False
        return ""

    async def fence(self) -> None:
        return

    async def token(self, form: Format) -> Sensitive | None:
        there = self._read()
        return form.rules.token_of(form.rules.from_file(there)) if there is not None else None

    def replaced(self, form: Format) -> Sensitive | None:
        return form.rules.token_of(form.rules.from_file(self._before)) if self._before is not None else None

    async def material(self, form: Format) -> Sensitive:
        there = self._read()
        if there is None:
            raise UsageError(f"{self.label} holds nothing", "rotate it to write it again")
        return there

    def _read(self) -> Sensitive | None:
        return Sensitive(self._file.read_bytes()) if self._file.exists() else None


def a_key(text: str) -> str:
    if text.startswith("/"):
        raise UsageError("a key of the vault begins with no /")
    return text


VAULT = PlaceWay(
    "a key of the vault", "--vault", "KEY", "Key", "Keep it under this key of the vault.",
    read=a_key, make=lambda text, cluster: VaultDestination(text), suggest=lambda usual: f"kv/{usual.object}",
)  # fmt: skip

DESTINATION = VaultDestination
