"""`kubemint issue --user`: a person's client certificate on the command line, made from what its family offers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import kubemint

KUBECTL = shutil.which("kubectl")


def test_a_certificate_and_what_can_be_done_with_it(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "jane.kc"
    asked = ("issue", "--user", "jane", "--group", "night", "--group", "shift", "--context", "harbor", "--out", path)
    served_by = ("--kubeconfig", served)
    dry = kubemint(*asked, "--dry-run", *served_by)
    assert dry.code == 0, dry
    assert "create certificatesigningrequests.certificates.k8s.io" in dry.out
    assert not path.exists()
    made = kubemint(*asked, *served_by)
    assert (made.code, made.out) == (0, f"file:{path}\n"), made
    assert "PRIVATE" not in made.out + made.err
    again = kubemint(*asked, *served_by)
    assert again.code != 0
    assert "--replace" in again.err
    assert kubemint("rotate", path, *served_by).code == 0
    (item,) = [
        one
        for one in kubemint("list", "credentials", "-o", "json", *served_by).json["items"]
        if one["address"] == f"file:{path}"
    ]
    assert (item["state"], item["requestedSeconds"], item["grantedSeconds"]) == ("valid", 3600, 3600)
    written = path.read_text()
    config = yaml.safe_load(written)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path.write_text(yaml.safe_dump(config))
    verified = kubemint("verify", f"file:{path}", *served_by)
    assert (verified.code, verified.out.startswith("accepted")) == (0, True), verified
    assert "note: asked of harbor, and its kubeconfig differs from what is known" in verified.err
    path.write_text(written)
    refused = kubemint("revoke", path, "--yes", *served_by)
    assert refused.code != 0
    assert "cannot be revoked: it is a client certificate of jane (night, shift), which ends at" in refused.err
    assert "take its bindings away" in refused.err
    copied = kubemint("export", path, "--out", tmp_path / "copy.kc", *served_by)
    assert (copied.code, (tmp_path / "copy.kc").exists()) == (2, False)
    assert "is a client certificate, which is not copied" in copied.err
    if KUBECTL is not None:
        got = subprocess.run(
            [KUBECTL, "--kubeconfig", path, "get", "secrets"], capture_output=True, text=True, timeout=30, check=False
        )
        assert 'User "jane" cannot list resource "secrets"' in got.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--user", "jane", "--group", "system:masters"), "--group: system:masters may do everything"),
        (("--user", "system:admin"), "--user: users called system:"),
        (("--user", "jane", "--audience", "a"), "--audience cannot be used with --user"),
        (("robot", "-n", "default", "--group", "night"), "--group needs --user"),
        (("--user", "jane", "--duration", "5m"), "--duration"),
    ],
)
def test_what_is_refused(served: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = kubemint("issue", *words, "--context", "harbor", "--out", tmp_path / "x", "--kubeconfig", served)
    assert result.code == 2, result
    assert said in result.err
