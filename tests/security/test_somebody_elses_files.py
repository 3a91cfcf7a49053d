"""Nothing of somebody else's is replaced unasked, and no live token lies where others read it: files, links, modes."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tui.issuance.destinations import files, folders, standing
from tui.issuance.destinations.folders import reached
from tui.issuance.destinations.standing import (
    KEPT_AS,
    Kind,
    Standing,
    Verdict,
    WouldReplace,
    describe,
    judge,
    look_at,
    may_write,
    put,
    write_file,
)
from tui.issuance.errors import FileError
from tui.kube.sensitive import Sensitive

ME, BOB = 1000, 12345
NEW = Sensitive("new material")
ADMIN = """apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {server: https://192.0.2.1}
contexts:
- name: admin
  context: {cluster: c, user: admin}
current-context: admin
users:
- name: admin
  user: {token: hush}
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def there(**facts: Any) -> Standing:
    """A private file of mine."""
    given: dict[str, Any] = {"target": Path("/d/f"), "kind": Kind.FILE, "size": 7, "uid": ME, "gid": ME, "mode": 0o600}
    return Standing(path=Path("/d/f"), **given | facts)


REFUSED = "not written by kubemint"
TABLE: list[tuple[str, dict[str, Any], dict[str, bool], str, bool]] = [
    # what, facts, what is said, why it is refused, whether asking for it helps
    ("nothing there", {"kind": Kind.NOTHING}, {}, "", False),
    ("ours", {}, {"ours": True}, "", False),
    ("an empty file", {"size": 0}, {}, "", False),
    ("a foreign file", {}, {}, REFUSED, True),
    ("a foreign file of one byte", {"size": 1}, {}, REFUSED, True),
    ("a foreign file, forced", {}, {"force": True}, "", False),
    ("a foreign file, merged into", {}, {"whole": False}, "", False),
    ("a foreign file for what lets nobody in", {}, {"live": False}, REFUSED, True),
    ("somebody else's file", {"uid": BOB}, {"force": True}, "belongs to 12345", False),
    ("somebody else's empty file", {"uid": BOB, "size": 0}, {}, "belongs to 12345", False),
    ("somebody else's kubeconfig", {"uid": BOB}, {"whole": False, "force": True}, "belongs to 12345", False),
    ("somebody else's file that was ours", {"uid": BOB}, {"ours": True}, "belongs to 12345", False),
    ("somebody else's file for no secret", {"uid": BOB}, {"live": False, "force": True}, "", False),
    ("a file with two names", {"names": 2}, {"whole": False}, "2 names", True),
    ("an empty file with two names", {"names": 2, "size": 0}, {}, "2 names", True),
    ("a file with two names, forced", {"names": 2}, {"whole": False, "force": True}, "", False),
    ("ours with two names", {"names": 2}, {"ours": True}, "", False),
    ("a folder", {"kind": Kind.OTHER}, {"force": True}, "not a regular file", False),
]


@pytest.mark.parametrize(("what", "facts", "said", "refused", "forcible"), TABLE, ids=[row[0] for row in TABLE])
def test_what_may_become_of_what_is_there(
    what: str, facts: dict[str, Any], said: dict[str, bool], refused: str, forcible: bool
) -> None:
    verdict = judge(there(**facts), ME, **said)
    assert bool(verdict.refused) is bool(refused), verdict
    assert refused in verdict.refused
    assert verdict.forcible is forcible
    if refused:
        with pytest.raises(WouldReplace if forcible else FileError):
            verdict.check()
        return
    verdict.check()
    assert verdict.keep is (facts.get("size", 7) > 0 and facts.get("kind") is None and bool(said.get("force"))
                            and said.get("whole", True)), verdict  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "live", "becomes", "words"),
    [
        (0o600, True, 0o600, ()),
        (0o644, True, 0o600, ("its mode 0644 gives others access and becomes 0600",)),
        (0o640, True, 0o600, ("its mode 0640 gives others access and becomes 0600",)),
        (0o660, True, 0o600, ("its mode 0660 gives others access and becomes 0600",)),
        (0o604, True, 0o600, ("its mode 0604 gives others access and becomes 0600",)),
        (0o400, True, 0o400, ()),
        (0o700, True, 0o700, ()),
        (0o044, True, 0o600, ("its mode 0044 gives others access and becomes 0600",)),
        (0o644, False, 0o644, ()),
    ],
)
def test_what_lets_somebody_in_is_for_its_owner_alone(
    mode: int, live: bool, becomes: int, words: tuple[str, ...]
) -> None:
    verdict = judge(there(mode=mode), ME, live=live, ours=True)
    assert (verdict.mode, verdict.said) == (becomes, words)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"links": ((Path("/l"), ME),)}, ""),
        ({"links": ((Path("/l"), 0),)}, ""),
        ({"links": ((Path("/l"), BOB),)}, "through a link of 12345"),
        ({"links": ((Path("/l"), BOB), (Path("/m"), BOB + 1))}, "through a link of 12345"),
        ({"folder_mode": 0o777}, "any user may replace it"),
        ({"folder_mode": 0o1777}, ""),
        ({"names": 2}, "2 names (hard links)"),
        ({"names": 3}, "3 names (hard links)"),
    ],
)
def test_links_and_open_folders_are_said(facts: dict[str, Any], words: str) -> None:
    verdict = judge(there(**facts), ME, ours=True)
    assert verdict.warning(Path("/d/f")) == (f"/d/f: {verdict.said[0]}" if words else "")
    assert words in verdict.warning(Path("/d/f"))


