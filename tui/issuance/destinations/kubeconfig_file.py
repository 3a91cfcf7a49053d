"""Putting one credential into a kubeconfig that someone already works with.

What kubemint adds it marks with an `extensions` entry (which kubectl keeps), so that a rotation replaces exactly its
own entries and a name that is taken is never overwritten. Everything else in the file stays as it is, and a file that
kubectl could not read is refused.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import structs

from tui.issuance.formats.preferences import preferences
from tui.issuance.formats.yaml_text import dump
from tui.kube.entries import read_document
from tui.kube.errors import ConfigError
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.kube.yaml_loading import load_first
from tui.kube.yaml_values import YAMLError

from . import standing
from .files import Which, read_if_there, write_private
from .kubeconfig_edit import Change, Document, changed, edit
from .kubeconfig_list import others_of
from .kubeconfig_lock import PATIENCE, locked
from .kubeconfig_marks import (
    EXTENSION,
    SECTIONS,
    index_of,
    inner_of,
    login_of,
    marked,
    only_entry,
    plain_of,
    strangers,
    wish_of,
)
from .masking import diff, masked_tree
from .standing import KEPT_AS, Kind, Standing, Verdict, judge, look_at, put

_KEYS: Final = frozenset(
    {"apiVersion", "kind", "clusters", "contexts", "users", "current-context", "preferences", "extensions"}
)
"""What a kubeconfig has one of, if it has anything."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge did, or would do. `text` is the whole new file; `diff` shows only what kubemint touches, masked."""

    path: Path
    context: str
    text: Sensitive
    changed: bool
    diff: str
    comments_kept: bool = True
    before: Sensitive | None = None
    """The file as it was, to be put back; None where there was none, or nothing was written."""
    mode: int = 0o600
    """The mode that it had."""
    kept: Path | None = None
    """Where the file lies as it was, when entries were replaced that hold another one's."""


class Names(NamedTuple):
    """What kubemint calls what it adds; what a cluster delivers may call it like anything of the operator's."""

    cluster: str
    account: str


def preview(path: Path | str, addition: Sensitive, request: str, *, names: Names | None = None) -> Merge:
    """What `merge` would do, without a lock and without writing."""
    return _planned(Path(path), addition, request, names)


def merge(
    path: Path | str,
    addition: Sensitive,
    request: str,
    *,
    names: Names | None = None,
    wait: timedelta = PATIENCE,
    force: bool = False,
    known: Collection[str] | None = None,
) -> Merge:
    """Put the one cluster, user and context of the kubeconfig `addition` into the file, under kubectl's lock.

    `request` names the wish: what an earlier merge of the same wish added is replaced and keeps its names. Without
    `names` those of the `addition` are wanted; none that is taken here or in another file of the KUBECONFIG is used.
    `known` see `allowed`. Whoever else may read the file loses that.
    Raises UsageError, ConfigError or FileError, and then nothing has changed.
    """
    path = Path(path)
    with locked(path, wait):
        there = look_at(path)  # read again, now that no other process writes
        planned = _planned(path, addition, request, names, there.which)
        if not planned.changed:
            return planned
        _, verdict = allowed(path, request, addition, force=force, known=known, there=there)
        verdict.check()
        before = read_if_there(path, judged=there.which)
        kept = put(there, planned.text, verdict).kept
    return replace(planned, before=before, mode=there.mode, kept=kept)


def allowed(
    path: Path,
    request: str,
    addition: Sensitive,
    *,
    force: bool = False,
    known: Collection[str] | None = None,
    there: Standing | None = None,
) -> tuple[Standing, Verdict]:
    """What stands there, and whether the entries of `addition` may be put into it. Raises FileError, ConfigError.

    Where it has entries of this wish already, only a token with one of the `known` fingerprints is kubemint's, and a
    cluster as kubemint wrote it; None where it is unknown what was written there. Whoever is about to write gives what
    is `there`: it is about that very file then.
    """
    judged, there = (there.which, there) if there is not None else (None, look_at(path))
    document = read(path, judged)[1] if there.kind is Kind.FILE else {}
    ours = index_of(document, "users", request) is not None
    verdict = judge(there, os.geteuid(), ours=ours, whole=False, force=force)
    strange = strangers(document, request, addition, known) if known is not None else []
    if not strange or verdict.refused:
        return there, verdict
    said = f"{' and '.join(strange)} in {path} {'hold' if len(strange) > 1 else 'holds'} something else than kubemint "
    if force:
        kept = f"{said}wrote there, and is replaced: the old file is kept beside it as {path.name}.{KEPT_AS}"
        return there, structs.replace(verdict, keep=True, said=(*verdict.said, kept))
    return there, Verdict(
        refused=f"{said}wrote there",
        hint=f"to keep them, remove the {EXTENSION} extension from them; or issue it again with --force --replace: "
        "the old file is kept beside it",
        forcible=True,
    )


