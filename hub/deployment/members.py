# SPDX-License-Identifier: Apache-2.0
"""The member template of a deployment: what its settings mean for every member account."""

from __future__ import annotations

from typing import Any

from hub.deployment.model import DeploymentSettings


def member_template_of(settings: DeploymentSettings) -> dict[str, Any]:
    """Return the CloudFormation template, as plain data; takes a moment, since CDK makes it."""
    from member_stacks.props import MemberProps
    from member_stacks.template import member_template

    props = MemberProps(
        qualifier=settings.qualifier,
        organization=settings.organization,
        hub_account=settings.hub,
        forensics_account=settings.forensics,
        regions=settings.regions,
        identity=settings.rollout.identity,
    )
    return member_template(props)
