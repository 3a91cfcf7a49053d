"""What a rotation or a revocation ends, and who may still use it: looked up while the question is on the screen.

Everything is read, nothing is changed; what cannot be found out is said in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui.issuance.errors import IssuanceError
from tui.issuance.lineage import subject_of_account
from tui.issuance.lineage_users import users_of
from tui.kube.errors import KubeError

from .intended import Intended
from .jobs import AT_ONCE
from .session import Session

if TYPE_CHECKING:
    from tui.issuance.lineage_tree import Node
    from tui.issuance.types import Credential, Plan

MOST_PLANS: Final = 8
MOST_USERS: Final = 6


async def consequences(session: Session, intended: Sequence[Intended], credentials: Sequence[Credential]) -> list[str]:
    """Lines for a dialog: who may still use it, then what ends by each plan, with what to know about it."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def foreseen(one: Intended) -> list[str]:
        async with slots:
            await one.foresee()
        return _ending(one, alone=len(intended) == 1)

    async def used(credential: Credential, *, account: bool) -> list[str]:
        async with slots:
            return await _users(session, credential, account=account)

    shown = intended[:MOST_PLANS]
    ends = await asyncio.gather(*map(foreseen, shown))
    account = any(_ends_account(one.plan) for one in shown)
    users = await asyncio.gather(*(used(credential, account=account) for credential in credentials[:MOST_PLANS]))
    left = len(intended) - len(shown)
    found = list(dict.fromkeys(line for lines in users for line in lines))
    return [
        "Who may still use it:",
        *(found[:MOST_USERS] or ["- nobody that can be seen in the cluster; whoever has a copy of it"]),
        *([f"- … and {len(found) - MOST_USERS} more; l shows all"] if len(found) > MOST_USERS else []),
        "",
        "What happens:",
        *(line for lines in ends for line in lines),
        *([f"… and {left} more"] if left > 0 else []),
    ]


def _ending(one: Intended, *, alone: bool) -> list[str]:
    """What a plan deletes, and its warnings."""
    lines = [] if alone else [one.title]
    if one.plan is None:
        return [*lines, f"- {one.error}{f': {one.hint}' if one.hint else ''}"]
    for step in one.plan.steps:
        if step.verb == "delete":
            where = "/".join(part for part in (step.namespace, step.name) if part)
            lines.append(f"- {step.title}" + ("" if where in step.title else f" ({where} of {step.cluster})"))
    return lines + [f"- {warning}" for warning in one.plan.warnings]


def _ends_account(plan: Plan | None) -> bool:
    """Whether every token of the account ends with it."""
    return plan is not None and any(step.verb == "delete" and step.resource == "serviceaccounts" for step in plan.steps)


async def _users(session: Session, credential: Credential, *, account: bool) -> list[str]:
    """Who reads the Secret it is kept in. Pods that only run as the account have tokens of their own."""
    if credential.identity is None or session.fleet is None:
        return []
    try:
        found = await users_of(session.fleet, subject_of_account(credential.identity, credential.address), [credential])
    except (KubeError, IssuanceError) as error:
        return [f"- that could not be asked: {error}"]
    lines = [_user(node) for node in found.children if account or node.kind != "Pod" or _reads(node)]
    return lines + ([f"- not all could be asked: {found.problem}"] if found.problem else [])


def _reads(node: Node) -> bool:
    return any(child.kind == "uses" for child in node.children)


def _user(node: Node) -> str:
    how = [f"{child.name}, {child.note}" if child.note else child.name for child in node.children]
    return f"- {node.kind} {node.name}: {'; '.join(how) or node.note}"
