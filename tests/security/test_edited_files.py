"""What somebody wrote into a file of kubemint's is not thrown away in silence, and what leads elsewhere is not replaced
unasked; a list calls valid what enters with the file, not what was written into it once."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.issuance.arena import Arena, Bench
from tests.issuance.samples import ENDPOINT
from tests.issuance.test_certificates import Died, issued as certified, wish
from tui.headless.verifying import _print
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.lying import Looks
from tui.issuance.destinations.standing import KEPT_AS, WouldReplace
from tui.issuance.destinations.written import Edits, edits, wrote
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import kubeconfig
from tui.issuance.formats.yaml_text import dump
from tui.issuance.insight.verification import Verification
from tui.issuance.model.cluster_time import utc_now
from tui.issuance.model.types import Address, Identity, State
from tui.issuance.records.intent import Wrote
from tui.kube.sensitive import Sensitive
from tui.kube.yaml_loading import load_first

CONFIG = kubeconfig(Sensitive("eyJ.it"), ENDPOINT, Identity("harbor", "ci", "robot")).reveal()
Edit = Callable[[str], str]


def proxied(text: str) -> str:
    return text.replace("    server:", "    proxy-url: http://bastion.example:3128\n    server:", 1)


def moved(text: str) -> str:
    return re.sub("server: https://[^:]+", "server: https://bastion.example", text)


def commented(text: str) -> str:
    return "# ours: ask Eve before changing\n" + text


def renamed(text: str) -> str:
    return text.replace("    namespace: ", "    namespace: my-", 1)


def of_another(text: str) -> str:
    """Its context names another user, who was added."""
    added = "users:\n- name: mine\n  user:\n    token: foreign\n"
    return text.replace("    user: robot\n", "    user: mine\n", 1).replace("users:\n", added, 1)


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (str, Edits()),
        (commented, Edits(any=True)),
        (renamed, Edits(any=True)),
        (lambda text: text + "\n", Edits(any=True)),
        (moved, Edits(any=True, way=("server",))),
        (proxied, Edits(any=True, way=("proxy",))),
        (lambda text: proxied(moved(text)), Edits(any=True, way=("server", "proxy"))),
        (lambda text: text.replace("eyJ.it", "eyJ.x"), Edits(any=True, way=("login",))),
        (lambda text: text.replace("    server:", "    tls-server-name: x\n    server:"),
         Edits(any=True, way=("name of the server",))),
    ],
)  # fmt: skip
def test_what_was_edited(edit: Edit, found: Edits) -> None:
    before = wrote(Format.KUBECONFIG, Sensitive(CONFIG))
    assert edits(Format.KUBECONFIG, Sensitive(edit(CONFIG)), before) == found


def test_nothing_is_said_of_what_was_not_noted_or_says_no_way() -> None:
    assert edits(Format.KUBECONFIG, Sensitive(proxied(CONFIG)), None) == Edits()
    before = wrote(Format.TOKEN, Sensitive("eyJ.it"))
    assert before == Wrote(whole=Sensitive("eyJ.it").fingerprint)
    assert edits(Format.TOKEN, Sensitive("eyJ.it\n"), before) == Edits(any=True)
    assert "eyJ.it" not in msgspec.json.encode(before).decode()


def test_a_certificate_that_is_not_of_its_key_is_told_whatever_was_noted(pairs: tuple[str, str, str]) -> None:
    own, other, certificate = pairs
    text = CONFIG.replace(
        "    token: eyJ.it\n", f"    client-certificate-data: {certificate}\n    client-key-data: {own}\n"
    )
    assert edits(Format.CERTIFICATE, Sensitive(text), None) == Edits()
    assert edits(Format.CERTIFICATE, Sensitive(text.replace(own, other)), None) == Edits(way=("login",))


@pytest.fixture(scope="module")
def pairs() -> tuple[str, str, str]:
    """Two keys, and a certificate of the first."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    own, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anna")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + timedelta(hours=1)).sign(own, hashes.SHA256())
    )  # fmt: skip
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    keys = [b64encode(key.private_bytes(serialization.Encoding.PEM, *form)).decode() for key in (own, other)]
    return keys[0], keys[1], b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


