"""What a server says that one may do, as `kubectl auth can-i --list` prints it: one line for each resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tui.kube.text import safe_text

HEADERS = ("Resources", "Non-Resource URLs", "Resource Names", "Verbs")
_GAP, _NARROWEST = 3, 6


class Rule(NamedTuple):
    """A line of it; of a resource there is one for each name."""

    verbs: tuple[str, ...]
    group: str = ""
    resource: str = ""
    name: str = ""
    url: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        kind, slash, below = self.resource.partition("/")
        of = f"{kind}.{self.group}" if self.group else kind
        return f"{of}{slash}{below}", _listed((self.url,)), _listed((self.name,)), _listed(self.verbs)

    @property
    def rank(self) -> tuple[str, ...]:
        """By what kubectl sorts: the words of the rule as Go writes them."""
        parts = (self.verbs, (self.group,) if self.resource else (), (self.resource,), (self.name,), (self.url,))
        return tuple(_listed(part) for part in parts)


def rules_of(status: dict[str, Any]) -> list[Rule]:
    """The lines for the status of a SelfSubjectRulesReview: all verbs of one resource together, in kubectl's order."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for rule in _each(status.get("resourceRules")):
        for group in _texts(rule, "apiGroups"):
            for resource in _texts(rule, "resources"):
                for name in _texts(rule, "resourceNames") or [""]:
                    verbs = found.setdefault((group, resource, name), [])
                    verbs += [verb for verb in _texts(rule, "verbs") if verb not in verbs]
    rules = [
        Rule((verb,), url=url)
        for rule in _each(status.get("nonResourceRules"))
        for url in _texts(rule, "nonResourceURLs")
        for verb in _texts(rule, "verbs")
    ]
    rules += [Rule(tuple(verbs), *at) for at, verbs in found.items()]
    return sorted(rules, key=lambda rule: rule.rank)


def table(rules: Iterable[Rule], *, headers: bool) -> list[str]:
    """The lines, in columns as wide as their widest cell."""
    rows = [*([HEADERS] if headers else []), *(tuple(map(safe_text, rule.cells)) for rule in rules)]
    columns = list(zip(*rows, strict=True))[:-1]
    widths = [max(_NARROWEST, *(len(cell) + _GAP for cell in column)) for column in columns]
    return ["".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=False)) + row[-1] for row in rows]


def _listed(words: Iterable[str]) -> str:
    return f"[{' '.join(word for word in words if word)}]"


def _each(rules: Any) -> Iterator[dict[str, Any]]:
    return (rule for rule in rules or () if isinstance(rule, dict))


def _texts(rule: dict[str, Any], key: str) -> list[str]:
    return [str(one) for one in rule.get(key) or ()]
