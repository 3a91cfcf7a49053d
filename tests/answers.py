"""Answers of the credential plugin that lie in its cache, made by hand."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from tui.issuance.records.exec_cache import Question
from tui.issuance.records.exec_record import STAMP, record


def token(uid: str = "uid-1", account: str = "robot", lasts: float = 3600, **more: Any) -> str:
    """What has the form of a service account's token; nobody signed it."""
    about = {"namespace": "shop", "serviceaccount": {"name": account, "uid": uid}}
    claims = {"exp": int(time.time() + lasts) + 1, "iss": "i", "sub": f"shop:{account}", "kubernetes.io": about} | more
    parts = (json.dumps({"alg": "none"}).encode(), json.dumps(claims).encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def status_of(lasts: float = 3600, **fields: str) -> dict[str, str]:
    """A status that holds for so many seconds: a token, unless `fields` say otherwise."""
    ends = time.strftime(STAMP, time.gmtime(time.time() + lasts + 1))
    return {"expirationTimestamp": ends} | (fields or {"token": token(lasts=lasts)})


def remember(
    question: Question,
    status: dict[str, str] | None = None,
    *,
    lasts: float = 3600,
    due: float = 1800,
    caller: str = "",
) -> dict[str, str]:
    """Put an answer into the cache, made for `caller`; it is good for `lasts` seconds and to be renewed in `due`."""
    now, status = time.time(), status or status_of(lasts)
    kept = record(question.name, caller, status, good_until=now + lasts, renew_at=now + due)
    write(question, json.dumps(kept))
    return status


def write(question: Question, text: str) -> None:
    """Any text as the file of a question."""
    file = Path(question.file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
