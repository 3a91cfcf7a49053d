"""What revoking would do where it is not said where it is kept: by a fingerprint, an id, or the token itself.

A place that only says that it has what is sought is no reason to end anything: whoever may patch it writes there what
he likes, and what is then said to be revoked lives on elsewhere. So each is looked into, and what is planned is
compared with the token that was found there, or with this machine's own record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import IssuanceError
from tui.issuance.model.types import Address, Handle, Plan
from tui.issuance.transaction.step import Journaled, Transaction
from tui.issuance.transaction.work import Context
from tui.kube.errors import KubeError

from . import found as judging, searching, seeking
from .already import Already
from .found import Found
from .plans import prepare, prepare_revocation
from .sought import Search
from .steps import Revocable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tui.issuance.model.types import Credential
    from tui.kube.sensitive import Sensitive

    from .found import Candidate
    from .sought import Sought

Planned = tuple[Plan, Transaction]


async def prepare_sought(context: Context, sought: Sought, named: Sequence[str] = (), *, wait: bool = False) -> Planned:
    """The same for what is known only by its fingerprint, its id or the token itself.

    The clusters that are `named` are asked for it, else all that are known. Raises UsageError where it is nowhere, or
    nothing can end it, with what can be done; IssuanceError where not everybody could say; KubeError.
    """
    token = sought.token
    if token is None:
        return await _prepare_known(context, sought, named or context.clusters.names(), wait=wait)
    found = await seeking.of_token(context, token, named)
    if isinstance(found, Address):
        family = await context.families.of(found)
        return await family.revoke(context, found, wait=wait, whole=False)
    there, cluster = [found], found.credential.address.cluster

    async def look() -> Found:
        """The first time as it was just found."""
        again = there.pop() if there else await seeking.of_token(context, token, [cluster])
        assert isinstance(again, Found)
        return again

    return await prepare(context, str(sought), look, wait=wait)


@dataclass
class _Seen:
    """What came of looking into places."""

    plans: dict[Address, Planned] = field(default_factory=dict)
    liars: dict[Address, str] = field(default_factory=dict)
    """Those that only say that they have it, each with why that counts for nothing."""
    trouble: list[IssuanceError | KubeError] = field(default_factory=list)
    """What has it, and cannot be ended."""


async def _prepare_known(context: Context, sought: Sought, clusters: Sequence[str], *, wait: bool) -> Planned:
    """By this machine's records where they know of it, else by what the clusters have."""
    search, seen = Search(), _Seen()
    await _look_into(context, sought, await searching.here(context, sought), seen, wait=wait)
    if not seen.plans and not seen.trouble:
        says, search = await searching.there(context, sought, clusters)
        await _look_into(context, sought, says, seen, wait=wait)
    if not seen.plans:
        worst = [one for one in seen.trouble if not isinstance(one, Already)] or seen.trouble
        if worst and isinstance(worst[0], Already) and not search.whole:
            raise judging.on_one_word(worst[0].message, [worst[0].address], search)
        raise worst[0] if worst else judging.nothing_known(sought, search, seen.liars)
    ends = {address: _end_of(work) for address, (_, work) in seen.plans.items()}
    judging.the_same_end(sought, ends, _servers(context, ends.values()))
    if not search.whole:
        raise judging.on_one_word(f"{sought} is in {', '.join(map(str, ends))}", [*ends], search)
    plan, work = next(iter(seen.plans.values()))
    said = [search.words] if search.asked else []
    said += [judging.only_says(sought, address, why) for address, why in seen.liars.items()]
    return msgspec.structs.replace(plan, warnings=(*said, *plan.warnings)), work


async def _look_into(
    context: Context, sought: Sought, candidates: Sequence[Candidate], seen: _Seen, *, wait: bool
) -> None:
    """What each of these has, and what would end that."""
    for candidate in candidates:
        address, record = candidate.address, candidate.record
        try:
            token, why = None, ""
            if not address.kind.traits.alone:
                token, why = await searching.look_into(context, sought, address)
            if why and record is None:
                seen.liars[address] = why
                continue
            planned = await _planned(context, record, address, token, why, wait=wait)
        except (IssuanceError, KubeError) as error:
            seen.trouble.append(error)
            continue
        if planned is None:
            seen.liars[address] = "what would be revoked there is not bound to its token"
        else:
            seen.plans[address] = planned


async def _planned(
    context: Context, record: Credential | None, address: Address, token: Sensitive | None, why: str, *, wait: bool
) -> Planned | None:
    """The plan for what is at this address; None where that would end something else than what is sought.

    What this machine recorded ends by the handle that it recorded, whatever lies in its place by now.
    """
    handle = record.handle if record is not None else None
    if not (why and token is not None and handle is not None):
        plan, work = await prepare_revocation(context, address, wait=wait, whole=False)
        end = _end_of(work)
        if (record is not None and handle in (None, end)) or (token is not None and judging.ends_with(token, end)):
            return plan, work
    if handle is None:
        return None
    return await prepare_revocation(context, judging.address_of(handle), wait=wait, whole=False)


def _end_of(work: Transaction) -> Handle | str:
    """What ends a token there: its handle, or the UID of its account, which is made anew."""
    if isinstance(work, Revocable):
        return work.handle
    return work.intent.ends if isinstance(work, Journaled) else ""


def _servers(context: Context, ends: Iterable[Handle | str]) -> Mapping[str, str]:
    names = dict.fromkeys(end.cluster for end in ends if isinstance(end, Handle))
    return {name: context.clusters.endpoint(name).server for name in names}
