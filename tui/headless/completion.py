"""`kubemint completion`: the script for a shell. What is offered then: `completing`."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import FishComplete, ZshComplete

from . import printing
from .completing import VARIABLE

_BASH: Final = """\
_kubemint_completion() {
    local completion kind value
    local -a response
    mapfile -t response < <(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_CUR="$2" \\
        _KUBEMINT_COMPLETE=bash_complete "$1")
    COMPREPLY=()
    for completion in "${response[@]}"; do
        kind=${completion%%,*} value=${completion#*,}
        if [[ $kind == file ]]; then
            compopt -o default
        elif [[ $kind == plain ]]; then
            COMPREPLY+=("$value")
        fi
    done
}

complete -o nosort -F _kubemint_completion kubemint
"""
SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the completion script of a shell: commands, options, and names that the last list or dashboard saw.

    bash: kubemint completion bash > ~/.local/share/bash-completion/completions/kubemint
    zsh: kubemint completion zsh > a folder of $fpath, as _kubemint
    fish: kubemint completion fish > ~/.config/fish/completions/kubemint.fish

    kubectl completes `kubectl mint` by itself, with kubectl_complete-mint in the PATH.
    """
    if shell == "bash":
        printing.document(_BASH)
        return
    script = {"zsh": ZshComplete, "fish": FishComplete}[shell]
    printing.document(script(ctx.find_root().command, {}, "kubemint", VARIABLE).source() + "\n")
