"""The dialogs, driven by keys: what they hand back, and what they say about values that cannot be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input, Select, Static

from tui.actions.exporting import ExportWish
from tui.actions.table import NOVELTIES
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.families.dpf import DPURequestDraft
from tui.issuance.families.token_secret.identity import IdentityWish, SelfWish
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Identity, IssueSpec
from tui.screens.dialogs.choosing import ChooseNewScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.export import ExportScreen
from tui.screens.dialogs.new_credential import MintScreen, NewCredentialScreen, NewIdentityScreen
from tui.screens.dialogs.new_request import NewRequestScreen
from tui.widgets.themes import DARK, THEMES, stylesheets

ROK = Identity("harbor", "ci", "rok")
SOURCES = [
    ("/t/ci-rok.token", Address(CredentialKind.FILE, "", "", "/t/ci-rok.token")),
    ("Secret ci/rok-token", Address(CredentialKind.LEGACY, "harbor", "ci", "rok-token")),
]


class Host(App[None]):
    """An app with nothing in it but the dialog's stylesheet, and a place for the answer."""

    CSS_PATH = stylesheets()

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK
        self.answers: list[Any] = []


@asynccontextmanager
async def asked(screen: Screen[Any], size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    app = Host()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(screen, app.answers.append)
        await pilot.pause()
        yield app, pilot


def problems(app: App[None]) -> str:
    return str(app.screen.query_one(".problem", Static).render())


async def type_into(pilot: Pilot[None], field: str, text: str) -> None:
    pilot.app.screen.query_one(f"#f-{field}", Input).value = ""
    pilot.app.screen.query_one(f"#f-{field}", Input).focus()
    await pilot.press(*text)
    await pilot.pause()


async def test_new_credential_becomes_a_spec(tmp_path: Path) -> None:
    async with asked(NewCredentialScreen(["harbor", "tenant-a"], folder=tmp_path)) as (app, pilot):
        assert app.screen.query_one("#accept", Button).disabled
        await pilot.press(*"robot")
        await type_into(pilot, "duration", "90m")
        await type_into(pilot, "audiences", "vault, api")
        await pilot.press("ctrl+s")
        await pilot.pause()
    (spec,) = app.answers
    assert isinstance(spec, IssueSpec)
    assert spec.identity == Identity("harbor", "default", "robot")
    assert spec.destinations == (FileDestination(str(tmp_path / "default-robot.kubeconfig")),)
    assert spec.duration is not None
    assert spec.duration.total_seconds() == 5400
    assert spec.audiences == ("vault", "api")
    assert not spec.create_account


async def test_new_credential_into_a_secret(tmp_path: Path) -> None:
    screen = NewCredentialScreen(["harbor"], folder=tmp_path, identity=Identity("harbor", "ci", "robot"))
    async with asked(screen) as (app, pilot):
        app.screen.query_one("#f-kept", Select).value = "a Secret in the cluster"
        app.screen.query_one("#f-format", Select).value = Format.TOKEN_FILE
        await pilot.pause()
        assert app.screen.query_one("#f-path", Input).value == "ci/robot-credential"
        assert "--secret ci/robot-credential" in str(app.screen.query_one("#equivalent", Static).render())
        await pilot.press("ctrl+s")
        await pilot.pause()
    (spec,) = app.answers
    assert spec.destinations == (SecretDestination("harbor", "ci", "robot-credential"),)
    assert spec.format is Format.TOKEN_FILE


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("duration", "1y", "is not a duration"),
        ("duration", "5m", "may not specify a duration less than 10 minutes"),
        ("namespace", "Not_A_Namespace", "is not a namespace"),
        ("account", "Robot!", "cannot be the name of a service account"),
        ("path", "", "name a destination"),
    ],
)
async def test_what_cannot_be_is_said_and_not_accepted(tmp_path: Path, field: str, value: str, says: str) -> None:
    screen = NewCredentialScreen(["harbor"], folder=tmp_path, identity=Identity("harbor", "ci", "robot"))
    async with asked(screen) as (app, pilot):
        await type_into(pilot, field, value)
        if field == "path":
            await pilot.press("x", "backspace")
        assert says in problems(app)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.answers == []
        assert app.screen is screen


