"""The fields of who else could become an account, in the order of their JSON."""

from __future__ import annotations

from typing import Any, Final

from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import Becomer

from .field import Field, signed

_SAID: Final = {None: "", True: "yes", False: "no"}


def who(row: Becomer) -> dict[str, Any]:
    """The subject as bindings spell it."""
    subject = {"kind": row.kind, "name": row.name}
    return subject | ({"namespace": row.namespace} if row.namespace else {})


FIELDS: Final[tuple[Field[Becomer], ...]] = (
    Field("severity", "SEVERITY", lambda row, now: signed(SEVERITIES[row.severity]),
          value=lambda row: row.severity.value, key=lambda row: float(row.severity.rank), json="severity",
          screen=1, prints=1, least=10),
    Field("subject", "WHO", value=lambda row: row.subject, tone=Tone.STRONG, json="subject",
          data=lambda row, now: who(row), screen=2, prints=2, least=20, tight=36, most=70),
    Field("way", "BY", value=lambda row: row.way.value, json="way", screen=3, prints=3, least=11),
    Field("why", "WHICH MEANS", value=lambda row: row.why, json="why", screen=4, prints=4,
          least=16, tight=30, most=74, drop=1),
    Field("through", "THROUGH", value=lambda row: "; ".join(row.through), tone=Tone.MUTE, json="through",
          data=lambda row, now: list(row.through), screen=5, prints=5, least=16, tight=24, most=80, drop=2),
    Field("confirmed", "SERVER SAYS", value=lambda row: _SAID[row.confirmed], json="confirmed",
          data=lambda row, now: row.confirmed, screen=6, prints=10, least=6, drop=3),
    Field("strong", json="strong", data=lambda row, now: row.strong),
)  # fmt: skip
