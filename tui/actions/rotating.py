"""Renewing what exists, and going back."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tui.fleet.names import short_address
from tui.fleet.rows import RequestRow, Row
from tui.issuance import Address, Control, Field, asking as ask

from . import fitting as fit
from .action import Action, Needs, Question
from .lines import Asked, Line, kubectl

if TYPE_CHECKING:
    from tui.issuance import Engine, Plan, Wish


def title_of(what: Address | Wish) -> str:
    """What is renewed."""
    return short_address(str(what))


def plan_rotate(engine: Engine, what: Address | Wish, **words: bool) -> Awaitable[Plan]:
    """How it is renewed."""
    return engine.plan_rotate(what, **words) if isinstance(what, Address) else engine.plan(what)


def _of(row: Row) -> Address | Wish | None:
    if isinstance(row, RequestRow) and row.kind.renewing is not None:
        return row.kind.renewing.wish(row)
    return fit.address_of(row)


def _lines(asked: Asked) -> list[Line]:
    """What a request carries is renewed; then its operator is made to look at it."""
    lines = ROTATE.by_verb(asked)
    for row in asked.rows:
        if isinstance(row, RequestRow) and row.kind.renewing is not None:
            mark, how = row.kind.renewing.mark(asked.now), ("annotate", "--overwrite")
            at = (row.kind.resource, row.namespace, row.name)
            lines.append(kubectl(asked, row.cluster, how, "PATCH", *at, mark))
    return lines


BACKUP: Final = Field(
    id="given", flags=("--from",), metavar="FILE", read=lambda text: Path(text) if text else None, word=True,
    help="A file that still holds the old token, such as a backup.",
)  # fmt: skip
REVIVE: Final = Field(
    id="revive", flags=("-y", "--yes"), control=Control.TICK, default=False, word=True,
    help="Also rotate what was revoked: issue a new credential.",
)  # fmt: skip
UNMAKE: Final = Field(
    id="unmake", flags=("-y", "--yes"), control=Control.TICK, default=False, word=True,
    help="Also undo an issue or a copy into a Secret: take the Secret away and end what was issued.",
)  # fmt: skip
_ROTATION: Final[dict[str, Any]] = {
    "needs": Needs.SOME, "fits": fit.ROTATABLE, "job": "rotate", "of": _of, "title_of": title_of, "plan": plan_rotate,
    "fields": (ask.ADDRESSES, REVIVE), "verb": ("rotate",),
    "argument": lambda what: str(what) if isinstance(what, Address) else "",
}  # fmt: skip

ROTATE: Final = Action["Address | Wish"](
    name="rotate", title="Rotate", says="renew now, make before break", key="r", footer=True, mutates=True,
    question=Question("A new one is issued, tested and written. Then the old one is revoked."),
    command=_lines, **_ROTATION,
)  # fmt: skip
FORESEE: Final = Action["Address | Wish"](
    name="foresee", title="Dry run of a rotation", says="every call and every destination, before anything is done",
    key="D", label="dry run", words=("dry-run", "plan"), only_shows=True,
    ends=("--dry-run",), **_ROTATION,
)  # fmt: skip
UNDO: Final = Action[Address](
    name="undo", title="Undo the rotation", says="back to the old one, while its grace period runs",
    key="u", label="undo the rotation", needs=Needs.SOME, mutates=True, fits=fit.MATERIAL,
    of=fit.address_of, title_of=title_of, plan=lambda engine, address, **given: engine.plan_undo(address, **given),
    fields=(ask.ADDRESS, BACKUP, UNMAKE), make=lambda values: values["address"], verb=("undo",),
)  # fmt: skip
