"""Where a credential comes from and where it goes: its account, what reaches that, what was issued, and who uses it.

    tree = await trace(clusters, subject, credentials=rows, config=kubeconfig, on_part=show)

A tree of plain nodes, one branch per question. Each branch is collected by itself and fails by itself: without the
right to list pods the rest is still there, and the branch says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.kubeconfig_entries import Entry, entries_for
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Handle, Identity
from tui.issuance.trust import handles
from tui.issuance.trust.orphans import Walked, accounts_for
from tui.issuance.users.consumers import why_not
from tui.kube.amounts import count
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SELF_SUBJECT_REVIEWS, SERVICE_ACCOUNTS

from .access import collect, groups_of
from .dangers import worst
from .lineage_tree import Node, Part, Subject, kept_secret
from .lineage_users import Users, users_of

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client
    from tui.kube.kubeconfig import KubeConfig


ENDS_IT: Final = "deleting it revokes the token"
_UNNAMED: Final = "nothing listed here names it"
_EVERYBODY: Final = frozenset({"system:authenticated", "system:serviceaccounts"})


def subject_of_account(identity: Identity, here: Address | None = None) -> Subject:
    """The account as the subject of a lineage; `here` is the credential that one came from."""
    return Subject(
        cluster=identity.cluster,
        username=identity.username,
        groups=groups_of(identity),
        identity=identity,
        here=here,
    )


async def subject_of(clusters: Clusters, credential: Credential) -> Subject:
    """Whose credential it is; for a login that says nothing itself, its server is asked. Raises KubeError."""
    if credential.account is not None:
        return subject_of_account(credential.account, credential.address)
    if credential.certified:
        raise UsageError(
            f"{credential.address} is a person's certificate", "lineage follows service accounts and logins"
        )
    if not credential.address.own:
        raise UsageError(
            f"{credential.address} does not say whose credential it is",
            "lineage follows service accounts and your own logins",
        )
    cluster = credential.address.cluster
    client = await clusters.client(cluster)
    username, groups, note = await _who_am_i(client)
    return Subject(cluster=cluster, username=username, groups=groups, here=credential.address, note=note)


async def trace(
    clusters: Clusters,
    subject: Subject,
    *,
    credentials: Sequence[Credential],
    config: KubeConfig | None = None,
    on_part: Callable[[Node], None] = lambda node: None,
) -> Node:
    """The whole tree. `credentials` is everything known to be issued for the subject; `on_part` hears each branch as
    it is found, in any order."""
    users = asyncio.ensure_future(users_of(clusters, subject, credentials))
    works = {
        Part.ACCOUNT: _account(clusters, subject, credentials),
        Part.RIGHTS: _rights(clusters, subject),
        Part.ISSUED: _issued(clusters, subject, credentials),
        Part.REQUESTS: _requests(subject, credentials),
        Part.MACHINE: _machine(clusters, subject, credentials, config),
        Part.RUNS: _once(users, lambda found: found.runs),
        Part.USERS: _once(users, lambda found: found.uses),
    }

    async def one(part: Part) -> Node:
        try:
            node = await works[part]
        except (KubeError, IssuanceError) as error:
            node = Node(kind=part.value, problem=str(error))
        on_part(node)
        return node

    found = await asyncio.gather(*(one(part) for part in Part))
    return root(subject, found)


async def _once(users: asyncio.Future[Users], which: Callable[[Users], Node]) -> Node:
    """One of two branches that are looked up together."""
    return which(await users)


def root(subject: Subject, parts: Iterable[Node]) -> Node:
    """The trunk, with the branches known so far."""
    order = [part.value for part in Part]
    return Node(
        kind="service account" if subject.identity is not None else "user",
        name=_name(subject),
        note=subject.note,
        identity=subject.identity,
        cluster=subject.cluster,
        children=tuple(sorted(parts, key=lambda node: order.index(node.kind))),
    )


def _name(subject: Subject) -> str:
    identity = subject.identity
    return f"{identity.namespace}/{identity.name}" if identity is not None else subject.username or "unknown"


async def _who_am_i(client: Client) -> tuple[str, tuple[str, ...], str]:
    """The user and the groups of a login, from the server, else from its certificate."""
    from tui.issuance.model.certificate import CertificateError, read_certificate

    try:
        answer = await client.create(
            SELF_SUBJECT_REVIEWS, {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": SELF_SUBJECT_REVIEWS.kind}
        )
        info = (answer.get("status") or {}).get("userInfo") or {}
        return str(info.get("username", "")), tuple(map(str, info.get("groups") or ())), ""
    except KubeError as error:
        said = error.message
    certificate = client.endpoint.login.client_certificate
    if certificate is None:
        return "", (), f"the server does not say who this login is: {said}"
    try:
        info_ = read_certificate(certificate, strict=False)
    except CertificateError as error:
        return "", (), error.message
    return info_.common_name, (*info_.organizations, "system:authenticated"), "as its certificate says"


NOBODY: Final = "there is no such account, and nothing that kubemint knows was issued for one"
"""Said of a name alone: that it was ever anybody's is not known."""


