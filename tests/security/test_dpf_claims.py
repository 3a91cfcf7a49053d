"""What a DPUServiceCredentialRequest says, its status, its annotations and what it names are claims of whoever may
write them: nothing is minted, copied, marked or deleted on them alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.issuance.dpf_place import Place
from tui.kube.errors import NotFound


def conditions(request: Any) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in request.conditions}


# What a request asks to be written into another namespace


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"app.kubernetes.io/managed-by": "kubemint", "kubemint.io/role": "credential"}},
        {"annotations": {"kubemint.io/account": "kube-system/admin"}},
        {"annotations": {"kubernetes.io/service-account.name": "default"}},
        {"labels": {"svc.dpu.nvidia.com/credential-request-name": "theirs"}},
    ],
)
async def test_a_request_cannot_have_marks_written_for_it(both: Place, metadata: dict[str, Any]) -> None:
    await both.want(metadata=metadata)
    rest = await both.keep(ok=False)
    assert "nobody else may set" in rest.error
    with pytest.raises(NotFound):
        await both.secret()
    found = await both.read()
    assert conditions(found)["SecretReconciled"][:2] == ("False", "Error")
    assert await both.account() is None
    assert await both.handles() == []


async def test_marks_that_come_later_do_not_reach_the_secret_and_cost_it_nothing(place: Place) -> None:
    await place.want()
    await place.keep()
    token = await place.token()
    await place.change(metadata={"labels": {"kubemint.io/role": "credential"}})
    await place.keep(ok=False)
    await place.keep(ok=False, renew="by hand")
    assert "kubemint.io/role" not in (await place.secret()).metadata["labels"]
    assert await place.token() == token
    assert await place.works(token)
    await place.change(metadata={"labels": {"kubemint.io/role": None}})
    assert not (await place.keep()).issued
