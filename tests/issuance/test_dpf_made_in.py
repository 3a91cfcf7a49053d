"""What a request has was made in one cluster, and the name of that leads to another one by now: nothing is gone."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from tests.security.test_dpf_judging import REQUEST
from tui.issuance.families.dpf import made_in
from tui.issuance.families.dpf.cleanup import leftovers_of
from tui.issuance.families.dpf.kept import Kept
from tui.issuance.families.dpf.objects import NamespacedName
from tui.issuance.families.dpf.resources import DPU_REQUESTS, FINALIZER, MADE_IN
from tui.issuance.families.dpf.target import Target
from tui.issuance.model.types import Identity
from tui.issuance.records.entering import NO_AUTHORITY
from tui.issuance.records.whereabouts import Whereabouts, is_settled, noted, of_note
from tui.kube.endpoint import Endpoint
from tui.kube.errors import NotFound
from tui.kube.resource import SECRETS

from .dpf_place import Place, admin_conf

DIGEST, OTHER = "a" * 64, "b" * 64
HERE = f"{NO_AUTHORITY} https://here"
AWAY = f"{NO_AUTHORITY} https://away"


@pytest.mark.parametrize(
    ("then", "now", "found", "settled"),
    [
        (f"{DIGEST} https://a", f"{DIGEST} https://a", False, True),
        (f"{DIGEST} https://a", f"{DIGEST} https://b", False, False),
        (f"{DIGEST} https://a", f"{DIGEST} https://b", True, True),
        (f"{DIGEST} https://a", f"{OTHER} https://a", False, False),
        (f"{DIGEST} https://a", f"{OTHER} https://a", True, True),
        (f"{DIGEST} https://a", f"{OTHER} https://b", True, False),
        ("nonsense", f"{DIGEST} https://a", True, False),
        ("unreadable", "unreadable", True, False),
        (f"{DIGEST} https://a b", f"{DIGEST} https://a b", True, False),
        (f"{DIGEST} ", f"{DIGEST} ", True, False),
    ],
)
def test_what_is_made_elsewhere_is_not_gone(then: str, now: str, *, found: bool, settled: bool) -> None:
    assert is_settled(of_note(then, "c"), of_note(now, "c"), found=found) is settled


def test_a_note_is_read_as_it_was_written() -> None:
    at = Whereabouts("c", "https://a:6443", DIGEST)
    assert of_note(noted(at), "c") == at


def target(server: str = "https://here", uid: str = "t1") -> Target:
    return Target("harbor/dpf/tenant", Endpoint("harbor/dpf/tenant", server), uid)


KEPT = Kept(identity=Identity("harbor/dpf/tenant", "sa", "robot"), leads=HERE, home=NamespacedName("dpf", "tenant"))


@pytest.mark.parametrize(
    ("made", "of", "now", "found", "gone"),
    [
        ((), "", target(), False, True),  # an earlier version's: the name is all that there is
        ((HERE,), "t1", target(), False, True),
        ((HERE,), "t1", target("https://away"), False, False),
        ((HERE,), "t1", target("https://away"), True, False),
        ((HERE, AWAY), "t1", target(), False, False),
        ((HERE, AWAY), "t1", target(), True, True),
        (("garbage",), "t1", target(), True, False),
        ((HERE,), "t0", target("https://away"), False, True),  # it went with the DPUCluster that is gone
        ((HERE,), "", target("https://away"), False, False),
        ((HERE,), "t1", target("https://away", ""), False, False),
    ],
)
def test_gone_is_only_what_is_not_there_in_its_own_cluster(
    made: tuple[str, ...], of: str, now: Target, *, found: bool, gone: bool
) -> None:
    assert (made_in.why_not_gone(made, of, now, found=found) == "") is gone


def test_both_servers_are_named() -> None:
    said = made_in.why_not_gone((HERE,), "t1", target("https://away"), found=False)
    assert "https://here" in said
    assert "https://away" in said


@pytest.mark.parametrize(
    ("marked", "kept", "where", "said"),
    [
        (AWAY, KEPT, "dpf/tenant", (AWAY,)),
        ("", KEPT, "dpf/tenant", (HERE,)),
        (AWAY, Kept(), "dpf/tenant", (AWAY,)),
        ("", Kept(), "dpf/tenant", ()),
        (AWAY, msgspec.structs.replace(KEPT, lost=True), "dpf/tenant", (AWAY, HERE)),
        (AWAY, msgspec.structs.replace(KEPT, lost=True, leads=""), "dpf/tenant", (AWAY, "unreadable")),
        (AWAY, KEPT, "dpf/other", (HERE,)),  # the mark is of the cluster that the status says
        (AWAY, KEPT, "", ()),
        (AWAY, msgspec.structs.replace(KEPT, lost=True), "", (HERE,)),
    ],
)
def test_what_says_where_it_was_made(marked: str, kept: Kept, where: str, said: tuple[str, ...]) -> None:
    notes = {key: value for key, value in REQUEST.annotations.items() if key != MADE_IN}
    request = msgspec.structs.replace(REQUEST, annotations=notes | ({MADE_IN: marked} if marked else {}))
    assert request.status_target == NamespacedName("dpf", "tenant")
    assert made_in.notes(request, kept, NamespacedName.parse(where) if where else None) == said


async def lead(place: Place, number: int) -> None:
    """Let the first DPUCluster lead to this member."""
    data = {"data": {"admin.conf": admin_conf(place.known.endpoint(place.members[number]))}}
    await place.client.patch(SECRETS, f"{place.members[0]}-admin", data, namespace=place.ns)


@pytest.mark.parametrize("secret", ["there", "gone", "rewritten"])
async def test_a_deleted_request_stays_while_its_cluster_is_called_otherwise(place: Place, secret: str) -> None:
    """Whoever may patch the Secret with the kubeconfig leads the name to another cluster of the operator's."""
    await place.want()
    await place.keep()
    token = await place.token()
    await lead(place, 1)
    if secret == "gone":
        await place.client.delete(SECRETS, "out", namespace=place.ns)
    elif secret == "rewritten":
        own = (await place.secret()).values()["kubeconfig"].reveal_bytes()
        ends = [place.known.endpoint(name) for name in place.members]
        before, after = (base64.b64encode(one.ca or b"") for one in ends[:2])
        own = own.replace(ends[0].server.encode(), ends[1].server.encode()).replace(before, after)
        data = {"data": {"kubeconfig": base64.b64encode(own).decode()}}
        await place.client.patch(SECRETS, "out", data, namespace=place.ns)
    await place.delete()
    rest = await place.keep(ok=False)
    for name in place.members[:2]:
        assert place.known.endpoint(name).server in rest.error
    assert "abandon" in rest.hint
    assert FINALIZER in (await place.read()).finalizers
    assert await place.works(token)
    await lead(place, 0)
    assert (await place.keep()).request is None
    assert await place.refused(token)


