"""`kubemint csi preview`: the tokens that a CSI driver is given for a pod, asked for as the kubelet asks for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tui.actions.csi import CSI_PREVIEW, a_pod
from tui.fleet.moments import rfc3339
from tui.issuance import IssuanceError, format_duration
from tui.kube.home import expanded
from tui.kube.text import safe_text

from . import printing
from .doing import only_of, options_of, refuse, said_of
from .dry_run import dry_run_option, nothing_sent
from .options import Options
from .output import output_option, print_kind, print_table
from .printing import say
from .session import refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tui.issuance import CSIPreview, IssuedToken

_READ_ONLY: Final = "minting tokens (--dry-run shows the requests)"


@click.group("csi")
def csi() -> None:
    """What CSI drivers are given: tokens of the pods whose volumes they mount."""


@csi.command("preview")
@options_of(CSI_PREVIEW)
@dry_run_option("Mint nothing; show the requests that would be made.")
@output_option("table", "json", "yaml", default="table")
@with_options
async def preview(options: Options, dry_run: bool, form: str, **given: Any) -> None:
    """Show what DRIVER gets for a pod: one pod-bound token per audience of its tokenRequests, minted now.

    The tokens are stored nowhere and end with the pod. The kubelet passes them on under the key
    csi.storage.k8s.io/serviceAccount.tokens; --out writes exactly that value.
    """
    from tui.issuance import csi as issuance, may_write_file, write_file

    from .reaching import VerbClusters

    said = said_of(CSI_PREVIEW, given, options)
    refuse(CSI_PREVIEW, said, but=("cluster",))
    if not dry_run:
        refuse_read_only(options, _READ_ONLY)
    driver, out = given["driver"], None if given["path"] is None else expanded(given["path"])
    if out is not None:
        may_write_file(out, force=given["force"])  # before a token is made that has nowhere to go
    pod = a_pod(given["pod"])
    async with setting(options) as place, VerbClusters(place) as clusters:
        cluster = only_of(place)
        client = await clusters.client(cluster)
        looked = await issuance.look(client, cluster, driver, *pod)
        for note in looked.notes:
            say(f"note: {note}")
        if dry_run:
            _print_requests(looked, form)
            nothing_sent()
            return
        tokens = await issuance.mint(client, looked)
        if out is None:
            _print(looked, tokens, form)
            return
        if not tokens:
            raise IssuanceError(f"{driver} is given no tokens, so nothing was written to {out}")
        written = write_file(out, issuance.tokens_json(tokens), force=given["force"])
        if written.kept is not None:
            say(f"note: what was there is in {written.kept}")
        _print(looked, tokens, form, written.target)


def _print_requests(looked: CSIPreview, form: str) -> None:
    """A dry run: each TokenRequest, and the right it needs."""
    requests = looked.requests()
    if form != "table":
        print_kind("CSIPreview", _record(looked) | {"requests": requests}, form)
        return
    namespace, account = looked.identity.namespace, looked.identity.name
    lines = [
        (
            ", ".join(spec.get("audiences", ())) or "(the API server's own)",
            _asked(spec.get("expirationSeconds")),
            f"Pod {namespace}/{spec['boundObjectRef']['name']}",
            f"{namespace}/{account}",
            "create serviceaccounts/token",
        )
        for spec in (request["spec"] for request in requests)
    ]
    print_table(("AUDIENCE", "ASKS FOR", "BOUND TO", "FOR", "RIGHT"), lines)


def _print(looked: CSIPreview, tokens: Mapping[str, IssuedToken], form: str, written: Path | None = None) -> None:
    from tui.issuance import CSI_TOKENS_KEY, masked_csi_json

    for audience, issued in sorted(tokens.items()):
        if issued.shortened and issued.requested is not None:
            granted, asked = format_duration(issued.granted), format_duration(issued.requested)
            say(f"note: {safe_text(audience) or 'own audience'}: granted {granted}, asked {asked}")
    if form == "table":
        if written is not None:
            printing.line(written)
        elif tokens:
            printing.line(masked_csi_json(tokens))
        return
    items = [
        {
            "audience": audience,
            "requestedSeconds": int(issued.requested.total_seconds()) if issued.requested else None,
            "grantedSeconds": int(issued.granted.total_seconds()),
            "expiresAt": rfc3339(issued.expires_at),
            "fingerprint": issued.fingerprint,
        }
        for audience, issued in sorted(tokens.items())
    ]
    shown = {CSI_TOKENS_KEY: masked_csi_json(tokens)} if tokens else {}
    more = {"attributes": shown, "items": items, "file": str(written) if written else None}
    print_kind("CSIPreview", _record(looked) | more, form)


def _asked(seconds: int | None) -> str:
    return "the default" if seconds is None else format_duration(timedelta(seconds=seconds))


def _record(looked: CSIPreview) -> dict[str, Any]:
    identity = looked.identity
    return {
        "cluster": identity.cluster,
        "driver": looked.driver.name,
        "pod": f"{identity.namespace}/{looked.pod.name}",
        "serviceAccount": f"{identity.namespace}/{identity.name}",
        "handedOverIn": looked.driver.handed_over_in,
        "requiresRepublish": looked.driver.republish,
        "notes": list(looked.notes),
    }
