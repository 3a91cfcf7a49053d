"""What can be asked for: a kubeconfig of a service account without a secret in it, on the command line alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui.issuance.families import asking as ask
from tui.issuance.families.offer import Offer
from tui.issuance.model.fields import Choice, Control, Field, Values
from tui.issuance.model.types import Identity

if TYPE_CHECKING:
    from tui.issuance.tokens.plain import PlainWish


def _make(values: Values) -> PlainWish:
    from tui.issuance.tokens.plain import PlainWish

    who = Identity(values["cluster"], values["namespace"], values["account"])
    return PlainWish(
        path=values["path"], identity=who, duration=values["duration"], audiences=values["audiences"],
        kubeconfigs=tuple(values["kubeconfigs"]),
    )  # fmt: skip


OFFERS: Final = (
    Offer["PlainWish"](
        name="plain", title="Kubeconfig without a secret", says="kubemint requests one when it is used", by="kind",
        alone="which needs a kubeconfig in a file of its own (--out) and an existing account",
        fields=(
            ask.CLUSTER, ask.NAMESPACE, ask.ACCOUNT, ask.DURATION, ask.AUDIENCES, ask.FORCE,
            Field(
                id="kind", control=Control.CHOICE,
                choices=[Choice("exec", flag="--exec", help="No secret in it: kubectl runs kubemint when it is used.")],
            ),
            ask.OUT,
        ),
        make=_make,
    ),
)  # fmt: skip
