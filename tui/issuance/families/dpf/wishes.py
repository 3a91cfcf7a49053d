"""What can be asked for a DPUServiceCredentialRequest that exists."""

from __future__ import annotations

import msgspec

from tui.issuance.model.types import Address


class Keep(msgspec.Struct, frozen=True):
    """Bring it to its desired state; nothing is done where DPF's controller does it, unless `take_over` is said."""

    address: Address


class Delete(msgspec.Struct, frozen=True):
    """Delete it, and all that was made for it where DPF's controller does not do that or `take_over` is said."""

    address: Address


class Abandon(msgspec.Struct, frozen=True):
    """Let a deleted one go whose target cannot be reached: what stays behind is said."""

    address: Address
