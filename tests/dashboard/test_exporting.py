"""The export dialog, from key to file, kubeconfig and Secret, on real API servers of the embedded fleet."""

from __future__ import annotations

import asyncio
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Checkbox, Input, Select, Static

from tests.cli.conftest import kubemint
from tests.dashboard.conftest import Driver, Open, done, fault
from tui.demo.apiserver.faults import FaultRule, Hang
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.formats import Format
from tui.issuance.model.types import Address
from tui.kube.errors import ReadOnly
from tui.kube.sensitive import MASK
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.new_credential import NewCredentialScreen
from tui.settings import Loaded, Settings, default_path

NAME = "frontend-kubeconfig"
ADDRESS = f"secret:tenant-a/web/{NAME}"


async def asked(driver: Driver) -> ExportScreen:
    """The dialog for a managed Secret, its preview worked out."""
    await driver.find("5", NAME)
    await driver.press("e")
    screen = driver.app.screen
    assert isinstance(screen, ExportScreen)
    await driver.until(lambda: MASK in shown(screen))
    return screen


def shown(screen: ExportScreen) -> str:
    return str(screen.query_one("#yaml", Static).render())


def said(screen: ExportScreen) -> str:
    return str(screen.query_one(".problem", Static).render())


async def choose(driver: Driver, field: str, value: Any) -> None:
    driver.app.screen.query_one(f"#f-{field}", Select).value = value
    await driver.settle()


async def write_to(driver: Driver, path: object) -> None:
    driver.app.screen.query_one("#f-path", Input).value = str(path)
    await driver.settle()