async def issued(bench: Bench, edit: Edit) -> Path:
    outcome = await bench.issue(bench.arena.spec())
    assert outcome.ok, outcome
    path = Path(bench.arena.file().path)
    path.write_text(edit(path.read_text()))
    return path


@pytest.mark.parametrize(
    ("edit", "said"), [(proxied, "proxy"), (moved, "server"), (lambda text: moved(proxied(text)), "server and proxy")]
)
async def test_a_file_that_leads_elsewhere_is_not_rotated_over(ebench: Bench, edit: Edit, said: str) -> None:
    """Through a bastion: the new token would go to the old address, past the proxy that was set."""
    path = await issued(ebench, edit)
    before = path.read_text()
    address = ebench.arena.file().address(ebench.arena.identity())
    with pytest.raises(WouldReplace, match=f"has another {said} than kubemint wrote there") as refused:
        await ebench.engine.plan_rotate(address)
    assert (
        "--force --replace` writes it again; the edits are lost, the old file is kept beside it" in refused.value.hint
    )
    assert path.read_text() == before
    plan = await ebench.engine.plan(ebench.arena.spec(), force=True, replace=True)
    assert "bastion" in plan.preview
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    kept = path.with_name(f"{path.name}.{KEPT_AS}")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (before, 0o600)
    assert "bastion" not in path.read_text()
    assert (await ebench.rotate(address)).ok


@pytest.mark.parametrize("edit", [commented, renamed])
async def test_what_somebody_wrote_beside_the_way_is_kept_and_said(ebench: Bench, edit: Edit) -> None:
    path = await issued(ebench, edit)
    before, address = path.read_text(), ebench.arena.file().address(ebench.arena.identity())
    assert (await ebench.engine.lookup(address)).state is State.VALID
    plan = await ebench.engine.plan_rotate(address)
    assert any(
        "it was edited since kubemint wrote it: what is there is kept beside it" in said for said in plan.warnings
    )
    assert plan.preview
    outcome = await ebench.engine.execute(plan)
    assert outcome.ok, outcome
    kept = path.with_name(f"{path.name}.{KEPT_AS}")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (before, 0o600)
    outcome = await ebench.rotate(address)
    assert outcome.ok
    assert len(list(path.parent.glob(f"{path.name}.{KEPT_AS}*"))) == 1, "what kubemint wrote is not kept"


@pytest.mark.parametrize(
    ("edit", "said"),
    [(moved, "the file has another server than"), (proxied, "another proxy"), (of_another, "holds another token than")],
)
async def test_a_file_that_enters_otherwise_is_not_called_valid(ebench: Bench, edit: Edit, said: str) -> None:
    await issued(ebench, str)
    state, address, looks = ebench.engine.state, ebench.arena.file().address(ebench.arena.identity()), Looks()
    record = state.export_record(address)
    assert record is not None
    assert looks.shown(record).state is State.VALID
    path = Path(ebench.arena.file().path)
    path.write_text(edit(path.read_text()))
    shown = looks.shown(record)
    assert (shown.state, said in shown.message) == (State.UNKNOWN, True), shown.message
    assert (await ebench.engine.lookup(address)).message == shown.message
    if edit is not of_another:
        assert shown.expires_at == record.credential.expires_at, "how long the token lives is known"
        assert "was not asked there" in (await ebench.engine.verify(address)).message


@pytest.mark.parametrize("edit", [moved, proxied, commented])
async def test_a_client_certificate_s_file_is_held_against_what_was_written_too(ebench: Bench, edit: Edit) -> None:
    await certified(ebench, wish(ebench.arena))
    path = ebench.arena.folder / "jane.kubeconfig"
    path.write_text(edit(path.read_text()))
    before, address = path.read_text(), Address.file(str(path))
    shown = await ebench.engine.lookup(address)
    if edit is commented:
        assert shown.state is State.VALID
        assert (await ebench.rotate(address)).ok
        assert path.with_name(f"{path.name}.{KEPT_AS}").read_text() == before
        return
    assert (shown.state, "than kubemint wrote there" in shown.message) == (State.UNKNOWN, True)
    with pytest.raises(WouldReplace, match="than kubemint wrote there"):
        await ebench.engine.plan_rotate(address)
    assert path.read_text() == before