@pytest.mark.parametrize(("owner", "followed"), [(ME, True), (0, True), (BOB, False)])
def test_whose_links_are_followed(owner: int, followed: bool) -> None:
    assert folders.follows(owner, ME) is followed


def test_owner_and_mode_are_described() -> None:
    root = there(uid=0, gid=0, mode=0o644)
    assert describe(root, judge(root, 0, ours=True)) == "mode 0600 instead of 0644, owner root:root"
    assert describe(root, judge(root, 0, ours=True, live=False)) == "keeps mode 0644, owner root:root"
    through = there(uid=0, gid=0, target=Path("/e/g"))
    assert describe(through, judge(through, 0, ours=True)).endswith(", through the link to /e/g")


def test_what_is_replaced_is_kept_privately_under_a_name_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config"
    for number, kept in enumerate((f"config.{KEPT_AS}", f"config.{KEPT_AS}-2"), 1):
        path.write_text(f"theirs {number}")
        path.chmod(0o644)
        with pytest.raises(WouldReplace):
            write_file(path, NEW, force=False)
        assert path.read_text() == f"theirs {number}"
        written = write_file(path, NEW, force=True)
        assert written.kept == tmp_path / kept
        assert kept in written.said
        assert (tmp_path / kept).read_text() == f"theirs {number}"
        assert stat.S_IMODE((tmp_path / kept).stat().st_mode) == 0o600
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_file(path, NEW, force=False).kept is None, "what holds this very content loses nothing"


def test_the_facts_of_a_path(tmp_path: Path) -> None:
    path, folder, link, other = tmp_path / "f", tmp_path / "d", tmp_path / "l", tmp_path / "other"
    tmp_path.chmod(0o750)
    missing = look_at(tmp_path / "no" / "such" / "f")
    assert missing == Standing(
        path=tmp_path / "no" / "such" / "f", target=tmp_path / "no" / "such" / "f", folder_mode=0o750
    )
    assert missing.kind is Kind.NOTHING
    path.write_text("four")
    path.chmod(0o640)
    found = path.stat()
    mine: dict[str, Any] = {"uid": os.geteuid(), "gid": found.st_gid, "folder_mode": 0o750}
    mine["which"] = (found.st_dev, found.st_ino, found.st_uid, found.st_gid)
    assert look_at(path) == Standing(path=path, target=path, kind=Kind.FILE, size=4, mode=0o640, **mine)
    os.link(path, other)
    link.symlink_to(path)
    assert look_at(link) == Standing(
        path=link, target=path, kind=Kind.FILE, size=4, mode=0o640, names=2, links=((link, os.geteuid()),), **mine
    )  # fmt: skip
    dangling = tmp_path / "dangling"
    dangling.symlink_to(folder / "f")
    folder.mkdir(mode=0o700)
    there = look_at(dangling)
    assert (there.kind, there.target, there.folder_mode) == (Kind.NOTHING, folder / "f", 0o700)
    assert there.links == ((dangling, os.geteuid()),)
    for odd in (folder, Path("/dev/null")):
        assert look_at(odd).kind is Kind.OTHER
    with pytest.raises(FileError, match=f"cannot look at {path}/below"):
        look_at(path / "below")
    tmp_path.chmod(0o1777)
    assert look_at(path).folder_mode == 0o1777
    path.chmod(0o4755)
    assert look_at(path).mode == 0o755


