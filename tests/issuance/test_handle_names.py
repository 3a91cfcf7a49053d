"""The names of handles: they fit everywhere, and say what a handle is made for where nobody can change it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from tui.issuance.model.names import ALPHABET
from tui.issuance.model.types import Handle
from tui.issuance.objects import managed
from tui.issuance.trust import handles
from tui.issuance.trust.handle_names import Meant, fits, fresh, has_digest, is_handle_name, is_whole
from tui.issuance.trust.handles import Seen

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
ACCOUNTS = [
    "robot", "x.y.z", "a" * 28, "a" * 29, "a" * 253, "a" * 10 + "." + "b" * 100, "a" * 9 + "-" * 9 + "b" * 20,
    "a" * 44 + "." + "b" * 100, "a" * 45 + "-" * 9 + "b",
]  # fmt: skip
MEANT = Meant(
    account="ns/robot",
    request="r1",
    secrets=("ns/kept", "edge/ns/kept"),
    audiences=("vault", "x"),
    requested=timedelta(hours=1),
    pushes={"ns/kept": "{}", "ns/a": "[]"},
)
OLD = "kubemint-robot-bcdfghjk"
NAMES = (
    "kubemint-robot-bcdfghjkzxkpr954d8f8l5bsp",
    "kubemint-aaaaaaaaaaa-bcdfghjkq2sq8dv4hfhfpvxk88jvzp4wrb489f8b6c",
)


def of(account: str) -> Meant:
    return Meant(account=f"ns/{account}")


@pytest.mark.parametrize("account", ACCOUNTS)
def test_names_fit_for_every_account_and_are_known_again(account: str) -> None:
    names = {fresh(of(account)) for _ in range(50)}
    assert len(names) == 50
    for name in names:
        assert len(name) <= 63
        assert SUBDOMAIN.fullmatch(name)
        assert name.startswith("kubemint-" + account[:9])
        assert has_digest(name)
        assert fits(name, of(account))
        assert is_handle_name(name, account)
        assert is_whole(name, account)
        assert is_handle_name(name, None)
        for other in (f"x{account}", account[:-1], f"{account}x", ""):
            assert not is_handle_name(name, other)
            assert not is_whole(name, other)
            assert not fits(name, of(other))


@given(st.from_regex(SUBDOMAIN, fullmatch=True).filter(lambda name: len(name) <= 253))
def test_names_are_valid_for_any_valid_account(account: str) -> None:
    name = fresh(of(account))
    assert SUBDOMAIN.fullmatch(name)
    assert len(name) <= 63
    assert is_whole(name, account)


def test_the_longest_names_use_all_there_is() -> None:
    assert len(fresh(of("a" * 28))) == 63
    assert fresh(of("a" * 28)).startswith(f"kubemint-{'a' * 28}-")
    assert len(fresh(of("a" * 29))) == 63
    assert fresh(of("a" * 29)).startswith(f"kubemint-{'a' * 11}-")


def test_names_stay_what_they_are_from_version_to_version() -> None:
    """What is written here lies in clusters: another digest would disown every handle that is there."""
    short, long = NAMES
    assert fits(short, MEANT)
    assert fits(long, msgspec.structs.replace(MEANT, account=f"ns/{'a' * 45}-admin"))


@pytest.mark.parametrize(
    "change",
    [
        {"account": "ns/robot2"},
        {"account": "other/robot"},
        {"account": "robot"},
        {"request": "r2"},
        {"request": ""},
        {"secrets": ("ns/kept",)},
        {"secrets": ("edge/ns/kept", "ns/kept")},
        {"secrets": ()},
        {"audiences": ("vault",)},
        {"audiences": ("x", "vault")},
        {"secrets": (), "audiences": ("ns/kept", "edge/ns/kept", "vault", "x")},
        {"requested": None},
        {"requested": timedelta()},
        {"requested": timedelta(hours=2)},
        {"requested": timedelta(seconds=3601)},
        {"pushes": {}},
        {"pushes": {"ns/kept": "[]", "ns/a": "{}"}},
        {"pushes": {"ns/kept": "{}"}},
    ],
)
def test_every_part_of_what_it_is_made_for_is_in_the_name(change: dict[str, Any]) -> None:
    name = fresh(MEANT)
    changed = msgspec.structs.replace(MEANT, **change)
    assert not fits(name, changed)
    assert not fits(fresh(changed), MEANT)


def test_what_is_not_written_down_is_not_in_the_name() -> None:
    name = fresh(MEANT)
    assert fits(name, msgspec.structs.replace(MEANT, requested=timedelta(hours=1, milliseconds=999)))
    assert fits(name, msgspec.structs.replace(MEANT, pushes=dict(reversed(MEANT.pushes.items()))))


def test_a_name_begins_with_the_account_without_its_namespace() -> None:
    for account in ("robot", "ns/robot"):
        assert is_handle_name(fresh(Meant(account=account)), "robot")


def test_another_salt_is_another_name() -> None:
    """So a digest that fits one name says nothing of the next."""
    head, _, tail = fresh(MEANT).rpartition("-")
    other = fresh(MEANT).rpartition("-")[2]
    assert tail[8:] != other[8:]
    assert not fits(f"{head}-{other[:8]}{tail[8:]}", MEANT)
    assert not fits(f"{head}-{tail[:-1]}{'c' if tail[-1] == 'b' else 'b'}", MEANT)
    assert not fits(f"{head}-{tail}b", MEANT)


@pytest.mark.parametrize(
    ("name", "account", "right"),
    [
        (OLD, "robot", True),
        (OLD, None, True),
        (OLD, "", False),
        (OLD, "robo", False),
        (OLD, "robot-b", False),
        ("kubemint-robot-bcdfghj", "robot", False),
        ("kubemint-robot-bcdfghja", "robot", False),
        ("kubemint-robot.bcdfghjk", "robot", False),
        ("robot-bcdfghjk", "robot", False),
        ("robot-bcdfghjk", None, False),
        ("bcdfghjk", None, False),
        ("", "robot", False),
        ("", None, False),
        ("kubemint-", None, False),
        ("kubemint-robot-", None, False),
        ("xkubemint-robot-bcdfghjk", "robot", False),
        (f"kubemint-{'a' * 45}-bcdfghjk", "a" * 45 + "-admin", True),
        (f"kubemint-{'a' * 44}-bcdfghjk", "a" * 44 + "." + "b" * 9, True),
        (f"kubemint-{'a' * 44}.-bcdfghjk", "a" * 44 + "." + "b" * 9, False),
        (f"kubemint-{'a' * 44}-bcdfghjk", "a" * 45 + "-admin", False),
        (f"kubemint-robot-{'b' * 24}", "robot", False),
        (f"kubemint-robot-{'b' * 26}", "robot", False),
        (f"kubemint-robot-{'b' * 25}", "robot", True),
        (f"kubemint-robot-{'b' * 25}", None, True),
        (f"kubemint-robot-{'b' * 24}a", "robot", False),
        (f"kubemint-robot-{'b' * 42}", "robot", False),
        (f"kubemint-robot-{'b' * 42}", None, True),
        (f"kubemint-robot-{'b' * 43}", None, False),
        (f"kubemint-robot-{ALPHABET}{'b' * 15}", None, True),
        (f"kubemint-{'a' * 29}-{'b' * 25}", "a" * 29, False),
        # A name of one kind is never one of the other, whatever accounts are called.
        (f"kubemint-robot-{'b' * 17}-bcdfghjk", "robot", False),
        (f"kubemint-robot-{'b' * 17}-bcdfghjk", f"robot-{'b' * 17}", True),
    ],
)
def test_names_are_exact(name: str, account: str | None, right: bool) -> None:
    assert is_handle_name(name, account) is right


def test_names_of_old_are_told_from_those_that_say_more() -> None:
    assert not has_digest(OLD)
    assert not has_digest("robot")
    assert not has_digest("")
    assert has_digest(f"kubemint-robot-{'b' * 25}")
    assert has_digest(f"kubemint-robot-{'b' * 42}")
    assert not fits(OLD, of("robot"))
    assert not fits("", of("robot"))


def test_whether_a_name_of_old_has_the_whole_account_in_it() -> None:
    assert is_whole(OLD, "robot")
    assert not is_whole(OLD, "robo")
    assert is_whole(f"kubemint-{'a' * 45}-bcdfghjk", "a" * 45)
    assert not is_whole(f"kubemint-{'a' * 45}-bcdfghjk", "a" * 45 + "-admin")


def test_what_a_new_handle_says_is_as_its_name_says() -> None:
    """Written into a Secret and read back, in whatever way it is asked for."""
    name = fresh(MEANT)
    given: dict[str, Any] = msgspec.structs.asdict(MEANT) | {"account": "robot"}
    obj = managed.handle_object(
        Handle("harbor", "ns", name, ""), account_uid="u", plan="p", issued_by="me", **given
    )  # fmt: skip
    seen = handles.seen_in(obj)
    assert seen.meant == MEANT
    assert seen.is_as_made
    assert not seen.is_changed
    for what, text in {
        managed.ACCOUNT: "ns/admin", managed.REQUEST: "r2", managed.SECRETS: '["ns/kept"]', managed.AUDIENCES: "[]",
        managed.REQUESTED: "2h", managed.PUSHES: "{}",
    }.items():  # fmt: skip
        notes = obj["metadata"]["annotations"] | {what: text}
        changed = handles.seen_in({**obj, "metadata": obj["metadata"] | {"annotations": notes}})
        assert changed.is_changed, what
        assert not changed.is_as_made, what
    later = obj["metadata"]["annotations"] | {managed.PLAN: "p2", managed.ISSUED_BY: "other"}
    assert handles.seen_in({**obj, "metadata": obj["metadata"] | {"annotations": later}}).is_as_made


def test_a_handle_of_old_is_neither_as_made_nor_changed() -> None:
    seen = Seen(name=OLD, account="ns/robot")
    assert not seen.is_as_made
    assert not seen.is_changed


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36500)), st.lists(st.text(), max_size=3))
def test_whatever_is_asked_for_is_read_back_as_it_was(requested: timedelta, audiences: list[str]) -> None:
    meant = Meant(account="ns/robot", request="r", audiences=tuple(audiences), requested=requested)
    name = fresh(meant)
    obj = managed.handle_object(
        Handle("harbor", "ns", name, ""), account="robot", account_uid="", request="r", plan="p", issued_by="me",
        audiences=meant.audiences, requested=requested,
    )  # fmt: skip
    assert handles.seen_in(obj).is_as_made
