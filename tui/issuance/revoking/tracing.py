"""Whose something is that somebody pasted: a token, a kubeconfig, a certificate, a fingerprint, an id, a handle's name.

It is looked for as a search for what is to be revoked looks for it, and nothing is ended. A token is shown to no
cluster for this. What is found is an index, good for showing; who acts on it goes by `by_what_is_known` or the address.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tui.issuance.errors import IssuanceError, UsageError, explain
from tui.issuance.insight.foreign import account_of
from tui.issuance.insight.inspecting import inspect, logins_in
from tui.issuance.model.certificate import read_chain
from tui.issuance.model.types import Address, Identity
from tui.issuance.transaction.reading import lookup
from tui.issuance.transaction.work import Context
from tui.issuance.trust import handles
from tui.issuance.trust.handle_names import is_handle_name
from tui.kube.addresses import same_place
from tui.kube.errors import ConfigError, KubeError, NotFound
from tui.kube.kubeconfig import parse
from tui.kube.sensitive import Sensitive, looks_secret
from tui.kube.text import safe_text

from . import found as judging, origin, searching
from .everywhere import everywhere
from .sought import Search, Sought, sought_in

if TYPE_CHECKING:
    from tui.issuance.model.types import Credential
    from tui.issuance.trust.handles import Seen
    from tui.kube.client import Client
    from tui.kube.kubeconfig import KubeConfig

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_PRINT = 16
"""Digits of a fingerprint."""
_NAME = 600
"""No address, and nothing that is a name, is longer."""


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one thing that was pasted. Where neither `identity` nor `address` nor `cluster` is known, it is
    nobody's here, and `how` says why not."""

    what: str
    """What it is, in words: `token 0123456789abcdef`."""
    sought: Sought | None = None
    """What a revocation would look for; None for what has no token."""
    identity: Identity | None = None
    address: Address | None = None
    handle: Address | None = None
    """The handle itself, where that was asked for."""
    cluster: str = ""
    how: str = ""
    """On whose word."""
    hint: str = ""
    search: Search = Search()
    prints: tuple[str, ...] = ()
    """The fingerprints that a list may show it by."""
    bound_uid: str = ""

    @property
    def known(self) -> bool:
        """Whether it is anybody's."""
        return self.identity is not None or self.address is not None or bool(self.cluster)

    def among(self, credentials: Iterable[Credential]) -> Address | None:
        """Which of these it is."""
        listed = list(credentials)
        if self.address is not None:
            return self.address
        bound = (one for one in listed if self.bound_uid and one.handle is not None)
        rests = next(
            (one.address for one in bound if one.handle is not None and one.handle.uid == self.bound_uid), None
        )
        return rests or next(
            (one.address for one in listed if one.fingerprint and one.fingerprint in self.prints), None
        )


def meant(text: str) -> Sensitive | Sought | Address | str | None:
    """What a pasted text is: material, a fingerprint or an id, an address, or the name of a handle; None for any other.

    Asks nobody. Raises nothing.
    """
    data = text.strip()
    material = Sensitive(data.encode("utf-8", "surrogateescape"))
    if looks_secret(data):
        return material
    if len(data.split()) == 1 and len(data) <= _NAME:
        if (sought := sought_in(data)) is not None:
            return sought
        if is_handle_name(data, None):
            return data
        try:
            return Address.parse(data)
        except ValueError:
            return None  # a name with two dots is no token
    try:
        inspect(material.reveal_bytes())
    except IssuanceError:
        return None
    return material


async def traces(context: Context, what: Sensitive | Sought | Address | str, named: Sequence[str] = ()) -> list[Traced]:
    """One for each thing in it: a kubeconfig may hold several. The clusters that are `named` are asked, else all."""
    names = named or context.clusters.names()
    if isinstance(what, Address):
        return [await _of_address(context, what)]
    if isinstance(what, Sought):
        return [await (_of_token(context, what.token, names) if what.token else _of_mark(context, what, names))]
    if isinstance(what, str):
        return [await _of_handle(context, what, names)]
    return await _of_material(context, what, names)


async def _of_material(context: Context, data: Sensitive, names: Sequence[str]) -> list[Traced]:
    raw = data.reveal_bytes()
    try:
        inspect(raw)
    except IssuanceError as error:
        return [Traced(what="something that looks like a credential", how=error.message, hint=error.hint)]
    tokens = list(dict.fromkeys(one.token for one in logins_in(raw) if one.token is not None))
    found = [await _of_token(context, token, names) for token in tokens]
    found += [_of_certificate(block) for block in _certificates(raw)]
    config = _kubeconfig(raw)
    if config is None:
        return found
    try:
        account = account_of(context, data)
    except (IssuanceError, KubeError) as error:
        found.append(Traced(what="kubeconfig that runs kubemint", how=error.message, hint=error.hint))
        account = None
    if account is not None:
        how = "kubemint is its plugin, and requests a token for it each time"
        found.append(Traced(what="kubeconfig without material", identity=account, how=how))
    cluster = _leads_to(context, config)
    if not found:
        how = f"it is for {cluster}" if cluster else "it holds no login, and its server is none of a cluster here"
        return [Traced(what="kubeconfig without a login", cluster=cluster, how=how)]
    # Where a kubeconfig leads says nothing of whose its token is.
    return [
        one
        if one.known or one.sought or not cluster
        else replace(one, cluster=cluster, how=f"its kubeconfig is for {cluster}")
        for one in found
    ]


