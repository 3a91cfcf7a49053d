"""Handles: the empty Secrets that tokens are bound to, and what of them may be deleted.

Deleting a handle revokes exactly the tokens bound to it, so what is deleted is looked at first and judged here, in one
place: it is of a type that is ours alone and that nobody can give a Secret afterwards, it is called as the handles of
that account are, and it has the UID that the signed token or this machine's journal names. Data put into it afterwards
proves nothing then, or whoever may patch it could keep its tokens alive. Labels and annotations are an index: whoever
may patch a Secret may write them. Where only they say whose a handle is, its name must say the same (`handle_names`),
and it must hold no data.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.durations import parse_time
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Handle
from tui.issuance.objects import deleting, managed
from tui.issuance.objects.deleting import End, NotGone
from tui.kube.errors import Forbidden, NotFound
from tui.kube.resource import SECRETS
from tui.kube.text import safe_text

from . import handle_names
from .handle_names import Meant, has_digest, is_handle_name, is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.types import Identity, IssueSpec
    from tui.issuance.records.intent import Intent, Revocation
    from tui.kube.client import Client

TOKEN_SECRET: Final = "kubernetes.io/service-account-token"
"""The type of long-lived token Secrets; each is its own handle."""
_TOKEN_OF: Final = "kubernetes.io/service-account.name"
_LEAST: Final = "Opaque"
"""What handles were before they had a type of their own."""
NEVER: Final = "was never created"
CHANGED: Final = "its annotations were changed since it was made"
GOING: Final = "it is being deleted"
_HELD: Final = End.HELD.value
_CACHED: Final = "servers that saw the token just before may accept it for 10 s more"
_TOLD: Final = End.TOLD.value


class NotAHandle(IssuanceError):
    """What is called a handle is none: someone wrote the name of another Secret where a handle's belongs.

    `for_good` where it will be none tomorrow either.
    """

    def __init__(self, message: str, hint: str = "", *, for_good: bool = False) -> None:
        super().__init__(message, hint)
        self.for_good = for_good


class Named(StrEnum):
    """Who named a handle and its UID. An annotation is none of these: anybody may have written it."""

    BY_TOKEN = "the token"
    """The bound token itself, which its server confirmed."""
    BY_JOURNAL = "this machine's journal"
    """What this machine made or recorded itself."""
    BY_WALK = "the list of handles"
    """It was found among the handles beside the account, and is taken at its own word: one without a place, one that
    the operator named, one that a request left behind."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A handle that is to go, whose it is, and who said so."""

    handle: Handle
    named: Named
    account: str = ""
    """The name of the service account, in the handle's namespace; empty where that is not known (old journals)."""
    token_secret: bool = False
    """Whether it may be a long-lived token Secret, which is its own handle."""
    own_uid: bool = False
    """Whether its UID was not known: then it is that of what lies under its name now."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A Secret as it is now, without its values."""

    namespace: str = ""
    name: str = ""
    uid: str = ""
    type: str = _LEAST
    keys: tuple[str, ...] = ()
    marked: bool = False
    """Whether its labels call it a handle."""
    account: str = ""
    """`NAMESPACE/NAME` of the account that it says it was made for."""
    request: str = ""
    plan: str = ""
    secrets: tuple[str, ...] = ()
    """The Secrets that it says its token was made for; see `managed.place_name`."""
    audiences: tuple[str, ...] = ()
    requested: timedelta | None = None
    pushes: dict[str, str] = {}
    """How those of its Secrets are carried on that are, by the same names; see `destinations.tenant`."""
    token_of: str = ""
    """Of a token Secret: the account that it names."""
    deleted: bool = False
    finalizers: tuple[str, ...] = ()
    made: datetime | None = None

    @property
    def meant(self) -> Meant:
        """For what it says that it was made; a fact only where `is_as_made`."""
        return Meant(
            account=self.account,
            request=self.request,
            secrets=self.secrets,
            audiences=self.audiences,
            requested=self.requested,
            pushes=self.pushes,
        )

    @property
    def is_as_made(self) -> bool:
        """Whether its name confirms what it says. False for handles from before names said so."""
        return handle_names.fits(self.name, self.meant)

    @property
    def is_changed(self) -> bool:
        """Whether another client changed what it says: its name says something else."""
        return has_digest(self.name) and not self.is_as_made


