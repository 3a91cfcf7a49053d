"""What was pasted: whose each thing in it is, where it lies and who uses it; the keys of the lists work on it.

Nothing of it is shown but what it says of itself, and it is forgotten when the page is left. Where it is nobody's, it
is said which clusters were asked, which gave no answer, and which may not be looked into.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from textual.content import Content

from tui.actions import jobs
from tui.actions.ending import REVOKE
from tui.actions.fitting import address_of
from tui.actions.found import VERIFY_FOUND
from tui.actions.jobs import Job
from tui.actions.looking import VERIFY
from tui.actions.spoken import in_dashboard
from tui.fleet.fields import Cell, Field
from tui.fleet.moments import relative, stamp
from tui.fleet.names import short_address
from tui.fleet.rows import AccountRow, CredentialRow, RequestRow, Row
from tui.fleet.signs import STATES, Tone
from tui.issuance import (
    Address,
    Identity,
    IssuanceError,
    Sought,
    Traced,
    explain,
    inspect_bytes,
    user_said,
)
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.screens.acting.ending_found import revoke_found
from tui.screens.describe import title_of
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable

from .page import Page

if TYPE_CHECKING:
    from tui.screens.shell.main import MainScreen

Pasted = Sensitive | Sought | Address | str
_ASKING: Final = "asking …"
_NO_OTHER: Final = "none that can be seen"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was pasted, and what the fleet has of it."""

    number: int
    traced: Traced
    row: CredentialRow | RequestRow | None = None
    """The very credential, where a list shows it."""
    uses: tuple[str, ...] | None = None
    """Who uses it, each in a line; None: not known yet."""
    runs: tuple[str, ...] = ()
    unseen: str = ""
    """What could not be looked at for that."""

    @property
    def cluster(self) -> str:
        """Whose it is: the cluster that it lets in."""
        return self.traced.identity.cluster if self.traced.identity is not None else self.traced.cluster

    @property
    def owner(self) -> str:
        identity = self.traced.identity
        return f"{identity.namespace}/{identity.name}" if identity is not None else ""

    @property
    def credential(self) -> str:
        if self.row is not None:
            return title_of(self.row)
        address = self.traced.address
        return short_address(str(address or self.traced.handle or ""))


def _cell(text: str, missing: str = "nobody here") -> Cell:
    return Cell(safe_text(text), Tone.PLAIN) if text else Cell(missing, Tone.MUTE)


def _users(item: Found, now: datetime) -> Cell:
    if item.uses is None:
        return Cell(_ASKING if item.traced.known else "", Tone.INFO)
    users = [*item.uses, *item.runs]
    if not users:
        return Cell("not seen" if item.unseen else _NO_OTHER, Tone.WARN if item.unseen else Tone.MUTE)
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    return Cell(safe_text(users[0].partition(":")[0] + more), Tone.STRONG)


FIELDS: Final[tuple[Field[Found], ...]] = (
    Field(
        "what", "WHAT", lambda item, now: Cell(safe_text(item.traced.what), Tone.STRONG), least=22, tight=30, most=60
    ),
    Field("cluster", "CLUSTER", lambda item, now: _cell(item.cluster, "none known"), least=10, most=40),
    Field("owner", "OWNER", lambda item, now: _cell(item.owner), least=12, most=50),
    Field("credential", "CREDENTIAL", lambda item, now: _cell(item.credential, "in no list"), least=14, most=60),
    Field("users", "USED BY", _users, least=12, most=60),
)


