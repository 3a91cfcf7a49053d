"""The credential plugin's one cache: a refused answer is not given again, whatever is odd is a miss. No servers.

Rows A15, A17, A19 and A21 of the token manager hold here and in `test_exec_minting`, as this is the only cache.
"""

from __future__ import annotations

import base64
import copy
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.answers import remember, status_of, token, write
from tests.certificates import Authority
from tests.cli.conftest import kubemint
from tui.issuance.families.plugin import exec_minting
from tui.issuance.records import exec_cache
from tui.issuance.records.exec_cache import FRESH, INFO, SECONDS, Question, cache_folder, is_safe, refused
from tui.issuance.records.exec_record import Kept, read_record, record

V1 = "client.authentication.k8s.io/v1"
PAIR = Authority("an authority").client("robot")
CERTIFICATE, KEY = PAIR.certificate.decode(), PAIR.key.decode()
PAIR_STATUS: dict[str, Any] = {"clientCertificateData": CERTIFICATE, "clientKeyData": KEY}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}


@pytest.fixture
def question(env: dict[str, str]) -> Question:
    return Question(["--context", "c"], env, caller="one")


# Whatever is odd is a miss


def test_a_sound_answer_is_given_and_tells_its_account(question: Question) -> None:
    status = remember(question)
    assert json.loads(question.known() or "")["status"] == status
    kept = question.kept()
    assert kept is not None
    assert (kept.uid, kept.subject) == ("uid-1", "i shop:robot")
    assert remember(question, status_of(**PAIR_STATUS)) == json.loads(question.known() or "")["status"]


ODD_STATUS: dict[str, dict[str, Any]] = {
    "empty": {},
    "nothing but its end": {"token": None},
    "an empty token": {"token": ""},
    "a number": {"token": 5},
    "no JSON web token": {"token": "abc"},
    "two parts": {"token": token().rpartition(".")[0]},
    "an unreadable payload": {"token": "e30.!!.e30"},
    "a payload that is a list": {"token": "e30.W10.e30"},
    "a payload without end": {"token": "e30." + base64.b64encode(b"[" * 50_000).decode().rstrip("=") + ".e30"},
    "a token that ends before": {"token": token(lasts=60)},
    "an end that is a text": {"token": token(exp="soon")},
    "no end": {"expirationTimestamp": None},
    "an end before": {"expirationTimestamp": "2020-01-01T00:00:00Z"},
    "an end that is none": {"expirationTimestamp": "tomorrow"},
    "an end with a zone": {"expirationTimestamp": "2999-01-01T00:00:00+00:00"},
    "a field nobody knows": {"x": "y"},
    "a certificate alone": {"clientCertificateData": CERTIFICATE},
    "a key alone": {"clientKeyData": KEY},
    "a certificate that is none": PAIR_STATUS | {"clientCertificateData": "abc"},
    "a key that is none": PAIR_STATUS | {"clientKeyData": CERTIFICATE},
    "a key cut off": PAIR_STATUS | {"clientKeyData": KEY[:60]},
    "text before": PAIR_STATUS | {"clientCertificateData": f"hello\n{CERTIFICATE}"},
    "text behind": PAIR_STATUS | {"clientCertificateData": f"{CERTIFICATE}hello"},
    "no base64": PAIR_STATUS | {"clientCertificateData": CERTIFICATE.replace("MI", "!!", 1)},
}


@pytest.mark.parametrize("odd", ODD_STATUS)
def test_an_answer_that_is_none_is_a_miss(question: Question, odd: str) -> None:
    status = {key: value for key, value in (status_of() | ODD_STATUS[odd]).items() if value is not None}
    if odd == "empty":
        status = {}
    kept: dict[str, Any] = copy.deepcopy(record(question.name, "", status_of(), good_until=0, renew_at=0))
    now = time.time()
    digest = hashlib.sha256(json.dumps(status, sort_keys=True).encode()).hexdigest()
    write(question, json.dumps(kept | {"status": status, "sum": digest, "goodUntil": now + 900, "renewAt": now + 900}))
    assert question.known() is None


