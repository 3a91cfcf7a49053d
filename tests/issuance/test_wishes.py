"""Which places get the next token: those that hold this very one, whatever id of a wish they carry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Bench
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Destination, Handle, Identity, IssueSpec, State
from tui.issuance.objects import managed
from tui.issuance.records.intent import Export
from tui.issuance.tokens import wishes
from tui.issuance.tokens.wishes import belongs
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
    spec, request, _ = await wishes.wish_of(bench.engine._context, address)
    return {place.address(spec.identity) for place in spec.destinations}, spec, request


async def marks(bench: Bench, name: str, **said: str | None) -> None:
    """What whoever may patch the Secret writes."""
    patch = {"metadata": {"annotations": {managed.PREFIX + key: value for key, value in said.items()}}}
    await bench.client.patch(SECRETS, name, patch, namespace=bench.arena.namespace)


def places_in(spec: IssueSpec) -> list[Destination]:
    """In the same order, however they were found."""
    return sorted(spec.destinations, key=lambda place: str(place.address(spec.identity)), reverse=True)


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
    assert (await wished(ebench, first))[0] == places - {second}, "its namespace may be another team's by now"


async def test_what_is_wished_is_what_vouches_says(ebench: Bench) -> None:
    arena = ebench.arena
    asked = arena.spec(arena.secret("one"), audiences=("vault",), duration=timedelta(hours=3), format=Format.TOKEN)
    one = await ebench.issue(asked)
    _, spec, _ = await wished(ebench, one.address)
    assert spec == msgspec.structs.replace(asked, create_account=False)
    assert spec.create_account is False
    keys = await ebench.issue(arena.spec(arena.secret("two"), format=Format.SERVICE_ACCOUNT))
    _, spec, _ = await wished(ebench, keys.address)
    assert spec.destinations == (msgspec.structs.replace(arena.secret("two"), applied=True),)


async def test_a_merged_kubeconfig_stays_one(ebench: Bench) -> None:
    arena = ebench.arena
    merged = msgspec.structs.replace(arena.file("config"), merge=True)
    copied = msgspec.structs.replace(arena.file("copied"), merge=True)
    issued = await ebench.issue(arena.spec(arena.secret("one"), merged))
    assert (await ebench.engine.export(issued.address, copied)).ok
    entry = merged.address(arena.identity())
    for address in (issued.address, entry, copied.address(arena.identity())):
        _, spec, _ = await wished(ebench, address)
        assert places_in(spec) == [arena.secret("one"), copied, merged], address
    record = ebench.state.export_record(entry)
    assert record is not None
    assert record.spec is not None
    only = msgspec.structs.replace(record.spec, destinations=(arena.secret("one"),))
    ebench.state.record_export(msgspec.structs.replace(record, spec=only))
    _, spec, _ = await wished(ebench, entry)
    assert places_in(spec) == [arena.secret("one"), copied, merged], "a file is always a place of its own"


async def test_by_what_a_file_is_known_again(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret("one")))
    copy = arena.file("copy")
    assert (await ebench.engine.export(issued.address, copy)).ok
    record = ebench.state.export_record(file_of(copy))
    assert record is not None
    assert record.credential.handle is not None
    assert record.credential.fingerprint
    for told, request, known in (
        ({"handle": None}, record.request, True),
        ({"fingerprint": ""}, record.request, True),
        ({"handle": None, "fingerprint": ""}, record.request, False),
        ({}, "another wish", False),
        ({}, "", False),
        ({}, record.request, True),
    ):
        changed = msgspec.structs.replace(record.credential, **told)
        ebench.state.record_export(msgspec.structs.replace(record, credential=changed, request=request))
        assert (file_of(copy) in (await wished(ebench, issued.address))[0]) is known, (told, request)
    # What the Secret says of its handle and its token is an index: what was signed counts.
    for lie, told in (
        ({"handle": f"{arena.namespace}/kubemint-robot-bcdfghjk/another"}, {"fingerprint": ""}),
        ({"fingerprint": "another"}, {"handle": None}),
    ):
        await marks(ebench, "one", **lie)
        changed = msgspec.structs.replace(record.credential, **told)
        ebench.state.record_export(msgspec.structs.replace(record, credential=changed))
        assert file_of(copy) in (await wished(ebench, issued.address))[0], lie


async def test_files_that_belong_to_no_wish_do_not_belong_together(ebench: Bench) -> None:
    arena = ebench.arena
    one, two = arena.file("one"), arena.file("two")
    await ebench.issue(arena.spec(one, two))
    records = [ebench.state.export_record(file_of(place)) for place in (one, two)]
    for record, place in zip(records, (one, two), strict=True):
        assert record is not None
        assert record.spec is not None
        only = msgspec.structs.replace(record.spec, destinations=(place,))
        ebench.state.record_export(msgspec.structs.replace(record, spec=only))
    assert (await wished(ebench, file_of(one)))[0] == {file_of(one), file_of(two)}
    for record in records:
        assert record is not None
        assert record.spec is not None
        none = msgspec.structs.replace(record.spec, destinations=())
        ebench.state.record_export(msgspec.structs.replace(record, spec=none, request=""))
    assert (await wished(ebench, file_of(one)))[0] == {file_of(one)}


async def test_two_secrets_of_one_wish_get_the_next_token_together(ebench: Bench) -> None:
    """Where no file was among the places the second Secret kept the old token, and kept it alive."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret("one"), arena.secret("two")))

    async def held(name: str) -> Any:
        return (await ebench.client.get(SECRETS, name, namespace=arena.namespace))["data"]

    before = await held("one")
    assert before == await held("two")
    await ebench.rotate(issued.address)
    assert await held("one") == await held("two") != before
    assert len(await ebench.handles()) == 1


async def test_a_secret_that_nothing_vouches_for_any_more_gets_nothing(ebench: Bench) -> None:
    """Its marks still name the account."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret("one"), arena.secret("two")))
    second = arena.secret_address("two")
    assert second in (await wished(ebench, issued.address))[0]
    await ebench.issue(arena.spec(arena.secret("theirs"), identity=arena.identity("other")))
    theirs = await ebench.client.get(SECRETS, "theirs", namespace=arena.namespace)
    await ebench.client.patch(SECRETS, "two", {"data": theirs["data"]}, namespace=arena.namespace)
    assert second not in (await wished(ebench, issued.address))[0]


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
