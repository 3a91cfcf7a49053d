"""Logins that can ask for no token at all, known before anything is tried: Gardener's viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.errors import UsageError
from tui.issuance.model.certificate import CertificateError, CertificateInfo, read_certificate

if TYPE_CHECKING:
    from tui.kube.endpoint import Endpoint


CANNOT_MINT: Final = "viewer level cannot create tokens"


ASK_ADMIN: Final = "get an admin kubeconfig with --level=admin, or ask someone who may"


_VIEWER_GROUPS: Final = frozenset({"gardener.cloud:system:viewers", "gardener.cloud:project:viewers"})


_VIEWER_NAME: Final = "gardener.cloud:viewer:"


def is_viewer(endpoint: Endpoint) -> bool:
    """Whether the login is the client certificate of a Gardener viewer."""
    certificate = endpoint.login.client_certificate
    if certificate is None:
        return False
    try:
        return of_viewer(read_certificate(certificate, strict=False))
    except CertificateError:
        return False


def of_viewer(certificate: CertificateInfo) -> bool:
    """Whether a certificate is a Gardener viewer's: by its group, or since 2026 by its name too."""
    groups, name = certificate.organizations, certificate.common_name
    return bool(_VIEWER_GROUPS.intersection(groups)) or name.startswith(_VIEWER_NAME)


def refuse_viewer(endpoint: Endpoint) -> None:
    """Raises UsageError where nothing can be issued with this login, before anything is tried."""
    if is_viewer(endpoint):
        raise UsageError(f"{endpoint.name}: {CANNOT_MINT}", ASK_ADMIN)


def viewer_refused(message: str) -> bool:
    """Whether a refusal (403) names a Gardener viewer, whose login kubemint could not read itself."""
    return f'User "{_VIEWER_NAME}' in message
