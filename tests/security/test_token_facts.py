"""What a token says of itself, and what that is taken for before and after anybody has confirmed it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.issuance.samples import ENDPOINT, jwt
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.errors import NotProved
from tui.issuance.formats import Format
from tui.issuance.model.types import Address, Credential, Handle, Identity, IssueSpec, Push
from tui.issuance.objects.managed import renewal_point
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.intent import Export
from tui.issuance.tokens.copied import Found, belongs, described
from tui.issuance.trust import vouching
from tui.issuance.trust.vouchers import Facts, Record, Word
from tui.kube.sensitive import Sensitive

ROBOT = Identity("harbor", "ns", "robot")
HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1")
ISSUED, ENDS = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, 1, tzinfo=UTC)
KIND = "kubernetes.io/serviceaccount"
SECRET, FILE = Address.parse("secret:harbor/ns/kept"), Address.parse("file:/kept")
LEGACY = Address.parse("legacy:harbor/ns/robot-token")


def token(*, ends: datetime = ENDS, **about: Any) -> Sensitive:
    said = {"namespace": "ns", "serviceaccount": {"name": "robot", "uid": "a1"}}
    bound = {"secret": {"name": HANDLE.name, "uid": "uid-1"}}
    claims = {"iss": "i", "aud": ["vault"], "iat": ISSUED.timestamp(), "exp": ends.timestamp()}
    return jwt(claims | {"kubernetes.io": said | bound | about})


TOKEN = token()
LONG = jwt({
    f"{KIND}/namespace": "ns", f"{KIND}/service-account.name": "robot", f"{KIND}/service-account.uid": "a1",
    f"{KIND}/secret.name": "robot-token",
})  # fmt: skip
FACTS = Facts(
    word=Word.UNASKED, identity=ROBOT, account_uid="a1", handle=HANDLE, audiences=("vault",), issued_at=ISSUED,
    expires_at=ENDS, fingerprint=TOKEN.fingerprint, note="why",
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        (TOKEN, HANDLE),
        (Sensitive("opaque"), None),
        (LONG, None),  # signed without a UID
        (token(secret=None), None),
        (token(secret=None, pod={"name": HANDLE.name, "uid": "uid-1"}), None),
        (token(secret={"name": HANDLE.name}), None),
        (token(namespace=""), None),
    ],
)
def test_to_which_secret_a_token_says_that_it_is_bound(said: Sensitive, bound: Handle | None) -> None:
    assert vouching.bound_to(said, "harbor") == bound


def test_what_a_token_says_before_anybody_was_asked() -> None:
    assert vouching.unasked(None, "harbor", "why") == Facts(word=Word.NONE)
    opaque = Sensitive("opaque")
    assert vouching.unasked(opaque, "harbor") == Facts(word=Word.UNREADABLE, fingerprint=opaque.fingerprint)
    assert vouching.unasked(TOKEN, "harbor", "why") == FACTS
    assert vouching.unasked(TOKEN, "harbor").note == ""
    pod = vouching.unasked(token(secret=None, pod={"name": "p", "uid": "u"}), "harbor")
    assert (pod.handle, pod.bound) == (None, "Pod p")
    alone = vouching.unasked(token(secret=None), "harbor")
    assert (alone.handle, alone.bound) == (None, "")
    assert vouching.unasked(LONG, "harbor").expires_at is None


def test_a_token_that_lives_on_secretly_ends_when_it_was_meant_to() -> None:
    late = token(ends=ENDS + timedelta(days=365), warnafter=ENDS.timestamp())
    assert vouching.unasked(late, "harbor").expires_at == ENDS
    assert vouching.unasked(token(warnafter=(ENDS + timedelta(1)).timestamp()), "harbor").expires_at == ENDS


def whole(**data: bytes) -> SecretObject:
    values = {key: Sensitive(base64.b64encode(value)) for key, value in data.items()}
    return SecretObject(metadata={}, data=values)


def test_the_token_in_a_secret_is_where_its_format_says_else_wherever_there_is_one() -> None:
    other = token(secret=None)
    by_form = Format.KUBECONFIG.rules.render(other, ENDPOINT, ROBOT) | {"token": TOKEN}
    found = whole(**{key: value.reveal_bytes() for key, value in by_form.items()})
    assert vouching.token_in(Format.KUBECONFIG, found) == other
    assert vouching.token_in(Format.TOKEN, found) == TOKEN
    assert vouching.token_in(Format.KUBECONFIG, whole(token=TOKEN.reveal_bytes())) == TOKEN
    assert vouching.token_in(None, whole(token=TOKEN.reveal_bytes())) == TOKEN
    assert vouching.token_in(Format.TOKEN, whole(password=b"x")) is None


def test_what_this_machine_wrote_is_what_its_record_says() -> None:
    credential = Credential(
        address=SECRET, identity=ROBOT, fingerprint="f1", handle=HANDLE, audiences=("vault",),
        requested=timedelta(hours=2),
    )  # fmt: skip
    push = Push("p", "store", "tenant", "ns", "secret")
    spec = IssueSpec(
        identity=ROBOT,
        destinations=(
            FileDestination("/a"),
            SecretDestination("harbor", "ns", "plain"),
            SecretDestination("harbor", "ns", "other", push=msgspec.structs.replace(push, name="q")),
            SecretDestination("harbor", "ns", "kept", push=push),
        ),
        duration=timedelta(hours=3),
    )
    record = Record(
        identity=ROBOT, fingerprint="f1", handle=HANDLE, audiences=("vault",), requested=timedelta(hours=2),
        request="r",
    )  # fmt: skip
    export = Export(credential=credential, request="r")
    assert vouching._record(None, "ns/kept") is None
    assert vouching._record(export, "ns/kept") == record
    wished = msgspec.structs.replace(export, spec=spec)
    pushed = msgspec.structs.replace(record, requested=timedelta(hours=3), push=msgspec.json.encode(push).decode())
    assert vouching._record(wished, "ns/kept") == pushed
    assert vouching._record(wished, "ns/plain") == msgspec.structs.replace(pushed, push="")
    nobodys = msgspec.structs.replace(wished, credential=msgspec.structs.replace(credential, identity=None))
    assert vouching._record(nobodys, "ns/kept") == msgspec.structs.replace(pushed, identity=None, push="")


# What is copied


def kept(address: Address = SECRET, **fields: Any) -> Credential:
    return Credential(address=address, **fields)


@pytest.mark.parametrize(
    ("said", "source", "identity", "why"),
    [
        (TOKEN, kept(), ROBOT, ""),
        (TOKEN, kept(fingerprint=TOKEN.fingerprint), ROBOT, ""),
        (TOKEN, kept(fingerprint="f2"), ROBOT, "holds another token than kubemint put there"),
        (TOKEN, kept(FILE, fingerprint="f2"), ROBOT, "holds another token than kubemint put there"),
        (TOKEN, kept(Address.parse("request:harbor/ns/x"), fingerprint="f2"), ROBOT, ""),  # its status may lag
        (TOKEN, kept(), Identity("harbor", "ns", "admin"), "is for ns/admin, but its token is for ns/robot"),
        (TOKEN, kept(), Identity("harbor", "other", "robot"), "is for other/robot, but its token is for ns/robot"),
        (jwt({"sub": "alice"}), kept(), ROBOT, "is for ns/robot, but its token is for alice"),
        (Sensitive("opaque"), kept(), ROBOT, "holds no token of a service account"),
        (LONG, kept(LEGACY, fingerprint="f2"), ROBOT, ""),
        (LONG, kept(Address.parse("legacy:harbor/ns/other")), ROBOT, "holds a token that was not made for it"),
        (token(secret=None), kept(LEGACY), ROBOT, "holds a token that was not made for it"),
    ],
)
def test_a_token_is_copied_only_where_it_is_what_its_source_says(
    said: Sensitive, source: Credential, identity: Identity, why: str
) -> None:
    if not why:
        assert belongs(said, source, identity).service_account == "robot"
        return
    with pytest.raises(NotProved, match=why) as caught:
        belongs(said, source, identity)
    assert caught.value.message.startswith(f"{source.address} ")
    with pytest.raises(NotProved, match=r"^in there "):
        belongs(said, msgspec.structs.replace(source, kept_in="in there"), identity)


def test_a_copy_is_remembered_as_its_token_says() -> None:
    copy, found = kept(FILE), Found(TOKEN, belongs(TOKEN, kept(), ROBOT))
    source = kept(
        handle=Handle("harbor", "ns", "theirs", "uid-9"), issued_at=ISSUED - timedelta(1), granted=timedelta(9)
    )
    remembered = Credential(
        address=FILE, identity=ROBOT, handle=HANDLE, fingerprint=TOKEN.fingerprint, issued_at=ISSUED, expires_at=ENDS,
        granted=timedelta(hours=1), rotate_at=renewal_point(ISSUED, ENDS, TOKEN.fingerprint),
    )  # fmt: skip
    assert described(copy, source, ROBOT, found, sure=True) == remembered
    unsure = msgspec.structs.replace(remembered, handle=None)
    assert described(copy, source, ROBOT, found, sure=False) == unsure
    for address in (LEGACY, FILE):
        own = msgspec.structs.replace(source, address=address)
        assert described(copy, own, ROBOT, found, sure=True).handle == source.handle
        assert described(copy, own, ROBOT, found, sure=False).handle is None
    assert described(copy, source, ROBOT, Found(TOKEN), sure=True) is copy
    assert described(copy, source, ROBOT, Found(None, found.claims), sure=True) is copy
    unbound = Found(TOKEN, belongs(token(secret=None), kept(), ROBOT))
    assert described(copy, source, ROBOT, unbound, sure=True).handle is None
    nameless = Found(TOKEN, belongs(token(secret={"name": "x"}), kept(), ROBOT))
    assert described(copy, source, ROBOT, nameless, sure=True).handle is None
    late = token(ends=ENDS + timedelta(days=365), warnafter=ENDS.timestamp())
    assert described(copy, source, ROBOT, Found(late, belongs(late, kept(), ROBOT)), sure=True).expires_at == ENDS
    endless = described(copy, source, ROBOT, Found(LONG, belongs(LONG, kept(LEGACY), ROBOT)), sure=True)
    assert (endless.issued_at, endless.expires_at, endless.granted) == (ISSUED - timedelta(1), None, timedelta(9))


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        (TOKEN, (HANDLE.name, "uid-1")),
        (token(secret=None), ("", "")),
        (token(secret=None, pod={"name": "p", "uid": "u"}), ("", "")),
    ],
)
def test_to_what_a_found_token_is_bound(said: Sensitive, bound: tuple[str, str]) -> None:
    assert Found(said, belongs(said, kept(), ROBOT)).bound == bound
    assert Found(said).bound == ("", "")
