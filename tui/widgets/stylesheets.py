"""Where the stylesheets are: packaged inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent.parent


def stylesheets() -> list[str | PurePath]:
    """Every stylesheet, in a stable order. Raises FileNotFoundError with both places where there are none."""
    for folder in (_PACKAGE / "styles", _PACKAGE.parent / "styles"):
        found = sorted(folder.glob("*.tcss"))
        if found:
            return list(found)
    raise FileNotFoundError(f"no stylesheets in {_PACKAGE / 'styles'} or {_PACKAGE.parent / 'styles'}")
