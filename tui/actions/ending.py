"""Ending credentials before their time."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tui.fleet.names import short_address
from tui.fleet.rows import Row
from tui.issuance import Address, Control, Field, asking as ask, irrevocable

from . import fitting as fit
from .action import Action, Needs, Question


def _refuses(row: Row) -> str:
    credential = fit.credential_of(row)
    why = irrevocable(credential) if credential is not None else None
    return f"It cannot be revoked: {why[0]}. {why[1].capitalize()}." if why else ""


TOKEN_FILES: Final = Field(
    id="token_files", flags=("--token-file",), metavar="FILE", many=True,
    help="The token in this file, from any cluster: bare, or in a kubeconfig or a manifest. Repeatable.",
)  # fmt: skip
SURE: Final = Field(
    id="yes", flags=("-y", "--yes"), control=Control.TICK, default=False, help="Do not ask for confirmation."
)
WAIT: Final = Field(
    id="until_refused", flags=("--wait",), control=Control.TICK, default=False,
    help="Wait until the server refuses it: up to ten seconds, or a minute if a finalizer holds the handle.",
)  # fmt: skip
REVOKE: Final = Action[Address](
    name="revoke", title="Revoke", says="end it; asks first",
    key="ctrl+d", key_display="^d", footer=True, needs=Needs.SOME, mutates=True, fits=fit.MATERIAL, refuses=_refuses,
    of=fit.address_of, title_of=lambda address: short_address(str(address)),
    plan=lambda engine, address, **words: engine.plan_revoke(address, **words),
    question=Question("It stops working for everyone who uses it, and cannot be restored.", destroys=True),
    fields=(replace(ask.ADDRESSES, metavar="WHAT"), TOKEN_FILES, SURE, WAIT), verb=("revoke",),
)  # fmt: skip
