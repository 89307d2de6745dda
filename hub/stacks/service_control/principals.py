# SPDX-License-Identifier: Apache-2.0
"""Who is let past the service control policies, as patterns of ``aws:PrincipalArn``.

A pattern is only as good as what keeps others from making a role that fits it: whatever is let past by its name is
itself guarded by these policies. An assumed role shows the ARN of the role, with its path.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings

STACK_SETS = "arn:*:iam::*:role/stacksets-exec-*"
"""The role by which service-managed StackSets works in a member. A service-linked role makes it, which no service
control policy binds."""


def member_role(settings: DeploymentSettings, purpose: str) -> str:
    """Return the pattern of a member role in any account."""
    q = settings.qualifier
    return f"arn:*:iam::*:role{names.iam_path(q)}{names.member_role(q, purpose)}"


def hub_functions(settings: DeploymentSettings) -> str:
    """Return the pattern of the roles of everything that runs in the hub."""
    q = settings.qualifier
    return f"arn:*:iam::{settings.hub}:role{names.iam_path(q)}{names.hub_role(q, '*')}"


def cloudformation(settings: DeploymentSettings) -> str:
    """Return the pattern of the role by which CloudFormation deploys into the hub (the CDK's bootstrap makes it)."""
    return f"arn:*:iam::{settings.hub}:role/cdk-*-cfn-exec-role-*"


def deployer(settings: DeploymentSettings) -> str:
    """Return the pattern of the role by which the CDK starts CloudFormation in the hub."""
    return f"arn:*:iam::{settings.hub}:role/cdk-*-deploy-role-*"