async def test_a_kubeconfig_is_the_only_thing_that_merges(tmp_path: Path) -> None:
    screen = NewCredentialScreen(["harbor"], folder=tmp_path, identity=Identity("harbor", "ci", "robot"))
    async with asked(screen) as (app, pilot):
        app.screen.query_one("#f-format", Select).value = Format.TOKEN
        app.screen.query_one("#f-kept", Select).value = "an existing kubeconfig"
        await pilot.pause()
        assert "only a kubeconfig" in problems(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 35)])
async def test_new_request_with_a_preview(size: tuple[int, int]) -> None:
    screen = NewRequestScreen(["harbor"], cluster="harbor", namespace="dpf", targets={"harbor": ["dpf/tenant-a"]})
    async with asked(screen, size) as (app, pilot):
        await pilot.press(*"dpu-09")
        app.screen.query_one("#f-target", Select).value = "dpf/tenant-a"
        await type_into(pilot, "service_account", "agent")
        await type_into(pilot, "labels", "team=edge, tier=1")
        if size[0] < 110:
            await pilot.press("f2")
            await pilot.pause()
        preview = app.screen.query_one("#yaml", Static)
        assert preview.region.area
        assert "kind: DPUServiceCredentialRequest" in str(preview.render())
        assert "name: dpu-09-credential" in str(preview.render())
        await pilot.press("ctrl+s")
        await pilot.pause()
    assert app.answers == [
        DPURequestDraft(
            cluster="harbor",
            namespace="dpf",
            name="dpu-09",
            service_account="agent",
            target_cluster="dpf/tenant-a",
            duration="1h",
            secret="dpu-09-credential",
            labels={"team": "edge", "tier": "1"},
        )
    ]


async def test_a_wrong_request_stays_open() -> None:
    screen = NewRequestScreen(["harbor"], cluster="harbor")
    async with asked(screen) as (app, pilot):
        await pilot.press(*"dpu-09")
        await type_into(pilot, "service_account", "agent")
        await type_into(pilot, "duration", "1y")
        assert "Lifetime" in problems(app)
        await type_into(pilot, "duration", "1h")
        await type_into(pilot, "labels", "novalue")
        assert "key=value" in problems(app)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.answers == []


async def test_confirming_needs_the_word() -> None:
    async with asked(ConfirmScreen("Revoke?", ["It ends."], type_to_confirm="robot")) as (app, pilot):
        await pilot.press("enter", "ctrl+s")
        assert app.answers == []
        await type_into(pilot, "word", "robot")
        await pilot.press("ctrl+s")
        await pilot.pause()
    assert app.answers == [True]


async def test_enter_after_the_word_confirms_also_where_more_can_be_read() -> None:
    async def more() -> list[str]:
        return ["the pod robot-0 mounts it"]

    question = ConfirmScreen("Revoke?", ["It ends."], type_to_confirm="robot", more=more)
    async with asked(question) as (app, pilot):
        await type_into(pilot, "word", "robo")
        await pilot.press("enter")
        await pilot.pause()
        assert app.answers == []
        await type_into(pilot, "word", "robot")
        await pilot.press("enter")
        await pilot.pause()
    assert app.answers == [True]