def put_back(path: Path | str, done: Merge, *, wait: timedelta = PATIENCE) -> bool:
    """Undo a merge byte for byte, where the file still is what that made of it; else False, and nothing is done."""
    path = Path(path)
    with locked(path, wait):
        return standing.put_back(path, done.text, done.before, done.mode)


def remove(path: Path | str, request: str, *, wait: timedelta = PATIENCE) -> Merge:
    """Take out what merges of this wish added. A cluster entry that others use stays."""
    path = Path(path)
    with locked(path, wait):
        there = look_at(path)
        text, document = read(path, there.which)
        changes = list(_removals(document, request))
        result = _result(path, text, document, changes, "")
        if result.changed:
            write_private(path, result.text, judged=there.which)
    return result


def token_for(path: Path | str, request: str) -> Sensitive | None:
    """By what that is told from another which merges of this wish put there: the token, or the client certificate.

    None where there is none any more.
    """
    _, document = read(Path(path))
    index = index_of(document, "users", request)
    return login_of(document["users"][index]) if index is not None else None


class Kept(NamedTuple):
    """What lies there of one wish."""

    token: Sensitive | None
    """By what it is told from another; see `token_for`."""
    strange: tuple[str, ...] = ()
    """Which of its entries are otherwise than kubemint wrote them, where the token is the one."""


def kept_in(path: Path | str) -> dict[str, Kept]:
    """What merges put there, by their wishes. Raises ConfigError, FileError."""
    _, document = read(Path(path))
    found = {}
    for user in document.get("users") or []:
        wish = wish_of(user, "users")
        if isinstance(wish, str) and wish not in found:
            token = login_of(user)
            known = {token.fingerprint} if token is not None else set()
            found[wish] = Kept(token, tuple(strangers(document, wish, None, known)))
    return found


def entries_for(path: Path | str, request: str) -> Sensitive | None:
    """What merges of this wish put there, as a kubeconfig of its own; None where its user or context is gone."""
    _, document = read(Path(path))
    users, contexts = index_of(document, "users", request), index_of(document, "contexts", request)
    if users is None or contexts is None:
        return None
    context = plain_of(document["contexts"][contexts], "contexts")
    clusters = [one for one in document.get("clusters") or [] if one.get("name") == context.get("cluster")]
    user, name = document["users"][users], document["contexts"][contexts]["name"]
    alone = {
        "apiVersion": "v1",
        "clusters": [{"cluster": plain_of(one, "clusters"), "name": one["name"]} for one in clusters[:1]],
        "contexts": [{"context": context | {"user": user["name"]}, "name": name}],
        "current-context": name,
        "kind": "Config",
        **preferences(),
        "users": [{"name": user["name"], "user": plain_of(user, "users")}],
    }
    return Sensitive(dump(alone))


def _planned(path: Path, addition: Sensitive, request: str, names: Names | None, judged: Which | None = None) -> Merge:
    text, document = read(path, judged)
    others = others_of(path, SECTIONS, lambda entry, section: wish_of(entry, section) == request)
    taken = others.names
    own = {section: index_of(document, section, request) for section in SECTIONS}
    new = {section: only_entry(addition, section) for section in SECTIONS}
    if own["contexts"] is not None:  # what else stands in it, such as a namespace, is the choice of who works with it
        new["contexts"] = {**new["contexts"], "context": plain_of(document["contexts"][own["contexts"]], "contexts")}
    used = {section: _names(document, section, except_for=own[section]) for section in SECTIONS}

    cluster, account = names or (str(new["clusters"]["name"]), str(new["contexts"]["name"]))
    new["clusters"] = {**new["clusters"], "name": cluster}
    shared = None if own["clusters"] is not None else _same_entry(document, new["clusters"])
    cluster_name = cluster
    if shared is None:
        kept = _kept(document, "clusters", own)
        if kept in taken and not _is_shared(document, kept, request):
            kept = ""  # from before other files counted: it leads their contexts elsewhere
        cluster_name = kept or _free([cluster], used["clusters"] | taken)
    both = used["users"] | used["contexts"] | taken
    wanted = [account, f"{account}@{cluster}"]
    context_name = _kept(document, "contexts", own) or _free(wanted, both)
    user_name = _kept(document, "users", own) or _free([context_name, *wanted], used["users"] | taken)

    entries = {
        "clusters": marked(new["clusters"], "clusters", cluster_name, request),
        "contexts": marked(new["contexts"], "contexts", context_name, request),
        "users": marked(new["users"], "users", user_name, request),
    }
    inner_of(entries["contexts"], "contexts").update(cluster=cluster_name, user=user_name)
    changes = [
        Change(section, own[section], entry)
        for section, entry in entries.items()
        if not (section == "clusters" and shared is not None)
    ]
    if not document.get("contexts") and not document.get("current-context") and not others.current:
        changes.append(Change("current-context", None, context_name))  # the only way in there is
    if not document:
        whole = {"apiVersion": "v1", "kind": "Config", **preferences()}
        return _fresh(path, text, changed(whole, changes), context_name)
    return _result(path, text, document, changes, context_name)


