"""`kubemint issue --shoot`: a kubeconfig for a Gardener shoot, and kubeconfigs that have no secret in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tui.issuance.durations import parse_duration
from tui.issuance.errors import UsageError
from tui.kube.home import expanded

from .acting import Progress, carry_out, finish, print_plans
from .options import Options
from .session import setting

if TYPE_CHECKING:
    from tui.issuance.engine import Engine
    from tui.issuance.plain import PlainWish
    from tui.issuance.types import Plan, ShootWish


@dataclass(frozen=True, slots=True)
class ShootOptions:
    """What was asked for, as given."""

    shoot: str
    level: str
    address: str
    duration: str | None
    out: str | None
    way: str = ""
    """`exec` or `oidc` for a kubeconfig without a secret in it."""
    force: bool = False
    replace: bool = False

    def checked(self) -> ShootOptions:
        """Itself, where it makes sense without asking anybody."""
        namespace, slash, name = self.shoot.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise UsageError(f"{self.shoot!r} does not name a shoot", "say --shoot NAMESPACE/NAME")
        if not self.out:
            raise click.UsageError("say where to put it: --out PATH")
        if self.out == "-":
            raise UsageError("a credential is never written to the terminal", "give --out a path")
        if self.duration is not None:
            parse_duration(self.duration)
        if self.way and self.address:
            raise click.UsageError(f"--address is not for --{self.way}: every address is a context of its own")
        if self.way == "oidc" and (self.level != "auto" or self.duration is not None):
            raise click.UsageError("--oidc takes no --level and no --duration: the identity provider decides")
        return self

    def wish(self, garden: str) -> ShootWish:
        """The same for the issuance core."""
        from tui.issuance.types import AccessLevel, ShootAccess, ShootWish

        namespace, _, name = self.shoot.partition("/")
        return ShootWish(
            shoot=ShootAccess(garden, namespace, name, AccessLevel(self.level)),
            path=str(expanded(self.out or "").absolute()),
            duration=parse_duration(self.duration) if self.duration is not None else None,
            address=self.address,
        )

    def plain(self, garden: str, kubeconfigs: tuple[str, ...]) -> PlainWish:
        """The wish for a kubeconfig without a secret; the plugin finds its way in where this command did."""
        from tui.issuance.plain import PlainWish, Way

        wish = self.wish(garden)
        return PlainWish(
            path=wish.path, way=Way(self.way), shoot=wish.shoot, duration=wish.duration, kubeconfigs=kubeconfigs
        )


async def issue_shoot(options: Options, wanted: ShootOptions, *, dry_run: bool, quiet: bool, form: str) -> None:
    """Plan it, and do it unless it is a dry run."""

    async def plan(engine: Engine, garden: str, kubeconfigs: tuple[str, ...]) -> Plan:
        if wanted.way:
            return await engine.plan(wanted.plain(garden, kubeconfigs), force=wanted.force)
        return await engine.plan(wanted.wish(garden), force=wanted.force, replace=wanted.replace)

    await write(options, plan, dry_run=dry_run, quiet=quiet, form=form)


async def write(
    options: Options,
    planner: Callable[[Engine, str, tuple[str, ...]], Awaitable[Plan]],
    *,
    dry_run: bool,
    quiet: bool,
    form: str,
) -> None:
    """Plan something in the one cluster that is meant, and do it unless it is a dry run."""
    from .reaching import VerbClusters, open_engine

    async with setting(options) as place, open_engine(place, acting=not dry_run) as engine:
        cluster = options.contexts[0] if options.contexts else place.config.current_context
        assert isinstance(engine.clusters, VerbClusters)
        await engine.clusters.find(cluster)
        plan = await planner(engine, cluster, tuple(map(str, place.config.files)))
        if dry_run:
            print_plans([plan], form)
            return
        outcome = await carry_out(engine, plan, Progress(quiet=quiet))
    finish([outcome], form)
