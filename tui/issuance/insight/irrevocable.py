"""What cannot be revoked: why, when it ends by itself, and what can be done instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.model.types import Credential, State
from tui.kube import shell

if TYPE_CHECKING:
    from tui.issuance.model.types import ShootAccess

_STOP: Final = "set enableStaticTokenKubeconfig: false on the shoot; {} replaces it"


def irrevocable(credential: Credential) -> tuple[str, str] | None:
    """Why this one cannot be revoked, with when it ends, and what can be done; None for what has a handle or may."""
    if credential.certified:
        return (
            f"it is a client certificate, which ends at {end_of(credential)}",
            "take away what is bound to its user and groups; keep such certificates short",
        )
    if credential.shoot is None:
        return None
    if credential.state is State.ENDLESS:
        return "it is a shoot's static token, which never ends", how_to_stop(credential.shoot)
    return (
        f"it is a client certificate, which ends at {end_of(credential)}",
        "earlier only for all users, by a new client CA of the shoot; keep such certificates short-lived",
    )


def end_of(credential: Credential) -> str:
    return f"{credential.expires_at:%Y-%m-%d %H:%M:%S} UTC" if credential.expires_at else "an unknown time"


def how_to_stop(shoot: ShootAccess) -> str:
    """What a person can do about one: Gardener made it and Gardener takes it away."""
    return _STOP.format(shell.command("kubemint", "issue", "--shoot", f"{shoot.namespace}/{shoot.name}"))
