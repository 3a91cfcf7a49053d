"""The least rights for what kubemint does, as data, and the Roles that grant them.

    for role in roles(Flow.ISSUE_FILE, namespace="ci", account="robot"): ...

Each flow lists what the code really calls with the operator's own login; a test runs every flow with exactly these
Roles, and again without each of their verbs. What the material is asked for with itself (who am I?), discovery and
asking for one's own rights needs no Role: every authenticated login may.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from tui.issuance.model.types import Identity
from tui.issuance.objects.external_secrets import EXTERNAL_SECRETS, PUSH_SECRETS, STORES
from tui.issuance.transaction.lease import LEASES
from tui.kube.resource import (
    CONFIG_MAPS,
    CSI_DRIVERS,
    PODS,
    RBAC,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)

from . import registry
from .dpf.request_keeping import LEASE, LEASE_NAMESPACE
from .dpf.resources import DPU_CLUSTERS, DPU_REQUESTS
from .gardener.garden import PROJECTS, SHOOTS, ca_name
from .gardener.shoot_oidc import CLUSTER_PRESETS, PRESETS
from .token_secret.identity import IdentityWish, role_name

Name = Literal["", "account", "secret", "role", "token", "lease", "shoot", "ca"]
"""Whose name narrows a rule down: the account's, the Secret's that keeps a credential, those of an identity's Role and
token Secret, which follow from the account's, the Lease's, which is always the same, or a shoot's and that of the
ConfigMap with its CA."""


class Flow(StrEnum):
    """What someone may want to do; the values are what `kubemint rbac` takes."""

    READ = "read"
    ISSUE_FILE = "issue-file"
    ISSUE_SECRET = "issue-secret"
    ROTATE = "rotate"
    REVOKE = "revoke"
    DPU_ROTATE = "dpu-rotate"
    DPU_KEEP = "dpu-keep"
    SNIPPET = "snippet"
    IDENTITY = "identity"
    IDENTITY_SHOW = "identity-show"
    MINT = "mint"
    REACTIVATE = "reactivate"
    CSI_PREVIEW = "csi-preview"
    SHOOT_ADMIN = "shoot-admin"
    SHOOT_VIEWER = "shoot-viewer"
    SHOOT_EXEC = "shoot-exec"
    SHOOT_OIDC = "shoot-oidc"
    TENANT_STORE = "tenant-store"
    TENANT_PUSH = "tenant-push"
    TENANT_PUSH_EXTERNAL = "tenant-push-external"


SUMMARY: Final[dict[Flow, str]] = {
    Flow.READ: "the dashboard and list: accounts, requests and credentials, DPUClusters and shoots as clusters",
    Flow.ISSUE_FILE: "issue a credential for an account into a file, revocable on its own",
    Flow.ISSUE_SECRET: "issue a credential for an account into a Secret of the same namespace",
    Flow.ROTATE: "rotate a credential in a file or a managed Secret, and revoke the old one",
    Flow.REVOKE: "revoke a credential in a file or a managed Secret, or a token Secret",
    Flow.DPU_ROTATE: "rotate a DPUServiceCredentialRequest, its account, Secret and DPUCluster in the same namespace",
    Flow.DPU_KEEP: "keep, delete and abandon DPUServiceCredentialRequests, under a Lease in kube-system",
    Flow.SNIPPET: "show how a pod uses the Secret of a request or a managed Secret of type tokenFile",
    Flow.IDENTITY: "create an identity: an account that mints tokens for itself, with a long-lived token in a file",
    Flow.IDENTITY_SHOW: "show whether an account may mint tokens for itself, and its token Secrets",
    Flow.MINT: "mint a short-lived token with the token Secret of an identity; with its token file no right is needed",
    Flow.REACTIVATE: "let a token Secret work again that its cluster invalidated",
    Flow.CSI_PREVIEW: "preview the tokens that a CSI driver is given for a pod",
    Flow.SHOOT_ADMIN: "get an admin's kubeconfig of a Gardener shoot, or enter it; in the garden",
    Flow.SHOOT_VIEWER: "the same as a viewer, who reads all but Secrets; in the garden",
    Flow.SHOOT_EXEC: "write a shoot's kubeconfig without a secret, and answer it as an admin; in the garden",
    Flow.SHOOT_OIDC: "write a shoot's kubeconfig for people who log in with OIDC; in the garden",
    Flow.TENANT_STORE: "make a SecretStore for a Cluster API cluster, in the cluster's namespace",
    Flow.TENANT_PUSH: "push an account that exists into a tenant in one apply; account and tenant in one namespace",
    Flow.TENANT_PUSH_EXTERNAL: "the same, pushed by External Secrets",
}


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """Verbs on one resource, and what they are for."""

    verbs: tuple[str, ...]
    resource: Resource
    subresource: str = ""
    named: Name = ""
    """Which name narrows it down where one is given. Verbs that know no name (create, list, watch) never have one;
    `create` of a subresource does."""
    namespace: str = ""
    """Where it has to be, whatever namespace the rest is about."""
    why: str

    @property
    def plural(self) -> str:
        """The resource as a rule spells it."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural

    @property
    def name(self) -> str:
        """The resource as people and error messages spell it."""
        return f"{self.plural}.{self.resource.group}" if self.resource.group else self.plural

    def rule(self, names: dict[str, str]) -> dict[str, Any]:
        """The RBAC rule."""
        rule: dict[str, Any] = {"apiGroups": [self.resource.group], "resources": [self.plural]}
        name = names.get(self.named, "")
        if name:
            rule["resourceNames"] = [name]
        return rule | {"verbs": list(self.verbs)}