ODD_RECORD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "nested": lambda kept: None,
    "a list": lambda kept: [kept],
    "another question's": lambda kept: kept | {"question": "x"},
    "a status that was changed": lambda kept: kept | {"status": kept["status"] | {"token": token(account="admin")}},
    "a status that is a list": lambda kept: kept | {"status": ["token"]},
    "another account's": lambda kept: kept | {"subject": "i shop:admin"},
    "another UID": lambda kept: kept | {"uid": "uid-2"},
    "a UID that is a number": lambda kept: kept | {"uid": 5},
    "good for ever": lambda kept: kept | {"goodUntil": float("inf")},
    "good until nothing": lambda kept: kept | {"goodUntil": float("nan")},
    "good for a text": lambda kept: kept | {"goodUntil": "9" * 20},
    "good for a truth": lambda kept: kept | {"goodUntil": True},
    "good beyond its end": lambda kept: kept | {"goodUntil": kept["goodUntil"] + 86400},
    "good for longer than times go": lambda kept: kept | {"goodUntil": 10**400},
    "without a time to renew": lambda kept: {key: value for key, value in kept.items() if key != "renewAt"},
    "renewed never": lambda kept: kept | {"renewAt": float("inf")},
}


@pytest.mark.parametrize("odd", ODD_RECORD)
def test_a_file_that_is_odd_is_a_miss(question: Question, odd: str) -> None:
    remember(question)
    kept = json.loads(Path(question.file).read_text())
    changed = ODD_RECORD[odd](kept)
    write(question, '{"x": ' + "[" * 100_000 if changed is None else json.dumps(changed))
    assert question.known() is None
    assert read_record(b"\xff\xfe", question.name) is None


INFOS: dict[str, str | dict[str, Any]] = {
    "nested": '{"apiVersion": ' + "[" * 20_000,
    "a list": "[]",
    "no kind": {"apiVersion": V1, "spec": {}},
    "another kind": {"kind": "Status", "apiVersion": V1, "spec": {}},
    "a spec that is a list": {"spec": []},
    "a cluster that is a text": {"spec": {"cluster": "https://h"}},
    "a server that is a list": {"spec": {"cluster": {"server": ["https://h"]}}},
    "an authority that is a number": {"spec": {"cluster": {"server": "https://h", "certificate-authority-data": 5}}},
    "insecure as a text": {"spec": {"cluster": {"server": "https://h", "insecure-skip-tls-verify": "true"}}},
    "a config that is a text": {"spec": {"cluster": {"server": "https://h", "config": "x"}}},
    "a server twice": json.dumps({"kind": "ExecCredential", "apiVersion": V1, "spec": {"cluster": {"a": 1, "b": 2}}})
    .replace('"a": 1', '"server": "a"')
    .replace('"b": 2', '"server": "b"'),
}


@pytest.mark.parametrize("odd", INFOS)
def test_a_question_that_cannot_be_read_is_refused_in_words(env: dict[str, str], odd: str) -> None:
    info = INFOS[odd]
    text = info if isinstance(info, str) else json.dumps({"kind": "ExecCredential", "apiVersion": V1} | info)
    if odd == "no kind":
        text = json.dumps(info)
    question = Question([], env | {INFO: text})
    assert question.problem.startswith(INFO)
    assert question.known() is None
    words = ("exec-credential", "--context", "harbor", "--shoot", "garden-dev/meadow")
    kubemint(*words, env={**env, INFO: text}).failed(2, INFO)


# Who asks again was refused


def made_for(caller: str, minted_at: float) -> Kept:
    kept = record("q", caller, status_of(), good_until=time.time() + 900, renew_at=time.time() + 900)
    return Kept(kept | {"mintedAt": minted_at})


