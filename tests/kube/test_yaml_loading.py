"""YAML as kubectl types it, and hostile YAML turned away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.kube.yaml_loading import MAX_BYTES, Plain, YAMLError, load_first, plain_values


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01T00:00:00Z", "1:30", "190:20:30", "=", "_1", "0x", "1.2.3"])
def test_what_kubectl_reads_as_a_string_is_one(text: str) -> None:
    assert load_first(f"a: {text}".encode()) == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("0x1F", 31),
        ("0b11", 3),
        ("010", 8),
        ("0o17", 15),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("433e40", 433e40),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("yes", True),
        ("y", True),
        ("off", False),
        ("TRUE", True),
    ],
)
def test_what_kubectl_reads_as_something_else_keeps_its_text(text: str, value: object) -> None:
    assert load_first(f"a: {text}".encode()) == {"a": Plain(text, value)}  # type: ignore[arg-type]
    assert plain_values(load_first(f"a: [{text}]".encode())) == {"a": [value]}


@pytest.mark.parametrize("text", ["'12'", '"12"', "!!str 12", "|-\n  12"])
def test_quoted_scalars_are_strings(text: str) -> None:
    assert load_first(f"a: {text}".encode()) == {"a": "12"}


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "null", "~", "---\n...\n"])
def test_nothing_is_none(text: str) -> None:
    assert load_first(text.encode()) is None


def test_only_the_first_document_counts() -> None:
    assert load_first(b"a: b\n---\n] broken") == {"a": "b"}


def test_json_and_a_byte_order_mark() -> None:
    assert load_first('\ufeff{"a": ["b", null, {"c": true}]}'.encode()) == {
        "a": ["b", None, {"c": Plain("true", True)}]
    }


def test_a_key_given_twice_the_last_one_wins() -> None:
    assert load_first(b"a: one\na: two\n") == {"a": "two"}


def test_merge_keys() -> None:
    assert load_first(b"a: &a {p: one, q: one}\nb: {<<: *a, q: two}\n") == {
        "a": {"p": "one", "q": "one"},
        "b": {"p": "one", "q": "two"},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!bool 'yes'", Plain("yes", True)),
        ("!!int 7", Plain("7", 7)),
        ("!!float 1e3", Plain("1e3", 1000.0)),
        ("!!null ''", None),
        ("!!str true", "true"),
        ("!mine true", "true"),
        ("!!binary aGVsbG8=", "hello"),
    ],
)
def test_a_tag_says_what_a_value_is(text: str, value: object) -> None:
    assert load_first(f"a: {text}".encode()) == {"a": value}


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(12)
)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[" * 100_000, "nest"),
        (b"a:\n" + b"".join(b" " * i + b"- \n" for i in range(1, 90)), "nested deeper"),
        (b"{a: " * 100 + b"b" + b"}" * 100, "nested deeper"),
        (BOMB, "more than"),
        (b"a: &a [*a]", "unknown alias"),
        (b"x" * (MAX_BYTES + 1), "larger than"),
        (b"a: b\x00c", "YAML"),
        (b"\xff\xfe\xfa", "YAML"),
        (b"a: [b", "line 2"),
        (b"\t- x", "line 1"),
        (b"? [a]\n: b", "not a string"),
        (b"a: !!int b", "line 1: a value that is not what its tag says"),
        (b"a: !!binary b", "line 1: a binary value that is no text"),
    ],
)
def test_hostile_text_is_refused_quickly(data: bytes, says: str) -> None:
    with pytest.raises(YAMLError, match=says):
        load_first(data)


def test_an_error_never_quotes_the_text() -> None:
    with pytest.raises(YAMLError) as caught:
        load_first(b'token: "eyJsecret\nother: [')
    assert "eyJsecret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@given(st.binary(max_size=200) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_value_or_one_error(data: bytes) -> None:
    message = "read"
    try:
        load_first(data)
    except YAMLError as error:
        message = str(error)
    assert message
