"""Libraries are used by their public names: what begins with `_` is theirs to change on any day.

The one exception has a module of its own, tui/widgets/inside_textual.py, which says why.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from textual.message_pump import MessagePump

import tui.app
import tui.screens
import tui.widgets
from tui.widgets.inside_textual import InsideTextual

ROOT = Path(tui.app.__file__).parent
ALLOWED = {"inside_textual.py"}
PUBLIC = {"_replace", "_exit"}
"""Documented in spite of their names: of a named tuple, and `os._exit`."""


_IMPORT = re.compile(r"^\s*from ((?!tui\b)\w\S*) import (\([^)]*\)|.*)", re.MULTILINE)
_PRIVATE = re.compile(r"\b_[a-z]\w*")
_USED = re.compile(r"(?<=[\w)\]])\.(_[a-z]\w*)")
_OWN = re.compile(r"(?<![.\w])(_[a-z]\w*)|\b(?:self|cls)\.(_[a-z]\w*)(?=(?:, self\.\w+)*(?::[^=\n]+)? [-+|]?= )")
"""A name by itself is ours: a function, a variable, an argument, an entry of __slots__; so is what `self` is given."""


def test_no_private_name_of_a_library_is_used() -> None:
    texts = {path: path.read_text() for path in sorted(ROOT.rglob("*.py")) if path.name not in ALLOWED}
    own = {name for text in texts.values() for names in _OWN.findall(text) for name in names} | PUBLIC
    found = [
        (path.relative_to(ROOT).as_posix(), name)
        for path, text in texts.items()
        for name in [
            *(name for name in _USED.findall(text) if name not in own),
            *(name for line in _IMPORT.findall(text) for part in line for name in _PRIVATE.findall(part)),
        ]
    ]
    assert found == []


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def subclasses(of: type) -> Iterator[type]:
    each: type
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def test_no_private_name_of_textual_is_taken_by_a_widget_a_screen_or_the_app() -> None:
    """A method or an attribute of ours that Textual has under the same name would be called, or changed, by it."""
    for found_in in (tui.screens, tui.widgets):  # what is drawn is imported when it is needed, so not all of it is here
        for module in walk_packages(found_in.__path__, f"{found_in.__name__}."):
            import_module(module.name)
    textuals = [each for each in (MessagePump, *subclasses(MessagePump)) if each.__module__.startswith("textual.")]
    theirs = {each: set(_made_by(each)) for each in textuals}
    ours = {each for each in subclasses(MessagePump) if each.__module__.startswith("tui.")} - {InsideTextual}
    assert len(ours) > 25
    found = [
        f"{each.__qualname__}.{name}, which {base.__qualname__} has"
        for each in ours
        for base in each.__mro__
        if base in theirs
        for name in set(_made_by(each)) & theirs[base]
    ]
    assert found == []


def _made_by(each: type) -> Iterator[str]:
    """The private names of a class: its methods, and what they set of `self`."""
    for name, value in vars(each).items():
        code = value.fget if isinstance(value, property) else inspect.unwrap(value)
        if not inspect.isfunction(code) or code.__module__ != each.__module__:
            continue
        if private(name):
            yield name
        yield from (name for name in _set_in(each).get(code.__name__, ()) if private(name))


_TREES: dict[str, dict[tuple[str, str], set[str]]] = {}


def _set_in(each: type) -> dict[str, set[str]]:
    """For every method of a class the attributes of `self` that it sets."""
    module = each.__module__
    if module not in _TREES:
        tree = ast.parse(Path(inspect.getfile(each)).read_text())
        _TREES[module] = {
            (owner.name, method.name): {
                node.attr
                for node in ast.walk(method)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value)
            }
            for owner in ast.walk(tree)
            if isinstance(owner, ast.ClassDef)
            for method in owner.body
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return {method: names for (owner, method), names in _TREES[module].items() if owner == each.__name__}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
