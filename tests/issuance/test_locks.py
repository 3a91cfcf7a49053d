"""Who works on an address: this kubemint itself, or another one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.issuance.errors import ChangedMeanwhile, StateError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Action, Address, StepResult, StepStatus
from tui.issuance.records.locks import Locks
from tui.issuance.records.state import StateStore

ONE, OTHER = (Address(CredentialKind.SECRET, "harbor", "ci", name) for name in ("one", "other"))


def test_it_is_said_whether_this_kubemint_or_another_one_works_on_it(tmp_path: Path) -> None:
    here, elsewhere = Locks(tmp_path), Locks(tmp_path)
    with here.hold([ONE]):
        with pytest.raises(ChangedMeanwhile, match="this kubemint itself is working on"), here.hold([OTHER, ONE]):
            pass
        with pytest.raises(ChangedMeanwhile, match="another kubemint is working on"), elsewhere.hold([ONE]):
            pass
    another = pytest.raises(ChangedMeanwhile, match="another kubemint is working on")
    with elsewhere.hold([ONE]), here.hold([OTHER]), another, here.hold([ONE]):
        pass


def test_a_folder_that_is_gone_is_made_again_and_one_that_cannot_be_is_said(tmp_path: Path) -> None:
    state = tmp_path / "state"
    locks = Locks(state)
    with locks.hold([ONE]):
        assert state.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(state)
    state.write_text("no folder")
    with pytest.raises(StateError, match=r"nothing can be locked in .*: file exists") as seen, locks.hold([ONE]):
        pass
    assert "XDG_STATE_HOME" in seen.value.hint


def everything(state: Path) -> None:
    shutil.rmtree(state / "locks")


def every_file(state: Path) -> None:
    for file in (state / "locks").iterdir():
        file.unlink()


def the_folder_for_a_file(state: Path) -> None:
    everything(state)
    (state / "locks").write_text("")


def then_made_anew_by_another(state: Path) -> None:
    everything(state)
    with Locks(state).hold([ONE, OTHER]):
        pass


@pytest.mark.parametrize(
    "tidied", [everything, every_file, the_folder_for_a_file, then_made_anew_by_another], ids=lambda one: one.__name__
)
def test_who_lost_his_lock_file_journals_nothing_more(tmp_path: Path, tidied: Callable[[Path], None]) -> None:
    with contextlib.closing(StateStore.open(tmp_path)) as state:
        locks, elsewhere = Locks(tmp_path, state.works_under), Address(CredentialKind.SECRET, "harbor", "ci", "third")
        with locks.hold([ONE, OTHER]):
            state.append(Action.ROTATE, ONE, _done())
            tidied(tmp_path)
            for address in (ONE, OTHER):
                with pytest.raises(StateError, match=f"lock file of {address} was removed") as seen:
                    state.append(Action.ROTATE, address, _done())
                assert str(tmp_path / "locks") in seen.value.hint
            state.append(Action.ROTATE, elsewhere, _done())
        assert [entry.address for entry in state.entries()] == [str(ONE), str(elsewhere)]
        state.append(Action.ROTATE, ONE, _done())
        if (tmp_path / "locks").is_file():
            (tmp_path / "locks").unlink()
        with locks.hold([ONE]):
            state.append(Action.ROTATE, ONE, _done())


def test_of_one_file_by_two_names_both_are_worked_on(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    by_two = [Address.parse(f"file:{tmp_path / name}") for name in ("file", "link")]
    with contextlib.closing(StateStore.open(tmp_path / "state")) as state:
        with Locks(state.folder, state.works_under).hold(by_two):
            shutil.rmtree(state.folder / "locks")
            for address in by_two:
                with pytest.raises(StateError, match="was removed"):
                    state.append(Action.ROTATE, address, _done())
        assert state.works_under == {}


def _done() -> StepResult:
    return StepResult(plan="p", step="s", title="", status=StepStatus.DONE, at=datetime.now(UTC), message="")
