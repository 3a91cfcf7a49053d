"""What a credential can do, the worst first: asked with its own material, or computed from RBAC.

Asking (SelfSubjectRulesReview) counts every authorizer of the server, but needs the material and a server that still
accepts it. The graph of Roles and bindings needs neither and says through what each right comes; it knows RBAC alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.material import WayIn
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Identity
from tui.kube.errors import KubeError, NotFound, Unauthorized
from tui.kube.resource import SELF_SUBJECT_RULES_REVIEWS, SERVICE_ACCOUNTS
from tui.kube.text import safe_text

from .access import EVERYTHING, MASTERS, Access, Grant, Rule, collect, groups_of, rules_in
from .dangers import dangers

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context
    from tui.kube.client import Client
    from tui.kube.endpoint import Endpoint


class Source(StrEnum):
    """How the rules were learned."""

    ASKED = "asked with its own material"
    COMPUTED = "computed from Roles and bindings"


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """One thing it can do, and why that matters."""

    severity: Severity
    why: str
    verbs: tuple[str, ...]
    resources: tuple[str, ...] = ()
    """Plural, with the group where it is not the core's: `deployments.apps`, `serviceaccounts/token`."""
    names: tuple[str, ...] = ()
    """The only objects it is for, none for all of them."""
    urls: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    """The bindings it comes from, and whom they name; empty where it was not said."""
    everywhere: bool = False
    """Whether it is known to hold in every namespace."""


