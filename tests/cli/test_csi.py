"""`kubemint csi preview` as people run it: masked on the terminal, exact in the file, nothing minted in a dry run."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Result, kubemint
from tui.kube.sensitive import MASK

DRIVER = "secrets-store.csi.k8s.io"
KEY = "csi.storage.k8s.io/serviceAccount.tokens"


def preview(served: Path, *arguments: str | Path, driver: str = DRIVER, context: str = "harbor") -> Result:
    where = ("--kubeconfig", served, "--context", context)
    return kubemint("csi", "preview", driver, "--pod", "payments/vault-api-0", *where, *arguments)


def test_the_file_holds_the_exact_json_and_the_terminal_no_token(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    result = preview(served, "--out", path, "-o", "json")
    assert result.code == 0, result
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert text == json.dumps(json.loads(text), separators=(",", ":"))
    given = json.loads(text)
    assert list(given) == ["", "vault"]
    assert all(entry["token"].count(".") == 2 for entry in given.values())
    for entry in given.values():
        assert entry["token"] not in result.out + result.err
    shown = result.json
    assert (shown["kind"], shown["file"], shown["serviceAccount"]) == ("CSIPreview", str(path), "payments/api")
    assert [item["audience"] for item in shown["items"]] == ["", "vault"]
    masked = json.loads(shown["attributes"][KEY])
    assert masked == {audience: entry | {"token": MASK} for audience, entry in given.items()}
    named = preview(served, "--out", tmp_path / "again.json")
    assert (named.code, named.out) == (0, f"{tmp_path / 'again.json'}\n")


def test_tokens_do_not_go_where_others_read_nor_over_what_others_wrote(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text("mine")
    path.chmod(0o644)
    preview(served, "--out", path).failed(2, "was not written by kubemint", "--force")
    assert path.read_text() == "mine"
    done = preview(served, "--out", path, "--force")
    assert done.code == 0, done
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_name("tokens.json.replaced-by-kubemint").read_text() == "mine"


def test_without_a_file_the_tokens_are_masked(served: Path) -> None:
    result = preview(served)
    assert result.code == 0, result
    assert "eyJ" not in result.out
    assert {entry["token"] for entry in json.loads(result.out).values()} == {MASK}


def test_a_dry_run_shows_the_requests_and_works_read_only(served: Path) -> None:
    result = preview(served, "--dry-run", "--read-only")
    assert result.code == 0, result
    assert "create serviceaccounts/token" in result.out
    assert "Pod payments/vault-api-0" in result.out
    requests = preview(served, "--dry-run", "-o", "json").json["requests"]
    assert [request["spec"].get("audiences") for request in requests] == [["vault"], None]
    assert {request["spec"]["boundObjectRef"]["kind"] for request in requests} == {"Pod"}
    preview(served, "--read-only").failed(2, "--read-only", "--dry-run")


def test_k07_an_old_server_dropped_the_requests(served: Path, tmp_path: Path) -> None:
    """K07: said in words; nothing is written because there is nothing."""
    result = preview(served, context="tenant-b")
    assert (result.code, result.out) == (0, ""), result
    assert "the server dropped tokenRequests and requiresRepublish" in result.err
    assert preview(served, "-o", "json", context="tenant-b").json["attributes"] == {}  # K01
    path = tmp_path / "tokens.json"
    assert preview(served, "--out", path, context="tenant-b").code == 1
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("csi", "preview", DRIVER, "--pod", "payments"), 2, "NAMESPACE/NAME"),
        (("csi", "preview", DRIVER), 2, "--pod"),
        (("csi", "preview", "nobodys.example.com", "--pod", "payments/vault-api-0"), 1, "hands over no tokens"),
        (("csi", "preview", DRIVER, "--pod", "payments/nobody"), 1, "pods"),
    ],
)
def test_what_is_wrong_is_said(served: Path, arguments: tuple[str, ...], code: int, part: str) -> None:
    kubemint(*arguments, "--kubeconfig", served, "--context", "harbor").failed(code, part)
