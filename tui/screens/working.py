"""What every screen with credentials on it can do with them: rotate, export, issue, verify, inspect, revoke, and so on.

A screen says which rows are meant; this says which actions are possible for them, asks where something is destroyed,
and hands the rest to jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final, cast

from textual.binding import ActiveBinding, Binding, BindingType
from textual.widget import Widget

from tui.fleet.query import cluster_of, clusters_of, identity_of
from tui.fleet.rows import CREDENTIAL_REQUESTS, CredentialRow, Reach, RequestKind, RequestRow, Row
from tui.issuance.dpf import DPURequestDraft
from tui.issuance.durations import format_duration
from tui.issuance.errors import IssuanceError
from tui.issuance.running import explain
from tui.issuance.types import Address, Credential, FileDestination, IssueSpec
from tui.kube.errors import KubeError
from tui.kube.text import safe_text
from tui.widgets.job_panel import JobPanel

from . import (
    acting_on_endings,
    acting_on_exports,
    acting_on_identities,
    acting_on_requests,
    acting_on_shoots,
    acting_on_tenants,
    acting_on_time,
    work,
)
from .acting_on_exports import Journal
from .actions import ACTIONS, BY_NAME, NOVELTIES, Action, Needs, bindings, possible
from .clipboard import copy
from .command_lines import Asked, address_of
from .describe import title_of, what_it_is
from .insights import InsightScreen
from .jobs import Task
from .session import Session, Shell
from .work import Intended

_HARMLESS: Final = frozenset({"verify", "export"})
"""What changes nothing that exists, so that it never asks."""


class WorkingScreen(InsightScreen):
    """A screen whose rows can be acted on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(),
        Binding("J", "results", "read the newest job's results", show=False, id="results"),
    ]

    session: Session
    of_its_own: Sequence[str] = ()
    """Actions of this screen alone that are not always possible."""
    _possible: tuple[bool | None, ...] = ()
    _focused_before: Widget | None = None
    """What had the focus before the results of a job."""

    @property
    def kubemint(self) -> Shell:
        return cast("Shell", self.app)

    def chosen(self) -> list[Row]:
        """The marked rows, or the one under the cursor."""
        return []

    def journal(self) -> Journal | None:
        """What is shown of the journal, where it is what keys are for."""
        return None

    @property
    def marks_hidden(self) -> int:
        """How many marked rows the filter hides; nothing happens to them."""
        return 0

    def done_with_marks(self) -> None:
        """The marked rows that are shown were acted on."""

    def left_alone(self) -> list[str]:
        """For a question: that nothing happens to marked rows which nobody sees."""
        return ["", f"{_hidden(self.marks_hidden)}: nothing happens to them."] if self.marks_hidden else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Greyed where nothing may be changed; not offered where it makes no sense for what is chosen."""
        known = BY_NAME.get(action)
        if known is None:
            return True
        if known.needs is Needs.NOTHING:
            if known.mutates and self.session.why_read_only():
                return None
            return self.session.fleet is not None or None
        if known.needs is Needs.JOURNAL:
            return self.journal() is not None
        if not possible(known, self.chosen()):
            return False
        return None if known.mutates and self.why_not() else True

    def why_not(self) -> str:
        """Why what is chosen may not be changed; empty where it may."""
        clusters = {cluster for row in self.chosen() for cluster in clusters_of(row) if cluster}
        return self.session.why_read_only(*sorted(clusters))

    def why_not_key(self, key: str, found: ActiveBinding | None) -> str:
        """Why a key of an action does nothing: it is greyed, or does not suit what is chosen. Empty for other keys."""
        if found is not None:
            known = BY_NAME.get(found.binding.action)
            return self.why_not() if known is not None and known.mutates and not found.enabled else ""
        keys = self.session.settings.keymap
        meant = (action for action in ACTIONS if key in keys.get(action.name, action.key).split(","))
        return next((why for action in meant if (why := self.why_not_these(action))), "")

    def why_not_these(self, action: Action) -> str:
        """Why this cannot be done to what is chosen; empty where it can."""
        rows, name = self.chosen(), (action.label or action.name).replace("_", " ")
        if action.needs in (Needs.NOTHING, Needs.JOURNAL):
            return ""
        if not rows:
            hidden = self.marks_hidden
            return f"{_hidden(hidden)}: change the filter, or press esc" if hidden else f"{name}: nothing is selected"
        if len(rows) > 1 and action.needs is Needs.ONE:
            return f"{name} is for one row, {len(rows)} are marked: esc unmarks them"
        unfit = [title_of(row) for row in rows if not action.fits(row)]
        if not unfit:
            return ""
        if len(rows) == 1:
            return f"{name} is for {action.suits}; {unfit[0]} is {what_it_is(rows[0])}"
        more = f" and {len(unfit) - 3} more" if len(unfit) > 3 else ""
        return f"{name} does not suit {len(unfit)} of the {len(rows)} marked: {', '.join(unfit[:3])}{more}"

    def bindings_may_differ(self) -> None:
        """Draw the keys anew where others are possible than before."""
        names = (*(action.name for action in ACTIONS), *self.of_its_own)
        possible_now = tuple(self.check_action(name, ()) for name in names)
        if possible_now != self._possible:
            self._possible = possible_now
            self.refresh_bindings()

    # One key each

    def action_rotate(self) -> None:
        acting_on_endings.rotate(self)

    def action_foresee(self) -> None:
        found = (work.rotation_of(self.session, row) for row in self.chosen())
        self._foresee("rotate", [intended for intended in found if intended is not None])

    def action_undo(self) -> None:
        acting_on_time.undo(self)

    def action_renewal_loop(self) -> None:
        acting_on_time.renewal_loop(self)

    def action_snooze(self) -> None:
        acting_on_time.snooze(self)

    def action_verify(self) -> None:
        self._job("verify", [work.verify(self.session, address) for address in self._addresses()])

    def action_export(self) -> None:
        acting_on_exports.export(self)

    def action_export_journal(self) -> None:
        acting_on_exports.export_journal(self)

    def action_revoke(self) -> None:
        acting_on_endings.revoke(self)

    def action_new(self) -> None:
        from .choose_new import ChooseNewScreen

        async def chosen(action: str | None) -> None:
            if action:
                await self.run_action(action)

        entries = [entry for entry in NOVELTIES if self.check_action(entry.action, ())]
        self.app.push_screen(ChooseNewScreen(entries), chosen)

    def action_new_credential(self) -> None:
        from .new_credential import NewCredentialScreen

        rows = self.chosen()
        identity = identity_of(rows[0]) if len(rows) == 1 else None
        clusters = self._clusters(cluster_of(rows[0]) if rows else "")

        def made(spec: IssueSpec | None) -> None:
            if spec is None:
                return
            if any(isinstance(place, FileDestination) and place.merge for place in spec.destinations):
                self.run_worker(self._merge(spec), group="preview", exclusive=True, exit_on_error=False)
            else:
                self._job("issue", [work.issue(self.session, spec)])

        folder = self.kubemint.export_folder
        lifetime = format_duration(self.session.settings.lifetime)
        dialog = NewCredentialScreen(clusters, identity=identity, folder=folder, lifetime=lifetime)

        def foreseen(spec: IssueSpec | None) -> None:
            if spec is not None:
                plan = partial(self.session.engine.plan_issue, spec)
                self._foresee("issue", [Intended(work.title_of(spec), plan)], dialog.action_cancel)

        dialog.foresee = foreseen
        self.app.push_screen(dialog, made)

    async def _merge(self, spec: IssueSpec) -> None:
        """Show what a merge changes in somebody's kubeconfig, then ask."""
        from .confirm import ConfirmScreen

        try:
            plan = await self.session.engine.plan_issue(spec)
        except (IssuanceError, KubeError, OSError) as error:
            message, hint = explain(error)
            said = f"{message}: {hint}" if hint else message
            self.notify(safe_text(said), markup=False, severity="error", timeout=15)
            return

        def sure(yes: bool | None) -> None:
            if yes:
                self._job("issue", [work.issue(self.session, spec)], asked=True)

        body = [*(f"! {warning}" for warning in plan.warnings), *plan.preview.splitlines()]
        title = "Change this kubeconfig? Tokens are masked."
        self.app.push_screen(ConfirmScreen(title, body or ["Nothing else in it changes."], verb="Merge"), sure)

    def action_new_request(self) -> None:
        from .new_request import NewRequestScreen

        rows = self.chosen()
        row = rows[0] if len(rows) == 1 else None
        namespace = row.namespace if isinstance(row, RequestRow | CredentialRow) else ""
        clusters = self._request_hosts(cluster_of(row) if row is not None else "")

        def made(draft: DPURequestDraft | None) -> None:
            if draft is not None:
                self._job("create request", [work.create_request(self.session, draft)])

        dialog = NewRequestScreen(
            clusters,
            cluster=clusters[0] if clusters else "",
            namespace=namespace,
            targets=self._targets(),
            strangers=self._strangers(),
        )

        def foreseen(draft: DPURequestDraft | None) -> None:
            if draft is not None:
                plan = partial(self.session.engine.plan_create_request, draft)
                self._foresee("create request", [Intended(work.title_of(draft), plan)], dialog.action_cancel)

        dialog.foresee = foreseen
        self.app.push_screen(dialog, made)

    def action_keep(self) -> None:
        acting_on_requests.keep(self)

    def action_delete_request(self) -> None:
        acting_on_requests.delete(self)

    def action_abandon(self) -> None:
        acting_on_requests.abandon(self)

    def action_snippet(self) -> None:
        acting_on_requests.snippet(self)

    def action_new_tenant_store(self) -> None:
        acting_on_tenants.new_store(self)

    def action_new_tenant_push(self) -> None:
        acting_on_tenants.new_push(self)

    def action_csi_preview(self) -> None:
        acting_on_tenants.csi_preview(self)

    def action_new_identity(self) -> None:
        acting_on_identities.create(self)

    def action_mint(self) -> None:
        acting_on_identities.mint(self)

    def action_reactivate(self) -> None:
        acting_on_identities.reactivate(self)

    def action_new_shoot(self) -> None:
        acting_on_shoots.new(self)

    def action_connect(self) -> None:
        acting_on_shoots.connect(self)

    def action_disconnect(self) -> None:
        acting_on_shoots.disconnect(self)

    def action_inspect(self) -> None:
        from .reading import InspectScreen

        address = self._one()
        if address is not None:
            self.app.push_screen(InspectScreen(self.session, address, title_of(self.chosen()[0])))

    def action_reveal(self) -> None:
        from .reveal import RevealScreen

        address = self._one()
        if address is not None:
            self.app.push_screen(RevealScreen(self.session, address, title_of(self.chosen()[0])))

    def action_yaml(self) -> None:
        from .reading import YamlScreen

        rows = self.chosen()
        if len(rows) == 1:
            self.app.push_screen(YamlScreen(self.session, rows[0]))

    def action_details(self) -> None:
        from .detail import DetailScreen

        rows = self.chosen()
        if len(rows) == 1:
            self.app.push_screen(DetailScreen(self.session, rows[0]))

    def action_equivalent(self) -> None:
        from .equivalents import Equivalent, EquivalentsScreen

        rows, session = self.chosen(), self.session
        if not rows:
            return
        contexts = [row.name for row in session.store.clusters.values() if row.source == "kubeconfig"]
        asked = Asked(rows, self.kubemint.export_folder, contexts, session.clock())
        found: list[Equivalent] = []
        rest = []
        for action in ACTIONS:
            if action.name in ("equivalent", "new") or not self.check_action(action.name, ()):
                continue
            lines = action.command(asked) if action.command is not None else []
            found += [Equivalent(action, line) for line in lines]
            rest += [] if lines else [action]
        title = title_of(rows[0]) if len(rows) == 1 else f"{len(rows)} rows"
        self.app.push_screen(EquivalentsScreen(title, found, rest, self.kubemint.command_options))

    def action_copy(self) -> None:
        rows = self.chosen()
        if len(rows) == 1:
            address = address_of(rows[0])
            text = str(address) if address is not None else rows[0].key
            self.notify(copy(self.app, text) or "the address is in the clipboard", markup=False, timeout=3)

    def action_reconnect(self) -> None:
        rows = self.chosen()
        if len(rows) == 1 and cluster_of(rows[0]):
            self.kubemint.reconnect(cluster_of(rows[0]))

    def action_results(self) -> None:
        """Go into the panel of the newest job, or back; one that was put away comes back."""
        panel = next(iter(self.query(JobPanel)), None)
        jobs = self.session.jobs.all
        if panel is None or not (panel.display or jobs):
            self.notify("nothing was started yet", markup=False, timeout=3)
        elif panel.has_focus:
            self.set_focus(self._focused_before)
        else:
            self._focused_before = self.focused
            if not panel.display:
                panel.reopen(jobs[-1])
            panel.focus()

    # What the modules beside this one ask

    def chosen_addresses(self) -> list[Address]:
        """What the engine calls the chosen rows."""
        return self._addresses()

    def writable_clusters(self, first: str) -> list[str]:
        """Clusters that something can be made in, the one at hand first."""
        return self._clusters(first)

    def begin(self, verb: str, tasks: Sequence[Task], *, asked: bool = False) -> None:
        """Begin a job; what was not asked yet asks where the settings say so."""
        self._job(verb, tasks, asked=asked)

    def foresee(self, verb: str, intended: Sequence[Intended], begun: Callable[[], object]) -> None:
        """Show what would be done; `begun` is told when that is wanted."""
        self._foresee(verb, intended, begun)

    # How

    def _addresses(self) -> list[Address]:
        return [address for row in self.chosen() if (address := address_of(row)) is not None]

    def _one(self) -> Address | None:
        addresses = self._addresses()
        return addresses[0] if len(addresses) == 1 else None

    def _foresee(self, verb: str, intended: Sequence[Intended], begun: Callable[[], object] = lambda: None) -> None:
        """Show what would be done; where that is wanted, do it. `begun` is told."""
        from .foresee import ForeseeScreen

        def wanted(possible: list[Intended] | None) -> None:
            if possible:
                begun()
                self._job(verb, [work.as_foreseen(self.session, one) for one in possible], asked=True)

        if intended:
            self.app.push_screen(ForeseeScreen(self.session, verb, intended), wanted)

    def _job(self, verb: str, tasks: Sequence[Task], *, asked: bool = False) -> None:
        """Begin it; where the settings say that everything asks first, only after a yes."""
        if not tasks:
            return

        def sure(yes: bool | None) -> None:
            if yes:
                self.kubemint.start_job(verb, tasks)
                self.done_with_marks()
                if self.marks_hidden:
                    self.notify(f"{_hidden(self.marks_hidden)}: left alone, still marked", markup=False, timeout=6)

        if asked or verb in _HARMLESS or not self.session.settings.asks(destructive=False):
            sure(True)
            return
        from .confirm import ConfirmScreen

        body = [task.title for task in tasks[:8]] + (["…"] if len(tasks) > 8 else []) + self.left_alone()
        verb_shown = verb.capitalize()
        self.app.push_screen(ConfirmScreen(f"{verb_shown} now?", body, verb=verb_shown), sure)

    def _clusters(self, first: str) -> list[str]:
        """Clusters that can be asked, the one at hand first."""
        rows = self.session.store.clusters.values()
        names = sorted(row.name for row in rows if row.reach in (Reach.READY, Reach.SLOW))
        names = names or sorted(row.name for row in rows)
        names = [name for name in names if not self.session.why_read_only(name)] or names
        return sorted(names, key=lambda name: (name != first, name))

    def _request_hosts(self, first: str) -> list[str]:
        """Clusters that a request can be made in: those that know its kind come first."""
        return sorted(self._clusters(first), key=lambda name: name in self._strangers())

    def _strangers(self) -> set[str]:
        """Clusters that do not know the kind of request."""
        return {row.name for row in self.session.store.clusters.values() if CREDENTIAL_REQUESTS in row.lacks}

    def _targets(self) -> dict[str, list[str]]:
        """DPUClusters that requests of a cluster already lead to."""
        found: dict[str, set[str]] = {}
        for row in self.session.store.requests.values():
            if row.target and row.kind is RequestKind.DPU:
                found.setdefault(row.cluster, set()).add(row.target)
        return {cluster: sorted(targets) for cluster, targets in found.items()}


def _credential(row: CredentialRow | RequestRow) -> Credential | None:
    return row.credential


def _hidden(number: int) -> str:
    return f"{number} marked row{' is' if number == 1 else 's are'} hidden by the filter"
