"""Writing YAML that kubectl, Go and Python all read back as the same strings.

PyYAML's own output is not safe here: it leaves `433e40`, `08`, `y` and `1:30` bare, and kubectl reads them as numbers
and booleans. So a string stands bare only if it is plain beyond doubt, and in double quotes otherwise. The layout is
client-go's: block style, two spaces, lists not indented, a final line break.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tui.kube.yaml_values import Plain

_BARE: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:@+=-]*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def dump(document: object) -> str:
    """The document as block YAML. Mappings keep their order; `Plain` scalars keep the text they were read from."""
    if isinstance(document, (Mapping, list, tuple)) and document:
        return "".join(f"{line}\n" for line in _lines(document))
    return f"{_flat(document)}\n"


def scalar(text: str) -> str:
    """One string as a YAML scalar."""
    if _BARE.fullmatch(text) and text[-1] != ":" and text.lower() not in _WORDS:
        return text
    return f'"{"".join(_escaped(char) for char in text)}"'


def _lines(node: object) -> Iterable[str]:
    """The lines of a mapping or list that is not empty, without indentation."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            name = scalar(str(key))
            if not _is_block(value):
                yield f"{name}: {_flat(value)}"
                continue
            yield f"{name}:"
            indent = "  " if isinstance(value, Mapping) else ""
            for line in _lines(value):
                yield indent + line
    elif isinstance(node, Sequence):
        for value in node:
            if not _is_block(value):
                yield f"- {_flat(value)}"
                continue
            lead = "- "
            for line in _lines(value):
                yield lead + line
                lead = "  "


def _is_block(node: object) -> bool:
    return isinstance(node, (Mapping, list, tuple)) and bool(node)


def _flat(node: object) -> str:
    if node is None:
        return "null"
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, str):
        return scalar(node)
    if isinstance(node, (int, float)):
        return repr(node)
    if isinstance(node, Mapping):
        return "{}"
    if isinstance(node, (list, tuple)):
        return "[]"
    if isinstance(node, Plain):
        return node.text
    raise TypeError(f"{type(node).__name__} has no form in YAML")


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isascii() and char.isprintable():
        return char
    if unicodedata.category(char) not in _HIDDEN and char != "\xa0":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
