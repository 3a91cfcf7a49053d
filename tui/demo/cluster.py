"""One embedded cluster: an API server on a loopback port with its storage, keys, users, controllers and faults."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from .apiserver.access import Call, Object, Reply, Subresource
from .apiserver.admission import AccountAdmission
from .apiserver.authn import Authenticator
from .apiserver.authz import MASTERS, Authorizer
from .apiserver.bootstrap import bootstrap_objects
from .apiserver.faults import Faults, ServerState
from .apiserver.features import Features
from .apiserver.negotiation import media_type
from .apiserver.pki import Authority, Certificate, SigningKey, server_context
from .apiserver.reviews import AUTHENTICATION, Reviews
from .apiserver.server import ApiServer
from .apiserver.storage import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS, Storage
from .apiserver.token_request import TokenRequests
from .apiserver.tokens import TokenIssuer, TokenPolicy
from .apiserver.verify import TRACKING, TokenVerifier
from .operators.account_controllers import AccountController, TokenController
from .operators.certificates import Certificates
from .operators.housekeeping import GarbageCollector, NamespaceController, RootCAPublisher
from .operators.objects import account, made
from .operators.worker import Worker

HOST: Final = "127.0.0.1"
ADMIN: Final = "kubernetes-admin"
_ADMIN_LIFETIME: Final = timedelta(days=365)
_CONTROLLER_DELAY: Final = 0.03
_GRACE: Final = 0.2
_KEY_SET: Final = "application/jwk-set+json"
"""The only form in which real servers give their keys."""
SYSTEM_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")


# What broken clients send is no news, and a message on standard error would tear the dashboard's screen.
_log: Final = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
_log.propagate = False


class EmbeddedCluster:
    """Made by the fleet; `start` opens it. Everything a test wants to reach into is an attribute."""

    def __init__(
        self,
        name: str,
        *,
        version: str,
        key: SigningKey,
        clock: Callable[[], datetime],
        seed: int = 0,
        port: int = 0,
        repeatable: bool = False,
        state: ServerState = ServerState.NORMAL,
    ) -> None:
        self.name = name
        self.version = version
        self.clock = clock
        self.features = Features.of(version)
        self.rng = random.Random(f"{seed}/{name}")  # noqa: S311 (names and numbers of the demo, not secrets)
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        self.authority = Authority(f"{name}-ca", clock())
        self._repeatable = repeatable
        self._written: Counter[str] = Counter()
        self.storage = Storage(clock, new_id=self._id_of_written, snapshots=self.features.serves_snapshots)
        self.faults = Faults()
        self.tokens = TokenIssuer(key, TokenPolicy(self.url, (self.url,)), self.features, clock, self.new_id)
        self.authorizer = Authorizer(self.storage)
        self.authenticator = Authenticator(
            TokenVerifier(self.storage, self.tokens, clock),
            self.authorizer,
            clock,
            constrained=self.features.constrained_impersonation,
        )
        token = Subresource(TokenRequests(self.tokens).handle, "TokenRequest", AUTHENTICATION, "v1")
        self.subresources = {("", "serviceaccounts", "token"): token}
        """What others than the storage answer; more may be added as long as the cluster has not started."""
        self.server = ApiServer(
            storage=self.storage,
            version_info=version_info(version),
            clock=clock,
            authenticate=self.authenticator,
            authorize=self.authorizer,
            admit=(
                self.authorizer.check_creation,
                AccountAdmission(self.features).admit,
                lambda admission: self.certificates.admit(admission),
                self.authorizer.check_escalation,
            ),
            subresources=self.subresources,
            virtual=Reviews(self.authenticator, self.authorizer).virtual(self.features),
            paths={"/.well-known/openid-configuration": self._openid, "/openid/v1/jwks": self._keys},
            faults=self.faults,
        )
        self.certificates = Certificates(self)
        for obj in bootstrap_objects(with_self_subject_review=self.features.self_subject_review):
            obj["metadata"]["uid"] = self.new_id()
            bindings = obj["kind"] == "ClusterRoleBinding"
            self.storage.create(CLUSTER_ROLE_BINDINGS if bindings else CLUSTER_ROLES, obj)
        for namespace in SYSTEM_NAMESPACES:
            self.add_namespace(namespace)
        if self.features.tracks_legacy_tokens:
            tracking = made("ConfigMap", TRACKING, "kube-system", data={"since": f"{clock():%Y-%m-%d}"})
            tracking["metadata"]["uid"] = self.id_of(TRACKING)
            self.storage.create(CONFIG_MAPS, tracking)
        self.workers: list[Worker[Any]] = []
        self.faults.enter(state)
        self._folder: Path | None = None
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._admin: Certificate | None = None

    def new_id(self) -> str:
        """The next UID: nobody else has it, but where all is to be repeatable."""
        number = self.rng.getrandbits(128)  # drawn in either case: the scenery depends on what comes next
        return str(uuid.UUID(int=number, version=4) if self._repeatable else uuid.uuid4())

    def id_of(self, path: str) -> str:
        """A UID that draws no number: from the path, where all is to be repeatable."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, path) if self._repeatable else uuid.uuid4())

    def _id_of_written(self, path: str) -> str:
        """Of what is written later: controllers do that in any order, and change neither the scenery nor each other."""
        if self._repeatable:
            self._written[path] += 1
        return self.id_of(f"{self.name}/{path}/{self._written[path]}")

    def add_namespace(self, name: str, labels: Mapping[str, str] | None = None, **metadata: Any) -> Object:
        """A namespace with its default account, as servers and controllers make them, unless it is there already."""
        if (found := self.storage.get(NAMESPACES, name)) is not None:
            return found
        own = {"kubernetes.io/metadata.name": name} if self.features.labels_namespaces else {}
        namespace = made("Namespace", name, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
        namespace["metadata"] |= {"uid": self.new_id(), "labels": own | dict(labels or {})} | metadata
        created = self.storage.create(NAMESPACES, namespace)
        default = account("default", name)
        default["metadata"] |= {"uid": self.new_id(), "creationTimestamp": created["metadata"]["creationTimestamp"]}
        self.storage.create(SERVICE_ACCOUNTS, default)
        return created

    # Life

    async def start(self, folder: Path) -> None:
        """Starts the controllers and opens the port. `folder` is private to this cluster."""
        self._folder = folder
        delay = _CONTROLLER_DELAY
        accounts, namespaces = AccountController(self.storage, delay), NamespaceController(self.storage, delay)
        tokens = TokenController(self.storage, self.tokens, self.authority.pem, delay, self.rng)
        publisher = RootCAPublisher(self.storage, self.authority.pem, delay)
        collector = GarbageCollector(self.storage, self.server.kinds, delay)
        self.workers += [accounts.worker, tokens.secrets, tokens.accounts, namespaces.worker, publisher.worker]
        self.workers += [collector.worker, self.certificates.worker]
        for worker in self.workers:
            worker.start()
        self._runner = web.AppRunner(self.server.app, access_log=None, logger=_log, shutdown_timeout=_GRACE)
        await self._runner.setup()
        await self.enter(self.faults.state)

    async def stop(self) -> None:
        """Closes the port and ends everything that runs for this cluster."""
        for worker in self.workers:
            worker.stop()
        self.faults.clear()
        self.faults.enter(ServerState.NORMAL)
        await self.server.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._site = None
        self._socket.close()

    async def enter(self, state: ServerState) -> None:
        """Puts the whole server into a state: normal, slow, hanging, unreachable, or refusing everybody."""
        self.faults.enter(state)
        self.authenticator.locked_out = state is ServerState.LOCKED
        if state is ServerState.UNREACHABLE:
            await self._close()
        else:
            await self._open()

    async def _open(self) -> None:
        if self._site is not None or self._runner is None or self._folder is None:
            return
        names = [HOST, "localhost", self.name, "kubernetes", "kubernetes.default.svc", f"{self.name}.kubemint.demo"]
        context = server_context(self.authority.serving(names), self.authority, self._folder)
        self._site = web.SockSite(self._runner, self._socket, ssl_context=context)
        await self._site.start()

    async def _close(self) -> None:
        if self._site is None or self._runner is None:
            return
        site, self._site = self._site, None
        self.server.drop_watches()
        await site.stop()
        for connection in list(self._runner.server.connections) if self._runner.server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        self._socket.close()
        # Held, but not listened on: connections are refused, and nobody else gets the port meanwhile.
        self._socket = _bound(self.port)

    @property
    def state(self) -> ServerState:
        """The state that `enter` put it into."""
        return self.faults.state

    async def settled(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 (for tests: how long to wait)
        """Waits until the controllers have nothing to do for the next second."""
        async with asyncio.timeout(timeout):
            while any(worker.busy for worker in self.workers):  # noqa: ASYNC110 (many queues, no one event)
                await asyncio.sleep(_CONTROLLER_DELAY)

    # Ways in

    @property
    def admin(self) -> Certificate:
        """The client certificate of the cluster's administrator."""
        if self._admin is None:
            self._admin = self.authority.client(ADMIN, [MASTERS], self.clock() + _ADMIN_LIFETIME)
        return self._admin

    def certificate_user(self) -> Object:
        """The administrator as the `user` of a kubeconfig."""
        return {
            "client-certificate-data": b64encode(self.admin.certificate).decode(),
            "client-key-data": b64encode(self.admin.key.reveal_bytes()).decode(),
        }

    def entry(self) -> Object:
        """This cluster as the `cluster` of a kubeconfig."""
        return {"server": self.url, "certificate-authority-data": b64encode(self.authority.pem).decode()}

    def set_policy(self, **changes: Any) -> None:
        """Changes how tokens are issued from now on (fields of `TokenPolicy`)."""
        self.tokens.policy = replace(self.tokens.policy, **changes)

    # Keys for verifiers outside

    async def _openid(self, call: Call) -> Reply:
        return Reply(
            {
                "issuer": self.tokens.policy.issuer,
                "jwks_uri": f"{self.url}/openid/v1/jwks",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, call: Call) -> web.Response:
        accept = call.request.headers.get("Accept", "")
        if accept and not any(media_type(clause) in (_KEY_SET, "*/*") for clause in accept.split(",")):
            return web.Response(status=406, text="406: Not Acceptable")
        body = msgspec.json.encode({"keys": [self.tokens.key.jwk()]})
        return web.Response(body=body, content_type=_KEY_SET, headers={"Cache-Control": "public, max-age=3600"})


def version_info(version: str) -> dict[str, str]:
    """What `/version` says for a release such as `v1.34.1`."""
    major, minor, *_ = version.removeprefix("v").split(".")
    build = {"gitCommit": "0" * 40, "gitTreeState": "clean", "buildDate": "2025-01-01T00:00:00Z"}
    made = {"goVersion": "go1.24", "compiler": "gc", "platform": "linux/amd64"}
    return {"major": major, "minor": minor, "gitVersion": version} | build | made


def _bound(port: int) -> socket.socket:
    """A socket that holds a loopback port; nobody can connect before somebody listens on it.

    A new port is asked for without SO_REUSEADDR, because with it the kernel may give the same one to two sockets that
    do not listen yet. Set afterwards, it lets the same port be bound again while old connections fade away.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError:
        bound.close()
        raise
    return bound
