"""An identity that outside machines act as: an account that may mint short-lived tokens for itself, and nothing else.

It consists of the service account, a Role and a RoleBinding `NAME-create-token` that let it ask for its own tokens,
and a long-lived token to ask with, kept in `NAMESPACE-NAME.token`. Everything here is plain data; `identity_work`
carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.names import check_names
from tui.issuance.model.types import Address, Identity
from tui.issuance.objects import managed, token_secret
from tui.kube.resource import RBAC, ROLE_BINDINGS, ROLES

IDENTITY_LABEL: Final = managed.PREFIX + "identity"
"""On every account made as an identity, with an empty value, so that they can be listed."""
CREATOR_LABEL: Final = "arrikto.com/service-account-creator"
"""The same as Arrikto's Rok has it, where that is to find them."""
_SUFFIX: Final = "-create-token"
_NAME_LIMIT: Final = 253
_FILE_LIMIT: Final = 255
ESCALATION: Final = "attempting to grant RBAC permissions not currently held"


class IdentityWish(msgspec.Struct, frozen=True, kw_only=True):
    """What to create: the identity, the folder of its token file, and the name of its token Secret."""

    identity: Identity
    folder: str = "."
    secret: str = ""
    """Empty means the one that it has, `NAME-token` for a new account, else a name that none had before."""
    rok: bool = False
    """Whether a new account gets the label of Rok's own tool too."""

    @property
    def secret_name(self) -> str:
        """The name of its token Secret."""
        return self.secret or f"{self.identity.name}-token"

    @property
    def path(self) -> str:
        """The token file; outside tools look for exactly this name."""
        return str(Path(self.folder) / file_name(self.identity))

    def check(self) -> None:
        """Everything that can be known to be wrong without asking anybody. Raises UsageError."""
        identity = self.identity
        check_names(identity.namespace, identity.name, "service account")
        for what, name in (("Role", role_name(identity)), ("token Secret", self.secret_name)):
            if len(name) > _NAME_LIMIT:
                raise UsageError(
                    f"the name {identity.name[:20]}… is too long: that of its {what} would have {len(name)} "
                    f"characters, {_NAME_LIMIT} are possible",
                    f"choose a name of at most {_NAME_LIMIT - len(_SUFFIX)} characters",
                )
        check_names(identity.namespace, self.secret_name, "Secret")
        if len(file_name(identity)) > _FILE_LIMIT:
            raise UsageError(
                f"the token file's name would have {len(file_name(identity))} characters, {_FILE_LIMIT} are possible",
                "choose a shorter name",
            )


class SelfWish(msgspec.Struct, frozen=True, kw_only=True):
    """A token for the identity whose own token is in the file or the token Secret `source`."""

    source: Address
    out: str
    cluster: str = ""
    """Where the token of a file is for, as someone named it; else this machine's records say."""
    duration: timedelta | None = None
    audiences: tuple[str, ...] = ()
    identity: Identity | None = None
    """Whose token it has to be, where someone was shown that."""


def file_name(identity: Identity) -> str:
    """What its token file is called."""
    return f"{identity.namespace}-{identity.name}.token"


def role_name(identity: Identity) -> str:
    """What the Role and the RoleBinding are called."""
    return f"{identity.name}{_SUFFIX}"


def rule(identity: Identity) -> dict[str, Any]:
    """The one right: a token for itself."""
    return {
        "apiGroups": [""],
        "resources": ["serviceaccounts/token"],
        "resourceNames": [identity.name],
        "verbs": ["create"],
    }


def account(identity: Identity, annotations: Mapping[str, str] | None = None, *, rok: bool = False) -> dict[str, Any]:
    """The service account, with Rok's label where that is asked for.

    It is for machines outside: pods do not get its token by themselves.
    """
    labels = {managed.MANAGED_BY: managed.MANAGER, IDENTITY_LABEL: ""} | ({CREATOR_LABEL: ""} if rok else {})
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(identity, identity.name, annotations, labels),
        "automountServiceAccountToken": False,
    }


def role(identity: Identity, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The Role with that one right."""
    return {
        "apiVersion": ROLES.api_version,
        "kind": ROLES.kind,
        "metadata": _metadata(identity, role_name(identity), annotations),
        "rules": [rule(identity)],
    }


def binding(identity: Identity, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The RoleBinding that gives it to the account."""
    return {
        "apiVersion": ROLE_BINDINGS.api_version,
        "kind": ROLE_BINDINGS.kind,
        "metadata": _metadata(identity, role_name(identity), annotations),
        "roleRef": {"apiGroup": RBAC, "kind": ROLES.kind, "name": role_name(identity)},
        "subjects": [{"kind": "ServiceAccount", "name": identity.name, "namespace": identity.namespace}],
    }


def manifests(wish: IdentityWish) -> list[dict[str, Any]]:
    """The same for `kubectl apply`, in an order that works. The token file is then the Secret's `token`."""
    identity = wish.identity
    return [
        account(identity, rok=wish.rok),
        role(identity),
        binding(identity),
        token_secret.manifest(identity, wish.secret_name),
    ]


def grants(found: Mapping[str, Any], identity: Identity) -> bool:
    """Whether a Role lets the identity mint for itself."""
    for one in found.get("rules") or ():
        names = one.get("resourceNames") or ()
        if (
            _has(one.get("apiGroups"), "")
            and _has(one.get("resources"), "serviceaccounts/token")
            and _has(one.get("verbs"), "create")
            and (not names or identity.name in names)
        ):
            return True
    return False


def binds(found: Mapping[str, Any], identity: Identity) -> bool:
    """Whether a RoleBinding gives that Role to the identity."""
    wanted = binding(identity)
    if found.get("roleRef") != wanted["roleRef"]:
        return False
    return any(
        subject.get("kind") == "ServiceAccount"
        and subject.get("name") == identity.name
        and subject.get("namespace") == identity.namespace
        for subject in found.get("subjects") or ()
    )


def escalation_hint(identity: Identity) -> str:
    """What to do where Kubernetes refuses to let someone grant what they do not hold themselves."""
    return (
        "Kubernetes lets you grant only rights that you hold yourself: you need create serviceaccounts/token in "
        f"namespace {identity.namespace} (resourceName {identity.name}), or the verb escalate on roles and bind on "
        "rolebindings; or have someone apply the manifests of `kubemint identity create --dry-run -o yaml`"
    )


def _has(values: Iterable[str] | None, wanted: str) -> bool:
    return any(value in (wanted, "*") for value in values or ())


def _metadata(
    identity: Identity, name: str, annotations: Mapping[str, str] | None, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": identity.namespace,
        "labels": dict(labels or {managed.MANAGED_BY: managed.MANAGER}),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata
