"""Who else could become a credential's account, asked of its cluster: bindings, Secrets, pods, and the server itself.

Only metadata of Secrets is read. What may not be read is a gap in words: nobody, absent and not known are three things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Credential, Identity
from tui.issuance.objects.token_secret import TYPE
from tui.issuance.users.consumers import pods, why_not
from tui.kube.errors import KubeError, NotFound
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS, Resource

from .access import collect
from .becoming import Becomer, becomers, missing_roles, reviewed_as
from .becoming_ways import Ask, Target
from .lineage_tree import kept_secret

if TYPE_CHECKING:
    from tui.issuance.model.clusters import Clusters
    from tui.kube.client import Client

SUBJECT_ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
ONLY_RBAC: Final = "only what RBAC says: other authorizers (webhooks, nodes) are not seen, and one step, not several"
_ACCOUNT_OF: Final = "kubernetes.io/service-account.name"
_MOST: Final = 200
"""Lines that a server is asked about."""
_AT_ONCE: Final = 8


class Becomers(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody who could become `subject`, the worst first."""

    subject: str
    cluster: str
    namespace: str = ""
    becomers: tuple[Becomer, ...]
    gaps: tuple[str, ...] = ()
    """What could not be read, in words: there may be more because of it."""
    notes: tuple[str, ...] = ()


async def target_of(clusters: Clusters, credential: Credential) -> Target:
    """Whom a credential speaks for. Raises UsageError where that is not known, KubeError."""
    from urllib.parse import unquote

    from .lineage import subject_of

    if credential.shoot is not None:
        raise UsageError(
            f"{credential.address} is a shoot's: Gardener makes its user, and no Role names it",
            "ask for an account of the shoot: NS/ACCOUNT with --context",
        )
    if credential.certified and credential.identity is not None:
        # a stand-in: the name is the user's, written so that it can be part of an address
        return Target(cluster=credential.identity.cluster, username=unquote(credential.identity.name))
    subject = await subject_of(clusters, credential)
    if subject.identity is not None:
        return Target.of(subject.identity)
    if not subject.username:
        raise UsageError(f"who {credential.address} is, is not known", subject.note)
    return Target(cluster=subject.cluster, username=subject.username, groups=subject.groups)


async def find(
    clusters: Clusters, of: Identity | Target, credentials: Iterable[Credential] = (), *, ask: bool = True
) -> Becomers:
    """Everybody. `credentials` is what is known to be issued for it: the Secrets of the cluster that hold one count,
    besides its token Secrets. With `ask` the server says of each whether it is so, where it may be asked.

    Raises KubeError, UsageError where nothing of RBAC can be read.
    """
    target = Target.of(of) if isinstance(of, Identity) else of
    client = await clusters.client(target.cluster)
    access = await collect(client, (target.namespace,) if target.namespace else ())
    if len(access.gaps) >= 4 and not access.subjects():
        if len(access.failed) >= 4:
            raise access.failed[0]
        raise UsageError(
            f"{target.cluster}: who could become {target.username} cannot be computed: {'; '.join(access.gaps)}",
            "ask for list on roles, clusterroles and their bindings (ClusterRole view does not have it)",
        )
    gaps, notes = list(access.gaps), [ONLY_RBAC]
    kept = {where[1:] for one in credentials if (where := kept_secret(one)) and where[0] == target.cluster}
    running: list[str] | None = None
    if target.name:
        if await _missing(client, target):
            notes.append("there is no such account now; this is who could become it if it is created again")
        held, running = await asyncio.gather(_token_secrets(client, target, gaps), _running(client, target, gaps))
        kept |= held
    unread, absent = missing_roles(access, target)
    gaps += unread
    notes += absent
    found = await asyncio.to_thread(becomers, access, target, held=kept, pods=running)
    if ask:
        found = await _confirmed(client, found, gaps)
    return Becomers(
        subject=target.username,
        cluster=target.cluster,
        namespace=target.namespace,
        becomers=tuple(found),
        gaps=tuple(dict.fromkeys(gaps)),
        notes=tuple(notes),
    )


async def find_of(
    clusters: Clusters, address: Address, credential: Credential, known: Sequence[Credential]
) -> Becomers:
    """The same for a credential, which counts itself."""
    target = await target_of(clusters, credential)
    others = [one for one in known if one.address != address]
    return await find(clusters, target, [credential, *others])


async def _missing(client: Client, target: Target) -> bool:
    try:
        await client.get_metadata(SERVICE_ACCOUNTS, target.name, namespace=target.namespace)
    except NotFound:
        return True
    except KubeError:
        return False  # no right to look; that says nothing
    return False


async def _token_secrets(client: Client, target: Target, gaps: list[str]) -> set[tuple[str, str]]:
    """The Secrets that the cluster keeps long-lived tokens of it in."""
    try:
        found = await client.list(SECRETS, namespace=target.namespace, metadata_only=True, fields=f"type={TYPE}")
    except KubeError as error:
        gaps.append(f"{why_not(error, 'Secrets')} in {target.namespace}: which of them hold its tokens is not known")
        return set()
    metas = [one.get("metadata") or {} for one in found]
    return {
        (target.namespace, str(meta.get("name", "")))
        for meta in metas
        if (meta.get("annotations") or {}).get(_ACCOUNT_OF) == target.name
    }


async def _running(client: Client, target: Target, gaps: list[str]) -> list[str] | None:
    try:
        found = await pods(client, target.namespace)
    except KubeError as error:
        gaps.append(f"{why_not(error, 'pods')} in {target.namespace}: whether any runs as it is not known")
        return None
    return [pod.metadata.name for pod in found if pod.spec.service_account_name == target.name]


class _Status(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _Status = msgspec.field(default_factory=_Status)


async def _confirmed(client: Client, found: Sequence[Becomer], gaps: list[str]) -> list[Becomer]:
    """The same with what the server says, where it may be asked that."""
    limit = asyncio.Semaphore(_AT_ONCE)
    refused: list[KubeError] = []

    async def allowed(one: Becomer) -> bool | None:
        user, groups = reviewed_as(one)
        for ask in one.asks:
            async with limit:
                if refused:
                    return None
                try:
                    answer = await client.create(SUBJECT_ACCESS_REVIEWS, _review(user, groups, ask), type=_Review)
                except KubeError as error:
                    refused.append(error)
                    return None
            if not answer.status.allowed:
                return False
        return True if one.asks else None

    said = await asyncio.gather(*(allowed(one) for one in found[:_MOST]))
    if refused:
        gaps.append(f"the server was not asked whether it is so: {refused[0].message}")
    answers = [*said, *[None] * (len(found) - len(said))]
    return [msgspec.structs.replace(one, confirmed=answer) for one, answer in zip(found, answers, strict=True)]


def _review(user: str, groups: Sequence[str], ask: Ask) -> dict[str, object]:
    kind, _, part = ask.resource.partition("/")
    attributes = {
        "verb": ask.verbs[0],
        "group": ask.group,
        "resource": kind,
        "subresource": part,
        "namespace": ask.namespace,
        "name": "" if ask.fresh or not ask.names else ask.names[0],
    }
    spec: dict[str, object] = {"groups": list(groups), "resourceAttributes": attributes}
    if user:
        spec["user"] = user
    return {
        "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SUBJECT_ACCESS_REVIEWS.kind,
        "spec": spec,
    }
