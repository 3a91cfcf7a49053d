"""What people type who know kubectl: each word of it leads to a command of kubemint, or is told which command does it.

A line of `SAME` is another word for a command, one of `ALSO` a command with kubectl's own words that the help does not
list, one of `ELSEWHERE` what is said of a word that is none. Nothing but that is here; `cli` asks it for words that it
does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

SAME: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "get": ("list", (), ()),
    "describe": ("list", (), ("-o", "yaml")),
    "cluster-info": ("list", ("clusters",), ()),
}
"""The command, and what stands before and behind what was typed."""

ALSO: Final[dict[str, str]] = {
    "auth": "tui.headless.asking_rights:auth",
    "create": "tui.headless.creating:create",
    "version": "tui.headless.asking_rights:version",
}

_CREDENTIALS: Final = ("credential", "credentials", "cred", "creds")
_REVOKE: Final = "kubemint revoke ADDRESS ends a credential; `kubemint list credentials -o name` shows the addresses"
ELSEWHERE: Final[dict[str, str]] = {
    "delete": f"{_REVOKE}; what is no credential is deleted with kubectl",
    "explain": "kubemint COMMAND --help explains a command, `kubemint config schema` the settings",
    "rollout": "kubemint rotate renews a credential, kubemint undo takes that back",
    "certificate": "kubemint issue --user NAME makes a person's client certificate",
    "api-resources": "kubemint list clusters shows what each cluster lacks",
    "options": "kubemint --help lists the options that all commands have",
    **dict.fromkeys(("edit", "patch", "set", "label", "annotate", "apply", "replace"),
                    "kubemint changes nothing by hand: it issues, rotates and revokes; use kubectl"),
    **dict.fromkeys(("logs", "exec", "top", "cp", "attach", "port-forward", "proxy", "drain", "cordon",
                     "uncordon", "taint", "scale", "autoscale", "expose", "wait", "diff", "debug", "kustomize",
                     "events", "api-versions", "plugin"),
                    "kubemint is about credentials alone; use kubectl"),
}  # fmt: skip
"""Words of kubectl that are no command here, each with what does it."""


def meant(typed: Sequence[str]) -> list[str]:
    """A command line with kubectl's words as kubemint's own; anything else as it is."""
    word, *rest = typed
    if word == "delete" and rest:
        if rest[0] in _CREDENTIALS and len(rest) > 1:
            return ["revoke", *rest[1:]]
        if ":" in rest[0]:
            return ["revoke", *rest]
    command, before, after = SAME.get(word, (word, (), ()))
    if word in SAME and rest and ":" in rest[0] and not rest[0].startswith("-"):
        before = ("credentials",)  # an address says what it is of
    return [command, *before, *rest, *after]


def reordered(typed: Sequence[str], valued: Collection[str]) -> list[str]:
    """The same with a namespace that stands before the command behind it, where kubectl takes it too; and `help` as the
    option that it is here. `valued` are the options before a command that take a value."""
    args, moved, at = list(typed), list[str](), 0
    while at < len(args) and args[at].startswith("-") and args[at] != "--":
        if args[at] in _NAMESPACE and at + 1 < len(args):
            moved += [args.pop(at), args.pop(at)]
        elif args[at].startswith(_NAMESPACED) or args[at] in _EVERYWHERE:
            moved.append(args.pop(at))
        else:
            at += 2 if args[at] in valued else 1
    if at == len(args):
        return list(typed)
    if args[at] == "help":
        return [*args[:at], *args[at + 1 :], "--help"]
    end = args.index("--") if "--" in args else len(args)
    return [*args[:end], *moved, *args[end:]]


_NAMESPACE: Final = ("-n", "--namespace")
_NAMESPACED: Final = ("-n=", "--namespace=")
_EVERYWHERE: Final = ("-A", "--all-namespaces")
