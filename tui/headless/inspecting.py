"""`kubemint inspect`: what a token, kubeconfig, certificate or Secret says about itself. No server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tui.actions.looking import INSPECT
from tui.fleet.moments import rfc3339
from tui.issuance import Address, an_address
from tui.kube.home import expanded
from tui.kube.text import safe_text

from . import printing
from .doing import in_cluster, options_of
from .exits import quiet_logging
from .options import Options
from .output import output_option, print_kind
from .printing import say
from .session import run_async, setting, with_options
from .verifying import is_there, read_input

if TYPE_CHECKING:
    from tui.issuance import Inspection
    from tui.kube.sensitive import Sensitive


@click.command("inspect")
@options_of(INSPECT)
@output_option("table", "json", "yaml", default="table")
@with_options
def inspect_(options: Options, address: str, form: str) -> None:
    """Show what a token, kubeconfig, certificate or Secret says: for whom, until when, and what is odd about it.

    Signatures are not checked and no cluster is asked (`kubemint verify` does that), except to read what an ADDRESS
    names. Nothing that is shown can be used to log in.
    """
    from tui.issuance import explained_file_error, inspect_bytes, readable_by_others

    quiet_logging()
    readers = ""
    what = address
    named = None if what == "-" or is_there(what) else _address(what)
    if named is not None and not named.is_file:
        material = run_async(_material(options, named))
    else:
        what = named.name if named is not None else what
        material = read_input(what)
        if what != "-":
            path = expanded(what)
            with explained_file_error(path, "read"):
                readers = readable_by_others(path)
    inspection = inspect_bytes(material.reveal_bytes(), readable_by=readers)
    if form == "table":
        _print(inspection)
    else:
        print_kind("Inspection", _record(inspection), form)


def _address(what: str) -> Address:
    """What is written as an address. Raises UsageError where it is none; a file it is not either."""
    return an_address(what)


async def _material(options: Options, address: Address) -> Sensitive:
    """Read live, by the engine."""
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        if address.cluster:
            await in_cluster(engine, address.cluster)
        return await engine.material(address)


def _print(inspection: Inspection) -> None:
    from tui.issuance import inspection_sections, inspection_verdict

    good, says = inspection_verdict(inspection)
    say(f"{'' if good is None else 'ok: ' if good else 'refused: '}{safe_text(says)}")
    for number, section in enumerate(inspection_sections(inspection)):
        if number:
            printing.line()
        printing.line(section.title)
        width = max((len(label) for label, _ in section.rows), default=0)
        for label, value in section.rows:
            printing.line(f"  {safe_text(label):{width}}  {safe_text(value)}")


def _record(inspection: Inspection) -> dict[str, Any]:
    import msgspec

    from tui.issuance import inspection_verdict

    verdict = inspection_verdict(inspection)
    return {
        "type": inspection.kind.value,
        "checkedAt": rfc3339(inspection.checked_at),
        "expiresAt": rfc3339(inspection.expires_at),
        "refused": verdict[0] is False,
        "verdict": verdict[1],
        "items": [_camel(item) for item in msgspec.to_builtins(inspection.items)],
        "problems": [_camel(problem) for problem in msgspec.to_builtins(inspection.problems)],
    }


def _camel(value: Any) -> Any:
    """Field names as in the rest of the output. The keys of annotations are data and stay."""
    if isinstance(value, list | tuple):
        return [_camel(item) for item in value]
    if isinstance(value, dict):
        words = [(key, *key.split("_")) for key in value]
        return {
            first + "".join(map(str.title, rest)): value[key] if key == "annotations" else _camel(value[key])
            for key, first, *rest in words
        }
    return value
