"""What a place is given to write down: it is written by the format of its own credential, or not at all."""

from __future__ import annotations

import msgspec
import pytest

from tui.issuance.errors import UsageError
from tui.issuance.formats import Format
from tui.issuance.model.material import Document, Minted, Writing
from tui.issuance.model.types import Address, Credential
from tui.issuance.revoking.already import Already
from tui.kube.sensitive import Sensitive

from .samples import ENDPOINT, IDENTITY, TOKEN

ADDRESS = Address.parse("file:/a")
CREDENTIAL = Credential(address=ADDRESS, identity=IDENTITY, format=Format.KUBECONFIG)
TEXT = Sensitive("text")


@pytest.mark.parametrize("form", Format)
def test_a_token_is_written_in_the_format_of_its_place(form: Format) -> None:
    material = Minted(TOKEN, ENDPOINT)
    credential = msgspec.structs.replace(CREDENTIAL, format=form)
    data = form.rules.render(TOKEN, ENDPOINT, IDENTITY)
    assert material.data(credential) == data
    assert material.content(credential) == form.rules.as_file(data)
    writing = Writing(material=material, credential=credential, request="r")
    assert (writing.data, writing.content) == (data, form.rules.as_file(data))
    assert material.fingerprint == TOKEN.fingerprint


@pytest.mark.parametrize("form", Format)
def test_a_document_is_written_as_it_is(form: Format) -> None:
    material = Document(TEXT)
    credential = msgspec.structs.replace(CREDENTIAL, format=form, identity=None)
    assert material.data(credential) == form.rules.from_file(TEXT)
    assert material.content(credential) == TEXT
    assert material.fingerprint == TEXT.fingerprint
    with pytest.raises(ValueError, match=r"must say its format$"):
        material.data(msgspec.structs.replace(credential, format=None))


@pytest.mark.parametrize("missing", ["format", "identity"])
def test_what_does_not_say_how_or_for_whom_is_not_written(missing: str) -> None:
    credential = msgspec.structs.replace(CREDENTIAL, **{missing: None})
    with pytest.raises(ValueError, match="must say its format and identity"):
        Minted(TOKEN, ENDPOINT).data(credential)
    with pytest.raises(ValueError, match="must say its format and identity"):
        Minted(TOKEN, ENDPOINT).content(credential)


def test_what_was_done_before_says_of_which_address() -> None:
    said = Already(ADDRESS, "it is revoked already", "look")
    assert isinstance(said, UsageError)
    assert (said.address, said.message, said.hint) == (ADDRESS, "it is revoked already", "look")
    assert Already(ADDRESS, "it is").hint == ""
