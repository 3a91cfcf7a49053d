"""What only its owner may say of an object is refused wherever somebody else asks kubemint to write it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.registry import places_for
from tui.issuance.families.dpf import DPURequestDraft, validate
from tui.issuance.model.types import Identity, IssueSpec, Push, State
from tui.issuance.objects import managed
from tui.issuance.tokens.plans import check_spec

RESERVED = [
    ("kubemint.io/role", "credential", "kubemint's own"),
    ("kubemint.io/handle", "a/b/c", "kubemint's own"),
    ("Kubemint.IO/handle", "a/b/c", "kubemint's own"),
    ("deep.kubemint.io/x", "", "kubemint's own"),
    ("kubemint.io/a/b", "", "kubemint's own"),
    ("app.kubernetes.io/managed-by", "kubemint", "kubemint's own"),
    ("app.kubernetes.io/managed-by", " KubeMint ", "kubemint's own"),
    ("svc.dpu.nvidia.com/credential-request-name", "req", "DPF's own"),
    ("svc.dpu.nvidia.com/credential-request-namespace", "ns", "DPF's own"),
    ("svc.dpu.nvidia.com/managed-by-controller", "x", "DPF's own"),
    ("kubernetes.io/service-account.name", "admin", "acted on by Kubernetes itself"),
    ("kubernetes.io/service-account.uid", "x", "acted on by Kubernetes itself"),
    ("kubernetes.io/legacy-token-invalid-since", "2020-01-01", "acted on by Kubernetes itself"),
    ("kubectl.kubernetes.io/last-applied-configuration", "{}", "acted on by Kubernetes itself"),
    ("bootstrap.kubernetes.io/x", "", "acted on by Kubernetes itself"),
    ("cluster.x-k8s.io/cluster-name", "prod", "acted on by Cluster API and its like"),
    ("x.k8s.io/y", "", "acted on by Kubernetes itself"),
]
FREE = [
    ("kubemint.io", "a name without a prefix belongs to nobody"),
    ("app.kubernetes.io/managed-by", "Helm"),
    ("app.kubernetes.io/name", "x"),
    ("kubernetes.io/description", "x"),
    ("dpu.nvidia.com/image-pull-secret", ""),
    ("notkubemint.io/role", "credential"),
    ("kubemint.io.example.com/role", "credential"),
    ("example.com/kubemint.io", ""),
    ("mykubernetes.io/x", ""),
]


@pytest.mark.parametrize(("key", "value", "owner"), RESERVED)
def test_only_the_owner_may_set_it(key: str, value: str, owner: str) -> None:
    assert managed.reserved({key: value}, {}) == managed.reserved({}, {key: value}) == {key: owner}
    with pytest.raises(managed.Reserved, match="only kubemint may set"):
        managed.refuse_reserved({}, {"a": "b", key: value})
    with pytest.raises(managed.Reserved, match=r"in spec\.metadata"):
        managed.refuse_reserved({key: value}, {}, "spec.metadata")


@pytest.mark.parametrize(("key", "value"), FREE)
def test_everybody_may_set_it(key: str, value: str) -> None:
    assert managed.reserved({key: value}, {key: value}) == {}
    managed.refuse_reserved({key: value}, {key: value})


def test_what_is_refused_is_named_with_its_owner() -> None:
    asked = {"kubemint.io/role": "x", "svc.dpu.nvidia.com/y": "", "kubernetes.io/z": ""}
    with pytest.raises(managed.Reserved) as caught:
        managed.refuse_reserved(asked, {})
    assert str(caught.value) == (
        "labels or annotations that only kubemint may set: kubemint.io/role (kubemint's own), "
        "kubernetes.io/z (acted on by Kubernetes itself), svc.dpu.nvidia.com/y (DPF's own)"
    )


def test_many_are_said_shortly_and_without_their_escapes() -> None:
    asked = {f"kubemint.io/\x1b[31m{number}": "" for number in range(9)}
    with pytest.raises(managed.Reserved) as caught:
        managed.refuse_reserved(asked, {})
    assert "and 6 more" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_draft_names_the_field() -> None:
    draft = DPURequestDraft(
        cluster="harbor", namespace="a", name="b", service_account="c", secret="d",
        labels={"kubemint.io/role": "credential"}, annotations={"kubernetes.io/service-account.name": "admin"},
    )  # fmt: skip
    assert [problem.field for problem in validate(draft)] == ["labels", "annotations"]


@pytest.mark.parametrize("marks", [{"labels": {"kubemint.io/role": "x"}}, {"annotations": {"kubemint.io/push": "{}"}}])
@pytest.mark.parametrize("kind", ["plain", "applied", "pushed"])
def test_a_destination_of_any_kind(marks: dict[str, Any], kind: str) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "applied": {"applied": True},
        "pushed": {"push": Push("p", "store", "tenant", "ns", "secret")},
    }
    wish = SecretDestination("harbor", "ns", "out", **marks, **kinds[kind])
    spec = IssueSpec(identity=Identity("harbor", "ns", "robot"), destinations=(wish,))
    nobody: Any = SimpleNamespace(clusters=SimpleNamespace(endpoint=lambda name: None))
    with pytest.raises(managed.Reserved):
        places_for(spec, nobody.clusters, nobody)
    with pytest.raises(managed.Reserved):
        check_spec(nobody, spec)


def test_a_secret_that_says_it_is_a_requests_and_kubemints_is_believed_in_neither() -> None:
    """DPF's controller writes what a request asks for: the marks may come from whoever wrote the request."""
    labels = {
        managed.MANAGED_BY: managed.MANAGER,
        managed.ROLE: "credential",
        "svc.dpu.nvidia.com/credential-request-name": "req",
    }
    notes = {
        managed.ACCOUNT: "kube-system/admin",
        managed.HANDLE: "kube-system/x/uid",
        managed.ISSUED: "2026-01-01T00:00:00Z",
        managed.EXPIRES: "2026-01-01T01:00:00Z",
    }
    found = managed.credential_from_secret(
        "harbor", {"name": "out", "namespace": "ns", "labels": labels, "annotations": notes}
    )
    assert found is not None
    assert (found.identity, found.handle, found.state) == (None, None, State.UNKNOWN)
    assert "DPU request's" in found.message
