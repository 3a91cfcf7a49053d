"""Shell completion: the script for a shell, and the names that are cheap to know: contexts and addresses.

What a shell asks for at a key press never reaches a cluster: contexts come from the kubeconfig, addresses from the
files that kubemint wrote on this machine. Names in both may have been written by anybody, and bash puts an offer into
the command line as it is: what a shell would read as more than a name is not offered.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from tui.kube.errors import KubeError
from tui.kube.shell import harmless, plain

from . import printing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click import Context, Parameter


class _Harmless(ShellComplete):
    """Whatever is offered, by us or by click, is nothing that a shell would read as more than a word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        return [item for item in found if item.type != "plain" or harmless(str(item.value))]


class _Bash(_Harmless, BashComplete):
    pass


class _Zsh(_Harmless, ZshComplete):
    pass


class _Fish(_Harmless, FishComplete):
    pass


SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}
for _name, _shell in SHELLS.items():
    add_completion_class(_shell, _name)
VARIABLE: Final = "_KUBEMINT_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(ctx: Context, /, shell: str) -> None:
    """Print the completion script of a shell: commands, options, contexts and addresses.

    bash: kubemint completion bash > ~/.local/share/bash-completion/completions/kubemint
    zsh: kubemint completion zsh > a folder of $fpath, as _kubemint
    fish: kubemint completion fish > ~/.config/fish/completions/kubemint.fish
    """
    printing.document(SHELLS[shell](ctx.find_root().command, {}, "kubemint", VARIABLE).source() + "\n")


def contexts(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The contexts of the kubeconfig that counts."""
    from tui.kube.kubeconfig import load

    given = ctx.params.get("kubeconfig") or (ctx.parent.params.get("kubeconfig") if ctx.parent else None)
    with contextlib.suppress(KubeError, OSError):
        return _names(load(given).contexts, incomplete)
    return []


def addresses(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The files that kubemint wrote on this machine; others are completed by the shell."""
    from tui.issuance import IssuanceError, StateStore, default_folder

    found = []
    with contextlib.suppress(IssuanceError, OSError):
        if (default_folder() / "state.db").exists():
            with contextlib.closing(StateStore.open(afresh=False)) as state:
                known = [credential.address for credential in state.exports()]
            texts = [str(address) if incomplete.startswith("file:") else address.name for address in known]
            found = _names(texts, incomplete)
    return found or [CompletionItem(incomplete, type="file")]


def themes(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The dashboard's themes."""
    from tui.widgets.themes import NAMES

    return _names(NAMES, incomplete)


def _names(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin so and are plain names for every shell, wherever they stand in a line."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete) and plain(name)]
