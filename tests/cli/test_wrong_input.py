"""What people mistype: one line that says what is wrong, one that says what to do, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import issue, kubemint


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("list pods", 2, "there is no list of 'pods'"),
        ("list credentials -o jsn", 2, "'jsn' is not one of"),
        ("list credentials -n Bad_NS", 2, "'Bad_NS' is not a namespace"),
        ("issue rob", 2, "--namespace"),
        ("issue rob -n default --context tenant-a", 2, "name a destination"),
        ("rotate nonsense", 2, "nonsense is neither a file nor an address"),
        ("rotate some/file", 2, "some/file is neither a file nor an address"),
        ("rotate secret:tenant-a/default", 2, "secret:tenant-a/default is neither a file nor an address"),
        ("rotate secret:nope/default/x", 2, "no cluster is called 'nope'"),
        ("verify missing.kc", 2, "missing.kc is neither a file nor an address"),
        ("can missing.kc", 2, "missing.kc is neither a file nor an address"),
        ("lineage missing.kc", 2, "missing.kc is neither a file nor an address"),
        ("verify some/file", 2, "some/file is neither a file nor an address"),
        ("revoke login:tenant-a", 2, "is yours"),
        ("revoke file:/nowhere/at/all", 2, "wrote no credential to"),
        ("export login:tenant-a --out x", 2, ""),
        ("identity token /nowhere/at/all --out x", 1, "cannot read /nowhere/at/all"),
        ("tenant push nope -n default --account rob --context tenant-a", 2, "--account: write namespace/name"),
        ("csi preview nodriver --pod x --context tenant-a", 2, "does not name a pod"),
        ("reconcile -A --context tenant-a", 1, "the server has no dpuservicecredentialrequests.svc.dpu.nvidia.com"),
        ("undo secret:tenant-a/default/nothing", 1, ""),
        ("rbac nope", 2, "'nope' is not one of"),
        ("hygiene --fail-on terrible", 2, "'terrible' is not one of"),
        ("completion tcsh", 2, "'tcsh' is not one of"),
        ("config nope", 2, "no such command 'nope'"),
        ("journal -o xml", 2, "'xml' is not one of"),
    ],
)
def test_it_is_said_in_one_line(served: Path, words: str, code: int, says: str) -> None:
    kubemint(*words.split(), env={"KUBECONFIG": str(served)}).failed(code, says)


def test_a_file_that_is_neither_a_kubeconfig_nor_a_token_is_named(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("to do\n")
    kubemint("verify", notes).failed(2, f"{notes} is neither a kubeconfig nor a token", "kubemint inspect")
    kubemint("verify", "-", stdin="to do\n").failed(2, "stdin is neither")


def test_a_dry_run_of_a_revocation_needs_no_terminal_and_changes_nothing(served: Path, robot: Path) -> None:
    shown = kubemint("revoke", f"file:{robot}", "--dry-run", "--kubeconfig", served)
    assert shown.code == 0, shown
    assert "Delete the handle" in shown.out
    assert kubemint("verify", robot).code == 0


def test_folders_are_made_at_home_and_elsewhere_only_when_asked(served: Path, tmp_path: Path) -> None:
    """A letter too many in a path leaves no folder with a credential in it."""
    elsewhere = tmp_path / "srv" / "robto" / "a.kc"
    for refused in (issue(served, "--create", "--out", elsewhere), kubemint("journal", "--out", elsewhere)):
        refused.failed(2, "there is no folder", "-p")
        assert not elsewhere.parent.parent.exists()
    assert issue(served, "--create", "--out", elsewhere, "-p").code == 0
    assert elsewhere.exists()
    assert issue(served, "--create", "--out", "~/new/folder/a.kc").code == 0


def test_request_timeout_is_read_as_kubectl_reads_it(served: Path) -> None:
    """A number alone is seconds; a length of time has its unit; nothing else is one."""
    for said in ("30", "30s", "0", "1m30s"):
        assert kubemint("list", "clusters", "--kubeconfig", served, "--request-timeout", said).code in (0, 3), said
    kubemint("list", "clusters", "--kubeconfig", served, "--request-timeout", "soon").failed(2, "not a duration")


def test_a_slow_server_is_not_said_to_be_tried_on() -> None:
    """A command ends; only the dashboard and the loop go on."""
    from tui.kube import errors

    hints = [error.default_hint for error in vars(errors).values() if hasattr(error, "default_hint")]
    assert hints
    assert not [hint for hint in hints if "goes on" in hint]
