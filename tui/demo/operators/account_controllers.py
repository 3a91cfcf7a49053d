"""The controllers around service accounts: `default` in every namespace, and what fills and removes token Secrets."""

from __future__ import annotations

import copy
import random
from base64 import b64encode
from typing import Final

from tui.demo.apiserver.access import Object
from tui.demo.apiserver.storage import NAMESPACES, SECRETS, SERVICE_ACCOUNTS, Change, Storage
from tui.demo.apiserver.tokens import TokenIssuer

from .objects import ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE, account, token_secret
from .worker import Worker

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"

Named = tuple[str, str]
"""Namespace and name."""


class AccountController:
    """Every active namespace has an account called `default`."""

    def __init__(self, storage: Storage, delay: float) -> None:
        self._storage = storage
        self.worker: Worker[str] = Worker(self._reconcile, delay)
        storage.subscribe(self._namespace, NAMESPACES)
        storage.subscribe(self._account, SERVICE_ACCOUNTS)
        for namespace in storage.list(NAMESPACES):
            self.worker.add(namespace["metadata"]["name"])

    def _namespace(self, change: Change) -> None:
        if change.type != "DELETED":
            self.worker.add(change.now.key[2])

    def _account(self, change: Change) -> None:
        if change.type == "DELETED" and change.now.key[2] == "default":
            self.worker.add(change.now.key[1])

    def _reconcile(self, namespace: str) -> None:
        if is_active(self._storage, namespace) and self._storage.get(SERVICE_ACCOUNTS, "default", namespace) is None:
            self._storage.create(SERVICE_ACCOUNTS, account("default", namespace))


class TokenController:
    """Fills token Secrets, deletes those whose account is gone, and on old servers makes one for every account."""

    def __init__(
        self, storage: Storage, issuer: TokenIssuer, ca: bytes, delay: float, rng: random.Random | None = None
    ) -> None:
        self._storage = storage
        self._issuer = issuer
        self._ca = b64encode(ca).decode()
        self._rng = rng or random.Random()  # noqa: S311 (names, not secrets)
        self._of_account: dict[Named, set[str]] = {}
        self.secrets: Worker[Named] = Worker(self._secret, delay)
        self.accounts: Worker[Named] = Worker(self._account, delay)
        storage.subscribe(self._secret_changed, SECRETS)
        storage.subscribe(self._account_changed, SERVICE_ACCOUNTS)
        for secret in storage.list(SECRETS):
            if secret.get("type") == TOKEN_TYPE:
                self._index(secret)
                self.secrets.add(_named(secret))
        if issuer.features.auto_token_secrets:
            for found in storage.list(SERVICE_ACCOUNTS):
                self.accounts.add(_named(found))

    def _index(self, secret: Object) -> Named:
        metadata = secret["metadata"]
        owner = (metadata["namespace"], (metadata.get("annotations") or {}).get(ACCOUNT_NAME, ""))
        self._of_account.setdefault(owner, set()).add(metadata["name"])
        return owner

    def _secret_changed(self, change: Change) -> None:
        secret = change.now.object
        if secret.get("type") != TOKEN_TYPE:
            return
        owner = self._index(secret)
        if change.type == "DELETED":
            self._of_account[owner].discard(secret["metadata"]["name"])
            self.accounts.add(owner)
        else:
            self.secrets.add(_named(secret))

    def _account_changed(self, change: Change) -> None:
        key = _named(change.now.object)
        self.accounts.add(key)
        for name in self._of_account.get(key, ()):
            self.secrets.add((key[0], name))

    def _secret(self, key: Named) -> None:
        namespace, name = key
        secret = self._storage.get(SECRETS, name, namespace)
        if secret is None or secret.get("type") != TOKEN_TYPE:
            return
        annotations = secret["metadata"].get("annotations") or {}
        owner = self._storage.get(SERVICE_ACCOUNTS, annotations.get(ACCOUNT_NAME, ""), namespace)
        wanted_uid = annotations.get(ACCOUNT_UID)
        if owner is None or (wanted_uid and wanted_uid != owner["metadata"]["uid"]):
            self._storage.delete(SECRETS, name, namespace, uid=secret["metadata"]["uid"])
            return
        filled = self.filled(secret, owner)
        if filled != secret:
            self._storage.update(SECRETS, filled, version=secret["metadata"]["resourceVersion"])

    def filled(self, secret: Object, owner: Object) -> Object:
        """`secret` with everything that a token Secret of `owner` holds; a namespace that is there already stays."""
        filled = copy.deepcopy(secret)
        data = filled["data"] = dict(filled.get("data") or {})
        data["ca.crt"] = self._ca
        if not data.get("namespace"):
            data["namespace"] = b64encode(owner["metadata"]["namespace"].encode()).decode()
        if not data.get("token"):
            data["token"] = b64encode(self._issuer.legacy_token(secret, owner).encode()).decode()
        annotations = token_secret("", "", owner)["metadata"]["annotations"]
        filled["metadata"]["annotations"] = (filled["metadata"].get("annotations") or {}) | annotations
        return filled

    def _account(self, key: Named) -> None:
        namespace, name = key
        found = self._storage.get(SERVICE_ACCOUNTS, name, namespace)
        if found is None:
            for orphan in tuple(self._of_account.get(key, ())):
                self.secrets.add((namespace, orphan), 0)
            return
        if not self._issuer.features.auto_token_secrets or found["metadata"].get("deletionTimestamp"):
            return
        present = self._of_account.get(key, set())
        referenced = [  # a token that is gone is no longer referred to; what else the account names is its own business
            reference
            for reference in found.get("secrets") or ()
            if self._exists(reference, namespace) or not reference.get("name", "").startswith(f"{name}-token-")
        ]
        wanted, missing = list(referenced), not any(reference.get("name") in present for reference in referenced)
        if missing and is_active(self._storage, namespace):
            suffix = "".join(self._rng.choice(_LETTERS) for _ in range(5))
            made = token_secret(f"{name}-token-{suffix}", namespace, found)
            self._storage.create(SECRETS, self.filled(made, found))
            wanted.append({"name": made["metadata"]["name"]})
        if wanted != (found.get("secrets") or []):
            changed = copy.deepcopy(found)
            changed["secrets"] = wanted
            self._storage.update(SERVICE_ACCOUNTS, changed, version=found["metadata"]["resourceVersion"])

    def _exists(self, reference: Object, namespace: str) -> bool:
        return self._storage.get(SECRETS, reference.get("name", ""), namespace) is not None


def is_active(storage: Storage, namespace: str) -> bool:
    """Whether a namespace is there and not on its way out."""
    found = storage.get(NAMESPACES, namespace)
    return found is not None and not found["metadata"].get("deletionTimestamp")


def _named(obj: Object) -> Named:
    return (obj["metadata"]["namespace"], obj["metadata"]["name"])
