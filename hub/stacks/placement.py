# SPDX-License-Identifier: Apache-2.0
"""What every stack has: a name from the qualifier, an explicit place, tags, protection from deletion by mistake."""

from __future__ import annotations

from typing import TypedDict

import aws_cdk as cdk

from functions import names
from hub.deployment.model import DeploymentSettings


class Placed(TypedDict):
    """Properties of ``cdk.Stack``."""

    stack_name: str
    env: cdk.Environment
    tags: dict[str, str]
    termination_protection: bool


def placed(settings: DeploymentSettings, part: str, *, account: str | None = None, region: str | None = None) -> Placed:
    """Return what a stack is given; it is in the hub's account and home Region by default."""
    return Placed(
        stack_name=names.stack(settings.qualifier, part),
        env=cdk.Environment(account=account or settings.hub, region=region or settings.home_region),
        tags={"application": "cordon", "deployment": settings.qualifier},
        termination_protection=True,
    )
