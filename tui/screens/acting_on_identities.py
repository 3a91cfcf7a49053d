"""What can be done about identities and their long-lived tokens: create, mint with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.actions.fitting import is_own_token
from tui.fleet.names import short_path
from tui.fleet.query import cluster_of, identity_of
from tui.fleet.rows import AccountRow, CredentialRow, Row
from tui.issuance.types import Address

from . import replacing, work
from .intended import Intended

if TYPE_CHECKING:
    from tui.issuance.identity import IdentityWish
    from tui.issuance.self_issue import SelfWish

    from .session import Session
    from .working import WorkingScreen


def create(screen: WorkingScreen) -> None:
    """Ask for a new identity, filled in from what is chosen, and create it."""
    from .new_identity import NewIdentityScreen

    rows = screen.chosen()
    identity = identity_of(rows[0]) if len(rows) == 1 and isinstance(rows[0], AccountRow) else None
    clusters = screen.writable_clusters(cluster_of(rows[0]) if rows else "")

    engine = screen.session.engine
    dialog = NewIdentityScreen(clusters, folder=screen.kubemint.export_folder, identity=identity)

    def made(wish: IdentityWish) -> None:
        task, plan = work.create_identity(screen.session, wish), partial(engine.plan, wish)
        replacing.begin(screen, "create identity", wish.path, task, work.title_of(wish), plan)

    def intended(wish: IdentityWish) -> Intended:
        return Intended(work.title_of(wish), partial(screen.session.engine.plan, wish))

    screen.ask(dialog, "create identity", made, intended)


def mint(screen: WorkingScreen) -> None:
    """Ask for a short-lived token that the chosen identity mints with a token of its own."""
    row = screen.chosen()[0]
    identity = identity_of(row)
    sources = own_tokens(screen.session, row)
    if identity is None or not sources:
        screen.notify(
            "no long-lived token of it is known to mint with: n i makes it an identity that has one",
            markup=False, severity="warning", timeout=8,
        )  # fmt: skip
        return
    from .new_identity import MintScreen

    def made(wish: SelfWish) -> None:
        task, plan = work.mint(screen.session, wish), partial(screen.session.engine.plan, wish)
        replacing.begin(screen, "mint", wish.out, task, work.title_of(wish), plan)

    def intended(wish: SelfWish) -> Intended:
        return Intended(work.title_of(wish), partial(screen.session.engine.plan, wish))

    screen.ask(MintScreen(identity, sources, folder=screen.kubemint.export_folder), "mint", made, intended)


def own_tokens(session: Session, row: Row) -> list[tuple[str, Address]]:
    """The long-lived tokens that an account, or the one that a row holds, can mint with: files before Secrets."""
    if isinstance(row, CredentialRow):
        rows = [row]
    else:
        identity = identity_of(row)
        rows = session.store.credentials_of(identity) if identity is not None else []
    found = [one.credential for one in rows if is_own_token(one)]
    found.sort(key=lambda credential: not credential.address.here)
    return [(short_path(credential.kept_in), credential.address) for credential in found]
