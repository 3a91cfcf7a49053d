"""What can be done, in one table, in the order in which it is offered.

Keys, the footer, help, the palette, the words after `:`, the menu of `n`, `$` and the verbs of the command line are
made from it, so that an action that is added here is offered everywhere, and only where it is possible.
"""

from __future__ import annotations

from typing import Final

from . import fitting as fit, lines
from .action import Action, AnyAction, Needs
from .clusters import CONNECT, DISCONNECT, RECONNECT, TRUST
from .csi import CSI_PREVIEW
from .ending import REVOKE
from .exporting import EXPORT
from .identities import MINT, NEW_IDENTITY, REACTIVATE
from .issuing import NEW_CREDENTIAL
from .journal import EXPORT_JOURNAL
from .looking import (
    CALENDAR,
    DETAILS,
    FINDINGS,
    INSPECT,
    INSPECTOR,
    LINEAGE,
    POWERS,
    REVEAL,
    SNIPPET,
    VERIFY,
    WHO,
    YAML,
)
from .offered import OFFERED
from .requests import ABANDON, DELETE_REQUEST, KEEP, NEW_REQUEST
from .rotating import FORESEE, ROTATE, UNDO
from .tenants import NEW_TENANT_PUSH, NEW_TENANT_STORE

ACTIONS: Final[tuple[AnyAction, ...]] = (
    ROTATE,
    FORESEE,
    EXPORT,
    EXPORT_JOURNAL,
    Action(
        name="new", title="New …", says="issue a credential or make a request",
        key="n", footer=True, needs=Needs.NOTHING, mutates=True,
    ),
    NEW_CREDENTIAL,
    NEW_REQUEST,
    *(action for _, action in OFFERED if action.menu),
    CONNECT,
    DISCONNECT,
    VERIFY,
    INSPECT,
    YAML,
    DETAILS,
    REVEAL,
    REVOKE,
    UNDO,
    Action(
        name="snooze", title="Snooze alerts", says="no alerts for it for a while, or until it is renewed",
        key="z", label="snooze alerts", needs=Needs.SOME, fits=fit.ENDING,
    ),
    Action(
        name="renewal_loop", title="Renewal loop on or off", says="renew what is due, of the marked or of all",
        key="a", label="renewal loop", words=("loop",), needs=Needs.NOTHING, mutates=True,
        command=lines.unless_marked("kubemint", "rotate", "--due", "--watch"),
    ),
    KEEP,
    DELETE_REQUEST,
    ABANDON,
    SNIPPET,
    NEW_TENANT_STORE,
    NEW_TENANT_PUSH,
    CSI_PREVIEW,
    NEW_IDENTITY,
    MINT,
    REACTIVATE,
    LINEAGE,
    POWERS,
    WHO,
    FINDINGS,
    CALENDAR,
    INSPECTOR,
    Action(
        name="equivalent", title="Equivalent commands", says="the commands that do the same, to copy",
        key="dollar_sign", label="as commands", key_display="$", words=("equivalent", "commands"), needs=Needs.SOME,
    ),
    Action(
        name="copy", title="Copy the address", says="to the terminal's clipboard",
        key="c", label="copy the address",
    ),
    Action(
        name="settings", title="Settings", says="theme, confirmation, grace, folders: values and their sources",
        key="comma", key_display=",", words=("settings", "config"), needs=Needs.NOTHING,
        command=lines.always("kubemint", "config", "show"),
    ),
    TRUST,
    RECONNECT,
)  # fmt: skip

BY_NAME: Final[dict[str, AnyAction]] = {action.name: action for action in ACTIONS}

NOVELTIES: Final = sorted((action for action in ACTIONS if action.menu), key=lambda action: action.menu.rank)
"""The menu of `n`."""


def words() -> dict[str, str]:
    """What can be said after `:`, and which action it is."""
    return {
        word: action.name
        for action in ACTIONS
        for word in ((action.name,) if action.words is None else action.words)
    }  # fmt: skip
