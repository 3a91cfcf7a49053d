"""What can be done about DPU requests beside rotating them: keep, delete, abandon, show to a pod.

A screen hands itself over with the rows it means; nothing here is drawn, and whatever destroys asks first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui.fleet.query import cluster_of
from tui.issuance.errors import IssuanceError
from tui.issuance.running import explain
from tui.issuance.types import Address, Plan
from tui.kube.errors import KubeError
from tui.kube.text import safe_text

from . import work
from .describe import controller_at, title_of

if TYPE_CHECKING:
    from .jobs import Task
    from .working import WorkingScreen


def keep(screen: WorkingScreen) -> None:
    """Bring the chosen requests to their desired state; where DPF's controller does that, only after a yes."""
    session, addresses = screen.session, screen.chosen_addresses()
    tended = {
        cluster: said
        for cluster in dict.fromkeys(address.cluster for address in addresses)
        if (said := controller_at(session, cluster))
    }

    def begin() -> None:
        tasks = [work.keep(session, address, take_over=address.cluster in tended) for address in addresses]
        screen.begin("keep", tasks, asked=bool(tended))

    if not tended:
        begin()
        return
    from .confirm import ConfirmScreen

    def sure(yes: bool | None) -> None:
        if yes:
            begin()

    body = ["DPF's controller keeps these requests already:", ""]
    body += [f"{cluster}: {said}" for cluster, said in tended.items()]
    body += ["", "Two at once only get into each other's way. r renews a token and leaves the rest to it."]
    screen.app.push_screen(ConfirmScreen("Take over from DPF's controller?", body, verb="Take over"), sure)


def delete(screen: WorkingScreen) -> None:
    """Delete the chosen requests and all that was made for them, after a word was typed."""
    session, addresses = screen.session, screen.chosen_addresses()
    _ask(
        screen,
        addresses,
        lambda address: session.engine.plan_delete_request(address),
        lambda address: work.delete_request(session, address),
        verb="delete",
    )


def abandon(screen: WorkingScreen) -> None:
    """Let a request go whose deletion is stuck, after saying what stays and a word was typed."""
    session, addresses = screen.session, screen.chosen_addresses()
    _ask(
        screen,
        addresses,
        lambda address: session.engine.plan_abandon_request(address),
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
                message, hint = explain(error)
                said = f"{message}: {hint}" if hint else message
                screen.notify(safe_text(said), markup=False, severity="error", timeout=15)
                return
            body = [f"{title_of(rows[0])}  ({cluster_of(rows[0])})", "", *warnings]
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
