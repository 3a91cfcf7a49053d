"""Creating an identity in four steps: connect, the account, its rights, the token file.

What exists is used where it is what is wanted and never changed; where it is something else nothing is begun. A step
that fails undoes what this plan made, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.place import absolute, taken
from tui.issuance.destinations.registry import places_for
from tui.issuance.errors import StepFailed, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.sight import Sight
from tui.issuance.model.types import Action, Address, Handle, Identity, IssueSpec, Plan, StepInfo
from tui.issuance.objects import accounts, managed, token_secret
from tui.issuance.objects.token_secret import TokenSecret
from tui.issuance.records.intent import Intent, new_id
from tui.issuance.transaction import dead_tokens
from tui.issuance.transaction.step import Step
from tui.issuance.transaction.work import Context
from tui.issuance.trust import whose
from tui.kube.errors import Conflict, Forbidden, NotFound
from tui.kube.resource import ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS, Resource

from . import identity as identities
from .identity import IdentityWish
from .long_lived import LongLived

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note
    from tui.kube.client import Client

Check = Callable[[Mapping[str, Any], Identity], bool]
_PARTS: tuple[tuple[Resource, Callable[..., dict[str, Any]], Check], ...] = (
    (ROLES, identities.role, identities.grants),
    (ROLE_BINDINGS, identities.binding, identities.binds),
)


@dataclass(kw_only=True)
class CreateIdentity(LongLived):
    """The four steps."""

    new: Sequence[bool] = (True, True, True)
    """Whether there is no account, no rights and no token Secret yet, as the plan saw it."""
    rok: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        identity, role, name = self.identity, identities.role_name(self.identity), self.intent.address.name
        where = {"cluster": identity.cluster, "namespace": identity.namespace}
        (account, rights, secret), path = self.new, self.intent.spec.destinations[0]

        def makes(new: bool) -> tuple[str, str]:
            return ("Create", "create") if new else ("Use", "get")

        connect = StepInfo(id="connect", title=f"Connect to {identity.cluster}", cluster=identity.cluster)
        say, verb = makes(account)
        make_account = StepInfo(
            id="account", title=f"{say} the service account {identity.name}",
            verb=verb, resource="serviceaccounts", name=identity.name, **where,
        )  # fmt: skip
        say, verb = makes(rights)
        make_rights = StepInfo(
            id="rbac", title=f"{say} the Role and RoleBinding {role}",
            verb=verb, resource=f"{ROLES.name}, {ROLE_BINDINGS.name}", name=role, **where,
        )  # fmt: skip
        say, verb = makes(secret)
        make_token = StepInfo(
            id="token", title=f"{say} the token Secret {name}, prove it, write {identities.file_name(identity)}",
            verb=verb, resource="secrets", name=name, path=str(absolute(path.path)), **where,
        )  # fmt: skip
        return (
            Step(info=connect, do=self._connect, undo=self.close, whole=True),
            Step(info=make_account, do=self._account, undo=self._discard_account),
            Step(info=make_rights, do=self._rights, undo=self._discard_rights),
            Step(info=make_token, do=self._make_token, undo=self._discard_token, final=True),
        )

    async def _connect(self, note: Note) -> None:
        await self.open(note)
        note.message = await (await self.client()).version()

    async def _account(self, note: Note) -> None:
        """Create the account, where it is not there."""
        client, identity = await self.client(), self.identity
        account = await accounts.look(client, identity)
        accounts.require(account, identity, create=True)
        if not account.exists:
            wish = identities.account(identity, {managed.PLAN: self.intent.plan}, rok=self.rok)
            try:
                await client.create(SERVICE_ACCOUNTS, wish, namespace=identity.namespace)
            except Conflict:
                pass
            except NotFound as error:
                error.hint = f"create the namespace {identity.namespace} first"
                raise
            else:
                return
        note.skip("it is there already")

    async def _discard_account(self, _note: Note, failure: StepFailed | None) -> str:
        return await accounts.discard(await self.client(), self.identity, self.intent.plan, later=failure is None)

    async def _rights(self, note: Note) -> None:
        """Create the Role and the RoleBinding, where they are not there."""
        client, identity, made = await self.client(), self.identity, []
        notes = {managed.PLAN: self.intent.plan}
        for resource, manifest, check in _PARTS:
            if await look_right(client, identity, resource, check):
                continue
            try:
                await client.create(resource, manifest(identity, notes), namespace=identity.namespace)
            except Conflict:
                await look_right(client, identity, resource, check)
                continue
            except Forbidden as error:
                if identities.ESCALATION in error.message:
                    error.hint = identities.escalation_hint(identity)
                raise
            made.append(resource.kind)
        if made:
            note.message = f"created {' and '.join(made)}"
        else:
            note.skip("they are there already")

    async def _discard_rights(self, _note: Note, failure: StepFailed | None) -> str:
        name = identities.role_name(self.identity)
        later = failure is None
        if why := await accounts.why_kept(await self.client(), self.identity, self.intent.plan, later=later):
            return f"Role and RoleBinding {name} stay: {why}"
        said = [await self.discard(resource, name) for resource in (ROLE_BINDINGS, ROLES)]
        return "; ".join(filter(None, said))

    async def _make_token(self, note: Note) -> None:
        said = []
        for part in (self.make_secret, self.prove):
            await part(note)
            said.append(note.message)
        for place in self.places:
            await place.write(self.writing(place))
            await place.check(self.writing(place))
        note.message = f"Secret {self.credential().address.name}: {'; '.join(said)}"
        await self.commit(note)

    async def _discard_token(self, note: Note, failure: StepFailed | None) -> str:
        said = [await place.restore() for place in reversed(self.places)]
        return "; ".join(filter(None, (*said, await self.discard_secret(note, failure))))


def as_left(context: Context, intent: Intent) -> CreateIdentity:
    """What a dead process began."""
    places = places_for(intent.spec, context.clusters, context.state, intent.request)
    return CreateIdentity(context=context, intent=intent, places=places)


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
    account = await sight.see(f"the service account {identity.said}", lambda: accounts.look(client, identity))
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
    if secret is not None:
        secret.refuse_going()
    name = _name_for(wish, secret, new=account.exists is False)
    address = Address.token_secret(identity.cluster, identity.namespace, name)
    await dead_tokens.refuse(context, address, account.uid)
    spec = IssueSpec(
        identity=identity,
        destinations=(FileDestination(wish.path),),
        format=Format.TOKEN,
        create_account=True,
    )
    places = places_for(spec, context.clusters, context.state, force=force)
    held = await whose.look_at(context, places, sight)
    for place, found in zip(places, held, strict=True):
        if found.credential is not None and found.credential.identity != identity:
            raise taken(place.label, found.credential, exists=found.exists)
    intent = Intent(
        plan=new_id(),
        action=Action.ISSUE,
        address=address,
        request=next((found.request for found in held if found.request), "") or new_id(),
        spec=spec,
        handle=Handle(identity.cluster, identity.namespace, name, secret.uid if secret is not None else ""),
        old=tuple(found.credential for found in held if found.credential is not None),
    )
    warnings = ["its token never expires: anyone who reads the file or the Secret can use it until it is revoked"]
    if secret is not None and secret.invalid_since:
        warnings.append(
            f"the cluster invalidated the token in Secret {secret.name} on {secret.invalid_since}; "
            "delete that Secret, or remove the label, first"
        )
    warnings += [found.warning for found in held if found.warning]
    new = (not account.exists, not all(rights), secret is None)
    work = CreateIdentity(context=context, intent=intent, places=places, new=new, sight=sight, rok=wish.rok)
    return work.planned(warnings, "\n".join(found.preview for found in held if found.preview)), work


async def _kept(client: Client, wish: IdentityWish) -> TokenSecret | None:
    """The token Secret that the identity has: of the name that is asked for, else the newest that kubemint made."""
    found = await token_secret.look(client, wish.identity, wish.secret_name)
    if wish.secret or (found is not None and not found.deleted_at):
        return found
    try:
        every = await token_secret.list_of(client, wish.identity)
    except Forbidden:  # then another one is made; what there is besides shows in `identity show` of who may look
        return None
    return next((one for one in every if one.ours and not one.invalid_since and not one.deleted_at), None)


def _name_for(wish: IdentityWish, kept: TokenSecret | None, *, new: bool) -> str:
    """What the token Secret is called: a name that none of this account had before, unless one was asked for.

    The same name and account give the same token, so that one that was revoked would come back. A new account has a
    new UID, and with it new tokens under any name.
    """
    if kept is not None:
        return kept.name
    return wish.secret_name if wish.secret or new else token_secret.fresh_name(wish.identity.name)
