"""`config.yaml`: what fits is taken, what does not is said with its place, and both together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from tui.app import vocabulary
from tui.issuance.errors import UsageError
from tui.issuance.records.entering import Allowed, Deliverer, TrustedSource
from tui.settings import Alert, Confirm, Loaded, Settings, load
from tui.settings.reading import parse
from tui.settings.schema import plain
from tui.settings.writing import CHANGEABLE, plan_change, write_change

WRONG = """\
# mine
theme: light
keymap:
  rotate: y
  help: [a]
  nonsense: k
  export: ctlr+e
grace: 30
readOnlyContexts: [prod-*, {a: b}]
exportFolder: 12
nope: 1
alerts:
  "prod-*": {window: 1y, bell: no, foo: 1}
  "*": {window: 5m}
columns:
  credentials: [left, bogus, name]
confirm: maybe
theme: darkest
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def read(file: Path, text: str, environment: dict[str, str] | None = None) -> Loaded:
    file.write_text(text)
    return vocabulary().check(load(file, environment or {}))


def test_nothing_said_is_the_default(file: Path) -> None:
    loaded = load(file, {})
    assert loaded.settings == Settings()
    assert not loaded.exists
    assert loaded.findings == ()


def test_everything_wrong_is_said_with_its_line_and_everything_right_counts(file: Path) -> None:
    loaded = read(file, WRONG)
    said = {(found.where.removeprefix(f"{file}:"), found.path): found.message for found in loaded.findings}
    assert said.keys() == {
        ("4", "keymap.rotate"), ("5", "keymap.help"), ("6", "keymap.nonsense"), ("7", "keymap.export"), ("8", "grace"),
        ("9", "readOnlyContexts.1"), ("11", "nope"), ("13", "alerts.prod-*.window"), ("13", "alerts.prod-*.foo"),
        ("16", "columns.credentials.1"), ("17", "confirm"), ("18", "theme"),
    }  # fmt: skip
    assert said["4", "keymap.rotate"] == "y is the key of yaml already; give that another one"
    assert said["17", "confirm"] == "'maybe' is not one of never, destructive, always"
    assert "30m, 1h30m, 7d or 2w" in said["8", "grace"]
    assert "window, critical, bell, desktop" in said["13", "alerts.prod-*.foo"]
    assert "dark, light, colour-blind, terminal" in said["18", "theme"]
    settings = loaded.settings
    assert settings.theme == "dark"
    assert settings.keymap == {}
    assert settings.grace == timedelta(seconds=30)
    assert settings.export_folder == "12"
    assert settings.read_only_contexts == ("prod-*",)
    assert settings.columns.credentials == ("left", "name")
    assert settings.alert("prod-1") == Alert(bell=False)
    assert settings.alert("dev") == Alert(window=timedelta(minutes=5))


def test_keys_that_yaml_takes_for_something_else_are_keys(file: Path) -> None:
    loaded = read(file, "keymap: {yaml: n, new: y, details: 7, help: '?,f1'}")
    assert loaded.findings == ()
    assert loaded.settings.keymap == {"yaml": "n", "new": "y", "details": "7", "help": "question_mark,f1"}


def test_a_key_of_another_action_clashes_unless_that_one_moves(file: Path) -> None:
    assert [found.path for found in read(file, "keymap: {rotate: e}").findings] == ["keymap.rotate"]
    assert read(file, "keymap: {rotate: e, export: r}").findings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML"),
        ("- a\n", "must be a mapping"),
        ("theme: 'x\n", "not YAML"),
        ("x: &a [*a, *a]\n", "alias"),
        ("{" * 80, "64 levels"),
        ("theme: \"\\xff\"\ntheme: light", "twice"),
    ],
)  # fmt: skip
def test_hostile_files_are_one_finding(file: Path, text: str, words: str) -> None:
    loaded = load_text(file, text)
    assert words in "".join(map(str, loaded.findings))
    assert len(loaded.findings) == 1


def load_text(file: Path, text: str) -> Loaded:
    file.write_text(text)
    return load(file, {})


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    assert "directory" in str(load(tmp_path, {}).findings[0])
    big = tmp_path / "big.yaml"
    big.write_text("#" * 300_000)
    assert "larger than 256 KiB" in str(load(big, {}).findings[0])


@given(st.binary(max_size=200))
def test_no_content_raises(data: bytes) -> None:
    findings: list[object] = []
    parse(Path("config.yaml"), data, findings)  # type: ignore[arg-type]


def test_where_values_come_from(file: Path) -> None:
    file.write_text("theme: light\nconfirm: always\ngrace: 1m\n")
    environment = {"KUBEMINT_CONFIRM": "never", "KUBEMINT_GRACE": "2", "KUBEMINT_READ_ONLY": "1"}
    loaded = load(file, environment).with_flags(theme="terminal", read_only=False)
    assert loaded.settings.confirm is Confirm.NEVER
    assert [found.where for found in loaded.findings] == ["KUBEMINT_GRACE"]
    said = {name: str(loaded.source(name)) for name in ("theme", "confirm", "grace", "readOnly", "lifetime")}
    assert said == {
        "theme": "flag --theme", "confirm": "environment KUBEMINT_CONFIRM", "grace": f"file {file}:3",
        "readOnly": "environment KUBEMINT_READ_ONLY", "lifetime": "default",
    }  # fmt: skip


