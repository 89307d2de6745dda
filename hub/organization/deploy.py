# SPDX-License-Identifier: Apache-2.0
"""Deploy: which parts these credentials can deploy, the CDK CLI for them, and the one sentence at the end."""

from __future__ import annotations

from collections.abc import Sequence

from hub.deployment.model import DeploymentSettings
from hub.organization.errors import AskedError
from hub.organization.parts import DeployedStack, DeploymentPart, parts_of


def wanted_parts(settings: DeploymentSettings, asked: Sequence[DeploymentPart]) -> tuple[DeploymentPart, ...]:
    """Return the parts to deploy: those asked for, else all of the hub account's; in the order of deploying.

    Raises AskedError where the settings have no such part, or where two accounts would be needed.
    """
    there = parts_of(settings)
    absent = [part for part in asked if part not in there]
    if absent:
        raise AskedError(f"the settings have no {absent[0]}: {_ABSENT[absent[0]]}")
    if DeploymentPart.GUARD in asked and set(asked) != {DeploymentPart.GUARD}:
        raise AskedError(
            "the guard is in the management account, the rest in the hub account: use deploy --stack guard alone"
        )
    return tuple(part for part in there if (part in asked if asked else part is not DeploymentPart.GUARD))


_ABSENT = {
    DeploymentPart.FORWARDERS: "the home Region is the only one of regions",
    DeploymentPart.DETECTION: "nothing is true under detection",
    DeploymentPart.GUARD: "guard.targets is empty",
}


def closing_sentence(
    settings: DeploymentSettings, parts: Sequence[DeploymentPart], stacks: Sequence[DeployedStack], code: int
) -> str:
    """Return the sentence about the end of the CDK."""
    names = ", ".join(stack.name for stack in stacks)
    if code:
        return (
            f"The CDK ended with exit code {code}; its output says why. Correct that and give the same command "
            f"again: deployed stacks stay as they are. Not known to be deployed: {names}."
        )
    account = settings.management if DeploymentPart.GUARD in parts else settings.hub
    return f"Deployed in account {account}: {names}."


def next_steps(settings: DeploymentSettings, parts: Sequence[DeploymentPart]) -> list[str]:
    """Return the commands that come after a deployment that succeeded."""
    steps = []
    if DeploymentPart.HUB in parts:
        steps.append("cordon policy publish")
    if DeploymentPart.GUARD not in parts and DeploymentPart.GUARD in parts_of(settings):
        steps.append(f"cordon organization deploy --stack guard   # with credentials of {settings.management}")
    return steps
