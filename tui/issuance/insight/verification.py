"""Whether a credential is accepted right now; and where it is not, why, in words: the server itself only says 401."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.destinations.proving import Proof, ask
from tui.issuance.errors import IssuanceError, NotProved, UsageError
from tui.issuance.model.cluster_time import now_at
from tui.issuance.model.types import Address, Identity, State
from tui.issuance.trust.showing import insist_on_token
from tui.kube.errors import APIError, Forbidden, KubeError, NotFound, Unauthorized
from tui.kube.resource import SELF_SUBJECT_REVIEWS

from .refusal import explain

if TYPE_CHECKING:
    from tui.issuance.model.types import Credential
    from tui.issuance.transaction.work import Context
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint
    from tui.kube.sensitive import Sensitive


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What an API server says of a credential right now."""

    ok: bool
    method: str
    """SelfSubjectReview, TokenReview or GET; empty where no server could be asked."""
    username: str
    checked_at: datetime
    message: str = ""
    hint: str = ""
    refused: bool = False
    """Whether the server itself refused this very token, as far as is known the one that kubemint wrote there."""


async def verify(context: Context, address: Address) -> Verification:
    """Ask the cluster that the credential is for.

    Raises UsageError where it does not say whose it is, IssuanceError, KubeError.
    """
    from tui.issuance.transaction import reading

    family = await context.families.of(address)
    credential = await family.lookup(context, address)
    if address.own:
        return await _verify_login(context, address.cluster)
    if (way := await family.way_in(context, address)) is not None:
        from tui.kube.client import Client

        async with Client(way.endpoint) as bearer:
            said = await _verify_bearer(context, bearer, way.user)
        return msgspec.structs.replace(said, message=f"{said.message} ({way.said})") if way.said else said
    if address.kind.traits.alone:
        raise reading.no_token(address)
    if credential.identity is None:
        raise UsageError(
            f"{address} does not say whose credential it is", "its annotations were changed; issue a new one"
        )
    token = await family.token(context, address)
    if token is None:
        return _failed(context, "", f"{credential.kept_in or address} holds no token", "rotate it to write it again")
    identity = await family.whose(context, address, credential, token)
    if identity is None:
        raise UsageError(f"{address}: nothing shows which cluster its token is of", "rotate it to write it again")
    operator = await context.clusters.client(identity.cluster)
    endpoint = context.clusters.endpoint(identity.cluster)
    said = await verify_token(context, endpoint, token, identity, credential.audiences, operator)
    if identity.cluster != credential.identity.cluster:
        other = f"asked of {identity.cluster}, to which it leads; its destination says {credential.identity.cluster}"
        return msgspec.structs.replace(said, message=f"{said.message} ({other})", refused=False)
    if address.here and credential.fingerprint not in ("", token.fingerprint):
        another = f"{said.message}; it is another token than kubemint wrote there"
        return msgspec.structs.replace(said, message=another, refused=False)
    if (
        address.is_file and credential.state is State.UNKNOWN and credential.message
    ):  # it leads elsewhere, or differently
        return msgspec.structs.replace(
            said, message=f"{said.message}; but {credential.message}, and was not asked there"
        )
    if address.kind.traits.marked and credential.state is State.UNKNOWN:
        return beside_marks(said, credential, (await family.index(context, address)).identity)
    return said


def beside_marks(said: Verification, credential: Credential, marked: Identity | None) -> Verification:
    """What a server says of a token, beside what is odd about its Secret; not good where that says it is for another
    account than the token (`credential`) speaks for, as whoever counts on it means that one."""
    own = credential.identity
    another = own is not None and marked is not None and (own.namespace, own.name) != (marked.namespace, marked.name)
    message = "; but ".join(filter(None, (said.message, credential.message)))
    hint = said.hint or ("the destination holds another identity's credential" if another else "")
    return msgspec.structs.replace(said, ok=said.ok and not another, message=message, hint=hint)


async def verify_kubeconfig(context: Context, data: Sensitive, *, named: bool = False) -> Verification:
    """Enter with a kubeconfig's current-context. It may come from anywhere, so nothing that it names is run or read.

    `named`: a person named the file it is from; then kubemint answers for its own plugin.
    """
    from .foreign import way_of

    endpoint = await way_of(context, data, named=named)
    login = endpoint.login
    known = _same_server(context, endpoint)
    operator = await context.clusters.client(known) if known else None
    if login.token is not None:
        return await verify_token(context, endpoint, login.token, None, (), operator)
    from tui.kube.client import Client

    async with Client(endpoint) as bearer:
        return await _verify_bearer(context, bearer)


