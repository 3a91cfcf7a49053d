"""Issuing: what is made, where it is written, what the journal says, and what is refused."""

from __future__ import annotations

import base64
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuance.arena import Arena, Bench, token_in
from tui.demo import Answer, FaultRule
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import IssuanceError, Unasked, UsageError
from tui.issuance.formats import Format
from tui.issuance.model.claims import read_token
from tui.issuance.model.types import Action, Identity, StepResult, StepStatus
from tui.issuance.objects.managed import MANAGED_BY, credential_from_secret
from tui.issuance.objects.token_request import body, request_token
from tui.kube.client import Client
from tui.kube.errors import Forbidden, Invalid, NotFound
from tui.kube.kubeconfig import parse
from tui.kube.resource import SECRETS, SERVICE_ACCOUNTS


async def test_a_kubeconfig_in_a_file_works_as_the_account_and_is_private(bench: Bench) -> None:
    arena = bench.arena
    seen: list[StepResult] = []
    plan = await bench.engine.plan(arena.spec(duration=timedelta(hours=2)))
    outcome = await bench.engine.execute(plan, seen.append)
    assert outcome.ok, outcome
    path = Path(arena.file().path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    credential = outcome.credential
    assert credential is not None
    assert credential.granted == credential.requested == timedelta(hours=2)
    assert credential.fingerprint == token_in(path).fingerprint
    assert credential.token_id == read_token(token_in(path)).id, "as audit logs write it"
    done = [result.step for result in seen if result.status is StepStatus.DONE]
    assert done == ["intent", "account", "handle", "token", "prove", "write:0", "check:0", "commit"]
    assert [step.id for step in plan.steps] == done
    async with Client(parse(path.read_bytes()).endpoint()) as robot:
        with pytest.raises(Forbidden) as refused:
            await robot.get(SECRETS, "anything", namespace=arena.namespace)
    assert f"system:serviceaccount:{arena.namespace}:robot" in refused.value.message
    assert bench.state.exports() == [credential]
    assert bench.state.open_plans() == []
    assert bench.state.verify_chain().ok


async def test_the_handle_is_empty_marked_and_owned_by_the_account(bench: Bench) -> None:
    outcome = await bench.issue(bench.arena.spec())
    handle = outcome.credential.handle
    secret: dict[str, Any] = await bench.client.get(SECRETS, handle.name, namespace=handle.namespace)
    account: dict[str, Any] = await bench.client.get(SERVICE_ACCOUNTS, "robot", namespace=handle.namespace)
    assert secret["metadata"]["uid"] == handle.uid
    assert secret.get("data") is None
    assert secret["type"] == "kubemint.io/handle"
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [account["metadata"]["uid"]]
    assert account["metadata"]["labels"][MANAGED_BY] == "kubemint"
    claims = read_token(token_in(bench.arena.file().path))
    assert claims.bound is not None
    assert (claims.bound.kind, claims.bound.name, claims.bound.uid) == ("Secret", handle.name, handle.uid)


@pytest.mark.parametrize("form", list(Format))
async def test_a_secret_says_everything_in_its_metadata(ebench: Bench, form: Format) -> None:
    arena = ebench.arena
    spec = arena.spec(arena.secret(), format=form, duration=timedelta(minutes=30), audiences=())
    outcome = await ebench.issue(spec)
    meta = await ebench.client.get_metadata(SECRETS, "robot-credential", namespace=arena.namespace)
    assert credential_from_secret(arena.name, meta) == outcome.credential
    assert outcome.credential.token_id
    assert await ebench.engine.lookup(arena.secret_address()) == outcome.credential
    secret: dict[str, Any] = await ebench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    keys = {
        Format.KUBECONFIG: ["kubeconfig"],
        Format.TOKEN_FILE: ["KUBERNETES_CA_DATA", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "TOKEN_FILE"],
        Format.TOKEN: ["token"],
        Format.SERVICE_ACCOUNT: ["ca.crt", "namespace", "token"],
        Format.CERTIFICATE: ["kubeconfig"],
    }[form]
    assert sorted(secret["data"]) == keys
    assert (await ebench.engine.verify(arena.secret_address())).ok


async def test_one_wish_may_have_several_places(bench: Bench) -> None:
    arena = bench.arena
    await bench.issue(arena.spec(arena.file(), arena.secret()))
    secret: dict[str, Any] = await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    assert base64.b64decode(secret["data"]["kubeconfig"]) == Path(arena.file().path).read_bytes()
    assert secret["metadata"]["annotations"]["kubemint.io/copies"] == "1"
    assert len(await bench.handles()) == 1


async def test_a_plan_reads_only_and_runs_once(ebench: Bench) -> None:
    plan = await ebench.engine.plan(ebench.arena.spec())
    assert await ebench.secrets() == []
    assert not Path(ebench.arena.file().path).exists()
    assert ebench.state.entries() == []
    assert (await ebench.engine.execute(plan)).ok
    with pytest.raises(UsageError, match="executed already"):
        await ebench.engine.execute(plan)


async def test_e01_a_token_bound_to_nothing_dies_with_its_account(bench: Bench) -> None:
    arena = bench.arena
    await bench.make_account()
    issued = await request_token(bench.client, arena.identity(), None, (), None)
    claims = read_token(issued.token)
    assert claims.subject == arena.identity().username
    assert claims.audiences
    assert (claims.namespace, claims.service_account) == (arena.namespace, "robot")
    assert issued.granted == timedelta(hours=1)
    unseen = await request_token(bench.client, arena.identity(), timedelta(hours=2), (), None)
    assert (await bench.review(issued.token))["authenticated"] is True
    await bench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    # The first one may still be in the server's cache for ten seconds; what it has not seen fails at once.
    assert not (await bench.review(unseen.token)).get("authenticated")


async def test_e11_no_audience_means_the_api_servers_own(bench: Bench) -> None:
    await bench.make_account()
    issued = await request_token(bench.client, bench.arena.identity(), None, (), None)
    assert await bench.works(issued.token)


@pytest.mark.parametrize(("seconds", "accepted"), [(599, False), (600, True), (2**32, True), (2**32 + 1, False)])
async def test_e13_the_local_check_says_what_the_server_says(bench: Bench, seconds: int, accepted: bool) -> None:
    arena = bench.arena
    await bench.make_account()
    duration = timedelta(seconds=seconds)

    async def server() -> str:
        try:
            await bench.client.create(
                SERVICE_ACCOUNTS, body(duration, (), None), namespace=arena.namespace, name="robot", subresource="token"
            )
        except Invalid as error:
            return error.message
        return ""

    said = await server()
    assert (said == "") is accepted
    if accepted:
        await bench.engine.plan(arena.spec(duration=duration))
    else:
        with pytest.raises(UsageError) as refused:
            await bench.engine.plan(arena.spec(duration=duration))
        assert refused.value.message == said


def test_3607_seconds_are_never_asked_for() -> None:
    assert body(timedelta(seconds=3607), (), None)["spec"]["expirationSeconds"] == 3606
    assert "expirationSeconds" not in body(None, (), None)["spec"]
    assert "audiences" not in body(None, (), None)["spec"]


async def test_e19_a_missing_right_is_named(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.make_account()
    with arena.fault(FaultRule(Answer(403), verb="create", path=r"/token$")):
        outcome = await ebench.engine.execute(await ebench.engine.plan(arena.spec()))
    assert not outcome.ok
    assert "create serviceaccounts/token" in outcome.hint
    assert f"namespace {arena.namespace}" in outcome.hint
    assert "robot" in outcome.hint
    assert await ebench.handles() == []


async def test_e23_an_account_that_is_going_away_is_refused(bench: Bench) -> None:
    arena = bench.arena
    await bench.make_account(finalizers=["tests.kubemint.io/hold"])
    await bench.client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    try:
        with pytest.raises(UsageError, match="is being deleted"):
            await bench.engine.plan(arena.spec())
    finally:
        await bench.client.patch(
            SERVICE_ACCOUNTS, "robot", {"metadata": {"finalizers": None}}, namespace=arena.namespace
        )


async def test_e25_an_old_server_is_asked_in_another_way(bench: Bench) -> None:
    seen: list[StepResult] = []
    plan = await bench.engine.plan(bench.arena.spec())
    outcome = await bench.engine.execute(plan, seen.append)
    assert outcome.ok
    assert outcome.hint == ""
    proof = next(result for result in seen if result.step == "prove" and result.status is StepStatus.DONE)
    assert proof.message.startswith("TokenReview" if bench.arena.old else "SelfSubjectReview")
    assert bench.arena.identity().username in proof.message


async def test_e25_without_any_review_a_plain_get_proves_it(embedded_old: Arena) -> None:
    async with Bench(embedded_old) as bench:
        with embedded_old.fault(FaultRule(Answer(403), verb="create", path="tokenreviews")):
            outcome = await bench.issue(embedded_old.spec())
        assert "GET says" in next(result.message for result in outcome.results if result.step == "prove")


async def test_a_token_for_another_audience_is_proved_by_a_review_for_it(bench: Bench) -> None:
    outcome = await bench.issue(bench.arena.spec(audiences=("vault",), format=Format.TOKEN))
    assert outcome.credential.audiences == ("vault",)
    message = next(result.message for result in outcome.results if result.step == "prove")
    assert message.startswith("TokenReview says")
    assert "valid for vault; the API server answers 401 to it" in message


async def test_e17_equal_tokens_of_one_second_are_no_rotation(embedded_old: Arena) -> None:
    """Unbound, so that both wishes are equal: the old server answers both with the very same bytes."""
    async with Bench(embedded_old) as bench:
        await bench.make_account()
        no_handles = FaultRule(Answer(403), verb="create", path=r"/secrets$")
        with embedded_old.fault(no_handles):
            first = await bench.issue(embedded_old.spec())
            assert "cannot be revoked" in first.hint
            again = await bench.issue(embedded_old.spec(embedded_old.file("other")))
            assert again.ok  # equal or not: a second wish of the same kind is no error
            rotated = await bench.rotate(first.address)
        assert rotated.credential.fingerprint != first.credential.fingerprint


async def test_without_the_right_to_create_secrets_it_is_issued_unbound_and_says_so(bench: Bench) -> None:
    """An operator who may only request tokens, on each side."""
    arena = bench.arena
    await bench.make_account()
    async with await limited(bench) as weak:
        plan = await weak.engine.plan(arena.spec())
        assert any("cannot be revoked" in warning for warning in plan.warnings)
        outcome = await weak.engine.execute(plan)
        assert outcome.ok, outcome
        assert outcome.credential is not None
        assert outcome.credential.handle is None
        assert "cannot be revoked" in outcome.hint
        with pytest.raises(UsageError, match="cannot be revoked"):
            await weak.engine.plan_revoke(outcome.address)


async def limited(bench: Bench) -> Bench:
    """An operator with the least right there is: tokens of one account."""
    arena = bench.arena
    await bench.make_account("operator")
    api = "rbac.authorization.k8s.io"
    from tui.kube.resource import Resource

    rule = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"], "resourceNames": ["robot"]}
    meta = {"name": "operator"}
    await bench.client.create(
        Resource(api, "v1", "roles", "Role"),
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        namespace=arena.namespace,
    )
    await bench.client.create(
        Resource(api, "v1", "rolebindings", "RoleBinding"),
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": "operator"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": arena.namespace}],
        },
        namespace=arena.namespace,
    )
    kubeconfig = arena.file("operator.kubeconfig")
    await bench.issue(arena.spec(kubeconfig, identity=arena.identity("operator")))
    text = Path(kubeconfig.path).read_text()
    Path(kubeconfig.path).write_text(
        text.replace("current-context: operator", f"current-context: {arena.name}").replace(
            "  name: operator\ncurrent", f"  name: {arena.name}\ncurrent"
        )
    )
    weak = Arena(arena.side, Path(kubeconfig.path), arena.name, arena.folder, arena.namespace)
    return Bench(weak, state="weak")


