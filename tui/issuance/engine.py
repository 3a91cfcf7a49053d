"""The one engine behind every issue, rotation and revocation, whichever screen, command or script asks for it.

First a plan, which can be shown as a dry run; then its execution, one result per step. New material is made, proved and
published before the old is revoked, and the journal knows at every moment what to finish or undo.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.kube import limits
from tui.kube.errors import KubeError, ReadOnly
from tui.kube.request_info import RequestInfo

from .errors import IssuanceError, StepFailed, UsageError, blamed, explain
from .formats import Format
from .insight.verification import Verification
from .model.cluster_time import utc_now
from .model.clusters import Clusters, Guard, unguarded
from .model.types import Action, Address, Credential, Destination, Identity, Outcome, Plan, StepStatus
from .records.leftover_files import noting_in
from .transaction.running import OnStep, Run
from .transaction.step import Transaction
from .transaction.work import Context
from .users.grace_length import GraceWish, Length

if TYPE_CHECKING:
    from pathlib import Path

    from tui.kube.sensitive import Sensitive

    from .families.base import Wish
    from .families.csi.trial import Trials
    from .families.tenants.planning import TenantStore
    from .families.token_secret.identity_view import IdentityView
    from .insight.becoming_asked import Becomers
    from .insight.lineage_users import Users
    from .insight.powers import Powers
    from .insight.verification import Verification
    from .model.sight import Seen
    from .records.deliveries import Gate
    from .records.intent import Export, Revocation
    from .records.state import StateStore
    from .revoking.origin import Origin
    from .revoking.sought import Sought
    from .revoking.tracing import Traced
    from .tokens.copying import ExportPreview
    from .tokens.undoing import UndoWindow

Clock = Callable[[], datetime]

_PLANS_KEPT: Final = 10_000


class Engine:
    """Plans and executes; see the module. Close it with `aclose`; `settle` first where old handles must be gone.

    No plan that changes something is made for a cluster that the `guard` protects, and nothing else changes it either;
    where it protects the cluster without a name, no file is written.
    A cluster that another one delivered is entered where the `gate` lets it in (default: the yeses in `state`).
    """

    def __init__(
        self,
        clusters: Clusters,
        state: StateStore,
        *,
        clock: Clock = utc_now,
        jitter: Callable[[], float] = random.random,
        grace: timedelta | GraceWish = timedelta(seconds=30),
        owner: str = "",
        guard: Guard = unguarded,
        gate: Gate | None = None,
        foresees: bool = False,
    ) -> None:
        from .families.dpf.target import TargetClusters
        from .families.registry import Families
        from .records.deliveries import Gate
        from .records.locks import Locks
        from .transaction.grace import Graces
        from .trust.whose import Whose
        from .users.secret_users import SecretUsers

        self.clusters = clusters
        self.state = state
        self.checkpoint: Callable[[str], None] = lambda _point: None
        """Called around every step of an execution with `before:STEP`, `unrecorded:STEP` and `after:STEP`."""
        self._guard = guard
        self._foresees = foresees
        """Whether plans are only shown, also those for read-only clusters; it executes none."""
        self._targets = TargetClusters(clusters, guard, gate or Gate(yes=state.trusted_place))
        self._context = Context(
            clusters=self._targets,
            state=state,
            clock=clock,
            jitter=jitter,
            wish=grace if isinstance(grace, GraceWish) else GraceWish(grace),
            owner=owner or socket.gethostname(),
            users=SecretUsers(),
            families=Families(state, self._targets),
            whose=Whose(self._targets),
        )
        self._locks = Locks(state.folder, state.works_under)
        self._works: dict[str, Transaction] = {}
        self._graces = Graces(self._context, self._locks)

    async def plan(self, wish: Wish, **said: Any) -> Plan:
        """What fulfilling a wish would do: an IssueSpec, a ShootWish, whatever a family takes. Reads only.

        Raises UsageError for a wrong wish, KubeError for a cluster. Where a file is written and one lies there that
        kubemint did not write, WouldReplace is raised: with `force` it is replaced, and kept beside; the plan's
        `preview` shows what goes. Where a live credential of ours lies there Unasked is raised: with `replace` another
        one is issued in its place. What else may be said to a wish its family says.
        """
        return self._planned(*await self._context.families.for_wish(wish).plan(self._context, wish, **said))

    async def plan_rotate(self, address: Address, *, revive: bool = False) -> Plan:
        """What renewing this credential would do: new token, same destinations, then the old handle.

        Raises Unasked for one that was revoked; with `revive` there is a new one in its place.
        """
        from .tokens.rotating import prepare_any

        return self._planned(*await prepare_any(self._context, address, revive=revive), asked=address)

    async def revoked(self, address: Address) -> str:
        """Why a loop leaves this one alone: it was revoked, whatever its stamps say, or its place is about to go; else
        empty. Raises UsageError, KubeError where it could not be rotated anyway."""
        from .objects.managed import BeingDeleted
        from .tokens.rotating import prepare_any
        from .transaction.replacing import Revoked

        try:
            await prepare_any(self._context, address)
        except Revoked as error:
            return error.left
        except BeingDeleted as error:
            return error.message
        return ""

    async def plan_revoke(self, address: Address, *, wait: bool = False) -> Plan:
        """What revoking this credential would do, and what stops working; with `wait` until the server refuses it."""
        from .revoking.plans import prepare_revocation

        return self._planned(*await prepare_revocation(self._context, address, wait=wait), asked=address)

    async def plan_revoke_sought(self, sought: Sought, clusters: Sequence[str] = (), *, wait: bool = False) -> Plan:
        """The same for what is known only by its fingerprint, its id or the token itself.

        `clusters` (default: all that are known) are asked for it, and none of them is shown a token that is not its.
        """
        from .revoking.by_what_is_known import prepare_sought

        return self._planned(*await prepare_sought(self._context, sought, clusters, wait=wait))

    async def plan_reactivate(self, address: Address) -> Plan:
        """What accepting a long-lived token again would do that the cluster invalidated for not being used."""
        from .families.token_secret.reviving import prepare_reactivation

        return self._planned(*await prepare_reactivation(self._context, address))

    async def plan_undo(self, address: Address, *, given: Path | None = None, unmake: bool = False) -> Plan:
        """What going back to the credential before the last rotation would do, while that one still lives.

        The old token comes from this engine's memory, or from a file that still holds it; `given` names one. Where a
        Secret was made by an issue or a copy, and not rotated since, Unasked is raised: with `unmake` it goes again.
        """
        from .revoking.unmaking import prepare
        from .tokens.undoing import NoRotation, prepare_undo

        try:
            prepared = await prepare_undo(self._context, self._graces, address, given)
        except NoRotation as error:
            prepared = await prepare(self._context, address, error, unmake=unmake)
        return self._planned(*prepared, asked=address)

    def undo_window(self, fingerprint: str) -> UndoWindow | None:
        """Until when the rotation that made this credential can be undone. Asks no server; for every redraw."""
        from .tokens.undoing import window

        return window(self._graces, fingerprint) if fingerprint else None

    async def identity(self, identity: Identity) -> IdentityView:
        """What there is of an identity: the account, its right to mint for itself, its long-lived tokens."""
        from .families.token_secret.identity_view import view

        return await view(await self._targets.client(identity.cluster), identity)

    async def tenant_store(self, host: str, namespace: str, cluster: str) -> TenantStore:
        """What those objects are to be, to look at; the material is masked in `manifests`."""
        from .families.tenants.planning import find_store

        return await find_store(self._context, host, namespace, cluster)

    async def execute(self, plan: Plan, on_step: OnStep | None = None) -> Outcome:
        """Do it. A failed step is an Outcome with ok False, never an exception. A plan is executed once."""
        work = self._works.pop(plan.id, None)
        if self._foresees:
            raise ReadOnly("this engine shows what would be done, and does nothing")
        if work is None:
            raise UsageError("this plan was executed already, or another engine made it", "make a new plan")
        run = Run(plan, self.state, self._context.clock, on_step, self.checkpoint, self._context.whose.stamps)
        with limits.by_default(limits.ACTING), noting_in(self.state.folder):
            return await self._execute(run, work)

    def about(self, plan: Plan) -> Credential | None:
        """The credential that a plan replaces or ends, as it was when it was planned; None where that is not known."""
        work = self._works.get(plan.id)
        return work.fallback if work is not None else None

    async def recover(self, on_step: OnStep | None = None) -> list[Outcome]:
        """Finish or undo what the journal says is open and no process works on; revoke handles whose grace ended."""
        from .transaction.recovery import Recovery

        with noting_in(self.state.folder):
            return await Recovery(self._context, self._locks, self._graces, on_step).run()

    async def notes_use_since(self, cluster: str) -> date | None:
        """From which day on a cluster notes the use of long-lived tokens; None where that cannot be read."""
        from .objects.token_use import noted_since

        try:
            return await noted_since(await self.clusters.client(cluster))
        except KubeError:
            return None

    async def renewed_by(self, address: Address) -> str:
        """Who else renews a request, and what shows it: DPF's controller. Empty where none does."""
        return await (await self._context.families.of(address)).renewed_by(self._context, address)

    async def lookup(self, address: Address) -> Credential:
        """The credential as it is now, read live."""
        from .transaction.reading import lookup

        return await lookup(self._context, address)

    async def verify(self, address: Address) -> Verification:
        """Whether the credential is accepted now, and in words why not."""
        from .insight.verification import verify

        return await verify(self._context, address)

    async def verify_kubeconfig(self, data: Sensitive, *, named: bool = False) -> Verification:
        """The same for a kubeconfig from anywhere. It is taken as hostile: no files read, no plugins run.

        `named`: a person named the file it is from; then kubemint answers for its own plugin.
        """
        from .insight.verification import verify_kubeconfig

        return await verify_kubeconfig(self._context, data, named=named)

    async def verify_pasted(self, data: Sensitive, cluster: str) -> Verification:
        """Whether a cluster of ours accepts the first login in something that was pasted, and in words why not."""
        from .insight.verification import verify_pasted

        return await verify_pasted(self._context, data, cluster)

    async def origin(self, data: Sensitive, where: str, clusters: Sequence[str] = ()) -> Origin:
        """Whose the credential is that lies in a file that a person named, `where`; this machine's records are asked
        first, then the clusters (default: all). What lies there is sent nowhere. Raises UsageError."""
        from .revoking.origin import Origin, of_token
        from .revoking.sought import token_of

        if (account := self.plugin_account(data)) is not None:
            return Origin(identity=account, how="kubemint is its plugin, and requests a token for it each time")
        sought = token_of(data, where)
        assert sought.token is not None
        return await of_token(self._context, sought.token, clusters)

    async def traces(self, what: Sensitive | Sought | Address | str, clusters: Sequence[str] = ()) -> list[Traced]:
        """Whose each thing in it is: material that was pasted, a fingerprint or an id, an address, a handle's name.

        The clusters (default: all) are asked, and none of them is shown a token. What nobody knows says why, and who
        was asked. Raises nothing but what is a mistake of ours.
        """
        from .revoking.tracing import traces

        return await traces(self._context, what, clusters)

    def plugin_account(self, data: Sensitive) -> Identity | None:
        """For which account kubemint's own plugin answers a kubeconfig that a person named; None where it has another
        login. No token is requested. Raises UsageError where it leads to no cluster that is known."""
        from .insight.foreign import account_of

        return account_of(self._context, data)

    async def powers(self, of: Address | Identity, namespace: str = "") -> Powers:
        """What a credential or an account can do in a namespace (default: its own), the worst first."""
        from .insight.powers import of_account, of_address

        if isinstance(of, Identity):
            return await of_account(self._context, of, namespace)
        return await of_address(self._context, of, namespace)

    async def becomers(self, of: Address | Identity, known: Sequence[Credential] = ()) -> Becomers:
        """Who else could become that account, or the one that a credential speaks for, the worst first.

        `known` is what is known to be issued for it: whoever reads the Secrets of those becomes it as well.
        """
        from .insight.becoming_asked import find, find_of

        if isinstance(of, Identity):
            return await find(self._targets, of, known)
        return await find_of(self._targets, of, await self.lookup(of), known)

    async def powers_of_kubeconfig(self, data: Sensitive, namespace: str = "", *, named: bool = False) -> Powers:
        """The same for a kubeconfig from anywhere, taken as `verify_kubeconfig` takes it."""
        from .insight.foreign import way_of
        from .insight.powers import of_endpoint

        return await of_endpoint(self._context, await way_of(self._context, data, named=named), None, namespace)

    async def snippet(self, address: Address) -> str:
        """How a pod uses the Secret that a request or kubemint keeps, as YAML with comments; without material."""
        from .insight.snippet import snippet_at

        return await snippet_at(self._context, address)

    async def material(self, address: Address) -> Sensitive:
        """The material itself, for export and reveal: the kubeconfig, or the token of the other formats."""
        from .transaction.reading import material

        return await material(self._context, address)

    async def plan_export(
        self,
        address: Address,
        destination: Destination,
        form: Format | None = None,
        *,
        force: bool = False,
        other_server: bool = False,
        as_seen: Seen = (),
    ) -> Plan:
        """What writing what exists to one more place would do; `form` None keeps its format.

        The copy shares the original's life and end. Where it leads elsewhere than the cluster is known to be,
        OtherServer is raised unless that is said to be meant. What a preview was `as_seen` of must be so still, else
        ChangedMeanwhile is raised.
        """
        from .tokens.exporting import prepare_copy, refuse_unsaid

        plan, work, asks = await prepare_copy(self._context, address, destination, form)
        if as_seen:
            work.sight.insist(as_seen)
        refuse_unsaid(asks, force=force, other_server=other_server)
        return self._planned(plan, work)

    async def preview_export(
        self,
        address: Address,
        destination: Destination,
        form: Format | None = None,
        *,
        force: bool = False,
        other_server: bool = False,
    ) -> ExportPreview:
        """The same with what would be written and a diff against what is there, both masked; it reads the material.

        What has to be said yes to first is no error here but stands in `asks`. The plan in it is not for executing.
        """
        from .tokens.exporting import prepare_copy, unsaid

        plan, work, asks = await prepare_copy(self._context, address, destination, form)
        self._check_guard(plan, files=False)
        return await work.preview(plan, unsaid(asks, force=force, other_server=other_server))

    async def export(
        self,
        address: Address,
        destination: Destination,
        form: Format | None = None,
        *,
        force: bool = False,
        other_server: bool = False,
    ) -> Outcome:
        """Do it."""
        plan = await self.plan_export(address, destination, form, force=force, other_server=other_server)
        return await self.execute(plan)

    def set_grace(self, grace: timedelta) -> None:
        """How long old credentials still work after what is planned from now on, where none needs longer."""
        self._context = replace(self._context, wish=replace(self._context.wish, asked=grace))

    def grace_ends(self, plans: Collection[str] | None = None) -> datetime | None:
        """When the last of the old credentials ends that wait here, by this machine's clock; None where none does.

        With `plans` only of those that these replaced: others may wait beside them, of whoever was here before.
        """
        waiting = (one for one in self._graces.running if plans is None or one.plan in plans)
        return max(map(self._graces.until, waiting), default=None)

    async def elsewhere(self, records: Sequence[Export | Revocation]) -> list[str]:
        """For each of these what is said where it is of another cluster than the one that is called so now."""
        return await self._context.whose.elsewhere(records)

    async def users(self, of: Address | Identity) -> Users | None:
        """Who uses this credential, and who runs as its account; None where it speaks for none. Of an account only who
        runs as it."""
        from .insight.lineage_users import users_of_account, users_of_one

        if isinstance(of, Identity):
            return await users_of_account(self._targets, of)
        return await users_of_one(self._targets, await self.lookup(of))

    async def graces_of(self, credentials: Sequence[Credential]) -> list[Length]:
        """How long what these hold now would live on, were they rotated; only of those that are kept in Secrets."""
        from .insight.lineage_tree import kept_secret
        from .users.secret_users import SecretName

        where = [(one, kept) for one in credentials if (kept := kept_secret(one)) is not None]
        looks = (self._context.length([SecretName(*kept)], [one]) for one, kept in where)
        return list(await asyncio.gather(*looks))

    @property
    def trials(self) -> Trials:
        """What is tried out of CSI drivers, and ends with this engine."""
        from .families.csi.trial import Trials

        return self._context.kept(Trials)

    async def settle(self) -> None:
        """Wait until everything old that this engine scheduled is gone (each at the end of its grace)."""
        await self._graces.settle()
        for one in self._context.own.values():
            await one.settle()

    def settled(self, outcome: Outcome, *, late: str = "") -> Outcome:
        """The same with what became of it since: an old credential that was to end with its grace and lives on.

        `late` says why there is no more waiting: then what still waits for its end lives on as well.
        """
        own = (said for one in self._context.own.values() for said in one.left_of(outcome.plan))
        later = (*self._graces.left_of(outcome.plan, late), *own)
        return msgspec.structs.replace(outcome, left=tuple(dict.fromkeys((*outcome.left, *later))))

    async def aclose(self) -> None:
        """Stop. Grace periods still running are in the journal; the next `recover` revokes what is due."""
        await self._graces.aclose()
        for one in self._context.own.values():
            await one.aclose()
        await self._context.users.aclose()
        await self._targets.aclose()

    def _check_guard(self, plan: Plan, *, files: bool = True) -> None:
        for step in plan.steps if not self._foresees else ():
            if files and step.path and (why := self._guard("")):
                raise ReadOnly(why)
            changes = step.cluster and RequestInfo(step.verb or "get", step.resource).changes
            if changes and (why := self._guard(step.cluster)):
                raise ReadOnly(why)

    def _planned(self, plan: Plan, work: Transaction, *, asked: Address | None = None) -> Plan:
        self._check_guard(plan)
        if (
            asked is not None
            and not self._foresees
            and asked.cluster not in ("", plan.address.cluster)
            and (why := self._guard(asked.cluster))
        ):
            raise ReadOnly(why)  # it is acted on under another name, and protected under this one
        while len(self._works) >= _PLANS_KEPT:  # plans that were only shown
            del self._works[next(iter(self._works))]
        self._works[plan.id] = work
        return plan

    async def _execute(self, run: Run, work: Transaction) -> Outcome:
        await self._locks.undisturbed(work.addresses)
        try:
            with self._locks.hold(work.addresses):
                await work.sight.look_again()
                finished = await work.run(run)
        except StepFailed as failure:
            return run.outcome(credential=work.fallback, failure=failure)
        except (IssuanceError, KubeError, OSError) as error:  # before the first step: nothing was done
            message, hint = explain(error)
            run.report(run.result("lock", StepStatus.FAILED, message))
            return run.outcome(credential=work.fallback, failure=StepFailed("lock", message, hint, blamed(error)))
        for number, revocation in enumerate(finished.revocations):
            token = finished.replaced.get(revocation.handle)
            self._graces.schedule(revocation, run, f"revoke:{number}", token)
        for begin in finished.after:
            begin(run)
        if run.plan.action in (Action.UNDO, Action.REVOKE):
            self._graces.look_again()
        return run.outcome(credential=finished.credential)