class FoundScreen(Page[Found]):
    """The page of what was pasted."""

    noun = "thing"
    fields = FIELDS
    of_its_own = ("revoke", "verify")
    help_text = (
        "Whose it is that you pasted: its cluster, the account, where it is kept and who uses it. No cluster is shown "
        "a token for this: they are asked for its account, its handle or its fingerprint. ^d revokes it, v asks the "
        "one cluster that has its account whether it accepts it, l and w show its lineage and what it can do, enter "
        "goes to its row. It is forgotten when you leave."
    )

    def __init__(self, session: Session, main: MainScreen, pasted: Pasted) -> None:
        self.trail = ("Pasted",)
        super().__init__(session)
        self._main = main
        self._pasted: Pasted | None = pasted

    def on_unmount(self) -> None:
        self._pasted, self.items = None, ()

    async def fetch(self) -> Sequence[Found]:
        self.loading_says = "asking every cluster whose it is …"
        self.show_status()
        if self._pasted is None:
            return ()
        traced = await self.session.engine.traces(self._pasted)
        found = [Found(number, one, self._exact(one)) for number, one in enumerate(traced)]
        self.run_worker(self._look_for_users(found), group="users", exclusive=True, exit_on_error=False)
        return found

    def _exact(self, traced: Traced) -> CredentialRow | RequestRow | None:
        """The row of this very credential."""
        store = self.session.store
        identity = traced.identity
        if identity is not None:
            listed = [row.credential for row in store.credentials_of(identity)]
        elif traced.sought is not None:  # whoever writes its fingerprint somewhere is not believed
            listed = [row.credential for row in store.credentials.values() if row.credential.address.here]
            listed += [row.credential for row in store.credentials.values() if row.credential.address.own]
        else:
            listed = [row.credential for row in store.credentials.values()]
        address = traced.among(listed)
        if address is None:
            return None
        wished = store.requests.get(f"{address.cluster}/{address.namespace}/{address.name}")
        return wished if address.kind.traits.wished and wished is not None else store.credentials.get(str(address))

    async def _look_for_users(self, found: Sequence[Found]) -> None:
        await asyncio.gather(*(self._users_of(one) for one in found if one.traced.known))

    async def _users_of(self, one: Found) -> None:
        of: Address | Identity | None = address_of(one.row) if one.row is not None else one.traced.address
        of = of or one.traced.identity
        if of is None:
            return
        try:
            users = await self.session.engine.users(of)
        except Exception as error:  # noqa: BLE001 - a mistake must not end the dashboard
            seen = replace(one, uses=(), unseen=explain(error)[0])
        else:
            if users is None:
                seen = replace(one, uses=())
            else:
                uses = tuple(map(user_said, users.uses.children))
                runs = tuple(map(user_said, users.runs.children))
                seen = replace(one, uses=uses, runs=runs, unseen=users.uses.problem)
        self.items = [seen if item.number == one.number else item for item in self.items]
        if self.is_mounted:
            self.show_items()

    # What is shown

    def key_of(self, item: Found) -> str:
        return str(item.number)

    def words_of(self, item: Found) -> str:
        return f"{item.traced.what} {item.cluster} {item.owner} {item.credential}"

    def note(self) -> Content:
        """Of what is nobody's, who was asked: that is what counts then."""
        lines = []
        for item in self.items:
            if item.traced.known:
                continue
            search, lead = item.traced.search, f" {item.traced.what} is nobody's here"
            asked = f"asked: {', '.join(search.asked)}" if search.asked else "no cluster was asked"
            lines.append(Content.styled(safe_text(f"{lead}  · {asked}"), "$bad"))
            for word, why in (("silent", search.away), ("refused", search.closed)):
                if why:
                    lines.append(Content.styled(safe_text(f" ! {word}: {', '.join(why)}"), "$warn"))
        return Content("\n").join(lines)

    def describe(self, item: Found) -> Sequence[Section]:
        return [self._whose(item), self._used(item), self._asked(item), *self._says(item)]

    def _whose(self, item: Found) -> Section:
        traced = item.traced
        bad = Tone.PLAIN if traced.known else Tone.BAD
        facts = [Fact("cluster", item.cluster, Tone.STRONG)] if item.cluster else []
        facts += [Fact("owner", f"service account {item.owner}", Tone.STRONG)] if item.owner else []
        if item.row is not None and (credential := item.row.credential) is not None:
            facts.append(Fact("credential", str(credential.address), Tone.STRONG))
            facts.append(Fact("state", STATES[credential.state].text, STATES[credential.state].tone))
            if credential.expires_at is not None:
                now = self.session.now(item.row)
                facts.append(
                    Fact("expires", stamp(credential.expires_at), Tone.STRONG, relative(credential.expires_at, now))
                )
        elif traced.known:
            facts.append(Fact("credential", item.credential or "in no list: it is looked for when you revoke it"))
        facts.append(Fact("known by" if traced.known else "nobody's", in_dashboard(traced.how), bad))
        facts += [Fact("do", in_dashboard(traced.hint), Tone.WARN)] if traced.hint else []
        return Section(traced.what, facts)

    @staticmethod
    def _used(item: Found) -> Section:
        if not item.traced.known:
            return Section("", [])
        if item.uses is None:
            return Section("used by", [Fact("", _ASKING, Tone.INFO)])
        facts = [Fact("uses it", line) for line in item.uses] + [
            Fact("runs as it", line, Tone.MUTE) for line in item.runs
        ]
        facts += [Fact("not seen", item.unseen, Tone.WARN)] if item.unseen else []
        return Section("used by", facts or [Fact("", f"{_NO_OTHER}; and anyone with a copy", Tone.MUTE)])

    @staticmethod
    def _asked(item: Found) -> Section:
        """Who was asked, who did not answer, and who may not be looked into."""
        search = item.traced.search
        facts = [Fact("said", ", ".join(search.asked))] if search.asked else []
        facts += [Fact("silent", f"{name}: {why}", Tone.WARN) for name, why in search.away.items()]
        facts += [Fact("refused", f"{name}: {why}", Tone.WARN) for name, why in search.closed.items()]
        return Section("clusters asked", facts) if facts else Section("", [])

    def _says(self, item: Found) -> list[Section]:
        """What it says of itself, offline."""
        from tui.screens.dialogs.reading import inspected

        token = item.traced.sought.token if item.traced.sought is not None else None
        material = token or (self._pasted if isinstance(self._pasted, Sensitive) else None)
        if material is None:
            return []
        try:
            return inspected(inspect_bytes(material.reveal_bytes(), now=self.session.clock()))
        except IssuanceError:
            return []

    # What keys do

    def chosen(self) -> list[Row]:
        item = self.item if self.is_mounted else None
        if self._at is not None or item is None:
            return [self._at] if self._at is not None else []
        if item.row is not None:
            return [item.row]
        identity, store = item.traced.identity, self.session.store
        if identity is not None:
            return [store.accounts.get(str(identity)) or AccountRow(identity=identity)]
        cluster = store.clusters.get(item.cluster)
        return [cluster] if cluster is not None else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        item = self.item if self.is_mounted and action in self.of_its_own else None
        if item is not None and item.row is None:
            if action == "revoke" and (item.traced.sought is not None or item.traced.handle is not None):
                return None if self.why_not_for(REVOKE) else True
            if action == "verify" and item.traced.sought is not None and item.traced.sought.token is not None:
                return True
        return super().check_action(action, parameters)

    def action_revoke(self) -> None:
        """End what was pasted, wherever it lies."""
        if self.item is not None:
            revoke_found(self, self.item.traced, self.item.row)

    def action_verify(self) -> None:
        """Ask the cluster whose it is."""
        item = self.item
        if item is None or item.row is not None:
            self.do(VERIFY.name)
        else:
            self.begin(VERIFY.runs_as, [jobs.task(self.session, VERIFY_FOUND, item.traced)])

    def show_job(self, job: Job) -> None:
        super().show_job(job)
        if not job.running and not job.quiet:
            self.items = [replace(one, row=self._exact(one.traced) or one.row) for one in self.items]
            self.show_items()

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        rows = self.chosen()
        if not rows or (isinstance(rows[0], AccountRow) and rows[0].key not in self.session.store.accounts):
            self.notify("in no list: nothing here uses it", markup=False, timeout=5)
            return
        self.dismiss(None)
        self._main.reveal_row(rows[0])
