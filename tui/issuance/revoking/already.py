"""What is asked for and was done before: an error to whoever plans it, and a success to whoever only wants it done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.issuance.errors import UsageError

if TYPE_CHECKING:
    from tui.issuance.model.types import Address


class Already(UsageError):
    """It was done before, and was seen to be: nothing is left to do. A command that asks for it exits with 0."""

    def __init__(self, address: Address, message: str, hint: str = "") -> None:
        self.address = address
        super().__init__(message, hint)