def test_whoever_asks_before_writing_is_told_the_same(tmp_path: Path) -> None:
    path = tmp_path / "f"
    there, verdict = may_write(str(path), force=False)
    assert (there.path, there.kind, verdict) == (path, Kind.NOTHING, Verdict())
    path.write_text("letter")
    path.chmod(0o644)
    with pytest.raises(WouldReplace):
        may_write(path, force=False)
    _, verdict = may_write(path, force=True)
    assert (verdict.mode, verdict.keep) == (0o600, True)
    _, verdict = may_write(path, force=True, live=False)
    assert (verdict.mode, verdict.keep) == (0o644, True)


def test_what_holds_this_very_content_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "f"
    first = write_file(str(path), NEW, force=False)
    assert (first.target, first.kept, first.said) == (path, None, "written")
    path.chmod(0o644)
    again = write_file(path, NEW, force=False)
    assert (again.kept, stat.S_IMODE(path.stat().st_mode)) == (None, 0o600)
    path.chmod(0o644)
    assert write_file(path, NEW, force=False, live=False).kept is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.write_text("new materia!")  # as long, and something else
    with pytest.raises(WouldReplace):
        write_file(path, NEW, force=False)
    assert path.read_text() == "new materia!"
    link = tmp_path / "l"
    link.symlink_to(tmp_path / "g")
    through = write_file(link, NEW, force=False)
    assert (through.target, through.said) == (tmp_path / "g", f"written through the link to {tmp_path / 'g'}")
    (tmp_path / "g").write_text("letter")
    kept = write_file(link, NEW, force=True).kept
    assert kept == tmp_path / f"g.{KEPT_AS}"
    assert kept.read_text() == "letter"


def test_where_the_write_fails_nothing_is_kept_and_nothing_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_text("letter")
    there, verdict = may_write(path, force=True)
    tidied: list[Path] = []
    real = files.write_private

    def failing(target: Path, material: Sensitive, **given: Any) -> Path:
        if target == path:
            for kept in tidied:
                kept.unlink()
            raise FileError("no room", "")
        return real(target, material, **given)

    monkeypatch.setattr(standing, "write_private", failing)
    with pytest.raises(FileError, match="no room"):
        put(there, NEW, verdict)
    assert os.listdir(tmp_path) == ["f"]
    with pytest.raises(FileError, match="no room"):
        put(there, NEW, msgspec.structs.replace(verdict, keep=False))
    tidied.append(tmp_path / f"f.{KEPT_AS}")
    with pytest.raises(FileError, match="no room"):
        put(there, NEW, verdict)
    assert os.listdir(tmp_path) == ["f"]
    assert path.read_text() == "letter"


def test_what_came_there_since_nothing_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    nothing = look_at(path)
    path.write_text("letter")
    with pytest.raises(FileError, match="is there already"):
        put(nothing, NEW, Verdict())
    assert path.read_text() == "letter"
    put(look_at(path), NEW, Verdict())
    assert path.read_text() == "new material"


def test_what_comes_there_between_the_look_and_the_write_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"

    def late(*given: Any, **words: Any) -> Verdict:
        verdict = judge(*given, **words)
        path.write_text("letter")
        return verdict

    monkeypatch.setattr(standing, "judge", late)
    with pytest.raises(FileError):
        write_file(path, NEW, force=False)
    assert path.read_text() == "letter"


