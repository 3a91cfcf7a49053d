"""The shared issuance core: who gets a credential, in which form, where it is kept, and how it is renewed and revoked.

A library without any screen. It knows API servers through `tui.kube` and nothing of the dashboard. Everything a script
needs is exported here and imported when first used, so that `import tui.issuance` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from typing import Any

    from .clusters import Clusters, KubeconfigClusters
    from .engine import Engine
    from .errors import ChangedMeanwhile, IssuanceError, NotProved, StateError, UsageError
    from .formats import Format
    from .kinds import CredentialKind
    from .state import StateStore
    from .types import (
        Action,
        Address,
        Credential,
        FileDestination,
        Handle,
        Identity,
        IssueSpec,
        Outcome,
        Plan,
        SecretDestination,
        State,
        StepInfo,
        StepResult,
        StepStatus,
    )
    from .verification import Verification

__all__ = [
    "Action",
    "Address",
    "ChangedMeanwhile",
    "Clusters",
    "Credential",
    "CredentialKind",
    "Engine",
    "FileDestination",
    "Format",
    "Handle",
    "Identity",
    "IssuanceError",
    "IssueSpec",
    "KubeconfigClusters",
    "NotProved",
    "Outcome",
    "Plan",
    "SecretDestination",
    "State",
    "StateError",
    "StateStore",
    "StepInfo",
    "StepResult",
    "StepStatus",
    "UsageError",
    "Verification",
]

_HOME = {
    "Clusters": "clusters",
    "KubeconfigClusters": "clusters",
    "Engine": "engine",
    "ChangedMeanwhile": "errors",
    "IssuanceError": "errors",
    "NotProved": "errors",
    "StateError": "errors",
    "UsageError": "errors",
    "CredentialKind": "kinds",
    "Format": "formats",
    "StateStore": "state",
    "Verification": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'types')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
