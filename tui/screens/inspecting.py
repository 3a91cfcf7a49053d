"""What material says about itself, as sections of facts. The material itself never leaves this function."""

from __future__ import annotations

from datetime import datetime

from tui.issuance.certificate import CertificateInfo, read_certificate
from tui.issuance.claims import Claims, read_token
from tui.kube.kubeconfig import parse
from tui.kube.sensitive import MASK, Sensitive
from tui.widgets.facts import Fact, Section
from tui.widgets.moments import lifetime, relative, stamp
from tui.widgets.signs import Tone


def inspected(material: Sensitive, now: datetime) -> list[Section]:
    """A kubeconfig with what is in it, a tokenFile, or a bare token."""
    data = material.reveal_bytes()
    if b"clusters:" in data and b"users:" in data:
        endpoint = parse(data).endpoint()
        login = endpoint.login
        sections = [
            Section("kubeconfig", [
                Fact("server", endpoint.server),
                Fact("cluster", endpoint.cluster_name or "–"),
                Fact("context", endpoint.name),
                Fact("namespace", endpoint.namespace),
                Fact("authority", "its own" if endpoint.ca else "the system's"),
            ])
        ]  # fmt: skip
        if login.client_certificate is not None:
            sections.append(_certificate(read_certificate(login.client_certificate), now))
        if login.token is not None:
            sections.append(_token(read_token(login.token), login.token, now))
        return sections
    token = _assigned(data) if b"=" in data and b"TOKEN_FILE" in data else Sensitive(data.strip())
    return [_token(read_token(token), token, now)]


def _assigned(data: bytes) -> Sensitive:
    for line in data.splitlines():
        name, _, value = line.partition(b"=")
        if name.strip() == b"TOKEN_FILE":
            return Sensitive(value.strip().strip(b"'\""))
    return Sensitive(b"")


def _token(claims: Claims, token: Sensitive, now: datetime) -> Section:
    ended = claims.expires_at is not None and claims.expires_at <= now
    facts = [
        Fact("material", f"{MASK} ({len(token)} characters)", Tone.MUTE),
        Fact("fingerprint", token.fingerprint, Tone.MUTE),
        Fact("subject", claims.subject or "–", Tone.STRONG),
        Fact("issuer", claims.issuer or "–"),
        Fact("audiences", ", ".join(claims.audiences) or "–"),
        Fact("issued", stamp(claims.issued_at), note=relative(claims.issued_at, now)),
        Fact("not before", stamp(claims.not_before), note=relative(claims.not_before, now)),
        Fact("expires", stamp(claims.expires_at), Tone.BAD if ended else Tone.STRONG,
             relative(claims.expires_at, now) or "never"),
        Fact("lifetime", lifetime(claims.lifetime)),
    ]  # fmt: skip
    if claims.warn_after:
        facts.append(
            Fact("warn after", stamp(claims.warn_after), Tone.WARN, "the server extended it; this was the wish")
        )
    if claims.bound:
        facts.append(
            Fact("bound to", f"{claims.bound.kind} {claims.bound.name}", note="deleting that revokes this token")
        )
    else:
        facts.append(Fact("bound to", "nothing", Tone.WARN, "it cannot be revoked by itself"))
    if claims.legacy:
        facts.append(Fact("kind", "long-lived token of a Secret", Tone.WARN))
    facts += [
        Fact("id", claims.id or "–", Tone.MUTE),
        Fact("signed with", " ".join(filter(None, (claims.algorithm, claims.key_id))) or "–", Tone.MUTE),
    ]
    return Section("token (its signature is not checked here; v asks the cluster)", facts)


def _certificate(info: CertificateInfo, now: datetime) -> Section:
    ended = info.not_after <= now
    return Section("client certificate", [
        Fact("user", info.common_name or "–", Tone.STRONG),
        Fact("groups", ", ".join(info.organizations) or "–"),
        Fact("issuer", info.issuer),
        Fact("not before", stamp(info.not_before), note=relative(info.not_before, now)),
        Fact("not after", stamp(info.not_after), Tone.BAD if ended else Tone.STRONG, relative(info.not_after, now)),
        Fact("key", info.key),
        Fact("fingerprint", info.fingerprint, Tone.MUTE),
    ])  # fmt: skip
