"""The shared issuance core: who gets a credential, in which form, where it is kept, and how it is renewed and revoked.

A library without any screen. It knows API servers through `tui.kube` and nothing of the dashboard. Everything a script
needs is exported here and imported when first used, so that `import tui.issuance` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from typing import Any

    from .engine import Engine
    from .errors import ChangedMeanwhile, IssuanceError, NotProved, StateError, UsageError
    from .formats import Format
    from .insight.verification import Verification
    from .model.clusters import Clusters, KubeconfigClusters
    from .model.kinds import CredentialKind
    from .model.types import (
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
    from .records.state import StateStore

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
    "Clusters": "model.clusters",
    "KubeconfigClusters": "model.clusters",
    "Engine": "engine",
    "ChangedMeanwhile": "errors",
    "IssuanceError": "errors",
    "NotProved": "errors",
    "StateError": "errors",
    "UsageError": "errors",
    "CredentialKind": "model.kinds",
    "Format": "formats",
    "StateStore": "records.state",
    "Verification": "insight.verification",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME.get(name, 'model.types')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
