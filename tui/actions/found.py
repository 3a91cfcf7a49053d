"""What is done with a token that somebody found and no list shows: it is looked for, as `kubemint revoke -` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance import Sought, Traced, UsageError

from .action import Action, Answer

if TYPE_CHECKING:
    from .action import Host


async def _verify(host: Host, traced: Traced) -> Answer:
    """Ask the one cluster that has its account. Raises UsageError where it may be another one's."""
    token = traced.sought.token if traced.sought is not None else None
    if token is None or traced.identity is None:
        raise UsageError("no cluster here recognises it", "it is sent to none")
    if not traced.search.whole:
        raise UsageError(
            f"not every cluster said whether it has its account ({traced.search.words})",
            f"a token is sent to no cluster on its word alone: {traced.search.again}",
        )
    found = await host.engine.verify_pasted(token, traced.identity.cluster)
    said = found.message or ("accepted" if found.ok else "refused")
    return Answer(f"{said} by {traced.identity.cluster}", found.hint, ok=found.ok)


REVOKE_FOUND: Final = Action[Sought](
    name="revoke_found", title="Revoke", says="revoke what was found", job="revoke", mutates=True,
    plan=lambda engine, sought, **words: engine.plan_revoke_sought(sought, **words),
)  # fmt: skip
VERIFY_FOUND: Final = Action[Traced](
    name="verify_found", title="Verify", says="ask the cluster that has its account", job="verify", run=_verify,
    title_of=lambda traced: traced.what,
)  # fmt: skip