def _follow(resource: Resource, why: str) -> Right:
    return Right(verbs=("list", "watch"), resource=resource, why=why)


_LOOK: Final = Right(
    verbs=("get",), resource=SERVICE_ACCOUNTS, named="account",
    why="whether the account is there; the handle is made to go with it",
)  # fmt: skip
_MINT: Final = Right(
    verbs=("create",), resource=SERVICE_ACCOUNTS, subresource="token", named="account", why="the token itself"
)
_HANDLE: Final = Right(
    verbs=("create", "delete"), resource=SECRETS,
    why="the handle that the token is bound to, and taking it back; its name is not known before",
)  # fmt: skip
_SEE_HANDLE: Final = Right(
    verbs=("get",), resource=SECRETS,
    why="the token in the Secret and its handle, whose name is not known before: what vouches for a credential that "
    "this machine did not issue, and what may be deleted",
)  # fmt: skip
_KEPT: Final = Right(
    verbs=("get", "update"), resource=SECRETS, named="secret", why="the Secret that keeps the credential"
)

_USERS: Final = (
    Right(
        verbs=("list",), resource=PODS,
        why="who mounts the Secret: the old one lives until they have the new one; else three minutes are taken",
    ),
    Right(verbs=("list",), resource=PUSH_SECRETS, why="what pushes the Secret on; only if it is installed"),
    Right(verbs=("list",), resource=EXTERNAL_SECRETS, why="and what fetches it; likewise"),
)  # fmt: skip

_DPU: Final = (
    Right(verbs=("get", "patch"), resource=DPU_REQUESTS, why="the request, its finalizer and annotations"),
    Right(verbs=("patch",), resource=DPU_REQUESTS, subresource="status", why="what was issued, and until when"),
    Right(verbs=("get",), resource=DPU_CLUSTERS, why="the DPUCluster that the request is for"),
    Right(
        verbs=("get", "patch"), resource=SECRETS,
        why="the Secret that keeps the credential, and the kubeconfig of the DPUCluster",
    ),
    Right(
        verbs=("create", "delete"), resource=SECRETS,
        why="that Secret the first time; handles, where a request is for the cluster that it is in",
    ),
    Right(
        verbs=("get", "patch"), resource=SERVICE_ACCOUNTS, named="account",
        why="the account, where a request is for its own cluster; for others the DPUCluster's kubeconfig counts",
    ),
    Right(verbs=("create",), resource=SERVICE_ACCOUNTS, why="that account the first time"),
    msgspec.structs.replace(_MINT, why="the token, where a request is for its own cluster"),
    *_USERS,
)  # fmt: skip
_SHOOT: Final = Right(
    verbs=("get",), resource=SHOOTS, named="shoot", why="how the shoot stands and where it is"
)  # fmt: skip
_SHOOT_CA: Final = Right(verbs=("get",), resource=CONFIG_MAPS, named="ca", why="the CA of its API server")
_SHOOT_ADMIN: Final = Right(
    verbs=("create",), resource=SHOOTS, subresource="adminkubeconfig", named="shoot", why="the client certificate"
)

