"""What is wrong with the files on this machine: who else may read them, and what kubeconfigs hold.

Blocking: call it in a thread. Files are hostile input and are only read; nothing that they name is run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance.destinations.files import MAX_READ, read_private, readable_by_others
from tui.issuance.destinations.kubeconfig_entries import certificate_of, files_of, token_claims
from tui.issuance.errors import IssuanceError
from tui.kube import shell
from tui.kube.amounts import about
from tui.kube.home import expanded
from tui.kube.lint import Severity as Lint, lint
from tui.kube.sensitive import Sensitive
from tui.kube.text import safe_text
from tui.kube.usable import refused_plugin

from .finding import RULES, Finding, Fix

if TYPE_CHECKING:
    from tui.kube.entries import UserEntry
    from tui.kube.kubeconfig import KubeConfig

_DEEPEST: Final = 3
_MOST_FILES: Final = 2000
"""In folders that are given, no more than so many levels and files are looked at."""


class DiskReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on this machine, how many files were looked at, and which could not be."""

    findings: tuple[Finding, ...] = ()
    files: int = 0
    problems: tuple[str, ...] = ()


def look_at_disk(
    config: KubeConfig, exports: Iterable[str] = (), paths: Sequence[Path] = (), now: datetime | None = None
) -> DiskReport:
    """The kubeconfigs in use with the files that they name, what kubemint exported, and `paths` (folders too)."""
    look = _Look(now or datetime.now(UTC))
    for file in config.files:
        if file.exists():
            look.permissions(file, holds=_holds(user for user in config.users.values() if user.origin == file))
    look.entries(config, in_use=True)
    for export in map(Path, exports):
        if export.exists():
            look.permissions(export)
    for path in paths:
        for file in look.below(path):
            look.file(file)
    return DiskReport(findings=tuple(look.findings), files=len(look.seen), problems=tuple(look.problems))


