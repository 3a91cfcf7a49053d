"""`kubemint auth can-i|whoami` and `version`: what people ask who know kubectl, answered in its words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tui import __version__
from tui.issuance import Address, UsageError
from tui.kube.text import safe_text

from . import printing
from .exits import Ended, Exit
from .options import Options
from .output import output_option, print_object, print_table
from .printing import say
from .session import setting, with_options

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.resource import Resource

F = TypeVar("F", bound=Callable[..., Any])
_SHORT: Final = {
    "cm": "configmaps", "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints", "ev": "events",
    "ns": "namespaces", "no": "nodes", "po": "pods", "pv": "persistentvolumes", "pvc": "persistentvolumeclaims",
    "sa": "serviceaccounts", "sts": "statefulsets", "svc": "services", "csr": "certificatesigningrequests",
}  # fmt: skip


@click.group("auth")
def auth() -> None:
    """What your own login may do, and who it is, as `kubectl auth` asks. `kubemint can` asks it of any credential."""


def as_options(command: F) -> F:
    """Adds `--as`, `--as-group` and `--as-uid`."""
    for option in (
        click.option("--as-uid", metavar="UID", default="", help="With this UID as well."),
        click.option("--as-group", "groups", metavar="GROUP", multiple=True, help="In this group too; repeatable."),
        click.option("--as", "user", metavar="USER", default="", help="As this user: system:serviceaccount:NS:NAME."),
    ):
        command = option(command)
    return command


@asynccontextmanager
async def _asking(options: Options, user: str, groups: tuple[str, ...], as_uid: str) -> AsyncIterator[Client]:
    """The one cluster that is meant, entered with one's own login, which acts for another where one is named."""
    from tui.kube.client import Client
    from tui.kube.endpoint import Impersonation

    from .reaching import VerbClusters

    if (groups or as_uid) and not user:
        raise UsageError("--as-group and --as-uid say more of the user that --as names", "name one with --as")
    async with setting(options) as place, VerbClusters(place) as clusters:
        own = await clusters.client(place.meant(aloud=False))
        if not user:
            yield own
            return
        login = replace(own.endpoint.login, impersonate=Impersonation(user, as_uid, groups))
        async with Client(replace(own.endpoint, login=login)) as another:
            yield another


@auth.command("can-i")
@click.argument("verb", required=False)
@click.argument("what", metavar="TYPE|TYPE/NAME|URL", required=False)
@click.option("-n", "--namespace", metavar="NS", default="", help="The namespace; default: the context's.")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@click.option("--subresource", metavar="NAME", default="", help="Such as log, of pods.")
@click.option("-q", "--quiet", is_flag=True, help="No output; see the exit code.")
@click.option("--list", "everything", is_flag=True, help="Print all that is allowed in the namespace.")
@click.option("--no-headers", is_flag=True, help="With --list: no line of headers.")
@as_options
@with_options
async def can_i(
    options: Options,
    verb: str | None,
    what: str | None,
    namespace: str,
    all_namespaces: bool,
    subresource: str,
    quiet: bool,
    everything: bool,
    no_headers: bool,
    user: str,
    groups: tuple[str, ...],
    as_uid: str,
) -> None:
    """Ask the API server whether you may do something: yes, or no with exit code 1.

    --as asks it of another user, which takes the right to impersonate; `kubemint can ADDRESS` asks it of a credential.
    """
    if namespace and all_namespaces:
        raise click.UsageError("-n and -A cannot be used together")
    if everything:
        if verb or quiet or all_namespaces or subresource:
            raise click.UsageError("--list stands alone: no verb, no -q, no -A and no --subresource")
        async with _asking(options, user, groups, as_uid) as client:
            await _list(client, namespace or client.endpoint.namespace, headers=not no_headers)
        return
    if no_headers:
        raise click.UsageError("--no-headers goes with --list")
    if not verb or not what:
        raise click.UsageError("name two: VERB TYPE, VERB TYPE/NAME or VERB URL; or --list")
    async with _asking(options, user, groups, as_uid) as client:
        where = "" if all_namespaces else namespace or client.endpoint.namespace
        allowed, reasons = await _ask(client, verb, what, where, subresource)
    if not quiet:
        printing.line("yes" if allowed else " - ".join(("no", *reasons)))
    if not allowed:
        raise Ended(Exit.FAILED)


