"""What kubemint uses of Textual's insides is still called as it was."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver

from tui.widgets.inside_textual import InsideTextual


class Broken(InsideTextual[None]):
    def words_of_a_mistake(self) -> str:
        return "in words of its own"

    def on_mount(self) -> None:
        held = "secret-in-a-local-variable"
        raise RuntimeError(f"and in the error: {held}")


class Terminal(InsideTextual[None]):
    """As on a terminal, but that what is written can be read."""

    is_headless = False


def test_textual_has_what_is_used_of_it() -> None:
    assert callable(vars(App)["_fatal_error"]), "what shows a mistake is called otherwise"
    assert App()._driver is None, "what writes to the terminal is called otherwise"


async def test_a_mistake_is_said_in_words_of_its_own_and_in_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    app = Broken()
    with pytest.raises(RuntimeError):
        async with app.run_test():
            pass
    printed = "".join(capsys.readouterr())
    assert "in words of its own" in printed
    assert "secret" not in printed
    assert "Traceback" not in printed


async def test_a_sequence_reaches_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda driver, data: written.append(data))
    app = Terminal()
    async with app.run_test():
        app.write_to_terminal("\x1b]9;news\x07")
    assert "\x1b]9;news\x07" in written
