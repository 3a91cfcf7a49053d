"""What a file of the credential plugin's cache holds, and whether all of it can be believed. Standard library only.

The answer as kubectl is given it, until when it is good and from when it is to be renewed, which question it answers
and for whom it was made, and which account the token in it is for. Whatever is odd about a file is no answer.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import math
import time

TYPE_CHECKING = False  # as in `exec_cache`
if TYPE_CHECKING:
    from typing import Any

STAMP = "%Y-%m-%dT%H:%M:%SZ"
_KEYS = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
_URL = {ord("-"): "+", ord("_"): "/"}


class Kept:
    """An answer from the last time that could be read whole."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.status: dict[str, str] = record["status"]
        self.good_until: float = record["goodUntil"]
        self.renew_at: float = record["renewAt"]
        self.minted_at: float = record["mintedAt"]
        self.minted_for: str = record["mintedFor"]
        self.subject: str = record["subject"]
        self.uid: str = record["uid"]

    @property
    def fingerprint(self) -> str:
        """What tells this answer from every other."""
        text: str = self.record["sum"]
        return text


def record(
    question: str, caller: str, status: dict[str, str], *, good_until: float, renew_at: float, ahead: float = 0.0
) -> dict[str, Any]:
    """What the file of a question holds: seconds since the epoch by this machine's clock.

    `ahead` is how far the clock that stamped the answer is ahead of it.
    """
    subject, uid = _account(status.get("token", ""))
    return {
        "ahead": ahead,
        "failures": 0,
        "goodUntil": good_until,
        "mintedAt": time.time(),
        "mintedFor": caller,
        "question": question,
        "renewAt": renew_at,
        "status": status,
        "subject": subject,
        "sum": _sum(status),
        "uid": uid,
    }


def read_record(data: bytes, name: str) -> Kept | None:
    """What a file holds that belongs to the question `name`; None for whatever is odd about it."""
    try:
        found = json.loads(data)
        if not isinstance(found, dict) or found["question"] != name or found["sum"] != _sum(found["status"]):
            return None
        numbers = [found[key] for key in ("ahead", "goodUntil", "mintedAt", "renewAt", "failures")]
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            return None
        if not all(isinstance(found[key], str) for key in ("mintedFor", "subject", "uid")):
            return None
        ends = found["goodUntil"] + found["ahead"]
        good = _whole(found["status"], ends) and (found["subject"], found["uid"]) == _account(
            found["status"].get("token", "")
        )
        return Kept(found) if good else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
        return None


def _whole(status: dict[str, Any], ends: float) -> bool:
    """Whether it is a credential for as long as the record says: a token, or a certificate with its key."""
    token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    if not all(isinstance(value, str) and value for value in status.values()):
        return False
    if not set(status) <= {"token", "clientCertificateData", "clientKeyData", "expirationTimestamp"}:
        return False
    if time.strftime(STAMP, time.gmtime(ends)) > status["expirationTimestamp"]:
        return False
    if "".join("0" if sign.isdigit() else sign for sign in status["expirationTimestamp"]) != "0000-00-00T00:00:00Z":
        return False
    if token is None and certificate is None:
        return False
    if (certificate is None) != (key is None):
        return False
    if token is not None and not _payload(token).get("exp", 0) >= int(ends):
        return False
    return certificate is None or (_pem(certificate, ("CERTIFICATE",)) and _pem(key or "", _KEYS))


def _pem(text: str, kinds: tuple[str, ...]) -> bool:
    """Whether it is PEM of these kinds from its first byte to its last."""
    blocks = text.strip().split("-----BEGIN ")
    if blocks.pop(0) or not blocks:
        return False
    for block in blocks:
        kind, begun, rest = block.partition("-----\n")
        body, ended, behind = rest.partition(f"\n-----END {kind}-----")
        if not (begun and ended) or behind.strip() or kind not in kinds:
            return False
        if not binascii.a2b_base64("".join(body.split()), strict_mode=True):
            return False
    return True


def _payload(token: str) -> dict[str, Any]:
    """What a JSON web token says. Raises ValueError for what is none."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError("three parts")
    decoded = [binascii.a2b_base64(part.translate(_URL) + "=" * (-len(part) % 4), strict_mode=True) for part in parts]
    found = json.loads(decoded[1])
    if not isinstance(found, dict):
        raise ValueError("an object")
    return found


def _account(token: str) -> tuple[str, str]:
    """Which account of which issuer a token is for, and that account's UID; empty where it says neither."""
    if not token:
        return "", ""
    claims = _payload(token)
    account = claims.get("kubernetes.io", {}).get("serviceaccount", {})
    return f"{claims.get('iss', '')} {claims.get('sub', '')}", str(account.get("uid", ""))


def _sum(status: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(status, sort_keys=True).encode()).hexdigest()
