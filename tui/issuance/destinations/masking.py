"""What holds material, made fit to be looked at: public values stay, everything else becomes a mask and a fingerprint.

Equal material has an equal fingerprint, so that a diff of two masked texts shows what changes and nothing of it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tui.issuance.formats.service_account import NAMESPACE_KEY
from tui.issuance.formats.token_file import HOST_KEY, PORT_KEY
from tui.issuance.formats.yaml_text import dump
from tui.issuance.objects import managed
from tui.kube.amounts import size
from tui.kube.sensitive import MASK, Sensitive
from tui.kube.yaml_loading import load_first
from tui.kube.yaml_values import Plain, YAMLError

if TYPE_CHECKING:
    from tui.issuance.objects.secret_object import SecretObject

_SHOWN: Final = frozenset(
    {
        "name", "server", "cluster", "user", "namespace", "tls-server-name", "managed-by", "request",
        "current-context", "apiVersion", "kind",
    }
)  # fmt: skip
_SECTIONS: Final = ("clusters", "contexts", "users")
_ASSIGNMENT: Final = re.compile(r"([A-Z_][A-Z0-9_]*)=('(?:[^']|'\\'')*'|[^'\n]*)\n?")
"""One line of a tokenFile; in quotes a value may have several."""
_PUBLIC: Final = frozenset({HOST_KEY, PORT_KEY, NAMESPACE_KEY})
"""Keys of a Secret or a tokenFile that say where a cluster is, and are no credentials."""


def masked_tree(node: Any, key: str = "") -> Any:
    """The same tree with every value hidden that is not known to be public; fingerprints show what changed."""
    if isinstance(node, Mapping):
        return {name: masked_tree(value, str(name)) for name, value in node.items()}
    if isinstance(node, list):
        return [masked_tree(value, key) for value in node]
    if isinstance(node, Plain):
        return node if isinstance(node.value, bool) else hidden(node.text)
    if not isinstance(node, str) or key in _SHOWN or not node:
        return node
    if key == "proxy-url":
        parts = urlsplit(node)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return hidden(node)


def hidden(value: str | bytes) -> str:
    """A mask, and by what it can be told from another."""
    return f"{MASK} {Sensitive(value).fingerprint}"


def masked_text(content: Sensitive) -> str:
    """A file as people may see it: a kubeconfig or assignments line by line, anything else as one line."""
    data = content.reveal_bytes()
    if not data:
        return ""
    try:
        document = load_first(data)
    except YAMLError:
        document = None
    if isinstance(document, dict) and any(section in document for section in _SECTIONS):
        return dump(masked_tree(document))
    try:
        text = content.reveal()
    except UnicodeDecodeError:
        text = ""
    found = list(_ASSIGNMENT.finditer(text))
    if text and sum(len(match[0]) for match in found) == len(text):
        return "".join(f"{match[1]}={_value(match[1], match[2])}\n" for match in found)
    return f"{hidden(data)} ({size(len(data))})\n"


def masked_secret(obj: SecretObject) -> str:
    """A Secret as YAML: its values hidden, and of its annotations only those that are kubemint's own shown."""
    meta = obj.metadata
    notes = {
        key: value if key.startswith(managed.PREFIX) else hidden(str(value))
        for key, value in sorted((meta.get("annotations") or {}).items())
    }
    metadata: dict[str, Any] = {"name": meta.get("name", ""), "namespace": meta.get("namespace", "")}
    if labels := meta.get("labels"):
        metadata["labels"] = dict(sorted(labels.items()))
    if notes:
        metadata["annotations"] = notes
    values = {
        key: value.reveal() if key in _PUBLIC else hidden(value.reveal_bytes())
        for key, value in sorted(obj.values().items())
    }
    return dump(
        {"apiVersion": obj.apiVersion, "kind": obj.kind, "type": obj.type, "metadata": metadata, "data": values}
    )


def diff(name: str, before: str, after: str, *, context: int = 3) -> str:
    """A unified diff of two masked texts; empty where they are the same."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=context)
    return "\n".join(lines)


def _value(key: str, text: str) -> str:
    return text if key in _PUBLIC else hidden(text)
