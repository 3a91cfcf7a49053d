"""The finding for a strong account that a weak subject reaches: whoever may become it has its rights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from tui.issuance.insight.access import Access, groups_of
from tui.issuance.insight.becoming import Becomer, becomers, reviewed_as
from tui.issuance.insight.becoming_ways import Target, Way
from tui.issuance.insight.dangers import Danger, worst
from tui.issuance.insight.lineage_tree import kept_secret
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Credential, Identity
from tui.kube import shell
from tui.kube.text import safe_text

from .finding import RULES, Finding
from .survey import Survey

RULE: Final = "reachable-account"
_NAMED: Final = 3
"""Subjects named in one sentence; the page and the verb name all."""


class Reachable:
    """Looks at one account after the other. Strong is what is critical in the whole cluster, weak whoever is not."""

    def __init__(self, surveys: Mapping[str, Survey]) -> None:
        self._surveys = surveys
        self._held: defaultdict[Identity, set[tuple[str, str]]] = defaultdict(set)
        self._strong: dict[tuple[str, str, tuple[str, ...]], Danger | None] = {}

    def holds(self, account: Identity, credential: Credential) -> None:
        """A Secret that holds a credential of it."""
        kept = kept_secret(credential)
        if kept is not None and kept[0] == account.cluster:
            self._held[account].add(kept[1:])

    def of(self, account: Identity) -> Iterator[Finding]:
        """One finding at the most. Who is not known to be weak is not accused: a part that could not be read counts
        for nothing."""
        survey = self._surveys.get(account.cluster)
        if survey is None or survey.access is None:
            return
        strength = self._strength(account.cluster, survey.access, account.username, groups_of(account))
        if strength is None:
            return
        here = (account.namespace, account.name)
        pods = None if survey.running is None or here in survey.running else ()
        found = becomers(survey.access, Target.of(account), held=self._held.get(account, ()), pods=pods)
        weak = [one for one in found if self._is_weak(account.cluster, survey.access, one)]
        if weak:
            yield _finding(account, strength, weak)

    def _is_weak(self, cluster: str, access: Access, one: Becomer) -> bool:
        if one.strong or one.way is Way.WRITE:
            return False
        everybody = one.severity is Severity.CRITICAL
        return everybody or self._strength(cluster, access, *reviewed_as(one)) is None

    def _strength(self, cluster: str, access: Access, username: str, groups: tuple[str, ...]) -> Danger | None:
        """The worst that it may do in the whole cluster, where that is critical."""
        key = (cluster, username, groups)
        if key not in self._strong:
            grants = access.grants(username, groups)
            rules = (rule for grant in grants if not grant.bound.namespace for rule in grant.rules or ())
            danger = worst(rules)
            self._strong[key] = danger if danger is not None and danger.severity is Severity.CRITICAL else None
        return self._strong[key]


def _finding(account: Identity, strength: Danger, weak: list[Becomer]) -> Finding:
    first = list(dict.fromkeys(one.subject for one in weak))
    best = {one.subject: one for one in reversed(weak)}
    named = "; ".join(
        f"{one.subject} {one.why}, through {one.through[0] if one.through else 'the server'}"
        for one in (best[subject] for subject in first[:_NAMED])
    )
    more = f"; and {len(first) - _NAMED} more" if len(first) > _NAMED else ""
    return Finding(
        rule=RULE,
        severity=RULES[RULE].severity,
        subject=f"{account.namespace}/{account.name} in {account.cluster}",
        message=safe_text(f"it {_third(strength.why)}; {named}{more}", 600),
        action="narrow those bindings to what is used, or keep strong accounts in a namespace of their own",
        command=shell.command("kubemint", "who", f"{account.namespace}/{account.name}", "--context", account.cluster),
        identity=account,
        cluster=account.cluster,
    )


def _third(why: str) -> str:
    """`everything: every verb …` has no verb of its own."""
    return f"may do {why}" if why.startswith("everything") else why