def _fresh(path: Path, text: str, document: Document, context: str) -> Merge:
    """A file that is not there, or holds no more than comments."""
    document = {"current-context": ""} | document
    order = ("apiVersion", "clusters", "contexts", "current-context", "kind", "preferences", "users")
    comments = [f"{line}\n" for line in text.splitlines() if line.startswith("#")]
    full = "".join(comments) + dump({key: document[key] for key in order if key in document})
    return Merge(path, context, Sensitive(full), True, _diff(path, {}, document))


def _result(path: Path, text: str, document: Document, changes: Sequence[Change], context: str) -> Merge:
    changes = [change for change in changes if _is_change(document, change)]
    edited = edit(text, document, changes) if changes else None
    if edited is None:
        return Merge(path, context, Sensitive(text), False, "")
    before: Document = {}
    after: Document = {}
    for change in changes:
        if isinstance(change.entry, str):
            after[change.section] = change.entry
            continue
        if change.index is not None:
            before.setdefault(change.section, []).append(document[change.section][change.index])
        if change.entry is not None:
            after.setdefault(change.section, []).append(change.entry)
    _check(edited.text.encode(), path)
    return Merge(path, context, Sensitive(edited.text), True, _diff(path, before, after), edited.in_place)


def _is_change(document: Document, change: Change) -> bool:
    return change.index is None or document[change.section][change.index] != change.entry


def read(path: Path, judged: Which | None = None) -> tuple[str, Document]:
    """The text and the document; both empty where there is no file. Refuses what kubectl could not read, and what is
    something else, which kubectl would take for an empty kubeconfig."""
    content = read_if_there(path, judged=judged)
    if content is None:
        return "", {}
    data = content.reveal_bytes()
    document = _check(data, path)
    if document and not _KEYS & document.keys():
        found = ", ".join(safe_text(str(key), 40) for key in list(document)[:3])
        raise ConfigError(
            f"{path} is YAML, but no kubeconfig: it holds {found}",
            hint="it was not changed; choose another path, or a new one",
        )
    try:
        return data.decode("utf-8"), document
    except UnicodeDecodeError:
        return dump(document), document  # UTF-16: what is written will be UTF-8


def _check(data: bytes, path: Path) -> Document:
    document: object = None
    try:
        document = load_first(data)
        problems = [problem.message for problem in read_document(document, path, str(path)).problems]
    except YAMLError as error:
        problems = [f'error loading config file "{path}": {error}']
    except ConfigError as error:
        problems = [error.message]
    if problems:
        raise ConfigError(problems[0], hint="it was not changed; repair it first")
    return document if isinstance(document, dict) else {}


def _names(document: Document, section: str, *, except_for: int | None) -> set[str]:
    return {
        str(entry.get("name"))
        for index, entry in enumerate(document.get(section) or [])
        if isinstance(entry, dict) and index != except_for
    }


def _kept(document: Document, section: str, own: dict[str, int | None]) -> str:
    index = own[section]
    return "" if index is None else str(document[section][index]["name"])


def _is_shared(document: Document, cluster: str, request: str) -> bool:
    """Whether contexts of others in the file lead to that cluster entry."""
    contexts = (entry for entry in document.get("contexts") or [] if wish_of(entry, "contexts") != request)
    return any(inner_of(entry, "contexts").get("cluster") == cluster for entry in contexts)


def _same_entry(document: Document, entry: Document) -> int | None:
    """Where the file already has this very cluster under the same name."""
    for index, there in enumerate(document.get("clusters") or []):
        if isinstance(there, dict) and there.get("name") == entry["name"]:
            return index if plain_of(there, "clusters") == inner_of(entry, "clusters") else None
    return None


def _free(wanted: Sequence[str], used: Collection[str]) -> str:
    def names() -> Iterator[str]:
        yield from wanted
        number = 2
        while True:
            yield f"{wanted[-1]}-{number}"
            number += 1

    return next(name for name in names() if name not in used)


def _removals(document: Document, request: str) -> Iterator[Change]:
    for section in ("contexts", "users"):
        if (index := index_of(document, section, request)) is not None:
            yield Change(section, index, None)
    contexts, own = document.get("contexts") or [], index_of(document, "contexts", request)
    if own is None:
        return
    if document.get("current-context") == contexts[own].get("name"):
        yield Change("current-context", None, "")
    name = inner_of(contexts[own], "contexts").get("cluster")
    if any(inner_of(entry, "contexts").get("cluster") == name for entry in contexts if entry is not contexts[own]):
        return
    for index, entry in enumerate(document.get("clusters") or []):
        if entry.get("name") == name and wish_of(entry, "clusters") is not None:
            yield Change("clusters", index, None)


def _diff(path: Path, before: Document, after: Document) -> str:
    old, new = (dump(masked_tree(side)) if side else "" for side in (before, after))
    return diff(str(path), old, new, context=99)
