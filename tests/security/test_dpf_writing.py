"""What may be written into a request's Secret, where it leads to, and when nothing is: from facts alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.issuance.samples import CA, ENDPOINT, TOKEN
from tests.security.test_dpf_judging import REQUEST
from tui.issuance.errors import IssuanceError
from tui.issuance.families.dpf import renewal_work, steps
from tui.issuance.families.dpf.resources import FIELD_MANAGER, ownership
from tui.issuance.families.dpf.steps import Published, SecretInUse
from tui.issuance.families.dpf.target import Target
from tui.issuance.formats import Format
from tui.issuance.formats.preferences import preferences_as
from tui.issuance.model.types import Identity
from tui.issuance.objects.managed import Reserved
from tui.issuance.trust import handle_names
from tui.issuance.trust.handle_names import Meant
from tui.issuance.trust.handles import Seen
from tui.kube.endpoint import Endpoint
from tui.kube.sensitive import Sensitive

OWN = ownership("ns", "req")
DATA = {"kubeconfig": Sensitive("text")}
HERE = msgspec.structs.replace(REQUEST, target=None, status_target=None)
LABELLED = msgspec.structs.replace(REQUEST, secret_labels={"a": "b"}, secret_annotations={"c": "d"})


@pytest.mark.parametrize(
    ("published", "refused"),
    [
        (Published(), False),
        (Published(foreign=""), False),
        (Published(exists=True, foreign=""), False),
        (Published(exists=True), True),
    ],
)
def test_only_a_secret_that_was_made_for_the_request_is_written_over(published: Published, refused: bool) -> None:
    if not refused:
        steps.check_secret(LABELLED, published)
        return
    with pytest.raises(SecretInUse, match="secret ns/out is already in use"):
        steps.check_secret(LABELLED, published)


@pytest.mark.parametrize("field", ["secret_labels", "secret_annotations"])
def test_a_request_asks_for_no_marks_of_ours(field: str) -> None:
    with pytest.raises(Reserved, match=r"^labels or annotations in spec\.metadata that"):
        steps.check_secret(msgspec.structs.replace(REQUEST, **{field: {"kubemint.io/account": "x"}}), Published())


def test_what_is_written_is_of_the_requests_type() -> None:
    owner = Identity(ENDPOINT.name, "sa", "robot")
    for form in (Format.KUBECONFIG, Format.TOKEN_FILE):
        asked = msgspec.structs.replace(REQUEST, type=form.value)
        assert steps.secret_data(asked, TOKEN, ENDPOINT) == form.rules.render(TOKEN, ENDPOINT, owner)
    with pytest.raises(IssuanceError, match="unsupported secret type: token"):
        steps.secret_data(msgspec.structs.replace(REQUEST, type="token"), TOKEN, ENDPOINT)


def test_without_preferences_by_the_settings_dpfs_bytes_stay() -> None:
    """Its controller writes them; only what is kubemint's own goes without, as kubectl does since 1.34."""
    owner, asked = Identity(ENDPOINT.name, "sa", "robot"), msgspec.structs.replace(REQUEST, type="kubeconfig")
    usual = Format.KUBECONFIG.rules.render(TOKEN, ENDPOINT, owner)["kubeconfig"].reveal()
    with preferences_as(False):
        assert steps.secret_data(asked, TOKEN, ENDPOINT)["kubeconfig"].reveal() == usual
        own = Format.KUBECONFIG.rules.render(TOKEN, ENDPOINT, owner)["kubeconfig"].reveal()
    assert own == usual.replace("preferences: {}\n", "")


INSIDE = replace(ENDPOINT, name="other", server="https://10.96.0.1")


@pytest.mark.parametrize(
    ("request_", "ours", "there", "kept"),
    [
        (HERE, True, INSIDE, True),
        (HERE, True, replace(INSIDE, ca=CA + b"\n"), True),
        (HERE, False, INSIDE, False),
        (HERE, True, None, False),
        (HERE, True, replace(INSIDE, ca=None), False),
        (HERE, True, replace(INSIDE, ca=CA.replace(b"MIIB", b"MIIC")), False),
        (REQUEST, True, INSIDE, False),
        (msgspec.structs.replace(HERE, target=REQUEST.target), True, INSIDE, False),
        (msgspec.structs.replace(HERE, status_target=REQUEST.target), True, INSIDE, False),
    ],
)
def test_of_an_address_that_lies_there_only_one_of_the_same_authority_is_kept(
    request_: Any, ours: bool, there: Endpoint | None, kept: bool
) -> None:
    lying = Published(exists=True, foreign="" if ours else "theirs", endpoint=there)
    found = steps.endpoint_for(request_, Target("harbor", ENDPOINT), lying)
    assert found == (replace(ENDPOINT, server=INSIDE.server) if kept else ENDPOINT)
    anybodys = replace(ENDPOINT, ca=None)
    for lies in (INSIDE, replace(INSIDE, ca=None)):
        published = Published(exists=True, foreign="", endpoint=lies)
        assert steps.endpoint_for(HERE, Target("harbor", anybodys), published) == anybodys


