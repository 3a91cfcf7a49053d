"""The question before something is destroyed: what ends, who may notice, and a word to type. The default is No.

What takes a moment to find out comes in below while the question is there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from tui.kube.text import safe_text
from tui.widgets.hanging import Hanging, points

from .dialog import Dialog, Field, Wrong


class ConfirmScreen(Dialog[bool]):
    """Hands back True only where the word was typed (or none is asked for), and enter or the verb pressed."""

    problem_lines = 2
    enter_accepts = True

    def __init__(
        self,
        title: str,
        body: Sequence[str],
        *,
        type_to_confirm: str = "",
        verb: str = "Revoke",
        more: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        super().__init__()
        self.heading = safe_text(title)
        self.verb = verb
        self._body = body
        self._word = type_to_confirm
        self._more = more

    def rows(self) -> Iterable[Widget]:
        yield Hanging(points(self._body), classes="dialog-text")
        if self._word:
            yield Field(
                "Type",
                Input(placeholder=safe_text(self._word), compact=True, id="f-word"),
                hint="to confirm",
                key="word",
            )
        if self._more is not None:
            with VerticalScroll(classes="dialog-more"):
                yield Hanging(points(["◌ looking at what ends with it and who may still use it …"]), id="more")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#accept").set_class(True, "-danger")
        self.query_one("#f-word" if self._word else "#cancel").focus()
        if self._more is not None:
            self.run_worker(self._find_out(self._more), group="more", exclusive=True, exit_on_error=False)

    async def _find_out(self, more: Callable[[], Awaitable[Sequence[str]]]) -> None:
        lines = await more()
        self.query_one("#more", Hanging).show(points(lines))

    def problems(self) -> Sequence[Wrong]:
        if not self._word or self.query_one("#f-word", Input).value.strip() == self._word:
            return ()
        return (Wrong("word", "", f"type {safe_text(self._word)} to continue, or press esc to cancel"),)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter after the right word is the answer; what is wrong stays said."""
        event.stop()
        self.action_accept()

    def answer(self) -> bool:
        return True

    def action_cancel(self) -> None:
        self.dismiss(False)