RIGHTS: Final[dict[Flow, tuple[Right, ...]]] = {
    Flow.READ: (
        _follow(SERVICE_ACCOUNTS, "accounts"),
        _follow(SECRETS, "credentials in Secrets; only metadata is requested, but this right allows reading them"),
        *(_follow(one.resource, one.why or one.title) for one in registry.request_kinds()),
        *(_follow(one.resource, one.title) for one in registry.sources() if one.resource != SECRETS),
        *(_follow(one.resource, one.why) for sort in registry.clusters_apart() for one in sort.told()),
        *(Right(verbs=("get",), resource=SECRETS, why=one.reads) for one in registry.sources() if one.reads),
    ),
    Flow.ISSUE_FILE: (_LOOK, _MINT, _HANDLE),
    Flow.ISSUE_SECRET: (_LOOK, _MINT, _HANDLE, _KEPT, *_USERS),
    Flow.ROTATE: (_LOOK, _MINT, _HANDLE, _SEE_HANDLE, _KEPT, *_USERS),
    Flow.REVOKE: (
        _SEE_HANDLE,
        Right(verbs=("delete",), resource=SECRETS, why="the handle, then the Secret that kept the token"),
    ),
    Flow.DPU_ROTATE: _DPU,
    Flow.DPU_KEEP: (
        *_DPU,
        Right(verbs=("list",), resource=DPU_REQUESTS, why="whether DPF's controller keeps them"),
        Right(verbs=("delete",), resource=DPU_REQUESTS, why="deleting one"),
        Right(verbs=("delete",), resource=SERVICE_ACCOUNTS, named="account", why="the account of one that goes"),
        Right(verbs=("get", "update"), resource=LEASES, named="lease", namespace=LEASE_NAMESPACE, why="the Lease"),
        Right(verbs=("create",), resource=LEASES, namespace=LEASE_NAMESPACE, why="that Lease, once; in kube-system"),
    ),
    Flow.SNIPPET: (
        Right(verbs=("get",), resource=DPU_REQUESTS, why="which Secret a request keeps, and of which type"),
        Right(verbs=("get",), resource=SECRETS, named="secret", why="of which type a managed Secret is"),
    ),
    Flow.IDENTITY: (
        Right(verbs=("get", "delete"), resource=SERVICE_ACCOUNTS, named="account", why="the account; taking it back"),
        Right(verbs=("create",), resource=SERVICE_ACCOUNTS, why="the account"),
        msgspec.structs.replace(_MINT, why="RBAC lets no one grant a right that they do not have"),
        Right(verbs=("get", "delete"), resource=ROLES, named="role", why="its Role, and taking it back"),
        Right(verbs=("create",), resource=ROLES, why="its Role"),
        Right(verbs=("get", "delete"), resource=ROLE_BINDINGS, named="role", why="its RoleBinding, and taking it back"),
        Right(verbs=("create",), resource=ROLE_BINDINGS, why="its RoleBinding"),
        Right(verbs=("get", "delete"), resource=SECRETS, named="token", why="its token Secret, and taking it back"),
        Right(verbs=("create",), resource=SECRETS, why="its token Secret"),
    ),
    Flow.IDENTITY_SHOW: (
        Right(verbs=("get",), resource=SERVICE_ACCOUNTS, named="account", why="the account and its labels"),
        Right(verbs=("get",), resource=ROLES, named="role", why="its right to mint for itself"),
        Right(verbs=("get",), resource=ROLE_BINDINGS, named="role", why="who has that right"),
        Right(verbs=("list",), resource=SECRETS, why="its token Secrets; only metadata is requested"),
    ),
    Flow.MINT: (
        Right(verbs=("get",), resource=SECRETS, named="token", why="the long-lived token that asks for the other"),
    ),
    Flow.REACTIVATE: (
        Right(verbs=("get",), resource=SECRETS, named="token", why="since when it is invalid, and the token to try"),
        Right(verbs=("patch",), resource=SECRETS, named="token", why="removing the label"),
    ),
    Flow.CSI_PREVIEW: (
        Right(verbs=("get",), resource=CSI_DRIVERS, why="which tokens the driver asks for"),
        Right(verbs=("get",), resource=PODS, why="the pod's account and UID"),
        _MINT,
    ),
    Flow.SHOOT_ADMIN: (_SHOOT, _SHOOT_ADMIN),
    Flow.SHOOT_VIEWER: (_SHOOT, msgspec.structs.replace(_SHOOT_ADMIN, subresource="viewerkubeconfig")),
    Flow.SHOOT_EXEC: (_SHOOT, _SHOOT_CA, _SHOOT_ADMIN),
    Flow.SHOOT_OIDC: (
        _SHOOT,
        _SHOOT_CA,
        Right(verbs=("list",), resource=PRESETS, why="the project's logins, where the shoot has none of its own"),
        Right(verbs=("list",), resource=CLUSTER_PRESETS, why="the garden's, where the project has none for it"),
        Right(verbs=("list",), resource=PROJECTS, why="whether one of the garden's is for this project"),
    ),
    Flow.TENANT_STORE: (
        Right(verbs=("get",), resource=SECRETS, why="the cluster's kubeconfig; whether the store's Secret is there"),
        Right(verbs=("patch", "create", "delete"), resource=SECRETS, why="that Secret, and taking it back"),
        Right(verbs=("get", "patch", "create"), resource=STORES, why="the SecretStore"),
    ),
    Flow.TENANT_PUSH: (
        _LOOK,
        _MINT,
        _HANDLE,
        Right(verbs=("get",), resource=SECRETS, why="the tenant's kubeconfig; what is written there is by its rights"),
    ),
    Flow.TENANT_PUSH_EXTERNAL: (
        _LOOK,
        _MINT,
        _HANDLE,
        Right(verbs=("get", "update"), resource=SECRETS, why="the tenant's kubeconfig, and the Secret that is pushed"),
        Right(verbs=("get",), resource=STORES, why="whether the tenant has a store"),
        Right(verbs=("get", "patch", "create"), resource=PUSH_SECRETS, why="the PushSecret, and how it goes"),
        *_USERS,
    ),
}  # fmt: skip


