"""Material that nothing shows by accident, not even the error of somebody who took it for text."""

from __future__ import annotations

import pickle
import traceback

import pytest

from tui.kube.sensitive import Sensitive

SECRET = b"hunter2-\xff\xfe"


def test_nothing_shows_it() -> None:
    held = Sensitive(SECRET)
    for text in (repr(held), str(held), f"{held}", f"{held:>20}", repr([held]), repr({"a": held})):
        assert "hunter2" not in text
    with pytest.raises(TypeError):
        pickle.dumps(held)


def test_the_error_of_what_is_no_text_does_not_hold_it() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        Sensitive(SECRET).reveal()
    error = caught.value
    assert error.object == b""
    assert error.__context__ is None
    said = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "hunter2" not in repr(error) + str(error)
    assert "hunter2" not in said.replace(repr(SECRET), "")  # this test's own constant
