"""The keys whose dialogs or pages are drawn by hand, by the action that they belong to.

What an action fits, what is wrong with its fields, how it is planned and its command line stand in its definition; all
other keys are made from that alone (`doing`). Screens are imported when they are opened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from tui.actions import jobs
from tui.actions.clusters import CONNECT, Entry
from tui.actions.csi import CSI_PREVIEW
from tui.actions.exporting import EXPORT, copies, own_files
from tui.actions.fitting import address_of, credential_of
from tui.actions.journal import EXPORT_JOURNAL, JournalWish
from tui.actions.meant import Meant
from tui.actions.table import ACTIONS, BY_NAME, NOVELTIES
from tui.fleet.query import cluster_of
from tui.fleet.rows import ClusterRow, Row
from tui.issuance import AccessLevel, CSIDriver, IssuanceError
from tui.kube.errors import KubeError
from tui.kube.text import safe_text
from tui.screens.clipboard import copy, sent
from tui.screens.describe import title_of
from tui.screens.session import PageName

from . import doing

if TYPE_CHECKING:
    from tui.actions.csi import CsiWish
    from tui.issuance import Delivery, JournalEntry
    from tui.screens.dialogs.choosing import Rest
    from tui.screens.renewing import LoopWish

    from .working import WorkingScreen


class Journal(Protocol):
    """What is shown of the journal: of the newest `limit` entries those that the filter `text` finds, oldest first."""

    text: str

    @property
    def shown(self) -> list[JournalEntry]: ...
    @property
    def limit(self) -> int | None: ...


def export_journal(screen: WorkingScreen) -> None:
    """Ask where to, and write what is shown of the journal."""
    from tui.screens.dialogs.files import ExportJournalScreen

    journal = screen.journal()
    if journal is None:
        return

    entries = journal.shown
    path = screen.kubemint.export_folder / "journal.jsonl"
    form = ExportJournalScreen(path, shown=len(entries), text=journal.text, limit=journal.limit, entries=entries)

    def chosen(wish: JournalWish | None) -> None:
        if wish is not None:
            doing.begin(screen, EXPORT_JOURNAL, wish)

    screen.app.push_screen(form, chosen)


def export(screen: WorkingScreen) -> None:
    """Ask where to, with a preview; of many rows only whether, each to a file of its own."""
    rows = [row for row in screen.chosen() if credential_of(row) is not None]
    if len(rows) == 1:
        doing.by_form(screen, EXPORT)
    elif rows:
        _many(screen, rows)


def _many(screen: WorkingScreen, rows: list[Row]) -> None:
    from tui.screens.dialogs.confirm import ConfirmScreen

    folder = screen.kubemint.export_folder
    each = [Meant(EXPORT, wish, row) for row, wish in copies(folder, rows)]

    def sure(yes: bool | None) -> None:
        if yes:
            screen.begin("export", [jobs.task(screen.session, EXPORT, one.wish, meant=one) for one in each])

    names = [path.name for _, path in own_files(folder, rows)]
    body = [f"Each of the {len(each)} marked credentials is written to a file of its own:", ""]
    body += names[:8] + (["…"] if len(names) > 8 else []) + ["", f"in {folder}"]
    body += screen.left_alone()
    screen.app.push_screen(ConfirmScreen(f"Export {len(each)} credentials", body, verb="Export"), sure)


def snippet(screen: WorkingScreen) -> None:
    """Show how a pod uses the Secret of the chosen row."""
    from tui.screens.dialogs.snippet import SnippetScreen

    for address in screen.chosen_addresses()[:1]:
        screen.app.push_screen(SnippetScreen(screen.session, address, title_of(screen.chosen()[0])))


def connect(screen: WorkingScreen) -> None:
    """Offer what can be done with the cluster apart at the cursor. One that is being made has only details."""
    from tui.screens.dialogs.choosing import EnteringScreen

    row = screen.what_is_asked().row
    if not isinstance(row, ClusterRow):
        return
    apart = row.apart
    if apart is None or not row.server or screen.session.read_only:
        screen.do("details")
        return

    def chosen(choice: str | None) -> None:
        if choice == "kubeconfig":
            with screen.at(row):
                doing.by_form(screen, BY_NAME[apart.sort.file])
        elif choice:
            doing.begin(screen, CONNECT, Entry(row.name, AccessLevel(choice)))

    screen.app.push_screen(EnteringScreen(row.name, apart), chosen)


def csi_preview(screen: WorkingScreen) -> None:
    """Show what a CSI driver is given for a pod; mint it only when that is asked for."""
    from tui.screens.dialogs.csi_preview import CsiPreviewScreen, TokensScreen

    session, row = screen.session, screen.what_is_asked().row
    drivers = [one for one in session.store.requests.values() if isinstance(one.about, CSIDriver)]
    drivers.sort(key=lambda one: (one.cluster, one.name))

    def wished(wish: CsiWish | None) -> None:
        if wish is None:
            return
        if wish.path is None:
            screen.app.push_screen(TokensScreen(session, wish))
        else:
            doing.begin(screen, CSI_PREVIEW, wish)

    first = row.key if row is not None else ""
    screen.app.push_screen(
        CsiPreviewScreen(session, drivers, first=first, folder=screen.kubemint.export_folder), wished
    )


def renewal_loop(screen: WorkingScreen) -> None:
    """Off where it is on; else ask what it is to keep."""
    from tui.screens.dialogs.loop_dialog import LoopScreen

    renewing = screen.kubemint.renewing
    if renewing.on:
        renewing.off()
        screen.notify("the renewal loop is off; what it has begun is finished", markup=False, timeout=4)
        return
    marked = screen.chosen_addresses() if screen.marking else []
    if screen.marking and not marked:
        said = "the renewal loop is for credentials, and none is marked: ctrl+\\ clears all marks"
        screen.notify(said, markup=False, severity="warning", timeout=6)
        return

    def chosen(wish: LoopWish | None) -> None:
        if wish is not None:
            renewing.start(wish)
            screen.done_with_marks()

    screen.app.push_screen(LoopScreen(screen.session, marked, screen.left_alone()), chosen)


def snooze(screen: WorkingScreen) -> None:
    """No alerts of the chosen ones for a while."""
    from tui.screens.dialogs.choosing import SnoozeScreen

    alerting, addresses, rows = screen.kubemint.alerting, screen.chosen_addresses(), screen.chosen()
    if not addresses:
        return

    def chosen(rest: Rest | None) -> None:
        if rest is None:
            return
        for address in addresses:
            if rest.over:
                alerting.wake(address)
            else:
                alerting.snooze(address, rest.lasts)
        screen.done_with_marks()

    what = safe_text(title_of(rows[0]), 40) if len(rows) == 1 else f"{len(addresses)} credentials"
    snoozed = any(alerting.alerts.is_snoozed(address) for address in addresses)
    screen.app.push_screen(SnoozeScreen(what, snoozed=snoozed), chosen)


def trust(screen: WorkingScreen) -> None:
    """Ask whether the cluster at the cursor is entered; nothing is sent there before the answer."""
    from tui.screens.dialogs.trust import TrustScreen

    rows, fleet = screen.chosen(), screen.session.fleet
    row = rows[0] if len(rows) == 1 else None
    if not isinstance(row, ClusterRow) or fleet is None:
        return

    def answered(delivery: Delivery | None) -> None:
        if delivery is not None:
            screen.run_worker(_enter(screen, delivery), group="trust", exit_on_error=False)

    screen.app.push_screen(TrustScreen(row.name, partial(fleet.delivery, row.name), _own(screen)), answered)


async def _enter(screen: WorkingScreen, delivery: Delivery) -> None:
    fleet = screen.session.fleet
    assert fleet is not None
    try:
        await fleet.trust(delivery)
    except (IssuanceError, KubeError) as error:
        screen.failed(error)
        return
    screen.notify(f"{delivery.by.cluster} is connected from now on", markup=False, timeout=4)


def _own(screen: WorkingScreen) -> dict[str, str]:
    """The servers of one's own clusters, by name."""
    rows = screen.session.store.clusters.values()
    return {row.name: row.server for row in rows if row.delivered is None and not row.told_only and row.server}