class Fate(StrEnum):
    """What is to become of a handle."""

    DELETE = "delete"
    GONE = "was gone already"
    ANOTHER = "was gone already; another Secret has its name now and was left alone"
    LEFT_ALONE = "left alone"


class Verdict(msgspec.Struct, frozen=True):
    """What is to become of a handle; `why` says what is wrong with one that is left alone."""

    fate: Fate
    why: str = ""
    for_good: bool = False
    """Whether no later look at the same Secret can say otherwise: it rests on what cannot be changed in it."""


def judge(wanted: Ending, seen: Seen | None) -> Verdict:
    """What may be deleted. Everything that is not established is a reason to leave it alone."""
    if not wanted.handle.uid:
        return Verdict(Fate.LEFT_ALONE, "its UID is not known", for_good=True)
    if seen is None:
        return Verdict(Fate.GONE)
    if seen.uid != wanted.handle.uid:
        return Verdict(Fate.ANOTHER)
    why = _not_a_token_secret(wanted, seen) if seen.type == TOKEN_SECRET else _not_a_handle(wanted, seen)
    return Verdict(Fate.LEFT_ALONE, why, for_good=_never(wanted, seen)) if why else Verdict(Fate.DELETE)


def _never(wanted: Ending, seen: Seen) -> bool:
    """Whether a Secret can never be this handle: its type and its name stay as long as its UID does."""
    if seen.type == TOKEN_SECRET:
        return not wanted.token_secret
    called = is_handle_name(wanted.handle.name, wanted.account or None)
    return seen.type not in (managed.HANDLE_TYPE, _LEAST) or not called


def _not_a_token_secret(wanted: Ending, seen: Seen) -> str:
    if not wanted.token_secret:
        return "it is a long-lived token of its own"
    if wanted.account and seen.token_of != wanted.account:
        return f"it is the long-lived token of {seen.token_of or 'no account'}"
    return ""


def _not_a_handle(wanted: Ending, seen: Seen) -> str:
    # Before handles had their own type, they were told by their labels: who names one has to know it for sure.
    older = seen.type == _LEAST and seen.marked and wanted.named is not Named.BY_WALK
    if seen.type != managed.HANDLE_TYPE and not older:
        return f"it is of type {seen.type}"
    vouched = seen.type == managed.HANDLE_TYPE and wanted.named is not Named.BY_WALK and not wanted.own_uid
    if seen.keys and not vouched:
        return f"it holds data ({', '.join(seen.keys)})"
    account = wanted.account
    if wanted.named is Named.BY_WALK:
        own = seen.account.removeprefix(f"{wanted.handle.namespace}/")
        if "/" in own or not own or (account and account != own):
            return f"it says that it is of {seen.account or 'no account'}"
        account = own
    if not is_handle_name(wanted.handle.name, account or None):
        return f"no handle of {account or 'any account'} is called {wanted.handle.name}"
    if wanted.named is Named.BY_WALK and not is_whole(wanted.handle.name, account):
        return f"its name, from an earlier version, has not the whole of {account} in it"
    return ""


def seen_in(obj: Mapping[str, Any]) -> Seen:
    """What there is to know of a Secret; its values are not looked at and not kept."""
    meta = obj.get("metadata") or {}
    notes = meta.get("annotations") or {}
    audiences, requested, pushes = managed.handle_wish(meta)
    return Seen(
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        type=str(obj.get("type") or _LEAST),
        keys=tuple(sorted(obj.get("data") or {})),
        marked=managed.is_managed(meta, managed.Role.HANDLE),
        account=str(notes.get(managed.ACCOUNT, "")),
        request=str(notes.get(managed.REQUEST, "")),
        plan=str(notes.get(managed.PLAN, "")),
        secrets=managed.handle_secrets(meta),
        audiences=audiences,
        requested=requested,
        pushes=pushes,
        token_of=str(notes.get(_TOKEN_OF, "")),
        deleted=bool(meta.get("deletionTimestamp")),
        finalizers=tuple(str(one) for one in meta.get("finalizers") or ()),
        made=parse_time(meta.get("creationTimestamp")),
    )


