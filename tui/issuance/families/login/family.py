"""The operator's own way in, as the kubeconfig says it: shown and looked into, never handed out or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.families.base import Family
from tui.issuance.model.certificate import CertificateError, read_certificate
from tui.issuance.model.claims import ClaimsError, read_token
from tui.issuance.model.types import Address, Credential, State

if TYPE_CHECKING:
    from tui.issuance.model.types import Plan
    from tui.issuance.transaction.step import Transaction
    from tui.issuance.transaction.work import Context
    from tui.kube.sensitive import Sensitive


class Logins(Family):
    """What a kubeconfig holds for a cluster."""

    async def lookup(self, context: Context, address: Address) -> Credential:
        """What the operator's own kubeconfig says about itself."""
        login = context.clusters.endpoint(address.cluster).login
        bare = Credential(address=address, kept_in="kubeconfig", state=State.ENDLESS)
        try:
            if login.token is not None:
                claims = read_token(login.token)
                return msgspec.structs.replace(
                    bare,
                    identity=claims.identity(address.cluster),
                    audiences=claims.audiences,
                    issued_at=claims.issued_at,
                    expires_at=claims.expires_at,
                    fingerprint=login.token.fingerprint,
                    state=State.VALID if claims.expires_at is not None else State.ENDLESS,
                )
            if login.client_certificate is not None:
                info = read_certificate(login.client_certificate, strict=False)
                return msgspec.structs.replace(
                    bare,
                    issued_at=info.not_before,
                    expires_at=info.not_after,
                    fingerprint=info.fingerprint,
                    state=State.VALID,
                    message=f"client certificate of {info.common_name}",
                )
        except (ClaimsError, CertificateError) as error:
            return msgspec.structs.replace(bare, state=State.UNKNOWN, message=error.message)
        if login.exec is not None:
            said = f"made by the plugin {login.exec.command}"
            return msgspec.structs.replace(bare, state=State.UNKNOWN, message=said)
        return bare if login.token_file is None else msgspec.structs.replace(bare, kept_in=login.token_file)

    async def material(self, context: Context, address: Address) -> Sensitive:
        raise UsageError("your own login is not handed out", "it is in your kubeconfig")

    async def token(self, context: Context, address: Address) -> Sensitive | None:
        return context.clusters.endpoint(address.cluster).login.token

    async def rotate(self, context: Context, address: Address, *, revive: bool) -> tuple[Plan, Transaction]:
        raise UsageError(
            f"the login of {address.cluster} is yours, kubemint did not issue it", "renew it where it came from"
        )

    async def revoke(self, context: Context, address: Address, *, wait: bool, whole: bool) -> tuple[Plan, Transaction]:
        raise UsageError(f"the login of {address.cluster} is yours; kubemint does not revoke it")


FAMILY = Logins()
