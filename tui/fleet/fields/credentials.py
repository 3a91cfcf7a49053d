"""The fields of credentials, in the order of their JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tui.fleet.moments import rfc3339
from tui.fleet.names import credential_name, plain_name
from tui.fleet.query import STATE_RANK, place_of
from tui.fleet.rows import CredentialRow
from tui.fleet.signs import Tone
from tui.issuance import Credential, Identity, ShootAccess, kind_label
from tui.kube.paths import short_path

from . import lifetimes
from .field import LAST, NEVER, Cell, Field, said
from .labels import LABELS

FIELDS: Final[tuple[Field[CredentialRow], ...]] = (
    Field("address", "ADDRESS", value=lambda row: str(row.credential.address), json="address",
          screen=NEVER, prints=4, sort="", least=18, tight=30, most=90, middle=True),
    Field("cluster", "CLUSTER", value=lambda row: row.cluster, key=place_of, words=("cluster", "ctx"),
          json="cluster", data=lambda row, now: _leads_to(row), screen=4, prints=6,
          least=8, tight=14, most=28, drop=3, middle=True),
    Field("in", value=lambda row: row.credential.address.cluster, words=("in",)),
    Field("namespace", "NAMESPACE", value=lambda row: row.namespace, words=("ns", "namespace"), screen=NEVER,
          prints=NEVER, json="namespace", data=lambda row, now: row.credential.address.namespace or None, middle=True),
    Field("name", "CREDENTIAL", lambda row, now: Cell(credential_name(row), Tone.STRONG),
          value=plain_name, json="name", data=lambda row, now: row.credential.address.name or None,
          screen=3, prints=NEVER, least=18, tight=30, most=64, middle=True),
    Field("kind", "KIND", lambda row, now: Cell(kind_label(row.credential)),
          value=lambda row: kind_label(row.credential),
          looks=lambda row, now: f"{row.credential.address.kind.value}\n{kind_label(row.credential)}",
          json="kind", data=lambda row, now: row.credential.address.kind.value, screen=5, prints=3, least=6, drop=4),
    Field("account", "IDENTITY", value=lambda row: account(row.credential), also=lambda row: _whole(row.credential),
          words=("account", "sa"), json="identity", data=lambda row, now: _identity(row.credential.identity),
          screen=9, prints=5, least=10, tight=20, most=40, drop=8, middle=True),
    Field("shoot", json="shoot", data=lambda row, now: _shoot(row.credential.shoot)),
    Field("format", "FORMAT", value=lambda row: str(row.credential.format or ""), words=("type",), screen=NEVER,
          prints=NEVER, json="format", data=lambda row, now: row.credential.format and row.credential.format.value),
    Field("audiences", "AUDIENCES", value=lambda row: ", ".join(row.credential.audiences), words=(), screen=NEVER,
          prints=NEVER, json="audiences", data=lambda row, now: list(row.credential.audiences)),
    Field("requested", json="requestedSeconds", length=lambda row: row.credential.requested),
    Field("granted", "GRANTED / ASKED", lambda row, now: lifetimes.granted(row.credential, now),
          length=lambda row: row.credential.granted, lengths=("lifetime", "granted"), json="grantedSeconds",
          screen=6, least=8, drop=6),
    Field("issued", "ISSUED", at=lambda row: row.credential.issued_at, past=True, lengths=("age",), json="issuedAt",
          screen=NEVER, prints=NEVER, most=20),
    Field("expires", "EXPIRES", at=lambda row: row.credential.expires_at, sort="", lengths=(), json="expiresAt",
          words=("ends",), looks=lambda row, now: lifetimes.ends_on(row.credential, now), screen=NEVER, most=20),
    Field("renews", "RENEWS", lambda row, now: lifetimes.renews(row.credential, now),
          at=lambda row: lifetimes.renews_at(row.credential), sort="rotate",
          json="rotateAt", data=lambda row, now: rfc3339(lifetimes.due_at(row.credential)),
          changes=lambda row, now: lifetimes.renews_changes(row.credential, now),
          screen=7, prints=7, least=7, drop=2),
    Field("left", "LEFT", lambda row, now: lifetimes.left(row.credential, now),
          at=lambda row: lifetimes.ends_at(row.credential), key=lambda row: lifetimes.worst_first(row.credential),
          sort="expires", lengths=("expires", "left"),
          json="secondsLeft", data=lambda row, now: lifetimes.seconds_left(row.credential, now),
          changes=lambda row, now: lifetimes.left_changes(row.credential, now), screen=1, prints=1, least=8),
    Field("state", "STATE", lambda row, now: _state(row, now),
          rank=lambda row, now: STATE_RANK[lifetimes.state(row.credential, now)], words=("state",),
          looks=lambda row, now: lifetimes.STATE_WORDS[lifetimes.state(row.credential, now)] + _stale(row),
          also=lambda row: _stale(row), plain=True,
          json="state", data=lambda row, now: lifetimes.state(row.credential, now).value,
          changes=lambda row, now: lifetimes.state_changes(row.credential, now), screen=2, prints=2, least=9, drop=1),
    Field("kept", "KEPT IN", lambda row, now: said(short_path(row.credential.kept_in)),
          value=lambda row: row.credential.kept_in, json="keptIn",
          screen=8, least=10, tight=28, most=44, drop=7, middle=True),
    Field("fingerprint", value=lambda row: row.credential.fingerprint, words=("fingerprint",),
          also=lambda row: row.credential.token_id, plain=True, screen=NEVER,
          json="fingerprint", data=lambda row, now: row.credential.fingerprint or None),
    Field("handle", value=lambda row: _handle(row.credential) or "", also=lambda row: _handles(row.credential),
          plain=True, screen=NEVER, json="handle", data=lambda row, now: _handle(row.credential)),
    Field("stale", json="stale", data=lambda row, now: row.stale),
    Field("message", "MESSAGE", value=lambda row: row.credential.message, tone=Tone.MUTE, words=(), json="message",
          screen=NEVER, prints=LAST, most=90),
    LABELS,
)  # fmt: skip


def account(credential: Credential) -> str:
    """Who it speaks for: the account in the cluster that it leads to, or the level of access to a shoot."""
    identity, shoot = credential.identity, credential.shoot
    if identity is None:
        return f"{shoot.level.value} of {shoot.namespace}/{shoot.name}" if shoot is not None else ""
    return f"{identity.namespace}/{identity.name}"


def _whole(credential: Credential) -> str:
    """The same with the cluster."""
    who = credential.identity or credential.shoot
    return "" if who is None else str(who)


def _state(row: CredentialRow, now: datetime) -> Cell:
    cell = lifetimes.STATE_CELLS[lifetimes.state(row.credential, now)]
    return Cell(f"{cell.text}{_stale(row)}", Tone.MUTE, cell.glyph) if row.stale else cell


def _stale(row: CredentialRow) -> str:
    return " (stale)" if row.stale else ""


def _leads_to(row: CredentialRow) -> str:
    credential = row.credential
    if credential.address.cluster or row.cluster:
        return credential.address.cluster or row.cluster
    if credential.shoot is not None:
        return credential.shoot.garden
    return credential.identity.cluster if credential.identity is not None else ""


def _identity(identity: Identity | None) -> dict[str, str] | None:
    if identity is None:
        return None
    return {"cluster": identity.cluster, "namespace": identity.namespace, "name": identity.name}


def _shoot(shoot: ShootAccess | None) -> dict[str, str] | None:
    if shoot is None:
        return None
    return {"garden": shoot.garden, "namespace": shoot.namespace, "name": shoot.name, "level": shoot.level.value}


def _handle(credential: Credential) -> str | None:
    handle = credential.handle
    return f"{handle.cluster}/{handle.namespace}/{handle.name}" if handle is not None else None


def _handles(credential: Credential) -> str:
    """What else a filter finds its handles by: their addresses and uids, for a copy those of its original."""
    handles = [handle for handle in (credential.handle, credential.bound_to) if handle is not None]
    return "\n".join(f"handle:{one.cluster}/{one.namespace}/{one.name}\n{one.uid}" for one in handles)
