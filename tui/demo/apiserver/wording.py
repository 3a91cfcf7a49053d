"""What older servers say in other words: the code beside this has the newest words, and a table the older ones.

Clients read some of these texts, so that a server of the embedded fleet says what one of its age says.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from .status import StatusError

_OLDER: Final[tuple[tuple[int, re.Pattern[str], str], ...]] = (
    (33, re.compile(r"must be no more than (\d+) bytes"), r"must be no more than \1 characters"),
    (33, re.compile(r"Too long: may not be more than (\d+) bytes"), r"Too long: must have at most \1 bytes"),
    (35, re.compile(r"Invalid value: 0: must be specified for an update"),
     "Invalid value: 0x0: must be specified for an update"),
)  # fmt: skip
"""Since which minor version of Kubernetes 1 servers use the words of today, those words, and the ones before."""


def in_words_of(minor: int, error: StatusError) -> StatusError:
    """The same refusal as a server of that minor version words it."""
    older = [(today, before) for since, today, before in _OLDER if minor < since]
    if not any(today.search(error.message) for today, _ in older):
        return error

    def said(text: str) -> str:
        for today, before in older:
            text = today.sub(before, text)
        return text

    details: dict[str, Any] | None = copy.deepcopy(error.details)
    for cause in (details or {}).get("causes", ()):
        cause["message"] = said(cause["message"])
    return StatusError(error.code, error.reason, said(error.message), details, error.headers, error.metadata)