def absent(credentials: Sequence[Credential]) -> str:
    """What is said of an account that its cluster does not have, by what is listed for it. That it ever was, only this
    machine's own records say: marks and requests name any account."""
    if any(one.address.here for one in credentials):
        return "it was deleted: all its tokens are invalid"
    return "there is no such account: if there was one, all its tokens are invalid" if credentials else NOBODY


async def _account(clusters: Clusters, subject: Subject, credentials: Sequence[Credential]) -> Node:
    identity = subject.identity
    if identity is None:
        groups = Node(kind="groups", name=", ".join(subject.groups) or "none known")
        return Node(kind=Part.ACCOUNT, name=subject.username, cluster=subject.cluster, children=(groups,))
    client = await clusters.client(identity.cluster)
    branch = Node(kind=Part.ACCOUNT, name=f"{identity.namespace}/{identity.name}", identity=identity)
    try:
        found = await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except NotFound:
        return msgspec.structs.replace(branch, problem=absent(credentials))
    except KubeError as error:
        return msgspec.structs.replace(branch, problem=why_not(error, "the account"))
    meta = found.get("metadata") or {}
    children = [Node(kind="cluster", name=identity.cluster, cluster=identity.cluster)]
    children += [
        Node(kind="owned by", name=f"{owner.get('kind')} {owner.get('name')}")
        for owner in meta.get("ownerReferences") or ()
    ]
    managers = {str(entry.get("manager")) for entry in meta.get("managedFields") or () if entry.get("manager")}
    if managers:
        children.append(Node(kind="written by", name=", ".join(sorted(managers))))
    return msgspec.structs.replace(
        branch, note=f"created {meta.get('creationTimestamp') or 'at an unknown time'}", children=tuple(children)
    )


async def _rights(clusters: Clusters, subject: Subject) -> Node:
    client = await clusters.client(subject.cluster)
    namespaces = (subject.identity.namespace,) if subject.identity is not None else ()
    access = await collect(client, namespaces)
    nodes = []
    if "system:masters" in subject.groups:
        nodes.append(
            Node(kind="group", name="system:masters", severity=Severity.CRITICAL,
                 note="may do everything, and no Role can restrict it")
        )  # fmt: skip
    everybody: list[Node] = []
    for grant in access.grants(subject.username, subject.groups):
        danger = worst(grant.rules or ())
        whom = "" if grant.via == subject.username else f"through group {grant.via}"
        says = f"{grant.bound.role_kind} {grant.bound.role} cannot be read" if grant.rules is None else ""
        common = grant.via in _EVERYBODY and danger is not None and danger.severity is Severity.LOW
        (everybody if common else nodes).append(
            Node(
                kind=grant.bound.kind,
                name=f"{grant.bound.namespace}/{grant.bound.name}" if grant.bound.namespace else grant.bound.name,
                note=" · ".join(filter(None, [f"→ {grant.bound.role_kind} {grant.bound.role}", whom,
                                              danger.why if danger else ""])),
                problem=says,
                severity=danger.severity if danger else None,
            )
        )  # fmt: skip
    nodes.sort(key=lambda node: node.severity.rank if node.severity else len(Severity))
    note = ""
    if not nodes:
        note = "nothing but what every user may" if everybody else "no binding reaches it"
        if not access.complete:  # the binding that reaches it may be among those
            note = "nothing but what every user may, in what could be read" if everybody else "none that could be seen"
    if everybody:
        nodes.append(
            Node(
                kind="everybody",
                name=count(len(everybody), "binding"),
                note="for all who are logged in",
                children=tuple(everybody),
            )
        )
    return Node(kind=Part.RIGHTS, note=note, problem="; ".join(access.gaps), children=tuple(nodes))


def credential_node(credential: Credential, subject: Subject) -> Node:
    """A credential as a line of the tree."""
    address = credential.address
    name = address.name if address.here else f"{address.namespace}/{address.name}"
    away = address.cluster and address.cluster != subject.cluster
    return Node(
        kind=address.label,
        name=address.cluster if address.own else name,
        note=" · ".join(filter(None, [f"in {address.cluster}" if away else "", credential.message])),
        state=credential.state,
        expires_at=credential.expires_at,
        address=address,
        cluster=address.cluster,
        here=address == subject.here,
    )


