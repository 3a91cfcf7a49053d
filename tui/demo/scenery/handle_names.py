"""Names of handles as kubemint gives them, with a digest of what their annotations say; see `issuance.handle_names`.

The embedded fleet is below the issuance core, so what it makes beforehand follows the same rule in words of its own.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def handle_name(account: str, salt: str, request: str, secret: str, seconds: int, push: str = "") -> str:
    """The name of the handle of `NAMESPACE/NAME` for one Secret (`NAMESPACE/NAME`), for a token of so many seconds.

    For accounts with names of at most 28 characters.
    """
    pushes = [[secret, push]] if push else []
    said = ["handle", salt, [account, request, [secret], [], seconds, pushes]]
    number = int.from_bytes(hashlib.sha256(json.dumps(said).encode()).digest())
    digest = ""
    for _ in range(17):
        number, rest = divmod(number, len(_LETTERS))
        digest += _LETTERS[rest]
    return f"kubemint-{account.rpartition('/')[2]}-{salt}{digest}"