async def test_a_missing_account_is_named_with_what_to_do(ebench: Bench) -> None:
    with pytest.raises(UsageError, match="does not exist") as refused:
        await ebench.engine.plan(ebench.arena.spec(create_account=False))
    assert "--create" in refused.value.hint


async def test_a_foreign_secret_is_never_taken_over(ebench: Bench) -> None:
    arena = ebench.arena
    foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "robot-credential"}, "data": {"a": "Yg=="}}
    made: dict[str, Any] = await ebench.client.create(SECRETS, foreign, namespace=arena.namespace)
    with pytest.raises(UsageError, match="is already in use"):
        await ebench.engine.plan(arena.spec(arena.secret()))
    now = await ebench.client.get_metadata(SECRETS, "robot-credential", namespace=arena.namespace)
    assert now["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_secret_that_appears_between_plan_and_write_is_left_alone(ebench: Bench) -> None:
    arena = ebench.arena
    plan = await ebench.engine.plan(arena.spec(arena.secret()))
    foreign = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "robot-credential"}, "data": {"a": "Yg=="}}
    await ebench.client.create(SECRETS, foreign, namespace=arena.namespace)
    outcome = await ebench.engine.execute(plan)
    assert not outcome.ok
    assert "was changed by another client since it was planned" in outcome.error
    assert "already in use" in outcome.error
    assert await ebench.handles() == []
    left: dict[str, Any] = await ebench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    assert left["data"] == {"a": "Yg=="}


