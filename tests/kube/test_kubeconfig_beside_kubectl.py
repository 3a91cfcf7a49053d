"""What kubectl makes of the same kubeconfigs, and what kubemint says where kubectl refuses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kube.kubeconfigs import config, kubectl_view, needs_kubectl, same_as_kubectl, simple, write
from tui.kube.kubeconfig import load
from tui.kube.lint import lint


def test_lint_says_what_kubectl_says(tmp_path: Path) -> None:
    document = config(
        cluster={"c": {}},
        user={
            "both": {"token": "t", "username": "u"},
            "exec": {
                "exec": {"env": [{"value": "v"}], "interactiveMode": "Perhaps"},
                "auth-provider": {"name": "oidc"},
            },
            "as": {"as-groups": ["g"]},
            "cert": {"client-certificate": "gone"},
        },
        context={"x": {"cluster": "nope", "user": "nope", "namespace": "Not_a_label"}, "y": {}},
        current="z",
    )
    messages = [finding.message for finding in lint(load(write(tmp_path / "c", document)))]
    for expected in (
        "context was not found for specified context: z",
        'no server found for cluster "c"',
        "more than one authentication method found for both; found [token basicAuth], only one is allowed",
        "authProvider cannot be provided in combination with an exec plugin for exec",
        "command must be specified for exec to use exec authentication plugin",
        "apiVersion must be specified for exec to use exec authentication plugin",
        "env variable name must be specified for exec to use exec authentication plugin",
        'invalid interactiveMode for exec: "Perhaps"',
        "requesting uid, groups or user-extra for as without impersonating a user",
        "unable to read client-cert gone for cert due to No such file or directory",
        "client-key-data or client-key must be specified for cert to use the clientCert authentication method.",
        'cluster "nope" was not found for context "x"',
        'user "nope" was not found for context "x"',
        'namespace "Not_a_label" for context "x" does not conform to the kubernetes DNS_LABEL rules',
        'cluster was not specified for context "y"',
    ):
        assert expected in messages
    assert lint(load(write(tmp_path / "d", simple()))) == ()


@needs_kubectl
@pytest.mark.parametrize(
    "texts",
    [
        ["", "current-context: a\n"],
        ["# comment only\n", yaml.safe_dump(simple("x"))],
        [json.dumps(simple("j")), yaml.safe_dump(simple("k"))],
        ["\ufeff" + yaml.safe_dump(simple("bom"))],
        [yaml.safe_dump(simple("unknown") | {"whatever": {"a": 1}})],
        ["clusters: null\nusers: []\ncontexts:\ncurrent-context: ''\n", yaml.safe_dump(simple("late"))],
        ["a: &a {server: 'https://anchored'}\nclusters: [{name: c, cluster: *a}, {name: d, cluster: {<<: *a}}]\n"],
        ["clusters: [{name: 2024-01-01, cluster: {server: 1:30}}]\ncontexts: [{name: '12', context: {user: '0x1'}}]\n"],
        ["Current-Context: shouting\nclusters: [{name: c, cluster: {server: s}}]\n"],
    ],
)
def test_loads_exactly_what_kubectl_loads(tmp_path: Path, texts: list[str]) -> None:
    paths = ":".join(write(tmp_path / str(index), text) for index, text in enumerate(texts))
    ours = load(environ={"KUBECONFIG": paths})
    assert ours.problems == ()
    assert same_as_kubectl(ours, kubectl_view(KUBECONFIG=paths))


@needs_kubectl
@pytest.mark.parametrize(
    "text",
    [
        "clusters: [{name: 12, cluster: {}}]\n",
        "clusters: [{name: yes, cluster: {}}]\n",
        "clusters: [{name: 1e3, cluster: {}}]\n",
        "clusters: [{name: .5, cluster: {}}]\n",
        "clusters: [{name: a, cluster: {insecure-skip-tls-verify: 'true'}}]\n",
        "clusters: [{name: a, cluster: {certificate-authority-data: '!'}}]\n",
        "clusters: [{name: a, cluster: {}}, {name: a, cluster: {}}]\n",
        "clusters: {}\n",
        "kind: Pod\n",
        "[]\n",
        "bogus value\n",
    ],
)
def test_has_problems_exactly_where_kubectl_refuses(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "c", text)
    done = subprocess.run(
        ["kubectl", "config", "view"],
        env={"PATH": os.environ["PATH"], "KUBECONFIG": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert load(environ={"KUBECONFIG": path}).problems
