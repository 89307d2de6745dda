# SPDX-License-Identifier: Apache-2.0
"""The principals that are exempt from the service control policies, as patterns of ``aws:PrincipalArn``.

A pattern is safe only if no other principal can make a role that fits it, or change the trust of such a role. So the
policies also guard every exempt principal: Cordon's own IAM path, the roles of StackSets and of the CDK, and those that
the settings name (``made_by_anyone``). An assumed role shows the ARN of the role, with its path.
"""

from __future__ import annotations

from collections.abc import Iterable

from functions import names
from hub.deployment.model import DeploymentSettings

STACK_SETS = "arn:*:iam::*:role/stacksets-exec-*"
"""The role by which service-managed StackSets works in a member. A service-linked role makes it, which no service
control policy binds."""

_MADE_BY_AWS = "role/aws-reserved/"
"""IAM Identity Center makes these by a service-linked role, and IAM allows the path to no other principal."""


def member_role(settings: DeploymentSettings, purpose: str) -> str:
    """Return the pattern of a member role in any account."""
    q = settings.qualifier
    return f"arn:*:iam::*:role{names.iam_path(q)}{names.member_role(q, purpose)}"


def hub_roles(settings: DeploymentSettings) -> str:
    """Return the pattern of the roles of everything that runs in the hub, and of the operator's."""
    q = settings.qualifier
    return f"arn:*:iam::{settings.hub}:role{names.iam_path(q)}{names.hub_role(q, '*')}"


def cdk(settings: DeploymentSettings) -> str:
    """Return the pattern of the roles that the CDK's bootstrap made in the hub, and by which it deploys there.

    ``deploy`` starts CloudFormation, ``cfn-exec`` is what CloudFormation works as, ``file-publishing`` brings the code.
    """
    return f"arn:*:iam::{settings.hub}:role/cdk-*-role-{settings.hub}-*"


def made_by_anyone(*patterns: Iterable[str]) -> tuple[str, ...]:
    """Return those patterns of the settings that an administrator could make a role or a user for."""
    return tuple(
        dict.fromkeys(
            pattern for given in patterns for pattern in given if not pattern.split(":", 5)[5].startswith(_MADE_BY_AWS)
        )
    )
