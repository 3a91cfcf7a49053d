"""Kubeconfigs of service accounts without a secret in them, which kubemint's own plugin answers for."""

from __future__ import annotations

from tui.issuance.errors import UsageError
from tui.issuance.formats.kubeconfig import cluster_entry
from tui.issuance.model.names import check_names
from tui.issuance.model.types import Plan
from tui.issuance.objects.token_request import check_wish
from tui.issuance.objects.viewer import refuse_viewer
from tui.issuance.tokens.plain import Plain, PlainIssue, PlainWish, Way, kubeconfig, plugin_user, prepare_plain
from tui.issuance.transaction.work import Context
from tui.kube.sensitive import Sensitive


async def prepare_for_account(context: Context, wish: PlainWish, *, force: bool = False) -> tuple[Plan, PlainIssue]:
    """The plan. Everything is read here. Raises UsageError, KubeError."""
    identity = wish.identity
    if identity is None or wish.way is not Way.EXEC:
        raise UsageError("this kubeconfig needs a shoot, or a service account that kubemint answers for")
    endpoint = context.clusters.endpoint(identity.cluster)
    check_names(identity.namespace, identity.name, "service account")
    check_wish(wish.duration, wish.audiences)
    refuse_viewer(endpoint)
    cluster = endpoint.cluster_name or endpoint.name
    here = {"cluster": cluster, "namespace": identity.namespace, "user": identity.name}
    text = kubeconfig(
        {cluster: cluster_entry(endpoint)}, {identity.name: here}, identity.name,
        {"exec": plugin_user(wish, identity.cluster)},
    )  # fmt: skip
    document = Plain(Sensitive(text), text, "holds no secret: kubemint mints a token when it is used")
    return await prepare_plain(context, wish, identity, document, (), force=force)
