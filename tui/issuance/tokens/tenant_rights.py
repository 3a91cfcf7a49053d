"""The Role and RoleBinding by which a pushed account reads some Secrets of its namespace, and nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tui.issuance.errors import StepFailed, UsageError
from tui.issuance.model.types import Identity, StepInfo
from tui.issuance.objects import managed
from tui.issuance.objects.deleting import delete
from tui.issuance.transaction.step import Step
from tui.kube.client import Client
from tui.kube.errors import NotFound
from tui.kube.resource import ROLE_BINDINGS, ROLES, Resource

if TYPE_CHECKING:
    from tui.issuance.transaction.running import Note
    from tui.issuance.transaction.work import Context


class Rights:
    """The Role and RoleBinding by which an account reads some Secrets of its namespace, and nothing else."""

    def __init__(self, identity: Identity, secrets: tuple[str, ...]) -> None:
        self.identity = identity
        self.reads = secrets
        self.name = f"{identity.name}-read-secrets"[:253]
        labels = {"metadata": {"labels": {managed.MANAGED_BY: managed.MANAGER}}}
        account = {"kind": "ServiceAccount", "name": identity.name, "namespace": identity.namespace}
        rules = [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": list(secrets),
                "verbs": ["get", "list", "watch"],
            }
        ]
        role = {"apiGroup": ROLES.group, "kind": ROLES.kind, "name": self.name}
        self._wanted: tuple[tuple[str, Resource, dict[str, Any]], ...] = (
            ("role", ROLES, {**labels, "rules": rules}),
            ("binding", ROLE_BINDINGS, {**labels, "roleRef": role, "subjects": [account]}),
        )
        self._existing: set[str] = set()

    def manifests(self) -> list[dict[str, Any]]:
        """Both objects, as they are to be."""
        return [
            {
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                **wish,
                "metadata": {"name": self.name, "namespace": self.identity.namespace, **wish["metadata"]},
            }
            for _, resource, wish in self._wanted
        ]

    async def look(self, client: Client) -> None:
        """Refuse what others made under these names."""
        for step, resource, _ in self._wanted:
            try:
                found = await client.get_metadata(resource, self.name, namespace=self._namespace)
            except NotFound:
                continue
            if not managed.is_managed(found):
                raise UsageError(
                    f"{resource.kind} {self.identity.namespace}/{self.name} is already in use: "
                    "kubemint does not manage it",
                    "kubemint never takes over what others made; remove it, or give the rights yourself",
                )
            self._existing.add(step)

    def steps(self, context: Context, plan: str) -> tuple[Step, ...]:
        """One step for each object: make it, or bring it up to date; what is new names the plan that made it."""

        def step(id_: str, resource: Resource, wish: dict[str, Any]) -> Step:
            async def do(_note: Note) -> None:
                new = id_ not in self._existing
                metadata = wish["metadata"] | ({"annotations": {managed.PLAN: plan}} if new else {})
                client = await context.clusters.client(self.identity.cluster)
                await client.apply(resource, self.name, {**wish, "metadata": metadata}, namespace=self._namespace)

            async def undo(_note: Note, _failure: StepFailed | None) -> str:
                return await self._discard(await context.clusters.client(self.identity.cluster), resource, plan)

            info = StepInfo(
                id=id_, title=f"Let the account read: {resource.kind} {self.name}", verb="patch",
                resource=resource.name, cluster=self.identity.cluster, namespace=self._namespace, name=self.name,
            )  # fmt: skip
            return Step(info=info, do=do, undo=undo)

        return tuple(step(*one) for one in self._wanted)

    @property
    def _namespace(self) -> str:
        return self.identity.namespace

    async def _discard(self, client: Client, resource: Resource, plan: str) -> str:
        """Take back what `plan` made, and only that; says so where it is there still."""
        with contextlib.suppress(NotFound):
            found = await client.get_metadata(resource, self.name, namespace=self._namespace)
            meta = found.get("metadata") or {}
            if (meta.get("annotations") or {}).get(managed.PLAN) == plan:
                uid = str(meta.get("uid", ""))
                ended = await delete(client, resource, self.name, namespace=self._namespace, uid=uid)
                return f"{resource.kind} {self.name} {ended}" if ended.is_held else ""
        return ""