def test_read_only_by_pattern_and_why(file: Path) -> None:
    loaded = read(file, "theme: dark\nreadOnlyContexts: ['prod-*']\n")
    assert loaded.why_read_only("dev") == ""
    assert loaded.why_read_only("prod-1") == f"prod-1 is read-only ('prod-*' in readOnlyContexts, {file}:2)"
    assert loaded.why_read_only("prod-1/dpf/tenant") != "", "what is found in a protected cluster is protected"
    assert "--read-only" in loaded.with_flags(read_only=True).why_read_only("dev")


@pytest.mark.parametrize(
    "text", ["readOnly: perhaps", "readOnlyContexts: prod-*", "theme: [", "readOnlyContexts: [[x]]"]
)
def test_what_cannot_be_read_of_read_only_protects_everything(file: Path, text: str) -> None:
    """Somebody may rely on it."""
    assert "cannot be read" in load_text(file, text).why_read_only("dev")


def test_the_schema_says_what_the_file_may(file: Path) -> None:
    schema = vocabulary().schema()
    fields = schema["$defs"]["Settings"]["properties"]
    assert schema["$defs"]["Settings"]["additionalProperties"] is False
    assert {"dark", "light", "colour-blind", "terminal"} == set(fields["theme"]["enum"])
    assert "rotate" in fields["keymap"]["propertyNames"]["enum"]
    assert fields["grace"]["default"] == "30s"
    assert all(field.get("description") for field in fields.values())
    assert {name: field["default"] for name, field in fields.items()} == plain(Settings())
    file.write_bytes(msgspec.yaml.encode(plain(Settings())))
    assert load(file, {}).settings == Settings()
    assert load(file, {}).findings == ()


BEFORE = """\
# how I like it
theme: dark   # until the sun shines
keymap:
    rotate: f5 # not r

grace: "30s"
"""


def test_writing_changes_one_line_and_keeps_every_comment(file: Path) -> None:
    file.write_text(BEFORE)
    change = plan_change(file, {"theme": "light", "grace": timedelta(minutes=2), "export_folder": "/x y/#1"})
    assert change.diff == [
        "-theme: dark   # until the sun shines", "+theme: light   # until the sun shines",
        '-grace: "30s"', "+grace: 2m", '+exportFolder: "/x y/#1"',
    ]  # fmt: skip
    write_change(change)
    loaded = read(file, file.read_text())
    assert (loaded.settings.theme, loaded.settings.grace) == ("light", timedelta(minutes=2))
    assert loaded.settings.export_folder == "/x y/#1"
    assert loaded.settings.keymap == {"rotate": "f5"}
    assert "# not r" in file.read_text()


def test_writing_where_there_is_no_file_makes_a_private_one(tmp_path: Path) -> None:
    file = tmp_path / "kubemint" / "config.yaml"
    write_change(plan_change(file, {"confirm": Confirm.ALWAYS}))
    assert file.read_text() == "confirm: always\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["theme: |\n  dark\n", "theme: &a dark\nx: *a\n", "{theme: dark}\n", "theme: [\n"])
def test_what_only_a_person_should_touch_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        plan_change(file, {"theme": "light"})
    assert str(file) in caught.value.hint
    assert file.read_text() == text


def test_somebody_else_was_faster(file: Path) -> None:
    change = plan_change(file, {"theme": "light"})
    file.write_text("theme: terminal\n")
    with pytest.raises(UsageError, match="changed by another program"):
        write_change(change)
    assert file.read_text() == "theme: terminal\n"


@given(st.text(min_size=1, max_size=40).filter(str.isprintable))
def test_any_folder_survives_the_way_through_the_file(folder: str) -> None:
    change = plan_change(Path("/nonexistent/config.yaml"), {"export_folder": folder})
    assert parse(change.path, change.after.encode(), []).settings.export_folder == folder


def test_what_can_be_changed_exists() -> None:
    assert set(CHANGEABLE) <= set(Settings.__struct_fields__)


TRUST = """\
trust:
  - {source: dpuclusters, context: harbor, namespaces: [dpf-*], allow: [near]}
  - context: quay
"""


def test_trusted_sources_are_read(file: Path) -> None:
    loaded = read(file, TRUST)
    assert loaded.findings == ()
    first, second = loaded.trusts().sources
    assert first == TrustedSource(
        source=Deliverer.DPU_CLUSTERS, context="harbor", namespaces=("dpf-*",), allow=(Allowed.NEAR,)
    )
    assert second == TrustedSource(context="quay")
    assert not loaded.trusts().everything
    assert read(file, TRUST, {"KUBEMINT_TRUST_DELIVERED": "true"}).trusts().everything


@pytest.mark.parametrize(
    "changed",
    [
        TRUST.replace("dpuclusters", "dpucluster"),
        TRUST.replace("[dpf-*]", "dpf-*"),
        TRUST.replace("namespaces", "namespace"),
        TRUST.replace("[near]", "near"),
        TRUST + "  - harbor\n",
        TRUST + TRUST,
        TRUST + "trust\n",
    ],
)
def test_a_trusted_source_that_cannot_be_read_whole_trusts_nobody(file: Path, changed: str) -> None:
    loaded = read(file, changed)
    assert loaded.findings
    assert loaded.trusts().sources == ()
