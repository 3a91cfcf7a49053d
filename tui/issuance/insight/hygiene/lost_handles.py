"""The finding for a handle that nothing accounts for: a token that may live, and that no list shows."""

from __future__ import annotations

from datetime import datetime

from tui.issuance.model.countdown import human_left
from tui.issuance.model.severity import Severity
from tui.issuance.objects import managed
from tui.issuance.trust.handles import Ending, Fate, Named, judge as may_end
from tui.issuance.trust.orphans import Walked
from tui.kube import shell
from tui.kube.amounts import about
from tui.kube.text import safe_text

from .finding import RULES, Finding, Fix

RULE = "lost-handle"


def lost_handle(one: Walked, now: datetime) -> Finding:
    """What is said of one, and what ends it. What its annotations say is said to be theirs."""
    handle = one.handle
    address = f"handle:{handle.cluster}/{handle.namespace}/{handle.name}"
    ends = one.ends_at
    over = ends is not None and ends <= now
    said = [_since(one, now), _kept(one), _end(one, now)]
    name = one.identity.name if one.identity is not None else ""
    verdict = may_end(Ending(handle=handle, named=Named.BY_WALK, account=name), one.seen)
    ours = verdict.fate is Fate.DELETE
    kubectl = shell.command(
        "kubectl", "--context", handle.cluster, "-n", handle.namespace, "delete", "secret", handle.name
    )
    return Finding(
        rule=RULE,
        severity=Severity.LOW if over else RULES[RULE].severity,
        subject=address,
        message="; ".join(filter(None, said)),
        action="revoke it, unless its token is kept on another machine"
        if ours
        else f"look at that Secret, and delete it by hand: {verdict.why}, so kubemint does not",
        command=shell.command("kubemint", "revoke", address) if ours else kubectl,
        fix=Fix.REVOKE_HANDLE if ours else Fix.NONE,
        identity=one.identity,
        cluster=handle.cluster,
    )


def _since(one: Walked, now: datetime) -> str:
    whose = f"of {one.seen.account}" if one.identity is not None else "of an account that it does not name"
    by = f" by {safe_text(one.issued_by, 60)}" if one.issued_by else ""
    made = f"made {about(now - one.created_at)} ago{by}" if one.created_at is not None else "made at some time"
    return f"a token {safe_text(whose)}, {made}, that no destination, no file here and no running plan needs"


def _kept(one: Walked) -> str:
    if not one.seen.secrets:
        return "it says of no Secret that it was made for it: it may be in a file on another machine"
    places = ", ".join(one.seen.secrets[:3]) + (" …" if len(one.seen.secrets) > 3 else "")
    return f"it says that it was made for {safe_text(places)}, where it is not"


def _end(one: Walked, now: datetime) -> str:
    ends = one.ends_at
    if ends is None:
        return "when it ends is not known"
    if ends <= now:
        return f"as its annotation {managed.REQUESTED} says, it ended {about(now - ends)} ago"
    return f"as its annotation {managed.REQUESTED} says, it ends in {human_left(ends - now)}"
