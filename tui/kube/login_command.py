"""Which command a credential plugin asks for: out of what it printed, only something that can be run.

A plugin's message is prose, and prose has quotation marks and slashes too. `run: …` is said for a command that the
message gives as one (in back quotes), for one of the login commands that everybody knows, and for a program that is
there. Everything else stays what it is: a message.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Final

_WORD: Final = r"[\w@%+=:,./~-]+"
_KNOWN: Final = (
    r"(?:aws sso|az|gcloud auth(?: application-default)?|tsh|oc|doctl auth|kubectl oidc-login|kubelogin|vault|ibmcloud)"
    r" login\b"
)
_OPTIONS: Final = r"(?: --?[\w-]+(?:[= ][\w@%+:,./~][\w@%+=:,./~-]*)?)*"
_CODE: Final = re.compile(r"`([^`\n]{1,200})`")
_QUOTED: Final = re.compile(r"""(?<!\w)'([^'\n]{1,200})'(?!\w)|(?<!\w)"([^"\n]{1,200})"(?!\w)""")
_BEGUN: Final = re.compile(rf"(?:^|\n|\brun:? )\s*(?:\$ )?({_WORD}(?: {_WORD}){{0,3}}? (?:log|sign)in{_OPTIONS})")


def login_command(text: str, there: Callable[[str], bool] | None = None) -> str:
    """The command that `text` asks for; empty where it names none that can be run.

    `there` says whether a program is there, by its name or its whole path.
    """
    there = _there if there is None else there
    for words in _in_code(text):
        program, *more = words.split()
        if there(program) or (os.sep not in program and "login" in more):
            return words
    if found := re.search(rf"(?<![\w/.-])(?:{_KNOWN}){_OPTIONS}", text):
        return found[0]
    for words in (*_in_quotes(text), *(found[1] for found in _BEGUN.finditer(text))):
        if there(words.split()[0]):
            return words
    return ""


def without(line: str, command: str) -> str:
    """A line without the request to run this command at its end, which is said beside it; empty where that is all."""
    asks = rf"(?:^|[;,.:]\s*)(?:please )?run:? [`'\"]?{re.escape(command)}[`'\"]?[.!]?\s*$"
    return re.sub(asks, "", line, flags=re.IGNORECASE) if command else line


def _in_code(text: str) -> Iterator[str]:
    return (words for found in _CODE.finditer(text) if (words := _words(found[1])))


def _in_quotes(text: str) -> Iterator[str]:
    return (words for found in _QUOTED.finditer(text) if (words := _words(found[1] or found[2])))


def _words(span: str) -> str:
    """The span where it is one plain command line, without anything that a shell would make more of; else empty."""
    words = span.strip().removeprefix("$ ")
    return words if re.fullmatch(rf"{_WORD}(?: {_WORD})*", words) and words != "login" else ""


def _there(program: str) -> bool:
    """By its name or its whole path; what lies below the working folder is nobody's command."""
    return (os.sep not in program or program.startswith(os.sep)) and shutil.which(program) is not None
