"""What ends or is deleted along with a handle: which records hold its token, and which Secrets do still."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.issuance.samples import ENDPOINT, jwt
from tui.issuance.destinations.in_file import FileDestination
from tui.issuance.destinations.in_secret import SecretDestination
from tui.issuance.formats import Format
from tui.issuance.insight.irrevocable import irrevocable
from tui.issuance.model.kinds import CredentialKind
from tui.issuance.model.types import Address, Credential, Handle, Identity, IssueSpec, ShootAccess, State
from tui.issuance.objects.secret_object import SecretObject
from tui.issuance.records.intent import Export
from tui.issuance.transaction import after_ending
from tui.issuance.transaction.ending import Answer
from tui.kube.sensitive import Sensitive

ROBOT = Identity("harbor", "ns", "robot")
HANDLE = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-1")
OTHER = Handle("harbor", "ns", "kubemint-robot-bcdfghjk", "uid-2")
FILE = Address.parse("file:/a")
HELD = Credential(address=FILE, identity=ROBOT, handle=HANDLE, fingerprint="f1", state=State.VALID)


def token(uid: str = "uid-1", **about: Any) -> Sensitive:
    secret = {"secret": {"name": HANDLE.name, "uid": uid}}
    return jwt({"kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "robot"}} | secret | about})


TOKEN = token()


def secret(value: Sensitive | None, key: str = "token") -> SecretObject:
    text = Sensitive(base64.b64encode(value.reveal_bytes())) if value is not None else None
    return SecretObject(metadata={}, data={key: text} if text is not None else None)


@pytest.mark.parametrize(
    ("found", "marks", "fingerprint", "holds"),
    [
        (secret(TOKEN), HANDLE, TOKEN.fingerprint, True),
        (secret(TOKEN), OTHER, TOKEN.fingerprint, True),  # the token counts, and not what the marks say
        (secret(TOKEN), HANDLE, "f2", False),
        (secret(token("uid-2")), HANDLE, TOKEN.fingerprint, False),
        # Of old journals, which do not say which token it is.
        (secret(TOKEN), OTHER, "", True),
        (secret(token("uid-2")), HANDLE, "", False),
        (secret(jwt({"sub": "x"})), HANDLE, "", False),
        # Without a token.
        (secret(None), HANDLE, TOKEN.fingerprint, True),
        (secret(None), HANDLE, "", True),
        (secret(None), OTHER, TOKEN.fingerprint, False),
        (secret(None), None, TOKEN.fingerprint, False),
        (secret(Sensitive("eA=="), "password"), HANDLE, TOKEN.fingerprint, False),
    ],
)
def test_a_secret_goes_only_where_the_very_token_is_in_it(
    found: SecretObject, marks: Handle | None, fingerprint: str, holds: bool
) -> None:
    now = Credential(address=Address.parse("secret:harbor/ns/kept"), handle=marks, format=Format.TOKEN)
    assert after_ending._holds(found, now, HANDLE, fingerprint) is holds


def test_of_several_tokens_in_a_secret_that_of_its_format_counts() -> None:
    kubeconfig = Format.KUBECONFIG.rules.render(TOKEN, ENDPOINT, ROBOT) | {"token": token("uid-2")}
    data = {key: Sensitive(base64.b64encode(value.reveal_bytes())) for key, value in kubeconfig.items()}
    found = SecretObject(metadata={}, data=data)
    for form, holds in ((Format.KUBECONFIG, True), (Format.TOKEN, False)):
        now = Credential(address=Address.parse("secret:harbor/ns/kept"), handle=HANDLE, format=form)
        assert after_ending._holds(found, now, HANDLE, TOKEN.fingerprint) is holds
        assert after_ending._holds(found, now, HANDLE, "") is holds


@pytest.mark.parametrize(
    ("handle", "known", "fingerprint", "same"),
    [
        (HANDLE, "f1", "f1", True),
        (HANDLE, "f1", "", True),
        (HANDLE, "", "f2", True),
        (OTHER, "f1", "f1", True),  # the same token, whatever its record names
        (OTHER, "f1", "f2", False),
        (OTHER, "", "", False),
        (None, "", "", False),
        (None, "f1", "f1", True),
    ],
)
def test_a_record_holds_the_token_by_its_handle_or_its_fingerprint(
    handle: Handle | None, known: str, fingerprint: str, same: bool
) -> None:
    record = Export(credential=msgspec.structs.replace(HELD, handle=handle, fingerprint=known), request="r")
    assert after_ending.same_token(record, HANDLE, fingerprint) is same


def test_which_secrets_are_looked_at() -> None:
    kept, copy, source = (Address(CredentialKind.SECRET, "harbor", "ns", name) for name in ("kept", "copy", "source"))
    edge = Address(CredentialKind.SECRET, "edge", "ns2", "far")
    places = (
        SecretDestination("harbor", "ns", "kept"),
        FileDestination("/a"),
        SecretDestination("edge", "ns2", "far"),
    )
    spec = IssueSpec(identity=ROBOT, destinations=places)
    wished = Export(credential=HELD, request="r", spec=spec)
    copied = Export(credential=HELD, request="r", source=source)
    of_file = Export(credential=HELD, request="r", source=FILE)
    assert after_ending.secrets_of(FILE, (wished,)) == (kept, edge)
    assert after_ending.secrets_of(copy, (of_file, copied, wished, wished)) == (copy, source, kept, edge)
    assert after_ending.secrets_of(msgspec.structs.replace(kept, kind=CredentialKind.LEGACY), ()) == ()


def test_what_is_ended_is_recorded_as_that() -> None:
    export = Export(credential=HELD, request="r", source=FILE)
    refused = after_ending.dead(export, Answer.REFUSED)
    assert refused == msgspec.structs.replace(
        export, credential=msgspec.structs.replace(HELD, state=State.REVOKED, message="revoked")
    )
    assert after_ending.dead(export).credential.message == "its handle is deleted"
    held = "is being deleted; its tokens are refused within 60 s"
    assert after_ending.dead(export, Answer.AWAY, held).credential.message.startswith("its handle is being deleted")


def test_what_nobody_can_revoke_says_when_it_ends() -> None:
    ends = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    shoot = ShootAccess("garden", "garden-x", "shoot")
    certificate = msgspec.structs.replace(HELD, shoot=shoot, expires_at=ends)
    assert irrevocable(HELD) is None
    for state in State:
        said = irrevocable(msgspec.structs.replace(certificate, state=state))
        assert said is not None
        assert said[0].startswith("it is a client certificate, which ends at 2030-01-02 03:04:05 UTC") is (
            state is not State.ENDLESS
        )
        assert said[0].startswith("it is a shoot's static token, which never ends") is (state is State.ENDLESS)
    unknown = irrevocable(msgspec.structs.replace(certificate, expires_at=None))
    assert unknown is not None
    assert unknown[0].endswith("at an unknown time")
