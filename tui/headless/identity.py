"""`kubemint identity`: accounts for machines outside that mint short-lived tokens for themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from tui.actions.asking import an_address
from tui.actions.identities import REACTIVATE
from tui.fleet.moments import rfc3339
from tui.issuance.durations import parse_duration
from tui.issuance.errors import UsageError
from tui.issuance.grace_length import GraceWish
from tui.issuance.kinds import CredentialKind
from tui.issuance.types import Address, Identity

from . import printing
from .acting import (
    Progress,
    acting_options,
    carry_out,
    finish,
    grace_wish,
    print_plans,
    replacing_option,
    wait_for_grace,
)
from .doing import verb
from .exits import Ended, Exit
from .options import Options, shared_options
from .output import API_VERSION, Column, output_option, print_object, print_table
from .session import refuse_read_only, run_async, setting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tui.issuance.engine import Engine
    from tui.issuance.identity import IdentityWish
    from tui.issuance.identity_view import IdentityView
    from tui.issuance.types import Credential, Plan
    from tui.kube.kubeconfig import KubeConfig


@click.group("identity")
def identity() -> None:
    """Accounts for machines outside, which mint short-lived tokens for themselves."""


@identity.command("create")
@click.argument("name")
@click.option("-n", "--namespace", metavar="NS", required=True, help="The namespace of the service account.")
@click.option("--out", "folder", metavar="FOLDER", default=".", help="Where to write NAMESPACE-NAME.token (0600).")
@click.option("--secret", metavar="NAME", default="", help="The token Secret's name.  [default: one that is new]")
@replacing_option
@acting_options
@shared_options
@click.pass_obj
def create(
    options: Options,
    /,
    name: str,
    namespace: str,
    folder: str,
    secret: str,
    force: bool,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Create the identity NAME: a service account, the right to mint tokens for itself, and a long-lived token.

    What is there already is used and never changed; a step that fails undoes what was made before it. With
    `--dry-run -o yaml` the manifests are printed, for somebody who may apply them.
    """
    from tui.issuance.identity import IdentityWish, manifests
    from tui.issuance.token_secret import fresh_name

    options = options.merged(given)
    wish = IdentityWish(identity=Identity("", namespace, name), folder=folder, secret=secret)
    wish.check()
    if dry_run and form != "name":
        # Who applies them may do so where an account of that name had a token that was revoked.
        named = IdentityWish(identity=wish.identity, folder=folder, secret=secret or fresh_name(name))
        _print_manifests(manifests(named), form)
        return
    if not dry_run:
        refuse_read_only(options, "identity create")

    async def plan(engine: Engine, cluster: str) -> Plan:
        return await engine.plan(_in(wish, cluster), force=force)

    run_async(
        _act(
            options, _only(options), plan, dry_run=dry_run, quiet=quiet, form=form,
            grace=grace_wish(grace), wait=not no_wait,
        )
    )  # fmt: skip


