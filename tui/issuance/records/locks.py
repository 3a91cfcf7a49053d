"""One worker per address on this machine: a lock file for each, released by the kernel however its holder ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tui.issuance.errors import ChangedMeanwhile, StateError
from tui.issuance.model.types import Address

from .state_file import WorksUnder, private_folder, which

_LONGEST: Final = 30.0
"""Seconds."""


class Locks:
    """The locks of one state folder. Two kubemints that share it never work on the same credential at once.

    In `works_under` stand the lock files that are held, so that the journal can be kept from those who lost theirs.
    Across machines nothing is locked; there the resourceVersion keeps two operators apart.
    """

    def __init__(self, folder: Path, works_under: WorksUnder | None = None) -> None:
        self._folder = folder / "locks"
        self._works_under: WorksUnder = works_under if works_under is not None else {}
        self._aside: dict[str, asyncio.Event] = {}
        """What is held for work that was not asked for just now, and what tells of its end."""
        self._own: set[str] = set()
        """What this process holds itself."""

    async def undisturbed(self, addresses: Iterable[Address]) -> None:
        """Wait, at most half a minute, while `hold_aside` holds any of them: that is no reason to refuse anybody."""
        keys = {_key(address) for address in addresses}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST):
                while busy := keys & self._aside.keys():
                    await self._aside[busy.pop()].wait()

    @contextlib.contextmanager
    def hold_aside(self, addresses: Iterable[Address]) -> Iterator[None]:
        """As `hold`, for tidying up: revoking what was replaced, finishing what was left open."""
        addresses = tuple(addresses)
        with self.hold(addresses):
            over = asyncio.Event()
            keys = {_key(address) for address in addresses}
            self._aside |= dict.fromkeys(keys, over)
            try:
                yield
            finally:
                for key in keys:
                    del self._aside[key]
                over.set()

    def held(self, address: Address) -> bool:
        """Whether someone holds it right now, here or in another process."""
        try:
            with self.hold((address,)):
                return False
        except ChangedMeanwhile:
            return True

    @contextlib.contextmanager
    def hold(self, addresses: Iterable[Address]) -> Iterator[None]:
        """Hold all of `addresses`, or raise ChangedMeanwhile at once and hold none."""
        addresses = tuple(addresses)
        with contextlib.ExitStack() as held:
            with _explained(self._folder):
                private_folder(self._folder.parent)  # which someone may have removed; the state says what that means
                self._folder.mkdir(mode=0o700, exist_ok=True)
            for key, address in sorted({_key(address): address for address in addresses}.items()):
                lock = FileLock(self._folder / key, timeout=0, mode=0o600, thread_local=False)
                try:
                    with _explained(self._folder):
                        held.enter_context(lock)
                except Timeout:
                    who = "this kubemint itself" if key in self._own else "another kubemint"
                    raise ChangedMeanwhile(
                        f"{who} is working on {address} right now", "wait for it, then look again"
                    ) from None
                self._own.add(key)
                held.callback(self._own.discard, key)
            for address in dict.fromkeys(addresses):
                with _explained(self._folder):
                    self._works_under[address] = (lock_file := self._folder / _key(address)), which(lock_file)
                held.callback(self._works_under.pop, address)
            yield


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except Timeout:  # which filelock calls an OSError
        raise
    except OSError as error:
        raise StateError(
            f"nothing can be locked in {folder}: {(error.strerror or type(error).__name__).lower()}",
            "set XDG_STATE_HOME to a folder that can be written",
        ) from None


def _key(address: Address) -> str:
    """One file is one key, by whichever link it is reached."""
    name = os.path.realpath(address.name) if address.is_file else str(address)
    return hashlib.sha256(name.encode()).hexdigest()[:32] + ".lock"
