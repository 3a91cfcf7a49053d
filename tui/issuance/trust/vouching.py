"""What vouches for a claim: what the server signed, the handle beside the account, this machine's own record.

Whoever may patch a Secret may write any label and annotation into it, and any data. So whose credential it is, which
handle ends it and how long it lives is read from the token that lies in it, and the server is asked whether the token
is its own. Labels and annotations find things; nothing is done because of them.

A Secret may be given a new token of account A where one of these says so:

- the token in it is A's, and the handle it is bound to lies beside the account and names this very place; or this
  machine wrote that very token into that very Secret for A (copies, and tokens that are bound to nothing);
- where no token is there that the server accepts (expired, revoked, gone, mangled): the handle that the annotations
  name lies beside the account, is called as A's are, has that UID and names this place; or this machine wrote into
  that very Secret for A what lies there now.

This machine's record is of the cluster and the Secret that it wrote to (`whose`): one of the same name is another one,
and gets nothing. A handle knows its places by name alone. So where no token works, it vouches neither for a place in
another cluster nor for one that was made since, but where the record says that it is that very one.

What a handle says counts where its name says the same (`handle_names`). Handles from before names did so confirm a
token that works, as far as that says the same; where none works this machine's record must name that very handle.

Everything else is refused, with what each side says. The decision is `vouchers.judge`, a pure function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.destinations.proving import ask
from tui.issuance.errors import NotProved, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.claims import Bound, Claims, ClaimsError, read_token
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.durations import parse_time
from tui.issuance.model.sight import identifying_facts
from tui.issuance.model.types import Address, Credential, Handle, Identity, State
from tui.issuance.objects import managed
from tui.issuance.objects.secret_object import SecretObject
from tui.kube import shell
from tui.kube.errors import KubeError, Unauthorized
from tui.kube.resource import SECRETS
from tui.kube.text import safe_text

from . import handles, showing, whose
from .vouchers import Claim, Facts, Record, Verdict, Word, is_cut_short, judge, shown

if TYPE_CHECKING:
    from tui.issuance.destinations.place import Held, Place
    from tui.issuance.model.clusters import Clusters
    from tui.issuance.model.sight import Sight
    from tui.issuance.records.intent import Export
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive

_AGAIN: Final = 3
"""How often a Secret is read again that is replaced while it is read."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A managed Secret: what it says, what its token says, and whether something vouches for it."""

    marks: Credential
    facts: Facts
    verdict: Verdict
    metadata: Mapping[str, Any]
    now: datetime
    """In its cluster."""
    moved: str = ""
    """How its annotations name another cluster than its token is of, or is known to be of."""

    @property
    def credential(self) -> Credential:
        """The credential as it is: facts where the server confirmed them; where the annotations differ, that is said.

        Its handle is one that may be acted on, or None.
        """
        credential = shown(self.marks, self.facts, self.verdict, self.now)
        if not self.moved or self.moved in credential.message:
            return credential
        said = "; ".join(filter(None, (self.moved, credential.message)))
        return msgspec.structs.replace(credential, state=State.UNKNOWN, message=safe_text(said))

    @property
    def refused(self) -> bool:
        """Whether its server refuses its token before that ends by itself."""
        return is_cut_short(self.facts, self.verdict, self.now)

    @property
    def warning(self) -> str:
        """What its annotations say otherwise than its token; empty where they agree."""
        credential = self.credential
        return f"{_at(credential.address)}: {credential.message}" if credential.state is State.UNKNOWN else ""


async def read(context: Context, address: Address) -> Reading:
    """Read a managed Secret whole and ask the cluster of its account. Raises UsageError where it is none, KubeError.

    Where it was replaced meanwhile, and so its handle is gone, what it holds now is what counts.
    """
    for _ in range(_AGAIN):
        reading = await _read(context, address)
        if reading.verdict.ok or not await _is_another(context, address, reading):
            break
    return reading


async def _is_another(context: Context, address: Address, reading: Reading) -> bool:
    client = await context.clusters.client(address.cluster)
    now = await client.get_metadata(SECRETS, address.name, namespace=address.namespace)
    before = reading.metadata["metadata"].get("resourceVersion")
    return bool((now.get("metadata") or {}).get("resourceVersion") != before)


