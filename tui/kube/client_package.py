"""What is used of the `kubernetes` package: two classes, reached past its front door.

The package's own `__init__` imports all of its clients, and with them requests, urllib3, pydantic, oauthlib and more:
half a second that nobody here has a use for. The packages on the way to the two classes are entered without running
their `__init__`; whoever asks one of them for anything it would have, in this process, has it run at that moment.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any, Final

_FRONT: Final = ("kubernetes", "kubernetes.aio", "kubernetes.aio.client", "kubernetes.aio.utils")
"""The packages that import much of what is not used."""
_opening: Final = RLock()


class Unopened(ModuleType):
    """A package that did not run its `__init__` yet: what lies in it can be imported by its whole name."""

    def __getattr__(self, name: str) -> Any:
        with _opening:
            if type(self) is Unopened:
                self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is a module like any other
                assert self.__spec__ is not None
                assert self.__spec__.loader is not None
                self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def _past_the_front_door(name: str) -> None:
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:  # imported by somebody already, or not there: then the import below says so
        return
    module = module_from_spec(spec)
    module.__class__ = Unopened
    sys.modules[name] = module
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)


for _name in _FRONT:
    _past_the_front_door(_name)

from kubernetes.aio.client.configuration import Configuration  # noqa: E402
from kubernetes.aio.client.rest import RESTClientObject  # noqa: E402

__all__ = ["Configuration", "RESTClientObject"]