async def test_issuing_again_to_the_same_place_replaces_and_revokes(ebench: Bench) -> None:
    arena = ebench.arena
    first = await ebench.issue(arena.spec(arena.secret()))
    with pytest.raises(Unasked, match=r"is a live credential of .* valid for") as asked:
        await ebench.engine.plan(arena.spec(arena.secret()))
    assert "kubemint rotate" in asked.value.hint
    second = await ebench.issue(arena.spec(arena.secret()), replace=True)
    await ebench.engine.settle()
    assert await ebench.handles() == [second.credential.handle.name]
    assert first.credential.handle != second.credential.handle
    with pytest.raises(UsageError, match="already in use by a credential of"):
        await ebench.engine.plan(arena.spec(arena.secret(), identity=arena.identity("other")))


async def test_a_file_that_is_gone_is_not_in_use_and_its_token_is_named(ebench: Bench) -> None:
    arena = ebench.arena
    first = await ebench.issue(arena.spec())
    other = await ebench.issue(arena.spec(arena.secret(), identity=arena.identity("other"), create_account=True))
    where = FileDestination(arena.file().path)
    refused = []
    for gone in (False, True):
        if gone:
            Path(where.path).unlink()
        for ask in (lambda: ebench.engine.export(other.address, where), lambda: _another(ebench)):
            with pytest.raises(UsageError) as caught:
                await ask()
            refused.append(caught.value)
    assert ["in use" in one.message for one in refused] == [True, True, False, False]
    for one in refused[2:]:
        assert one.message.startswith(f"{where.path} is gone, but the credential of {arena.identity()} that was kept")
        assert f"`kubemint revoke {first.address}` ends it" in one.hint
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(first.address))).ok
    assert (await ebench.engine.export(other.address, where)).ok


