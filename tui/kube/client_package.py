"""What is used of the `kubernetes` package. It asks for the home folder while it is imported, which not everybody has.

It wants to know where kubectl's file would be, and nothing that is used here ever looks there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .home import NoHome, home


@contextmanager
def _asked_for_home() -> Iterator[None]:
    try:
        home()
    except NoHome:
        asked = Path.home
        setattr(Path, "home", classmethod(lambda cls: cls("/")))  # noqa: B010 - a type checker knows it as a method
        try:
            yield
        finally:
            setattr(Path, "home", asked)  # noqa: B010
    else:
        yield


with _asked_for_home():
    from kubernetes.aio.client.configuration import Configuration
    from kubernetes.aio.client.rest import RESTClientObject

__all__ = ["Configuration", "RESTClientObject"]
