"""The dialog that wishes for a credential: whose, how long, in which form, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.actions.issuing import NEW_CREDENTIAL, begun, suggested
from tui.issuance import Identity, IssueSpec, Said

from .form import Form


class NewCredentialScreen(Form[IssueSpec]):
    """Asks for everything one credential needs."""

    heading = "New credential"
    verb = "Issue"
    problem_lines = 3
    starts = "duration"

    def __init__(
        self, clusters: Sequence[str], *, folder: Path, identity: Identity | None = None, lifetime: str = "1h"
    ) -> None:
        first = clusters[0] if clusters else ""
        super().__init__(NEW_CREDENTIAL, begun(first, identity, folder, lifetime), clusters)
        self._folder = folder

    def suggest(self, said: Said) -> Mapping[str, str]:
        return suggested(said, self._folder)
