# SPDX-License-Identifier: Apache-2.0
"""The parts of a deployment: which stacks they are, where, and with whose credentials each is deployed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from functions import names
from hub.deployment.model import DeploymentSettings


class Part(StrEnum):
    """What can be deployed by itself, in the order of a first deployment."""

    HUB = "hub"
    FORWARDERS = "forwarders"
    MEMBERS = "members"
    DETECTION = "detection"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Stack:
    """A CloudFormation stack. ``construct`` is what the CDK CLI calls it: the CLI knows no names of CloudFormation."""

    name: str
    region: str
    construct: str


def parts_of(settings: DeploymentSettings) -> tuple[Part, ...]:
    """Return the parts that a deployment has by its settings."""
    detection = settings.detection
    wanted = {
        Part.HUB: True,
        Part.FORWARDERS: len(settings.regions) > 1,
        Part.MEMBERS: True,
        Part.DETECTION: detection.security_hub or detection.security_hub_v2 or detection.guardduty,
        Part.GUARD: bool(settings.guard.targets),
    }
    return tuple(part for part in Part if wanted[part])


def stacks_of(settings: DeploymentSettings, parts: Iterable[Part]) -> tuple[Stack, ...]:
    """Return the stacks of some parts."""
    found: list[Stack] = []
    for part in parts:
        if part is Part.FORWARDERS:
            others = [region for region in settings.regions if region != settings.home_region]
            found += [forwarder(settings, region) for region in others]
        else:
            found.append(Stack(names.stack(settings.qualifier, part.value), settings.home_region, part.capitalize()))
    return tuple(found)


def forwarder(settings: DeploymentSettings, region: str) -> Stack:
    """Return the stack that forwards from a Region, whether or not the settings name it."""
    return Stack(names.stack(settings.qualifier, f"forwarder-{region}"), region, f"Forwarder-{region}")
