"""What a form of a shoot's kubeconfig has beside its fields: worked out from the fleet alone, without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tui.issuance.families.gardener.apart import ShootFacts, told_of
from tui.issuance.families.gardener.offer import OFFERS
from tui.issuance.families.offer import Chosen, Known, Place
from tui.issuance.model.apart import ApartFacts

(OFFER,) = OFFERS
AWAKE = ShootFacts(hibernation="Awake", addresses=(("external", "https://a"),))
SHOOTS = [
    told_of("harbor", "garden-dev", "meadow", AWAKE),
    told_of("harbor", "garden-dev", "night", ShootFacts(hibernation="Hibernated", addresses=AWAKE.addresses)),
    told_of("other", "garden-dev", "fresh", ShootFacts(hibernation="Awake", operation="Create Processing (43%)")),
]


class Some(Known):
    def __init__(self, shoots: Sequence[ApartFacts]) -> None:
        self._shoots = shoots

    @property
    def apart(self) -> Sequence[ApartFacts]:
        return self._shoots


def at(shoots: Sequence[ApartFacts], chosen: ApartFacts | None = None) -> Place:
    return Place("", Path("/x"), "", Chosen(apart=chosen), Some(shoots))


def said(shoot: ApartFacts, **more: str) -> dict[str, Any]:
    return {"cluster": shoot.host, "shoot": shoot.place, "kind": "certificate", **more}


def test_one_choice_says_the_garden_and_the_shoot() -> None:
    choices = OFFER.sheet(at(SHOOTS)).choices["shoot"]({})
    assert [choice.text for choice in choices] == [
        "garden-dev/fresh  (other)", "garden-dev/meadow  (harbor)", "garden-dev/night  (harbor)",
    ]  # fmt: skip
    assert dict(choices[1].means) == {"cluster": "harbor", "shoot": "garden-dev/meadow"}
    assert [choice.text for choice in OFFER.sheet(at(SHOOTS[:1])).choices["shoot"]({})] == ["garden-dev/meadow"]


def test_it_begins_with_what_is_chosen_else_with_the_only_one() -> None:
    assert OFFER.begin(at(SHOOTS, SHOOTS[1])).items() >= {"cluster": "harbor", "shoot": "garden-dev/night"}.items()
    assert OFFER.begin(at(SHOOTS))["shoot"] == ""
    assert OFFER.begin(at(SHOOTS[:1]))["shoot"] == "garden-dev/meadow"


def test_what_was_said_hides_warns_refuses_and_notes() -> None:
    sheet = OFFER.sheet(at(SHOOTS))
    meadow, night, fresh = map(said, SHOOTS)
    assert [*sheet.hides(meadow)] == []
    assert [*sheet.hides(said(SHOOTS[0], kind="oidc"))] == ["level", "duration"]
    assert [*sheet.warns(meadow)] == []
    assert [*sheet.faults(night)] == []
    assert [*sheet.warns(night)] == ["it is hibernated: a kubeconfig cannot connect until it is awake"]
    assert [(one.field, one.message) for one in sheet.faults(fresh)] == [
        ("shoot", "it has no address yet: Create Processing (43%)"),
    ]  # fmt: skip
    assert "cannot be revoked" in sheet.note(meadow)
    assert "exec-credential" in sheet.note(said(SHOOTS[0], kind="exec"))
    assert sheet.starts(meadow) == "duration"
    assert sheet.starts({"cluster": "", "shoot": ""}) == "shoot"
