"""The labels of rows, as every list has them: `label:app=web` of a filter, `-l` and `-o json` come from here."""

from __future__ import annotations

from typing import Any, Final

from tui.fleet.signs import Tone

from .field import NEVER, Field


def said(row: Any) -> str:
    """`key=value` of each, in their order."""
    return " ".join(f"{key}={value}" for key, value in sorted(row.labels.items()))


LABELS: Final[Field[Any]] = Field(
    "labels", "LABELS", value=said, tone=Tone.MUTE, words=("label",), json="labels",
    data=lambda row, now: row.labels, screen=NEVER, prints=NEVER, most=70,
)  # fmt: skip
"""Of the object that a row is read from; what is read from none, as a file, has none."""