class _Look:
    """One look around."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.findings: list[Finding] = []
        self.problems: list[str] = []
        self.seen: set[Path] = set()

    def below(self, path: Path) -> Iterator[Path]:
        """The file itself, or every file in the folder."""
        path = expanded(path).absolute()
        if not path.is_dir():
            yield path
            return
        count = 0
        for folder, folders, names in os.walk(path):
            if len(Path(folder).relative_to(path).parts) >= _DEEPEST:
                folders.clear()
            for name in sorted(names):
                file = Path(folder) / name
                if file.is_file():
                    count += 1
                    if count > _MOST_FILES:
                        self.problems.append(f"{path}: only the first {_MOST_FILES} files were looked at")
                        return
                    yield file

    def file(self, path: Path) -> None:
        """A file of which nothing is known but its name."""
        from tui.kube.errors import KubeError
        from tui.kube.kubeconfig import parse

        try:
            material = read_private(path, MAX_READ)
        except IssuanceError as error:
            self.problems.append(str(error))
            return
        self.seen.add(path)
        data = material.reveal_bytes()
        if b"clusters" in data and b"users" in data:
            try:
                config = parse(data, path)
            except KubeError:
                config = None  # it only looks like one
            if config is not None and (config.users or config.clusters):
                self.permissions(path, holds=_holds(config.users.values()))
                self.entries(config, in_use=False)
                return
        self.material(path, material)

    def material(self, path: Path, material: Sensitive) -> None:
        """A token, a key or a Secret in a file, where it is one; anything else is left out here."""
        from tui.issuance.insight.inspecting import NotInspectable, inspect
        from tui.issuance.insight.inspection import InspectedCertificate, InspectedToken

        data = material.reveal_bytes()
        if b"PRIVATE KEY-----" in data:
            self.permissions(path)
        try:
            inspection = inspect(data, now=self.now)
        except (NotInspectable, IssuanceError):
            return
        for item in inspection.items:
            if isinstance(item, InspectedToken) and item.claims is not None:
                self.permissions(path)
                ends = item.claims.expires_at
                if ends is None:
                    self.add("endless-token", str(path), "the token in it never expires",
                             "issue a short-lived one, then revoke this", shell.command("kubemint", "inspect", path),
                             path=str(path))  # fmt: skip
                else:
                    self._expired(ends, "its token", str(path), str(path), shell.command("rm", path))
            elif isinstance(item, InspectedCertificate) and not item.certificate.is_ca:
                self._expired(item.certificate.not_after, "its certificate", str(path), str(path), "")

    def permissions(self, path: Path, *, holds: bool = True) -> None:
        """Who else may read or change it. `holds` says whether there is anything in it to read."""
        path = path.absolute()
        if path in self.seen and any(finding.path == str(path) and finding.fix for finding in self.findings):
            return
        self.seen.add(path)
        try:
            readers = readable_by_others(path)
            writers = path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        except OSError as error:
            self.problems.append(f"{path}: {(error.strerror or type(error).__name__).lower()}")
            return
        command = shell.command("chmod", "600", path)
        action = "make it readable for you alone; where others had time to read it, rotate what is in it"
        if readers and holds:
            self.add("readable-file", str(path), f"it can be read by {readers}", action, command,
                     fix=Fix.CHMOD, path=str(path))  # fmt: skip
        if writers:
            self.add("writable-file", str(path), "it can be changed by others than you",
                     "make it yours alone, and look at what it says", command, fix=Fix.CHMOD,
                     path=str(path))  # fmt: skip

    def entries(self, config: KubeConfig, *, in_use: bool) -> None:
        """What the entries of a kubeconfig hold. Of one `in_use`, contexts are clusters of the fleet."""
        if not (config.clusters or config.users or config.contexts or config.problems):
            return  # an empty one is nothing wrong
        contexts = {context.cluster: context.name for context in config.contexts.values()} if in_use else {}
        logins = {context.user: context.name for context in config.contexts.values()} if in_use else {}
        for cluster in config.clusters.values():
            insecure = cluster.insecure
            if insecure or cluster.server.lower().startswith("http:"):
                self.add(
                    "insecure-tls",
                    f"cluster {safe_text(cluster.name)}",
                    "insecure-skip-tls-verify is set: the server's identity is not verified"
                    if insecure
                    else "it is reached over plain http",
                    "give its certificate-authority-data instead" if insecure else "use https",
                    _kubectl(cluster.origin, "config", "set-cluster", cluster.name, "--insecure-skip-tls-verify=false",
                             "--certificate-authority=CA.CRT", "--embed-certs"),
                    path=str(cluster.origin or ""),
                    cluster=contexts.get(cluster.name, ""),
                )  # fmt: skip
        for user in config.users.values():
            self._user(user, logins.get(user.name, ""))
        for remark in lint(config):
            if remark.severity is Lint.ERROR and not _covered(remark.message):
                self.add("broken-entry", f"{remark.kind} {safe_text(remark.name)}".strip(), remark.message,
                         "correct it, or remove the entry", path=remark.origin)  # fmt: skip

    def _user(self, user: UserEntry, context: str) -> None:
        origin, name = str(user.origin or ""), f"user {safe_text(user.name)}"
        delete = _kubectl(user.origin, "config", "delete-user", user.name)
        if user.password is not None:
            self.add("static-password", name, f"it has the password of {safe_text(user.username) or 'somebody'}",
                     "remove it, and log in with a token, a certificate or a program",
                     _kubectl(user.origin, "config", "unset", f"users.{user.name}.password"),
                     path=origin, cluster=context)  # fmt: skip
        refusals = list(refused_plugin(user))
        if refusals:
            self.add("refused-plugin", name, "; ".join(refusals),
                     "update the entry, as the program's own documentation says", path=origin,
                     cluster=context)  # fmt: skip
        claims, certificate = token_claims(user), certificate_of(user)
        if claims is not None:
            if claims.expires_at is None:
                if not context or user.token_file:  # others are credentials of the fleet
                    self.add("endless-token", name, "its token never expires",
                             "use short-lived ones: kubemint issue, or exec-credential", path=origin)  # fmt: skip
            else:
                self._expired(claims.expires_at, "its token", name, origin, delete, context)
        if certificate is not None:
            self._expired(certificate.not_after, "its client certificate", name, origin, delete, context)
        for file in files_of(user):
            if file.exists():
                self.permissions(file)

    def _expired(self, ends: datetime, what: str, subject: str, path: str, command: str, context: str = "") -> None:
        if ends <= self.now:
            self.add("expired-entry", subject, f"{what} expired {about(self.now - ends)} ago",
                     "log in again, or remove it", command, path=path, cluster=context)  # fmt: skip

    def add(
        self,
        rule: str,
        subject: str,
        message: str,
        action: str,
        command: str = "",
        *,
        fix: Fix = Fix.NONE,
        path: str = "",
        cluster: str = "",
    ) -> None:
        self.findings.append(
            Finding(
                rule=rule,
                severity=RULES[rule].severity,
                subject=subject,
                message=safe_text(message),
                action=action,
                command=command,
                fix=fix,
                path=path,
                cluster=cluster,
            )
        )


def _holds(users: Iterable[UserEntry]) -> bool:
    """Whether there is anything in it that is a credential."""
    return any(user.token or user.password or user.client_key_data for user in users)


def _covered(message: str) -> bool:
    """Whether a finding of its own says it already."""
    return "exec" in message or "authProvider" in message or "insecure flag" in message


def _kubectl(origin: Path | None, *words: str) -> str:
    where = ["--kubeconfig", str(origin)] if origin is not None else []
    return shell.command("kubectl", *words, *where)