async def _issued(clusters: Clusters, subject: Subject, credentials: Sequence[Credential]) -> Node:
    problem, beside = "", None
    try:
        beside = await _handles(clusters, subject)
    except (KubeError, IssuanceError) as error:
        problem = f"what else was issued is not known: {error}"
    said = {one.address: said_of_handle(one, beside) for one in credentials if one.handle is not None}
    nodes = []
    for one in credentials:
        if not one.address.kind.traits.is_secret:
            continue
        handle = one.handle
        children = () if handle is None else (
            Node(kind="handle", name=f"{handle.namespace}/{handle.name}", note=said[one.address] or ENDS_IT,
                 cluster=handle.cluster),
        )  # fmt: skip
        nodes.append(msgspec.structs.replace(credential_node(one, subject), children=children))
    named = {one.handle.uid for one in credentials if one.handle is not None and not said[one.address]}
    listed = {one.address for one in credentials}
    for lone in (beside or {}).values():
        handle = lone.handle
        if lone.identity != subject.identity or handle.uid in named or lone.seen.deleted:
            continue
        kept = lone.seen.is_as_made and any(Address.secret(*place) in listed for place in lone.places)
        where = f"made for {_secrets(lone)}, which does not name it" if kept else _UNNAMED
        nodes.append(
            Node(kind="handle", name=f"{handle.namespace}/{handle.name}", cluster=handle.cluster,
                 note=f"{where}; kubemint hygiene says whether anything accounts for it")
        )  # fmt: skip
    note = "" if nodes else "nothing that kubemint can see"
    return Node(kind=Part.ISSUED, note=note, problem=problem, children=tuple(nodes))


def said_of_handle(credential: Credential, beside: Mapping[str, Walked] | None) -> str:
    """What is said of the handle that a credential names instead of that deleting it revokes the token; empty where it
    does. A mark names anything: what is `beside` the account (by UID; None: not listed) says what it was made for."""
    handle, address = credential.handle, credential.address
    assert handle is not None
    itself = (handle.namespace, handle.name) == (address.namespace, address.name)
    if address.here or (address.kind.traits.own_handle and itself):
        return ""
    if beside is None:
        return "handles cannot be listed here, and anybody may have named it: kubemint revoke says what ends the token"
    found = beside.get(handle.uid)
    if found is None or found.handle.name != handle.name:
        return "named there, but no handle: deleting it revokes nothing; kubemint revoke says what ends the token"
    if found.identity is None or (credential.identity and found.identity.name != credential.identity.name):
        return f"named there, but made for the account {found.seen.account or 'of nobody'}: it is not this token's"
    home = found.handle.cluster if address.cluster == handle.cluster else address.cluster
    if address.kind.traits.in_handles and not accounts_for(found, home, address.namespace, address.name):
        return f"named there, but made for {_secrets(found)}: kubemint revoke says what ends the token"
    return ""


def _secrets(one: Walked) -> str:
    away = {place: "" if place[0] == one.handle.cluster else f" of {place[0]}" for place in one.places}
    return ", ".join(f"Secret {place[1]}/{place[2]}{where}" for place, where in away.items()) or "no Secret"


async def _handles(clusters: Clusters, subject: Subject) -> dict[str, Walked] | None:
    """The handles in the namespace of the account, by UID; None where it is none."""
    identity = subject.identity
    if identity is None:
        return None
    client = await clusters.client(identity.cluster)
    return {
        seen.uid: Walked(handle=Handle(identity.cluster, seen.namespace, seen.name, seen.uid), seen=seen)
        for seen in await handles.listed(client, identity.namespace)
    }


async def _requests(subject: Subject, credentials: Sequence[Credential]) -> Node:
    nodes = []
    for one in credentials:
        if one.address.kind.traits.wished:
            where = kept_secret(one)
            keeps = (Node(kind="Secret", name=f"{where[1]}/{where[2]}", note=f"in {where[0]}"),) if where else ()
            nodes.append(msgspec.structs.replace(credential_node(one, subject), children=keeps))
    return Node(kind=Part.REQUESTS, note="" if nodes else "none", children=tuple(nodes))


async def _machine(
    clusters: Clusters, subject: Subject, credentials: Sequence[Credential], config: KubeConfig | None
) -> Node:
    nodes = [credential_node(one, subject) for one in credentials if one.address.here or one.address.own]
    if config is not None:
        server = ""
        with contextlib.suppress(KubeError, IssuanceError):  # entries are then told apart by what they hold alone
            server = clusters.endpoint(subject.cluster).server
        found = await asyncio.to_thread(entries_for, config, subject.identity, subject.cluster, server)
        nodes += [_entry(entry) for entry in found]
    return Node(kind=Part.MACHINE, note="" if nodes else "no file and no kubeconfig entry", children=tuple(nodes))


def _entry(entry: Entry) -> Node:
    where = f"user {entry.user} in {entry.origin}" if entry.origin else f"user {entry.user}"
    return Node(
        kind="kubeconfig entry",
        name=f"context {entry.context}",
        note=" · ".join(filter(None, [where, entry.note])),
        expires_at=entry.expires_at,
        cluster=entry.context,
    )
