"""What people call the lists, one and many, long and short: for `get` and for the dashboard's `:` alike."""

from __future__ import annotations

from typing import Final, NamedTuple

AREAS: Final = ("clusters", "accounts", "requests", "credentials")


class Noun(NamedTuple):
    """A list, or the part of one that a filter finds."""

    area: str
    filter: str = ""


_CALLED: Final[dict[Noun, str]] = {
    Noun("clusters"): "clusters cluster contexts context ctx",
    Noun("accounts"): "accounts account sa serviceaccounts serviceaccount",
    Noun("requests"): "requests request req reqs dpu dpuservicecredentialrequests dpuservicecredentialrequest",
    Noun("credentials"): "credentials credential cred creds",
    Noun("credentials", "kind:secret"): "secrets secret",
    Noun("credentials", "kind:file"): "files file",
}
NOUNS: Final[dict[str, Noun]] = {word: noun for noun, words in _CALLED.items() for word in words.split()}

NARROWING: Final[dict[str, str]] = {
    **dict.fromkeys(("ctx", "context", "cluster"), "cluster"),
    **dict.fromkeys(("ns", "namespace", "namespaces"), "namespace"),
}
"""What takes the name of a cluster or a namespace, and lists nothing but that."""
