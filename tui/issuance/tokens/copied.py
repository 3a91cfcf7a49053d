"""What of a credential is copied: read where it lies, shown to be what its source says, and rendered anew.

Nothing is passed on as it was found. Of the kubeconfig in a Secret, which anybody may have written who may write that
Secret, only a server, an authority and a token (or a shoot's certificate) are taken. Whose the token is, which handle
it is bound to and when it ends is read from the token itself; what marks say of it is only compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tui.issuance.errors import NotProved, UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.kubeconfig import several
from tui.issuance.insight.verification import verify_token
from tui.issuance.model.claims import Claims, ClaimsError, read_token
from tui.issuance.model.types import Credential, Handle, Identity
from tui.issuance.objects.managed import renewal_point
from tui.issuance.transaction import reading
from tui.kube.addresses import leads_near
from tui.kube.delivered import Allow, Several, differences, read_all
from tui.kube.errors import KubeError
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.issuance.transaction.work import Context
    from tui.kube.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Found:
    """What was found where a credential is kept, taken apart."""

    token: Sensitive | None
    """None for a shoot's client certificate."""
    claims: Claims | None = None
    """What the token says of itself; None for what is opaque (a shoot's static token, a certificate)."""
    ways: Several | None = None
    """Where it leads, as that was found; None where the format does not say."""
    elsewhere: tuple[str, ...] = ()
    """In what these ways differ from the one known to that cluster, in words."""

    def rendered(self, form: Format, identity: Identity, endpoint: Endpoint | None) -> Sensitive:
        """The content of a file, written anew: the ways that were found, or for another format `endpoint`."""
        if self.ways is not None and (self.token is None or self.claims is None):
            return several(self.ways)
        way = self.ways.current.endpoint if self.ways is not None else endpoint
        if self.token is None:
            raise UsageError("there is no token in it", "rotate it, then export it")
        if way is None and form.rules.says_where:
            raise UsageError(f"{identity.cluster} is not known here, so its server cannot be written")
        return form.rules.render_file(self.token, way, identity)

    @property
    def bound(self) -> tuple[str, str]:
        """Name and UID of the Secret that the token says it is bound to, both empty where it is to none."""
        bound = self.claims.bound if self.claims is not None else None
        return (bound.name, bound.uid) if bound is not None and bound.kind == "Secret" else ("", "")


async def find(context: Context, source: Credential, identity: Identity, *, ways: bool) -> Found:
    """Read it, and see that it is what the source says. With `ways` also where it leads.

    Raises NotProved where it is another one's, DeliveredError for what a cluster must not deliver, UsageError,
    KubeError.
    """
    address = source.address
    known = await known_endpoint(context, identity) if source.shoot is None else None
    if source.shoot is not None:
        content = await reading.material(context, address)
        return await _of_shoot(context, source, content)
    form = source.format or Format.TOKEN
    if address.kind.traits.own_handle:
        token, data = await reading.token(context, address), {}
    else:
        place, form = await reading.place_of(context, address)
        data = form.rules.from_file(await place.material(form))
        token = form.rules.token_of(data)
    if token is None and form.rules.says_where:
        form.rules.taken_apart(data, _allowed(context, source, known))  # says what is wrong with it
    if token is None:
        raise UsageError(f"{address} holds no token", "rotate it, then export it")
    claims = belongs(token, source, identity)
    if not ways or not form.rules.says_where:
        return Found(token, claims)
    way = form.rules.taken_apart(data, _allowed(context, source, known))
    said: tuple[str, ...] = ()
    if known is not None:
        said = differences(way.endpoint, known)
    elif address.kind.traits.has_object:
        said = (f"its server is {way.endpoint.server}, and no other is known here for {identity.cluster}",)
    return Found(token, claims, Several((way,), way), said)


def belongs(token: Sensitive, source: Credential, identity: Identity) -> Claims:
    """What the token says of itself, where that is what its source says of it. Raises NotProved."""
    where = source.kept_in or str(source.address)
    try:
        claims = read_token(token)
    except ClaimsError as error:
        raise NotProved(f"{where} holds no token of a service account: {error.message}", "issue a new one") from None
    if claims.identity(identity.cluster) != identity:
        account = f"{claims.namespace}/{claims.service_account}" if claims.service_account else claims.subject
        raise NotProved(
            f"{where} says it is for {identity.namespace}/{identity.name}, but its token is for {account}",
            "it was changed; issue a new one",
        )
    if source.address.kind.traits.own_handle:
        if claims.bound is None or claims.bound.name != source.address.name:
            raise NotProved(f"{where} holds a token that was not made for it", "it was changed; issue a new one")
    elif not source.address.kind.traits.wished and source.fingerprint not in ("", token.fingerprint):
        raise NotProved(f"{where} holds another token than kubemint put there", "it was changed; rotate it")
    return claims