def field(data: Any, labels: Any, notes: Any, **more: Any) -> dict[str, Any]:
    of = {"f:data": data, "f:metadata": {"f:labels": labels, "f:annotations": notes}}
    return {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": of} | more


WRITTEN = field(
    {".": {}, "f:kubeconfig": {}}, {f"f:{key}": {} for key in (*OWN, "a")}, {"f:c": {}, "f:kubemint.io/request": {}}
)


def published(**changes: Any) -> Published:
    meta = {
        "labels": {**OWN, "a": "b", "other": "s"},
        "annotations": {"c": "d", "e": "f", "kubemint.io/request": "r1"},
        "managedFields": [WRITTEN],
    }
    values = {**DATA, "theirs": Sensitive("x")}
    given = {"exists": True, "type": "Opaque", "values": values, "metadata": meta | changes.pop("meta", {})}
    return Published(**given | changes)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (published(), True),
        (published(meta={"managedFields": []}), True),
        (published(meta={"managedFields": None}), True),
        (published(exists=False), False),
        (published(type="kubernetes.io/tls"), False),
        (published(values={}), False),
        (published(values={"kubeconfig": Sensitive("another")}), False),
        (published(meta={"labels": None}), False),
        (published(meta={"labels": {**OWN, "a": "x"}}), False),
        (published(meta={"labels": {"a": "b"}}), False),
        (published(meta={"annotations": None}), False),
        (published(meta={"annotations": {"c": "x", "kubemint.io/request": "r1"}}), False),
        (published(meta={"annotations": {"c": "d"}}), False),
        (published(meta={"annotations": {"c": "d", "kubemint.io/request": "r2"}}), False),
        # Something of ours is there that is not wanted any more.
        (published(meta={"managedFields": [WRITTEN, field({"f:before": {}}, {}, {})]}), False),
        (published(meta={"managedFields": [WRITTEN, field({}, {"f:before": {}}, {})]}), False),
        (published(meta={"managedFields": [WRITTEN, field({}, {}, {"f:before": {}})]}), False),
        (published(meta={"managedFields": [field({}, {}, {})]}), False),
    ],
)
def test_nothing_is_written_where_nothing_would_change(found: Published, wanted: bool) -> None:
    assert steps.is_as_wanted(found, LABELLED, DATA) is wanted


@pytest.mark.parametrize(
    ("entries", "owned"),
    [
        (None, None),
        ([], None),
        (["mangled"], None),
        (
            [field({"f:a": {}, ".": {}, "k:b": {}}, {"f:b": {}}, {"f:c": {}})],
            ({"a"}, {"b"}, {"c"}),
        ),
        ([field({"f:a": {}}, {}, {}), "mangled", field({"f:b": {}}, None, [])], ({"a", "b"}, set(), set())),
        ([field({"f:a": {}}, {}, {}, manager="other")], (set(), set(), set())),
        ([field({"f:a": {}}, {}, {}, operation="Update")], (set(), set(), set())),
        ([field({"f:a": {}}, {}, {}, subresource="status")], (set(), set(), set())),
        ([field({"f:a": {}}, {}, {}, subresource="")], ({"a"}, set(), set())),
        ([field({}, {}, {}, fieldsV1="mangled"), field({}, {}, {}, fieldsV1={"f:metadata": 1})], (set(),) * 3),
        ([field({"f:f:a": {}}, {}, {})], ({"f:a"}, set(), set())),
    ],
)
def test_what_is_ours_of_an_object(entries: Any, owned: Any) -> None:
    assert steps.applied_by({"managedFields": entries}, FIELD_MANAGER) == owned
    assert steps.applied_by({}, FIELD_MANAGER) is None


def test_a_handle_was_made_for_a_request_where_nobody_changed_what_it_says() -> None:
    robot = Identity("harbor/dpf/tenant", "sa", "robot")
    meant = Meant(account="sa/robot", request="r1")
    made = Seen(name=handle_names.fresh(meant), account="sa/robot", request="r1")
    assert renewal_work._is_for(made, robot, REQUEST)
    assert renewal_work._is_for(msgspec.structs.replace(made, name="kubemint-robot-bcdfghjk"), robot, REQUEST)
    for change in ({"request": "r2"}, {"account": "sa/other"}, {"secrets": ("ns/x",)}):
        assert not renewal_work._is_for(msgspec.structs.replace(made, **change), robot, REQUEST)
    assert not renewal_work._is_for(made, msgspec.structs.replace(robot, namespace="other"), REQUEST)
    assert not renewal_work._is_for(made, robot, msgspec.structs.replace(REQUEST, uid="r2"))
