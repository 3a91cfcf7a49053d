"""`kubemint verify`: ask the API server whether a credential is accepted, and as whom."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tui.actions.looking import VERIFY
from tui.fleet.moments import rfc3339
from tui.issuance import Address, UsageError, an_address
from tui.kube.amounts import size
from tui.kube.errors import ConfigError
from tui.kube.home import expanded
from tui.kube.text import safe_text

from . import printing
from .doing import in_cluster, named_cluster, options_of
from .exits import Ended, Exit, complain
from .options import Options
from .output import output_option, print_kind
from .session import run_async, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Verification
    from tui.kube.sensitive import Sensitive


@click.command("verify")
@options_of(VERIFY)
@output_option("table", "json", "yaml", default="table")
@with_options
def verify(options: Options, address: str, form: str) -> None:
    """Ask the cluster whether a credential works: a kubeconfig, a token (with --context), or an ADDRESS.

    The files that a kubeconfig names are read from beside it. Of plugins only kubemint's own is run, and only for a
    cluster that is known; of what comes on stdin (-) no file is read and nothing is run. Exit code 1: not accepted.
    """
    if address == "-" or is_there(address):  # a folder or a pipe is told from a typo
        found = run_async(_verify_material(options, address, read_input(address, strict=True)))
    else:
        found = run_async(_verify_address(options, an_address(address)))
    _print(address, found, form)
    if not found.ok:
        raise Ended(Exit.FAILED)


def is_there(text: str) -> bool:
    """Whether a file is meant that is there: an address is one, whoever has put a file of that name here."""
    try:
        Address.parse(text)
    except ValueError:
        return expanded(text).exists()
    return False


async def _verify_address(options: Options, address: Address) -> Verification:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        if not address.here:
            await in_cluster(engine, address.cluster)
        return await engine.verify(address)


async def _verify_material(options: Options, what: str, material: Sensitive) -> Verification:
    from tui.issuance import ClaimsError, read_token

    from .reaching import open_engine

    try:
        read_token(material)
    except ClaimsError:
        return await _verify_kubeconfig(options, what, material)
    if len(options.contexts) != 1 and not options.demo:
        raise UsageError(
            f"{what} is a bare token and does not say where its cluster is",
            "name it with --context NAME, or use `kubemint inspect`",
        )
    async with setting(options) as place, open_engine(place, acting=False) as engine:
        cluster = await in_cluster(engine, await named_cluster(engine, place))
        return await engine.verify_pasted(material, cluster)


async def _verify_kubeconfig(options: Options, what: str, material: Sensitive) -> Verification:
    """Where our own clusters are known, one of them may explain why it is refused."""
    from tui.kube.kubeconfig import parse

    from .reaching import open_engine

    try:
        parse(material.reveal_bytes())
    except ConfigError:
        named = "stdin" if what == "-" else what
        raise UsageError(
            f"{named} is neither a kubeconfig nor a token", "kubemint inspect says what a file holds"
        ) from None
    async with setting(options, needed=False) as place, open_engine(place, acting=False) as engine:
        return await engine.verify_kubeconfig(material, named=what != "-")


def read_input(what: str, *, strict: bool = False) -> Sensitive:
    """The content of a file, with what the files hold that a kubeconfig names; or of stdin for `-`, as it is.

    With `strict` a ConfigError where one of those files cannot be read.
    """
    from tui.issuance import MAX_FILE_READ, FileError, read_private
    from tui.kube.named_file import with_files
    from tui.kube.sensitive import Sensitive

    if what != "-":
        path = expanded(what)
        return with_files(read_private(path), path.absolute(), strict=strict)
    data = sys.stdin.buffer.read(MAX_FILE_READ + 1)
    if len(data) > MAX_FILE_READ:
        raise FileError(f"stdin gave more than {size(MAX_FILE_READ)}", "is this the right input?")
    return Sensitive(data)


def _print(what: str, verification: Verification, form: str) -> None:
    if form == "table":
        if verification.ok:
            who = f" as {safe_text(verification.username)}" if verification.username else ""
            printing.line(f"accepted{who} ({verification.method})")
            by = f"accepted as {verification.username}" if verification.username else "accepted"
            if more := verification.message.removeprefix(by).lstrip(" ,;"):
                printing.say(f"  note: {more[1:-1] if more.startswith('(') else more}")
        else:
            complain(f"{what}: {verification.message or 'not accepted'}", verification.hint)
        return
    record = {
        "ok": verification.ok,
        "username": verification.username or None,
        "method": verification.method or None,
        "checkedAt": rfc3339(verification.checked_at),
        "message": verification.message,
        "hint": verification.hint,
    }
    print_kind("Verification", record, form)
