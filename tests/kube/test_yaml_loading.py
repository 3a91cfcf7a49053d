"""YAML as kubectl types it, and hostile YAML turned away."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from tui.kube.yaml_loading import MAX_BYTES, MAX_DEPTH, is_fraction, load_first
from tui.kube.yaml_values import DoubledDict, LinedDict, LinedList, Plain, YAMLError, plain_values

ONES = "1" * 63


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01", "2024-01-01T00:00:00Z", "1:30", "190:20:30", "=", "_1", "0x", "1.2.3",
        "-.nan", "+.nan", ".iNF", "+.i_nf", "+", ".", "._5", "._5_0", ".5_", "1e", "++5", "+-5", "0b", "0b_", "0b2",
        "0o", "0o8",
        "0x1.8p1", "1e309", "-1e309", "0x10000000000000000", "+0xFFFFFFFFFFFFFFFF", "-0x8000000000000001",
        "0o2777777777777777777777", f"0b111{ONES}", f"-0b1{ONES}", "9" * 5000, "\u0663", "yEs", "oN", "nULL",
    ],
)  # fmt: skip
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
        *((word, True) for word in ("true", "True", "Y", "Yes", "YES", "on", "On", "ON")),
        *((word, False) for word in ("false", "False", "FALSE", "n", "N", "no", "No", "NO", "Off", "OFF")),
        ("0", 0),
        ("00", 0),
        ("-0", 0),
        ("+5", 5),
        ("-5", -5),
        ("+_5", 5),
        ("-1_000", -1000),
        ("1__0", 10),
        ("1_", 1),
        ("0_7", 7),
        ("-010", -8),
        ("-0o17", -15),
        ("0O17", 15),
        ("0o_7", 7),
        ("-0b11", -3),
        ("0B11", 3),
        ("+0x1F", 31),
        ("-0X1f", -31),
        ("0x_1", 1),
        ("0_x1F", 31),
        (f"0b1{ONES}", 2**64 - 1),
        (f"-0b{ONES}", 1 - 2**63),
        ("0xFFFFFFFFFFFFFFFF", 2**64 - 1),
        ("+0x7fffffffffffffff", 2**63 - 1),
        ("-0x8000000000000000", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("+18446744073709551615", 2.0**64),
        ("0177777777777777777777777", 177777777777777777777777.0),
        ("08", 8.0),
        ("1.", 1.0),
        ("1_0.5_0", 10.5),
        ("-1.5e-3", -0.0015),
        ("1E+3", 1000.0),
        ("1e_3", 1000.0),
        ("1e308", 1e308),
        ("+.5", 0.5),
        (".5_0", 0.5),
        (".5e3", 500.0),
        (".inf", float("inf")),
        ("+.inf", float("inf")),
        (".Inf", float("inf")),
        ("-.INF", float("-inf")),
    ],
)
def test_what_kubectl_reads_as_something_else_keeps_its_text(text: str, value: object) -> None:
    assert load_first(f"a: {text}".encode()) == {"a": Plain(text, value)}  # type: ignore[arg-type]
    assert plain_values(load_first(f"a: [{text}]".encode())) == {"a": [value]}


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_what_is_no_number_is_none_of_them(text: str) -> None:
    (value,) = plain_values(load_first(f"[{text}]".encode()))
    assert isinstance(value, float)
    assert math.isnan(value)
    assert load_first(f"- {text}".encode())[0].text == text  # type: ignore[index]


def test_whole_numbers_are_whole_and_others_are_not() -> None:
    kinds = [type(one) for one in plain_values(load_first(b"[1, 0x1F, 010, 08, 1., 1e3, 18446744073709551616]"))]
    assert kinds == [int, int, int, float, float, float, float]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("yes", "true"),
        ("Off", "false"),
        ("010", "8"),
        ("0x1F", "31"),
        ("1_0", "10"),
        ("'010'", "010"),
        ("1.50", "1.50"),
    ],
)
def test_a_key_is_what_kubectl_makes_of_it(written: str, key: str) -> None:
    assert load_first(f"{written}: a".encode()) == {key: "a"}
    doubled = load_first(f"{written}: a\n'{key}': b".encode())
    assert doubled == {key: "b"}
    assert isinstance(doubled, DoubledDict)
    assert doubled.twice == {key: 2}
    assert is_fraction(key) is (key == "1.50")


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


@pytest.mark.parametrize(
    ("text", "mapping", "twice"),
    [
        ("<<: *a\nq: two", {"p": "one", "q": "two"}, {}),
        ("<<: [*a]\nq: two", {"p": "one", "q": "two"}, {}),
        ("<<: [{q: b}, *a, {p: c, r: d}]", {"p": "one", "q": "b", "r": "d"}, {}),
        ("<<: {<<: *a, p: two}", {"p": "two", "q": "one"}, {}),
        ("!!merge <<: *a", {"p": "one", "q": "one"}, {}),
        ("! <<: *a", {"p": "one", "q": "one"}, {}),
        ("<<: []\nr: s", {"r": "s"}, {}),
        ("<<: {}", {}, {}),
        # not merged
        ("'<<': *a", {"<<": {"p": "one", "q": "one"}}, {}),
        ("!!str <<: *a", {"<<": {"p": "one", "q": "one"}}, {}),
        ("!!merge x: *a", {"x": {"p": "one", "q": "one"}}, {}),
        ("x: *a", {"x": {"p": "one", "q": "one"}}, {}),
        # which one is meant is not known: kubectl takes the later one
        ("q: two\n<<: *a", {"q": "two", "p": "one"}, {"q": 3}),
        ("q: one\n<<: *a", {"q": "one", "p": "one"}, {}),
        ("q: two\n<<: [{r: s}, *a]", {"q": "two", "p": "one", "r": "s"}, {"q": 3}),
        ("<<: *a\n<<: {r: s}", {"p": "one", "q": "one", "r": "s"}, {"<<": 3}),
        ("<<: *a\n<<: {p: s}\n<<: {p: t}", {"p": "one", "q": "one"}, {"<<": 4}),
        ("<<: {p: b, p: c}", {"p": "c"}, {"p": 2}),
        ("r: s\n<<: [{q: t}, {p: b,\n p: c}]", {"p": "c", "q": "t", "r": "s"}, {"p": 4}),
        ("r: s\nr: t\nq: u\nr: v", {"q": "u", "r": "v"}, {"r": 5}),
        ("q: b\nq: c\n<<: {r: s}", {"q": "c", "r": "s"}, {"q": 3}),
    ],
)
def test_merge_keys(text: str, mapping: dict[str, object], twice: dict[str, int]) -> None:
    inner = text.replace("\n", "\n    ")
    for lined in (False, True):
        found = load_first(f"- &a {{p: one, q: one}}\n-   {inner}\n".encode(), lined=lined)
        assert isinstance(found, list)
        assert found == [{"p": "one", "q": "one"}, mapping]
        assert getattr(found[1], "twice", {}) == twice
        assert isinstance(found[1], DoubledDict) is (lined or bool(twice))


@pytest.mark.parametrize("source", ["b", "~", "[b]", "[{a: b}, [{a: b}]]", "5"])
def test_only_mappings_are_merged(source: str) -> None:
    with pytest.raises(YAMLError, match="line 2: only a mapping can be merged into a mapping"):
        load_first(f"a: b\n<<: {source}".encode())


def test_where_each_of_them_stands() -> None:
    text = "a: b\nc:\n- d\n-\n  - e\n- {f: g,\n  h: i}\n<<: {a: b, k: l,\n  m: n}\n? k\n: o\n"
    found = load_first(text.encode(), lined=True)
    assert isinstance(found, LinedDict)
    assert found.lines == {"a": 1, "c": 2, "k": 10, "m": 8}
    assert isinstance(inner := found["c"], LinedList)
    assert inner.lines == [3, 5, 6]
    assert isinstance(last := inner[2], LinedDict)
    assert last.lines == {"f": 6, "h": 7}
    assert isinstance(found, dict)
    plain = load_first(text.encode())
    assert [type(one) for one in (plain, plain["c"], plain["c"][2])] == [dict, list, dict]  # type: ignore[index]


def test_each_limit_holds_exactly() -> None:
    def deep(levels: int) -> bytes:
        return b"[" * levels + b"]" * levels

    assert load_first(deep(MAX_DEPTH)) is not None
    for text in (deep(MAX_DEPTH + 1), b"{a: " * MAX_DEPTH + b"b" + b"}" * MAX_DEPTH, b"[" * MAX_DEPTH + b"a"):
        with pytest.raises(YAMLError, match=f"line 1: nested deeper than {MAX_DEPTH} levels"):
            load_first(text)
    assert load_first(b"{a: " * (MAX_DEPTH - 1) + b"b" + b"}" * (MAX_DEPTH - 1)) is not None
    assert load_first(b"#" * MAX_BYTES) is None
    for size in (1, 2):
        with pytest.raises(YAMLError, match="larger than 16 MiB"):
            load_first(b"#" * (MAX_BYTES + size))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", 1),
        ("[]", 1),
        ("[a, b]", 3),
        ("{a: b}", 3),
        ("[&a a, *a, *a]", 4),
        ("[&a [b, c], *a]", 7),
        ("[&a {b: c}, [*a, *a]]", 11),
        ("[&a [b], &c [*a, *a], *c]", 13),
        ("{<<: {a: b, c: d}}", 9),  # the merge's key, its mapping, and what it gives
        ("{<<: [{a: b}, {c: d}]}", 11),
    ],
)
def test_an_alias_counts_as_much_as_what_it_stands_for(text: str, values: int) -> None:
    assert load_first(text.encode(), nodes=values) is not None
    with pytest.raises(YAMLError, match=f"line 1: more than {values - 1} values"):
        load_first(text.encode(), nodes=values - 1)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("aGVsbG8=", "hello"),
        ('"aGVs\\nbG8="', "hello"),
        ('"aGVs\\r\\nbG8="', "hello"),
        ('"aGVs bG8="', None),
        ('" aGVsbG8="', None),
        ('"aGVs\\tbG8="', None),
        ("aGVsbG8", None),
        ("aGV*bG8=", None),
        ("/w==", None),
        ("''", ""),
    ],
)
def test_binary_text_is_read_as_go_reads_it(written: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(YAMLError, match="line 1: a binary value that is no text") as caught:
            load_first(f"a: !!binary {written}".encode())
        assert caught.value.__cause__ is None
    else:
        assert load_first(f"a: !!binary {written}".encode()) == {"a": text}
        assert load_first(f"!!binary {written} : a".encode()) == {text: "a"}


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
        (b"? " * 100 + b"a", "nested deeper"),
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
