"""`kubemint config`: where the settings are, what counts and why, the schema for an editor, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from tui.issuance import UsageError
from tui.kube import shell
from tui.kube.home import expanded
from tui.kube.text import safe_text

from . import printing
from .elsewhere import GroupElsewhere
from .exits import Ended, Exit
from .options import Options, configured
from .output import output_option, print_list, print_object, print_table
from .printing import say
from .session import refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.kube.kubeconfig import KubeConfig
    from tui.kube.sensitive import Sensitive
    from tui.settings import Loaded

Ways = Callable[[], "Mapping[str, Sensitive]"]
F = TypeVar("F", bound=Callable[..., Any])


def rename_option(command: F) -> F:
    """Adds what merging and importing are told."""
    for option in (
        click.option("--rename", is_flag=True, help="Rename a context whose name is taken."),
        click.option("--force", is_flag=True, help="Even if the file loses its comments."),
        click.option("--dry-run", is_flag=True, help="Show what would be put in, masked, and write nothing."),
    ):
        command = option(command)
    return command


class _Config(GroupElsewhere):
    says: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("set-context", "delete-context", "rename-context", "set-cluster", "delete-cluster", "get-clusters",
             "set-credentials", "delete-user", "get-users", "set", "unset"),
            "kubectl config does that; kubemint's own are use, merge, unmerge and import",
        ),
        "view": "kubemint config show prints the settings, get-contexts the contexts; kubectl config view the file",
    }  # fmt: skip


@click.group("config", cls=_Config)
def config() -> None:
    """The settings of this user: `config.yaml` in the XDG config folder, or where KUBEMINT_CONFIG says.

    `use`, `merge`, `unmerge` and `import` are about the kubeconfig, as kubectl's own `config` is, of which there are
    also `get-contexts`, `current-context` and `use-context`.
    """


@config.command("path")
def path() -> None:
    """Print the path of the settings file, whether it exists or not."""
    from tui.settings import default_path

    printing.line(expanded(default_path()))


@config.command("show")
@click.option("--theme", help="As for the dashboard.")
@output_option("table", "json", "yaml", default="table")
@with_options
def show(options: Options, theme: str | None, form: str) -> None:
    """Print the values in effect and where each comes from: default, file, environment or flag.

    With `-o yaml` or `json` the settings themselves, as the file would have them.
    """
    from tui.settings.schema import plain

    loaded = _checked(configured(options).with_flags(theme=theme))
    values: dict[str, Any] = plain(loaded.settings)
    for finding in loaded.findings:
        say(f"kubemint: {finding}")
    if form == "table":
        lines = ((name, _one_line(value), str(loaded.source(name))) for name, value in values.items())
        print_table(("SETTING", "VALUE", "FROM"), lines)
    else:
        print_object(values, form)


@config.command("schema")
def schema() -> None:
    """Print the JSON Schema of the file, for editors and checks."""
    from tui.app import vocabulary

    printing.document(json.dumps(vocabulary().schema(), indent=2) + "\n")


@config.command("check")
@click.argument("file", required=False, metavar="[FILE]")
@output_option("table", "json", default="table")
def check(file: str | None, form: str) -> None:
    """Check the settings file: one line for each problem, with its position; exit code 1 if there is any."""
    from tui.settings import default_path, load

    at = expanded(file).absolute() if file else default_path()
    loaded = _checked(load(at))
    if file and not loaded.exists:
        raise click.FileError(file, "there is no such file")
    if form == "json":
        items = [{"where": found.where, "path": found.path, "message": found.message} for found in loaded.findings]
        print_list("FindingList", items, form)
    else:
        for found in loaded.findings:
            printing.line(found)
    if loaded.findings:
        raise Ended(Exit.FAILED)
    say(f"{at}: nothing is wrong" if loaded.exists else f"{at} does not exist: the defaults apply")


@config.command("use")
@click.argument("name", metavar="CONTEXT")
@click.option("--force", is_flag=True, help="Even if the file loses its comments.")
@with_options
def use(options: Options, name: str, force: bool) -> None:
    """Make a context the current one, as `kubectl config use-context` does; the rest of the file stays as it is."""
    _use(options, name, force=force)


def _use(options: Options, name: str, *, force: bool) -> None:
    from tui.issuance import taking

    _refuse_writing(options, "config use")
    path_ = taking.use(options.kubeconfig, name, force=force)
    say(f'Switched to context "{name}" in {path_}')


@config.command("use-context", hidden=True)
@click.argument("name", metavar="CONTEXT")
@click.option("--force", is_flag=True, help="Even if the file loses its comments.")
@with_options
def use_context(options: Options, name: str, force: bool) -> None:
    """The same, as kubectl calls it."""
    _use(options, name, force=force)


def _refuse_writing(options: Options, verb: str) -> None:
    """Raises UsageError where nothing is to be written, or no kubeconfig of this machine is meant."""
    refuse_read_only(options, verb)
    if options.demo:
        raise UsageError(
            "--demo has a kubeconfig of its own, which ends with it",
            "kubemint demo serves one that stays for as long as it runs",
        )


async def _kubeconfig(options: Options) -> KubeConfig:
    """The one that counts; with `--demo` the embedded fleet's."""
    from tui.kube.kubeconfig import load

    if not options.demo:
        return load(options.kubeconfig)
    async with setting(options, needed=False) as place:
        return place.config


