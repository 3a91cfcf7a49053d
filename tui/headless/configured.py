"""The settings as a verb sees them: the file, the environment, and the flags that every command has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import Options

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.settings import Loaded


def configured(options: Options) -> Loaded:
    """What counts for this command."""
    from tui.settings import load

    return load().with_flags(read_only=options.read_only)


def configured_grace() -> str:
    """What `--grace` is where it is not given."""
    from tui.issuance import format_duration
    from tui.settings import load

    return format_duration(load().settings.grace)


def configured_kubelet_sync() -> timedelta:
    """How long a changed Secret may take to reach the pods that mount it."""
    from tui.settings import load

    return load().settings.kubelet_sync


def configured_lifetime() -> timedelta | None:
    """The lifetime to ask for where none is given; None leaves it to the server, as long as nothing is configured."""
    from tui.settings import Origin, load

    loaded = load()
    return None if loaded.source("lifetime").origin is Origin.DEFAULT else loaded.settings.lifetime