@pytest.mark.parametrize(
    ("caller", "given", "began", "now", "minted_for", "age", "verdict"),
    [
        ("me", 0, 99, 100, "other", 600, False),  # never got it
        ("", 90, 99, 100, "other", 600, False),  # nobody knows who asks
        ("me", 90, 99, 100, "other", 600, True),
        ("me", 90, 99, 100, "other", 1, True),  # fresh, and made for somebody else: the account was made anew since
        ("me", 95, 94, 100, "other", 600, False),  # began before it was given: one of many at once
        ("me", 95, 95, 100, "other", 600, True),
        ("me", 10, 99, 100, "other", 600, False),  # long ago
        ("me", 100 - SECONDS, 99, 100, "other", 600, True),
        ("me", 99, 99.5, 100, "me", 1, False),  # it was just made for this very caller, and would be refused again
        ("me", 99, 99.5, 100, "me", 0, False),
        ("me", 0.5, 0.6, 1, "other", 600, True),  # just after the machine was started
        ("me", 99, 99.5, 100, "me", FRESH, True),
        ("me", 99, 99.5, 100, "me", FRESH - 0.5, False),
        ("", 99, 99.5, 100, "", 600, False),
        ("me", -1, 0, 10, "other", 600, False),
        ("me", 0, 5, 10, "other", 600, False),  # never, soon after the machine was started
        ("me", 1, 2, 3, "other", 600, True),
        ("me", 100 - SECONDS - 0.5, 99, 100, "other", 600, False),
        ("me", 99, 99.5, 100, "me", -1, True),  # made in the future: a clock was set, and says nothing
    ],
)
def test_who_asks_again_was_refused(
    caller: str, given: float, began: float, now: float, minted_for: str, age: float, verdict: bool
) -> None:
    wall = 1_000_000.0
    assert refused(made_for(minted_for, wall - age), caller, given, began, now, wall) is verdict


def test_a_second_question_is_a_refusal_a_parallel_one_is_none(env: dict[str, str]) -> None:
    first = Question(["--context", "c"], env, caller="kubectl")
    beside = Question(["--context", "c"], env, caller="kubectl")  # began before any answer was given
    status = remember(first, caller="somebody")
    assert first.known()
    assert beside.known()
    again = Question(["--context", "c"], env, caller="kubectl")
    assert again.known() is None
    assert again.known(late=True) is None
    assert Question(["--context", "c"], env, caller="another").known()
    remember(first, status | {"token": token(uid="uid-2")}, caller="somebody")
    assert Question(["--context", "c"], env, caller="kubectl").known(), "that is another answer"


def test_a_list_of_who_got_it_has_an_end_and_may_be_missing(env: dict[str, str]) -> None:
    question = Question(["--context", "c"], env, caller="kubectl")
    remember(question)
    list_ = Path(f"{question.file}.given")
    list_.touch(mode=0o600)
    list_.write_text("x" * 70_000)
    assert question.known()
    assert list_.stat().st_size < 200
    list_.write_text(f"kubectl {question.kept().fingerprint} later\n")  # type: ignore[union-attr]
    assert Question(["--context", "c"], env, caller="kubectl").known()
    list_.unlink()
    list_.mkdir()
    assert Question(["--context", "c"], env, caller="kubectl").known()


