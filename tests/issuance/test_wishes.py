"""Which places get the next token: those that hold this very one, whatever id of a wish they carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Bench
from tui.issuance import managed, wishes
from tui.issuance.errors import UsageError
from tui.issuance.intent import Export
from tui.issuance.places import address_of
from tui.issuance.types import (
    Address,
    Credential,
    CredentialKind,
    FileDestination,
    Format,
    Handle,
    Identity,
    State,
)
from tui.issuance.wishes import belongs
from tui.kube.resource import SECRETS

ROBOT = Identity("harbor", "ns", "robot")
HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1")
ANOTHER = msgspec.structs.replace(HANDLE, uid="uid-2")
FILE = Address(CredentialKind.FILE, "", "", "/home/me/config")
KEPT = Credential(
    address=FILE, identity=ROBOT, format=Format.KUBECONFIG, handle=HANDLE, fingerprint="f1", state=State.VALID
)


@pytest.mark.parametrize(
    ("kept", "handle", "fingerprint", "right"),
    [
        ({}, HANDLE, "f1", True),
        ({}, HANDLE, "f2", True),  # this machine rotated it elsewhere: the file holds the token of the same handle
        ({}, HANDLE, "", True),
        ({}, ANOTHER, "f1", True),
        ({}, None, "f1", True),
        ({"handle": None}, None, "f1", True),
        ({"state": State.UNKNOWN}, HANDLE, "f1", True),
        # What it says of itself is no matter where the token is another one.
        ({}, ANOTHER, "f2", False),
        ({}, None, "f2", False),
        ({}, None, "", False),
        ({"handle": None}, None, "f2", False),
        ({"handle": None}, HANDLE, "f2", False),
        ({"fingerprint": ""}, None, "", False),
        ({"fingerprint": ""}, ANOTHER, "", False),
        ({"handle": None, "fingerprint": ""}, None, "", False),  # nothing is known of either: that is no agreement
        ({"handle": None, "fingerprint": ""}, None, "f1", False),
        # The very token, but not for it.
        ({"state": State.REVOKED}, HANDLE, "f1", False),
        ({"identity": None}, HANDLE, "f1", False),
        ({"identity": Identity("harbor", "ns", "admin")}, HANDLE, "f1", False),
        ({"identity": Identity("other", "ns", "robot")}, HANDLE, "f1", False),
        ({"format": Format.TOKEN}, HANDLE, "f1", False),
        ({"format": None}, HANDLE, "f1", False),
    ],
)
def test_a_file_belongs_to_the_token_that_it_holds(
    kept: dict[str, Any], handle: Handle | None, fingerprint: str, right: bool
) -> None:
    record = Export(credential=msgspec.structs.replace(KEPT, **kept), request="r1")
    assert belongs(record, ROBOT, Format.KUBECONFIG, handle, fingerprint) is right


async def wished(bench: Bench, address: Address) -> tuple[set[Address], Any, str]:
    spec, request = await wishes.wish_of(bench.engine._context, address)
    return {address_of(place, spec.identity) for place in spec.destinations}, spec, request


async def marks(bench: Bench, name: str, **said: str | None) -> None:
    """What whoever may patch the Secret writes."""
    patch = {"metadata": {"annotations": {managed.PREFIX + key: value for key, value in said.items()}}}
    await bench.client.patch(SECRETS, name, patch, namespace=bench.arena.namespace)


def file_of(destination: FileDestination) -> Address:
    return Address(CredentialKind.FILE, "", "", destination.path)


async def test_the_places_of_one_wish(ebench: Bench) -> None:
    arena = ebench.arena
    one, two, file = arena.secret("one"), arena.secret("two"), arena.file("a")
    issued = await ebench.issue(arena.spec(one, two, file, duration=timedelta(hours=2), audiences=()))
    first, second, third = arena.secret_address("one"), arena.secret_address("two"), file_of(file)
    for address in (first, second, third):
        places, spec, request = await wished(ebench, address)
        assert places == {first, second, third}, address
        assert (spec.identity, spec.format, spec.duration) == (arena.identity(), Format.KUBECONFIG, timedelta(hours=2))
        assert not spec.create_account, "an account that is gone by now is not made anew"
        assert request
    copy = arena.file("copy")
    assert (await ebench.engine.export(issued.address, copy)).ok
    places, _, _ = await wished(ebench, first)
    assert places == {first, second, third, file_of(copy)}
    assert (await wished(ebench, file_of(copy)))[0] == places

    # What the Secret beside it says of itself by now.
    await marks(ebench, "two", account=f"{arena.namespace}/admin")
    assert (await wished(ebench, first))[0] == places - {second}
    await marks(ebench, "two", account=f"{arena.namespace}/robot")
    assert (await wished(ebench, first))[0] == places
    labels = {"metadata": {"labels": {managed.MANAGED_BY: None}}}
    await ebench.client.patch(SECRETS, "two", labels, namespace=arena.namespace)
    assert (await wished(ebench, first))[0] == places, "looking at it says that it is not ours any more"
    await ebench.client.delete(SECRETS, "two", namespace=arena.namespace)
    assert (await wished(ebench, first))[0] == places, "it is made anew"


async def test_what_is_no_place_of_a_wish(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret("one")))
    token = FileDestination(str(arena.folder / "token"))
    assert (await ebench.engine.export(issued.address, token, Format.TOKEN)).ok
    with pytest.raises(UsageError, match="in another format or of a token that is not there any more"):
        await wished(ebench, file_of(token))
    record = ebench.state.export_record(file_of(token))
    assert record is not None
    for source in (None, Address(CredentialKind.LEGACY, arena.name, arena.namespace, "robot-token")):
        ebench.state.record_export(msgspec.structs.replace(record, source=source))
        with pytest.raises(UsageError, match="is a copy of"):
            await wished(ebench, file_of(token))
    with pytest.raises(UsageError, match="wrote no credential"):
        await wished(ebench, file_of(arena.file("nothing")))
    await marks(ebench, "one", format=None)
    with pytest.raises(UsageError, match="does not say whose"):
        await wished(ebench, issued.address)
    await marks(ebench, "one", format="kubeconfig", account=None)
    with pytest.raises(UsageError, match="do not say whose"):
        await wished(ebench, issued.address)
