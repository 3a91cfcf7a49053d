"""What several tests of the issuance core need: an endpoint, an identity, a token that looks like one, kubectl."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tui.issuance.model.types import Identity
from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive

CA = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
IDENTITY = Identity("c1", "default", "test-service-account")
ENDPOINT = Endpoint("admin@c1", "https://10.1.2.3:6443", ca=CA, cluster_name="c1")


def jwt(claims: dict[str, Any], header: dict[str, Any] | None = None) -> Sensitive:
    """A token with these claims and a signature that nobody checks."""
    parts = (json.dumps(header or {"alg": "RS256", "kid": "k"}).encode(), json.dumps(claims).encode(), b"signature")
    return Sensitive(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts))


TOKEN = jwt({"sub": "system:serviceaccount:default:test-service-account"})


def kubectl(kubeconfig: Path, *args: str) -> str:
    """What kubectl says, reading this file and nothing else."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not in PATH")
    environ = {"PATH": os.environ["PATH"], "HOME": str(kubeconfig.parent), "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run([program, *args], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
