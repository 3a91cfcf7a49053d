"""One side of the contract: an API server, the administrator's way in, and how to become somebody else."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
import ssl
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract import differences
from tests.contract.api import API, eventually
from tests.contract.objects import pod, pods

KUBECTL = shutil.which("kubectl")


@dataclasses.dataclass
class Server:
    """What the checks get. `side` is `real` or `embedded`."""

    side: str
    kubeconfig: Path
    context: str
    sign_client: Callable[[str, Sequence[str]], tuple[bytes, bytes]]
    """A client certificate and key (PEM) for a user and groups, signed by the cluster's authority."""
    forget_history: Callable[[], None]
    """What etcd's compaction does: continue tokens and resourceVersions of the past are gone."""
    has_controllers: bool
    folder: Path
    admin: API = dataclasses.field(init=False)
    version: tuple[int, int] = dataclasses.field(init=False)
    empty_strings_are_null: bool = dataclasses.field(init=False)
    server: str = dataclasses.field(init=False)
    authority: str = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        config = _read(self.kubeconfig)
        context = _named(config, "contexts", self.context)["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        self.server = cluster["server"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        if "token" in user:
            self.admin = self.as_token(user["token"])
        else:
            pair = [base64.b64decode(user[field]) for field in ("client-certificate-data", "client-key-data")]
            self.admin = self._as_pair(pair[0], pair[1])
        # major and minor are empty in builds that were not stamped (Debian's), so read gitVersion
        answer = self.admin.get("/version").expect(200)
        self.version = _version(answer["gitVersion"])
        go = _version(answer["goVersion"])
        self.empty_strings_are_null = differences.empty_strings_are_null(self.side, self.version, go)

    def has(self, behaviour: str) -> bool:
        """Whether this server's version has one of `differences.SINCE`."""
        return differences.has(self.version, behaviour)

    def needs_controllers(self) -> None:
        """Skips the check where no controller manager runs."""
        if not self.has_controllers:
            pytest.skip("no kube-controller-manager beside the API server (envtest's archives have none)")

    def as_token(self, token: str) -> API:
        """Whoever `token` speaks for."""
        return API(self.server, self._context(), {"Authorization": f"Bearer {token}"})

    def as_user(self, user: str, *groups: str) -> API:
        """Somebody with a client certificate."""
        return self._as_pair(*self.sign_client(user, groups))

    def as_pair(self, certificate: bytes, key: bytes) -> API:
        """Whoever holds this client certificate."""
        return self._as_pair(certificate, key)

    def anonymous(self) -> API:
        """Nobody."""
        return API(self.server, self._context())

    def new_namespace(self, prefix: str = "check") -> str:
        """A namespace of the check's own. It is left behind: the whole server is thrown away."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.admin.post("/api/v1/namespaces", body).expect(201)
        return name

    def account(self, namespace: str, name: str = "robot") -> Any:
        """A new service account."""
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        return self.admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", body).expect(201)

    def found(self, path: str) -> Any:
        """The object at `path`, None where it does not exist."""
        answer = self.admin.get(path)
        return None if answer.status == 404 else answer.expect(200)

    def gone(self, path: str, seconds: float = 10) -> None:
        """Waits until nothing is at `path`."""
        eventually(lambda: self.admin.get(path).status == 404, f"{path} is gone", seconds)

    def define(self, definition: Any) -> None:
        """Installs a CustomResourceDefinition and waits until its objects can be listed."""
        name = definition["metadata"]["name"]
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        answer = self.admin.post(path, definition)
        assert answer.status in (201, 409), answer.content

        def established() -> bool:
            conditions = (
                self.admin.get(f"{path}/{name}").expect(200).get("status", {}).get("conditions") or []
            )  # null at first
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        eventually(established, f"{name} is established")
        spec = definition["spec"]
        listed = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        eventually(lambda: self.admin.get(listed, limit=1).status == 200, f"{listed} is served")

    def pod(self, namespace: str, name: str, account: str = "robot") -> Any:
        """A new Pod of an account; old servers take it once the account's token Secret exists."""

        def created() -> Any:
            answer = self.admin.post(pods(namespace), pod(name, account))
            if answer.status == 500 and "No API token found for service account" in answer.body["message"]:
                return None
            return answer.expect(201)

        return eventually(created, f"pod {namespace}/{name} is accepted")

    def token(self, namespace: str, name: str = "robot", **spec: object) -> str:
        """A token for an account, by TokenRequest."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return str(self.admin.post(path, {"spec": spec}).expect(201)["status"]["token"])

    def kubectl(self, *arguments: str, stdin: str | None = None, code: int | None = 0) -> str:
        """Runs kubectl as the administrator; gives stdout, and stderr too where it should fail (`code` not 0)."""
        if KUBECTL is None:
            pytest.skip("kubectl is not on the PATH")
        command = [KUBECTL, f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        command += [f"--cache-dir={self.folder / 'kubectl-cache'}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30, check=False)
        assert code is None or done.returncode == code, (
            f"kubectl {arguments}: {done.returncode} {done.stdout} {done.stderr}"
        )
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority)

    def _as_pair(self, certificate: bytes, key: bytes) -> API:
        context = self._context()
        path = self.folder / f"{uuid.uuid4().hex}.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(path)
        path.unlink()
        return API(self.server, context)


def claims_of(token: str) -> Any:
    """The claims of a JWT, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def decoded(secret: Any, key: str) -> str:
    """One value of a Secret."""
    return base64.b64decode(secret["data"][key]).decode()


def review(server: Server, token: str, **spec: object) -> Any:
    """The status of a TokenReview by the administrator."""
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    return server.admin.post(path, {"spec": {"token": token, **spec}}).expect(201)["status"]


def _version(text: str) -> tuple[int, int]:
    major, minor = text.lstrip("vgo").split(".")[:2]
    return int(major), int(minor)


def _named(config: Any, kind: str, name: str) -> Any:
    return next(entry for entry in config[kind] if entry["name"] == name)


def _read(path: Path) -> Any:
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
