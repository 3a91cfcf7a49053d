"""The settings: every field with its type, its default and one sentence, from which the JSON Schema is made.

In the file the names are written `exportFolder`, as everything in Kubernetes is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from tui.issuance import DURATION_PATTERN, TrustedSource


class Confirm(StrEnum):
    """What asks before it begins."""

    NEVER = "never"
    DESTRUCTIVE = "destructive"
    ALWAYS = "always"


_DURATION: Final[dict[str, Any]] = {"pattern": DURATION_PATTERN, "examples": ["30s", "15m", "1h30m", "7d"]}
Duration = Annotated[timedelta, Meta(extra_json_schema=_DURATION)]
"""A length of time, written as Go writes it."""
Globs = tuple[str, ...]


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When and how something that will expire makes itself heard."""

    window: Annotated[Duration, Meta(description="Warn when this much of the life is left.")] = timedelta(minutes=15)
    critical: Annotated[Duration, Meta(description="Warn again, louder, when this much is left; 0s turns it off.")] = (
        timedelta(0)
    )
    bell: Annotated[bool, Meta(description="Ring the terminal's bell.")] = True
    desktop: Annotated[bool, Meta(description="Send a desktop notification through the terminal (OSC 9, OSC 777).")] = (
        True
    )


class Columns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Per area, which columns are shown and in which order; an empty list shows all."""

    clusters: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    activity: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Settings of kubemint."""

    theme: Annotated[str, Meta(description="The colours of the dashboard.")] = "dark"
    keymap: Annotated[
        dict[str, str], Meta(description="The keys of an action, by its name, several with commas: `rotate: r,f5`.")
    ] = {}
    columns: Annotated[Columns, Meta(description="Which columns the lists show, from left to right.")] = Columns()
    read_only: Annotated[bool, Meta(description="Change nothing in any cluster, and write no file.")] = False
    read_only_contexts: Annotated[
        Globs, Meta(description="Clusters in which nothing is changed, by glob pattern: `prod-*`.")
    ] = ()
    confirm: Annotated[Confirm, Meta(description="Which actions ask first; several at a time always do.")] = (
        Confirm.DESTRUCTIVE
    )
    grace: Annotated[Duration, Meta(description="How long the old credential stays valid after a rotation.")] = (
        timedelta(seconds=30)
    )
    kubelet_sync: Annotated[
        Duration,
        Meta(description="How long a changed Secret may take to reach the pods that mount it; no grace is shorter."),
    ] = timedelta(minutes=3)
    lifetime: Annotated[Duration, Meta(description="The lifetime requested for new credentials.")] = timedelta(hours=1)
    export_folder: Annotated[str, Meta(description="Where exports go unless you say otherwise.")] = "~/.kube/kubemint"
    preferences: Annotated[
        bool,
        Meta(
            description="Write the empty `preferences: {}` into kubeconfigs, as kubectl did before 1.34: older readers "
            "expect it. DPU requests always have it."
        ),
    ] = True
    trust: Annotated[
        tuple[TrustedSource, ...],
        Meta(description="Which clusters that others deliver are entered without asking; all others ask once."),
    ] = ()
    trust_delivered: Annotated[
        bool,
        Meta(
            description="Enter whatever cluster another one delivers, also on this machine: for tests and scripts "
            "around your own clusters, never where other users may write Secrets."
        ),
    ] = False
    alerts: Annotated[
        dict[str, Alert],
        Meta(description="Alerts by glob pattern over the clusters' names; the first that fits counts."),
    ] = {}

    def alert(self, cluster: str) -> Alert:
        """What counts for this cluster: the first pattern that fits, else the defaults."""
        return next((alert for glob, alert in self.alerts.items() if fnmatchcase(cluster, glob)), Alert())

    def asks(self, *, destructive: bool) -> bool:
        """Whether an action has to be confirmed."""
        return self.confirm is Confirm.ALWAYS or (destructive and self.confirm is Confirm.DESTRUCTIVE)


def matching(name: str, globs: Iterable[str]) -> str:
    """The first pattern that fits a cluster's name, empty where none does."""
    return next((glob for glob in globs if fnmatchcase(name, glob)), "")