def new(screen: WorkingScreen) -> None:
    """Ask what is to be made, of what fits."""
    from tui.screens.dialogs.choosing import ChooseNewScreen

    aimed = screen.kubemint.keyboard.aim(screen)

    def chosen(action: str | None) -> None:
        if action and screen.kubemint.keyboard.entry(screen, aimed, action):
            screen.do(action)

    entries = [entry for entry in NOVELTIES if screen.check_action(entry.name, ())]
    screen.app.push_screen(ChooseNewScreen(entries), chosen)


def inspect(screen: WorkingScreen) -> None:
    """Show what the material says."""
    from tui.screens.dialogs.reading import InspectScreen

    for address in screen.chosen_addresses()[:1]:
        screen.app.push_screen(InspectScreen(screen.session, address, title_of(screen.chosen()[0])))


def reveal(screen: WorkingScreen) -> None:
    """Show the material itself, once it is sure whose it is."""
    from tui.screens.dialogs.reveal import RevealScreen

    addresses = screen.chosen_addresses()[:1]
    if addresses and not screen.rested:
        screen.notify("its row has only just come under the cursor: look, then press it again", markup=False, timeout=4)
        return
    for address in addresses:
        screen.app.push_screen(RevealScreen(screen.session, address, title_of(screen.chosen()[0])))


