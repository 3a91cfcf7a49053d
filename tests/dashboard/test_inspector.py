"""The inspector: what is pasted is looked into and asked about, never shown, and forgotten."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.widgets import Input, Select

from tests.dashboard.conftest import Driver, Open, fault
from tui.demo.apiserver.faults import FaultRule, Hang
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.inspector import InspectorScreen
from tui.widgets.paste_box import PasteBox


def pieces(secret: str) -> list[str]:
    return [secret[at : at + 24] for at in range(0, len(secret) - 24, 24)]


def shows(driver: Driver, secret: str) -> bool:
    """Whether a piece of it is on the screen or in a picture of it."""
    seen = driver.text() + driver.app.export_screenshot()
    return any(piece in seen for piece in pieces(secret))


async def test_a_pasted_token_is_read_asked_about_and_forgotten(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        engine = driver.app.session.engine
        address = Address(CredentialKind.SECRET, "tenant-a", "web", "frontend-kubeconfig")
        kubeconfig = (await engine.material(address)).reveal()
        token = kubeconfig.partition("token: ")[2].split()[0].strip("\"'")
        assert token.startswith("eyJ")

        await driver.press("p")
        screen = driver.app.screen
        assert isinstance(screen, InspectorScreen)
        box = screen.query_one(PasteBox)
        assert box.has_focus
        driver.app.post_message(events.Paste(token))
        await driver.until(lambda: "subject" in driver.text())
        await driver.shows("system:serviceaccount:web:frontend")
        await driver.shows(f"{len(token):,} bytes".replace(",", " "))
        assert not shows(driver, token)
        assert "asking" not in driver.text(), "nobody is asked before a cluster is chosen"

        await driver.pilot.click("#f-ask")
        await driver.until(lambda: screen.query_one("#f-ask", Select).expanded)
        await driver.click("tenant-a")
        await driver.until(lambda: "✓ tenant-a:" in driver.text())
        assert not shows(driver, token)

        await driver.pilot.click(box)
        await driver.press("backspace")
        await driver.until(lambda: "subject" not in driver.text())
        assert box.size_held == 0
        driver.app.post_message(events.Paste(token[:-6] + "AAAAAA"))
        await driver.until(lambda: "✖ tenant-a:" in driver.text())
        await driver.until(lambda: "signature" in driver.text() or "refuse" in driver.text())

        file = tmp_path / "pasted.kubeconfig"
        file.write_text(kubeconfig)
        file.chmod(0o644)
        await driver.pilot.click("#f-file")
        assert screen.query_one("#f-file", Input).has_focus
        await driver.type(str(file))
        await driver.press("enter")
        await driver.until(lambda: "kubeconfig:" in driver.text())
        assert box.size_held == 0, "one thing at a time"
        await driver.until(lambda: "can be read by every user on this machine" in driver.text())
        assert not shows(driver, token)
        await driver.press("enter")
        screen.query_one("#f-file", Input).value = str(tmp_path / "nowhere")
        await driver.press("enter")
        await driver.until(lambda: "nowhere" in driver.text() and "✖" in driver.text())
        assert screen.found is None

        driver.app.post_message(events.Paste(token))  # meant for the field, which has the focus
        await driver.press("escape")
        assert driver.app.screen is driver.main
        assert box.size_held == 0
        assert screen._material is None
        assert driver.app.session.jobs.all == []


async def test_what_is_typed_is_hidden_and_a_cluster_that_hangs_can_be_left(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.press("colon")
        await driver.type("paste")
        await driver.press("enter")
        screen = driver.app.screen
        assert isinstance(screen, InspectorScreen)
        await driver.type("hunter22q?p")
        await driver.shows("11 bytes in 1 line, hidden")
        assert "hunter22" not in driver.text()
        assert driver.app.screen is screen, "letters are for the box, not keys"
        await driver.press("enter")
        await driver.until(lambda: "✖ not a token" in driver.text())
        driver.app.post_message(events.Paste("x" * (1024 * 1024 + 1)))
        await driver.until(lambda: "more than 1 MiB" in driver.text())

        await driver.press("tab", "tab", "tab")
        await driver.press("question_mark")
        await driver.on(HelpScreen)
        await driver.click("esc close")
        await driver.until(lambda: driver.app.screen is screen)

        address = Address(CredentialKind.SECRET, "tenant-a", "web", "frontend-kubeconfig")
        material = (await driver.app.session.engine.material(address)).reveal()
        fault(driver.demo, "tenant-a", FaultRule(Hang(), path="selfsubjectreviews|tokenreviews|/api"))
        box = screen.query_one(PasteBox)
        box.focus()
        driver.app.post_message(events.Paste(material))
        await driver.until(lambda: "kubeconfig:" in driver.text())
        screen.query_one("#f-ask", Select).value = "tenant-a"
        await driver.until(lambda: "asking tenant-a" in driver.text())
        file = screen.query_one("#f-file", Input)
        file.focus()
        file.value = "/nowhere/at/all"
        await driver.press("enter")
        await driver.shows("✖ ")
        asking = [worker for worker in driver.app.workers if worker.group == "ask" and worker.is_running]
        assert asking == [], "an answer about what is no longer looked at would take its place"
        await driver.click("Inspect")
        await driver.until(lambda: driver.app.screen is driver.main)
        assert box.size_held == 0
