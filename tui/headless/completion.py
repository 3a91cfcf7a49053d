"""Shell completion: the script for a shell, and the names that are cheap to know: contexts and addresses.

What a shell asks for at a key press never reaches a cluster: contexts come from the kubeconfig, addresses from the
files that kubemint wrote on this machine.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from tui.kube.errors import KubeError
from tui.kube.text import safe_text

if TYPE_CHECKING:
    from click import Context, Parameter

SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
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
    click.echo(SHELLS[shell](ctx.find_root().command, {}, "kubemint", VARIABLE).source())


def contexts(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The contexts of the kubeconfig that counts."""
    from tui.kube.kubeconfig import load

    given = ctx.params.get("kubeconfig") or (ctx.parent.params.get("kubeconfig") if ctx.parent else None)
    with contextlib.suppress(KubeError, OSError):
        return [CompletionItem(name) for name in load(given).contexts if name.startswith(incomplete) and _plain(name)]
    return []


def addresses(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The files that kubemint wrote on this machine; others are completed by the shell."""
    from tui.issuance.errors import IssuanceError
    from tui.issuance.state import StateStore
    from tui.issuance.state_file import default_folder

    found = []
    with contextlib.suppress(IssuanceError, OSError):
        if (default_folder() / "state.db").exists():
            with contextlib.closing(StateStore.open(afresh=False)) as state:
                known = [credential.address for credential in state.exports()]
            texts = [str(address) if incomplete.startswith("file:") else address.name for address in known]
            found = [CompletionItem(text) for text in texts if text.startswith(incomplete) and _plain(text)]
    return found or [CompletionItem(incomplete, type="file")]


def themes(ctx: Context, param: Parameter, incomplete: str) -> list[CompletionItem]:
    """The dashboard's themes."""
    from tui.widgets.themes import NAMES

    return [CompletionItem(name) for name in NAMES if name.startswith(incomplete)]


def _plain(name: str) -> bool:
    """Whether a shell can take it as it is; what only looks like a name is not offered."""
    return safe_text(name) == name