async def _read(context: Context, address: Address) -> Reading:
    client = await context.clusters.client(address.cluster)
    found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
    meta = {"metadata": found.metadata}
    marks = managed.credential_from_secret(address.cluster, meta)
    if marks is None and (found.metadata.get("labels") or {}).get(managed.MANAGED_BY) == managed.MANAGER:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} in {address.cluster} says that it is kubemint's, but not "
            "that it keeps a credential",
            f"its label {managed.ROLE} would say so",
        )
    if marks is None:
        raise UsageError(
            f"the Secret {address.namespace}/{address.name} in {address.cluster} is not managed by kubemint",
            f"its label {managed.MANAGED_BY} is missing",
        )
    token, leads = lying_in(marks.format, found)
    marks, facts, moved = await _facts_of(context, marks, token, leads)
    if moved and facts.word is Word.UNASKED and facts.note == moved:  # it may be of anywhere
        verdict = Verdict(ok=False, why=moved, hint=showing.BY_HAND)
    else:
        verdict = await _judged(context, address, marks, meta, facts, token)
    now = now_at(client, context.clock)
    return Reading(marks=marks, facts=facts, verdict=verdict, metadata=meta, now=now, moved=moved)


async def _facts_of(
    context: Context, marks: Credential, token: Sensitive | None, leads: Endpoint | None
) -> tuple[Credential, Facts, str]:
    """What the token in a managed Secret says, asked where it may be shown; its marks with the cluster that it is of;
    and what these say otherwise."""
    address, identity = marks.address, marks.identity
    if identity is None or token is None:
        return marks, unasked(token, "", "nothing says which cluster it is for"), ""
    shown = await showing.of_secret(context, address, identity.cluster, token, leads)
    facts = await facts_at(context.clusters, shown.cluster, token, marks.audiences)
    if not shown.sure and facts.word is not Word.CONFIRMED:
        return marks, unasked(token, identity.cluster, shown.why), shown.why
    if shown.cluster == identity.cluster:
        return marks, facts, ""
    moved = f"its annotations say that it is of {identity.cluster}, its token is of {shown.cluster}"
    return marks.in_cluster(shown.cluster), facts, moved


async def whose_in(context: Context, address: Address, says: Credential, token: Sensitive) -> Identity | None:
    """Whose the token in a managed Secret is, in the cluster that it may be shown to. Raises UsageError where nothing
    shows which that is, KubeError."""
    if says.identity is None:
        return None
    client = await context.clusters.client(address.cluster)
    found = await client.get(SECRETS, address.name, namespace=address.namespace, type=SecretObject)
    held, leads = lying_in(says.format, found)
    shown = await showing.of_secret(context, address, says.identity.cluster, token, leads if held == token else None)
    if not shown.sure:
        raise UsageError(f"{_at(address)}: {shown.why}", showing.BY_HAND)
    return msgspec.structs.replace(says.identity, cluster=shown.cluster)


async def require(context: Context, address: Address) -> Reading:
    """The same, for who is about to act on it. Raises UsageError with both readings where nothing vouches for it."""
    return insist(address, await read(context, address))


def insist(address: Address, reading: Reading) -> Reading:
    """The same of what was read."""
    if not reading.verdict.ok:
        raise NotVouched(f"{_at(address)}: {reading.verdict.why}", reading.verdict.hint, reading)
    return reading


class NotVouched(UsageError):
    """Nothing vouches for what a Secret claims."""

    def __init__(self, message: str, hint: str, reading: Reading) -> None:
        super().__init__(message, hint)
        self.reading = reading


async def held(context: Context, place: Place, found: Held) -> Held:
    """What a place holds, with what is vouched for in the place of what it says of itself."""
    if place.address.here:
        return await whose.held(context, place, found)  # of a file this machine's own record speaks
    if found.credential is None:
        return found
    reading = await read(context, place.address)
    credential, request, warning = reading.credential, reading.verdict.request, found.warning
    if not reading.verdict.ok:
        said = f"{_at(place.address)}: {reading.verdict.why}; the token that it holds is not revoked"
        request, warning = "", "; ".join(filter(None, (warning, said)))
    elif said := reading.warning:
        warning = "; ".join(filter(None, (warning, said)))
    return msgspec.structs.replace(
        found,
        credential=credential,
        request=request,
        warning=warning,
        refused=reading.refused,
        account_uid=reading.facts.account_uid,
    )