async def _of_token(context: Context, token: Sensitive, names: Sequence[str]) -> Traced:
    bare = Traced(what=f"token {token.fingerprint}", sought=Sought(token=token), prints=(token.fingerprint,))
    try:
        seen = await origin.of_token(context, token, names)
    except origin.NobodyKnown as error:
        return replace(bare, how=error.message, hint=error.hint, search=error.search)
    except UsageError as error:
        return replace(bare, how=error.message, hint=error.hint)
    return replace(
        bare, identity=seen.identity, address=seen.address, how=seen.how, search=seen.search, bound_uid=seen.bound_uid
    )


def _of_certificate(pem: bytes) -> Traced:
    info = read_chain(pem, strict=False)[0]
    whole = pem.strip()
    prints = (
        *(Sensitive(one).fingerprint for one in (whole, whole + b"\n")),
        info.fingerprint,
        info.fingerprint[:_PRINT],
    )
    whose = info.common_name or info.subject
    ends = f"; it ends at {info.not_after:%Y-%m-%d %H:%M:%S} UTC"
    sort = "certificate of the authority" if info.is_ca else "certificate of"
    return Traced(
        what=safe_text(f"{sort} {whose}"),
        how=safe_text(f"issued by {info.issuer}{ends}: no server is asked about a certificate"),
        hint="no server can be told to refuse one: take the rights from its user" if not info.is_ca else "",
        prints=prints,
    )


async def _of_mark(context: Context, sought: Sought, names: Sequence[str]) -> Traced:
    """What has a fingerprint or an id: each place that says so is looked into, as before a revocation."""
    bare = Traced(what=str(sought), sought=sought, prints=(sought.fingerprint,) if sought.fingerprint else ())
    search, liars, places = Search(), {}, await searching.here(context, sought)
    for everybody in (False, True):
        if everybody:
            places, search = await searching.there(context, sought, names)
        for one in places:
            if one.record is None and not one.address.kind.traits.alone:
                _, why = await searching.look_into(context, sought, one.address)
                if why:
                    liars[one.address] = why
                    continue
            whose = one.record or await _looked_up(context, one.address)
            how = "this machine's records know it" if one.record is not None else f"it lies in {one.address}"
            identity = whose.identity if whose is not None else None
            return replace(bare, address=one.address, identity=identity, how=how, search=search)
    again = search.again if not search.whole else "the token itself says whose it is"
    return replace(bare, how=judging.nothing_known(sought, search, liars).message, hint=again, search=search)


async def _of_handle(context: Context, name: str, names: Sequence[str]) -> Traced:
    """A handle by its name alone, in whatever namespace of whatever cluster it lies."""
    bare = Traced(what=f"handle {name}")

    async def look(client: Client, cluster: str) -> list[Seen] | None:
        return [one for one in await handles.listed(client) if one.name == name] or None

    there, search = await everywhere(context, names, look)
    servers = judging.witnesses({cluster: context.clusters.endpoint(cluster).server for cluster in there})
    if not servers:
        hint = "tokens bound to it have ended" if search.whole else search.again
        return replace(bare, how=f"no cluster has a handle of this name ({search.words})", hint=hint, search=search)
    if len(servers) > 1 or len(there[servers[0]]) > 1:
        return replace(
            bare, how=f"{', '.join(servers)} have handles of this name", hint="give its address", search=search
        )
    seen = there[servers[0]][0]
    identity = judging.account_of(seen, servers[0])
    how = f"{servers[0]} has it in namespace {seen.namespace}; whose it is it says itself"
    address = Address.handle(servers[0], seen.namespace, name)
    return replace(
        bare, identity=identity, cluster=servers[0], handle=address, how=how, search=search, bound_uid=seen.uid
    )


async def _of_address(context: Context, address: Address) -> Traced:
    bare = Traced(what=str(address))
    at = [address.cluster] if address.cluster else []
    try:
        found = await lookup(context, address)
    except UsageError as error:  # it was looked, and is not there
        return replace(bare, how=error.message, hint=error.hint, search=Search(asked=at))
    except (IssuanceError, KubeError, OSError) as error:
        message, hint = explain(error)
        gone = isinstance(error, NotFound)
        search = Search(asked=at) if gone else Search(away=dict.fromkeys(at, message))
        return replace(bare, how=message, hint=hint, search=search)
    return replace(
        bare,
        address=address,
        identity=found.identity,
        how="it was asked for by its address",
        search=Search(asked=[address.cluster] if address.cluster else []),
    )


async def _looked_up(context: Context, address: Address) -> Credential | None:
    try:
        return await lookup(context, address)
    except (IssuanceError, KubeError, OSError):
        return None


def _certificates(raw: bytes) -> list[bytes]:
    """The first certificate of each chain: in PEM, or beside a user in a kubeconfig, where it is in Base64."""
    config = _kubeconfig(raw)
    if config is not None:
        held = [user.client_certificate_data for user in config.users.values()]
    else:
        held = [one.client_certificate for one in logins_in(raw)] or [raw]
    firsts = (_BLOCK.search(one) for one in held if one)
    return list(dict.fromkeys(one[0] for one in firsts if one is not None))


def _kubeconfig(raw: bytes) -> KubeConfig | None:
    try:
        return parse(raw)
    except ConfigError:
        return None


def _leads_to(context: Context, config: KubeConfig) -> str:
    """The cluster of ours whose server its current context names; empty where it is none."""
    entry = config.contexts.get(config.current_context)
    cluster = config.clusters.get(entry.cluster) if entry is not None else None
    if cluster is None:
        return ""
    for name in context.clusters.names():
        with contextlib.suppress(KubeError, IssuanceError):
            if same_place(cluster.server, context.clusters.endpoint(name).server):
                return name
    return ""