async def verify_token(
    context: Context,
    endpoint: Endpoint,
    token: Sensitive,
    identity: Identity | None,
    audiences: tuple[str, ...],
    operator: Client | None,
) -> Verification:
    """Enter `endpoint` with `token`, and find out why where it is refused."""
    from tui.kube.client import Client

    if identity is None:
        identity = _claimed(token, endpoint.name)
    try:
        async with Client(endpoint.with_token(token)) as bearer:
            proof = await ask(bearer, operator, token, identity, audiences)
    except Unauthorized:
        message, hint = await _explained(context, token, operator)
        return _failed(context, "SelfSubjectReview", message or "it does not say why", hint, refused=True)
    except NotProved as error:
        message, hint = await _explained(context, token, operator)
        return _failed(context, "TokenReview", message or error.message, hint or error.hint, refused=True)
    except KubeError as error:
        return _failed(context, "", str(error), error.hint)
    return _judged(context, proof, identity)


async def verify_pasted(context: Context, data: Sensitive, cluster: str) -> Verification:
    """Hold anything that was pasted or lies in a file against a cluster of ours: the first login in it that counts.

    Raises UsageError where it holds no credential, KubeError.
    """
    from dataclasses import replace

    from tui.kube.client import Client

    from .inspecting import logins_in

    endpoint = context.clusters.endpoint(cluster)
    login = next(iter(logins_in(data.reveal_bytes())), None)
    if login is None:
        raise UsageError("it holds no credential", "a token, or a certificate with its key, can be verified")
    if login.token is not None:
        await insist_on_token(context, login.token, cluster)
        operator = await context.clusters.client(cluster)
        return await verify_token(context, endpoint, login.token, None, (), operator)
    async with Client(replace(endpoint, login=login)) as bearer:
        return await _verify_bearer(context, bearer)


async def _explained(context: Context, token: Sensitive, operator: Client | None) -> tuple[str, str]:
    return await explain(token, now_at(operator, context.clock), operator)


async def _verify_login(context: Context, cluster: str) -> Verification:
    return await _verify_bearer(context, await context.clusters.client(cluster))


async def _verify_bearer(context: Context, bearer: Client, user: str = "") -> Verification:
    """A login that is not a bearer token: ask who it is, or whether it may at least see what the server serves.

    `user` is whom the server has to take it for, where that is known.
    """
    try:
        answer = await bearer.create(
            SELF_SUBJECT_REVIEWS, {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": SELF_SUBJECT_REVIEWS.kind}
        )
        info = (answer.get("status") or {}).get("userInfo") or {}
        proof = Proof(method="SelfSubjectReview", username=str(info.get("username", "")))
        if user and proof.username != user:
            return _another(context, proof, user)
        return _judged(context, proof, None)
    except (Forbidden, NotFound):
        pass
    except (KubeError, IssuanceError) as error:
        return _failed(context, "", error.message, error.hint)
    try:
        await bearer.request("GET", "/api")
    except APIError as error:
        return _failed(context, "GET", error.message, error.hint)
    return _judged(context, Proof(method="GET", username=""), None)


def _judged(context: Context, proof: Proof, identity: Identity | None) -> Verification:
    if identity is not None and proof.username != identity.username:
        return _another(context, proof, identity.username)
    if not proof.method:
        return _failed(context, "", proof.note, "")
    return Verification(
        ok=True,
        method=proof.method,
        username=proof.username,
        checked_at=context.clock(),
        message=f"accepted{' as ' + proof.username if proof.username else ''}"
        + (f", {proof.note}" if proof.note else ""),
    )


def _another(context: Context, proof: Proof, user: str) -> Verification:
    said = f"it is for {proof.username}, not for {user}"
    return _failed(context, proof.method, said, "the destination holds another identity's credential")


def _failed(context: Context, method: str, message: str, hint: str, *, refused: bool = False) -> Verification:
    now = context.clock()
    return Verification(
        ok=False, method=method, username="", checked_at=now, message=message, hint=hint, refused=refused
    )


def _claimed(token: Sensitive, cluster: str) -> Identity | None:
    from tui.issuance.model.claims import ClaimsError, read_token

    try:
        return read_token(token).identity(cluster)
    except ClaimsError:
        return None


def _same_server(context: Context, endpoint: Endpoint) -> str:
    """The cluster we know at the same address, so that its operator can be asked about a stranger's token."""
    for name in context.clusters.names():
        try:
            if context.clusters.endpoint(name).server == endpoint.server:
                return name
        except KubeError:
            continue  # another context that cannot be used
    return ""
