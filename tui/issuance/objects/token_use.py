"""What is known of the use of a long-lived token, and when its cluster's cleaner will end it for not being used.

    use = token_use(credential, "v1.34.1", await noted_since(client))
    use.words                          # "never used", "never used since 2026-01-02", or "not known"

A server notes uses from the day on that its tracking says, which is the day that it first ran with it: an older token
may have been used before, and only where that day can be read is anything known of what was not noted.

The cleaner (LegacyServiceAccountTokenCleanUp) only takes what servers before 1.24 made by themselves and no pod mounts.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui.issuance.model.types import Credential
from tui.kube.errors import KubeError
from tui.kube.resource import CONFIG_MAPS

from .token_secret import CLEAN_UP_PERIOD, day

if TYPE_CHECKING:
    from tui.kube.client import Client

TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
"""The ConfigMap in kube-system in which a server says since which day it notes uses."""
_NAMESPACE: Final = "kube-system"

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


async def noted_since(client: Client) -> date | None:
    """From which day on this cluster notes uses; None where it does not say, or may not be asked. Never raises
    KubeError."""
    try:
        found: dict[str, Any] = await client.get(CONFIG_MAPS, TRACKING, namespace=_NAMESPACE)
    except KubeError:
        return None
    return day(str((found.get("data") or {}).get("since", "")))


def token_use(credential: Credential, version: str, since: date | None = None) -> TokenUse:
    """What a server of this version (empty: not known) says of it, and will do. It notes uses `since` that day, where
    that could be read."""
    found = _VERSION.match(version)
    minor = int(found[1]) if found is not None else 0
    used = credential.last_used
    if used is None and since is not None:
        made = credential.issued_at
        if made is not None and made.date() >= since:
            return TokenUse("never used", f"its cluster records uses since {since}, before it was created")
        return TokenUse(f"never used since {since}", "its cluster records uses since that day")
    if used is None:
        if minor >= _NOTES_USE:
            why = "no use is recorded; since when is not known"
            return TokenUse("not known", why)
        older = (
            f"{version} does not record that, servers do since 1.26" if minor else "its server's version is not known"
        )
        return TokenUse("not known", older)
    if minor < _CLEANS or credential.invalid_since is not None or not made_by_cluster(credential):
        return TokenUse()
    return TokenUse(invalidated_from=used + CLEAN_UP_PERIOD, deleted_from=used + 2 * CLEAN_UP_PERIOD)
