"""The Secrets that kubemint manages, by their metadata alone."""

from __future__ import annotations

from typing import Final

from tui.issuance.families.listing import Listing
from tui.issuance.objects import managed
from tui.kube.resource import SECRETS

LISTINGS: Final = (Listing("managed Secrets", SECRETS, managed.credential_from_secret, labels=managed.CREDENTIALS),)
