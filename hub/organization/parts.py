# SPDX-License-Identifier: Apache-2.0
"""The parts of a deployment: which stacks they are, where, and with whose credentials each is deployed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from functions import names
from hub.deployment.model import DeploymentSettings


class DeploymentPart(StrEnum):
    """What can be deployed by itself, in the order of a first deployment."""

    HUB = "hub"
    FORWARDERS = "forwarders"
    MEMBERS = "members"
    DETECTION = "detection"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A CloudFormation stack. ``construct`` is what the CDK CLI calls it: the CLI knows no names of CloudFormation."""

    name: str
    region: str
    construct: str


def parts_of(settings: DeploymentSettings) -> tuple[DeploymentPart, ...]:
    """Return the parts that a deployment has by its settings."""
    detection = settings.detection
    wanted = {
        DeploymentPart.HUB: True,
        DeploymentPart.FORWARDERS: len(settings.regions) > 1,
        DeploymentPart.MEMBERS: True,
        DeploymentPart.DETECTION: detection.security_hub or detection.security_hub_v2 or detection.guardduty,
        DeploymentPart.GUARD: bool(settings.guard.targets),
    }
    return tuple(part for part in DeploymentPart if wanted[part])


def stacks_of(settings: DeploymentSettings, parts: Iterable[DeploymentPart]) -> tuple[DeployedStack, ...]:
    """Return the stacks of some parts."""
    found: list[DeployedStack] = []
    for part in parts:
        if part is DeploymentPart.FORWARDERS:
            others = [region for region in settings.regions if region != settings.home_region]
            found += [forwarder(settings, region) for region in others]
        else:
            found.append(
                DeployedStack(names.stack(settings.qualifier, part.value), settings.home_region, part.capitalize())
            )
    return tuple(found)


def forwarder(settings: DeploymentSettings, region: str) -> DeployedStack:
    """Return the stack that forwards from a Region, whether or not the settings name it."""
    return DeployedStack(names.stack(settings.qualifier, f"forwarder-{region}"), region, f"Forwarder-{region}")
