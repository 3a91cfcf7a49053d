"""What can be done about DPU requests beside rotating them: create, keep, delete, abandon, show to a pod.

A screen hands itself over with the rows it means; nothing here is drawn, and whatever destroys asks first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from tui.actions.fitting import address_of
from tui.fleet.names import short_address
from tui.fleet.query import cluster_of
from tui.fleet.rows import CREDENTIAL_REQUESTS, CredentialRow, RequestKind, RequestRow
from tui.issuance.dpf.wishes import Abandon, Delete
from tui.issuance.errors import IssuanceError
from tui.issuance.types import Address, Plan
from tui.kube.errors import KubeError

from . import work
from .describe import kept_by_controller, title_of
from .intended import Intended

if TYPE_CHECKING:
    from tui.issuance.dpf import DPURequestDraft

    from .jobs import Task
    from .working import WorkingScreen

_MOST_NAMED: Final = 5


def new(screen: WorkingScreen) -> None:
    """Ask for a new request, filled in from what is chosen, and create it."""
    from .new_request import NewRequestScreen

    session, rows = screen.session, screen.chosen()
    row = rows[0] if len(rows) == 1 else None
    clusters = _hosts(screen, cluster_of(row) if row is not None else "")
    dialog = NewRequestScreen(
        clusters,
        cluster=clusters[0] if clusters else "",
        namespace=row.namespace if isinstance(row, RequestRow | CredentialRow) else "",
        targets=_targets(screen),
        strangers=_strangers(screen),
    )

    def made(draft: DPURequestDraft) -> None:
        screen.begin("create request", [work.create_request(session, draft)])

    def intended(draft: DPURequestDraft) -> Intended:
        return Intended(work.title_of(draft), partial(session.engine.plan, draft))

    screen.ask(dialog, "create request", made, intended)


def keep(screen: WorkingScreen) -> None:
    """Bring the chosen requests to their desired state; where DPF's controller does that, only after a yes."""
    session, addresses = screen.session, screen.chosen_addresses()
    tended = {
        address: said
        for row in screen.chosen()
        if isinstance(row, RequestRow)
        and (address := address_of(row)) is not None
        and (said := kept_by_controller(session, row))
    }

    def begin() -> None:
        tasks = [work.keep(session, address, take_over=address in tended) for address in addresses]
        screen.begin("keep", tasks, asked=bool(tended))

    if not tended:
        begin()
        return
    from .confirm import ConfirmScreen

    def sure(yes: bool | None) -> None:
        if yes:
            begin()

    body = ["DPF's controller keeps these requests already:", ""]
    body += [f"{short_address(str(address))}: {said}" for address, said in [*tended.items()][:_MOST_NAMED]]
    body += [f"and {len(tended) - _MOST_NAMED} more"] if len(tended) > _MOST_NAMED else []
    body += ["", "Two at once only get into each other's way. r renews a token and leaves the rest to it."]
    screen.app.push_screen(ConfirmScreen("Take over from DPF's controller?", body, verb="Take over"), sure)


def delete(screen: WorkingScreen) -> None:
    """Delete the chosen requests and all that was made for them, after a word was typed."""
    session, addresses = screen.session, screen.chosen_addresses()
    _ask(
        screen,
        addresses,
        lambda address: session.engine.plan(Delete(address)),
        lambda address: work.delete_request(session, address),
        verb="delete",
    )


def abandon(screen: WorkingScreen) -> None:
    """Let a request go whose deletion is stuck, after saying what stays and a word was typed."""
    session, addresses = screen.session, screen.chosen_addresses()
    _ask(
        screen,
        addresses,
        lambda address: session.engine.plan(Abandon(address)),
        lambda address: work.abandon_request(session, address),
        verb="abandon",
    )


def snippet(screen: WorkingScreen) -> None:
    """Show how a pod uses the Secret of the chosen row."""
    from .snippet import SnippetScreen

    for address in screen.chosen_addresses()[:1]:
        screen.app.push_screen(SnippetScreen(screen.session, address, title_of(screen.chosen()[0])))


def _ask(
    screen: WorkingScreen,
    addresses: list[Address],
    planning: Callable[[Address], Awaitable[Plan]],
    task: Callable[[Address], Task],
    *,
    verb: str,
) -> None:
    """Say what ends, from the plans themselves, and begin once the word is typed."""
    rows = screen.chosen()
    one = len(rows) == 1
    word = title_of(rows[0]).rsplit("/", 1)[-1] if one else f"{verb} {len(addresses)}"

    async def look() -> None:
        from .confirm import ConfirmScreen

        if one:
            try:
                warnings = (await planning(addresses[0])).warnings
            except (IssuanceError, KubeError, OSError) as error:
                screen.failed(error)
                return
            points = [text if text.endswith(":") else f"- {text}" for text in warnings]
            body = [f"{title_of(rows[0])}  ({cluster_of(rows[0])})", "", *points]
        else:
            body = [f"{title_of(row)}  ({cluster_of(row)})" for row in rows[:8]] + (["…"] if len(rows) > 8 else [])
            body += ["", "Their accounts, tokens and Secrets go with them; whoever uses them is refused within 10 s."]
        title = f"{verb.capitalize()} this request?" if one else f"{verb.capitalize()} {len(rows)} requests?"

        def sure(yes: bool | None) -> None:
            if yes:
                screen.begin(verb, [task(address) for address in addresses], asked=True)

        confirm = ConfirmScreen(title, body, type_to_confirm=word, verb=verb.capitalize())
        screen.app.push_screen(confirm, sure)

    screen.run_worker(look(), group="preview", exclusive=True, exit_on_error=False)


def _hosts(screen: WorkingScreen, first: str) -> list[str]:
    """Clusters that a request can be made in: those that know its kind come first."""
    strangers = _strangers(screen)
    return sorted(screen.writable_clusters(first), key=lambda name: name in strangers)


def _strangers(screen: WorkingScreen) -> set[str]:
    """Clusters that do not know the kind of request."""
    return {row.name for row in screen.session.store.clusters.values() if CREDENTIAL_REQUESTS in row.lacks}


def _targets(screen: WorkingScreen) -> dict[str, list[str]]:
    """DPUClusters that requests of a cluster already lead to."""
    found: dict[str, set[str]] = {}
    for row in screen.session.store.requests.values():
        if row.target and row.kind is RequestKind.DPU:
            found.setdefault(row.cluster, set()).add(row.target)
    return {cluster: sorted(targets) for cluster, targets in found.items()}
