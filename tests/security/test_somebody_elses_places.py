"""Issuing, exporting, merging and rotating where a file of somebody else lies: nothing of it is lost."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.issuance.arena import Bench, token_in
from tests.security.test_somebody_elses_files import ADMIN, BOB, as_root
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.secret import sorted_out
from tui.issuance.destinations.standing import KEPT_AS, WouldReplace
from tui.issuance.errors import FileError, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.types import Action
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive


@as_root
async def test_no_token_goes_into_a_file_of_somebody_else(ebench: Bench) -> None:
    arena = ebench.arena
    for merge in (False, True):
        place = FileDestination(str(arena.folder / f"his-{merge}"), merge=merge)
        Path(place.path).write_text(ADMIN if merge else "")
        os.chown(place.path, BOB, BOB)
        with pytest.raises(FileError, match="belongs to 12345"):
            await ebench.engine.plan(arena.spec(place), force=True)
    assert await ebench.handles() == []


async def test_issuing_over_somebodys_kubeconfig_has_to_be_asked_for_and_keeps_it(ebench: Bench) -> None:
    """A kubeconfig with one context was replaced without a word, and so was any text file."""
    arena = ebench.arena
    path = Path(arena.file().path)
    path.write_text(ADMIN)
    path.chmod(0o644)
    with pytest.raises(WouldReplace):
        await ebench.engine.plan(arena.spec())
    plan = await ebench.engine.plan(arena.spec(), force=True)
    assert "-- name: admin" in plan.preview
    assert "hush" not in plan.preview
    assert any("kept beside it" in warning and "0644" in warning for warning in plan.warnings)
    assert path.read_text() == ADMIN
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    kept = path.with_name(f"{path.name}.{KEPT_AS}")
    assert any(str(kept) in result.message for result in outcome.results)
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (ADMIN, 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await ebench.rotate(outcome.address)  # from now on it is ours
    assert kept.read_text() == ADMIN


async def test_where_it_fails_what_was_to_be_replaced_is_there_as_it_was(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.issuance.destinations.file import FilePlace

    arena = ebench.arena
    path = Path(arena.file().path)
    path.write_text(ADMIN)
    path.chmod(0o640)

    async def spoiled(self: object, content: Sensitive) -> None:
        raise OSError(5, "Input/output error")

    plan = await ebench.engine.plan(arena.spec(), force=True)
    monkeypatch.setattr(FilePlace, "holds", spoiled)
    assert not (await ebench.engine.execute(plan)).ok
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (ADMIN, 0o640)
    assert [name for name in os.listdir(arena.folder) if name.startswith(path.name)] == [path.name]
    assert await ebench.handles() == []


async def test_what_lies_at_a_revoked_or_changed_path_by_now_is_not_rotated_over(ebench: Bench) -> None:
    """The record of a path says what kubemint wrote there, not that what lies there now is that."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file(), arena.file("second")))
    path = Path(arena.file().path)
    for text in (ADMIN, ADMIN + "- name: z\n  user: {token: t}\n", "a letter"):
        path.write_text(text)
        with pytest.raises(WouldReplace):
            await ebench.engine.plan_rotate(issued.address)
        assert path.read_text() == text
    record = next(one for one in ebench.state.export_records() if one.credential.address.name == str(path))
    from tui.issuance.transaction.after_ending import dead

    ebench.state.record_export(dead(record))
    with pytest.raises(WouldReplace):
        await ebench.engine.plan(arena.spec())
    assert path.read_text() == "a letter"


async def test_a_file_of_another_owner_or_a_mode_that_opened_since_are_looked_at_when_it_is_written(
    ebench: Bench,
) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    path = Path(arena.file().path)
    plan = await ebench.engine.plan_rotate(issued.address)
    path.chmod(0o666)
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    await ebench.engine.settle()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await ebench.works(token_in(path))