@config.command("current-context", hidden=True)
@with_options
async def current_context(options: Options) -> None:
    """Print the current context, as kubectl does. No server is asked."""
    found = await _kubeconfig(options)
    if not found.current_context:
        raise UsageError("current-context is not set", "kubemint config use CONTEXT sets it")
    printing.line(found.current_context)


@config.command("get-contexts", hidden=True)
@click.argument("names", nargs=-1, metavar="[NAME]…")
@output_option("table", "name", default="table")
@with_options
async def get_contexts(options: Options, names: tuple[str, ...], form: str) -> None:
    """Print the contexts of the kubeconfig, as kubectl does. No server is asked; `kubemint list clusters` asks them."""
    found = await _kubeconfig(options)
    for name in names:
        if name not in found.contexts:
            raise UsageError(f"there is no context {safe_text(name)}", "kubemint config get-contexts lists them")
    chosen = [one for name, one in sorted(found.contexts.items()) if not names or name in names]
    if form == "name":
        for one in chosen:
            printing.line(one.name)
        return
    rows = (("*" if one.name == found.current_context else " ", one.name, one.cluster, one.user, one.namespace)
            for one in chosen)  # fmt: skip
    print_table(("CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"), rows)


@config.command("merge")
@click.argument("file", metavar="FILE")
@rename_option
@with_options
def merge(options: Options, file: str, rename: bool, force: bool, dry_run: bool) -> None:
    """Put the contexts of a kubeconfig of your own into yours; paths in it are written whole."""
    from tui.issuance import taking

    if not dry_run:
        _refuse_writing(options, "config merge")
    _take(options, lambda: taking.own_ways(expanded(file).absolute()), rename=rename, force=force, dry_run=dry_run)


@config.command("import")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--allow", "allowed", multiple=True, type=click.Choice(["near", "insecure", "proxy"]),
    help="Also a server on this machine or its link, one whose certificate is not verified, one behind a proxy.",
)  # fmt: skip
@rename_option
@with_options
def import_(options: Options, file: str, allowed: tuple[str, ...], rename: bool, force: bool, dry_run: bool) -> None:
    """Put the contexts of a kubeconfig from elsewhere into yours, by the rules for what clusters deliver.

    What would run a program, read a file of this machine or impersonate another user refuses the whole file.
    """
    from tui.issuance import read_private, taking
    from tui.kube.delivered import Allow

    from .verifying import read_input

    if not dry_run:
        _refuse_writing(options, "config import")
    content = read_input("-") if file == "-" else read_private(expanded(file))
    allow = Allow(near="near" in allowed, insecure="insecure" in allowed, proxy="proxy" in allowed)
    source = "stdin" if file == "-" else file
    _take(options, lambda: taking.foreign_ways(content, source, allow), rename=rename, force=force, dry_run=dry_run)


@config.command("unmerge")
@click.argument("name", metavar="CONTEXT")
@with_options
def unmerge(options: Options, name: str) -> None:
    """Take out a context that `merge` or `import` put in, with its user, and its cluster where nothing else uses it."""
    from tui.issuance import taking

    _refuse_writing(options, "config unmerge")
    path_ = taking.written_to(options.kubeconfig)
    taking.take_out(path_, name)
    say(f"context {name} is gone from {path_}")


def _take(options: Options, found: Ways, *, rename: bool, force: bool, dry_run: bool) -> None:
    """Say first what it does and what is lost; then do it."""
    from tui.issuance import preferences_as

    with preferences_as(configured(options).settings.preferences):
        _taken(options, found(), rename=rename, force=force, dry_run=dry_run)


def _taken(options: Options, ways: Mapping[str, Sensitive], *, rename: bool, force: bool, dry_run: bool) -> None:
    from tui.issuance import taking

    into = taking.written_to(options.kubeconfig)
    planned = dict(taking.plan(into, ways))
    for name, merge in planned.items():
        if merge.context != name and not rename:
            out = f"; {shell.command('kubemint', 'config', 'unmerge', name)} removes the existing one first"
            raise UsageError(
                f"a context or user {safe_text(name)} is in {into} already, or in a file beside it",
                f"--rename adds it as {safe_text(merge.context)}{out if taking.was_taken_in(into, name) else ''}",
            )
        if not merge.comments_kept and not (force or dry_run):
            raise taking.lost(into)
    for name, merge in planned.items():
        done = merge if dry_run else taking.take_in(into, name, ways[name])
        if dry_run:
            printing.document(merge.diff)
        same = "" if done.changed else ": nothing changes"
        say(f"{'would put' if dry_run else 'put'} {safe_text(name)} into {into} as {safe_text(done.context)}{same}")
        if not merge.comments_kept:
            say(f"  {into}: {taking.LOST}")


def _checked(loaded: Loaded) -> Loaded:
    """With what only the dashboard knows: its themes, keys and columns."""
    from tui.app import vocabulary

    return vocabulary().check(loaded)


def _one_line(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