async def in_file(context: Context, credential: Credential, token: Sensitive | None) -> tuple[bool, str]:
    """The same of a file that this machine wrote, of the token that it wrote there and no other: whether its server
    refuses it before its end, and the UID of its account."""
    if token is None or credential.identity is None or token.fingerprint != credential.fingerprint:
        return False, ""
    cluster = await showing.of_file(context, credential, token)
    facts = await facts_at(context.clusters, cluster, token, credential.audiences)
    return is_cut_short(facts, Verdict(ok=True), await context.now(cluster)), facts.account_uid


async def look_at(context: Context, places: Sequence[Place], sight: Sight) -> list[Held]:
    """What each place holds now, as a plan rests on it: the content by its version, whose it is by what vouches."""

    async def see(place: Place) -> Held:
        def facts(found: Held) -> object:
            whose = identifying_facts(found.credential) if found.credential is not None else None
            return found.exists, whose, found.request, place.version

        async def look() -> Held:
            return await held(context, place, await place.look())

        return await sight.see(place.label, look, facts)

    return [await see(place) for place in places]


def lying_in(form: Format | None, found: SecretObject) -> tuple[Sensitive | None, Endpoint | None]:
    """The token in a Secret, where its format says, else wherever there is one; and where what lies beside it leads,
    None where that says nothing."""
    from tui.kube.delivered import ONLY_LOOKING

    values = found.values()
    for one in sorted(Format, key=lambda one: one is not form):
        if (token := one.rules.token_of(values)) is not None:
            try:
                return token, one.rules.taken_apart(values, ONLY_LOOKING).endpoint
            except (UsageError, KubeError):
                return token, None
    return None, None


def token_in(form: Format | None, found: SecretObject) -> Sensitive | None:
    """The token alone."""
    return lying_in(form, found)[0]


def bound_to(token: Sensitive, cluster: str) -> Handle | None:
    """The Secret that a token says it is bound to. That is not confirmed: not for anything to be deleted."""
    try:
        claims = read_token(token)
    except ClaimsError:
        return None
    bound = claims.bound
    if bound is None or bound.kind != "Secret" or not bound.uid or not claims.namespace:
        return None
    return Handle(cluster, claims.namespace, bound.name, bound.uid)


def _at(address: Address) -> str:
    return f"the Secret {address.namespace}/{address.name} in {address.cluster}"


def unasked(token: Sensitive | None, cluster: str, note: str = "") -> Facts:
    """What a token of `cluster` says about itself, before anybody has confirmed it."""
    if token is None:
        return Facts(word=Word.NONE)
    try:
        claims = read_token(token)
    except ClaimsError:
        return Facts(word=Word.UNREADABLE, fingerprint=token.fingerprint)
    return _facts(Word.UNASKED, claims, cluster, token, note)


async def facts_at(clusters: Clusters, cluster: str, token: Sensitive | None, audiences: tuple[str, ...] = ()) -> Facts:
    """What a token says, and what this cluster, which it may be shown to (`showing`), says of it: asked with the token,
    or it has it reviewed."""
    facts = unasked(token, cluster)
    if token is None or facts.word is not Word.UNASKED:
        return facts
    word, note = await _confirmed(clusters, cluster, token, facts.identity, audiences)
    return msgspec.structs.replace(facts, word=word, note=note)


async def _confirmed(
    clusters: Clusters, cluster: str, token: Sensitive, identity: Identity | None, audiences: tuple[str, ...]
) -> tuple[Word, str]:
    from tui.kube.client import Client

    if identity is None:
        return Word.REFUSED, "it is for no service account"
    try:
        operator = await clusters.client(cluster)
        endpoint = clusters.endpoint(cluster).with_token(token)
        async with Client(endpoint, timeouts=operator.timeouts) as bearer:
            proof = await ask(bearer, operator, token, identity, audiences)
    except (Unauthorized, NotProved) as error:
        return Word.REFUSED, error.message
    except (KubeError, UsageError) as error:
        return Word.UNASKED, error.message
    if not proof.method:
        return Word.UNASKED, proof.note
    if proof.username != identity.username:
        return Word.REFUSED, f"the server says that it is for {proof.username}"
    return Word.CONFIRMED, ""


