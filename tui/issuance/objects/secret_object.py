"""A Secret as it travels between kubemint and an API server."""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Any

import msgspec

from tui.kube.sensitive import Sensitive


class SecretObject(msgspec.Struct, kw_only=True):
    """A Secret as it travels; its values (base64 text) stay in `Sensitive` on the way in and out."""

    apiVersion: str = "v1"  # noqa: N815 - the API's own name
    kind: str = "Secret"
    type: str = "Opaque"
    metadata: dict[str, Any]
    data: dict[str, Sensitive] | None = None

    def values(self) -> dict[str, Sensitive]:
        """The decoded values; what is not base64 is left out."""
        found = {}
        for key, text in (self.data or {}).items():
            with contextlib.suppress(binascii.Error):
                found[key] = Sensitive(base64.b64decode(text.reveal_bytes(), validate=True))
        return found