class Powers(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a subject can do in one namespace (rights that hold everywhere included)."""

    subject: str
    cluster: str
    namespace: str
    source: Source
    powers: tuple[Power, ...]
    incomplete: str = ""
    """Why there may be more than this, in words; empty where this is all."""
    notes: tuple[str, ...] = ()

    @property
    def unread(self) -> bool:
        """Whether kubemint could not read all that it was computed from. What a server says of its own authorizers,
        which some always say, is no failure to read."""
        return self.source is Source.COMPUTED and bool(self.incomplete)


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    resource_rules: tuple[Rule, ...] | None = None
    non_resource_rules: tuple[Rule, ...] | None = None
    incomplete: bool = False
    evaluation_error: str = ""


class _Review(msgspec.Struct, frozen=True):
    status: _Status = msgspec.field(default_factory=_Status)


async def of_address(context: Context, address: Address, namespace: str = "") -> Powers:
    """What the credential at `address` can do: asked with its own material where that can be read and is accepted.

    Raises UsageError where it says nothing of whose it is, IssuanceError, KubeError.
    """
    from tui.issuance.transaction import reading

    if address.own:
        client = await context.clusters.client(address.cluster)  # a plugin that logs in does not run a second time
        return await _asked(context, client, None, namespace)
    credential = await reading.lookup(context, address)
    identity = credential.account
    try:
        way = await _way_in(context, address, credential)
    except (IssuanceError, KubeError) as error:
        if identity is None:
            raise
        return await of_account(context, identity, namespace, notes=(f"its material cannot be read: {error}",))
    if way is None:
        if identity is None:
            raise UsageError(f"{address} holds nothing to ask with, and does not say whose it is")
        return await of_account(context, identity, namespace, notes=("it holds no token now",))
    found = await of_endpoint(context, way.endpoint, identity, namespace)
    notes = (*found.notes, way.said) if way.said else found.notes
    return msgspec.structs.replace(found, subject=way.user or found.subject, notes=notes)


async def of_endpoint(context: Context, bearer: Endpoint, identity: Identity | None, namespace: str = "") -> Powers:
    """What someone can do who enters like this; where the server refuses him, what RBAC says of `identity`."""
    from tui.kube.client import Client

    try:
        async with Client(bearer) as client:
            return await _asked(context, client, identity, namespace)
    except (IssuanceError, KubeError) as error:
        if identity is None:
            raise
        why = "the server refuses its material" if isinstance(error, Unauthorized) else f"it could not ask: {error}"
        return await of_account(context, identity, namespace, notes=(f"{why}; this is what its account may do",))


async def of_account(context: Context, identity: Identity, namespace: str = "", *, notes: Sequence[str] = ()) -> Powers:
    """What RBAC allows a service account. Raises KubeError where nothing of RBAC can be read."""
    namespace = namespace or identity.namespace
    client = await context.clusters.client(identity.cluster)
    access = await collect(client, tuple(dict.fromkeys((namespace, identity.namespace))))
    grants = access.grants(identity.username, groups_of(identity))
    if not grants and len(access.gaps) >= 4:
        if len(access.failed) >= 4:
            raise access.failed[0]  # no right mends it
        raise UsageError(
            f"{identity.cluster}: what {identity.namespace}/{identity.name} may do cannot be computed: "
            + "; ".join(access.gaps),
            "ask for list on roles, clusterroles and their bindings (ClusterRole view does not have it)",
        )
    if await _missing(client, identity):
        notes = (*notes, "there is no such account now; its bindings remain, for anyone who creates it again")
    unknown = [f"{grant.bound.role_kind} {grant.bound.role} cannot be read" for grant in grants if grant.rules is None]
    return Powers(
        subject=identity.username,
        cluster=identity.cluster,
        namespace=namespace,
        source=Source.COMPUTED,
        powers=computed(access, identity.username, groups_of(identity), namespace),
        incomplete="; ".join((*access.gaps, *dict.fromkeys(unknown))),
        notes=tuple(notes),
    )


def computed(access: Access, username: str, groups: Iterable[str], namespace: str) -> tuple[Power, ...]:
    """What the graph allows a user in a namespace, ranked."""
    groups = tuple(groups)
    found = [(rule, _through(grant)) for rule, grant in rules_in(access.grants(username, groups), namespace)]
    if MASTERS in groups:
        found += [(rule, (f"group {MASTERS}", True)) for rule in EVERYTHING]
    return ranked(found)


def ranked(rules: Iterable[tuple[Rule, tuple[str, bool]]]) -> tuple[Power, ...]:
    """Rules as powers: split by what they amount to, the same ones of several bindings merged, the worst first."""
    merged: dict[tuple[object, ...], Power] = {}
    for rule, (through, everywhere) in rules:
        for danger in dangers(rule):
            resources = () if rule.non_resource_urls else tuple(_named(rule, danger.resources))
            key = (danger.why, rule.verbs, resources, rule.resource_names, rule.non_resource_urls)
            known = merged.get(key)
            origins = known.through if known is not None else ()
            merged[key] = Power(
                severity=danger.severity,
                why=danger.why,
                verbs=rule.verbs,
                resources=resources,
                names=rule.resource_names,
                urls=rule.non_resource_urls,
                through=(*origins, *([through] if through and through not in origins else [])),
                everywhere=everywhere or (known is not None and known.everywhere),
            )
    return tuple(sorted(merged.values(), key=lambda power: (power.severity.rank, power.resources, power.verbs)))


async def _asked(context: Context, client: Client, identity: Identity | None, namespace: str) -> Powers:
    bearer = client.endpoint
    namespace = namespace or (identity.namespace if identity is not None else bearer.namespace)
    status = await _review(client, namespace)
    rules = (*(status.resource_rules or ()), *(status.non_resource_rules or ()))
    grants = await _grants(context, identity) if identity is not None else []
    incomplete = ""
    if status.incomplete:
        said = safe_text(status.evaluation_error, 300)
        incomplete = (
            f"the server says that this is not all: {said or 'an authorizer beside RBAC cannot list its rules'}"
        )
    return Powers(
        subject=identity.username if identity is not None else bearer.name,
        cluster=identity.cluster if identity is not None else bearer.name,
        namespace=namespace,
        source=Source.ASKED,
        powers=ranked(_explained(rules, list(rules_in(grants, namespace)))),
        incomplete=incomplete,
    )


async def _missing(client: Client, identity: Identity) -> bool:
    try:
        await client.get_metadata(SERVICE_ACCOUNTS, identity.name, namespace=identity.namespace)
    except NotFound:
        return True
    except KubeError:
        return False  # no right to look; that says nothing
    return False


async def _review(client: Client, namespace: str) -> _Status:
    review = {
        "apiVersion": SELF_SUBJECT_RULES_REVIEWS.api_version,
        "kind": SELF_SUBJECT_RULES_REVIEWS.kind,
        "spec": {"namespace": namespace},
    }
    return (await client.create(SELF_SUBJECT_RULES_REVIEWS, review, type=_Review)).status


async def _way_in(context: Context, address: Address, credential: Credential) -> WayIn | None:
    """The way in that the credential itself gives, None where it holds nothing."""
    family = await context.families.of(address)
    if (way := await family.way_in(context, address)) is not None:
        return way
    token = await family.token(context, address)
    if token is None or credential.identity is None:
        return None
    identity = await family.whose(context, address, credential, token)
    return WayIn(context.clusters.endpoint(identity.cluster).with_token(token)) if identity is not None else None


async def _grants(context: Context, identity: Identity) -> list[Grant]:
    """The bindings that reach an account; none where they may not be read, since the server's own answer stands."""
    with contextlib.suppress(IssuanceError, KubeError):
        access = await collect(await context.clusters.client(identity.cluster), (identity.namespace,))
        return access.grants(identity.username, groups_of(identity))
    return []


def _explained(rules: Iterable[Rule], known: Sequence[tuple[Rule, Grant]]) -> Iterator[tuple[Rule, tuple[str, bool]]]:
    """The rules that a server named, each with every binding that RBAC says it comes from."""
    for rule in rules:
        origins = [_through(grant) for same, grant in known if same == rule]
        for origin in origins or [("", False)]:
            yield rule, origin


def _through(grant: Grant) -> tuple[str, bool]:
    bound = grant.bound
    whom = "" if grant.via.startswith("system:serviceaccount:") else f", group {grant.via}"
    return f"{bound} → {bound.role_kind} {bound.role}{whom}", not bound.namespace


def _named(rule: Rule, resources: Sequence[str]) -> Iterator[str]:
    """Resources with their group, as kubectl writes them."""
    groups = [group for group in rule.api_groups if group not in ("", "*")]
    suffix = f".{groups[0]}" if len(groups) == 1 and "" not in rule.api_groups else ""
    for resource in resources:
        kind, slash, part = resource.partition("/")
        yield f"{kind}{suffix}{slash}{part}" if resource != "*" or not suffix else f"*{suffix}"
