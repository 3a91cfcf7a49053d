"""The rows of the fleet: what one line of a list shows, as frozen data.

Rows hold stamps, never countdowns: what is left is computed from the time when a row is drawn or printed, so that
nothing in the store changes while a clock ticks.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance import (
    ApartFacts,
    ConditionRow as ConditionRow,
    Credential,
    Identity,
    RequestRow as RequestRow,
    clusters_apart,
)

if TYPE_CHECKING:
    from tui.issuance import DeliveredBy

ENTER: Final = "enter connects with a certificate in memory, or writes a kubeconfig"
"""The hint of a cluster apart that is not entered yet: what its key does."""


class Reach(StrEnum):
    """The state of a cluster, as its own tasks see it."""

    CONNECTING = "connecting"
    READY = "ready"
    SLOW = "slow"
    NEEDS_LOGIN = "needs login"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"
    """Nobody answers: refused, no route, no name, no answer in time."""
    SERVER_ERROR = "server error"
    """It, or a load balancer before it, answers that it cannot serve just now (5xx)."""
    THROTTLED = "throttled"
    """It answers, and asks to be asked less (429)."""
    LOGIN_PAGE = "login page"
    """A page for browsers answers in its place."""
    WRONG_ANSWER = "wrong answer"
    """What answers there does not speak as an API server does."""
    TLS_FAILED = "TLS failed"
    UNUSABLE = "unusable"
    """What is written about it cannot be read or does not go together, so nothing is sent there."""
    NOT_READY = "not ready"
    """It may answer, but who delivers it says that it is not ready."""
    UNTRUSTED = "untrusted"
    """Another cluster delivers it, and the operator has not said yes to entering it; or it is refused."""
    NOT_CONNECTED = "not connected"
    """The user did not ask to enter it: a cluster apart."""


AWAY: Final = frozenset({Reach.UNREACHABLE, Reach.SERVER_ERROR, Reach.THROTTLED, Reach.LOGIN_PAGE, Reach.WRONG_ANSWER})
"""The road is at fault, or the server is: nothing can be read there now, and trying again may mend it."""


class DeliveredFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Who delivers a cluster, and what is said there of how it stands."""

    by: DeliveredBy
    phase: str = ""
    """The DPUCluster's own word (Pending, Creating, Ready, NotReady, Failed); empty where nothing says so."""
    says: str = ""
    """Why, in its own words."""
    labels: dict[str, str] = {}
    """Of the object that leads to it."""

    @property
    def ready(self) -> bool:
        """Whether nothing is said against it."""
        return self.phase in ("", "Ready")


NO_RIGHT: Final = "no right to"
"""How the reason begins why a kind is missing that its server forbids to list."""


class ClusterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster. `since` is when it entered `reach`; `synced_at` when its data was last known to be complete."""

    name: str
    server: str = ""
    source: str = "kubeconfig"
    """kubeconfig, in-cluster, DPUCluster, Gardener shoot, …"""
    user: str = ""
    namespace: str = "default"
    version: str = ""
    reach: Reach = Reach.CONNECTING
    since: datetime | None = None
    synced_at: datetime | None = None
    skew: float | None = None
    """Server time minus local time in seconds, where it can be believed."""
    clock: str = ""
    """Why the time in its answers is not followed; empty where it is."""
    latency: float | None = None
    """Seconds the last small request took."""
    message: str = ""
    hint: str = ""
    retry_at: datetime | None = None
    """When its tasks try again, None while there is nothing to try."""
    missing: tuple[str, ...] = ()
    """Kinds that could not be listed there, each with its reason, for people."""
    lacks: tuple[str, ...] = ()
    """Kinds that its server does not have, by their titles."""
    apart: ApartFacts | None = None
    """What another cluster says of it that no one enters by that."""
    delivered: DeliveredFacts | None = None
    """Who delivers it, where another cluster does."""
    same: tuple[str, ...] = ()
    """Other clusters of the fleet that lead to the same server with the same authority, each with its own login."""
    carried_by: str = ""
    """Which of those shows what is in it, so that nothing is listed twice; empty: it does itself."""

    @property
    def told_only(self) -> bool:
        """Whether no context leads to it: it is a cluster apart, entered or not."""
        return any(self.source == sort.source for sort in clusters_apart())

    @property
    def word(self) -> str:
        """How it stands, in a word: one that is not ready in that of whoever delivers it."""
        phase = self.delivered.phase if self.delivered is not None else ""
        return phase if phase and self.reach is Reach.NOT_READY else self.reach.value

    @property
    def labels(self) -> dict[str, str]:
        """Of the object that it is found by in another cluster; a context has none."""
        found = self.apart or self.delivered
        return found.labels if found is not None else {}

    @property
    def unread(self) -> tuple[str, ...]:
        """What of `missing` it was asked for and did not give; where a right is missing that was to be expected."""
        return tuple(text for text in self.missing if f": {NO_RIGHT} " not in text)

    @property
    def answers(self) -> bool:
        """Whether its server answers: also one that is not ready may, unless it is only tried again later."""
        answers = self.reach in (Reach.READY, Reach.SLOW, Reach.NOT_READY)
        return answers and (self.reach is not Reach.NOT_READY or self.retry_at is None)

    @property
    def is_silent(self) -> bool:
        """Whether it was asked and does not answer; those that nobody chose to enter were not asked."""
        return not self.answers and self.reach is not Reach.NOT_CONNECTED

    @property
    def key(self) -> str:
        return self.name


class AccountRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One service account."""

    identity: Identity
    uid: str = ""
    created_at: datetime | None = None
    labels: dict[str, str] = {}

    @property
    def key(self) -> str:
        return str(self.identity)

    @property
    def cluster(self) -> str:
        return self.identity.cluster


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One credential as the fleet lists it; the credential itself says everything."""

    credential: Credential
    cluster: str
    """The cluster it lets people into, empty where it is not known (a file whose cluster left the kubeconfig)."""
    namespace: str = ""
    name: str = ""
    stale: bool = False
    """Whether the cluster it was read from has since been lost."""
    labels: dict[str, str] = {}
    """Of the object that it was read from."""
    lost: bool = False
    """Whether only this machine's record knows it: no Secret that is marked as kubemint's is listed there."""

    @property
    def key(self) -> str:
        return str(self.credential.address)


Row = ClusterRow | AccountRow | RequestRow | CredentialRow
