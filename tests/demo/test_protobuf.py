"""Protobuf bodies, written here by hand as kubectl writes them, read as the JSON that they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tui.demo.apiserver.negotiation import decode as decode_body
from tui.demo.apiserver.protobuf import MEDIA_TYPE, decode
from tui.demo.apiserver.status import StatusError


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(kind: str, *fields: bytes, version: str = "v1") -> bytes:
    head = field(1, version) + field(2, kind)
    return b"k8s\x00" + field(1, head) + field(2, b"".join(fields)) + field(3, "") + field(4, "")


def test_a_secret() -> None:
    metadata = field(1, "s") + field(3, "n") + field(11, field(1, "a") + field(2, "b")) + field(14, "x/y")
    data = field(1, "token") + field(2, b"\x00\xff")
    raw = body("Secret", field(1, metadata), field(2, data), field(3, "Opaque"), field(5, 1))
    assert decode(raw) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "n", "labels": {"a": "b"}, "finalizers": ["x/y"]},
        "data": {"token": "AP8="},
        "type": "Opaque",
        "immutable": True,
    }


def test_a_token_request() -> None:
    reference = field(1, "Secret") + field(2, "v1") + field(3, "handle") + field(4, "uid-1")
    spec = field(1, "vault") + field(1, "api") + field(3, reference) + field(4, 600)
    raw = body("TokenRequest", field(1, b""), field(2, spec), version="authentication.k8s.io/v1")
    assert decode(raw)["spec"] == {
        "audiences": ["vault", "api"],
        "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "handle", "uid": "uid-1"},
        "expirationSeconds": 600,
    }


def test_a_lease_with_times() -> None:
    spec = field(1, "me") + field(2, 15) + field(4, field(1, 1767323045) + field(2, 678901000))
    assert decode(body("Lease", field(2, spec)))["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-02T03:04:05.678901Z",
    }


def test_empty_text_is_absent_and_unknown_fields_are_skipped() -> None:
    metadata = field(1, "s") + field(2, "") + field(99, "later") + varint(98 << 3 | 1) + bytes(8)
    assert decode(body("Namespace", field(1, metadata)))["metadata"] == {"name": "s"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"k8s\x00",
        b'{"kind":"Secret"}',
        body("Unheard"),
        body("Secret", field(1, field(1, "s")))[:-9],
        body("Secret", b"\x0f"),
        body("Secret", field(1, 5)),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        decode_body(raw, MEDIA_TYPE, "Secret")
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")


@given(st.binary(max_size=60))
def test_no_body_breaks_the_reader(tail: bytes) -> None:
    try:
        decode(b"k8s\x00" + field(1, field(2, "Secret")) + field(2, tail))
    except StatusError as error:
        assert error.code == 400  # noqa: PT017 - either outcome is right, an exception of another kind is not
