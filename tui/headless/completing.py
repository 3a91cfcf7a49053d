"""What is offered at a key press in a shell, from what this machine knows: no cluster is asked, nothing heavy imported.

The words of the command line are kept in the cache beside the names, by the state of the program's own files; they are
read off the commands where they are not known yet, which takes as long as a command does. Contexts are kept in the
same way, by the state of the kubeconfig's files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from tui.fleet import known_names

if TYPE_CHECKING:
    from click import Command

VARIABLE: Final = "_KUBEMINT_COMPLETE"
_WORDS, _CONTEXTS = "words.json", "contexts.json"
_FIRST: Final = "_./:@"
_PLAIN: Final = "_./:@%+=-"
FILE: Final = "file"
Commands = Callable[[], "Command"]
Item = tuple[str, str]
"""`plain` or `file` (then the shell completes files), and what is offered."""


def main(how: str, commands: Commands) -> bool:
    """Answer a shell that asks so, `bash_complete`; False where it asks for something else.

    `commands` gives all there are; it is called where their words are not known yet.
    """
    shell, _, what = how.partition("_")
    if what != "complete" or shell not in ("bash", "zsh", "fish"):
        return False
    line = os.environ.get("COMP_LINE")
    if shell == "bash" and line is not None:
        point = int(os.environ.get("COMP_POINT") or len(line))
        lines = bash(os.fsencode(line)[:point].decode("utf-8", "replace"), os.environ.get("COMP_CUR", ""), commands)
    else:
        words = split(os.environ.get("COMP_WORDS", ""))
        last = os.environ.get("COMP_CWORD", "")
        at = int(last) if last.isdigit() and shell != "fish" else len(words) - bool(last)
        incomplete = (words[at] if at < len(words) else "") if shell != "fish" else last
        lines = written(shell, offers(words[1:at], incomplete, commands))
    sys.stdout.write("".join(f"{text}\n" for text in lines))
    return True


def plugin(commands: Commands) -> None:
    """`kubectl_complete-mint`: answers kubectl, which asks for `kubectl mint …`, as cobra's programs do."""
    given = sys.argv[1:] or [""]
    found = offers(given[:-1], given[-1], commands)
    sys.stdout.write("".join(f"{value}\n" for kind, value in found if kind != FILE and _plain(value)))
    sys.stdout.write(":0\n" if any(kind == FILE for kind, _ in found) else ":4\n")


def written(shell: str, found: Iterable[Item]) -> Iterator[str]:
    """As the shell's script reads it. zsh and fish would quote what they insert; only plain names are given to them."""
    for kind, value in found:
        if kind == FILE or _plain(value):
            yield f"{kind}\n{value}\n_" if shell == "zsh" else f"{kind},{value}"


def bash(line: str, current: str, commands: Commands) -> Iterator[str]:
    """For bash, which puts an offer into the line as it is, in place of `current`: quoted, where a name is not plain.

    bash takes a word apart at colons; what is behind the last one is `current`, and all that is offered.
    """
    words = split(line)
    begun = bool(line) and not line[-1].isspace()
    raw = line[max(map(line.rfind, " \t\n")) + 1 :]
    inside = _open_quote(line)
    incomplete = words[-1] if (begun or inside) and len(words) > 1 else ""
    found = offers(words[1:-1] if incomplete or inside else words[1:], incomplete, commands)
    lead = raw[: len(raw) - len(current)] if raw.endswith(current) and not inside else ""
    for kind, value in found:
        if kind == FILE:
            yield f"{kind},{value[len(lead) :]}"
        elif inside:
            # in open quotes nothing more can be quoted: what means something there is not offered
            if _plain(value) or (inside == "'" and _shown(value) and "'" not in value):
                yield f"plain,{value[len(incomplete) - len(current) :]}" if incomplete.endswith(current) else ""
        elif value.startswith(lead) and _shown(value):
            rest = value[len(lead) :]
            yield f"plain,{rest if _plain(rest) or (not lead and _option(rest)) else in_quotes(rest)}"


def offers(arguments: Sequence[str], incomplete: str, commands: Commands) -> list[Item]:
    """What `incomplete` can become behind these arguments."""
    at, given, expects, position = _words(commands), dict[str, str](), None, 0
    for word in arguments:
        options = at["options"]
        if expects is not None:
            given[expects["kind"]], expects = word, None
        elif word.startswith("-") and len(word) > 1:
            option = options.get(word.partition("=")[0])
            if option is not None and option["takes"] and "=" not in word:
                expects = option
        elif word in at["commands"]:
            at, position = at["commands"][word], 0
        else:
            position += 1
    if expects is not None:
        return _values(expects, given, incomplete, arguments)
    if incomplete.startswith("-"):
        flag, equals, value = incomplete.partition("=")
        option = at["options"].get(flag)
        if equals and option is not None and option["takes"]:
            found = _values(option, given, value, arguments)
            return [(kind, text if kind == FILE else f"{flag}={text}") for kind, text in found]
        return [("plain", name) for name in at["options"] if name.startswith(incomplete)]
    if at["commands"]:
        return [("plain", name) for name in at["commands"] if name.startswith(incomplete)]
    asked = at["arguments"]
    if not asked or (position >= len(asked) and not asked[-1]["many"]):
        return []
    return _values(asked[min(position, len(asked) - 1)], given, incomplete, arguments)


