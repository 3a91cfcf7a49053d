"""Rotating and revoking: what starts at once, and what asks first, saying what ends and who may still use it.

A screen hands itself over with the rows it means; nothing here is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tui.fleet.names import short_address
from tui.fleet.query import cluster_of
from tui.fleet.rows import CredentialRow, RequestRow, Row
from tui.issuance.revoking_plans import irrevocable
from tui.issuance.types import Address, Credential
from tui.kube.text import safe_text

from . import work
from .asking import asks, how_many
from .describe import title_of
from .intended import Intended

if TYPE_CHECKING:
    from .jobs import Task
    from .working import WorkingScreen


def rotate(screen: WorkingScreen) -> None:
    """Renew what is chosen: one at once, several after a yes; where the settings say so, one after a yes too."""
    session, rows = screen.session, screen.chosen()
    tasks = [task for row in rows if (task := work.rotate_row(session, row)) is not None]
    if not asks("rotate", len(tasks), session.settings.confirm):
        screen.begin("rotate", tasks)
        return
    intended = [one for row in rows if (one := work.rotation_of(session, row)) is not None]
    said = ["A new one is issued, proved and put in its place. Then the old one ends."]
    if len(tasks) > 1:
        said = [f"{how_many(task.cluster for task in tasks)}.", "", *said]
    _ask(screen, rows, intended, tasks, verb="rotate", said=said)


def revoke(screen: WorkingScreen) -> None:
    """End what is chosen, after a word was typed; one without it where the settings say that nothing asks."""
    session, rows, addresses = screen.session, screen.chosen(), screen.chosen_addresses()
    if not addresses:
        return
    credentials = _credentials(rows)
    if len(rows) == 1 and credentials and (why := irrevocable(credentials[0])):
        screen.notify(safe_text(f"It cannot be revoked: {why[0]}. {why[1].capitalize()}."), markup=False,
                      severity="warning", timeout=12)  # fmt: skip
        return
    tasks = [work.revoke(session, address) for address in addresses]
    if len(tasks) == 1 and not session.settings.asks(destructive=True):
        screen.begin("revoke", tasks, asked=True)
        return
    intended = [
        Intended(short_address(str(address)), partial(session.engine.plan_revoke, address)) for address in addresses
    ]
    word = title_of(rows[0]).rsplit("/", 1)[-1] if len(rows) == 1 else f"revoke {len(rows)}"
    said = ["It ends for everybody who uses it, and cannot be brought back."]
    if len(tasks) > 1:
        said = [f"{how_many(task.cluster for task in tasks)}.", "", *said]
    _ask(screen, rows, intended, tasks, verb="revoke", said=said, word=word)


def revoke_handles(screen: WorkingScreen, addresses: Sequence[Address]) -> None:
    """End the tokens bound to handles that no row shows, after one question."""
    from .confirm import ConfirmScreen
    from .consequences import consequences

    session = screen.session
    tasks = [work.revoke(session, address) for address in addresses]
    intended = [
        Intended(short_address(str(address)), partial(session.engine.plan_revoke, address)) for address in addresses
    ]
    one = len(addresses) == 1
    said = [f"{addresses[0].namespace}/{addresses[0].name}  ({addresses[0].cluster})"] if one else []
    said += [] if one else [f"{how_many(address.cluster for address in addresses)}."]
    said += ["", "Whoever has the token that is bound to it is shut out; no list here shows who that is."]

    def sure(yes: bool | None) -> None:
        if yes:
            screen.begin("revoke", tasks, asked=True)

    title = "Revoke this handle?" if one else f"Revoke {len(addresses)} handles?"
    screen.app.push_screen(ConfirmScreen(title, said, more=partial(consequences, session, intended, ())), sure)


def _ask(
    screen: WorkingScreen,
    rows: Sequence[Row],
    intended: Sequence[Intended],
    tasks: Sequence[Task],
    *,
    verb: str,
    said: list[str],
    word: str = "",
) -> None:
    from .confirm import ConfirmScreen
    from .consequences import consequences

    body = [f"{title_of(rows[0])}  ({cluster_of(rows[0])})", ""] if len(rows) == 1 else []
    name = verb.capitalize()
    title = f"{name} this credential?" if len(rows) == 1 else f"{name} {len(rows)} credentials?"

    def sure(yes: bool | None) -> None:
        if yes:
            screen.begin(verb, tasks, asked=True)

    found = partial(consequences, screen.session, intended, _credentials(rows), rotates=verb == "rotate")
    said = [*said, *screen.left_alone()]
    screen.app.push_screen(ConfirmScreen(title, [*body, *said], type_to_confirm=word, verb=name, more=found), sure)


def _credentials(rows: Sequence[Row]) -> list[Credential]:
    return [
        row.credential for row in rows if isinstance(row, CredentialRow | RequestRow) and row.credential is not None
    ]
