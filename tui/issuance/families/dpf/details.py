"""What there is to say about one DPUServiceCredentialRequest."""

from __future__ import annotations

from tui.issuance.model.facts import Fact, Section, Tone
from tui.issuance.model.renewal import state_of
from tui.issuance.model.requests import Around, RequestRow
from tui.issuance.model.types import State

from .waiting import waits_for


def details(row: RequestRow, around: Around) -> list[Section]:
    """What is wanted, what it waits for, how that went, and what was issued."""
    wish = [
        Fact("kind", row.kind.name),
        Fact("kept by", row.cluster),
        Fact("type", row.type or "–"),
        Fact("lifetime", row.duration or "the server's default (1h)"),
        Fact("account", row.account or "–"),
        Fact("target", row.target or "the cluster that keeps it"),
        Fact("secret", row.secret or "–"),
        around.when("created", row.created_at),
    ]
    issued = [Fact("", "nothing yet; `kubemint rotate` issues it", Tone.MUTE)]
    return [
        Section(f"{row.namespace}/{row.name}", wish),
        Section("waits for", _waits_for(row, around)),
        around.conditions(),
        Section("what was issued", around.issued(row.credential) if row.credential is not None else issued),
    ]


def _waits_for(row: RequestRow, around: Around) -> list[Fact]:
    """Who has to do what next, in words."""
    others = (one for one in around.requests.values() if one.cluster == row.cluster)
    lines = waits_for(
        state=state_of(row.credential, around.now) if row.credential is not None else State.PENDING,
        conditions=[(one.type, one.status, one.reason, one.message) for one in row.conditions],
        deleted_at=row.deleted_at,
        tended=row.kind.kept_by(row, others, around.now),
    )
    first, *rest = lines
    tone = Tone.GOOD if first.startswith("Nothing:") else Tone.STRONG
    return [Fact("", first, tone), *(Fact("", line) for line in rest)]
