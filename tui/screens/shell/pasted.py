"""What is pasted anywhere but into a dialog: a credential, or what names one, opens the page that says whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from textual.screen import Screen

from tui.kube.sensitive import Sensitive, looks_secret
from tui.widgets.paste_box import MOST
from tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from tui.issuance import Address, Sought

_SHORT: Final = 9
"""Nothing that names a credential is shorter."""


class Host(Protocol):
    """What of the application this needs."""

    @property
    def screen(self) -> Screen[Any]: ...
    def open_found(self, pasted: Sensitive | Sought | Address | str) -> None: ...


def took(host: Host, text: str, *, into_text: bool) -> bool:
    """Whether a pasted text was recognised, and its page opened.

    Dialogs and what takes material itself are given it as it is. What is typed into a filter may name a credential, so
    there (`into_text`) only material is taken: it must not stand on the screen.
    """
    screen = host.screen
    if screen.is_modal or getattr(screen, "takes_pasted", False) or not _SHORT <= len(text) <= MOST:
        return False
    if into_text and not looks_secret(text):
        return False
    from tui.issuance import pasted_meaning  # it reads certificates: not before the first frame

    meaning = pasted_meaning(text)
    if meaning is None:
        return False
    for prompt in screen.query(Prompt):
        if prompt.display:
            prompt.action_leave()
    host.open_found(meaning)
    return True
