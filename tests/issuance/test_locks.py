"""Who works on an address: this kubemint itself, or another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tui.issuance.errors import ChangedMeanwhile, StateError
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address
from tui.issuance.records.locks import Locks

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
