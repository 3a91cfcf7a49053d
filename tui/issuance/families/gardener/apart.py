"""The shoots of Gardener's gardens as clusters apart: what a garden says of each, and how one is entered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.model.apart import Apart, ApartFacts, Entered, Told
from tui.issuance.model.facts import Fact, Section, Tone
from tui.issuance.model.requests import ConditionRow
from tui.issuance.model.types import AccessLevel, ShootAccess
from tui.kube.text import safe_text

from .garden import ADVERTISED, PROJECTS, SHOOTS, Project, Shoot

if TYPE_CHECKING:
    from tui.kube.client import Client

ASLEEP: Final = "a kubeconfig cannot connect until it is woken up in the garden"
UNBORN: Final = "it has no address yet: wait until it is created"


class ShootFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What else a garden says of a shoot, in Gardener's own words."""

    project: str = ""
    seed: str = ""
    gardener: str = ""
    """The version of Gardener that last worked on it."""
    hibernation: str = ""
    operation: str = ""
    operated_at: datetime | None = None
    health: str = ""
    conditions: tuple[ConditionRow, ...] = ()
    errors: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    """Name and URL of each."""
    issuer: str = ""
    """The identity provider that people log in with, where it has one of its own."""


def told_of(garden: str, namespace: str, name: str, about: ShootFacts, **more: Any) -> ApartFacts:
    """The same as every cluster apart says it."""
    ways = tuple(url for called, url in about.addresses if called in ADVERTISED)
    closed = hint = ""
    if not ways:
        closed, hint = f"has no address yet: {about.operation}", UNBORN
    elif about.hibernation == "Hibernated":
        closed, hint = "is hibernated: its API server is off", ASLEEP
    return ApartFacts(
        sort=SHOOT, host=garden, namespace=namespace, name=name, ways=ways, about=about,
        message=f"{about.hibernation}, {about.operation}", closed=closed, hint=hint, **more,
    )  # fmt: skip


def _facts(garden: str, shoot: Shoot, project: str) -> ApartFacts:
    """`project` is named after its namespace unless someone knows better."""
    meta, status, last = shoot.metadata, shoot.status, shoot.status.last_operation
    about = ShootFacts(
        project=project or meta.namespace.removeprefix("garden-"),
        seed=safe_text(status.seed_name or shoot.spec.seed_name),
        gardener=safe_text(status.gardener.version),
        hibernation=shoot.hibernation,
        operation=shoot.operation,
        operated_at=last.last_update_time if last is not None else None,
        health=shoot.health,
        conditions=tuple(
            ConditionRow(
                type=safe_text(one.type),
                status=safe_text(one.status),
                reason=safe_text(one.reason),
                message=safe_text(one.message),
            )
            for one in status.conditions or ()
        ),
        errors=tuple(
            safe_text(one.description + (f" ({', '.join(one.codes)})" if one.codes else ""))
            for one in status.last_errors or ()
        ),
        addresses=tuple((safe_text(one.name), safe_text(one.url)) for one in shoot.addresses),
        issuer=safe_text(shoot.oidc.issuer_url) if shoot.oidc is not None else "",
    )
    version = safe_text(f"v{shoot.spec.kubernetes.version}" if shoot.spec.kubernetes.version else "")
    return told_of(garden, meta.namespace, meta.name, about, version=version, labels=meta.labels or {})


