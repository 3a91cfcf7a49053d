"""The operator's own way into a cluster as a credential: when the client certificate or token of a kubeconfig ends."""

from __future__ import annotations

from tui.issuance import Address, ClaimsError, Credential, IssuanceError, State, read_certificate, read_token
from tui.kube.endpoint import Endpoint, Login
from tui.kube.sensitive import Sensitive

from .rows import CredentialRow


def login_row(endpoint: Endpoint) -> CredentialRow | None:
    """What `endpoint` logs in with; None where it logs in with nothing. Material is looked at here, never kept."""
    credential = _credential(endpoint)
    if credential is None:
        return None
    return CredentialRow(credential=credential, cluster=endpoint.name, name=endpoint.name)


def _credential(endpoint: Endpoint) -> Credential | None:
    address = Address.login(endpoint.name)
    login = endpoint.login
    if login.token is not None and not login.token_file:
        return _of_token(address, endpoint.name, login.token)
    if login.client_certificate is not None and not login.token_file:
        return _of_certificate(address, login.client_certificate)
    kept_in, message = _elsewhere(login)
    return Credential(address=address, kept_in=kept_in, message=message) if kept_in else None


def _of_certificate(address: Address, pem: bytes) -> Credential:
    try:
        certificate = read_certificate(pem, strict=False)
    except IssuanceError as error:
        return Credential(address=address, kept_in="kubeconfig", message=error.message)
    return Credential(
        address=address,
        granted=certificate.not_after - certificate.not_before,
        issued_at=certificate.not_before,
        expires_at=certificate.not_after,
        rotate_at=certificate.not_after,
        kept_in="client certificate in the kubeconfig",
        fingerprint=certificate.fingerprint[:16],
        state=State.VALID,
        message=certificate.common_name,
    )


def _of_token(address: Address, cluster: str, token: Sensitive) -> Credential:
    kept_in = "token in the kubeconfig"
    try:
        claims = read_token(token)
    except ClaimsError:
        return Credential(
            address=address,
            kept_in=kept_in,
            fingerprint=token.fingerprint,
            message="an opaque token does not say when it ends",
        )
    endless = claims.expires_at is None
    return Credential(
        address=address,
        identity=claims.identity(cluster),
        audiences=claims.audiences,
        granted=claims.lifetime,
        issued_at=claims.issued_at,
        expires_at=claims.expires_at,
        rotate_at=claims.expires_at,
        kept_in=kept_in,
        fingerprint=token.fingerprint,
        state=State.ENDLESS if endless else State.VALID,
        message=claims.subject,
    )


def _elsewhere(login: Login) -> tuple[str, str]:
    """Where a login is kept that this process does not read, and what that means."""
    if login.token_file:
        return login.token_file, "a token file that others renew"
    if login.exec is not None:
        return f"exec plugin {login.exec.command}", "the plugin knows when it ends"
    if login.username is not None:
        return "password in the kubeconfig", "a password does not say when it ends"
    return "", ""