async def listed(client: Client, namespace: str | None = None) -> list[Seen]:
    """All handles in a namespace (None: in all of them), by their type; one list. Raises KubeError."""
    fields = f"type={managed.HANDLE_TYPE}"
    return [*map(seen_in, await client.list(SECRETS, namespace=namespace, metadata_only=True, fields=fields))]


class _Read(msgspec.Struct):
    """A Secret of which only the keys are kept. Raw values are dropped before anything can look at them."""

    metadata: dict[str, Any]
    type: str = _LEAST
    data: dict[str, msgspec.Raw] | None = None


def is_it(seen: Seen | None, handle: Handle) -> bool:
    """Whether what lies under the name of a handle is that very one; a UID never comes back."""
    return seen is not None and seen.uid == handle.uid


async def look(client: Client, namespace: str, name: str) -> Seen | None:
    """The Secret as it is now, None where there is none. Raises KubeError."""
    try:
        found = await client.get(SECRETS, name, namespace=namespace, type=_Read)
    except NotFound:  # in the server's own words: a proxy's 404 is another error
        return None
    return seen_in({"metadata": found.metadata, "type": found.type, "data": dict.fromkeys(found.data or {})})


def meant_for(identity: Identity, request: str, spec: IssueSpec | None = None) -> Meant:
    """For what the handle of a new token of this account is made; `spec` is the wish, where there is a whole one."""
    account = f"{identity.namespace}/{identity.name}"
    if spec is None:
        return Meant(account=account, request=request)
    places = [(place, place.address(identity)) for place in spec.destinations]
    secrets = {managed.place_name(at, identity.cluster): place for place, at in places if at.kind.traits.marked}
    return Meant(
        account=account,
        request=request,
        secrets=tuple(secrets),
        audiences=spec.audiences,
        requested=spec.duration,
        pushes={
            name: msgspec.json.encode(place.push).decode() for name, place in secrets.items() if place.push is not None
        },
    )


def new(identity: Identity, meant: Meant) -> Handle:
    """A handle that is not there yet; its name says for what it is made."""
    return Handle(identity.cluster, identity.namespace, handle_names.fresh(meant), "")


async def create(client: Client, intent: Intent, account_uid: str, issued_by: str) -> Handle:
    """Create the handle that the intent has a name for; returns it with its UID. Raises KubeError.

    ValueError where the name is not one for what the intent is.
    """
    handle = intent.handle
    if handle is None:
        raise ValueError("the intent names no handle")
    identity = intent.spec.identity
    meant = meant_for(identity, intent.request, intent.spec)
    if not handle_names.fits(handle.name, meant):
        raise ValueError("the handle's name is not one for what it is made for")
    wish = managed.handle_object(
        handle,
        account=identity.name,
        account_uid=account_uid,
        request=intent.request,
        plan=intent.plan,
        issued_by=issued_by,
        secrets=meant.secrets,
        audiences=meant.audiences,
        requested=meant.requested,
        pushes=meant.pushes,
    )
    made: dict[str, Any] = await client.create(SECRETS, wish, namespace=handle.namespace)
    return msgspec.structs.replace(handle, uid=str(made["metadata"]["uid"]))


async def delete(clusters: Clusters, wanted: Ending) -> str:
    """Delete exactly this handle, and with it every token bound to it; says how it went.

    Raises NotAHandle where it may not be deleted, NotGone where the server only said that it was, KubeError.
    """
    client, handle = await clusters.client(wanted.handle.cluster), wanted.handle
    fate = await check(client, wanted)
    if fate is not Fate.DELETE:
        return fate.value
    ended = await deleting.attempt(client, SECRETS, handle.name, namespace=handle.namespace, uid=handle.uid)
    return _outcome(handle, ended)


def is_held(said: str) -> bool:
    """Whether a handle is not gone yet: something holds it back. `said` is how `delete` told what became of it."""
    return _HELD in said


def is_only_reported(said: str) -> bool:
    """Whether only the server said that a handle is gone: it accepted the deletion, and there is no right to look."""
    return _TOLD in said