def test_a_name_that_somebody_else_takes_just_now_is_left_to_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who replace the same file at once keep it under two names; the second was refused."""
    path, taken = tmp_path / "f", tmp_path / f"f.{KEPT_AS}"
    path.write_text("letter")
    real = os.path.lexists

    def late(name: Path) -> bool:
        there = real(name)
        if name == taken and not there:
            taken.write_text("his")
        return there

    monkeypatch.setattr(os.path, "lexists", late)
    kept = write_file(path, NEW, force=True).kept
    assert kept == tmp_path / f"f.{KEPT_AS}-2"
    assert (taken.read_text(), kept.read_text()) == ("his", "letter")


def test_what_cannot_be_kept_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_text("letter")

    def full(*_: Any, **__: Any) -> Path:
        raise FileError("no room", "")

    monkeypatch.setattr(standing, "write_private", full)
    with pytest.raises(FileError, match="no room"):
        write_file(path, NEW, force=True)
    assert path.read_text() == "letter"


@as_root
def test_whose_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("letter")
    os.chown(path, BOB, BOB + 1)
    assert (look_at(path).uid, look_at(path).gid) == (BOB, BOB + 1)


def test_a_long_name_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    path.write_text("letter")
    kept = write_file(path, NEW, force=True).kept
    assert kept is not None
    assert kept.name == "n" * 200 + f".{KEPT_AS}"
    assert kept.read_text() == "letter"


def test_a_name_of_many_is_refused_and_its_others_stay(tmp_path: Path) -> None:
    path, other = tmp_path / "f", tmp_path / "other"
    path.write_text("")
    os.link(path, other)
    with pytest.raises(WouldReplace, match="2 names"):
        write_file(path, NEW, force=False)
    write_file(path, NEW, force=True)
    assert (path.read_text(), other.read_text()) == ("new material", "")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder like /tmp: everybody may write, and remove only his own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        yield Path(name)


@as_root
def test_links_of_others_are_not_followed_as_folders_either(shared: Path, tmp_path: Path) -> None:
    trap = shared / "backup"
    trap.symlink_to(tmp_path)
    os.lchown(trap, BOB, BOB)
    for path in (trap, trap / "robot.kubeconfig", trap / "new" / "robot.kubeconfig"):
        with pytest.raises(FileError, match="link that belongs to another user"):
            write_file(path, NEW, force=True)
    assert os.listdir(tmp_path) == []
    hop = tmp_path / "hop"
    hop.symlink_to(trap)  # mine, and it leads through his
    with pytest.raises(FileError, match="link that belongs to another user"):
        write_file(hop / "robot.kubeconfig", NEW, force=True)


@as_root
def test_links_of_the_owner_of_a_folder_are_not_followed_either(tmp_path: Path) -> None:
    """He would choose where a file of ours is made."""
    his, mine = tmp_path / "his", tmp_path / "mine"
    his.mkdir()
    mine.mkdir()
    for name, target in (("link", mine), ("file", mine / "victim")):
        (his / name).symlink_to(target)
        os.lchown(his / name, BOB, BOB)
    os.chown(his, BOB, BOB)
    for path in (his / "link" / "f", his / "file"):
        with pytest.raises(FileError, match="link that belongs to another user"):
            write_file(path, NEW, force=True)
    assert os.listdir(mine) == []


def test_what_a_folder_above_means_is_for_the_links_to_say(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "l").symlink_to(tmp_path / "a" / "b")
    assert write_file(tmp_path / "l" / ".." / "f", NEW, force=False).target == (tmp_path / "a" / "f").resolve()
    with reached(tmp_path / "l" / ".." / "f") as way:
        assert [link for link, _ in way.links] == [tmp_path / "l"]
    (tmp_path / "x").symlink_to("y")
    (tmp_path / "y").symlink_to("x")
    with pytest.raises(FileError, match="symbolic links"):
        look_at(tmp_path / "x" / "f")
