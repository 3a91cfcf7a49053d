"""Tables: what `kubectl get` prints, computed by the server.

Each column is a name and a function of one object; custom kinds have columns made from their JSONPaths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from .jsonpath import compile_path

Object = Mapping[str, Any]
Cell = Callable[[Object, datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of a priority above 0 are shown with `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def definition(self) -> dict[str, Any]:
        """As a Table declares it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description or f"{self.name} of the object.",
            "priority": self.priority,
        }


_DAY: Final = 86400
_UNITS: Final = (
    (60, "m", 1, "s", 10, 180),
    (3600, "h", 60, "m", 8, 48),
    (_DAY, "d", 3600, "h", 8, 730),
    (365 * _DAY, "y", _DAY, "d", 8, math.inf),
)
"""Seconds and sign of a unit and of the one within it; below how many of it both are shown, and below how many one."""


def human_duration(seconds: float) -> str:
    """A duration with the two units that matter, as kubectl writes ages."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    for unit, name, within, inner, both, alone in _UNITS:
        amount, rest = whole // unit, whole % unit // within
        if amount < both and rest:
            return f"{amount}{name}{rest}{inner}"
        if amount < alone:
            return f"{amount}{name}"
    raise AssertionError("the last unit has no end")


def since(stamp: str | None, now: datetime) -> str:
    """The time that passed since a stamp."""
    if not stamp:
        return "<unknown>"
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return "<invalid>"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return human_duration((now - moment).total_seconds())


def at(obj: Object, *path: str, default: Any = None) -> Any:
    """What stands at a path in an object."""
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return default if value is None else value


def _name(obj: Object, _: datetime) -> Any:
    return obj["metadata"]["name"]


def _age(obj: Object, now: datetime) -> Any:
    return since(obj["metadata"].get("creationTimestamp"), now)


NAME = Column("Name", _name, format="name")
AGE = Column("Age", _age)


def path_cell(*path: str, default: Any = "") -> Cell:
    """A cell that shows what stands at a path."""
    return lambda obj, _: at(obj, *path, default=default)


def _count(*fields: str) -> Cell:
    return lambda obj, _: sum(len(obj.get(field) or ()) for field in fields)


NAMESPACES = (NAME, Column("Status", path_cell("status", "phase")), AGE)
SECRETS = (NAME, Column("Type", path_cell("type")), Column("Data", _count("data")), AGE)
CONFIG_MAPS = (NAME, Column("Data", _count("data", "binaryData")), AGE)
SERVICE_ACCOUNTS = (NAME, Column("Secrets", _count("secrets")), AGE)
ROLES = (NAME, Column("Created At", path_cell("metadata", "creationTimestamp"), type="date"))
DEFINITIONS = ROLES
LEASES = (NAME, Column("Holder", path_cell("spec", "holderIdentity")), AGE)


def _role(obj: Object, _: datetime) -> str:
    ref = obj.get("roleRef", {})
    return f"{ref.get('kind', '')}/{ref.get('name', '')}"


def _subjects(kind: str) -> Cell:
    def cell(obj: Object, _: datetime) -> str:
        found = [subject for subject in obj.get("subjects") or () if subject.get("kind") == kind]
        robots = kind == "ServiceAccount"
        return ", ".join((f"{one.get('namespace', '')}/" if robots else "") + one["name"] for one in found)

    return cell


BINDINGS = (
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User"), priority=1),
    Column("Groups", _subjects("Group"), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1),
)


def _modes(obj: Object, _: datetime) -> str:
    return ",".join(at(obj, "spec", "volumeLifecycleModes", default=()))


def _token_audiences(obj: Object, _: datetime) -> str:
    requests = at(obj, "spec", "tokenRequests", default=())
    return ",".join(request.get("audience", "") for request in requests) or "<unset>"


CSI_DRIVERS = (
    NAME,
    Column("AttachRequired", path_cell("spec", "attachRequired", default=True), type="boolean"),
    Column("PodInfoOnMount", path_cell("spec", "podInfoOnMount", default=False), type="boolean"),
    Column("StorageCapacity", path_cell("spec", "storageCapacity", default=False), type="boolean"),
    Column("TokenRequests", _token_audiences),
    Column("RequiresRepublish", path_cell("spec", "requiresRepublish", default=False), type="boolean"),
    Column("Modes", _modes),
    AGE,
)


def _ready(obj: Object, _: datetime) -> str:
    statuses = at(obj, "status", "containerStatuses", default=())
    total = len(at(obj, "spec", "containers", default=()))
    return f"{sum(bool(status.get('ready')) for status in statuses)}/{total}"


def _pod_status(obj: Object, _: datetime) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str(at(obj, "status", "reason") or at(obj, "status", "phase", default="Unknown"))


def _restarts(obj: Object, _: datetime) -> int:
    return sum(status.get("restartCount", 0) for status in at(obj, "status", "containerStatuses", default=()))


PODS = (
    NAME,
    Column("Ready", _ready),
    Column("Status", _pod_status),
    Column("Restarts", _restarts, type="integer"),
    AGE,
    Column("IP", path_cell("status", "podIP", default="<none>"), priority=1),
    Column("Node", path_cell("spec", "nodeName", default="<none>"), priority=1),
)


def _node_status(obj: Object, _: datetime) -> str:
    ready = [c for c in at(obj, "status", "conditions", default=()) if c.get("type") == "Ready"]
    text = "Unknown" if not ready else "Ready" if ready[0].get("status") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if at(obj, "spec", "unschedulable") else text


def _node_roles(obj: Object, _: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


NODES = (
    NAME,
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    AGE,
    Column("Version", path_cell("status", "nodeInfo", "kubeletVersion")),
)


def _last_seen(obj: Object, now: datetime) -> str:
    stamp = at(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    return since(stamp or obj["metadata"].get("creationTimestamp"), now)


def _first_seen(obj: Object, now: datetime) -> str:
    return since(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _involved(obj: Object, _: datetime) -> str:
    involved = obj.get("involvedObject", {})
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _source(obj: Object, _: datetime) -> str:
    return str(at(obj, "source", "component") or obj.get("reportingComponent") or "")


EVENTS = (
    Column("Last Seen", _last_seen),
    Column("Type", path_cell("type")),
    Column("Reason", path_cell("reason")),
    Column("Object", _involved),
    Column("Source", _source, priority=1),
    Column("Message", path_cell("message")),
    Column("First Seen", _first_seen, priority=1),
    Column("Count", path_cell("count", default=1), priority=1),
    Column("Name", _name, format="name", priority=1),
)


def custom_columns(printed: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns of a custom kind: its name, then what its definition asks for; an age where it asks for nothing."""
    if not printed:
        return (NAME, Column("Age", _age, type="date"))
    return (NAME, *map(_custom_column, printed))


def _custom_column(wanted: Mapping[str, Any]) -> Column:
    path, kind = wanted["jsonPath"], wanted.get("type", "string")
    said = wanted.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
    cell = _custom_cell(path, kind)
    return Column(wanted["name"], cell, kind, wanted.get("format", ""), wanted.get("priority", 0), said)


def _custom_cell(path: str, kind: str) -> Cell:
    find = compile_path(path)

    def cell(obj: Object, now: datetime) -> Any:
        found = find(obj)
        if not found or found[0] is None:
            return None
        value = found[0]
        match kind:
            case "date":
                return since(value, now) if isinstance(value, str) else None
            case "integer" | "number":
                fits = isinstance(value, int | float) and not isinstance(value, bool)
                return (int(value) if kind == "integer" else value) if fits else None
            case "boolean":
                return value if isinstance(value, bool) else None
            case _:
                return " ".join(_plain(item) for item in found)

    return cell


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def definitions(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The columnDefinitions of a Table."""
    return [column.definition() for column in columns]


def cells(columns: Sequence[Column], obj: Object, now: datetime) -> list[Any]:
    """The cells of one row."""
    return [column.cell(obj, now) for column in columns]
