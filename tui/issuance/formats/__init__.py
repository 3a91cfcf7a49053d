"""How material is written down. One file per format, and one line here: in capitals the name of that file."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Final

from .base import Rules


class Format(StrEnum):
    """The formats there are. As text they are DPF's `spec.type` and kubemint's `--type`."""

    KUBECONFIG = "kubeconfig"
    TOKEN_FILE = "tokenFile"
    TOKEN = "token"
    SERVICE_ACCOUNT = "serviceAccount"
    CERTIFICATE = "clientCertificate"

    @property
    def rules(self) -> Rules:
        """How it is written and read."""
        return _RULES[self]


for _form in Format:
    import_module(f"{__name__}.{_form.name.lower()}")
_RULES: Final[dict[str, Rules]] = {rules.name: rules() for rules in Rules.__subclasses__()}
