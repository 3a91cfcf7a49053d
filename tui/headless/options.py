"""What every command is told: the options that all share, before or after its name, and the settings with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from datetime import timedelta

    from tui.settings import Loaded

F = TypeVar("F", bound=Callable[..., Any])
_TIMEOUT = (
    "How long the command may take, not counting its grace period. Non-zero values should contain a time unit (e.g. "
    "1s, 2m, 3h), else they are seconds. A value of zero means no limit. Default: 1m to read, 2m to change one thing, "
    "10m to change several."
)


@dataclass(frozen=True, slots=True)
class Options:
    """Which clusters, and what may be done."""

    kubeconfig: str | None = None
    contexts: tuple[str, ...] = ()
    """The contexts named; none means every context of the kubeconfig."""
    demo: bool = False
    read_only: bool = False
    timeout: str | None = None
    """How long the command may take, as it was written; None where it was not given."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        return cls(
            given["kubeconfig"], tuple(given["contexts"]), given["demo"], given["read_only"], given.get("timeout")
        )

    def merged(self, given: Mapping[str, Any]) -> Options:
        """These options with those that were given after the command's name; what is given later counts."""
        later = Options.of(given)
        return replace(
            self,
            kubeconfig=later.kubeconfig or self.kubeconfig,
            contexts=later.contexts or self.contexts,
            demo=later.demo or self.demo,
            read_only=later.read_only or self.read_only,
            timeout=later.timeout or self.timeout,
        )


SHARED: Final = ("demo", "kubeconfig", "contexts", "read_only", "timeout")


def shared_options(command: F) -> F:
    """Adds `--demo`, `--kubeconfig`, `--context`, `--read-only` and `--request-timeout`."""
    for option in reversed(
        (
            click.option("--demo", is_flag=True, help="Use the embedded fleet; nothing outside it is touched."),
            click.option("--kubeconfig", metavar="FILE", help="Use only this kubeconfig."),
            click.option(
                "--context",
                "contexts",
                metavar="NAME",
                multiple=True,
                help="Only this context; may be repeated.",
            ),
            click.option(
                "--read-only",
                is_flag=True,
                help="Change nothing in clusters, request no token, write no file.",
            ),
            click.option("--request-timeout", "--timeout", "timeout", metavar="DURATION", help=_TIMEOUT),
        )
    ):
        command = option(command)
    return command


def wait_option(command: F) -> F:
    """Adds `--wait`."""
    said = "How long to wait for slow clusters."
    return click.option("--wait", metavar="DURATION", default="15s", show_default=True, help=said)(command)


def namespace_option(meaning: str) -> Callable[[F], F]:
    """Adds `-n`: a namespace to choose by. What cannot be one is wrong usage, not an empty list."""

    def checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            value = value.removeprefix("=")
            from tui.issuance import check_namespace

            check_namespace(value)
        return value

    return click.option("-n", "--namespace", metavar="NS", callback=checked, help=meaning)


def scope_options(command: F) -> F:
    """Adds `-n`, `-A` and `--all-contexts`; the last two only say what is so without them: see `check_scope`."""
    return scoped("Only this namespace; nothing else is requested.")(command)


def scoped(meaning: str, before: str = "") -> Callable[[F], F]:
    """The same with another word on `-n`; `before` stands before what is said of the others."""

    def add(command: F) -> F:
        everywhere = click.option(
            "-A", "--all-namespaces", is_flag=True, help=f"{before}All namespaces, which is the default."
        )
        return namespace_option(meaning)(
            everywhere(contexts_option(f"{before}{_EVERY}, which is the default.")(command))
        )

    return add


_EVERY: Final = "Every context of the kubeconfig"


def contexts_option(said: str = f"{_EVERY}.") -> Callable[[F], F]:
    """Adds `--all-contexts`."""
    return click.option("--all-contexts", is_flag=True, help=said)


def check_scope(options: Options, namespace: str | None, given: Mapping[str, Any]) -> None:
    """Raises UsageError where a part and all of it are asked for at once."""
    if namespace and given["all_namespaces"]:
        raise click.UsageError("-n and -A cannot be used together")
    if options.contexts and given["all_contexts"]:
        raise click.UsageError("--context and --all-contexts cannot be used together")


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
