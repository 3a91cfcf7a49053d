# ruff: noqa: T201 (a script prints)
"""A kubeconfig for the service account default/robot of the current context, for one hour, in ./robot.kubeconfig."""

import asyncio

from tui.issuance import Engine, FileDestination, Identity, IssueSpec, KubeconfigClusters, StateStore


async def main() -> None:
    async with KubeconfigClusters() as clusters:
        engine = Engine(clusters, StateStore.open())
        robot = Identity(clusters.current, "default", "robot")
        plan = await engine.plan(
            IssueSpec(identity=robot, destinations=(FileDestination("robot.kubeconfig"),), create_account=True)
        )
        outcome = await engine.execute(plan, on_step=lambda step: print(step.title, step.status, step.message))
        print("expires", outcome.credential.expires_at if outcome.credential else outcome.error)
        await engine.aclose()


asyncio.run(main())
