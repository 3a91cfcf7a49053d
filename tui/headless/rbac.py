"""`kubemint rbac`: the least Role for a flow, to be read, changed and applied by whoever gives rights."""

from __future__ import annotations

import click

from tui.issuance import FLOW_SUMMARY, RIGHTS, Flow, UsageError, check_names, dump_yaml, roles_of_flow

from . import printing
from .options import Options
from .output import output_option, print_object, print_table
from .session import with_options

_FLOWS = "\n".join(f"  {flow.value:15}{FLOW_SUMMARY[flow]}" for flow in Flow)


@click.command("rbac", epilog=f"\b\nFlows:\n{_FLOWS}")
@click.argument("flow", type=click.Choice([flow.value for flow in Flow]), metavar="FLOW")
@click.option("-n", "--namespace", default="", help="A Role in this namespace; without it a ClusterRole.")
@click.option("--account", default="", metavar="NAME", help="Restrict it to this account, where RBAC can do that.")
@click.option("--secret", default="", metavar="NAME", help="Restrict it to this Secret, where RBAC can do that.")
@click.option("--shoot", default="", metavar="NAME", help="Restrict it to this shoot, where RBAC can do that.")
@output_option("yaml", "json", "table", default="yaml")
@with_options
def rbac(options: Options, flow: str, namespace: str, account: str, secret: str, shoot: str, form: str) -> None:
    """Print the least Role (or ClusterRole) with which FLOW works. No cluster is asked; -o table explains each rule.

    It is bound to no one: use `kubectl create rolebinding`. Rights to create cannot be restricted to a name, except for
    tokens.
    """
    for what, name in (("service account", account), ("Secret", secret), ("shoot", shoot)):
        if name:
            check_names(namespace or "default", name, what)
    if namespace:
        check_names(namespace, "default", "service account")
    chosen = Flow(flow)
    if chosen is Flow.READ and (account or secret or shoot):
        raise UsageError("reading lists objects, and RBAC cannot restrict a list to names", "give -n NAMESPACE instead")
    if form == "table":
        lines = ((", ".join(right.verbs), right.name, right.why) for right in RIGHTS[chosen])
        print_table(("VERBS", "RESOURCE", "FOR"), lines)
        return
    made = roles_of_flow(chosen, namespace=namespace, account=account, secret=secret, shoot=shoot)
    if form == "json":
        whole = made[0] if len(made) == 1 else {"apiVersion": "v1", "kind": "List", "items": made}
        print_object(whole, form)
    else:
        printing.document("---\n".join(map(dump_yaml, made)))
