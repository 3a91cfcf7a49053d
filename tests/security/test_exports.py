"""A cluster's kubeconfig on its way to the operator's disk: who may patch one Secret puts nothing there that runs."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.issuance.arena import Arena, Bench, handle_of, token_in
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import NotProved
from tui.issuance.formats import Format
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Identity, State
from tui.issuance.objects import managed
from tui.issuance.tokens.copying import Word
from tui.issuance.tokens.exporting import OtherServer
from tui.kube.delivered import DeliveredError
from tui.kube.resource import SECRETS
from tui.kube.sensitive import Sensitive

Change = Callable[[dict[str, Any]], object]
MINE = """apiVersion: v1
kind: Config
# mine
clusters:
- name: c
  cluster: {server: https://192.0.2.1}
contexts:
- name: mine
  context: {cluster: c, user: u}
current-context: mine
users:
- name: u
  user: {token: hush}
"""


async def tamper(bench: Bench, change: Change, name: str = "robot-credential") -> None:
    """What somebody does who may patch this Secret and nothing else."""
    ns = bench.arena.namespace
    found: dict[str, Any] = await bench.client.get(SECRETS, name, namespace=ns)
    document = yaml.safe_load(base64.b64decode(found["data"]["kubeconfig"]))
    change(document)
    data = base64.b64encode(yaml.safe_dump(document).encode()).decode()
    await bench.client.patch(SECRETS, name, {"data": {"kubeconfig": data}}, namespace=ns)


async def mark(bench: Bench, name: str = "robot-credential", **notes: str) -> None:
    """Patch kubemint's own annotations."""
    metadata = {"annotations": {f"{managed.PREFIX}{key}": value for key, value in notes.items()}}
    await bench.client.patch(SECRETS, name, {"metadata": metadata}, namespace=bench.arena.namespace)


def planted(folder: Path) -> dict[str, Any]:
    """A user that runs a program which leaves a trace."""
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/bin/sh",
            "args": ["-c", f"touch {folder / 'ran'}"],
            "interactiveMode": "Never",
        }
    }


def _user(document: dict[str, Any]) -> dict[str, Any]:
    user: dict[str, Any] = document["users"][0]["user"]
    return user


def _cluster(document: dict[str, Any]) -> dict[str, Any]:
    cluster: dict[str, Any] = document["clusters"][0]["cluster"]
    return cluster


def evil_inputs(folder: Path) -> dict[str, tuple[str, Change]]:
    """What was put into Secrets, by the field that has to be named."""
    run = planted(folder)
    return {
        "exec in the place of the token": ("exec", lambda d: d["users"].__setitem__(0, {"name": "robot", "user": run})),
        "exec beside the token": ("exec", lambda d: _user(d).update(run)),
        "an auth provider": ("auth-provider", lambda d: _user(d).update({"auth-provider": {"name": "gcp"}})),
        "a token file": ("tokenFile", lambda d: _user(d).update(tokenFile="/etc/shadow")),
        "an authority file": ("certificate-authority", lambda d: _cluster(d).update({"certificate-authority": "x"})),
        "a key file": ("client-key", lambda d: _user(d).update({"client-key": "/root/.ssh/id_rsa"})),
        "another user": ("users", lambda d: d["users"].append({"name": "z", "user": run})),
        "another context": ("contexts", lambda d: d["contexts"].append({"name": "z", "context": {"cluster": "c"}})),
        "another cluster": ("clusters", lambda d: d["clusters"].append({"name": "z", "cluster": {"server": "x"}})),
        "impersonation": ("as", lambda d: _user(d).update({"as": "system:admin"})),
        "impersonation of a wrong type": ("a field", lambda d: _user(d).update({"as": ["system:admin"]})),
        "a proxy": ("proxy-url", lambda d: _cluster(d).update({"proxy-url": "http://10.0.0.9:3128"})),
        "no verification": (
            "certificate-authority-data",
            lambda d: _cluster(d).update({"insecure-skip-tls-verify": True}),
        ),
        "plain http": ("server", lambda d: _cluster(d).update(server="http://127.0.0.1:1")),
    }


