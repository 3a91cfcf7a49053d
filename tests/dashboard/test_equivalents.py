"""What a key does, as a command line: every one parses with the real program, and those that act do what they say."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import click
import pytest

from tests.cli.conftest import kubemint
from tests.dashboard.conftest import Driver, Open
from tui.actions.lines import command, kubeconfig_options
from tui.actions.table import ACTIONS
from tui.cli import cli
from tui.kube.home import home
from tui.screens.dialogs.equivalents import EquivalentsScreen

NAME = "frontend-kubeconfig"
ADDRESS = f"secret:tenant-a/web/{NAME}"


def parses(command: str) -> list[str]:
    """The command's path and parameters as click reads them; raises click.UsageError where it would refuse it."""
    words = shlex.split(command)
    assert words[0] == "kubemint"
    group: click.Command = cli
    context = cli.make_context("kubemint", words[1:])
    path = []
    rest = [*context._protected_args, *context.args]
    while isinstance(group, click.Group):
        name, found, rest = group.resolve_command(context, rest)
        assert found is not None
        assert name is not None
        path.append(name)
        group = found
        context = group.make_context(name, rest, parent=context)
        rest = [*context._protected_args, *context.args] if isinstance(group, click.Group) else []
    return path


async def listed(driver: Driver) -> dict[str, list[str]]:
    """The lines of the screen by the name of their action."""
    screen = driver.app.screen
    assert isinstance(screen, EquivalentsScreen)
    found: dict[str, list[str]] = {}
    for one in screen._found:
        found.setdefault(one.action.name, []).append(screen._text(one.line))
    return found


PLACES = [
    ("5", NAME), ("5", "ci-bot-token"), ("5", "login harbor"), ("5", "request hbn"), ("3", "spark"),
    ("2", "harbor"), ("2", "meadow"), ("4", "gateway-east"), ("4", "push"), ("4", "csi"), ("4", "store"),
]  # fmt: skip


async def test_every_command_is_one_that_the_program_takes(dashboard: Open) -> None:
    async with dashboard(only=["harbor", "tenant-a"]) as driver:
        for area, words in PLACES:
            await driver.press("escape", "escape")
            await driver.find(area, words)
            await driver.until(lambda: len(driver.table.rows))
            await driver.press("$")
            found = await listed(driver)
            assert "details" in found, words
            for name, lines in found.items():
                for line in lines:
                    first = line.split(" ", 1)[0]
                    assert first in ("kubemint", "kubectl", "cat", "GET", "POST", "PATCH", "DELETE"), line
                    if first == "kubemint":
                        assert parses(line), name
            screen = await driver.on(EquivalentsScreen)
            shown = {one.action.name for one in screen._found} | {action.name for action in screen._rest}
            possible = {action.name for action in ACTIONS if driver.main.check_action(action.name, ())}
            missing = "whatever is possible is in the list or named below it"
            assert shown == possible - {"equivalent", "new"}, f"{words}: {missing}"
            await driver.press("escape")
            await driver.closed()


async def test_a_line_is_copied_as_it_is(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], size=(60, 20)) as driver:
        await driver.find("5", NAME)
        await driver.press("colon")
        await driver.type("equivalent")
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, EquivalentsScreen))
        await driver.shows("kubemint rotate")
        await driver.press("enter")
        assert driver.app.clipboard == f"kubemint rotate {ADDRESS}"
        await driver.press("down", "c")
        assert driver.app.clipboard == f"kubemint rotate {ADDRESS} --dry-run"
        await driver.press("escape")
        assert driver.app.screen is driver.main


