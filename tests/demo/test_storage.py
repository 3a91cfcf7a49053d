"""The storage of the embedded API server: versions, history, finalizers, and the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tui.demo.apiserver.status import StatusError
from tui.demo.apiserver.storage import CONFIG_MAPS, NAMESPACES, SECRETS, Change, Storage

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def config_map(name: str, namespace: str = "a", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": {"k": "v"},
    }


def changed(obj: dict[str, Any], **data: str) -> dict[str, Any]:
    return {**obj, "metadata": dict(obj["metadata"]), "data": data}


@pytest.fixture
def storage() -> Storage:
    return Storage(lambda: NOW)


def refused(work: Callable[[], object]) -> StatusError:
    with pytest.raises(StatusError) as caught:
        work()
    return caught.value


def test_create_sets_what_the_server_sets(storage: Storage) -> None:
    obj = storage.create(CONFIG_MAPS, config_map("one"))
    metadata = obj["metadata"]
    assert metadata["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert len(metadata["uid"]) == 36
    assert metadata["resourceVersion"] == str(storage.version)
    assert storage.get(CONFIG_MAPS, "one", "a") is obj


def test_a_name_is_taken_once_per_namespace(storage: Storage) -> None:
    storage.create(CONFIG_MAPS, config_map("one", "a"))
    storage.create(CONFIG_MAPS, config_map("one", "b"))
    error = refused(lambda: storage.create(CONFIG_MAPS, config_map("one", "a")))
    assert (error.code, error.reason) == (409, "AlreadyExists")


def test_a_dry_run_stores_nothing(storage: Storage) -> None:
    before = storage.version
    storage.create(CONFIG_MAPS, config_map("one"), dry_run=True)
    assert storage.get(CONFIG_MAPS, "one", "a") is None
    assert storage.version == before


def test_update_compares_versions(storage: Storage) -> None:
    first = storage.create(CONFIG_MAPS, config_map("one"))
    version = first["metadata"]["resourceVersion"]
    second = storage.update(CONFIG_MAPS, changed(first, k="w"), version=version)
    assert int(second["metadata"]["resourceVersion"]) > int(version)
    error = refused(lambda: storage.update(CONFIG_MAPS, changed(first, k="x"), version=version))
    assert (error.code, error.reason) == (409, "Conflict")


def test_an_update_that_changes_nothing_is_no_write(storage: Storage) -> None:
    first = storage.create(CONFIG_MAPS, config_map("one"))
    before = storage.version
    storage.update(CONFIG_MAPS, changed(first, k="v"))
    assert storage.version == before


def test_objects_are_listed_by_namespace_and_name(storage: Storage) -> None:
    for namespace, name in (("b", "1"), ("a", "2"), ("a", "1"), ("ab", "1")):
        storage.create(CONFIG_MAPS, config_map(name, namespace))
    keys = [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in storage.list(CONFIG_MAPS)]
    assert keys == [("a", "1"), ("a", "2"), ("ab", "1"), ("b", "1")]
    assert [o["metadata"]["name"] for o in storage.list(CONFIG_MAPS, "a")] == ["1", "2"]
    assert storage.list(SECRETS) == []


def test_subscribers_see_every_change_in_order(storage: Storage) -> None:
    seen: list[tuple[str, str]] = []

    def note(change: Change) -> None:
        seen.append((change.type, change.now.key[2]))

    stop = storage.subscribe(note, CONFIG_MAPS)
    obj = storage.create(CONFIG_MAPS, config_map("one"))
    storage.update(CONFIG_MAPS, changed(obj, k="w"))
    storage.create(SECRETS, config_map("other"))
    storage.delete(CONFIG_MAPS, "one", "a")
    stop()
    storage.create(CONFIG_MAPS, config_map("two"))
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]


def test_a_deletion_has_a_version_of_its_own(storage: Storage) -> None:
    obj = storage.create(CONFIG_MAPS, config_map("one"))
    version = int(obj["metadata"]["resourceVersion"])
    storage.delete(CONFIG_MAPS, "one", "a")
    (change,) = storage.changes(CONFIG_MAPS, version)
    assert change.version == version + 1
    assert change.now.object["metadata"]["resourceVersion"] == str(version + 1)
    assert obj["metadata"]["resourceVersion"] == str(version), "the state before is not touched"


def test_finalizers_hold_a_deletion(storage: Storage) -> None:
    storage.create(CONFIG_MAPS, config_map("one", finalizers=["kubemint.io/hold"]))
    marked, gone = storage.delete(CONFIG_MAPS, "one", "a")
    assert not gone
    assert marked["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:05Z"
    freed = changed(marked, k="v")
    freed["metadata"]["finalizers"] = []
    storage.update(CONFIG_MAPS, freed)
    assert storage.get(CONFIG_MAPS, "one", "a") is None


def test_a_namespace_is_held_by_its_spec(storage: Storage) -> None:
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}}
    storage.create(NAMESPACES, home)
    marked, gone = storage.delete(NAMESPACES, "n")
    assert not gone
    assert marked["status"] == {"phase": "Terminating"}
    storage.update(NAMESPACES, {**marked, "metadata": dict(marked["metadata"]), "spec": {}})
    assert storage.get(NAMESPACES, "n") is None


@pytest.mark.parametrize("precondition", [{"uid": "other"}, {"version": "1"}])
def test_preconditions_of_a_deletion(storage: Storage, precondition: dict[str, Any]) -> None:
    storage.create(CONFIG_MAPS, config_map("one"))
    error = refused(lambda: storage.delete(CONFIG_MAPS, "one", "a", **precondition))
    assert (error.code, error.reason) == (409, "Conflict")
    assert storage.get(CONFIG_MAPS, "one", "a") is not None


def test_the_past_can_be_read(storage: Storage) -> None:
    one = storage.create(CONFIG_MAPS, config_map("one"))
    storage.create(CONFIG_MAPS, config_map("two"))
    then = storage.version
    storage.update(CONFIG_MAPS, changed(one, k="w"))
    storage.delete(CONFIG_MAPS, "two", "a")
    storage.create(CONFIG_MAPS, config_map("three"))
    past = [(item.key[2], item.object["data"]["k"]) for item in storage.at(CONFIG_MAPS, then)]
    assert past == [("one", "v"), ("two", "v")]


def test_history_is_bounded(storage: Storage) -> None:
    short = Storage(lambda: NOW, history=3)
    for index in range(5):
        short.create(CONFIG_MAPS, config_map(f"c{index}"))
    assert [c.now.key[2] for c in short.changes(CONFIG_MAPS, short.version - 3)] == ["c2", "c3", "c4"]
    error = refused(lambda: short.changes(CONFIG_MAPS, short.version - 4))
    assert (error.code, error.reason) == (410, "Expired")


def test_snapshots_outlive_a_compaction_for_lists_and_only_for_a_while() -> None:
    now = [NOW]
    storage = Storage(lambda: now[0], snapshots=True)
    storage.create(CONFIG_MAPS, config_map("one"))
    then = storage.version
    storage.create(CONFIG_MAPS, config_map("two"))
    storage.compact()
    assert refused(lambda: storage.changes(CONFIG_MAPS, then)).code == 410
    assert [item.key[2] for item in storage.at(CONFIG_MAPS, then)] == ["one"]
    now[0] += timedelta(seconds=76)
    assert refused(lambda: storage.at(CONFIG_MAPS, then)).code == 410


def test_compaction_forgets_the_past_and_keeps_the_present(storage: Storage) -> None:
    storage.create(CONFIG_MAPS, config_map("one"))
    then = storage.version
    storage.create(CONFIG_MAPS, config_map("two"))
    storage.compact()
    assert refused(lambda: storage.changes(CONFIG_MAPS, then)).code == 410
    assert refused(lambda: storage.at(CONFIG_MAPS, then)).code == 410
    assert list(storage.changes(CONFIG_MAPS, storage.version)) == []
    assert len(storage.list(CONFIG_MAPS)) == 2
