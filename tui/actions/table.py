"""What can be done, in one table, in the order in which it is offered.

Keys, the footer, help, the palette, the words after `:`, the menu of `n`, `$` and the verbs of the command line are
made from it, so that an action that is added here is offered everywhere, and only where it is possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from . import fitting as fit
from . import lines
from .action import Action, AnyAction, Needs
from .ending import REVOKE
from .identities import REACTIVATE
from .issuing import NEW_CREDENTIAL
from .looking import VERIFY
from .rotating import FORESEE, ROTATE, UNDO


@dataclass(frozen=True, slots=True)
class Novelty:
    """One entry of the menu of `n`: its key there, and the action that it leads to."""

    key: str
    action: str
    title: str
    says: str


ACTIONS: Final[tuple[AnyAction, ...]] = (
    ROTATE,
    FORESEE,
    Action(
        name="export", title="Export", says="write to a file of its own",
        key="e", footer=True, needs=Needs.SOME, writes=True, fits=fit.MATERIAL,
        command=lines.export,
    ),
    Action(
        name="export_journal", title="Export the journal", says="write what is shown of it to a file",
        key="e", follows="export", label="export", footer=True, words=("export-journal",), needs=Needs.JOURNAL,
        writes=True,
    ),
    Action(
        name="new", title="New …", says="issue a credential or make a request",
        key="n", footer=True, needs=Needs.NOTHING, mutates=True,
    ),
    NEW_CREDENTIAL,
    Action(
        name="new_request", title="New DPU request", says="make a DPUServiceCredentialRequest",
        words=(), needs=Needs.NOTHING, mutates=True,
        command=lines.new_request,
    ),
    Action(
        name="new_shoot", title="New shoot kubeconfig", says="for a Gardener shoot",
        words=("shoot",), needs=Needs.NOTHING, mutates=True,
        command=lines.new_shoot,
    ),
    Action(
        name="connect", title="Connect to the shoot", says="with a certificate that is kept in memory",
        fits=fit.SHOOT_APART,
        command=lines.connect,
    ),
    Action(
        name="disconnect", title="Leave the shoot", says="and forget its certificate", fits=fit.SHOOT_ENTERED,
    ),
    VERIFY,
    Action(
        name="inspect", title="Inspect", says="what the token or certificate says",
        key="i", footer=True, fits=fit.MATERIAL,
        command=lines.each("inspect"),
    ),
    Action(
        name="yaml", title="YAML", says="the object as YAML, secrets masked",
        key="y", footer=True, fits=fit.OBJECTS,
        command=lines.yaml,
    ),
    Action(
        name="details", title="Details", says="everything that is known", key="d", footer=True,
        command=lines.details,
    ),
    Action(
        name="reveal", title="Reveal", says="show the material for ten seconds",
        key="x", rests=True, fits=fit.MATERIAL,
        command=lines.reveal,
    ),
    REVOKE,
    UNDO,
    Action(
        name="snooze", title="Snooze alerts", says="no alerts of it for a while, or until it is renewed",
        key="z", label="snooze alerts", needs=Needs.SOME, fits=fit.ENDING,
    ),
    Action(
        name="renewal_loop", title="Renewal loop on or off", says="renew what is due, of the marked or of all",
        key="a", label="renewal loop", words=("loop",), needs=Needs.NOTHING, mutates=True,
        command=lines.always("kubemint", "rotate", "--due", "--watch"),
    ),
    Action(
        name="keep", title="Keep the request", says="make a DPU request what it should be, as DPF's controller does",
        key="K", needs=Needs.SOME, mutates=True, fits=fit.REQUESTS,
        command=lines.keep(),
    ),
    Action(
        name="delete_request", title="Delete the request", says="with all that was made for it; asks first",
        words=("delete",), needs=Needs.SOME, mutates=True, fits=fit.REQUESTS,
        command=lines.delete_request,
    ),
    Action(
        name="abandon", title="Abandon the request", says="let a deleted request go whatever is left; asks first",
        mutates=True, fits=fit.GOING,
        command=lines.keep("--abandon"),
    ),
    Action(
        name="snippet", title="Pod snippet", says="how a pod uses a Secret of type tokenFile",
        fits=fit.TOKEN_FILE,
        command=lines.each("snippet"),
    ),
    Action(
        name="new_tenant_store", title="New tenant store", says="make the SecretStore that leads into a tenant",
        words=("tenant-store",), needs=Needs.NOTHING, mutates=True,
        command=lines.by_form,
    ),
    Action(
        name="new_tenant_push", title="New tenant push", says="let a tenant into its management cluster",
        words=("tenant-push",), needs=Needs.NOTHING, mutates=True,
        command=lines.by_form,
    ),
    Action(
        name="csi_preview", title="CSI preview", says="what a CSI driver is given for a pod; mints only on demand",
        words=("csi",), needs=Needs.NOTHING, mutates=True,
        command=lines.by_form,
    ),
    Action(
        name="new_identity", title="New identity", says="make an account that mints short-lived tokens for itself",
        words=("identity",), needs=Needs.NOTHING, mutates=True,
        command=lines.new_identity,
    ),
    Action(
        name="mint", title="Mint a short-lived token", says="an identity asks for itself, with its long-lived token",
        mutates=True, fits=fit.MINTING,
        command=lines.mint,
    ),
    REACTIVATE,
    Action(
        name="lineage", title="Lineage", says="what leads to it, and who uses it",
        key="l", fits=fit.LINEAGE,
        command=lines.of_subject("lineage"),
    ),
    Action(
        name="powers", title="What can it do", says="its rights, the worst first",
        key="w", label="what it can do", words=("can", "powers"), fits=fit.POWERS,
        command=lines.of_subject("can"),
    ),
    Action(
        name="findings", title="Findings", says="what is wrong with credentials, and what to do",
        key="f", words=("findings", "hygiene"), needs=Needs.NOTHING,
        command=lines.always("kubemint", "hygiene"),
    ),
    Action(
        name="inspector", title="Inspect something else", says="paste or name a token, certificate, kubeconfig, Secret",
        key="p", label="inspect something else", words=("inspector", "paste"), needs=Needs.NOTHING,
        command=lines.always("kubemint", "inspect", "-"),
    ),
    Action(
        name="equivalent", title="Equivalent commands", says="what does the same on a command line, to copy",
        key="dollar_sign", label="as commands", key_display="$", words=("equivalent", "commands"), needs=Needs.SOME,
    ),
    Action(
        name="copy", title="Copy the address", says="to the terminal's clipboard",
        key="c", label="copy the address",
    ),
    Action(
        name="settings", title="Settings", says="theme, confirmation, grace, folders: what counts and why",
        key="comma", key_display=",", words=("settings", "config"), needs=Needs.NOTHING,
        command=lines.always("kubemint", "config", "show"),
    ),
    Action(
        name="trust", title="Say yes to a delivered cluster", says="see server, authority and source, then enter it",
        key="Y", label="say yes", footer=True, words=("trust",), mutates=True, fits=fit.UNTRUSTED,
        command=lines.trust,
    ),
    Action(
        name="reconnect", title="Reconnect", says="connect to this cluster anew, at once",
        key="R", footer=True, fits=fit.CLUSTERS,
        command=lines.reconnect,
    ),
)  # fmt: skip

BY_NAME: Final[dict[str, AnyAction]] = {action.name: action for action in ACTIONS}

NOVELTIES: Final[tuple[Novelty, ...]] = (
    Novelty("c", "new_credential", "Credential", "a service account's token, kept in a file or a Secret"),
    Novelty("i", "new_identity", "Identity", "an account that may mint short-lived tokens for itself"),
    Novelty("m", "mint", "Short-lived token", "minted by an identity itself, with its long-lived one"),
    Novelty("g", "new_shoot", "Shoot kubeconfig", "for Gardener: a certificate, a login, or no secret at all"),
    Novelty("d", "new_request", "DPUServiceCredentialRequest", "a lasting request, kept and renewed in the cluster"),
    Novelty("s", "new_tenant_store", "Tenant store", "the SecretStore that leads into a cluster of Cluster API"),
    Novelty("p", "new_tenant_push", "Tenant push", "a way into its management cluster, for a tenant"),
    Novelty("k", "csi_preview", "CSI tokens", "what a CSI driver is given for a pod"),
)


def words() -> dict[str, str]:
    """What can be said after `:`, and which action it is."""
    return {
        word: action.name
        for action in ACTIONS
        for word in ((action.name,) if action.words is None else action.words)
    }  # fmt: skip
