"""Copies of what exists: in other formats, into kubeconfigs and Secrets, and what is shown before they are made."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Bench, token_in
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.destinations.masking import masked_text
from tui.issuance.destinations.standing import WouldReplace
from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, State
from tui.issuance.tokens.copying import Word
from tui.kube.errors import ReadOnly
from tui.kube.resource import SECRETS
from tui.kube.sensitive import MASK, Sensitive

CONFIG = """apiVersion: v1
kind: Config
# mine
clusters: []
contexts:
- name: mine
  context: {cluster: c, user: u}
users:
- name: u
  user: {password: "1234567890", token: hush}
"""


async def test_a_kubeconfig_becomes_a_token_and_a_token_file_that_work(bench: Bench) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec())
    token = token_in(arena.file().path)
    for form in (Format.TOKEN, Format.TOKEN_FILE):
        path = arena.folder / f"copy.{form}"
        outcome = await bench.engine.export(issued.address, FileDestination(str(path)), form)
        assert outcome.ok, outcome
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await bench.engine.material(outcome.address) == Sensitive(path.read_bytes())
        found = await bench.engine.lookup(outcome.address)
        assert (found.format, found.state, found.fingerprint) == (form, State.VALID, token.fingerprint)
        assert (await bench.engine.verify(outcome.address)).ok
    assert (arena.folder / "copy.token").read_text() == token.reveal()
    assert token.reveal() in (arena.folder / "copy.tokenFile").read_text()


async def test_a_copy_in_another_format_is_left_alone_by_rotations_and_says_so(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    path = arena.folder / "copy.token"
    copied = await ebench.engine.export(issued.address, FileDestination(str(path)), Format.TOKEN)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="in another format"):
        await ebench.engine.plan_rotate(copied.address)
    await ebench.rotate(issued.address)
    assert path.read_bytes() == before, "never the original's format over the copy's"
    again = await ebench.engine.export(issued.address, FileDestination(str(path)), Format.TOKEN)
    assert again.ok, again
    assert path.read_text() == token_in(arena.file().path).reveal()


async def test_a_merged_copy_is_renewed_in_its_kubeconfig(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    config = arena.folder / "config"
    config.write_text(CONFIG)
    merged = await ebench.engine.export(issued.address, FileDestination(str(config), merge=True))
    assert merged.ok, merged
    assert "# mine" in config.read_text()
    assert (await ebench.engine.lookup(merged.address)).state is State.VALID
    rotated = await ebench.rotate(issued.address)
    assert (await ebench.engine.lookup(merged.address)).fingerprint == rotated.credential.fingerprint
    assert "# mine" in config.read_text()
    assert [entry.name for entry in arena.folder.iterdir() if entry.name.startswith("config")] == ["config"]
    again = await ebench.engine.export(issued.address, FileDestination(str(config), merge=True))
    assert again.ok, again
    assert config.read_text().count("- name: robot") == 1


async def test_a_copy_in_a_secret_is_a_credential_of_its_own(bench: Bench) -> None:
    arena = bench.arena
    issued = await bench.issue(arena.spec())
    where = SecretDestination(arena.name, arena.namespace, "copy")
    outcome = await bench.engine.export(issued.address, where, Format.TOKEN_FILE)
    assert outcome.ok, outcome
    assert outcome.action.value == "export", "nothing was issued"
    assert (await bench.engine.verify(outcome.address)).ok
    with pytest.raises(UsageError, match="it is a copy, and its token ends with handle"):
        await bench.engine.plan_revoke(outcome.address)
    await bench.rotate(outcome.address)
    assert (await bench.engine.verify(issued.address)).ok, "rotating the copy never ends the original"
    with pytest.raises(UsageError, match="already in use"):
        await bench.engine.plan_export(issued.address, where)


async def test_what_a_copy_must_not_replace(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.file(), arena.secret()))
    with pytest.raises(UsageError, match="one of its destinations already"):
        await ebench.engine.plan_export(issued.address, arena.secret(), Format.TOKEN)
    with pytest.raises(UsageError, match="where it is kept already"):
        await ebench.engine.plan_export(issued.address, arena.file())
    foreign: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign"}, "data": {"a": "Yg=="},
    }  # fmt: skip
    await ebench.client.create(SECRETS, foreign, namespace=arena.namespace)
    with pytest.raises(UsageError, match="does not manage it"):
        await ebench.engine.plan_export(issued.address, SecretDestination(arena.name, arena.namespace, "foreign"))
    with pytest.raises(UsageError, match="cannot be merged"):
        await ebench.engine.plan_export(
            issued.address, FileDestination(str(arena.folder / "c"), merge=True), Format.TOKEN
        )
    with pytest.raises(UsageError, match="not handed out"):
        await ebench.engine.plan_export(Address(CredentialKind.LOGIN, arena.name, "", ""), arena.file("x"))


async def test_a_protected_cluster_gets_no_secret_but_its_credentials_can_be_kept_in_files(embedded: Any) -> None:
    async with Bench(embedded) as bench:
        issued = await bench.issue(embedded.spec())
    async with Bench(embedded, guard=lambda cluster: cluster and "hands off") as guarded:
        with pytest.raises(ReadOnly, match="hands off"):
            await guarded.engine.plan_export(
                issued.address, SecretDestination(embedded.name, embedded.namespace, "copy")
            )
        copy = embedded.folder / "copy"
        assert (await guarded.engine.export(issued.address, FileDestination(str(copy)))).ok
        assert copy.exists()


async def test_the_preview_shows_what_changes_and_no_material(ebench: Bench) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec())
    token = token_in(arena.file().path)
    path = arena.folder / "copy"
    places = [(FileDestination(str(path)), form) for form in (Format.KUBECONFIG, Format.TOKEN_FILE, Format.TOKEN)] + [
        (SecretDestination(arena.name, arena.namespace, "copy"), Format.KUBECONFIG)
    ]
    for place, form in places:
        found = await ebench.engine.preview_export(issued.address, place, form)
        assert not found.foreseen.exists
        assert found.plan.preview == ""
        assert MASK in found.foreseen.text
        assert ("0600" in found.foreseen.hint) is isinstance(place, FileDestination)
        assert token.reveal() not in found.foreseen.text
        assert await ebench.secrets() == [name for name in await ebench.secrets() if name != "copy"]
    assert not path.exists()

    path.write_text("KUBERNETES_SERVICE_HOST='10.0.0.1'\nTOKEN_FILE='hush'\n")
    path.chmod(0o640)
    found = await ebench.engine.preview_export(issued.address, FileDestination(str(path)), Format.TOKEN_FILE)
    assert found.foreseen.exists
    assert "0640" in found.foreseen.hint
    assert "-KUBERNETES_SERVICE_HOST='10.0.0.1'" in found.plan.preview
    assert "hush" not in found.plan.preview
    assert token.reveal()[:20] not in found.plan.preview
    assert [ask.word for ask in found.asks] == [Word.FORCE]
    with pytest.raises(WouldReplace):
        await ebench.engine.plan_export(issued.address, FileDestination(str(path)), Format.TOKEN_FILE)
    assert (await ebench.engine.export(issued.address, FileDestination(str(path)), Format.TOKEN_FILE, force=True)).ok
    same = await ebench.engine.preview_export(issued.address, FileDestination(str(path)), Format.TOKEN_FILE)
    assert same.foreseen.exists
    assert same.plan.preview == ""

    config = arena.folder / "config"
    config.write_text(CONFIG)
    merged = await ebench.engine.preview_export(issued.address, FileDestination(str(config), merge=True))
    assert "+- name: robot" in merged.plan.preview
    assert config.read_text() == CONFIG


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("eyJhbGciOi", f"{MASK} "),
        ("A='x'\nKUBERNETES_SERVICE_PORT='6443'\n", "KUBERNETES_SERVICE_PORT='6443'"),
        ("A='-----BEGIN\nx\n'\nTOKEN_FILE='eyJ'\n", "TOKEN_FILE=" + MASK),
        (CONFIG, "- name: mine"),
        ("password: hunter2\n", MASK),
        ("\x00\x01", MASK),
    ],
)  # fmt: skip
def test_whatever_lies_there_is_shown_without_what_is_secret(text: str, shown: str) -> None:
    masked = masked_text(Sensitive(text))
    assert shown in masked
    for secret in ("hush", "hunter2", "1234567890", "eyJ", "-----BEGIN"):
        assert secret not in masked


def test_equal_material_has_equal_masks(tmp_path: Path) -> None:
    one, two = (masked_text(Sensitive(f"token-{number}")) for number in (1, 2))
    assert one != two
    assert masked_text(Sensitive("token-1")) == one