@pytest.mark.parametrize("case", evil_inputs(Path()))
async def test_what_would_run_or_read_or_redirect_is_never_written(ebench: Bench, tmp_path: Path, case: str) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    field, change = evil_inputs(tmp_path)[case]
    await tamper(ebench, change)
    config = tmp_path / "config"
    config.write_text(MINE)
    for place in (FileDestination(str(tmp_path / "copy")), FileDestination(str(config), merge=True)):
        with pytest.raises(DeliveredError) as refused:
            await ebench.engine.plan_export(issued.address, place, force=True, other_server=True)
        assert refused.value.field == field
    assert config.read_text() == MINE
    assert sorted(os.listdir(tmp_path)) == ["config", "state"]


async def test_an_untouched_one_is_written_byte_for_byte_as_kubemint_writes_it(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    for form in (Format.KUBECONFIG, Format.TOKEN_FILE, Format.TOKEN):
        name = f"robot-{form.lower()}"
        issued = await ebench.issue(arena.spec(arena.secret(name), format=form))
        copy = tmp_path / name
        assert (await ebench.engine.export(issued.address, FileDestination(str(copy)))).ok
        assert Sensitive(copy.read_bytes()) == await ebench.engine.material(issued.address)


async def test_names_comments_and_unknown_fields_of_others_do_not_come_along(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    before = await ebench.engine.material(issued.address)

    def change(document: dict[str, Any]) -> None:
        document["contexts"][0]["name"] = document["current-context"] = "prod"
        document["extensions"] = [{"name": "x", "extension": planted(tmp_path)}]
        _user(document)["unknown"] = planted(tmp_path)

    await tamper(ebench, change)
    assert await ebench.engine.material(issued.address) != before
    copy = tmp_path / "copy"
    assert (await ebench.engine.export(issued.address, FileDestination(str(copy)))).ok
    assert Sensitive(copy.read_bytes()) == before


@pytest.mark.parametrize("what", ["server", "authority", "server name"])
async def test_that_it_leads_elsewhere_is_said_first_and_has_to_be_meant(
    ebench: Bench, tmp_path: Path, what: str
) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    other = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
    changes = {
        "server": {"server": "https://evil.example.com"},
        "authority": {"certificate-authority-data": other},
        "server name": {"tls-server-name": "evil.example.com"},
    }
    await tamper(ebench, lambda document: _cluster(document).update(changes[what]))
    copy = FileDestination(str(tmp_path / "copy"))
    with pytest.raises(OtherServer, match="is for another server"):
        await ebench.engine.plan_export(issued.address, copy)
    shown = await ebench.engine.preview_export(issued.address, copy)
    assert [ask.word for ask in shown.asks] == [Word.OTHER_SERVER]
    assert shown.plan.warnings[0] == shown.asks[0].why
    plan = await ebench.engine.plan_export(issued.address, copy, other_server=True)
    assert plan.warnings[0] == shown.asks[0].why
    assert (await ebench.engine.execute(plan)).ok
    assert not (await ebench.engine.preview_export(issued.address, copy, Format.TOKEN)).asks, "it is as known there"


async def test_a_token_file_that_leads_elsewhere_is_no_better(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret(), format=Format.TOKEN_FILE))
    copy = FileDestination(str(tmp_path / "copy"))
    for host, error in ((b"evil.example.com", OtherServer), (b"x@evil.example.com", DeliveredError)):
        data = {"KUBERNETES_SERVICE_HOST": base64.b64encode(host).decode()}
        await ebench.client.patch(SECRETS, "robot-credential", {"data": data}, namespace=arena.namespace)
        with pytest.raises(error):
            await ebench.engine.plan_export(issued.address, copy)


async def _other_token(ebench: Bench) -> Sensitive:
    """A token of another account of the same cluster."""
    arena = ebench.arena
    other = arena.spec(arena.file("other"), identity=arena.identity("other"))
    await ebench.issue(other)
    return token_in(arena.file("other").path)


async def test_whose_token_it_is_is_read_from_the_token(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    token = await _other_token(ebench)
    await tamper(ebench, lambda document: _user(document).update(token=token.reveal()))
    await mark(ebench, fingerprint=token.fingerprint)
    for form in (Format.KUBECONFIG, Format.TOKEN):
        with pytest.raises(NotProved, match=r"its token is for .*/other"):
            await ebench.engine.plan_export(issued.address, FileDestination(str(tmp_path / "copy")), form)


async def test_another_token_of_the_same_account_is_not_what_the_secret_says(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    await ebench.issue(arena.spec(arena.file("second")))
    second = token_in(arena.file("second").path)
    await tamper(ebench, lambda document: _user(document).update(token=second.reveal()))
    with pytest.raises(NotProved, match="another token than kubemint put there"):
        await ebench.engine.plan_export(issued.address, FileDestination(str(tmp_path / "copy")))


async def test_a_token_that_the_server_does_not_confirm_is_not_written(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    real = (await ebench.engine.material(issued.address)).reveal()
    genuine = yaml.safe_load(real)["users"][0]["user"]["token"]
    forged = genuine.rpartition(".")[0] + "." + base64.urlsafe_b64encode(b"x" * 256).decode().rstrip("=")
    await tamper(ebench, lambda document: _user(document).update(token=forged))
    await mark(ebench, fingerprint=Sensitive(forged).fingerprint)
    copy = tmp_path / "copy"
    outcome = await ebench.engine.export(issued.address, FileDestination(str(copy)))
    assert not outcome.ok
    assert [result.step for result in outcome.results if result.status == "failed"] == ["prove"]
    assert not copy.exists()
    assert ebench.state.export_record(Address(CredentialKind.FILE, "", "", str(copy))) is None


async def test_account_handle_and_times_of_a_copy_come_from_the_token_and_not_from_marks(
    ebench: Bench, tmp_path: Path
) -> None:
    """Whoever marks a Secret with another account's handle must not have it deleted by ending the copy."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    victim = await ebench.issue(arena.spec(arena.file("other"), identity=arena.identity("other")))
    handle = victim.credential.handle
    await mark(
        ebench, handle=f"{handle.namespace}/{handle.name}/{handle.uid}", expires="2035-01-01T00:00:00Z", fingerprint=""
    )
    copied = await ebench.engine.export(issued.address, FileDestination(str(tmp_path / "copy")))
    assert copied.ok, copied
    record = ebench.state.export_record(copied.address)
    assert record is not None
    found = record.credential
    assert (found.identity, found.handle) == (issued.credential.identity, issued.credential.handle)
    assert found.fingerprint == issued.credential.fingerprint
    assert found.expires_at == issued.credential.expires_at
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(copied.address))).ok
    assert handle.name in await ebench.handles()


async def test_a_forged_wish_makes_no_copy_a_destination_of_somebody_else(ebench: Bench, tmp_path: Path) -> None:
    """The `request` mark is no fact: by it the victim's next token went into the copy, and the copy over a context."""
    arena = ebench.arena
    config = FileDestination(str(tmp_path / "config"), merge=True)
    Path(config.path).write_text(MINE)
    await ebench.issue(arena.spec(config))
    victim = ebench.state.export_records()[0]
    forged = await ebench.issue(arena.spec(arena.secret("forged"), identity=arena.identity("evil")))
    await mark(ebench, "forged", request=victim.request)
    before = Path(config.path).read_bytes()
    copy = await ebench.engine.export(forged.address, FileDestination(str(tmp_path / "copy")))
    assert copy.ok, copy
    evil = token_in(tmp_path / "copy")
    await ebench.rotate(victim.credential.address)
    assert token_in(tmp_path / "copy") == evil
    merged = await ebench.engine.export(forged.address, FileDestination(config.path, merge=True))
    assert merged.ok, merged
    document = yaml.safe_load(Path(config.path).read_text())
    names = [user["name"] for user in document["users"]]
    assert len(names) == len(yaml.safe_load(before)["users"]) + 1, names
    tokens = {user["name"]: user["user"]["token"] for user in document["users"]}
    assert await ebench.works(Sensitive(tokens["robot"]))


async def test_a_check_that_fails_puts_everything_back_byte_for_byte(
    ebench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.issuance.destinations.file import FilePlace
    from tui.issuance.destinations.merge import MergePlace

    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))

    async def spoiled(self: object, content: Sensitive) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(FilePlace, "holds", spoiled)
    monkeypatch.setattr(MergePlace, "holds", spoiled)
    there = tmp_path / "there"
    there.write_text(MINE)
    there.chmod(0o640)
    for place in (
        FileDestination(str(there)),
        FileDestination(str(there), merge=True),
        FileDestination(str(tmp_path / "new")),
        FileDestination(str(tmp_path / "new"), merge=True),
    ):
        outcome = await ebench.engine.export(issued.address, place, force=True)
        assert not outcome.ok
        assert outcome.results[-1].status == "undone"
        assert (there.read_text(), there.stat().st_mode & 0o777) == (MINE, 0o640)
        assert sorted(os.listdir(tmp_path)) == ["state", "there"]
        assert not ebench.state.export_records()


async def test_a_secret_that_is_changed_between_plan_and_copy_is_looked_at_again(ebench: Bench, tmp_path: Path) -> None:
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    plan = await ebench.engine.plan_export(issued.address, FileDestination(str(tmp_path / "copy")), other_server=True)
    await tamper(ebench, lambda document: _cluster(document).update(server="https://evil.example.com"))
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "was changed by another client since it was planned" in outcome.error
    assert not (tmp_path / "copy").exists()


async def test_exporting_anew_over_a_copy_ends_what_only_the_copy_held(ebench: Bench) -> None:
    """Otherwise its token lives on, and nothing knows of it any more."""
    arena = ebench.arena
    issued = await ebench.issue(arena.spec(arena.secret()))
    copy = arena.file("copy")
    assert (await ebench.engine.export(issued.address, copy, Format.TOKEN)).ok
    old = Sensitive(Path(copy.path).read_bytes())
    again = await ebench.engine.execute(await ebench.engine.plan(arena.spec(arena.secret()), replace=True))
    assert again.ok, "the old one is spared: the copy would lose its token"
    assert await ebench.works(old)
    assert len(await ebench.handles()) == 2
    plan = await ebench.engine.plan_export(again.address, copy, Format.TOKEN)
    assert [step.id for step in plan.steps][-1] == "revoke:0"
    assert any("it is revoked after" in warning for warning in plan.warnings)
    assert (await ebench.engine.execute(plan)).ok
    await ebench.engine.settle()
    assert await ebench.handles() == [handle_of(again)]
    assert await ebench.works(Sensitive(Path(copy.path).read_bytes()))


async def test_static_tokens_of_shoots_are_written_anew_too(ebench: Bench, tmp_path: Path) -> None:
    """Several contexts are right there; each is rendered, and none with anything but a server, a CA and the token."""
    ns, name = "garden-prod", "tenant-b.kubeconfig"
    address = Address(CredentialKind.STATIC, ebench.arena.name, "garden-prod", name)
    copy = FileDestination(str(tmp_path / "copy"))
    found: dict[str, Any] = await ebench.client.get(SECRETS, name, namespace=ns)
    original = found["data"]["kubeconfig"]
    outcome = await ebench.engine.export(address, copy)
    assert outcome.ok, outcome
    before = yaml.safe_load(base64.b64decode(original))
    assert yaml.safe_load(Path(copy.path).read_text())["clusters"] == before["clusters"]
    assert (await ebench.engine.lookup(outcome.address)).state is not State.UNKNOWN

    async def patched(change: Change) -> None:
        document = yaml.safe_load(base64.b64decode(original))
        change(document)
        data = base64.b64encode(yaml.safe_dump(document).encode()).decode()
        await ebench.client.patch(SECRETS, name, {"data": {"kubeconfig": data}}, namespace=ns)

    try:
        await patched(lambda document: _user(document).update(planted(tmp_path)))
        with pytest.raises(DeliveredError, match="exec"):
            await ebench.engine.plan_export(address, copy, other_server=True)
        await patched(lambda document: _cluster(document).update(server="https://evil.example.com"))
        with pytest.raises(OtherServer, match="not one of the shoot's"):
            await ebench.engine.plan_export(address, copy)
    finally:
        await ebench.client.patch(SECRETS, name, {"data": {"kubeconfig": original}}, namespace=ns)


@pytest.mark.real
async def test_on_a_real_server_kubectl_never_runs_what_was_planted(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from tests.issuance.arena import new_arena

    plane = request.getfixturevalue("real_control_plane")
    arena: Arena = await asyncio.to_thread(new_arena, "real", plane.kubeconfig, "real", tmp_path)
    async with Bench(arena) as bench:
        issued = await bench.issue(arena.spec(arena.secret()))
        copy, config = tmp_path / "copy", tmp_path / "config"
        config.write_text(MINE)
        merged = FileDestination(str(config), merge=True)
        assert (await bench.engine.export(issued.address, FileDestination(str(copy)))).ok
        assert (await bench.engine.export(issued.address, merged)).ok
        found: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
        honest = found["data"]
        for field, change in evil_inputs(tmp_path).values():
            before = {path: path.read_bytes() for path in (copy, config)}
            await tamper(bench, change)
            for place in (FileDestination(str(copy)), merged):
                with pytest.raises(DeliveredError) as refused:
                    await bench.engine.plan_export(issued.address, place, force=True, other_server=True)
                assert refused.value.field == field
            assert before == {path: path.read_bytes() for path in (copy, config)}
            await bench.client.patch(SECRETS, "robot-credential", {"data": honest}, namespace=arena.namespace)
        assert (await bench.engine.export(issued.address, FileDestination(str(copy)))).ok, "honest again"
        assert (await bench.engine.export(issued.address, merged)).ok
        if kubectl := shutil.which("kubectl"):
            for path in (copy, config):
                command = [
                    kubectl,
                    "--kubeconfig",
                    str(path),
                    "--context",
                    "robot",
                    "get",
                    "pods",
                    "-n",
                    arena.namespace,
                ]
                done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
                assert 'User "system:serviceaccount:' in done.stderr, done
        assert not (tmp_path / "ran").exists()


def test_an_identity_is_of_one_cluster() -> None:
    """The comparison that whose token it is rests on."""
    assert Identity("a", "n", "robot") != Identity("b", "n", "robot")
    assert SecretDestination("a", "n", "x") != SecretDestination("b", "n", "x")


async def test_a_shoots_kubeconfig_is_not_entered_where_it_runs_or_reads_something(
    ebench: Bench, tmp_path: Path
) -> None:
    """Verifying and asking what it may do take it apart like a copy does."""
    ns, name = "garden-prod", "tenant-b.kubeconfig"
    address = Address(CredentialKind.STATIC, ebench.arena.name, "garden-prod", name)
    found: dict[str, Any] = await ebench.client.get(SECRETS, name, namespace=ns)
    document = yaml.safe_load(base64.b64decode(found["data"]["kubeconfig"]))
    assert (await ebench.engine.verify(address)).ok
    _cluster(document)["proxy-url"] = "http://127.0.0.1:9"
    data = base64.b64encode(yaml.safe_dump(document).encode()).decode()
    await ebench.client.patch(SECRETS, name, {"data": {"kubeconfig": data}}, namespace=ns)
    try:
        with pytest.raises(DeliveredError, match="proxy-url"):
            await ebench.engine.verify(address)
        with pytest.raises(DeliveredError, match="proxy-url"):
            await ebench.engine.powers(address)
    finally:
        before = {"kubeconfig": found["data"]["kubeconfig"]}
        await ebench.client.patch(SECRETS, name, {"data": before}, namespace=ns)