@pytest.mark.parametrize("certificate", [False, True])
async def test_what_a_dead_process_wrote_is_noted_by_who_finishes_it(embedded: Arena, certificate: bool) -> None:
    """It only reads it back."""

    def die(reached: str) -> None:
        if reached == "unrecorded:write:0":
            raise Died

    async with Bench(embedded) as bench:
        bench.engine.checkpoint = die
        with pytest.raises(Died):
            await bench.engine.execute(await bench.engine.plan(wish(embedded) if certificate else embedded.spec()))
    async with Bench(embedded) as bench:
        assert all(outcome.ok for outcome in await bench.engine.recover())
        (record,) = bench.state.export_records()
        assert record.wrote == wrote(Format.KUBECONFIG, Sensitive(Path(record.credential.address.name).read_text()))


def rekeyed(document: Any) -> None:
    """Its certificate with another key beside it."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    document["users"][0]["user"]["client-key-data"] = b64encode(pem).decode()


def led_away(document: Any) -> None:
    document["clusters"].append({"name": "theirs", "cluster": {"server": "https://evil.example:6443"}})
    document["contexts"][0]["context"]["cluster"] = "theirs"


def redirected(document: Any) -> None:
    document["clusters"][0]["cluster"]["server"] = "https://evil.example:6443"


@pytest.mark.parametrize(
    ("certificate", "edit", "what"),
    [
        (False, redirected, "cluster"),
        (False, led_away, "context"),
        (True, redirected, "cluster"),
        (True, led_away, "context"),
        (True, rekeyed, "user"),
    ],
)
async def test_merged_entries_are_shown_as_a_rotation_takes_them(
    ebench: Bench, certificate: bool, edit: Callable[[Any], None], what: str
) -> None:
    """The list promised a renewal that is refused, and whoever took the file went elsewhere."""
    where = FileDestination(ebench.arena.file("config").path, merge=True)
    await (certified(ebench, wish(ebench.arena, where)) if certificate else ebench.issue(ebench.arena.spec(where)))
    (record,), looks, path = ebench.state.export_records(), Looks(), Path(where.path)
    address = record.credential.address
    assert looks.shown(record).state is State.VALID
    document: Any = load_first(path.read_bytes())
    edit(document)
    path.write_text(dump(document))
    shown = looks.shown(record)
    assert (shown.state, f"the file has another {what} " in shown.message) == (State.UNKNOWN, True), shown.message
    assert (await ebench.engine.lookup(address)).message == shown.message
    with pytest.raises(WouldReplace, match=f"^{what} .* holds something else than kubemint wrote there"):
        await ebench.engine.plan_rotate(address)
    if not certificate:
        assert "was not asked there" in (await ebench.engine.verify(address)).message


async def test_a_cluster_that_two_wishes_share_is_held_against_what_was_written_by_either(ebench: Bench) -> None:
    where = FileDestination(ebench.arena.file("config").path, merge=True)
    await ebench.issue(ebench.arena.spec(where))
    await certified(ebench, wish(ebench.arena, where))
    looks, path = Looks(), Path(where.path)
    document: Any = load_first(path.read_bytes())
    assert len(document["clusters"]) == 1
    assert [looks.shown(one).state for one in ebench.state.export_records()] == [State.VALID] * 2
    redirected(document)
    path.write_text(dump(document))
    assert [looks.shown(one).state for one in ebench.state.export_records()] == [State.UNKNOWN] * 2


def test_a_note_of_verify_begins_with_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    said = "accepted as robot; but the file has another server than kubemint wrote there, and was not asked there"
    found = Verification(ok=True, method="GET", username="robot", checked_at=utc_now(), message=said)
    _print("it", found, "table")
    assert f"note: {said.removeprefix('accepted as robot; ')}" in capsys.readouterr().err