async def test_it_is_let_go_where_that_is_asked(place: Place) -> None:
    await place.want()
    await place.keep()
    await lead(place, 1)
    await place.delete()
    rest = await place.keep(abandon=True)
    assert rest.request is None
    assert any(note.startswith("left behind: cannot clean up handle") for note in rest.notes), rest.notes
    with pytest.raises(NotFound):
        await place.read()


async def test_what_a_rotation_leaves_elsewhere_stays_written_down(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    await lead(place, 1)
    rest = await place.keep()
    assert rest.issued
    assert any("cannot clean up handle" in note for note in rest.notes), rest.notes
    left: list[Any] = [one.kind for one in leftovers_of(await place.read())]
    assert "handle" in left
    assert await place.works(token)
    await lead(place, 0)
    await place.keep()
    assert await place.refused(token)


async def test_a_request_of_an_earlier_version_is_marked_when_it_is_kept(place: Place) -> None:
    await place.want()
    await place.keep()
    marked = (await place.read()).annotations[MADE_IN]
    endpoint = place.known.endpoint(place.members[0])
    assert marked.endswith(f" {endpoint.server}")
    await place.client.patch(DPU_REQUESTS, "req", {"metadata": {"annotations": {MADE_IN: None}}}, namespace=place.ns)
    assert not (await place.keep()).issued
    assert (await place.read()).annotations[MADE_IN] == marked
