"""`--dry-run`, alone or as kubectl has it (`=client`, `=server`), and what of a plan can be shown to its servers.

`server` also asks: a deletion that the plan names whole is sent with dryRun=All, so that rights, admission and the
object itself are looked at. What else a plan sends is made only when it is done, and a request for a token
makes one: of these the server is asked whether you may, and it is said that they were not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from .exits import complain
from .printing import say

if TYPE_CHECKING:
    from tui.issuance import Engine, Plan, StepInfo
    from tui.kube.client import Client
    from tui.kube.resource import Resource

_SERVER: Final = "kubemint.dry_run_server"
_ALONE: Final = "--dry-run"


class _DryRun(click.Option):
    """An option whose value may only follow after `=`: what comes next is an argument, as for kubectl."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        read = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            end = args.index("--") if "--" in args else len(args)
            return read([f"{one}=client" if one == _ALONE else one for one in args[:end]] + args[end:])

        parser.parse_args = parse_args


def dry_run_option(said: str) -> Callable[[Any], Any]:
    """Adds `--dry-run`: the command gets whether it is one."""

    def read(context: click.Context, parameter: click.Parameter, value: str) -> bool:
        context.meta[_SERVER] = value == "server"
        return value != "none"

    return click.option(
        _ALONE, cls=_DryRun, type=click.Choice(("none", "client", "server")), default="none", callback=read,
        metavar="[=client|server]", help=f"{said} With =server the servers are asked what they would say.",
    )  # fmt: skip


def on_server() -> bool:
    """Whether the servers are to be asked."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_SERVER))


def nothing_sent() -> None:
    """For what has no plan of calls: say that `server` is no more than `client`."""
    if on_server():
        say("note: nothing of this can be sent with dryRun=All; --dry-run=server only reads here")


async def ask_servers(engine: Engine, plans: Iterable[Plan]) -> bool:
    """Show what can be shown of plans to their servers; gives whether nothing was refused. Never raises KubeError."""
    whole = True
    for plan in plans:
        made: set[tuple[str, ...]] = set()
        for step in plan.steps:
            whole = await _asked(engine, plan, step, made) and whole
            if step.verb in ("create", "patch"):
                made.add(_place(step))
    return whole


def _place(step: StepInfo) -> tuple[str, ...]:
    return (step.cluster, step.resource, step.namespace, step.name)


async def _asked(engine: Engine, plan: Plan, step: StepInfo, made: set[tuple[str, ...]]) -> bool:
    from tui.issuance import IssuanceError
    from tui.kube.errors import KubeError

    what = f"server: {plan.address}: {step.title}"
    if not (step.cluster and step.verb and step.resource):
        say(f"{what}: not sent, it is done on this machine")
        return True
    if step.verb == "get" or step.resource.startswith("selfsubject"):
        say(f"{what}: not sent, it needs what is made before")
        return True
    try:
        client = await engine.clusters.client(step.cluster)
        if step.verb == "delete" and step.name and _place(step) not in made and await _deleted(client, step):
            say(f"{what}: sent with dryRun=All, the server would do it")
            return True
        why = (
            "it would make a token"
            if step.resource.endswith("/token")
            else "what it sends is made only when it is done"
        )
        if await _may(client, step):
            say(f"{what}: not sent, {why}; you may {step.verb} {step.resource}")
            return True
        complain(f"{plan.address}: {step.title}: the server says that you may not {step.verb} {step.resource}",
                 "kubemint rbac FLOW prints the least Role")  # fmt: skip
    except (KubeError, IssuanceError) as error:
        complain(f"{plan.address}: {step.title}: {error}", error.hint)
    return False


async def _deleted(client: Client, step: StepInfo) -> bool:
    """Whether a deletion of this could be shown to the server. Raises KubeError where it is refused, and where the
    server has done it all the same."""
    from tui.kube import resource

    known = {one.name: one for one in vars(resource).values() if isinstance(one, resource.Resource)}
    if step.resource not in known:
        return False
    await sent_deletion(client, known[step.resource], step.name, step.namespace)
    return True


async def sent_deletion(client: Client, kind: Resource, name: str, namespace: str) -> None:
    """Show a deletion to the server. Raises KubeError where it is refused, and where the server has done it all the
    same."""
    from tui.kube.errors import Forbidden, NotFound, ProtocolError

    where = namespace or None
    await client.delete(kind, name, namespace=where, dry_run=True)
    try:
        found = await client.get_metadata(kind, name, namespace=where)
        gone = "deletionTimestamp" in (found.get("metadata") or {})
    except NotFound:
        gone = True
    except Forbidden:
        return
    if gone:
        raise ProtocolError(f"{name} is deleted now: the server did it, although it was asked with dryRun=All")


async def _may(client: Client, step: StepInfo) -> bool:
    from tui.kube.resource import SELF_SUBJECT_ACCESS_REVIEWS as REVIEWS

    plural, _, group = step.resource.partition(".")
    plural, _, subresource = plural.partition("/")
    about = {"verb": step.verb, "group": group, "resource": plural, "subresource": subresource,
             "namespace": step.namespace, "name": step.name}  # fmt: skip
    about = {key: value for key, value in about.items() if value and not (key == "name" and step.verb == "create")}
    body = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": {"resourceAttributes": about}}
    answer = await client.create(REVIEWS, body)
    return bool((answer.get("status") or {}).get("allowed"))
