"""The one type that carries secret material.

Tokens, keys and kubeconfigs live in a `Sensitive` from the moment they are read or issued until the moment they are
written to where they belong. It cannot be printed, logged, formatted, pickled, copied into JSON or shown in a
traceback by accident; whoever needs the bytes says so with `reveal`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, NoReturn

MASK: Final = "••••••••"
_LOOKS: Final = re.compile(r"(?:eyJ|ZXlK)[A-Za-z0-9_\-+/=]{8,}|-----BEGIN |client-key-data|LS0tLS1CRUdJTi")
"""How a token, a PEM block and a kubeconfig begin, in Base64 or not."""


def looks_secret(text: str) -> bool:
    """Whether a text that someone typed or pasted seems to hold a token, a key or a kubeconfig."""
    return _LOOKS.search(text) is not None


class Sensitive:
    """Secret text or bytes that only `reveal` gives away.

    Equality takes constant time; the hash and `fingerprint` come from SHA-256, so neither can be turned back.
    """

    __slots__ = ("_material",)

    def __init__(self, material: str | bytes) -> None:
        self._material: bytes = material.encode() if isinstance(material, str) else bytes(material)

    def reveal(self) -> str:
        """The material as text (UTF-8). Raises UnicodeDecodeError where it is not text."""
        try:
            return self._material.decode()
        except UnicodeDecodeError:
            pass
        raise UnicodeDecodeError("utf-8", b"", 0, 0, "not text")  # the decoder's own holds all of the material

    def reveal_bytes(self) -> bytes:
        """The material as bytes."""
        return self._material

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of SHA-256: enough to recognise material, useless to recover it."""
        return hashlib.sha256(self._material).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._material)

    def __bool__(self) -> bool:
        return bool(self._material)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensitive):
            return NotImplemented
        return hmac.compare_digest(self._material, other._material)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Sensitive({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("secret material is never pickled")
