"""The tasks that jobs are made of: each asks the engine for one thing and keeps how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.actions.action import Action, Wish
from tui.actions.asking import place_said
from tui.fleet.decode import credential_row
from tui.fleet.moments import lifetime, stamp
from tui.fleet.names import short_address, short_path
from tui.issuance.csi import Preview
from tui.issuance.dpf import DPURequestDraft
from tui.issuance.dpf.wishes import Abandon, Delete, Keep
from tui.issuance.errors import Unasked, UsageError
from tui.issuance.formats import Format
from tui.issuance.identity import IdentityWish
from tui.issuance.self_issue import SelfWish
from tui.issuance.tenant_wish import StoreWish, TenantPush
from tui.issuance.types import AccessLevel, Address, Destination, Outcome, Plan, ShootWish, State, StepStatus
from tui.issuance.types import Action as Did

from .intended import Intended
from .jobs import TRIED_AGAIN, Task
from .saving import write_here
from .session import Session

if TYPE_CHECKING:
    from tui.issuance.plain import PlainWish

_SECOND: Final = timedelta(seconds=1)


def task(session: Session, action: Action[Wish], wish: Wish) -> Task:
    """Do what an action does with this wish."""
    title, run = action.title_of(wish), action.run
    if run is None:
        return _about(session, wish, _planned(session, partial(action.plan, session.engine, wish)), title)

    async def work(task: Task) -> None:
        answer = await run(session, wish)
        task.status = StepStatus.DONE if answer.ok else StepStatus.FAILED
        task.message, task.hint = answer.message, answer.hint

    return _about(session, wish, work, title)


def as_foreseen(session: Session, intended: Intended) -> Task:
    """Do what a dry run showed, exactly that; when it is tried again, what is right by then."""
    shown = [intended.plan]

    async def plan() -> Plan:
        return (shown and shown.pop()) or await intended.make()

    cluster = _waits_for(session, intended.plan.address) if intended.plan is not None else ""
    return Task(intended.title, _planned(session, plan), cluster=cluster)


def issue_shoot(session: Session, wish: ShootWish | PlainWish) -> Task:
    """Make a kubeconfig for a shoot."""
    assert wish.shoot is not None
    title = f"{wish.shoot.namespace}/{wish.shoot.name} → {short_path(wish.path)}"
    if isinstance(wish, ShootWish):
        return Task(title, _planned(session, partial(session.engine.plan, wish)))
    return Task(title, _planned(session, lambda: session.engine.plan(wish)))


def connect_shoot(session: Session, name: str, level: AccessLevel) -> Task:
    """Enter a shoot with a certificate in memory."""

    async def run(task: Task) -> None:
        fleet = session.fleet
        assert fleet is not None
        row = await fleet.connect_shoot(name, level)
        ready = row.answers
        task.status = StepStatus.DONE if ready else StepStatus.FAILED
        login = session.store.credentials.get(str(Address.login(name)))
        if not ready:
            task.message, task.hint = row.message, row.hint
        elif login is not None:
            until = stamp(login.credential.expires_at)
            task.message = f"{login.credential.message}, until {until}, then renewed; enter shows what is there"

    return Task(f"{name} as {level.value}", run)


def disconnect_shoot(session: Session, name: str) -> Task:
    """Leave a shoot."""

    async def run(task: Task) -> None:
        fleet = session.fleet
        assert fleet is not None
        await fleet.disconnect_shoot(name)
        task.message = "left; its certificate is forgotten here and ends by itself"

    return Task(name, run)


def create_request(session: Session, draft: DPURequestDraft) -> Task:
    """Create a DPUServiceCredentialRequest."""
    return Task(title_of(draft), _planned(session, lambda: session.engine.plan(draft)))


def title_of(wish: DPURequestDraft | IdentityWish | SelfWish | TenantPush) -> str:
    """What somebody wishes for, in one line."""
    if isinstance(wish, TenantPush):
        where = f"{wish.tenant} {wish.remote_namespace}/{wish.remote_secret}"
        return f"{wish.identity.namespace}/{wish.identity.name} → {where}"
    if isinstance(wish, IdentityWish):
        return f"{wish.identity.namespace}/{wish.identity.name} → {short_path(wish.path)}"
    if isinstance(wish, SelfWish):
        return f"{short_address(str(wish.source))} → {short_path(wish.out)}"
    return f"{wish.cluster} {wish.namespace}/{wish.name}"


def keep(session: Session, address: Address, *, take_over: bool) -> Task:
    """Bring a request to its desired state."""
    plan = partial(session.engine.plan, Keep(address), take_over=take_over)
    return _about(session, address, _planned(session, plan))


def delete_request(session: Session, address: Address) -> Task:
    """Delete a request, and where no controller does that all that was made for it."""
    return _about(session, address, _planned(session, lambda: session.engine.plan(Delete(address))))


def abandon_request(session: Session, address: Address) -> Task:
    """Let a deleted request go, whatever is left behind."""
    return _about(session, address, _planned(session, lambda: session.engine.plan(Abandon(address))))


def create_identity(session: Session, wish: IdentityWish) -> Task:
    """Create an account that mints for itself, and its token file."""
    return Task(title_of(wish), _planned(session, lambda: session.engine.plan(wish)))


def mint(session: Session, wish: SelfWish) -> Task:
    """A short-lived token that an identity asks for itself."""
    return Task(title_of(wish), _planned(session, lambda: session.engine.plan(wish)))


def make_store(session: Session, host: str, namespace: str, cluster: str) -> Task:
    """The SecretStore that leads into a cluster of Cluster API, and the Secret it logs in with."""
    return Task(
        f"SecretStore {namespace}/{cluster} in {host}",
        _planned(session, partial(session.engine.plan, StoreWish(host, namespace, cluster))),
    )


def push_to_tenant(session: Session, wish: TenantPush, manifests: Path | None, *, force: bool = False) -> Task:
    """Let a tenant into its management cluster; then write down what it makes of that, where somebody wants it."""

    async def pushed(task: Task) -> None:
        if manifests is not None:
            from tui.issuance.tenant_manifests import tenant_manifests
            from tui.issuance.yaml_text import dump

            documents = await tenant_manifests(session.engine.clusters, wish)
            said = await write_here(manifests, "---\n".join(map(dump, documents)), force=force, live=False)
            task.message = f"{task.message}; the tenant's manifests are {said}"

    push = partial(session.engine.plan, wish)
    return Task(title_of(wish), _planned(session, push, pushed))


def write_csi(session: Session, preview: Preview, path: Path, *, revocable: bool, force: bool = False) -> Task:
    """Mint what a CSI driver is given for a pod, into a private file."""

    async def work(task: Task) -> None:
        from tui.issuance.csi_trial import end, try_out
        from tui.issuance.destinations.standing import may_write

        await asyncio.to_thread(may_write, path, force=force)  # before a token is made that has nowhere to go
        clusters = session.engine.clusters
        minted = await try_out(clusters, preview, revocable=revocable)
        try:
            said = await write_here(path, minted.value, force=force)
        except BaseException:
            await end(clusters, minted)
            raise
        task.message = f"{len(minted.tokens)} tokens {said}"
        if minted.handle is not None:
            place = f"{minted.handle.namespace}/{minted.handle.name}"
            task.message += f"; they end with the Secret {place}"

    who = preview.identity
    return Task(f"{preview.driver.name} for {who.namespace}/{preview.pod.name} → {short_path(str(path))}", work)


def export(
    session: Session, address: Address, destination: Destination, form: Format | None = None, **words: bool
) -> Task:
    """Write it to one more place; `words` are those that were said so (`force`, `other_server`)."""
    where = place_said(destination)
    planned = _planned(session, lambda: session.engine.plan_export(address, destination, form, **words))

    async def work(task: Task) -> None:
        await planned(task)
        if task.status is StepStatus.DONE:
            task.message = f"written to {where}"

    return _about(session, address, work, f"{short_address(str(address))} → {where}")


def _about(session: Session, wish: object, work: Callable[[Task], Awaitable[None]], title: str = "") -> Task:
    """A task, about a credential that exists where that is what is wished for."""
    address = wish if isinstance(wish, Address) else None
    cluster = _waits_for(session, address) if address is not None else getattr(wish, "cluster", "")
    return Task(title or short_address(str(address)), work, address=address, cluster=cluster)


def _waits_for(session: Session, address: Address) -> str:
    """The cluster that is asked about a credential; for a file the one that it speaks to."""
    row = session.store.credentials.get(str(address)) if not address.cluster else None
    identity = row.credential.identity if row is not None else None
    return address.cluster or (identity.cluster if identity is not None else "")


def _planned(
    session: Session, plan: Callable[..., Awaitable[Plan]], done: Callable[[Task], Awaitable[None]] | None = None
) -> Callable[[Task], Awaitable[None]]:
    """Plan and execute; `done` hears of what worked. Where a word has to be said for it, the task asks for that."""

    async def work(task: Task) -> None:
        task.results.clear()
        try:
            task.plan = await plan()
        except Unasked as error:
            task.question = error.message
            task.retry = _planned(session, partial(plan, **{error.word: True}), done)
            raise UsageError(error.message, _ASKS.get(error.word, "")) from error
        task.changed()
        task.retry = partial(_end_what_is_left, session)
        outcome = await session.engine.execute(task.plan, task.on_step)
        task.take(outcome)
        if outcome.ok and not task.message:
            task.message = _said(outcome, session)
        if task.status is StepStatus.DONE and done is not None:
            await done(task)
        if task.status is StepStatus.DONE and task.address is not None:
            if outcome.action is Did.ROTATE:
                session.undone.discard(task.address)
            elif outcome.action is Did.UNDO:
                session.undone ^= {task.address}  # undone twice, it is the newer one again
        _show_exports(session)

    return work


_ASKS: Final = {
    "replace": "r renews it where it is; ctrl+r asks, and issues another one in its place",
    "revive": "ctrl+r asks, and makes a new one in its place",
}


async def _end_what_is_left(session: Session, task: Task) -> None:
    """Once more what was to end and has not: everything that the journal says is open."""
    task.results.clear()
    outcomes = await session.engine.recover()
    still = [outcome for outcome in outcomes if not outcome.ok]
    task.status = StepStatus.FAILED if still else StepStatus.DONE
    task.message = "; ".join(dict.fromkeys(outcome.error for outcome in still)) or "what was left has ended"
    task.hint = TRIED_AGAIN if still else ""
    task.retry, task.left = partial(_end_what_is_left, session), task.message if still else ""


def _said(outcome: Outcome, session: Session) -> str:
    credential = outcome.credential
    if outcome.action in (Did.KEEP, Did.DELETE):
        last = next((result.message for result in reversed(outcome.results) if result.message), "")
        return last.partition("; ")[0]  # the step itself says the rest
    if credential is None or outcome.action.value == "revoke":
        return ""
    if credential.expires_at is None:
        return credential.message if credential.state is State.VALID else ""
    kept = f", kept in {short_path(credential.kept_in)}" if credential.kept_in else ""
    level = f"{credential.shoot.level.value}, " if credential.shoot is not None else ""
    asked, granted = credential.requested, credential.granted
    capped = f" (asked {lifetime(asked)}, capped)" if asked and granted and asked - granted > _SECOND else ""
    good = granted
    if outcome.action is Did.UNDO and granted is not None:  # what is put back is not new
        good, capped = min(granted, credential.expires_at - session.now(credential_row(credential))), ""
    return f"{level}good for {lifetime(good)}{capped}, until {stamp(credential.expires_at)}{kept}"


def _show_exports(session: Session) -> None:
    if session.fleet is not None:
        session.fleet.refresh_exports()
