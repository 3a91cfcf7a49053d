"""Whose a token is that somebody found: its account, the cluster that issued it, and what this machine wrote of it.

The token is sent nowhere. This machine's records are asked first; then the clusters, whether they have an account, or
what the token is bound to, with the UID that the token says. That is an index, good for showing whose it is: who acts
on it goes by `seeking`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.types import Address, Identity
from tui.issuance.transaction.work import Context
from tui.kube.errors import NotFound
from tui.kube.resource import SERVICE_ACCOUNTS

from . import found as judging
from .everywhere import everywhere
from .sought import Search, claims_of

if TYPE_CHECKING:
    from tui.issuance.model.claims import Claims
    from tui.issuance.model.types import Credential
    from tui.kube.client import Client
    from tui.kube.sensitive import Sensitive


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a token; where it is known, the credential of ours that it is; and how that is known, in words."""

    identity: Identity
    address: Address | None = None
    how: str = ""
    fingerprint: str = ""
    bound_uid: str = ""
    """The UID of what the token says that it is bound to."""
    search: Search = Search()
    """Who was asked."""
    same: bool | None = None
    """Whether this machine's record says that it is that very token, and not another one on the same handle."""

    def among(self, credentials: Iterable[Credential]) -> Address | None:
        """Which of these it is: the one of its fingerprint, or that rests on what it is bound to."""
        for one in credentials:
            rests = bool(self.bound_uid) and one.handle is not None and one.handle.uid == self.bound_uid
            if rests or (bool(self.fingerprint) and one.fingerprint == self.fingerprint):
                return one.address
        return None

    def is_it(self, here: Address, credentials: Iterable[Credential]) -> bool | None:
        """Whether the token is that credential, and does not only name what it rests on; None where nobody says."""
        prints = {one.fingerprint for one in credentials if one.address == here} - {""}
        if self.same or self.fingerprint in prints:
            return True
        return False if prints or self.same is False else None

    def as_words(self, here: Address, credentials: Iterable[Credential]) -> str:
        """What the token has to do with that credential."""
        is_it = self.is_it(here, credentials)
        if is_it:
            return f"it is {here}"
        return f"it names what {here} is bound to{', but it is not the token in it' if is_it is False else ''}"


class NobodyKnown(UsageError):
    """No cluster, or more than one, has the account of a token; `search` says who was asked."""

    def __init__(self, message: str, hint: str, search: Search) -> None:
        super().__init__(message, hint)
        self.search = search


async def of_token(context: Context, token: Sensitive, named: Sequence[str] = ()) -> Origin:
    """Of the clusters that are `named`, else of all. Raises NobodyKnown where none of them has its account, UsageError
    where it is the token of none."""
    claims = claims_of(token)
    exports = await asyncio.to_thread(context.state.exports)
    if (known := _recorded(token, claims, exports)) is not None:
        return known
    there, search = await having_account(context, claims, named or context.clusters.names())
    names = judging.witnesses({name: context.clusters.endpoint(name).server for name in there})
    if len(names) != 1:
        whose = f"account {claims.namespace}/{claims.service_account}"
        if not names:
            hint = "name a kubeconfig for its cluster with --kubeconfig FILE"
            raise NobodyKnown(f"no cluster has the {whose} of this token ({search.words})", hint, search)
        said = f"{', '.join(names)} all say that they have the {whose} of this token"
        raise NobodyKnown(said, "name the one that issued it with --context", search)
    return Origin(
        identity=there[names[0]],
        how=f"{names[0]} has its account, by the UID ({search.words}); nothing confirmed the token itself",
        fingerprint=token.fingerprint, bound_uid=claims.bound.uid if claims.bound is not None else "", search=search,
    )  # fmt: skip


def _recorded(token: Sensitive, claims: Claims, exports: Sequence[Credential]) -> Origin | None:
    """What this machine wrote that is this token, or rests on the handle that it names."""
    bound = claims.bound
    for one in exports:
        same = one.fingerprint == token.fingerprint
        handle = one.handle
        rests = (
            bound is not None and handle is not None and bool(bound.uid) and bound.uid == handle.uid
            and (claims.namespace, bound.name) == (handle.namespace, handle.name)
        )  # fmt: skip
        if one.identity is not None and (same or rests):
            why = "its fingerprint" if same else "the handle that it names"
            how = f"this machine's records know {why}"
            return Origin(identity=one.identity, address=one.address, how=how, fingerprint=token.fingerprint, same=same)
    return None


async def having_account(
    context: Context, claims: Claims, clusters: Sequence[str]
) -> tuple[Mapping[str, Identity], Search]:
    """Which of these clusters have the very account that a token says it is of."""

    async def look(client: Client, name: str) -> Identity | None:
        try:
            found = await client.get_metadata(SERVICE_ACCOUNTS, claims.service_account, namespace=claims.namespace)
        except NotFound:
            return None
        same = (found.get("metadata") or {}).get("uid") == claims.service_account_uid
        return Identity(name, claims.namespace, claims.service_account) if same else None

    return await everywhere(context, clusters, look)