async def test_marked_rows_are_one_command_or_one_each(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", "managed !file")
        await driver.until(lambda: len(driver.table.rows) >= 2)
        await driver.press("space", "space", "$")
        found = await listed(driver)
        (rotate,) = found["rotate"]
        assert len(shlex.split(rotate)) == 4
        assert len(found["verify"]) == len(found["export"]) == 2
        assert "inspect" not in found


async def test_what_is_read_only_is_not_offered(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", NAME)
        await driver.press("$")
        found = await listed(driver)
        assert not {"rotate", "revoke", "new_credential", "export"} & set(found)
        assert {"verify", "inspect"} <= set(found)


async def test_the_kubeconfig_that_was_named_is_named_again(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        driver.app.command_options = ("--kubeconfig", "/k c")
        await driver.find("5", NAME)
        await driver.press("$", "enter")
        assert driver.app.clipboard == f"kubemint rotate {ADDRESS} --kubeconfig '/k c'"


@pytest.mark.parametrize(
    ("named", "environment", "line"),
    [
        (None, None, "kubemint rotate X"),
        (None, "", "kubemint rotate X"),
        (None, "HOME", "kubemint rotate X"),
        (None, "/a", "env KUBECONFIG=/a kubemint rotate X"),
        (None, "/a:/b c", "env 'KUBECONFIG=/a:/b c' kubemint rotate X"),
        (None, "here", f"env KUBECONFIG={Path.cwd()}/here kubemint rotate X"),
        (None, "/a:HOME", "env KUBECONFIG=/a:HOME kubemint rotate X"),
        ("/k c", "/a", "kubemint rotate X --kubeconfig '/k c'"),
        ("here", None, f"kubemint rotate X --kubeconfig {Path.cwd()}/here"),
    ],
)
def test_a_command_means_the_kubeconfig_that_the_dashboard_has(
    named: str | None, environment: str | None, line: str
) -> None:
    own = str(home() / ".kube" / "config")
    environ = {} if environment is None else {"KUBECONFIG": environment.replace("HOME", own)}
    assert command(("kubemint", "rotate", "X"), kubeconfig_options(named, environ)) == line.replace("HOME", own)


async def test_what_the_environment_named_is_named_in_forms_too(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        driver.app.command_options = kubeconfig_options(None, {"KUBECONFIG": "/k c"})
        await driver.find("5", NAME)
        await driver.press("$", "enter")
        assert driver.app.clipboard == f"env 'KUBECONFIG=/k c' kubemint rotate {ADDRESS}"
        await driver.press("escape", "e", "ctrl+y")
        assert driver.app.clipboard.startswith("env 'KUBECONFIG=/k c' kubemint export ")


async def test_the_commands_do_what_they_say(dashboard: Open, tmp_path: Path) -> None:
    """rotate, verify, inspect, export and revoke, as they are shown for a managed Secret."""
    async with dashboard(only=["tenant-a"]) as driver:
        driver.app.command_options = ("--kubeconfig", str(driver.demo.kubeconfig))
        await driver.find("5", NAME)
        row = driver.app.session.store.credentials[ADDRESS]
        before = row.credential.handle
        await driver.press("$")
        found = await listed(driver)

        async def run(line: str, *more: str) -> str:
            result = await asyncio.to_thread(kubemint, *shlex.split(line)[1:], *more)
            assert result.code == 0, result
            return result.out

        assert ADDRESS in await run(found["rotate"][0], "--grace", "0s")
        store = driver.app.session.store
        await driver.until(lambda: store.credentials[ADDRESS].credential.handle != before)
        accepted = "accepted as system:serviceaccount:web:frontend"
        assert (await run(found["verify"][0])).startswith(accepted)
        assert "system:serviceaccount:web:frontend" in await run(found["inspect"][0])
        written = (await run(found["export"][0])).strip().removeprefix("file:")
        assert Path(written).parent == tmp_path / "exports"
        assert (await run(f"kubemint verify {written}")).startswith(accepted)
        assert ADDRESS in await run(found["details"][0])
        assert ADDRESS in await run(found["revoke"][0], "--yes")
        await driver.until(lambda: ADDRESS not in store.credentials)


def test_a_command_makes_the_folder_that_a_form_would(tmp_path: Path) -> None:
    for words in (["kubemint", "issue", "robot", "--out"], ("kubemint", "issue", "robot", "--out")):
        assert command([*words, str(tmp_path / "new" / "kc")], ()).endswith("/kc -p")
        assert command([*words, str(tmp_path / "kc")], ()).endswith("/kc")
        assert command([*words, "there/kc"], ()).endswith("/kc"), "below the working folder it is made unasked"