async def test_a_merge_makes_a_kubeconfig_private_says_so_and_goes_back_byte_for_byte(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.issuance.destinations.merge import MergePlace

    arena = ebench.arena
    config = FileDestination(str(arena.folder / "config"), merge=True)
    path = Path(config.path)
    path.write_text("# mine\n" + ADMIN.replace("clusters:", "clusters: &c"))
    before = path.read_bytes()
    path.chmod(0o664)
    plan = await ebench.engine.plan(arena.spec(config))
    assert any("0664" in warning and "0600" in warning for warning in plan.warnings)
    holds = MergePlace.holds

    async def spoiled(self: MergePlace, content: Sensitive) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(MergePlace, "holds", spoiled)
    assert not (await ebench.engine.execute(plan)).ok
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (before, 0o664)
    monkeypatch.setattr(MergePlace, "holds", holds)
    await ebench.issue(arena.spec(config))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_another_kubemint_is_about_to_commit_is_no_foreign_file(ebench: Bench) -> None:
    """Killed between write and commit, the file holds a token that only the journal's open plan knows."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    before = ebench.state.export_record(issued.address)

    def stop(point: str) -> None:
        if point == "before:commit":
            raise KeyboardInterrupt

    ebench.engine.checkpoint = stop
    with pytest.raises(KeyboardInterrupt):
        await ebench.engine.execute(await ebench.engine.plan_rotate(issued.address))
    ebench.engine.checkpoint = lambda _point: None
    assert ebench.state.export_record(issued.address) == before
    await ebench.engine.plan_rotate(issued.address)
    ebench.state.record(Action.RECOVER, issued.address, closed=ebench.state.open_plans()[0].plan)
    with pytest.raises(WouldReplace):
        await ebench.engine.plan_rotate(issued.address)


@as_root
def test_d09_a_group_that_was_trusted_reads_no_new_token(tmp_path: Path) -> None:
    """D09 kept mode 0640; a live token is for its owner alone, and that is said."""
    path = tmp_path / "f"
    path.write_text("x")
    path.chmod(0o640)
    script = "import sys; from tui.issuance.destinations.standing import write_file; "
    script += "from tui.kube.sensitive import Sensitive; "
    script += "write_file(sys.argv[1], Sensitive('t'), force=True)"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, umask=0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_exported_copy_over_a_letter_is_refused_too(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    letter = arena.folder / "letter"
    letter.write_text("dear")
    with pytest.raises(WouldReplace):
        await ebench.engine.plan_export(issued.address, FileDestination(str(letter)), Format.TOKEN)
    outcome = await ebench.engine.export(issued.address, FileDestination(str(letter)), Format.TOKEN, force=True)
    assert outcome.ok, outcome
    assert letter.with_name(f"letter.{KEPT_AS}").read_text() == "dear"


OURS, THEIRS = {"kubeconfig"}, {"token", "other", "TOKEN_FILE"}


@pytest.mark.parametrize(
    ("there", "wanted", "had", "stale", "others"),
    [
        (OURS, OURS, Format.KUBECONFIG, set(), ()),
        (OURS | THEIRS, OURS, Format.KUBECONFIG, set(), ()),
        (OURS | THEIRS, {"token"}, Format.KUBECONFIG, OURS, ("token",)),
        (OURS, {"token"}, Format.KUBECONFIG, OURS, ()),
        (OURS | {"token"}, OURS, Format.TOKEN, {"token"}, ("kubeconfig",)),
        ({"token"}, OURS, Format.TOKEN, {"token"}, ()),
        (OURS, OURS, None, set(), ("kubeconfig",)),
        ({"other"}, OURS, None, set(), ()),
        (set(), OURS, None, set(), ()),
    ],
)
def test_only_keys_of_the_format_that_it_had_are_ours(
    there: set[str], wanted: set[str], had: Format | None, stale: set[str], others: tuple[str, ...]
) -> None:
    keys = sorted_out(there, wanted, had)
    assert keys.stale & there == stale
    assert keys.others == others


async def test_a_key_of_somebody_elses_in_our_secret_stays_whatever_it_is_called(ebench: Bench) -> None:
    """What another team calls `token` was taken for a key of ours, and went with the next rotation."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.KUBECONFIG))
    name, theirs = issued.address.name, base64.b64encode(b"their own").decode()
    await ebench.client.patch(SECRETS, name, {"data": {"token": theirs, "other": theirs}}, namespace=arena.namespace)
    await ebench.rotate(issued.address)
    found = await ebench.client.get(SECRETS, name, namespace=arena.namespace)
    assert {key: found["data"][key] for key in ("token", "other")} == {"token": theirs, "other": theirs}
    with pytest.raises(UsageError, match="holds token, which kubemint does not own"):  # before anything is minted
        await ebench.engine.plan(arena.spec(arena.secret(), format=Format.TOKEN), replace=True)
    again = await ebench.client.get(SECRETS, name, namespace=arena.namespace)
    assert again["data"] == found["data"], "it is as it was before"
    await ebench.client.patch(SECRETS, name, {"data": {"token": None}}, namespace=arena.namespace)
    planned = await ebench.engine.plan(arena.spec(arena.secret(), format=Format.TOKEN), replace=True)
    handles = await ebench.handles()
    await ebench.client.patch(SECRETS, name, {"data": {"token": theirs}}, namespace=arena.namespace)
    late = await ebench.engine.execute(planned)
    assert "holds token, which kubemint does not own" in late.error, "nor where that came after the plan"
    assert await ebench.handles() == handles
    await ebench.client.patch(SECRETS, name, {"data": {"token": None}}, namespace=arena.namespace)
    await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN), replace=True)
    last = await ebench.client.get(SECRETS, name, namespace=arena.namespace)
    assert set(last["data"]) == {"token", "other"}, "what was ours goes"
