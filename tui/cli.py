"""The command line: arguments become the dashboard or one headless verb.

Only click and light modules are imported here. A verb's module is imported when that verb runs (or its own help is
asked for), the dashboard when it is opened.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from tui import __version__
from tui.headless import habits
from tui.headless.options import Options, shared_options

VERBS: Final[dict[str, tuple[str, str]]] = {
    "list": ("tui.headless.listing:list_", "List clusters, accounts, requests or credentials."),
    "issue": ("tui.headless.issuing:issue", "Issue a credential for a service account."),
    "run": ("tui.headless.running:run", "Run a command with a credential of its own, and revoke that afterwards."),
    "rotate": ("tui.headless.rotating:rotate", "Renew credentials, then revoke the old ones."),
    "reconcile": ("tui.headless.reconciling:reconcile", "Bring DPU credential requests to their desired state."),
    "request": ("tui.headless.requests:request", "Make and delete DPU credential requests."),
    "export": ("tui.headless.exporting:export", "Write an existing credential to one more destination."),
    "undo": ("tui.headless.undoing:undo", "Go back to what the last rotation replaced."),
    "revoke": ("tui.headless.revoking:revoke", "Revoke credentials."),
    "identity": ("tui.headless.identity:identity", "Accounts that mint short-lived tokens for themselves."),
    "verify": ("tui.headless.verifying:verify", "Ask the cluster whether a credential is accepted."),
    "inspect": ("tui.headless.inspecting:inspect_", "Show what a token, kubeconfig or certificate says."),
    "can": ("tui.headless.powers:can", "Show what a credential or an account can do."),
    "who": ("tui.headless.who:who", "Show who else could become an account."),
    "snippet": ("tui.headless.snippet:snippet", "Print a pod that uses a Secret of type tokenFile."),
    "lineage": ("tui.headless.lineage:lineage", "Show where a credential comes from, and who uses it."),
    "hygiene": ("tui.headless.hygiene:hygiene", "Find what is wrong with credentials, and what to do about it."),
    "report": ("tui.headless.report:report", "One page of what exists, what ends, what is wrong, who can do what."),
    "journal": ("tui.headless.journal:journal", "Show what was done on this machine."),
    "csi": ("tui.headless.csi:csi", "Preview the tokens that a CSI driver gets for a pod."),
    "tenant": ("tui.headless.tenant:tenant", "Give clusters of Cluster API stores and credentials."),
    "trust": ("tui.headless.trusting:trust", "Confirm a cluster that another one delivers."),
    "exec-credential": (
        "tui.headless.exec_credential:exec_credential",
        "Answer kubectl with a short-lived credential (a kubeconfig's plugin).",
    ),
    "config": ("tui.headless.config:config", "The settings: their file, the values in effect, what is wrong."),
    "completion": ("tui.headless.completion:completion", "Print the completion script for bash, zsh or fish."),
    "rbac": ("tui.headless.rbac:rbac", "Print the least Role for a flow."),
    "manifest": ("tui.headless.manifest:manifest", "Print what runs the renewal loop in a cluster."),
    "demo": ("tui.headless.demo:demo", "Serve the embedded fleet for other programs."),
}


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = VERBS[cmd_name][0] if cmd_name in VERBS else habits.ALSO.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        valued = {flag for one in self.params if isinstance(one, click.Option) and not one.is_flag for flag in one.opts}
        return super().parse_args(ctx, habits.reordered(args, valued))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = habits.meant(args) if args else args
        if args and args[0] in habits.ELSEWHERE:
            raise click.UsageError(f"there is no command {args[0]!r}: {habits.ELSEWHERE[args[0]]}", ctx)
        if args and args[0] not in VERBS and args[0] not in habits.ALSO and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}; there is {', '.join(VERBS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@shared_options
@click.option("--theme", help="Colour theme of the dashboard.")
@click.option(
    "-c",
    "--command",
    "begin",
    metavar="TEXT",
    help="Open the dashboard on this, as after `:` in it, such as 'credentials /state:due'.",
)
@click.version_option(__version__, prog_name="kubemint", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, theme: str | None, begin: str | None, **given: Any) -> None:
    """See every Kubernetes credential and when it ends; issue, rotate, prove and revoke them.

    Without a command the dashboard opens. Every context of the kubeconfig is a cluster of the fleet; --context narrows
    it down. stdout is data only. Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 something expires within
    --expiring.
    """
    options = ctx.obj = Options.of(given)
    if ctx.invoked_subcommand is None:
        from tui.headless.dashboard import open_dashboard

        ctx.exit(open_dashboard(options, theme, begin or ""))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; gives the exit code. Never raises, never prints a traceback."""
    try:
        code = cli.main(args=None if arguments is None else list(arguments), prog_name=_called(), standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - this is where every error becomes a line and a code
        from tui.headless.exits import finish_stdout, report

        code = report(error)
        finish_stdout()
    return code if isinstance(code, int) else 0


def _called() -> str:
    """What was typed: kubectl runs `kubectl-mint` for `kubectl mint`."""
    return "kubectl mint" if sys.argv[0].rpartition("/")[2].startswith("kubectl-") else "kubemint"


def main() -> None:
    """Entry point of the `kubemint` script."""
    sys.exit(run())
