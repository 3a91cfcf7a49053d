"""What is true of each kind of credential, and how its address is written."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tui.issuance.model.kinds import TRAITS, CredentialKind, Form
from tui.issuance.model.types import Address

NAMES = st.text(st.characters(codec="ascii", exclude_characters="/", categories=["L", "N"]), min_size=1, max_size=9)
CLUSTERS = st.text(st.sampled_from("ab:/-.1"), min_size=1, max_size=12)


@given(st.sampled_from(CredentialKind), CLUSTERS, NAMES, NAMES)
def test_what_is_written_is_read_again(kind: CredentialKind, cluster: str, namespace: str, name: str) -> None:
    form = kind.traits.form
    alone = {
        Form.PATH: ("", "", f"/{name}"),
        Form.PLACE: ("", "", f"{namespace}:{name}"),
        Form.CLUSTER: (cluster, "", ""),
    }
    parts = alone.get(form, (cluster, namespace, name))
    address = Address(kind, *parts)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "file", "file:", "login:", "login", "secret:a", "secret:a/b", "secret:a/b/", "secret://b", "secret:a//b",
        "nothing:a/b/c", "Secret:a/b/c",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address") as caught:
        Address.parse(text)
    assert str(caught.value).endswith(
        "; an address is KIND:CLUSTER/NAMESPACE/NAME (request, secret, legacy, static, argocd, handle), file:PATH or "
        "login:CLUSTER"
    )


def test_every_kind_has_its_traits() -> None:
    assert TRAITS.keys() == set(CredentialKind)
    assert len({traits.label for traits in TRAITS.values()}) == len(TRAITS)
    for traits in TRAITS.values():
        assert not (traits.own and traits.renewable), "the operator's own login is nobody else's to renew"
        assert not (traits.endless and traits.renewable), "what never ends is not due"
        assert traits.here == (traits.form in (Form.PATH, Form.PLACE))
        assert traits.has_object or not traits.is_secret