async def _ask(client: Client, verb: str, what: str, where: str, subresource: str) -> tuple[bool, list[str]]:
    """Whether the server allows it, and what it says of that. An empty `where` is all namespaces."""
    from tui.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS as REVIEWS

    if what.startswith("/"):
        if subresource:
            raise UsageError("a URL has no --subresource")
        spec: dict[str, Any] = {"nonResourceAttributes": {"verb": verb, "path": what}}
    else:
        kind, _, name = what.partition("/")
        about = {"verb": verb, **await _resource(client, kind, where), "name": name}
        about |= {"subresource": subresource}
        spec = {"resourceAttributes": {key: value for key, value in about.items() if value}}
    answer = await client.create(REVIEWS, {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": spec})
    status = answer.get("status") or {}
    said = (status.get("reason"), status.get("evaluationError"))
    return bool(status.get("allowed")), [str(one) for one in said if one]


async def _list(client: Client, where: str, *, headers: bool) -> None:
    from tui.kube.resource import SELF_SUBJECT_RULES_REVIEWS as REVIEWS

    from .rules_listing import rules_of, table

    spec = {"namespace": where or "default"}
    answer = await client.create(REVIEWS, {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": spec})
    status = answer.get("status") or {}
    if status.get("incomplete"):
        say(f"warning: the list may be incomplete: {safe_text(str(status.get('evaluationError') or ''), 300)}")
    for line in table(rules_of(status), headers=headers):
        printing.line(line)


async def _resource(client: Client, said: str, namespace: str) -> dict[str, str]:
    """Group, plural and namespace of a type by any of its names; what the server does not have is asked as it is."""
    if said == "*":
        return {"group": "*", "resource": "*", "namespace": namespace}
    word, _, group = said.lower().partition(".")
    word = _SHORT.get(word, word)
    found = next((one for one in await _served(client) if word in (one.plural, one.kind.lower())
                  and (not group or group in (one.group, f"{one.version}.{one.group}"))), None)  # fmt: skip
    if found is None:
        say(f"Warning: the server doesn't have a resource type {said!r}")
        return {"group": group, "resource": word, "namespace": namespace}
    if not found.namespaced and namespace:
        say(f"Warning: resource {found.plural!r} is not namespaced")
        namespace = ""
    return {"group": found.group, "resource": found.plural, "namespace": namespace}


async def _served(client: Client) -> list[Resource]:
    discovery = await client.discover()
    return [found[0] for found in discovery.resources.values()]


@auth.command("whoami")
@as_options
@output_option("table", "json", "yaml", default="table")
@with_options
async def whoami(options: Options, user: str, groups: tuple[str, ...], as_uid: str, form: str) -> None:
    """Print who the API server takes you for, with your groups. Exit code 1: it does not accept your login."""
    from tui.kube.errors import NotFound
    from tui.kube.resource import SELF_SUBJECT_REVIEWS as REVIEWS

    from .reaching import open_engine

    try:
        async with _asking(options, user, groups, as_uid) as client:
            answer = await client.create(REVIEWS, {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind})
    except NotFound:  # servers have it since 1.27
        async with setting(options) as place, open_engine(place, acting=False) as engine:
            found = await engine.verify(Address.parse(f"login:{place.meant(aloud=False)}"))
        if user or not found.username:
            refused = found.message if not found.ok else "your login is accepted"
            why = "" if user else f"{refused}; "
            raise UsageError(f"{why}this server does not say who somebody is: servers do since 1.27",
                             found.hint) from None  # fmt: skip
        answer = {"kind": REVIEWS.kind, "status": {"userInfo": {"username": found.username}}}
    if form != "table":
        print_object(answer, form)
        return
    info = (answer.get("status") or {}).get("userInfo") or {}
    rows = [("Username", str(info.get("username", ""))), ("UID", str(info.get("uid") or ""))]
    rows.append(("Groups", _listed(info["groups"]) if info.get("groups") else ""))
    rows += [(f"Extra: {key}", _listed(values)) for key, values in sorted((info.get("extra") or {}).items())]
    print_table(("ATTRIBUTE", "VALUE"), [row for row in rows if row[1]])


def _listed(values: Iterable[object]) -> str:
    return f"[{' '.join(map(str, values))}]"


@click.command("version", context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1)
def version(rest: tuple[str, ...]) -> None:
    """Print kubemint's own version; `kubemint list clusters` shows those of the servers."""
    printing.line(f"kubemint {__version__}")
