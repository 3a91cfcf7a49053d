"""What kubemint's credential plugin gives: a client certificate for a shoot, or a token for a service account.

Minted anew each time and kept only in the plugin's cache, unbound to any handle: what lives a quarter of an hour is
not worth one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tui.kube.exec_credential import ExecCredential
from tui.kube.sensitive import Sensitive

from .errors import IssuanceError, UsageError
from .exec_cache import Question, document, record
from .files import FileError, write_private
from .gardener import garden_identity
from .shoot_kubeconfig import request
from .token_request import request_token
from .types import Identity, ShootAccess

if TYPE_CHECKING:
    from tui.kube.client import Client

SHOOT_LIFETIME: Final = timedelta(minutes=15)
"""What gardenlogin asks for too: a certificate cannot be revoked."""
_EARLY: Final = timedelta(minutes=1)
"""So long before its end an answer is not given again: the command that asks takes its time too."""


async def of_shoot(garden: Client, question: Question, access: ShootAccess, duration: timedelta) -> ExecCredential:
    """A client certificate for the shoot, where the garden and the address are those that the kubeconfig means.

    Raises UsageError for another garden, IssuanceError for another address, KubeError.
    """
    wanted = str(_config(question).get("gardenClusterIdentity", ""))
    if wanted and wanted != access.garden:  # kubemint writes the context's name where a garden does not say its own
        found = await garden_identity(garden)
        if found and found != wanted:
            raise UsageError(
                f"the kubeconfig is for a shoot of the garden {wanted}, but {access.garden} leads to {found}",
                "name the right garden with --context in the kubeconfig, or make it anew",
            )
    made = await request(garden, access, duration)
    server = question.cluster.get("server")
    if server and all(_place(way.server) != _place(str(server)) for way in made.ways):
        known = ", ".join(way.server for way in made.ways)
        raise IssuanceError(
            f"the shoot {access.namespace}/{access.name} is not at {server}",
            f"it is at {known}; make the kubeconfig anew",
        )
    login = made.ways[0].login
    return ExecCredential(certificate=login.client_certificate, key=login.client_key, expires_at=made.expires_at)


async def of_account(
    client: Client, identity: Identity, duration: timedelta | None, audiences: tuple[str, ...]
) -> ExecCredential:
    """A token for the account."""
    issued = await request_token(client, identity, duration, audiences, None)
    return ExecCredential(token=issued.token, expires_at=issued.expires_at)


def shoot_of(question: Question, named: str) -> tuple[str, str]:
    """Namespace and name of the shoot that is meant: as it was named, or as the cluster's extension says.

    Raises UsageError where neither says it.
    """
    said = _config(question).get("shootRef")
    reference: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    namespace, _, name = named.partition("/") if named else (reference.get("namespace"), "", reference.get("name"))
    if not (isinstance(namespace, str) and isinstance(name, str) and namespace and name):
        raise UsageError(
            "it is not said which shoot or service account is meant",
            "the kubeconfigs of `kubemint issue --exec` say it; by hand: --shoot NS/NAME, or -n NS --account NAME",
        )
    return namespace, name


def answer(question: Question, made: ExecCredential, ahead: timedelta) -> Sensitive:
    """Keep it for the next time, and give what is to be printed. A cache that cannot be written is done without.

    `ahead` is how far the clock that stamped it is ahead of ours, by which the cache goes.
    """
    assert made.expires_at is not None
    status: dict[str, Any] = {"expirationTimestamp": made.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if made.token is not None:
        status["token"] = made.token.reveal()
    if made.certificate is not None and made.key is not None:
        status |= {"clientCertificateData": made.certificate.decode(), "clientKeyData": made.key.reveal()}
    good_until = (made.expires_at - ahead - _EARLY).timestamp()
    file = Path(question.file)
    try:
        write_private(file, Sensitive(record(status, good_until)))
        _sweep(file)
    except (FileError, OSError):
        pass
    return Sensitive(document(question.version, status))


def _sweep(kept: Path) -> None:
    """Remove what other questions left and nobody asked for since a day: no answer is good for longer than that."""
    oldest = datetime.now(UTC).timestamp() - 86400
    for file in kept.parent.glob("*.json"):
        if file != kept and file.stat().st_mtime < oldest:
            os.unlink(file)  # noqa: PTH108


def _config(question: Question) -> Mapping[str, Any]:
    """The cluster's extension."""
    found = question.cluster.get("config")
    return found if isinstance(found, Mapping) else {}


def _place(server: str) -> tuple[str, int]:
    parts = urlsplit(server)
    return parts.hostname or "", parts.port or 443
