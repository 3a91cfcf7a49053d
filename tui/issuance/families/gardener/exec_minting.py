"""What kubemint's credential plugin gives for a shoot: a client certificate, where garden and address are meant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.gardener.garden import garden_identity
from tui.issuance.families.gardener.shoot_kubeconfig import request
from tui.issuance.model.types import ShootAccess
from tui.issuance.records.exec_cache import Question
from tui.kube.addresses import same_place
from tui.kube.client import Client
from tui.kube.exec_credential import ExecCredential

SHOOT_LIFETIME: Final = timedelta(minutes=15)
"""What gardenlogin asks for too: a certificate cannot be revoked."""


_ANEW: Final = (
    "create it again with `kubemint issue --shoot NS/NAME --exec`; a client says it where provideClusterInfo is true"
)


async def of_shoot(garden: Client, question: Question, access: ShootAccess, duration: timedelta) -> ExecCredential:
    """A client certificate for the shoot, where the garden and the address are those that the kubeconfig means.

    Raises UsageError for another garden, or where a client does not say which it means; IssuanceError for another
    address, KubeError.
    """
    server = await _meant(garden, question, access)
    made = await request(garden, access, duration)
    if question.told and not any(same_place(way.server, server) for way in made.ways):
        known = ", ".join(way.server for way in made.ways)
        raise IssuanceError(
            f"the shoot {access.namespace}/{access.name} is not at {server}",
            f"it is at {known}; create the kubeconfig again",
        )
    login = made.ways[0].login
    return ExecCredential(certificate=login.client_certificate, key=login.client_key, expires_at=made.expires_at)


async def _meant(garden: Client, question: Question, access: ShootAccess) -> str:
    """The server that the certificate is for, where this is the garden that is meant; what is not said never fits.

    Who asks by hand says both with their words: the shoot, and the context that leads to the garden.
    """
    if not question.told:
        return ""
    wanted, server = meant(question)
    if wanted != access.garden:  # kubemint writes the context's name where a garden does not say its own
        check_garden(wanted, access.garden, await garden_identity(garden))
    return server


def meant(question: Question) -> tuple[str, str]:
    """The garden that a client means, and the server to which the certificate goes. Raises UsageError."""
    wanted, server = _config(question).get("gardenClusterIdentity"), question.cluster.get("server")
    if not (isinstance(wanted, str) and wanted):
        raise UsageError("the kubeconfig does not say which garden knows the shoot (gardenClusterIdentity)", _ANEW)
    if not server:
        raise UsageError("the kubeconfig does not say to which server the certificate goes", _ANEW)
    return wanted, str(server)


def check_garden(wanted: str, context: str, found: str) -> None:
    """Raises UsageError where the garden that a context leads to calls itself otherwise than the one that is meant."""
    if found != wanted:
        whom = f"is {found}" if found else "is one that does not say who it is"
        raise UsageError(
            f"the kubeconfig is for a shoot of the garden {wanted}, but {context} {whom}",
            "correct `--context` in the kubeconfig, or create it again",
        )


def shoot_of(question: Question, named: str) -> tuple[str, str]:
    """Namespace and name of the shoot that is meant: as it was named, or as the cluster's extension says.

    Raises UsageError where neither says it.
    """
    said = _config(question).get("shootRef")
    reference: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    namespace, _, name = named.partition("/") if named else (reference.get("namespace"), "", reference.get("name"))
    if not (isinstance(namespace, str) and isinstance(name, str) and namespace and name):
        raise UsageError(
            "name a shoot or account",
            "`--shoot NS/NAME`, or `-n NS --account NAME`; kubeconfigs of `kubemint issue --exec` do that",
        )
    return namespace, name


def _config(question: Question) -> Mapping[str, Any]:
    """The cluster's extension."""
    found = question.cluster.get("config")
    return found if isinstance(found, Mapping) else {}