async def _another(bench: Bench) -> None:
    await bench.engine.plan(bench.arena.spec(identity=bench.arena.identity("other")))


async def test_issuing_again_to_one_of_several_places_leaves_the_others_their_token(ebench: Bench) -> None:
    arena = ebench.arena
    first = await ebench.issue(arena.spec(arena.file(), arena.file("other"), arena.secret()))
    plan = await ebench.engine.plan(arena.spec(arena.file()), replace=True)
    assert not any(step.id.startswith("revoke") for step in plan.steps)
    said = " ".join(plan.warnings)
    assert arena.file("other").path in said
    assert "robot-credential hold the old token too" in said
    second = await ebench.engine.execute(plan)
    await ebench.engine.settle()
    assert second.credential is not None
    assert second.credential.handle is not None
    assert first.credential.handle is not None
    assert sorted(await ebench.handles()) == sorted([first.credential.handle.name, second.credential.handle.name])
    assert await ebench.works(token_in(Path(arena.file("other").path)))
    assert await ebench.works(token_in(Path(arena.file().path)))


async def test_what_is_gone_or_holds_something_newer_depends_on_no_old_token(ebench: Bench) -> None:
    arena = ebench.arena
    await ebench.issue(arena.spec(arena.file(), arena.file("other"), arena.secret()))
    Path(arena.file("other").path).unlink()
    await ebench.client.delete(SECRETS, "robot-credential", namespace=arena.namespace)
    plan = await ebench.engine.plan(arena.spec(arena.file()), replace=True)
    assert [step.id for step in plan.steps if step.id.startswith("revoke")] == ["revoke:0"]


@pytest.mark.parametrize("removed", [False, True])
async def test_a_place_whose_credential_was_revoked_is_free_for_another(ebench: Bench, removed: bool) -> None:
    issued = await ebench.issue(ebench.arena.spec())
    assert (await ebench.engine.execute(await ebench.engine.plan_revoke(issued.address))).ok
    path = Path(issued.address.name)
    if removed:
        path.unlink()
    await ebench.issue(ebench.arena.spec(identity=ebench.arena.identity("other"), create_account=True))
    assert await ebench.works(token_in(path))
    assert len(await ebench.handles()) == 1


