"""`kubemint snippet`: how a pod uses the Secret of a credential, as YAML."""

from __future__ import annotations

from typing import Any

import click

from tui.actions.looking import SNIPPET
from tui.issuance import Address, an_address

from . import printing
from .doing import options_of
from .options import Options, shared_options
from .session import run_async, setting


@click.command("snippet")
@options_of(SNIPPET)
@shared_options
@click.pass_obj
def snippet(options: Options, /, address: str, **given: Any) -> None:
    """Print a pod that uses a Secret of type tokenFile: the token as a file that follows rotations, the address as
    environment variables.

    ADDRESS is a request's or a managed Secret's, as `kubemint list credentials -o name` prints them. The YAML holds no
    token.
    """
    run_async(_snippet(options.merged(given), an_address(address)))


async def _snippet(options: Options, address: Address) -> None:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        text = await engine.snippet(address)
    printing.document(text)
