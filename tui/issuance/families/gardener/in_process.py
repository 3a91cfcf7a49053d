"""A shoot's kubeconfig without a secret in it that a person named: kubemint answers as its plugin, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.model.durations import parse_duration
from tui.issuance.model.types import AccessLevel, ShootAccess
from tui.issuance.records.exec_cache import INFO, Question
from tui.kube.endpoint import Endpoint, ExecPlugin, Login
from tui.kube.exec_credential import exec_info

from .exec_minting import SHOOT_LIFETIME, of_shoot, shoot_of
from .shoot_kubeconfig import check_duration

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context

_TAKEN: Final = frozenset({"--context", "--level", "--duration", "--shoot"})


async def login(context: Context, plugin: ExecPlugin, endpoint: Endpoint) -> Login | None:
    """The client certificate that `kubemint exec-credential` would give, from a garden that is known here and is the
    one that the file means, for a server that this garden says is the shoot's; None where no shoot is asked for.

    A certificate's key is shown to nobody, so the file's own authority counts; what lies in between must not.
    Raises UsageError, IssuanceError, KubeError.
    """
    said = _said(plugin)
    if said is None:
        return None
    if endpoint.insecure or endpoint.proxy_url:
        how = "through a proxy" if endpoint.proxy_url else "to a server whose certificate is not verified"
        raise UsageError(f"the file connects {how}: kubemint gives no shoot certificate there", "create it again")
    garden = said.get("--context", "")
    if garden not in context.clusters.names():
        raise UsageError(
            f"the file asks kubemint for a shoot of {garden or 'no garden'}, and no cluster is known here by that name",
            "name the kubeconfig that knows it with --kubeconfig FILE",
        )
    question = Question(plugin.args, {INFO: exec_info(endpoint, plugin)}, caller="")
    if question.problem or not question.told:
        raise UsageError(f"the file cannot be understood: {question.problem}", "create it again")
    project, name = shoot_of(question, said.get("--shoot", ""))
    lifetime = parse_duration(said["--duration"]) if "--duration" in said else SHOOT_LIFETIME
    check_duration(lifetime)
    access = ShootAccess(garden, project, name, AccessLevel(said.get("--level", AccessLevel.AUTO.value)))
    made = await of_shoot(await context.clusters.client(garden), question, access, lifetime)
    if made.certificate is None or made.key is None:
        raise IssuanceError(f"the garden {garden} gave no client certificate for {project}/{name}")
    return Login(client_certificate=made.certificate, client_key=made.key)


def asked_for(plugin: ExecPlugin) -> str:
    """What it asks for, in words; empty where that is no shoot."""
    said = _said(plugin)
    return f"a client certificate for a shoot of {said.get('--context', 'a garden')}" if said is not None else ""


def _said(plugin: ExecPlugin) -> dict[str, str] | None:
    """The options of kubemint's plugin; None where they are not those of a shoot."""
    names, values = plugin.args[1::2], plugin.args[2::2]
    if len(names) != len(values) or not set(names) <= _TAKEN or len(set(names)) != len(names):
        return None
    said = dict(zip(names, values, strict=True))
    return said if said.get("--level", AccessLevel.AUTO.value) in tuple(AccessLevel) else None