@pytest.mark.parametrize(
    ("make", "nothing"),
    [
        (lambda folder: ConfirmScreen("Revoke?", ["It ends."]), False),
        (lambda folder: ConfirmScreen("Revoke?", ["It ends."], type_to_confirm="x"), False),
        (lambda folder: NewCredentialScreen(["harbor"], folder=folder), None),
        (lambda folder: NewRequestScreen(["harbor"]), None),
        (lambda folder: ExportScreen(_credential(), folder=folder), None),
        (lambda folder: ChooseNewScreen(), None),
        (lambda folder: NewIdentityScreen(["harbor"], folder=folder), None),
        (lambda folder: MintScreen(ROK, SOURCES, folder=folder), None),
    ],
)
async def test_escape_leaves_everything_as_it_is(
    tmp_path: Path, make: Callable[[Path], Screen[Any]], nothing: bool | None
) -> None:
    async with asked(make(tmp_path)) as (app, pilot):
        await pilot.press("escape")
        await pilot.pause()
    assert app.answers == [nothing]


async def test_enter_on_the_question_means_no() -> None:
    async with asked(ConfirmScreen("Revoke?", ["It ends."])) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
    assert app.answers == [False]


async def test_export_names_a_file(tmp_path: Path) -> None:
    async with asked(ExportScreen(_credential(), folder=tmp_path)) as (app, pilot):
        await pilot.press("ctrl+s")
        await pilot.pause()
    place = FileDestination(str(tmp_path / "ci-robot.kubeconfig"))
    assert app.answers == [ExportWish(_credential().address, place, Format.KUBECONFIG)]


async def test_export_refuses_a_folder(tmp_path: Path) -> None:
    async with asked(ExportScreen(_credential(), folder=tmp_path)) as (app, pilot):
        app.screen.query_one("#f-path", Input).value = str(tmp_path)
        await pilot.pause()
        assert "this is a folder" in problems(app)
        await pilot.press("ctrl+s")
        assert app.answers == []


@pytest.mark.parametrize("size", [(80, 24), (120, 35), (200, 50)])
async def test_new_identity_with_its_manifests_and_its_command(tmp_path: Path, size: tuple[int, int]) -> None:
    async with asked(NewIdentityScreen(["harbor", "tenant-a"], folder=tmp_path), size) as (app, pilot):
        assert "give it a name" in problems(app)
        await pilot.press(*"rok")
        await type_into(pilot, "namespace", "backup")
        command = " ".join(str(app.screen.query_one("#equivalent", Static).render()).split())
        assert command.startswith("$ kubemint identity create rok -n backup --context harbor --out")
        if size[0] < 110:
            await pilot.press("f2")
            await pilot.pause()
        preview = app.screen.query_one("#yaml", Static)
        assert preview.region.area
        text = str(preview.render())
        assert text.count("kind: ") >= 4
        assert "kubemint.io/identity" in text
        assert "arrikto" not in text, "that is for whoever asks for it with --rok"
        assert app.screen.query_one("#accept", Button).region.bottom <= size[1], "the buttons stay in sight"
        await pilot.press("ctrl+s")
        await pilot.pause()
    (wish,) = app.answers
    assert wish == IdentityWish(identity=Identity("harbor", "backup", "rok"), folder=str(tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "Rok", "cannot be the name of a service account"),
        ("name", "x" * 245, "too long"),
        ("namespace", "No", "is not a namespace"),
        ("folder", "", "name a folder"),
    ],
)
async def test_what_cannot_be_an_identity(tmp_path: Path, field: str, value: str, says: str) -> None:
    screen = NewIdentityScreen(["harbor"], folder=tmp_path, identity=Identity("harbor", "ci", "robot"))
    async with asked(screen) as (app, pilot):
        app.screen.query_one(f"#f-{field}", Input).value = value
        await pilot.pause()
        assert says in problems(app)
        await pilot.press("ctrl+s")
        assert app.answers == []