async def confirmed(context: Context, source: Credential, identity: Identity, found: Found) -> str:
    """Have the cluster confirm the token of a Secret; why it could not be asked, empty where it did.

    What this machine itself wrote to a file is its own witness. Raises NotProved where the server refuses it.
    """
    if source.address.here or found.token is None or found.claims is None:
        return ""
    whose = await (await context.families.of(source.address)).whose(context, source.address, source, found.token)
    if whose != identity:
        raise NotProved(
            f"{source.kept_in or source.address}: nothing shows that its token is of {identity.cluster} by now",
            "export it again",
        )
    known = await known_endpoint(context, identity)
    if known is None:
        return f"{identity.cluster} is not known here"
    try:
        operator = await context.clusters.client(identity.cluster)
    except (KubeError, UsageError) as error:
        return error.message
    seen = await verify_token(context, known, found.token, identity, source.audiences, operator)
    if not seen.ok and seen.method:
        raise NotProved(f"{source.kept_in or source.address}: {seen.message}", seen.hint)
    return "" if seen.ok else seen.message


def described(copy: Credential, source: Credential, identity: Identity, found: Found, *, sure: bool) -> Credential:
    """The copy as it is remembered: account, handle and times as the token says them, and not as marks do.

    `sure` says that the server confirmed it, or this machine's own record: what is not leaves no handle to revoke by.
    """
    claims, token = found.claims, found.token
    if claims is None or token is None:
        return copy
    name, uid = found.bound
    handle = Handle(identity.cluster, identity.namespace, name, uid) if name and uid else None
    if source.address.here or source.address.kind.traits.own_handle:
        handle = source.handle  # the token Secret itself, as it was read; or what this machine knows of its own
    issued, ends = claims.issued_at or source.issued_at, claims.warn_after or claims.expires_at
    return msgspec.structs.replace(
        copy,
        identity=identity,
        handle=handle if sure else None,
        fingerprint=token.fingerprint,
        token_id=claims.id,
        issued_at=issued,
        expires_at=ends,
        granted=ends - issued if ends is not None and issued is not None else source.granted,
        rotate_at=renewal_point(issued, ends, token.fingerprint),
    )


async def known_endpoint(context: Context, identity: Identity) -> Endpoint | None:
    """The way to the account's cluster that is known here, None where none is."""
    try:
        return context.clusters.endpoint(identity.cluster)
    except (KubeError, UsageError):
        pass
    try:
        return (await context.clusters.client(identity.cluster)).endpoint  # found when it is first asked for
    except (KubeError, UsageError):
        return None


async def _of_shoot(context: Context, source: Credential, content: Sensitive) -> Found:
    """A kubeconfig with a context for each of a shoot's addresses."""
    ways = read_all(content.reveal_bytes(), _allowed(context, source, None))
    login = ways.current.endpoint.login
    if any(way.endpoint.login != login for way in ways.ways):
        raise NotProved(f"{source.kept_in or source.address} has several users where one was expected")
    if source.address.here or source.shoot is None:
        there = Sensitive(login.client_certificate) if login.client_certificate else login.token
        if there is None or there.fingerprint != source.fingerprint:
            raise NotProved(f"{source.address.name} holds another login than kubemint put there", "rotate it")
        return Found(login.token, None, ways)
    servers = [way.endpoint.server for way in ways.ways]
    try:
        known = await (await context.families.of(source.address)).servers(context, source)
    except (KubeError, UsageError):
        said = [f"its server is {server}, and the shoot's are not known" for server in servers]
    else:
        others = [server for server in servers if known is None or server not in known]
        said = [f"its server {server} is not one of the shoot's" for server in others]
    return Found(login.token, None, ways, tuple(said))


def _allowed(context: Context, source: Credential, known: Endpoint | None) -> Allow:
    """What is no surprise in it. Where the cluster that keeps it is itself on this machine, so may others be."""
    near = source.address.here or (known is not None and leads_near(known.server))
    host = source.address.cluster
    if host and not near:
        try:
            near = leads_near(context.clusters.endpoint(host).server)
        except (KubeError, UsageError):
            near = False
    return Allow(near=near, known=known)
