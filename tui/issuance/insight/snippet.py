"""How a pod uses a Secret of type `tokenFile`: the part of a pod's manifest that brings it in, with what to know.

The address of the API server comes as environment variables and the token as a file, in the very places where clients
look that run inside of a cluster: they then talk to the other cluster without a change.
"""

from __future__ import annotations

from typing import Any, Final

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.formats.token_file import CA_KEY, HOST_KEY, PORT_KEY, TOKEN_FILE_KEY
from tui.issuance.formats.yaml_text import dump, scalar
from tui.issuance.model.types import Address
from tui.issuance.transaction.work import Context

MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where clients inside of a cluster look for `token` and `ca.crt`."""
_VOLUME: Final = "api-access"


def pod(namespace: str, secret: str) -> dict[str, Any]:
    """A pod that uses the Secret, ready for `kubectl apply`. It has to be in the Secret's own namespace."""

    def variable(key: str) -> dict[str, Any]:
        return {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}

    container = {
        "name": "main",
        "image": "your-image:1.0",
        "env": [variable(HOST_KEY), variable(PORT_KEY)],
        "volumeMounts": [{"name": _VOLUME, "mountPath": MOUNT, "readOnly": True}],
    }
    files = [{"key": TOKEN_FILE_KEY, "path": "token"}, {"key": CA_KEY, "path": "ca.crt"}]
    volume = {"name": _VOLUME, "projected": {"sources": [{"secret": {"name": secret, "items": files}}]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "consumer", "namespace": namespace},
        "spec": {"automountServiceAccountToken": False, "containers": [container], "volumes": [volume]},
    }


def text(namespace: str, secret: str) -> str:
    """The same as YAML, with comments on what follows a rotation and what does not."""
    comments = _COMMENTS.format(secret=scalar(f"{namespace}/{secret}"), mount=MOUNT)
    return "".join(f"# {line}".rstrip() + "\n" for line in comments.splitlines()) + dump(pod(namespace, secret))


async def snippet_at(context: Context, address: Address) -> str:
    """The snippet for a request or a managed Secret. Raises UsageError where it is of another type."""
    namespace, name, form = await (await context.families.of(address)).used_from(context, address)
    if form is not Format.TOKEN_FILE:
        raise UsageError(
            f"{address} is of type {form.value if form is not None else 'unknown'}, the snippet is for tokenFile",
            "mount a kubeconfig as a file and name it in KUBECONFIG",
        )
    return text(namespace, name)


_COMMENTS: Final = """\
How a pod uses the tokenFile Secret
{secret}.
Take over env, volumeMounts and volumes.

Clients that are made to run inside of a cluster find everything
where they look for it, and talk to the cluster that the token is
for: its address in the environment, the token and the CA in
{mount}.

Files follow a rotation: the kubelet writes them anew at its next
sync, up to two minutes after the Secret changed. Read the token
again when you use it; the client libraries do, every minute. A
rotation by kubemint sees the pods that use it like this, and keeps
the old token for three minutes; a shorter grace period is too
short for them.

Variables never follow: they are read once, when the container
starts. Here they only hold the address; a token in one would end
with its first rotation, and so would one in a file that is mounted
with subPath.
"""