@identity.command("token")
@click.argument("source", metavar="FILE|ADDRESS")
@click.option("--audience", "audiences", metavar="A", multiple=True, help="Who is to accept it; default: the cluster.")
@click.option("--duration", metavar="DURATION", help="How long it is to live, such as 1h; the server may cap it.")
@click.option("--out", metavar="PATH", required=True, help="Write the token to this file (0600), without a line break.")
@replacing_option
@acting_options
@shared_options
@click.pass_obj
def token(
    options: Options,
    /,
    source: str,
    audiences: tuple[str, ...],
    duration: str | None,
    out: str,
    force: bool,
    dry_run: bool,
    grace: str,
    no_wait: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> None:
    """Mint a short-lived token with the long-lived one in FILE: the identity asks for itself, the operator does not.

    ADDRESS is that of a token Secret, such as legacy:harbor/ci/robot-token; the operator must be allowed to read it.
    The cluster of a FILE is that of --context, or the one that it was written for on this machine.
    """
    from tui.issuance.self_issue import SelfWish

    options = options.merged(given)
    if out == "-":
        raise UsageError("a credential is never written to the terminal", "give --out a path")
    if not dry_run:
        refuse_read_only(options, "identity token")
    lifetime = parse_duration(duration) if duration is not None else None
    asks_with = _source(source)

    async def plan(engine: Engine, cluster: str) -> Plan:
        wish = SelfWish(source=asks_with, cluster=cluster, out=out, duration=lifetime, audiences=audiences)
        return await engine.plan(wish, force=force)

    run_async(
        _act(
            options, _of_token(options, asks_with), plan, dry_run=dry_run, quiet=quiet, form=form,
            grace=grace_wish(grace), wait=not no_wait,
        )
    )  # fmt: skip


@verb(REACTIVATE, group=identity, graced=False)
def reactivate() -> None:
    """Let a long-lived token work again that its cluster invalidated because nobody used it for a year.

    ADDRESS is the token Secret's, such as legacy:harbor/ci/robot-token, or the token file that holds its token. The
    token is used once, which proves it and counts as its last use.
    """


@identity.command("show")
@click.argument("name")
@click.option("-n", "--namespace", metavar="NS", required=True, help="The namespace of the service account.")
@output_option("table", "json", "yaml", default="table")
@shared_options
@click.pass_obj
def show(options: Options, /, name: str, namespace: str, form: str, **given: Any) -> None:
    """Show what there is of the identity NAME: account, rights, and its long-lived tokens with age and last use."""
    options = options.merged(given)
    run_async(_show(options, namespace, name, form))


def _only(options: Options) -> Callable[[Engine, KubeConfig], Awaitable[str]]:
    """The one cluster that is meant."""

    async def where(_: Engine, config: KubeConfig) -> str:
        if len(options.contexts) > 1:
            raise click.UsageError("name the cluster with --context NAME, only one")
        if options.contexts or config.current_context:
            return options.contexts[0] if options.contexts else config.current_context
        raise click.UsageError("name the cluster with --context NAME")

    return where


def _source(text: str) -> Address:
    """A token Secret's address, or any path: also of a file that is not there, which is then said of the file."""
    if text.startswith((f"{CredentialKind.LEGACY}:", f"{CredentialKind.FILE}:")):
        return an_address(text)
    from tui.issuance.destinations.place import absolute

    return Address(CredentialKind.FILE, "", "", str(absolute(text)))


def _of_token(options: Options, source: Address) -> Callable[[Engine, KubeConfig], Awaitable[str]]:
    """The cluster that is meant, or that the token is for."""

    async def where(engine: Engine, config: KubeConfig) -> str:
        if source.cluster:
            return source.cluster
        if not options.contexts:
            record = await asyncio.to_thread(engine.state.export_record, source)
            if record is not None and record.credential.identity is not None:
                return record.credential.identity.cluster
        return await _only(options)(engine, config)

    return where


async def _act(
    options: Options,
    where: Callable[[Engine, KubeConfig], Awaitable[str]],
    planner: Callable[[Engine, str], Awaitable[Plan]],
    *,
    dry_run: bool,
    quiet: bool,
    form: str,
    grace: GraceWish,
    wait: bool,
) -> None:
    from .reaching import VerbClusters, open_engine

    async with setting(options) as place, open_engine(place, grace=grace, acting=not dry_run) as engine:
        cluster = await where(engine, place.config)
        assert isinstance(engine.clusters, VerbClusters)
        await engine.clusters.find(cluster)
        plan = await planner(engine, cluster)
        if dry_run:
            print_plans([plan], form)
            return
        progress = Progress(quiet=quiet)
        outcome = await carry_out(engine, plan, progress)
        outcomes = await wait_for_grace(engine, [outcome], progress, wait=wait)
    finish(outcomes, form)


def _in(wish: IdentityWish, cluster: str) -> IdentityWish:
    import msgspec

    named = msgspec.structs.replace(wish.identity, cluster=cluster)
    return msgspec.structs.replace(wish, identity=named)


def _print_manifests(documents: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        print_object({"apiVersion": "v1", "kind": "List", "items": documents}, form)
        return
    from tui.issuance.yaml_text import dump

    printing.document("---\n".join(map(dump, documents)))


async def _show(options: Options, namespace: str, name: str, form: str) -> None:
    from .reaching import open_engine

    async with setting(options) as place, open_engine(place, acting=False) as engine:
        cluster = await _only(options)(engine, place.config)
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


def _print_view(found: IdentityView, files: dict[str, str], form: str) -> None:
    if form != "table":
        print_object(_record(found, files), form)
        return
    yes = {True: "yes", False: "no"}
    facts = [
        ("service account", str(found.identity) if found.exists else f"{found.identity} does not exist"),
        ("made as an identity", yes[found.marked]),
        ("mints for itself", yes[found.mints]),
        *(("token Secret", _token_line(credential)) for credential in found.tokens),
        *(("file", f"{path} (Secret {secret})") for path, secret in files.items()),
    ]
    columns: list[Column[tuple[str, str]]] = [
        Column("WHAT", lambda fact: fact[0]),
        Column("IS", lambda fact: fact[1]),
    ]
    print_table(columns, facts)


def _token_line(credential: Credential) -> str:
    from tui.kube.amounts import about

    age = ""
    if credential.issued_at is not None:
        age = f", {about(datetime.now(UTC) - credential.issued_at)} old"
    said = f", {credential.message}" if credential.message else ""
    return f"{credential.address.name}: {credential.state.value}{age}{said}"


def _record(found: IdentityView, files: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Identity",
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
