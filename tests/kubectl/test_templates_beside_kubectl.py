"""JSONPath templates through kubectl and through kubemint, on the same document."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tui.headless.filling import filled
from tui.headless.jsonpath import PathError, template

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not in PATH")
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "p", "namespace": "d", "annotations": {"t": "<a&b>", "empty": ""},
        "labels": {"app": "x", "app.kubernetes.io/name": "web", "zz": "1"},
    },
    "spec": {
        "containers": [
            {"name": "a", "image": "ia", "ports": [{"containerPort": 80}, {"containerPort": 443}]},
            {"name": "b", "image": "ib"},
            {"name": "c", "image": "ic", "tty": True},
        ]
    },
}  # fmt: skip
TEMPLATES = [
    "{.metadata.name}", "{.spec.containers[*].name}", "{.metadata.labels}", "{.metadata.annotations}",
    "{.metadata.annotations.t}", "{.metadata.annotations.empty}", "{.nope}", "{.nope.deeper[*].still}",
    "{.spec.containers[5].name}", "{.spec.containers[-1].name}", "{.spec.containers[-1:].name}",
    "{.spec.containers[-4].name}", "{.spec.containers[0:5].name}", "{.spec.containers[1:].name}",
    "{.spec.containers[0:2].name}", "{.spec.containers[:2].name}", "{.spec.containers[2:1].name}",
    "{.spec.containers[1:1].name}", "{.spec.containers[0::2].name}", "{.spec.containers[::0].name}",
    "{.spec.containers[0,1].name}", "{.spec.containers[*].ports[0].containerPort}", '{["a"]}', '{.metadata["name"]}',
    "{.metadata['name']}", "{.metadata['name','namespace']}", "{.metadata.labels.app\\.kubernetes\\.io/name}",
    "{.metadata.labels['app.kubernetes.io/name']}", "{.metadata.labels['app\\.kubernetes\\.io/name']}",
    '{range .spec.containers[*]}{.name}{"\\t"}{.ports[*].containerPort}{"\\n"}{end}',
    "{range .spec.containers[*]}{.name} {range .ports[*]}<{.containerPort}>{end};{end}!",
    "{range .spec.containers[*]}{.name}", "{range .nope[*]}{.name}{end}after",
    "{range .spec.containers[*]}{$.kind}{end}",
    "{..containerPort}", "{.spec..image}", "{.spec.*[0].name}", "{@.kind}", "{$.kind}", "{ .kind }",
    '{.spec.containers[?(@.name=="b")].image}', "{.spec.containers[?(@.name=='b')].image}",
    '{.spec.containers[?(@.name != "b")].name}', "{.spec.containers[?(@.tty==true)].name}",
    "{.spec.containers[?(@.ports)].name}", "{.spec.containers[?(@.name==b)].image}",
    "{.spec.containers[*].ports[?(@.containerPort>100)].containerPort}", '{.spec.containers[?(@.name>"a")].name}',
    '{.spec.containers[?(@.ports[0].containerPort==80)].name}', '{.metadata.name[0]}', '{.metadata[?(@.name=="p")]}',
    '{.spec.containers[?(@.name=~"b")].image}', "{.spec.containers[?(@.name==\"b\")]}",
    "{.spec.containers[0].ports[*]}", "{.spec.containers[0].ports}", "{.spec.containers[2].tty}",
    "{end}", "{metadata.name}", "{.metadata.name}{.spec", "{.metadata.name", "plain", "name={.metadata.name}!",
    "{.kind}/{.metadata.name}", "{.kind} {.apiVersion}", '{"a b"}', "{'a b'}", '{"say \\"x\\""}', "a\nb", "{.spec[}",
    "{.spec.containers[x]}", "{.spec.containers[]}", "{.spec.containers[*].name.first}", "{}",
]  # fmt: skip


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pod") / "pod.json"
    path.write_text(json.dumps(POD))
    return path


@pytest.mark.parametrize("text", TEMPLATES)
def test_same_text(text: str, pod: Path) -> None:
    theirs = subprocess.run(
        ["kubectl", "label", "--local", "-f", pod, "zz=1", "--overwrite", "-o", f"jsonpath={text}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if theirs.returncode == 0:
        assert filled(template(text), POD) == theirs.stdout
    else:
        with pytest.raises(PathError):
            filled(template(text), POD)


def test_a_path_without_braces_is_one() -> None:
    """kubectl prints it as it stands, which nobody wants."""
    assert filled(template(".spec.containers[*].name"), POD) == "a b c"


def test_values_of_different_types_differ() -> None:
    """kubectl ends the command there, although the other items could be printed."""
    document = {"items": [{"at": None, "n": 1}, {"at": "x", "n": 2}]}
    assert filled(template('{.items[?(@.at=="x")].n}'), document) == "2"
    assert filled(template('{.items[?(@.at!="x")].n}'), document) == "1"
