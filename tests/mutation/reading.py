"""What the mutants that no test noticed change: only words that are said, or a decision.

A test that pins every word of every message would be a copy of the code. Which words are said decides nothing, so a
mutant that differs only there is counted apart. Whether a refusal comes, and of which type it is, always counts.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

_TELLS: Final = frozenset({"append", "warn", "say", "problem"})
"""Calls by which something is said."""
_SURVIVED: Final = (0, 33)
"""How mutmut writes down that every test passed, and that no test comes by there at all."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """One mutant that every test passed with."""

    key: str
    """`MODULE.FUNCTION__mutmut_NUMBER`."""
    change: str
    """The lines that differ, `-` before and `+` after."""
    words: bool
    """Whether it changes nothing but what is said."""


def survivors(mutated: Path) -> Iterator[Survivor]:
    """Those of one module, from the file with all its mutants and the `.meta` beside it, as mutmut leaves them."""
    meta = json.loads(mutated.with_name(f"{mutated.name}.meta").read_text())
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(mutated.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for key, code in meta["exit_code_by_key"].items():
        if code not in _SURVIVED:
            continue
        name = key.rpartition(".")[2]
        original = functions[name.rpartition("__mutmut_")[0] + "__mutmut_orig"]
        yield Survivor(key, _difference(original, functions[name]), _decisions(original) == _decisions(functions[name]))


def counted(mutated: Path) -> int:
    """How many mutants of a module were tried."""
    meta = json.loads(mutated.with_name(f"{mutated.name}.meta").read_text())
    return sum(code is not None for code in meta["exit_code_by_key"].values())


def _difference(before: ast.FunctionDef | ast.AsyncFunctionDef, after: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    after.name = before.name
    was, now = (ast.unparse(node).splitlines() for node in (before, after))
    found = []
    for what, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if what != "equal":
            found += [f"- {line.strip()}" for line in was[a:b]] + [f"+ {line.strip()}" for line in now[c:d]]
    return "\n".join(found)


def _decisions(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The function's arguments and body as a tree in which everything that is said is one word."""
    body = [_Mute().visit(ast.parse(ast.unparse(node))) for node in function.body]
    return "".join(ast.dump(node) for node in (function.args, *body))


class _Mute(ast.NodeTransformer):
    """Takes out the words of refusals and of what is told."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = ast.Call(func=node.exc.func, args=[], keywords=[])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        node.keywords = [keyword for keyword in node.keywords if keyword.arg != "hint"]  # what to do next
        if isinstance(node.func, ast.Attribute) and node.func.attr in _TELLS:
            node.args = [ast.Constant("said") if isinstance(arg, ast.Constant) else arg for arg in node.args]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A sentence is for people; what is compared or looked for has no blanks."""
        return ast.Constant("said") if isinstance(node.value, str) and " " in node.value else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """A text with something put into it is made for people."""
        return ast.Constant("said")