def _facts(word: Word, claims: Claims, cluster: str, token: Sensitive, note: str) -> Facts:
    bound, handle = claims.bound, bound_to(token, cluster)
    return Facts(
        word=word,
        identity=claims.identity(cluster),
        account_uid=claims.service_account_uid,
        handle=handle,
        bound=_words(bound) if handle is None else "",
        audiences=claims.audiences,
        issued_at=claims.issued_at,
        # The server may secretly let it live on; when it was meant to end is what counts.
        expires_at=min(filter(None, (claims.expires_at, claims.warn_after)), default=None),
        fingerprint=token.fingerprint,
        note=note,
    )


def _words(bound: Bound | None) -> str:
    return f"{bound.kind} {bound.name}" if bound is not None else ""


async def _judged(
    context: Context,
    address: Address,
    marks: Credential,
    meta: Mapping[str, Any],
    facts: Facts,
    token: Sensitive | None,
) -> Verdict:
    identity = marks.identity
    place = managed.place_name(address, identity.cluster if identity is not None else address.cluster)
    claim = Claim(
        identity=identity,
        place=place,
        uid=str(meta["metadata"].get("uid", "")),
        made=parse_time(meta["metadata"].get("creationTimestamp")),
        far=identity is not None and identity.cluster != address.cluster,
        handle=marks.handle,
        audiences=marks.audiences,
        push=managed.push_of(meta),
    )
    written = await asyncio.to_thread(context.state.written, address)
    record = _record(written, place)
    if written is None or record is None:
        return await beside(context, claim, facts, None)
    elsewhere, sure = await whose.written_here(context, written, token)
    if not elsewhere:
        return await beside(context, claim, facts, msgspec.structs.replace(record, sure=sure))
    verdict = await beside(context, claim, facts, None)
    why = f"what this machine wrote there {elsewhere}"
    return Verdict(ok=False, why="; ".join(filter(None, (verdict.why, why))), hint=_elsewhere(record))


def _elsewhere(record: Record) -> str:
    """What can be done where a place of this name was in another cluster when this machine wrote into it."""
    said = "use a kubeconfig for that cluster (--kubeconfig, --context); for this cluster, issue it again"
    handle = record.handle
    if handle is None:
        return said
    revoke = shell.command("kubemint", "revoke", str(Address.handle(handle.cluster, handle.namespace, handle.name)))
    return f"{said}; `{revoke}` ends the token that was written"


async def beside(context: Context, claim: Claim, facts: Facts, record: Record | None) -> Verdict:
    """The verdict, with a look at the handle where that can decide."""
    verdict = judge(claim, facts, None, record)
    identity, handle = claim.identity, facts.handle if facts.word is Word.CONFIRMED else claim.handle
    if verdict.ok or identity is None or handle is None:
        return verdict
    if (handle.cluster, handle.namespace) != (identity.cluster, identity.namespace):
        return verdict
    try:
        client = await context.clusters.client(handle.cluster)
        return judge(claim, facts, await handles.look(client, handle.namespace, handle.name), record)
    except KubeError as error:
        return msgspec.structs.replace(
            verdict,
            why=f"{verdict.why}; whether handle {handle.name} confirms that cannot be seen: {error.message}",
            hint=error.hint or verdict.hint,
        )


def _record(export: Export | None, place: str) -> Record | None:
    if export is None:
        return None
    credential, spec = export.credential, export.spec
    identity, push = credential.identity, ""
    if identity is not None and spec is not None:
        pushed = (one for one in spec.destinations if one.push is not None)
        named = (one for one in pushed if managed.place_name(one.address(identity), identity.cluster) == place)
        push = next((msgspec.json.encode(one.push).decode() for one in named), "")
    return Record(
        identity=credential.identity,
        fingerprint=credential.fingerprint,
        handle=credential.handle,
        bound_to=credential.bound_to,
        expires_at=credential.expires_at,
        audiences=credential.audiences,
        requested=spec.duration if spec is not None else credential.requested,
        push=push,
        request=export.request,
        uid=export.uid,
    )
