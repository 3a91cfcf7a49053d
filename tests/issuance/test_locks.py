"""Who works on an address: this kubemint itself, or another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.issuance.errors import ChangedMeanwhile
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