def is_absent(said: str) -> bool:
    """Whether a handle was not there: deleted before, or never in that cluster. `said` is how `delete` told it."""
    return said in (Fate.GONE.value, Fate.ANOTHER.value)


async def check(client: Client, wanted: Ending) -> Fate:
    """Whether this handle is there and may be deleted, or is gone. Raises NotAHandle where it may not, KubeError."""
    handle = wanted.handle
    try:
        verdict = judge(wanted, await look(client, handle.namespace, handle.name))
    except Forbidden:
        # May delete but not look. What this machine made itself it knows by name and UID, and the server by the UID.
        named = wanted.named is Named.BY_JOURNAL and handle.uid
        if named and (wanted.token_secret or is_handle_name(handle.name, wanted.account or None)):
            return Fate.DELETE
        raise
    if verdict.fate is Fate.LEFT_ALONE:
        raise NotAHandle(
            f"{wanted.named.value} says that Secret {handle.namespace}/{handle.name} in {handle.cluster} is the handle "
            f"of {wanted.account or 'a token'}, but {verdict.why}: it was left alone",
            "look at that Secret; to end the token for sure, delete its service account",
            for_good=verdict.for_good,
        )
    return verdict.fate


def _outcome(handle: Handle, ended: deleting.Ended) -> str:
    """What became of a handle, and what that means for its tokens. Raises NotGone."""
    match ended.end:
        case End.HELD if not ended.held_by:  # servers refuse the token a minute after this stamp, whatever keeps it
            return f"{_HELD}; its tokens are refused within 60 s"
        case End.HELD:
            held = safe_text(", ".join(ended.held_by), 200)
            return f"{_HELD}: the token works until its finalizer {held} is gone, 60 s at the most"
        case End.THERE:
            raise NotGone(
                f"{handle.cluster} answered that Secret {handle.namespace}/{handle.name} is gone, but it is still "
                "there: the token lives",
                "is there a proxy in between? try again, and verify the token afterwards",
            )
        case End.UNKNOWN:
            raise NotGone(
                f"{handle.cluster} answered that another Secret is called {handle.namespace}/{handle.name} by now, "
                "which may not be looked at: whether the token lives is not known",
                "look with the right to get secrets there, or verify the token",
            )
        case End.DELETED | End.TOLD:
            return f"{ended}; {_CACHED}"
    return Fate.ANOTHER.value if ended.end is End.ANOTHER else Fate.GONE.value


def journaled(revocation: Revocation) -> Ending:
    """What the journal says is to go."""
    return Ending(
        handle=revocation.handle,
        named=Named.BY_JOURNAL,
        account=revocation.account
        or (revocation.old.identity.name if revocation.old and revocation.old.identity else ""),
        token_secret=may_be_token_secret(revocation.address.kind),
    )


def may_be_token_secret(kind: CredentialKind) -> bool:
    """Whether a credential of this kind may be a long-lived token: a token Secret, or a file with a copy of one."""
    return kind.traits.here or kind.traits.own_handle


async def discard(clusters: Clusters, handle: Handle, plan: str, account: str) -> str:
    """Delete the handle that `plan` may have created for `account`, even where its UID was not learned."""
    if not handle.uid:
        client = await clusters.client(handle.cluster)
        try:
            seen = await look(client, handle.namespace, handle.name)
        except Forbidden:  # may delete but not look; no other has a name like this
            ended = await deleting.delete(client, SECRETS, handle.name, namespace=handle.namespace)
            return str(ended) if ended.was_there else NEVER
        if seen is None:
            return NEVER
        if seen.plan != plan:
            return "another Secret has its name; it was left alone"
        ending = Ending(
            handle=msgspec.structs.replace(handle, uid=seen.uid), named=Named.BY_JOURNAL, account=account, own_uid=True
        )
        return await delete(clusters, ending)
    return await delete(clusters, Ending(handle=handle, named=Named.BY_JOURNAL, account=account))


def made_for(seen: Seen, identity: Identity, request: str) -> bool:
    """Whether a handle says that it was made for this account and for this wish."""
    return seen.account == f"{identity.namespace}/{identity.name}" and seen.request == request
