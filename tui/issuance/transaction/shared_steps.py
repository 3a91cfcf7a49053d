"""The steps that plans have in common, as a dry run says them and the journal knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.destinations.place import Place
from tui.issuance.model.types import Handle, Identity, StepInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

INTENT: Final = StepInfo(id="intent", title="Journal what is intended")
COMMIT: Final = StepInfo(id="commit", title="Journal the commit")


def prove_step(cluster: str, title: str = "Prove it with the token itself") -> StepInfo:
    """Ask `cluster` whom it takes the new token's bearer for."""
    return StepInfo(
        id="prove", title=title, verb="create", resource="selfsubjectreviews.authentication.k8s.io", cluster=cluster
    )


def mint_steps(identity: Identity, handle: str) -> tuple[StepInfo, StepInfo, StepInfo]:
    """Request a token of `identity`, bound to the Secret `handle` (empty where it has no name yet), and prove it."""
    where = {"cluster": identity.cluster, "namespace": identity.namespace}
    return (
        StepInfo(id="handle", title="Create the handle to revoke it by",
             verb="create", resource="secrets", name=handle, **where),
        StepInfo(id="token", title="Request the token, bound to the handle",
             verb="create", resource="serviceaccounts/token", name=identity.name, **where),
        prove_step(identity.cluster),
    )  # fmt: skip


def write_step(number: int, place: Place, *, exists: bool, title: str = "Write {}") -> StepInfo:
    """Write the material into the plan's place of that number, counted from 0; `title` has room for the label."""
    return _at(place, f"write:{number}", title.format(place.label), "update" if exists else "create")


def check_step(number: int, place: Place) -> StepInfo:
    """Read back what was written to the plan's place of that number."""
    return _at(place, f"check:{number}", f"Read {place.label} back and compare", "get")


def account_step(identity: Identity) -> StepInfo:
    """Create the account."""
    return StepInfo(
        id="account", title=f"Create the service account {identity.name}", verb="create", resource="serviceaccounts",
        cluster=identity.cluster, namespace=identity.namespace, name=identity.name,
    )  # fmt: skip


def revoke_steps(handles: Sequence[Handle], title: str) -> tuple[StepInfo, ...]:
    """Delete the handles of what is replaced, when the grace is over."""
    return tuple(revoke_step(number, handle, title) for number, handle in enumerate(handles))


def revoke_step(number: int, handle: Handle, title: str) -> StepInfo:
    """Delete one of the handles of what is replaced, counted from 0."""
    return StepInfo(
        id=f"revoke:{number}", title=title,
        verb="delete", resource="secrets", cluster=handle.cluster, namespace=handle.namespace, name=handle.name,
    )  # fmt: skip


def _at(place: Place, id_: str, title: str, verb: str) -> StepInfo:
    if place.path is not None:
        return StepInfo(id=id_, title=title, path=str(place.path))
    if place.address.here:
        return StepInfo(id=id_, title=title, verb=verb, cluster=place.cluster, name=place.address.name)
    return StepInfo(
        id=id_, title=title, verb=verb, resource="secrets",
        cluster=place.cluster, namespace=place.address.namespace, name=place.address.name,
    )  # fmt: skip
