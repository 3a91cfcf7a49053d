"""What can be done, in one table: its key, its words, what it needs to be chosen, and whether it changes anything.

Bindings, the footer, help, the palette, the words after `:` and the menu of `n` are all made from it, so that an action
that is added here is offered everywhere, and only where it is possible. A screen that offers an action has a method
`action_NAME`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from textual.binding import Binding

from tui.fleet.objects import has_object
from tui.fleet.query import identity_of
from tui.fleet.rows import SHOOT, AccountRow, ClusterRow, CredentialRow, Reach, RequestKind, RequestRow, Row
from tui.issuance.formats import Format
from tui.issuance.kinds import CredentialKind
from tui.issuance.types import State

from . import command_lines as lines
from .acting_on_identities import is_own_token
from .command_lines import Command


class Needs(Enum):
    """What has to be chosen."""

    NOTHING = 0
    """The fleet has to be open, that is all."""
    ONE = 1
    SOME = 2
    """One row or many."""
    JOURNAL = 3
    """The journal, with something in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that can be done. `fits` says whether it makes sense for a row at all."""

    name: str
    title: str
    """What the palette calls it."""
    says: str
    """What it does, in a few words."""
    key: str = ""
    label: str = ""
    """What the footer and the help call it; empty: its name."""
    key_display: str | None = None
    follows: str = ""
    """The action whose key it shares, and goes along with where somebody moves that."""
    footer: bool = False
    """Whether the footer has room for it."""
    words: tuple[str, ...] | None = None
    """What it is called after `:`; None: its name."""
    needs: Needs = Needs.ONE
    mutates: bool = False
    """Whether it changes something in a cluster."""
    writes: bool = False
    """Whether it writes a file on this machine that somebody names."""
    rests: bool = False
    """Whether its key does nothing right after other keys."""
    fits: Callable[[Row], bool] = lambda row: True
    command: Command | None = None
    """What does the same outside of the dashboard; None: nothing does. It gives no line where a form asks for more."""

    @property
    def suits(self) -> str:
        """What it can be done to, in words."""
        return _SUITS.get(self.fits, "other rows")

    @property
    def binding(self) -> Binding:
        label = self.label or self.name
        return Binding(
            self.key,
            self.name,
            label,
            show=self.footer,
            key_display=self.key_display,
            id=self.follows or self.name,
            tooltip=self.says,
        )


@dataclass(frozen=True, slots=True)
class Novelty:
    """One entry of the menu of `n`: its key there, and the action that it leads to."""

    key: str
    action: str
    title: str
    says: str


def _has_material(row: Row) -> bool:
    """Whether the engine can read what was issued."""
    if isinstance(row, RequestRow):
        return row.credential is not None
    return isinstance(row, CredentialRow) and not row.credential.address.own


def _has_credential(row: Row) -> bool:
    """Whether there is something that ends."""
    return isinstance(row, CredentialRow) or (isinstance(row, RequestRow) and row.credential is not None)


def _can_be_verified(row: Row) -> bool:
    return isinstance(row, CredentialRow) or _has_material(row)


def _can_be_rotated(row: Row) -> bool:
    if isinstance(row, RequestRow):
        return row.kind in (RequestKind.DPU, RequestKind.PUSH)
    return _has_material(row)


def _is_request(row: Row) -> bool:
    if isinstance(row, CredentialRow):
        return row.credential.address.kind is CredentialKind.REQUEST
    return isinstance(row, RequestRow) and row.kind is RequestKind.DPU


def _is_going(row: Row) -> bool:
    return isinstance(row, RequestRow) and row.deleted_at is not None


def _is_token_file(row: Row) -> bool:
    """Whether pods read it as DPF's tokenFile."""
    if isinstance(row, RequestRow):
        return row.type == Format.TOKEN_FILE
    kept = (CredentialKind.REQUEST, CredentialKind.SECRET)
    return (
        isinstance(row, CredentialRow)
        and row.credential.address.kind in kept
        and row.credential.format is Format.TOKEN_FILE
    )


