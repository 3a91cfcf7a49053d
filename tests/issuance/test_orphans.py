"""Handles without a place: which nobody accounts for, what is not known, and what hygiene says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.controlplane import RealControlPlane
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.apiserver.storage import SECRETS as STORED
from tui.demo.cluster import EmbeddedCluster
from tui.demo.fleet import EmbeddedFleet
from tui.demo.scenery.population import Settler
from tui.fleet.fleet import Fleet
from tui.fleet.hygiene import check
from tui.fleet.orphans import Accounts, sort
from tui.fleet.rows import ClusterRow, CredentialRow, DeliveredFacts, Reach, RequestRow
from tui.fleet.store import FleetStore
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.families.dpf.listing import REQUEST
from tui.issuance.insight.hygiene import Fix, Report
from tui.issuance.insight.hygiene.lost_handles import lost_handle
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.severity import Severity
from tui.issuance.model.types import Address, Credential, Handle, Identity, IssueSpec, State
from tui.issuance.objects import managed
from tui.issuance.records.entering import DeliveredBy, SourceKind
from tui.issuance.records.state import StateStore
from tui.issuance.trust import handle_names, orphans
from tui.issuance.trust.handle_names import Meant
from tui.issuance.trust.handles import CHANGED, Seen
from tui.issuance.trust.orphans import YOUNG, Facts, Standing, Walked, judge, unseen
from tui.kube.kubeconfig import load
from tui.kube.resource import SECRETS

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HANDLE = Handle("harbor", "default", "kubemint-robot-bcdfghjk", "uid-1")
SEEN = Seen(
    namespace="default",
    name=HANDLE.name,
    uid="uid-1",
    type=managed.HANDLE_TYPE,
    marked=True,
    account="default/robot",
    secrets=("default/robot-credential",),
    requested=8 * HOUR,
)
ONE = Walked(handle=HANDLE, seen=SEEN, created_at=NOW - HOUR, issued_by="laptop")


def changed(one: Walked = ONE, **seen: Any) -> Walked:
    own = {key: seen.pop(key) for key in ("handle", "created_at", "issued_by") if key in seen}
    return msgspec.structs.replace(one, seen=msgspec.structs.replace(one.seen, **seen), **own)


@pytest.mark.parametrize(
    ("one", "facts", "standing"),
    [
        (ONE, Facts(), Standing.LOST),
        (ONE, Facts(named=True), Standing.KEPT),
        (ONE, Facts(named=True, unseen=("x is away",)), Standing.KEPT),
        (ONE, Facts(pending=True), Standing.KEPT),
        (changed(deleted=True), Facts(), Standing.KEPT),
        (ONE, Facts(unseen=("x is away",)), Standing.UNKNOWN),
        (changed(created_at=None), Facts(), Standing.UNKNOWN),
        (changed(created_at=NOW - YOUNG), Facts(), Standing.LOST),
        (changed(created_at=NOW - YOUNG + timedelta(seconds=1)), Facts(), Standing.YOUNG),
        (changed(created_at=NOW - YOUNG + timedelta(seconds=1)), Facts(unseen=("x is away",)), Standing.YOUNG),
        # Somebody else's rotation leaves the old one for its grace.
        (ONE, Facts(replaced_at=NOW - timedelta(seconds=599)), Standing.YOUNG),
        (ONE, Facts(replaced_at=NOW - YOUNG), Standing.LOST),
    ],
)
def test_who_accounts_for_a_handle(one: Walked, facts: Facts, standing: Standing) -> None:
    assert judge(one, facts, NOW).standing is standing


def test_what_is_not_known_says_why() -> None:
    assert judge(ONE, Facts(unseen=("x is away", "y too")), NOW).why == "x is away; y too"
    assert judge(changed(created_at=None), Facts(), NOW).why == "it does not say when it was made"


@pytest.mark.parametrize(
    ("secrets", "away", "said"),
    [
        (("default/robot-credential",), (), ()),
        (("default/robot-credential",), ("harbor/default",), ("harbor/default",)),
        (("default/robot-credential",), ("harbor/web", "edge/"), ()),
        (("default/a", "tenant/edge/web/b"), ("tenant/edge/web",), ("tenant/edge/web",)),
        # Made for a file, or kept by a request: then it may be anywhere in its cluster, or in one that delivers.
        ((), ("harbor/",), ("harbor/", "edge is away")),
        ((), (), ("edge is away",)),
        (("nonsense",), (), ("edge is away",)),
        (("/x", "//"), (), ("edge is away",)),
    ],
)
def test_where_it_could_be_and_was_not_looked_for(
    secrets: tuple[str, ...], away: tuple[str, ...], said: tuple[str, ...]
) -> None:
    def known(cluster: str, namespace: str) -> str:
        return f"{cluster}/{namespace}" if f"{cluster}/{namespace}" in away else ""

    assert unseen(changed(secrets=secrets), known, lambda: ("edge is away",)) == said


def test_what_somebody_changed_may_be_anywhere() -> None:
    """Where to look is narrowed down by annotations: a handle that says another place would look lost."""
    secrets = ("default/robot-credential",)
    name = handle_names.fresh(Meant(account="default/robot", secrets=secrets, requested=8 * HOUR))
    true = changed(name=name, secrets=secrets)
    assert unseen(true, lambda *_: "", lambda: ()) == ()
    assert unseen(changed(true, secrets=("default/else",)), lambda *_: "", lambda: ()) == (CHANGED,)


def test_the_finding_says_whose_since_when_how_long_and_what_ends_it() -> None:
    finding = lost_handle(ONE, NOW)
    assert finding.subject == "handle:harbor/default/kubemint-robot-bcdfghjk"
    assert finding.command == "kubemint revoke handle:harbor/default/kubemint-robot-bcdfghjk"
    assert (finding.fix, finding.severity) == (Fix.REVOKE_HANDLE, Severity.MEDIUM)
    assert finding.identity == Identity("harbor", "default", "robot")
    for part in ("default/robot", "made an hour ago by laptop", "default/robot-credential", "as its annotation",
                 "it ends in 7h 00m"):  # fmt: skip
        assert part in finding.message, finding.message
    assert finding.key == lost_handle(ONE, NOW + HOUR).key, "the same at the next look"


@pytest.mark.parametrize(
    ("one", "part", "severity"),
    [
        (changed(requested=None), "when it ends is not known", Severity.MEDIUM),
        (changed(requested=timedelta(minutes=30)), "it ended 30 minutes ago", Severity.LOW),
        (changed(requested=timedelta.max), "when it ends is not known", Severity.MEDIUM),
        (changed(secrets=()), "it may be in a file on another machine", Severity.MEDIUM),
        (changed(issued_by="\x1b[31mred"), "made an hour ago by", Severity.MEDIUM),
    ],
)
def test_what_it_does_not_say(one: Walked, part: str, severity: Severity) -> None:
    finding = lost_handle(one, NOW)
    assert part in finding.message
    assert finding.severity is severity
    assert "\x1b" not in finding.message


@pytest.mark.parametrize(
    "fields", [{"type": "Opaque"}, {"account": "kube-system/robot"}, {"account": "default/other"}, {"keys": ("key",)}]
)
def test_what_kubemint_may_not_delete_is_left_to_people(fields: dict[str, Any]) -> None:
    finding = lost_handle(changed(**fields), NOW)
    assert finding.fix is Fix.NONE
    assert finding.command == "kubectl --context harbor -n default delete secret kubemint-robot-bcdfghjk"


# What the fleet shows


def standing(one: Walked, *rows: Any, pending: tuple[Handle, ...] = (), namespace: str | None = None) -> str:
    store = FleetStore()
    given = [row for row in rows if isinstance(row, ClusterRow)]
    store.put(*(given or [ClusterRow(name="harbor", reach=Reach.READY, synced_at=NOW)]))
    for row in rows:
        if isinstance(row, Credential):
            store.put(CredentialRow(credential=row, cluster="harbor"))
        elif isinstance(row, RequestRow):
            store.put(row)
    walked = [one, *(row for row in rows if isinstance(row, Walked))]
    lost, doubts = sort(walked, Accounts(store, pending, namespace, walked), lambda cluster: NOW)
    return "lost" if one in lost else doubts[0] if doubts else "kept"


READY: dict[str, Any] = {"reach": Reach.READY, "synced_at": NOW}
PLACE = Credential(
    address=Address(CredentialKind.SECRET, "harbor", "default", "robot-credential"),
    issued_at=NOW - HOUR,
    handle=HANDLE,
    state=State.VALID,
)
FILE = msgspec.structs.replace(PLACE, address=Address(CredentialKind.FILE, "", "", "/x"))
OTHER = msgspec.structs.replace(HANDLE, uid="uid-2")
AFTER = Walked(handle=OTHER, seen=SEEN, created_at=NOW)


def test_a_secret_accounts_only_for_a_handle_that_was_made_for_it() -> None:
    """Anybody may write a mark that names a handle; what the handle was made for stands in its name."""
    meant = Meant(account="default/robot", request="r", secrets=("default/robot-credential",), requested=8 * HOUR)
    name = handle_names.fresh(meant)
    handle = Handle("harbor", "default", name, "uid-1")
    seen = msgspec.structs.replace(SEEN, name=name, request="r")
    assert seen.is_as_made
    one = Walked(handle=handle, seen=seen, created_at=NOW - HOUR, issued_by="laptop")
    own = msgspec.structs.replace(PLACE, handle=handle)
    others = msgspec.structs.replace(own, address=Address.secret("harbor", "mal", "harmless"))
    in_file = msgspec.structs.replace(own, address=Address.file("/a"))
    assert [standing(one, place) for place in (own, others, in_file)] == ["kept", "lost", "kept"]
    argo = [msgspec.structs.replace(own, address=Address(CredentialKind.ARGO_CD, "harbor", *at))
            for at in (("default", "robot-credential"), ("mal", "x"))]  # fmt: skip
    login = msgspec.structs.replace(own, address=Address.login("harbor/mal/x"))
    mine = msgspec.structs.replace(own, address=Address.login("harbor"))
    by = ClusterRow(
        name="harbor/mal/x", delivered=DeliveredFacts(by=DeliveredBy(SourceKind.ARGO_CD, "harbor", "mal", "x"))
    )
    ready = ClusterRow(name="harbor", **READY)
    said = [standing(one, place, ready, by) for place in (*argo, login, mine)]
    assert said == ["kept", "lost", "lost", "kept"], "an unsigned token names any handle"
    apart = Handle("m/dpf/t", "default", name, "uid-1")
    clusters = (ClusterRow(name="harbor", **READY), ClusterRow(name="m/dpf/t", reach=Reach.UNTRUSTED))
    named = [msgspec.structs.replace(place, handle=apart) for place in (own, others, in_file)]
    assert [standing(one, place, *clusters) for place in named] == ["kept", "lost", "kept"], "nor by way of another"
    for places in ((), ("default/robot-credential",)):
        old = Walked(handle=HANDLE, seen=msgspec.structs.replace(SEEN, secrets=places), created_at=NOW - HOUR)
        assert not old.seen.is_as_made
        assert orphans.accounts_for(old, "harbor", "mal", "harmless") is not bool(places)
        assert orphans.accounts_for(old, "harbor", "default", "robot-credential")


def test_a_request_accounts_only_for_a_handle_that_was_made_for_it() -> None:
    meant = Meant(account="default/robot", request="r1")
    name = handle_names.fresh(meant)
    seen = msgspec.structs.replace(SEEN, name=name, request="r1", secrets=(), requested=None)
    one = Walked(handle=msgspec.structs.replace(HANDLE, name=name), seen=seen, created_at=NOW - HOUR)
    assert seen.is_as_made
    address = Address(CredentialKind.REQUEST, "harbor", "a", "b")
    said = Credential(address=address, handle=one.handle, state=State.VALID)
    for uid, expected in (("r1", "kept"), ("r2", "lost"), ("", "lost")):
        row = RequestRow(cluster="harbor", namespace="a", name="b", kind=REQUEST, uid=uid, credential=said)
        assert standing(one, row) == expected
    assert orphans.accounts_for_request(ONE, "r2"), "handles of old do not say"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), "lost"),
        ((PLACE,), "kept"),
        ((FILE,), "kept"),
        ((msgspec.structs.replace(PLACE, address=Address(CredentialKind.REQUEST, "harbor", "a", "b")),), "kept"),
        ((msgspec.structs.replace(PLACE, handle=OTHER),), "lost"),
        ((AFTER, msgspec.structs.replace(PLACE, handle=OTHER)), "kept"),  # just rotated by somebody
        ((msgspec.structs.replace(AFTER, created_at=NOW - YOUNG),), "lost"),
        ((msgspec.structs.replace(AFTER, created_at=NOW + YOUNG),), "lost"),
        ((msgspec.structs.replace(AFTER, seen=changed(secrets=("default/else",)).seen),), "lost"),
        # The mark `issued` is whoever's who may patch the Secret: now, and again every few minutes, or far ahead.
        ((msgspec.structs.replace(PLACE, handle=OTHER, issued_at=NOW),), "lost"),
        ((msgspec.structs.replace(PLACE, handle=OTHER, issued_at=NOW.replace(year=2099)),), "lost"),
        ((ClusterRow(name="harbor", reach=Reach.UNREACHABLE),), "harbor is unreachable"),
        ((ClusterRow(name="harbor", reach=Reach.READY),), "harbor is ready"),  # and nothing was listed yet
        (
            (ClusterRow(name="harbor", missing=("managed Secrets: no right to list secrets",), **READY),),
            "managed Secrets: no right",
        ),
        (
            (ClusterRow(name="harbor", same=("way",), **READY), ClusterRow(name="way", carried_by="harbor", **READY),
             msgspec.structs.replace(FILE, handle=msgspec.structs.replace(HANDLE, cluster="way"))),
            "kept",
        ),
        (  # two contexts lead to it, and each shows what is in it
            (ClusterRow(name="harbor", same=("admin",), **READY), ClusterRow(name="admin", same=("harbor",), **READY),
             msgspec.structs.replace(FILE, handle=msgspec.structs.replace(HANDLE, cluster="admin"))),
            "kept",
        ),
        (  # a name by which nobody entered may be this one's as well
            (ClusterRow(name="harbor", **READY), ClusterRow(name="m/dpf/t", reach=Reach.UNTRUSTED),
             msgspec.structs.replace(FILE, handle=msgspec.structs.replace(HANDLE, cluster="m/dpf/t"))),
            "kept",
        ),
        (
            (ClusterRow(name="harbor", **READY), ClusterRow(name="other", **READY),
             msgspec.structs.replace(FILE, handle=msgspec.structs.replace(HANDLE, cluster="other"))),
            "lost",
        ),
    ],
)  # fmt: skip
def test_what_the_fleet_shows_accounts_for_it(rows: tuple[Any, ...], expected: str) -> None:
    assert expected in standing(ONE, *rows)


def test_open_work_accounts_for_it_and_one_namespace_tells_nothing_of_others() -> None:
    assert standing(ONE, pending=(msgspec.structs.replace(HANDLE, uid=""),)) == "kept"
    assert standing(ONE, namespace="default") == "lost"
    assert "only namespace web" in standing(ONE, namespace="web")
    assert "no cluster here is called" in standing(changed(secrets=("edge/default/x",)))


def test_one_without_a_secret_may_be_a_requests_of_a_cluster_that_was_not_looked_at() -> None:
    one = changed(secrets=())
    harbor, lost = ClusterRow(name="harbor", **READY), Reach.UNREACHABLE
    assert standing(one, harbor) == "lost"
    assert "edge is unreachable" in standing(one, harbor, ClusterRow(name="edge", reach=lost))
    assert standing(ONE, harbor, ClusterRow(name="edge", reach=lost)) == "lost", "it says where it was put"
    requests = ClusterRow(name="edge", missing=("credential requests: no right to list them",), **READY)
    assert "edge: credential requests" in standing(one, harbor, requests)


# On clusters


def aged(cluster: EmbeddedCluster, name: str = "lost-credential") -> Handle:
    """A managed Secret of two hours, and its handle; somebody deletes the Secret by hand."""
    settler = Settler(cluster)
    owner = settler.account("payments", "api")
    secret = settler.managed(name, owner, age=2 * HOUR, lifetime=8 * HOUR)
    namespace, handle, uid = secret["metadata"]["annotations"]["kubemint.io/handle"].split("/")
    cluster.storage.delete(STORED, name, namespace)
    return Handle(cluster.name, namespace, handle, uid)


async def looked(embedded: EmbeddedFleet, folder: Path, **options: Any) -> Report:
    state = StateStore.open(folder / "state")
    config = load(str(embedded.kubeconfig))
    fleet = Fleet(config, state=state, read_only=True)
    try:
        await fleet.start()
        assert await fleet.settled(15)
        rows = fleet.store
        return await check(
            fleet, credentials=rows.credentials.values(), accounts=rows.accounts.values(), config=config, **options
        )
    finally:
        await fleet.stop()
        state.close()


def found(report: Report) -> list[str]:
    return [finding.subject for finding in report.findings if finding.rule == "lost-handle"]


async def test_a_secret_deleted_by_hand_leaves_a_finding(tmp_path: Path) -> None:
    async with EmbeddedFleet(clusters=1, accounts=3, troubled=False, controller=False) as embedded:
        cluster = embedded.cluster("harbor")
        assert found(await looked(embedded, tmp_path)) == [], "the demo's own are all accounted for"
        handle = aged(cluster)
        report = await looked(embedded, tmp_path)
        assert found(report) == [f"handle:harbor/payments/{handle.name}"]
        cluster.faults.add(FaultRule(Answer(403), path="/secrets$"))
        report = await looked(embedded, tmp_path)
        assert found(report) == [], "what may not be listed is not guessed"
        assert any("no right to list Secrets" in gap for gap in report.gaps)


@pytest.mark.real
async def test_on_a_real_control_plane(
    real_control_plane: RealControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Secret and a file of one token each; the Secret is deleted by hand, the file stays."""
    monkeypatch.setattr(orphans, "YOUNG", timedelta(0))
    state = StateStore.open(tmp_path / "state")
    config = load(str(real_control_plane.kubeconfig))
    fleet = Fleet(config, state=state, only=["real"])
    try:
        await fleet.start()
        assert await fleet.settled(20)
        made = []
        places: tuple[SecretDestination | FileDestination, ...] = (
            SecretDestination("real", "default", "orphan"),
            FileDestination(str(tmp_path / "orphan.kc")),
        )
        for number, place in enumerate(places):
            spec = IssueSpec(
                identity=Identity("real", "default", f"orphan-{number}"), destinations=(place,), create_account=True
            )
            outcome = await fleet.engine.execute(await fleet.engine.plan(spec))
            assert outcome.credential is not None, outcome
            assert outcome.credential.handle is not None
            made.append(outcome.credential.handle)
        client = await fleet.client("real")
        await client.delete(SECRETS, "orphan", namespace="default")
        await fleet.stop()
        fleet = Fleet(config, state=state, only=["real"], read_only=True)
        await fleet.start()
        assert await fleet.settled(20)
        rows = fleet.store
        report = await check(
            fleet, credentials=rows.credentials.values(), accounts=rows.accounts.values(), config=config
        )
        lost = [subject for subject in found(report) if "orphan-" in subject]
        assert lost == [f"handle:real/default/{made[0].name}"]
    finally:
        await fleet.stop()
        state.close()
