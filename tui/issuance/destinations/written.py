"""By what a file as kubemint wrote it is told from one that was edited since: the whole of it, and each part of where
it leads and with what. Only digests of both are remembered. Of a shoot's, whose users choose an address, that is not
done for longer than it takes to write it: after a crash a file that differs is not what was proved.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.records.intent import Wrote
from tui.kube.errors import ConfigError
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tui.issuance.formats import Format
    from tui.kube.endpoint import Endpoint

LOGIN: Final = "login"


class Edits(msgspec.Struct, frozen=True):
    """What became of it."""

    any: bool = False
    """Whether it is not byte for byte what was written."""
    way: tuple[str, ...] = ()
    """The parts of where it leads and with what that are others now, in words."""

    @property
    def said(self) -> str:
        """The same in a sentence without its subject."""
        return said_of(self.way)


def said_of(parts: Sequence[str]) -> str:
    """What is another by now, in a sentence without its subject; empty where nothing is."""
    return f"has another {' and '.join(parts)} than kubemint wrote there" if parts else ""


def wrote(form: Format, content: Sensitive) -> Wrote:
    """What is remembered of it."""
    way = _way(form, content)
    return Wrote(whole=content.fingerprint, way=_parts(way) if way is not None else {})


def wrote_values(values: Mapping[str, Sensitive], *, new: bool) -> Wrote:
    """The same of what a Secret holds."""
    told = {key: value.fingerprint for key, value in values.items()}
    return Wrote(whole=Sensitive(json.dumps(told, sort_keys=True)).fingerprint, new=new)


def edits(form: Format, content: Sensitive, before: Wrote | None) -> Edits:
    """What was edited since. Of what was written `before` nothing may be known (by earlier versions): then only a
    certificate that is not of its key is told."""
    if before is not None and before.whole == content.fingerprint:
        return Edits()
    way = _way(form, content)
    if before is None:
        pair = way is None or is_pair(way.login.client_certificate, way.login.client_key)
        return Edits(way=() if pair else (LOGIN,))
    now = _parts(way) if way is not None else {}
    return Edits(any=True, way=tuple(part for part, was in before.way.items() if now.get(part) != was))


def _way(form: Format, content: Sensitive) -> Endpoint | None:
    """Where it leads, by its current context; None where it does not say, or cannot be read."""
    from tui.kube.delivered import ONLY_LOOKING, DeliveredError

    try:
        return form.rules.taken_apart(form.rules.from_file(content), ONLY_LOOKING).endpoint
    except (DeliveredError, UsageError):
        return None


def _parts(way: Endpoint) -> dict[str, str]:
    login = way.login
    parts: dict[str, Any] = {
        "server": way.server,
        "proxy": way.proxy_url or "",
        "certificate authority": "none" if way.insecure else (way.ca or b"").decode("latin-1"),
        "name of the server": way.tls_server_name or "",
        LOGIN: [
            login.token.fingerprint if login.token is not None else "",
            (login.client_certificate or b"").decode("latin-1"),
            login.client_key.fingerprint if login.client_key is not None else "",
        ],
    }
    return {part: Sensitive(json.dumps(value)).fingerprint for part, value in parts.items()}


def is_pair(certificate: bytes | None, key: Sensitive | None) -> bool:
    """Whether a client certificate, if there is one, is of the key beside it."""
    from tui.kube.tls import check_pair

    if certificate is None or key is None:
        return True
    try:
        check_pair(certificate, key)
    except ConfigError:
        return False
    return True