async def test_your_own_kubeconfig_and_others_entries_are_never_replaced(
    ebench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arena = ebench.arena
    own = tmp_path / "own"
    own.write_bytes(arena.kubeconfig.read_bytes())
    with pytest.raises(UsageError, match="other entries"):
        await ebench.engine.plan(arena.spec(arena.file("own")))
    single = arena.file("single")
    await ebench.issue(arena.spec(single))
    written = ebench.state.exports()[0].address
    ebench.state.record(Action.RECOVER, written, forget=[written])
    monkeypatch.setenv("KUBECONFIG", single.path)
    with pytest.raises(UsageError, match="your own kubeconfig"):
        await ebench.engine.plan(arena.spec(single))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audiences": ("",)}, "audience is empty"),
        ({"destinations": ()}, "no destination"),
        ({"destinations": (FileDestination(""),)}, "path is empty"),
        ({"destinations": (FileDestination("a\0b"),)}, "is not a path"),
        ({"destinations": (FileDestination("~nobody-is-called-so/x"),)}, "is no folder here"),
        ({"destinations": (FileDestination("/" + "x" * 300),)}, "file name too long"),
        ({"destinations": (FileDestination("/tmp"),)}, "is a folder"),
        ({"destinations": (FileDestination("/dev/full"),)}, "not a regular file"),
        ({"destinations": (FileDestination("/tmp/x", merge=True),), "format": Format.TOKEN}, "cannot be merged"),
        ({"destinations": (SecretDestination("nowhere", "default", "x"),)}, "no cluster is called 'nowhere'"),
        ({"destinations": (SecretDestination("harbor", "", "x"),)}, "namespace is missing"),
        ({"destinations": (SecretDestination("harbor", "default", "No_Name"),)}, "cannot be the name of a Secret"),
    ],
)
async def test_a_wrong_wish_is_refused_before_anything_is_asked(
    ebench: Bench, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(IssuanceError, match=message):
        await ebench.engine.plan(ebench.arena.spec(**change))


async def test_a_missing_namespace_is_named_with_what_to_do(ebench: Bench) -> None:
    arena = ebench.arena
    for change in (
        {"identity": Identity(arena.name, "nowhere", "robot")},
        {"destinations": (SecretDestination(arena.name, "nowhere", "x"),)},
    ):
        outcome = await ebench.engine.execute(await ebench.engine.plan(arena.spec(**change)))
        assert not outcome.ok
        assert 'namespaces "nowhere" not found' in outcome.error
        assert outcome.hint == "create the namespace nowhere first"
        assert await ebench.handles() == []


async def test_no_material_is_in_the_state_or_in_anything_that_was_said(bench: Bench) -> None:
    arena = bench.arena
    seen: list[StepResult] = []
    plan = await bench.engine.plan(arena.spec())
    outcome = await bench.engine.execute(plan, seen.append)
    token = token_in(arena.file().path).reveal_bytes()
    needles = [token, base64.b64encode(token), base64.urlsafe_b64encode(token), token.split(b".")[2]]
    said = repr((plan, outcome, seen, bench.state.entries(), bench.state.exports())).encode()
    said += b"".join(file.read_bytes() for file in (arena.folder / "state").rglob("*") if file.is_file())
    assert not [needle for needle in needles if needle in said]


async def test_an_account_that_is_made_anew_meanwhile_gets_no_token(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers since 1.34 refuse the UID; of older ones the token is looked at, and goes with its handle."""
    arena = bench.arena
    await bench.issue(arena.spec())
    plan = await bench.engine.plan(arena.spec(arena.secret()))

    async def too_late(client: Client, *wish: Any) -> Any:
        await client.delete(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
        account = {"metadata": {"name": "robot", "namespace": arena.namespace}}
        await client.create(SERVICE_ACCOUNTS, account, namespace=arena.namespace)
        return await request_token(client, *wish)

    monkeypatch.setattr("tui.issuance.tokens.issuing.request_token", too_late)
    outcome = await bench.engine.execute(plan)
    assert not outcome.ok
    if "kubemint-robot-" in outcome.error:  # a cluster whose garbage collector was quicker: the handle went first
        assert "created again?" in outcome.hint
    else:
        assert "was deleted and created again since it was looked at" in outcome.error, outcome
    with pytest.raises(NotFound):
        await bench.client.get(SECRETS, "robot-credential", namespace=arena.namespace)
    assert bench.state.open_plans() == []


async def test_a_token_request_names_the_account_that_is_meant(bench: Bench) -> None:
    arena = bench.arena
    await bench.issue(arena.spec())
    found: dict[str, Any] = await bench.client.get(SERVICE_ACCOUNTS, "robot", namespace=arena.namespace)
    who, uid = Identity(arena.name, arena.namespace, "robot"), found["metadata"]["uid"]
    issued = await request_token(bench.client, who, None, (), None, uid)
    assert read_token(issued.token).service_account_uid == uid
    with pytest.raises(IssuanceError, match="created again"):
        await request_token(bench.client, who, None, (), None, "0f9d1c1e-0000-0000-0000-000000000000")
