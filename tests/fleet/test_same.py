"""Which clusters lead to the same server, and which of them shows what is in it: the decision in tables."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from tui.fleet.rows import ClusterRow, DeliveredFacts, Reach
from tui.fleet.same import Way, compare, echoes, one_name
from tui.issuance.records.entering import DeliveredBy, SourceKind
from tui.kube.endpoint import Endpoint

SERVER = "https://tenant:6443"


def way(name: str, reach: Reach = Reach.READY, *, missing: tuple[str, ...] = (), **endpoint: Any) -> Way:
    """A context where the name has no slash, else a cluster that is delivered."""
    by = DeliveredBy(SourceKind.DPU_CLUSTER, *name.split("/")) if "/" in name else None
    row = ClusterRow(
        name=name, reach=reach, missing=missing, delivered=DeliveredFacts(by=by) if by is not None else None
    )
    return Way(Endpoint(name=name, **({"server": SERVER, "ca": b"PEM"} | endpoint)), row)


def carried(*ways: Way) -> dict[str, str]:
    return {name: by for name, (_, by) in compare({one.row.name: one for one in ways}).items()}


CONTEXT, FIRST, SECOND = "tenant", "harbor/a/tenant", "harbor/b/tenant"


def test_the_same_server_by_address_and_authority_however_written() -> None:
    one = way("one", server="https://Harbor:443/", ca=b"PEM\n")
    for other, same in (
        ({"server": "https://harbor", "ca": b"PEM"}, True),
        ({"server": "https://harbor:6443", "ca": b"PEM"}, False),
        ({"server": "https://harbor", "ca": b"other"}, False),
        ({"server": "https://harbor", "ca": None}, False),
        ({"server": "https://harbor/path", "ca": b"PEM"}, False),
        ({"server": "https://harbor", "ca": b"PEM", "tls_server_name": "else"}, False),
        ({"server": "http://harbor:443", "ca": b"PEM"}, False),
    ):
        found = compare({"one": one, "two": way("two", **other)})
        assert found["one"][0] == (("two",) if same else ()), other


def test_every_cluster_stays_and_knows_the_others() -> None:
    found = compare({name: way(name) for name in (SECOND, FIRST, CONTEXT)})
    assert found == {
        CONTEXT: ((FIRST, SECOND), ""),
        FIRST: ((CONTEXT, SECOND), CONTEXT),
        SECOND: ((CONTEXT, FIRST), CONTEXT),
    }


@pytest.mark.parametrize("order", list(permutations((FIRST, SECOND, CONTEXT, "again"))))
def test_whichever_answers_first_they_are_called_and_shown_the_same(order: tuple[str, ...]) -> None:
    """While the rest connects; nothing depends on who was found, or answered, first."""
    for ready in range(len(order) + 1):
        ways = {
            name: way(name, Reach.READY if number < ready else Reach.CONNECTING) for number, name in enumerate(order)
        }
        found = compare(ways)
        assert {name: by for name, (_, by) in found.items()} == {
            FIRST: "again", SECOND: "again", CONTEXT: "", "again": "",
        }  # fmt: skip
        assert {(name, *others) for name, (others, _) in found.items()} == {
            (CONTEXT, "again", FIRST, SECOND), ("again", CONTEXT, FIRST, SECOND),
            (FIRST, "again", CONTEXT, SECOND), (SECOND, "again", CONTEXT, FIRST),
        }  # fmt: skip
        rows = {name: msgspec.structs.replace(ways[name].row, same=found[name][0], carried_by=found[name][1])
                for name in order}  # fmt: skip
        assert {one_name(rows, name) for name in order} == {"again"}


@pytest.mark.parametrize("reach", list(Reach))
def test_a_context_shows_what_is_in_the_server_while_it_answers(reach: Reach) -> None:
    shows = reach in (Reach.READY, Reach.SLOW, Reach.NOT_READY, Reach.CONNECTING)
    assert carried(way(CONTEXT, reach), way(FIRST), way(SECOND)) == {
        CONTEXT: "",
        FIRST: CONTEXT if shows else "",
        SECOND: CONTEXT if shows else FIRST,
    }


def test_what_a_context_may_not_list_is_shown_by_the_way_that_was_delivered() -> None:
    limited = way(CONTEXT, missing=("no right",))
    assert carried(limited, way(FIRST)) == {CONTEXT: "", FIRST: ""}


def test_what_was_asked_for_by_name_shows_what_is_in_it() -> None:
    ways = {one.row.name: one for one in (way(FIRST), way(SECOND))}
    assert compare(ways, {SECOND}) == {FIRST: ((SECOND,), SECOND), SECOND: ((FIRST,), "")}
    ways[CONTEXT] = way(CONTEXT)
    assert {name: by for name, (_, by) in compare(ways, {SECOND, CONTEXT}).items()} == {
        CONTEXT: "",
        FIRST: CONTEXT,
        SECOND: CONTEXT,
    }


def test_a_context_is_never_left_to_another() -> None:
    assert carried(way("a"), way("b")) == {"a": "", "b": ""}


def test_of_two_that_are_delivered_the_one_that_answers_shows_it() -> None:
    assert carried(way(FIRST, Reach.UNREACHABLE), way(SECOND)) == {FIRST: "", SECOND: ""}
    assert carried(way(FIRST), way(SECOND, Reach.UNREACHABLE)) == {FIRST: "", SECOND: FIRST}
    assert carried(way(FIRST, Reach.UNREACHABLE), way(SECOND, Reach.UNREACHABLE)) == {FIRST: "", SECOND: ""}


def test_one_that_shows_less_does_not_change_places_for_ever() -> None:
    """Who is left to another lists nothing, so nothing is missing there: that must not make it the one who shows."""
    limited = way(FIRST, missing=("no right",))
    assert carried(limited, way(SECOND)) == {FIRST: "", SECOND: ""}


@pytest.mark.parametrize(
    ("other", "reach", "echoed"),
    [
        (CONTEXT, Reach.UNREACHABLE, True),
        (CONTEXT, Reach.READY, False),
        ("harbor/a/before", Reach.UNREACHABLE, True),
        ("harbor/z/after", Reach.UNREACHABLE, False),
        ("not there", Reach.UNREACHABLE, False),
    ],
)
def test_the_same_trouble_of_the_same_server_is_said_once(other: str, reach: Reach, echoed: bool) -> None:
    row = msgspec.structs.replace(way(FIRST, Reach.UNREACHABLE).row, same=(other,))
    clusters = {} if other == "not there" else {other: way(other, reach).row}
    assert echoes(row, clusters) is echoed


def test_ones_own_trouble_is_always_said() -> None:
    row = msgspec.structs.replace(way("b", Reach.UNREACHABLE).row, same=("a",))
    assert not echoes(row, {"a": way("a", Reach.UNREACHABLE).row})


def test_an_address_that_is_none_is_nobodys() -> None:
    assert compare({name: way(name, server="https://[x") for name in "ab"})["a"][0] == ()
