"""How material is written down. One file per format, and one line here."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .base import Rules
from .certificate import Certificate
from .kubeconfig import Kubeconfig
from .service_account import ServiceAccount
from .token import Token
from .token_file import TokenFile


class Format(StrEnum):
    """The formats there are. As text they are DPF's `spec.type` and kubemint's `--type`."""

    KUBECONFIG = Kubeconfig.name
    TOKEN_FILE = TokenFile.name
    TOKEN = Token.name
    SERVICE_ACCOUNT = ServiceAccount.name
    CERTIFICATE = Certificate.name

    @property
    def rules(self) -> Rules:
        """How it is written and read."""
        return _RULES[self]


_RULES: Final[dict[str, Rules]] = {rules.name: rules() for rules in Rules.__subclasses__()}
