"""Which names, labels and keys an API server accepts, and the words with which it refuses the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .status import Cause, invalid_value

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")

_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_ANNOTATIONS_LIMIT = 256 * 1024


def _problems(text: str, most: int, form: re.Pattern[str], words: str) -> list[str]:
    problems = [f"must be no more than {most} bytes"] if len(text) > most else []
    return problems if form.fullmatch(text) else [*problems, words]


def label_problems(name: str) -> list[str]:
    """What is wrong with a name of at most 63 characters without dots (namespaces)."""
    return _problems(name, 63, _LABEL, _LABEL_WORDS)


def subdomain_problems(name: str) -> list[str]:
    """What is wrong with a name of at most 253 characters, dots allowed (most kinds)."""
    return _problems(name, 253, _SUBDOMAIN, _SUBDOMAIN_WORDS)


def segment_problems(name: str) -> list[str]:
    """What is wrong with a name that only has to fit into a URL (roles and their bindings)."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def qualified_problems(name: str) -> list[str]:
    """What is wrong with the key of a label or an annotation."""
    prefix, slash, part = name.rpartition("/")
    problems: list[str] = []
    if slash:
        if not prefix:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {problem}" for problem in subdomain_problems(prefix)]
    if not part:
        problems.append("name part must be non-empty")
    elif len(part) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _QUALIFIED.fullmatch(part):
        problems.append(_QUALIFIED_WORDS)
    return problems


def value_problems(value: str) -> list[str]:
    """What is wrong with the value of a label."""
    return _problems(value, 63, _VALUE, _VALUE_WORDS)


def key_problems(key: str) -> list[str]:
    """What is wrong with a key of a Secret's or ConfigMap's data."""
    return [f"must not be '{key}'"] if key in (".", "..") else _problems(key, 253, _KEY, _KEY_WORDS)


def check_labels(labels: Mapping[str, Any], path: str) -> list[Cause]:
    """The causes for a map of labels."""
    causes: list[Cause] = []
    for key, value in labels.items():
        causes += [invalid_value(path, key, problem) for problem in qualified_problems(key)]
        causes += [invalid_value(path, value, problem) for problem in value_problems(str(value))]
    return causes


def check_annotations(annotations: Mapping[str, Any], path: str) -> list[Cause]:
    """The causes for a map of annotations; their keys are compared in lower case, their sizes added up."""
    causes: list[Cause] = []
    for key in annotations:
        causes += [invalid_value(path, key, problem) for problem in qualified_problems(key.lower())]
    if sum(len(key) + len(str(value)) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes", path))
    return causes
