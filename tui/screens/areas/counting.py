"""How many credentials are in each state, of the very rows that a list shows, so that neither contradicts the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from tui.fleet.rows import CredentialRow, Row
from tui.issuance import Credential, State, state_of
from tui.screens.session import Session


class _Judged(NamedTuple):
    """The state of a row, and until when that counts by this machine's clock; None: until it is another row."""

    row: Row
    state: State
    until: datetime | None


class StateCounts:
    """Counts as often as it is asked: a row is only judged again once it is another one, or time has changed it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._judged: dict[str, _Judged] = {}
        self.states: Counter[State] = Counter()
        self.until: datetime | None = None
        """When time changes one of them; None where it never will."""

    def count(self, rows: Iterable[Row]) -> bool:
        """Count these. Whether they are other numbers than before."""
        now, before, known = self._session.now(), self.states, self._judged
        self._judged, states = {}, Counter[State]()
        for row in rows:
            if not isinstance(row, CredentialRow):
                continue
            judged = known.get(row.key)
            if judged is None or judged.row is not row or (judged.until is not None and judged.until <= now):
                judged = self._judge(row, now)
            self._judged[row.key] = judged
            states[judged.state] += 1
        self.states = states
        self.until = min((one.until for one in self._judged.values() if one.until is not None), default=None)
        return states != before

    def passed(self) -> bool:
        """Whether time changed a state since they were counted."""
        return self.until is not None and self.until <= self._session.now()

    def _judge(self, row: CredentialRow, now: datetime) -> _Judged:
        there = self._session.now(row)
        ahead = [at for at in _turns(row.credential) if at is not None and at >= there]
        return _Judged(row, state_of(row.credential, there), min(ahead) - (there - now) if ahead else None)


def _turns(credential: Credential) -> Iterable[datetime | None]:
    """The instants at which its state may become another one."""
    return credential.issued_at, credential.rotate_at, credential.expires_at, credential.ends_by
