"""The reader of mutants tells words from decisions: what it calls words is not looked at by anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .reading import counted, survivors

BEFORE = """
def x_judge__mutmut_orig(count, names):
    if count > 3:
        raise Refused("clusters", f"has {count} entries")
    names.append("is too long")
    look(names, hint="next")
    return count or (names[0] if names else "none")
"""


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ('"clusters"', '"XXclustersXX"', True),
        ('f"has {count} entries"', "None", True),
        ('names.append("is too long")', 'names.append("IS TOO LONG")', True),
        ('hint="next"', "hint=None", True),
        (', hint="next"', "", True),
        ("raise Refused(", "raise Other(", False),
        ("count > 3", "count >= 3", False),
        ('"none"', '"XXnoneXX"', False),
        ("names[0]", "names[1]", False),
        ("count or ", "count and ", False),
        ("(count, names)", "(count, names=None)", False),
    ],
)
def test_words_and_decisions(tmp_path: Path, was: str, now: str, words: bool) -> None:
    mutant = BEFORE.replace("_orig", "_1").replace(was, now)
    assert mutant != BEFORE.replace("_orig", "_1")
    file = tmp_path / "judge.py"
    file.write_text(BEFORE + mutant)
    outcome = {"m.x_judge__mutmut_1": 0, "m.x_judge__mutmut_2": 1}
    file.with_name("judge.py.meta").write_text(json.dumps({"exit_code_by_key": outcome}))
    (found,) = survivors(file)
    assert (found.key, found.words) == ("m.x_judge__mutmut_1", words)
    assert counted(file) == 2
