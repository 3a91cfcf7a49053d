"""`kubemint auth can-i|whoami` and `version`: what people ask who know kubectl, answered in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from tui import __version__
from tui.issuance import Address, UsageError

from . import printing
from .exits import Ended, Exit
from .options import Options
from .output import print_table
from .printing import say
from .session import setting, with_options

if TYPE_CHECKING:
    from tui.kube.client import Client
    from tui.kube.resource import Resource

_SHORT: Final = {
    "cm": "configmaps", "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints", "ev": "events",
    "ns": "namespaces", "no": "nodes", "po": "pods", "pv": "persistentvolumes", "pvc": "persistentvolumeclaims",
    "sa": "serviceaccounts", "sts": "statefulsets", "svc": "services", "csr": "certificatesigningrequests",
}  # fmt: skip


@click.group("auth")
def auth() -> None:
    """What your own login may do, and who it is, as `kubectl auth` asks. `kubemint can` asks it of any credential."""


@auth.command("can-i")
@click.argument("verb")
@click.argument("what", metavar="TYPE|TYPE/NAME|URL")
@click.option("-n", "--namespace", metavar="NS", default="", help="The namespace; default: the context's.")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@click.option("--subresource", metavar="NAME", default="", help="Such as log, of pods.")
@click.option("-q", "--quiet", is_flag=True, help="No word: the exit code says it.")
@with_options
async def can_i(
    options: Options,
    verb: str,
    what: str,
    namespace: str,
    all_namespaces: bool,
    subresource: str,
    quiet: bool,
) -> None:
    """Ask the API server whether you may do something: yes, or no with exit code 1."""
    from tui.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS as REVIEWS

    from .reaching import VerbClusters

    if namespace and all_namespaces:
        raise click.UsageError("-n and -A cannot be used together")
    async with setting(options) as place, VerbClusters(place) as clusters:
        client = await clusters.client(place.meant(aloud=False))
        where = "" if all_namespaces else namespace or client.endpoint.namespace
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
    allowed = bool(status.get("allowed"))
    if not quiet:
        reasons = (status.get("reason"), status.get("evaluationError"))
        printing.line(" - ".join(("yes" if allowed else "no", *(str(one) for one in reasons if one))))
    if not allowed:
        raise Ended(Exit.FAILED)


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
@with_options
async def whoami(options: Options) -> None:
    """Print who the API server takes you for. Exit code 1: it does not accept your login."""
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        cluster = place.meant(aloud=False)
        found = await engine.verify(Address.parse(f"login:{cluster}"))
    if not found.ok or not found.username:
        raise UsageError(found.message or "the server does not say who you are", found.hint)
    print_table(("ATTRIBUTE", "VALUE"), (("Username", found.username),))


@click.command("version", context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1)
def version(rest: tuple[str, ...]) -> None:
    """Print kubemint's own version; `kubemint list clusters` shows those of the servers."""
    printing.line(f"kubemint {__version__}")
