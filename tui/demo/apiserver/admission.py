"""Admission of Pods: each runs as a service account, and that account must exist."""

from __future__ import annotations

from http import HTTPStatus

from .access import Admission
from .features import Features
from .status import StatusError, forbidden
from .storage import SERVICE_ACCOUNTS


class AccountAdmission:
    """The ServiceAccount plugin, as far as it decides who may be created."""

    def __init__(self, features: Features) -> None:
        self._features = features

    def admit(self, admission: Admission) -> None:
        """Fills in the account `default`, and refuses accounts that are missing (on old servers: not ready)."""
        if admission.operation != "CREATE" or (admission.kind.group, admission.kind.plural) != ("", "pods"):
            return
        obj = admission.obj
        if obj is None or admission.subresource:
            return
        spec = obj.get("spec")
        if not isinstance(spec, dict):
            return  # validation says what is wrong
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = admission.storage.get(SERVICE_ACCOUNTS, name, admission.namespace)
        if account is None:
            why = f'error looking up service account {admission.namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden("", "pods", admission.name, why)
        mounted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken"))
        if self._features.auto_token_secrets and mounted is not False and not account.get("secrets"):
            why = (
                f'No API token found for service account "{name}", retry after the token is automatically created '
                "and added to the service account"
            )
            raise StatusError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "ServerTimeout", why, {"kind": "pods", "retryAfterSeconds": 1}
            )
