"""What a rotation or a revocation ends, and who may still use it: looked up while the question is on the screen.

Everything is read, nothing is changed; what cannot be found out is said in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from tui.actions.intended import Intended
from tui.actions.jobs import each
from tui.issuance import IssuanceError, format_duration, user_said, users_of_one
from tui.kube.errors import KubeError
from tui.screens.session import Session

if TYPE_CHECKING:
    from tui.issuance import Credential

MOST_PLANS: Final = 8
MOST_USERS: Final = 6


async def consequences(
    session: Session, intended: Sequence[Intended], credentials: Sequence[Credential], *, rotates: bool = False
) -> list[str]:
    """Lines for a dialog: who uses it, who only runs as its account, then what ends by each plan."""

    async def foreseen(one: Intended) -> list[str]:
        await one.foresee()
        return _ending(one, alone=len(intended) == 1)

    shown = intended[:MOST_PLANS]
    ends = await each(shown, foreseen, lambda one: one.cluster)
    steps = [step for one in shown if one.plan is not None for step in one.plan.steps]
    # then every token of the account ends with it
    account = any(step.verb == "delete" and step.resource == "serviceaccounts" for step in steps)
    users = await each(credentials[:MOST_PLANS], partial(_users, session), lambda one: one.address.cluster)
    uses = list(dict.fromkeys(line for found, _ in users for line in found))
    runs = list(dict.fromkeys(line for _, found in users for line in found))
    left = len(intended) - len(shown)
    lasts = await _longest(session, credentials) if rotates and len(intended) > 1 else []
    it, whose = ("it", "its account") if len(intended) == 1 else ("them", "their accounts")
    also = f"Who runs as {whose}, with tokens that end too:"
    title = also if account else f"Who only runs as {whose}, with tokens that stay:"
    return [
        *([*lasts, ""] if lasts else []),
        f"Who uses {it}:",
        *(_some(uses) or ["- no user of it is visible in the cluster; anyone with a copy of it"]),
        *(["", title, *_some(runs)] if runs else []),
        "",
        "What happens:",
        *(line for lines in ends for line in lines),
        *([f"… and {left} more"] if left > 0 else []),
    ]


async def _longest(session: Session, credentials: Sequence[Credential]) -> list[str]:
    """For how long the old ones work, at the longest, and for whom."""
    lengths = await session.engine.graces_of(credentials)
    if not lengths:
        return []
    longest = max(lengths, key=lambda one: one.grace)
    usual = min(one.grace for one in lengths)
    if not longest.reasons:
        return [f"The old ones work for {format_duration(longest.grace)}, then they end."]
    more = sum(one.grace == longest.grace for one in lengths) - 1
    others = f"; so do {more} more" if more else ""
    how_long = f"{format_duration(usual)}, the longest of them for {format_duration(longest.grace)}"
    return [f"The old ones work for {how_long}: {'; '.join(longest.reasons)}{others}"]


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_USERS
    return lines[:MOST_USERS] + ([f"- … and {more} more; l shows all"] if more > 0 else [])


def _ending(one: Intended, *, alone: bool) -> list[str]:
    """What a plan deletes, and its warnings."""
    lines = [] if alone else [one.title]
    if one.plan is None:
        return [*lines, f"- {one.error}{f': {one.hint}' if one.hint else ''}"]
    for step in one.plan.steps:
        if step.verb == "delete":
            where = "/".join(part for part in (step.namespace, step.name) if part)
            lines.append(f"- {step.title}" + ("" if where in step.title else f" ({where} of {step.cluster})"))
    return lines + [f"- {one.speaks(warning)}" for warning in one.plan.warnings]


async def _users(session: Session, credential: Credential) -> tuple[list[str], list[str]]:
    """Who reads the Secret it is kept in, and who runs as its account without that."""
    if credential.identity is None or session.fleet is None:
        return [], []
    try:
        found = await users_of_one(session.fleet, credential)
    except (KubeError, IssuanceError) as error:
        return [f"- that could not be asked: {error}"], []
    if found is None:
        return [], []
    reading = {node.name for node in found.uses.children if node.kind == "Pod"}
    uses = [f"- {user_said(node)}" for node in found.uses.children]
    runs = [f"- {user_said(node)}" for node in found.runs.children if node.name not in reading]
    return uses + ([f"- not all could be asked: {found.uses.problem}"] if found.uses.problem else []), runs
