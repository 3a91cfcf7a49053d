"""Kubeconfigs of shoots without a secret in them: in gardenlogin's way, or for a login at the identity provider."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tui.issuance.destinations.shoot import stand_in
from tui.issuance.errors import IssuanceError, UsageError
from tui.issuance.families.gardener.garden import Shoot, cluster_ca, garden_identity, shoot_at
from tui.issuance.families.gardener.shoot_kubeconfig import check_duration
from tui.issuance.families.gardener.shoot_oidc import login_arguments, settings_of
from tui.issuance.model.names import check_names
from tui.issuance.model.types import Plan
from tui.issuance.records.exec_cache import VERSIONS
from tui.issuance.tokens.plain import Plain, PlainIssue, PlainWish, Way, kubeconfig, plugin_user, prepare_plain
from tui.issuance.transaction.work import Context
from tui.kube.sensitive import Sensitive

EXTENSION: Final = "client.authentication.k8s.io/exec"


ADDRESSES: Final = ("external", "internal", "unmanaged")
"""Those of a shoot's addresses that its own CA vouches for."""


_INSTALL_LOGIN: Final = "kubelogin answers for this kubeconfig: kubectl krew install oidc-login"


async def prepare_for_shoot(context: Context, wish: PlainWish, *, force: bool = False) -> tuple[Plan, PlainIssue]:
    """The plan. Everything is read here. Raises UsageError, KubeError."""
    access = wish.shoot
    if access is None:
        raise UsageError("this kubeconfig needs a shoot")
    context.clusters.endpoint(access.garden)
    check_names(access.namespace, access.name, "shoot")
    check_duration(wish.duration)
    garden = await context.clusters.client(access.garden)
    shoot = await shoot_at(garden, access.namespace, access.name)
    ca = await cluster_ca(garden, access.namespace, access.name)
    warnings = [] if ca else ["the garden does not publish the shoot's CA: the system's authorities are trusted"]
    if shoot.hibernation != "Awake":
        warnings.append(f"the shoot is {shoot.hibernation.lower()}: a kubeconfig cannot connect until it is awake")
    name = f"{access.namespace}--{access.name}"
    if wish.way is Way.OIDC:
        settings = await settings_of(garden, shoot)
        users = [_login(login_arguments(settings.config, masked=masked)) for masked in (False, True)]
        extension: dict[str, Any] | None = None
        said = f"logs in at {settings.config.issuer_url} as {settings.config.client_id}, says {settings.source}"
        warnings.append("not tested: its user logs in, and the shoot's RBAC decides")
    else:
        identity = await garden_identity(garden) or access.garden
        extension = {
            "shootRef": {"namespace": access.namespace, "name": access.name},
            "gardenClusterIdentity": identity,
        }
        users = [plugin_user(wish, access.garden)] * 2
        said = "holds no secret: kubemint gets a client certificate when it is used"
    clusters = _ways(shoot, name, ca, extension)
    contexts = {way: {"cluster": way, "namespace": "default", "user": name} for way in clusters}
    texts = [kubeconfig(clusters, contexts, name, {"exec": user}) for user in users]
    document = Plain(Sensitive(texts[0]), texts[1], said)
    return await prepare_plain(context, wish, stand_in(access), document, warnings, force=force)


def _ways(shoot: Shoot, name: str, ca: bytes, extension: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The clusters of a shoot's kubeconfig: one for each address, in the shoot's own order."""
    found: dict[str, dict[str, Any]] = {}
    for address in shoot.addresses:
        if address.name not in ADDRESSES:
            continue
        entry: dict[str, Any] = {}
        if ca:
            entry["certificate-authority-data"] = base64.b64encode(ca).decode()
        if extension is not None:
            entry["extensions"] = [{"name": EXTENSION, "extension": extension}]
        found[f"{name}-{address.name}"] = entry | {"server": f"https://{urlsplit(address.url).netloc}"}
    if not found:
        raise IssuanceError(
            f"the shoot {shoot.metadata.namespace}/{shoot.metadata.name} has no addresses yet: {shoot.operation}",
            "is it still being created? Try again when it is",
        )
    return found


def _login(words: Sequence[str]) -> dict[str, Any]:
    return {
        "apiVersion": VERSIONS[0],
        "args": list(words),
        "command": "kubectl",
        "installHint": _INSTALL_LOGIN,
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }
