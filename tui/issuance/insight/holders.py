"""Who can do what in a cluster: everybody whom bindings name, with what that amounts to, the most dangerous first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.model.severity import Severity

from .access import Access, collect
from .becoming import is_part, named
from .dangers import dangers

if TYPE_CHECKING:
    from tui.kube.client import Client

EVERYWHERE: Final = "everywhere"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """One subject, and one thing that it can do."""

    cluster: str
    subject: str
    severity: Severity
    why: str
    where: tuple[str, ...]
    """The namespaces it holds in; `everywhere` is all of them."""
    through: tuple[str, ...]
    part: bool = False
    """Whether it is a part of Kubernetes, with rights that every server gives it."""


async def who_can(
    client: Client, cluster: str, namespace: str | None = None, least: Severity = Severity.MEDIUM
) -> tuple[list[Holder], list[str]]:
    """Everybody with something at least so severe, and in words what could not be read. Raises no KubeError.

    With a namespace only what holds there: what bindings give in it, and in all of them.
    """
    access = await collect(client, (namespace,) if namespace else ())
    return holders(access, cluster, namespace, least), access.gaps


def holders(
    access: Access, cluster: str, namespace: str | None = None, least: Severity = Severity.MEDIUM
) -> list[Holder]:
    """The same from what is known. What a group may do is said of the group alone."""
    found: dict[tuple[str, str], Holder] = {}
    for kind, name in access.subjects():
        subject = named(kind, name)
        grants = list(access.reaching([(kind, name)]))
        part = is_part(kind, name, grants)
        for grant in grants:
            bound = grant.bound
            if namespace and bound.namespace not in ("", namespace):
                continue
            through = f"{bound} → {bound.role_kind} {bound.role}"
            for danger in (one for rule in grant.rules or () for one in dangers(rule)):
                if not danger.severity.at_least(least):
                    continue
                known = found.get((subject, danger.why))
                where = known.where if known is not None else ()
                origins = known.through if known is not None else ()
                worst = danger.severity
                if known is not None and known.severity.at_least(worst):
                    worst = known.severity
                found[subject, danger.why] = Holder(
                    cluster=cluster,
                    subject=subject,
                    severity=worst,
                    why=danger.why,
                    where=tuple(dict.fromkeys((*where, bound.namespace or EVERYWHERE))),
                    through=tuple(dict.fromkeys((*origins, through))),
                    part=part,
                )
    return sorted(
        found.values(), key=lambda one: (one.part, one.severity.rank, EVERYWHERE not in one.where, one.subject, one.why)
    )