def _can_mint(row: Row) -> bool:
    return isinstance(row, AccountRow) or is_own_token(row)


def _is_invalidated(row: Row) -> bool:
    """Whether its cluster refuses a long-lived token because nobody used it."""
    return (
        isinstance(row, CredentialRow)
        and row.credential.address.kind is CredentialKind.LEGACY
        and row.credential.state is State.REVOKED
    )


def _has_lineage(row: Row) -> bool:
    """Whether it speaks for somebody whose traces can be followed."""
    if identity_of(row) is not None:
        return True
    return isinstance(row, CredentialRow) and row.credential.address.own


def _has_powers(row: Row) -> bool:
    """Whether it can do anything at all."""
    if isinstance(row, CredentialRow):
        return _has_lineage(row) or row.credential.shoot is not None
    return identity_of(row) is not None


def _is_cluster(row: Row) -> bool:
    return isinstance(row, ClusterRow) and not _is_shoot_apart(row)


def _is_shoot_apart(row: Row) -> bool:
    return isinstance(row, ClusterRow) and row.reach is Reach.NOT_CONNECTED


def _is_shoot_entered(row: Row) -> bool:
    return isinstance(row, ClusterRow) and row.source == SHOOT and row.reach is not Reach.NOT_CONNECTED


def _is_untrusted(row: Row) -> bool:
    """Whether another cluster delivers it and it is not entered."""
    return isinstance(row, ClusterRow) and row.reach is Reach.UNTRUSTED