def _told() -> Sequence[Told]:
    shoots: dict[str, ApartFacts] = {}
    projects: dict[tuple[str, str], str] = {}
    """The project of each garden's namespace."""

    def shoot_seen(garden: str, key: str, shoot: Shoot | None) -> Iterable[tuple[str, ApartFacts | None]]:
        name = f"{garden}/{key}"
        if shoot is None:
            shoots.pop(name, None)
            return ((name, None),)
        shoots[name] = _facts(garden, shoot, projects.get((garden, key.partition("/")[0]), ""))
        return ((name, shoots[name]),)

    def project_seen(garden: str, key: str, project: Project | None) -> Iterable[tuple[str, ApartFacts | None]]:
        """Its shoots may have been listed before it."""
        if project is None or not project.spec.namespace:
            return ()  # its namespace, and every shoot in it, was gone before
        title, where = safe_text(key.partition("/")[2]), (garden, project.spec.namespace)
        projects[where] = title
        for name, facts in shoots.items():
            if (facts.host, facts.namespace) == where:
                about = msgspec.structs.replace(facts.about, project=title)
                shoots[name] = msgspec.structs.replace(facts, about=about)
        return [(name, facts) for name, facts in shoots.items() if (facts.host, facts.namespace) == where]

    return (
        Told("shoots", SHOOTS, Shoot, "shoots, in a Gardener garden", shoot_seen),
        Told("projects", PROJECTS, Project, "their projects", project_seen),
    )


def _words(facts: ApartFacts) -> str:
    about = facts.about
    return "\n".join(("shoot", about.project, facts.name, about.hibernation, about.operation, about.health))


def _record(facts: ApartFacts) -> dict[str, Any]:
    about: ShootFacts = facts.about
    at = about.operated_at
    return {
        "garden": facts.host,
        "namespace": facts.namespace,
        "name": facts.name,
        "project": about.project,
        "seed": about.seed or None,
        "gardenerVersion": about.gardener or None,
        "hibernation": about.hibernation,
        "lastOperation": about.operation,
        "lastOperationAt": None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "health": about.health,
        "conditions": [
            {"type": c.type, "status": c.status, "message": c.message or c.reason} for c in about.conditions
        ],
        "errors": list(about.errors),
        "addresses": [{"name": name, "url": url} for name, url in about.addresses],
    }


def _details(
    facts: ApartFacts, relative: Callable[[datetime | None], str], conditions: Callable[..., Section]
) -> list[Section]:
    about: ShootFacts = facts.about
    healthy = {"healthy": Tone.GOOD, "unhealthy": Tone.BAD}.get(about.health, Tone.WARN)
    said = [
        Fact("shoot", facts.place, Tone.PLAIN, f"in the garden {facts.host}"),
        Fact("project", about.project),
        Fact("hibernation", about.hibernation, Tone.PLAIN if about.hibernation == "Awake" else Tone.WARN),
        Fact("last operation", about.operation, Tone.PLAIN, relative(about.operated_at)),
        Fact("health", about.health, healthy),
        *(Fact("error", text, Tone.BAD) for text in about.errors),
        Fact("seed", about.seed or "–"),
        Fact("gardener", about.gardener or "–"),
        *(Fact(f"at {name}", url) for name, url in about.addresses),
    ]
    if about.issuer:
        said.append(Fact("people log in", about.issuer, Tone.PLAIN, "n, Shoot kubeconfig, OIDC"))
    return [Section(SHOOT.source, said), *([conditions(about.conditions)] if about.conditions else [])]


async def _enter(garden: Client, facts: ApartFacts, level: AccessLevel, lifetime: timedelta) -> Entered:
    from .shoot_kubeconfig import choose, request  # reads certificates: not for a start

    made = await request(garden, ShootAccess(facts.host, facts.namespace, facts.name, level), lifetime)
    way, _ = await choose(made, "")
    says = f"{made.shoot.level.value} of {facts.place}: {made.speaks_for}"
    return Entered(way, made.issued_at, made.expires_at, made.granted, says)


SHOOT: Final = Apart(
    source="Gardener shoot", json="shoot", told=_told, words=_words, record=_record, details=_details, enter=_enter,
    request=lambda facts: f"POST {SHOOTS.path(facts.namespace, facts.name, 'viewerkubeconfig')}",
    file="new_shoot",
    line=lambda facts: (
        "kubemint", "issue", "--context", facts.host, "--shoot", facts.place, "--out", "FILE"
    ),
)  # fmt: skip
APART: Final = SHOOT
