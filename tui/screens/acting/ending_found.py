"""Ending what was pasted: its row, or what is looked for. It was found by what it is, so no word has to be typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.actions import jobs
from tui.actions.ending import REVOKE
from tui.actions.fitting import address_of, credential_of
from tui.actions.found import REVOKE_FOUND
from tui.actions.meant import Meant
from tui.fleet.query import cluster_of
from tui.fleet.rows import Row
from tui.kube.text import safe_text
from tui.screens.describe import title_of
from tui.screens.dialogs.consequences import consequences

from .doing import intended, revoke_handles

if TYPE_CHECKING:
    from tui.issuance import Traced

    from .working import WorkingScreen


def revoke_found(screen: WorkingScreen, traced: Traced, row: Row | None) -> None:
    """Ask whether it ends, and end it: the credential of its `row`, where a list shows it."""
    from tui.screens.dialogs.confirm import ConfirmScreen

    address = address_of(row) if row is not None else None
    if row is not None and address is not None:
        if why := REVOKE.refuses(row):
            screen.notify(safe_text(why), markup=False, severity="warning", timeout=12)
            return
        meant = Meant(REVOKE, address, row)
        shown = intended(screen, REVOKE, address)
        shown.meant = meant
        task = jobs.task(screen.session, REVOKE, address, shown=shown, meant=meant)
        head = f"{title_of(row)}  ({cluster_of(row)})"
    elif traced.sought is not None and traced.identity is not None and not traced.search.whole:
        _ask_unsure(screen, traced, traced.identity.cluster)
        return
    elif traced.sought is not None:
        shown = intended(screen, REVOKE_FOUND, traced.sought)
        task = jobs.task(screen.session, REVOKE_FOUND, traced.sought, shown=shown)
        head = f"{traced.what}{f' of {traced.identity}' if traced.identity is not None else ''}"
    elif traced.handle is not None:
        revoke_handles(screen, [traced.handle])
        return
    else:
        return
    credential = credential_of(row)

    def sure(yes: bool | None) -> None:
        if yes:
            screen.begin("revoke", [task], asked=True)

    question = ConfirmScreen(
        "Revoke what was pasted?",
        [head, "", "It stops working for everyone who uses it, and cannot be restored."],
        more=partial(consequences, screen.session, [shown], [credential] if credential is not None else []),
    )
    screen.app.push_screen(question, sure)


def _ask_unsure(screen: WorkingScreen, traced: Traced, cluster: str) -> None:
    """The same where others did not say whether it is theirs. Looking what would end shows the token to that cluster:
    so it is asked before, and the yes names the cluster, as an option of the command line does."""
    from tui.screens.dialogs.confirm import ConfirmScreen

    search, sought = traced.search, traced.sought
    assert sought is not None
    others = ", ".join([*search.away, *search.closed])

    def sure(yes: bool | None) -> None:
        if yes:
            task = jobs.task(screen.session, REVOKE_FOUND, sought, clusters=[cluster])
            screen.begin("revoke", [task], asked=True)

    body = [
        f"{traced.what} of {traced.identity}", "",
        "It stops working for everyone who uses it, and cannot be restored.", "",
        f"{cluster} says that it has its account. These did not say whether they have it: {others}.",
        f"If you go on, {cluster} is shown the token: do so only if you trust {cluster} to be the one that issued it.",
    ]  # fmt: skip
    screen.app.push_screen(ConfirmScreen(f"Revoke it in {safe_text(cluster, 60)}?", body), sure)
