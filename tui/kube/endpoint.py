"""Where one API server is and how to authenticate to it: plain data, the result of resolving a kubeconfig.

Everything that a file may have given by path or by inheritance is already looked up here (CA bytes, the directory an
exec command is relative to), so that whoever connects needs no kubeconfig any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A `users[].user.exec` entry (client.authentication.k8s.io), its command resolved against its file."""

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    cluster_config: object = None
    """The cluster's extension named `client.authentication.k8s.io/exec`, handed to the plugin as `config`."""


@dataclass(frozen=True, slots=True)
class Impersonation:
    """`as`, `as-uid`, `as-groups` and `as-user-extra` of a kubeconfig user."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """How to authenticate. `token_file` wins over `token` (clientcmd), which is used where the file cannot be read;
    `exec` counts only where nothing else is given."""

    token: Sensitive | None = None
    token_file: str | None = None
    client_certificate: bytes | None = None
    client_key: Sensitive | None = None
    pair_files: tuple[str, str] | None = field(default=None, repr=False, compare=False)
    """The files of certificate and key, where both lie in one: they are looked at again (client-go does it for no
    other pair)."""
    username: str | None = None
    password: Sensitive | None = None
    exec: ExecPlugin | None = None
    impersonate: Impersonation | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One API server and one way in. `name` is what people call it: the context, or the name discovery gave it."""

    name: str
    server: str
    ca: bytes | None = None
    """PEM bundle; None means the system's authorities."""
    ca_read: tuple[str, bytes] | None = field(default=None, repr=False, compare=False)
    """The file that an authority was read from, and what it held."""
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = field(default=None, repr=False)
    """It may hold a password."""
    disable_compression: bool = False
    namespace: str = "default"
    cluster_name: str = ""
    """The name of the cluster entry in the kubeconfig; kubeconfigs made for this cluster use it again."""
    login: Login = field(default_factory=Login)
    vouches: tuple[str, ...] = field(default=(), repr=False)
    """Fingerprints of the authorities that the operator's own kubeconfig trusts this cluster to deliver clusters of."""
    delivered: bool = field(default=False, compare=False)
    """Whether another cluster delivered it, or a text from anywhere: strangers may write what it says and answers."""

    @property
    def ca_file(self) -> str | None:
        """The file that `ca` was read from, looked at again while it is used; another authority is of no file."""
        return self.ca_read[0] if self.ca_read is not None and self.ca_read[1] == self.ca else None

    def with_token(self, token: Sensitive) -> Endpoint:
        """The same server, entered with `token` alone: how a new token proves itself."""
        return replace(self, login=Login(token=token))
