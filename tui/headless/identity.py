"""`kubemint identity`: accounts for machines outside that mint short-lived tokens for themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tui.actions.identities import MINT, NEW_IDENTITY, REACTIVATE, a_source
from tui.fleet.moments import rfc3339
from tui.issuance import Address, Identity

from . import printing
from .acting import acting_options
from .doing import How, do, only_cluster, options_of, refuse, said_of, verb
from .dry_run import nothing_sent
from .exits import Ended, Exit
from .options import Options
from .output import output_option, print_kind, print_object, print_table
from .session import Setting, refuse_read_only, setting, with_options

if TYPE_CHECKING:
    from tui.issuance import Credential, Engine, IdentityView


@click.group("identity")
def identity() -> None:
    """Accounts for machines outside, which mint short-lived tokens for themselves."""


@identity.command("create")
@options_of(NEW_IDENTITY)
@acting_options
@with_options
def create(options: Options, **given: Any) -> None:
    """Create the identity NAME: a service account, the right to mint tokens for itself, and a long-lived token.

    Existing objects are used and never changed; a step that fails undoes the ones before it. With
    `--dry-run -o yaml` the manifests are printed, for someone who may apply them.
    """
    from tui.issuance import fresh_token_secret_name, identity_manifests

    said, how = said_of(NEW_IDENTITY, given, options), How.of(given)
    refuse(NEW_IDENTITY, said, but=("cluster",))
    if how.dry_run and how.form != "name":
        # Who applies them may do so where an account of that name had a token that was revoked.
        named = NEW_IDENTITY.wish(
            {**said, "cluster": "", "secret": given["secret"] or fresh_token_secret_name(given["name"])}
        )
        _print_manifests(identity_manifests(named), how.form)
        nothing_sent()
        return
    if not how.dry_run:
        refuse_read_only(options, "identity create")
    do(NEW_IDENTITY, options, given, said, where=only_cluster)


@identity.command("token")
@options_of(MINT)
@acting_options
@with_options
def token(options: Options, **given: Any) -> None:
    """Mint a short-lived token with the long-lived one in FILE, with the identity's own rights, not the operator's.

    ADDRESS is that of a token Secret, such as legacy:harbor/ci/robot-token; the operator must be allowed to read it.
    The cluster of a FILE is the one in this machine's records for its token, else that of --context.
    """
    if not given["dry_run"]:
        refuse_read_only(options, "identity token")
    do(MINT, options, given, said_of(MINT, given, options), where=partial(_of_token, a_source(given["source"])))


@verb(REACTIVATE, group=identity, graced=False)
def reactivate() -> None:
    """Let a long-lived token work again that its cluster invalidated because it was not used for a year.

    ADDRESS is the token Secret's, such as legacy:harbor/ci/robot-token, or the token file that holds its token. The
    token is used once, which proves it and counts as its last use.
    """


@identity.command("show")
@click.argument("name")
@click.option("-n", "--namespace", metavar="NS", required=True, help="The namespace of the service account.")
@output_option("table", "json", "yaml", default="table")
@with_options
async def show(options: Options, name: str, namespace: str, form: str) -> None:
    """Show the identity NAME: account, rights, and its long-lived tokens with age and last use."""
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        cluster = await only_cluster(engine, place)
        found = await engine.identity(Identity(cluster, namespace, name))
        records = await asyncio.to_thread(engine.state.export_records)
    files = {
        record.credential.address.name: record.credential.handle.name
        for record in records
        if record.credential.handle is not None and record.credential.identity == found.identity
    }
    _print_view(found, files, form)
    if not found.exists:
        raise Ended(Exit.FAILED)


async def _of_token(source: Address, engine: Engine, place: Setting) -> str:
    """The cluster that is meant; empty where the token itself has to say it: the current one confirms nothing."""
    if source.cluster:
        return source.cluster
    return await only_cluster(engine, place) if place.options.contexts or place.options.demo else ""


def _print_manifests(documents: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        print_object({"apiVersion": "v1", "kind": "List", "items": documents}, form)
        return
    from tui.issuance import dump_yaml

    printing.document("---\n".join(map(dump_yaml, documents)))


def _print_view(found: IdentityView, files: dict[str, str], form: str) -> None:
    if form != "table":
        print_kind("Identity", _record(found, files), form)
        return
    yes = {True: "yes", False: "no"}
    facts = [
        ("service account", found.identity.said if found.exists else f"{found.identity.said} does not exist"),
        ("made as an identity", yes[found.marked]),
        ("mints for itself", yes[found.mints]),
        *(("token Secret", _token_line(credential)) for credential in found.tokens),
        *(("file", f"{path} (Secret {secret})") for path, secret in files.items()),
    ]
    print_table(("WHAT", "IS"), facts)


def _token_line(credential: Credential) -> str:
    from tui.kube.amounts import about

    age = ""
    if credential.issued_at is not None:
        age = f", {about(datetime.now(UTC) - credential.issued_at)} old"
    said = f", {credential.message}" if credential.message else ""
    return f"{credential.address.name}: {credential.state.value}{age}{said}"


def _record(found: IdentityView, files: dict[str, str]) -> dict[str, Any]:
    return {
        "cluster": found.identity.cluster,
        "namespace": found.identity.namespace,
        "name": found.identity.name,
        "exists": found.exists,
        "labelled": found.marked,
        "mintsForItself": found.mints,
        "tokens": [
            {
                "address": str(credential.address),
                "state": credential.state.value,
                "created": rfc3339(credential.issued_at),
                "expires": None,
                "message": credential.message,
                "files": [path for path, secret in files.items() if secret == credential.address.name],
            }
            for credential in found.tokens
        ],
    }
