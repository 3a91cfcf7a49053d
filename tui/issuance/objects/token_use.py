"""What is known of the use of a long-lived token, and when its cluster's cleaner will end it for not being used.

    use = token_use(credential, "v1.34.1")
    use.words                          # "never used" where the server notes uses, "not known" where it does not

The cleaner (LegacyServiceAccountTokenCleanUp) only takes what servers before 1.24 made by themselves and no pod mounts.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from tui.issuance.model.types import Credential

from .token_secret import CLEAN_UP_PERIOD

_VERSION: Final = re.compile(r"v?1\.(\d+)")
_NOTES_USE: Final = 26
"""From this minor version on servers note the day of the last use."""
_CLEANS: Final = 29
"""From this one on the cleaner runs unless it was turned off."""


class TokenUse(NamedTuple):
    """`words` are empty where the day of the last use is known; the days are None where the cleaner leaves it alone."""

    words: str = ""
    why: str = ""
    invalidated_from: date | None = None
    """The first day on which the cleaner invalidates it, if it is not used before."""
    deleted_from: date | None = None


def made_by_cluster(credential: Credential) -> bool:
    """Whether it is called as the token controller of servers before 1.24 calls what it makes: ACCOUNT-token-xxxxx."""
    account = credential.identity.name if credential.identity is not None else ""
    return re.fullmatch(rf"{re.escape(account)}-token-[a-z0-9]{{5}}", credential.address.name) is not None


def token_use(credential: Credential, version: str) -> TokenUse:
    """What a server of this version (empty: not known) says of it, and will do."""
    found = _VERSION.match(version)
    minor = int(found[1]) if found is not None else 0
    used = credential.last_used
    if used is None:
        if minor >= _NOTES_USE:
            return TokenUse("never used", "as far as its cluster noted it, which servers do since 1.26")
        older = f"{version} does not note that, servers do since 1.26" if minor else "its server's version is not known"
        return TokenUse("not known", older)
    if minor < _CLEANS or credential.invalid_since is not None or not made_by_cluster(credential):
        return TokenUse()
    return TokenUse(invalidated_from=used + CLEAN_UP_PERIOD, deleted_from=used + 2 * CLEAN_UP_PERIOD)
