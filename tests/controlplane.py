"""A real control plane for tests: etcd, kube-apiserver and kube-controller-manager, started from their binaries.

    with RealControlPlane(clusters=2) as plane:
        subprocess.run(["kubectl", "--kubeconfig", plane.kubeconfig, "--context", "real-2", "get", "ns"])

The binaries are found as envtest finds them (`TEST_ASSET_KUBE_APISERVER` and so on, `$KUBEBUILDER_ASSETS`, then
`/usr/local/kubebuilder/bin`), and the flags follow their version, so that any release from 1.20 on can be used.
Everything is private to the object: ports, keys, certificates, and one temporary folder that `stop` removes. The
processes run in sessions of their own and die with the thread that started them, however it ends.

`python -m tests.controlplane` serves one by hand until it is interrupted.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import ctypes
import dataclasses
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.binaries import API_SERVER, BINARIES, CONTROLLER_MANAGER, ETCD, MissingBinaries, binary_version, find_binary
from tests.certificates import Authority, Pair, signing_pair
from tui.demo.operators.kubeconfigs import vouching

CONTROLLERS: Final = (
    "serviceaccount,serviceaccount-token,tokencleaner,root-ca-cert-publisher,"
    "namespace,garbagecollector,clusterrole-aggregation,csrsigning"
)
_PREFIX: Final = "kubemint-control-plane-"
_START_SECONDS: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1


@dataclasses.dataclass(frozen=True)
class RealCluster:
    """One API server of the plane, as tests see it."""

    context: str
    server: str
    authority: Authority
    admin: Pair
    """A client certificate of the group system:masters."""


class RealControlPlane:
    """Starts and stops the processes. `kubeconfig` holds one admin context per cluster: `real`, `real-2`, …"""

    kubeconfig: Path
    version: tuple[int, int]

    def __init__(self, clusters: int = 1, environ: Mapping[str, str] | None = None) -> None:
        self._binaries: dict[str, Path] = {}
        looked: list[str] = []
        for name in BINARIES:
            path, places = find_binary(name, environ)
            if path is not None:
                self._binaries[name] = path
            elif name != CONTROLLER_MANAGER:  # envtest's own archives have none: everything but controllers works
                looked.append(f"{name}: {', '.join(places)}")
        if looked:
            raise MissingBinaries("no control plane binaries; looked at " + "; ".join(looked))
        self._count = clusters
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder: Path | None = None
        self._etcd_port = 0
        self.clusters: list[RealCluster] = []

    @property
    def has_controllers(self) -> bool:
        """Whether a controller manager runs: default accounts, token Secrets and namespace deletion need it."""
        return CONTROLLER_MANAGER in self._binaries

    def __enter__(self) -> RealControlPlane:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when every API server is healthy and its `default` account exists."""
        self.version = binary_version(self._binaries[API_SERVER])
        atexit.register(self.stop)
        for attempt in (1, 2, 3):  # a port found free may be taken by the time it is used
            try:
                self._start()
            except _Died:
                self.stop()
                if attempt == 3:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """Ends every process and removes the folder; harmless when called again."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(timeout=30)
        self._processes.clear()
        self.clusters.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        atexit.unregister(self.stop)

    def compact(self) -> None:
        """Forgets all history, as etcd does every five minutes: older resourceVersions are gone (410) from now on."""
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=10)
        with contextlib.closing(connection):
            status = _post(connection, "/v3/maintenance/status", {})
            _post(connection, "/v3/kv/compaction", {"revision": status["header"]["revision"], "physical": True})

    def logs(self) -> str:
        """The last lines of every process, for a failure message."""
        if self._folder is None:
            return ""
        parts = []
        for path in sorted(self._folder.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-15:]
            parts.append("\n".join([f"--- {path.name}", *lines]))
        return "\n".join(parts)

    def _start(self) -> None:
        self._folder = _make_folder()
        ports = iter(_free_ports(2 + self._count))
        self._start_etcd(next(ports), next(ports))
        for number in range(1, self._count + 1):
            self.clusters.append(self._start_api_server(number, next(ports)))
        self.kubeconfig = self._folder / "kubeconfig"
        _write_private(self.kubeconfig, json.dumps(_kubeconfig(self.clusters)).encode())
        for number, cluster in enumerate(self.clusters, 1):
            self._wait_for(cluster, "/readyz")
            if self.has_controllers:
                self._start_controllers(number, cluster)
        for cluster in self.clusters:
            self._wait_for(cluster, "/api/v1/namespaces/default")
            if self.has_controllers:
                self._wait_for(cluster, "/api/v1/namespaces/default/serviceaccounts/default")

    def _start_etcd(self, client_port: int, peer_port: int) -> None:
        assert self._folder is not None
        self._etcd_port = client_port
        client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
        self._run(
            ETCD,
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            "--name=t",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=t={peer}",
        )
        self._wait(lambda: _listens(client_port), "etcd listens")

    def _start_api_server(self, number: int, port: int) -> RealCluster:
        assert self._folder is not None
        folder = self._folder / f"cluster-{number}"
        folder.mkdir(mode=0o700)
        authority = Authority(f"kubernetes-{number}")
        serving = authority.serving(["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc", "10.0.0.1"])
        admin = authority.client("kubernetes-admin", ["system:masters"])
        signing, public = signing_pair()
        for name, content in (
            ("ca.crt", authority.pem),
            ("serving.crt", serving.certificate),
            ("serving.key", serving.key),
            ("sa.key", signing),
            ("sa.pub", public),
        ):
            _write_private(folder / name, content)
        server = f"https://127.0.0.1:{port}"
        self._run(
            API_SERVER,
            f"apiserver-{number}",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--etcd-prefix=/c{number}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={folder}",
            f"--tls-cert-file={folder / 'serving.crt'}",
            f"--tls-private-key-file={folder / 'serving.key'}",
            f"--client-ca-file={folder / 'ca.crt'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            f"--service-account-issuer={server}",
            f"--api-audiences={server}",
            f"--service-account-signing-key-file={folder / 'sa.key'}",
            f"--service-account-key-file={folder / 'sa.pub'}",
            *(["--insecure-port=0"] if self.version < (1, 24) else []),
            *([] if self.has_controllers else ["--disable-admission-plugins=ServiceAccount"]),
        )
        context = "real" if number == 1 else f"real-{number}"
        return RealCluster(context, server, authority, admin)

    def _start_controllers(self, number: int, cluster: RealCluster) -> None:
        assert self._folder is not None
        folder = self._folder / f"cluster-{number}"
        _write_private(folder / "controllers.kubeconfig", json.dumps(_kubeconfig([cluster])).encode())
        _write_private(folder / "ca.key", cluster.authority.key)
        self._run(
            CONTROLLER_MANAGER,
            f"controllers-{number}",
            f"--kubeconfig={folder / 'controllers.kubeconfig'}",
            f"--service-account-private-key-file={folder / 'sa.key'}",
            f"--root-ca-file={folder / 'ca.crt'}",
            f"--cluster-signing-cert-file={folder / 'ca.crt'}",
            f"--cluster-signing-key-file={folder / 'ca.key'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--secure-port=0",
            f"--cert-dir={folder}",
            f"--controllers={CONTROLLERS}",
            "--kube-api-qps=500",  # the usual 20 a second makes tests wait for each other's leftovers
            "--kube-api-burst=500",
            *(["--port=0"] if self.version < (1, 24) else []),
        )

    def _run(self, binary: str, log: str, *arguments: str) -> None:
        assert self._folder is not None
        with (self._folder / f"{log}.log").open("wb") as output:
            process = subprocess.Popen(
                [self._binaries[binary], *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={"GOGC": "400"} | os.environ,  # memory is there; looking for garbage takes time from the tests
                start_new_session=True,
                preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
            )
        self._processes.append(process)

    def _wait_for(self, cluster: RealCluster, path: str) -> None:
        self._wait(lambda: _answers(cluster, path), f"{cluster.context} serves {path}")

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            for process in self._processes:
                if process.poll() is not None:
                    raise _Died(f"a control plane process ended before {what}\n{self.logs()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {_START_SECONDS:g} s still not: {what}\n{self.logs()}")
            time.sleep(0.05)


def _make_folder() -> Path:
    """A private folder that names this process, after sweeping those of processes that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*") if sys.platform == "linux" else ():
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and left.stat().st_uid == os.getuid() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


