"""`kubemint snippet`: how a pod uses the Secret of a credential, as YAML."""

from __future__ import annotations

import click

from tui.actions.looking import SNIPPET
from tui.issuance import an_address

from . import printing
from .doing import options_of
from .options import Options
from .session import setting, with_options


@click.command("snippet")
@options_of(SNIPPET)
@with_options
async def snippet(options: Options, address: str) -> None:
    """Print a pod that uses a Secret of type tokenFile: the token as a file that follows rotations, the address as
    environment variables.

    ADDRESS is a request's or a managed Secret's, as `kubemint list credentials -o name` prints them. The YAML holds no
    token.
    """
    from .reaching import open_engine

    of = an_address(address)
    async with setting(options) as place, open_engine(place, acting=False) as engine:
        text = await engine.snippet(of)
    printing.document(text)
