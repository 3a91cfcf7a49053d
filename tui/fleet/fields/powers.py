"""The fields of what an account or a credential can do, in the order of their JSON."""

from __future__ import annotations

from typing import Final

from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import Power

from .field import Field, signed

FIELDS: Final[tuple[Field[Power], ...]] = (
    Field("severity", "SEVERITY", lambda row, now: signed(SEVERITIES[row.severity]),
          value=lambda row: row.severity.value, key=lambda row: float(row.severity.rank), json="severity",
          screen=1, prints=1, least=10),
    Field("why", "WHICH MEANS", value=lambda row: row.why, tone=Tone.STRONG, json="why",
          screen=2, prints=2, least=20, tight=62, most=74),
    Field("verbs", "MAY", value=lambda row: ", ".join(row.verbs), json="verbs", data=lambda row, now: list(row.verbs),
          screen=3, prints=3, least=8, tight=16, most=44, drop=1),
    Field("on", "ON", value=lambda row: on(row), screen=4, prints=4, least=12, tight=20, most=70),
    Field("resources", json="resources", data=lambda row, now: list(row.resources)),
    Field("names", json="resourceNames", data=lambda row, now: list(row.names)),
    Field("urls", json="nonResourceURLs", data=lambda row, now: list(row.urls)),
    Field("through", "THROUGH", value=lambda row: "; ".join(row.through), tone=Tone.MUTE, json="through",
          data=lambda row, now: list(row.through), screen=5, prints=5, least=16, tight=24, most=80, drop=2),
    Field("everywhere", json="everywhere", data=lambda row, now: row.everywhere),
)  # fmt: skip


def on(power: Power) -> str:
    """Resources or paths, and the names they are narrowed to."""
    text = ", ".join(power.resources or power.urls)
    return f"{text} ({', '.join(power.names)})" if power.names else text