async def test_a_token_file_is_previewed_written_and_its_command_does_the_same(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await asked(driver)
        await choose(driver, "format", Format.TOKEN_FILE)
        await driver.until(lambda: "KUBERNETES_SERVICE_HOST='127.0.0.1'" in shown(screen))
        await driver.shows("mode 0600")
        assert "eyJ" not in shown(screen)
        await driver.press("ctrl+y")
        command = shlex.split(driver.app.clipboard)
        path = tmp_path / "exports" / "web-frontend.env"
        assert command == ["kubemint", "export", ADDRESS, "--out", str(path), "--format", "tokenFile", "-p"]
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert ("file:" + str(path), "commit", "done") in driver.journal("export")
        kubeconfig = driver.demo.kubeconfig
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    by_keys = path.read_bytes()
    assert b"TOKEN_FILE='eyJ" in by_keys
    path.unlink()
    result = await asyncio.to_thread(kubemint, *command[1:], "--kubeconfig", kubeconfig)
    assert result.code == 0, result
    assert path.read_bytes() == by_keys


async def test_what_is_there_is_compared_and_replaced_where_that_is_ticked(dashboard: Open, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("KUBERNETES_SERVICE_HOST='10.0.0.9'\nTOKEN_FILE='hush'\n")
    path.chmod(0o640)
    async with dashboard(only=["tenant-a"], size=(80, 24)) as driver:
        screen = await asked(driver)
        await choose(driver, "format", Format.TOKEN_FILE)
        await write_to(driver, path)
        await driver.until(lambda: "what changes there" in shown(screen))
        assert "-KUBERNETES_SERVICE_HOST='10.0.0.9'" in shown(screen)
        assert "hush" not in shown(screen)
        await driver.shows("mode 0600 instead of 0640")
        assert "was not written by kubemint: tick to allow it" in said(screen)
        assert screen.query_one("#accept", Button).disabled
        screen.query_one("#f-force", Checkbox).value = True
        await driver.until(lambda: not screen.query_one("#accept", Button).disabled)
        assert screen.command().endswith(f"--out {path} --format tokenFile --force")
        await driver.press("f2")
        await driver.shows("-KUBERNETES_SERVICE_HOST='10.0.0.9'")  # on a small terminal the preview takes its turn
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "10.0.0.9" not in path.read_text()
        assert "10.0.0.9" in path.with_name("there.replaced-by-kubemint").read_text()
        await driver.press("escape", "escape")
        screen = await asked(driver)
        await choose(driver, "format", Format.TOKEN_FILE)
        await write_to(driver, path)
        await driver.until(lambda: "holds exactly this already" in shown(screen))


async def test_a_merge_shows_its_entries_and_keeps_the_rest(dashboard: Open, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\n# mine\nclusters: []\ncontexts: []\nusers: []\n")
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await asked(driver)
        await choose(driver, "kept", "an existing kubeconfig")
        await write_to(driver, config)
        await driver.until(lambda: "+- name: frontend" in shown(screen))
        assert f"--merge {config}" in screen.command()
        job = await driver.act("ctrl+s")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
    assert "# mine" in config.read_text()
    assert "- name: frontend" in config.read_text()


async def test_a_secret_is_compared_with_what_the_cluster_has(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        for there in (False, True):
            screen = await asked(driver)
            await choose(driver, "kept", "a Secret in a cluster")
            await write_to(driver, "web/export-test")
            if there:
                await choose(driver, "format", Format.TOKEN)
                await driver.until(lambda screen=screen: "+  token:" in shown(screen))
            else:
                await driver.until(lambda screen=screen: "name: export-test" in shown(screen))
            job = await driver.act("ctrl+s")
            assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
            await driver.press("escape", "escape")
        key = "secret:tenant-a/web/export-test"
        await driver.until(lambda: key in driver.app.session.store.credentials)
        copy = driver.app.session.store.credentials[key].credential
        await driver.until(lambda: driver.app.session.store.credentials[key].credential.format is Format.TOKEN)
        assert (await driver.app.session.engine.verify(copy.address)).ok
        assert ("secret:tenant-a/web/export-test", "commit", "done") in driver.journal("export")


async def test_a_protected_cluster_gets_no_secret(dashboard: Open, tmp_path: Path) -> None:
    protected = Loaded(Settings(read_only_contexts=("tenant-*",)), default_path())
    async with dashboard(only=["tenant-a"], settings=protected) as driver:
        screen = await asked(driver)
        await choose(driver, "kept", "a Secret in a cluster")
        assert "read-only" in said(screen)
        await driver.press("ctrl+s")
        assert driver.app.screen is screen
        await choose(driver, "kept", "a file of its own")
        job = await driver.act("ctrl+s")
        assert done(job), "a file of one's own changes no cluster"
        assert len(list((tmp_path / "exports").iterdir())) == 1


async def test_read_only_writes_no_file_either(dashboard: Open, tmp_path: Path) -> None:
    async with dashboard(only=["tenant-a"], read_only=True) as driver:
        await driver.find("5", NAME)
        await driver.press("e")
        await driver.shows("kubemint is read-only")
        assert driver.app.screen is driver.main
        await driver.press("8", "e")
        assert driver.app.screen is driver.main
        engine, address = driver.app.session.engine, Address.parse(ADDRESS)
        with pytest.raises(ReadOnly, match="kubemint is read-only"):
            await engine.plan_export(address, FileDestination(str(tmp_path / "copy")))
        assert (await engine.preview_export(address, FileDestination(str(tmp_path / "copy")))).foreseen.text, (
            "looking is free"
        )
    assert not (tmp_path / "exports").exists()


async def test_what_the_engine_refuses_cannot_be_accepted(
    dashboard: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("apiVersion: v1\nkind: Config\n")
    monkeypatch.setenv("KUBECONFIG", str(mine))
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await asked(driver)
        await write_to(driver, mine)
        await driver.until(lambda: "your own kubeconfig" in said(screen))
        assert screen.query_one("#accept", Button).disabled
        await driver.press("ctrl+s")
        assert driver.app.screen is screen
        await write_to(driver, tmp_path / "other")
        await driver.until(lambda: not screen.query_one("#accept", Button).disabled)
    assert mine.read_text() == "apiVersion: v1\nkind: Config\n"


async def test_a_cluster_that_hangs_leaves_the_dialog_alive(dashboard: Open) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("5", NAME)
        fault(driver.demo, "tenant-a", FaultRule(Hang(), verb="get", path="/secrets/"))
        await driver.press("e")
        screen = driver.app.screen
        assert isinstance(screen, ExportScreen)
        await write_to(driver, "/tmp/somewhere-else")
        assert "looking" in shown(screen)
        await driver.press("escape")
        assert driver.app.screen is driver.main


async def test_a_shoots_certificate_is_only_a_kubeconfig_in_a_file(dashboard: Open, tmp_path: Path) -> None:
    from tui.issuance.model.kinds import CredentialKind
    from tui.issuance.model.types import AccessLevel, Address, Credential, ShootAccess

    credential = Credential(
        address=Address(CredentialKind.FILE, "", "", str(tmp_path / "meadow.kubeconfig")),
        shoot=ShootAccess("harbor", "garden-dev", "meadow", AccessLevel.VIEWER),
        format=Format.KUBECONFIG,
    )
    async with dashboard(only=["tenant-a"]) as driver:
        screen = ExportScreen(credential, folder=tmp_path)
        await driver.app.push_screen(screen)
        for field, only in (("format", [Format.KUBECONFIG]), ("kept", ["a file of its own"])):
            offered = [value for _, value in screen.query_one(f"#f-{field}", Select)._options]
            assert offered == only


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("~nobody-is-called-this/x", "home folder"),
        ("", "name a destination"),
        ("x" * 5000, "too long"),
        ("/dev/null", "regular"),
    ],
    ids=["home", "empty", "long", "device"],
)
async def test_whatever_is_typed_as_a_path_is_answered(dashboard: Open, path: str, says: str) -> None:
    async with dashboard(only=["tenant-a"]) as driver:
        screen = await asked(driver)
        await write_to(driver, path)
        await driver.until(lambda: says in said(screen))
        await driver.press("ctrl+s", "ctrl+y")
        assert driver.app.screen is screen


async def test_issuing_over_what_lies_there_shows_what_goes_and_asks(dashboard: Open, tmp_path: Path) -> None:
    path = tmp_path / "exports" / "data-spark.kubeconfig"
    path.parent.mkdir()
    path.write_text("kind: Config\nusers:\n- name: admin\n  user: {token: hush}\n")
    async with dashboard(only=["tenant-a"]) as driver:
        await driver.find("3", "spark")
        for answer in ("escape", "tab"):
            await driver.press("n", "c")
            form = await driver.on(NewCredentialScreen)
            await driver.until(lambda form=form: form.query_one("#f-path", Input).value)
            form.query_one("#f-path", Input).value = str(path)
            await driver.settle()
            await driver.press("ctrl+s")
            question = await driver.on(ConfirmScreen)
            await driver.shows("Replace", "- name: admin")
            assert "hush" not in driver.text()
            assert path.read_text().startswith("kind: Config")
            if answer == "escape":
                await driver.press("escape")
                assert driver.app.session.jobs.all == []
        question.query_one("#accept").focus()
        await driver.settle()
        job = await driver.act("enter")
        assert done(job), f"{job.tasks[0].message} {job.tasks[0].hint}"
    assert "eyJ" in path.read_text()
    assert "name: admin" in path.with_name(f"{path.name}.replaced-by-kubemint").read_text()
