"""DPUServiceCredentialRequests: made, kept as they should be, deleted, and let go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from tui.fleet.names import short_address
from tui.fleet.query import cluster_of
from tui.fleet.rows import CredentialRow, RequestRow, Row
from tui.issuance import (
    REQUEST_TYPES,
    AbandonRequest,
    Address,
    Choice,
    Control,
    DeleteRequest,
    DPURequestDraft,
    Fault,
    Field,
    KeepRequest,
    Said,
    UsageError,
    Values,
    asking as ask,
    validate_draft,
)

from . import fitting as fit
from .action import Action, Host, Menu, Needs, Question
from .lines import Asked, Line


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError("write key=value, separated by commas")
        pairs[key.strip()] = value.strip()
    return pairs


def begun(cluster: str, namespace: str) -> Said:
    """What the form begins with."""
    return {"cluster": cluster, "namespace": namespace or "default"}


def suggested(said: Said, folder: Path) -> Mapping[str, str]:
    """What its Secret is called by default."""
    return {"secret": f"{said['name']}-credential" if said.get("name") else ""}


def draft(values: Values) -> DPURequestDraft:
    """The request as it stands, whatever may be wrong with it."""
    words = {key: values.get(key, "") for key in _WORDS}
    labels = values.get("labels")
    labels = labels if isinstance(labels, dict) else {}  # a text that could not be read
    notes = values.get("annotations")
    notes = notes if isinstance(notes, dict) else {}
    target, duration = values.get("target") or None, values.get("duration") or None
    return DPURequestDraft(
        **words, target_cluster=target, duration=duration, labels=labels, annotations=notes
    )  # fmt: skip


def _begin(asked: Asked, row: Row | None) -> Said:
    namespace = row.namespace if isinstance(row, RequestRow | CredentialRow) else ""
    first = asked.clusters[0] if asked.clusters else ""
    return begun(cluster_of(row) if row is not None else first, namespace)


def _check(said: Said, values: Values) -> Iterable[Fault]:
    for problem in validate_draft(draft(values)):
        field = "target" if problem.field == "target_cluster" else problem.field
        if field in values:  # what is missing is said already
            yield Fault(field, problem.rule)


def _text(id_: str, label: str, flag: str, metavar: str, default: str = "", **more: Any) -> Field:
    return Field(id=id_, label=label, flags=(flag,), metavar=metavar, default=default, **more)


_EMPTY: Final = "must not be empty"
_WORDS: Final = (
    "cluster", "namespace", "name", "service_account", "service_account_namespace", "type", "secret",
    "secret_namespace",
)  # fmt: skip


def _created(asked: Asked) -> list[Line]:
    """The command that makes one beside the request at hand, with what it leaves open named."""
    row = asked.row
    if not isinstance(row, RequestRow) or not fit.REQUESTS(row):
        return []
    return [Line(tuple(NEW_REQUEST.line(begun(row.cluster, row.namespace))))]


NEW_REQUEST: Final = Action[DPURequestDraft](
    name="new_request", title="New DPU request", says="create a DPUServiceCredentialRequest",
    menu=Menu(5, "d", "DPUServiceCredentialRequest", "a lasting request, kept and renewed in the cluster"),
    words=(), needs=Needs.NOTHING, mutates=True, job="create request",
    fields=(
        replace(ask.CLUSTER, missing=""),
        Field(
            id="namespace", label="Namespace", flags=("-n", "--namespace"), metavar="NS", rank=1,
            help="The request's namespace; default: the context's.", names="namespaces",
        ),
        Field(id="name", label="Name", metavar="NAME", missing=_EMPTY, names="dpuservicecredentialrequests"),
        _text(
            "target", "Target", "--target-cluster", "NS/NAME", control=Control.CHOICE, free=True,
            choices=[Choice("", "the cluster itself")],
            help="The DPUCluster that the token is for; default: the cluster itself.",
        ),
        _text(
            "service_account", "Account", "--service-account", "NAME", missing=_EMPTY,
            help="The service account that the token is for.",
        ),
        _text(
            "service_account_namespace", "Account ns", "--service-account-namespace", "NS", "default",
            help="Its namespace.",
        ),
        _text(
            "duration", "Lifetime", "--duration", "DURATION", "1h", hint="10m to 24h, Go's syntax",
            placeholder="the server's default, 1h", help="The lifetime, 10m to 24h in Go's syntax: 90m, 1h30m.",
        ),
        _text(
            "type", "Type", "--type", "TYPE", REQUEST_TYPES[0], control=Control.CHOICE,
            choices=list(map(Choice, REQUEST_TYPES)), help="What the Secret is to hold.",
        ),
        _text("secret", "Secret", "--secret", "NAME", help="The Secret to keep it in; default: NAME-credential."),
        _text("secret_namespace", "Secret ns", "--secret-namespace", "NS", "default", help="Its namespace."),
        _text(
            "labels", "Labels", "--labels", "K=V,…", hint="k=v, k=v", placeholder="none", read=_pairs,
            help="Labels of the Secret and the account.",
        ),
        Field(
            id="annotations", flags=("--annotations",), metavar="K=V,…", read=_pairs, help="Annotations of the same.",
        ),
    ),
    begin=_begin, suggest=suggested, make=draft, check=_check,
    title_of=lambda wish: f"{wish.cluster} {wish.namespace}/{wish.name}",
    verb=("request", "create"), command=_created,
)  # fmt: skip


def _reconciled(*more: str, asked: Asked) -> list[Line]:
    """`kubemint reconcile` of each request."""
    return [
        Line(("kubemint", "reconcile", one.name, "-n", one.namespace, "--context", one.cluster, *more))
        for one in fit.addresses_of(asked.rows)
    ]


def kept_by_controller(host: Host, row: Row) -> str:
    """What shows that a controller keeps this request; empty where nothing does."""
    if not isinstance(row, RequestRow):
        return ""
    others = (one for one in host.store.requests.values() if one.cluster == row.cluster)
    return row.kind.kept_by(row, others, host.now(host.store.clusters.get(row.cluster)))


_ONE: Final[dict[str, Any]] = {
    "mutates": True, "of": fit.address_of, "title_of": lambda address: short_address(str(address)),
}  # fmt: skip
KEEP: Final = Action[Address](
    name="keep", title="Keep the request", says="reconcile a DPU request, as DPF's controller does",
    key="K", needs=Needs.SOME, fits=fit.REQUESTS, tended=kept_by_controller,
    plan=lambda engine, address, **words: engine.plan(KeepRequest(address), **words),
    command=lambda asked: _reconciled(asked=asked), **_ONE,
)  # fmt: skip
DELETE_REQUEST: Final = Action[Address](
    name="delete_request", title="Delete the request", says="with all that was made for it; asks first",
    words=("delete",), job="delete", needs=Needs.SOME, fits=fit.REQUESTS,
    plan=lambda engine, address, **words: engine.plan(DeleteRequest(address), **words),
    question=Question(
        "", noun="request", destroys=True, users=False,
        of_many="Their accounts, tokens and Secrets go with them; their users are refused within 10 s.",
    ),
    verb=("request", "delete"),
    command=lambda asked: [
        Line(("kubemint", "request", "delete", one.name, "-n", one.namespace, "--context", one.cluster))
        for one in fit.addresses_of(asked.rows)
    ],
    **_ONE,
)  # fmt: skip
ABANDON: Final = Action[Address](
    name="abandon", title="Abandon the request", says="finish deleting a request, whatever is left; asks first",
    fits=fit.GOING, plan=lambda engine, address, **words: engine.plan(AbandonRequest(address), **words),
    question=Question("", noun="request", destroys=True, users=False),
    command=lambda asked: _reconciled("--abandon", asked=asked), **_ONE,
)  # fmt: skip
