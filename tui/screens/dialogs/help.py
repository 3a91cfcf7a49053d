"""Help for what is focused: a few words, and the keys that work there now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen

from tui.widgets.hanging import Hanging, Hung

from .reader import Reader

_MOVES = (
    "scroll",
    "page",
    "move",
    "edge",
    "aside",
    "area",
    "step_area",
    "step_panel",
    "enlarge",
    "app.",
    "screen.",
    "focus",
    "copy_text",
    "sort_by",
    "everywhere",
    "forget_marks",
)
ELSEWHERE = (
    ("↑ ↓", "j k, page up and down, g and G for the ends; ⇧← ⇧→ the columns that find no room"),
    ("1 … 6", "the areas; ] and [ go to the next and back"),
    ("tab", "the next panel: list, facts, needs you, timeline, job; ⇧tab back"),
    ("+", "enlarge the panel, and back; esc leaves it"),
    ("/", "filter: all words must match, !word must not; 0 shows everything again"),
    (":", "command: an area, a cluster, or what a key does; q leaves"),
    ("^p", "every command that makes sense now"),
    ("s  S", "sort by the next column, and back; N P A by name, namespace, end"),
    ("space  M", "mark a row, all that are shown; ^space a range, ^\\ none"),
    ("J", "into the results of the newest job, and back; ^r retries what failed, ^x cancels the rest"),
    ("T", "the timeline: hour, day, week, month; ← → go into it"),
    ("t  ^z", "dark or light; to the shell, where fg returns"),
    ("click", "a row, a title to sort, an area; twice opens"),
)


class HelpScreen(Reader[None]):
    """Esc or ? leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "leave", "close", key_display="esc")]

    def __init__(self, text: str, of: Screen[object] | Screen[None]) -> None:
        super().__init__("Help")
        self._text = text
        seen: dict[str, tuple[str, str, bool]] = {}
        for active in of.active_bindings.values():
            binding = active.binding
            if binding.action.startswith(_MOVES):
                continue
            if binding.description and not binding.system and binding.action not in seen:
                key = of.app.get_key_display(binding)
                said = binding.tooltip or binding.description
                said = said if said == binding.description else f"{binding.description}: {said}"
                seen[binding.action] = (key, said, active.enabled)
        self._keys = list(seen.values())

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="reader-body"):
            yield Hanging(self._lines())

    def _lines(self) -> list[Hung]:
        nothing = Content("")
        return [
            (nothing, Content.styled(self._text, "$foreground")),
            (nothing, nothing),
            (nothing, Content.styled("here", "$primary bold")),
            *(_key(key, said, enabled) for key, said, enabled in self._keys),
            (nothing, nothing),
            (nothing, Content.styled("everywhere", "$primary bold")),
            *(_key(key, said, True) for key, said in ELSEWHERE),
        ]


def _key(key: str, said: str, enabled: bool) -> Hung:
    return (
        Content.styled(f"{key:>12}  ", "$strong bold" if enabled else "$faint"),
        Content.styled(said if enabled else f"{said} (not now)", "$foreground" if enabled else "$faint"),
    )