_SUITS: Final[dict[Callable[[Row], bool], str]] = {
    _has_material: "what was issued",
    _has_credential: "what ends",
    _can_be_verified: "credentials",
    _can_be_rotated: "credentials, DPU requests and PushSecrets",
    _is_request: "DPU requests",
    _is_going: "a request that is being deleted",
    _is_token_file: "a Secret of type tokenFile",
    _can_mint: "accounts and their own long-lived tokens",
    _is_invalidated: "long-lived tokens that their cluster invalidated",
    _has_lineage: "accounts and their credentials",
    _has_powers: "accounts and their credentials",
    _is_cluster: "clusters",
    _is_shoot_apart: "shoots that are not connected",
    _is_shoot_entered: "shoots that were entered here",
    _is_untrusted: "clusters that wait for your yes",
    has_object: "what is an object in a cluster",
}
"""What each `fits` looks for, in words."""

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="rotate", title="Rotate", says="renew at once, make before break",
        key="r", footer=True, needs=Needs.SOME, mutates=True, fits=_can_be_rotated,
        command=lines.rotate,
    ),
    Action(
        name="foresee", title="Dry run of a rotation", says="every call and every place, before anything is done",
        key="D", label="dry run", words=("dry-run", "plan"), needs=Needs.SOME, fits=_can_be_rotated,
        command=lines.together("rotate", after=("--dry-run",)),
    ),
    Action(
        name="export", title="Export", says="write to a file of its own",
        key="e", footer=True, needs=Needs.SOME, writes=True, fits=_has_material,
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
    Action(
        name="new_credential", title="New credential", says="issue one for a service account",
        words=(), needs=Needs.NOTHING, mutates=True,
        command=lines.new_credential,
    ),
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
        fits=_is_shoot_apart,
        command=lines.connect,
    ),
    Action(
        name="disconnect", title="Leave the shoot", says="and forget its certificate", fits=_is_shoot_entered,
    ),
    Action(
        name="verify", title="Verify", says="ask the cluster whether it is accepted",
        key="v", footer=True, needs=Needs.SOME, fits=_can_be_verified,
        command=lines.each("verify"),
    ),
    Action(
        name="inspect", title="Inspect", says="what the token or certificate says",
        key="i", footer=True, fits=_has_material,
        command=lines.each("inspect"),
    ),
    Action(
        name="yaml", title="YAML", says="the object as YAML, secrets masked",
        key="y", footer=True, fits=has_object,
        command=lines.yaml,
    ),
    Action(
        name="details", title="Details", says="everything that is known", key="d", footer=True,
        command=lines.details,
    ),
    Action(
        name="reveal", title="Reveal", says="show the material for ten seconds",
        key="x", rests=True, fits=_has_material,
        command=lines.reveal,
    ),
    Action(
        name="revoke", title="Revoke", says="end it; asks first",
        key="ctrl+d", key_display="^d", footer=True, needs=Needs.SOME, mutates=True, fits=_has_material,
        command=lines.together("revoke"),
    ),
    Action(
        name="undo", title="Undo the rotation", says="back to the old one, while its grace period runs",
        key="u", label="undo the rotation", needs=Needs.SOME, mutates=True, fits=_has_material,
        command=lines.each("undo"),
    ),
    Action(
        name="snooze", title="Snooze alerts", says="no alerts of it for a while, or until it is renewed",
        key="z", label="snooze alerts", needs=Needs.SOME, fits=_has_credential,
    ),
    Action(
        name="renewal_loop", title="Renewal loop on or off", says="renew what is due, of the marked or of all",
        key="a", label="renewal loop", words=("loop",), needs=Needs.NOTHING, mutates=True,
        command=lines.always("kubemint", "rotate", "--due", "--watch"),
    ),
    Action(
        name="keep", title="Keep the request", says="make a DPU request what it should be, as DPF's controller does",
        key="K", needs=Needs.SOME, mutates=True, fits=_is_request,
        command=lines.keep(),
    ),
    Action(
        name="delete_request", title="Delete the request", says="with all that was made for it; asks first",
        words=("delete",), needs=Needs.SOME, mutates=True, fits=_is_request,
        command=lines.delete_request,
    ),
    Action(
        name="abandon", title="Abandon the request", says="let a deleted request go whatever is left; asks first",
        mutates=True, fits=_is_going,
        command=lines.keep("--abandon"),
    ),
    Action(
        name="snippet", title="Pod snippet", says="how a pod uses a Secret of type tokenFile",
        fits=_is_token_file,
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
        mutates=True, fits=_can_mint,
        command=lines.mint,
    ),
    Action(
        name="reactivate", title="Re-activate", says="let a token work again that its cluster invalidated",
        needs=Needs.SOME, mutates=True, fits=_is_invalidated,
        command=lines.each("identity", "reactivate"),
    ),
    Action(
        name="lineage", title="Lineage", says="what leads to it, and who uses it",
        key="l", fits=_has_lineage,
        command=lines.of_subject("lineage"),
    ),
    Action(
        name="powers", title="What can it do", says="its rights, the worst first",
        key="w", label="what it can do", words=("can", "powers"), fits=_has_powers,
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
        key="Y", label="say yes", footer=True, words=("trust",), mutates=True, fits=_is_untrusted,
        command=lines.trust,
    ),
    Action(
        name="reconnect", title="Reconnect", says="connect to this cluster anew, at once",
        key="R", footer=True, fits=_is_cluster,
        command=lines.reconnect,
    ),
)  # fmt: skip

BY_NAME: Final[dict[str, Action]] = {action.name: action for action in ACTIONS}

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


def bindings() -> list[Binding]:
    """The keys of every screen whose rows can be acted on."""
    return [action.binding for action in ACTIONS if action.key]


def words() -> dict[str, str]:
    """What can be said after `:`, and which action it is."""
    return {
        word: action.name
        for action in ACTIONS
        for word in ((action.name,) if action.words is None else action.words)
    }  # fmt: skip


def possible(action: Action, rows: list[Row]) -> bool:
    """Whether it can be done to what is chosen."""
    if action.needs is Needs.NOTHING:
        return True
    if action.needs is Needs.JOURNAL or not rows or (len(rows) > 1 and action.needs is Needs.ONE):
        return False
    return all(action.fits(row) for row in rows)
