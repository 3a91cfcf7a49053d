"""Messages of controllers and API servers, turned so that the cause comes first; nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tui.fleet.rows import ConditionRow, RequestRow
from tui.issuance.families.dpf.listing import REQUEST
from tui.screens.areas.attention import request_says
from tui.screens.causes import cause_first

DIALED = 'Post "https://10.0.0.1:6443/api": dial tcp 10.0.0.1:6443: connect: connection refused'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Error occurred: {DIALED}", 'connection refused (10.0.0.1:6443) · Post "https://10.0.0.1:6443/api"'),
        (
            f"Error occurred: failed to apply service account: {DIALED}",
            'connection refused (10.0.0.1:6443) · Post "https://10.0.0.1:6443/api" · failed to apply service account',
        ),
        (
            (
                'serviceaccounts "robot" is forbidden: User "system:serviceaccount:dpf:controller" cannot create '
                'resource "serviceaccounts/token" in API group "" in the namespace "ci"'
            ),
            "may not create serviceaccounts/token robot in ci as system:serviceaccount:dpf:controller",
        ),
        (
            (
                'dpuclusters.provisioning.dpu.nvidia.com is forbidden: User "u" cannot list resource "dpuclusters" in '
                'API group "provisioning.dpu.nvidia.com" at the cluster scope'
            ),
            "may not list dpuclusters.provisioning.dpu.nvidia.com as u",
        ),
        (  # servers since 1.36, of who acts as another user
            (
                'secrets is forbidden: User "u" cannot impersonate-on:user-info:list resource "secrets" in API group '
                '"" in the namespace "ci"'
            ),
            "may not impersonate-on:user-info:list secrets in ci as u",
        ),
        (
            'Get "https://h/api": dial tcp: lookup h on 10.96.0.10:53: no such host',
            'unknown host h · Get "https://h/api"',
        ),
        ('Get "https://h/api": context deadline exceeded', 'no answer in time · Get "https://h/api"'),
        (
            'Get "https://h/api": dial tcp 10.0.0.1:443: i/o timeout',
            'no answer (10.0.0.1:443) · Get "https://h/api"',
        ),
        (
            'Get "https://h/api": tls: failed to verify certificate: x509: certificate signed by unknown authority',
            'certificate: certificate signed by unknown authority · Get "https://h/api"',
        ),
        (
            "cannot clean up service account a/b in harbor/x/y: connection refused (127.0.0.1:1)",
            "connection refused (127.0.0.1:1) · cannot clean up service account a/b in harbor/x/y",
        ),
        ("service account a/b is already in use", "service account a/b is already in use"),
        ("DPUCluster x/y has no kubeconfig yet", "DPUCluster x/y has no kubeconfig yet"),
        ("", ""),
    ],
)
def test_the_cause_comes_first(text: str, said: str) -> None:
    assert cause_first(text) == said


@given(st.text(alphabet='abc: "/failedto', max_size=200))
def test_any_text_ends(text: str) -> None:
    assert isinstance(cause_first(text), str)


def test_m_the_overview_says_why_a_request_is_not_ready() -> None:
    conditions = (
        ConditionRow(
            type="Ready", status="False", reason="Pending", message="The following conditions are not ready: X"
        ),
        ConditionRow(type="X", status="False", reason="Error", message=f"Error occurred: {DIALED}"),
    )
    row = RequestRow(cluster="harbor", namespace="a", name="b", kind=REQUEST, conditions=conditions)
    assert request_says(row).startswith("connection refused (10.0.0.1:6443)")
