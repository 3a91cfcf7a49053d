"""The cause first: long error texts of controllers and API servers, in the order in which a person wants to read them.

Controllers wrap errors from the outside in (`failed to reconcile: Post "https://…": dial tcp …: connection refused`),
so that in one narrow line only the wrapping would show. What stood before the cause stands after it.
"""

from __future__ import annotations

import re
from typing import Final

_OCCURRED: Final = re.compile(r"^(?:error occurred: |error: )+", re.IGNORECASE)
_WRAPPED: Final = re.compile(
    r"^((?:failed|unable|could not|cannot|can't|error|timed out|while)\b[^:\"]{0,120}): (?=\S)", re.IGNORECASE
)
_ASKED: Final = re.compile(r'^((?:Get|Head|Post|Put|Patch|Delete) "[^"]*"): (?=\S)')
_MAY_NOT: Final = re.compile(
    r'^(?P<what>\S+)(?: "(?P<name>[^"]*)")? is forbidden: User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource '
    r'"(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)
_PLAIN: Final = (
    (re.compile(r"^dial tcp (?P<to>\S+): connect: (?P<why>connection refused|no route to host|network is unreachable)"),
     "{why} ({to})"),
    (re.compile(r"^dial tcp (?P<to>\S+): (?:i/o timeout|connect: connection timed out)"), "no answer ({to})"),
    (re.compile(r"^dial tcp: lookup (?P<host>\S+?)(?: on \S+)?: no such host"), "unknown host {host}"),
    (re.compile(r"^(?:net/http: request canceled[^()]*\(Client\.Timeout[^)]*\)|context deadline exceeded)"),
     "no answer in time"),
    (re.compile(r"^(?:tls: failed to verify certificate: )?x509: (?P<why>.+)$"), "certificate: {why}"),
)  # fmt: skip


def cause_first(text: str) -> str:
    """The innermost cause, then in ` · ` the steps that it was met in."""
    rest = _OCCURRED.sub("", text.strip())
    met: list[str] = []
    while (found := _WRAPPED.match(rest) or _ASKED.match(rest)) is not None:
        met.append(found[1])
        rest = rest[found.end() :]
    return " · ".join([_plain(rest), *reversed(met)])


def _plain(cause: str) -> str:
    if (denied := _MAY_NOT.match(cause)) is not None:
        where = f" in {denied['namespace']}" if denied["namespace"] else ""
        resource = f"{denied['resource']}.{denied['group']}" if denied["group"] else denied["resource"]
        name = f" {denied['name']}" if denied["name"] else ""
        return f"may not {denied['verb']} {resource}{name}{where} as {denied['user']}{cause[denied.end() :]}"
    for pattern, words in _PLAIN:
        if (known := pattern.match(cause)) is not None:
            return words.format(**known.groupdict()) + cause[known.end() :]
    return cause