async def test_minting_names_its_token_audience_and_path(tmp_path: Path) -> None:
    async with asked(MintScreen(ROK, SOURCES, folder=tmp_path)) as (app, pilot):
        await pilot.press(*"vault")
        await type_into(pilot, "duration", "1y")
        assert "is not a duration" in problems(app)
        await type_into(pilot, "duration", "30m")
        app.screen.query_one("#f-path", Input).value = SOURCES[0][1].name
        await pilot.pause()
        assert "would be lost" in problems(app)
        app.screen.query_one("#f-path", Input).value = str(tmp_path / "short")
        await pilot.pause()
        command = " ".join(str(app.screen.query_one("#equivalent", Static).render()).split())
        assert command.startswith("$ kubemint identity token /t/ci-rok.token --audience vault --duration 30m --out")
        await pilot.press("ctrl+s")
        await pilot.pause()
    (wish,) = app.answers
    assert wish == SelfWish(
        source=SOURCES[0][1], cluster="harbor", out=str(tmp_path / "short"), duration=timedelta(minutes=30),
        audiences=("vault",), identity=ROK,
    )  # fmt: skip


async def test_what_does_not_fit_is_not_offered_as_new() -> None:
    entries = [entry for entry in NOVELTIES if entry.name != "mint"]
    async with asked(ChooseNewScreen(entries)) as (app, pilot):
        await pilot.press("m")
        await pilot.pause()
        assert app.answers == []
        assert "Short-lived" not in app.export_screenshot()


async def test_choosing_what_is_new_by_key() -> None:
    for key, chosen in (("c", "new_credential"), ("d", "new_request"), ("enter", "new_credential")):
        async with asked(ChooseNewScreen()) as (app, pilot):
            await pilot.press(key)
            await pilot.pause()
        assert app.answers == [chosen]


async def test_names_from_a_cluster_are_shown_harmlessly(tmp_path: Path) -> None:
    hostile = "[red]x[/] \x1b[31mev[red]il[/]\u202egnp]0;t" + "a" * 253
    credential = Credential(
        address=Address(CredentialKind.SECRET, hostile, "ci", "robot"),
        identity=Identity(hostile, "ci", "robot"),
        format=Format.KUBECONFIG,
    )
    for screen in (
        ExportScreen(credential, folder=tmp_path),
        ConfirmScreen(hostile, [hostile], type_to_confirm=hostile),
        NewCredentialScreen([hostile], folder=tmp_path),
        NewRequestScreen([hostile], targets={hostile: [hostile]}),
        NewIdentityScreen([hostile], folder=tmp_path),
    ):
        async with asked(screen) as (app, _):
            picture = app.export_screenshot()
        assert "\x1b" not in picture
        assert "\u202e" not in picture


def _credential() -> Credential:
    return Credential(
        address=Address(CredentialKind.SECRET, "harbor", "ci", "robot"),
        identity=Identity("harbor", "ci", "robot"),
        format=Format.KUBECONFIG,
    )


def tones(app: App[None]) -> set[str]:
    """The signs that the lines of problems begin with."""
    return {line[:1] for line in problems(app).splitlines() if line}


async def test_a_new_form_does_not_open_in_red() -> None:
    """What is missing is told quietly until something was typed, a field was left, or an answer was wanted."""

    def opened() -> NewCredentialScreen:
        return NewCredentialScreen(["harbor"], folder=Path("/x"))

    async with asked(opened()) as (app, pilot):
        assert tones(app) == {"·"}, "nothing was typed yet"
        assert not app.screen.query(".-wrong")
        assert app.screen.query_one("#accept", Button).disabled
        await type_into(pilot, "duration", "soon")
        assert app.screen.query_one("#duration").has_class("-wrong"), "what was typed is wrong"
        *wrong, needed = problems(app).splitlines()
        assert any(line.startswith("✖ Lifetime") for line in wrong)
        assert needed.startswith("· Path"), "where nobody has been, and after what is wrong"
        assert not app.screen.query_one("#path").has_class("-wrong")
    async with asked(opened()) as (app, pilot):
        app.screen.query_one("#f-account", Input).focus()
        await pilot.pause()
        assert tones(app) == {"·"}
        await pilot.press("tab")
        await pilot.pause()
        assert app.screen.query_one("#account").has_class("-wrong"), "it was left empty"
    async with asked(opened()) as (app, pilot):
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert tones(app) == {"✖"}, "an answer was wanted"
        assert not app.answers
