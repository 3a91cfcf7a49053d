"""Identities: accounts that mint short-lived tokens for themselves, with a long-lived one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tui.fleet.names import short_address
from tui.issuance.types import Address

from . import asking as ask
from . import fitting as fit
from .action import Action, Needs

TOKEN: Final = replace(ask.ADDRESS, metavar="ADDRESS|FILE")
REACTIVATE: Final = Action[Address](
    name="reactivate", title="Re-activate", says="let a token work again that its cluster invalidated",
    needs=Needs.SOME, mutates=True, fits=fit.INVALIDATED, job="re-activate",
    of=fit.address_of, title_of=lambda address: short_address(str(address)),
    plan=lambda engine, address, **words: engine.plan_reactivate(address, **words),
    fields=(TOKEN,), make=lambda values: values["address"], verb=("identity", "reactivate"),
)  # fmt: skip
