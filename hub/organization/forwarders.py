# SPDX-License-Identifier: Apache-2.0
"""Forwarders in Regions that the settings no longer name; code that reads only the settings doesn't find them.

This module asks CloudFormation in every Region that is enabled in the account, in all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config

from functions.aws import errors
from hub.organization.check import Ground
from hub.organization.parts import DeployedStack, DeploymentPart, forwarder, stacks_of
from hub.organization.status import ABSENT, status

_AT_ONCE = 16
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})


@dataclass(frozen=True, slots=True)
class Strays:
    """Forwarders that are there and not in the settings. ``not_asked``: why a Region could not be asked."""

    stacks: tuple[DeployedStack, ...] = ()
    not_asked: Mapping[str, str] = field(default_factory=dict)


def strays(ground: Ground) -> Strays:
    """Look for them; raise what EC2 raises where it doesn't list the enabled Regions."""
    settings = ground.settings
    enabled = sorted(each["RegionName"] for each in ground.caller.client("ec2").describe_regions()["Regions"])
    known = {stack.region for stack in stacks_of(settings, (DeploymentPart.FORWARDERS,))}
    asked = [forwarder(settings, region) for region in enabled if region not in known]
    # Clients are made one after the other: a session is not for several threads.
    clients = [ground.caller.client("cloudformation", stack.region, _CONFIG) for stack in asked]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(zip(asked, pool.map(_there, clients, asked), strict=True))
    return Strays(
        tuple(stack for stack, answer in found if answer is True),
        {stack.region: answer for stack, answer in found if isinstance(answer, str)},
    )


def _there(client: Any, stack: DeployedStack) -> bool | str:
    """Tell whether the stack exists, or why that is unknown."""
    try:
        return status(client, stack.name) != ABSENT
    except errors.AwsError as error:
        return errors.message(error)
