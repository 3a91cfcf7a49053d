"""CSIDrivers that ask for tokens as rows: what a driver is given for each pod whose volumes it mounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tui.issuance.model.durations import format_duration
from tui.issuance.model.facts import Fact, Section, Tone
from tui.issuance.model.requests import Around, ConditionRow, RequestKind, RequestRow, row_of
from tui.kube.amounts import count
from tui.kube.errors import ProtocolError
from tui.kube.resource import CSI_DRIVERS

from .driver import TOKENS_KEY, Driver, dropped_text, findings, parse_driver, validate


def _read(cluster: str, obj: Mapping[str, Any]) -> RequestRow | None:
    """A CSIDriver that asks for tokens, wrongly or in vain too; None for one that does not."""
    try:
        driver = parse_driver(obj)
    except ProtocolError as error:
        return row_of(DRIVER, cluster, obj, ready="False", reason="Unreadable", conditions=(_note(error.message),))
    problems = validate(driver)
    if not driver.wishes and not problems and "tokenRequests" not in driver.lost:
        return None
    said = [*map(str, problems), *([dropped_text(driver.lost)] if driver.lost else [])]
    reason = "Invalid" if problems else "Declared" if driver.wishes else "Dropped"
    return row_of(
        DRIVER,
        cluster,
        obj,
        type=count(len(driver.wishes), "token") if driver.wishes else "",
        duration=", ".join(
            dict.fromkeys("1h" if wish.seconds is None else _span(wish.seconds) for wish in driver.wishes)
        ),
        target=", ".join(wish.audience or "the API server" for wish in driver.wishes),
        ready=str(reason == "Declared"),
        reason=reason,
        conditions=tuple(map(_note, said)),
        about=driver,
    )


def _note(message: str) -> ConditionRow:
    return ConditionRow(type="Valid", status="False", reason="Invalid", message=message)


def _details(row: RequestRow, around: Around) -> list[Section]:
    """What the driver asks for, how that is handed over, and what is wrong with it."""
    driver = row.about
    if not isinstance(driver, Driver):
        return [Section(row.title, around.standing()), around.conditions()]
    ready = around.ready(row)
    facts = [
        Fact("kind", row.kind.name),
        Fact("cluster", row.cluster),
        Fact("token settings", ready.value, ready.tone),
        Fact("republish", "yes" if driver.republish else "no", Tone.PLAIN,
             "about once a minute, with renewed tokens where they are due" if driver.republish
             else "tokens are given only at mount"),
        Fact("handed over in", driver.handed_over_in, Tone.PLAIN,
             f"serviceAccountTokenInSecrets is {'unset' if driver.in_secrets is None else str(driver.in_secrets)}"),
        Fact("under", TOKENS_KEY, Tone.MUTE),
    ]  # fmt: skip
    wishes = [
        Fact(wish.audience or "(own audience)", "1h, the default" if wish.seconds is None else _span(wish.seconds),
             Tone.PLAIN, "for the API server itself" if not wish.audience else "")
        for wish in driver.wishes
    ]  # fmt: skip
    problems = {str(problem) for problem in validate(driver)}
    known = [
        Fact("✖", text, Tone.BAD) if text in problems else Fact("!", text, Tone.WARN)
        for text in findings(driver, around.version)
    ]
    next_step = "`kubemint csi preview` shows what the driver is given for a pod; tokens are minted only on demand"
    return [
        Section(row.name, facts),
        Section("token requests", wishes or [Fact("", "none that the server kept", Tone.WARN)]),
        *([Section("findings", known)] if known else []),
        Section("preview", [Fact("", next_step, Tone.MUTE)]),
    ]


def _span(seconds: int) -> str:
    try:
        return format_duration(timedelta(seconds=seconds))
    except OverflowError:
        return f"{seconds} s"


DRIVER: Final = RequestKind(
    resource=CSI_DRIVERS, title="CSI drivers", label="CSI driver", read=_read, details=_details, enter="csi_preview",
    why="CSI drivers that ask for tokens", builtin=True,
)  # fmt: skip
REQUESTS: Final = (DRIVER,)
