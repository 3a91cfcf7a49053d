"""The settings as a JSON Schema, and as plain values that can be printed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from tui.issuance import TrustedSource, format_duration

from .model import Alert, Settings
from .reading import written


def schema() -> dict[str, Any]:
    """Made from the model; durations are written as people write them, which msgspec does not know."""
    made: dict[str, Any] = msgspec.json.schema(Settings)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for definition in made["$defs"].values():
        definition.pop("title", None)
        if "properties" in definition:
            definition["additionalProperties"] = False
    for kind in (Settings, Alert, TrustedSource):
        for name, value in plain(kind()).items():
            field = made["$defs"][kind.__name__]["properties"][name]
            field["default"] = value
            if field.get("format") == "duration":
                del field["format"]
    return made


def plain(value: object) -> Any:
    """A value as it is written in the file."""
    if isinstance(value, msgspec.Struct):
        return {written(name): plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value) if isinstance(value, str) else value  # of an enumeration its value
