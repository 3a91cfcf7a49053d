"""Findings: what is wrong with the credentials of the fleet and of this machine, the worst first.

Enter goes to the row that a finding is about, F does what it proposes, E writes all of them to a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from tui.actions.ending import REVOKE
from tui.actions.rotating import ROTATE
from tui.fleet.fields import Cell
from tui.fleet.fields.findings import FIELDS, about
from tui.fleet.hygiene import check
from tui.fleet.rows import Row
from tui.fleet.signs import SEVERITIES, Tone
from tui.issuance import HYGIENE_RULES, Address, Finding, Fix, HygieneReport
from tui.kube import amounts
from tui.kube.paths import short_path
from tui.kube.text import safe_text
from tui.screens.acting import doing
from tui.screens.dialogs import replacing, saving
from tui.screens.session import Session
from tui.widgets.facts import Fact, Section
from tui.widgets.table import FleetTable
from tui.widgets.themes import style_of

from .page import Page

if TYPE_CHECKING:
    from tui.screens.shell.main import MainScreen


def proposed(findings: Sequence[Finding]) -> tuple[list[Finding], str]:
    """Those that F does something about, and what is said of the others; empty where there are none."""
    these = [finding for finding in findings if finding.fix]
    number = len(findings) - len(these)
    which = "1 finding has" if number == 1 else f"{number} findings have"
    return these, f"{which} nothing that F does: left alone." if number else ""


class HygieneScreen(Page[Finding]):
    """The findings of one pass; ^r makes another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "F", "fix", "fix", tooltip="do what it proposes: rotate, revoke or make private; asks where it destroys"
        ),
        Binding("E", "save", "save", tooltip="write the findings to a file, as JSON or SARIF"),
    ]
    of_its_own = ("fix", "save")
    trail = ("Hygiene", "findings")
    noun = "finding"
    marks = True
    fields = FIELDS
    help_text = (
        "What is wrong with credentials, accounts, kubeconfigs and files, the worst first, with the reason and what to "
        "do. Enter goes to the row, F does what the finding proposes, E saves all of them as JSON or SARIF. Looked at "
        "are rows that kubemint follows anyway, Roles, bindings and pods, and files on this machine; never a Secret's "
        "data."
    )

    def __init__(self, session: Session, main: MainScreen) -> None:
        super().__init__(session)
        self._main = main
        self.report: HygieneReport | None = None

    async def fetch(self) -> Sequence[Finding]:
        fleet = self.session.fleet
        if fleet is None:
            return ()
        store = fleet.store
        self.report = await check(
            fleet,
            credentials=list(store.credentials.values()),
            accounts=list(store.accounts.values()),
            config=fleet.config,
            progress=self.progress,
            partly=self._partly,
        )
        return self.report.findings

    def _partly(self, report: HygieneReport) -> None:
        """What is known while a slow cluster is still being asked."""
        self.report, self.items = report, report.findings
        self.show_items()

    def key_of(self, item: Finding) -> str:
        return item.key

    def chosen(self) -> list[Row]:
        return self._rows(self._findings())

    def _rows(self, findings: Sequence[Finding]) -> list[Row]:
        found = [row for finding in findings if (row := self._row(finding)) is not None]
        return list({row.key: row for row in found}.values())

    def describe(self, item: Finding) -> Sequence[Section]:
        sign = SEVERITIES[item.severity]
        facts = [
            Fact("because", item.message, Tone.STRONG),
            Fact("matters", HYGIENE_RULES[item.rule].why),
            Fact("what to do", item.action, Tone.WARN),
        ]
        if item.command:
            facts.append(Fact("by command", item.command, Tone.INFO))
        facts.append(Fact("severity", sign.text, sign.tone, f"rule {item.rule}"))
        facts.append(
            Fact("about", item.subject, Tone.PLAIN, short_path(item.path) if item.path != item.subject else "")
        )
        return [Section(HYGIENE_RULES[item.rule].title, facts)]

    def note(self) -> Content:
        report = self.report
        if report is None:
            return Content("")
        parts: list[tuple[str, str]] = [(" ", "")]
        for severity, count in report.counts().items():
            sign = SEVERITIES[severity]
            if count:
                parts += [(f"{sign.glyph} {count} {severity.value}", style_of(sign.tone)), ("   ", "")]
        counted = ((report.credentials, "credential"), (report.accounts, "account"), (report.files, "file"))
        looked = ", ".join(amounts.count(amount, noun) for amount, noun in counted)
        parts.append((f"looked at {looked}", "$mute"))
        lines = [Content.assemble(*parts)]
        if missing := report.not_looked_at:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            lines.append(Content.styled(f" ! not looked at: {safe_text(missing[0], 90)}{more}", "$warn"))
        return Content("\n").join(lines)

    def nothing(self) -> Sequence[Cell]:
        if self.session.fleet is None:
            return [Cell("opening the fleet …", Tone.INFO)]
        return [
            Cell("✓ Nothing was found.", Tone.GOOD),
            Cell("Every rule was held against every credential, account and file that could be seen.", Tone.MUTE),
        ]

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        event.stop()
        row = self._row(event.row)
        if row is None:
            self.notify(f"no row of the fleet: {about(event.row)}", markup=False, timeout=5)
            return
        self.dismiss(None)
        self._main.reveal_row(row)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "fix":
            proposed = [finding for finding in self._findings() if finding.fix]
            return bool(proposed) and (not self.session.why_read_only() or None)
        if action == "save":
            return self.report is not None and (not self.session.why_read_only() or None)
        return super().check_action(action, parameters)

    def action_findings(self) -> None:
        """They are here already."""

    def action_fix(self) -> None:
        """What the finding proposes: a rotation starts at once, everything else asks."""
        from tui.screens.dialogs.confirm import ConfirmScreen

        these, left = proposed(self._findings())
        said = [*([""] if left else []), *([left] if left else [])]
        fixes, rows = {finding.fix for finding in these}, self._rows(these)
        if left and len(fixes) == 1 and len(rows) == 1:  # one is not always asked about
            self.notify(left, markup=False, timeout=6)
        if fixes == {Fix.ROTATE}:
            doing.to_chosen(self, ROTATE, rows, said)
        elif fixes == {Fix.REVOKE}:
            doing.to_chosen(self, REVOKE, rows, said)
        elif fixes == {Fix.REVOKE_HANDLE}:
            subjects = dict.fromkeys(finding.subject for finding in these)
            doing.revoke_handles(self, [Address.parse(subject) for subject in subjects], left=said)
        elif fixes == {Fix.CHMOD}:
            paths = list(dict.fromkeys(finding.path for finding in these))
            body = [short_path(path) for path in paths[:8]] + (["…"] if len(paths) > 8 else []) + said
            body += ["", "From now on only you can read and change it (mode 600). Others may have read it before:",
                     "rotate what is in it."]  # fmt: skip

            def sure(yes: bool | None) -> None:
                if yes:
                    self.session.jobs.begin("make private", [saving.make_private(path) for path in paths])
                    self.done_with_marks()

            self.app.push_screen(ConfirmScreen("Make it private?", body, verb="Make private"), sure)
        else:
            self.notify("the marked findings need different things: mark those of one kind", markup=False, timeout=5)

    def action_save(self) -> None:
        from tui.screens.dialogs.files import SaveFindingsScreen

        report = self.report
        if report is None:
            return

        def chosen(path: Path | None) -> None:
            if path is not None:
                replacing.ask_first(self.app, path, lambda force: self.session.jobs.begin(
                    "save findings", [saving.save_findings(report, path, force=force)]
                ))  # fmt: skip

        self.app.push_screen(SaveFindingsScreen(self.kubemint.export_folder / "findings.sarif"), chosen)

    def _findings(self) -> list[Finding]:
        """The marked findings, or the one under the cursor."""
        if not self.is_mounted:
            return []
        if self.table.marks:
            by_key = {finding.key: finding for finding in self.items}
            return [by_key[key] for key in self.table.marked_shown if key in by_key]
        return [self.item] if self.item is not None else []

    def _row(self, finding: Finding) -> Row | None:
        store = self.session.store
        if finding.address is not None:
            return store.credentials.get(str(finding.address)) or store.requests.get(
                f"{finding.address.cluster}/{finding.address.namespace}/{finding.address.name}"
            )
        if finding.identity is not None:
            return store.accounts.get(str(finding.identity))
        return store.clusters.get(finding.cluster) if finding.cluster else None
