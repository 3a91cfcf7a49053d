"""What a fleet shows of a cluster where not everything may be read."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.conftest import over, until
from tests.fleet.sayings import create_account, has_account
from tui.demo.apiserver.faults import Answer, FaultRule
from tui.demo.fleet import EmbeddedFleet
from tui.fleet.rows import Reach
from tui.issuance.model.kinds import CredentialKind


async def test_partial_rights_show_the_rest(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(Answer(403), path="/secrets$"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        row = fleet.store.clusters["harbor"]
        assert row.reach is Reach.READY
        assert [text.partition(":")[0] for text in row.missing] == ["managed Secrets", "token Secrets"]
        assert all("no right" in text for text in row.missing)
        assert fleet.store.accounts
        faults.clear()
        await until(lambda: not fleet.store.clusters["harbor"].missing, "rights that come later are noticed")
        await until(lambda: fleet.store.clusters["harbor"].reach is Reach.READY, "ready")
        assert any(r.credential.address.kind is CredentialKind.SECRET for r in fleet.store.credentials.values())


async def test_no_rights_at_all_is_forbidden_with_a_hint(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path="/(secrets|serviceaccounts)"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        row = fleet.store.clusters["harbor"]
        assert row.reach is Reach.FORBIDDEN
        assert "service accounts" in row.message
        assert row.hint


async def test_rights_in_one_namespace_show_that_namespace(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    harbor.cluster("harbor").faults.add(FaultRule(Answer(403), path="^/api/v1/serviceaccounts$"))
    async with over(harbor, tmp_path) as fleet:
        assert await fleet.settled(10)
        namespaces = {row.identity.namespace for row in fleet.store.accounts.values()}
        assert namespaces == {"default"}
        assert any("only those in namespace default" in text for text in fleet.store.clusters["harbor"].missing)
        await create_account(await fleet.client("harbor"), "robot")
        await until(lambda: has_account(fleet, "robot"), "and follows it")


async def test_only_the_namespace_that_was_asked_for_is_listed(harbor: EmbeddedFleet, tmp_path: Path) -> None:
    faults = harbor.cluster("harbor").faults
    faults.add(FaultRule(Answer(403), path="^/api/v1/(secrets|serviceaccounts)$"))
    async with over(harbor, tmp_path, namespace="default") as fleet:
        assert await fleet.settled(10)
        assert {row.identity.namespace for row in fleet.store.accounts.values()} == {"default"}
        assert not faults.hits