class _Died(RuntimeError):
    """A process ended while starting; another choice of ports may help."""


def _die_with_parent() -> Callable[[], None]:
    """What the child calls between fork and exec so that the kernel ends it with us, even after SIGKILL."""
    prctl = ctypes.CDLL(None).prctl  # looked up here, because loading a library between fork and exec may deadlock
    kill = int(signal.SIGKILL)

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, kill)

    return hook


def _free_ports(count: int) -> list[int]:
    """Ports free at this moment; all are held open together, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(cluster: RealCluster, path: str) -> bool:
    """Whether an authenticated GET of `path` gives 200."""
    with cluster.admin.on_disk() as file:
        context = ssl.create_default_context(cadata=cluster.authority.pem.decode())
        context.load_cert_chain(file)
    connection = http.client.HTTPSConnection(cluster.server.removeprefix("https://"), timeout=5, context=context)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _post(connection: http.client.HTTPConnection, path: str, body: Mapping[str, object]) -> Any:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise RuntimeError(f"etcd answered {response.status} to {path}: {content[:200]!r}")
    return json.loads(content)


def _kubeconfig(clusters: Sequence[RealCluster]) -> dict[str, object]:
    """One context, cluster and admin user per cluster, all named like it. JSON is YAML."""

    def data(content: bytes) -> str:
        return base64.b64encode(content).decode()

    trust = vouching(c.authority.pem for c in clusters)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": clusters[0].context,
        "contexts": [{"name": c.context, "context": {"cluster": c.context, "user": c.context}} for c in clusters],
        "clusters": [
            {
                "name": c.context,
                "cluster": {"server": c.server, "certificate-authority-data": data(c.authority.pem), **trust},
            }
            for c in clusters
        ],
        "users": [
            {
                "name": c.context,
                "user": {
                    "client-certificate-data": data(c.admin.certificate),
                    "client-key-data": data(c.admin.key),
                },
            }
            for c in clusters
        ],
    }


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        yield
        signal.pause()


if __name__ == "__main__":
    with RealControlPlane(int(sys.argv[1]) if len(sys.argv) > 1 else 1) as serving_plane, _until_interrupted():
        sys.stdout.write(f"{serving_plane.kubeconfig}\n")
        sys.stdout.flush()
