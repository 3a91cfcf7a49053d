"""What `:` understands: areas and their k9s words, clusters, namespaces, rows, columns, themes, and every action.

Pure: a line becomes a `Command`, and a line that is being typed becomes what it can be completed to. Who is asked for a
name that does not exist says the nearest one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tui.fleet.nouns import NARROWING, NOUNS, Noun
from tui.issuance import UsageError
from tui.kube.text import safe_text

AREA_WORDS: Final[dict[str, Noun]] = {
    **dict.fromkeys(("overview", "home", "pulses"), Noun("overview")),
    **{word: noun for word, noun in NOUNS.items() if word not in NARROWING},
    **dict.fromkeys(("activity", "journal"), Noun("activity")),
}
"""What people call the areas, and what they are."""

WITH_ARGUMENT: Final[dict[str, str]] = {**NARROWING, "theme": "theme", "sort": "sort"}
"""Words that take a name, and of what."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done: show an `area`, `open` a cluster, narrow to a `cluster` or `namespace` or `choose` one of a
    kind, `theme`, `sort`, go to a `row`, an `action`, or `unknown` with what to say about it."""

    kind: str
    name: str = ""
    filter: str = ""
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to name just now."""

    actions: Mapping[str, str] = field(default_factory=dict)
    """Words and the actions that they start."""
    clusters: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    themes: Sequence[str] = ()
    sorts: Sequence[str] = ()

    def of(self, kind: str) -> Sequence[str]:
        """The names of a kind."""
        names: dict[str, Sequence[str]] = {
            "cluster": self.clusters, "namespace": self.namespaces, "theme": self.themes, "sort": self.sorts,
        }  # fmt: skip
        return names[kind]


def understand(text: str, known: Known) -> Command | None:
    """The command that a line means; None for an empty one."""
    word, _, rest = text.strip().partition(" ")
    rest, lower = rest.strip(), word.lower()
    if not word:
        return None
    if lower.isdecimal() and not rest:
        return Command("row", lower)
    if lower in WITH_ARGUMENT:
        return _named(WITH_ARGUMENT[lower], rest, known)
    if rest.startswith("/") and lower in AREA_WORDS:
        noun = AREA_WORDS[lower]
        return Command("area", noun.area, f"{noun.filter} {rest[1:]}".strip())
    if rest:
        return Command(
            "unknown", f"{word} takes no name; {', '.join(WITH_ARGUMENT)} do; an area takes a filter after /"
        )
    if lower in known.actions:
        return Command("action", known.actions[lower])
    area = _whole_or_start(lower, list(AREA_WORDS))
    if lower in AREA_WORDS:
        return Command("area", *AREA_WORDS[lower])
    cluster = _whole_or_start(word, known.clusters)
    if word in known.clusters or (cluster and not area):
        return Command("open", cluster)
    if area:
        return Command("area", *AREA_WORDS[area])
    return Command("unknown", f"there is no command {safe_text(word, 40)!r}{_near(lower, words(known))}")


def opening(text: str) -> Command:
    """The area that the dashboard is to open on, with its filter: what `--command` takes.

    Raises UsageError for what only a running dashboard can do, and for what nobody can.
    """
    command = understand(text, Known())
    if command is None or command.kind != "area":
        raise UsageError(
            f"the dashboard cannot open on {safe_text(text, 40)!r}",
            f"name one of {', '.join(AREA_WORDS)}, and a filter after it, such as 'credentials /state:due'",
        )
    return command


def complete(text: str, known: Known) -> list[str]:
    """What a line can become, as whole lines."""
    word, space, rest = text.partition(" ")
    if space:
        kind = WITH_ARGUMENT.get(word.lower())
        names = known.of(kind) if kind else ()
        start = [name for name in names if name.lower().startswith(rest.lower())]
        within = [name for name in names if rest and rest.lower() in name.lower() and name not in start]
        return [f"{word} {safe_text(name)}" for name in (*start, *within)]
    return [safe_text(found) for found in words(known) if found.lower().startswith(word.lower())]


def words(known: Known) -> list[str]:
    """Everything that a line can begin with."""
    return list(dict.fromkeys([*AREA_WORDS, *WITH_ARGUMENT, *known.actions, *known.clusters]))


def _named(kind: str, name: str, known: Known) -> Command:
    if kind == "sort":
        backwards = name.startswith("-")
        name = name.removeprefix("-")
        found = _whole_or_start(name.lower(), known.sorts)
        if found:
            return Command("sort", found, reverse=backwards)
        return Command("unknown", f"the list cannot be sorted by {safe_text(name, 40) or 'nothing'!r}; "
                                  f"there is {', '.join(known.sorts)}")  # fmt: skip
    if kind == "namespace" and name in ("all", "-", "*"):
        return Command(kind)
    if not name:
        return Command("choose", kind)
    names = known.of(kind)
    found = _whole_or_start(name, names)
    if found:
        return Command(kind, found)
    return Command("unknown", f"there is no {kind} {safe_text(name, 40)!r}{_near(name, names)}")


def _whole_or_start(word: str, names: Sequence[str]) -> str:
    lower = word.lower()
    if word in names:
        return word
    return next((name for name in names if lower and name.lower().startswith(lower)), "")


def _near(word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {safe_text(near[0], 40)!r}?" if near else "; ? shows what there is"
