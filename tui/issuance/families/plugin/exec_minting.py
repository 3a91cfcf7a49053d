"""What kubemint's credential plugin gives: a client certificate for a shoot, or a token for a service account.

Kept only in the plugin's cache, unbound to any handle: what lives a quarter of an hour is not worth one. It is minted
anew when it is due, or when whoever got it asks again; where that fails, the old one is given while it works.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.issuance.destinations.files import write_private
from tui.issuance.errors import FileError, IssuanceError, UsageError
from tui.issuance.model.renewal import retry_at, spread, threshold
from tui.issuance.model.types import Identity
from tui.issuance.objects.token_request import ObjectBinding, request_token
from tui.issuance.records.exec_cache import Question, document, read_own
from tui.issuance.records.exec_record import STAMP, Kept, read_record, record
from tui.kube.addresses import same_place
from tui.kube.exec_credential import ExecCredential
from tui.kube.sensitive import Sensitive

if TYPE_CHECKING:
    from tui.kube.client import Client

_EARLY: Final = timedelta(minutes=1)
"""So long before its end an answer is not given again: the command that asks takes its time too."""


async def of_account(
    client: Client,
    question: Question,
    identity: Identity,
    duration: timedelta | None,
    audiences: tuple[str, ...],
    bound: ObjectBinding | None = None,
) -> ExecCredential:
    """A token for the account, `bound` to an object where one is named.

    Raises IssuanceError where it would go to another server than the account's, UsageError where a client does not say
    to which it goes; who asks by hand names the cluster.
    """
    check_server(question, identity.cluster, client.endpoint.server)
    issued = await request_token(client, identity, duration, audiences, bound)
    return ExecCredential(token=issued.token, expires_at=issued.expires_at)


def check_server(question: Question, cluster: str, own: str) -> None:
    """Raises UsageError or IssuanceError, as `of_account`, where the token would not go to `own`, the cluster's."""
    server = question.cluster.get("server")
    if question.told and not server:
        raise UsageError(
            "the kubeconfig does not say to which server the token goes",
            "create it again with `kubemint issue --exec`; a client says it where provideClusterInfo is true",
        )
    if server and not same_place(str(server), own):
        raise IssuanceError(
            f"the token would go to {server}, and {cluster} is at {own}",
            "correct `--context` in the kubeconfig, or create it again",
        )


def answer(question: Question, made: ExecCredential, ahead: timedelta) -> Sensitive:
    """Keep it for the next time, and give what is to be printed. A cache that cannot be written is done without.

    `ahead` is how far the clock that stamped it is ahead of ours, by which the cache goes.
    """
    assert made.expires_at is not None
    status = {"expirationTimestamp": made.expires_at.astimezone(UTC).strftime(STAMP)}
    if made.token is not None:
        status["token"] = made.token.reveal()
    if made.certificate is not None and made.key is not None:
        status |= {"clientCertificateData": made.certificate.decode(), "clientKeyData": made.key.reveal()}
    ends, now = made.expires_at - ahead, datetime.now(UTC)
    good_until = ends - _EARLY
    due = min(good_until, threshold(now, ends)) if ends > now else good_until
    with suppress(ValueError):  # what the cache would not believe is not kept
        kept = record(
            question.name, question.caller, status, good_until=good_until.timestamp(), renew_at=due.timestamp(),
            ahead=ahead.total_seconds(),
        )  # fmt: skip
        _keep(question, Kept(kept))
    return Sensitive(document(question.version, status))


def last_answer(question: Question) -> tuple[Sensitive, datetime] | None:
    """Where renewing failed: the old answer while it works, and when it is tried again; None where there is none.

    One that was refused is never given again.
    """
    kept = question.kept()
    if kept is None or question.refused(kept):
        return None
    failures = int(kept.record["failures"]) + 1
    ends = datetime.fromtimestamp(kept.good_until, UTC)
    again = retry_at(datetime.now(UTC), ends, failures, spread(f"{question.name}{failures}"))
    _keep(question, Kept({**kept.record, "failures": failures, "renewAt": again.timestamp()}))
    return Sensitive(document(question.version, kept.status)), again


def _keep(question: Question, kept: Kept) -> None:
    if not question.file or not question.has_folder():
        return
    try:
        write_private(Path(question.file), Sensitive(json.dumps(kept.record, separators=(",", ":"))))
        question.give(kept)
        _sweep(Path(question.file), kept)
    except (FileError, OSError):
        pass


_OWN: Final = re.compile(r"[0-9a-f]{64}\.json(\.lock|\.given)?")
"""What the cache calls its files; nothing else in the folder is ever touched."""


def _sweep(kept_in: Path, kept: Kept) -> None:
    """Remove what was not asked for since a day, and what an account had that is not this one any more.

    One that was made anew under its name has another UID, and the tokens of the old one are no credentials.
    """
    oldest = datetime.now(UTC).timestamp() - 86400
    for file in kept_in.parent.iterdir():
        if not _OWN.fullmatch(file.name):
            continue
        if not file.name.startswith(kept_in.name) and file.lstat().st_mtime < oldest:
            file.unlink(missing_ok=True)
        elif kept.subject and file.suffix == ".json":
            other = read_record(read_own(str(file)), file.stem)
            if other is not None and other.subject == kept.subject and other.uid != kept.uid:
                file.unlink(missing_ok=True)
