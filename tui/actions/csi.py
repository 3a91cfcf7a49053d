"""What a CSI driver is given for a pod: shown, or written to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tui.issuance import CSIPreview, Fault, Field, Said, UsageError, Values, asking as ask, checked
from tui.kube.paths import short_path

from .action import Action, Answer, Menu, Needs
from .writing import write_here

if TYPE_CHECKING:
    from .action import Host


class CsiWish(msgspec.Struct, frozen=True, kw_only=True):
    """What to mint, and where to."""

    preview: CSIPreview
    revocable: bool
    path: Path | None
    """None shows it for ten seconds."""
    force: bool = False


def a_pod(text: str) -> tuple[str, str]:
    """`namespace/name` of a pod. Raises UsageError."""
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UsageError(f"{text!r} does not name a pod", "say NAMESPACE/NAME")
    return namespace, name


def _check(said: Said, values: Values) -> Iterable[Fault]:
    if said.get("force") and not said.get("path"):
        yield Fault("force", "goes with {path}")
    if said.get("path"):
        yield from checked("path", lambda: ask.a_file(said["path"]))


async def _write(host: Host, wish: CsiWish) -> Answer:
    from tui.issuance import may_write_file

    assert wish.path is not None
    await asyncio.to_thread(
        may_write_file, wish.path, force=wish.force
    )  # before a token is made that has nowhere to go
    trials = host.engine.trials
    minted = await trials.begin(wish.preview, revocable=wish.revocable)
    try:
        said = await write_here(wish.path, minted.value, force=wish.force)
        await trials.keep(minted, str(wish.path))
    except BaseException:
        await trials.end(minted)
        raise
    handle = minted.handle
    ends = "" if handle is None else f"; they end with the Secret {handle.namespace}/{handle.name}"
    return Answer(f"{len(minted.tokens)} tokens {said}{ends}")


def _title_of(wish: CsiWish) -> str:
    who, pod = wish.preview.identity, wish.preview.pod
    return f"{wish.preview.driver.name} for {who.namespace}/{pod.name} → {short_path(str(wish.path))}"


CSI_PREVIEW: Final = Action[CsiWish](
    name="csi_preview", title="CSI preview", says="what a CSI driver is given for a pod; mints only on demand",
    menu=Menu(8, "k", "CSI tokens", "what a CSI driver is given for a pod"),
    words=("csi",), needs=Needs.NOTHING, mutates=True, job="CSI tokens", verb=("csi", "preview"),
    fields=(
        ask.CLUSTER,
        Field(id="driver", label="Driver", metavar="DRIVER", missing="choose one"),
        Field(
            id="pod", label="Pod", flags=("--pod",), metavar="NS/NAME", read=a_pod, rank=1,
            missing="write namespace/name, or choose one that mounts it", help="The pod whose volume is mounted.",
        ),
        Field(
            id="path", label="Path", flags=("--out",), metavar="PATH",
            help="Write the exact JSON to this file (0600); without it tokens are masked.",
        ),
        ask.FORCE,
    ),
    check=_check, run=_write, title_of=_title_of, path_of=lambda wish: str(wish.path or ""),
)  # fmt: skip
