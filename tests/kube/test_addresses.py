"""Addresses at the edges: how long, which part decides, and when two of them are the same place."""

from __future__ import annotations

import pytest

from tui.kube.addresses import MAX_ADDRESS, MAX_NAME, AddressRefused, is_near, leads_near, place, same_place, server

LABELS = ".".join(["a" * 63] * 3)


def longest(size: int) -> str:
    return f"https://h/{'a' * size}"[:size]


@pytest.mark.parametrize(
    ("most", "more"),
    [
        (longest(MAX_ADDRESS), longest(MAX_ADDRESS + 1)),
        (f"https://{LABELS}.{'b' * 61}", f"https://{LABELS}.{'b' * 62}"),
        (f"https://{'a' * 63}.example", f"https://{'a' * 64}.example"),
        ("https://h:1", "https://h:0"),
        ("https://h:65535", "https://h:65536"),
        ("https://a.example.", "https://a.example.."),
        ("https://a-b", "https://a-"),
        ("https://_a", "https://-a"),
        ("https://h", "https://h:"),
        ("https://a.example1", "https://a.1example"),
        ("https://9.example", "https://example.9"),
        ("HTTPS://h", "HTTP://h"),
        ("https://[2001:db8::1]", "https://[h]"),
        ("https://[2001:db8::1]", "https://2001:db8::1"),
        ("https://[2001:0db8::1]", "https://010.1.1.1"),
        ("https://h/~", "https://h/\x7f"),
        ("https://h/X", "https://h/X\\"),
    ],
)
def test_as_far_as_an_address_may_go_and_one_step_further(most: str, more: str) -> None:
    assert len(f"{LABELS}.{'b' * 61}") == MAX_NAME
    assert server(most) == most
    for near in (False, True):
        with pytest.raises(AddressRefused):
            server(more, near=near)


@pytest.mark.parametrize(
    "address",
    ["https://u@127.0.0.1", "https://127.0.0.1?x", "https://127.0.0.1#", "http://127.0.0.1", "https://127.0.0.1:0"],
)
def test_to_be_near_excuses_nothing_else(address: str) -> None:
    with pytest.raises(AddressRefused):
        server(address, near=True)
    with pytest.raises(AddressRefused, match="this machine"):
        server("https://127.0.0.1")


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("0.255.255.255", True),
        ("1.0.0.0", False),
        ("126.255.255.255", False),
        ("127.255.255.255", True),
        ("128.0.0.0", False),
        ("169.253.255.255", False),
        ("169.254.0.0", True),
        ("169.255.0.0", False),
        ("223.255.255.255", False),
        ("239.255.255.255", True),
        ("240.0.0.0", False),
        ("255.255.255.254", False),
        ("255.255.255.255", True),
        ("10.0.0.1", False),
        ("127.1", True),
        ("0x7f000001", True),
        ("0X7F000001", True),
        ("2130706433", True),
        ("134744072", False),
        ("127.0.0.1.", True),
        ("::1", True),
        ("::2", True),  # an IPv4 address of this network, as it was written once
        ("::7f00:1", True),
        ("::808:808", False),
        ("::1:0:0", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::808:808", False),
        ("64:ff9b:1::7f00:1", False),
        ("2002:7f00:1::", True),
        ("2002:808:808::", False),
        ("fe80::1", True),
        ("fec0::1", False),
        ("ff02::1", True),
        ("2001:db8::1", False),
        ("2001:db8::7f00:1", False),
        ("localhost", True),
        ("a.b.LOCALHOST.", True),
        ("localdomain", True),
        ("ip6-loopback", True),
        ("localhost.example", False),
        ("notlocalhost", False),
        ("example", False),
        ("", False),
        ("127.0.0.1.example", False),
        ("a127.0.0.1", False),
        ("face", False),
        ("999.1.1.1", False),
        ("127.0.0.1X", False),
        ("localhostX", False),
    ],
)
def test_which_hosts_are_this_machine_or_its_link(host: str, near: bool) -> None:
    assert is_near(host) is near
    assert leads_near(f"https://[{host}]:1/x" if ":" in host else f"https://{host}:1/x") is near


def test_what_is_no_address_leads_nowhere() -> None:
    assert not leads_near("https://[::1")
    assert not leads_near("127.0.0.1")
    assert not leads_near("")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h", "https://h", True),
        ("https://h", "HTTPS://H:443/", True),
        ("http://h", "http://h:80//", True),
        ("https://h", "http://h", False),
        ("https://h:443", "http://h:443", False),
        ("https://h", "https://h:80", False),
        ("https://h", "https://h:6443", False),
        ("https://h", "https://h:0", False),
        ("https://h", "https://i", False),
        ("https://h/a", "https://h/a/", True),
        ("https://h/a", "https://h/A", False),
        ("https://h/a", "https://h", False),
        ("https://h/a", "https://h/aX", False),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]:443", True),
        ("https://[::1", "https://[::1", False),
        ("https://h:x", "https://h:x", False),
        ("ftp://h", "ftp://h", False),
        ("ftp://h:1", "ftp://h:1", True),
        ("h:443", "h:443", False),
        ("https:///a", "https:///a", False),
        ("", "", False),
    ],
)
def test_two_ways_of_writing_the_same_server(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same
    assert same_place(other, one) is same


def test_a_place_says_scheme_host_port_and_path() -> None:
    assert place("https://H:6443/a/b/") == ("https", "h", 6443, "/a/b")
    assert place("http://h") == ("http", "h", 80, "")
