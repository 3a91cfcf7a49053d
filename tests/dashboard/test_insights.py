"""Lineage, what a credential can do, and findings: by keys and by mouse, held against what the core itself says."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.widgets import Button

from tests.dashboard.conftest import Driver, Open, done
from tui.fleet.fields.findings import about
from tui.fleet.rows import AccountRow, CredentialRow
from tui.issuance.insight.hygiene import Fix
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.files import SaveFindingsScreen
from tui.screens.pages.becoming import BecomingScreen
from tui.screens.pages.hygiene import HygieneScreen
from tui.screens.pages.lineage import LineageScreen
from tui.screens.pages.page import Page
from tui.screens.pages.powers import PowersScreen
from tui.widgets.job_panel import JobPanel

PROMETHEUS = "prometheus-kubeconfig"
FRONTEND = "frontend-kubeconfig"


async def page(driver: Driver, kind: type[Page[Any]]) -> Page[Any]:
    """The page that was opened, once it has looked."""
    await driver.until(lambda: isinstance(driver.app.screen, kind))
    screen = driver.app.screen
    assert isinstance(screen, kind)
    await driver.until(lambda: not screen.loading_says, 30)
    assert screen.failure is None
    await driver.settle()
    return screen


async def narrow(driver: Driver, screen: Page[Any], words: str) -> None:
    """Filter the page, by keys."""
    await driver.press("slash")
    await driver.type(words)
    await driver.press("enter")
    await driver.until(lambda: screen.text == words and screen.table.has_focus)


def commits(driver: Driver, address: object) -> int:
    return driver.journal("rotate").count((str(address), "commit", "done"))


async def test_lineage_leads_to_rows_and_its_keys_act_on_them(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", PROMETHEUS)
        row = driver.credential(PROMETHEUS)
        assert isinstance(row, CredentialRow)
        await driver.press("l")
        screen = await page(driver, LineageScreen)
        for branch in ("account", "rights", "issued for it", "requests that keep one", "on this machine",
                       "runs as the account", "uses its credentials"):  # fmt: skip
            await driver.shows(f"─ {branch}")
        assert driver.text().count("◂ this one") == 1

        await driver.click("managed Secret", line="this one")
        assert [found.key for found in screen.chosen()] == [row.key], "the facts and the keys are about that line"
        await driver.shows(str(row.credential.address))
        line = screen.item
        assert line is not None
        job = await driver.clicked("r rotate")
        assert done(job), job.tasks[0].message
        assert commits(driver, row.credential.address) == 1
        await driver.until(lambda: screen.item is not None and screen.item.node.expires_at != line.node.expires_at)
        assert screen.item is not None
        assert screen.item.key == line.key, "the tree is read again around the cursor"
        await driver.click("esc close")
        await driver.until(lambda: not screen.query_one(JobPanel).display)

        await narrow(driver, screen, "prometheus !binding !secret")
        assert 0 < len(screen.table.rows) < len(screen.items)
        await driver.press("escape")
        await driver.until(lambda: len(screen.table.rows) == len(screen.items))
        await driver.click("account monitoring/prometheus", line="created", times=2)
        await driver.until(lambda: driver.app.screen is driver.main)
        assert isinstance(driver.table.row, AccountRow)
        assert driver.table.row.identity == row.credential.identity

        await driver.press("l")
        screen = await page(driver, LineageScreen)
        assert "◂ this one" not in driver.text() or row.name in driver.text()
        await narrow(driver, screen, PROMETHEUS)
        await driver.until(lambda: screen.chosen()[0].key == row.key)
        await driver.press("enter")
        await driver.until(lambda: driver.app.screen is driver.main)
        assert driver.table.cursor_key == row.key

        await driver.press("l")
        await page(driver, LineageScreen)
        await driver.click("Lineage")
        await driver.until(lambda: driver.app.screen is driver.main)  # the breadcrumb leads back


async def test_powers_are_what_the_server_says_there_and_elsewhere(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", FRONTEND)
        row = driver.credential(FRONTEND)
        assert row.credential is not None
        await driver.press("w")
        screen = await page(driver, PowersScreen)
        address = row.credential.address
        said = await driver.app.session.engine.powers(address)
        assert list(screen.items) == list(said.powers)
        assert said.powers
        await driver.shows("asked with its own material")
        await driver.shows("› in web")

        await driver.press("down")
        second = screen.item
        await driver.wheel("SEVERITY", 1)
        assert screen.item == second, "the wheel moves what is seen, not what is chosen"
        await driver.pilot.click(screen.table, offset=(12, 1))
        assert screen.item == screen.items[0]
        await driver.shows(screen.items[0].verbs[0])

        await driver.press("N")
        await driver.type("kube-s")
        await driver.press("tab", "enter")
        screen = await page(driver, PowersScreen)
        await driver.until(lambda: "in kube-system" in driver.text())
        assert len(screen.table.rows) == len(screen.items), "a namespace is no filter"
        elsewhere = await driver.app.session.engine.powers(address, "kube-system")
        assert list(screen.items) == list(elsewhere.powers)
        await driver.click("esc back")
        await driver.until(lambda: driver.app.screen is driver.main)

        await driver.press("colon")
        await driver.type("can")
        await driver.press("enter")
        await page(driver, PowersScreen)
        job = await driver.act("r")
        assert done(job), job.tasks[0].message
        assert commits(driver, address) == 1
        await driver.press("escape", "q")
        assert driver.app.screen is driver.main


async def test_who_could_become_it_is_one_key_away(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", FRONTEND)
        row = driver.credential(FRONTEND)
        assert row.credential is not None
        assert row.credential.identity is not None
        await driver.press("W")
        screen = await page(driver, BecomingScreen)
        held = [one.credential for one in driver.app.session.store.credentials_of(row.credential.identity)]
        said = await driver.app.session.engine.becomers(row.credential.address, held)
        assert list(screen.items) == list(said.becomers)
        assert said.becomers
        await driver.shows("Who could become it", "other authorizers", "everything")
        await driver.press("question_mark")
        await driver.shows("mint its tokens")
        await driver.press("escape")
        job = await driver.act("v")
        assert done(job), job.tasks[0].message
        await driver.press("escape", "q")
        assert driver.app.screen is driver.main
        await driver.press("colon")
        await driver.type("who")
        await driver.press("enter")
        await page(driver, BecomingScreen)


def column(screen: Page[Any], show: Callable[[Any], object]) -> list[Any]:
    """What the rows of a page show, from top to bottom."""
    return [show(screen.table.rows[index]) for index in range(len(screen.table.rows))]


async def test_pages_are_sorted_by_keys_and_by_clicks_on_titles(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(200, 50)) as driver:
        await driver.press("f")
        findings = await page(driver, HygieneScreen)
        await driver.shows("SEVERITY ▲")
        assert column(findings, lambda item: item) == list(findings.items)
        await driver.press("down")
        chosen = findings.item
        await driver.click("ABOUT")
        await driver.shows("ABOUT ▲")
        shown = column(findings, lambda item: about(item).casefold())
        assert shown == sorted(shown) != [about(item).casefold() for item in findings.items]
        assert findings.item is chosen, "the cursor stays on its line"
        await driver.click("ABOUT ▲")
        await driver.shows("ABOUT ▼")
        assert column(findings, lambda item: about(item).casefold()) == shown[::-1]
        await driver.click("F DOES")
        await driver.shows("F DOES ▲")
        fixes = column(findings, lambda item: item.fix.value)
        assert fixes == sorted(fixes, key=lambda fix: (not fix, fix)), "what has nothing to do comes last"
        await driver.press("S")
        await driver.shows("F DOES ▼")
        assert column(findings, lambda item: bool(item.fix)) == [bool(fix) for fix in fixes]
        await driver.press("s")
        await driver.shows("SEVERITY ▲")
        assert column(findings, lambda item: item) == list(findings.items)
        await driver.press("escape")

        await driver.find("5", PROMETHEUS)
        await driver.press("l")
        tree = await page(driver, LineageScreen)
        before = column(tree, lambda item: item)
        await driver.click("WHICH")
        await driver.press("s", "S")
        assert column(tree, lambda item: item) == before, "a tree has an order of its own"
        assert "▲" not in driver.text().splitlines()[1]
        await driver.press("escape", "w")
        rights = await page(driver, PowersScreen)
        await driver.press("s")
        await driver.shows("WHICH MEANS ▲")
        reasons = column(rights, lambda item: item.why.casefold())
        assert reasons == sorted(reasons)


async def test_the_keys_of_a_page_are_in_its_footer_on_small_terminals(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(60, 20)) as driver:
        await driver.find("5", PROMETHEUS)
        for key, kind, wanted, absent in (
            ("f", HygieneScreen, ("⏎ open", "F fix", "E save", "esc back"), ()),
            ("w", PowersScreen, ("N namespace", "esc back", "r rotate"), ("open", "mark")),
            ("l", LineageScreen, ("⏎ open", "esc back", "/ filter"), ("mark",)),
        ):
            await driver.press(key)
            screen = await page(driver, kind)
            if isinstance(screen, HygieneScreen):
                assert screen.table.go_to(next(item.key for item in screen.items if item.fix))
            for width in (60, 80):
                await driver.pilot.resize_terminal(width, 24)
                await driver.shows(*wanted)
                footer = driver.text().splitlines()[-1].rstrip()
                assert footer.endswith("? help"), footer
                assert not any(word in footer for word in absent), footer
            await driver.press("escape")


async def test_findings_are_done_saved_and_lead_to_rows(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["harbor", "tenant-a"], size=(200, 50)) as driver:
        session = driver.app.session
        await driver.press("f")
        screen = await page(driver, HygieneScreen)
        assert isinstance(screen, HygieneScreen)
        await driver.until(lambda: "E save" in driver.text(), 5)  # before any key
        report = screen.report
        assert report is not None
        assert [item.severity.rank for item in screen.items] == sorted(item.severity.rank for item in screen.items)

        await narrow(driver, screen, "nightly-job private !change")
        await driver.until(lambda: len(screen.table.rows) == 1)
        assert screen.item is not None
        assert screen.item.fix is Fix.CHMOD
        path = Path(screen.item.path)
        open_to = stat.S_IMODE(path.stat().st_mode)
        assert open_to & 0o077
        await driver.click("F fix")
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmScreen))
        await driver.pilot.click("#cancel")
        assert stat.S_IMODE(path.stat().st_mode) == open_to
        await driver.press("F")
        before = len(session.jobs.all)
        await driver.pilot.click("#accept")
        job = await driver.job(before)
        assert done(job), job.tasks[0].message
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        await driver.press("escape", "escape")

        await driver.click("E save")
        await driver.until(lambda: isinstance(driver.app.screen, SaveFindingsScreen))
        await driver.press("end", *["backspace"] * len("sarif"))
        assert driver.app.screen.query_one("#accept", Button).disabled
        await driver.type("json")
        job = await driver.act("ctrl+s")
        assert done(job), job.tasks[0].message
        file = tmp_path / "exports" / "findings.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(json.loads(file.read_text())["items"]) == len(report.findings)
        await driver.press("escape")

        rotated = next(item for item in screen.items if item.fix is Fix.ROTATE and screen._row(item) is not None)
        assert screen.table.go_to(rotated.key)
        job = await driver.act("F")
        assert done(job), job.tasks[0].message
        assert commits(driver, rotated.address) == 1
        await driver.press("escape")
        row = screen._row(rotated)
        assert row is not None
        line = screen.table.cursor - round(screen.table.scroll_y) + 1
        await driver.pilot.click(screen.table, offset=(30, line), times=2)
        await driver.until(lambda: driver.app.screen is driver.main)
        assert driver.table.cursor_key == row.key
