"""A page over the main screen: a table of its own, the facts of its current line, a filter, and the keys of the lists.

Subclasses load rows in a worker and say what a row is called; which row of the fleet it stands for is what the keys of
the lists then act on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, Static

from tui.actions.jobs import Job
from tui.fleet.fields import Cell, Field, haystack_of, on_screen, words_of
from tui.fleet.filter import finds, parse, unfinished, words_for, wrong
from tui.fleet.signs import Tone
from tui.issuance import explain
from tui.kube.amounts import count, number
from tui.kube.text import safe_text
from tui.screens.acting.working import WorkingScreen
from tui.screens.areas.panes import marks_said, misspelt
from tui.screens.session import Session
from tui.widgets.crumbs import Crumbs
from tui.widgets.enlarged import lessen
from tui.widgets.facts import FactsView, Section
from tui.widgets.job_panel import JobPanel
from tui.widgets.key_line import KeyLine
from tui.widgets.prompt import Prompt
from tui.widgets.table import FleetTable

Item = TypeVar("Item")


class Listed(Generic[Item]):
    """Items with their keys, narrowed to those that the filter of lists finds by their words and fields, in order."""

    def __init__(
        self,
        items: Sequence[Item],
        key: Callable[[Item], str],
        text: str,
        say: Callable[[Item], str],
        fields: tuple[Field[Item], ...] = (),
        now: Callable[[Item], datetime] = lambda item: datetime.now(UTC),
    ) -> None:
        terms, words = parse(text, fields), words_of(fields)
        self._items = [item for item in items if not terms or finds(terms, say(item).lower(), words, item, now(item))]
        self._keys = [key(item) for item in self._items]
        self._at = {key: index for index, key in enumerate(self._keys)}

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int, /) -> Item:
        return self._items[index]

    def key_at(self, index: int) -> str:
        return self._keys[index]

    def find(self, key: str) -> int | None:
        return self._at.get(key)


class Page(WorkingScreen, Generic[Item]):
    """Loads, shows, filters; Esc goes back one thing at a time."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - Textual's own way
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's own way

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "back", key_display="esc"),
        Binding("slash", "filter", "filter", key_display="/", priority=True),
        Binding("ctrl+r", "again", "look again", key_display="^r"),
        Binding("s", "sort_next", "sort by the next column", show=False, id="sort"),
        Binding("S", "sort_reverse", "reverse the sort order", show=False, id="sort_reverse"),
        Binding("ctrl+x", "cancel_rest", "cancel the rest", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
    ]
    trail: Sequence[str] = ()
    fields: Sequence[Field[Item]] = ()
    """The first that it can be sorted by is the order that the items come in."""
    noun = "line"
    opens = True
    """Whether a line leads anywhere."""
    marks = False
    """Whether several lines can be acted on together."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.items: Sequence[Item] = ()
        self.text = ""
        self.failure: Exception | None = None
        self.loading_says = "asking …"
        columns = on_screen(self.fields)
        self.sorts = [column.sort for column in columns if column.sort]
        self._sorted = (self.sorts[0] if self.sorts else "", False)
        self.table = FleetTable(columns, now=self.moment, opens=self.opens, marks=self.marks, id="page-table")
        self.table.empty = self._empty

    def compose(self) -> ComposeResult:
        yield Crumbs(id="page-crumbs")
        yield Static("", id="page-note", markup=False)
        with Container(id="page-body"):
            yield self.table
            yield FactsView(id="page-facts")
        yield JobPanel(self.session.clock, retries=False, id="page-jobs")
        yield Prompt(id="prompt")
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.query_one(JobPanel).display = False
        self.set_interval(1.0, self._second)
        self.table.focus()
        self.show_status()
        self.load()

    # For subclasses

    async def fetch(self) -> Sequence[Item]:
        """Find the items. May raise; what it raises is shown."""
        raise NotImplementedError

    def key_of(self, item: Item) -> str:
        raise NotImplementedError

    def words_of(self, item: Item) -> str:
        """What the filter looks through."""
        return haystack_of(self.fields)(item)

    def describe(self, item: Item) -> Sequence[Section]:
        """The facts of one item."""
        raise NotImplementedError

    def note(self) -> Content:
        """What is said above the table."""
        return Content("")

    def nothing(self) -> Sequence[Cell]:
        """What an empty table says."""
        return ()

    def moment(self, item: Item) -> datetime:
        return self.session.clock()

    # What happens

    @property
    def item(self) -> Item | None:
        """The item under the cursor."""
        return self.table.row

    def load(self) -> None:
        self.run_worker(self._load(), group="page", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        self.failure, self.loading_says = None, self.loading_says or "asking …"
        self.show_status()
        try:
            self.items = await self.fetch()
        except Exception as error:  # noqa: BLE001 - a mistake must not end the dashboard
            self.failure, self.items = error, ()
        self.loading_says = ""
        self.show_items()

    def progress(self, words: str) -> None:
        """Say how far it is."""
        self.loading_says = words
        self.show_status()

    def show_items(self) -> None:
        by, reverse = self._sorted
        items = list(self.items)
        if by:
            field = next(field for field in self.fields if field.sort == by)
            items.sort(key=lambda item: field.sorted_at(item, self.moment(item)), reverse=reverse)
            items.sort(key=lambda item: field.order(item, self.moment(item)) is None)
        rows = Listed(items, self.key_of, self.text, self.words_of, tuple(self.fields), self.moment)
        self.table.show(rows, sorted_by=by, reverse=reverse)
        self.table.keep_marks({self.key_of(item) for item in self.items})
        self.show_status()
        self._describe()

    def show_status(self) -> None:
        """Title, counts and note say what is so now."""
        if not self.is_mounted:
            return
        facts: list[tuple[str, Tone]] = []
        if self.loading_says:
            facts.append((f"◌ {self.loading_says}", Tone.INFO))
        shown, total = len(self.table.rows), len(self.items)
        if total:
            everything = count(total, self.noun)
            facts.append((f"{number(shown)} of {everything}" if shown != total else everything, Tone.MUTE))
        if self.table.marks:
            facts.append((marks_said(self.table), Tone.WARN))
        said = "" if self.query_one(Prompt).display else wrong(self.text, tuple(self.fields))
        self.query_one(Crumbs).show([safe_text(name, 120) for name in self.trail], facts, self.text, said)
        note = self.note()
        self.query_one("#page-note", Static).update(note)
        self.query_one("#page-note").display = bool(note.plain)
        self.query_one("#page-facts").display = bool(len(self.table.rows))
        if not len(self.table.rows):
            self.table.refresh()
        self.bindings_may_differ()

    def show_job(self, job: Job) -> None:
        """A job began or changed."""
        self.query_one(JobPanel).show(job)
        self.bindings_may_differ()

    @property
    def table_of_rows(self) -> FleetTable | None:
        return self.table

    @property
    def marks_hidden(self) -> int:
        return self.table.marks_hidden

    def done_with_marks(self) -> None:
        self.table.forget_marks(shown=True)

    def on_fleet_table_moved(self, event: FleetTable.Moved) -> None:
        self._describe()
        self.bindings_may_differ()

    def on_fleet_table_marked(self, event: FleetTable.Marked) -> None:
        self.show_status()

    def on_fleet_table_sort_wanted(self, event: FleetTable.SortWanted) -> None:
        self._sort(event.sort)

    def on_resize(self) -> None:
        self._describe()

    def on_crumbs_chosen(self, event: Crumbs.Chosen) -> None:
        if event.number < len(self.trail) - 1:
            self.dismiss(None)

    def take_typed(self, text: str) -> bool:
        """A word was typed without its `/`: open the filter with it."""
        self.action_filter()
        self.query_one(Prompt).say(text)
        return True

    def action_filter(self) -> None:
        words = partial(words_for, fields=tuple(self.fields))
        self.query_one(Prompt).open(
            "/", self.text, words=words, placeholder="words that must all match, !word must not"
        )

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        if event.kind == "/":
            self.text = event.text
            self.show_items()
            self.query_one(Prompt).note(unfinished(event.text, tuple(self.fields)))

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        self.table.focus()
        self.show_status()

    def on_prompt_left(self, event: Prompt.Left) -> None:
        if event.kind == "/":
            self.text = ""
            self.show_items()
        self.table.focus()

    def action_back(self) -> None:
        panel = self.query_one(JobPanel)
        if lessen(self):
            pass
        elif isinstance(self.focused, FactsView):
            self.table.focus()
        elif panel.display:
            panel.close()
            self.table.focus()
        elif self.text:
            self.text = ""
            self.show_items()
        else:
            self.dismiss(None)

    def action_sort_next(self) -> None:
        by, _ = self._sorted
        self._sort(self.sorts[(self.sorts.index(by) + 1) % len(self.sorts)])

    def action_sort_reverse(self) -> None:
        self._sort(self._sorted[0])

    def _sort(self, by: str) -> None:
        """Sort by this; again for the other way round."""
        was, reverse = self._sorted
        self._sorted = (by, by == was and not reverse)
        self.show_items()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sort_next", "sort_reverse"):
            return bool(self.sorts)
        if action == "filter":  # it comes before everything, so that what is typed right after it acts on nothing
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_again(self) -> None:
        """Look again: a key that looks changes nothing. Who reads a job's results (J) tries that again."""
        panel = self.query_one(JobPanel)
        if panel.has_focus:
            self.kubemint.desk.retry(panel.job)
        else:
            self.load()

    def _describe(self) -> None:
        if self.is_mounted:
            item = self.item
            self.query_one(FactsView).show([] if item is None else self.describe(item))

    def _second(self) -> None:
        panel = self.query_one(JobPanel)
        if panel.display and panel.job is not None and panel.job.running:
            panel.redraw()

    def _empty(self) -> Sequence[Cell]:
        if self.loading_says:
            return [Cell(f"◌ {self.loading_says}", Tone.INFO)]
        if self.failure is not None:
            message, hint = explain(self.failure)
            return [
                Cell(f"✖ {safe_text(message)}", Tone.BAD),
                *([Cell(f"→ {safe_text(hint)}", Tone.WARN)] if hint else []),
                Cell("ctrl+r looks again, esc goes back", Tone.MUTE),
            ]
        if self.text and self.items:
            return [Cell(f"No {self.noun} matches /{safe_text(self.text, 40)}", Tone.STRONG),
                    *misspelt(self.text, self.fields),
                    Cell("esc clears the filter", Tone.MUTE)]  # fmt: skip
        return self.nothing()
