"""`kubemint undo`: back to what the last rotation replaced, while that still lives."""

from __future__ import annotations

from tui.actions.rotating import UNDO

from .doing import verb


@verb(UNDO, which="newer")
def undo() -> None:
    """Put the old credential back into every place, during the grace period of its rotation.

    The old one is proved first, and the newer one is revoked last. Tokens are kept nowhere but where they are used, so
    this command can only go back to one that a file still holds: a copy that kubemint wrote and the rotation did not
    reach, or the one named with --from. The dashboard remembers what it replaced itself; there it is the key u.

    Of a Secret that was issued or copied and not rotated since, --yes undoes that: the Secret goes, and what was issued
    ends with it. It is refused where somebody edited or uses it, or another place has its token.
    """
