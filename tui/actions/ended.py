"""How something ended, in the words of its task: how long it is good for, until when, and where it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tui.fleet.moments import lifetime, stamp
from tui.issuance import Action as Did, Outcome, State
from tui.kube.paths import short_path

from .action import Host

_SECOND: Final = timedelta(seconds=1)


def words_of(outcome: Outcome, host: Host) -> str:
    """What came of it; empty where there is nothing to say."""
    credential = outcome.credential
    if outcome.action in (Did.KEEP, Did.DELETE):
        last = next((result.message for result in reversed(outcome.results) if result.message), "")
        return last.partition("; ")[0]  # the step itself says the rest
    if credential is None or outcome.action.value == "revoke" or credential.state is State.REVOKED:
        return ""
    if credential.expires_at is None:
        return credential.message if credential.state is State.VALID else ""
    from tui.fleet.decode import credential_row  # not needed for a first frame, and brings all that reads objects

    kept = f", kept in {short_path(credential.kept_in)}" if credential.kept_in else ""
    level = f"{credential.shoot.level.value}, " if credential.shoot is not None else ""
    asked, granted = credential.requested, credential.granted
    capped = f" (requested {lifetime(asked)}, capped)" if asked and granted and asked - granted > _SECOND else ""
    good = granted
    if outcome.action is Did.UNDO and granted is not None:  # what is put back is not new
        good, capped = min(granted, credential.expires_at - host.now(credential_row(credential))), ""
    return f"{level}{lifetime(good)} left{capped}, until {stamp(credential.expires_at)}{kept}"
