"""Creating an identity in four steps: connect, the account, its rights, the token file.

What exists is used where it is what is wanted and never changed; where it is something else nothing is begun. A step
that fails undoes what this plan made, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import SERVICE_ACCOUNTS, Resource

from . import accounts, dead_tokens, managed, token_secret
from . import identity as identities
from .destinations.place import absolute, look_at
from .destinations.registry import places_for
from .errors import UsageError
from .formats import Format
from .identity import ROLE_BINDINGS, ROLES, IdentityWish
from .intent import Intent, new_id
from .kinds import CredentialKind
from .long_lived import LongLived
from .running import Run, StepFailed
from .sight import Sight
from .token_secret import TokenSecret
from .types import Action, Address, FileDestination, Handle, Identity, IssueSpec, Plan, Step
from .work import Context, Finished

if TYPE_CHECKING:
    from tui.kube.client import Client

Check = Callable[[Mapping[str, Any], Identity], bool]
_PARTS: tuple[tuple[Resource, Callable[..., dict[str, Any]], Check], ...] = (
    (ROLES, identities.role, identities.grants),
    (ROLE_BINDINGS, identities.binding, identities.binds),
)


@dataclass
class CreateIdentity(LongLived):
    """The four steps."""

    async def run(self, run: Run) -> Finished:
        try:
            async with run.step("connect") as note:
                note.message = await (await self.client()).version()
                note.record = {"opened": self.intent}
            async with run.step("account") as note:
                if not await self._account(run.plan.id):
                    note.skip("it is there already")
            async with run.step("rbac") as note:
                made = await self._rights(run.plan.id)
                if made:
                    note.message = f"created {' and '.join(made)}"
                else:
                    note.skip("they are there already")
            async with run.step("token") as note:
                token, said = await self.secret(run)
                proof = await self.prove(token)
                for place in self.places:
                    await place.write(self.writing(place, token))
                    await place.check(self.writing(place, token))
                note.message = f"Secret {self.credential().address.name}: {said}; {proof}"
                note.record, revocations = await self.committed()
        except StepFailed as failure:
            if failure.step != "connect":  # before that nothing was done
                await self.undo(run)
            raise
        return Finished(self.credential(), revocations)

    async def _account(self, plan: str) -> bool:
        """Create the account; False where it is there."""
        client, identity = await self.client(), self.identity
        account = await accounts.look(client, identity)
        accounts.require(account, identity, create=True)
        if account.exists:
            return False
        wish = identities.account(identity, {managed.PLAN: plan})
        try:
            await client.create(SERVICE_ACCOUNTS, wish, namespace=identity.namespace)
        except Conflict:
            return False
        except NotFound as error:
            error.hint = f"create the namespace {identity.namespace} first"
            raise
        return True

    async def _rights(self, plan: str) -> list[str]:
        """Create the Role and the RoleBinding; the kinds of those that were not there."""
        client, identity, made = await self.client(), self.identity, []
        for resource, manifest, check in _PARTS:
            if await look_right(client, identity, resource, check):
                continue
            try:
                await client.create(resource, manifest(identity, {managed.PLAN: plan}), namespace=identity.namespace)
            except Conflict:
                await look_right(client, identity, resource, check)
                continue
            except Forbidden as error:
                if identities.ESCALATION in error.message:
                    error.hint = identities.escalation_hint(identity)
                raise
            made.append(resource.kind)
        return made


async def look_right(client: Client, identity: Identity, resource: Resource, check: Check) -> bool:
    """Whether the Role (or RoleBinding) is there. Raises UsageError where it says something else."""
    name = identities.role_name(identity)
    try:
        found = await client.get(resource, name, namespace=identity.namespace)
    except NotFound:
        return False
    if not check(found, identity):
        raise UsageError(
            f"the {resource.kind} {identity.namespace}/{name} in {identity.cluster} is there already and says "
            "something else",
            "kubemint never changes what others made; rename or remove it, or choose another name",
        )
    return True


async def prepare_identity(context: Context, wish: IdentityWish, *, force: bool = False) -> tuple[Plan, CreateIdentity]:
    """The plan. Reads everything it will touch; any answer but 404 and 200 ends it here, before anything is done.

    Raises UsageError for what others made, KubeError.
    """
    wish.check()
    identity = wish.identity
    client = await context.clusters.client(identity.cluster)
    sight = Sight()
    account = await sight.see(f"the service account {identity}", lambda: accounts.look(client, identity))
    accounts.require(account, identity, create=True)
    rights = [
        await sight.see(resource.kind, partial(look_right, client, identity, resource, check))
        for resource, _, check in _PARTS
    ]
    secret = await sight.see(
        f"the token Secret of {identity.name}",
        lambda: _kept(client, wish),
        lambda found: found and (found.name, found.uid, found.invalid_since),
    )
    name = _name_for(wish, secret, new=account.exists is False)
    address = Address(CredentialKind.LEGACY, identity.cluster, identity.namespace, name)
    await dead_tokens.refuse(context, address, account.uid)
    spec = IssueSpec(
        identity=identity,
        destinations=(FileDestination(wish.path),),
        format=Format.TOKEN,
        create_account=True,
    )
    places = places_for(spec, context.clusters, context.state, force=force)
    held = await look_at(places, sight)
    for place, found in zip(places, held, strict=True):
        if found.credential is not None and found.credential.identity != identity:
            raise UsageError(f"{place.label} is in use by a credential of {found.credential.identity}")
    plan_id = new_id()
    intent = Intent(
        plan=plan_id,
        action=Action.ISSUE,
        address=address,
        request=next((found.request for found in held if found.request), "") or new_id(),
        spec=spec,
        handle=Handle(identity.cluster, identity.namespace, name, secret.uid if secret is not None else ""),
        old=tuple(found.credential for found in held if found.credential is not None),
    )
    warnings = ["its token never expires: whoever reads the file or the Secret can act as it until it is revoked"]
    if secret is not None and secret.invalid_since:
        warnings.append(
            f"the cluster invalidated the token in Secret {secret.name} on {secret.invalid_since}; "
            "delete that Secret, or remove the label, first"
        )
    warnings += [found.warning for found in held if found.warning]
    steps = _steps(wish, name, account=bool(account.exists), rights=all(rights), secret=secret is not None)
    preview = "\n".join(found.preview for found in held if found.preview)
    plan = Plan(
        id=plan_id, action=Action.ISSUE, address=address, steps=steps, warnings=tuple(warnings), preview=preview
    )
    return plan, CreateIdentity(context, intent, places, sight=sight)


async def _kept(client: Client, wish: IdentityWish) -> TokenSecret | None:
    """The token Secret that the identity has: of the name that is asked for, else the newest that kubemint made."""
    found = await token_secret.look(client, wish.identity, wish.secret_name)
    if found is not None or wish.secret:
        return found
    try:
        every = await token_secret.list_of(client, wish.identity)
    except Forbidden:  # then another one is made; what there is besides shows in `identity show` of who may look
        return None
    return next((one for one in every if one.ours and not one.invalid_since), None)


def _name_for(wish: IdentityWish, kept: TokenSecret | None, *, new: bool) -> str:
    """What the token Secret is called: a name that none of this account had before, unless one was asked for.

    The same name and account give the same token, so that one that was revoked would come back. A new account has a
    new UID, and with it new tokens under any name.
    """
    if kept is not None:
        return kept.name
    return wish.secret_name if wish.secret or new else token_secret.fresh_name(wish.identity.name)


def _steps(wish: IdentityWish, secret_name: str, *, account: bool, rights: bool, secret: bool) -> tuple[Step, ...]:
    identity = wish.identity
    where = {"cluster": identity.cluster, "namespace": identity.namespace}
    role = identities.role_name(identity)
    return (
        Step(id="connect", title=f"Connect to {identity.cluster}", cluster=identity.cluster),
        Step(
            id="account", title=f"{'Use' if account else 'Create'} the service account {identity.name}",
            verb="get" if account else "create", resource="serviceaccounts", name=identity.name, **where,
        ),
        Step(
            id="rbac", title=f"{'Use' if rights else 'Create'} the Role and RoleBinding {role}",
            verb="get" if rights else "create", resource=f"{ROLES.name}, {ROLE_BINDINGS.name}", name=role, **where,
        ),
        Step(
            id="token", title=f"{'Use' if secret else 'Create'} the token Secret {secret_name}, prove it, "
            f"write {identities.file_name(identity)}",
            verb="get" if secret else "create", resource="secrets", name=secret_name,
            path=str(absolute(wish.path)), **where,
        ),
    )  # fmt: skip
