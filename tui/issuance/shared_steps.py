"""The steps that plans have in common, as a dry run says them and the journal knows them."""

from __future__ import annotations

from typing import Final

from .destinations.place import Place
from .types import Handle, Identity, Step

INTENT: Final = Step(id="intent", title="Journal what is intended")
COMMIT: Final = Step(id="commit", title="Journal the commit")


def prove_step(cluster: str, title: str = "Prove it with the token itself") -> Step:
    """Ask `cluster` whom it takes the new token's bearer for."""
    return Step(
        id="prove", title=title, verb="create", resource="selfsubjectreviews.authentication.k8s.io", cluster=cluster
    )


def mint_steps(identity: Identity, handle: str) -> list[Step]:
    """Request a token of `identity`, bound to the Secret `handle` (empty where it has no name yet), and prove it."""
    where = {"cluster": identity.cluster, "namespace": identity.namespace}
    return [
        Step(id="handle", title="Create the handle to revoke it by",
             verb="create", resource="secrets", name=handle, **where),
        Step(id="token", title="Request the token, bound to the handle",
             verb="create", resource="serviceaccounts/token", name=identity.name, **where),
        prove_step(identity.cluster),
    ]  # fmt: skip


def write_step(number: int, place: Place, *, exists: bool, title: str = "Write {}") -> Step:
    """Write the material into the plan's place of that number, counted from 0; `title` has room for the label."""
    return _at(place, f"write:{number}", title.format(place.label), "update" if exists else "create")


def check_step(number: int, place: Place) -> Step:
    """Read back what was written to the plan's place of that number."""
    return _at(place, f"check:{number}", f"Read {place.label} back and compare", "get")


def revoke_step(number: int, handle: Handle, title: str) -> Step:
    """Delete one of the handles of what is replaced, counted from 0."""
    return Step(
        id=f"revoke:{number}", title=title,
        verb="delete", resource="secrets", cluster=handle.cluster, namespace=handle.namespace, name=handle.name,
    )  # fmt: skip


def _at(place: Place, id_: str, title: str, verb: str) -> Step:
    if place.path is not None:
        return Step(id=id_, title=title, path=str(place.path))
    return Step(
        id=id_, title=title, verb=verb, resource="secrets",
        cluster=place.cluster, namespace=place.address.namespace, name=place.address.name,
    )  # fmt: skip
