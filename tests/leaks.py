"""Looking for material where it must not be: every token and key of a fleet, in every spelling that may hide it.

A piece from the middle of each secret is enough to count, so that cut-off and wrapped copies are found too.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tui.demo.apiserver.pki import SigningKey

PIECE = 40
"""Bytes of a secret that are looked for: far more than a fingerprint, far less than the whole."""


@contextlib.contextmanager
def every_signed_token() -> Iterator[list[str]]:
    """The tokens that any API server of this process signs from now on; the list grows."""
    tokens: list[str] = []
    sign = SigningKey.sign

    def remember(key: SigningKey, claims: Any) -> str:
        token = sign(key, claims)
        tokens.append(token)
        return token

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SigningKey, "sign", remember)
        yield tokens


@dataclasses.dataclass(frozen=True)
class Find:
    """A secret that was found. It says which and where, and never what."""

    where: str
    secret: str
    spelling: str


def spellings(secret: bytes) -> dict[str, bytes]:
    """A piece of `secret` as it is, and as base64 and base64url at each of the three alignments."""
    start = max(0, (len(secret) - PIECE) // 2)
    piece = secret[start : start + PIECE]
    found = {"raw": piece}
    for offset in range(3):
        # the characters that also depend on the neighbours of the piece are cut off at both ends
        skip = {0: 0, 1: 2, 2: 3}[offset]
        text = base64.b64encode(b"\0" * offset + piece)[skip:]
        text = text[: len(text) - 4]
        found[f"base64+{offset}"] = text
        found[f"base64url+{offset}"] = text.translate(bytes.maketrans(b"+/", b"-_"))
    return found


class Hunt:
    """The secrets to look for. Give `search` everything that a program left behind."""

    def __init__(self) -> None:
        self._needles: dict[bytes, tuple[str, str]] = {}

    def add(self, name: str, secret: str | bytes) -> None:
        """One secret; of a token the signature counts, since claims are no secret."""
        content = secret.encode() if isinstance(secret, str) else secret
        if content.count(b".") == 2 and content.startswith(b"ey"):
            content = content.rpartition(b".")[2]
        assert len(content) >= PIECE, f"{name} is too short to be looked for"
        for spelling, piece in spellings(content).items():
            self._needles.setdefault(piece, (name, spelling))

    def __len__(self) -> int:
        return len({name for name, _ in self._needles.values()})

    def search(self, where: str, content: bytes) -> Iterator[Find]:
        """Every secret in `content`, also where line breaks or blanks were put into it."""
        joined = re.sub(rb"[\s\\]+", b"", content)
        for piece, (name, spelling) in self._needles.items():
            if piece in content or piece in joined:
                yield Find(where, name, spelling)

    def search_files(self, folder: Path, *, but: Iterable[Path] = ()) -> Iterator[Find]:
        """Every secret in every file below `folder`, in its name too, except in the files `but`."""
        allowed = {path.resolve() for path in but}
        for path in sorted(folder.rglob("*")):
            yield from self.search(f"the name of {path.name[:8]}…", str(path.name).encode())
            if path.is_file() and not path.is_symlink() and path.resolve() not in allowed:
                yield from self.search(str(path.relative_to(folder)), path.read_bytes())
