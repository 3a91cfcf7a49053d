"""What is said where a bare token stands and a kubeconfig was meant: a token does not say where its cluster is."""

from __future__ import annotations

import re
from typing import Final

INSTEAD: Final = "use `kubemint inspect` or `kubemint verify`"
_TOKEN: Final = re.compile(rb"\s*eyJ[\w-]*\.[\w-]+\.[\w-]*\s*")


def is_bare(data: bytes) -> bool:
    """Whether this is one JSON Web Token and nothing else."""
    return _TOKEN.fullmatch(data) is not None