def _values(param: dict[str, Any], given: dict[str, str], incomplete: str, arguments: Sequence[str]) -> list[Item]:
    kind, shape = param["kind"], param["shape"]
    names: Iterable[str]
    if param["choices"]:
        names = param["choices"]
    elif kind == "contexts":
        names = contexts(_kubeconfig(arguments))
    elif kind in known_names.SORTS:
        names = list(_known(kind, given, shape))
    else:
        return [(FILE, incomplete)] if kind == FILE else []
    found = [("plain", name) for name in sorted(dict.fromkeys(names)) if name.startswith(incomplete)]
    if kind == "addresses":
        files = [name.removeprefix("file:") for name in names if name.startswith("file:")]
        found += [("plain", name) for name in files if name.startswith(incomplete) and incomplete]
        return found or [(FILE, incomplete)]
    return found


def _known(sort: str, given: dict[str, str], shape: str) -> Iterator[str]:
    """Of the cluster and in the namespace that were said, where they were."""
    context, namespace = given.get("contexts"), given.get("namespaces")
    for cluster, sorts in known_names.read().items():
        if context and cluster not in ("", context):
            continue
        for name in sorts.get(sort, ()):
            inside, slash, own = name.partition("/")
            if sort not in ("accounts", "secrets"):
                yield name
            elif not namespace or inside == namespace:
                yield name if shape == "whole" or not slash else own


def _kubeconfig(arguments: Sequence[str]) -> str | None:
    """The file that was named in the line."""
    for number, word in enumerate(arguments):
        if word.startswith("--kubeconfig="):
            return word.partition("=")[2]
        if word == "--kubeconfig" and number + 1 < len(arguments):
            return arguments[number + 1]
    return None


def contexts(explicit: str | None = None) -> list[str]:
    """The contexts of the kubeconfig that counts, read anew where one of its files is another than before."""
    files = [explicit] if explicit else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    if not any(files):
        files = [os.path.expanduser("~/.kube/config")]  # noqa: PTH111
    stamp = [_stamp(os.path.abspath(path)) for path in files if path]  # noqa: PTH100
    held = known_names.read_json(_CONTEXTS)
    if isinstance(held, dict) and held.get("stamp") == stamp and isinstance(held.get("names"), list):
        return [str(name) for name in held["names"]]
    from tui.kube.errors import KubeError
    from tui.kube.kubeconfig import load

    try:
        names = list(load(explicit).contexts)
    except (KubeError, OSError):
        return []
    known_names.write_json(_CONTEXTS, {"stamp": stamp, "names": names})
    return names


def _stamp(path: str) -> list[Any]:
    try:
        facts = os.stat(path)  # noqa: PTH116
    except OSError:
        return [path, 0, 0]
    return [path, facts.st_mtime_ns, facts.st_size]


def _words(commands: Commands) -> dict[str, Any]:
    """The commands and their options, read off them again where the program is another than before."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    stamp: list[Any] = [*map(_stamp, (os.path.join(here, "..", "cli.py"), here)), sys.version]  # noqa: PTH118
    with os.scandir(here) as listed:
        stamp.append(max((entry.stat().st_mtime_ns for entry in listed if entry.name.endswith(".py")), default=0))
    held = known_names.read_json(_WORDS)
    if isinstance(held, dict) and held.get("stamp") == stamp:
        words: dict[str, Any] = held["words"]
        return words
    from .command_words import words_of

    words = words_of(commands())
    known_names.write_json(_WORDS, {"stamp": stamp, "words": words})
    return words


def split(text: str) -> list[str]:
    """The words of an unfinished line."""
    import shlex

    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    found = []
    try:
        for word in lexer:
            found.append(word)
    except ValueError:  # the last one is not closed, or ends with a backslash
        found.append(lexer.token)
    return found


def in_quotes(text: str) -> str:
    """One word for bash, in which nothing is run."""
    return "'" + text.replace("'", "'\\''") + "'"


def _open_quote(line: str) -> str:
    """The quote that is still open at the end of a line."""
    quote, escaped = "", False
    for sign in line:
        if escaped:
            escaped = False
        elif sign == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
    return quote


def _shown(name: str) -> bool:
    """Whether a name is one that can be offered at all: one line, nothing that is not seen, and no option."""
    return bool(name) and name.isprintable() and (name[0] != "-" or _option(name))


def _option(name: str) -> bool:
    return name.startswith("-") and all(sign.isalnum() or sign in "-=" for sign in name)


def _plain(name: str) -> bool:
    """As `tui.kube.shell.plain`, and options."""
    if not name or not all(sign.isalnum() or sign in _PLAIN for sign in name):
        return False
    return name[0].isalnum() or name[0] in _FIRST or _option(name)
