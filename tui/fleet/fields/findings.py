"""The fields of findings: what is wrong with a credential, and what to do. Their JSON is `issuance.hygiene.record`."""

from __future__ import annotations

from typing import Final

from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import HYGIENE_RULES, Finding
from tui.kube.paths import short_path

from .field import NEVER, Field, signed

FIELDS: Final[tuple[Field[Finding], ...]] = (
    Field("severity", "SEVERITY", lambda row, now: signed(SEVERITIES[row.severity]),
          value=lambda row: row.severity.value, key=lambda row: float(row.severity.rank), screen=1, prints=1, least=10),
    Field("rule", "RULE", value=lambda row: row.rule, plain=True, screen=NEVER, prints=2),
    Field("title", "FINDING", value=lambda row: HYGIENE_RULES[row.rule].title, tone=Tone.STRONG, sort="finding",
          screen=2, prints=NEVER, least=16, tight=26, most=40),
    Field("about", "ABOUT", value=lambda row: about(row), also=lambda row: row.path,
          screen=3, prints=NEVER, least=16, tight=30, most=64, middle=True),
    Field("subject", "SUBJECT", value=lambda row: row.subject, plain=True, screen=NEVER, prints=3),
    Field("cluster", "CLUSTER", value=lambda row: row.cluster, tone=Tone.MUTE,
          screen=4, prints=NEVER, least=8, tight=12, most=28, drop=3, middle=True),
    Field("message", "BECAUSE", value=lambda row: row.message, tone=Tone.MUTE, sort="because",
          screen=5, prints=4, least=16, tight=24, most=120, drop=2),
    Field("action", "WHAT TO DO", value=lambda row: row.action, screen=NEVER),
    Field("command", "COMMAND", value=lambda row: row.command, screen=NEVER),
    Field("fix", "F DOES", value=lambda row: row.fix.value, tone=Tone.INFO, screen=6, prints=NEVER, least=6, drop=1),
)  # fmt: skip


def about(finding: Finding) -> str:
    """What a finding is about, as short as it can be said beside its cluster."""
    address = finding.address
    if address is not None and not address.here:
        kind = address.label
        return f"{kind} {address.namespace}/{address.name}" if address.namespace else f"{kind} {address.cluster}"
    if finding.identity is not None and not finding.path:
        return f"account {finding.identity.namespace}/{finding.identity.name}"
    if finding.path and finding.subject not in (finding.path, str(address)):
        return f"{finding.subject} in {short_path(finding.path)}"
    return short_path(finding.path) if finding.path else finding.subject