def roles(
    flow: Flow, *, namespace: str = "", account: str = "", secret: str = "", shoot: str = ""
) -> list[dict[str, Any]]:
    """The Roles for a flow, ready to be applied.

    With a namespace a Role in it (beside a ClusterRole for what lies in no namespace); without one a ClusterRole, which
    counts everywhere or, bound by RoleBindings, in chosen namespaces. Names narrow rules down where RBAC can do that.
    """
    names = {"account": account, "secret": secret, "lease": LEASE}
    names |= {"shoot": shoot, "ca": ca_name(shoot) if shoot else ""}
    if account:
        identity = Identity("", namespace, account)
        names |= {"role": role_name(identity), "token": IdentityWish(identity=identity, secret=secret).secret_name}
    if not namespace:
        return [_role("ClusterRole", flow, "", RIGHTS[flow], names)]
    outside = tuple(right for right in RIGHTS[flow] if not right.resource.namespaced)
    places: dict[str, list[Right]] = {}
    for right in RIGHTS[flow]:
        if right.resource.namespaced:
            places.setdefault(right.namespace or namespace, []).append(right)
    made = [_role("Role", flow, place, tuple(inside), names) for place, inside in places.items()]
    return made + ([_role("ClusterRole", flow, "", outside, names)] if outside else [])


def _role(kind: str, flow: Flow, namespace: str, rights: tuple[Right, ...], names: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": f"kubemint-{flow}"} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": [right.rule(names) for right in rights],
    }
