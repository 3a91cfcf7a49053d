"""What an engine holds between a plan and its execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tui.issuance.errors import IssuanceError
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.types import Credential, Handle
from tui.issuance.records.grace_time import Moment, moment
from tui.issuance.records.intent import Revocation
from tui.issuance.users.far_users import Copied
from tui.issuance.users.grace_length import GraceWish, Length
from tui.kube.errors import KubeError

if TYPE_CHECKING:
    from tui.issuance.families.dpf.target import TargetClusters
    from tui.issuance.families.registry import Families
    from tui.issuance.records.state import StateStore
    from tui.issuance.trust.whose import Whose
    from tui.issuance.users.secret_users import SecretName, SecretUsers
    from tui.kube.sensitive import Sensitive

    from .running import Run

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Context:
    """What every piece of work needs from its engine."""

    clusters: TargetClusters
    """What the engine was given, and beyond it every DPUCluster in there."""
    state: StateStore
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    wish: GraceWish
    owner: str
    users: SecretUsers
    families: Families
    whose: Whose
    own: dict[Any, Any] = field(default_factory=dict)
    """What families keep, by what makes it: each with `settle`, `left_of` and `aclose`, as the engine has them."""
    announced: frozenset[str] = frozenset()
    """PushSecrets that are told of the new material at once."""

    def kept(self, kind: Callable[[Context], K]) -> K:
        """What a family keeps for as long as the engine lives, made when it is first asked for."""
        if kind not in self.own:
            self.own[kind] = kind(self)
        found: K = self.own[kind]
        return found

    @property
    def grace(self) -> timedelta:
        """How long an old credential still works where none is known to need longer."""
        return self.wish.asked

    async def length(self, secrets: Sequence[SecretName], old: Sequence[Credential]) -> Length:
        """How long the old credentials have to live on that these Secrets hold, and for whom."""
        return replace(
            await self._length(secrets, old), again=partial(self._length, tuple(secrets), tuple(old), fresh=True)
        )

    async def _length(self, secrets: Sequence[SecretName], old: Sequence[Credential], *, fresh: bool = False) -> Length:
        ends = [one.expires_at for one in old if one.expires_at is not None]
        left = max(ends) - self.clock() if ends and len(ends) == len(old) else None
        copied = await self._copied(old)
        return await self.users.length(
            self.clusters, self.wish, secrets, left=left, announced=self.announced, fresh=fresh, copied=copied
        )

    async def _copied(self, old: Sequence[Credential]) -> Copied:
        """What to know the copies of these by; the Secrets that this machine put them into as it remembers that."""
        handles = frozenset(one.handle.uid for one in old if one.handle is not None)
        prints = frozenset(one.fingerprint for one in old if one.fingerprint)
        written = await asyncio.to_thread(self.state.written_secrets) if old else []
        held = (one.credential for one in written)
        return Copied(
            handles=handles,
            fingerprints=prints,
            recorded=tuple(one.address for one in held if one.fingerprint in prints),
            clusters=tuple(one.handle.cluster for one in old if one.handle is not None),
        )

    async def now(self, cluster: str) -> datetime:
        """The time in this cluster, which is what the stamps of its tokens mean."""
        return now_at(await self.clusters.client(cluster), self.clock)

    async def moment(self, cluster: str) -> Moment:
        """What the clocks say now, the cluster's as far as it is known without asking."""
        try:
            skew = (await self.clusters.client(cluster)).skew
        except (KubeError, IssuanceError):
            skew = None
        return moment(self.clock, skew)


@dataclass(slots=True)
class Finished:
    """How work ended well."""

    credential: Credential | None
    revocations: list[Revocation] = field(default_factory=list)
    """Old handles whose grace has begun; the engine revokes them when they are due."""
    replaced: dict[Handle, Sensitive] = field(default_factory=dict)
    """The old tokens by their handles, for an undo. The engine keeps them in memory for the grace and nowhere else."""
    after: list[Callable[[Run], None]] = field(default_factory=list)
    """What is to be begun now, each told whoever watched the run: timers that end what is not to end yet."""
