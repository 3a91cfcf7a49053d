"""The way in of a kubeconfig from anywhere: nothing that it names is read, and no program is run.

Where a person named its file, kubemint is its own plugin: for an account of a cluster that is known here, it gets the
token that `kubemint exec-credential` would give, which is then shown to that cluster alone. The file may say what it
likes: a token never goes to another server, nor past another authority or proxy, than the operator's own way has. What
else it asks for (a shoot's certificate) the family answers that it is of (`Family.logs_in`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tui.issuance.errors import UsageError
from tui.issuance.model.durations import parse_duration
from tui.issuance.model.types import Identity
from tui.issuance.objects.token_request import request_token
from tui.issuance.records.exec_cache import VERB
from tui.kube.delivered import differences
from tui.kube.errors import ConfigError, KubeError
from tui.kube.kubeconfig import parse

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint, ExecPlugin
    from tui.kube.kubeconfig import KubeConfig
    from tui.kube.sensitive import Sensitive

_OURS: Final = re.compile(r"(.*/)?kubemint")
_MANY: Final = "--audience"
_TAKEN: Final = frozenset({"--context", "-n", "--account", "--duration", _MANY})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a kubeconfig asks of kubemint's plugin, for an account."""

    cluster: str
    namespace: str
    account: str
    duration: timedelta | None
    audiences: tuple[str, ...]


async def way_of(context: Context, data: Sensitive, *, named: bool) -> Endpoint:
    """Where its current-context leads, with the login in it. Raises ConfigError, UsageError, KubeError."""
    config = parse(data.reveal_bytes())
    entry = config.contexts.get(config.current_context)
    user = config.users.get(entry.user) if entry is not None else None
    if not named or entry is None or user is None or user.exec is None or user.flaws or user.impersonate is not None:
        return config.endpoint()
    without: KubeConfig = replace(config, users={**config.users, user.name: replace(user, exec=None)})
    endpoint = without.endpoint()
    if (asked := _asked(user.exec)) is None:
        if is_own(user.exec):
            plugin = replace(user.exec, cluster_config=config.clusters[entry.cluster].exec_config)
            for family in context.families.all():
                if (login := await family.logs_in(context, plugin, endpoint)) is not None:
                    return replace(endpoint, login=login)
        raise ConfigError(
            f'user "{user.name}" logs in with the program {user.exec.command}, which is run only for your own clusters',
            hint="if you trust the file, name it as yours with --kubeconfig FILE, then verify login:CONTEXT",
        )
    cluster = _known(context, endpoint, asked.cluster)
    client = await context.clusters.client(cluster)
    identity = Identity(cluster, asked.namespace, asked.account)
    issued = await request_token(client, identity, asked.duration, asked.audiences, None)
    return endpoint.with_token(issued.token)


def account_of(context: Context, data: Sensitive) -> Identity | None:
    """For which account kubemint's own plugin answers the kubeconfig of a file that a person named, in the cluster of
    ours that it leads to; None where another login is in it. No token is requested. Raises UsageError."""
    try:
        config = parse(data.reveal_bytes())
    except ConfigError:
        return None
    entry = config.contexts.get(config.current_context)
    user = config.users.get(entry.user) if entry is not None else None
    asked = _asked(user.exec) if user is not None and user.exec is not None else None
    if user is not None and user.exec is not None and asked is None and is_own(user.exec):
        for family in context.families.all():
            if said := family.asked_for(user.exec):
                raise UsageError(
                    f"the file holds nothing: kubemint gets {said} each time that it is used",
                    "kubemint verify FILE and kubemint can FILE say what that may do now",
                )
    if asked is None or user is None:
        return None
    without: KubeConfig = replace(config, users={**config.users, user.name: replace(user, exec=None)})
    return Identity(_known(context, without.endpoint(), asked.cluster), asked.namespace, asked.account)


def is_own(plugin: ExecPlugin) -> bool:
    """Whether it is kubemint itself."""
    return _OURS.fullmatch(plugin.command) is not None and plugin.args[:1] == (VERB,)


def _asked(plugin: ExecPlugin) -> _Asked | None:
    """None where it is another program, or is asked for something else than a token for an account."""
    if not is_own(plugin):
        return None
    options = plugin.args[1:]
    names, values = options[::2], options[1::2]
    if len(names) != len(values) or not set(names) <= _TAKEN:
        return None
    said = dict(zip(names, values, strict=True))
    if not said.get("--account") or not said.get("-n"):
        return None
    audiences = tuple(value for name, value in zip(names, values, strict=True) if name == _MANY)
    wanted = parse_duration(said["--duration"]) if "--duration" in said else None
    return _Asked(said.get("--context", ""), said["-n"], said["--account"], wanted, audiences)


def _known(context: Context, endpoint: Endpoint, name: str) -> str:
    """Which cluster of ours it leads to, in the same way: the one that it names, if that is one of them."""
    names: Sequence[str] = context.clusters.names()
    for known in sorted(names, key=lambda one: one != name):
        try:
            if not differences(endpoint, context.clusters.endpoint(known)):
                return known
        except KubeError:
            continue  # another context that cannot be used
    raise UsageError(
        f"the file asks kubemint for a token, for a cluster that is not known here ({endpoint.server})",
        "name the kubeconfig that knows it with --kubeconfig FILE",
    )
