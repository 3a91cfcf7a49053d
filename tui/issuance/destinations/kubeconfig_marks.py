"""Whose an entry of a kubeconfig is: how kubemint marks its own, finds those of one wish again, and sees whether they
hold what it wrote.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection
from typing import Any, Final

from tui.issuance.errors import UsageError
from tui.kube.errors import ConfigError
from tui.kube.kubeconfig import parse
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.kube.yaml_loading import load_first
from tui.kube.yaml_values import YAMLError

from .kubeconfig_edit import Document
from .written import is_pair

EXTENSION: Final = "kubemint.io"
_WROTE: Final = "wrote"
"""In the extension of a cluster: the digest of what kubemint wrote, to tell whether it is as it was."""
SECTIONS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
_TOKEN: Final = frozenset({"token"})
_CERTIFICATE: Final = frozenset({"client-certificate-data", "client-key-data"})
"""What a user's entry has that kubemint wrote: the one or the other."""


def strangers(document: Document, request: str, addition: Sensitive | None, known: Collection[str]) -> list[str]:
    """The entries of this wish that hold another one's login, or lead elsewhere than kubemint wrote.

    Entries of earlier versions do not say what was written: then what would be written now, the `addition`, has to be
    there; where that is not known, nothing is said of them.
    """
    found: list[str] = []
    own = {section: _own(document, section, request) for section in SECTIONS}
    user, context, cluster = own["users"], own["contexts"], own["clusters"]
    if user is not None and not _is_known(user, known):
        found.append(_called("user", user))
    way = inner_of(context, "contexts")
    leads = (("cluster", cluster), ("user", user))
    if context is not None and any(one is not None and way.get(key) != one.get("name") for key, one in leads):
        found.append(_called("context", context))
    if cluster is None:  # it is shared with another wish, which noted what it is
        cluster, addition = _named(document, "clusters", way.get("cluster")), None
    plain, wrote = plain_of(cluster, "clusters"), _mark(cluster, "clusters").get(_WROTE)
    if wrote:
        changed = _digest(plain) != wrote
    else:
        changed = addition is not None and plain != inner_of(only_entry(addition, "clusters"), "clusters")
    if changed and cluster is not None:
        found.append(_called("cluster", cluster))
    return found


def _is_known(user: Document, known: Collection[str]) -> bool:
    """Whether a user's entry has nothing but a login of kubemint's."""
    plain, login = plain_of(user, "users"), login_of(user)
    if set(plain) not in (_TOKEN, _CERTIFICATE) or login is None or login.fingerprint not in known:
        return False
    return "token" in plain or is_pair(login.reveal_bytes(), _decoded(plain["client-key-data"]))


def _own(document: Document, section: str, request: str) -> Document | None:
    index = index_of(document, section, request)
    return document[section][index] if index is not None else None


def _named(document: Document, section: str, name: object) -> Document | None:
    entries = (one for one in document.get(section) or [] if isinstance(one, dict))
    return next((one for one in entries if one.get("name") == name), None)


def _called(what: str, entry: Document) -> str:
    return f"{what} {safe_text(str(entry.get('name')), 100)}"


def login_of(entry: Any) -> Sensitive | None:
    """By what a user's entry is told from another: its token, or its client certificate."""
    user = inner_of(entry, "users")
    token = user.get("token")
    return Sensitive(token) if isinstance(token, str) else _decoded(user.get("client-certificate-data"))


def _decoded(value: object) -> Sensitive | None:
    try:
        return Sensitive(base64.b64decode(value, validate=True)) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def index_of(document: Document, section: str, request: str) -> int | None:
    """Which entry of a section was added for this wish, None where none was."""
    entries = document.get(section) or []
    return next((index for index, entry in enumerate(entries) if wish_of(entry, section) == request), None)


def wish_of(entry: Any, section: str) -> object:
    """The wish that an entry was added for, None where kubemint did not add it."""
    return _mark(entry, section).get("request")


def _mark(entry: Any, section: str) -> Document:
    """What kubemint noted beside an entry; empty where it did not add it."""
    for extension in inner_of(entry, section).get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == EXTENSION:
            content = extension.get("extension")
            return content if isinstance(content, dict) else {}
    return {}


def marked(entry: Document, section: str, name: str, request: str) -> Document:
    """An entry as it is written: under its name, with what kubemint notes beside it."""
    noted = {"managed-by": "kubemint", "request": request}
    if section == "clusters":
        noted[_WROTE] = _digest(plain_of(entry, section))
    inner = {**inner_of(entry, section), "extensions": [{"extension": noted, "name": EXTENSION}]}
    ordered = {key: inner[key] for key in sorted(inner)}
    return {"name": name, "user": ordered} if section == "users" else {SECTIONS[section]: ordered, "name": name}


def only_entry(addition: Sensitive, section: str) -> Document:
    """The one entry of what is to be added."""
    try:
        document = load_first(addition.reveal_bytes())
        parse(addition.reveal_bytes())
    except (YAMLError, ConfigError):
        document = None
    entries = document.get(section) if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise UsageError("only a kubeconfig with one cluster, one user and one context can be merged")
    entry: Document = entries[0]
    return entry


def inner_of(entry: Any, section: str) -> Document:
    """What stands under the name of an entry; empty where that is nothing that could."""
    inner = entry.get(SECTIONS[section]) if isinstance(entry, dict) else None
    return inner if isinstance(inner, dict) else {}


def plain_of(entry: Any, section: str) -> Document:
    """What an entry says, without what is noted beside it."""
    return {key: value for key, value in inner_of(entry, section).items() if key != "extensions"}


def _digest(plain: Document) -> str:
    return Sensitive(json.dumps(plain, sort_keys=True, default=str)).fingerprint