def yaml(screen: WorkingScreen) -> None:
    """Show the object."""
    from tui.screens.dialogs.reading import YamlScreen

    screen.app.push_screen(YamlScreen(screen.session, screen.chosen()[0]))


def equivalent(screen: WorkingScreen) -> None:
    """Show what does the same as every key that is possible now."""
    from tui.screens.dialogs.equivalents import Equivalent, EquivalentsScreen

    asked, rows = screen.what_is_asked(), screen.chosen()
    found: list[Equivalent] = []
    rest = []
    for action in ACTIONS:
        if action.name in ("equivalent", "new") or not screen.check_action(action.name, ()):
            continue
        lines = action.lines(asked)
        found += [Equivalent(action, line) for line in lines]
        rest += [] if lines else [action]
    title = title_of(rows[0]) if len(rows) == 1 else f"{len(rows)} rows"
    screen.app.push_screen(EquivalentsScreen(title, found, rest, screen.kubemint.command_options))


def copy_address(screen: WorkingScreen) -> None:
    """Put the address into the terminal's clipboard."""
    row = screen.chosen()[0]
    address = address_of(row)
    text = str(address) if address is not None else row.key
    screen.notify(copy(screen.app, text) or sent("the address"), markup=False, timeout=6)


def inspector(screen: WorkingScreen) -> None:
    """Look at something that is pasted."""
    from tui.screens.dialogs.inspector import InspectorScreen

    screen.app.push_screen(InspectorScreen(screen.session))


def _page(name: PageName) -> Callable[[WorkingScreen], None]:
    return lambda screen: screen.kubemint.open_page(name, screen.chosen()[0])


BY_HAND: Final[dict[str, Callable[[WorkingScreen], None]]] = {
    "export": export,
    "export_journal": export_journal,
    "new": new,
    "connect": connect,
    "inspect": inspect,
    "yaml": yaml,
    "details": _page(PageName.DETAIL),
    "reveal": reveal,
    "snooze": snooze,
    "renewal_loop": renewal_loop,
    "snippet": snippet,
    "csi_preview": csi_preview,
    "lineage": _page(PageName.LINEAGE),
    "powers": _page(PageName.POWERS),
    "who": _page(PageName.WHO),
    "findings": lambda screen: screen.kubemint.open_page(PageName.FINDINGS, None),
    "calendar": lambda screen: screen.kubemint.open_page(PageName.CALENDAR, None),
    "inspector": inspector,
    "equivalent": equivalent,
    "copy": copy_address,
    "trust": trust,
    "reconnect": lambda screen: screen.kubemint.reconnect(cluster_of(screen.chosen()[0])),
}
