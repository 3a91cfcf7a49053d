"""Private files on this machine, in a folder that is made where there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tui.kube.paths import short_path
from tui.kube.sensitive import Sensitive


async def write_here(path: Path, text: str | Sensitive, *, force: bool = False, live: bool = True) -> str:
    """Write a private file, in a folder that is made where there is none; what to say about it.

    Raises WouldReplace where something else lies there and was not confirmed to be replaced, FileError.
    """
    from tui.issuance import write_file

    content = Sensitive(text) if isinstance(text, str) else text
    written = await asyncio.to_thread(write_file, path, content, force=force, live=live)
    said = f"written to {short_path(str(path))}"
    return said if written.kept is None else f"{said}; what was there is in {short_path(str(written.kept))}"