def test_who_holds_the_turn_for_too_long_is_not_waited_for(env: dict[str, str]) -> None:
    question = Question(["--context", "c"], env, caller="one")
    assert question.hold(0)
    question.release()
    with Path(f"{question.file}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        start = time.monotonic()
        assert not question.hold(0.1)
        assert 0.1 <= time.monotonic() - start < 1


def test_all_waits_of_one_process_together_are_one_patience(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exec_cache, "PATIENCE", 0.5)
    question = Question(["--context", "c"], env, caller="one")
    assert question.hold(0)
    question.release()
    with Path(f"{question.file}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        start = time.monotonic()
        assert not question.hold(5)
        assert time.monotonic() - start >= 0.5
        start = time.monotonic()
        assert not Question(["--context", "c"], env, caller="one").hold(5), "as the command line asks after the cache"
        assert time.monotonic() - start < 0.4
    assert question.hold(5), "it is free now"
    question.release()


@pytest.mark.parametrize("spoiled", ["group", "file", "nowhere"])
def test_a_folder_that_is_not_ours_alone_is_done_without(tmp_path: Path, spoiled: str) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "HOME": ""}
    question = Question(["--context", "c"], env, caller="one")
    folder = Path(question.file).parent
    if spoiled == "group":
        folder.mkdir(parents=True)
        folder.chmod(0o770)
    else:
        (tmp_path / "kubemint").write_text("") if spoiled == "file" else (tmp_path / "kubemint").symlink_to("nowhere")
    assert not question.hold(0)


ME, MINE = 1000, 1000


@pytest.mark.parametrize(
    ("owner", "mode", "group", "safe"),
    [
        (ME, 0o700, MINE, True),
        (0, 0o755, 0, True),
        (7, 0o700, MINE, False),
        (7, 0o1777, MINE, False),
        (0, 0o1777, 0, True),
        (0, 0o777, 0, False),
        (ME, 0o770, MINE, True),
        (ME, 0o770, 7, False),
        (ME, 0o772, MINE, False),
        (0, 0o775, 7, False),
    ],
)
def test_what_may_be_passed_on_the_way_to_the_folder(owner: int, mode: int, group: int, safe: bool) -> None:
    assert is_safe(owner, mode, group, ME, MINE) is safe


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
@pytest.mark.parametrize("theirs", ["folder", "link", "folder of a link", "link to one of ours"])
def test_nothing_is_kept_where_another_user_leads(tmp_path: Path, theirs: str) -> None:
    """A folder of the operator's was emptied through the sweep: what lay there a day, whatever it was."""
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    for folder in (shared, victim):
        folder.mkdir()
    shared.chmod(0o1777)
    precious = victim / "config"
    precious.write_text("precious")
    os.utime(precious, (1, 1))
    above = shared / "kubemint"
    if theirs in ("link", "link to one of ours"):
        above.symlink_to(victim)
        os.lchown(above, 12345, 12345) if theirs == "link" else None
        if theirs == "link to one of ours":
            (victim / "exec").symlink_to(victim)
            os.lchown(victim / "exec", 12345, 12345)
    else:
        above.mkdir(0o755)
        (above / "exec").symlink_to(victim) if theirs == "folder of a link" else (above / "exec").mkdir(0o700)
        os.chown(above, 12345, 12345)
    env = {"XDG_CACHE_HOME": str(shared), "HOME": str(tmp_path)}
    question = Question(["--context", "c"], env, caller="one")
    assert question.file == ""
    assert not question.hold(0)
    kept = record(question.name, "one", status_of(), good_until=time.time() + 60, renew_at=time.time() + 30)
    exec_minting._keep(question, Kept(kept))
    assert [path.name for path in victim.iterdir() if path.name != "exec"] == ["config"]


def test_the_sweep_touches_only_what_the_cache_made(env: dict[str, str]) -> None:
    question = Question(["--context", "c"], env, caller="one")
    remember(question)
    folder = Path(question.file).parent
    old, notes, odd = folder / f"{'a' * 64}.json", folder / "notes.txt", folder / f"{'b' * 64}.json.txt"
    for path in (old, notes, odd):
        path.write_text("")
        os.utime(path, (1, 1))
    kept = question.kept()
    assert kept is not None
    exec_minting._sweep(Path(question.file), kept)
    assert [path.exists() for path in (old, notes, odd)] == [False, True, True]


@pytest.mark.parametrize("odd", ["folder", "link", "unreadable"])
def test_what_lies_in_the_place_of_a_lock_does_not_end_the_turns(env: dict[str, str], odd: str) -> None:
    question = Question(["--context", "c"], env, caller="one")
    assert question.has_folder()
    lock = Path(f"{question.file}.lock")
    if odd == "folder":
        lock.mkdir()
    elif odd == "link":
        lock.symlink_to("nowhere")
    else:
        lock.write_text("")
        lock.chmod(0o000)
    assert question.hold(0)
    other = Question(["--context", "c"], env, caller="two")
    assert lock.is_file()
    question.release()
    assert other.hold(0)
    other.release()


def test_a21_what_an_account_had_that_was_made_anew_is_dropped(env: dict[str, str]) -> None:
    """Its tokens are dead, whatever they were asked for; those of other accounts stay."""
    one, two, other = (Question([name], env, caller="c") for name in ("one", "two", "other"))
    for question, status in ((one, status_of()), (other, status_of(token=token(account="clerk")))):
        remember(question, status)
    exec_minting._keep(two, Kept(record(two.name, "c", status_of(token=token(uid="uid-2")),
                                        good_until=time.time() + 900, renew_at=time.time() + 900)))  # fmt: skip
    assert one.kept() is None
    assert two.kept()
    assert other.kept()


def told(env: dict[str, str], cluster: dict[str, Any] | None, version: str = V1) -> Question:
    """What a client asks that says this of the cluster."""
    said = {"kind": "ExecCredential", "apiVersion": version, "spec": {"cluster": cluster}}
    return Question([], env | {INFO: json.dumps(said)}, caller="one")


def test_a_question_is_known_by_everything_that_decides_its_answer(env: dict[str, str]) -> None:
    cluster = {"server": "https://a", "certificate-authority-data": "YQ==", "config": {"x": 1}}
    info = {"kind": "ExecCredential", "apiVersion": V1, "spec": {"cluster": cluster}}

    def name(*words: str, cluster: Any = cluster, **more: str) -> str:
        said = json.dumps(info | {"spec": {"cluster": cluster}})
        return Question(words, {**env, "KUBECONFIG": "/a", INFO: said, **more}, caller="one").name

    names = [
        name("a", "b"), name("b", "a"), name("a b"), name("a", "b", KUBECONFIG="/b"), name("a", "b", HOME="/elsewhere"),
        name("a", "b", cluster=None), name("a", "b", cluster=cluster | {"server": "https://b"}),
        name("a", "b", cluster=cluster | {"certificate-authority-data": "Yg=="}),
        name("a", "b", cluster=cluster | {"config": {"x": 2}}), name("a", "b", cluster=cluster | {"proxy-url": "http://p"}),
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert name("a", "b", cluster=dict(reversed(cluster.items()))) == names[0], "their order says nothing"
    question = Question(["a"], env, caller="one")
    assert question.file == f"{cache_folder(env)}/{question.name}.json"
    assert (question.told, question.cluster, question.problem, question.version) == (False, {}, "", V1)
    assert Question(["a"], {}, caller="").name == Question(["a"], {"KUBECONFIG": "", "HOME": ""}, caller="").name


def test_what_a_client_says_of_the_cluster_is_read_whole_or_refused(env: dict[str, str]) -> None:
    whole: dict[str, Any] = {
        "server": "https://a", "tls-server-name": "a", "certificate-authority-data": "YQ==", "proxy-url": "http://p",
        "insecure-skip-tls-verify": True, "disable-compression": False, "config": {"x": 1},
    }  # fmt: skip
    beta = "client.authentication.k8s.io/v1beta1"
    question = told(env, whole, beta)
    assert (question.told, question.cluster, question.version, question.problem) == (True, whole, beta, "")
    assert told(env, dict.fromkeys(whole)).problem == ""
    for key in whole:
        assert told(env, whole | {key: 5}).problem == f"{INFO} has a {key} that cannot be read"
    nothing = told(env, None)
    assert (nothing.told, nothing.cluster, nothing.problem) == (True, {}, "")
    unknown = told(env, whole, "client.authentication.k8s.io/v2")
    assert unknown.problem.startswith(f"{INFO} has the apiVersion 'client.authentication.k8s.io/v2'; known are")
    assert (unknown.cluster, unknown.version) == ({}, V1)
    for text in ("", "[]", '{"kind": "Status"}', "{", json.dumps({"apiVersion": V1})):
        found = Question([], env | {INFO: text}, caller="one")
        assert found.problem == (f"{INFO} is no ExecCredential" if text else "")
    for spec, what in (([], "spec"), ({"cluster": "https://h"}, "cluster"), ({"cluster": []}, "cluster")):
        said = json.dumps({"kind": "ExecCredential", "apiVersion": V1, "spec": spec})
        assert Question([], env | {INFO: said}, caller="one").problem == f"{INFO} has a {what} that cannot be read"


@pytest.mark.parametrize(
    ("said", "twice"),
    [
        ('"server": "a", "server": "b"', "server"),
        ('"server": "a", "server": "a"', "server"),
        ('"server": "a", "config": {"x": 1, "x": 2}', "x"),
        ('"config": {"x": {"y": 1, "z": 2, "z": 3}}, "server": "a", "server": "b"', "z"),
        ('"server": "a", "config": {"server": "b"}', ""),
    ],
)
def test_a_field_that_a_client_says_twice_is_none(env: dict[str, str], said: str, twice: str) -> None:
    text = f'{{"kind": "ExecCredential", "apiVersion": "{V1}", "spec": {{"cluster": {{{said}}}}}}}'
    question = Question([], env | {INFO: text}, caller="one")
    assert question.problem == (f"{INFO} says {twice!r} twice, which is ambiguous" if twice else "")
    assert question.cluster == ({} if twice else {"server": "a", "config": {"server": "b"}})


def test_one_wrong_text_among_right_ones_is_refused(env: dict[str, str]) -> None:
    wrong: dict[str, Any] = {"server": 5, "tls-server-name": "a", "insecure-skip-tls-verify": True, "config": {}}
    assert told(env, wrong).problem == f"{INFO} has a server that cannot be read"
    wrong = {"server": "a", "insecure-skip-tls-verify": "x", "disable-compression": True, "config": {}}
    assert told(env, wrong).problem == f"{INFO} has a insecure-skip-tls-verify that cannot be read"


def test_who_asks_is_the_process_above_and_since_when_this_one_runs(env: dict[str, str]) -> None:
    named, found = Question([], env, caller="one"), Question([], env)
    number, began = found.caller.split(":")
    assert int(number) == os.getppid()
    assert int(began) > 0
    assert (named.caller, Question([], env, caller="").caller) == ("one", "")
    assert found.asked_at < named.asked_at, "a process began before it was told who asks"
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert now - 5 < named.asked_at <= now


@pytest.mark.parametrize(
    ("words", "kubeconfig", "depends"),
    [
        ((), "config", True),
        ((), "/a:b", True),
        (("--kubeconfig", "config"), "/a", True),
        (("--kubeconfig=config",), "", True),
        (("--kubeconfig=config=x",), "/a", True),
        (("--kubeconfig=/a", "--kubeconfig=config"), "", True),
        (("--kubeconfig=/a=b",), "", False),
        (("--context", "--kubeconfig", "config", "/c"), "/a", True),
        (("--kubeconfig", "/a", "config"), "/b", False),
        (("--kubeconfig",), "", False),
        (("--kubeconfig=",), "", False),
        (("--kubeconfig", "", "config"), "/a", False),
        ((), "/a:/b", False),
        ((), "", False),
        (("--kubeconfig", "/a", "--context", "c"), "/b", False),
        (("--kubeconfig=/a",), "", False),
    ],
)
def test_a_kubeconfig_of_the_working_folder_is_another_one_elsewhere(
    env: dict[str, str], tmp_path: Path, monkeypatch: Any, words: tuple[str, ...], kubeconfig: str, depends: bool
) -> None:
    """The same words lead to another cluster there, whose token that is not."""
    names = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        names.append(Question(words, env | {"KUBECONFIG": kubeconfig}, caller="one").name)
    assert (names[0] != names[1]) is depends


def test_where_there_is_no_home_it_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    question = Question(["--context", "c"], {}, caller="one")
    assert (question.file, question.kept(), question.known(), question.hold(0)) == ("", None, None, False)
    assert Question([], {"HOME": "/h"}, caller="one").file.startswith("/h/.cache/kubemint/exec/")


def test_a_working_folder_that_is_gone_is_like_no_other(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    words, told = ["--kubeconfig=config"], env | {"KUBECONFIG": ""}
    there = Question(words, told, caller="one").name
    folder.rmdir()
    gone = Question(words, told, caller="one").name
    assert gone != there
    assert Question(["--kubeconfig=/config"], told, caller="one").name != gone
