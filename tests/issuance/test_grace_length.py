"""How long an old credential lives on: by who uses the Secret that it was kept in, named in the plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Bench
from tests.issuance.dpf_place import Place
from tests.issuance.test_engine_requests import address_of, bench_of
from tests.issuance.test_lineage import branch, lines, put_pod, traced
from tui.demo import Answer, FaultRule
from tui.issuance.families.dpf.cleanup import leftovers_of
from tui.issuance.families.dpf.wishes import Keep
from tui.issuance.families.tenants.wish import PushWish
from tui.issuance.insight.lineage_tree import Part
from tui.issuance.model.types import Action
from tui.issuance.objects.external_secrets import PUSH_SECRETS
from tui.issuance.users.consumers import Pod, Way
from tui.issuance.users.grace_length import KUBELET, GraceWish, Sighting, Use, grown, lasting, length
from tui.issuance.users.secret_users import MOST_PODS, SecretName, SecretUsers
from tui.kube.resource import PODS, SECRETS

MINUTE = timedelta(minutes=1)
WISH = GraceWish(timedelta(seconds=30))


def pod(name: str, *, sees: timedelta | None = KUBELET, how: str = "volume login") -> Use:
    return Use(kind="Pod", name=name, how=how, sees=sees)


def seen(*uses: Use, unseen: str = "") -> Sighting:
    return Sighting(secret="web/api", uses=uses, unseen=(unseen,) if unseen else ())


PUSH = Use(kind="PushSecret", name="tenant", how="pushes it on every 1h", sees=63 * MINUTE)
ONCE = Use(kind="PushSecret", name="once", how="pushes it only once", sees=None)


@pytest.mark.parametrize(
    ("sightings", "minutes"),
    [
        ((), 0.5),
        ((seen(),), 0.5),  # nobody
        ((seen(pod("a")),), 3),
        ((seen(pod("a"), PUSH),), 63),
        ((seen(pod("a", sees=None, how="variable TOKEN of main")),), 0.5),  # no grace helps
        ((seen(ONCE),), 0.5),
        ((seen(unseen="no right to list pods in web"),), 3),  # taken for a volume
        ((seen(), seen(pod("a"))), 3),
        ((seen(PUSH), seen(unseen="x")), 63),
    ],
)
def test_the_longest_that_any_of_them_needs(sightings: tuple[Sighting, ...], minutes: float) -> None:
    found = length(WISH, sightings)
    assert found.grace == minutes * MINUTE
    assert bool(found.reasons) is (minutes > 1)
    assert length(GraceWish(5 * MINUTE), sightings).grace == max(5, minutes) * MINUTE, "a longer one is kept"
    assert length(GraceWish(70 * MINUTE, given=True), sightings).grace == 70 * MINUTE
    short = length(GraceWish(timedelta(seconds=5), given=True), sightings)
    assert short.grace == timedelta(seconds=5), "what was asked for in words is followed"
    warned = [words for words in short.warnings if "that was requested is shorter than" in words]
    assert len(warned) == (1 if minutes > 1 else 0)
    soon = length(WISH, sightings, left=2 * MINUTE)
    assert soon.grace == min(max(minutes, 0.5), 2) * MINUTE, "it ends by itself before that"
    assert ("it expires then" in soon.reasons) is (minutes > 2)
    odd = length(WISH, sightings, left=2 * MINUTE + timedelta(microseconds=1))
    assert odd.grace == (timedelta(seconds=121) if minutes > 2 else 0.5 * MINUTE)
    assert length(WISH, sightings, left=timedelta(seconds=1)).grace == timedelta(seconds=30)


def test_what_is_journaled_counts_also_after_a_crash() -> None:
    assert length(WISH, []).journaled is None, "what is usual there"
    assert length(WISH, [seen(pod("a"))]).journaled == 3 * MINUTE
    assert length(GraceWish(5 * MINUTE), [seen(pod("a"))]).journaled == 5 * MINUTE
    assert length(GraceWish(5 * MINUTE, given=True), []).journaled == 5 * MINUTE
    assert length(GraceWish(timedelta(seconds=5), given=True), [seen(pod("a"))]).journaled == timedelta(seconds=5)


def test_whose_need_is_none_gives_no_reason() -> None:
    at_once = Use(kind="PushSecret", name="now", how="pushes it on at once", sees=timedelta(0))
    found = length(WISH, [seen(at_once)])
    assert (found.grace, found.reasons, found.warnings) == (WISH.asked, (), ())
    quick = GraceWish(timedelta(seconds=30), kubelet=timedelta(0))
    found = length(quick, [seen(pod("a"))])
    assert (found.grace, found.reasons) == (timedelta(seconds=30), ())
    exact = length(GraceWish(3 * MINUTE, given=True), [seen(pod("a"))])
    assert exact.warnings == (), "as long as it needs is long enough"
    assert length(GraceWish(MINUTE, kubelet=7 * MINUTE), [seen(pod("a"))]).grace == 7 * MINUTE
    assert length(GraceWish(MINUTE, kubelet=7 * MINUTE), [seen(unseen="x")]).grace == 7 * MINUTE


def test_what_ends_by_itself_lives_no_longer() -> None:
    asked = GraceWish(5 * MINUTE)
    assert length(asked, [seen(PUSH)], left=4 * MINUTE).grace == 5 * MINUTE, "nor shorter than was asked"
    assert length(asked, [seen(PUSH)], left=63 * MINUTE).grace == 63 * MINUTE
    assert "it expires then" not in length(asked, [seen(PUSH)], left=63 * MINUTE).reasons
    soon = length(asked, [seen(PUSH)], left=10 * MINUTE)
    assert soon.reasons == ("PushSecret tenant pushes it on every 1h", "it expires then")
    given = length(GraceWish(70 * MINUTE, given=True), [], left=MINUTE)
    assert (given.grace, given.reasons) == (70 * MINUTE, ())


def test_who_is_warned_of_a_grace_that_is_too_short() -> None:
    at_once = Use(kind="PushSecret", name="soon", how="pushes it on every 5s", sees=timedelta(seconds=5))
    (warning,) = length(GraceWish(timedelta(seconds=5), given=True), [seen(pod("a"), pod("a"), at_once)]).warnings
    assert warning == (
        "the grace of 5s that was requested is shorter than 3m: 1 pod mounts Secret web/api: a, and the kubelet brings "
        "a new one within 3m. They may be refused until they have the new one"
    )
    (warning,) = length(GraceWish(MINUTE, given=True), [seen(pod("a"), PUSH)]).warnings
    assert "and the kubelet brings a new one within 3m; PushSecret tenant pushes" in warning


def test_they_are_named() -> None:
    found = length(WISH, [seen(*(pod(f"api-{number}") for number in range(5)), PUSH)])
    assert lasting(found.grace, found.reasons) == (
        "the old one works for 1h3m: 5 pods mount Secret web/api: api-0, api-1, api-2 and 2 more, and the kubelet "
        "brings a new one within 3m; PushSecret tenant pushes it on every 1h"
    )
    assert lasting(found.grace, ()) == ""
    env = pod("old", sees=None, how="variable TOKEN of main")
    (warning,) = length(WISH, [seen(env, pod("old", sees=None, how="volume x by subPath in main"))]).warnings
    assert warning == (
        "a pod holds Secret web/api in a way that never sees a new one: old (variable TOKEN of main, volume x by "
        "subPath in main); restart it within the grace, however long that is"
    )
    (warning,) = length(WISH, [seen(env, pod("new", sees=None, how="variable A of b"))]).warnings
    assert "2 pods hold" in warning
    assert "restart them" in warning
    three = length(WISH, [seen(pod("a"), pod("b"), pod("c"))]).reasons
    assert three == ("3 pods mount Secret web/api: a, b, c, and the kubelet brings a new one within 3m",)
    assert length(WISH, [seen(ONCE)]).warnings == ("PushSecret once pushes it only once",)
    assert len(length(WISH, [seen(env), seen(ONCE)]).warnings) == 2, "of every Secret"
    (reason,) = length(WISH, [seen(unseen="no right to list pods in web")]).reasons
    assert reason == "who uses Secret web/api could not be seen (no right to list pods in web)"
    (reason,) = length(WISH, [Sighting(secret="web/api", unseen=("no right", "away", "no right"))]).reasons
    assert reason == "who uses Secret web/api could not be seen (no right; away)"


def read(**spec: Any) -> list[tuple[str, Way]]:
    pod = msgspec.convert({"metadata": {"name": "a", "namespace": "web"}, "spec": spec}, Pod)
    return [(reading.says, reading.way) for reading in pod.readings({"api"})]


VOLUME = {"name": "login", "secret": {"secretName": "api"}}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, []),
        ({"volumes": [{"name": "x", "secret": {"secretName": "other"}}]}, []),
        ({"volumes": [VOLUME]}, [("volume login", Way.FOLLOWS)]),
        ({"volumes": [{"name": "p", "projected": {"sources": [{"secret": {"name": "api"}}]}}]},
         [("volume p", Way.FOLLOWS)]),
        ({"volumes": [VOLUME], "containers": [{"name": "m", "volumeMounts": [{"name": "login", "mountPath": "/x"}]}]},
         [("volume login", Way.FOLLOWS)]),
        ({"volumes": [VOLUME], "containers": [{"name": "m", "volumeMounts": [{"name": "login", "subPath": "token"}]}]},
         [("volume login by subPath in m", Way.NEVER)]),
        ({"volumes": [VOLUME], "containers": [
            {"name": "m", "volumeMounts": [{"name": "login"}]},
            {"name": "n", "volumeMounts": [{"name": "login", "subPathExpr": "$(X)"}]}]},
         [("volume login", Way.FOLLOWS), ("volume login by subPath in n", Way.NEVER)]),
        ({"initContainers": [{"name": "i", "env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "api"}}}]}]},
         [("variable T of i", Way.NEVER)]),
        ({"containers": [{"name": "m", "envFrom": [{"secretRef": {"name": "api"}}]}]},
         [("variables of m", Way.NEVER)]),
        ({"imagePullSecrets": [{"name": "api"}]}, [("pulls images with it", Way.PULLS)]),
        ({"volumes": [{"name": "c", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "api"}}}]},
         [("volume c, whose driver was given it", Way.NEVER)]),
    ],
)  # fmt: skip
def test_what_becomes_of_a_change_where_a_pod_reads_it(spec: dict[str, Any], found: list[tuple[str, Way]]) -> None:
    assert read(**spec) == found


LOGINS: dict[str, dict[str, Any]] = {
    **{kind: {"secretRef": {"name": "api"}}
       for kind in ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")},
    "azureFile": {"secretName": "api", "shareName": "share"},
    "csi": {"driver": "d", "nodePublishSecretRef": {"name": "api"}},
}  # fmt: skip
"""Every volume that is mounted with a Secret (k8s.io/kubernetes, pkg/api/v1/pod: VisitPodSecretNames)."""


@pytest.mark.parametrize("kind", LOGINS)
def test_whoever_mounts_a_volume_with_it_never_sees_a_new_one(kind: str) -> None:
    mount = {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}
    named = {"volumes": [{"name": "v", kind: LOGINS[kind]}], "containers": [mount]}
    assert read(**named) == [("volume v, whose driver was given it", Way.NEVER)]
    without = {key: value for key, value in LOGINS[kind].items() if "ecret" not in key}
    assert read(volumes=[{"name": "v", kind: without}]) == []
    other = msgspec.json.decode(msgspec.json.encode(named).replace(b'"api"', b'"other"'))
    assert read(**other) == []


async def test_a_secret_that_pods_mount_is_rotated_with_the_time_that_the_kubelet_needs(bench: Bench) -> None:
    arena = bench.arena
    issued = (await bench.issue(arena.spec(arena.secret(), arena.file()))).credential
    quiet = await bench.engine.plan_rotate(issued.address)
    assert (quiet.grace, quiet.grace_for) == (timedelta(0), ())

    await bench.make_account("other")
    kept = [{"name": "kept", "secret": {"secretName": "robot-credential"}}]
    variable = {"name": "KUBECONFIG", "valueFrom": {"secretKeyRef": {"name": "robot-credential", "key": "kubeconfig"}}}
    await put_pod(bench, "api-0", "other", volumes=kept)
    await put_pod(bench, "api-1", "robot", volumes=kept)
    await put_pod(bench, "old", "other", container={"env": [variable]})
    await put_pod(bench, "stranger", "robot")
    await bench.engine._context.users.aclose()  # what was seen counts for some seconds
    plan = await bench.engine.plan_rotate(issued.address)
    name = f"{arena.namespace}/robot-credential"
    assert plan.grace == KUBELET
    assert plan.grace_for == (f"2 pods mount Secret {name}: api-0, api-1, and the kubelet brings a new one within 3m",)
    assert any("old (variable KUBECONFIG of main); restart it" in warning for warning in plan.warnings)
    assert [step.title for step in plan.steps if step.id == "revoke:0"] == ["Revoke the old one after 3m"]

    begun = bench.engine._context.clock()
    outcome = await bench.engine.execute(plan)
    assert outcome.ok
    assert (outcome.grace, outcome.grace_for) == (plan.grace, plan.grace_for)
    (waiting,) = bench.engine.state.revocations()
    assert KUBELET <= waiting.due - begun < KUBELET + MINUTE
    undo = await bench.engine.plan_undo(issued.address)
    assert (undo.action, undo.grace, undo.grace_for) == (Action.UNDO, KUBELET, plan.grace_for)


async def test_a_shorter_grace_that_was_asked_for_is_followed_with_a_warning(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret()))).credential
    await put_pod(ebench, "api-0", "robot", volumes=[{"name": "kept", "secret": {"secretName": "robot-credential"}}])
    async with Bench(arena, state="asked", grace=GraceWish(timedelta(seconds=7), given=True)) as asked:
        plan = await asked.engine.plan_rotate(issued.address)
        assert plan.grace == timedelta(seconds=7)
        assert any("requested is shorter than 3m: 1 pod mounts" in warning for warning in plan.warnings)
    async with Bench(arena, state="longer", grace=GraceWish(10 * MINUTE)) as longer:
        assert (await longer.engine.plan_rotate(issued.address)).grace == 10 * MINUTE
    slow = GraceWish(timedelta(0), kubelet=5 * MINUTE)
    async with Bench(arena, state="slow", grace=slow) as configured:
        assert (await configured.engine.plan_rotate(issued.address)).grace == 5 * MINUTE


async def test_who_could_not_be_seen_is_said_and_taken_for_a_volume(ebench: Bench) -> None:
    arena = ebench.arena
    kept = (await ebench.issue(arena.spec(arena.secret()))).credential
    filed = (await ebench.issue(arena.spec(arena.file()))).credential
    with arena.fault(FaultRule(Answer(403), path=r"/pods$")):
        plan = await ebench.engine.plan_rotate(kept.address)
        assert plan.grace == KUBELET
        (reason,) = plan.grace_for
        assert "could not be seen (no right to list pods in " in reason
        assert (await ebench.engine.plan_rotate(filed.address)).grace == timedelta(0), "a file has no pods"


async def test_a_push_secret_on_an_interval_is_waited_for(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret(), duration=timedelta(hours=8)))).credential
    push = {
        "apiVersion": PUSH_SECRETS.api_version, "kind": "PushSecret", "metadata": {"name": "onward"},
        "spec": {"refreshInterval": "20m", "selector": {"secret": {"name": "robot-credential"}},
                 "secretStoreRefs": [{"name": "nowhere"}], "data": []},
    }  # fmt: skip
    await ebench.client.create(PUSH_SECRETS, push, namespace=arena.namespace)
    plan = await ebench.engine.plan_rotate(issued.address)
    assert plan.grace == 23 * MINUTE
    assert plan.grace_for == ("PushSecret onward pushes it on every 20m",)
    again = await ebench.engine.plan(PushWish(arena.name, arena.namespace, "onward"))
    assert again.grace == timedelta(0), "it is told at once, and waited for"


@pytest.mark.parametrize(
    ("labels", "waits"), [({"carry": "yes"}, True), ({"carry": "no"}, False), ({}, True)]
)  # fmt: skip
async def test_a_push_secret_that_chooses_by_labels_is_waited_for(
    ebench: Bench, labels: dict[str, str], waits: bool
) -> None:
    """Fifth attack, hands 1: it carries a dead token on as long as one that names the Secret."""
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret(), duration=timedelta(hours=8)))).credential
    patch = {"metadata": {"labels": {"carry": "yes"}}}
    await ebench.client.patch(SECRETS, "robot-credential", patch, namespace=arena.namespace)
    push = {
        "apiVersion": PUSH_SECRETS.api_version, "kind": "PushSecret", "metadata": {"name": "by-labels"},
        "spec": {"refreshInterval": "25m", "selector": {"secret": {"selector": {"matchLabels": labels}}},
                 "secretStoreRefs": [{"name": "nowhere"}], "data": []},
    }  # fmt: skip
    await ebench.client.create(PUSH_SECRETS, push, namespace=arena.namespace)
    plan = await ebench.engine.plan_rotate(issued.address)
    said = "may carry it on, by its labels, every 25m"
    assert plan.grace == (28 * MINUTE if waits else timedelta(0))
    assert plan.grace_for == ((f"PushSecret by-labels {said}",) if waits else ())
    uses = lines(branch(await traced(ebench, issued), Part.USERS))
    assert any("by-labels may push robot-credential, every 25m" in line for line in uses) is waits
    with arena.fault(FaultRule(Answer(403), path=r"/secrets/robot-credential$")):
        name = SecretName(arena.name, arena.namespace, "robot-credential")
        users = SecretUsers()
        assert (await users.length(ebench.clusters, WISH, [name])).grace == 28 * MINUTE, "who cannot be told may"
        await users.aclose()


async def test_a_request_knows_the_readers_of_its_secret(place: Place, tmp_path: Path) -> None:
    async with bench_of(place, tmp_path) as bench:
        await place.want()
        await bench.rotate(address_of(place))
        body = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"},
            "spec": {"containers": [{"name": "main", "image": "x"}],
                     "volumes": [{"name": "v", "secret": {"secretName": "out"}}]},
        }  # fmt: skip
        await place.client.create(PODS, body, namespace=place.ns)
        await bench.engine._context.users.aclose()
        plan = await bench.engine.plan_rotate(address_of(place))
        assert plan.grace == KUBELET
        assert plan.grace_for == (
            f"1 pod mounts Secret {place.ns}/out: reader, and the kubelet brings a new one within 3m",
        )
        keep = await bench.engine.plan(Keep(address_of(place)), take_over=True)
        assert (keep.grace, keep.grace_for) == (KUBELET, plan.grace_for)
        rest = await place.keep(renew="it is wanted")
        assert rest.grace == KUBELET
        assert any("1 pod mounts" in note for note in rest.notes)
        (left,) = leftovers_of(await place.read())
        assert left.due - place.clock() >= KUBELET - MINUTE


async def test_many_rotations_look_into_a_namespace_once_and_not_for_ever(ebench: Bench) -> None:
    users, arena = SecretUsers(), ebench.arena
    listed = []
    pages = ebench.client.pages

    async def counting(resource: Any, **how: Any) -> Any:
        listed.append(resource.plural)
        async for page in pages(resource, **how):
            yield page

    clusters = ebench.engine._context.clusters
    client = await clusters.client(arena.name)
    client.pages = counting  # type: ignore[method-assign]
    names = [SecretName(arena.name, arena.namespace, f"kept-{number}") for number in range(20)]
    for name in names:
        await users.length(clusters, WISH, [name])
    assert listed.count("pods") == 1
    assert MOST_PODS <= 5000
    await users.aclose()


MOUNTS = "1 pod mounts Secret web/api: late, and the kubelet brings a new one within 3m"


@pytest.mark.parametrize(
    ("planned", "now", "minutes", "said"),
    [
        ((), (), 0.5, ""),
        ((), (pod("late"),), 3, f"the old one works for 3m: {MOUNTS}, longer than the 30s that were planned"),
        ((pod("a"),), (), 3, ""),  # whoever was told of a longer one keeps it
        ((pod("a"),), (pod("b"),), 3, ""),
        ((pod("a"),), (pod("a"), PUSH), 63, "longer than the 3m that were planned"),
        ((), (ONCE,), 0.5, "also seen by now: PushSecret once pushes it only once"),
        ((ONCE,), (ONCE,), 0.5, ""),
    ],
)  # fmt: skip
def test_whoever_came_since_it_was_planned(
    planned: tuple[Use, ...], now: tuple[Use, ...], minutes: float, said: str
) -> None:
    taken, words = grown(length(WISH, [seen(*planned)]), length(WISH, [seen(*now)]))
    assert taken.grace == minutes * MINUTE
    assert bool(words) is bool(said)
    assert said in words
    given = GraceWish(timedelta(seconds=5), given=True)
    assert grown(length(given, [seen(*planned)]), length(given, [seen(*now)]))[0].grace == given.asked


async def test_a_consumer_that_begins_after_the_plan_is_waited_for_and_named(ebench: Bench) -> None:
    arena = ebench.arena
    issued = (await ebench.issue(arena.spec(arena.secret()))).credential
    plan = await ebench.engine.plan_rotate(issued.address)
    assert (plan.grace, plan.grace_for) == (timedelta(0), ())
    await put_pod(ebench, "late", "robot", volumes=[{"name": "v", "secret": {"secretName": "robot-credential"}}])
    begun = ebench.engine._context.clock()
    outcome = await ebench.engine.execute(plan)  # within the seconds for which a look counts
    assert outcome.ok
    assert outcome.grace == KUBELET
    assert "1 pod mounts" in outcome.grace_for[0]
    (commit,) = [one for one in outcome.results if one.step == "commit"]
    assert "late, and the kubelet brings a new one within 3m, longer than the 0s that were planned" in commit.message
    (waiting,) = ebench.engine.state.revocations()
    assert KUBELET <= waiting.due - begun < KUBELET + MINUTE
    assert ebench.engine.grace_ends([plan.id]) is not None
    assert ebench.engine.grace_ends(["another"]) is None, "that of another plan is not this one's"
